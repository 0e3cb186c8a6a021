"""The scheme in plain NumPy, slow and by other formulas than the package's, to compare with.

Smoothing is scipy.ndimage's, the matrix function goes through numpy.linalg.eigh, and the
divergence uses the published 3 x 3 weights instead of the factors K' M K.
"""

import math

import numpy as np
from scipy import integrate, ndimage

from pdenet.scheme import derivatives


KINDS = {"Isotropic": "isotropic", "Anisotropic": "anisotropic", "Uncoupled": "uncoupled",
         "Orientations": "orientations", "CoherenceEnhancing": "coherence"}


def smooth(u, sigma):
    return ndimage.gaussian_filter(u, sigma, mode="reflect", truncate=4)


def samples(v):
    """p, q, s on all cells, the rim included: three planes (H+1, W+1)."""
    v = np.pad(v, 1, mode="symmetric")
    a, b, c, d = v[:-1, :-1], v[:-1, 1:], v[1:, :-1], v[1:, 1:]
    return (b - a + d - c) / 2, (c - a + d - b) / 2, a - b - c + d


def structure(layers, weights, alpha, structure_twist=1.0):
    """J as matrices (H+1, W+1, 2, 2)."""
    total = 0
    for v, w in zip(layers, weights, strict=True):
        p, q, s = samples(v)
        twist = structure_twist * (1 - 2 * alpha) / 4 * s**2
        total = total + w * np.array([[p * p + twist, p * q], [p * q, q * q + twist]])
    return np.moveaxis(total, (0, 1), (-2, -1))


def averaged(scales, layers, weights, alpha, structure_twist):
    """J averaged over scales of integration, from images that are continued mirrored far enough."""
    far = int(4 * scales.sigmas[-1] + 0.5) + 1
    wide = structure([np.pad(v, far, mode="symmetric") for v in layers], weights, alpha,
                     structure_twist)
    mean = sum(omega * r**2 * ndimage.gaussian_filter(wide, (sigma, sigma, 0, 0), truncate=4)
               for sigma, omega, r in zip(scales.sigmas, scales.omega, scales.weights, strict=True))
    return mean[far:-far, far:-far]


def matrix_function(g, j):
    values, vectors = np.linalg.eigh(j)
    return vectors * g(np.maximum(values, 0))[..., np.newaxis, :] @ np.swapaxes(vectors, -1, -2)


def orientations(g, j):
    """2/pi int g(e' J e) e e' dtheta by adaptive quadrature."""
    def integrand(theta):
        e = np.array([np.cos(theta), np.sin(theta)])
        return 2 / np.pi * g(np.maximum(e @ j @ e, 0))[..., np.newaxis, np.newaxis] * np.outer(e, e)
    return integrate.quad_vec(integrand, 0, np.pi, epsabs=1e-12, epsrel=1e-12)[0]


def tensor(kind, g, j):
    """The diffusion tensors (H+1, W+1, 2, 2) of a coupling."""
    if kind == "isotropic":
        return g(np.trace(j, axis1=-2, axis2=-1))[..., np.newaxis, np.newaxis] * np.eye(2)
    if kind == "anisotropic":
        return matrix_function(g, j)
    if kind == "uncoupled":
        return np.stack([g(j[..., 0, 0]), g(j[..., 1, 1])], -1)[..., np.newaxis] * np.eye(2)
    if kind == "coherence":
        values, vectors = np.linalg.eigh(j)
        mu = np.stack([1 - g(values[..., 1] - values[..., 0]), 0 * values[..., 0]], -1)
        mu = 0.001 + 0.999 * mu
        return vectors * mu[..., np.newaxis, :] @ np.swapaxes(vectors, -1, -2)
    return orientations(g, j)


