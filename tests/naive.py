"""The scheme in plain NumPy, slow and by other formulas than the package's, to compare with.

Smoothing is scipy.ndimage's, the matrix function goes through numpy.linalg.eigh, and the
divergence uses the published 3 x 3 weights instead of the factors K' M K.
"""

import numpy as np
from scipy import integrate, ndimage


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


def step(network, u):
    """One explicit step of a network on planes (M, H, W)."""
    kind = {"Isotropic": "isotropic", "Anisotropic": "anisotropic", "Uncoupled": "uncoupled",
            "Orientations": "orientations", "CoherenceEnhancing": "coherence"}[
                type(network.flux).__name__]
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
        return u - network.tau * (adjoint @ flux).reshape(u.shape)
    given = layers, measures * len(u), operator.alpha, operator.structure_twist
    d = tensor(kind, g, structure(*given) if network.integration is None
               else averaged(network.integration, *given))
    out = u.copy()
    for m, channel in enumerate(u):
        for sigma, omega, beta in zip(scales.sigmas, scales.omega, scales.weights, strict=True):
            inner = divergence(d, smooth(channel, sigma), operator.alpha, operator.gamma)
            out[m] += network.tau * omega * beta**2 * smooth(inner, sigma)
    return out
