"""One function per row of Table 1, and the models around it: each returns a `DiffusionNetwork`.

A model is its operator, its scales, and its flux. `pdenet.filters` has the filters of the same
names.
"""

from __future__ import annotations

import numpy.typing as npt

from .checks import check_choice, check_number
from .docstrings import fill
from .network.network import DiffusionNetwork
from .scheme.coherence import CoherenceEnhancing
from .scheme.diffusivities import Diffusivity, build_diffusivity
from .scheme.fluxes import COUPLINGS, Anisotropic, Isotropic, Orientations
from .scheme.operators import Gradient, Hessian, Laplacian
from .scheme.scales import ScaleSpace

__all__ = ["perona_malik", "you_kaveh", "lysaker_lundervold_tai", "gerig", "weickert_brox", "eed",
           "weickert_1994", "multiscale", "ced"]


@fill
def perona_malik(contrast: float | None, *, diffusivity: str | Diffusivity = "exponential",
                 **options) -> DiffusionNetwork:
    """u_t = div(g(|grad u|^2) grad u), eq. (7); Perona and Malik (1990). Design Principle 1.

    {parameters of a model}

    {network}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.models.perona_malik(5.0, tau=0.2).parameters["tau"]
    0.2
    """
    return DiffusionNetwork(flux=Isotropic(build_diffusivity(diffusivity, contrast)), **options)


@fill
def you_kaveh(contrast: float | None, *, diffusivity: str | Diffusivity = "exponential",
              **options) -> DiffusionNetwork:
    """u_t = -Lap(g((Lap u)^2) Lap u), eq. (11); You and Kaveh (2000). Design Principle 1.

    {parameters of a model}

    {network}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.models.you_kaveh(5.0, operator=pdenet.Laplacian(alpha=0.0)).tau_max
    0.03125
    """
    return DiffusionNetwork(operator=options.pop("operator", Laplacian()),
                            flux=Isotropic(build_diffusivity(diffusivity, contrast)), **options)


@fill
def lysaker_lundervold_tai(contrast: float | None, *,
                           diffusivity: str | Diffusivity = "exponential",
                           **options) -> DiffusionNetwork:
    """u_t = -D' (g(||H(u)||_F^2) D u), D u all second derivatives, eq. (13).

    Lysaker, Lundervold and Tai (2003). Design Principle 1.

    {parameters of a model}

    {network}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.models.lysaker_lundervold_tai(5.0).tau_max
    0.0625
    """
    return DiffusionNetwork(operator=options.pop("operator", Hessian()),
                            flux=Isotropic(build_diffusivity(diffusivity, contrast)), **options)


@fill
def gerig(contrast: float | None, *, diffusivity: str | Diffusivity = "exponential",
          **options) -> DiffusionNetwork:
    """u_m,t = div(g(sum_n |grad u_n|^2) grad u_m), eq. (21); Gerig et al. (1992).

    This is the network of Perona and Malik: it couples the channels of an image that has several.
    Design Principle 2.

    {parameters of a model}

    {network}

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> pdenet.models.gerig(5.0)(np.ones((8, 9, 3)), channel_axis=-1).shape
    (8, 9, 3)
    """
    return perona_malik(contrast, diffusivity=diffusivity, **options)


@fill
def weickert_brox(contrast: float | None, *, rho: float = 0.0,
                  diffusivity: str | Diffusivity = "exponential", **options) -> DiffusionNetwork:
    """u_m,t = div(g(sum_n grad u_n grad u_n') grad u_m), eq. (26); Weickert and Brox (2002).

    Design Principle 2.

    {parameters of a model}
    {rho of a model}

    {network}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.models.weickert_brox(5.0).flux
    Anisotropic(diffusivity=Exponential(contrast=5.0))
    """
    return DiffusionNetwork(flux=Anisotropic(build_diffusivity(diffusivity, contrast)),
                            **_averaging(rho), **options)


