"""The networks of Figure 4 in PyTorch and JAX: mean squared error and its gradient by autodiff.

    python -m pip install torch==2.13.0 jax

Scales, weights, omega, contrast and tau are those of a `DiffusionNetwork` on square float32
images; the diffusivity is the exponential one, gamma = 0. The formulas are written once, for both
frameworks, of which `xp` is torch or jax.numpy; what differs is how they smooth and differentiate:

    dense       matrices, G_l u G_l
    depthwise   one-dimensional convolutions, each row of an image a channel
    slices      sums of shifted images, tap by tap, which the compiler is to fuse into one loop

As G_l is its own transpose, the adjoint of u -> (G_l u)_l is f -> sum_l G_l f_l, and vice versa;
autograd is told so. Torch compiles the parts of a step, JAX the whole; the adjoint by hand is
that of `pdenet.scheme.block`. Layers v have shape (images, scales, rows, columns).
"""

import functools

import numpy as np
from scipy.ndimage import gaussian_filter1d

from pdenet.scheme.fluxes import Anisotropic
from pdenet.scheme.scales import sampled_gaussian

from . import script


# Formulas ------------------------------------------------------------------------------------
def part(u, axis, start, size):
    """size rows (axis -2) or columns (axis -1) of u."""
    return u[..., start:start + size] if axis == -1 else u[..., start:start + size, :]


def mirrored(xp, u, axis, radius):
    """u continued half-sample symmetrically; replicated where the radius is 1."""
    ends = part(u, axis, 0, radius), part(u, axis, u.shape[axis] - radius, radius)
    first, last = ends if radius == 1 else (xp.flip(end, (axis,)) for end in ends)
    return xp.concatenate([first, u, last], axis)


def gradient(xp, v):
    """K v = (p, q, s) on the cells."""
    v = mirrored(xp, mirrored(xp, v, -1, 1), -2, 1)
    a, b, c, d = v[..., :-1, :-1], v[..., :-1, 1:], v[..., 1:, :-1], v[..., 1:, 1:]
    return (b - a + d - c) / 2, (c - a + d - b) / 2, a - b - c + d


def transposed_gradient(p, q, s):
    """K' (p, q, s) on the pixels."""
    along, across = (p + q) / 2, (p - q) / 2
    return ((along + s)[..., :-1, :-1] - (across + s)[..., :-1, 1:]
            + (across - s)[..., 1:, :-1] - (along - s)[..., 1:, 1:])


def product(x, y, w, kappa, anisotropic):
    """sum_l w_l sym(x_l y_l') as (m, d, o) for [[m + d, o], [o, m - d]]; its trace as (t,)."""
    m = d = o = 0
    for n in range(len(w)):
        (p, q, s), (P, Q, S) = ([sample[:, n:n + 1] for sample in samples] for samples in (x, y))
        pp, qq = w[n] * p * P, w[n] * q * Q
        m = m + (pp + qq) / 2 + kappa * w[n] * s * S
        d, o = d + (pp - qq) / 2, o + w[n] * (p * Q + q * P) / 2
    return (m, d, o) if anisotropic else (2 * m,)


def eigenvalues(xp, J, rate):
    """For [[m + d, o], [o, m - d]] with eigenvalues m +- r, with g(x) = exp(-rate x):
    r, (g(m + r) + g(m - r)) / 2 and (g(m + r) - g(m - r)) / (2 r).
    """
    m, d, o = J
    r = xp.sqrt(d * d + o * o + 1e-12)  # never 0, where autograd would divide by it
    g, change = xp.exp(rate * (r - m)) / 2, xp.expm1(-2 * rate * r)
    return r, g * (2 + change), g * change / r


def diffusion_tensor(xp, J, rate):
    """D = g(J) likewise; for the trace (g,)."""
    if len(J) == 1:
        return xp.exp(-rate * J[0]),
    _, mean, f = eigenvalues(xp, J, rate)
    return mean, f * J[1], f * J[2]


def derivative(xp, J, B, rate):
    """C = g'(J)[B] likewise."""
    if len(J) == 1:
        return -rate * xp.exp(-rate * J[0]) * B[0],
    r, mean, f = eigenvalues(xp, J, rate)
    x, y = J[1] / r, J[2] / r
    parallel, mixed = x * B[1] + y * B[2], f * (x * B[2] - y * B[1])
    half = -rate * (f * r * B[0] + mean * parallel)
    return -rate * (mean * B[0] + f * r * parallel), half * x - mixed * y, half * y + mixed * x


