"""Parts of a user's own, known to no list of the package, do all that the package's parts do."""

import numpy as np
import pytest

import pdenet
from pdenet import DiffusionNetwork, Exponential, Isotropic, ScaleSpace
from pdenet.execution.workers import Workers
from pdenet.learning.training_loop import train
from pdenet.learning.unconstrained import Coordinates

from .gradients import check_gradient, image
from .parts import Absolute, Blend, ForwardDifferences, HeavyBall

NETWORKS = {
    "operator": DiffusionNetwork(operator=ForwardDifferences(), flux=Isotropic(Exponential(20.0)),
                                 scales=ScaleSpace([0.0, 1.0], [0.8, 0.5]), steps=3),
    "flux": DiffusionNetwork(flux=Blend(Exponential(20.0)), steps=3,
                             scales=ScaleSpace([0.0, 1.0], [0.8, 0.5])),
    "flux steered by others": DiffusionNetwork(flux=Blend(Exponential(20.0)), steps=2,
                                               steering=ScaleSpace([0.7]), reaction=0.2)}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def noisy_pairs():
    clean = pdenet.rectangles(3, 30)[:, 40:72, 40:77].astype(float)
    return pdenet.add_noise(clean, 30), clean


@every_network
@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_is_right(network, channels):
    check_gradient(network, image(channels), -1 if channels > 1 else None)


@every_network
def test_it_filters_images_of_any_kind(network, monkeypatch):
    u = np.random.default_rng(0).normal(100, 30, (70, 90))
    axes = {"channel_axis": -1}
    for result in (network(u), network.evolve(u, 3.0)):
        assert result.mean() == pytest.approx(u.mean(), rel=1e-12)
        assert result.std() < u.std()
    assert network(u.astype(np.float32)).dtype == np.float32
    colour = np.stack([u, u[::-1], u], -1)
    expected = network(colour, **axes)
    monkeypatch.setattr("pdenet.execution.tiles.EDGE", 32)
    monkeypatch.setattr("pdenet.execution.tiles.HALOS", 1)
    for workers in (1, 2):
        np.testing.assert_array_equal(network(colour, workers=workers, **axes), expected)


@every_network
def test_its_energy_falls_by_the_step(network):
    if network.steering is not None:
        with pytest.raises(ValueError, match="no energy"):
            network.energy(np.eye(5))
        return
    u = image(1)
    energies = [network.energy(u)]
    for _ in range(5):
        u = network(u)
        energies.append(network.energy(u))
    assert (np.diff(energies) < 0).all()


@every_network
def test_it_learns_and_has_parameters(network):
    fitted, history = pdenet.fit(network, *noisy_pairs(), epochs=4, optimizer=pdenet.Adam(0.05))
    assert history[-1]["loss"] < history[0]["loss"]
    assert fitted.parameters["contrast"] != 20
    assert network.per_step().parameters["beta"].shape[0] == network.steps


@every_network
def test_it_is_refused_by_files_by_name(network, tmp_path):
    with pytest.raises(TypeError, match="(operator|flux) must be one of .* to be written"):
        network.save(tmp_path / "network.json")
    assert not list(tmp_path.iterdir())


def test_an_optimiser_trains_and_goes_on_from_its_checkpoint(tmp_path):
    network, path = pdenet.models.perona_malik(30.0, tau=0.1, steps=3), tmp_path / "state.json"
    options = {"optimizer": HeavyBall(0.02), "batch_size": 2}
    whole, history = pdenet.fit(network, *noisy_pairs(), epochs=6, **options)
    assert history[-1]["loss"] < 0.95 * history[0]["loss"]
    pdenet.fit(network, *noisy_pairs(), epochs=3, checkpoint=path, **options)
    again, _ = pdenet.fit(network, *noisy_pairs(), epochs=6, checkpoint=path, **options)
    assert str(again.parameters) == str(whole.parameters)
    with pytest.raises(ValueError, match="another training, with other optimizer"):
        pdenet.fit(network, *noisy_pairs(), epochs=6, checkpoint=path, batch_size=2,
                   optimizer=pdenet.Adam())


def test_a_loss_is_minimised():
    pairs = [tuple(plane[np.newaxis] for plane in pair)
             for pair in zip(*noisy_pairs(), strict=True)]
    network = pdenet.models.perona_malik(30.0, tau=0.1, steps=3)
    fitted, history = train(Coordinates(network), Absolute(pairs), epochs=10, batch_size=3, rng=0,
                            optimizer=pdenet.Adam(0.05), team=Workers(1))
    assert history[-1]["loss"] < 0.9 * history[0]["loss"] and history[0]["psnr"] is None
    error = np.mean([np.abs(fitted.run(noisy) - clean) for noisy, clean in pairs])
    assert error < history[-1]["loss"]
