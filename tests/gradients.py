"""Is a gradient right? Checks that a wrong entry, by 0.1 % or more, does not pass."""

import dataclasses
import itertools

import numpy as np

from pdenet import (Channels, Coherence, CoherenceEnhancing, Dictionary, DiffusionNetwork,
                    Exponential, Gradient, Hessian, Laplacian, ScaleSpace)
from pdenet.kernels.cell_formulas import Stencil
from pdenet.kernels.cell_rows import correlation_row
from pdenet.kernels.laws import NONE, Law
from pdenet.kernels.row_memory import Pixels, make_rows
from pdenet.scheme import fluxes
from pdenet.scheme.diffusivities import DIFFUSIVITIES

SHAPE, PIXELS = (9, 11), 40


def _with(network, image, direction, parameters, moves, h):
    """Image and network after a move of all of them by h."""
    changed = {name: np.asarray(value) + h * moves[name] for name, value in parameters.items()}
    changed = {name: value if value.ndim else float(value) for name, value in changed.items()}
    return network.with_parameters(changed), image + h * direction


def check_slope(network, image, channel_axis=None, seed=0, mask=None):
    """Raise AssertionError unless the adjoint is right in one random direction of the image and all
    parameters, to 1e-5 of the second derivative, and unless factors of parameters cancel. Only the
    pixels of a mask count where there is one. Returns the function that was differentiated and its
    gradients for the image and for the parameters."""
    network = dataclasses.replace(network, allow_unstable=True)
    rng = np.random.default_rng(seed)
    cotangent = rng.normal(size=image.shape)
    options = {"channel_axis": channel_axis, "mask": mask}
    out, pullback = network.vjp(image, **options)
    np.testing.assert_allclose(out, network(image, **options), rtol=0, atol=1e-10)
    image_cotangent, gradient = pullback(cotangent)
    parameters = network.parameters
    assert list(gradient) == list(parameters)

    def value(move_image, move_parameters, h):
        net, u = _with(network, image, move_image, parameters, move_parameters, h)
        return np.sum(cotangent * net(u, **options))

    # Taylor: what is left of f(x + h d) after f(x) + h f'(x) d falls with h squared.
    direction = rng.normal(size=image.shape)
    moves = {name: rng.normal(size=np.shape(v)) * np.abs(v) for name, v in parameters.items()}
    slope = np.sum(image_cotangent * direction) + sum(
        np.sum(gradient[name] * moves[name]) for name in parameters)
    here = np.sum(cotangent * out)
    rest = [abs(value(direction, moves, h) - here - h * slope) for h in (4e-4, 2e-4, 1e-4)]
    rates = np.log2(np.array(rest[:-1]) / rest[1:])
    assert rates.min() >= 1.95, rates

    # Factors that cancel: of the contrast with the weights that steer and the sensitivities, and of
    # tau with those that diffuse, the rates and the reaction.
    terms = {name: float(np.sum(parameters[name] * gradient[name])) for name in parameters}
    diffusing = terms["beta"] - 2 * terms["tau"] + 2 * (terms.get("reaction", 0.0)
                                                        + terms.get("rates", 0.0))
    slowing = terms["contrast"] + 2 * terms.get("sensitivities", 0.0)
    averaging = tuple(terms[name] + slowing for name in ("integration", "guiding")
                      if name in terms)
    if "steering" in terms:
        zeros = terms["steering"] + slowing, diffusing
    else:
        zeros = (diffusing + slowing,)
    zeros += averaging
    assert max(map(abs, zeros)) <= 1e-12 * max(map(abs, terms.values())), terms
    return value, image_cotangent, gradient


