"""How long does the paper's whole training take?

    python -m benchmarks.whole_training            six minutes; writes data/whole_training.csv
    python -m benchmarks.whole_training --quick    eight images instead of a hundred

The three models of Figure 4 on 100 images of 256 x 256, from the start to where L-BFGS stops, data
and checkpoints included, on all processors. The paper's protocol is 400 epochs of Adam with batches
of four, by which the parameters that come with the package were trained. What they reach on the
same images stands beside.
"""

import tempfile
import time

import pdenet
from pdenet.experiments import figure4

from . import script

NAMES = ("isotropic", "anisotropic", "uncoupled")


def psnr_of(network, images):
    """PSNR on the training images, dB, as the loss of training tells it."""
    _, history = pdenet.fit(network, *figure4.training_set(images), epochs=1)
    return history[0]["psnr"]


def main():
    quick = script.is_quick(__doc__)
    machine, images = script.machine("scipy"), 8 if quick else figure4.IMAGES
    print(machine)
    rows = []
    for name in NAMES:
        figure4.train(name, images=2, epochs=1)  # compiles
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            _, history = figure4.train(name, images, checkpoint=f"{folder}/state")
            seconds = time.perf_counter() - start
        found, adam = max(entry["psnr"] for entry in history), psnr_of(
            pdenet.pretrained(name), images)
        rows.append([name, len(history), seconds, found, adam])
        print(f"  {name:12}{len(history):4} evaluations{seconds:8.1f} s, "
              f"{1e3 * seconds / len(history) / images:6.1f} ms per image, {found:.4f} dB; "
              f"400 epochs of Adam: {adam:.4f} dB; {history[-1]['stopped']}", flush=True)
    if not quick:
        script.write_table("whole_training", [
            ["model", "evaluations", "seconds", "dB", "dB of 400 epochs of Adam"], *rows], machine,
            ".4f")
    total = sum(row[2] for row in rows) / 3600
    print(f"=> the paper's whole training: {total:.3f} h, at most "
          f"{max(row[4] - row[3] for row in rows):.4f} dB below 400 epochs of Adam")


if __name__ == "__main__":
    main()
