"""How does the cost grow with the image, the model and the threads?

    python -m benchmarks.growth            half a minute; writes data/growth.csv and growth.png
    python -m benchmarks.growth --quick    a minute, smaller

For every quantity the seconds of a call while all others stay, and the exponent of the growth by
least squares in logarithms. What the mathematics says: 1 for pixels, scales (of equal sums of
sigmas), the largest sigma, steps and channels; -1 for threads. A fixed cost makes it less.
"""

import functools

import numpy as np

from pdenet import models
from pdenet.experiments import figure4

from . import script, timing
from .images import random_image


def image_of(size, *channels):
    return random_image(size, size, *channels)


def series(quick):
    """Tables: name of the quantity, what is called, {value: function}, expected exponent."""
    size = 256 if quick else 512
    perona_malik = models.perona_malik(30.0, tau=0.2, steps=20)
    sizes = [128, 256, 512, 1024] + ([] if quick else [2048, 4096])
    # As many pixels in all calls of a round, so that no size sees caches that others do not.
    yield "pixels", "Perona-Malik, 20 steps", 1, {
        edge**2: functools.partial(perona_malik, image_of(edge), workers=1) for edge in sizes}
    anisotropic = models.multiscale(30.0, sigmas=figure4.SIGMAS, tau=1e-3, steps=2)
    yield "pixels", "8 scales, 2 steps", 1, {
        edge**2: functools.partial(anisotropic, image_of(edge), workers=1)
        for edge in sizes[:4]}
    yield "pixels", "8 scales, gradient", 1, {
        edge**2: functools.partial(figure4.start("anisotropic").loss_and_gradient,
                                   image_of(edge), image_of(edge), workers=1)
        for edge in sizes[:3]}
    yield "scales", "scales of 4 pixels, 2 steps", 1, {
        count: functools.partial(models.multiscale(
            30.0, sigmas=4 + 1e-3 * np.arange(count), tau=1e-3, steps=2), image_of(size),
            workers=1) for count in (2, 4, 8, 16)}
    yield "largest sigma", "one scale, 2 steps", 1, {
        sigma: functools.partial(models.multiscale(30.0, sigmas=[sigma], tau=1e-3, steps=2),
                                 image_of(size), workers=1) for sigma in (5.0, 10.0, 20.0, 40.0)}
    yield "steps", "8 scales", 1, {
        steps: functools.partial(models.multiscale(30.0, sigmas=figure4.SIGMAS, tau=1e-3,
                                                   steps=steps), image_of(256), workers=1)
        for steps in (2, 4, 8, 16)}
    yield "channels", "EED, 5 steps", 1, {
        count: functools.partial(models.eed(30.0, tau=0.2, steps=5), image_of(size, count),
                                 channel_axis=-1, workers=1) for count in (1, 2, 4, 8)}
    for name, network in (("Perona-Malik, 20 steps", perona_malik),
                          ("8 scales, 2 steps", anisotropic)):
        yield "threads", name, -1, {
            workers: functools.partial(network, image_of(1024), workers=workers)
            for workers in (1, 2)}
    batch = np.stack(4 * [image_of(256)])
    yield "threads", "8 scales, gradient of 4 images", -1, {
        workers: functools.partial(figure4.start("anisotropic").loss_and_gradient, batch, batch,
                                   workers=workers) for workers in (1, 2)}


def draw(tables, path):
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    names = list(dict.fromkeys(table[0] for table in tables))
    figure = Figure(figsize=(10, 6.5), layout="constrained")
    for axes, name in zip(figure.subplots(2, 3).flat, names, strict=True):
        for quantity, what, _, values, slope in tables:
            if quantity == name:
                axes.loglog(list(values), [1e3 * seconds for seconds in values.values()], "o-",
                            label=f"{what}: {slope:.2f}")
                if max(values) < 1000:
                    axes.set_xticks(list(values), [f"{value:g}" for value in values])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
        low, high = axes.get_ylim()
        axes.set(xlabel=name, ylabel="milliseconds", ylim=(low, high * (high / low)**0.35))
        axes.legend(fontsize=7, loc="upper left")
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)


def main():
    quick = script.is_quick(__doc__)
    machine, tables = script.machine(), []
    print(machine)
    for quantity, what, expected, functions in series(quick):
        seconds = timing.interleave(functions, 3 if quick else 9)
        slope = np.polyfit(np.log(list(seconds)), np.log(list(seconds.values())), 1)[0]
        tables.append((quantity, what, expected, seconds, slope))
        print(f"\n{quantity}: {what}\n  exponent {slope:.2f}, by mathematics {expected}\n  "
              + "  ".join(f"{value:g}: {time * 1e3:.1f} ms" for value, time in seconds.items()),
              flush=True)
    if not quick:
        draw(tables, script.DATA / "growth.png")
        script.write_table("growth", [
            ["quantity", "what", "value", "seconds", "exponent", "expected"],
            *([quantity, what, f"{value:g}", f"{time:.3g}", f"{slope:.3f}", expected]
              for quantity, what, expected, seconds, slope in tables
              for value, time in seconds.items())], machine)
    print("=> exponents above the mathematics: " + (", ".join(
        f"{quantity} ({what}) {slope:.2f}" for quantity, what, expected, _, slope in tables
        if expected > 0 and slope > expected + 0.15) or "none"))


if __name__ == "__main__":
    main()
