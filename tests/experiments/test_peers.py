"""scikit-image's denoisers: called as its manual says, in float64, with the parameters given."""

import sys

import numpy as np
import pytest
from skimage import restoration

from pdenet.experiments import figure4, peers

IMAGE = (60 * np.random.default_rng(0).normal(size=(40, 36)) + 100).astype(np.float32)
DOUBLE = IMAGE.astype(float)
LOW = DOUBLE.min()


def wavelet(levels):
    return restoration.denoise_wavelet(DOUBLE, sigma=60, wavelet="db2", method="VisuShrink",
                                       wavelet_levels=levels)


def bilateral(image):
    return restoration.denoise_bilateral(image, win_size=5, sigma_color=90.0, sigma_spatial=2.0)


EXPECTED = {
    "tv": ({"weight": 33.0}, lambda: restoration.denoise_tv_chambolle(
        DOUBLE, weight=33.0, eps=1e-9, max_num_iter=2000)),
    "non-local-means": ({"h": 0.5, "patch_size": 5, "patch_distance": 6},
                        lambda: restoration.denoise_nl_means(
                            DOUBLE, h=30.0, sigma=60, patch_size=5, patch_distance=6)),
    "wavelet": ({"wavelet": "db2", "method": "VisuShrink", "wavelet_levels": 2},
                lambda: wavelet(2)),
    "bilateral": ({"sigma_color": 90.0, "sigma_spatial": 2.0, "win_size": 5},
                  lambda: bilateral(DOUBLE - LOW) + LOW)}


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_peer_is_scikit_images(name):
    if not peers.available(name):
        pytest.skip("PyWavelets is not installed")
    parameters, expected = EXPECTED[name]
    before = IMAGE.copy()
    result = peers.peer(name, parameters)(IMAGE)
    assert result.dtype == np.float64 and LOW < 0
    np.testing.assert_allclose(result, expected(), rtol=1e-10)
    np.testing.assert_array_equal(IMAGE, before)


def test_levels_of_wavelets_end_where_the_image_does():
    pytest.importorskip("pywt")
    parameters = {"wavelet": "db2", "method": "VisuShrink", "wavelet_levels": 9}
    found = peers.peer("wavelet", parameters)(IMAGE)
    np.testing.assert_allclose(found, wavelet(3), rtol=1e-10)  # of 36 pixels, by 3 = 4 - 1


def test_grey_levels_are_shifted_where_they_are_negative_alone():
    parameters, _ = EXPECTED["bilateral"]
    positive = DOUBLE - LOW + 7
    found = peers.peer("bilateral", parameters)(positive)
    np.testing.assert_array_equal(found, bilateral(positive))


def test_parameters_by_default_are_the_best(monkeypatch):
    seen = []
    monkeypatch.setitem(peers.PEERS, "toy", (
        lambda module, image, **parameters: seen.append((module, parameters)), {}, {"a": 1}))
    peers.peer("toy")(IMAGE)
    peers.peer("toy", {"a": 2, "b": 3})(IMAGE)
    assert seen == [(restoration, {"a": 1}), (restoration, {"a": 2, "b": 3})]
    for _, grid, best in peers.PEERS.values():
        assert not grid or best.keys() == grid.keys()
    assert peers.SIGMA == figure4.SIGMA


def test_the_wavelet_denoiser_needs_a_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pywt", None)
    assert [name for name in peers.PEERS if not peers.available(name)] == ["wavelet"]
    with pytest.raises(ImportError, match="the wavelet denoiser needs PyWavelets: python -m pip"):
        peers.peer("wavelet")(IMAGE)


def test_tuning_takes_the_mean_over_the_images_and_every_combination(monkeypatch):
    tried = []

    def shift(module, image, by, sign):
        tried.append((by, sign))
        return image + sign * by

    monkeypatch.setitem(peers.PEERS, "toy", (shift, {"by": [1.0, 2.0, 4.0], "sign": [1, -1]}, {}))
    clean = np.stack([np.zeros((5, 6)), np.full((5, 6), 9.0)])
    noisy = clean - np.array([1.5, 3.5])[:, np.newaxis, np.newaxis]
    psnr, parameters = peers.tune("toy", noisy, clean)
    assert sorted(set(tried)) == [(by, sign) for by in (1, 2, 4) for sign in (-1, 1)]
    assert parameters == {"by": 2.0, "sign": 1}  # off by 0.5 and 1.5; by 4 by 2.5 and 0.5
    assert psnr == pytest.approx(np.mean(20 * np.log10(255 / np.array([0.5, 1.5]))))