def divergence(d, v, alpha, gamma):
    """div(D grad v) with the published weights; cells of D lie up and left of each pixel."""
    a, b, c = d[..., 0, 0], d[..., 0, 1], d[..., 1, 1]
    delta = alpha * (a + c) + gamma * (1 - 2 * alpha) * np.abs(b)
    v = np.pad(v, 1, mode="symmetric")
    centre = v[1:-1, 1:-1]
    north_west, north_east = np.s_[:-1, :-1], np.s_[:-1, 1:]
    south_west, south_east = np.s_[1:, :-1], np.s_[1:, 1:]
    x, y = (a - delta) / 2, (c - delta) / 2
    along, against = (delta + b) / 2, (delta - b) / 2
    return ((x[north_east] + x[south_east]) * (v[1:-1, 2:] - centre)
            + (x[north_west] + x[south_west]) * (v[1:-1, :-2] - centre)
            + (y[south_west] + y[south_east]) * (v[2:, 1:-1] - centre)
            + (y[north_west] + y[north_east]) * (v[:-2, 1:-1] - centre)
            + along[south_east] * (v[2:, 2:] - centre) + along[north_west] * (v[:-2, :-2] - centre)
            + against[north_east] * (v[:-2, 2:] - centre)
            + against[south_west] * (v[2:, :-2] - centre))


def hessian(v):
    """u_xx, u_xy, u_yy with the image mirrored."""
    v = np.pad(v, 1, mode="symmetric")
    return (v[1:-1, 2:] - 2 * v[1:-1, 1:-1] + v[1:-1, :-2],
            (v[2:, 2:] - v[2:, :-2] - v[:-2, 2:] + v[:-2, :-2]) / 4,
            v[2:, 1:-1] - 2 * v[1:-1, 1:-1] + v[:-2, 1:-1])


def laplacian(v, alpha):
    xx, _, yy = hessian(v)
    return xx + yy + alpha * hessian(yy)[0]


def second_order_operators(v, operator):
    """The samples of a second-order operator, u_xy counted twice, and their number."""
    if type(operator).__name__ == "Laplacian":
        return [laplacian(v, operator.alpha)]
    xx, xy, yy = hessian(v)
    return [xx, xy, xy, yy]


def matrix(linear, shape):
    """The matrix of a linear function of images, column by column."""
    columns = []
    for k in range(int(np.prod(shape))):
        unit = np.zeros(shape)
        unit.flat[k] = 1
        columns.append(np.concatenate([np.ravel(part) for part in linear(unit)]))
    return np.array(columns).T


def masked_samples(mask, alpha):
    """The samples (p, q, s) of all cells for the measured pixels of a mask, as a matrix (cells, 3,
    pixels), and the cells' weights: means over valid edges, and singular values cut at 1."""
    numbers = np.pad(np.arange(mask.size).reshape(mask.shape), 1, constant_values=-1)
    valid = np.pad(mask, 1, constant_values=False)
    K, weights = [], []
    metric = np.sqrt([1.0, 1.0, max((1 - 2 * alpha) / 2, 1e-300)])[:, np.newaxis]
    for i, j in np.ndindex(numbers.shape[0] - 1, numbers.shape[1] - 1):
        corners = [(i, j), (i, j + 1), (i + 1, j), (i + 1, j + 1)]
        ok = [valid[corner] for corner in corners]
        rows = np.zeros((3, 4))
        for row, edges in ((0, [(0, 1), (2, 3)]), (1, [(0, 2), (1, 3)])):
            whole = [edge for edge in edges if ok[edge[0]] and ok[edge[1]]]
            for first, last in whole:
                rows[row, [first, last]] += np.array([-1, 1]) / len(whole)
        weight = 1.0
        if all(ok):
            rows[2] = 1, -1, -1, 1
        else:
            U, values, V = np.linalg.svd(metric * rows)
            cut = np.minimum(1, 1 / np.maximum(values, 1e-30))
            weight = max((cut**2)[values > 1e-9], default=0.0)
            if weight:
                rows = (U * cut / np.sqrt(weight)) @ (np.eye(3, 4) * values[:, np.newaxis]) @ V
                rows /= metric
        full = np.zeros((3, mask.size))
        for corner, column in zip(corners, rows.T, strict=True):
            if valid[corner]:
                full[:, numbers[corner]] += column
        K.append(full)
        weights.append(weight)
    return np.array(K), np.array(weights)


