"""The scheme of volumes in plain NumPy, slow and by other formulas than the package's.

The gradient is that of the trilinear interpolant at eight points of each cell, and the flux the
mean over them; smoothing is scipy.ndimage's, and the matrix function goes through
numpy.linalg.eigh.
"""

import itertools

import numpy as np
from scipy import ndimage

from .naive import KINDS

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
