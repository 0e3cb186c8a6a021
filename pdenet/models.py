"""One function per row of Table 1, and the models around it: each returns a DiffusionNetwork.

A model is its operator, its scales, and its flux. `contrast` is in grey levels per pixel
(second order: per pixel squared); `diffusivity` is a name or an object with g, derivative
and potential, which then holds its own contrast (contrast=None). Further options go to
`DiffusionNetwork`: tau, steps, allow_unstable, and operator to change alpha or gamma.
"""

from .checks import check_choice, check_number
from .scheme.diffusivities import build_diffusivity
from .scheme.fluxes import COUPLINGS, Anisotropic, Isotropic, Orientations
from .network.network import DiffusionNetwork
from .scheme.operators import Hessian, Laplacian
from .scheme.scales import ScaleSpace


def perona_malik(contrast, *, diffusivity="exponential", **options):
    """u_t = div(g(|grad u|^2) grad u), eq. (7); Perona and Malik (1990). Design Principle 1."""
    return DiffusionNetwork(flux=Isotropic(build_diffusivity(diffusivity, contrast)), **options)


def you_kaveh(contrast, *, diffusivity="exponential", **options):
    """u_t = -Lap(g((Lap u)^2) Lap u), eq. (11); You and Kaveh (2000). Design Principle 1."""
    return DiffusionNetwork(operator=options.pop("operator", Laplacian()),
                            flux=Isotropic(build_diffusivity(diffusivity, contrast)), **options)


def lysaker_lundervold_tai(contrast, *, diffusivity="exponential", **options):
    """u_t = -D' (g(||H(u)||_F^2) D u), D u all second derivatives, eq. (13);
    Lysaker, Lundervold and Tai (2003). Design Principle 1."""
    return DiffusionNetwork(operator=options.pop("operator", Hessian()),
                            flux=Isotropic(build_diffusivity(diffusivity, contrast)), **options)


def gerig(contrast, *, diffusivity="exponential", **options):
    """u_m,t = div(g(sum_n |grad u_n|^2) grad u_m), eq. (21); Gerig et al. (1992).

    The network of Perona and Malik: channels are coupled wherever an image has several.
    Design Principle 2."""
    return perona_malik(contrast, diffusivity=diffusivity, **options)


def weickert_brox(contrast, *, diffusivity="exponential", **options):
    """u_m,t = div(g(sum_n grad u_n grad u_n') grad u_m), eq. (26); Weickert and Brox (2002).

    Design Principle 2."""
    return DiffusionNetwork(flux=Anisotropic(build_diffusivity(diffusivity, contrast)), **options)


def multiscale(contrast, *, sigmas=None, weights=None, coupling="anisotropic",
               diffusivity="exponential", **options):
    """u_t = -int D(s)' (g(J) D(s) u) ds, eq. (32) for the trace of the multiscale structure
    tensor J ("isotropic"), eq. (34) for J itself ("anisotropic"); after Alt and Weickert (2021).

    D(s) = beta(s) grad G(s). "uncoupled" is the counterpart of Section 6. By default the
    eight scales of the paper, from 0.4 to 10 in constant ratio. Design Principle 3."""
    scales = (ScaleSpace.exponential(0.4, 10.0, 8, weights) if sigmas is None
              else ScaleSpace(sigmas, weights))
    flux = COUPLINGS[check_choice("coupling", coupling, COUPLINGS)]
    return DiffusionNetwork(flux=flux(build_diffusivity(diffusivity, contrast)),
                            scales=scales, **options)


def eed(contrast, *, sigma=1.0, diffusivity="exponential", **options):
    """u_t = div(D(grad u_sigma) grad u), eq. (2) and (3): edge-enhancing diffusion,
    Weickert (1996). Steered at one scale, diffusing at another; g(0) = 1 along edges."""
    return DiffusionNetwork(flux=Anisotropic(build_diffusivity(diffusivity, contrast)),
                            steering=_steering(sigma), **options)


def weickert_1994(contrast, *, sigma=1.0, diffusivity="exponential", **options):
    """u_t = 2/pi int d_theta(g(|d_theta u_sigma|^2) d_theta u) dtheta, eq. (1);
    Weickert (1994): one-dimensional diffusion in all orientations."""
    return DiffusionNetwork(flux=Orientations(build_diffusivity(diffusivity, contrast)),
                            steering=_steering(sigma), **options)


def _steering(sigma):
    return ScaleSpace([check_number("sigma", sigma, least=0.0)])
