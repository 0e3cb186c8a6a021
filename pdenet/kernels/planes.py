"""The compiled loops over planes of cells: arrays and scalars in, the last argument is written.

Every kernel works on planes (H, W) of float32 or float64, C-contiguous, and keeps that type
throughout. What a cell is, and how rows lie in `memory`, says `cells`.
"""

import numpy as np

from .cell_rows import (NONE, correlation_row, diffusivity_row, flux_row, pull_row, response,
                    scalar_step_row)
from .compiler import kernel
from .vectors import BYTES, load, store
from .row_memory import copy, copy_in, copy_layers, copy_tensor, make_rows, mirror_ends, pitch_of

# Planes ---------------------------------------------------------------------------------


@kernel
def structure(v, weights, rule, factor, mixed, alpha, out):
    """Of J = sum_n w_n J(v_n), J(v) = [[p^2 + k s^2, p q], [p q, q^2 + k s^2]], k = (1-2 alpha)/4:

    out (3, H+1, W+1) = (m, d, o) of 2 g(J), or, if mixed is None, out (1, H+1, W+1) = g(tr J); with
    the rule NONE J and tr J themselves. mixed = 0 drops J's mixed entry, so that each of the others
    is by itself.
    """
    layers, rows, columns = v.shape
    number = v.dtype.type
    twist = number(2) * (number(1) - number(2) * alpha)
    share = number(0.25) * factor if mixed is None else number(0.125)
    scaled = share * weights
    memory, pitch = make_rows(2 * layers + 3, columns, v), pitch_of(columns, v)
    half = layers * pitch  # the rows of all layers above the cells, or below
    g = 2 * half
    for i in range(rows + 1):
        top, bottom = max(i - 1, 0) % 2 * half, min(i, rows - 1) % 2 * half
        if i < rows:
            copy_layers(v, i, memory, bottom, pitch)
        diffusivity_row(memory, pitch, columns, top, bottom, rule, factor, mixed, scaled, twist, g)
        for k in range(len(out)):
            copy(memory[g + k * pitch:], out[k, i])


@kernel
def diffuse(v, tensor, steers, weights, rule, factor, mixed, alpha, gamma, scale, add, out):
    """out_n = scale K' M(D) K v_n, added to out_n if add.

    D is given as planes, (m, d, o) = 2 D, or (g,) for D = g I if mixed is None. Without planes it
    is computed as by `structure` from the layers that steer, v itself where there are none.
    """
    layers, rows, columns = v.shape
    number = v.dtype.type
    apart = len(steers)
    twist = number(2) * (number(1) - number(2) * alpha)
    oblique = -twist * gamma
    share = number(0.25 if mixed is None else 0.125)
    scaled = (share * factor if mixed is None else share) * weights
    memory, pitch = make_rows(3 * layers + 2 * apart + 5, columns, v), pitch_of(columns, v)
    half = (layers + apart) * pitch
    carry = 2 * half
    g = carry + layers * pitch
    base, result = g + 3 * pitch, g + 4 * pitch
    leading = layers * pitch if apart > 0 else 0  # the first row of those that steer
    for i in range(rows + 1):
        top, bottom = max(i - 1, 0) % 2 * half, min(i, rows - 1) % 2 * half
        if i < rows:
            copy_layers(v, i, memory, bottom, pitch)
            copy_layers(steers, i, memory, bottom + leading, pitch)
        if tensor is not None:
            copy_tensor(tensor, i, columns, memory, g, pitch)
        else:
            diffusivity_row(memory, pitch, columns, top + leading, bottom + leading, rule, factor,
                            mixed, scaled, twist, g)
        for n in range(layers):
            if add and i > 0:
                copy_in(out[n, i - 1], memory, base)
            flux_row(memory, pitch, columns, top + n * pitch, bottom + n * pitch, mixed, g, twist,
                     oblique, share * scale, base, carry + n * pitch, result)
            if i > 0:
                copy(memory[result + 1:], out[n, i - 1])


