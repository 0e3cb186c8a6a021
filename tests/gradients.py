"""Is a gradient right? Checks that a wrong entry, by 0.1 % or more, does not pass."""

import dataclasses
import itertools

import numpy as np

from pdenet import DiffusionNetwork, Exponential, Gradient, ScaleSpace, fluxes

SHAPE = (9, 11)


def _with(network, image, direction, parameters, moves, h):
    """Image and network after a move of all of them by h."""
    changed = {name: np.asarray(value) + h * moves[name] for name, value in parameters.items()}
    changed = {name: value if value.ndim else float(value) for name, value in changed.items()}
    return network.with_parameters(changed), image + h * direction


def check_gradient(network, image, channel_axis=None, seed=0):
    """Raise AssertionError unless the adjoint is right for the image and every parameter."""
    network = dataclasses.replace(network, allow_unstable=True)
    rng = np.random.default_rng(seed)
    cotangent = rng.normal(size=image.shape)
    out, pullback = network.vjp(image, channel_axis=channel_axis)
    np.testing.assert_allclose(out, network(image, channel_axis=channel_axis), rtol=0, atol=1e-10)
    image_cotangent, gradient = pullback(cotangent)
    parameters = network.parameters
    assert list(gradient) == list(parameters)

    def value(net, u):
        return np.sum(cotangent * net(u, channel_axis=channel_axis))

    # Taylor: what is left of f(x + h d) after f(x) + h f'(x) d falls with h squared.
    direction = rng.normal(size=image.shape)
    moves = {name: rng.normal(size=np.shape(v)) * np.abs(v) for name, v in parameters.items()}
    slope = np.sum(image_cotangent * direction) + sum(
        np.sum(gradient[name] * moves[name]) for name in parameters)
    steps = [4e-4, 2e-4, 1e-4]
    rest = []
    for h in steps:
        net, u = _with(network, image, direction, parameters, moves, h)
        rest.append(abs(value(net, u) - value(network, image) - h * slope))
    rates = np.log2(np.array(rest[:-1]) / rest[1:])
    assert rates.min() >= 1.95, rates

    # Each entry by itself, against differences of fourth order.
    def difference(move_image, move_parameters, h):
        values = []
        for k in (1, -1, 2, -2):
            net, u = _with(network, image, move_image, parameters, move_parameters, k * h)
            values.append(value(net, u))
        return (8 * (values[0] - values[1]) - (values[2] - values[3])) / (12 * h)

    none = {name: np.zeros(np.shape(v)) for name, v in parameters.items()}
    for name, v in parameters.items():
        for index in np.ndindex(np.shape(v)):
            unit = {key: move.copy() for key, move in none.items()}
            unit[name][index] = 1
            expected = difference(0, unit, 2e-4 * max(abs(np.asarray(v)[index]), 0.1))
            found = np.asarray(gradient[name])[index]
            assert abs(found - expected) <= 2e-4 * abs(expected), (name, index, found, expected)
    for index in itertools.islice(np.ndindex(image.shape), 0, None, 13):
        unit = np.zeros(image.shape)
        unit[index] = 1
        expected = difference(unit, none, 1e-2)
        found, scale = image_cotangent[index], np.abs(image_cotangent).max()
        assert abs(found - expected) <= 2e-5 * scale, (index, found, expected)

    # Factors that cancel: of the contrast with the weights that steer, and of tau with those
    # that diffuse.
    terms = {name: float(np.sum(parameters[name] * gradient[name])) for name in parameters}
    if "steering" in terms:
        zeros = terms["steering"] + terms["contrast"], terms["beta"] - 2 * terms["tau"]
    else:
        zeros = (terms["beta"] + terms["contrast"] - 2 * terms["tau"],)
    assert max(map(abs, zeros)) <= 1e-12 * max(map(abs, terms.values())), terms


def networks():
    """Every coupling x gamma x tied and separate steering, by name, and channels 1 and 3."""
    scales = ScaleSpace([0.0, 0.8, 1.7], [0.9, -0.6, 0.5])
    steering = ScaleSpace([0.5, 1.2], [0.7, 0.8])
    for flux, gamma, steers, channels in itertools.product(
            (fluxes.Isotropic, fluxes.Anisotropic, fluxes.Uncoupled, fluxes.Orientations),
            (0.0, 0.6, 1.0), (None, steering), (1, 3)):
        name = f"{flux.__name__}-{gamma:g}-{'separate' if steers else 'tied'}-{channels}"
        yield name, channels, DiffusionNetwork(
            flux=flux(Exponential(20.0)), operator=Gradient(0.35, gamma), scales=scales,
            steering=steers, tau=0.15, steps=3)


def image(channels, seed=1):
    shape = SHAPE + ((channels,) if channels > 1 else ())
    return np.random.default_rng(seed).normal(100, 25, shape)
