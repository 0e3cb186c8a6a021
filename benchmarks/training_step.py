"""What does a training step cost, beside the same network in PyTorch and in JAX?

    python -m pip install torch==2.13.0 jax       and a C++ compiler, for torch.compile
    python -m benchmarks.training_step            writes data/training_step.csv
    python -m benchmarks.training_step --quick    few rounds, the anisotropic network only

The loss and its gradient for a batch of four images of 256 x 256 in float32, two threads for all
(JAX uses its own pool); pdenet as `fit` calls it, with threads that keep their work arrays. All
candidates run in turn in one process, and each must give the gradient of pdenet. Each has a call
that is not counted before those that are, for caches and threads. The three fastest then run in
turns by themselves, and longer. Most of the time goes by while torch.compile compiles. Memory, of
the anisotropic network: the peak beyond that after the imports, each candidate in a process of its
own, what it compiles included.
"""

import functools
import importlib
import time

import numpy as np

from pdenet.execution.workers import Workers
from pdenet.experiments import figure4
from pdenet.network import adjoint
from pdenet.network.losses import mean_square_tasks

from . import frameworks, script, timing

SIZE, IMAGES, TOLERANCE = 256, 4, 1e-3


def batch():
    """Noisy and clean images."""
    return [images.astype(np.float32) for images in figure4.training_set(IMAGES, SIZE)]


def own(network, threads):
    """The function of noisy and clean images that `fit` calls for each batch."""
    team = Workers(threads)

    def evaluate(noisy, clean):
        pairs = list(zip(noisy[:, np.newaxis], clean[:, np.newaxis], strict=True))
        return adjoint.batch_gradient(network, mean_square_tasks(pairs, clean.size), team)

    return evaluate


def functions(network, names):
    """{name: function of noisy and clean images to loss and gradient}."""
    candidates = frameworks.build(network, SIZE, names)
    candidates["pdenet"] = own(network, 2)
    # JAX comes last: whoever follows it takes up to twice as long.
    return dict(sorted(candidates.items(), key=lambda item: item[0].startswith("jax")))


def deviation(gradient, reference):
    """The largest difference of two gradients, for each parameter relative to its largest entry."""
    return max(float(np.abs(np.asarray(gradient[name], np.float64) - value).max()
                     / np.abs(value).max()) for name, value in reference.items())


def training_step(coupling, rounds, names):
    """Rows: coupling, candidate, ms per image, times pdenet, deviation, memory in MB."""
    network, pair = figure4.start(coupling), batch()
    candidates = functions(network, names)
    reference = network.loss_and_gradient(*pair)[1]
    deviations = {}
    for name, function in candidates.items():
        start = time.perf_counter()
        deviations[name] = deviation(function(*pair)[1], reference)
        print(f"{name}: first call, {time.perf_counter() - start:.1f} s", flush=True)
    wrong = [name for name, value in deviations.items() if not value <= TOLERANCE]
    if wrong:
        raise SystemExit(f"{coupling}: other gradients than pdenet's: {', '.join(wrong)}")
    calls = {name: functools.partial(function, *pair) for name, function in candidates.items()}
    seconds = timing.interleave(calls, rounds, calls=2)
    close = {name: calls[name] for name in sorted(calls, key=seconds.get)[:3]}
    seconds |= timing.interleave(close, 5 * rounds, calls=2)
    print(f"\n{coupling}: loss and gradient, {IMAGES} images of {SIZE} x {SIZE}, float32\n"
          f"  {'':34}{'ms/image':>9}{'x pdenet':>10}{'deviation':>11}{'MB':>8}")
    rows = []
    for name, value in sorted(seconds.items(), key=lambda item: item[1]):
        row = (coupling, name, value * 1e3 / IMAGES, value / seconds["pdenet"], deviations[name],
               script.answer("training_step", "--memory", name, coupling)
               if coupling == "anisotropic" else np.nan)
        print(f"  {name:34}{row[2]:9.1f}{row[3]:10.2f}{row[4]:11.1e}{row[5]:8.0f}", flush=True)
        rows.append(row)
    peak = timing.peak_bytes(functools.partial(
        network.loss_and_gradient, *(images[:1] for images in pair), workers=1)) / 1e6
    print(f"  (pdenet's work memory, of each worker: {peak:.0f} MB)")
    return rows + [(coupling, "pdenet, work memory of a worker", "", "", "", peak)]


def print_memory(name, coupling):
    """Peak resident MB of a candidate beyond its imports; asked by `training_step`, which wants a
    process of its own.
    """
    network, pair = figure4.start(coupling), batch()
    if name != "pdenet":
        importlib.import_module(name.replace(",", " ").split()[0])

    def run():
        function = functions(network, [] if name == "pdenet" else [name])[name]
        for _ in range(2):
            function(*pair)

    print(timing.peak_resident(run) / 1e6)


def main():
    parser = script.parser(__doc__, "few rounds, one network")
    parser.add_argument("--memory", nargs=2, metavar=("NAME", "COUPLING"),
                        help="only print the memory of a candidate, in MB")
    arguments = parser.parse_args()
    if arguments.memory:
        return print_memory(*arguments.memory)
    machine = script.machine("torch", "jax")
    print(machine)
    couplings = ["anisotropic"] if arguments.quick else ["isotropic", "anisotropic"]
    rows = []
    for coupling in couplings:
        rows += training_step(coupling, 3 if arguments.quick else 5, tuple(frameworks.CANDIDATES))
    if not arguments.quick:
        header = ["network", "candidate", "ms per image", "times pdenet", "deviation", "MB"]
        script.write_table("training_step", [header, *rows], machine, ".3g")
    for coupling in couplings:
        ratios = {name: ratio for what, name, _, ratio, *_ in rows
                  if what == coupling and name != "pdenet" and ratio}
        fastest = min(ratios, key=ratios.get, default=None)
        print(f"=> {coupling}: {next(r[2] for r in rows if r[:2] == (coupling, 'pdenet')):.1f} ms "
              "per image, " + (f"{ratios[fastest]:.1f} times faster than {fastest}" if ratios
                               else "no peers found"))


if __name__ == "__main__":
    main()
