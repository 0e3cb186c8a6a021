"""Parts that a user might write, and pdenet has not: operator, flux, optimiser and loss."""

import functools

import numpy as np

import pdenet
from pdenet.learning.optimizers import Step
from pdenet.network.losses import Task


class ForwardDifferences:
    """K u = (u[i, j+1] - u[i, j], u[i+1, j] - u[i, j]), the five-point star, with no base class."""

    directional = False
    reach = 1

    @property
    def symbol(self):
        """4 X + 4 Y."""
        return np.array([[0, 4], [4, 0]])

    def _apply(self, v):
        right, down = np.zeros_like(v), np.zeros_like(v)
        right[..., :-1] = np.diff(v, axis=-1)
        down[..., :-1, :] = np.diff(v, axis=-2)
        return right, down

    def _transpose(self, right, down):
        out = np.zeros_like(right)
        out[..., 1:] += right[..., :-1]
        out[..., :-1] -= right[..., :-1]
        out[..., 1:, :] += down[..., :-1, :]
        out[..., :-1, :] -= down[..., :-1, :]
        return out

    def structure(self, v, strength, mixed, work):
        return self.correlation(v, v, strength, None, work)

    def correlation(self, v, z, strength, tensor, work):
        products = sum(a * b for a, b in zip(self._apply(v), self._apply(z), strict=True))
        return np.einsum("n,nij->ij", strength, products)[np.newaxis]

    def diffuse(self, v, tensor, scale, add, out, work):
        right, down = self._apply(v)
        divergence = v.dtype.type(scale) * self._transpose(tensor * right, tensor * down)
        out[:] = out + divergence if add else divergence

    def diffuse_adjoint(self, v, z, strength, steers, tensor, change, out, steered, work):
        first, second = np.empty_like(v), np.empty_like(steers)
        self.diffuse(z, tensor, 1, False, first, work)
        self.diffuse(steers, change, 1, False, second, work)
        along, across = (first * v).sum((1, 2)), (second * steers).sum((1, 2)) / 2
        if steers is v:
            out[:] = first + second
        else:
            out[:], steered[:] = first, second
        return along, across

    def integrate(self, density):
        return float(density.sum(dtype=np.float64))


class Blend:
    """D = (g(tr J) I + g(J)) / 2, halfway between isotropic and anisotropic; not a dataclass."""

    mixed = 1.0

    def __init__(self, diffusivity):
        self.diffusivity = diffusivity

    def _coherent(self):
        return pdenet.Anisotropic(self.diffusivity)

    def tensor(self, structure):
        isotropic = self.diffusivity.g(2 * structure[0])
        D = self._coherent().tensor(structure) / 2
        D[0] += isotropic / 2
        return D

    def derivative(self, structure, direction):
        isotropic = self.diffusivity.derivative(2 * structure[0]) * direction[0]
        change = self._coherent().derivative(structure, direction) / 2
        change[0] += isotropic
        return change

    def density(self, structure):
        isotropic = self.diffusivity.potential(2 * structure[0])
        return (isotropic + self._coherent().density(structure)) / 2


class HeavyBall:
    """Gradient descent that keeps a share of its last step."""

    def __init__(self, learning_rate, share=0.8):
        self.learning_rate, self.share = learning_rate, share

    def start(self, x):
        return (np.zeros_like(x),)

    full_batch = False

    def update(self, evaluation, state):
        step = self.share * state[0] - self.learning_rate * evaluation.gradient
        return Step(evaluation.x + step, (step,))

    def settings(self):
        return {"name": "HeavyBall", "learning_rate": self.learning_rate, "share": self.share}


class Absolute:
    """The mean of |network(noisy) - clean|."""

    unit = 1.0

    def __init__(self, pairs):
        self.pairs = pairs

    digest = "of the images in the test"

    def __len__(self):
        return len(self.pairs)

    def tasks(self, batch):
        size = sum(self.pairs[k][1].size for k in batch)
        return [Task(self.pairs[k], functools.partial(absolute_error, size)) for k in batch]

    def psnr(self, loss):
        return None


def absolute_error(size, result, noisy, clean):
    difference = result - clean
    return float(np.abs(difference).sum()) / size, np.sign(difference) / size
