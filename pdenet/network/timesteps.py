"""Time steps that reach a diffusion time: explicit, or fast explicit diffusion (FED).

A cycle of n steps of the sizes tau_i = tau_max / (2 cos^2(pi (2 i + 1) / (4 n + 2))) multiplies
a mode of the linear diffusion with a fixed tensor by a polynomial that stays in [-1, 1] as
long as tau_max is stable, although most of its steps are not, and covers the time
tau_max (n^2 + n) / 3: Grewenig, Weickert and Bruhn (2010), "From box filtering to fast
explicit diffusion". The tensor is renewed after each cycle.
"""

import math

import numpy as np

from ..checks import check_choice, check_count, check_number

SCHEMES = ("fed", "explicit")
CYCLES = 8
MOST_STEPS = 10**7


def check_tau(tau, tau_max, allow_unstable):
    """The step size, if it is positive, and stable unless the caller allows otherwise."""
    tau = check_number("tau", tau, above=0.0)
    if tau > tau_max * (1 + 1e-9) and not allow_unstable:
        raise ValueError(f"tau must be at most tau_max = {tau_max:.6g} for stability; got "
                         f"{tau:.6g} (allow_unstable=True accepts it)")
    return tau


def schedule(time, tau_max, scheme="fed", cycles=None):
    """Cycles, as tuples of step sizes, that together cover the time."""
    time = check_number("time", time, least=0.0)
    check_choice("scheme", scheme, SCHEMES)
    cycles = CYCLES if cycles is None else check_count("cycles", cycles, least=1)
    if time == 0:
        return []
    longest = tau_max * (MOST_STEPS / 2 if scheme == "explicit" else cycles * 1e4**2 / 3)
    if time > longest:
        raise ValueError(f"time must be at most {longest:.3g} for this model, scheme and number of "
                         f"cycles; got {time:.3g}")
    if scheme == "explicit":
        steps = math.ceil(time / (tau_max / 2) * (1 - 1e-12))
        return [(time / steps,)] * steps
    return [fed_cycle(time / cycles, tau_max)] * cycles


def fed_cycle(time, tau_max):
    """The shortest FED cycle that covers the time, scaled to end there, in a stable order."""
    steps = math.ceil((math.sqrt(12 * time / tau_max + 1) - 1) / 2 * (1 - 1e-12))
    steps = max(steps, 1)
    i = np.arange(steps)
    taus = tau_max / (2 * np.cos(np.pi * (2 * i + 1) / (4 * steps + 2))**2)
    taus *= time / taus.sum()
    return tuple(float(tau) for tau in _leja_order(taus))


def _leja_order(taus):
    """Order the steps such that no intermediate product amplifies rounding errors.

    Leja's order of the polynomial's zeros 1/tau: each next one is as far as possible from
    those before, in the product of the distances (Calvetti and Reichel, 1996).
    """
    zeros = 1 / taus
    order = [int(zeros.argmax())]
    distances = np.zeros(zeros.size)  # logarithms of the products, in O(steps^2) altogether
    for _ in taus[1:]:
        with np.errstate(divide="ignore"):
            distances += np.log(np.abs(zeros - zeros[order[-1]]))
        order.append(int(distances.argmax()))
    return taus[order]
