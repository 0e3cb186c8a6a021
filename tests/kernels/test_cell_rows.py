"""The loops along a row of cells, each by itself, against plain sums over the cells of that row."""

import numpy as np
import pytest

from pdenet.kernels import cell_rows, laws
from pdenet.kernels.cell_formulas import Stencil
from pdenet.kernels.cell_rows import Given, Target
from pdenet.kernels.laws import Law
from pdenet.kernels.row_memory import Pixels, copy_layers, make_rows
from pdenet.kernels.vectors import BYTES

from .. import naive

ALPHA, GAMMA, LAYERS = 0.3, 0.6, 2
STRENGTH = np.array([0.7, 1.6])
NOTHING, RATIONAL = Law(laws.NONE, 1.0), Law(laws.RATIONAL, 0.8)
STENCIL = Stencil(2 * (1 - 2 * ALPHA), GAMMA, 2 * (1 - 2 * ALPHA))
sizes = pytest.mark.parametrize("columns", [1, 2, 16, 37])
mixes = pytest.mark.parametrize("mixed", [None, 0.0, 1.0])
# Rows of the block: v above, z above, v below, z below, then two tensors and what K' needs.
TENSOR, CHANGE, BASE, CARRY, OUT, ONES, SUMS = 8, 11, 14, 15, 16, 17, 18


class Row:
    """Two rows of pixels of v and z in a block of rows, and the samples of the cells between."""

    def __init__(self, columns, seed=0):
        rng = np.random.default_rng(seed)
        self.v, self.z = rng.normal(size=(2, LAYERS, 2, columns))
        self.block, self.columns = make_rows(20, columns, self.v), columns
        self.pitch, self.cells = self.block.pitch, columns + 1
        self.rows = self.block.memory.reshape(20, self.pitch)
        for i in range(2):
            for k, layers in enumerate((self.v, self.z)):
                copy_layers(layers, i, self.block, (4 * i + 2 * k) * self.pitch)
        self.pixels = Pixels(0, 4 * self.pitch)
        self.samples = [[np.stack(naive.samples(plane))[:, 1] for plane in layers]
                        for layers in (self.v, self.z)]
        self.rows[BASE:OUT] = rng.normal(size=(2, self.pitch))
        self.rows[ONES] = 1

    def place(self, row):
        return row * self.pitch

    def target(self):
        return Target(self.place(BASE), self.place(CARRY), self.place(OUT))

    def set_tensor(self, row, mixed, seed):
        """Random planes (m, d, o) of cells, or g of a multiple of I; returned as (m, d, o)."""
        count = 1 if mixed is None else 3
        tensor = np.zeros((3, self.cells))
        tensor[:count] = np.random.default_rng(seed).uniform(-1, 1, (count, self.cells))
        tensor[0] += 1.5
        self.rows[row:row + count, :self.cells] = tensor[:count]
        return tensor

    def found(self, row, count):
        return self.rows[row:row + count, :self.cells]


def matrices(tensor):
    m, d, o = tensor
    return np.array([[m + d, o], [o, m - d]]).transpose(2, 0, 1)


def planes(matrix):
    return np.stack([matrix[:, 0, 0] + matrix[:, 1, 1], matrix[:, 0, 0] - matrix[:, 1, 1],
                     2 * matrix[:, 0, 1]]) / 2


def flux(samples, tensor, gamma):
    """M(D) K u, written out."""
    (p, q, s), (m, d, o) = samples, tensor
    kappa = (1 - 2 * ALPHA) / 4 * 2 * (m - gamma * np.abs(o))
    return np.stack([(m + d) * p + o * q, o * p + (m - d) * q, kappa * s])


def products(row, pair, gamma=0.0, tensor=None):
    """sum_n w_n (K v_n (K z_n)' + K z_n (K v_n)') / 2, (m, d, o), with gamma's share in o."""
    total = np.zeros((3, row.cells))
    for weight, (p, q, s), (P, Q, S) in zip(STRENGTH, *pair, strict=True):
        twist = (1 - 2 * ALPHA) / 4 * s * S
        sign = 0 if tensor is None else np.sign(tensor[2])
        total += weight * np.stack([(p * P + q * Q) / 2 + twist, (p * P - q * Q) / 2,
                                    (p * Q + q * P) / 2 - gamma * sign * twist])
    return total


def shares(samples):
    """What K' of a flux gives to the pixels above the row of cells and below it."""
    P, Q, S = samples
    a, b, c, d = -P / 2 - Q / 2 + S, P / 2 - Q / 2 - S, -P / 2 + Q / 2 - S, P / 2 + Q / 2 + S
    return a[1:] + b[:-1], c[1:] + d[:-1]


def check_gathered(row, total, scale, before):
    above, below = shares(total)
    pixels = np.s_[1:row.columns + 1]
    np.testing.assert_allclose(row.rows[OUT, pixels], before[0][pixels] + scale / 4
                               * (before[1][pixels] + 4 * above), atol=1e-13)
    np.testing.assert_allclose(row.rows[CARRY, pixels], 4 * below, atol=1e-13)


