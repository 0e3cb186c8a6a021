"""Filters: an image and a few keywords in, the filtered image out.

All share their manners. Images are arrays of shape (H, W), or with channels along
`channel_axis`, which are then coupled; they are never changed and their grey levels never
rescaled. float32 stays float32, every other real type becomes float64. `contrast` and
`time` may be omitted: see `estimate_contrast` and `estimate_time`.
"""

import functools

from . import estimates, models
from .images import from_planes, to_planes


def perona_malik(image, *, contrast=None, time=None, diffusivity="exponential",
                 scheme="fed", channel_axis=None, workers=None):
    """u_t = div(g(|grad u|^2) grad u), eq. (7): isotropic nonlinear diffusion.

    Smooths where the gradient is below the contrast and keeps, even sharpens, steeper edges.
    Design Principle 1: the flux couples the channels of the gradient.

    Parameters
    ----------
    image : array_like of shape (H, W), or with channels
    contrast : float, optional
        Contrast parameter in grey levels per pixel, > 0: steeper edges are kept.
        Estimated from the image by default.
    time : float, optional
        Diffusion time in pixels squared, >= 0; 0 gives a copy. Estimated by default.
    diffusivity : {"exponential", "rational", "charbonnier", "weickert"} or object, optional
        An object with g, derivative and potential holds its own contrast.
    scheme, workers : optional
        How the time is reached, and by how many threads; see `DiffusionNetwork.evolve`.
    channel_axis : int, optional
        The axis of the channels, which are coupled; None for a grey image (H, W).

    Returns
    -------
    ndarray of the image's shape, float32 for float32, else float64

    Raises
    ------
    TypeError, ValueError
        If the image or a parameter is not as described; the message names its value.

    References
    ----------
    P. Perona, J. Malik, IEEE Trans. Pattern Anal. Mach. Intell. 12, 629-639 (1990).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.perona_malik(data.camera(), contrast=10, time=5)
    """
    return _filter(image, models.perona_malik, contrast, time, diffusivity,
                   scheme, channel_axis, workers)


def you_kaveh(image, *, contrast=None, time=None, diffusivity="exponential",
              scheme="fed", channel_axis=None, workers=None):
    """u_t = -Lap(g((Lap u)^2) Lap u), eq. (11): fourth-order diffusion of the Laplacian.

    Piecewise planar instead of piecewise constant, so without the staircases of
    Perona-Malik; it can leave speckles. Design Principle 1.

    The Laplacian has nine pixels, `Laplacian(alpha=1/6)`: over all directions its
    symbol varies by 1.8 % at a wavelength of four pixels, that of the five-point star by
    21 % (benchmarks/rotation_of_operators.py).

    Parameters
    ----------
    image : array_like of shape (H, W), or with channels
    contrast : float, optional
        Contrast parameter in grey levels per pixel squared, > 0: structures with
        a Laplacian above it are kept. Estimated from the image by default.
    time : float, optional
        Diffusion time in pixels to the fourth power, >= 0. Estimated by default.
    diffusivity : {"exponential", "rational", "charbonnier", "weickert"} or object, optional
        An object with g, derivative and potential holds its own contrast.
    scheme, workers : optional
        How the time is reached, and by how many threads; see `DiffusionNetwork.evolve`.
    channel_axis : int, optional
        The axis of the channels, which are coupled; None for a grey image (H, W).

    Returns
    -------
    ndarray of the image's shape, float32 for float32, else float64

    Raises
    ------
    TypeError, ValueError
        If the image or a parameter is not as described; the message names its value.

    References
    ----------
    Y.-L. You, M. Kaveh, IEEE Trans. Image Process. 9, 1723-1730 (2000).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.you_kaveh(data.camera(), contrast=10, time=5)
    """
    return _filter(image, models.you_kaveh, contrast, time, diffusivity,
                   scheme, channel_axis, workers)


def lysaker_lundervold_tai(image, *, contrast=None, time=None, diffusivity="exponential",
                           scheme="fed", channel_axis=None, workers=None):
    """u_t = -D' (g(||H(u)||_F^2) D u), eq. (13): fourth-order diffusion of the Hessian.

    D = (dxx, dxy, dyx, dyy); the Frobenius norm of the Hessian H(u) avoids the speckles of
    You-Kaveh. Design Principle 1. The mixed derivative is centred; over all directions
    the symbol varies by 6.1 % at a wavelength of four pixels.

    Parameters
    ----------
    image : array_like of shape (H, W), or with channels
    contrast : float, optional
        Contrast parameter in grey levels per pixel squared, > 0: structures with
        second derivatives above it are kept. Estimated from the image by default.
    time : float, optional
        Diffusion time in pixels to the fourth power, >= 0. Estimated by default.
    diffusivity : {"exponential", "rational", "charbonnier", "weickert"} or object, optional
        An object with g, derivative and potential holds its own contrast.
    scheme, workers : optional
        How the time is reached, and by how many threads; see `DiffusionNetwork.evolve`.
    channel_axis : int, optional
        The axis of the channels, which are coupled; None for a grey image (H, W).

    Returns
    -------
    ndarray of the image's shape, float32 for float32, else float64

    Raises
    ------
    TypeError, ValueError
        If the image or a parameter is not as described; the message names its value.

    References
    ----------
    M. Lysaker, A. Lundervold, X.-C. Tai, IEEE Trans. Image Process. 12, 1579-1590 (2003).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.lysaker_lundervold_tai(data.camera(), contrast=10, time=5)
    """
    return _filter(image, models.lysaker_lundervold_tai, contrast, time, diffusivity,
                   scheme, channel_axis, workers)


