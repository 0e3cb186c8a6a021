"""What is each part of the denoiser worth, and what would further ones add?

    python -m benchmarks.ablation            about half an hour; writes data/ablation.csv
    python -m benchmarks.ablation --quick    three variants, two evaluations

Every variant begins at the shipped parameters for noise of standard deviation 25, what it adds
switched off, and learns from the same crops of the training images of `benchmarks.train_denoiser`
by as many evaluations of L-BFGS; what is left out is put out before. Then the mean PSNR of seven
images that no network was trained on, in grey, and the difference from the shipped form that has
learned as long. The second table has the axes of colours beside the luminance, with noise of 60
relative to their range; the last one denoises again, beside the result of a first pass.
"""

import dataclasses
import functools

import numpy as np
from scipy import optimize

import pdenet
from pdenet.checks import check_workers
from pdenet.denoising import GUIDING
from pdenet.estimates import range_of
from pdenet.execution.workers import Workers
from pdenet.kernels.workspace import Workspace
from pdenet.learning.channels import mixed, principal_axes
from pdenet.learning.unconstrained import (bounds, from_coordinates, gradient_in_coordinates,
                                           to_coordinates)

from . import script
from .images import COLOUR, GREY, held_out, psnr, training_images
from .train_denoiser import crop

SIGMA, LEVEL, ROUNDS = 25.0, 60.0, 2
FIRST = 0.003  # of the share that a further dictionary removes at the start


@dataclasses.dataclass(frozen=True)
class Composed:
    """u <- u + sum_p G_p (B_pk - 1) G_p u + m_k (u - u_before): the blocks of several networks side
    by side, each on the image smoothed by a Gaussian of its own, and momentum."""

    networks: tuple
    smoothing: tuple = (0.0,)
    momentum: np.ndarray | None = None

    @property
    def vector(self):
        found = [to_coordinates(network) for network in self.networks]
        return np.concatenate(found + ([] if self.momentum is None else [self.momentum]))

    @property
    def bounds(self):
        """Those of each network; together the steps must not be longer than one of them may be."""
        found = np.concatenate([np.stack(
            (np.full(to_coordinates(network).size, -np.inf), np.full(
                to_coordinates(network).size, np.inf)) if network.allow_unstable
            else bounds(network), axis=1) for network in self.networks])
        if self.momentum is None:
            return found
        return np.concatenate([found, np.full((self.momentum.size, 2), [0, 0.5])])

    def at(self, x):
        networks, first = [], 0
        for network in self.networks:
            size = to_coordinates(network).size
            networks.append(from_coordinates(network, x[first:first + size]))
            first += size
        return dataclasses.replace(self, networks=tuple(networks),
                                   momentum=None if self.momentum is None else x[first:])

    @functools.cached_property
    def _parts(self):
        return [(None if sigma == 0 else pdenet.ScaleSpace([sigma]), network.each_step())
                for sigma, network in zip(self.smoothing, self.networks, strict=True)]

    def forward(self, f):
        """The images before each step, and the result."""
        states, before, work = [f], f, Workspace()
        for k in range(self.networks[0].steps):
            u = states[-1]
            out = u.copy()
            for scales, steps in self._parts:
                (block, tau), v = steps[k], u if scales is None else scales.smooth(u, work).copy()
                change = block.step(v, *_layers(block, v, work), tau, f, np.empty_like(u), work) - v
                out += change if scales is None else scales.smooth(change, work)
            if self.momentum is not None:
                out += u.dtype.type(self.momentum[k]) * (u - before)
            before = u
            states.append(out)
        return states

    def backward(self, states, cotangent):
        """The derivatives with respect to the vector, for those with respect to the result."""
        gradients = [{name: np.zeros(np.shape(value)) for name, value in network.parameters.items()}
                     for network in self.networks]
        by_momentum, later, work = [], np.zeros_like(cotangent), Workspace()
        for k in reversed(range(self.networks[0].steps)):
            u, out = states[k], cotangent + later
            for (scales, steps), gradient in zip(self._parts, gradients, strict=True):
                (block, tau), v = steps[k], u if scales is None else scales.smooth(u, work).copy()
                z = cotangent if scales is None else scales.smooth(cotangent, work).copy()
                found = np.empty_like(u)
                own = block.step_adjoint(v, block.layers(v, work.part("step")), tau, states[0],
                                         z.copy(), found, None, work)
                for name, value in own.items():
                    gradient[name][k] += value
                found -= z
                out += found if scales is None else scales.smooth(found, work)
            if self.momentum is not None:
                before = states[max(k - 1, 0)]
                by_momentum.append(np.sum(cotangent * (u - before), dtype=np.float64))
                moved = u.dtype.type(self.momentum[k]) * cotangent
                out += moved
                later = -moved
            cotangent = out
        found = [gradient_in_coordinates(*pair)
                 for pair in zip(self.networks, gradients, strict=True)]
        return np.concatenate(found + ([] if self.momentum is None else [by_momentum[::-1]]))


