"""Fluxes by themselves: orientations integrated in other ways, and a user's diffusivity in each."""

import dataclasses

import numpy as np
import pytest
from scipy import integrate, special

from pdenet import Anisotropic, Exponential, Isotropic, Orientations, Rational, Uncoupled
from pdenet.scheme.fluxes import COUPLINGS, with_diffusivity

from .. import naive
from .test_diffusivities import OwnRational

KINDS = (Isotropic, Anisotropic, Uncoupled, Orientations)
dtypes = pytest.mark.parametrize("dtype, tolerance", [(np.float32, 3e-6), (np.float64, 1e-12)])


class Slow(Exponential):
    """The exponential diffusivity, of which neither kernels nor Bessel functions know."""


def planes(count=40, dtype=np.float64, seed=0):
    """Structure tensors (m, d, o) from 0 to many times the squared contrast of 3."""
    rng = np.random.default_rng(seed)
    m = np.concatenate([[0.0, 5.0], np.exp(rng.uniform(-3, 5, count))])
    r, angle = m * rng.uniform(0, 1, m.size), rng.uniform(0, 7, m.size)
    r[:2] = 0
    return np.stack([m, r * np.cos(angle), r * np.sin(angle)]).astype(dtype)


def matrices(tensor):
    m, d, o = tensor.astype(float)
    return np.array([[m + d, o], [o, m - d]]).transpose(2, 0, 1)


@dtypes
@pytest.mark.parametrize("kind", KINDS)
def test_a_users_diffusivity_is_that_of_the_kernels(kind, dtype, tolerance):
    structure = planes(dtype=dtype)
    J = {None: 2 * structure[:1], 0.0: structure * np.array([[1], [1], [0]], dtype),
         1.0: structure}[kind.mixed]
    B = J[:, ::-1] if kind is not Uncoupled else planes(dtype=dtype, seed=1)
    own, known = kind(Slow(3.0)), kind(Exponential(3.0))
    for found, expected in ((own.tensor(J.copy()), known.tensor(J.copy())),
                            (own.derivative(J.copy(), B), known.derivative(J.copy(), B))):
        assert found.dtype == expected.dtype == dtype and found.shape == J.shape
        np.testing.assert_allclose(found, expected, rtol=0, atol=100 * tolerance)


@dtypes
@pytest.mark.parametrize("diffusivity", [Exponential(3.0), Rational(3.0)])
def test_orientations_are_an_integral(diffusivity, dtype, tolerance):
    structure = planes(dtype=dtype)
    structure[:, 2:] *= dtype(0.1)  # at most some contrasts, where the trapezoids have converged
    found = matrices(Orientations(diffusivity).tensor(structure.copy()))
    expected = naive.orientations(diffusivity.g, matrices(structure))
    np.testing.assert_allclose(found, expected, rtol=0, atol=max(2 * tolerance, 1e-7))
    np.testing.assert_allclose(found[0], np.eye(2), rtol=0, atol=tolerance)


def test_orientations_of_the_exponential_are_bessel_functions():
    m, r = np.array([1.0, 4.0, 30.0]), np.array([1.0, 0.5, 20.0])
    D = Orientations(Exponential(2.0)).tensor(np.stack([m, 0 * m, r]))
    along, across = (np.exp(-m / 8) * (special.iv(0, r / 8) + sign * special.iv(1, r / 8))
                     for sign in (-1, 1))
    np.testing.assert_allclose(D, [(along + across) / 2, 0 * m, (along - across) / 2], atol=1e-14)


def test_the_density_of_orientations_is_an_integral():
    structure, diffusivity = planes(5), Rational(3.0)

    def mean(m, d, o):
        return integrate.quad(lambda t: 2 / np.pi * float(diffusivity.potential(
            m + d * np.cos(2 * t) + o * np.sin(2 * t))), 0, np.pi)[0]

    expected = [mean(*tensor) for tensor in structure.T]
    density = Orientations(diffusivity, angles=200).density(structure)
    np.testing.assert_allclose(density, expected, rtol=1e-8)


def test_two_angles_are_the_anisotropic_flux_and_more_are_closer_to_the_integral():
    structure, own = planes(), OwnRational(3.0)
    np.testing.assert_allclose(Orientations(own, 2).tensor(structure.copy()),
                               Anisotropic(own).tensor(structure.copy()), atol=1e-14)
    exact = naive.orientations(own.g, matrices(structure))
    errors = [np.abs(matrices(Orientations(own, angles).tensor(structure.copy())) - exact).max()
              for angles in (2, 4, 16, 64)]
    assert (np.diff(errors) < 0).all() and errors[-1] < 1e-3 * errors[0]


@pytest.mark.parametrize("kind", [Anisotropic, Orientations])
def test_directional_tensors_turn_with_the_structure(kind):
    """R' D(J) R = D(R' J R) for any angle: for the same image turned, the same flux."""
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    turned = turn.T @ matrices(planes()) @ turn
    a, b, c = turned[:, 0, 0], turned[:, 0, 1], turned[:, 1, 1]
    flux = kind(OwnRational(3.0))
    found = matrices(flux.tensor(np.stack([(a + c) / 2, (a - c) / 2, b])))
    np.testing.assert_allclose(found, turn.T @ matrices(flux.tensor(planes())) @ turn, atol=1e-12)


def test_uncoupled_activates_each_component_by_itself():
    m, d, _ = planes()
    D = Uncoupled(OwnRational(3.0)).tensor(np.stack([m, d, 0 * m]))
    np.testing.assert_allclose(D[0] + D[1], OwnRational(3.0).g(m + d), atol=1e-14)
    np.testing.assert_allclose(D[0] - D[1], OwnRational(3.0).g(m - d), atol=1e-14)
    np.testing.assert_array_equal(D[2], 0)


@pytest.mark.parametrize("kind", KINDS)
def test_kernels_know_a_flux_by_its_diffusivity(kind):
    expected = kind is not Orientations
    assert kind(Exponential(3.0)).compiled == expected
    assert not kind(Slow(3.0)).compiled and not kind(OwnRational(3.0)).compiled
    assert (kind.__name__.lower() in COUPLINGS) == expected
    assert expected is False or COUPLINGS[kind.__name__.lower()] is kind


def test_another_diffusivity_leaves_the_rest_as_it_is():
    flux = Orientations(Exponential(3.0), angles=7)
    assert with_diffusivity(flux, Rational(2.0)) == Orientations(Rational(2.0), angles=7)

    class Plain:
        diffusivity, other = "old", [1]

    plain = Plain()
    changed = with_diffusivity(plain, "new")
    assert (type(changed), changed.diffusivity, changed.other) == (Plain, "new", [1])
    assert plain.diffusivity == "old"
    with pytest.raises(dataclasses.FrozenInstanceError):
        flux.angles = 3


@pytest.mark.parametrize("angles", [1, 2.5, True, "8"])
def test_angles_are_counted(angles):
    with pytest.raises(ValueError, match=f"angles must be a whole number >= 2; got {angles!r}"):
        Orientations(Exponential(1.0), angles)