def check_gradient(network, image, *args, **options):
    """Raise AssertionError unless the adjoint is right for the image and every parameter: in one
    direction by `check_slope`, and each parameter and some pixels by themselves, against
    differences of fourth order."""
    value, image_cotangent, gradient = check_slope(network, image, *args, **options)
    parameters = network.parameters

    def difference(move_image, move_parameters, h):
        values = [value(move_image, move_parameters, k * h) for k in (1, -1, 2, -2)]
        return (8 * (values[0] - values[1]) - (values[2] - values[3])) / (12 * h)

    none = {name: np.zeros(np.shape(v)) for name, v in parameters.items()}
    for name, v in parameters.items():
        for index in np.ndindex(np.shape(v)):
            unit = {key: move.copy() for key, move in none.items()}
            unit[name][index] = 1
            expected = difference(0, unit, 2e-4 * max(abs(np.asarray(v)[index]), 0.1))
            found = np.asarray(gradient[name])[index]
            assert abs(found - expected) <= 2e-4 * abs(expected), (name, index, found, expected)
    # Some pixels, as the slope has them all: those of a corner, and others at random.
    chosen = np.random.default_rng(7).permutation(image.size)[:PIXELS]
    for index in zip(*np.unravel_index(np.unique([0, 1, *chosen]), image.shape), strict=True):
        unit = np.zeros(image.shape)
        unit[index] = 1
        expected, found = difference(unit, none, 1e-4), image_cotangent[index]
        assert abs(found - expected) <= 2e-4 * abs(expected) + 1e-7, (index, found, expected)


def check_gradient_along(network, image, seed=0):
    """Raise AssertionError unless the adjoint is right along one random direction of the image and
    of each parameter: fewer evaluations than `check_gradient`."""
    network = dataclasses.replace(network, allow_unstable=True)
    rng = np.random.default_rng(seed)
    cotangent, direction = rng.normal(size=(2, *image.shape))
    image_cotangent, gradient = network.vjp(image)[1](cotangent)
    parameters = network.parameters
    none = {name: np.zeros(np.shape(v)) for name, v in parameters.items()}
    cases = [(direction, none, np.sum(image_cotangent * direction))]
    for name, value in parameters.items():
        move = rng.normal(size=np.shape(value)) * np.abs(value)
        cases.append((0, none | {name: move}, np.sum(gradient[name] * move)))
    for along, moves, found in cases:
        values = []
        for k in (1, -1, 2, -2):
            net, u = _with(network, image, along, parameters, moves, k * 1e-3)
            values.append(np.sum(cotangent * net(u)))
        expected = (8 * (values[0] - values[1]) - (values[2] - values[3])) / (12 * 1e-3)
        assert abs(found - expected) <= 1e-6 * abs(expected), (found, expected)


SLOPES = {"exponential": lambda x: -np.exp(-x / 2) / 2, "rational": lambda x: -(1 + x)**-2,
          "charbonnier": lambda x: -(1 + x)**-1.5 / 2}


def check_close_eigenvalues(diffusivity, dtype):
    """g'(J)[B] from equal eigenvalues to far ones, compiled and in NumPy, against integration."""
    g, dtype = DIFFUSIVITIES[diffusivity](1.0), np.dtype(dtype).type
    rng = np.random.default_rng(2)
    v, z = rng.normal(size=(2, 40)).astype(dtype)
    r = np.concatenate([[0.0], np.geomspace(1e-9, 1.0, 40)])
    angle = np.linspace(0, 6, r.size)
    structure = np.stack([1 + 0 * r, r * np.cos(angle), r * np.sin(angle)]).astype(dtype)

    def correlation(law):
        block = make_rows(9, v.size, v)
        rows = block.memory.reshape(9, block.pitch)
        rows[0, 1:v.size + 1], rows[1, 1:v.size + 1], rows[2:5, :r.size] = v, z, structure
        correlation_row(block, Pixels(0, 0), None, law, dtype(1), np.full(1, 0.125, dtype),
                        Stencil(dtype(0.36), dtype(0), dtype(0.36)), 2 * block.pitch,
                        6 * block.pitch)
        return rows[6:, :r.size].copy()

    direction = correlation(Law(NONE, dtype(1)))
    found = [correlation(g.law(structure.dtype)),
             fluxes.Anisotropic(g).derivative(structure.copy(), direction.copy())]
    m, d, o = structure.astype(np.longdouble)
    radius = np.sqrt(d * d + o * o)
    slope = SLOPES[diffusivity]
    nodes, weights = np.polynomial.legendre.leggauss(20)
    quotient = sum(w * slope(m + radius * x) / 2 for x, w in zip(nodes, weights, strict=True))
    some = np.where(radius > 0, radius, 1)
    n, t = np.where(radius > 0, d / some, 1), o / some
    b, p, q = direction.astype(np.longdouble)
    parallel, mixed = n * p + t * q, n * q - t * p
    first, second = slope(m + radius) * (b + parallel), slope(m - radius) * (b - parallel)
    expected = np.array([first + second,
                         (first - second) * n - 2 * quotient * mixed * t,
                         (first - second) * t + 2 * quotient * mixed * n], float) / 2
    for result in found:
        error = np.abs(result - expected).max()
        assert error <= (6e-6 if structure.dtype == np.float32 else 2e-12), error


