"""What happens when processes are killed, disks are full and files are rubbish?

    python -m benchmarks.faults --quick    a few of each
    python -m benchmarks.faults            20 killed trainings, 500 killed saves, 10 000 odd files
                                           of each kind, arrays, arguments and commands

Every fault is one that happens in a laboratory. Counted are those tried, those survived (the
promised result, the promised message, or the old file), and what was lost. What takes longer than
20 seconds is lost or ends the run; the most memory that the process has had is told at the end.
"""

import contextlib
import errno
import functools
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time

import pdenet

from . import script
from .odd import odd_arguments, odd_arrays, odd_commands, odd_documents, odd_images

TRAIN = ["train", "isotropic", "out.json", "--epochs", "6", "--images", "2", "--quiet",
         "--checkpoint", "state.json", "--workers", "1"]


def pdenet_command(*arguments, stderr=subprocess.DEVNULL):
    return subprocess.Popen([sys.executable, "-m", "pdenet", *arguments], stderr=stderr, text=True)


def _remove(*names):
    for name in names:
        pathlib.Path(name).unlink(missing_ok=True)


def killed_trainings(count, optimizer="lbfgs"):
    """kill -9 of `pdenet train` at random moments, then the same command to the end."""
    command = [*TRAIN, "--optimizer", optimizer]
    process = pdenet_command(*command[:2], "whole.json", *command[3:-5], "whole-state.json",
                             *command[-4:])
    start = time.perf_counter()
    assert process.wait() == 0
    duration = time.perf_counter() - start
    with open("whole-state.json", encoding="utf-8") as file:
        expected = json.load(file)["state"]
    survived = 0
    for k in range(count):
        _remove("out.json", "state.json")
        moments = random.Random(k)
        while not os.path.exists("out.json"):
            process = pdenet_command(*command)
            try:
                process.wait(timeout=moments.uniform(0.3, 1.0) * duration)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
        with open("state.json", encoding="utf-8") as file:
            survived += (json.load(file)["state"] == expected
                         and pdenet.load("out.json").parameters.keys() > {"beta"})
    return count, survived


SAVE = """
import sys, pdenet
networks = [pdenet.models.eed(float(k)) for k in range(1, 9)]
while True:
    for network in networks:
        network.save("saved.json")
"""


def killed_saves(count):
    """kill -9 of a process that saves a network over and over; the file must be one of them."""
    pdenet.models.eed(1.0).save("saved.json")
    survived = 0
    for k in range(count):
        if k % 25 == 0:
            process = subprocess.Popen([sys.executable, "-c", SAVE])
            time.sleep(0.7)
        process.send_signal(signal.SIGSTOP)  # a moment of the process's life
        if k % 25 == 24:
            process.send_signal(signal.SIGKILL)
            process.wait()
        survived += pdenet.load("saved.json").flux.diffusivity.contrast in range(1, 9)
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            time.sleep(random.random() * 0.005)
    return count, survived


def full_disk(count):
    """Writing fails after some bytes: the old file stays, nothing is left beside it."""
    network, survived = pdenet.models.eed(2.0), 0
    network.save("old.json")
    before = pathlib.Path("old.json").read_bytes()
    files = sorted(os.listdir())
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    for k in range(count):
        soft = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (k * len(before) // count, soft[1]))
        try:
            pdenet.models.eed(3.0).save("old.json")
        except OSError as error:
            survived += (error.errno == errno.EFBIG and sorted(os.listdir()) == files
                         and pathlib.Path("old.json").read_bytes() == before)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, soft)
    return count, survived


def interrupted(count):
    """Ctrl-C in a training: within a second, one line, exit code 130, and it goes on."""
    survived = 0
    for _ in range(count):
        _remove("out.json", "state.json")
        process = pdenet_command(*TRAIN[:4], "999", *TRAIN[5:], "--optimizer", "adam",
                                 stderr=subprocess.PIPE)
        while not os.path.exists("state.json"):
            time.sleep(0.01)
        start = time.perf_counter()
        process.send_signal(signal.SIGINT)
        _, message = process.communicate()
        survived += (process.returncode == 130 and time.perf_counter() - start < 1
                     and "Traceback" not in message and os.path.exists("state.json"))
    return count, survived


FAULTS = {"kill -9 of pdenet train, resumed": (killed_trainings, 20, 1),
          "kill -9 of pdenet train --optimizer adam, resumed": (
              functools.partial(killed_trainings, optimizer="adam"), 20, 1),
          "kill -9 and stops while saving": (killed_saves, 500, 50),
          "disk full while saving": (full_disk, 100, 10),
          "Ctrl-C in pdenet train": (interrupted, 5, 1),
          "parameter files and checkpoints changed at random": (odd_documents, 10_000, 300),
          "arrays of odd types, shapes and values": (odd_arrays, 10_000, 300),
          "arguments of public functions": (odd_arguments, 10_000, 300),
          "words on the command line": (odd_commands, 10_000, 100),
          "image files changed at random": (odd_images, 10_000, 100)}  # count in full, and quick


def main():
    parser = script.parser(__doc__)
    parser.add_argument("--only", metavar="TEXT", default="",
                        help="only faults with this in their names; writes no table")
    options = parser.parse_args()
    quick, chosen = options.quick, {
        name: fault for name, fault in FAULTS.items() if options.only in name}
    print(script.machine())
    table, lost = [["fault", "tried", "survived"]], 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, (function, full, few) in chosen.items():
            tried, survived = function(few if quick else full)
            table.append([name, tried, survived])
            lost += tried - survived
            print(f"{name:52}{tried:7} tried {survived:7} survived", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"=> {sum(row[1] for row in table[1:])} faults, {lost} lost; at most {peak:.2f} GiB of "
          f"memory")
    if not quick and not options.only:
        script.write_table("faults", table)
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main())
