"""How long until the first result?

    python -m benchmarks.startup            three minutes; writes data/startup.csv
    python -m benchmarks.startup --quick    one round

Seconds of whole processes, medians of five: warm, with the kernels in the cache, and cold, with an
empty cache, so that a process compiles the kernels that it uses and no others.
"""

import functools
import os
import subprocess
import sys
import tempfile

import imageio.v3 as iio
from skimage import data

from . import script, timing

MODEL = ("import numpy, pdenet; "
         "pdenet.pretrained('anisotropic')(numpy.zeros((256, 256), numpy.float32))")
COMMANDS = {
    "python": ["-c", "pass"], "import numpy": ["-c", "import numpy"],
    "import numpy, numba": ["-c", "import numpy, numba"],
    "import numpy, pdenet": ["-c", "import numpy, pdenet"],
    "pdenet --version": ["-m", "pdenet", "--version"],
    "pdenet filter --help": ["-m", "pdenet", "filter", "--help"],
    "pdenet filter perona-malik": ["-m", "pdenet", "filter", "perona-malik", "INPUT", "OUTPUT",
                                   "--overwrite"],
    "pdenet filter eed": ["-m", "pdenet", "filter", "eed", "INPUT", "OUTPUT", "--overwrite"],
    "pdenet figure4 --help": ["-m", "pdenet", "figure4", "--help"],
    "a shipped model, one image": ["-c", MODEL]}


def call(folder, command, cold=False):
    environment = dict(os.environ)
    names = {"INPUT": f"{folder}/camera.png", "OUTPUT": f"{folder}/out.png"}
    with tempfile.TemporaryDirectory() as cache:
        if cold:
            environment["NUMBA_CACHE_DIR"] = cache
        subprocess.run([sys.executable, *(names.get(word, word) for word in command)], check=True,
                       stdout=subprocess.DEVNULL, env=environment)


def main():
    quick = script.is_quick(__doc__)
    machine = script.machine()
    print(machine)
    compiling = [name for name in COMMANDS if "filter " in name and "help" not in name
                 or "model" in name]
    with tempfile.TemporaryDirectory() as folder:
        iio.imwrite(f"{folder}/camera.png", data.camera())
        candidates = {("warm", name): functools.partial(call, folder, command)
                      for name, command in COMMANDS.items()}
        candidates |= {("cold", name): functools.partial(call, folder, COMMANDS[name], True)
                       for name in compiling}
        seconds = timing.interleave(candidates, 1 if quick else 5)
    print("\nSeconds of whole processes; camera, 512 x 512, as PNG")
    for (state, name), value in seconds.items():
        print(f"  {name:34}{state:6}{value:6.2f}")
    if not quick:
        script.write_table("startup", [
            ["command", "cache", "seconds"],
            *([name, state, value] for (state, name), value in seconds.items())], machine, ".2f")
    print("=> pdenet filter eed: " + ", ".join(
        f"{state} {value:.1f} s" for (state, name), value in seconds.items()
        if name == "pdenet filter eed"))


if __name__ == "__main__":
    main()
