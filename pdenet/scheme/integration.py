"""The integration scale: the structure tensor J, averaged over a neighbourhood.

    J  <-  sum_k w_k G_k J,     w_k = omega_k r_k^2,

with the Gaussians G_k and weights r_k of a `ScaleSpace`. An average of structure tensors is one,
and rotates with the image; as D <= I whatever J is, steps are as stable. The average tells lines
from noise: single gradients that point nowhere cancel in it.

The image continues mirrored, and with it J. Its entries live on cells, of which those of the rim
lie on the boundary: J_11 and J_22 are even there, and J_12 is odd, `Gradient.parities`. In the sum
over the image, in which a cell of the rim counts half, every G_k is its own adjoint then. So C, the
cotangent of the average of J, becomes that of J by the same average, and the derivative with
respect to w_k is the sum over the image of tr(C G_k J).
"""

import numpy as np

from . import tensors


def average(scales, structure, parities, work):
    """sum_k w_k G_k J, in an array of the workspace, for planes J."""
    out = work.array("average", structure.shape, structure.dtype)
    out[:] = 0

    def one(task, own):
        plane, parity, target = task
        scales.apply(plane[np.newaxis], scales.strength, True, target[np.newaxis], own, parity)

    work.each(one, zip(structure, parities, out, strict=False))
    return out


def average_adjoint(scales, structure, change, operator, work):
    """sum_k w_k G_k C for planes C = `change`, the cotangent of the average of J, written over
    them; and for each k the sum over the image of tr(C G_k J)."""
    products = np.zeros((scales.sigmas.size,) + structure.shape[1:], structure.dtype)
    smoothed = work.array("average", products.shape, structure.dtype)
    counts = tensors.inner_weights(len(structure))
    for plane, parity, C, count in zip(structure, operator.parities, change, counts, strict=False):
        scales.apply(C[np.newaxis], np.ones(len(smoothed)), False, smoothed, work, parity)
        products += count * (smoothed * plane)
        C[:] = 0
        for weight, part in zip(scales.strength, smoothed, strict=True):
            C += structure.dtype.type(weight) * part
    return change, np.array([operator.integrate(product) for product in products])
