"""Symmetric tensors as planes, in NumPy: those of images, 2 x 2, and those of volumes, 3 x 3.

[[m + d, o], [o, m - d]] is the three planes (m, d, o); a 3 x 3 tensor is its six entries 11, 22,
33, 23, 13 and 12, in volumes. The formulas are those of the kernels, applied to whole planes, or to
the slices of volumes one after the other, for functions that no kernel knows.

A volume of one slice is an image: as all derivatives across it are zero, functions of its tensors
are those of the entries 11, 22 and 12.
"""

import itertools

import numpy as np

from ..kernels import cell_formulas
from ..kernels.volumes import tensors as of_volumes


def trace(tensor):
    """Of a structure: planes of 1, 3 or 6 entries."""
    if len(tensor) == 6:
        return tensor[0] + tensor[1] + tensor[2]
    return tensor[0] if len(tensor) == 1 else 2 * tensor[0]


def inner_weights(entries):
    """What each of so many entries counts in the inner product tr(A B)."""
    return {1: (1,), 3: (2, 2, 2), 6: (1, 1, 1, 2, 2, 2)}[entries]


def eigenvalues(tensor):
    """The eigenvalues as planes (2, ...) or (3, ...), from the largest on, cut at 0."""
    if len(tensor) == 6:
        if is_image(tensor):
            return eigenvalues(_of_image(tensor))
        return np.stack([_ordered(of_volumes.parts_of(part, tensor.dtype.type(1)))
                         for part in _slices(tensor)], axis=1)
    first, second, _ = cell_formulas.eigenvalues(tensor, tensor.dtype.type(0))
    return np.stack([first, second])


def matrix_function(tensor, function):
    """tensor <- the tensor with the same eigenvectors and the eigenvalues function(eigenvalues).

    The function maps planes (2, ...), or (3, ...), to planes of the same shape and may change its
    argument.
    """
    number = tensor.dtype.type
    if len(tensor) == 6:
        if is_image(tensor):
            return _to_volume(matrix_function(_of_image(tensor), function), tensor)
        for part in _slices(tensor):
            parts = of_volumes.parts_of(part, number(1))
            new = _as_parts(parts, function(_ordered(parts)))
            part[:] = of_volumes.with_values(*new, parts, number(1))
        return tensor
    first, second, r = cell_formulas.eigenvalues(tensor, number(0))
    new = function(np.stack([first, second]))
    tensor[:] = cell_formulas.with_eigenvalues(*new, tensor, r, number(0.5))
    return tensor


def respond(law, least, tensor):
    """J <- D by the kernels, for a law that they know; see `pdenet.kernels.planes.respond_tensor`.
    Returns it."""
    from ..kernels import planes  # only here, so that names are had without Numba
    from ..kernels.volumes import slices

    kernels = slices if len(tensor) == 6 else planes
    kernels.respond_tensor(law, None if least is None else tensor.dtype.type(least),
                           tensor.reshape(len(tensor), -1))
    return tensor


def respond_adjoint(law, least, tensor, direction):
    """The adjoint of the derivative of `respond` at a tensor J, applied to B = `direction`, over
    which it is written; returns it."""
    from ..kernels import planes
    from ..kernels.volumes import slices

    kernels = slices if len(tensor) == 6 else planes
    kernels.slope_tensor(law, None if least is None else tensor.dtype.type(least),
                         tensor.reshape(len(tensor), -1), direction.reshape(len(tensor), -1))
    return direction


