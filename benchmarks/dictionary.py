"""What is the dictionary of derivatives worth in the denoiser, and what sharpening?

    python -m benchmarks.dictionary --quick    two variants, three evaluations
    python -m benchmarks.dictionary            half an hour; writes data/dictionary.csv
    python -m benchmarks.dictionary --kappa 0.1 0.2     these alone; nothing is written

The shipped denoiser for noise of 20 and parameters of each step goes on learning by L-BFGS on crops
of the images of `benchmarks.train_denoiser`, at that level: as it is, and with a dictionary in each
step, which may amplify by no more than a number kappa. Every variant begins at the shipped
parameters, with rates that remove a hundredth, and sees the same crops; then the PSNR on the images
that no network was trained on, clipped, with a range of 255. `amplifies` is the product of the
bounds of all steps, 1 + tau max sum |c_g| |F_g|^2 over the negative rates.
"""

import numpy as np

import pdenet
from pdenet.checks import check_workers
from pdenet.execution.workers import Workers
from pdenet.learning import training_loop
from pdenet.learning.losses import Levels
from pdenet.learning.unconstrained import Coordinates

from . import script
from .images import GREY, held_out, psnr, training_images

SIGMA, SIZE, FIRST = 20.0, 96, 0.01
KAPPAS = (None, 0.0, 0.05, 0.1, 0.2)  # None: no dictionary


def crops(rounds, seed):
    """`rounds` noisy and clean crops of each image."""
    rng, pairs = np.random.default_rng(seed), []
    for planes in training_images(False):
        for _ in range(rounds):
            top, left = (rng.integers(size - SIZE + 1) for size in planes.shape[1:])
            part = np.ascontiguousarray(planes[:, top:top + SIZE, left:left + SIZE])
            pairs.append((part + rng.normal(0, SIGMA, part.shape).astype(np.float32), part))
    return Levels(pairs, [SIGMA] * len(pairs), 255.0)


def start(kappa):
    """The shipped denoiser, with a dictionary that hardly does anything."""
    network = pdenet.denoiser(SIGMA)
    parts = {name: getattr(network, name) for name in (
        "operator", "scales", "flux", "steering", "integration")}
    if kappa is not None:
        taus = network.parameters["tau"]
        parts["dictionary"] = [pdenet.Dictionary([FIRST / tau] * 8, amplification=kappa)
                               for tau in taus]
    changed = pdenet.DiffusionNetwork(**parts, tau=1e-9, steps=network.steps)
    return changed.with_parameters({"tau": np.minimum(network.parameters["tau"], changed.tau_max)})


def amplification(network):
    """A bound of the factor by which the norm of an image without its mean may grow."""
    found = 1.0
    for block, tau in network.each_step():
        if block.dictionary is not None:
            found *= 1 + tau * block.dictionary.sharpening[0]
    return found


def judge(network, workers):
    """PSNR on the images that were not trained on, dB."""
    found = []
    for name in GREY:
        clean, _ = held_out(name)
        noisy = pdenet.add_noise(clean, SIGMA, 0).astype(np.float32)
        found.append(psnr(clean, np.clip(network(noisy, workers=workers), 0, 255)))
    return found


def main():
    parser = script.parser(__doc__, "two variants, three evaluations")
    parser.add_argument("--epochs", type=int, default=200,
                        help="evaluations of all crops (default: %(default)s)")
    parser.add_argument("--kappa", type=float, nargs="+", help="only with these")
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    workers = check_workers(options.workers)
    loss = crops(2, seed=1)
    table = [["variant", "parameters", "psnr of the crops", *GREY, "mean", "amplifies"]]
    print(script.machine())

    def note(name, network, trained):
        found = judge(network, workers)
        count = sum(map(np.size, network.parameters.values()))
        table.append([name, count, trained and f"{trained:.3f}", *(f"{x:.2f}" for x in found),
                      f"{np.mean(found):.3f}", f"{amplification(network):.3f}"])
        print("  ".join(map(str, table[-1])), flush=True)

    note("shipped", pdenet.denoiser(SIGMA), "")
    for kappa in options.kappa or (KAPPAS[:2] if options.quick else KAPPAS):
        fitted, history = training_loop.train(
            Coordinates(start(kappa)), loss, epochs=3 if options.quick else options.epochs,
            batch_size=len(loss), optimizer=pdenet.LBFGS(), rng=0, team=Workers(workers),
            progress=False)
        note("no dictionary" if kappa is None else f"kappa = {kappa:g}", fitted,
             max(entry["psnr"] for entry in history))
        if kappa is not None:
            for name in ("rates", "sensitivities"):
                print(np.array2string(fitted.parameters[name] * (
                    fitted.parameters["tau"][:, np.newaxis] if name == "rates" else 1),
                    precision=3, suppress_small=True), flush=True)
    print(f"=> the best of {len(table) - 1} has {max(float(row[-2]) for row in table[1:])} dB")
    if not options.quick and not options.kappa:
        script.write_table("dictionary", table)


if __name__ == "__main__":
    main()
