"""What are the vectors of `pdenet.kernels.vectors_llvm` worth? The same formulas in plain loops.

    python -m benchmarks.plain_loops            half a minute; the same rows as in `filters`
    python -m benchmarks.plain_loops --quick    few rounds

The formulas of `pdenet.kernels.cell_formulas` are compiled here for numbers, in loops along a row
of cells that LLVM vectorises by itself where it can, row after row, so that what lies between stays
in the cache. exp2 is once that of the library, as one would write it, a call that keeps LLVM from
vectorising, and once the polynomial that vectors have, written for numbers without a branch. The
results must be those of the package to rounding. `smooth` does the same for the Gaussians, see
`smoothing`.
"""

import functools
import math
import types

import numba
import numpy as np

from pdenet import models
from pdenet.experiments import figure4
from pdenet.kernels import cell_formulas, laws
from pdenet.kernels.compiler import OPTIONS
from pdenet.kernels.formulas import formula
from pdenet.kernels.laws import EXPONENTIAL, Law
from pdenet.kernels.planes import scaled_for_tensor
from pdenet.kernels.vectors import fma
from pdenet.kernels.workspace import Workspace

from . import script, timing
from .images import random_image

CONTRAST, TAU = 30.0, 0.2
TOLERANCE = 8 * np.finfo(np.float32).eps  # of the largest value

compiled, inlined = numba.njit(**OPTIONS), numba.njit(**OPTIONS, forceinline=True)


# What `vectors` says, of numbers in float32 -------------------------------------------------------


@inlined
def quotient(x, y):
    return x / y if y > 0 else y - y


@inlined
def above(x, bound, y, z):
    return y if x > bound else z


@inlined
def library(t):
    """exp2 of the library."""
    return np.exp2(t)


SERIES = tuple(np.float32(math.log(2)**k / math.factorial(k)) for k in range(7))
LOWEST, ROUNDING = np.float32(-126), np.float32(1.5 * 2**23)


@inlined
def polynomial(t):
    """exp2 as `vectors_llvm` compiles it."""
    t = max(t, LOWEST)
    total = t + ROUNDING
    r = t - (total - ROUNDING)
    x = r * r
    evens = fma(fma(fma(SERIES[6], x, SERIES[4]), x, SERIES[2]), x, SERIES[0])
    odds = fma(fma(SERIES[5], x, SERIES[3]), x, SERIES[1])
    bits = np.float32(total).view(np.int32) << np.int32(23)
    return fma(r, odds, evens) * np.int32(bits + np.int32(127 << 23)).view(np.float32)


def formulas(exp2):
    """The formulas of the package, compiled for numbers with this exp2, by name."""
    found = {"quotient": quotient, "above": above, "exp2": exp2}
    for module in (laws, cell_formulas):
        for name, value in vars(module).items():  # in their order: each after those that it calls
            if isinstance(value, formula) and name not in found:
                found[name] = inlined(types.FunctionType(value.py_func.__code__,
                                                         vars(module) | found, name))
    return types.SimpleNamespace(**found)


# Along a row of pixels or cells ------------------------------------------------------------------


@inlined
def mirror(row, target):
    """A row of pixels with one more at either end, the mirror image of the last."""
    for j in range(row.size):
        target[j + 1] = row[j]
    target[0], target[row.size + 1] = row[0], row[row.size - 1]


@inlined
def gradient(top, bottom, j):
    a, b, c, d = top[j], top[j + 1], bottom[j], bottom[j + 1]
    return (b - a) + (d - c), d - b, c - a


@inlined
def gather(base, scale, over, under, out):
    """out = base + scale K' of the fluxes in the rows of cells over and under a row of pixels."""
    for j in range(out.size):
        along = (over[0, j] + over[1, j]) + (over[2, j + 1] - over[0, j + 1])
        across = (under[0, j] - under[1, j]) - (under[0, j + 1] + under[2, j + 1])
        out[j] = fma(scale, along + across, base[j])


# Over an image -----------------------------------------------------------------------------------


