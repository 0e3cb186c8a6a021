"""The scheme of volumes in plain NumPy, slow and by other formulas than the package's.

The gradient is that of the trilinear interpolant at eight points of each cell, and the flux the
mean over them; smoothing is scipy.ndimage's, and the matrix function goes through
numpy.linalg.eigh.
"""

import itertools

import numpy as np
from scipy import ndimage

from .naive import KINDS, matrix

SIGNS = list(itertools.product((-1, 1), repeat=3))  # of slice, row and column


def smooth(u, sigma, spacing):
    return ndimage.gaussian_filter(u, sigma / np.asarray(spacing), mode="reflect", truncate=4)


def corners(u):
    """The voxels of all cells, the rim included, (8, D+1, H+1, W+1), in the order of SIGNS."""
    u = np.pad(u, 1, mode="symmetric")
    ends = {-1: slice(None, -1), 1: slice(1, None)}
    return np.stack([u[ends[z], ends[y], ends[x]] for z, y, x in SIGNS])


def weights(alpha, spacing):
    """The gradient of the interpolant at the eight points, as weights of the corners: (points, 3,
    8), components along columns, rows and slices."""
    theta, (hz, hy, hx) = np.sqrt((1 - 2 * alpha) / 4), spacing
    found = np.empty((8, 3, 8))
    for k, point in enumerate(theta * np.array(SIGNS)):
        for n, (z, y, x) in enumerate(SIGNS):
            az, ay, ax = (0.5 + sign * where for sign, where in zip((z, y, x), point, strict=True))
            found[k, :, n] = x * ay * az / hx, y * ax * az / hy, z * ax * ay / hz
    return found


def gradients(u, alpha, spacing):
    """At all points of all cells: (points, 3, D+1, H+1, W+1)."""
    return np.einsum("pin,n...->pi...", weights(alpha, spacing), corners(u))


def structure(layers, strengths, alpha, spacing):
    """J as matrices (D+1, H+1, W+1, 3, 3)."""
    total = 0
    for v, w in zip(layers, strengths, strict=True):
        gradient = gradients(v, alpha, spacing)
        total = total + w * np.einsum("pi...,pj...->...ij", gradient, gradient) / 8
    return total


def matrix_function(g, j):
    values, vectors = np.linalg.eigh(j)
    return vectors * g(np.maximum(values, 0))[..., np.newaxis, :] @ np.swapaxes(vectors, -1, -2)


def orientations(g, j, count=24):
    """3/(4 pi) int g(e' J e) e e' de over the sphere, by Gauss' rule times the trapezoidal one."""
    heights, own = np.polynomial.legendre.leggauss(count)
    total = 0
    for z, weight in zip(heights, own, strict=True):
        for phi in 2 * np.pi * np.arange(2 * count) / (2 * count):
            e = np.array([*np.sqrt(1 - z * z) * np.array([np.cos(phi), np.sin(phi)]), z])
            share = 3 / 2 * weight / (2 * count)
            total = total + share * g(np.maximum(np.einsum("i,...ij,j", e, j, e), 0))[
                ..., np.newaxis, np.newaxis] * np.outer(e, e)
    return total


def averaged(scales, layers, strengths, alpha, spacing):
    """J averaged over scales of integration, from volumes that are continued mirrored far enough.
    """
    far = int(4 * scales.sigmas[-1] / min(spacing) + 0.5) + 1
    wide = structure([np.pad(v, far, mode="symmetric") for v in layers], strengths, alpha, spacing)
    inner = (slice(far, -far),) * 3
    return sum(strength * ndimage.gaussian_filter(
        wide, (*(sigma / np.asarray(spacing)), 0, 0), truncate=4)
               for sigma, strength in zip(scales.sigmas, scales.strength, strict=True))[inner]


def tensor(flux, j):
    """The diffusion tensors (D+1, H+1, W+1, 3, 3) of a flux."""
    kind, g = KINDS[type(flux).__name__], flux.diffusivity.g
    if kind == "isotropic":
        return g(np.trace(j, axis1=-2, axis2=-1))[..., np.newaxis, np.newaxis] * np.eye(3)
    if kind == "anisotropic":
        return matrix_function(g, j)
    if kind == "uncoupled":
        return g(np.diagonal(j, axis1=-2, axis2=-1))[..., np.newaxis] * np.eye(3)
    if kind == "coherence":
        return along_lines(g, j, flux.least)
    return orientations(g, j)


