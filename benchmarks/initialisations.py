"""Does training end at the same parameters wherever it begins?

    python -m benchmarks.initialisations            half an hour; writes data/starts.csv
    python -m benchmarks.initialisations --quick    two starts of each model

The rows of an interrupted run are kept: remove data/starts.csv to begin anew.

Each of 50 starts draws the weights beta from 0.1 to 3 and the contrast from 10 to 100, evenly in
their logarithms, and trains by L-BFGS on 16 crops of 128 x 128. What is reported are products that
do not depend on the common factor of beta, contrast and sqrt(1/tau): the weights tau omega beta^2
of the scales that diffuse, and contrast^2 tau; a scale lives if its weight is at least a thousandth
of the largest. The last start of each model is that of the experiment.
"""

import os

import numpy as np

import pdenet
from pdenet.experiments import figure4

from . import invariance, script

NAMES = ("isotropic", "anisotropic", "uncoupled", "anisotropic-steered")
STARTS, CROPS = 50, 16
HEADER = ["model", "start", "training dB", "evaluations", "mean dB", "variance", "living scales",
          *(f"weight {sigma:.2f}" for sigma in figure4.SIGMAS), "contrast^2 tau"]


def drawn(name, seed):
    """A network with random weights and contrast, near the largest stable step."""
    rng, start = np.random.default_rng(seed), figure4.start(name)
    draw = {"contrast": np.exp(rng.uniform(np.log(10), np.log(100))), "tau": 1e-3}
    for part in ("beta", "steering"):
        if part in start.parameters:
            draw[part] = np.exp(rng.uniform(np.log(0.1), np.log(3), figure4.SIGMAS.size))
    start = start.with_parameters(draw)
    return start.with_parameters({"tau": 0.9 * start.tau_max})


def measure(name, seed, pairs, count):
    """A row of the table; seed None is the start of the experiment."""
    start = figure4.start(name) if seed is None else drawn(name, seed)
    fitted, history = pdenet.fit(start, *pairs)
    weights = fitted.tau * fitted.scales.strength
    audit = figure4.evaluate(fitted, count, workers=os.cpu_count())
    return [name, "experiment" if seed is None else str(seed),
            f"{max(entry['psnr'] for entry in history):.4f}", str(len(history)),
            f"{audit.mean:.3f}", f"{audit.variance:.4f}",
            str(int(np.sum(weights >= 1e-3 * weights.max()))),
            *(f"{weight:.5f}" for weight in weights),
            f"{fitted.parameters['contrast']**2 * fitted.tau:.2f}"]


def summarise(name, rows):
    """The distribution of the minima in a line."""
    found = np.array([float(row[2]) for row in rows if row[0] == name and row[1] != "experiment"])
    usual = [row for row in rows if row[:2] == [name, "experiment"]]
    living = np.bincount([int(row[6]) for row in rows if row[0] == name], minlength=9)
    best = max((row for row in rows if row[0] == name), key=lambda row: float(row[2]))
    near = np.mean(found > found.max() - 0.01)
    print(f"{name:20} best {found.max():.3f}, median {np.median(found):.3f}, worst "
          f"{found.min():.3f} dB; within 0.01 dB of the best {near:.0%}; the experiment's start "
          f"{usual[0][2] if usual else '-'} dB; living scales "
          + ", ".join(f"{k}: {count}" for k, count in enumerate(living) if count)
          + f"; best minimum {best[4]} dB, variance {best[5]}", flush=True)


def main():
    quick = script.is_quick(__doc__)
    print(script.machine("scipy"))
    pairs = tuple(part[:2 if quick else CROPS] for part in invariance.crops())
    rows = [] if quick else script.read_rows("starts")
    for name in NAMES:
        for seed in [*range(2 if quick else STARTS), None]:
            if [name, "experiment" if seed is None else str(seed)] in [row[:2] for row in rows]:
                continue
            rows.append(measure(name, seed, pairs, 1 if quick else 3))
            if not quick:
                script.append_row("starts", HEADER, rows[-1])
        summarise(name, rows)


if __name__ == "__main__":
    main()
