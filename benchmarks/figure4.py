"""Figure 4 from nothing: train the models, evaluate them on rotated images, draw.

    python -m benchmarks.figure4 FOLDER            all models, 50 images per angle; resumable
    python -m benchmarks.figure4 OTHER --quick     a minute: 8 training images, one per angle

FOLDER then has the parameters of all models, figure4.png and figure4.csv. It is the command
pdenet figure4 --from-nothing FOLDER, timed; the paper's protocol for a single model is pdenet train
NAME FILE --optimizer adam --epochs 400.
"""

import os
import subprocess
import sys
import time

from . import script


def main():
    parser = script.parser(__doc__)
    parser.add_argument("folder")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    start = time.perf_counter()
    subprocess.run([
        sys.executable, "-m", "pdenet", "figure4", *options.names, "--overwrite", "--from-nothing",
        options.folder, *(["--images", "8", "--count", "1"] if options.quick else ["--full"]),
        *(f"--{kind}={os.path.join(options.folder, f'figure4.{end}')}"
          for kind, end in (("output", "png"), ("table", "csv")))], check=True)
    print(f"=> {(time.perf_counter() - start) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
