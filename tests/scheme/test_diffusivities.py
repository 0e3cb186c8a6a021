import numpy as np
import pytest
from scipy import integrate

import pdenet
from pdenet.scheme.diffusivities import DIFFUSIVITIES

FORMULAS = {
    "exponential": lambda y: np.exp(-y / 2), "rational": lambda y: 1 / (1 + y),
    "charbonnier": lambda y: 1 / np.sqrt(1 + y),
    "weickert": lambda y: -np.expm1(-3.31488 / np.maximum(y, 1e-300)**4),
    "coherence": lambda y: -np.expm1(-1 / np.maximum(y, 1e-300)**2)}
each = pytest.mark.parametrize("name", DIFFUSIVITIES)


@each
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_formula(name, dtype):
    x = np.concatenate([[0], np.geomspace(1e-4, 1e8, 500)]).astype(dtype)
    g = DIFFUSIVITIES[name](7.0).g(x)
    assert g.dtype == dtype and g[0] == 1
    with np.errstate(over="ignore", divide="ignore"):
        expected = FORMULAS[name](x.astype(float) / 49)
    np.testing.assert_allclose(g, expected, rtol=0, atol=4 * np.finfo(dtype).eps)


@each
def test_derivative_and_potential(name):
    diffusivity = DIFFUSIVITIES[name](3.0)
    x = np.geomspace(1e-2, 1e3, 60)
    h = 1e-5 * x
    slope = (diffusivity.g(x + h) - diffusivity.g(x - h)) / (2 * h)
    np.testing.assert_allclose(diffusivity.derivative(x), slope, rtol=1e-6, atol=1e-9)
    area = [integrate.quad(lambda t: FORMULAS[name](t / 9), 0, end, limit=200,
                           points=[9.0] if end > 9 else None)[0] for end in x]
    np.testing.assert_allclose(diffusivity.potential(x), area, rtol=1e-7)
    assert diffusivity.potential(np.zeros(1))[0] == 0
    assert np.isfinite(diffusivity.derivative(np.zeros(1)))[0]


class Huber:
    """A user's own diffusivity, without contrast attribute or compiled rule."""

    def g(self, x):
        return np.minimum(1, 5 / np.sqrt(np.maximum(x, 1e-30)))

    def derivative(self, x):
        return np.where(x > 25, -2.5 * np.maximum(x, 25)**-1.5, 0.0)

    def potential(self, x):
        return np.where(x > 25, 10 * np.sqrt(x) - 25, x)


class OwnRational:
    """The rational diffusivity as a user would write it."""

    def __init__(self, contrast):
        self.contrast = contrast

    def g(self, x):
        return 1 / (1 + x / self.contrast**2)

    def derivative(self, x):
        return -self.g(x)**2 / self.contrast**2

    def potential(self, x):
        return self.contrast**2 * np.log1p(x / self.contrast**2)


@pytest.mark.parametrize("filter_", [pdenet.perona_malik, pdenet.eed, pdenet.multiscale,
                                     pdenet.you_kaveh, pdenet.weickert_1994])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_own_diffusivities_serve_everywhere(filter_, dtype):
    image = np.random.default_rng(0).normal(100, 20, (20, 25)).astype(dtype)
    own = filter_(image, diffusivity=OwnRational(9.0), time=2.0)
    named = filter_(image, diffusivity="rational", contrast=9.0, time=2.0)
    assert own.dtype == dtype
    np.testing.assert_allclose(own, named, rtol=0, atol=2e-3 if dtype == np.float32 else 1e-10)
    assert filter_(image, diffusivity=Huber(), time=2.0).std() < image.std()


def test_own_diffusivity_has_an_energy_and_no_contrast_parameter():
    network = pdenet.models.perona_malik(None, diffusivity=Huber())
    assert set(network.parameters) == {"beta", "tau"}
    assert network.energy(np.eye(5)) > 0


class Large(Huber):
    def g(self, x):
        return 3 + 0 * x


class Flat(Huber):
    def g(self, x):
        return np.float64(1.0)


@pytest.mark.parametrize("diffusivity, contrast, error, message", [
    ("tv", 1.0, ValueError, "diffusivity must be one of exponential, rational, charbonnier, "
     "weickert, coherence or an object with g, derivative and potential; got 'tv'"),
    (Huber(), 2.0, ValueError, "contrast must be omitted where diffusivity is an object, which "
     "holds its own; got contrast=2.0"),
    (object(), None, TypeError, "diffusivity must have the methods g, derivative and potential; "
     "object has no g, derivative, potential"),
    (Large(), None, ValueError, "diffusivity.g must lie in [0, 1] (rescale time instead); "
     "got g(0) = 3"),
    (Flat(), None, ValueError, "diffusivity.g must keep the shape of its argument; "
     "got () from (34,)"),
    ("rational", 0.0, ValueError, "contrast must be a finite number > 0; got 0.0"),
    ("rational", float("nan"), ValueError, "contrast must be a finite number > 0; got nan"),
    ("rational", "5", ValueError, "contrast must be a finite number > 0; got '5'")])
def test_bad_diffusivities(diffusivity, contrast, error, message):
    with pytest.raises(error) as raised:
        pdenet.perona_malik(np.eye(4), diffusivity=diffusivity, contrast=contrast, time=1.0)
    assert str(raised.value) == message
