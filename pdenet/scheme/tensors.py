"""Symmetric 2 x 2 tensors [[m + d, o], [o, m - d]] as three planes (m, d, o), in NumPy.

The formulas are those of the kernels, applied to whole planes, for functions that no kernel knows.
"""

import numpy as np

from ..kernels import cell_formulas


def eigenvalues(tensor):
    """The two eigenvalues as planes (2, ...), the larger first, the smaller cut at 0."""
    first, second, _ = cell_formulas.eigenvalues(tensor, tensor.dtype.type(0))
    return np.stack([first, second])


def matrix_function(tensor, function):
    """tensor <- the tensor with the same eigenvectors and the eigenvalues function(eigenvalues).

    The function maps planes (2, ...) to planes of the same shape and may change its argument.
    """
    number = tensor.dtype.type
    first, second, r = cell_formulas.eigenvalues(tensor, number(0))
    new = function(np.stack([first, second]))
    tensor[:] = cell_formulas.with_eigenvalues(*new, tensor, r, number(0.5))
    return tensor


def respond(law, least, tensor):
    """J <- D by the kernels, for a law that they know; see `pdenet.kernels.planes.respond_tensor`.
    Returns it."""
    from ..kernels import planes  # only here, so that names are had without Numba

    planes.respond_tensor(law, None if least is None else tensor.dtype.type(least),
                          tensor.reshape(3, -1))
    return tensor


def respond_adjoint(law, least, tensor, direction):
    """The adjoint of the derivative of `respond` at a tensor J, applied to B = `direction`, over
    which it is written; returns it."""
    from ..kernels import planes

    planes.slope_tensor(law, None if least is None else tensor.dtype.type(least),
                        tensor.reshape(3, -1), direction.reshape(3, -1))
    return direction


def frechet_derivative(tensor, direction, function, slopes):
    """The derivative of a matrix function at a tensor J in a direction B, by the formula of
    Daleckii and Krein: in the eigenvectors of J the new eigenvalues change by B's diagonal times
    their slopes, the eigenvectors by B's entry 12 times the divided difference of the new
    eigenvalues.

    slopes(eigenvalues) gives the derivatives of the first new eigenvalue with respect to the first
    old one, of either with respect to the other old one, and of the second with respect to the
    second.
    """
    number = tensor.dtype.type
    one = number(1)
    first, second, r = cell_formulas.eigenvalues(tensor, number(0))
    with np.errstate(invalid="ignore", divide="ignore"):
        b11, b22, mixed, *turn = cell_formulas.in_eigenvectors(tensor, direction, r, one)
        s11, s12, s22 = slopes(np.stack([first, second]))
        # By symmetry both Gauss points give the mean of d(mu_1 - mu_2) / d(nu_1 - nu_2).
        t11, t12, t22 = slopes(np.stack(cell_formulas.gauss_points(first, second, one)))
        mixed *= 2 * cell_formulas.divided_difference(
            *function(np.stack([first, second])), first, second, s11, s22, (t11 + t22) / 2 - t12,
            number(cell_formulas.NEAR[tensor.itemsize // 8]))
    changed = cell_formulas.from_eigenvectors(s11 * b11 + s12 * b22, s12 * b11 + s22 * b22, mixed,
                                              *turn)
    return number(0.5) * np.stack(changed)
