"""Inpainting: pixels that are not known are filled by diffusion from those that are.

The image sought is the steady state of a diffusion step whose data term keeps the known pixels,

    K' M(D) K u = 0 where u is not known,      u = f where it is,

with D = I for homogeneous diffusion, and for edge-enhancing diffusion D = g(J) of the image itself,
smoothed a little, as in eq. (2) and eq. (3): edges are continued into the unknown. The linear
equations take conjugate gradients with a multigrid cycle as preconditioner. The others are solved
from coarse to fine, by the semi-iterative cycles of `network.steady_state`; the image with the
least residual is returned.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from . import models
from .checks import by_keyword, check_choice, check_number, check_workers
from .images import from_units, to_array, to_planes, to_units
from .kernels.workspace import Workspace
from .network.steady_state import steady_state
from .scheme.operators import Gradient

__all__ = ["inpaint"]

METHODS = ("eed", "homogeneous")
CONTRAST = 8 / 255   # of the range of the known pixels
SIGMA = 1.5
SMALLEST = 16        # pixels: of the coarsest image's shorter side
STEPS = 800          # at most, on the finest image
COARSE_STEPS = 40    # on each of the others
DAMPED = np.float32(1 / 3)  # the step of the multigrid's smoothing, half of the stable one or more
PRECISION, ROUNDS = 1e-4, 2  # of conjugate gradients, and how often


@by_keyword
def inpaint(image: npt.ArrayLike, mask: npt.ArrayLike, *, method: str = "eed",
            contrast: float | None = None, sigma: float = SIGMA,
            guide: npt.ArrayLike | None = None, channel_axis: int | None = None,
            workers: int | None = None) -> np.ndarray:
    """Fill pixels by diffusion from the others: div(D grad u) = 0 between the known pixels.

    Edge-enhancing diffusion, D = g(J) with g(x) = 1 / (1 + x / contrast^2), continues edges into
    what is unknown, even between a few scattered pixels; it is steered by the image itself,
    smoothed, all channels together. Homogeneous diffusion, D = I, is linear and interpolates
    smoothly.

    Parameters
    ----------
    image : array_like of shape (H, W), or with channels
        Grey levels of any real type. What stands in the pixels to be filled has no influence.
    mask : array_like of bool, of shape (H, W)
        True where a pixel is to be filled, as in scikit-image.
    method : {"eed", "homogeneous"}, optional
        Edge-enhancing or homogeneous diffusion.
    contrast : float, optional
        Contrast parameter of the diffusion in grey levels per pixel, > 0; by default 8/255 of the
        range of the known pixels, or of the guide.
    sigma : float, optional
        Standard deviation in pixels, >= 0, of the Gaussian that smooths what steers.
    guide : array_like of shape (H, W) or (H, W, C), optional
        Another image of the same scene, known everywhere, whose edges steer, such as the photograph
        beside a depth map.
    channel_axis : int, optional
        The axis of the channels; None for a grey image of shape (H, W).
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
    sigma, workers = check_number("sigma", sigma, least=0.0), check_workers(workers)
    mask = np.asarray(mask)
    image = np.asarray(to_array(image, "image"))
    shape = image.shape if channel_axis is None else tuple(np.delete(image.shape, channel_axis))
    if mask.dtype != bool or mask.shape != shape:
        raise ValueError(f"mask must be an array of bool of shape {shape}, True where a pixel is "
                         f"to be filled; got {mask.dtype} of shape {mask.shape}")
    if mask.all():
        raise ValueError("mask must leave at least one pixel known")
    given = to_units(image, channel_axis, ~mask)
    if given.mask is None:
        return given.finish(from_units(given.planes.copy(), given.unit))
    planes, known, unit = given.planes, given.mask, given.unit
    if method == "homogeneous":
        for name, value in (("contrast", contrast), ("guide", guide)):
            if value is not None:
                raise ValueError(f"{name} is of no use with method='homogeneous'; omit it")
        found = _homogeneous(planes, known)
    else:
        found = _edge_enhancing(planes, known, unit, contrast, sigma, guide, workers)
    return replace(given, mask=mask).finish(from_units(found, unit))


def _edge_enhancing(planes, known, unit, contrast, sigma, guide, workers):
    """Inpainting by edge-enhancing diffusion, in float32 around 0 and with a range of 255."""
    values = planes[:, known]
    offset, values_range = values.mean(), float(np.ptp(values))
    if values_range == 0:
        return np.broadcast_to(values[:, :1, np.newaxis], planes.shape).copy()
    number, scale = planes.dtype.type, 255 / values_range
    if contrast is not None:
        contrast = check_number("contrast", contrast, above=0.0)
    if guide is not None:
        guide = _guide_planes(guide, known.shape)
        guide_range = float(np.ptp(guide)) or 1.0
        steers = ((guide - guide.mean()) * (255 / guide_range)).astype(np.float32)
        relative = None if contrast is None else contrast * 255 / guide_range
    else:
        steers, relative = None, None if contrast is None else contrast / unit * scale
    network = models.eed(255 * CONTRAST if relative is None else relative, sigma=sigma,
                         diffusivity="rational")
    inner = ((planes - number(offset)) * number(scale)).astype(np.float32) * known
    found = _from_coarse_to_fine(functools.partial(steady_state, network.block, workers=workers),
                                 inner, known, steers)
    return found.astype(planes.dtype) / number(scale) + number(offset)