def balanced_smoothing(mask, sigma):
    """S = d G d as a matrix, by the fixed point of d <- sqrt(d / (G d))."""
    G = matrix(lambda v: [smooth(v, sigma)], mask.shape)
    m = mask.ravel().astype(float)
    d = m.copy()
    for _ in range(80):
        d[mask.ravel()] = np.sqrt(d / np.where(m > 0, G @ d, 1))[mask.ravel()]
    return d[:, np.newaxis] * G * d


def smooth_cells(plane, sigma, odd=False):
    """A plane of cells (H+1, W+1), mirrored about those of the rim, with the other sign if odd."""
    far = int(4 * sigma + 0.5) + 1
    kind = {"reflect_type": "odd"} if odd else {}
    wide = np.pad(plane, far, mode="reflect", **kind)
    return ndimage.gaussian_filter(wide, sigma, truncate=4)[far:-far, far:-far]


def masked_average(scales, J, mask, alpha):
    """J (cells, 2, 2) averaged by d G w d, by the fixed point of d <- sqrt(d / (G w d)), with the
    weights w of the cells of the image continued mirrored."""
    shape, total = np.add(mask.shape, 1), 0
    _, w = masked_samples(np.pad(mask, 1, mode="edge"), alpha)
    w = w.reshape(shape + 2)[1:-1, 1:-1]
    for sigma, strength in zip(scales.sigmas, scales.strength, strict=True):
        d = (w > 0).astype(float)
        for _ in range(80):
            below = smooth_cells(w * d, sigma)
            d[w > 0] = np.sqrt(d / np.where(w > 0, below, 1))[w > 0]
        mean = np.zeros_like(J)
        for i, j in np.ndindex(2, 2):
            mean[:, i, j] = (d * smooth_cells(w * d * J[:, i, j].reshape(shape), sigma,
                                              i != j)).ravel()
        total = total + strength * mean
    return total


def masked_step(network, u, mask):
    """One explicit step on the measured pixels of planes (M, H, W), with dense matrices."""
    operator, scales = network.operator, network.scales
    steering = scales if network.steering is None else network.steering
    kind = KINDS[type(network.flux).__name__]
    K, weights = masked_samples(mask, operator.alpha)
    k = (1 - 2 * operator.alpha) / 4
    J, channels = 0, network.channels
    counts = np.ones(len(u)) if channels is None else channels.guiding**2
    for channel, count in zip(u, counts, strict=True):
        for sigma, w in zip(steering.sigmas, steering.strength, strict=True):
            p, q, s = np.moveaxis(K @ (balanced_smoothing(mask, sigma) @ channel.ravel()), 1, 0)
            t = operator.structure_twist * k * s**2
            J = J + count * w * np.moveaxis(np.array([[p * p + t, p * q], [p * q, q * q + t]]),
                                            -1, 0)
    if network.integration is not None:
        J = masked_average(network.integration, J, mask, operator.alpha)
    D = tensor(kind, network.flux.diffusivity.g, J)
    kappa = k * (D[:, 0, 0] + D[:, 1, 1] - 2 * operator.gamma * np.abs(D[:, 0, 1]))
    out = u.copy()
    for m, channel in enumerate(u if channels is None else u[:len(u) - channels.guides]):
        for sigma, w in zip(scales.sigmas, scales.strength, strict=True):
            S = balanced_smoothing(mask, sigma)
            p, q, s = np.moveaxis(K @ (S @ channel.ravel()), 1, 0)
            flux = np.stack([D[:, 0, 0] * p + D[:, 0, 1] * q, D[:, 0, 1] * p + D[:, 1, 1] * q,
                             kappa * s], 1) * weights[:, np.newaxis]
            change = S.T @ np.einsum("ckx,ck->x", K, flux)
            out[m] -= network.tau * w * change.reshape(mask.shape)
    return out