def along_lines(g, j, least):
    """Smoothing along the eigenvector of the smallest eigenvalue alone."""
    values, vectors = np.linalg.eigh(j)
    mu = np.full_like(values, least)
    mu[..., 0] += (1 - least) * (1 - g(values[..., 1] - values[..., 0]))
    return vectors * mu[..., np.newaxis, :] @ np.swapaxes(vectors, -1, -2)


def divergence(D, v, alpha, spacing):
    """div(D grad v): what is scattered outside the volume is dropped."""
    own = weights(alpha, spacing)
    flux = np.einsum("...ij,pj...->pi...", D, gradients(v, alpha, spacing)) / 8
    out = np.zeros(np.add(v.shape, 2))
    ends = {-1: slice(None, -1), 1: slice(1, None)}
    for n, (z, y, x) in enumerate(SIGNS):
        out[ends[z], ends[y], ends[x]] -= np.einsum("pi,pi...->...", own[:, :, n], flux)
    return out[1:-1, 1:-1, 1:-1]


def step(network, u, spacing=(1, 1, 1)):
    """One explicit step of a network on volumes (M, D, H, W)."""
    operator, scales = network.operator, network.scales
    steering = scales if network.steering is None else network.steering
    layers = [smooth(channel, sigma, spacing) for channel in u for sigma in steering.sigmas]
    given = layers, list(steering.strength) * len(u), operator.alpha, spacing
    D = tensor(network.flux, structure(*given) if network.integration is None
               else averaged(network.integration, *given))
    out = u.copy()
    for m, channel in enumerate(u):
        for sigma, strength in zip(scales.sigmas, scales.strength, strict=True):
            inner = divergence(D, smooth(channel, sigma, spacing), operator.alpha, spacing)
            out[m] += network.tau * strength * smooth(inner, sigma, spacing)
    return out


def integrate(density):
    """The sum over the cells, those of the rim by the share of theirs that lies inside."""
    share = [np.where(np.isin(np.arange(size), (0, size - 1)), 0.5, 1.0) for size in density.shape]
    return float(np.einsum("i,j,k,ijk", *share, density))


# With a mask --------------------------------------------------------------------------------------


