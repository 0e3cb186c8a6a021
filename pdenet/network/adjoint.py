"""All steps of a network forwards, and their adjoint backwards; `pdenet.scheme.block` has one
step."""

import functools
from typing import Any

import numpy as np

from . import parameters
from ..execution.workers import Team
from ..kernels.workspace import Workspace
from .losses import Task

KEPT = 2**28  # bytes of layers and tensors kept for the adjoint; beyond, they are computed again


def vjp(network, given, mask):
    """The result for an image `given`, an `images.Measured`, and its adjoint as a function; see
    `DiffusionNetwork.vjp`."""
    planes = given.planes.copy()  # as the image may change meanwhile
    work = Workspace()
    states, result = forward(network, planes, work, mask)

    def pullback(cotangent):
        cotangent = given.planes_of(cotangent, "cotangent")
        if planes.dtype == np.float32 and np.abs(cotangent).max() > 1e30:
            raise ValueError("cotangent values must be at most 1e30 for an image in float32; "
                             f"got {np.abs(cotangent).max():.3g}")
        cotangent = cotangent.astype(planes.dtype)
        # Work arrays of its own, so that several threads may call it.
        found, gradient = backward(network, states, cotangent, Workspace(), mask)
        return given.image_of(found), gradient

    return given.finish(result.copy()), pullback


def forward(network, f, work, mask=None):
    """Run all steps on planes f. Returns for each step its image and its layers, or None where
    these would need too much memory, and the result. Outside a `Mask` f is 0."""
    network.block.check(f)
    scales = sum(part.sigmas.size for part in (network.block.scales, network.block.steering)
                 if part)
    planes = len(f) * (scales + 1) + 3
    keep = network.steps * planes * f[0].nbytes <= KEPT
    states, u = [], f
    for k, (block, tau) in enumerate(_steps(network, mask)):
        part = work.part(k if keep else "step")
        layers = block.layers(u, part)
        states.append((u, layers if keep else None))
        out = work.part(k).array("image", u.shape, u.dtype)
        v, _, tensor = layers
        u = block.step(u, v, tensor, tau, f, out, work)
    return states, u


def backward(network, states, cotangent, work, mask=None):
    """The derivatives with respect to the image, given those with respect to the result, and the
    derivatives with respect to the parameters. Pixels outside a `Mask` stay as they are, so that
    their cotangent does, too."""
    if mask is not None:
        kept, cotangent = cotangent * (1 - mask.plane), cotangent * mask.plane
    gradient = {name: np.zeros(np.shape(value)) for name, value in network.parameters.items()}
    given = None  # the cotangent of the image given at first, where a data term needs it
    if network.block.data_term.active:
        given = work.array("given", cotangent.shape, cotangent.dtype)
        given[:] = 0
    for k, (block, tau) in reversed(list(enumerate(_steps(network, mask)))):
        u, layers = states[k]
        layers = layers or block.layers(u, work.part("step"))
        out = work.array(f"cotangent {k % 2}", u.shape, u.dtype)
        derivatives = block.step_adjoint(u, layers, tau, states[0][0], cotangent, out, given, work)
        cotangent = out
        for name, value in derivatives.items():
            gradient[name][parameters.slot(network, name, k)] += value
    if given is not None:
        cotangent += given
    if mask is not None:
        cotangent += kept
    return cotangent, {name: value if value.ndim else float(value)
                       for name, value in gradient.items()}


def _steps(network, mask):
    """The block and tau of each step, for the pixels of a mask alone where there is one."""
    if mask is None:
        return network.each_step()
    blocks = {id(block): block.masked(mask) for block in network.blocks}
    return [(blocks[id(block)], tau) for block, tau in network.each_step()]


def batch_gradient(network, tasks: list[Task], team: Team) -> tuple[float, dict[str, Any]]:
    """The sum of the losses of tasks, see `pdenet.network.losses`, and its gradient with respect to
    the parameters; the workers of a team share the tasks."""
    results = team.map(functools.partial(_task_gradient, network), tasks)
    numbers, gradients = zip(*results, strict=True)
    # Summed in the order of the tasks, whichever was done first.
    return float(sum(numbers)), {name: sum(gradient[name] for gradient in gradients)
                                 for name in network.parameters}


def _task_gradient(network, task, work):
    """The loss of one task, and its gradient."""
    states, result = forward(network, task.arrays[0], work, task.mask)
    loss, cotangent = task.loss(result, *task.arrays)
    return loss, backward(network, states, cotangent, work, task.mask)[1]
