"""What a network is made of: its parts are checked once, and become a block for each step."""

from . import per_step
from ..checks import check_count
from ..scheme.block import DiffusionBlock
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
    found = {name: per_step.check(name, getattr(network, name), steps) for name in (*PARTS, "tau")}
    differ = any(isinstance(found[name], per_step.PerStep) for name in PARTS)
    parts = (per_step.each(found[name], steps if differ else 1) for name in PARTS)
    blocks = tuple(DiffusionBlock(network.operator, *own) for own in zip(*parts, strict=True))
    for k, block in enumerate(blocks):
        if not block.similar(blocks[0]):
            raise ValueError("all steps must have the same sigmas and the same kind of flux; step "
                             f"{k} differs from step 0")
    found["reaction"] = per_step.convert(
        found["reaction"], lambda rate: None if rate is None else float(rate))
    limits = (per_step.PerStep(block.tau_max for block in blocks) if differ
              else blocks[0].tau_max)
    found["tau"] = _settle_tau(found["tau"], limits, steps if differ else 1, network)
    return found | {"steps": steps, "blocks": blocks}


def _settle_tau(taus, limits, count, network):
    """The step sizes, by default half the largest stable ones."""
    if taus is None:
        taus = per_step.convert(limits, lambda limit: limit / 2)
    if isinstance(taus, per_step.PerStep):
        count = len(taus)
    for tau, limit in zip(per_step.each(taus, count), per_step.each(limits, count), strict=True):
        check_tau(tau, limit, network.allow_unstable)
    return per_step.convert(taus, float)
