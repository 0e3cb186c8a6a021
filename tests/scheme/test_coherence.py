"""Coherence-enhancing diffusion: its flux by the eigenvalues, and lines that it keeps."""

import numpy as np
import pytest

import pdenet
from pdenet import Coherence, CoherenceEnhancing, Exponential

from .test_fluxes import Slow, matrices, planes


@pytest.mark.parametrize("dtype, tolerance", [(np.float32, 1e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("diffusivity", [Coherence(3.0), Exponential(3.0), Slow(3.0)])
def test_eigenvalues_and_eigenvectors(diffusivity, dtype, tolerance):
    J = planes(dtype=dtype)
    found = matrices(CoherenceEnhancing(diffusivity, 0.01).tensor(J.copy()))
    values, vectors = np.linalg.eigh(matrices(J))
    g = diffusivity.g(values[:, 1] - values[:, 0])
    along, across = vectors[:, :, 0], vectors[:, :, 1]
    expected = (0.01 + 0.99 * (1 - g))[:, None, None] * along[:, :, None] * along[:, None, :]
    expected += 0.01 * across[:, :, None] * across[:, None, :]
    np.testing.assert_allclose(found, expected, rtol=0, atol=30 * tolerance)


@pytest.mark.parametrize("diffusivity", [Coherence(3.0), Exponential(3.0), Slow(3.0)])
def test_contract(diffusivity):
    pdenet.testing.check_flux(CoherenceEnhancing(diffusivity, 0.01))


@pytest.mark.parametrize("least", [-0.1, 1.1, np.nan, "much"])
def test_what_is_least_is_checked(least):
    with pytest.raises((TypeError, ValueError), match="least must be"):
        CoherenceEnhancing(Coherence(3.0), least)


def rings(wavelength, size=128):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return 100 * np.cos(2 * np.pi * np.hypot(x, y) / wavelength)


def kept(wavelength, alpha, time):
    """The share of the rings' amplitude that is left at 0, 22.5 and 45 degrees."""
    u = rings(wavelength)
    network = pdenet.models.ced(1.0, sigma=0.7, rho=4.0, operator=pdenet.Gradient(alpha))
    result = network.evolve(u, time)
    y, x = np.mgrid[:len(u), :len(u)] - (len(u) - 1) / 2
    angle, radius = np.degrees(np.arctan2(y, x)) % 90, np.hypot(x, y)
    found = []
    for middle in (0, 22.5, 45):
        near = np.minimum(abs(angle - middle), abs(angle - middle - 90 * (middle == 0))) < 4
        part = near & (radius > 20) & (radius < 50)
        found.append(np.sum(result[part] * u[part]) / np.sum(u[part]**2))
    return found


def test_rings_stay_in_all_directions():
    default = kept(8, 0.45, 20.0)
    assert min(default) > 0.93 and max(default) - min(default) < 0.05
    plain = kept(8, 0.0, 20.0)  # the usual discretisation blurs lines that are not along the axes
    assert plain[2] < 0.75


def test_gaps_in_lines_are_closed_and_lines_stay_apart():
    clean = 100 * np.sin(2 * np.pi * np.add.outer(np.arange(96), 0.6 * np.arange(96)) / 9)
    broken = clean.copy()
    broken[40:48, 40:48] = 0
    result = pdenet.ced(broken, time=40)
    middle = np.s_[42:46, 42:46]
    assert np.mean((result[middle] - clean[middle])**2) < 0.25 * np.mean(clean[middle]**2)
    assert result[20:30, 20:30].std() > 0.85 * clean[20:30, 20:30].std()


def test_noise_is_no_line_by_default():
    noise = np.random.default_rng(0).normal(0, 20, (128, 128))
    result = pdenet.ced(noise)
    assert result.std() > 0.8 * noise.std()