def _guide_planes(guide, shape):
    guide = to_array(guide, "guide")
    if guide.shape[:2] != shape or guide.ndim not in (2, 3):
        raise ValueError(f"guide must have shape {shape}, or one axis of channels more; got "
                         f"{guide.shape}")
    return to_planes(guide, None if guide.ndim == 2 else -1, "guide")


# From coarse to fine ------------------------------------------------------------------------------


def _from_coarse_to_fine(solver, planes, known, guide=None, steps=STEPS):
    """The solution for planes (M, H, W) with 0 where they are not known, which begins at that of
    the image of half the size; solver(start, planes, known, guide, steps) finds it."""
    if known.all():
        return planes
    if min(known.shape) >= 2 * SMALLEST:
        share = _halve(known[np.newaxis].astype(planes.dtype))
        coarse = _halve(planes) / np.where(share > 0, share, 1)
        start = _double(_from_coarse_to_fine(
            solver, coarse, share[0] > 0, None if guide is None else _halve(guide),
            COARSE_STEPS), known.shape)
    else:
        start = np.broadcast_to(planes[:, known].mean(axis=1)[:, np.newaxis, np.newaxis],
                                planes.shape)
    return solver(np.where(known, planes, start), planes, known, guide, steps)


def _halve(planes):
    """The means of 2 x 2 pixels; an odd row or column is repeated."""
    planes = np.pad(planes, ((0, 0), (0, planes.shape[1] % 2), (0, planes.shape[2] % 2)), "edge")
    quarter = planes.dtype.type(0.25)
    return quarter * (planes[:, ::2, ::2] + planes[:, ::2, 1::2] + planes[:, 1::2, ::2]
                      + planes[:, 1::2, 1::2])


def _double(planes, shape):
    """Planes of twice the size, bilinear between the centres of pixels, cut to a shape."""
    for axis in (1, 2):
        wide = np.pad(planes, [(1, 1) if k == axis else (0, 0) for k in range(3)], "edge")
        near = np.moveaxis(wide, axis, 0)
        out = np.empty((2 * planes.shape[axis], *near.shape[1:]), planes.dtype)
        third = planes.dtype.type(0.25)
        out[::2] = near[1:-1] + third * (near[:-2] - near[1:-1])
        out[1::2] = near[1:-1] + third * (near[2:] - near[1:-1])
        planes = np.moveaxis(out, 0, axis)
    return np.ascontiguousarray(planes[:, :shape[0], :shape[1]])


# Homogeneous diffusion ----------------------------------------------------------------------------


def _homogeneous(planes, known):
    """K' K u = 0 between the known pixels, plane by plane, by SciPy's conjugate gradients in
    float32; then again for what the rounding has left."""
    from scipy.sparse.linalg import LinearOperator, cg

    grid, work = _Multigrid.of(known), Workspace()
    unknown, tensor = (array.astype(planes.dtype) for array in (grid.unknown, grid.tensor))
    form, near = (LinearOperator((known.size, known.size), functools.partial(
        lambda apply, values: apply(values.reshape(known.shape)).ravel(), apply),
        dtype=np.float32) for apply in (grid.form, grid.cycle))
    found = np.empty_like(planes)
    for plane, u in zip(planes, found, strict=True):
        np.copyto(u, np.where(known, plane, plane[known].mean()))
        for _ in range(ROUNDS):
            rest = _less_form(0, u, unknown, tensor, work)
            largest = np.abs(rest).max()
            if largest == 0:
                break
            change, _ = cg(form, (rest / largest).astype(np.float32).ravel(), rtol=PRECISION,
                           maxiter=STEPS, M=near)
            u += largest * change.reshape(u.shape)
    return found


def _less_form(rest, u, unknown, tensor, work):
    """rest - K' K u in the unknown pixels, 0 in the others; an array of the workspace. The tensor
    is that of homogeneous diffusion."""
    out = work.array("less", u.shape, u.dtype)
    out[:] = rest
    Gradient().diffuse(u[np.newaxis], tensor, -1, True, out[np.newaxis], work)
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
    coarse: _Multigrid | None
    work: Workspace

    @classmethod
    def of(cls, known):
        """That of pixels (H, W). One of the coarser image is known if one of its four is."""
        coarse = np.zeros([-(-size // 2) for size in known.shape], bool)
        for quarter in _quarters(known):
            coarse[:quarter.shape[0], :quarter.shape[1]] |= quarter
        tensor = np.ones((1, known.shape[0] + 1, known.shape[1] + 1), np.float32)
        return cls((~known).astype(np.float32), tensor,
                   None if coarse.all() else cls.of(coarse), Workspace())

    def form(self, u):
        """K' K u."""
        out = self._less_form(0, u)
        return np.negative(out, out=out)

    def _less_form(self, rest, u):
        return _less_form(rest, u, self.unknown, self.tensor, self.work)

    def cycle(self, rest):
        """Nearly the u with K' K u = rest."""
        u = np.multiply(rest, DAMPED, out=self.work.array("cycle", rest.shape, rest.dtype))
        if self.coarse is not None:
            part = np.zeros_like(self.coarse.unknown)
            for quarter in _quarters(self._less_form(rest, u)):
                part[:quarter.shape[0], :quarter.shape[1]] += quarter
            added = self.coarse.cycle(part * self.coarse.unknown)
            for quarter in _quarters(u):
                quarter += added[:quarter.shape[0], :quarter.shape[1]]
            u *= self.unknown
        left = self._less_form(rest, u)
        left *= DAMPED
        u += left
        return u


def _quarters(image):
    """The first, second, third and fourth of each 2 x 2 pixels, as views."""
    return [image[i::2, j::2] for i in (0, 1) for j in (0, 1)]
