"""What the channels of an image have in common: the principal axes of their gradients."""

import numpy as np

from ..images import sample_with
from ..kernels.workspace import Workspace
from ..scheme.scales import ScaleSpace

CORRELATED = 0.3  # gradients of channels, if they are to be mixed
SMOOTHED = 1.0  # pixels, the standard deviation of the Gaussian before these gradients


def principal_axes(planes, sigma, mask=None):
    """Orthonormal axes (M, M), in rows, of channels with noise of one level: the eigenvectors of
    the covariance of their gradients at the scale SMOOTHED, less that of the noise; of those
    between measured pixels, where there is a mask (H, W) outside which the planes are 0. The axis
    with most structure is the first.

    Correlations below 0.3, and such as noise has by chance, count as none, so that channels which
    have nothing in common stay apart: mixed, they would be worse than alone.
    """
    covariance, count = np.zeros((len(planes), len(planes))), 0
    for part, measured in sample_with(planes, mask):
        steps = _gradients(part, measured)
        covariance += np.einsum("mk,nk->mn", steps, steps)
        count += steps.shape[1]
    dimensions = planes.ndim - 1
    impulse = np.zeros((1, *[33] * dimensions))
    impulse[(0, *[16] * dimensions)] = 1
    # Of one difference, the mean over the directions.
    noise = sigma**2 / dimensions * np.sum(_gradients(impulse)**2)
    covariance /= max(count, 1)
    independent = count / (4 * np.pi * SMOOTHED**2)**(dimensions / 2)
    variances = np.diag(covariance)
    chance = np.sqrt(np.outer(variances, variances) / max(independent, 1))
    covariance = covariance - noise * np.eye(len(planes))
    variances = np.diag(covariance)
    variances = np.maximum(variances, max(1e-3 * variances.max(), np.finfo(float).tiny))
    least = np.maximum(CORRELATED * np.sqrt(np.outer(variances, variances)), 4 * chance)
    covariance = np.where(np.abs(covariance) >= least, covariance, 0)
    np.fill_diagonal(covariance, variances)
    return np.linalg.eigh(covariance)[1][:, ::-1].T


def guide_of(axes, k):
    """The first axis, that with most structure, with which the axis k has channels in common; None
    for k itself."""
    common = np.abs(axes[:k]) @ np.abs(axes[k]) > 1e-6
    return int(np.argmax(common)) if common.any() else None


def _gradients(planes, mask=None):
    """All differences of neighbours in smoothed planes (M, H, W) or volumes, (M, number); with a
    mask (H, W), outside which the planes are 0, those between measured pixels."""
    scales, work = ScaleSpace([SMOOTHED]), Workspace()
    smooth = scales.smooth(planes, work).astype(np.float64)
    axes = range(1, planes.ndim)
    if mask is None:
        return np.hstack([np.diff(smooth, axis=axis).reshape(len(planes), -1) for axis in axes])
    near = scales.smooth(mask[np.newaxis].astype(planes.dtype), work)
    smooth = np.divide(smooth, near, where=mask, out=np.zeros_like(smooth))
    found = []
    for axis in axes:
        known = np.moveaxis(mask, axis - 1, 0)
        both = np.moveaxis(known[1:] & known[:-1], 0, axis - 1)
        found.append(np.diff(smooth, axis=axis)[:, both])
    return np.hstack(found)


def mixed(planes, weights):
    """The sum of weighted planes, as one plane, in a fixed order."""
    total = planes[:1] * planes.dtype.type(weights[0])
    for plane, weight in zip(planes[1:], weights[1:], strict=True):
        total = total + plane * planes.dtype.type(weight)
    return total
