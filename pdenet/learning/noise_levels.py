"""Networks whose parameters are smooth functions of the noise level.

In the coordinates x of `unconstrained` the parameters are polynomials of the logarithm of the
noise's standard deviation sigma, in grey levels of images with a range of 255:

    x(sigma) = sum_j c_j t^j,      t = log(sigma / 20) / log 4,      |t| <= 1 for 5 <= sigma <= 80

For more or less noise than that, the network of the nearest end has its contrast in proportion to
sigma. For images of another range only the contrast is multiplied.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from ..files.document import FormatError, check_header, check_keys
from ..network import adjoint, catalogue, saved
from ..network.network import DiffusionNetwork
from ..network.parameters import of_each_step
from .unconstrained import (bounds, from_coordinates, gradient_in_coordinates, split,
                            to_coordinates)

RANGE = 255.0  # grey levels, of the images for which the polynomials are
FORMAT = "pdenet denoiser"
LEAST, MOST = 5.0, 80.0  # standard deviations of the noise
LINEAR = {"rates", "sensitivities"}  # whose polynomials are of degree 1


@dataclass(frozen=True, eq=False)
class Denoiser:
    """A network for each noise level: the coefficients c, shape (J, number of parameters)."""

    network: DiffusionNetwork  # for its parts; its parameters have no influence
    coefficients: np.ndarray

    def at(self, sigma):
        """The network for noise of this standard deviation in images with a range of 255."""
        inside = min(max(sigma, LEAST), MOST)
        return with_contrast_times(sigma / inside, self.unscaled(inside))

    def unscaled(self, sigma):
        """The network for a level from 5 to 80."""
        return from_coordinates(self.network, self._cut(self._polynomials(sigma)))

    def cut(self, sigma):
        """Which coordinates are cut and so do not depend on the coefficients."""
        x = self._polynomials(sigma)
        return self._cut(x) != x

    def _cut(self, x):
        return np.clip(x, *bounds(self.network))

    def _polynomials(self, sigma):
        return self.powers(sigma) @ self.coefficients

    def powers(self, sigma):
        """t^0, t^1, ... of a noise level."""
        t = math.log(sigma / math.sqrt(LEAST * MOST)) / math.log(math.sqrt(MOST / LEAST))
        return t ** np.arange(len(self.coefficients))

    def per_step(self):
        """The same denoiser with parameters of its own for each step."""
        network, own = self.network.per_step(), of_each_step(self.network)
        rows = []
        for row in self.coefficients:
            parts = split(self.network.parameters, row)
            rows.append(np.concatenate([np.ravel(
                part if name in own else np.stack([part] * network.steps))
                for name, part in parts.items()]))
        return Denoiser(network, np.array(rows))

    @property
    def parameters(self):
        return {"coefficients": self.coefficients}

    def describe(self):
        """As a dict, which `build` reads: the coefficients of each parameter by its name."""
        parts = [split(self.network.parameters, row) for row in self.coefficients]
        return {"network": catalogue.describe(self.network),
                "coefficients": {name: [part[name].tolist() for part in parts]
                                 for name in parts[0]}}


def build(document):
    """The denoiser that `describe` has described, or a file that is parsed."""
    check_header(document, FORMAT, catalogue.VERSION, ("network", "coefficients"))
    check_keys("network", document["network"], catalogue.KEYS, catalogue.LATER_KEYS)
    network = saved.build_network(document["network"])
    parameters, parts = network.parameters, []
    check_keys("coefficients", document["coefficients"], parameters)
    degrees = np.size(document["coefficients"]["tau"]) // np.size(parameters["tau"])
    for name, value in parameters.items():
        shape = (degrees, *np.shape(value))
        try:
            part = np.array(document["coefficients"][name], dtype=float)
        except (TypeError, ValueError):
            part = np.empty(0)
        if part.shape != shape or degrees == 0:
            raise FormatError(f"coefficients.{name} must have {degrees} entries, one for each "
                              f"power of t, each of the shape of the network's {name}")
        parts.append(part.reshape(degrees, -1))
    return Denoiser(network, np.hstack(parts))


@functools.cache
def shipped(kind, shared):
    """A denoiser that comes with the package, for "grey" or "colour" images or a "volume"."""
    return build(saved.shipped(f"denoiser-{kind}{'-shared' if shared else ''}"))


class Polynomials:
    """A denoiser as a function of the vector that an optimiser changes, its coefficients; those of
    the dictionary stay of degree 1."""

    def __init__(self, start):
        self.network, self.shape = start.network, start.coefficients.shape
        self.start = start.coefficients.ravel()
        self.free = np.ones(self.shape)
        for row in self.free[2:]:
            parts = split(start.network.parameters, row)
            for name in LINEAR & parts.keys():
                parts[name][...] = 0

    def at(self, x):
        return Denoiser(self.network, x.reshape(self.shape))

    def gradient(self, x, tasks, team):
        """The sum of losses and its derivatives with respect to the vector, for tasks with
        levels."""
        denoiser, total = self.at(x), 0.0
        gradient = np.zeros(self.shape)
        for sigma in sorted({task.level for task in tasks}):
            network = denoiser.unscaled(sigma)
            loss, by_name = adjoint.batch_gradient(
                network, [task for task in tasks if task.level == sigma], team)
            total += loss
            by_coordinate = gradient_in_coordinates(network, by_name)
            by_coordinate[denoiser.cut(sigma)] = 0
            gradient += np.outer(denoiser.powers(sigma), by_coordinate)
        return total, (self.free * gradient).ravel()

    bounds = limits = -np.inf, np.inf  # tau is cut where a network is made

    def describe(self):
        return self.at(self.start).describe()


def constant(network, degree):
    """A `Denoiser` that begins with one network for all levels, its contrast as for sigma = 20."""
    coefficients = np.zeros((degree + 1, to_coordinates(network).size))
    coefficients[0] = to_coordinates(network)
    # In proportion to the noise: t = 1 is four times as much.
    marks = {name: np.full(np.shape(value), float(name == "contrast"))
             for name, value in network.parameters.items()}
    coefficients[1] = math.log(4) * np.concatenate([np.ravel(mark) for mark in marks.values()])
    return Denoiser(network, coefficients)


def with_contrast_times(factor, network):
    return network.with_parameters({"contrast": factor * network.parameters["contrast"]})