def divergence(D, x, kappa):
    """K' M(D) x for x = K v."""
    p, q, s = x
    if len(D) == 1:
        return transposed_gradient(D[0] * p, D[0] * q, 2 * kappa * D[0] * s)
    m, d, o = D
    return transposed_gradient((m + d) * p + o * q, o * p + (m - d) * q, 2 * kappa * m * s)


class Formulas:
    """A network's step and its adjoint, from spread: u -> (G_l u)_l and collect, its transpose.

    Each part is compiled by itself: in one, torch evaluates D again for every layer.
    """

    def __init__(self, xp, network, spread, collect, compiled=lambda function: function):
        anisotropic = isinstance(network.flux, Anisotropic)
        kappa = (1 - 2 * network.operator.alpha) / 4

        def tensor(v, w, rate):
            x = gradient(xp, v)
            return diffusion_tensor(xp, product(x, x, w, kappa, anisotropic), rate)

        def tensors(v, z, w, rate):
            x, y = gradient(xp, v), gradient(xp, z)
            J, B = (product(x, other, w, kappa, anisotropic) for other in (x, y))
            return diffusion_tensor(xp, J, rate), derivative(xp, J, B, rate)

        def flow(v, D, w):
            return w[:, None, None] * divergence(D, gradient(xp, v), kappa)

        def flows(v, z, D, C, w):
            along = divergence(D, gradient(xp, z), kappa)
            across = divergence(C, gradient(xp, v), kappa)
            return (w[:, None, None] * (along + 2 * across),
                    (v * along).sum((2, 3)), (v * across).sum((2, 3)))

        self.spread, self.collect, self.tensor, self.tensors, self.flow, self.flows = (
            compiled(part) for part in (spread, collect, tensor, tensors, flow, flows))

    def step(self, u, w, rate, tau):
        """u - tau sum_l w_l G_l K' M(D) K G_l u, and the layers G_l u."""
        v = self.spread(u)
        return u - tau * self.collect(self.flow(v, self.tensor(v, w, rate), w)), v

    def adjoint(self, v, cotangent, w, rate, tau):
        """The cotangent of u, and for each image the sums `along` and `across` of the scales."""
        z = self.spread(cotangent)
        flow, along, across = self.flows(v, z, *self.tensors(v, z, w, rate), w)
        return cotangent - tau * self.collect(flow), along.sum(0), across.sum(0)


