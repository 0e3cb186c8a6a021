"""Weights of channels, and guides: what they are equal to, and what is refused."""

import numpy as np
import pytest

import pdenet
from pdenet import Channels

from .. import naive

RNG = np.random.default_rng(3)
PAIR = RNG.normal(100, 30, (2, 17, 21))


def network(channels=None, **options):
    return pdenet.models.multiscale(**{
        "contrast": 12.0, "sigmas": [0.0, 0.9], "weights": [0.8, 0.6], "steps": 3,
        "channels": channels} | options)


def test_weights_of_one_are_none():
    np.testing.assert_array_equal(network(Channels([1, 1]))(PAIR, channel_axis=0),
                                  network()(PAIR, channel_axis=0))


def test_a_guide_with_weight_zero_and_a_guide_that_is_constant_are_none():
    alone = network()(PAIR[0])
    flat = np.stack([PAIR[0], np.full_like(PAIR[0], 7.0)])
    for own, guiding in ((PAIR, [1, 0]), (flat, [1, 5])):
        out = network(Channels(guiding, guides=1))(own, channel_axis=0)
        np.testing.assert_array_equal(out[0], alone)
        np.testing.assert_array_equal(out[1], own[1])


def test_a_channel_that_steers_another_is_the_same_as_the_weighted_channel():
    weighted = np.stack([PAIR[0], 0.6 * PAIR[1]])
    np.testing.assert_allclose(network(Channels([1, 0.6], guides=1))(PAIR, channel_axis=0)[0],
                               network(Channels([1, 1], guides=1))(weighted, channel_axis=0)[0],
                               rtol=0, atol=1e-10)


def test_a_step_with_guides_equals_the_naive_one():
    u = RNG.normal(100, 30, (3, 9, 11))
    for guides in (1, 2):
        own = network(Channels([0.8, -1.3, 0.5], guides), steps=1)
        np.testing.assert_allclose(own(u, channel_axis=0), naive.step(own, u), atol=1e-11)


def test_energy_of_an_image_beside_its_guide():
    own, direction = network(Channels([1, 0.7], guides=1), steps=1), RNG.normal(size=PAIR.shape)
    direction[1] = 0
    flow = (own(PAIR, channel_axis=0) - PAIR) / own.tau
    up, down = (own.energy(PAIR + h * direction, channel_axis=0) for h in (1e-4, -1e-4))
    assert (up - down) / 2e-4 == pytest.approx(-2 * np.sum(flow * direction), rel=2e-7)


def test_the_edge_of_a_guide_stays_in_the_image_and_others_go():
    u = np.where(np.arange(40) < 20, 0.0, 10.0) + RNG.normal(0, 1, (30, 40))
    guide = np.where(np.arange(40) < 20, 0.0, 100.0) + np.zeros_like(u)
    across = np.where(np.arange(30) < 15, 0.0, 100.0)[:, np.newaxis] + np.zeros_like(u)
    steps = []
    for other in (guide, across):
        eed = pdenet.models.eed(5.0, steps=40, channels=Channels([0, 1], guides=1))
        v = eed(np.stack([u, other]), channel_axis=0)[0]
        steps.append(v[:, 20].mean() - v[:, 19].mean())
    assert steps[0] > 7 and steps[1] < 2


def test_a_mask_leaves_guides_as_they_are_and_ignores_both():
    mask = RNG.random(PAIR.shape[1:]) < 0.8
    own = network(Channels([1, 0.7], guides=1))
    wild = np.where(mask, PAIR, 1e300)
    out = own(wild, channel_axis=0, mask=mask)
    np.testing.assert_array_equal(out[1], wild[1])
    np.testing.assert_array_equal(np.where(mask, out[0], 0),
                                  np.where(mask, own(PAIR, channel_axis=0, mask=mask)[0], 0))


def test_tiles_and_files(monkeypatch, tmp_path):
    own = network(Channels([1, 0.7], guides=1))
    large = np.random.default_rng(0).normal(100, 30, (2, 150, 170))
    expected = own(large, channel_axis=0, workers=1)
    monkeypatch.setattr("pdenet.execution.tiles.EDGE", 32)
    np.testing.assert_array_equal(own(large, channel_axis=0, workers=2), expected)
    own.save(tmp_path / "n.json")
    loaded = pdenet.load(tmp_path / "n.json")
    np.testing.assert_array_equal(loaded(large, channel_axis=0), expected)


@pytest.mark.parametrize("call, words", [
    (lambda: Channels([]), "guiding must be a sequence of numbers"),
    (lambda: Channels([1, np.nan]), "guiding must be a sequence of numbers"),
    (lambda: Channels([1, 2], guides=2), "guides must be at most 1; got 2"),
    (lambda: Channels([1, 2], guides=-1), "guides must be a whole number >= 0"),
    (lambda: network(Channels([1, 1, 1], 2))(PAIR, channel_axis=0),
     "for images with 3 channels, the last 2 of them guides; got 2"),
    (lambda: network(Channels([1, 1]))(PAIR[0]), "for images with 2 channels"),
    (lambda: network(Channels([1, 1])).evolve(PAIR[0], 1.0), "for images with 2 channels"),
    (lambda: network(Channels([1, 1])).vjp(PAIR[0]), "for images with 2 channels"),
    (lambda: network(Channels([1, 1])).energy(PAIR[0]), "for images with 2 channels"),
    (lambda: network(Channels([0.5, 1])).energy(PAIR, channel_axis=0), "an energy needs the weig"),
    (lambda: pdenet.DiffusionNetwork(flux=pdenet.Anisotropic(pdenet.Exponential(2.0)),
                                     channels=[Channels([1, 1]), Channels([1, 1], 1)], steps=2),
     "step 1 differs from step 0"),
])
def test_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_list_of_weights_is_refused_with_the_name():
    with pytest.raises(TypeError, match="channels"):
        network(1.5)
