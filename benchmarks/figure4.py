"""Figure 4 from nothing: train the models, evaluate them on rotated images, draw.

    python -m benchmarks.figure4 FOLDER            three hours on two cores; resumable
    python -m benchmarks.figure4 OTHER --quick     a few minutes, 8 images, 10 epochs

FOLDER then has the parameters and histories of all models, figure4.png and figure4.csv. The
same commands as by hand: pdenet train NAME FOLDER/NAME.json --checkpoint FOLDER/NAME.state, then
pdenet figure4. The files in pdenet/network/pretrained are copies of FOLDER/NAME.json.
"""

import os
import subprocess
import sys
import time

from pdenet.network.pretrained import PRETRAINED

from . import script


def pdenet(*arguments):
    subprocess.run([sys.executable, "-m", "pdenet", *arguments], check=True)


def main():
    parser = script.parser(__doc__)
    parser.add_argument("folder")
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    files = {name: os.path.join(options.folder, f"{name}.json") for name in PRETRAINED}
    for name, path in files.items():
        if os.path.exists(path):
            print(f"{path}: there already")
            continue
        start = time.perf_counter()  # an interrupted training goes on
        pdenet("train", name, path, "--checkpoint", os.path.join(options.folder, f"{name}.state"),
               *(["--quick"] if options.quick else []))
        print(f"{path}: {(time.perf_counter() - start) / 60:.1f} minutes")
    picture, table = (os.path.join(options.folder, f"figure4.{kind}") for kind in ("png", "csv"))
    pdenet("figure4", "--trained", options.folder, "--output", picture, "--table", table,
           "--overwrite", *([] if options.quick else ["--full"]))


if __name__ == "__main__":
    main()
