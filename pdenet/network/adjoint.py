"""All steps of a network forwards, and their adjoint backwards; `block` has those of one."""

import numpy as np

from . import parameters

KEPT = 2**28  # bytes of layers and tensors kept for the adjoint; beyond, they are computed again


def forward(network, f, work):
    """The states before each step, with the layers if there is room, and the result, for planes."""
    scales = sum(part.sigmas.size for part in (network.block.scales, network.block.steering)
                 if part)
    planes = len(f) * (scales + 1) + 3
    keep = network.steps * planes * f[0].nbytes <= KEPT
    states, u = [], f
    for k, (block, tau) in enumerate(network.each_step()):
        part = work.part(k if keep else "step")
        layers = block.layers(u, part)
        states.append((u, layers if keep else None))
        out = work.part(k).array("image", u.shape, u.dtype)
        v, _, tensor = layers
        u = block.step(u, v, tensor, tau, f, out, work)
    return states, u


def backward(network, states, cotangent, work):
    """The cotangent of the image for that of the result, and the gradient by the parameters."""
    gradient = {name: np.zeros(np.shape(value)) for name, value in network.parameters.items()}
    own = parameters.of_each_step(network)
    given = None
    if network.reaction is not None:
        given = work.array("given", cotangent.shape, cotangent.dtype)
        given[:] = 0
    for k, (block, tau) in reversed(list(enumerate(network.each_step()))):
        u, layers = states[k]
        layers = layers or block.layers(u, work.part("step"))
        out = work.array(f"cotangent {k % 2}", u.shape, u.dtype)
        derivatives = block.pull_back(u, layers, tau, states[0][0], cotangent, out, given, work)
        cotangent = out
        for name, value in derivatives.items():
            gradient[name][k if name in own else ...] += value
    if given is not None:
        cotangent += given
    return cotangent, {name: value if value.ndim else float(value)
                       for name, value in gradient.items()}