def pattern_samples(measured, alpha):
    """The samples (p, q, r, s1, s2, s3, t) of one cell, a matrix (7, 8), and its weight, for eight
    voxels that are measured or not, in the order of SIGNS: means over edges and faces, and singular
    values cut at 1/sqrt(2)."""
    signs, k = np.array(SIGNS), (1 - 2 * alpha) / 4
    metric = np.sqrt([1, 1, 1, 2 * k, 2 * k, 2 * k, 3 * k * k])[:, np.newaxis]
    rows = np.zeros((7, 8))
    for row, axes in enumerate([(2,), (1,), (0,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]):
        others = [axis for axis in range(3) if axis not in axes]
        found = {}
        for n, sign in enumerate(signs):
            found.setdefault(tuple(sign[others]), []).append(n)
        whole = [group for group in found.values() if all(measured[n] for n in group)]
        for n in sum(whole, []):
            rows[row, n] = np.prod(signs[n][list(axes)]) / len(whole)
        if len(axes) == 2:
            rows[row] *= np.sqrt(len(whole) / 2)
    if all(measured):
        return rows, 1.0
    U, values, V = np.linalg.svd(metric * rows)
    there = values > 1e-9
    cut = np.minimum(1, np.sqrt(0.5) / np.maximum(values, 1e-30)) * there[:len(values)]
    weight = max((cut**2)[there & (np.abs(U[:3]).max(axis=0) > 1e-6)], default=0.0)
    if weight == 0:
        return 0 * rows, 0.0
    return (U * (cut * values / np.sqrt(weight))) @ V[:7] / metric, weight


def masked_samples(mask, alpha):
    """K of all cells as a matrix (cells, 7, voxels), and the cells' weights; voxels outside the
    volume are not measured."""
    numbers = np.pad(np.arange(mask.size).reshape(mask.shape), 1, constant_values=-1)
    valid = np.pad(mask, 1)
    ends = {-1: slice(None, -1), 1: slice(1, None)}
    voxels = np.stack([numbers[ends[z], ends[y], ends[x]].ravel() for z, y, x in SIGNS], 1)
    whole = np.stack([valid[ends[z], ends[y], ends[x]].ravel() for z, y, x in SIGNS], 1)
    K, weights = np.zeros((len(voxels), 7, mask.size)), np.zeros(len(voxels))
    for cell, (places, measured) in enumerate(zip(voxels, whole, strict=True)):
        rows, weights[cell] = pattern_samples(measured, alpha)
        K[cell][:, places[measured]] = rows[:, measured]
    return K, weights


def at_points(K, alpha, spacing):
    """The gradients at the eight points of each cell, (cells, points, 3, voxels), of samples K."""
    p, q, r, s1, s2, s3, t = np.moveaxis(K, 1, 0)
    hz, hy, hx = spacing
    return np.stack([np.stack([(p + y * s3 + z * s2 + y * z * t) / hx,
                               (q + x * s3 + z * s1 + x * z * t) / hy,
                               (r + x * s2 + y * s1 + x * y * t) / hz], 1)
                     for z, y, x in np.sqrt((1 - 2 * alpha) / 4) * np.array(SIGNS)], 1)


def balanced_smoothing(mask, sigma, spacing):
    """S = d G d as a matrix, by the fixed point of d <- sqrt(d / (G d))."""
    G = matrix(lambda v: [smooth(v, sigma, spacing)], mask.shape)
    inside = mask.ravel()
    d = inside.astype(float)
    for _ in range(80):
        d[inside] = np.sqrt(d[inside] / (G @ d)[inside])
    return d[:, np.newaxis] * G * d


def smooth_cells(volume, sigma, spacing, odd=()):
    """A volume of cells, mirrored about those of the rim, with the other sign along some axes."""
    far = int(4 * sigma / min(spacing) + 0.5) + 1
    for axis in range(3):
        width = [(far, far) if other == axis else (0, 0) for other in range(3)]
        volume = np.pad(volume, width, mode="reflect",
                        **({"reflect_type": "odd"} if axis in odd else {}))
    return ndimage.gaussian_filter(volume, sigma / np.asarray(spacing),
                                   truncate=4)[(slice(far, -far),) * 3]


def masked_average(scales, J, mask, alpha, spacing):
    """J (cells, 3, 3) averaged by d G w d, with the weights w of the cells of the volume continued
    mirrored."""
    shape, total = np.add(mask.shape, 1), 0
    w = masked_samples(np.pad(mask, 1, mode="edge"), alpha)[1]
    w = w.reshape(shape + 2)[1:-1, 1:-1, 1:-1]
    for sigma, strength in zip(scales.sigmas, scales.strength, strict=True):
        d = (w > 0).astype(float)
        for _ in range(80):
            d[w > 0] = np.sqrt(d[w > 0] / smooth_cells(w * d, sigma, spacing)[w > 0])
        mean = np.zeros_like(J)
        for i, j in np.ndindex(3, 3):
            odd = () if i == j else (2 - i, 2 - j)
            mean[:, i, j] = (d * smooth_cells(w * d * J[:, i, j].reshape(shape), sigma, spacing,
                                              odd)).ravel()
        total = total + strength * mean
    return total


def masked_step(network, u, mask, spacing=(1, 1, 1)):
    """One explicit step on the measured voxels of volumes (M, D, H, W), with dense matrices."""
    operator, scales = network.operator, network.scales
    steering = scales if network.steering is None else network.steering
    K, weights = masked_samples(mask, operator.alpha)
    K = at_points(K, operator.alpha, spacing)
    smoothing = {sigma: balanced_smoothing(mask, sigma, spacing)
                 for sigma in {*steering.sigmas, *scales.sigmas}}
    J = 0
    for channel in u:
        for sigma, w in zip(steering.sigmas, steering.strength, strict=True):
            gradient = K @ (smoothing[sigma] @ channel.ravel())
            J = J + w * np.einsum("cpi,cpj->cij", gradient, gradient) / 8
    if network.integration is not None:
        J = masked_average(network.integration, J, mask, operator.alpha, spacing)
    D = tensor(network.flux, J)
    out = u.copy()
    for m, channel in enumerate(u):
        for sigma, w in zip(scales.sigmas, scales.strength, strict=True):
            gradient = K @ (smoothing[sigma] @ channel.ravel())
            flux = np.einsum("c,cij,cpj->cpi", weights / 8, D, gradient)
            change = smoothing[sigma].T @ np.einsum("cpix,cpi->x", K, flux)
            out[m] -= network.tau * w * change.reshape(mask.shape)
    return out