@kernel
def correlate(v, z, weights, tensor, mixed, alpha, gamma, out):
    """out = B, with tr(B D) = sum_n w_n (K z_n)' M(D) K v_n in every cell for the tensor D given.

    Without gamma B = sum_n w_n (K v_n (K z_n)' + K z_n (K v_n)') / 2 as (m, d, o), or, if mixed is
    None, so that D is a multiple of the identity, its trace. The adjoint of `diffuse` by D.
    """
    layers, rows, columns = v.shape
    number = v.dtype.type
    twist = number(2) * (number(1) - number(2) * alpha)
    scaled = number(0.25 if mixed is None else 0.125) * weights
    memory, pitch = make_rows(4 * layers + 6, columns, v), pitch_of(columns, v)
    half = 2 * layers * pitch
    d, c = 2 * half, 2 * half + 3 * pitch
    for i in range(rows + 1):
        top, bottom = max(i - 1, 0) % 2 * half, min(i, rows - 1) % 2 * half
        if i < rows:
            copy_layers(v, i, memory, bottom, pitch)
            copy_layers(z, i, memory, bottom + layers * pitch, pitch)
        copy_tensor(tensor, i, columns, memory, d, pitch)
        correlation_row(memory, pitch, columns, top, bottom, scaled, twist, gamma, NONE, number(1),
                        mixed, d, c)
        for k in range(len(out)):
            copy(memory[c + k * pitch:], out[k, i])


@kernel
def pull(v, z, weights, tensor, change, steers, steering, rule, factor, mixed, alpha, gamma, along,
         across, out, steered):
    """The adjoint of `diffuse` by the layers and by those that steer:

    out_n = K' (M(D) K z_n + M(C) K v_n), where v steers; otherwise the two terms apart, the
    second, of the layers that steer, in `steered`. D and C are given as planes as in `diffuse`, C
    without gamma, or, where they are None, computed as g(J) and g'(J)[2 B], see `structure` and
    `correlate`. out may be z.

    along, the sums of (K v_n)' M(D) K z_n over the cells, and across, of (K a_n)' M(C) K a_n / 2
    for the layers a that steer; cells of the rim are shared with the mirror image, so half of them.
    """
    layers, rows, columns = v.shape
    number, lanes = v.dtype.type, BYTES // v.itemsize
    apart = len(steers)
    twist = number(2) * (number(1) - number(2) * alpha)
    oblique = -twist * gamma
    share = number(0.25 if mixed is None else 0.125)
    scaled, scaling = number(2) * share * weights, share * steering
    memory, pitch = make_rows(7 * layers + 5 * apart + 11, columns, v), pitch_of(columns, v)
    half = (2 * layers + apart) * pitch
    carry = 2 * half
    base = carry + (layers + apart) * pitch
    measure, halves, result = base + pitch, base + 2 * pitch, base + 3 * pitch
    d, c, parts = base + 4 * pitch, base + 7 * pitch, base + 10 * pitch
    leading = 2 * layers * pitch if apart > 0 else 0  # the first row of those that steer
    memory[measure:measure + columns + 1] = number(1)
    memory[measure], memory[measure + columns] = number(0.5), number(0.5)
    for j in range(columns + 1):
        memory[halves + j] = number(0.5) * memory[measure + j]
    totals = np.zeros(2 * lanes * (layers + apart))
    for i in range(rows + 1):
        top, bottom = max(i - 1, 0) % 2 * half, min(i, rows - 1) % 2 * half
        if i < rows:
            copy_layers(v, i, memory, bottom, pitch)
            copy_layers(z, i, memory, bottom + layers * pitch, pitch)
            copy_layers(steers, i, memory, bottom + leading, pitch)
        if tensor is not None:
            copy_tensor(tensor, i, columns, memory, d, pitch)
            copy_tensor(change, i, columns, memory, c, pitch)
        else:
            diffusivity_row(memory, pitch, columns, top + leading, bottom + leading, NONE, factor,
                            mixed, scaling, twist, d)
            correlation_row(memory, pitch, columns, top, bottom, scaled, twist, gamma, rule, factor,
                            mixed, d, c)
        for n in range(layers + apart):
            a = n * pitch if n < layers else leading + (n - layers) * pitch
            pull_row(memory, pitch, columns, top, bottom, mixed, a, (layers + n) * pitch,
                     d if n < layers else -1, c if apart == 0 or n >= layers else -1, twist,
                     oblique, share, base, halves if i == 0 or i == rows else measure,
                     carry + n * pitch, result, parts + 2 * lanes * n)
            if i > 0:
                copy(memory[result + 1:], out[n, i - 1] if n < layers else
                     steered[n - layers, i - 1])
        if i % 16 == 15 or i == rows:  # a few rows in their own type, the image in float64
            for k in range(totals.size):
                totals[k] += memory[parts + k]
                memory[parts + k] = number(0)
    for n in range(layers):
        along[n] = share * totals[2 * lanes * n:2 * lanes * n + lanes].sum()
    for n in range(across.size):
        first = 2 * lanes * (layers + n if apart > 0 else n) + lanes
        across[n] = share / number(2) * totals[first:first + lanes].sum()


