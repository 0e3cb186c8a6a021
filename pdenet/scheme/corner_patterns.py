"""Cells of volumes some of whose voxels are not measured: K for each of the 256 patterns.

A cell takes its samples, see `pdenet.kernels.volumes.cells`, from the voxels that are measured:

* p, q and r are the means over those of their four edges both of whose voxels are measured, and 0
  without such an edge;
* a twist of faces is the mean over those of its two faces all of whose voxels are measured, times
  the root of their share; the twist t of the cube needs all eight voxels.

With the rows R of these samples, the singular values of M(I)^(1/2) R may be larger than 1/sqrt(2),
that of the derivatives of a whole cell. Then they are cut there: with M(I)^(1/2) R = U Sigma V' and
rho_i = min(1, 1 / (sqrt(2) Sigma_i))

    w = the largest rho_i^2 of the directions i that have a part in p, q or r,
    K = M(I)^(-1/2) U diag(rho_i / sqrt(w)) U' M(I)^(1/2) R,

and the cell counts w in sums over cells. At the faces of a box w is 1/2 and at its edges 1/4, as if
the volume ended there and continued mirrored; and where all slices are alike, this is what
`pdenet.kernels.masked_cells` does with images.

M(I) is that of voxels of the size 1 x 1 x 1, whatever the spacing h is. As K' M(I) K w <= 1/2 with
it, and the M(I) of the spacing, which is diagonal, is at most 1/min(h)^2 times it, no cell has an
eigenvalue above 1/(2 min(h)^2), which a whole cell of this spacing has: a step that is stable for
all voxels is so for every mask. To cut with the spacing's own M(I) would bound cells alike, but
with voxels that are no cubes the faces of a box would no longer count one half.
"""

import functools
import itertools

import numpy as np

from ..kernels.volumes.masked_cells import SIZE, WEIGHTS, Cells

CORNERS = np.array(list(itertools.product((0, 1), repeat=3)))  # slice, row, column
SIGNS = 2 * CORNERS - 1
# p, q, r, s1, s2, s3 and t: along which of the axes slice, row, column they differentiate, and by
# which number kernels multiply them.
AXES = ((2,), (1,), (0,), (0, 1), (0, 2), (1, 2), (0, 1, 2))
SCALES = np.array([4.0, 4, 4, 2, 2, 2, 1])


def samples(alpha: float, measured: np.ndarray) -> tuple[np.ndarray, float]:
    """K of a cell, a matrix (7, 8), and its weight w, for the voxels that are `measured`, eight
    times True or False in the order of CORNERS."""
    raw = np.array([_row(axes, measured) for axes in AXES])
    if measured.all():
        return raw, 1.0
    k = (1 - 2 * alpha) / 4
    metric = np.sqrt([1, 1, 1, 2 * k, 2 * k, 2 * k, 3 * k * k])
    root = metric[:, np.newaxis] * raw
    squares, U = np.linalg.eigh(root @ root.T)
    there = squares > 1e-9
    rho = np.sqrt(np.where(there, 0.5 / np.maximum(squares, 0.5), 0.0))
    weight = float(max(rho[there & (np.square(U[:3]).sum(axis=0) > 1e-9)]**2, default=0.0))
    if weight == 0:
        return 0 * raw, 0.0
    back = np.divide(1, metric, out=np.zeros(7), where=metric > 0)
    return back[:, np.newaxis] * ((U * (rho / np.sqrt(weight))) @ U.T @ root), weight


def _row(axes, measured):
    """The weights of the eight voxels in a sample, the mean over the edges or faces, or the cube,
    along these axes."""
    sign, found = SIGNS[:, axes].prod(axis=1), np.zeros(8)
    across = [axis for axis in range(3) if axis not in axes]
    groups = [np.flatnonzero((CORNERS[:, across] == ends).all(axis=1))
              for ends in itertools.product((0, 1), repeat=len(across))]
    whole = [group for group in groups if measured[group].all()]
    for group in whole:
        found[group] = sign[group] / len(whole)
    return found * (np.sqrt(len(whole) / len(groups)) if len(axes) == 2 else 1)


@functools.lru_cache(64)
def table(alpha: float, dtype: np.dtype) -> np.ndarray:
    """K of all patterns, as kernels for volumes of this type take it, see `masked_cells.Cells`.

    Of a volume that is 0 in the other voxels a pattern's samples K are a matrix times those of a
    whole cell, as no sample of a constant is other than 0.
    """
    whole, _ = samples(alpha, np.ones(8, bool))
    back = whole.T / np.square(whole).sum(axis=1)  # K K' is diagonal
    found = np.zeros(SIZE)
    gradients, fluxes = found[:WEIGHTS].reshape(2, 256, 7, 8)
    weights = found[WEIGHTS:]
    for pattern in range(256):
        K, weights[pattern] = samples(alpha, (pattern >> np.arange(8) & 1).astype(bool))
        matrix = SCALES[:, np.newaxis] * (K @ back) / SCALES
        matrix[np.abs(matrix) < 1e-14] = 0
        gradients[pattern, :, :7], fluxes[pattern, :, :7] = matrix.T, weights[pattern] * matrix
    return found.astype(dtype)


def patterns(measured: np.ndarray) -> np.ndarray:
    """The patterns of all cells, (D+1, H+1, W+1), of voxels (D, H, W) that are 0 where they are not
    measured; the volume continues mirrored."""
    around = np.pad(measured != 0, 1, mode="edge").astype(np.uint8)
    found = np.zeros(np.add(measured.shape, 1), np.uint8)
    for bit, corner in enumerate(CORNERS):
        found |= around[tuple(slice(first, first + size) for first, size in
                              zip(corner, found.shape, strict=True))] << np.uint8(bit)
    return found


def cells(alpha: float, measured: np.ndarray) -> Cells:
    """The cells of a volume as kernels take them, for voxels `measured` as in `patterns`."""
    return Cells(patterns(measured), table(alpha, measured.dtype))


def weights(alpha: float, measured: np.ndarray) -> np.ndarray:
    """What each cell counts in sums over cells, for voxels `measured` as in `patterns`."""
    return table(alpha, measured.dtype)[WEIGHTS:][patterns(measured)]
