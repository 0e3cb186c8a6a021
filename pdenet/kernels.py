"""The compiled loops over planes of cells: arrays and scalars in, the last argument is written.

Every kernel works on planes (H, W) of float32 or float64, C-contiguous, and keeps that type
throughout. What a cell is, and how rows lie in `memory`, says `cells`.
"""

import numpy as np

from .cells import (copy, copy_in, correlation_row, diffusivity_of, flux_row, make_rows,
                    mirror_ends, pitch_of, scalar_row, tensor_correlation_row, tensor_flux_row,
                    tensor_row)
from .compiling import kernel
from .lanes import BYTES, fma, load, splat, store

# Planes ---------------------------------------------------------------------------------


@kernel
def structure(v, weights, rule, factor, alpha, out):
    """Of J = sum_n w_n J(v_n), J(v) = [[p^2 + k s^2, p q], [p q, q^2 + k s^2]], k = (1-2 alpha)/4:

    out (1, H+1, W+1) = g(tr J), or out (3, H+1, W+1) = (m, d, o) of 2 g(J); with the rule NONE
    tr J and J themselves.
    """
    layers, rows, columns = v.shape
    number = v.dtype.type
    full = len(out) == 3
    twist = number(2) * (number(1) - number(2) * alpha)
    share = number(0.125) if full else number(0.25) * factor
    scaled = np.empty_like(weights)
    for n in range(layers):
        scaled[n] = share * weights[n]
    memory, pitch = make_rows(2 * layers + 3, columns, v), pitch_of(columns, v)
    half = layers * pitch  # the rows of all layers above the cells, or below
    g = 2 * half
    for i in range(rows + 1):
        top, bottom = max(i - 1, 0) % 2 * half, min(i, rows - 1) % 2 * half
        if i < rows:
            for n in range(layers):
                copy_in(v[n, i], memory, bottom + n * pitch)
        if full:
            tensor_row(memory, pitch, columns, top, bottom, rule, factor, scaled, twist, g)
        else:
            scalar_row(memory, pitch, columns, top, bottom, rule, scaled, twist, g)
        for k in range(len(out)):
            copy(memory[g + k * pitch:], out[k, i])


@kernel
def diffuse(v, tensor, alpha, gamma, scale, out):
    """out += scale K' M(D) K v, D = g I for planes (g,), or (m, d, o) = 2 D."""
    rows, columns = v.shape
    number = v.dtype.type
    full = len(tensor) == 3
    twist = number(2) * (number(1) - number(2) * alpha)
    oblique = -twist * gamma
    share = number(0.125 if full else 0.25) * scale
    memory, pitch = make_rows(8, columns, v), pitch_of(columns, v)
    g, base, carry, result = 2 * pitch, 5 * pitch, 6 * pitch, 7 * pitch
    for i in range(rows + 1):
        top, bottom = max(i - 1, 0) % 2 * pitch, min(i, rows - 1) % 2 * pitch
        if i < rows:
            copy_in(v[i], memory, bottom)
        for k in range(len(tensor)):
            copy(tensor[k, i], memory[g + k * pitch:g + k * pitch + columns + 1])
        if i > 0:
            copy_in(out[i - 1], memory, base)
        if full:
            tensor_flux_row(memory, pitch, columns, top, bottom, g, twist, oblique, share, base,
                            carry, result)
        else:
            flux_row(memory, columns, top, bottom, g, twist, share, base, carry, result)
        if i > 0:
            copy(memory[result + 1:], out[i - 1])


@kernel
def correlate(v, z, weights, tensor, structure, rule, factor, alpha, gamma, out):
    """out = B, with tr(B D) = sum_n w_n (K z_n)' M(D) K v_n in every cell for the tensor D given.

    Without gamma B = sum_n w_n (K v_n (K z_n)' + K z_n (K v_n)') / 2: its trace as a plane, if D is
    a multiple of the identity, or (m, d, o); with the rule of g then out = 2 g'(J)[B] already
    for the structure J. The adjoint of `diffuse` by D, and of `structure`'s rule.
    """
    layers, rows, columns = v.shape
    number = v.dtype.type
    full = len(tensor) == 3
    twist = number(2) * (number(1) - number(2) * alpha)
    share = number(0.125 if full else 0.25)
    scaled = np.empty_like(weights)
    for n in range(layers):
        scaled[n] = share * weights[n]
    memory, pitch = make_rows(4 * layers + 7, columns, v), pitch_of(columns, v)
    half = 2 * layers * pitch
    result, oblique, given = 2 * half, 2 * half + 3 * pitch, 2 * half + 4 * pitch
    for i in range(rows + 1):
        top, bottom = max(i - 1, 0) % 2 * half, min(i, rows - 1) % 2 * half
        if i < rows:
            for n in range(layers):
                copy_in(v[n, i], memory, bottom + n * pitch)
                copy_in(z[n, i], memory, bottom + (layers + n) * pitch)
        for k in range(len(structure)):
            copy(structure[k, i], memory[given + k * pitch:given + k * pitch + columns + 1])
        if full:
            copy(tensor[2, i], memory[oblique:oblique + columns + 1])
            tensor_correlation_row(memory, pitch, columns, top, bottom, scaled, twist, gamma,
                                   oblique, given, rule, factor, result)
        else:
            correlation_row(memory, pitch, columns, top, bottom, scaled, twist, result)
        for k in range(len(out)):
            copy(memory[result + k * pitch:], out[k, i])


