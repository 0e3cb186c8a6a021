"""Filters: an image and a few keywords in, the filtered image out.

Each function builds the network of its model, see `pdenet.models`, and lets it evolve the image to
a diffusion time. Images are arrays of shape (H, W), or have channels along `channel_axis`.
"""

from __future__ import annotations

import functools
from typing import Sequence

import numpy as np
import numpy.typing as npt

from . import models
from .checks import by_keyword
from .docstrings import fill
from .filtering import Input, filter_image
from .scheme.diffusivities import Diffusivity

__all__ = ["perona_malik", "you_kaveh", "lysaker_lundervold_tai", "gerig", "weickert_brox", "eed",
           "weickert_1994", "multiscale", "ced"]


@by_keyword
@fill
def perona_malik(image: npt.ArrayLike, *, contrast: float | None = None, time: float | None = None,
                 diffusivity: str | Diffusivity = "exponential", scheme: str = "fed",
                 channel_axis: int | None = None, spacing: Sequence[float] | None = None,
                 mask: npt.ArrayLike | None = None, nan_policy: str = "raise",
                 workers: int | None = None) -> np.ndarray:
    """u_t = div(g(|grad u|^2) grad u), eq. (7): isotropic nonlinear diffusion.

    The filter smooths where the gradient is below the contrast, and keeps or even sharpens steeper
    edges. Design Principle 1: the flux couples the components of the gradient.

    {parameters of a filter}

    {filtered}

    Notes
    -----
    Grey levels stay in the range of the image, in all that was measured (benchmarks/choice.py).

    References
    ----------
    P. Perona, J. Malik, IEEE Trans. Pattern Anal. Mach. Intell. 12, 629-639 (1990).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.perona_malik(data.camera(), contrast=10, time=5)
    """
    return filter_image(Input(image, channel_axis, mask, nan_policy, spacing), models.perona_malik,
                        contrast, time, diffusivity, scheme, workers)


@by_keyword
@fill
def you_kaveh(image: npt.ArrayLike, *, contrast: float | None = None, time: float | None = None,
              diffusivity: str | Diffusivity = "exponential", scheme: str = "fed",
              channel_axis: int | None = None, mask: npt.ArrayLike | None = None,
              nan_policy: str = "raise", workers: int | None = None) -> np.ndarray:
    """u_t = -Lap(g((Lap u)^2) Lap u), eq. (11): fourth-order diffusion of the Laplacian.

    The result is piecewise planar, so that ramps do not become the staircases of Perona-Malik; some
    speckles may stay. Design Principle 1.

    The Laplacian is `Laplacian(alpha=1/6)` on nine pixels: at a wavelength of four pixels its
    symbol varies by 1.8 % over all directions, while that of the five-point star varies by 21 %
    (benchmarks/rotation_of_operators.py).

    {parameters of a filter of fourth order}

    {filtered}

    Notes
    -----
    Grey levels may leave the range of the image, by up to 7 % of it (benchmarks/choice.py), as
    the discretised equation has no extremum principle. Clip what must not become negative.

    References
    ----------
    Y.-L. You, M. Kaveh, IEEE Trans. Image Process. 9, 1723-1730 (2000).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.you_kaveh(data.camera(), contrast=10, time=5)
    """
    return filter_image(Input(image, channel_axis, mask, nan_policy), models.you_kaveh, contrast,
                        time, diffusivity, scheme, workers)


@by_keyword
@fill
def lysaker_lundervold_tai(
        image: npt.ArrayLike, *, contrast: float | None = None, time: float | None = None,
        diffusivity: str | Diffusivity = "exponential", scheme: str = "fed",
        channel_axis: int | None = None, mask: npt.ArrayLike | None = None,
        nan_policy: str = "raise", workers: int | None = None) -> np.ndarray:
    """u_t = -D' (g(||H(u)||_F^2) D u), eq. (13): fourth-order diffusion of the Hessian.

    D = (dxx, dxy, dyx, dyy) are all second derivatives, whose squares sum up to the squared
    Frobenius norm of the Hessian H(u); it sees the speckles that the Laplacian of You-Kaveh leaves.
    Design Principle 1. The mixed derivative is centred; at a wavelength of four pixels the symbol
    varies by 6.1 % over all directions.

    {parameters of a filter of fourth order}

    {filtered}

    Notes
    -----
    Grey levels may leave the range of the image, by up to 7 % of it (benchmarks/choice.py), as
    the discretised equation has no extremum principle. Clip what must not become negative.

    References
    ----------
    M. Lysaker, A. Lundervold, X.-C. Tai, IEEE Trans. Image Process. 12, 1579-1590 (2003).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.lysaker_lundervold_tai(data.camera(), contrast=10, time=5)
    """
    return filter_image(Input(image, channel_axis, mask, nan_policy), models.lysaker_lundervold_tai,
                        contrast, time, diffusivity, scheme, workers)


