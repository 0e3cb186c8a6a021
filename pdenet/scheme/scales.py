"""The scales of a model: Gaussian smoothing G_l, trainable weights beta_l, step sizes omega_l."""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..checks import check_count, check_number
from ..kernels import gaussian
from ..kernels.volumes import gaussian as of_volumes
from .spacing import of_voxels

__all__ = ["ScaleSpace"]

LARGEST = 1000.0  # pixels, of a sigma
TRUNCATE = 4.0  # standard deviations after which the sampled Gaussian ends


@dataclass(frozen=True, eq=False, init=False)
class ScaleSpace:
    """Discrete scales sigma_l with weights beta_l: the operators beta_l G_l, l = 1, ..., L.

    The integral over scales in eq. (32) and eq. (34) becomes a sum with the step sizes
    omega_l = sigma_{l+1} - sigma_l of eq. (36), so that scale l counts with the strength
    w_l = omega_l beta_l**2. The printed scheme has omega_l in the outer sum alone; here it
    stands in both sums, as in the integrals, because only then the step descends an energy.

    Parameters
    ----------
    sigmas : sequence of float
        Standard deviations of the Gaussians in pixels, or in the unit of an operator's spacing,
        increasing, >= 0. sigma = 0 does not smooth. Gaussians are sampled and cut off after four
        standard deviations; the image continues mirrored (half-sample symmetric).
    weights : sequence of float, optional
        beta_l, one per scale. All one by default.

    Attributes
    ----------
    sigmas, weights, omega : ndarray of shape (L,)
        omega of the last scale continues the ratio of the last two sigmas (their
        difference, where the last but one is 0); a single scale has omega = 1.

    Raises
    ------
    ValueError
        If the sigmas are not increasing, finite and >= 0, or the weights not finite or not
        as many.

    Examples
    --------
    >>> import pdenet
    >>> scales = pdenet.ScaleSpace([1.0, 2.0, 4.0])
    >>> scales.omega
    array([1., 2., 4.])
    >>> pdenet.ScaleSpace.exponential(0.4, 10.0, 8).sigmas.round(2)
    array([ 0.4 ,  0.63,  1.  ,  1.59,  2.52,  3.99,  6.31, 10.  ])
    """

    sigmas: np.ndarray
    weights: np.ndarray
    omega: np.ndarray = field(init=False)

    _balance = None, None  # or planes b_l and a_l, those of images in strips: a_l G_l b_l for G_l
    _sizes = (1.0, 1.0, 1.0)  # of voxels along columns, rows and slices

    def __init__(self, sigmas: npt.ArrayLike, weights: npt.ArrayLike | None = None):
        sigmas = _vector("sigmas", sigmas)
        if (sigmas < 0).any() or (np.diff(sigmas) <= 0).any():
            raise ValueError(f"sigmas must be increasing and >= 0; got {sigmas.tolist()}")
        if sigmas[-1] > LARGEST:
            raise ValueError(f"sigmas must be at most {LARGEST:g} pixels; got {sigmas[-1]:g}")
        weights = np.ones(sigmas.size) if weights is None else _vector("weights", weights)
        if weights.size != sigmas.size:
            raise ValueError(f"weights must have one value for each of the {sigmas.size} sigmas; "
                             f"got {weights.size}")
        squares = np.square(weights[np.abs(weights) <= 1e15])
        if squares.size < weights.size or squares.max() < 1e-30:
            raise ValueError(f"weights must be at most 1e15 and not all below 1e-15; got "
                             f"{weights.tolist()}")
        for name, value in (("sigmas", sigmas), ("weights", weights),
                            ("omega", _step_sizes(sigmas))):
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @classmethod
    def exponential(cls, smallest: float, largest: float, count: int,
                    weights: npt.ArrayLike | None = None) -> "ScaleSpace":
        """`count` scales from `smallest` to `largest` (pixels, > 0) in constant ratio."""
        count = check_count("count", count, least=1)
        smallest = check_number("smallest", smallest, above=0.0)
        largest = check_number("largest", largest, least=smallest)
        if count > 1 and largest == smallest:
            raise ValueError(f"largest must be above smallest, {smallest:g}, for {count} scales; "
                             f"got {largest:g}")
        return cls(np.geomspace(smallest, largest, count), weights)

    def spaced(self, spacing: tuple[float, ...] | None) -> ScaleSpace:
        """These scales for pixels or voxels of this spacing, in whose unit the sigmas are then."""
        sizes = of_voxels(spacing)
        if sizes == self._sizes:
            return self
        if self.sigmas[-1] / min(sizes) > LARGEST:
            raise ValueError(f"sigmas must be at most {LARGEST:g} pixels or voxels; got "
                             f"{self.sigmas[-1]:g} with the spacing {spacing}")
        found = copy.copy(self)
        for name in ("reach", "_radii", "_taps", "_voxels"):  # that depend on it
            found.__dict__.pop(name, None)
        object.__setattr__(found, "_sizes", sizes)
        return found

    @functools.cached_property
    def strength(self) -> np.ndarray:
        """w_l = omega_l beta_l**2, shape (L,)."""
        return self.omega * self.weights**2

    @functools.cached_property
    def reach(self):
        """Radius of the largest smoothing kernel in pixels or voxels."""
        return max(map(_radius, self.sigmas / min(self._sizes)))

    def smooth(self, u, work):
        """v_n = G_l u_m for all channels m and scales l: the layers (M L, H, W) of planes (M, H,
        W), and those of volumes, in an array of the workspace. For the single scale sigma = 0 it is
        u itself."""
        if self.sigmas.size == 1 and self.reach == 0:
            return u
        v = work.array("layers", (u.shape[0], self.sigmas.size) + u.shape[1:], u.dtype)
        for channel, scales in zip(u, v, strict=True):
            self.apply(channel[np.newaxis], np.ones(self.sigmas.size), False, scales, work)
        return v.reshape((-1,) + u.shape[1:])

    def add_adjoint(self, layers, factor, out, work):
        """out_m += factor sum_l w_l G_l v_ml for layers v_n: the adjoint of `smooth`, weighted by
        the strengths. G_l is its own transpose."""
        for target, scales in zip(out, layers.reshape(len(out), -1, *out.shape[1:]), strict=True):
            self.apply(scales, factor * self.strength, True, target[np.newaxis], work)

    def apply(self, v, factors, add, out, work, parity=gaussian.PIXELS):
        """out_l = factor_l G_l v for one plane v, or its adjoint, out = sum_l factor_l G_l v_l, or,
        if add, both sums for one plane each; added to out if add. The planes continue with this
        parity, see `pdenet.kernels.gaussian.smooth`; volumes with one parity for each axis."""
        if v.ndim == 4:
            self._apply_to_volumes(v, factors, add, out, work, parity)
            return
        gaussian.smooth(v, self._taps.astype(v.dtype), self._radii, factors.astype(v.dtype),
                        *(each if each is None else each.reshape(-1) for each in self._balance),
                        add, parity,
                        gaussian.scratch_for(v, out, self.reach, work), out)

    def balanced(self, before, after):
        """These scales with a_l G_l b_l in place of G_l, for volumes b_l and a_l, or the strips of
        planes b_l and a_l that `gaussian.in_strips` makes."""
        _ = self._taps, self._radii, self.strength  # so that the copy has them, too
        found = copy.copy(self)
        object.__setattr__(found, "_balance", (before, after))
        return found

    @property
    def isotropic(self):
        """Whether voxels are cubes."""
        return len(set(self._sizes)) == 1

    def _apply_to_volumes(self, v, factors, add, out, work, parity):
        parities = (parity,) * 3 if parity == gaussian.PIXELS else parity

        def one(task, own):
            n, target, adds = task
            self._smooth_volume(n, v[n if len(v) > 1 else 0], factors[n], adds, target, own,
                                parities)

        count = len(self.sigmas)
        if len(out) > 1 or count == 1:
            work.each(one, [(n, out[n], add) for n in range(count)])
        elif work.alone:
            for n in range(count):
                one((n, out[0], add or n > 0), work)
        else:  # the same sum, of what is found at once
            parts = work.array("parts", (count, *out.shape[1:]), out.dtype)
            work.each(one, [(n, part, False) for n, part in enumerate(parts)])
            for n, part in enumerate(parts):
                out[0] = out[0] + part if add or n > 0 else part

    def _smooth_volume(self, n, source, factor, adds, target, work, parities):
        """target = factor G_l source for the scale of this number, or, if `adds`, target += that.
        """
        number, (taps, radii) = source.dtype.type, (part[n] for part in self._voxels)
        before, after = (None if part is None else part[n] for part in self._balance)
        result = target
        if before is not None:
            source = result = np.multiply(source, before, out=work.scratch(
                "balanced", source.shape, source.dtype))
        if radii.any():
            of_volumes.smooth(source, taps.astype(source.dtype), radii, number(factor),
                              adds and before is None, parities,
                              *of_volumes.scratch_for(source, self.reach, work), result)
        elif adds and before is None:
            result += number(factor) * source
        else:
            np.multiply(source, number(factor), out=result)
        if before is not None:
            result *= after
            target[:] = target + result if adds else result

    @functools.cached_property
    def _voxels(self):
        """The sampled Gaussians along columns, rows and slices, (L, 3, reach + 1), and their radii,
        (L, 3)."""
        sigmas = self.sigmas[:, np.newaxis] / self._sizes
        taps = np.zeros((*sigmas.shape, self.reach + 1))
        radii = np.vectorize(_radius)(sigmas)
        for place in np.ndindex(sigmas.shape):
            half = sampled_gaussian(float(sigmas[place]))[radii[place]:]
            taps[place][:half.size] = half
        return taps, radii

    @functools.cached_property
    def _radii(self):
        return np.array([_radius(sigma) for sigma in self.sigmas])

    @functools.cached_property
    def _taps(self):
        """The sampled Gaussians from their centres to one side: shape (L, reach + 1)."""
        taps = np.zeros((self.sigmas.size, self.reach + 1))
        for row, sigma, radius in zip(taps, self.sigmas, self._radii, strict=True):
            row[:radius + 1] = sampled_gaussian(sigma)[radius:]
        return taps

    def symbol(self, frequencies, axis=0):
        """The factors by which G_l scales the cosines cos(frequency (j + 1/2)) along columns, rows
        or slices, axis 0, 1 or 2: shape (L, number of frequencies)."""
        return np.stack([_symbol(sigma / self._sizes[axis], frequencies.tobytes())
                         for sigma in self.sigmas])


