"""Inpainting: pixels that are not known are filled by diffusion from those that are.

The image sought is the steady state of a diffusion step whose data term keeps the known pixels,

    K' M(D) K u = 0 where u is not known,      u = f where it is,

with D = I for homogeneous diffusion, and for edge-enhancing diffusion D = g(J) of the image itself,
smoothed a little, as in eq. (2) and eq. (3): edges are continued into the unknown. The linear
equations take conjugate gradients with a multigrid cycle as preconditioner. The others are solved
from coarse to fine, by the semi-iterative cycles of `network.steady_state`; the image with the
least residual is returned.

Images whose pixels are of the size 1 x 1 are planes (M, H, W), all others volumes (M, D, H, W).
Coarser ones are half as large along the axes of the smallest distance, so that voxels become cubes;
they keep this distance as unit.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from . import models
from .checks import by_keyword, check_choice, check_number, check_workers
from .images import Axes, from_units, to_array, to_planes, to_units
from .kernels.workspace import Workspace
from .network.steady_state import steady_state
from .scheme.operators import Gradient
from .scheme.spacing import check_spacing, of_voxels

__all__ = ["inpaint"]

METHODS = ("eed", "homogeneous")
# Of images and of volumes of several slices. In three dimensions a single known voxel holds less of
# what is around it, so that stronger diffusion leaves it a spike.
CONTRAST = 8 / 255, 2 / 255  # of the range of the known pixels, per the smallest distance of pixels
SIGMA = 1.5, 1.0             # smallest distances of pixels
SMALLEST = 16        # pixels: of the coarsest image's shorter side
STEPS = 800          # at most, on the finest image
COARSE_STEPS = 40    # on each of the others
DAMPED = np.float32(1 / 3)  # the step of the multigrid's smoothing, half of the stable one or more
PRECISION, ROUNDS = 1e-4, 2  # of conjugate gradients, and how often


@by_keyword
def inpaint(image: npt.ArrayLike, mask: npt.ArrayLike, *, method: str = "eed",
            contrast: float | None = None, sigma: float | None = None,
            guide: npt.ArrayLike | None = None, channel_axis: int | None = None,
            spacing: Sequence[float] | None = None, workers: int | None = None) -> np.ndarray:
    """Fill pixels by diffusion from the others: div(D grad u) = 0 between the known pixels.

    Edge-enhancing diffusion, D = g(J) with g(x) = 1 / (1 + x / contrast^2), continues edges into
    what is unknown, even between a few scattered pixels; it is steered by the image itself,
    smoothed, all channels together. Homogeneous diffusion, D = I, is linear and interpolates
    smoothly.

    Parameters
    ----------
    image : array_like of shape (H, W) or (D, H, W), or with channels
        Grey levels of an image or a volume, of any real type. What stands in the pixels to be
        filled has no influence.
    mask : array_like of bool, of shape (H, W) or (D, H, W)
        True where a pixel is to be filled, as in scikit-image.
    method : {"eed", "homogeneous"}, optional
        Edge-enhancing or homogeneous diffusion.
    contrast : float, optional
        Contrast parameter of the diffusion in grey levels per pixel, > 0; by default 8/255, in
        volumes 2/255, of the range of the known pixels, or of the guide, per the smallest distance
        of pixels.
    sigma : float, optional
        Standard deviation in pixels, >= 0, of the Gaussian that smooths what steers; by default
        1.5, in volumes 1, times the smallest distance of pixels.
    guide : array_like of the mask's shape, or with channels as last axis, optional
        Another image of the same scene, known everywhere, whose edges steer, such as the photograph
        beside a depth map.
    channel_axis : int, optional
        The axis of the channels; None for a grey image or volume.
    spacing : sequence of float, optional
        The distances of voxels, (dz, dy, dx), or of pixels, (dy, dx), in whose unit contrast and
        sigma are then; 1 each by default. An array of three axes, one of which may be that of
        channels, is a volume only with a spacing.
    workers : int, optional
        Threads, which share the image in edge-enhancing diffusion; by default PDENET_NUM_THREADS or
        all processors. The result does not depend on it.

    Returns
    -------
    ndarray
        The image with all pixels known, of the image's shape; float32 for float32, otherwise
        float64. The pixels that were known are as they were.

    Raises
    ------
    TypeError
        If the image does not hold real numbers.
    ValueError
        If the image, the mask or the guide has another shape, a known pixel is not finite, none is
        known, or a parameter is not allowed.

    Notes
    -----
    It stops where the residual is 0.001 of that of a constant image, or after 800 steps; where
    strong edges compete there is no steady state to reach, and the image with the least residual
    is returned. It takes time and memory in proportion to the number of pixels.

    References
    ----------
    I. Galic et al., "Image compression with anisotropic diffusion", Journal of Mathematical Imaging
    and Vision 31, 255-269 (2008).

    D. Hafner et al., "FSI schemes: fast semi-iterative solvers for PDEs and optimisation methods",
    Pattern Recognition, LNCS 9796, 91-102 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> import pdenet
    >>> from skimage import data
    >>> image = data.camera()[100:200, 150:250].astype(float)
    >>> mask = np.random.default_rng(0).random(image.shape) < 0.9  # one pixel in ten is known
    >>> filled = pdenet.inpaint(image, mask=mask)
    >>> bool(np.mean(np.abs(filled - image)) < 12)
    True
    """
    check_choice("method", method, METHODS)
    workers = check_workers(workers)
    if sigma is not None:
        sigma = check_number("sigma", sigma, least=0.0)
    mask = np.asarray(mask)
    image = np.asarray(to_array(image, "image"))
    axes = Axes(True, check_spacing(spacing)).of(image.shape, channel_axis, "image")
    shape = image.shape if channel_axis is None else tuple(np.delete(image.shape, channel_axis))
    if mask.dtype != bool or mask.shape != shape:
        raise ValueError(f"mask must be an array of bool of shape {shape}, True where a pixel is "
                         f"to be filled; got {mask.dtype} of shape {mask.shape}")
    if mask.all():
        raise ValueError("mask must leave at least one pixel known")
    given = to_units(image, channel_axis, ~mask, axes=axes)
    if given.mask is None:
        return given.finish(from_units(given.planes.copy(), given.unit))
    planes, known, unit, voxels = given.planes, given.mask, given.unit, None
    if known.ndim == 3:
        voxels = of_voxels(axes.spacing)[::-1]
    if method == "homogeneous":
        for name, value in (("contrast", contrast), ("guide", guide)):
            if value is not None:
                raise ValueError(f"{name} is of no use with method='homogeneous'; omit it")
        found = _homogeneous(planes, known, voxels)
    else:
        steers = None if guide is None else _guide_planes(guide, mask.shape, axes)
        found = _edge_enhancing(planes, known, voxels, unit, contrast, sigma, steers, workers)
    return replace(given, mask=~known).finish(from_units(found, unit))


def _edge_enhancing(planes, known, spacing, unit, contrast, sigma, guide, workers):
    """Inpainting by edge-enhancing diffusion, in float32 around 0 and with a range of 255; `guide`
    are planes that steer, or None."""
    values = planes[:, known]
    offset, values_range = values.mean(), float(np.ptp(values))
    if values_range == 0:
        return np.broadcast_to(_spread(values[:, 0], planes), planes.shape).copy()
    number, scale, smallest = planes.dtype.type, 255 / values_range, min(spacing or (1.0,))
    several = known.ndim == 3 and len(known) > 1
    if contrast is not None:
        contrast = check_number("contrast", contrast, above=0.0)
    relative = None if contrast is None else contrast / unit * scale
    if guide is not None:
        guide_range = float(np.ptp(guide)) or 1.0
        guide = ((guide - guide.mean()) * (255 / guide_range)).astype(np.float32)
        relative = None if contrast is None else contrast * 255 / guide_range

    def solver(spacing, start, planes, known, guide, steps):
        network = models.eed(
            255 * CONTRAST[several] / smallest if relative is None else relative,
            sigma=SIGMA[several] * smallest if sigma is None else sigma,
            diffusivity="rational", spacing=spacing)
        return steady_state(network.block, start, planes, known, guide, steps, workers)

    inner = ((planes - number(offset)) * number(scale)).astype(np.float32) * known
    found = _from_coarse_to_fine(solver, inner, known, spacing, guide)
    return found.astype(planes.dtype) / number(scale) + number(offset)


def _guide_planes(guide, shape, axes):
    guide = to_array(guide, "guide")
    if guide.shape[:len(shape)] != shape or guide.ndim > len(shape) + 1:
        raise ValueError(f"guide must have shape {shape}, or one axis of channels more; got "
                         f"{guide.shape}")
    return to_planes(guide, None if guide.ndim == len(shape) else -1, "guide", axes)


# From coarse to fine ------------------------------------------------------------------------------


def _from_coarse_to_fine(solver, planes, known, spacing, guide=None, steps=STEPS):
    """The solution for planes (M, H, W) or volumes with 0 where they are not known, which begins at
    that of the image of half the size; solver(spacing, start, planes, known, guide, steps) finds
    it."""
    if known.all():
        return planes
    axes = _to_halve(known.shape, spacing)
    if min(known.shape[axis] for axis in axes) >= 2 * SMALLEST:
        share = _halve(known[np.newaxis].astype(planes.dtype), axes)
        coarse = _halve(planes, axes) / np.where(share > 0, share, 1)
        start = _double(_from_coarse_to_fine(
            solver, coarse, share[0] > 0, _coarser(known.shape, spacing, axes),
            None if guide is None else _halve(guide, axes), COARSE_STEPS), known.shape, axes)
    else:
        start = _spread(planes[:, known].mean(axis=1), planes)
    return solver(spacing, np.where(known, planes, start), planes, known, guide, steps)


def _to_halve(shape, spacing):
    """The axes along which an image of this shape is made coarser: all of planes, and of volumes
    those of nearly the smallest distance, without such of a single slice, row or column."""
    if spacing is None:
        return tuple(range(len(shape)))
    wide = [axis for axis, size in enumerate(shape) if size > 1]
    least = min(spacing[axis] for axis in wide)
    return tuple(axis for axis in wide if spacing[axis] < 1.5 * least)


def _coarser(shape, spacing, axes):
    """The spacing of an image of this shape that is made half as large along some axes, in a unit
    twice as large; that of a single slice, row or column has no influence and stays."""
    return spacing and tuple(distance if axis in axes or size == 1 else distance / 2
                             for axis, (size, distance) in enumerate(zip(shape, spacing,
                                                                         strict=True)))


def _spread(values, planes):
    """Numbers, one for each of the planes, as planes of one pixel."""
    return values.reshape(-1, *[1] * (planes.ndim - 1))


def _parts(image, axes):
    """The first and the second of each two along some axes, in all combinations, as views: of an
    image (H, W) the first, second, third and fourth of each 2 x 2 pixels."""
    for first in itertools.product((0, 1), repeat=len(axes)):
        yield image[tuple(slice(first[axes.index(axis)], None, 2) if axis in axes else slice(None)
                          for axis in range(image.ndim))]


def _halve(planes, axes):
    """The means of each two pixels along the axes, those of 2 x 2; an odd row or column is
    repeated."""
    axes = tuple(axis + 1 for axis in axes)
    planes = np.pad(planes, [(0, size % 2 if axis in axes else 0)
                             for axis, size in enumerate(planes.shape)], "edge")
    return planes.dtype.type(0.5**len(axes)) * functools.reduce(np.add, _parts(planes, axes))


def _double(planes, shape, axes):
    """Planes of twice the size along the axes, linear between the centres of pixels, cut to a
    shape."""
    for axis in (axis + 1 for axis in axes):
        wide = np.pad(planes, [(1, 1) if k == axis else (0, 0) for k in range(planes.ndim)], "edge")
        near = np.moveaxis(wide, axis, 0)
        out = np.empty((2 * planes.shape[axis], *near.shape[1:]), planes.dtype)
        quarter = planes.dtype.type(0.25)
        out[::2] = near[1:-1] + quarter * (near[:-2] - near[1:-1])
        out[1::2] = near[1:-1] + quarter * (near[2:] - near[1:-1])
        planes = np.moveaxis(out, 0, axis)
    return np.ascontiguousarray(planes[:, *(slice(size) for size in shape)])


# Homogeneous diffusion ----------------------------------------------------------------------------


def _homogeneous(planes, known, spacing):
    """K' K u = 0 between the known pixels, plane by plane, by SciPy's conjugate gradients in
    float32; then again for what the rounding has left."""
    from scipy.sparse.linalg import LinearOperator, cg

    if spacing is not None:  # of which the ratios alone count
        spacing = tuple(distance / min(spacing) for distance in spacing)
    grid, work = _Multigrid.of(known, spacing), Workspace()
    unknown, tensor = (array.astype(planes.dtype) for array in (grid.unknown, grid.tensor))
    form, near = (LinearOperator((known.size, known.size), functools.partial(
        lambda apply, values: apply(values.reshape(known.shape)).ravel(), apply),
        dtype=np.float32) for apply in (grid.form, grid.cycle))
    found = np.empty_like(planes)
    for plane, u in zip(planes, found, strict=True):
        np.copyto(u, np.where(known, plane, plane[known].mean()))
        for _ in range(ROUNDS):
            rest = _less_form(0, u, unknown, tensor, grid.operator, work)
            largest = np.abs(rest).max()
            if largest == 0:
                break
            change, _ = cg(form, (rest / largest).astype(np.float32).ravel(), rtol=PRECISION,
                           maxiter=STEPS, M=near)
            u += largest * change.reshape(u.shape)
    return found


def _less_form(rest, u, unknown, tensor, operator, work):
    """rest - K' K u in the unknown pixels, 0 in the others; an array of the workspace. The tensor
    is that of homogeneous diffusion."""
    out = work.array("less", u.shape, u.dtype)
    out[:] = rest
    operator.diffuse(u[np.newaxis], tensor, -1, True, out[np.newaxis], work)
    out *= unknown
    return out


@dataclass(frozen=True, eq=False)
class _Multigrid:
    """K' K for images that are 0 in the known pixels, and a V-cycle, which is nearly its inverse
    and as symmetric: a damped step before and after what an image of half the size adds.

    Preconditioned by it, conjugate gradients take less than twenty steps, however large the image
    and its holes are.
    """

    unknown: np.ndarray  # 1 where a pixel is to be filled, 0 elsewhere
    tensor: np.ndarray   # D = I
    operator: Gradient
    axes: tuple          # along which the coarser image is half as large
    coarse: _Multigrid | None
    work: Workspace

    @classmethod
    def of(cls, known, spacing):
        """That of pixels (H, W), or voxels. One of the coarser image is known if one of its parts
        is."""
        axes = _to_halve(known.shape, spacing)
        coarse = np.zeros([-(-size // 2) if axis in axes else size
                           for axis, size in enumerate(known.shape)], bool)
        for part in _parts(known, axes):
            coarse[_corner(part)] |= part
        tensor = np.ones((1, *(size + 1 for size in known.shape)), np.float32)
        inner = None if coarse.all() else cls.of(coarse, _coarser(known.shape, spacing, axes))
        return cls((~known).astype(np.float32), tensor, Gradient(spacing=spacing), axes, inner,
                   Workspace())

    def form(self, u):
        """K' K u."""
        out = self._less_form(0, u)
        return np.negative(out, out=out)

    def _less_form(self, rest, u):
        return _less_form(rest, u, self.unknown, self.tensor, self.operator, self.work)

    @functools.cached_property
    def _damped(self):
        return DAMPED * np.float32(min(self.operator.spacing or (1.0,))**2)

    def cycle(self, rest):
        """Nearly the u with K' K u = rest."""
        u = np.multiply(rest, self._damped, out=self.work.array("cycle", rest.shape, rest.dtype))
        if self.coarse is not None:
            part = np.zeros_like(self.coarse.unknown)
            for each in _parts(self._less_form(rest, u), self.axes):
                part[_corner(each)] += each
            part *= self.coarse.unknown
            part *= np.float32(0.5**(len(self.axes) - 2))  # as many differences are one
            added = self.coarse.cycle(part)
            for each in _parts(u, self.axes):
                each += added[_corner(each)]
            u *= self.unknown
        left = self._less_form(rest, u)
        left *= self._damped
        u += left
        return u


def _corner(part):
    """The index of the first pixels of an image, as many as a part has."""
    return tuple(slice(size) for size in part.shape)
