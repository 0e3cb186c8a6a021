"""How does training scale on a dask cluster, and what does a batch cost beyond its gradients?

    python -m benchmarks.cluster --quick    few images
    python -m benchmarks.cluster            the anisotropic network on 16 images of 256 x 256

Workers are processes of this machine with one thread each; the same training with one and two
threads in this process beside it. The overhead of a batch is what is left with images of 8 x 8.
A worker is killed in the midst of one more training: its parameters must be the same bits.
"""

import os
import signal
import time

import numpy as np
from distributed import Client, LocalCluster

import pdenet
from pdenet.experiments import figure4

from . import script

BATCH = 8


def seconds_per_batch(noisy, clean, epochs, **options):
    """Median over epochs after the first, and the fitted network."""
    marks = [time.perf_counter()]
    fitted, _ = pdenet.fit(figure4.start("anisotropic"), noisy, clean, epochs=epochs,
                           batch_size=BATCH, optimizer=pdenet.Adam(),
                           callback=lambda entry: marks.append(time.perf_counter()), **options)
    batches = -(-len(noisy) // BATCH)
    return float(np.median(np.diff(marks)[1:])) / batches, fitted


def kill_one(client, at=2):
    """A callback that kills a worker after an epoch."""
    def callback(entry):
        if entry["epoch"] == at:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    return callback


def equal(a, b):
    return all(np.array_equal(value, b.parameters[name]) for name, value in a.parameters.items())


def main():
    quick = script.is_quick(__doc__)
    count, epochs = (8, 3) if quick else (16, 6)
    machine = script.machine("dask", "distributed")
    print(machine)
    clean = pdenet.rectangles(count, 30)
    noisy = pdenet.add_noise(clean, 60)
    tiny = noisy[:, :8, :8], clean[:, :8, :8]
    table = [["where", "workers", "seconds per batch", "overhead per batch"]]
    reference, same = None, True

    def note(where, count, **placed):
        nonlocal reference, same
        seconds, fitted = seconds_per_batch(noisy, clean, epochs, **placed)
        overhead, _ = seconds_per_batch(*tiny, epochs, **placed)
        reference = reference or fitted
        same &= equal(fitted, reference)
        table.append([where, count, f"{seconds:.4f}", f"{overhead:.4f}"])
        print(f"{where:10}{count} workers: {1e3 * seconds:7.1f} ms per batch of {BATCH}, of "
              f"which {1e3 * overhead:5.1f} ms would be left without pixels", flush=True)
        return seconds, overhead

    for workers in (1, 2):
        note("threads", workers, workers=workers)
    found = {}
    for workers in (1, 2):
        with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None,
                          processes=True) as cluster, Client(cluster) as client:
            found[workers] = note("cluster", workers, client=client)
            if workers == 2:
                fitted, _ = pdenet.fit(
                    figure4.start("anisotropic"), noisy, clean, epochs=epochs, batch_size=BATCH,
                    optimizer=pdenet.Adam(), client=client, callback=kill_one(client))
                same &= equal(fitted, reference)
    alone, overhead = found[1]
    work = alone - overhead
    print(f"All parameters equal, also with a worker killed: {same}")
    print(f"A batch of B images on W workers takes about {1e3 * work / BATCH:.0f} ms B / W + "
          f"{1e3 * overhead / BATCH:.1f} ms B: more than {work / overhead:.0f} workers wait for "
          f"the scheduler, whatever the batch, and never more than B have work.")
    print(f"=> two workers {found[1][0] / found[2][0]:.2f} times as fast as one, scheduling "
          f"{1e3 * overhead:.0f} ms a batch of {BATCH}")
    if not quick:
        script.write_table("cluster", table, machine)


if __name__ == "__main__":
    main()
