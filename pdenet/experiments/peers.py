"""scikit-image's denoisers for comparison, with their parameters tuned as ours: at 30 degrees."""

import importlib.util
import itertools
from typing import Any, Callable, NamedTuple

import numpy as np

from ..checks import needs

SIGMA = 60.0  # of the noise, which all of them may know


def _tv(restoration, image, weight):
    # Until it has converged, which by default it has not for grey levels up to 255.
    return restoration.denoise_tv_chambolle(image, weight=weight, eps=1e-9, max_num_iter=2000)


def _non_local_means(restoration, image, h, patch_size, patch_distance):
    return restoration.denoise_nl_means(image, h=h * SIGMA, sigma=SIGMA, patch_size=patch_size,
                                        patch_distance=patch_distance)


def _wavelet(restoration, image, wavelet, method, wavelet_levels):
    pywt = needs("pywt", "the wavelet denoiser")
    levels = min(wavelet_levels, pywt.dwtn_max_level(image.shape, wavelet))
    return restoration.denoise_wavelet(image, sigma=SIGMA, wavelet=wavelet, method=method,
                                       wavelet_levels=levels)


def _bilateral(restoration, image, sigma_color, sigma_spatial, win_size):
    low = min(image.min(), 0.0)  # it refuses negative grey levels
    return restoration.denoise_bilateral(image - low, win_size=win_size, sigma_color=sigma_color,
                                         sigma_spatial=sigma_spatial) + low


class Peer(NamedTuple):
    """A denoiser, the values of its parameters to try, and the best of them by `pdenet audit
    --tune`."""

    function: Callable
    grid: dict[str, list]
    best: dict[str, Any]


PEERS = {
    "tv": Peer(_tv, {"weight": [50.0, 60.0, 70.0, 80.0, 90.0]}, {"weight": 80.0}),
    "non-local-means": Peer(_non_local_means,
                            {"h": [0.5, 0.6, 0.7], "patch_size": [7, 9, 11],
                             "patch_distance": [21, 42]},  # beyond, twice the time for 0.1 dB
                            {"h": 0.6, "patch_size": 9, "patch_distance": 42}),
    "wavelet": Peer(_wavelet, {"wavelet": ["db2", "db4", "sym4", "sym8", "coif2"],
                               "method": ["BayesShrink", "VisuShrink"],
                               "wavelet_levels": [4, 5, 6]},
                    {"wavelet": "coif2", "method": "BayesShrink", "wavelet_levels": 6}),
    "bilateral": Peer(_bilateral, {"sigma_color": [120.0, 140.0, 160.0, 180.0],
                                   "sigma_spatial": [3.0, 5.0, 8.0], "win_size": [7, 9, 11, 13]},
                      {"sigma_color": 160.0, "sigma_spatial": 5.0, "win_size": 9}),
}


def available(name):
    """Whether what the peer needs is installed."""
    return name != "wavelet" or importlib.util.find_spec("pywt") is not None


def tune(name, noisy, clean):
    """The highest mean PSNR on these images, dB, and its parameters."""
    from skimage.metrics import peak_signal_noise_ratio

    _, grid, _ = PEERS[name]
    found = []
    for values in itertools.product(*grid.values()):
        function = peer(name, dict(zip(grid, values, strict=True)))
        psnr = [peak_signal_noise_ratio(b.astype(float), function(a), data_range=255)
                for a, b in zip(noisy, clean, strict=True)]
        found.append((float(np.mean(psnr)), dict(zip(grid, values, strict=True))))
    return max(found, key=lambda pair: pair[0])


def peer(name, parameters=None):
    """The peer as a function of an image, by default with the parameters in the table."""
    from skimage import restoration  # only here, so that the names are had without it

    function, _, best = PEERS[name]
    return lambda image: function(restoration, image.astype(np.float64), **(parameters or best))
