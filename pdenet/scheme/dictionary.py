"""A dictionary of rotation-invariant operators beside K: derivatives of order 1 to 4.

    u_m  <-  u_m - tau sum_g c_g F_g' F_g u_m / (1 + E_g)
    E_g  =   e_g / contrast^2 (|F_g u|^2 + G |F_g u|^2) / 2,     |F_g u|^2 = sum_m |F_g u_m|^2

The parts g are those of `derivatives`. Each is coupled by its own norm over its filters and all
channels, as Design Principle 1 asks, so that the step turns with the image. Each has a rate c_g per
time and a sensitivity e_g; the contrast is that of the flux.

With the image's filters frozen the step is the multiplication by a symmetric matrix I - A. As 0 < 1
/ (1 + E) <= 1, the rates c_g >= 0 add to A at most what they add to the symbol, and they belong
under the bound 2 / tau of all that diffuses. Negative rates sharpen: they let the norm grow, by a
factor of at most

    1 + tau max sum_{c_g < 0} |c_g| |F_g|^2,        which may be at most 1 + amplification.

The adjoint takes the cotangent z of the step's result. Differentiating F_g u where it diffuses, and
in E_g, with P = sum_m (F_g u_m)' F_g z_m it adds to that of u

    -tau sum_g c_g F_g' (F_g z / (1 + E_g) - e_g / contrast^2 (I + G)[P / (1 + E_g)^2] F_g u),

as G is symmetric at the boundary, too. The derivatives with respect to c_g are -tau sum P / (1 +
E_g), and those with respect to e_g are tau c_g / e_g sum P E_g / (1 + E_g)^2, over the pixels.
"""

from __future__ import annotations

import copy
import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import derivatives, stability
from ..checks import check_number
from ..kernels import dictionary as kernels
from ..kernels.derivative_rows import RADIUS
from .scales import ScaleSpace, sampled_gaussian

__all__ = ["Dictionary"]

LARGEST = 1e13  # of rates and sensitivities
MOST_SMOOTHING = 1.0  # pixels; its Gaussian ends where the filters end


