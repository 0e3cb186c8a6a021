"""What is known of a block without an image: its symbol, its largest step, how far it reaches."""

import functools
import math
from typing import Any

import numpy as np

from . import stability
from .channels import Channels
from .data_terms import DataTerm
from .dictionary import Dictionary
from .fluxes import Flux
from .operators import Operator
from .scales import ScaleSpace


class Limits:
    """The part of `DiffusionBlock` that depends on no image."""

    operator: Operator
    scales: ScaleSpace
    steering: ScaleSpace | None
    integration: ScaleSpace | None
    dictionary: Dictionary | None
    channels: Channels | None
    data_term: DataTerm
    flux: Flux

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """The distances of voxels (dz, dy, dx) or pixels (dy, dx); None for pixels of the size
        1 x 1."""
        return getattr(self.operator, "spacing", None)

    @property
    def dimensions(self) -> int:
        """2 for a block of images, 3 for one of volumes."""
        return 2 if self.spacing is None else len(self.spacing)

    @property
    def of_images(self) -> bool:
        """Whether layers are planes (H, W), and not volumes."""
        return getattr(self.operator, "of_images", True)

    def symbol(self, *frequencies: np.ndarray) -> np.ndarray:
        """sum_l w_l G_l^2 K' K + sum_g c_g |F_g|^2 on frequencies xi by eta, of volumes by zeta
        (rad per pixel): the step for g = 1 and E = 0."""
        found = stability.symbol(self.operator, self.scales, *frequencies)
        return found if self.dictionary is None else found + self.dictionary.symbol(*frequencies)

    @functools.cached_property
    def tau_max(self) -> float:
        """The largest stable step size: `tau_limit`, or less where the dictionary sharpens.

        With it ||u - mean|| never grows by more than the factor 1 + amplification that the
        dictionary allows, whatever the image, but for what the data term brings back.
        """
        return min(self.tau_limit, math.inf if self.dictionary is None else self.dictionary.tau_max)

    @functools.cached_property
    def tau_limit(self) -> float:
        """2 / (rho + bound), with the maximum rho of the symbol without negative rates, and the
        bound of the data term: up to there what diffuses amplifies nothing."""
        rho, *_ = stability.spectral_radius(self.operator, self.scales, self.dictionary)
        return 2 / (rho + self.data_term.bound)

    @functools.cached_property
    def tau_limit_slopes(self) -> dict[str, Any]:
        """The derivatives of log(tau_limit) with respect to beta, and to what the dictionary and
        the data term learn."""
        slopes = stability.slopes(self.operator, self.scales, self.dictionary, self.tau_limit)
        return slopes | {name: -self.tau_limit / 2 * slope
                         for name, slope in self.data_term.bound_slopes.items()}

    def check_energy(self) -> None:
        """Raise ValueError unless there is an energy that the step descends."""
        if self.steering is not None:
            raise ValueError("this network has no energy, because its steering scales are not "
                             "those that diffuse")
        if getattr(self.operator, "gamma", 0.0) != 0 and self.flux.mixed is not None:
            raise ValueError(f"an energy needs gamma = 0; got {self.operator}")
        if getattr(self.operator, "structure_twist", 1.0) != 1:
            raise ValueError(f"an energy needs structure_twist = 1; got {self.operator}")
        if self.integration is not None:
            raise ValueError("this network has no energy, because its structure tensor is averaged "
                             "over scales of integration")
        if self.channels is not None:
            self.channels.check_energy()

    def reach(self, steps: int) -> int:
        """Pixels on which a pixel depends after a cycle of this many steps."""
        a_step, beyond = self._reach
        return steps * a_step + beyond

    @functools.cached_property
    def _reach(self):
        """The pixels on which a step depends where what steers it is held, and those on which a
        cycle depends beyond its steps, because what steers is smoothed more."""
        smoothing, steering = self.scales.reach, (self.steering or self.scales).reach
        if self.integration is not None:
            steering += self.integration.reach
        a_step = 2 * smoothing + self.operator.reach
        whole = a_step + max(0, steering - smoothing)
        if self.dictionary is not None:
            weights, filters = self.dictionary.reach
            a_step, whole = max(a_step, filters), max(whole, filters // 2 + weights)
        return a_step, max(0, whole - a_step)