# Smoothing -----------------------------------------------------------------------------------
def smoothing_of(xp, network, kind, size, convolve):
    """spread: u -> (G_l u)_l and collect: f -> sum_l G_l f_l; convolve(u, weights): each row."""
    sigmas = network.scales.sigmas
    if kind == "dense":
        G = xp.asarray(np.float32([gaussian_filter1d(np.eye(size), sigma, mode="reflect",
                                                     truncate=4.0) for sigma in sigmas]))
        return lambda u: G @ (u[:, None] @ G), lambda f: (G @ (f @ G)).sum(1)

    def turned(u, weights):
        padded = mirrored(xp, u, -1, len(weights) // 2)
        return xp.swapaxes(convolve(padded, np.float32(weights)), -1, -2)

    def sliced(u, weights, axis):
        radius, size = len(weights) // 2, u.shape[axis]
        u = mirrored(xp, u, axis, radius)
        out = weights[radius] * part(u, axis, radius, size)
        for k in range(radius):
            out = out + weights[k] * (part(u, axis, k, size)
                                      + part(u, axis, 2 * radius - k, size))
        return out

    def smooth(u, weights):
        if kind == "depthwise":
            return turned(turned(u, weights), weights)
        return sliced(sliced(u, weights, -1), weights, -2)

    taps = [sampled_gaussian(sigma).tolist() for sigma in sigmas]
    return (lambda u: xp.stack([smooth(u, weights) for weights in taps], 1),
            lambda f: sum(smooth(f[:, n], weights) for n, weights in enumerate(taps)))


# PyTorch -------------------------------------------------------------------------------------
def torch_smoothing(network, kind, size):
    import torch

    def convolve(u, weights):
        weights = torch.from_numpy(weights).expand(u.shape[1], 1, -1)
        return torch.nn.functional.conv1d(u, weights, groups=u.shape[1])

    spread, collect = smoothing_of(torch, network, kind, size, convolve)

    class Spread(torch.autograd.Function):
        forward = staticmethod(lambda ctx, u: spread(u))
        backward = staticmethod(lambda ctx, f: collect(f))

    class Collect(torch.autograd.Function):
        forward = staticmethod(lambda ctx, f: collect(f))
        backward = staticmethod(lambda ctx, u: spread(u))

    return lambda u: Spread.apply(u), lambda f: Collect.apply(f)


def torch_network(network, size, kind, compiled=False, by_hand=False):
    """A function of noisy and clean images, and of other parameters than the network's: loss and
    gradient, the latter as a dict."""
    import torch

    torch.set_num_threads(2)
    formulas = Formulas(torch, network, *torch_smoothing(network, kind, size),
                        *([torch.compile] if compiled else []))
    values = {name: torch.tensor(value, dtype=torch.float32, requires_grad=not by_hand)
              for name, value in network.parameters.items()}
    omega = torch.tensor(network.scales.omega, dtype=torch.float32)

    def by_autograd(u, clean, w, rate, tau):
        for _ in range(network.steps):
            u = formulas.step(u, w, rate, tau)[0]
        loss = (u - clean).square().mean()
        return loss, torch.autograd.grad(loss, list(values.values()))

    def by_adjoint(u, clean, w, rate, tau):
        kept, along, across = [], 0, 0
        for _ in range(network.steps):
            u, v = formulas.step(u, w, rate, tau)
            kept.append(v)
        cotangent = 2 / u.numel() * (u - clean)
        while kept:
            cotangent, *sums = formulas.adjoint(kept.pop(), cotangent, w, rate, tau)
            along, across = along + sums[0], across + sums[1]
        return (u - clean).square().mean(), (
            -2 * tau * omega * values["beta"] * (along + across),
            2 * tau / values["contrast"] * (w @ across), -(w @ along))

    def evaluate(noisy, clean, parameters=None):
        beta, contrast, tau = values.values()
        with torch.no_grad():
            for name, value in (parameters or {}).items():
                values[name].copy_(torch.tensor(np.array(value)))
        with torch.set_grad_enabled(not by_hand):
            loss, gradients = (by_adjoint if by_hand else by_autograd)(
                torch.from_numpy(noisy), torch.from_numpy(clean), omega * beta**2,
                1 / (2 * contrast**2), tau)
        return loss.item(), {name: x.numpy() for name, x in zip(values, gradients, strict=True)}

    return evaluate


# JAX -----------------------------------------------------------------------------------------
def jax_smoothing(network, kind, size):
    import jax
    from jax import numpy as jnp

    def convolve(u, weights):
        weights = jnp.broadcast_to(weights, (u.shape[1], 1, weights.size))
        return jax.lax.conv_general_dilated(u, weights, (1,), "VALID",
                                            feature_group_count=u.shape[1])

    spread, collect = map(jax.custom_vjp, smoothing_of(jnp, network, kind, size, convolve))
    spread.defvjp(lambda u: (spread(u), None), lambda _, f: (collect(f),))
    collect.defvjp(lambda f: (collect(f), None), lambda _, u: (spread(u),))
    return spread, collect


def jax_network(network, size, kind):
    """A function of noisy and clean images: loss and gradient, the latter as a dict."""
    import jax
    from jax import numpy as jnp

    formulas = Formulas(jnp, network, *jax_smoothing(network, kind, size))
    values = {name: np.float32(value) for name, value in network.parameters.items()}
    omega = network.scales.omega.astype(np.float32)

    def loss(values, noisy, clean):
        w, rate, tau = omega * values["beta"]**2, 1 / (2 * values["contrast"]**2), values["tau"]
        u, _ = jax.lax.scan(lambda u, _: (formulas.step(u, w, rate, tau)[0], None), noisy, None,
                            length=network.steps)
        return ((u - clean)**2).mean()

    compiled = jax.jit(jax.value_and_grad(loss))

    def evaluate(noisy, clean):
        value, gradients = compiled(values, noisy, clean)
        return float(value), {name: np.asarray(x) for name, x in gradients.items()}

    return evaluate


CANDIDATES = {
    "torch eager, dense": (torch_network, "dense"),
    "torch eager, depthwise": (torch_network, "depthwise"),
    "torch compiled": (torch_network, "slices", True),
    "torch compiled, adjoint by hand": (torch_network, "slices", True, True),
    "jax, dense": (jax_network, "dense"),
    "jax, depthwise": (jax_network, "depthwise")}


def build(network, size, names=tuple(CANDIDATES)):
    """{name: function of noisy and clean images to loss and gradient}, where a package is there."""
    return script.available({name: functools.partial(make, network, size, *options)
                             for name, (make, *options) in CANDIDATES.items() if name in names})
