"""pdenet.testing: what keeps its contract passes, and each kind of mistake is found by name."""

import numpy as np
import pytest

import pdenet
from pdenet import Anisotropic, Exponential, Gradient, Hessian, Isotropic, Laplacian, testing
from pdenet.scheme.diffusivities import DIFFUSIVITIES

from .network.test_adjoint import Own
from .parts import Blend, ForwardDifferences

FLUXES = (Isotropic, Anisotropic, pdenet.Uncoupled, pdenet.Orientations, Blend)


@pytest.mark.parametrize("diffusivity", [*(kind(7.0) for kind in DIFFUSIVITIES.values()), Own(3.0)],
                         ids=lambda diffusivity: type(diffusivity).__name__)
def test_diffusivities_and_fluxes(diffusivity):
    for seed in range(3):
        testing.check_diffusivity(diffusivity, seed=seed)
        for kind in FLUXES:
            testing.check_flux(kind(diffusivity), seed=seed)


@pytest.mark.parametrize("operator", [
    Gradient(), Gradient(0.2, 0.5), Gradient(0.5, 1.0), Laplacian(), Laplacian(0.0), Hessian(),
    ForwardDifferences()], ids=lambda operator: str(operator)[:30])
def test_operators(operator):
    for seed in range(3):
        testing.check_operator(operator, seed=seed)


# Mistakes: each class has one, and the message must say which. -------------------------------


class AboveOne(Exponential):
    def g(self, x):
        return 1.01 * super().g(x)


class DerivativeOfAnother(Exponential):
    def derivative(self, x):
        return 1.001 * super().derivative(x)


class PotentialOfAnother(Exponential):
    def potential(self, x):
        return 1.001 * super().potential(x)


class PotentialWithAConstant(Exponential):
    def potential(self, x):
        return super().potential(x) + 1


class Doubling(Exponential):
    def g(self, x):
        return super().g(x).astype(float)


class OfTheContrast(Own):
    def g(self, x):
        return (1 + x / self.contrast)**-1.5

    def derivative(self, x):
        return -1.5 / self.contrast * (1 + x / self.contrast)**-2.5

    def potential(self, x):
        return 2 * self.contrast * (1 - (1 + x / self.contrast)**-0.5)


@pytest.mark.parametrize("kind, message", [
    (AboveOne, r"g must lie in \[0, 1\]"), (DerivativeOfAnother, "derivative must be that of g"),
    (PotentialOfAnother, "g must be the derivative of potential"),
    (PotentialWithAConstant, r"potential\(0\) must be 0"), (Doubling, "g of an array .* float32"),
    (OfTheContrast, r"a function of x / contrast\*\*2")])
def test_wrong_diffusivities(kind, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_diffusivity(kind(7.0))


class TooMuch(Anisotropic):
    def tensor(self, structure):
        return 1.01 * super().tensor(structure)


class Negative(Anisotropic):
    def tensor(self, structure):
        return super().tensor(structure) - np.array([0.01, 0, 0])[:, None].astype(structure.dtype)


class DiagonalAlone(Anisotropic):
    """Forgets that the eigenvectors change, too."""

    def derivative(self, structure, direction):
        changed = super().derivative(structure, direction)
        changed[1:] *= structure.dtype.type(0.999)
        return changed


class OneSided(Anisotropic):
    def derivative(self, structure, direction):
        return super().derivative(structure, direction) * (1 + 1e-8 * np.abs(direction[0]))


class DensityOfAnother(Anisotropic):
    def density(self, structure):
        return self.diffusivity.potential(2 * structure[0])


class MixedCounts(pdenet.Uncoupled):
    def derivative(self, structure, direction):
        return super().derivative(structure, direction) + direction[2]


class FixedContrast(Isotropic):
    def tensor(self, structure):
        return Exponential(7.0).g(structure)

    def derivative(self, structure, direction):
        return Exponential(7.0).derivative(structure) * direction


@pytest.mark.parametrize("kind, message", [
    (TooMuch, "0 <= D <= I"), (Negative, "0 <= D <= I"),
    (DiagonalAlone, "derivative must be that of tensor"), (OneSided, "symmetric"),
    (DensityOfAnother, "the derivative of density must be tensor"),
    (MixedCounts, "derivative must be that of tensor|entry 12"),
    (FixedContrast, r"a function of J / contrast\*\*2")])
def test_wrong_fluxes(kind, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_flux(kind(Exponential(7.0)))


class WrongSymbol(ForwardDifferences):
    symbol = np.array([[0, 4], [4, -1]])


class WrongReach(ForwardDifferences):
    reach = 0


class NotTransposed(ForwardDifferences):
    def diffuse(self, v, tensor, scale, add, out, work):
        super().diffuse(v, tensor, scale, add, out, work)
        out[:, 0, 0] += v[:, 3, 3] * tensor[0, 2, 2] * (tensor[0, 2, 2] != 1)


class NeverAdds(ForwardDifferences):
    def diffuse(self, v, tensor, scale, add, out, work):
        super().diffuse(v, tensor, scale, False, out, work)


class WrongCorrelation(ForwardDifferences):
    def correlation(self, v, z, strength, tensor, work):
        factor = 1 if v is z else 1.001
        return factor * super().correlation(v, z, strength, tensor, work)


class WrongAdjoint(ForwardDifferences):
    def diffuse_adjoint(self, v, z, strength, steers, tensor, change, out, steered, work):
        sums = super().diffuse_adjoint(v, z, strength, steers, tensor, change, out, steered, work)
        (out if steers is v else steered)[0] *= 1.001
        return sums


class WrongSums(ForwardDifferences):
    def diffuse_adjoint(self, v, z, strength, *others):
        along, across = super().diffuse_adjoint(v, z, strength, *others)
        return along, 1.001 * across


class WrongSumsAlong(WrongSums):
    def diffuse_adjoint(self, v, z, strength, *others):
        along, across = super().diffuse_adjoint(v, z, strength, *others)
        return strength * along, across / 1.001


@pytest.mark.parametrize("kind, message", [
    (WrongSymbol, "the symbol must be that of K' K"), (WrongReach, "reach must be at least 1"),
    (NotTransposed, "K' M\\(D\\) K must be symmetric"), (NeverAdds, "add scale K' M\\(D\\) K v"),
    (WrongCorrelation, "correlation must give B"),
    (WrongAdjoint, "diffuse_adjoint must be the derivative"),
    (WrongSums, r"sums of \(K a_n\)' M\(C\) K a_n / 2"),
    (WrongSumsAlong, r"sums of \(K v_n\)' M\(D\) K z_n")])
def test_wrong_operators(kind, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_operator(kind())