def gerig(image, *, contrast=None, time=None, diffusivity="exponential",
          scheme="fed", channel_axis=None, workers=None):
    """u_m,t = div(g(sum_n |grad u_n|^2) grad u_m), eq. (21): isotropic, all channels coupled.

    All channels share one diffusivity, so that their edges stay together: Design Principle 2.
    Perona-Malik is the case of one channel.

    Parameters
    ----------
    image : array_like of shape (H, W), or with channels
    contrast : float, optional
        Contrast parameter in grey levels per pixel, > 0: steeper edges are kept.
        Estimated from the image by default.
    time : float, optional
        Diffusion time in pixels squared, >= 0; 0 gives a copy. Estimated by default.
    diffusivity : {"exponential", "rational", "charbonnier", "weickert"} or object, optional
        An object with g, derivative and potential holds its own contrast.
    scheme, workers : optional
        How the time is reached, and by how many threads; see `DiffusionNetwork.evolve`.
    channel_axis : int, optional
        The axis of the channels, which are coupled; None for a grey image (H, W).

    Returns
    -------
    ndarray of the image's shape, float32 for float32, else float64

    Raises
    ------
    TypeError, ValueError
        If the image or a parameter is not as described; the message names its value.

    References
    ----------
    G. Gerig, O. Kuebler, R. Kikinis, F. A. Jolesz, IEEE Trans. Med. Imaging 11, 221-232 (1992).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.gerig(data.astronaut(), contrast=10, time=5, channel_axis=-1)
    """
    return _filter(image, models.gerig, contrast, time, diffusivity,
                   scheme, channel_axis, workers)


def weickert_brox(image, *, contrast=None, time=None, diffusivity="exponential",
                  scheme="fed", channel_axis=None, workers=None):
    """u_m,t = div(g(sum_n grad u_n grad u_n') grad u_m), eq. (26): anisotropic, coupled.

    The diffusion tensor is a function of the colour structure tensor; it smooths along edges,
    with an energy, and without presmoothing: Design Principle 2.

    Parameters
    ----------
    image : array_like of shape (H, W), or with channels
    contrast : float, optional
        Contrast parameter in grey levels per pixel, > 0: steeper edges are kept.
        Estimated from the image by default.
    time : float, optional
        Diffusion time in pixels squared, >= 0; 0 gives a copy. Estimated by default.
    diffusivity : {"exponential", "rational", "charbonnier", "weickert"} or object, optional
        An object with g, derivative and potential holds its own contrast.
    scheme, workers : optional
        How the time is reached, and by how many threads; see `DiffusionNetwork.evolve`.
    channel_axis : int, optional
        The axis of the channels, which are coupled; None for a grey image (H, W).

    Returns
    -------
    ndarray of the image's shape, float32 for float32, else float64

    Raises
    ------
    TypeError, ValueError
        If the image or a parameter is not as described; the message names its value.

    References
    ----------
    J. Weickert, T. Brox, Contemporary Mathematics 313, 251-268 (2002).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.weickert_brox(data.astronaut(), contrast=10, channel_axis=-1)
    """
    return _filter(image, models.weickert_brox, contrast, time, diffusivity,
                   scheme, channel_axis, workers)


def eed(image, *, contrast=None, sigma=1.0, time=None, diffusivity="exponential",
        scheme="fed", channel_axis=None, workers=None):
    """u_t = div(D(grad u_sigma) grad u), eq. (2), eq. (3): edge-enhancing diffusion.

    D smooths with strength 1 along edges and g(|grad u_sigma|^2) across them, so that edges are
    denoised too. With channels the structure tensor is summed over them.

    Parameters
    ----------
    image : array_like of shape (H, W), or with channels
    contrast : float, optional
        Contrast parameter in grey levels per pixel, > 0: steeper edges are kept.
        Estimated from the image by default.
    sigma : float, optional
        Standard deviation in pixels, >= 0, of the Gaussian that smooths the image whose
        gradient steers.
    time : float, optional
        Diffusion time in pixels squared, >= 0; 0 gives a copy. Estimated by default.
    diffusivity : {"exponential", "rational", "charbonnier", "weickert"} or object, optional
        An object with g, derivative and potential holds its own contrast.
    scheme, workers : optional
        How the time is reached, and by how many threads; see `DiffusionNetwork.evolve`.
    channel_axis : int, optional
        The axis of the channels, which are coupled; None for a grey image (H, W).

    Returns
    -------
    ndarray of the image's shape, float32 for float32, else float64

    Raises
    ------
    TypeError, ValueError
        If the image or a parameter is not as described; the message names its value.

    References
    ----------
    J. Weickert, Computing Supplement 11, 221-236 (1996).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.eed(data.camera(), contrast=3, sigma=1, time=10)
    """
    return _filter(image, functools.partial(models.eed, sigma=sigma), contrast, time, diffusivity,
                   scheme, channel_axis, workers)