# Of a dictionary: none of a part can be mistaken for that of another.
RATES = np.array([0.3, 0.5, -0.4, 0.7, 0.35, 0.25, -0.2, 0.6])
SENSITIVITIES = np.array([0.8, 2.0, 0.6, 1.2, 0.9, 1.7, 0.5, 1.4])


class _Own(Exponential):
    """Not known to the kernels."""


def networks():
    """Every coupling x gamma x tied and separate steering x 1 and 3 channels, by name; the
    couplings with a diffusivity that no kernel knows; and the operators of second order."""
    scales = ScaleSpace([0.0, 0.8, 1.7], [0.9, -0.6, 0.5])
    steering = ScaleSpace([0.5, 1.2], [0.7, 0.8])
    for flux, gamma, steers, channels in itertools.product(
            (fluxes.Isotropic, fluxes.Anisotropic, fluxes.Uncoupled, fluxes.Orientations),
            (0.0, 0.6, 1.0), (None, steering), (1, 3)):
        name = f"{flux.__name__}-{gamma:g}-{'separate' if steers else 'tied'}-{channels}"
        yield name, channels, DiffusionNetwork(
            flux=flux(Exponential(20.0)), operator=Gradient(0.35, gamma), scales=scales,
            steering=steers, tau=0.15, steps=3)
    for flux in (fluxes.Isotropic, fluxes.Anisotropic, fluxes.Uncoupled):
        yield f"{flux.__name__}-0.6-own-1", 1, DiffusionNetwork(
            flux=flux(_Own(20.0)), operator=Gradient(0.35, 0.6), scales=scales, tau=0.15, steps=2)
    for operator, steers, channels in itertools.product(
            (Laplacian(), Hessian()), (None, steering), (1, 3)):
        name = f"{type(operator).__name__}-{'separate' if steers else 'tied'}-{channels}"
        yield name, channels, DiffusionNetwork(
            flux=fluxes.Isotropic(Exponential(20.0)), operator=operator, scales=scales,
            steering=steers, steps=3)
    for steers, channels in itertools.product((None, steering), (1, 3)):
        name = f"steps-0.6-{'separate' if steers else 'tied'}-{channels}"
        yield name, channels, _different_steps(DiffusionNetwork(
            flux=fluxes.Anisotropic(Exponential(20.0)), operator=Gradient(0.35, 0.6),
            scales=scales, steering=steers, tau=0.15, reaction=0.4, steps=3).per_step())
    for operator, flux in ((Gradient(0.35, 0.6), fluxes.Anisotropic),
                           (Laplacian(), fluxes.Isotropic)):
        yield f"{type(operator).__name__}-0.6-same-sigmas-1", 1, DiffusionNetwork(
            flux=flux(Exponential(20.0)), operator=operator, scales=scales,
            steering=ScaleSpace(scales.sigmas, [0.7, 0.8, 0.4]), steps=3)
    for flux, steers in itertools.product((fluxes.Isotropic, fluxes.Anisotropic), (None, steering)):
        name = f"{flux.__name__}-0.6-twist-{'separate' if steers else 'tied'}-1"
        yield name, 1, DiffusionNetwork(
            flux=flux(Exponential(20.0)), operator=Gradient(0.35, 0.6, 0.3), scales=scales,
            steering=steers, tau=0.15, steps=3)
    average = ScaleSpace([0.0, 0.7, 1.5], [0.6, -0.7, 0.5])
    for diffusivity, steers, channels in itertools.product(
            (Coherence, Exponential, _Own), (None, steering), (1, 3)):
        name = f"{diffusivity.__name__}-coherent-0.6-{'separate' if steers else 'tied'}-{channels}"
        yield name, channels, DiffusionNetwork(
            flux=CoherenceEnhancing(diffusivity(15.0), 0.05), operator=Gradient(0.35, 0.6),
            scales=scales, steering=steers, integration=average, tau=0.15, steps=3)
    for flux, steers, channels in itertools.product(
            (fluxes.Isotropic, fluxes.Anisotropic, fluxes.Uncoupled), (None, steering), (1, 3)):
        name = f"{flux.__name__}-0.6-average-{'separate' if steers else 'tied'}-{channels}"
        yield name, channels, DiffusionNetwork(
            flux=flux(Exponential(20.0)), operator=Gradient(0.35, 0.6), scales=scales,
            steering=steers, integration=average, tau=0.15, steps=3)
    yield "Laplacian-average-1", 1, DiffusionNetwork(
        flux=fluxes.Isotropic(Exponential(20.0)), operator=Laplacian(), scales=scales,
        integration=average, steps=3)
    yield "Anisotropic-0.6-average-own-1", 1, DiffusionNetwork(
        flux=fluxes.Anisotropic(_Own(20.0)), operator=Gradient(0.35, 0.6), scales=scales,
        integration=average, tau=0.15, steps=2)
    yield "average-of-each-step-0.6-1", 1, _different_steps(DiffusionNetwork(
        flux=fluxes.Anisotropic(Exponential(20.0)), operator=Gradient(0.35, 0.6), scales=scales,
        steering=steering, integration=average, tau=0.15, steps=3).per_step())
    for dictionary, steers, channels in itertools.product(
            (Dictionary(RATES, SENSITIVITIES, amplification=1.0),
             Dictionary(np.abs(RATES), SENSITIVITIES, smoothing=0.0)), (None, steering), (1, 3)):
        kind = "sharpening" if dictionary.amplification else "local"
        name = f"dictionary-{kind}-{'separate' if steers else 'tied'}-{channels}"
        yield name, channels, DiffusionNetwork(
            flux=fluxes.Anisotropic(Exponential(20.0)), operator=Gradient(0.35), scales=scales,
            steering=steers, dictionary=dictionary, tau=0.15, steps=2)
    yield "dictionary-0.6-1", 1, DiffusionNetwork(
        flux=fluxes.Isotropic(Exponential(20.0)), operator=Gradient(0.35, 0.6), tau=0.15, steps=2,
        dictionary=Dictionary(RATES, SENSITIVITIES, amplification=1.0))
    yield "dictionary-of-second-order-1", 1, DiffusionNetwork(
        flux=fluxes.Isotropic(Exponential(20.0)), operator=Laplacian(), dictionary=dictionary,
        steps=2)
    yield "dictionary-of-each-step-1", 1, _different_steps(DiffusionNetwork(
        flux=fluxes.Anisotropic(Exponential(20.0)), integration=average, reaction=0.2, steps=3,
        dictionary=Dictionary(RATES, SENSITIVITIES, amplification=1.0), tau=0.15).per_step())
    for (own, guides), operator, steers in itertools.product(
            (([0.7, -1.2, 0.5], 0), ([0.7, -1.2, 0.5], 1), ([1.0, 0.8, 0.4], 2)),
            (Gradient(0.35), Laplacian()), (None, steering)):
        kind = f"{type(operator).__name__}-{'separate' if steers else 'tied'}"
        flux = fluxes.Isotropic if operator == Laplacian() else fluxes.Anisotropic
        yield f"guides-{guides}-{kind}-0.6-3", 3, DiffusionNetwork(
            flux=flux(Exponential(20.0)), operator=operator, scales=scales, steering=steers,
            channels=Channels(own, guides), steps=3)
    yield "guide-and-all-0.6-2", 2, _different_steps(DiffusionNetwork(
        flux=fluxes.Anisotropic(Exponential(20.0)), operator=Gradient(0.35), scales=scales,
        integration=average, channels=Channels([1.0, 0.7], 1), tau=0.15, reaction=0.3, steps=2,
        dictionary=Dictionary(RATES, SENSITIVITIES, amplification=1.0)).per_step())
    yield "reaction-0.6-1", 1, DiffusionNetwork(
        flux=fluxes.Isotropic(Exponential(20.0)), scales=scales, tau=0.15, reaction=0.3, steps=3)
    yield "tau-of-each-step-0.6-1", 1, DiffusionNetwork(
        flux=fluxes.Isotropic(Exponential(20.0)), scales=scales, tau=[0.15, 0.1, 0.2], steps=3)


def _different_steps(network):
    rng = np.random.default_rng(4)
    return network.with_parameters({name: value * rng.uniform(0.6, 1, value.shape)
                                    for name, value in network.parameters.items()})


def image(channels, seed=1):
    shape = SHAPE + ((channels,) if channels > 1 else ())
    return np.random.default_rng(seed).normal(100, 25, shape)
