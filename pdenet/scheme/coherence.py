"""Coherence-enhancing diffusion: the flux that follows lines instead of keeping edges."""

from dataclasses import dataclass

import numpy as np

from ..checks import check_number
from ..docstrings import fill
from . import tensors
from .diffusivities import is_compiled
from .fluxes import FluxOfDiffusivity

__all__ = ["CoherenceEnhancing"]


@fill
@dataclass(frozen=True)
class CoherenceEnhancing(FluxOfDiffusivity):
    """D = c I + (1 - c) (1 - g(nu1 - nu2)) e2 e2', with nu1 >= nu2 and e2 of J: along lines.

    Weickert (1999). Where the eigenvalues of the structure tensor differ, its second eigenvector e2
    points along a line or a flow, and diffusion closes its gaps; everywhere else there is next to
    none. In volumes that is the third eigenvector, with nu2 - nu3 in place of nu1 - nu2. J should
    be averaged over an integration scale as large as the texture, see `DiffusionNetwork`. With
    `Coherence`, 1 - g(x) = exp(-contrast^4 / x^2). There is no energy.

    Parameters
    ----------
    {diffusivity of a flux}
    least : float, optional
        c, the diffusivity across lines and where there are none, from 0 to 1.

    {errors of a flux}
        Or if least is not from 0 to 1.

    Examples
    --------
    >>> import pdenet
    >>> pdenet.CoherenceEnhancing(pdenet.Coherence(5.0))
    CoherenceEnhancing(diffusivity=Coherence(contrast=5.0), least=0.001)
    """

    least: float = 0.001

    mixed = 1.0
    compiled = False  # kernels know D for planes of J, but do not compute it on the way

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "least", check_number("least", self.least, least=0.0, most=1.0))

    def tensor(self, structure):
        compiled = is_compiled(self.diffusivity)
        if len(structure) == 6 and (tensors.is_image(structure) or not compiled):
            return tensors.matrix_function(structure, self._map)
        if compiled:
            return tensors.respond(self.law(structure.dtype), self.least, structure)
        _, share, _ = self._along(structure)
        r = np.hypot(structure[1], structure[2])
        structure[0] = structure.dtype.type(self.least) + share * r
        structure[1:] *= -share
        return structure

    def derivative(self, structure, direction):
        if len(structure) == 6:
            return tensors.frechet_derivative(structure, direction, self._map, self._slopes)
        n, share, slope = self._along(structure)
        along = n[0] * direction[1] + n[1] * direction[2]
        return np.stack([slope * along, *(-share * direction[1:] - (slope - share) * along * n)])

    def derivative_adjoint(self, structure, direction):
        """The adjoint of `derivative`, which is not symmetric: the larger eigenvalue of D depends
        on both of J, the smaller one on neither."""
        compiled = is_compiled(self.diffusivity)
        if len(structure) == 6 and (tensors.is_image(structure) or not compiled):
            return tensors.frechet_derivative(structure, direction, self._map, self._slopes, True)
        if compiled:
            return tensors.respond_adjoint(self.law(structure.dtype), self.least, structure,
                                           direction.copy())
        n, share, slope = self._along(structure)
        along = n[0] * direction[1] + n[1] * direction[2]
        along = slope * direction[0] - (slope - share) * along
        return np.stack([0 * along, *(along * n - share * direction[1:])])

    def density(self, structure):
        raise ValueError("coherence-enhancing diffusion has no energy")

    def _map(self, nu):
        """The eigenvalues of D: `least`, but for the last, along lines, which are where the two
        smallest of J differ."""
        mu = np.full_like(nu, self.least)
        mu[-1] += nu.dtype.type(1 - self.least) * (1 - self.diffusivity.g(nu[-2] - nu[-1]))
        return mu

    def _slopes(self, nu):
        slopes = np.zeros((len(nu),) + nu.shape, nu.dtype)
        slopes[-1, -2] = (nu.dtype.type(self.least - 1)
                          * self.diffusivity.derivative(nu[-2] - nu[-1]))
        slopes[-1, -1] = -slopes[-1, -2]
        return slopes

    def _along(self, structure):
        """(d, o) / r for J = (m, d, o), r = |(d, o)|; h / (2 r) for h(2 r) = (1 - c) (1 - g(2 r)),
        and h'(2 r)."""
        part, x = structure.dtype.type(1 - self.least), 2 * np.hypot(structure[1], structure[2])
        n = np.divide(2 * structure[1:], x, out=np.zeros_like(structure[1:]), where=x > 0)
        h = part * (1 - self.diffusivity.g(x))
        share = np.divide(h, x, out=np.zeros_like(h), where=x > 0)
        return n, share, -part * self.diffusivity.derivative(x)
