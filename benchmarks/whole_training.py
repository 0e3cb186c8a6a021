"""How long does the paper's whole training take?

    python -m benchmarks.whole_training            eight minutes; writes data/whole_training.csv
    python -m benchmarks.whole_training --quick    two epochs of each model

The three models of Figure 4, 100 images of 256 x 256, batches of four, Adam: a tenth of the 400
epochs is timed on all processors, data and checkpoints included, and the whole extrapolated.
"""

import tempfile
import time

from pdenet.experiments import figure4

from . import script

NAMES = ("isotropic", "anisotropic", "uncoupled")


def main():
    quick = script.is_quick(__doc__)
    machine, epochs = script.machine(), 2 if quick else figure4.EPOCHS // 10
    print(machine)
    rows = []
    for name in NAMES:
        figure4.train(name, epochs=1, images=2)  # compiles
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            _, history = figure4.train(name, epochs=epochs, checkpoint=f"{folder}/state")
            seconds = time.perf_counter() - start
        whole = seconds * figure4.EPOCHS / epochs / 3600
        rows.append((name, epochs, seconds, whole))
        print(f"  {name:12}{epochs:4} epochs{seconds:8.1f} s, "
              f"{1e3 * seconds / epochs / figure4.IMAGES:6.1f} ms per image, "
              f"{history[-1]['psnr']:.2f} dB; {figure4.EPOCHS} epochs: {whole:.2f} h", flush=True)
    total = sum(whole for *_, whole in rows)
    if not quick:
        script.write_table("whole_training", [
            ["model", "epochs", "seconds", "hours for 400 epochs"],
            *([name, epochs, f"{seconds:.1f}", f"{whole:.3f}"]
              for name, epochs, seconds, whole in rows)], machine)
    print(f"=> the paper's whole training: {total:.2f} h, extrapolated from {epochs} of "
          f"{figure4.EPOCHS} epochs of each model")


if __name__ == "__main__":
    main()
