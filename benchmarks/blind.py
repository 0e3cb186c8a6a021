"""Is learning from one noisy image as good as with the clean one beside it?

    python -m benchmarks.blind --quick    one image, one noise level
    python -m benchmarks.blind            five images that no network was trained on

The denoiser with 18 parameters, as it is shipped and after learning on each image: with
`pdenet.fit_noisy`, which sees the noisy image alone, and with `pdenet.fit`, which sees the clean
one, too. PSNR there, dB; `estimated` is what the risk estimate says of its result.
"""

import numpy as np

import pdenet

from . import script
from .images import GREY, held_out, psnr


def compare(name, sigma, epochs=100):
    clean = held_out(name)[0]
    image = pdenet.add_noise(clean, sigma, 0).astype(np.float32)
    start = pdenet.denoiser(sigma, shared=True)
    blind, history = pdenet.fit_noisy(start, image, sigma, epochs=epochs)
    seeing, _ = pdenet.fit(start, image, clean.astype(np.float32), epochs=epochs)
    return [*(psnr(clean, network(image)) for network in (start, blind, seeing)),
            10 * np.log10(255**2 / min(entry["loss"] for entry in history))]


def main():
    quick = script.is_quick(__doc__)
    print(script.machine())
    table = [["image", "sigma", "shipped", "blind", "seeing", "blind - seeing", "estimated"]]
    print("".join(f"{cell:>15}" for cell in table[0]))
    for name in GREY[:1] if quick else GREY:
        for sigma in (20.0,) if quick else (20.0, 40.0):
            start, blind, seeing, estimated = compare(name, sigma, 10 if quick else 100)
            table.append([name, f"{sigma:g}", *(f"{value:.3f}" for value in (
                start, blind, seeing, blind - seeing, estimated))])
            print("".join(f"{cell:>15}" for cell in table[-1]), flush=True)
    worst = min(float(row[5]) for row in table[1:])
    print(f"=> learning from the noisy image alone loses at most {max(0.0, -worst):.3f} dB")
    if not quick:
        script.write_table("blind", table)


if __name__ == "__main__":
    main()
