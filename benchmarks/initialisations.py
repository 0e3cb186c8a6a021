"""Does training end at the same parameters wherever it begins?

    python -m benchmarks.initialisations            10 minutes; writes data/initialisations.csv
    python -m benchmarks.initialisations --quick    two starts

Each start draws the weights beta from 0.1 to 3 and the contrast from 10 to 100, evenly in their
logarithms, and trains on crops of 128 x 128 with a falling learning rate. What is reported are
products that do not depend on the common factor of beta, contrast and sqrt(1/tau): the weights
tau omega beta^2 of the scales, and contrast^2 tau.
"""

import numpy as np

import pdenet
from pdenet.experiments import figure4

from . import invariance, script


def main():
    quick = script.is_quick(__doc__)
    noisy, clean = invariance.crops()
    rows = []
    for name in ("isotropic", "anisotropic"):
        for seed in range(2 if quick else 6):
            rng = np.random.default_rng(seed)
            start = figure4.start(name)
            start = start.with_parameters({
                "beta": np.exp(rng.uniform(np.log(0.1), np.log(3), figure4.SIGMAS.size)),
                "contrast": np.exp(rng.uniform(np.log(10), np.log(100))), "tau": 1e-3})
            start = start.with_parameters({"tau": 0.9 * start.tau_max})
            fitted, history = pdenet.fit(start, noisy, clean, epochs=5 if quick else 40,
                                         optimizer=pdenet.Adam(0.03, schedule="cosine"))
            weights = fitted.tau * fitted.scales.strength
            contrast = fitted.parameters["contrast"]**2 * fitted.tau
            test = pdenet.rotation_audit(fitted, [figure4.ANGLE], count=10)
            print(f"{name:12}{seed:3}  training {history[-1]['psnr']:6.2f} dB  test "
                  f"{test.mean:6.2f} dB  weights {np.array2string(weights, precision=2)} "
                  f"contrast {contrast:7.1f}", flush=True)
            rows.append([name, seed, f"{history[-1]['psnr']:.3f}", f"{test.mean:.3f}",
                         *(f"{weight:.4f}" for weight in weights), f"{contrast:.2f}"])
    if not quick:
        header = ["model", "seed", "training dB", "test dB at 30 degrees",
                  *(f"weight {sigma:.2f}" for sigma in figure4.SIGMAS), "contrast^2 tau"]
        script.write_table("initialisations", [header, *rows], script.machine())


if __name__ == "__main__":
    main()
