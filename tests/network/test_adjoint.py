"""The adjoint of every network, and that its tests catch what is wrong."""

import concurrent.futures
import tracemalloc

import numpy as np
import pytest

import pdenet
from pdenet.kernels import dictionary

from ..gradients import SLOPES, check_close_eigenvalues, check_gradient, image, networks
from ..mutants import assert_all_are_killed
from ..table import ALL_MODELS
from ..test_properties import every_model

CASES = {name: (channels, network) for name, channels, network in networks()}


@pytest.mark.parametrize("name", CASES)
def test_gradient(name):
    channels, network = CASES[name]
    for seed in range(2):
        check_gradient(network, image(channels, seed), -1 if channels > 1 else None, seed)


@every_model
def test_gradient_of_every_model(case):
    check_gradient(case.network(30.0, steps=3), case.image(scale=20.0), case.channel_axis)


@every_model
def test_gradient_in_float32_follows_float64(case):
    network, u = case.network(30.0, steps=4), case.image(scale=20.0)
    cotangent = case.image(3)
    (_, double), (out, single) = (network.vjp(u.astype(dtype), channel_axis=case.channel_axis)
                                  for dtype in (float, np.float32))
    assert out.dtype == np.float32
    (u64, g64), (u32, g32) = double(cotangent), single(cotangent)
    assert u32.dtype == np.float32
    assert np.abs(u32 - u64).max() <= 1e-3 * np.abs(u64).max()
    for name, value in g64.items():
        assert np.abs(g32[name] - value).max() <= 1e-3 * np.abs(value).max()


@pytest.mark.parametrize("diffusivity", ["rational", "charbonnier", "weickert"])
@pytest.mark.parametrize("coupling", ["isotropic", "anisotropic", "uncoupled"])
def test_gradient_of_every_diffusivity(diffusivity, coupling):
    network = pdenet.models.multiscale(40.0, sigmas=[0.0, 1.0], weights=[0.8, 0.5], steps=3,
                                       tau=0.1, coupling=coupling, diffusivity=diffusivity)
    check_gradient(network, image(1))


class Own:
    """A user's diffusivity: rational to the power 3/2, with a contrast, not a dataclass."""

    def __init__(self, contrast):
        self.contrast = contrast

    def g(self, x):
        return (1 + x / self.contrast**2)**-1.5

    def derivative(self, x):
        return -1.5 / self.contrast**2 * (1 + x / self.contrast**2)**-2.5

    def potential(self, x):
        return 2 * self.contrast**2 * (1 - (1 + x / self.contrast**2)**-0.5)


@pytest.mark.parametrize("coupling", ["isotropic", "anisotropic", "uncoupled"])
def test_gradient_of_a_users_diffusivity(coupling):
    network = pdenet.models.multiscale(None, sigmas=[0.0, 1.0], weights=[0.8, 0.5], steps=3,
                                       tau=0.1, coupling=coupling, diffusivity=Own(40.0))
    check_gradient(network, image(1))