def _layers(block, v, work):
    layers, _, tensor = block.layers(v, work)
    return layers, tensor


class Signed:
    """g(x) = (1 - x) / (1 + x)^2 with x relative to the contrast: negative for strong edges, which
    are sharpened; the energy's density is weakly convex, as g(s^2) s falls by less than s grows."""

    def __init__(self, contrast):
        self.contrast = contrast

    def g(self, x):
        x = x / self.contrast**2
        return (1 - x) / (1 + x)**2

    def derivative(self, x):
        x = x / self.contrast**2
        return (x - 3) / (1 + x)**3 / self.contrast**2

    def potential(self, x):
        x = x / self.contrast**2
        return self.contrast**2 * (2 * x / (1 + x) - np.log1p(x))


class Sharpening(pdenet.Anisotropic):
    """`Anisotropic` for a diffusivity that may be negative."""

    def __post_init__(self):
        """Without the check that it is not."""


# Variants -----------------------------------------------------------------------------------------


def shipped():
    return pdenet.denoiser(SIGMA)


def without(*names):
    return Composed((dataclasses.replace(shipped(), tau=1e-9, **dict.fromkeys(names))
                     .with_parameters({"tau": shipped().parameters["tau"]}),))


def amplifying(kappa):
    """The dictionary of each step may amplify by no more than kappa."""
    network = shipped()
    rates = [own.rates if kappa else np.maximum(own.rates, 0) for own in network.each("dictionary")]
    own = [pdenet.Dictionary(each, old.sensitivities, amplification=kappa)
           for each, old in zip(rates, network.each("dictionary"), strict=True)]
    network = dataclasses.replace(network, dictionary=own, tau=1e-9)
    return Composed((network.with_parameters({
        "tau": np.minimum(shipped().parameters["tau"], network.tau_max)}),))


def slower(steps):
    """More steps, each shorter, of the same sum."""
    network = shipped()
    which = np.arange(steps) * network.steps // steps
    parts = {name: [network.each(name)[k] for k in which]
             for name in ("scales", "steering", "flux", "integration", "dictionary")}
    taus = np.array(network.each("tau"))[which] * network.steps / steps
    return Composed((pdenet.DiffusionNetwork(operator=network.operator, tau=taus, steps=steps,
                                             **parts),))


