"""Sums over patches, against NumPy."""

import numpy as np
import pytest

from pdenet.kernels.patches import add_moments


@pytest.mark.parametrize("count", [0, 1, 3, 4, 9, 500])
@pytest.mark.parametrize("shape", [(7, 7), (3, 5), (1, 7), (3, 3)])
def test_sums_of_values_and_products(shape, count):
    rng = np.random.default_rng(0)
    image, pixels = rng.normal(size=(20, 30)), shape[0] * shape[1]
    rows = rng.integers(0, 21 - shape[0], count)
    columns = rng.integers(0, 31 - shape[1], count)
    patches = np.array([image[i:i + shape[0], j:j + shape[1]].ravel()
                        for i, j in zip(rows, columns, strict=True)]).reshape(count, pixels)
    first, second = np.ones(pixels), np.ones((pixels, -(-pixels // 8) * 8))
    add_moments(image, rows, columns, shape, first, second)
    np.testing.assert_allclose(first, 1 + patches.sum(0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(second[:, :pixels], 1 + patches.T @ patches, rtol=0, atol=1e-11)
    assert (second[:, pixels:] == 1).all()