@kernel
def respond(rule, factor, slope, x):
    """x <- g(x), or g'(x) for the slope, for a flat array."""
    lanes = BYTES // x.itemsize
    whole = x.size // lanes * lanes
    one = x.dtype.type(1)
    for j in range(0, whole, lanes):
        store(x, j, response(rule, factor, load(x, j), slope, one))
    rest = np.zeros(lanes, x.dtype)
    for j in range(whole, x.size):
        rest[j - whole] = x[j]
    store(rest, 0, response(rule, factor, load(rest, 0), slope, one))
    for j in range(whole, x.size):
        x[j] = rest[j - whole]


# Several explicit steps in one pass ---------------------------------------------------------


@kernel
def explicit_steps(u, v, weights, tile, inner, rule, factor, mixed, alpha, gamma, scales, out):
    """out = u after the steps u_m += scales[s] K' M(D) K u_m.

    D = g(J), or g(tr J) I if mixed is None, with J = sum_n w_n J(v_n) of layers v for a single
    step, or, where v is empty, of the channels of u themselves. Computed on the tile (top,
    bottom, left, right) of the image, written where its inner part is, likewise given.

    Each step needs two rows of the image before it: as soon as step s has finished a row,
    step s + 1 can use it. So the image is read and written once for all steps, and everything
    between stays in the cache. The same rows as `structure` and `diffuse`, so the same numbers.
    """
    channels, steps, layers = len(u), scales.size, len(v)
    single = mixed is None and channels == 1 and layers == 0
    rows, columns, left = tile[1] - tile[0], tile[3] - tile[2], tile[2]
    number = u.dtype.type
    twist = number(2) * (number(1) - number(2) * alpha)
    oblique = -twist * gamma
    share = number(0.25 if mixed is None else 0.125)
    scaled = (share * factor if mixed is None else share) * weights
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
            if not single:
                diffusivity_row(memory, pitch, columns, over, under, rule, factor, mixed, scaled,
                                twist, g)
            row = tile[0] + i - 1
            final = s == steps - 1
            for m in range(channels):
                above, below = top + m * pitch, bottom + m * pitch
                carry = (3 * s + 2) * third + m * pitch
                target = last if i == 0 or final else (3 * s + 3 + (i - 1) % 2) * third + m * pitch
                if single:
                    scalar_step_row(memory, pitch, columns, above, below, rule, scaled[0], twist,
                                    share * scales[s], carry, target)
                else:
                    flux_row(memory, pitch, columns, above, below, mixed, g, twist, oblique,
                             share * scales[s], above, carry, target)
                if not final:
                    mirror_ends(memory, target, columns)
                elif i > 0 and inner[0] <= row < inner[1]:
                    copy(memory[target + 1 + inner[2] - left:], out[m, row, inner[2]:inner[3]])
