"""Results of everything on fixed inputs, to compare two states of the source bit by bit.

    python -m tests.record FILE              writes them
    python -m tests.record FILE --compare    computes them again and names those that differ
"""

import argparse
import sys

import numpy as np

import pdenet

from .table import ALL_MODELS


class Own:
    """A diffusivity that no kernel knows: that of Geman and McClure."""

    def __init__(self, contrast):
        self.contrast = contrast

    def g(self, x):
        return (1 + x / self.contrast**2)**-2

    def derivative(self, x):
        return -2 / self.contrast**2 * (1 + x / self.contrast**2)**-3

    def potential(self, x):
        return x / (1 + x / self.contrast**2)


def results():
    yield from _models()
    yield from _networks()
    yield from _learning()
    yield from _doors()


def _models():
    own = {f"own-{name}": case for name, case in ALL_MODELS.items()
           if "rational" not in name and "charbonnier" not in name and name[-8:] != "weickert"}
    for name, case in (ALL_MODELS | own).items():
        options = {"diffusivity": Own(12.0)} if name.startswith("own-") else {}
        contrast = None if options else 12.0
        for dtype in (np.float32, np.float64):
            image = case.image(shape=(61, 83)).astype(dtype)
            network = case.network(contrast, steps=4, **options)
            where = f"{name} {dtype.__name__}"
            yield f"{where} tau_max", network.tau_max
            for workers in (1, 2):
                yield f"{where} run {workers}", case.run(network, image, workers=workers)
                for scheme in ("fed", "explicit"):
                    yield f"{where} {scheme} {workers}", network.evolve(
                        image, 2.5, scheme=scheme, channel_axis=case.channel_axis, workers=workers)
            out, pullback = network.vjp(image, channel_axis=case.channel_axis)
            cotangent, gradient = pullback(np.cos(image))
            yield f"{where} vjp", out
            yield f"{where} cotangent", cotangent
            for key, value in gradient.items():
                yield f"{where} gradient {key}", value
            if case.energy:
                yield f"{where} energy", network.energy(image, channel_axis=case.channel_axis)
            yield f"{where} contrast", pdenet.estimate_contrast(
                network, image, channel_axis=case.channel_axis)
            yield f"{where} time", pdenet.estimate_time(
                network, image, channel_axis=case.channel_axis)
        if not options:
            large = case.image(shape=(700, 640)).astype(np.float32)
            for workers in (1, 2):
                yield f"{name} tiles {workers}", network.evolve(
                    large, 2.0, channel_axis=case.channel_axis, workers=workers)


def _networks():
    rng = np.random.default_rng(5)
    image = rng.normal(100, 50, (48, 57))
    for coupling in ("isotropic", "anisotropic", "uncoupled"):
        for gamma in (0.0, 0.7):
            for steering in (None, pdenet.ScaleSpace([0.5, 1.5], [0.7, -0.4])):
                for reaction in (None, 0.3):
                    for diffusivity in ("exponential", Own(30.0)):
                        network = pdenet.models.multiscale(
                            30.0 if diffusivity == "exponential" else None, sigmas=[0.0, 1.0, 2.2],
                            weights=[0.8, 0.3, -0.5], coupling=coupling, steps=3,
                            steering=steering, reaction=reaction, diffusivity=diffusivity,
                            operator=pdenet.Gradient(0.41, gamma))
                        name = (f"{coupling} {gamma} {steering is None} {reaction} "
                                f"{type(diffusivity).__name__}")
                        for network, kind in ((network, "shared"), (network.per_step(), "own")):
                            for dtype in (np.float32, np.float64):
                                noisy = image.astype(dtype)
                                yield f"{name} {kind} {dtype.__name__}", network(noisy)
                                loss, gradient = network.loss_and_gradient(
                                    np.stack([noisy, noisy[::-1]]), np.stack([noisy, noisy]) / 2)
                                yield f"{name} {kind} {dtype.__name__} loss", loss
                                for key, value in gradient.items():
                                    yield f"{name} {kind} {dtype.__name__} {key}", value
    for name in ("isotropic", "anisotropic", "uncoupled", "anisotropic-steered",
                 "anisotropic-invariant"):
        network = pdenet.pretrained(name)
        yield f"pretrained {name}", network(image.astype(np.float32))
        yield f"pretrained {name} tau_max", network.tau_max