@fill
def multiscale(contrast: float | None, *, sigmas: npt.ArrayLike | None = None,
               weights: npt.ArrayLike | None = None, coupling: str = "anisotropic",
               rho: float = 0.0, diffusivity: str | Diffusivity = "exponential", **options
               ) -> DiffusionNetwork:
    """u_t = -int D(s)' (g(J) D(s) u) ds, J = int D(s) u (D(s) u)' ds, eq. (32), eq. (34).

    D(s) = beta(s) grad G(s). Design Principle 3, after Alt and Weickert (2021).

    {parameters of a model}
    sigmas : sequence of float, optional
        Standard deviations of the scales in pixels, increasing, >= 0; by default the paper's eight,
        from 0.4 to 10 in constant ratio.
    weights : sequence of float, optional
        beta(sigma) for each scale; all one by default.
    coupling : {"anisotropic", "isotropic", "uncoupled"}, optional
        The flux takes g(J), eq. (34), g(tr J), eq. (32), or g of J's diagonal, the counterpart of
        Section 6.
    {rho of a model}

    {network}

    Examples
    --------
    >>> import pdenet
    >>> network = pdenet.models.multiscale(5.0, sigmas=[0.5, 1.0], coupling="isotropic")
    >>> network.parameters["beta"]
    array([1., 1.])
    """
    scales = (ScaleSpace.exponential(0.4, 10.0, 8, weights) if sigmas is None
              else ScaleSpace(sigmas, weights))
    flux = COUPLINGS[check_choice("coupling", coupling, COUPLINGS)]
    return DiffusionNetwork(flux=flux(build_diffusivity(diffusivity, contrast)),
                            scales=scales, **_averaging(rho), **options)


@fill
def eed(contrast: float | None, *, sigma: float = 1.0, rho: float = 0.0,
        diffusivity: str | Diffusivity = "exponential", **options) -> DiffusionNetwork:
    """u_t = div(D(grad u_sigma) grad u), eq. (2), eq. (3): edge-enhancing diffusion.

    The image smoothed by a Gaussian steers the diffusion of the image itself, Weickert (1996).

    {parameters of a model}
    {sigma of a model}
    {rho of a model}

    {network}

    Examples
    --------
    >>> import pdenet
    >>> sorted(pdenet.models.eed(5.0, sigma=2.0).parameters)
    ['beta', 'contrast', 'steering', 'tau']
    """
    return DiffusionNetwork(flux=Anisotropic(build_diffusivity(diffusivity, contrast)),
                            steering=_steering(sigma), **_averaging(rho), **options)


@fill
def weickert_1994(contrast: float | None, *, sigma: float = 1.0, rho: float = 0.0,
                  diffusivity: str | Diffusivity = "exponential", **options) -> DiffusionNetwork:
    """u_t = 2/pi int_0^pi d_theta(g(|d_theta u_sigma|^2) d_theta u) dtheta, eq. (1).

    One-dimensional diffusion in all orientations, Weickert (1994).

    {parameters of a model}
    {sigma of a model}
    {rho of a model}

    {network}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.models.weickert_1994(5.0).flux.angles
    32
    """
    return DiffusionNetwork(flux=Orientations(build_diffusivity(diffusivity, contrast)),
                            steering=_steering(sigma), **_averaging(rho), **options)


@fill
def ced(contrast: float | None, *, sigma: float = 0.7, rho: float = 4.0,
        diffusivity: str | Diffusivity = "coherence", **options) -> DiffusionNetwork:
    """u_t = div(D(G_rho * (grad u_sigma grad u_sigma')) grad u): coherence-enhancing diffusion.

    D smooths along lines and flows alone, Weickert (1999); see `CoherenceEnhancing`. The gradient
    is `Gradient(alpha=0.45)`, as next to nothing but the discretisation smooths across lines.

    {parameters of a model}
    {sigma of a model}
    {rho of a model}

    {network}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.models.ced(5.0).integration.sigmas
    array([4.])
    """
    return DiffusionNetwork(operator=options.pop("operator", Gradient(alpha=0.45)),
                            flux=CoherenceEnhancing(build_diffusivity(diffusivity, contrast)),
                            steering=_steering(sigma), **_averaging(rho), **options)


def _steering(sigma):
    """The single scale that steers."""
    return ScaleSpace([check_number("sigma", sigma, least=0.0)])


def _averaging(rho):
    """The single scale of integration, as an argument of `DiffusionNetwork`, if there is one."""
    rho = check_number("rho", rho, least=0.0)
    return {"integration": ScaleSpace([rho])} if rho > 0 else {}
