"""Is it the algorithm or the framework? The same L-BFGS problem in pdenet and in PyTorch.

    python -m pip install torch==2.13.0          and a C++ compiler, for torch.compile
    python -m benchmarks.learning                ten minutes; writes data/learning.csv
    python -m benchmarks.learning --quick        four images

The anisotropic network of Figure 4, trained on 24 of the 100 images from the start of the
experiment: by `pdenet.fit`; by torch.optim.LBFGS with its strong Wolfe line search, the loss and
its gradient compiled by PyTorch with the adjoint by hand, the fastest way there; and by the latter
in SciPy's L-BFGS-B. All see the same coordinates, two threads, batches of four. Compilation is not
counted. L-BFGS of JAX's libraries traces the loss, and with it the bound of the step size, which is
found by a search; it is left out.
"""

import time

import numpy as np

import pdenet
from pdenet.experiments import figure4
from pdenet.learning.optimizers import LBFGS, Evaluation
from pdenet.learning.unconstrained import Coordinates, gradient_in_coordinates

from . import frameworks, script

BATCH = 4


class Problem:
    """The loss in coordinates, relative to that of the noisy images, by a function of a
    framework."""

    def __init__(self, function, images):
        self.function, self.coordinates = function, Coordinates(figure4.start("anisotropic"))
        self.noisy, self.clean = figure4.training_set(images)
        self.unit = float(np.mean((self.noisy - self.clean)**2, dtype=np.float64))
        self.seen, self.begin = [], time.perf_counter()

    def evaluate(self, x):
        """The loss and its gradient at x, cut to the bounds."""
        low, high = self.coordinates.bounds
        inside = np.clip(x, low, high)
        network = self.coordinates.at(inside)
        loss, total = 0.0, {name: 0.0 for name in network.parameters}
        for k in range(0, len(self.noisy), BATCH):
            part = slice(k, k + BATCH)
            value, gradient = self.function(self.noisy[part], self.clean[part], network.parameters)
            share = len(self.noisy[part]) / len(self.noisy)
            loss += share * value
            total = {name: total[name] + share * np.asarray(gradient[name], float)
                     for name in total}
        gradient = gradient_in_coordinates(network, total)
        gradient[(x >= high) & (gradient < 0)] = 0  # nothing is to be had beyond the bound
        self.seen.append((loss, time.perf_counter() - self.begin))
        return loss / self.unit, gradient / self.unit

    def result(self):
        """Evaluations, seconds, and dB."""
        return (len(self.seen), self.seen[-1][1],
                10 * np.log10(255**2 / min(loss for loss, _ in self.seen)))


def by_torch(problem):
    """torch.optim.LBFGS until it stops."""
    import torch

    x = torch.tensor(problem.coordinates.start, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], max_iter=400, max_eval=400, history_size=20,
                                  tolerance_grad=0, tolerance_change=1e-9,
                                  line_search_fn="strong_wolfe")

    def closure():
        loss, gradient = problem.evaluate(x.detach().numpy().copy())
        x.grad = torch.from_numpy(gradient)
        return torch.tensor(loss)

    optimizer.step(closure)
    return problem.result()


def by_scipy(problem):
    """L-BFGS-B, as `pdenet.LBFGS` runs it."""
    x, optimizer, stopped = problem.coordinates.start, LBFGS(), None
    state = optimizer.start(x)
    while stopped is None:
        x, state, stopped = optimizer.update(Evaluation(
            x, *problem.evaluate(x), bounds=problem.coordinates.bounds), state)
    return problem.result()


def by_pdenet(images):
    noisy, clean = figure4.training_set(images)
    marks = [time.perf_counter()]
    _, history = pdenet.fit(figure4.start("anisotropic"), noisy, clean,
                            callback=lambda entry: marks.append(time.perf_counter()))
    return (len(history), marks[-1] - marks[0],
            10 * np.log10(255**2 / min(entry["loss"] for entry in history)))


def main():
    quick = script.is_quick(__doc__)
    images = 4 if quick else 24
    machine = script.machine("torch", "scipy")
    print(machine)
    by_pdenet(1)  # compiles
    rows = [["pdenet.fit", *by_pdenet(images)]]
    names = ["torch compiled, adjoint by hand"]
    for name, function in frameworks.build(figure4.start("anisotropic"), 256, names).items():
        for k in (BATCH, images % BATCH):  # compile for both sizes of a batch
            if k:
                Problem(function, k).evaluate(Problem(function, k).coordinates.start)
        rows.append([f"torch.optim.LBFGS, {name}", *by_torch(Problem(function, images))])
        rows.append([f"L-BFGS-B, {name}", *by_scipy(Problem(function, images))])
    for name, evaluations, seconds, psnr in rows:
        print(f"  {name:52}{evaluations:5} evaluations{seconds:8.1f} s{psnr:10.4f} dB"
              f"{seconds / rows[0][2]:7.1f} times")
    if not quick:
        script.write_table("learning", [["candidate", "evaluations", "seconds", "dB"], *rows],
                           machine, ".4f")
    if len(rows) > 1:
        print(f"=> PyTorch's L-BFGS takes {rows[1][2] / rows[0][2]:.1f} times the time of pdenet's")


if __name__ == "__main__":
    main()