def _learning():
    clean = pdenet.rectangles(3, 30, size=64)
    noisy = pdenet.add_noise(clean, sigma=40)
    yield "rectangles", clean
    yield "noise", noisy
    steering = pdenet.ScaleSpace([0.0, 1.0], [0.6, 0.6])
    for dtype in (np.float32, np.float64):
        for options in ({}, {"steering": steering}, {"reaction": 0.1}):
            for workers in (1, 2):
                network = pdenet.models.multiscale(40.0, sigmas=[0.0, 1.5], steps=3, tau=0.2,
                                                   **options)
                fitted, history = pdenet.fit(
                    network, noisy.astype(dtype), clean.astype(dtype), epochs=3, batch_size=2,
                    optimizer=pdenet.Adam(0.01), workers=workers,
                    validation=(noisy[:1].astype(dtype), clean[:1].astype(dtype)))
                name = f"fit {dtype.__name__} {list(options)} {workers}"
                yield name, [entry["loss"] for entry in history]
                for key, value in fitted.parameters.items():
                    yield f"{name} {key}", value
                fitted, history = pdenet.fit_noisy(network.per_step(), noisy.astype(dtype), 40.0,
                                                   epochs=2, workers=workers)
                yield f"noisy {name}", [entry["loss"] for entry in history]
                for key, value in fitted.parameters.items():
                    yield f"noisy {name} {key}", value


def _doors():
    from skimage import data

    camera, astronaut = data.camera()[:200, :190], data.astronaut()[:150, :160]
    for name in ("perona_malik", "you_kaveh", "lysaker_lundervold_tai", "gerig", "weickert_brox",
                 "eed", "weickert_1994", "multiscale"):
        function = getattr(pdenet, name)
        yield f"filter {name}", function(camera)
        yield f"filter {name} colour", function(astronaut.astype(np.float32), channel_axis=-1)
    for shared in (False, True):
        yield f"denoise {shared}", pdenet.denoise(camera, 20, shared=shared)
        yield f"denoise colour {shared}", pdenet.denoise(astronaut, 20, shared=shared,
                                                         channel_axis=-1)
        yield f"denoiser tau {shared}", pdenet.denoiser(31.0, shared=shared).parameters["tau"]
    yield "denoise blind", pdenet.denoise(camera)
    import dask.array

    image = np.random.default_rng(0).normal(100, 30, (300, 310)).astype(np.float32)
    for name in ("eed", "weickert_brox", "multiscale"):
        lazy = getattr(pdenet, name)(dask.array.from_array(image, chunks=100), contrast=9, time=3)
        yield f"chunks {name}", lazy.compute()
    audit = pdenet.rotation_audit(pdenet.pretrained("isotropic"), [5, 45], count=1)
    yield "audit", audit.psnr


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file")
    parser.add_argument("--compare", action="store_true")
    options = parser.parse_args()
    if not options.compare:
        np.savez(options.file, **{name: np.asarray(value) for name, value in results()})
        return 0
    known, found, different = np.load(options.file), set(), 0
    for name, value in results():
        found.add(name)
        value, old = np.asarray(value), known[name]
        if value.dtype != old.dtype or value.tobytes() != old.tobytes():
            different += 1
            change = (np.abs(value - old).max() / max(np.abs(old).max(), 1e-300)
                      if value.shape == old.shape else np.inf)
            print(f"differs: {name}, {value.dtype}, relative to the largest {change:.2e}")
    print(f"{len(found)} results, {different} differ, {len(set(known.files) - found)} are missing")
    return int(different > 0 or set(known.files) != found)


if __name__ == "__main__":
    sys.exit(main())
