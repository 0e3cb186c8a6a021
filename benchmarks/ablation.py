"""What is each part of the denoiser worth?

    python -m benchmarks.ablation --quick    two variants, two epochs
    python -m benchmarks.ablation            about ten minutes; writes data/ablation.csv

Networks for one noise level, 40, trained in the same way on crops of the training images of
`benchmarks.train_denoiser`; mean PSNR on other crops of them. The variants with parameters of each
step begin with the shared ones. Each has its number of parameters and, of those with a reaction,
the largest that is left.
"""

import numpy as np

import pdenet

from . import script
from .images import psnr
from .train_denoiser import crops, network

SIGMA = 40.0
VARIANTS = {
    "as shipped, shared": {}, "weights tied": {"steered": False},
    "isotropic": {"coupling": "isotropic"}, "scales 0.4 to 10": {"smallest": 0.4, "largest": 10.0},
    "alpha = 0.41": {"alpha": 0.41}, "exponential diffusivity": {"diffusivity": "exponential"},
    "20 steps": {"steps": 20}}


def pairs(seed):
    """Noisy and clean crops at one noise level."""
    rng = np.random.default_rng(seed)
    clean = [pair[1][0] for pair in crops(False, 1, seed).pairs[::3]]
    return [u + rng.normal(0, SIGMA, u.shape).astype(np.float32) for u in clean], clean


def train(start, epochs, rate):
    noisy, clean = pairs(1)
    fitted, _ = pdenet.fit(start, noisy, clean, epochs=epochs, batch_size=6,
                           optimizer=pdenet.Adam(rate, schedule="cosine"))
    return fitted, float(np.mean([psnr(v, fitted(u)) for u, v in zip(*pairs(2), strict=True)]))


def main():
    quick = script.is_quick(__doc__)
    epochs, table = 2 if quick else 40, [["variant", "parameters", "psnr", "reaction"]]
    print(script.machine())

    def note(name, start, rate):
        fitted, found = train(start, epochs, rate)
        count = sum(map(np.size, fitted.parameters.values()))
        reaction = fitted.parameters.get("reaction")
        left = "" if reaction is None else f"{np.max(reaction):.4f}"
        table.append([name, count, f"{found:.3f}", left])
        print(f"{name:32}{count:5} parameters {found:7.3f} dB"
              f"{left and f', reaction at most {left}'}", flush=True)
        return fitted

    shared = None
    for name, options in list(VARIANTS.items())[:2 if quick else None]:
        start = network(20.0, **options)
        fitted = note(name, start.with_parameters({"tau": 0.9 * start.tau_max}), 0.02)
        shared = shared or fitted
    note("parameters of each step", shared.per_step(), 0.01)
    parts = {name: getattr(shared, name) for name in ("operator", "flux", "scales", "steering")}
    pulled = pdenet.DiffusionNetwork(tau=0.9 * shared.tau, reaction=0.02, steps=10, **parts)
    note("and a reaction", pulled.per_step(), 0.01)
    print(f"=> the best of {len(table) - 1} has "
          f"{max(table[1:], key=lambda row: float(row[2]))[2]} dB")
    if not quick:
        script.write_table("ablation", table)


if __name__ == "__main__":
    main()