@by_keyword
@fill
def gerig(image: npt.ArrayLike, *, contrast: float | None = None, time: float | None = None,
          diffusivity: str | Diffusivity = "exponential", scheme: str = "fed",
          channel_axis: int | None = None, spacing: Sequence[float] | None = None,
          mask: npt.ArrayLike | None = None, nan_policy: str = "raise",
          workers: int | None = None) -> np.ndarray:
    """u_m,t = div(g(sum_n |grad u_n|^2) grad u_m), eq. (21): isotropic, all channels coupled.

    All channels have one common diffusivity, so that their edges stay in one place: Design
    Principle 2. With a single channel it is the filter of Perona and Malik.

    {parameters of a filter}

    {filtered}

    Notes
    -----
    Grey levels stay in the range of the image, in all that was measured (benchmarks/choice.py).

    References
    ----------
    G. Gerig, O. Kuebler, R. Kikinis, F. A. Jolesz, IEEE Trans. Med. Imaging 11, 221-232 (1992).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.gerig(data.astronaut(), contrast=10, time=5, channel_axis=-1)
    """
    return filter_image(Input(image, channel_axis, mask, nan_policy, spacing), models.gerig,
                        contrast, time, diffusivity, scheme, workers)


@by_keyword
@fill
def weickert_brox(image: npt.ArrayLike, *, contrast: float | None = None, rho: float = 0.0,
                  time: float | None = None, diffusivity: str | Diffusivity = "exponential",
                  scheme: str = "fed", channel_axis: int | None = None,
                  spacing: Sequence[float] | None = None, mask: npt.ArrayLike | None = None,
                  nan_policy: str = "raise", workers: int | None = None) -> np.ndarray:
    """u_m,t = div(g(sum_n grad u_n grad u_n') grad u_m), eq. (26): anisotropic, coupled.

    The diffusion tensor g(J) is a function of the structure tensor J of all channels, so that the
    filter smooths along edges. It descends an energy and smooths nothing beforehand: Design
    Principle 2.

    {parameters of a filter}
    {rho}

    {filtered}

    Notes
    -----
    Grey levels may leave the range of the image, by up to 1 % of it (benchmarks/choice.py), as
    steered by a tensor, the stencil has negative weights. Clip what must not become negative.

    References
    ----------
    J. Weickert, T. Brox, Contemporary Mathematics 313, 251-268 (2002).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.weickert_brox(data.astronaut(), contrast=10, channel_axis=-1)
    """
    return filter_image(Input(image, channel_axis, mask, nan_policy, spacing),
                        functools.partial(models.weickert_brox, rho=rho), contrast, time,
                        diffusivity, scheme, workers)


@by_keyword
@fill
def eed(image: npt.ArrayLike, *, contrast: float | None = None, sigma: float = 1.0,
        rho: float = 0.0, time: float | None = None, diffusivity: str | Diffusivity = "exponential",
        scheme: str = "fed", channel_axis: int | None = None,
        spacing: Sequence[float] | None = None, mask: npt.ArrayLike | None = None,
        nan_policy: str = "raise", workers: int | None = None) -> np.ndarray:
    """u_t = div(D(grad u_sigma) grad u), eq. (2), eq. (3): edge-enhancing diffusion.

    The image u_sigma, smoothed by a Gaussian, steers: D smooths with strength 1 along its edges and
    with g(|grad u_sigma|^2) across them, so that edges are denoised, too. With several channels the
    structure tensor is the sum of theirs.

    {parameters of a filter}
    {sigma}
    {rho}

    {filtered}

    Notes
    -----
    Grey levels may leave the range of the image, by up to 10 % of it (benchmarks/choice.py), as
    steered by a tensor, the stencil has negative weights. Clip what must not become negative.

    References
    ----------
    J. Weickert, "Theoretical foundations of anisotropic diffusion in image processing", Computing
    Supplement 11, 221-236 (1996).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.eed(data.camera(), contrast=3, sigma=1, time=10)
    """
    return filter_image(Input(image, channel_axis, mask, nan_policy, spacing),
                        functools.partial(models.eed, sigma=sigma, rho=rho), contrast, time,
                        diffusivity, scheme, workers)