def step(network, u):
    """One explicit step of a network on planes (M, H, W)."""
    kind = KINDS[type(network.flux).__name__]
    g, operator, scales = network.flux.diffusivity.g, network.operator, network.scales
    steering = scales if network.steering is None else network.steering
    measures = [w * b**2 for w, b in zip(steering.omega, steering.weights, strict=True)]
    layers = [smooth(channel, sigma) for channel in u for sigma in steering.sigmas]
    if type(operator).__name__ != "Gradient":
        x = sum(w * sample**2 for v, w in zip(layers, measures * len(u), strict=True)
                for sample in second_order_operators(v, operator))
        adjoint = matrix(lambda v: second_order_operators(v, operator), u.shape[1:]).T
        flux = np.concatenate([(g(x) * sample).ravel()
                               for sample in second_order_operators(u[0], operator)])
        return u - network.tau * (adjoint @ flux).reshape(u.shape) + dictionary_term(network, u)
    channels = network.channels
    counts = np.ones(len(u)) if channels is None else channels.guiding**2
    measures = [count * measure for count in counts for measure in measures]
    given = layers, measures, operator.alpha, operator.structure_twist
    d = tensor(kind, g, structure(*given) if network.integration is None
               else averaged(network.integration, *given))
    out = u.copy()
    for m, channel in enumerate(u if channels is None else u[:len(u) - channels.guides]):
        for sigma, omega, beta in zip(scales.sigmas, scales.omega, scales.weights, strict=True):
            inner = divergence(d, smooth(channel, sigma), operator.alpha, operator.gamma)
            out[m] += network.tau * omega * beta**2 * smooth(inner, sigma)
    return out + dictionary_term(network, u)


def derivative(v, orders):
    """A derivative of a Gaussian of these orders along rows and columns, with pdenet's taps."""
    for axis, order in zip((1, 0), orders, strict=True):
        half = derivatives.taps()[order]
        v = ndimage.correlate1d(v, np.concatenate([(-1)**order * half[:0:-1], half]), axis,
                                mode="reflect")
    return v


def dictionary_parts(v):
    """The filters of the parts (order, spin): Lap^((order - spin) / 2) (d_x + i d_y)^spin, real and
    imaginary part, as binomial sums, with the factors that make the maxima of the symbols 1."""
    for order, spin in derivatives.PARTS:
        laplacians, total = (order - spin) // 2, 0
        for k in range(spin + 1):
            for n in range(laplacians + 1):
                orders = spin - k + 2 * (laplacians - n), k + 2 * n
                total = total + (math.comb(spin, k) * 1j**k * math.comb(laplacians, n)
                                 * derivative(v, orders))
        total = (math.e / order)**(order / 2) * total
        yield [total.real] if spin == 0 else [total.real, total.imag]


def dictionary_term(network, u):
    """What the dictionary adds to a step on planes (M, H, W)."""
    dictionary, found = network.dictionary, np.zeros_like(u)
    if dictionary is None:
        return found
    count = len(derivatives.PARTS)
    filtered = [list(dictionary_parts(channel)) for channel in u]
    for g in range(count):
        square = sum(sample**2 for parts in filtered for sample in parts[g])
        E = (dictionary.sensitivities[g] / network.flux.diffusivity.contrast**2
             * (square + smooth(square, dictionary.smoothing)) / 2)
        adjoint = matrix(lambda v, g=g: list(dictionary_parts(v))[g], u.shape[1:]).T
        for channel, parts in zip(found, filtered, strict=True):
            flux = np.concatenate([(sample / (1 + E)).ravel() for sample in parts[g]])
            channel -= network.tau * dictionary.rates[g] * (adjoint @ flux).reshape(square.shape)
    return found