@dataclass(frozen=True, eq=False, init=False)
class Dictionary:
    """Derivatives of order 1 to 4 in eight parts: u <- u - tau sum_g c_g F_g' F_g u / (1 + E_g).

    The parts (order N, spin m) are (1,1) (2,0) (2,2) (3,1) (3,3) (4,0) (4,2) (4,4), the
    derivatives Lap^((N-m)/2) (d_x + i d_y)^m of a Gaussian of sigma = 1, whose symbol |F_g|^2 has
    the maximum 1. E_g = e_g / contrast^2 (|F_g u|^2 + G |F_g u|^2) / 2 is its own squared norm and
    that smoothed, relative to the contrast of the flux.

    Parameters
    ----------
    rates : sequence of float, of shape (8,)
        c_g, per time; negative ones sharpen.
    sensitivities : sequence of float, of shape (8,), optional
        e_g, > 0. All one by default.
    smoothing : float, optional
        Standard deviation of G in pixels, from 0 to 1. Without it, for 0, the step has an energy.
    amplification : float, optional
        How far a step may let the norm of an image without its mean grow, >= 0: by the factor 1 +
        amplification at most, whatever the image. For 0 no rate may be negative.

    Raises
    ------
    ValueError
        If they are not eight finite numbers each, a sensitivity is not positive, a rate is negative
        although nothing may be amplified, or a number is not allowed.

    Examples
    --------
    >>> import pdenet
    >>> dictionary = pdenet.Dictionary([0, 0, 0.1, 0, 0.1, 0, 0, 0.1])
    >>> network = pdenet.DiffusionNetwork(flux=pdenet.Anisotropic(pdenet.Rational(10.0)),
    ...                                   dictionary=dictionary)
    >>> network.parameters["rates"]
    array([0. , 0. , 0.1, 0. , 0.1, 0. , 0. , 0.1])
    """

    rates: np.ndarray
    sensitivities: np.ndarray
    smoothing: float
    amplification: float

    def __init__(self, rates: npt.ArrayLike, sensitivities: npt.ArrayLike | None = None,
                 smoothing: float = 1.0, amplification: float = 0.0):
        values = {
            "rates": _eight("rates", rates),
            "sensitivities": _eight("sensitivities", np.ones(len(derivatives.PARTS))
                                    if sensitivities is None else sensitivities),
            "smoothing": check_number("smoothing", smoothing, least=0.0, most=MOST_SMOOTHING),
            "amplification": check_number("amplification", amplification, least=0.0)}
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if (self.sensitivities < 1 / LARGEST).any():
            raise ValueError(f"sensitivities must be at least {1 / LARGEST:g}; got "
                             f"{self.sensitivities.tolist()}")
        if self.amplification == 0 and (self.rates < 0).any():
            raise ValueError("rates must be >= 0 unless an amplification is allowed; got "
                             f"{self.rates.tolist()}")

    def with_values(self, **values) -> Dictionary:
        """The dictionary with other rates or sensitivities."""
        return Dictionary(**{name: getattr(self, name) for name in (
            "rates", "sensitivities", "smoothing", "amplification")} | values)

    inside = None  # where the filters need no pixel that is not measured, of a mask

    def masked(self, inside: np.ndarray) -> Dictionary:
        """The dictionary for the pixels of a mask, with what `inside` makes of it: its filters are
        those that need no other pixel, the others are 0. So the others neither give nor take,
        constants and the mean of the measured pixels stay, and all bounds hold."""
        found = copy.copy(self)
        object.__setattr__(found, "inside", inside)
        return found

    # The step -------------------------------------------------------------------------------------

    def add_step(self, u, contrast, tau, out, work, held=None):
        """Add to `out` what the step of size tau adds to u, planes (M, H, W), with the weights of
        u itself or those `held`."""
        kernels.add_step(u, self.inside, *self._arguments(u.dtype, contrast), held,
                         u.dtype.type(-tau), kernels.scratch_for(u, False, work), out)

    def hold(self, u, contrast, work):
        """The weights c_g / (1 + E_g) of an image u, planes (8, H, W), for `add_step`."""
        found = self.squares(u, work)
        found += self._scale.smooth(found, work.part("held"))
        _, _, factors = self._arguments(u.dtype, contrast)
        rates, sensitivities = factors[..., np.newaxis, np.newaxis]
        found *= sensitivities / 2
        found += 1
        return np.divide(rates, found, out=found)

    def squares(self, u, work):
        """|F_g u|^2 without the factors that make the maxima of the symbols 1: (8, H, W)."""
        out = work.array("squares", (len(derivatives.PARTS), *u.shape[1:]), u.dtype)
        kernels.squares(u, self.inside, derivatives.taps().astype(u.dtype),
                        kernels.scratch_for(u, False, work), out)
        return out

    def add_adjoint(self, u, contrast, tau, cotangent, out, work):
        """Add to `out` the cotangent of u, for the cotangent of the step's result. Returns the
        derivatives with respect to tau, the contrast, the rates and the sensitivities, by name."""
        sums = np.empty((2, len(derivatives.PARTS)))
        taps, smoothing, factors = self._arguments(u.dtype, contrast)
        kernels.add_adjoint(u, cotangent, self.inside, taps, smoothing, factors,
                            u.dtype.type(-tau), sums, kernels.scratch_for(u, True, work), out)
        by_rate = derivatives.FACTORS * sums[0]
        by_sensitivity = tau * self.rates * (derivatives.FACTORS / contrast)**2 * sums[1]
        return {"tau": -float(self.rates @ by_rate), "rates": -tau * by_rate,
                "sensitivities": by_sensitivity,
                "contrast": -2 / contrast * float(self.sensitivities @ by_sensitivity)}

    def _arguments(self, dtype, contrast):
        """Filters, the Gaussian, and rates and sensitivities as the kernels take them."""
        factors = derivatives.FACTORS * [self.rates, np.minimum(self.sensitivities / contrast**2,
                                                                1e30)]
        return (derivatives.taps().astype(dtype), self._gaussian.astype(dtype),
                factors.astype(dtype))

    @functools.cached_property
    def _scale(self):
        return ScaleSpace([self.smoothing])

    @functools.cached_property
    def _gaussian(self):
        """The sampled Gaussian from its centre to one side, with zeros as far as filters reach."""
        half = sampled_gaussian(self.smoothing)[self._scale.reach:]
        return np.pad(half, (0, RADIUS + 1 - half.size))

    # What is known of it --------------------------------------------------------------------------

    def energy(self, u, contrast, work):
        """sum_g c_g / f_g sum log(1 + f_g |F_g u|^2), f_g = e_g / contrast^2, whose gradient is
        -2 / tau times what `add_step` adds. A ValueError where E_g is smoothed."""
        if self._scale.reach > 0:
            raise ValueError("this network has no energy, because its dictionary is steered by "
                             "smoothed squares; one with smoothing=0 has")
        factors = self.sensitivities / contrast**2
        sums = [np.log1p(factor * own * plane).sum() for factor, own, plane in zip(
            factors, derivatives.FACTORS, self.squares(u, work), strict=True)]
        return float(self.rates / factors @ sums)

    def symbol(self, xi, eta):
        """sum_g c_g |F_g|^2 on frequencies xi by eta: the step for E = 0."""
        return derivatives.symbol(self.rates, xi, eta)

    @functools.cached_property
    def sharpening(self):
        """The maximum of sum |c_g| |F_g|^2 over the negative rates, and its derivatives with
        respect to the rates: a step of size tau amplifies by at most 1 + tau times as much."""
        negative = np.maximum(-self.rates, 0)
        if not negative.any():
            return 0.0, np.zeros(len(negative))
        most, xi, eta = stability.largest(tuple(negative))
        slopes = np.where(self.rates < 0, -derivatives.symbols(xi, eta)[:, 0, 0], 0.0)
        return most, slopes

    @property
    def tau_max(self) -> float:
        """The largest step size that amplifies by no more than is allowed."""
        most, _ = self.sharpening
        return math.inf if most == 0 else self.amplification / most

    def saturated(self, tau):
        """Rates with which a step amplifies by less than is allowed: negative ones divided by 1 + a
        / amplification, where `tau` times the maximum of `sharpening` is a."""
        return self._scaled(1 / (1 + tau * self.sharpening[0] / (self.amplification or 1)))

    def unsaturated(self, tau):
        """The rates from which `saturated` makes these."""
        return self._scaled(1 / self._share(tau))

    def saturation_adjoint(self, tau, by_rates):
        """The derivatives with respect to the rates before `saturated`, which made these, and to
        tau, for those with respect to these."""
        share, (most, slopes) = self._share(tau), self.sharpening
        # share = 1 / (1 + tau most / (share amplification)), where most / share is that before.
        common = share**2 / (self.amplification or 1) * float(
            by_rates @ np.minimum(self.rates, 0)) / share
        return (np.where(self.rates < 0, share * by_rates - common * tau * slopes, by_rates),
                -common * most / share)

    def _share(self, tau):
        """What is left of negative rates after `saturated`; at the bound next to nothing."""
        return max(1 - tau * self.sharpening[0] / (self.amplification or 1), 1e-6)

    def _scaled(self, share):
        return np.where(self.rates < 0, share * self.rates, self.rates)

    @functools.cached_property
    def reach(self):
        """Pixels on which the weights depend, and those on which the rest of a step depends."""
        return 2 * RADIUS, 2 * RADIUS


def inside(plane: np.ndarray) -> np.ndarray:
    """1 where all pixels that the filters need are 1 in a plane of ones and zeros, elsewhere 0."""
    from scipy import ndimage  # only here, for a quick start

    return ndimage.minimum_filter(plane, 2 * RADIUS + 1, mode="reflect")


def _eight(name, values) -> np.ndarray:
    try:
        found = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        found = np.empty(0)
    if found.shape != (len(derivatives.PARTS),) or not (np.abs(found) <= LARGEST).all():
        parts = " ".join(f"({order},{spin})" for order, spin in derivatives.PARTS)
        raise ValueError(f"{name} must be {len(derivatives.PARTS)} numbers of at most {LARGEST:g}, "
                         f"one for each part {parts}; got {values!r}")
    found.flags.writeable = False
    return found