def test_a_contrast_that_is_none_is_refused():
    class Wrong(Own):
        def g(self, x):
            return (1 + x / self.contrast)**-1.5
    with pytest.raises(ValueError, match="must be a function of x / contrast"):
        pdenet.Isotropic(Wrong(5.0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("diffusivity", SLOPES)
def test_derivative_where_eigenvalues_are_close(diffusivity, dtype):
    check_close_eigenvalues(diffusivity, dtype)


def pull_back(channels, network, seed=1):
    axis = -1 if channels > 1 else None
    return network.vjp(image(channels, seed), channel_axis=axis)[1](image(channels, 5))


def assert_equal(found, expected):
    np.testing.assert_array_equal(found[0], expected[0])
    for name, value in expected[1].items():
        np.testing.assert_array_equal(found[1][name], value)


def test_layers_kept_or_computed_again_are_the_same(monkeypatch):
    cases = list(CASES.values())
    expected = [pull_back(*case) for case in cases]
    monkeypatch.setattr("pdenet.network.adjoint.KEPT", 0)
    for case, values in zip(cases, expected, strict=True):
        assert_equal(pull_back(*case), values)


@pytest.mark.parametrize("name", [name for name in CASES if "same-sigmas" in name])
def test_layers_that_diffuse_and_steer_are_smoothed_once(name, monkeypatch):
    expected = pull_back(*CASES[name])
    monkeypatch.setattr("pdenet.scheme.block.np.array_equal", lambda *arrays: False)
    assert_equal(pull_back(*CASES[name]), expected)


def test_pullback_from_several_threads():
    channels, network = CASES["Anisotropic-0.6-separate-3"]
    _, pullback = network.vjp(image(3), channel_axis=-1)
    cotangents = [image(3, seed) for seed in range(6)]
    expected = [pullback(cotangent) for cotangent in cotangents]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            for found, values in zip(pool.map(pullback, cotangents), expected, strict=True):
                assert_equal(found, values)


def test_the_image_may_change_before_the_pullback():
    network, u = ALL_MODELS["multiscale-anisotropic"].network(), image(1)
    _, pullback = network.vjp(u)
    expected = pullback(u.copy())
    cotangent = u.copy()
    u[:] = 0
    assert_equal(pullback(cotangent), expected)


def test_pullback_may_be_called_again():
    network, u = ALL_MODELS["multiscale-anisotropic"].network(), image(1)
    out, pullback = network.vjp(u)
    first = pullback(u)
    keep = first[0].copy(), out.copy()
    np.testing.assert_array_equal(pullback(2 * u)[0], 2 * keep[0])
    np.testing.assert_array_equal(first[0], keep[0])
    np.testing.assert_array_equal(out, keep[1])


def test_loss_and_gradient_is_the_mean_over_images_for_any_number_of_workers():
    network = ALL_MODELS["multiscale-anisotropic"].network(30.0, steps=3)
    noisy = np.stack([image(1, seed) for seed in range(5)])
    clean = np.stack([image(1, seed + 9) for seed in range(5)])
    results = [network.loss_and_gradient(noisy, clean, workers=workers) for workers in (1, 2, 3)]
    for loss, gradient in results[1:]:
        assert loss == results[0][0]
        for name, value in gradient.items():
            np.testing.assert_array_equal(value, results[0][1][name])
    loss, gradient = results[0]
    singles = [network.loss_and_gradient(a, b) for a, b in zip(noisy, clean, strict=True)]
    assert loss == pytest.approx(np.mean([single[0] for single in singles]), rel=1e-13)
    outs = np.stack([network(u) for u in noisy])
    assert loss == pytest.approx(np.mean((outs - clean)**2), rel=1e-13)
    for name, value in gradient.items():
        np.testing.assert_allclose(value, np.mean([single[1][name] for single in singles], axis=0),
                                   rtol=1e-12)


def test_loss_and_gradient_of_colour():
    network = ALL_MODELS["multiscale-colour"].network(30.0, steps=2)
    noisy = np.stack([image(3, seed) for seed in range(2)])
    clean = np.stack([image(3, seed + 9) for seed in range(2)])
    last = network.loss_and_gradient(noisy, clean, channel_axis=-1)
    second = network.loss_and_gradient(np.moveaxis(noisy, -1, 1), np.moveaxis(clean, -1, 1),
                                       channel_axis=1)
    assert last[0] == second[0]
    np.testing.assert_array_equal(last[1]["beta"], second[1]["beta"])
    assert network.loss_and_gradient(noisy[0], clean[0], channel_axis=-1)[0] > 0


@pytest.mark.parametrize("noisy, clean, axis, message", [
    (np.zeros((3, 4)), np.zeros((4, 3)), None, r"same shape; got \(1, 3, 4\)"),
    (np.zeros(3), np.zeros(3), None, r"shape \(H, W\) or \(N, H, W\)"),
    (np.zeros((2, 3, 4, 5)), np.zeros((2, 3, 4, 5)), None, r"shape \(H, W\) or \(N, H, W\)"),
    (np.zeros((2, 3, 4, 5)), np.zeros((2, 3, 4, 5)), 0, "channel_axis must be another axis"),
    (np.full((3, 4), np.nan), np.zeros((3, 4)), None, "12 of its values are NaN"),
    (np.zeros((0, 3, 4)), np.zeros((0, 3, 4)), None, "N >= 1"),
    (np.zeros((9, 8, 3)), np.zeros((9, 8, 3)), None, "did you mean channel_axis=-1"),
    (np.zeros((2, 3, 4, 5)), np.zeros((2, 3, 4, 5)), True, "channel_axis must be another axis")])
def test_bad_pairs(noisy, clean, axis, message):
    with pytest.raises(ValueError, match=message):
        pdenet.models.eed(5.0).loss_and_gradient(noisy, clean, channel_axis=axis)


@pytest.mark.parametrize("cotangent, error, message", [
    (np.zeros((5, 4)), ValueError, r"shape of the image, \(4, 5\); got \(5, 4\)"),
    (np.full((4, 5), np.nan), ValueError, "cotangent must be finite"),
    (None, TypeError, "cotangent must hold real numbers"),
    (np.full((4, 5), 1e60), ValueError, "cotangent values must be at most 1e30")])
def test_bad_cotangent(cotangent, error, message):
    _, pullback = pdenet.models.eed(5.0).vjp(np.zeros((4, 5), np.float32))
    with pytest.raises(error, match=message):
        pullback(cotangent)


# Mutants: each changes one place of the source; the checks above have to notice. ----------

MUTANTS = [
    ("scheme/block.py", "steers = steers[:]", "steers = steers"),
    ("scheme/block.py", "gradient[name] = -2 * tau", "gradient[name] = -2.002 * tau"),
    ("scheme/block.py", '"beta": flux_sums + structure_sums}',
     '"beta": flux_sums + 1.01 * structure_sums}'),
    ("scheme/block.py", "float(2 * tau / self", "float(2.002 * tau / self"),
    ("scheme/block.py", "-= float(self.scales.strength @ flux_sums)",
     "-= 1.001 * float(self.scales.strength @ flux_sums)"),
    ("scheme/block.py", "self.scales.add_adjoint(z, -tau, own",
     "self.scales.add_adjoint(z, -1.001 * tau, own"),
    ("scheme/block.py", 'z = self.scales.smooth(diffusing, work.part("cotangent"))',
     'z = 1.001 * self.scales.smooth(diffusing, work.part("cotangent"))'),
    ("scheme/block.py", 'by_strength["integration"] = by_average / 2',
     'by_strength["integration"] = by_average / 2.002'),
    ("scheme/tensors.py", "3: (2, 2, 2)", "3: (1, 1, 1)"),
    ("scheme/integration.py", "C += structure.dtype.type(weight) * part", "C += part"),
    ("scheme/integration.py", "products += count * (smoothed", "products = count * (smoothed"),
    ("scheme/gradient.py", "return EVEN, EVEN, ODD", "return EVEN, EVEN, EVEN"),
    ("scheme/gradient.py", "return EVEN, EVEN, ODD", "return 0, 0, ODD"),
    ("kernels/cell_formulas.py", "along = change * b - (change - h)",
     "along = (one * 1.001) * change * b - (change - h)"),
    ("kernels/cell_formulas.py", "along = change * b - (change - h)",
     "along = change * b - (change + h)"),
    ("scheme/coherence.py", "along = slope * direction[0] - (slope - share)",
     "along = slope * direction[0] - 1.001 * (slope - share)"),
    ("kernels/laws.py", "return -ln2 * (s + s) * exp2(-s) / x",
     "return -ln2 * (s + s) * 1.001 * exp2(-s) / x"),
    ("scheme/block.py", 'adjoint = getattr(self.flux, "derivative_adjoint", self.flux.derivative)',
     "adjoint = self.flux.derivative"),
    ("scheme/fluxes.py", "changed[2 if len(direction) == 3 else 3:] *= direction", "(direction + 0)"
     "[2:] *= direction"),
    ("scheme/block.py", "np.copyto(out, cotangent)", "np.multiply(1.001, cotangent, out=out)"),
    ("scheme/block.py", "v, z, 2 * strength, tensor", "v, z, 2.002 * strength, tensor"),
    ("scheme/block.py", "gradient.get(name, 0) + value", "gradient.get(name, 0) + 1.001 * value"),
    ("scheme/dictionary.py", 'return {"tau": -float(self', 'return {"tau": -1.001 * float(self'),
    ("scheme/dictionary.py", '"rates": -tau * by_rate', '"rates": -1.001 * tau * by_rate'),
    ("scheme/dictionary.py", '"sensitivities": by_sensitivity',
     '"sensitivities": 1.001 * by_sensitivity'),
    ("scheme/dictionary.py", "-2 / contrast * float(self", "-2.002 / contrast * float(self"),
    ("scheme/dictionary.py", "kernels.add_adjoint(u, cotangent, self",
     "kernels.add_adjoint(1.001 * u, cotangent, self"),
    ("kernels/derivative_rows.py", "fma(three, f[8], f[6])", "fma(two, f[8], f[6])"),
    ("kernels/derivative_rows.py", "increase(memory, above, same - change)",
     "increase(memory, above, same + change)"),
    ("kernels/derivative_rows.py", "x = fma(-load(memory, changes", "x = fma(load(memory, changes"),
    ("kernels/derivative_rows.py", "COUNT = (2, 1, 2,", "COUNT = (2, 1, 1,"),
    ("kernels/derivative_rows.py", "- load(memory, right + 3 * pitch)",
     "- load(memory, right + 2 * pitch)"),
    ("kernels/dictionary_weights.py", "store(memory, changes + g * pitch + j, twice)",
     "store(memory, changes + g * pitch + j, once)"),
    ("kernels/dictionary_weights.py", "first, second = fma(inside, once, first), fma(inside, twice",
     "first, second = once + first, fma(inside, twice"),
    ("kernels/dictionary_weights.py", "factor = two * factors[0, g]",
     "factor = two * two * factors[0, g]"),
    ("kernels/dictionary.py", "rows - 1:  # a few rows", "rows - 2:  # a few rows"),
    ("kernels/dictionary.py", "memory.dtype.type(1 - 2 * (n % 2)))", "memory.dtype.type(1))"),
    ("kernels/dictionary.py", "_smooth(memory, layout, smoothing, k, rows, changes",
     "_smooth(memory, layout, smoothing, k, rows, squared"),
    ("scheme/channels.py", "return np.square(self.guiding) @ sums, sums",
     "return self.guiding @ sums, sums"),
    ("scheme/channels.py", "@ sums, sums @ scales.strength",
     "@ sums, 1.001 * sums @ scales.strength"),
    ("scheme/channels.py", "factor * weight**2, out[m:m + 1]", "factor * weight, out[m:m + 1]"),
    ("scheme/data_terms.py", '"tau": self.rate * product', '"tau": 1.001 * self.rate * product'),
    ("scheme/data_terms.py", '"reaction": tau * product', '"reaction": 1.001 * tau * product'),
    ("scheme/data_terms.py", "out -= part", "out -= 1.002 * part"),
    ("scheme/data_terms.py", "given += part", "given += 1.002 * part"),
    ("scheme/fluxes.py", "self.diffusivity.derivative(structure) * direction",
     "self.diffusivity.derivative(structure) * 1.001 * direction"),
    ("scheme/fluxes.py", "own = self.diffusivity.derivative(nu)",
     "own = self.diffusivity.derivative(nu) * 1.001"),
    ("scheme/tensors.py", "mixed *= 2 * cell", "mixed *= 1.998 * cell"),
    ("scheme/tensors.py", "s11 * b11 + s12 * b22, s21 * b11", "s11 * b11, s21 * b11"),
    ("scheme/operators.py", "self.diffuse(steers, change, 1, False", "self.diffuse(steers, change, "
     "1.001, False"),
    ("kernels/cell_formulas.py", "fma(wx, Y, fma(wy, X, xy))", "fma(wx + wx, Y, xy)"),
    ("kernels/cell_formulas.py", "mixed = (mixed + mixed) * divided",
     "mixed = mixed * (one + one * 0.999) * divided"),
    ("kernels/cell_formulas.py", "middle + radius, middle - radius", "middle, middle + radius"),
    ("kernels/cell_formulas.py", "from_eigenvectors(s1 * b11, s2 * b22, mixed",
     "from_eigenvectors(s1 * b11, (one * 1.001) * s2 * b22, mixed"),
    ("kernels/cell_formulas.py", "fma(change, cos2, -mixed * sin2)",
     "fma(change, cos2, mixed * sin2)"),
    ("kernels/cell_formulas.py", "fma(right, more, left * less)", "fma(right, more, right * less)"),
    ("kernels/laws.py", "return ln2 * g", "return 1.001 * ln2 * g"),
    ("kernels/cell_rows.py", "mixed * fma(-stencil.gamma * sign, twists, xy)", "mixed * xy"),
    ("kernels/cell_rows.py", "flux[0] + change[0]", "flux[0] + number(1.001) * change[0]"),
    ("kernels/cell_rows.py", "linear = Stencil(stencil.structure_twist, number(0), ",
     "linear = Stencil(stencil.structure_twist, stencil.gamma, "),
    ("kernels/cell_rows.py", "linear = Stencil(stencil.structure_twist, number(0), ",
     "linear = Stencil(stencil.twist, number(0), "),
    ("kernels/planes.py", "source.law, mixed, scaled,\n" + 23 * " " + "stencil.structure_twist,",
     "source.law, mixed, scaled, stencil.twist,"),
    ("kernels/cell_rows.py", "trace = law.factor * slope(law.rule, g, x, one) * trace",
     "trace = number(1.001) * law.factor * slope(law.rule, g, x, one) * trace"),
    ("kernels/cell_rows.py", "xx - yy, mixed * xy\n", "xx - yy, xy\n"),
    ("kernels/cell_rows.py", "B = (xx + yy) + twists", "B = (xx + yy) + number(1.001) * twists"),
    ("kernels/planes.py", "halves if i == 0 or i == rows else measure", "measure"),
    ("kernels/planes.py", "memory[measure], memory[measure + columns] = number(0.5), number(0.5)",
     "memory[measure] = number(0.5)"),
    ("network/adjoint.py", "return cotangent, {name: value if", "cotangent[0, 2, 3] *= 1.001\n    "
     "return cotangent, {name: value if"),
    ("network/adjoint.py", "reversed(list(enumerate(_steps(network, mask))))",
     "reversed(list(enumerate(_steps(network, mask)))[1:])"),
    ("network/adjoint.py", "parameters.slot(network, name, k)",
     "parameters.slot(network, name, 0)"),
]
MUTANTS += [
    ("kernels/masked_cells.py", "y = fma(cell.turn, p, cell.give * more)",
     "y = fma(cell.turn, p, more)"),
    ("kernels/masked_cells.py", "x = fma(cell.give, p, cell.turn * more)",
     "x = fma(cell.whole, p, cell.turn * more)"),
    ("kernels/masked_cells.py", "above(cell.whole, half, less, cell.left * y)",
     "above(cell.whole, half, less, cell.right * y)"),
    ("kernels/cell_rows.py", "part = part * weight_of(", "part = 1.01 * part * weight_of("),
    ("kernels/gaussian.py", "lanes) * load(factors, place + j * lanes))", "lanes))"),
    ("kernels/gaussian.py", "load(after, k) * s0, load(after, k + lanes) * s1", "s0, s1"),
    ("kernels/second_order.py", "weights[3, i + 1, j + 1] * (below[left] - v)",
     "weights[3, i + 1, j] * (below[left] - v)"),
    ("network/adjoint.py", "cotangent += kept", "cotangent += 0 * kept"),
]
CODE = """
import sys
import tracemalloc
from tests.gradients import (check_close_eigenvalues, check_gradient, check_slope, image,
                             networks)
check_close_eigenvalues("exponential", "f4")
mask = image(1)[:5, :6] > 95
for check in (check_slope, check_gradient)[:1 if sys.argv[1] == "none" else 2]:
    for name, channels, network in networks():
        if name.endswith("1") and ("0.6" in name or "Laplacian" in name):
            check(network, image(1)[:5, :6])
        if name in ("Anisotropic-0-tied-1", "Isotropic-0.6-separate-1", "Laplacian-tied-1",
                    "Anisotropic-0.6-average-tied-1"):
            check(network, image(1)[:5, :6], mask=mask)
        if name.startswith("guides-1-Gradient"):
            check(network, image(3)[:5, :6], -1)
"""


def test_every_mutant_is_killed(tmp_path):
    assert_all_are_killed(tmp_path, CODE, MUTANTS)


@every_model
@pytest.mark.parametrize("kept", [0, 2**28])
def test_peak_memory_is_what_the_docstring_says(case, kept, monkeypatch):
    monkeypatch.setattr("pdenet.network.adjoint.KEPT", kept)
    steps = 6
    network, u = case.network(30.0, steps=steps), case.image(shape=(150, 170)).astype(np.float32)

    def work():
        _, pullback = network.vjp(u, channel_axis=case.channel_axis)
        pullback(u)
    work()
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1] * case.channels / u.nbytes
    tracemalloc.stop()
    averaged = network.integration is not None
    exact = getattr(network.operator, "fused", False) and network.flux.compiled and not averaged
    M, T = case.channels, 0 if exact else 1 if network.flux.mixed is None else 3
    L, S = (0 if part is None or part.reach == 0 else part.sigmas.size
            for part in (network.scales, network.steering))
    assert S == 0 or not np.array_equal(network.scales.sigmas, network.steering.sigmas)
    T *= 2 if averaged else 1
    layers = M * L + M * S + M + T
    expected = (steps * layers if kept else steps * M + layers) + M * L + M * S + T + 5 * M
    expected += min(max(L, S), 2)  # to smooth with
    if network.dictionary is not None:
        expected += (412 + 603 * M) * dictionary.layout_of(170, u).pitch / (150 * 170)
    assert 0.8 * expected < peak < (1.2 * expected if exact else expected + 55), (peak, expected)