@kernel
def inner_product(v, z):
    """Sum of v z over the pixels: rows in their own type, their sums in float64."""
    lanes = BYTES // v.itemsize
    columns = v.shape[1]
    whole = columns // lanes * lanes
    sums = np.empty(lanes, v.dtype)
    total = 0.0
    for i in range(v.shape[0]):
        part = splat(v, v.dtype.type(0))
        for j in range(0, whole, lanes):
            part = fma(load(v[i], j), load(z[i], j), part)
        store(sums, 0, part)
        for k in range(lanes):
            total += sums[k]
        for j in range(whole, columns):
            total += v[i, j] * z[i, j]
    return total


@kernel
def respond(rule, factor, x):
    """x <- g(x) for a flat array."""
    lanes = BYTES // x.itemsize
    whole = x.size // lanes * lanes
    one = x.dtype.type(1)
    for j in range(0, whole, lanes):
        store(x, j, diffusivity_of(rule, factor * load(x, j), one))
    rest = np.zeros(lanes, x.dtype)
    for j in range(whole, x.size):
        rest[j - whole] = x[j]
    store(rest, 0, diffusivity_of(rule, factor * load(rest, 0), one))
    for j in range(whole, x.size):
        x[j] = rest[j - whole]


# Several explicit steps in one pass ---------------------------------------------------------


@kernel
def explicit_steps(u, v, weights, tile, inner, anisotropic, rule, factor, alpha, gamma, scales,
                   out):
    """out = u after the steps u_m += scales[s] K' M(D) K u_m.

    D = g(J) if anisotropic, else g(tr J) I, with J = sum_n w_n J(v_n) of layers v for a single
    step, or, where v is empty, of the channels of u themselves. Computed on the tile (top,
    bottom, left, right) of the image, written where its inner part is, likewise given.

    Each step needs two rows of the image before it: as soon as step s has finished a row,
    step s + 1 can use it. So the image is read and written once for all steps, and everything
    between stays in the cache. The same rows as `structure` and `diffuse`, so the same numbers.
    """
    channels, steps, layers = len(u), scales.size, len(v)
    rows, columns, left = tile[1] - tile[0], tile[3] - tile[2], tile[2]
    number = u.dtype.type
    twist = number(2) * (number(1) - number(2) * alpha)
    oblique = -twist * gamma
    share = number(0.125 if anisotropic else 0.25)
    scaled = np.empty_like(weights)
    for n in range(weights.size):
        scaled[n] = (share if anisotropic else share * factor) * weights[n]
    # For each step and channel the last two rows before it, and what is carried; then g, a row
    # of the result, and the last two rows of the layers.
    memory = make_rows(3 * steps * channels + 4 + 2 * layers, columns, u)
    pitch = pitch_of(columns, u)
    third = channels * pitch
    g = 3 * steps * third
    last = g + 3 * pitch
    steering = last + pitch
    for front in range(rows + steps):
        for s in range(max(0, front - rows), min(steps, front + 1)):
            i = front - s  # the row of cells between the rows of pixels i - 1 and i
            top = (3 * s + max(i - 1, 0) % 2) * third
            bottom = (3 * s + min(i, rows - 1) % 2) * third
            if s == 0 and i < rows:
                for m in range(channels):
                    copy_in(u[m, tile[0] + i, left:left + columns], memory, bottom + m * pitch)
                for n in range(layers):
                    copy_in(v[n, tile[0] + i, left:left + columns], memory,
                            steering + (i % 2 * layers + n) * pitch)
            over, under = top, bottom  # what steers
            if layers > 0:
                over = steering + max(i - 1, 0) % 2 * layers * pitch
                under = steering + min(i, rows - 1) % 2 * layers * pitch
            if anisotropic:
                tensor_row(memory, pitch, columns, over, under, rule, factor, scaled, twist, g)
            else:
                scalar_row(memory, pitch, columns, over, under, rule, scaled, twist, g)
            row = tile[0] + i - 1
            final = s == steps - 1
            for m in range(channels):
                above, below = top + m * pitch, bottom + m * pitch
                carry = (3 * s + 2) * third + m * pitch
                target = last if i == 0 or final else (3 * s + 3 + (i - 1) % 2) * third + m * pitch
                if anisotropic:
                    tensor_flux_row(memory, pitch, columns, above, below, g, twist, oblique,
                                    share * scales[s], above, carry, target)
                else:
                    flux_row(memory, columns, above, below, g, twist, share * scales[s], above,
                             carry, target)
                if not final:
                    mirror_ends(memory, target, columns)
                elif i > 0 and inner[0] <= row < inner[1]:
                    copy(memory[target + 1 + inner[2] - left:], out[m, row, inner[2]:inner[3]])
