"""What does learning from the image itself gain, `pdenet.denoise(image, adapt=True)`?

    python -m benchmarks.adapting            ten minutes; writes data/adapting.csv
    python -m benchmarks.adapting --quick    one image

Images that no network was trained on, noise of three levels, which is told; PSNR with the shipped
parameters and after adapting, and the seconds of both.
"""

import time

import numpy as np

import pdenet

from . import script
from .images import COLOUR, GREY, held_out, psnr

LEVELS = (10.0, 20.0, 40.0)


def measure(name, level):
    """A row of the table."""
    clean, axis = held_out(name)
    noisy = pdenet.add_noise(clean, level, 0)
    row = [name, f"{level:g}"]
    for adapt in (False, True):
        start = time.perf_counter()
        result = pdenet.denoise(noisy, level, channel_axis=axis, adapt=adapt)
        row += [f"{psnr(clean, np.clip(result, 0, 255)):.3f}", f"{time.perf_counter() - start:.2f}"]
    return row


def main():
    quick = script.is_quick(__doc__)
    print(script.machine())
    rows = []
    for name in GREY[:1] if quick else (*GREY, *COLOUR):
        for level in LEVELS:
            rows.append(measure(name, level))
            _, _, before, short, after, long = rows[-1]
            print(f"{name:22} noise {level:3g}: {before} dB in {short} s, adapted {after} dB in "
                  f"{long} s, gain {float(after) - float(before):+.3f}", flush=True)
    gains = [float(row[4]) - float(row[2]) for row in rows]
    print(f"=> gain {np.mean(gains):.2f} dB on average, {min(gains):.3f} at least, "
          f"{max(gains):.2f} at most")
    if not quick:
        script.write_table("adapting", [["image", "noise", "dB", "seconds", "adapted dB",
                                         "adapted seconds"], *rows])


if __name__ == "__main__":
    main()