def one_layer(flux_row):
    """The explicit step of one layer that steers itself, from the loop along a row of cells."""
    @compiled
    def step(u, strength, law, stencil, scale, out):
        rows, columns = u.shape
        pixels = np.empty((2, columns + 2), u.dtype)
        fluxes = np.empty((2, 3, columns + 1), u.dtype)
        mirror(u[0], pixels[0])
        for i in range(rows + 1):
            top, bottom = pixels[i % 2], pixels[(i + 1) % 2]
            over, under = fluxes[(i + 1) % 2], fluxes[i % 2]
            mirror(u[min(i, rows - 1)], bottom)
            flux_row(top, bottom, strength, law, stencil, under[0], under[1], under[2])
            if i > 0:
                gather(u[i - 1], scale, over, under, out[i - 1])
    return step


def isotropic(exp2):
    """The explicit step with D = g(tr J) I, all in one loop."""
    cell = formulas(exp2)
    unit_flux, product, times, response = cell.unit_flux, cell.product, cell.times, cell.response

    @inlined
    def flux_row(top, bottom, strength, law, stencil, p, more, less):
        for j in range(p.size):
            x = gradient(top, bottom, j)
            flux = unit_flux(x, stencil.twist)
            g = response(EXPONENTIAL, strength * product(x, flux), np.float32(1))
            p[j], more[j], less[j] = times(g, flux)
    return one_layer(flux_row)


def anisotropic(exp2):
    """The explicit step with D = g(J), all in one loop."""
    cell = formulas(exp2)
    add_outer_product, tensor_response, tensor_flux = (
        cell.add_outer_product, cell.tensor_response, cell.tensor_flux)

    @inlined
    def flux_row(top, bottom, strength, law, stencil, p, more, less):
        zero, one, law = np.float32(0), np.float32(1), Law(EXPONENTIAL, law.factor)
        for j in range(p.size):
            x = gradient(top, bottom, j)
            xx, yy, xy, twists = add_outer_product(x, x, strength, stencil.twist,
                                                   (zero, zero, zero, zero))
            tensor = tensor_response(law, ((xx + yy) + twists, xx - yy, xy), one)
            p[j], more[j], less[j] = tensor_flux(x, tensor, stencil)
    return one_layer(flux_row)


def layers(exp2):
    """out_n = K' M(D) K v_n with D = g(J) of all layers: a loop for each layer, as LLVM vectorises
    innermost loops alone, with J in memory between them."""
    cell = formulas(exp2)
    add_outer_product, tensor_response, tensor_flux = (
        cell.add_outer_product, cell.tensor_response, cell.tensor_flux)

    @inlined
    def add_structure(top, bottom, strength, twist, xx, yy, xy, twists):
        for j in range(xx.size):
            x = gradient(top, bottom, j)
            xx[j], yy[j], xy[j], twists[j] = add_outer_product(
                x, x, strength, twist, (xx[j], yy[j], xy[j], twists[j]))

    @inlined
    def respond(law, xx, yy, xy, twists):
        one, law = np.float32(1), Law(EXPONENTIAL, law.factor)
        for j in range(xx.size):
            xx[j], yy[j], xy[j] = tensor_response(
                law, ((xx[j] + yy[j]) + twists[j], xx[j] - yy[j], xy[j]), one)

    @inlined
    def flux_row(top, bottom, m, d, o, stencil, p, more, less):
        for j in range(p.size):
            p[j], more[j], less[j] = tensor_flux(gradient(top, bottom, j), (m[j], d[j], o[j]),
                                                 stencil)

    @compiled
    def flux(v, strength, law, stencil, scale, out):
        count, rows, columns = v.shape
        pixels = np.empty((2, count, columns + 2), v.dtype)
        fluxes = np.empty((2, count, 3, columns + 1), v.dtype)
        tensor, nothing = np.empty((4, columns + 1), v.dtype), np.zeros(columns, v.dtype)
        for n in range(count):
            mirror(v[n, 0], pixels[0, n])
        for i in range(rows + 1):
            now, then = i % 2, (i + 1) % 2
            tensor[:] = 0
            for n in range(count):
                mirror(v[n, min(i, rows - 1)], pixels[then, n])
                add_structure(pixels[now, n], pixels[then, n], strength[n], stencil.twist,
                              tensor[0], tensor[1], tensor[2], tensor[3])
            respond(law, tensor[0], tensor[1], tensor[2], tensor[3])
            for n in range(count):
                over, under = fluxes[then, n], fluxes[now, n]
                flux_row(pixels[now, n], pixels[then, n], tensor[0], tensor[1], tensor[2], stencil,
                         under[0], under[1], under[2])
                if i > 0:
                    gather(nothing, scale, over, under, out[n, i - 1])
    return flux


