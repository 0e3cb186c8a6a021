"""Channels with parts of their own: how much each one steers, and guides, which steer alone.

    J = sum_m s_m^2 sum_l w_l J(G_l u_m),     u_m <- u_m for the channels m that are guides

Without them s_m = 1, and there is no guide. The last channels may be guides: images of the same
scene with less noise, or another kind of it, whose edges are those of the image sought. The colours
of a photograph have most of their edges where its luminance has them, a depth map where the
photograph beside it has them. A guide steers as any channel does, so that D <= I and all bounds
hold; as it is constant, energies hold where the others have s_m = 1.

The derivative with respect to s_m is the sum over the scales of those with respect to the strengths
with which they steer, for this channel alone, see `block`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..checks import check_count

__all__ = ["Channels"]

LARGEST = 1e6


@dataclass(frozen=True, eq=False)
class Channels:
    """How much the structure of each channel steers, and which channels are guides.

    J = sum_m s_m^2 sum_l w_l J(G_l u_m). The last channels may be guides, which steer and stay as
    they are.

    Parameters
    ----------
    guiding : sequence of float
        The weights s_m, one for each channel; trainable.
    guides : int, optional
        How many of the last channels are guides, less than all.

    Raises
    ------
    ValueError
        If guiding are not finite numbers, or there are as many guides as channels.

    Examples
    --------
    A noisy image, steered by a clean one:

    >>> import numpy as np
    >>> import pdenet
    >>> from skimage import data
    >>> clean = data.camera()[:64, 100:164].astype(float)
    >>> pair = np.stack([pdenet.add_noise(clean, 30), clean])
    >>> network = pdenet.models.eed(4.0, channels=pdenet.Channels([0.0, 1.0], guides=1))
    >>> smooth, guide = network(pair, channel_axis=0)
    >>> bool(np.mean((smooth - clean)**2) < 0.3 * 30**2 and (guide == clean).all())
    True
    """

    guiding: np.ndarray
    guides: int

    def __init__(self, guiding: Sequence[float] | npt.ArrayLike, guides: int = 0):
        try:
            found = np.array(guiding, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            found = np.empty(0)
        if found.ndim != 1 or found.size == 0 or not (np.abs(found) <= LARGEST).all():
            raise ValueError("guiding must be a sequence of numbers, one for each channel, of at "
                             f"most {LARGEST:g}; got {guiding!r}")
        found.flags.writeable = False
        object.__setattr__(self, "guiding", found)
        object.__setattr__(self, "guides", check_count("guides", guides, least=0,
                                                       most=found.size - 1))

    def with_guiding(self, guiding: npt.ArrayLike) -> Channels:
        """The channels with other weights."""
        return Channels(guiding, self.guides)

    # What `Alike` has, for these weights.
    def diffusing(self, *planes):
        count = self.guiding.size
        return tuple(own[:len(own) // count * (count - self.guides)] for own in planes)

    def strength(self, layers, scales):
        return np.kron(np.square(self.guiding), scales.strength).astype(layers.dtype)

    def sums(self, sums, scales):
        return np.square(self.guiding) @ sums, sums @ scales.strength

    def add_adjoint(self, scales, layers, factor, out, work):
        shares = layers.reshape(len(out), -1, *out.shape[1:])
        for m, weight in enumerate(self.guiding):
            scales.add_adjoint(shares[m], factor * weight**2, out[m:m + 1], work)

    def check(self, planes):
        if len(planes) != self.guiding.size:
            raise ValueError(f"this network is for images with {self.guiding.size} channels, the "
                             f"last {self.guides} of them guides; got {len(planes)}")

    def check_energy(self):
        """Raise ValueError unless the step descends an energy."""
        if (np.abs(self.guiding[:self.guiding.size - self.guides]) != 1).any():
            raise ValueError("an energy needs the weight 1 for all channels that are no guides; "
                             f"got {self.guiding.tolist()}")


class Alike:
    """What a block asks of its channels, where all diffuse and steer with the weight 1."""

    def diffusing(self, *planes):
        """Of planes or layers (M n, H, W) those of the channels that diffuse."""
        return planes

    def strength(self, layers, scales):
        """s_m^2 w_l of layers n = (m, l)."""
        return np.tile(scales.strength, len(layers) // scales.sigmas.size).astype(layers.dtype)

    def sums(self, sums, scales):
        """Sums (M, L) of the structure of each layer, summed over the channels with the weights
        s_m^2; and summed over the scales with w_l, where channels have weights."""
        return sums.sum(0), None

    def add_adjoint(self, scales, layers, factor, out, work):
        """out_m += factor s_m^2 sum_l w_l G_l v_ml for layers v_ml that steer."""
        scales.add_adjoint(layers, factor, out, work)

    def check(self, planes):
        """Raise ValueError unless planes (M, H, W) are as many as the weights."""


ALIKE = Alike()
