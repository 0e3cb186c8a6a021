"""How the variance of noise depends on the mean: of patches of one mean with little texture."""

import numpy as np

from .level import NEEDED, best_patches, centred, from_rows

NOTHING = 1e-9  # of the range; so little noise is none
GROUPS = 24  # of patches, by their mean
TRUSTED = 0.1  # of a variance; what is farther off counts less, as texture adds to it


def variances(tiles):
    """The means (N,) and the variances (N,) of the noise of groups of patches, from the darkest to
    the brightest; tiles are pairs (pixels, measured pixels or None) of one plane.

    Within a group noise has one level, so that the smallest eigenvalues of the covariance of its
    patches show it as those of all patches do for white noise, see `estimate_noise`.
    """
    tiles, offset = centred(tiles)
    patches, lively = best_patches(tiles, sparse=True)
    if patches is None:
        return np.array([offset]), np.array([from_rows(tiles)**2])
    if lively and patches.weakest() <= NOTHING * max(np.ptp(tile) for tile, _ in tiles):
        return np.array([offset]), np.zeros(1)
    together = np.sort(np.concatenate(patches.means))
    number = int(np.clip(patches.count // (NEEDED * patches.pixels), 1, GROUPS))
    limits = together[np.linspace(0, together.size, number + 1).astype(int)[1:-1]]
    groups = [np.searchsorted(limits, means, side="right") for means in patches.means]
    found = []
    for k in range(number):
        kept = [group == k for group in groups]
        if sum(map(np.count_nonzero, kept)) > patches.pixels:  # not where many means are equal
            variance, kept = patches.weakest_of(kept, alike=True)
            mean = np.concatenate([means[mine] for means, mine in zip(
                patches.means, kept, strict=True)]).mean()
            found.append((mean + offset, variance))
    means, variances = np.array(found).T
    return means, variances


def robust_fit(curve, variances, start):
    """The parameters >= 0 with which a curve comes closest to variances, relatively; and how close.

    The sum over them of c^2 ((1 + (r / c)^2)^(1/2) - 1) is least, with r the logarithm of the
    variance over the curve's, and c = TRUSTED.
    """
    from scipy.optimize import least_squares

    least = 1e-12 * variances.max()

    def residuals(parameters):
        return np.log(np.maximum(variances, least) / np.maximum(curve(parameters), least))

    start = np.maximum(start, least)
    found = least_squares(residuals, start, bounds=(0, np.inf), loss="soft_l1", f_scale=TRUSTED,
                          x_scale=start)
    return found.x, found.cost
