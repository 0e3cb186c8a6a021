"""How rotation invariant are the discretisations of the second-order operators?

Linear: the symbol of K'K at wavelength 4 and 6 pixels, (max - min) / mean over all directions.
Nonlinear: You-Kaveh or Lysaker-Lundervold-Tai, ten time units on a noisy disc whose noise is
radially symmetric too; the largest deviation of the result from its mean over circles,
in grey levels. Printed beside the longest stable time step.

    python -m benchmarks.rotation_of_operators
"""

import numpy as np

from pdenet import models
from pdenet.scheme.operators import Hessian, Laplacian


def variation(operator, wavelength):
    theta = np.linspace(0, np.pi / 2, 181)
    k = 2 * np.pi / wavelength
    rho = np.polynomial.polynomial.polyval2d(np.sin(k * np.sin(theta) / 2)**2,
                                             np.sin(k * np.cos(theta) / 2)**2, operator.symbol)
    return (rho.max() - rho.min()) / rho.mean()


def circle_deviation(model, operator):
    """Standard deviation of the filtered image around circles through its centre."""
    size = 129
    i, j = np.mgrid[:size, :size] - size // 2
    radius = np.hypot(i, j)
    profile = np.random.default_rng(0).normal(0, 15, size)
    disc = 200 / (1 + np.exp((radius - 30) / 1.5)) + np.interp(radius / 3, np.arange(size), profile)
    result = model(20.0, operator=operator).evolve(disc, 10.0)
    inside = radius < 50
    bins = radius[inside].round(6)
    values = result[inside]
    names, index, counts = np.unique(bins, return_inverse=True, return_counts=True)
    means = np.bincount(index, values) / counts
    several = counts[index] > 4  # circles through more than one orbit of the square
    return np.sqrt(np.mean((values - means[index])[several]**2))


def main():
    print(f"{'operator':34}{'4 px':>8}{'6 px':>8}{'circle':>9}{'tau_max':>9}")
    rows = [(models.you_kaveh, Laplacian(alpha)) for alpha in (0.0, 1 / 6, 0.2, 0.25)]
    rows += [(models.lysaker_lundervold_tai, Hessian())]
    for model, operator in rows:
        tau_max = model(1.0, operator=operator).tau_max
        print(f"{str(operator):34}{variation(operator, 4):8.1%}{variation(operator, 6):8.1%}"
              f"{circle_deviation(model, operator):9.3f}{tau_max:9.4f}")


if __name__ == "__main__":
    main()
