"""Couplings: how the structure J of an image becomes the tensor D of the flux Phi = D K u.

A flux offers
    tensor(structure)   planes (g,) for D = g I, or 2 D = [[m + d, o], [o, m - d]] as (m, d, o),
                        from J = structure() or 2 g(J) = structure(rule, factor), see `operators`,
                        whose result it may change
    derivative(structure, correlation)
                        D'(J)[B], in the form of D: the Frechet derivative of D at J, which is
                        symmetric and so its own adjoint, from J = structure(), B = correlation()
    energy(structure)   the density whose derivative by J is D
and says by `mixed` what J_12 counts, or by None that it needs no more than the trace of J.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..kernels.cell_rows import NEAR
from ..checks import check_count
from .diffusivities import Exponential, check_diffusivity, is_compiled

__all__ = ["Isotropic", "Anisotropic", "Uncoupled", "Orientations"]


@dataclass(frozen=True)
class _Flux:
    diffusivity: object

    mixed: ClassVar[float | None] = None

    def __post_init__(self):
        check_diffusivity(self.diffusivity)

    def _respond(self, x):
        """x <- g(x)."""
        if is_compiled(self.diffusivity):
            self.diffusivity.respond(x)
        else:
            x[...] = self.diffusivity.g(x)

    @property
    def compiled(self):
        """Whether kernels know the flux, by the rule of its diffusivity and by `mixed`."""
        return is_compiled(self.diffusivity)

    def _by_rule(self, structure):
        return structure(self.diffusivity.rule, self.diffusivity.factor)


class Isotropic(_Flux):
    """D = g(tr J) I, eq. (19), eq. (29), eq. (39): Design Principle 1.

    All operator channels, and with them all image channels (Design Principle 2) and scales
    (Design Principle 3), are coupled in the trace of the structure tensor, a rotationally
    invariant number. Energy density Psi(tr J), eq. (8), eq. (20), eq. (31).

    Parameters
    ----------
    diffusivity : object
        With methods g, derivative, potential; see `Exponential`.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Isotropic(pdenet.Rational(5.0))
    Isotropic(diffusivity=Rational(contrast=5.0))
    """

    def tensor(self, structure):
        if self.compiled:
            return self._by_rule(structure)
        g = structure()
        self._respond(g)
        return g

    def derivative(self, structure, correlation):
        """g'(tr J) tr B."""
        return self.diffusivity.derivative(structure()) * correlation()

    def energy(self, structure):
        return self.diffusivity.potential(structure()[0])