@functools.lru_cache(256)
def sampled_gaussian(sigma):
    """The sampled Gaussian of standard deviation sigma, cut off and normalised to sum 1."""
    radius = _radius(sigma)
    if radius == 0:
        return np.ones(1)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma)**2)
    weights /= weights.sum()
    weights.flags.writeable = False
    return weights


@functools.lru_cache(256)
def _symbol(sigma, frequencies):
    """The factors of one Gaussian at frequencies given as bytes. They are kept, because training
    asks for the same frequencies again and again."""
    half = sampled_gaussian(sigma)[_radius(sigma):]
    angles = np.outer(np.arange(1, half.size), np.frombuffer(frequencies))
    return half[0] + 2 * half[1:] @ np.cos(angles)


def _radius(sigma):
    """Pixels from the centre of a sampled Gaussian to its end."""
    return int(TRUNCATE * sigma + 0.5)


def _step_sizes(sigmas):
    """omega_l = sigma_{l+1} - sigma_l, where the sequence of sigmas is continued by one."""
    if sigmas.size == 1:
        return np.ones(1)
    last, previous = sigmas[-1], sigmas[-2]
    following = last * last / previous if previous > 0 else last + last - previous
    return np.diff(np.append(sigmas, following))


def _vector(name, values) -> np.ndarray:
    try:
        found = np.asarray(values)
        vector = found.astype(np.float64) if found.dtype.kind in "iuf" else np.empty(0)
    except (TypeError, ValueError, OverflowError):
        vector = np.empty(0)
    if vector.ndim != 1 or vector.size == 0 or not np.isfinite(vector).all():
        raise ValueError(f"{name} must be a sequence of finite numbers; got {values!r}")
    return vector