@by_keyword
@fill
def weickert_1994(image: npt.ArrayLike, *, contrast: float | None = None, sigma: float = 1.0,
                  rho: float = 0.0, time: float | None = None,
                  diffusivity: str | Diffusivity = "exponential", scheme: str = "fed",
                  channel_axis: int | None = None, spacing: Sequence[float] | None = None,
                  mask: npt.ArrayLike | None = None, nan_policy: str = "raise",
                  workers: int | None = None) -> np.ndarray:
    """u_t = 2/pi int_0^pi d_theta(g(|d_theta u_sigma|^2) d_theta u) dtheta, eq. (1).

    This is one-dimensional nonlinear diffusion in all orientations at once. The integral is itself
    a diffusion tensor. For the exponential diffusivity its eigenvalues are known in closed form, so
    that no orientation is ever sampled; see `Orientations`.

    {parameters of a filter}
    {sigma}
    {rho}

    {filtered}

    Notes
    -----
    Grey levels may leave the range of the image, by up to 6 % of it (benchmarks/choice.py), as
    steered by a tensor, the stencil has negative weights. Clip what must not become negative.

    References
    ----------
    J. Weickert, Proc. Seventh European Conference on Mathematics in Industry, 355-362 (1994).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.weickert_1994(data.camera(), contrast=3, sigma=1, time=10)
    """
    return filter_image(Input(image, channel_axis, mask, nan_policy, spacing),
                        functools.partial(models.weickert_1994, sigma=sigma, rho=rho), contrast,
                        time, diffusivity, scheme, workers)


@by_keyword
@fill
def multiscale(image: npt.ArrayLike, *, contrast: float | None = None,
               sigmas: npt.ArrayLike | None = None, weights: npt.ArrayLike | None = None,
               time: float | None = None, coupling: str = "anisotropic", rho: float = 0.0,
               diffusivity: str | Diffusivity = "exponential", scheme: str = "fed",
               channel_axis: int | None = None, spacing: Sequence[float] | None = None,
               mask: npt.ArrayLike | None = None, nan_policy: str = "raise",
               workers: int | None = None) -> np.ndarray:
    """u_t = -int D(s)' (g(J) D(s) u) ds, J = int D(s) u (D(s) u)' ds, eq. (32), eq. (34).

    D(s) = beta(s) grad G(s) are gradients of the image smoothed by Gaussians, and J is the
    structure tensor of all scales. coupling="isotropic" takes g(tr J), eq. (32), "anisotropic"
    takes g(J), eq. (34): Design Principle 3. "uncoupled" activates each component of the gradient
    by itself and is not rotationally invariant: the counterpart in Section 6.

    {parameters of a filter of several scales}
    sigmas : sequence of float, optional
        Standard deviations of the scales in pixels, increasing, >= 0; by default the paper's eight,
        from 0.4 to 10 in constant ratio.
    weights : sequence of float, optional
        beta(sigma) for each scale; all one by default.
    coupling : {"anisotropic", "isotropic", "uncoupled"}, optional
        What the structure tensor J becomes in the flux: g(J), g(tr J), or g of its diagonal.
    {rho}

    {filtered}

    Notes
    -----
    Grey levels may leave the range of the image, by up to 13 % of it (benchmarks/choice.py), as
    steered by a tensor, the stencil has negative weights. Clip what must not become negative.

    References
    ----------
    T. Alt, J. Weickert, Proc. IEEE ICASSP, 2045-2049 (2021).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.multiscale(data.coins(), contrast=10, sigmas=[0.5, 1, 2], time=5)
    """
    model = functools.partial(models.multiscale, sigmas=sigmas, weights=weights, coupling=coupling,
                              rho=rho)
    return filter_image(Input(image, channel_axis, mask, nan_policy, spacing), model, contrast,
                        time, diffusivity, scheme, workers)


@by_keyword
@fill
def ced(image: npt.ArrayLike, *, contrast: float | None = None, sigma: float = 0.7,
        rho: float = 4.0, time: float | None = None, diffusivity: str | Diffusivity = "coherence",
        scheme: str = "fed", channel_axis: int | None = None,
        spacing: Sequence[float] | None = None, mask: npt.ArrayLike | None = None,
        nan_policy: str = "raise", workers: int | None = None) -> np.ndarray:
    """u_t = div(D(G_rho * (grad u_sigma grad u_sigma')) grad u): coherence-enhancing diffusion.

    For fingerprints, fibres, layers and brush strokes: it closes gaps along lines and keeps them
    apart. The structure tensor, averaged over the integration scale rho, tells their direction;
    D smooths with strength exp(-contrast^4 / (nu1 - nu2)^2) along them, where nu1 - nu2 is the
    difference of the tensor's eigenvalues, and with 0.001 across.

    {parameters of a filter}
    {sigma}
    {rho}

    {filtered}

    Notes
    -----
    The contrast says from which difference of the eigenvalues on there is a line. By default it is
    one that noise alone does not reach, and the time is 20, as no estimated error is the aim here.

    Grey levels may leave the range of the image, by up to 10 % of it (benchmarks/choice.py), as
    steered by a tensor, the stencil has negative weights. Clip what must not become negative.

    References
    ----------
    J. Weickert, "Coherence-enhancing diffusion filtering", International Journal of Computer Vision
    31, 111-127 (1999).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.ced(data.brick(), rho=3, time=10)
    """
    return filter_image(Input(image, channel_axis, mask, nan_policy, spacing),
                        functools.partial(models.ced, sigma=sigma, rho=rho), contrast, time,
                        diffusivity, scheme, workers)
