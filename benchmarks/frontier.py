"""What does rotation invariance cost? PSNR against variance over alpha, with and without J's twist.

    python -m benchmarks.frontier            half an hour; writes data/frontier.csv and .png
    python -m benchmarks.frontier --quick    two networks, few images

The anisotropic model, trained on the 100 images of the paper by L-BFGS for every alpha, with the
twist in the structure tensor (structure_twist=1, which has an energy) and without it (0), and
audited on 20 images at 17 angles. The rows of an interrupted run are kept: remove data/frontier.csv
to begin anew.
"""

import os

import numpy as np

from pdenet.experiments import figure4

from . import script

ALPHAS = (0.25, 0.33, 0.41, 0.43, 0.45, 0.50)
HEADER = ["alpha", "structure_twist", "training dB", "mean dB", "variance", "standard error",
          "systematic"]


def trained(alpha, twist, images):
    """The network for an alpha and a weight of the twist, and its PSNR on the training images."""
    network, history = figure4.train("anisotropic", images, alpha, structure_twist=twist)
    return network, max(entry["psnr"] for entry in history)


def measure(alpha, twist, images, count):
    """A row of the table."""
    network, training = trained(alpha, twist, images)
    audit = figure4.evaluate(network, count, workers=os.cpu_count())
    return [f"{alpha:g}", f"{twist:g}", *(f"{value:.4f}" for value in (
        training, audit.mean, audit.variance, audit.standard_error, audit.systematic))]


def draw(rows, path):
    """PSNR over the variance, with its standard error; filled: the systematic part."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for twist, colour in (("1", "tab:blue"), ("0", "tab:orange")):
        own = np.array([[float(cell) for cell in row] for row in rows
                        if row[1] == twist and row[0] != "0.5"])  # which is 4 dB below
        axes.errorbar(own[:, 4], own[:, 3], xerr=own[:, 5], color=colour, marker="o", ms=4, lw=1,
                      label=f"structure_twist = {twist}")
        axes.plot(own[:, 6], own[:, 3], "s", color=colour, ms=4, mfc="none")
        for row in own:
            axes.annotate(f"{row[0]:g}", (row[4], row[3]), textcoords="offset points",
                          xytext=(4, -10), fontsize=7, color=colour)
    axes.set(xlabel="variance over the angles, dB^2; squares: its systematic part",
             ylabel="mean PSNR, dB")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=150)


def main():
    quick = script.is_quick(__doc__)
    print(script.machine("scipy"))
    print("".join(f"{cell:>17}" for cell in HEADER))
    rows = [] if quick else script.read_rows("frontier")
    for row in rows:
        print("".join(f"{cell:>17}" for cell in row))
    for twist in (1.0, 0.0):
        for alpha in (0.41,) if quick else ALPHAS:
            if [f"{alpha:g}", f"{twist:g}"] in [row[:2] for row in rows]:
                continue
            rows.append(measure(alpha, twist, *((4, 2) if quick else (figure4.IMAGES, 20))))
            print("".join(f"{cell:>17}" for cell in rows[-1]), flush=True)
            if not quick:
                script.append_row("frontier", HEADER, rows[-1])
    if not quick:
        draw(rows, script.DATA / "frontier.png")


if __name__ == "__main__":
    main()