def weickert_1994(image, *, contrast=None, sigma=1.0, time=None, diffusivity="exponential",
                  scheme="fed", channel_axis=None, workers=None):
    """u_t = 2/pi int_0^pi d_theta(g(|d_theta u_sigma|^2) d_theta u) dtheta, eq. (1).

    One-dimensional nonlinear diffusion in all orientations at once. The integral is itself
    a diffusion tensor, whose eigenvalues are known in closed form for the exponential
    diffusivity, so no orientation is ever sampled; see `Orientations`.

    Parameters
    ----------
    image : array_like of shape (H, W), or with channels
    contrast : float, optional
        Contrast parameter in grey levels per pixel, > 0: steeper edges are kept.
        Estimated from the image by default.
    sigma : float, optional
        Standard deviation in pixels, >= 0, of the Gaussian that smooths the image whose
        gradient steers.
    time : float, optional
        Diffusion time in pixels squared, >= 0; 0 gives a copy. Estimated by default.
    diffusivity : {"exponential", "rational", "charbonnier", "weickert"} or object, optional
        An object with g, derivative and potential holds its own contrast.
    scheme, workers : optional
        How the time is reached, and by how many threads; see `DiffusionNetwork.evolve`.
    channel_axis : int, optional
        The axis of the channels, which are coupled; None for a grey image (H, W).

    Returns
    -------
    ndarray of the image's shape, float32 for float32, else float64

    Raises
    ------
    TypeError, ValueError
        If the image or a parameter is not as described; the message names its value.

    References
    ----------
    J. Weickert, Proc. Seventh European Conference on Mathematics in Industry, 355-362 (1994).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.weickert_1994(data.camera(), contrast=3, sigma=1, time=10)
    """
    return _filter(image, functools.partial(models.weickert_1994, sigma=sigma), contrast, time,
                   diffusivity, scheme, channel_axis, workers)


def multiscale(image, *, contrast=None, sigmas=None, weights=None, time=None,
               coupling="anisotropic", diffusivity="exponential", scheme="fed",
               channel_axis=None, workers=None):
    """u_t = -int D(s)' (g(J) D(s) u) ds, J = int D(s) u (D(s) u)' ds, eq. (32), eq. (34).

    D(s) = beta(s) grad G(s) are Gaussian-smoothed gradients, J is the multiscale structure
    tensor. coupling="isotropic" uses g(tr J), eq. (32), "anisotropic" g(J), eq. (34): Design
    Principle 3. "uncoupled" activates the two gradient components separately, the
    counterpart of Section 6 that is not rotationally invariant.

    Parameters
    ----------
    image : array_like of shape (H, W), or with channels
    contrast : float, optional
        Contrast parameter in grey levels per pixel, > 0: steeper edges are kept.
        Estimated from the image by default.
    sigmas : sequence of float, optional
        Standard deviations of the scales in pixels, increasing, >= 0; by default eight in
        constant ratio from 0.4 to 10, the paper's.
    weights : sequence of float, optional
        beta(sigma), one per scale; all one by default.
    time : float, optional
        Diffusion time in pixels squared, >= 0; 0 gives a copy. Estimated by default.
    coupling : {"anisotropic", "isotropic", "uncoupled"}, optional
    diffusivity : {"exponential", "rational", "charbonnier", "weickert"} or object, optional
        An object with g, derivative and potential holds its own contrast.
    scheme, workers : optional
        How the time is reached, and by how many threads; see `DiffusionNetwork.evolve`.
    channel_axis : int, optional
        The axis of the channels, which are coupled; None for a grey image (H, W).

    Returns
    -------
    ndarray of the image's shape, float32 for float32, else float64

    Raises
    ------
    TypeError, ValueError
        If the image or a parameter is not as described; the message names its value.

    References
    ----------
    T. Alt, J. Weickert, Proc. IEEE ICASSP, 2045-2049 (2021).

    Examples
    --------
    >>> import pdenet
    >>> from skimage import data
    >>> filtered = pdenet.multiscale(data.coins(), contrast=10, sigmas=[0.5, 1, 2], time=5)
    """
    model = functools.partial(models.multiscale, sigmas=sigmas, weights=weights, coupling=coupling)
    return _filter(image, model, contrast, time, diffusivity,
                   scheme, channel_axis, workers)


def _filter(image, model, contrast, time, diffusivity, scheme, channel_axis, workers):
    planes = to_planes(image, channel_axis)
    network, time = estimates.prepare(planes, model, contrast, time, diffusivity)
    return from_planes(network.evolve_planes(planes, time, scheme, workers=workers), channel_axis)