def frechet_derivative(tensor, direction, function, slopes, adjoint=False):
    """The derivative of a matrix function at a tensor J in a direction B, by the formula of
    Daleckii and Krein: in the eigenvectors of J the new eigenvalues change by B's diagonal times
    their slopes, the eigenvectors by B's entry 12 times the divided difference of the new
    eigenvalues.

    slopes(eigenvalues) gives the derivatives of the first new eigenvalue with respect to the first
    old one and to the other old one, and so on row by row: 2 x 2 or 3 x 3 of them. With `adjoint`
    it is the adjoint of the derivative, where these are not symmetric.
    """
    number = tensor.dtype.type
    one = number(1)
    if len(tensor) == 6:
        if is_image(tensor):
            found = frechet_derivative(_of_image(tensor), _of_image(direction), function, slopes,
                                       adjoint)
            return _to_volume(found, np.zeros_like(direction))
        found = np.empty_like(direction)
        for part, own, out in zip(*map(_slices, (tensor, direction, found)), strict=True):
            out[:] = _frechet_of_volume(part, own, function, slopes, adjoint, one)
        return found
    first, second, r = cell_formulas.eigenvalues(tensor, number(0))
    with np.errstate(invalid="ignore", divide="ignore"):
        b11, b22, mixed, *turn = cell_formulas.in_eigenvectors(tensor, direction, r, one)
        (s11, s12), (s21, s22) = slopes(np.stack([first, second]))
        # By symmetry both Gauss points give the mean of d(mu_1 - mu_2) / d(nu_1 - nu_2).
        (t11, t12), (t21, t22) = slopes(np.stack(cell_formulas.gauss_points(first, second, one)))
        mixed *= 2 * cell_formulas.divided_difference(
            *function(np.stack([first, second])), first, second, s11, s22,
            (t11 + t22) / 2 - (t12 + t21) / 2, number(cell_formulas.NEAR[tensor.itemsize // 8]))
    if adjoint:
        s12, s21 = s21, s12
    changed = cell_formulas.from_eigenvectors(s11 * b11 + s12 * b22, s21 * b11 + s22 * b22, mixed,
                                              *turn)
    return number(0.5) * np.stack(changed)


# Of volumes --------------------------------------------------------------------------------------


def _frechet_of_volume(tensor, direction, function, slopes, adjoint, one):
    """`frechet_derivative` for a slice of 3 x 3 tensors."""
    parts = of_volumes.parts_of(tensor, one)
    entries, N, y, rest = of_volumes.directional(parts, direction, one)
    nu, entries = _ordered(parts), np.stack(_from_parts(parts, entries))
    mu, change = function(nu.copy()), slopes(nu.copy())
    values = [sum(change[j][i] * entries[j] if adjoint else change[i][j] * entries[j]
                  for j in range(3)) for i in range(3)]
    quotients, near = {}, one * cell_formulas.NEAR[tensor.itemsize // 8]
    with np.errstate(invalid="ignore", divide="ignore"):
        for i, j in itertools.combinations(range(3), 2):
            between = nu.copy()
            between[i], between[j] = cell_formulas.gauss_points(nu[i], nu[j], one)
            t = slopes(between)
            mean = (t[i][i] - t[i][j] + t[j][j] - t[j][i]) / 2
            s1, s2 = change[i][i] - change[i][j], change[j][j] - change[j][i]
            # Where both slopes are 0 all digits of the quotient are right, and those of the mean
            # may not be, as the third eigenvalue can lie between.
            quotient = np.where((s1 == 0) & (s2 == 0), (mu[i] - mu[j]) / (nu[i] - nu[j]),
                                cell_formulas.divided_difference(mu[i], mu[j], nu[i], nu[j], s1, s2,
                                                                 mean, near))
            quotients[i, j] = np.where(nu[i] > nu[j], quotient, mean)
    largest = parts.x > 0  # then the isolated eigenvalue is the first, otherwise the last
    pairs = (np.where(largest, quotients[0, 1], quotients[0, 2]),
             np.where(largest, quotients[0, 2], quotients[1, 2]),
             np.where(largest, quotients[1, 2], quotients[0, 1]))
    return np.stack(of_volumes.changed(_as_parts(parts, values), pairs, parts, N, y, rest, one))


def _ordered(parts):
    """The eigenvalues from the largest on, (3, ...)."""
    return np.stack(_from_parts(parts, (parts.first, parts.second, parts.third)))


def _from_parts(parts, values):
    """Three values in the order of `Parts`, in that of the eigenvalues from the largest on."""
    isolated, second, third = values
    largest = parts.x > 0
    return (np.where(largest, isolated, second), np.where(largest, second, third),
            np.where(largest, third, isolated))


def _as_parts(parts, values):
    """Three values in the order of the eigenvalues from the largest on, in that of `Parts`."""
    first, second, third = values
    largest = parts.x > 0
    return (np.where(largest, first, third), np.where(largest, second, first),
            np.where(largest, third, second))


def _slices(tensor):
    """The slices of volumes (6, D, ...), each (6, ...)."""
    return np.moveaxis(tensor, 1, 0)


def is_image(tensor):
    """Whether these are the tensors of a volume of one slice, which has two slices of cells."""
    return tensor.ndim == 4 and tensor.shape[1] == 2


def _of_image(tensor):
    """The planes (m, d, o) of the entries 11, 22 and 12."""
    half = tensor.dtype.type(0.5)
    return np.stack([half * (tensor[0] + tensor[1]), half * (tensor[0] - tensor[1]), tensor[5]])


def _to_volume(planes, tensor):
    """tensor <- the entries of planes (m, d, o), zero for those across the slice."""
    tensor[:] = 0
    tensor[0], tensor[1], tensor[5] = planes[0] + planes[1], planes[0] - planes[1], planes[2]
    return tensor
