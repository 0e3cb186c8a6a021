"""What a network is made of: its parts are checked once, and become a block for each step; and what
it is for images and for volumes."""

import dataclasses

from . import per_step
from ..checks import check_count
from ..images import Axes, to_measured
from ..scheme.block import DiffusionBlock
from ..scheme.operators import Gradient
from ..scheme.spacing import check_spacing
from .timesteps import check_tau

PARTS = ("scales", "flux", "steering", "reaction", "integration", "dictionary",
         "channels")  # of a block


def settle(network):
    """The checked fields of a network that is being made, by name, with its blocks: a single block
    if all steps have equal parts, otherwise one for each step.

    Raises
    ------
    TypeError, ValueError
        As `DiffusionNetwork` says.
    """
    steps = check_count("steps", network.steps, least=0)
    operator, spacing = _settle_spacing(network)
    found = {name: per_step.check(name, getattr(network, name), steps) for name in (*PARTS, "tau")}
    differ = any(isinstance(found[name], per_step.PerStep) for name in PARTS)
    parts = (per_step.each(found[name], steps if differ else 1) for name in PARTS)
    blocks = tuple(DiffusionBlock(operator, *own) for own in zip(*parts, strict=True))
    for k, block in enumerate(blocks):
        if not block.similar(blocks[0]):
            raise ValueError("all steps must have the same sigmas and the same kind of flux; step "
                             f"{k} differs from step 0")
    found["reaction"] = per_step.convert(
        found["reaction"], lambda rate: None if rate is None else float(rate))
    limits = (per_step.PerStep(block.tau_max for block in blocks) if differ
              else blocks[0].tau_max)
    found["tau"] = _settle_tau(found["tau"], limits, steps if differ else 1, network)
    return found | {"steps": steps, "blocks": blocks, "operator": operator, "spacing": spacing}


def _settle_spacing(network):
    """The operator with the spacing that the network is given, or has by its operator, and this."""
    own = getattr(network.operator, "spacing", None)
    spacing = own if network.spacing is None else check_spacing(network.spacing)
    if spacing == own:
        return network.operator, spacing
    if not isinstance(network.operator, Gradient):
        raise ValueError(f"volumes, and pixels that are not of the size 1 x 1, need the operator "
                         f"Gradient; got {network.operator} and spacing {spacing}")
    return dataclasses.replace(network.operator, spacing=spacing), spacing


def _settle_tau(taus, limits, count, network):
    """The step sizes, by default half the largest stable ones."""
    if taus is None:
        taus = per_step.convert(limits, lambda limit: limit / 2)
    if isinstance(taus, per_step.PerStep):
        count = len(taus)
    for tau, limit in zip(per_step.each(taus, count), per_step.each(limits, count), strict=True):
        check_tau(tau, limit, network.allow_unstable)
    return per_step.convert(taus, float)


def for_image(network, image, channel_axis, mask, nan_policy, workers=None, dtype=None):
    """An image as planes, an `images.Measured`; the network for it, which for volumes has their
    spacing, 1 in each direction where it has none; and the `Mask` for the image's type, or another
    one."""
    given = to_measured(image, channel_axis, mask, nan_policy, axes=Axes(True, network.spacing))
    if given.axes.spacing != network.spacing:
        network = dataclasses.replace(network, spacing=given.axes.spacing)
    return given, network, network.mask_of(given.mask, dtype or given.planes.dtype, workers)
