"""Fluxes M(D) K u: each class says which function of the structure tensor J the diffusion tensor D
is.

They differ in what they make of the eigenvalues of J, or of its trace; everything else about
tensors stands in `tensors`. Where the kernels know a flux, they compute D = g(J) row by row, by the
formulas of `pdenet.kernels.cell_formulas`, instead of the methods here.
"""

import copy
import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Protocol, cast

import numpy as np

from . import tensors
from ..checks import check_count
from ..docstrings import fill
from ..kernels import laws
from .diffusivities import (CompiledDiffusivity, Diffusivity, Exponential, check_diffusivity,
                            is_compiled, replace_by_response)

__all__ = ["Isotropic", "Anisotropic", "Uncoupled", "Orientations", "COUPLINGS", "Flux"]


class Flux(Protocol):
    """What a diffusion block asks of a flux: any object with these members is one.

    J, D, and directions B are arrays of planes of the image's type, of shape (k, ...). With `mixed`
    None k = 1: the trace of J, and g for D = g I. Otherwise k = 3: (m, d, o) for [[m+d, o], [o,
    m-d]], where m is half the trace; of volumes k = 6: the entries 11, 22, 33, 23, 13 and 12. D
    must satisfy 0 <= D <= I. `pdenet.testing.check_flux` checks
    what is said here.

    Attributes
    ----------
    mixed : float or None
        The factor of J_12: 1.0 keeps it, 0.0 drops it, so that D depends on J's diagonal only;
        None: D depends on the trace of J only.
    diffusivity : Diffusivity
        Whose attribute `contrast`, where it has one, the network can learn.
    """

    @property
    def mixed(self) -> float | None: ...

    @property
    def diffusivity(self) -> Diffusivity: ...

    def tensor(self, structure: np.ndarray) -> np.ndarray:
        """D, which may be written over J."""

    def derivative(self, structure: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """D'(J)[B], the Frechet derivative of D at J in the direction B. It is symmetric, so that
        it is its own adjoint; a flux where it is not has a method `derivative_adjoint`, too. With
        mixed = 0 the entry B_12 is ignored."""

    def density(self, structure: np.ndarray) -> np.ndarray:
        """The energy density, shape (...), whose derivative with respect to J is D."""


FLUX_MEMBERS = ("mixed", "diffusivity", "tensor", "derivative", "density")


@dataclass(frozen=True)
class FluxOfDiffusivity:
    """A flux with a diffusivity."""

    diffusivity: Diffusivity

    mixed: ClassVar[float | None] = None

    def __post_init__(self):
        check_diffusivity(self.diffusivity)

    @property
    def compiled(self) -> bool:
        """Whether kernels know D, as g of J or of its trace, by the law of g and by `mixed`."""
        return is_compiled(self.diffusivity)

    def law(self, dtype: np.dtype) -> laws.Law:
        """g as the kernels take it, where they know it."""
        return cast(CompiledDiffusivity, self.diffusivity).law(dtype)

    def _respond(self, x):
        """x <- g(x)."""
        return replace_by_response(self.diffusivity, x)


@fill
class Isotropic(FluxOfDiffusivity):
    """D = g(tr J) I, eq. (19), eq. (29), eq. (39): Design Principle 1.

    All operator channels, and with them all image channels (Design Principle 2) and scales
    (Design Principle 3), are coupled in the trace of the structure tensor, a rotationally
    invariant number. Energy density Psi(tr J), eq. (8), eq. (20), eq. (31).

    Parameters
    ----------
    {diffusivity of a flux}

    {errors of a flux}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Isotropic(pdenet.Rational(5.0))
    Isotropic(diffusivity=Rational(contrast=5.0))
    """

    def tensor(self, structure):
        return self._respond(structure)

    def derivative(self, structure, direction):
        """g'(tr J) tr B."""
        return self.diffusivity.derivative(structure) * direction

    def density(self, structure):
        return self.diffusivity.potential(structure[0])


class _Directional(FluxOfDiffusivity):
    """D with the eigenvectors of J; a subclass says what becomes of the eigenvalues nu (2, ...), of
    volumes (3, ...), from the largest on.

    `_map(nu)` gives those of D, mu, and may change its argument; `_slopes(nu)` the derivatives of
    mu_i with respect to nu_j, row by row; `_density(nu)` the energy density.
    """

    mixed = 1.0

    def _map(self, nu):
        raise NotImplementedError

    def _slopes(self, nu):
        raise NotImplementedError

    def _density(self, nu):
        raise NotImplementedError

    def tensor(self, structure):
        return tensors.matrix_function(structure, self._map)

    def derivative(self, structure, direction):
        """The derivative of the matrix function, see `tensors.frechet_derivative`."""
        return tensors.frechet_derivative(structure, self._restricted(direction), self._map,
                                          self._slopes)

    def _restricted(self, direction):
        """A direction whose entries beside the diagonal are multiplied by `mixed`."""
        changed = direction.copy()
        changed[2 if len(direction) == 3 else 3:] *= direction.dtype.type(self.mixed)
        return changed

    def density(self, structure):
        return self._density(tensors.eigenvalues(structure))


@fill
class Anisotropic(_Directional):
    """D = g(J), the matrix function, eq. (30), eq. (40): Design Principles 2 and 3.

    The eigenvectors of the structure tensor, which rotate with the image, stay; its
    eigenvalues nu are replaced by g(nu). Channels and scales are coupled within J. Energy
    density tr Psi(J), eq. (22), eq. (33).

    Parameters
    ----------
    {diffusivity of a flux}

    {errors of a flux}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Anisotropic(pdenet.Rational(5.0))
    Anisotropic(diffusivity=Rational(contrast=5.0))
    """

    def tensor(self, structure):
        if not self.compiled:
            return super().tensor(structure)
        return tensors.respond(self.law(structure.dtype), None, structure)

    def derivative(self, structure, direction):
        """By the kernels, where they know g; otherwise as `tensors.frechet_derivative`."""
        if not self.compiled:
            return super().derivative(structure, direction)
        return tensors.respond_adjoint(self.law(structure.dtype), None, structure,
                                       self._restricted(direction))

    def _map(self, nu):
        return self._respond(nu)

    def _slopes(self, nu):
        own = self.diffusivity.derivative(nu)
        return [[own[i] if i == j else 0 for j in range(len(nu))] for i in range(len(nu))]

    def _density(self, nu):
        return self.diffusivity.potential(nu).sum(axis=0)


@fill
class Uncoupled(Anisotropic):
    """D = diag(g(J11), g(J22)): the counterpart of Section 6, against Design Principle 1.

    It is the matrix function of J's diagonal alone. Each component of the gradient is activated by
    itself, so the model smooths along structures that are parallel to the axes and along no others;
    scales are still coupled. It exists for comparison. Energy density Psi(J11) + Psi(J22).

    Parameters
    ----------
    {diffusivity of a flux}

    {errors of a flux}

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Uncoupled(pdenet.Rational(5.0))
    Uncoupled(diffusivity=Rational(contrast=5.0))
    """

    mixed = 0.0


@fill
@dataclass(frozen=True)
class Orientations(_Directional):
    """One-dimensional diffusion integrated over all orientations, eq. (1).

    With the directional structure e' J e = m + r cos 2 theta (m the mean of the eigenvalues
    of J, r half their difference, theta the angle to the first eigenvector) the integral

        D = 2/pi  int_0^pi  g(e' J e) e e'  d theta

    is itself a diffusion tensor with the eigenvectors of J and the eigenvalues
    2/pi int g(m + r cos 2 theta) (cos^2 theta, sin^2 theta) d theta. For the exponential
    diffusivity they are exp(-m / (2 contrast^2)) (I0(x) - I1(x)) and
    exp(-m / (2 contrast^2)) (I0(x) + I1(x)) with the modified Bessel functions of
    x = r / (2 contrast^2). Any other diffusivity is integrated by the trapezoidal rule, which
    converges faster than any power of the number of angles because the integrand is periodic.
    Of volumes the integral is that over the sphere, 3/(4 pi) int g(e' J e) e e' de, by Gauss' rule
    along the first eigenvector, with half as many heights as angles, and the above around it.
    A complex discretisation becomes a design of the nonlinearity, the thesis of Section 2.

    Parameters
    ----------
    {diffusivity of a flux}
    angles : int, optional
        Number of angles in [0, pi/2] for the trapezoidal rule, >= 2.

    {errors of a flux}
        Or if angles is not a whole number >= 2.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Orientations(pdenet.Exponential(5.0))
    Orientations(diffusivity=Exponential(contrast=5.0), angles=32)
    """

    angles: int = 32

    compiled = False

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "angles", check_count("angles", self.angles, least=2))

    def _map(self, nu):
        """The eigenvalues of the integral of eq. (1)."""
        if len(nu) == 3:
            mu = np.zeros_like(nu)
            for weight, along, inner in self._cones(nu):
                second, third = self._map(inner)
                mu[0] += nu.dtype.type(weight * along) * (second + third)
                mu[1] += nu.dtype.type(weight * (1 - along)) * second
                mu[2] += nu.dtype.type(weight * (1 - along)) * third
            return mu
        if type(self.diffusivity) is Exponential:
            from scipy import special  # only here, as it would double the start of every filter

            # exp(-m) I(r) = exp(-(m - r)) (exp(-r) I(r)), the last factor as i0e and i1e.
            nu[0] -= nu[1]
            nu[0] /= 4 * self.diffusivity.contrast**2
            self._respond(nu[1])
            bessel0, bessel1 = special.i0e(nu[0]), special.i1e(nu[0])
            nu[0] = nu[1] * (bessel0 - bessel1)
            nu[1] *= bessel0 + bessel1
            return nu
        mu = np.zeros_like(nu)
        for weight, cos_squared, x in self._quadrature(nu):
            self._respond(x)
            mu[0] += nu.dtype.type(2 * weight * cos_squared) * x
            mu[1] += nu.dtype.type(2 * weight * (1 - cos_squared)) * x
        return mu

    def _slopes(self, nu):
        if len(nu) == 3:
            slopes = np.zeros((3,) + nu.shape, nu.dtype)
            for weight, along, inner in self._cones(nu):
                (s22, s23), (_, s33) = self._slopes(inner)
                both, across = weight * along * (1 - along), weight * (1 - along)**2
                for place, factor, value in (
                        ((0, 0), weight * along**2, s22 + 2 * s23 + s33),
                        ((0, 1), both, s22 + s23), ((0, 2), both, s23 + s33),
                        ((1, 1), across, s22), ((1, 2), across, s23), ((2, 2), across, s33)):
                    slopes[place] += nu.dtype.type(factor) * value
                    slopes[place[::-1]] = slopes[place]
            return slopes
        if type(self.diffusivity) is Exponential:
            from scipy import special

            # With I0' = I1 and I1' = I0 - I1 / x, at the same x as in `_map`.
            rate = nu.dtype.type(1 / (4 * self.diffusivity.contrast**2))
            x = rate * (nu[0] - nu[1])
            bessel0, bessel1 = special.i0e(x), special.i1e(x)
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = np.where(x > 0, bessel1 / x, nu.dtype.type(0.5))
            scale = rate * self.diffusivity.g(nu[1])
            mixed = -scale * ratio
            return ((scale * (2 * (bessel1 - bessel0) + ratio), mixed),
                    (mixed, scale * (ratio - 2 * (bessel1 + bessel0))))
        slopes = np.zeros((3,) + nu.shape[1:], nu.dtype)
        for weight, cos_squared, x in self._quadrature(nu):
            change = self.diffusivity.derivative(x)
            factors = cos_squared**2, cos_squared * (1 - cos_squared), (1 - cos_squared)**2
            for slope, factor in zip(slopes, factors, strict=True):
                slope += nu.dtype.type(2 * weight * factor) * change
        return (slopes[0], slopes[1]), (slopes[1], slopes[2])

    def _density(self, nu):
        if len(nu) == 3:
            return sum(weight * self._density(inner) for weight, _, inner in self._cones(nu))
        return sum(2 * weight * self.diffusivity.potential(x)
                   for weight, _, x in self._quadrature(nu))

    def _cones(self, nu):
        """The directions around the first eigenvector at the heights z of Gauss' rule: the weight
        of each height, 3/2 as much as in the mean over [0, 1], z^2, and the values of e' J e along
        the two axes of its circle."""
        heights, weights = np.polynomial.legendre.leggauss(max(2, self.angles // 2))
        for z, weight in zip((heights + 1) / 2, weights / 2, strict=True):
            inner = nu.dtype.type(1 - z * z) * nu[1:] + nu.dtype.type(z * z) * nu[0]
            yield 1.5 * weight, z * z, inner

    def _quadrature(self, nu):
        """For each angle theta its weight in the mean over theta, cos^2 theta, and m + r cos 2
        theta."""
        for k, theta in enumerate(np.linspace(0, np.pi / 2, self.angles)):
            weight = (0.5 if k in (0, self.angles - 1) else 1.0) / (self.angles - 1)
            cos_squared = np.cos(theta)**2
            x = nu.dtype.type(cos_squared) * nu[0] + nu.dtype.type(1 - cos_squared) * nu[1]
            yield weight, cos_squared, x


COUPLINGS: dict[str, type] = {
    "isotropic": Isotropic, "anisotropic": Anisotropic, "uncoupled": Uncoupled}


def with_diffusivity(flux, diffusivity):
    """The same flux with another diffusivity."""
    if dataclasses.is_dataclass(flux) and not isinstance(flux, type):
        return dataclasses.replace(flux, diffusivity=diffusivity)
    changed = copy.copy(flux)
    changed.diffusivity = diffusivity
    return changed
