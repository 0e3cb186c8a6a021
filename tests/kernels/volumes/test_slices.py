"""The loops over volumes, and their Gaussians, against plain NumPy and SciPy."""

import numpy as np
import pytest
from scipy import ndimage

from pdenet import Anisotropic, Gradient, Isotropic, Rational, ScaleSpace
from pdenet.kernels.gaussian import EVEN, ODD, PIXELS
from pdenet.kernels.workspace import Workspace
from pdenet.scheme.operators import DeferredTensor

from ... import naive_volumes as naive
from .test_tensors import matrices

SHAPES = [(1, 1, 1), (1, 2, 3), (2, 1, 1), (1, 1, 5), (3, 4, 40), (9, 2, 2), (4, 5, 17),
          (150, 2, 3)]
SPACING = (1.7, 1.0, 0.8)
dtypes = pytest.mark.parametrize("dtype, tolerance", [(np.float32, 2e-6), (np.float64, 2e-14)])
every_shape = pytest.mark.parametrize("shape", SHAPES)


def random(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@dtypes
@every_shape
def test_structure_tensor_and_divergence(shape, dtype, tolerance):
    v, strength = random((2,) + shape, dtype), np.array([0.5, 2.0], dtype)
    operator, work, g = Gradient(0.3, spacing=SPACING), Workspace(), Rational(1.5)
    J = naive.structure(v.astype(float), strength.astype(float), 0.3, SPACING)
    found = operator.structure(v, strength, 1.0, work)
    np.testing.assert_allclose(matrices(found), J, rtol=0, atol=100 * tolerance)
    trace = operator.structure(v, strength, None, work)
    np.testing.assert_allclose(trace[0], np.trace(J, axis1=-2, axis2=-1), atol=100 * tolerance)
    for flux in (Isotropic(g), Anisotropic(g)):
        D = naive.tensor(flux, J)
        expected = [naive.divergence(D, plane.astype(float), 0.3, SPACING) for plane in v]
        deferred = DeferredTensor(v, strength, g.law(np.dtype(dtype)), flux.mixed)
        held = operator.tensor(v, strength, g.law(np.dtype(dtype)), flux.mixed, work).copy()
        for tensor in (deferred, held):
            out = np.empty_like(v)
            operator.diffuse(v, tensor, -1.0, False, out, work)
            np.testing.assert_allclose(out, expected, rtol=0, atol=200 * tolerance)
            both = v.copy()
            operator.diffuse(v, tensor, -1.0, True, both, work)
            np.testing.assert_allclose(both, v + out, rtol=0, atol=200 * tolerance)
        single = DeferredTensor(v[:1], strength[:1], g.law(np.dtype(dtype)), flux.mixed)
        out = np.empty_like(v[:1])
        operator.diffuse(single.steers, single, -1.0, False, out, work)
        D = naive.tensor(flux, naive.structure(v[:1].astype(float), [0.5], 0.3, SPACING))
        np.testing.assert_allclose(out[0], naive.divergence(D, v[0].astype(float), 0.3, SPACING),
                                   rtol=0, atol=200 * tolerance)


@dtypes
@every_shape
@pytest.mark.parametrize("sigma", [0.0, 0.5, 2.0])
def test_smoothing_is_scipys_and_its_own_transpose(shape, sigma, dtype, tolerance):
    u, scales = random((2,) + shape, dtype), ScaleSpace([0.0, sigma] if sigma else [0.0])
    scales = scales.spaced(SPACING)
    found = scales.smooth(u, Workspace())
    expected = [naive.smooth(plane, own, SPACING) for plane in u.astype(float)
                for own in scales.sigmas]
    np.testing.assert_allclose(found, expected, rtol=0, atol=4 * tolerance)
    z, out = random(found.shape, dtype, 1), u.copy()
    scales.add_adjoint(z, 0.5, out, Workspace())
    left = np.vdot((out - u).astype(float), u.astype(float))
    right = 0.5 * np.vdot(np.tile(scales.strength, 2)[:, None, None, None] * found.astype(float),
                          z.astype(float))
    size = np.linalg.norm(u) * np.linalg.norm(z) * scales.strength.sum()
    assert abs(left - right) <= 10 * tolerance * size


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 2, 2), (5, 3, 40)])
def test_parities(shape):
    """Volumes of cells continue about their first and last values, with either sign."""
    scales = ScaleSpace([1.3]).spaced(SPACING)
    for parities in ((EVEN, EVEN, EVEN), (EVEN, ODD, ODD), (ODD, EVEN, ODD)):
        u = random((1,) + shape)
        for axis, parity in zip((3, 2, 1), parities, strict=True):
            if parity == ODD:
                ends = np.moveaxis(u, axis, 0)
                ends[0], ends[-1] = 0, 0
        far, wide = 12, u[0]
        for axis, parity in zip((2, 1, 0), parities, strict=True):
            pad = [(0, 0)] * 3
            pad[axis] = far, far
            sign = "even" if parity == EVEN else "odd"
            wide = np.pad(wide, pad, mode="reflect", reflect_type=sign)
        out = np.empty_like(u)
        scales.apply(u, np.ones(1), False, out, Workspace(), parities)
        expected = ndimage.gaussian_filter(wide, 1.3 / np.array(SPACING), truncate=4)
        np.testing.assert_allclose(out[0], expected[far:-far, far:-far, far:-far], atol=1e-13)
    assert PIXELS not in (EVEN, ODD)