class _Directional(_Flux):
    """D with the eigenvectors of J: a subclass maps the eigenvalues nu of J to mu, those of D.

    `_map_eigenvalues` does it in place; `_slopes` has the derivatives of mu_1 by nu_1, of mu_1
    by nu_2, which is that of mu_2 by nu_1, and of mu_2 by nu_2.
    """

    mixed = 1.0

    def tensor(self, structure):
        m, d, o = tensor = structure()
        nu, r = _eigenvalues(tensor)
        self._map_eigenvalues(nu)
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = np.where(r > 0, (nu[0] - nu[1]) / r, 0)
        np.add(nu[0], nu[1], out=m)
        d *= factor
        o *= factor
        return tensor

    def derivative(self, structure, correlation):
        """Daleckii and Krein's formula in the eigenvectors of J: the eigenvalues mu of D change
        by B's diagonal there, d mu / d nu; the eigenvectors by B's mixed entry times the
        divided difference of mu.
        """
        m, d, o = structure = structure()
        b, p, q = correlation()
        nu, r = _eigenvalues(structure)
        with np.errstate(invalid="ignore", divide="ignore"):
            along, across = np.where(r > 0, d / r, 1), np.where(r > 0, o / r, 0)
        parallel, mixed = along * p + across * q, along * q - across * p
        s11, s12, s22 = slopes = self._slopes(nu)
        first, second = b + parallel, b - parallel
        first, second = s11 * first + s12 * second, s12 * first + s22 * second
        mixed *= 2 * self._divided_difference(nu, r, slopes)
        change = first - second
        return np.stack([first + second, change * along - mixed * across,
                         change * across + mixed * along])

    def _divided_difference(self, nu, r, slopes):
        """(mu_1 - mu_2) / (nu_1 - nu_2): where the quotient would lose digits, the mean of the
        derivative between, by Gauss' rule of two points, which has an error of fourth order."""
        mu, (s11, _, s22) = nu.copy(), slopes
        self._map_eigenvalues(mu)
        near = np.abs(s11 - s22) <= NEAR[nu.itemsize // 8] * (np.abs(s11) + np.abs(s22))
        with np.errstate(invalid="ignore", divide="ignore"):
            quotient = np.where(r > 0, (mu[0] - mu[1]) / (2 * r), 0)
        middle, radius = (nu[0] + nu[1]) / 2, (nu[0] - nu[1]) / nu.dtype.type(2 * math.sqrt(3))
        s11, s12, s22 = self._slopes(np.stack([middle + radius, middle - radius]))
        return np.where(near, (s11 + s22) / 2 - s12, quotient)

    def energy(self, structure):
        return self._density(_eigenvalues(structure())[0])


def _eigenvalues(tensor):
    """The eigenvalues (m + r, m - r), the latter cut at 0, and r."""
    m, d, o = tensor
    r = np.sqrt(d * d + o * o)
    return np.stack([m + r, np.maximum(m - r, 0)]), r


class Anisotropic(_Directional):
    """D = g(J), the matrix function, eq. (30), eq. (40): Design Principles 2 and 3.

    The eigenvectors of the structure tensor, which rotate with the image, stay; its
    eigenvalues nu are replaced by g(nu). Channels and scales are coupled within J. Energy
    density tr Psi(J), eq. (22), eq. (33).

    Parameters
    ----------
    diffusivity : object
        With methods g, derivative, potential; see `Exponential`.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Anisotropic(pdenet.Rational(5.0))
    Anisotropic(diffusivity=Rational(contrast=5.0))
    """

    def tensor(self, structure):
        return self._by_rule(structure) if self.compiled else super().tensor(structure)

    def _map_eigenvalues(self, nu):
        self._respond(nu)

    def _slopes(self, nu):
        first, second = self.diffusivity.derivative(nu)
        return first, 0, second

    def _density(self, nu):
        return self.diffusivity.potential(nu).sum(axis=0)


class Uncoupled(_Flux):
    """D = diag(g(J11), g(J22)): the counterpart of Section 6, against Design Principle 1.

    Each component of the gradient is activated by itself, so the model smooths along
    structures that are parallel to the axes and along no others; scales are still coupled.
    It exists for comparison. Energy density Psi(J11) + Psi(J22).

    Parameters
    ----------
    diffusivity : object
        With methods g, derivative, potential; see `Exponential`.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.Uncoupled(pdenet.Rational(5.0))
    Uncoupled(diffusivity=Rational(contrast=5.0))
    """

    mixed = 0.0  # the matrix function of J's diagonal acts on each of its entries by itself

    def tensor(self, structure):
        if self.compiled:
            return self._by_rule(structure)
        m, d, o = tensor = structure()
        diagonal = np.stack([m + d, m - d])
        self._respond(diagonal)
        np.add(*diagonal, out=m)
        np.subtract(*diagonal, out=d)
        o[:] = 0
        return tensor

    def derivative(self, structure, correlation):
        """diag(g'(J11) B11, g'(J22) B22)."""
        (m, d, _), (b, p, _) = structure(), correlation()
        first, second = (self.diffusivity.derivative(np.stack([m + d, m - d]))
                         * np.stack([b + p, b - p]))
        return np.stack([first + second, first - second, np.zeros_like(first)])

    def energy(self, structure):
        m, d, _ = structure()
        return self.diffusivity.potential(m + d) + self.diffusivity.potential(m - d)


@dataclass(frozen=True)
class Orientations(_Directional):
    """One-dimensional diffusion integrated over all orientations, eq. (1).

    With the directional structure e' J e = m + r cos 2 theta (m the mean of the eigenvalues
    of J, r half their difference, theta the angle to the first eigenvector) the integral

        D = 2/pi  int_0^pi  g(e' J e) e e'  d theta

    is itself a diffusion tensor with the eigenvectors of J and the eigenvalues
    2/pi int g(m + r cos 2 theta) (cos^2 theta, sin^2 theta) d theta. For the exponential
    diffusivity these are exp(-m/(2 contrast^2)) (I0 -+ I1)(r/(2 contrast^2)) with modified
    Bessel functions; any other is integrated by the trapezoidal rule, which converges
    faster than any power of the number of angles because the integrand is periodic.
    A complex discretisation becomes a design of the nonlinearity, the thesis of Section 2.

    Parameters
    ----------
    diffusivity : object
        With methods g, derivative, potential; see `Exponential`.
    angles : int, optional
        Number of angles in [0, pi/2] for the trapezoidal rule, >= 2.

    Raises
    ------
    ValueError
        If angles is not a whole number >= 2.

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

    def _map_eigenvalues(self, nu):
        if type(self.diffusivity) is Exponential:
            from scipy import special  # only here, as it would double the start of every filter

            # exp(-m) I(r) = exp(-(m - r)) (exp(-r) I(r)), the last factor as i0e and i1e.
            nu[0] -= nu[1]
            nu[0] /= 4 * self.diffusivity.contrast**2
            self._respond(nu[1])
            along, across = special.i0e(nu[0]), special.i1e(nu[0])
            nu[0] = nu[1] * (along - across)
            nu[1] *= along + across
            return
        mu = np.zeros_like(nu)
        for weight, across, x in self._quadrature(nu):
            self._respond(x)
            mu[0] += nu.dtype.type(2 * weight * across) * x
            mu[1] += nu.dtype.type(2 * weight * (1 - across)) * x
        nu[...] = mu

    def _slopes(self, nu):
        if type(self.diffusivity) is Exponential:
            from scipy import special

            # With I0' = I1 and I1' = I0 - I1 / x, at x as above.
            rate = nu.dtype.type(1 / (4 * self.diffusivity.contrast**2))
            x = rate * (nu[0] - nu[1])
            along, across = special.i0e(x), special.i1e(x)
            with np.errstate(invalid="ignore", divide="ignore"):
                ratio = np.where(x > 0, across / x, nu.dtype.type(0.5))
            scale = rate * self.diffusivity.g(nu[1])
            return (scale * (2 * (across - along) + ratio), -scale * ratio,
                    scale * (ratio - 2 * (across + along)))
        slopes = np.zeros((3,) + nu.shape[1:], nu.dtype)
        for weight, across, x in self._quadrature(nu):
            change = self.diffusivity.derivative(x)
            for slope, share in zip(slopes, (across**2, across * (1 - across), (1 - across)**2),
                                    strict=True):
                slope += nu.dtype.type(2 * weight * share) * change
        return slopes

    def _density(self, nu):
        return sum(2 * weight * self.diffusivity.potential(x)
                   for weight, _, x in self._quadrature(nu))

    def _quadrature(self, nu):
        """Weights of the mean over theta, cos^2 theta, and m + r cos 2 theta."""
        for k, theta in enumerate(np.linspace(0, np.pi / 2, self.angles)):
            weight = (0.5 if k in (0, self.angles - 1) else 1.0) / (self.angles - 1)
            across = np.cos(theta)**2
            x = nu.dtype.type(across) * nu[0] + nu.dtype.type(1 - across) * nu[1]
            yield weight, across, x
