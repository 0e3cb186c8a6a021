"""The rotation audit: of any function, with the numbers of scikit-image."""

import csv

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

import pdenet
from pdenet.experiments import audit, peers


def identity(image):
    return image


def test_audit_of_the_identity_is_the_noise():
    result = pdenet.rotation_audit(identity, [10, 50, 80], count=3, sigma=30, size=64)
    assert result.psnr.shape == (3, 3)
    assert result.mean == pytest.approx(20 * np.log10(255 / 30), abs=0.15)
    assert result.variance < 1e-12  # the same noise at every angle
    assert "variance over the angles" in str(result) and "10 degrees" in str(result)


def test_audit_is_psnr_per_angle_and_its_variance():
    network = pdenet.models.eed(80.0, sigma=2.0, tau=0.4, steps=5)
    result = pdenet.rotation_audit(network, [20, 45], count=2, size=160, workers=2)
    for row, angle in zip(result.psnr, (20, 45), strict=True):
        clean = pdenet.rectangles(2, angle, 160, audit.LAYOUTS)
        noisy = pdenet.add_noise(clean, 60, audit.NOISE)
        expected = [peak_signal_noise_ratio(b.astype(float), network(a).astype(float),
                                            data_range=255)
                    for a, b in zip(noisy, clean, strict=True)]
        np.testing.assert_array_equal(row, expected)
    assert result.variance == pytest.approx(np.var(result.psnr.mean(1)))
    assert result.mean == pytest.approx(result.psnr.mean())


@pytest.mark.parametrize("function", [
    lambda u: u[1:], lambda u: u * np.nan, lambda u: 3.0, lambda u: None, lambda u: 1j * u])
def test_bad_denoisers(function):
    with pytest.raises(ValueError, match="must return a (finite|real) image"):
        pdenet.rotation_audit(function, [5], count=1, size=16)


@pytest.mark.parametrize("options, message", [
    ({"angles": []}, "angles"), ({"angles": [np.nan]}, "angles"), ({"count": 0}, "count"),
    ({"workers": 0}, "workers"), ({"sigma": -1}, "sigma"), ({"size": 0}, "size")])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        pdenet.rotation_audit(identity, **options)


def test_table_and_picture(tmp_path):
    results = {name: pdenet.rotation_audit(identity, [10, 50], count=1, size=16, sigma=sigma)
               for name, sigma in (("one", 20), ("two", 40))}
    audit.write_table(tmp_path / "table.csv", results)
    rows = list(csv.reader((tmp_path / "table.csv").read_text().splitlines()))
    assert rows[0] == ["angle", "one", "two"]
    names = ["10", "50", "mean", "variance", "standard error", "systematic"]
    assert [row[0] for row in rows[1:]] == names
    assert float(rows[3][2]) == pytest.approx(results["two"].mean, abs=1e-4)
    for suffix, magic in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        audit.draw(tmp_path / f"curves.{suffix}", results)
        assert (tmp_path / f"curves.{suffix}").read_bytes().startswith(magic)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", peers.PEERS)
def test_peers_denoise(name):
    if not peers.available(name):
        pytest.skip("PyWavelets is not installed")
    clean = pdenet.rectangles(1, 30)[0, 60:188, 60:188]
    noisy = pdenet.add_noise(clean, 60, 1)
    result = peers.peer(name)(noisy)
    assert peak_signal_noise_ratio(clean, result, data_range=255) > 20 * np.log10(255 / 60) + 5
    _, grid, best = peers.PEERS[name]
    for option, value in best.items():
        assert value in grid[option]


def test_tuning_finds_the_best_of_the_grid(monkeypatch):
    grid = {"factor": [0.5, 0.7, 1.0], "offset": [0.0, 50.0]}
    monkeypatch.setitem(peers.PEERS, "toy", (
        lambda restoration, image, factor, offset: factor * image + offset, grid, {}))
    clean = pdenet.rectangles(2, 30)
    psnr, parameters = peers.tune("toy", pdenet.add_noise(clean, 10), clean)
    assert parameters == {"factor": 1.0, "offset": 0.0}
    assert psnr == pytest.approx(20 * np.log10(255 / 10), abs=0.1)


def test_the_variance_is_split_into_chance_and_what_is_systematic():
    """On audits drawn from a known curve with known chance."""
    rng, angles = np.random.default_rng(0), np.arange(17.0)
    curve = 0.3 * np.cos(angles)
    found = [audit.RotationAudit(angles, 30 + curve[:, np.newaxis] + rng.normal(0, 0.5, (17, 20)))
             for _ in range(400)]
    assert np.mean([one.systematic for one in found]) == pytest.approx(curve.var(), rel=0.05)
    spread = np.std([one.variance for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(spread, rel=0.15)
    assert np.mean([one.variance for one in found]) > curve.var() + 0.01
    alone = audit.RotationAudit(angles, 30 + curve[:, np.newaxis])
    assert np.isnan(alone.systematic) and np.isnan(alone.standard_error)
    assert audit.RotationAudit(angles, np.ones((17, 3))).systematic == 0
