"""How well are lines kept and closed? Coherence-enhancing diffusion beside DIPlib's.

    python -m pip install diplib
    python -m benchmarks.flow [--quick]    writes data/flow.png and data/flow.csv, unless --quick

1. Concentric rings of a wavelength of 8 pixels and an amplitude of 100 grey levels: the share of
   the amplitude that is left along 0, 22.5 and 45 degrees, without noise, after as much diffusion
   as is best against noise of standard deviation 60; and the PSNR with that noise.
2. A pattern of ridges like a fingerprint, with noise and gaps: the PSNR.
3. Milliseconds and memory for 512 x 512 pixels in float32, on one thread.

Each method has its best time out of a grid, in each case; its scales are the same for both, sigma =
1 and rho = 3 pixels, DIPlib's own. The picture shows the ridges and a part of a photograph.
"""

import numpy as np
from skimage import data

import pdenet

from . import script, timing
from .images import psnr, random_image

SIZE, WAVELENGTH, NOISE = 192, 8.0, 60.0
TIMES, ITERATIONS = (5, 10, 20, 40, 80, 160), (5, 10, 20, 40, 80, 160, 320)


def polar(size=SIZE):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return np.hypot(x, y), np.arctan2(y, x)


def rings():
    return 127 + 100 * np.cos(2 * np.pi * polar()[0] / WAVELENGTH)


def ridges():
    """A spiral of ridges with two ends in it, as in a fingerprint."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    radius = np.hypot(x, 0.7 * (y + 20))
    phase = radius / WAVELENGTH * 2 * np.pi
    phase += np.arctan2(y - 30, x - 25) - np.arctan2(y + 25, x + 40)
    return 127 + 100 * np.tanh(2 * np.cos(phase)) / np.tanh(2)


def spoiled(pattern):
    """With noise, and with gaps."""
    rng = np.random.default_rng(0)
    found = pattern + rng.normal(0, NOISE, pattern.shape)
    for _ in range(25):
        top, left = rng.integers(0, SIZE - 8, 2)
        found[top:top + 6, left:left + 6] = 127
    return found


def kept(result):
    """The shares of the rings' amplitude that are left at 0, 22.5 and 45 degrees."""
    radius, angle = polar()
    angle, wave = np.degrees(angle) % 90, rings() - 127
    shares = []
    for middle in (0, 22.5, 45):
        apart = np.minimum(abs(angle - middle), 90 - abs(angle - middle))
        part = (apart < 4) & (radius > 20) & (radius < SIZE / 2 - 12)
        shares.append(np.sum((result - 127)[part] * wave[part]) / np.sum(wave[part]**2))
    return shares


def methods():
    """{name: (function of an image and an amount, the amounts)}."""
    def ours(alpha):
        def run(image, time):
            network = pdenet.models.ced(10.0, sigma=1.0, rho=3.0, operator=pdenet.Gradient(alpha))
            return network.evolve(np.asarray(image, np.float32), time, workers=1)
        return run

    def diplib():
        import diplib
        diplib.SetNumberOfThreads(1)
        return lambda image, iterations: np.asarray(diplib.CoherenceEnhancingDiffusion(
            diplib.Image(np.asarray(image, np.float32)), derivativeSigma=1,
            regularizationSigma=3, iterations=iterations))

    found = {"pdenet": (ours(0.45), TIMES), "pdenet, alpha = 0": (ours(0.0), TIMES)}
    return found | {name: (function, ITERATIONS) for name, function
                    in script.available({"DIPlib": diplib}).items()}


def best(clean, noisy, method, amounts):
    """The best PSNR, and the amount."""
    return max((psnr(clean, method(noisy, amount)), amount) for amount in amounts)


def picture(path, amounts):
    """Ridges and a photograph, and what the methods make of them."""
    from . import gallery

    part = data.grass()[100:292, 100:292].astype(float)
    panels = [("ridges", ridges()), ("spoiled", spoiled(ridges()))]
    photograph = [("grass", part), ("with noise 30", pdenet.add_noise(part, 30.0, 0))]
    for name, (method, _) in methods().items():
        found = method(panels[1][1], amounts[name])
        panels.append((f"{name}: {psnr(ridges(), found):.2f} dB", found))
        photograph.append((name, method(photograph[1][1], amounts[name])))
    gallery.draw(panels + photograph, len(panels), path)


def main():
    quick = script.is_quick(__doc__)
    print(script.machine("diplib"))
    rows, amounts = [], {}
    for name, (method, grid) in methods().items():
        grid = grid[:3] if quick else grid
        noisy = spoiled(rings()) if quick else rings() + np.random.default_rng(1).normal(
            0, NOISE, (SIZE, SIZE))
        quality, amount = best(rings(), noisy, method, grid)
        shares = kept(method(rings(), amount))
        ridge, amounts[name] = best(ridges(), spoiled(ridges()), method, grid)
        rows.append({"method": name, "rings": quality, "amount": amount, "at 0": shares[0],
                     "at 22.5": shares[1], "at 45": shares[2], "ridges": ridge,
                     "amount of ridges": amounts[name]})
        print(f"{name:20} rings {quality:.2f} dB, of their amplitude left at 0, 22.5, 45 degrees "
              f"{shares[0]:.2f} {shares[1]:.2f} {shares[2]:.2f}; ridges {ridge:.2f} dB", flush=True)
    image = random_image(512, 512)
    runs = {name: (lambda method=method, name=name: method(image, amounts[name]))
            for name, (method, _) in methods().items()}
    seconds = timing.interleave(runs, 1 if quick else 3)
    for row in rows:
        name = row["method"]
        row["ms"] = 1e3 * seconds[name]
        row["MB"] = max(timing.peak_resident(runs[name]), timing.peak_bytes(runs[name])) / 2**20
        print(f"{name:20} 512 x 512, amount {amounts[name]}: {row['ms']:.0f} ms, "
              f"{row['MB']:.0f} MB")
    if not quick:
        script.write_table("flow", [list(rows[0]), *(list(row.values()) for row in rows)],
                           script.machine("diplib"), ".4g")
        picture(script.DATA / "flow.png", amounts)


if __name__ == "__main__":
    main()
