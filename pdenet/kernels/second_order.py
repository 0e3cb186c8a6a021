"""The Laplacian, the Hessian and its adjoint on planes (H, W), C-contiguous; the last argument is
written. The image continues half-sample symmetrically.
"""

from .compiler import kernel
from .formulas import formula
from .vectors import fma


@formula
def _laplacian(above, row, below, alpha):
    """dxx + dyy + alpha dxx dyy at the middle one of 3 x 3 pixels: three tuples of three, those of
    the row above, of the row itself, and of the row below."""
    yy_left, yy, yy_right = ((above[0] - row[0]) + (below[0] - row[0]),
                             (above[1] - row[1]) + (below[1] - row[1]),
                             (above[2] - row[2]) + (below[2] - row[2]))
    xx = (row[0] - row[1]) + (row[2] - row[1])
    return (xx + yy) + alpha * ((yy_left - yy) + (yy_right - yy))


@formula
def _three(row, left, j, right):
    """The pixels `left`, j and `right` of a row."""
    return row[left], row[j], row[right]


@kernel
def laplacian(v, alpha, scale, out):
    """out += scale (dxx + dyy + alpha dxx dyy) v, which is its own transpose: the Laplacian and its
    adjoint in eq. (11)."""
    rows, columns = v.shape
    last = columns - 1
    for i in range(rows):
        above, row, below, target = v[max(i - 1, 0)], v[i], v[min(i + 1, rows - 1)], out[i]
        for j in range(1, last):
            target[j] = fma(scale, _laplacian(
                _three(above, j - 1, j, j + 1), _three(row, j - 1, j, j + 1),
                _three(below, j - 1, j, j + 1), alpha), target[j])
        for j in range(0, last + 1, max(last, 1)):  # the two ends of the row
            left, right = max(j - 1, 0), min(j + 1, last)
            target[j] = fma(scale, _laplacian(
                _three(above, left, j, right), _three(row, left, j, right),
                _three(below, left, j, right), alpha), target[j])


@kernel
def pair_weights(mask, alpha, weights):
    """The weights w_ij with which the masked Laplacian sums u_j - u_i: of each pixel of a plane
    `mask` of ones and zeros, and the pixel to its right, below it, below on the right, and below on
    the left.

    `weights` are four planes (H + 1, W + 2) of zeros, where row i + 1 and column j + 1 are those of
    pixel (i, j). A cell of four pixels gives its edges 1/2 - alpha and its diagonals alpha, one of
    three gives all its pairs 1/3, one of two on an edge gives this 1/2: it is K' M(I) K of
    `masked_cells`. Pixels beyond the image are not measured.
    """
    rows, columns = mask.shape
    number = mask.dtype.type
    for i in range(rows + 1):
        upper, lower = mask[max(i - 1, 0)], mask[min(i, rows - 1)]
        for j in range(columns + 1):
            a, b = i > 0 and j > 0 and upper[j - 1] > 0, i > 0 and j < columns and upper[j] > 0
            c, d = (i < rows and j > 0 and lower[j - 1] > 0,
                    i < rows and j < columns and lower[j] > 0)
            count = int(a) + int(b) + int(c) + int(d)
            edge, diagonal = number(0.5), number(0)
            if count == 4:
                edge, diagonal = number(0.5) - alpha, alpha
            elif count == 3:
                edge = diagonal = number(1) / number(3)
            if a and b:
                weights[0, i, j] += edge
            if c and d:
                weights[0, i + 1, j] += edge
            if a and c:
                weights[1, i, j] += edge
            if b and d:
                weights[1, i, j + 1] += edge
            if a and d:
                weights[2, i, j] = diagonal
            if b and c:
                weights[3, i, j + 1] = diagonal


@formula
def _weighted(weights, above, row, below, i, left, j, right):
    """sum_k w_jk (v_k - v_j), with the `weights` w, over the eight neighbours k of pixel j of a
    `row`, i being its index, for those in the columns `left` and `right` and the rows `above` and
    `below`."""
    v = row[j]
    across = fma(weights[0, i + 1, j], row[left] - v, weights[0, i + 1, j + 1] * (row[right] - v))
    along = fma(weights[1, i, j + 1], above[j] - v, weights[1, i + 1, j + 1] * (below[j] - v))
    falling = fma(weights[2, i, j], above[left] - v, weights[2, i + 1, j + 1] * (below[right] - v))
    rising = fma(weights[3, i, j + 2], above[right] - v,
                 weights[3, i + 1, j + 1] * (below[left] - v))
    return (across + along) + (falling + rising)


@kernel
def masked_laplacian(v, weights, scale, out):
    """out += scale times the masked Laplacian of v, its own transpose, for the weights that
    `pair_weights` finds."""
    rows, columns = v.shape
    last = columns - 1
    for i in range(rows):
        above, row, below, target = v[max(i - 1, 0)], v[i], v[min(i + 1, rows - 1)], out[i]
        for j in range(1, last):
            target[j] = fma(scale, _weighted(weights, above, row, below, i, j - 1, j, j + 1),
                            target[j])
        for j in range(0, columns, max(last, 1)):  # the two ends of the row
            target[j] = fma(scale, _weighted(weights, above, row, below, i, max(j - 1, 0), j,
                                             min(j + 1, last)), target[j])


@kernel
def hessian(v, out):
    """out = (dxx v, dxy v, dyy v), the second derivatives of eq. (13); the mixed one is centred."""
    rows, columns = v.shape
    last = columns - 1
    quarter = v.dtype.type(0.25)
    for i in range(rows):
        above, row, below = v[max(i - 1, 0)], v[i], v[min(i + 1, rows - 1)]
        for j in range(columns):
            left, right = max(j - 1, 0), min(j + 1, last)
            out[0, i, j] = (row[left] - row[j]) + (row[right] - row[j])
            out[1, i, j] = quarter * ((below[right] - below[left]) - (above[right] - above[left]))
            out[2, i, j] = (above[j] - row[j]) + (below[j] - row[j])


@kernel
def hessian_adjoint(f, scale, out):
    """out += scale (dxx f0 + 2 dxy' f1 + dyy f2), the transpose of (dxx, dxy, dyx, dyy) in
    eq. (13).

    Mirrored at the boundary, dxx v and dyy v continue evenly and dxy v oddly.
    """
    layers, rows, columns = f.shape
    number = f.dtype.type
    last = columns - 1
    half = number(0.5)
    for i in range(rows):
        i0, i1 = max(i - 1, 0), min(i + 1, rows - 1)
        sign0 = number(-1) if i == 0 else number(1)
        sign1 = number(-1) if i == rows - 1 else number(1)
        for j in range(columns):
            left, right = max(j - 1, 0), min(j + 1, last)
            odd0 = number(-1) if j == 0 else number(1)
            odd1 = number(-1) if j == last else number(1)
            xx = (f[0, i, left] - f[0, i, j]) + (f[0, i, right] - f[0, i, j])
            yy = (f[2, i0, j] - f[2, i, j]) + (f[2, i1, j] - f[2, i, j])
            xy = (sign1 * (odd1 * f[1, i1, right] - odd0 * f[1, i1, left])
                  - sign0 * (odd1 * f[1, i0, right] - odd0 * f[1, i0, left]))
            out[i, j] = fma(scale, (xx + yy) + half * xy, out[i, j])