@sizes
@mixes
@pytest.mark.parametrize("law", [NOTHING, RATIONAL])
def test_tensors_are_functions_of_the_layers(columns, mixed, law):
    row = Row(columns)
    scaled = STRENGTH / 8 if mixed is not None else STRENGTH / 4 * law.factor
    cell_rows.tensor_row(row.block, row.pixels, None, law, mixed, scaled, STENCIL.twist,
                         row.place(TENSOR))
    J = products(row, (row.samples[0], row.samples[0]))
    if mixed is None:
        expected = 2 * J[:1] if law is NOTHING else 1 / (1 + law.factor * 2 * J[:1])
    else:
        J[2] *= mixed
        expected = J if law is NOTHING else planes(naive.matrix_function(
            lambda x: 1 / (1 + law.factor * x), matrices(J)))
    np.testing.assert_allclose(row.found(TENSOR, len(expected)), expected, atol=1e-13)


@sizes
@pytest.mark.parametrize("mixed", [None, 1.0])
def test_a_flux_is_gathered_by_the_pixels_above_and_carried_to_those_below(columns, mixed):
    row = Row(columns)
    tensor, before = row.set_tensor(TENSOR, mixed, 1), row.rows[BASE:OUT].copy()
    cell_rows.flux_row(row.block, row.pixels, None, mixed, row.place(TENSOR), STENCIL, 0.4 / 4,
                       row.target())
    check_gathered(row, flux(row.samples[0][0], tensor, GAMMA), 0.4, before)


@sizes
def test_a_scalar_step_is_both_at_once(columns):
    row = Row(columns)
    before, (p, q, s) = row.rows[BASE:OUT].copy(), row.samples[0][0]
    cell_rows.scalar_step_row(row.block, row.pixels, None, laws.RATIONAL, 0.8 / 4, STENCIL.twist,
                              0.4 / 4, row.target())
    g = 1 / (1 + 0.8 * (p * p + q * q + (1 - 2 * ALPHA) / 2 * s * s))
    check_gathered(row, flux((p, q, s), (g, 0 * g, 0 * g), 0.0), 0.4, before)


@sizes
@mixes
@pytest.mark.parametrize("law", [NOTHING, RATIONAL])
def test_the_correlation_and_what_becomes_of_the_structure(columns, mixed, law):
    row = Row(columns)
    tensor = row.set_tensor(TENSOR, mixed, 1)
    if mixed == 0:
        tensor[2] = row.rows[TENSOR + 2] = 0
    if law is not NOTHING:  # the tensor is J >= 0
        tensor[0] += 1
        row.rows[TENSOR, :row.cells] += 1
    D, f, h = tensor, law.factor, 1e-5
    if mixed is not None and law is not NOTHING:
        D = planes(naive.matrix_function(lambda x: 1 / (1 + f * x), matrices(tensor)))
    B = products(row, row.samples, GAMMA, D)
    B[2] *= mixed or 0
    if mixed is None:
        B, D = 2 * B[:1], D[:1]
        if law is not NOTHING:
            B, D = -f * (1 + f * D)**-2 * B, 1 / (1 + f * D)
    elif law is not NOTHING:
        after, behind = (planes(naive.matrix_function(
            lambda x: 1 / (1 + f * x), matrices(tensor + step * B))) for step in (h, -h))
        B = (after - behind) / (2 * h)
    with np.errstate(invalid="ignore", divide="ignore"):
        cell_rows.correlation_row(row.block, row.pixels, None, law, mixed,
                                  STRENGTH / (4 if mixed is None else 8), STENCIL,
                                  row.place(TENSOR), row.place(CHANGE))
    np.testing.assert_allclose(row.found(TENSOR, len(D)), D, atol=1e-13)
    np.testing.assert_allclose(row.found(CHANGE, len(B)), B, atol=1e-9)


@sizes
@pytest.mark.parametrize("mixed", [None, 1.0])
@pytest.mark.parametrize("tied, steers", [(True, True), (True, False), (False, True)])
def test_the_adjoint_gathers_two_fluxes_and_sums_products(columns, mixed, tied, steers):
    row = Row(columns)
    D, C = row.set_tensor(TENSOR, mixed, 1), row.set_tensor(CHANGE, mixed, 2)
    row.rows[ONES, [0, columns]] = 0.5
    row.rows[ONES, columns + 1:] = 0
    lanes = BYTES // 8
    sums = row.block.memory[row.place(SUMS):][:2 * lanes]
    sums[:] = 3
    before, v, z = row.rows[BASE:OUT].copy(), row.samples[0][0], row.samples[1][0]
    given = Given(0, row.place(2), row.place(TENSOR) if tied else -1,
                  row.place(CHANGE) if steers else -1)
    cell_rows.adjoint_row(row.block, row.pixels, None, given, mixed, STENCIL, 0.4 / 4,
                          row.place(ONES), row.target(), row.place(SUMS))
    by_flux, by_structure = tied * flux(z, D, GAMMA), steers * flux(v, C, 0.0)
    check_gathered(row, by_flux + by_structure, 0.4, before)
    weights = row.rows[ONES, :row.cells]
    expected = [4 * np.sum(weights * (v * one).sum(0)) for one in (by_flux, by_structure)]
    np.testing.assert_allclose((sums - 3).reshape(2, lanes).sum(1), expected, atol=1e-11)