@compiled
def smooth(v, taps, between, out):
    """Gaussian smoothing tap by tap along the rows, in both passes."""
    rows, columns = v.shape
    radius = taps.size // 2
    padded = np.empty(columns + 2 * radius, v.dtype)
    for i in range(rows):
        between[i] = 0
        for k in range(taps.size):
            source = (i + k - radius) % (2 * rows)
            row = v[min(source, 2 * rows - 1 - source)]
            for j in range(columns):
                between[i, j] += taps[k] * row[j]
    for i in range(rows):
        for j in range(padded.size):
            source = (j - radius) % (2 * columns)
            padded[j] = between[i, min(source, 2 * columns - 1 - source)]
        out[i] = 0
        for k in range(taps.size):
            for j in range(columns):
                out[i, j] += taps[k] * padded[j + k]


# Beside the package ------------------------------------------------------------------------------


def single_scale(network, u):
    """The package's step for a plane and its result; the arguments of a plain one but for `out`."""
    block, whole = network.block, (0, u.shape[0], 0, u.shape[1])
    planes, result = u[np.newaxis], np.empty_like(u[np.newaxis])
    law, mixed = block.flux.diffusivity.law(u.dtype), block.flux.mixed
    strength = scaled_for_tensor(block.scales.strength.astype(u.dtype), law, mixed)[0]
    scale = np.float32(-0.25 * TAU * block.scales.strength[0])
    step = functools.partial(block.explicit_steps, (TAU,), planes, planes[:0], whole, whole, result)
    return step, result[0], (u, strength, law, block.operator.stencil(u.dtype), scale)


def several_scales(network, u):
    """The package's flux of the layers of a plane, likewise."""
    block, work = network.block, Workspace()
    v, _, tensor = block.layers(u[np.newaxis], work)
    result = np.empty_like(v)
    strength = scaled_for_tensor(tensor.strength, tensor.law, tensor.mixed)
    flux = functools.partial(block.operator.diffuse, v, tensor, 1.0, False, result, work)
    return flux, result, (v, strength, tensor.law, block.operator.stencil(u.dtype),
                          np.float32(0.25))


CASES = {
    "Perona-Malik": (single_scale, models.perona_malik(CONTRAST), isotropic),
    "anisotropic": (single_scale, models.weickert_brox(CONTRAST), anisotropic),
    "flux of eight scales": (several_scales, models.multiscale(CONTRAST, sigmas=figure4.SIGMAS),
                             layers)}


def compare(size, rounds):
    """One explicit step of an image, or what a step has beside smoothing, on one thread."""
    u, candidates, rows = random_image(size, size), {}, []
    for name, (prepare, network, build) in CASES.items():
        candidates[name, "pdenet"], result, arguments = prepare(network, u)
        candidates[name, "pdenet"]()
        for exp2 in (library, polynomial):
            out, function = np.empty_like(result), build(exp2)
            candidates[name, exp2.__name__] = functools.partial(function, *arguments, out)
            candidates[name, exp2.__name__]()
            deviation = float(np.abs(out - result).max() / np.abs(result).max())
            if not deviation <= TOLERANCE:
                raise SystemExit(f"{name} in plain loops deviates by {deviation:.1e}")
    seconds = timing.interleave(candidates, rounds, calls=3)
    print(f"\nThe same formulas in plain loops, {size} x {size}, float32, one thread")
    for (name, what), value in seconds.items():
        kind = what if what == "pdenet" else f"plain loops, exp2 by the {what}"
        rows.append(("plain loops", size, f"{name}, {kind}", value * 1e9 / size**2,
                     value / seconds[name, "pdenet"], ""))
        print("  {:58}{:8.2f} ns  {:6.2f} of pdenet".format(*rows[-1][2:5]))
    return rows


def main():
    quick = script.is_quick(__doc__)
    print(script.machine())
    compare(512, 7 if quick else 31)


if __name__ == "__main__":
    main()
