"""All speed benchmarks, quick: each with small images and few rounds, then their last lines.

    python -m benchmarks            ten minutes; the tables in benchmarks/README.md are full runs
    python -m benchmarks smoothing growth
"""

import argparse
import subprocess
import sys
import time

SCRIPTS = ("roofline", "smoothing", "filters", "training_step", "growth", "startup")


def run(name):
    """Run a script, show what it prints, and return its last line."""
    line, last = "", ""
    with subprocess.Popen([sys.executable, "-u", "-m", f"benchmarks.{name}", "--quick"], text=True,
                          stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return last if process.returncode == 0 else f"failed with exit code {process.returncode}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(SCRIPTS)}")
    names = parser.parse_args().names or SCRIPTS
    unknown = [name for name in names if name not in SCRIPTS]
    if unknown:
        parser.error(f"NAME must be one of {', '.join(SCRIPTS)}; got {unknown[0]!r}")
    summary = []
    for name in names:
        print(f"\n=== {name} ===", flush=True)
        start = time.perf_counter()
        summary.append((name, run(name), time.perf_counter() - start))
    print("\n=== Summary ===")
    for name, line, seconds in summary:
        print(f"{name:14}{seconds:5.0f} s  {line.removeprefix('=> ')}")
    return int(any(line.startswith("failed") for _, line, _ in summary))


if __name__ == "__main__":
    sys.exit(main())
