"""Sums over many small patches of an image, from which their covariance follows."""

import numpy as np

from .compiler import kernel

TOGETHER = 4  # patches


@kernel
def add_moments(image, rows, columns, shape, first, second):
    """first_i += sum p_i and second_ij += sum p_i p_j over patches p of an image.

    Four patches are added at a time, so that a sum is loaded and stored a quarter as often. The
    order of the sums is fixed by the list of patches alone.

    Parameters
    ----------
    image : ndarray of shape (H, W)
        float64.
    rows, columns : ndarray of shape (N,)
        Where each patch begins.
    shape : tuple of two int
        Height and width of a patch; n = height width.
    first : ndarray of shape (n,)
        The sums of the values.
    second : ndarray of shape (n, m), m >= n
        The sums of the products; fastest where m is a multiple of 8.
    """
    height, width = shape
    patches = np.zeros((TOGETHER, second.shape[1]))
    for start in range(0, rows.size, TOGETHER):
        for k in range(TOGETHER):
            if start + k < rows.size:
                top, left = rows[start + k], columns[start + k]
                for i in range(height):
                    for j in range(width):
                        patches[k, i * width + j] = image[top + i, left + j]
            else:
                patches[k] = 0.0
        a, b, c, d = patches[0], patches[1], patches[2], patches[3]
        for i in range(first.size):
            first[i] += (a[i] + b[i]) + (c[i] + d[i])
            sums, w, x, y, z = second[i], a[i], b[i], c[i], d[i]
            for j in range(second.shape[1]):
                sums[j] += (w * a[j] + x * b[j]) + (y * c[j] + z * d[j])
