"""Is learning from one noisy image as good as with the clean one beside it?

    python -m benchmarks.blind                  five images that no network was trained on
    python -m benchmarks.blind --evaluations    PSNR and seconds after so many evaluations
    python -m benchmarks.blind --quick          one image, one noise level

The denoiser with 18 parameters, as it is shipped and after learning on each image: with
`pdenet.fit_noisy`, which sees the noisy image alone, and with `pdenet.fit`, which sees the clean
one, too. PSNR there, dB; `estimated` is what the risk estimate says of its result.
"""

import os
import tempfile
import time

import numpy as np
from skimage import data

import pdenet

from . import script
from .images import GREY, held_out, psnr


def compare(name, sigma, epochs=60):
    clean = held_out(name)[0]
    image = pdenet.add_noise(clean, sigma, 0).astype(np.float32)
    start = pdenet.denoiser(sigma, shared=True)
    blind, history = pdenet.fit_noisy(start, image, sigma, epochs=epochs)
    seeing, _ = pdenet.fit(start, image, clean.astype(np.float32), epochs=epochs)
    return [*(psnr(clean, network(image)) for network in (start, blind, seeing)),
            10 * np.log10(255**2 / min(entry["loss"] for entry in history))]


def evaluations(names=("camera", "brick"), sigma=20.0):
    """When learning from a photograph of 512 x 512 may stop, beside 100 epochs of Adam."""
    for name in names:
        clean = getattr(data, name)().astype(float)
        image = pdenet.add_noise(clean, sigma, 0).astype(np.float32)
        start = pdenet.denoiser(sigma, shared=True)
        print(f"{name}, {image.shape}, sigma {sigma:g}: {psnr(clean, start(image)):.3f} dB shipped")
        with tempfile.TemporaryDirectory() as folder:
            begin, seconds = time.perf_counter(), 0.0
            for count in (1, 10, 20, 30, 40, 50, 60, 80, 100, 150):
                fitted, history = pdenet.fit_noisy(start, image, sigma, epochs=count,
                                                   checkpoint=os.path.join(folder, "state"))
                seconds += time.perf_counter() - begin
                print(f"  {len(history):4} evaluations {seconds:6.1f} s "
                      f"{psnr(clean, fitted(image)):8.3f} dB", flush=True)
                begin = time.perf_counter()
        begin = time.perf_counter()
        fitted, _ = pdenet.fit_noisy(start, image, sigma, epochs=100,
                                     optimizer=pdenet.Adam(0.03, schedule="cosine"))
        print(f"  Adam, 100 epochs {time.perf_counter() - begin:6.1f} s "
              f"{psnr(clean, fitted(image)):8.3f} dB", flush=True)


def main():
    parser = script.parser(__doc__)
    parser.add_argument("--evaluations", action="store_true", help="how many are enough")
    options = parser.parse_args()
    quick = options.quick
    print(script.machine("scipy"))
    if options.evaluations:
        return evaluations(*((("camera",),) if quick else ()))
    table = [["image", "sigma", "shipped", "blind", "seeing", "blind - seeing", "estimated"]]
    print("".join(f"{cell:>15}" for cell in table[0]))
    for name in GREY[:1] if quick else GREY:
        for sigma in (20.0,) if quick else (20.0, 40.0):
            start, blind, seeing, estimated = compare(name, sigma, 10 if quick else 60)
            table.append([name, f"{sigma:g}", *(f"{value:.3f}" for value in (
                start, blind, seeing, blind - seeing, estimated))])
            print("".join(f"{cell:>15}" for cell in table[-1]), flush=True)
    worst = min(float(row[5]) for row in table[1:])
    print(f"=> learning from the noisy image alone loses at most {max(0.0, -worst):.3f} dB")
    if not quick:
        script.write_table("blind", table)


if __name__ == "__main__":
    main()