def of_cycles(length=5):
    """Steps as long as in cycles of fast explicit diffusion; nothing bounds them."""
    network = shipped()
    sizes = 1 / (2 * np.cos(np.pi * (2 * np.arange(length) + 1) / (4 * length + 2))**2)
    sizes = np.tile(sizes / sizes.mean(), network.steps // length)
    taus = network.parameters["tau"]
    return Composed((dataclasses.replace(network, allow_unstable=True,
                                         tau=taus.mean() * sizes),))


def two_tensors():
    """The fine and the coarse scales with a tensor each: contrast and steering of their own."""
    halves = []
    for chosen in (slice(0, 4), slice(4, 8)):
        network, kept = shipped(), np.zeros(8)
        kept[chosen] = 1
        own = network.with_parameters({"beta": network.parameters["beta"] * kept})
        halves.append(own if not halves else dataclasses.replace(own, dictionary=None))
    return Composed(tuple(halves), (0.0, 0.0))


def second_dictionary(sigma=1.0):
    """Another dictionary on the image smoothed, whose filters so are those of a larger scale."""
    network = shipped()
    taus = network.parameters["tau"]
    own = pdenet.DiffusionNetwork(
        flux=network.flux, operator=network.operator, steps=network.steps, tau=1e-9,
        scales=pdenet.ScaleSpace([0.0], [1e-6]), dictionary=[
            pdenet.Dictionary([FIRST / tau] * 8, amplification=0.05) for tau in taus])
    own = own.per_step()
    own = own.with_parameters({"tau": np.minimum(taus, own.tau_max)})
    return Composed((network, own), (0.0, sigma))


def signed():
    network = shipped()
    flux = [Sharpening(Signed(own.diffusivity.contrast)) for own in network.each("flux")]
    return Composed((dataclasses.replace(network, flux=flux),))


VARIANTS = {
    "as shipped": lambda: without(),
    "without integration": lambda: without("integration"),
    "without dictionary": lambda: without("dictionary"),
    "dictionary without sharpening": lambda: amplifying(0.0),
    "dictionary, kappa = 0.2": lambda: amplifying(0.2),
    "without both": lambda: without("integration", "dictionary"),
    "15 steps": lambda: slower(15), "20 steps": lambda: slower(20),
    "steps as in cycles": of_cycles,
    "momentum": lambda: Composed((shipped(),), momentum=np.full(10, 0.02)),
    "two tensors, fine and coarse": two_tensors,
    "dictionary at a second scale": second_dictionary,
    "signed diffusivity": signed,
}


def beside(weight, level=LEVEL, **parts):
    """For two planes, of which the second steers with this weight."""
    network, channels = pdenet.denoiser(level), [pdenet.Channels([1.0, weight], guides=1)] * 10
    other = dataclasses.replace(network, channels=channels, tau=1e-9, **parts)
    return Composed((other.with_parameters({"tau": network.parameters["tau"]}),))


SECOND = {"not steered by the first": lambda: beside(0.0, SIGMA),
          "steered by the first": lambda: beside(GUIDING, SIGMA)}
COLOURS = {"each axis by itself": lambda: beside(0.0), "guided": lambda: beside(GUIDING),
           "guided, without dictionary": lambda: beside(GUIDING, dictionary=None)}


# Learning -----------------------------------------------------------------------------------------


def grey_pairs():
    rng, pairs = np.random.default_rng(1), []
    for planes in training_images(False):
        for _ in range(ROUNDS):
            clean = crop(planes, rng)
            pairs.append((clean + rng.normal(0, SIGMA, clean.shape).astype(np.float32), clean))
    return pairs


def grey_tests():
    for name in (*GREY, *COLOUR):
        clean, axis = held_out(name)
        clean = clean if axis is None else clean.mean(axis)
        noisy = pdenet.add_noise(clean, SIGMA, 0).astype(np.float32)
        yield noisy[np.newaxis] - np.float32(128), clean[np.newaxis] - 128


def with_first(pairs):
    """Pairs with the result of a first pass as a second plane."""
    for noisy, clean in pairs:
        first = shipped().run(noisy)
        yield np.concatenate([noisy, first]), np.concatenate([clean, first])


def guided_pairs(planes, level, rng):
    """For each principal axis of a colour image but the first: that axis with noise of a level
    relative to its range, as it is estimated from what is noisy, beside the first axis without
    noise; and without noise. As `pdenet.denoise` does it."""
    axes = principal_axes(planes, 0.0)
    first, *others = (mixed(planes, axis) for axis in axes)
    for plane in others:
        noise, sigma = rng.normal(0, 1, (2, *plane.shape[1:])).astype(np.float32), 20.0
        for _ in range(5):  # the estimate depends on the noise
            unit = range_of(plane + np.float32(sigma) * noise[:1]) / 255
            sigma = level * unit
        guide = pdenet.denoise((first + np.float32(sigma) * noise[1:])[0], sigma)[np.newaxis]
        guide = (guide - guide.mean()) / np.float32(range_of(guide) / 255)
        clean = (plane - plane.mean()) / np.float32(unit)
        yield np.stack([np.concatenate([clean + np.float32(level) * noise[:1], guide]),
                        np.concatenate([clean, guide])])


def colour_pairs():
    rng = np.random.default_rng(1)
    return [tuple(crop(pair, rng)) for planes in training_images(True)
            for pair in guided_pairs(planes, LEVEL, rng) for _ in range(ROUNDS)]


def colour_tests():
    for name in COLOUR:
        planes = np.moveaxis(held_out(name)[0], -1, 0).astype(np.float32)
        yield from guided_pairs(planes, LEVEL, np.random.default_rng(2))


def learned(variant, pairs, evaluations, team):
    """The variant after learning: minus the mean PSNR of the pairs is minimised."""
    def one(pair, _):
        noisy, clean = pair
        states = current.forward(noisy)
        rest = states[-1][:1] - clean[:1]
        error = float(np.mean(np.square(rest, dtype=np.float64)))
        cotangent = np.zeros_like(noisy)
        cotangent[:1] = rest * (20 / (np.log(10) * error * rest.size * len(pairs)))
        return 10 * np.log10(error / 255**2) / len(pairs), current.backward(states, cotangent)

    def value(x):
        nonlocal current, best
        current = variant.at(x)
        losses, gradients = zip(*team.map(one, pairs), strict=True)
        best = min(best, (sum(losses), x.copy()), key=lambda pair: pair[0])
        return sum(losses), sum(gradients)

    current, best = variant, (np.inf, None)
    optimize.minimize(value, variant.vector, jac=True, method="L-BFGS-B", bounds=variant.bounds,
                      options={"maxfun": evaluations, "maxiter": evaluations})
    return variant.at(best[1]), -best[0]


def table(title, variants, pairs, tests, evaluations, team):
    rows, tests, first = [], list(tests), None
    print(f"\n{title}\n{'':32}{'numbers':>8}{'crops':>9}{'tests':>9}{'gain':>8}")
    for name, build in variants.items():
        fitted, trained = learned(build(), pairs, evaluations, team)
        found = float(np.mean([psnr(clean[:1], np.clip(fitted.forward(noisy)[-1][:1], -128, 127))
                               if title.startswith("grey") else
                               psnr(clean[:1], fitted.forward(noisy)[-1][:1])
                               for noisy, clean in tests]))
        first = found if first is None else first
        rows.append([title, name, fitted.vector.size, trained, found, found - first])
        print(f"{name:32}{fitted.vector.size:8}{trained:9.3f}{found:9.3f}{found - first:+8.3f}",
              flush=True)
    return rows


def main():
    parser = script.parser(__doc__, "three variants, two evaluations")
    parser.add_argument("--evaluations", type=int, default=40,
                        help="of all crops (default: %(default)s)")
    parser.add_argument("--only", nargs="+", metavar="VARIANT",
                        default=[*VARIANTS, *SECOND, *COLOURS],
                        help="these alone; rows of others stay in the table")
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    print(script.machine())
    only = options.only[:3] if options.quick else options.only
    evaluations = 2 if options.quick else options.evaluations
    rows = []
    with Workers(check_workers(options.workers)) as team:
        for title, variants, pairs, tests in (
                (f"grey, noise {SIGMA:g}", VARIANTS, grey_pairs, grey_tests),
                (f"grey, a second pass, noise {SIGMA:g}", SECOND,
                 lambda: list(with_first(grey_pairs())), lambda: with_first(grey_tests())),
                (f"further axes of colours, noise {LEVEL:g} of a range of 255", COLOURS,
                 colour_pairs, colour_tests)):
            chosen = {name: build for name, build in variants.items() if name in only}
            if chosen:
                rows += table(title, chosen, pairs(), tests(), evaluations, team)
    if not options.quick:
        new = {tuple(row[:2]) for row in rows}
        kept = [row for row in script.read_rows("ablation")[1:] if tuple(row[:2]) not in new]
        script.write_table("ablation", [
            ["images", "variant", "numbers", "psnr of crops", "psnr of tests", "gain"], *kept,
            *rows], script.machine(), ".3f")


if __name__ == "__main__":
    main()
