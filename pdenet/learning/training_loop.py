"""The state of a training, what changes it in an epoch, and what a checkpoint holds of it."""

import copy
import math

import numpy as np

from ..checks import check_count
from ..progress import Progress
from .checkpoints import Checkpoint


def train(coordinates, loss, *, epochs, batch_size, optimizer, rng, validation=None,
          patience=math.inf, team, checkpoint=None, callback=None, progress=False):
    """The network with less of the loss, and the history; see `pdenet.fit` for the options.

    coordinates: the network as a function of a vector, `Coordinates` or an object like it; loss,
    and that of validation images: a `Loss`; team: a `Team`, which is closed at the end.
    """
    training = Training(coordinates, loss, validation, batch_size, optimizer, rng, epochs)
    with (Checkpoint(checkpoint, training.settings) as file, team,
          Progress("epoch", epochs, shown=progress) as bar):
        training.restore(file)
        bar.move(training.epoch)
        while training.epoch < epochs and training.waited < patience:
            entry = training.run_epoch(team)
            file.save(training.state())
            psnr = entry["psnr"]
            bar.move(training.epoch, note=None if psnr is None else f"{psnr:.2f} dB")
            if callback is not None:
                callback(copy.deepcopy(entry))
    return training.fitted(), training.history


class Training:
    """Everything that changes during training, and one epoch of it."""

    def __init__(self, coordinates, loss, validation, batch_size, optimizer, seed, epochs):
        self.coordinates, self.optimizer, self.batch_size = coordinates, optimizer, batch_size
        self.loss, self.validation, self.seed, self.epochs = loss, validation, seed, epochs
        self.unit = loss.unit or 1.0
        self.epoch, self.waited, self.history = 0, 0, []
        self.rng = np.random.default_rng(seed)
        self.x = self.best = coordinates.start
        self.best_loss = math.inf
        self.moments = optimizer.start(self.x)  # what the optimiser remembers

    def run_epoch(self, team):
        """Update the vector by the gradient of each batch, and judge the result."""
        order = self.rng.permutation(len(self.loss))
        batches = [order[k:k + self.batch_size] for k in range(0, order.size, self.batch_size)]
        total = 0.0
        for k, batch in enumerate(batches):
            try:
                loss = self._update(batch, (self.epoch + k / len(batches)) / self.epochs, team)
            except (ValueError, OverflowError, FloatingPointError) as error:
                raise FloatingPointError(
                    f"training diverges in epoch {self.epoch + 1}, batch {k + 1}: {error}; a lower "
                    f"learning rate may help") from error
            total += loss * len(batch)
        self.epoch += 1
        return self._judge(total / len(self.loss), team)

    def _update(self, batch, progress, team):
        loss, gradient = self.coordinates.gradient(self.x, self.loss.tasks(batch), team)
        if not (math.isfinite(loss) and np.isfinite(gradient).all()):
            raise FloatingPointError(f"the loss is {loss:g}, the parameters "
                                     f"{self.coordinates.at(self.x).parameters}")
        x, self.moments = self.optimizer.update(self.x, gradient / self.unit, self.moments,
                                                progress)
        self.x = self.coordinates.project(x)
        return loss

    def _judge(self, loss, team):
        network = self.coordinates.at(self.x)
        entry = {"epoch": self.epoch, "loss": loss, "psnr": self.loss.psnr(loss)}
        if self.validation is not None:
            loss = self.validation.value(network, team)
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss of the validation images is {loss:g} after "
                                         f"epoch {self.epoch}, with {network.parameters}")
            entry |= {"validation_loss": loss, "validation_psnr": self.validation.psnr(loss)}
        entry["parameters"] = {name: np.asarray(value).tolist()
                               for name, value in network.parameters.items()}
        self.history.append(entry)
        self.waited += 1
        if loss < self.best_loss:
            self.best, self.best_loss, self.waited = self.x, loss, 0
        return entry

    def fitted(self):
        return self.coordinates.at(self.x if self.validation is None else self.best)

    def settings(self):
        """What a checkpoint must agree with, by name."""
        settings = {"network": self.coordinates.describe(),
                    "training images": self.loss.digest, "loss": type(self.loss).__name__,
                    "validation images": self.validation and self.validation.digest,
                    "batch_size": self.batch_size, "rng": self.seed,
                    "optimizer": self.optimizer.settings()}
        if settings["optimizer"].get("schedule", "constant") != "constant":
            settings["epochs"] = self.epochs
        return settings

    def state(self):
        best_loss = self.best_loss if math.isfinite(self.best_loss) else None
        return {"epoch": self.epoch, "waited": self.waited, "x": self.x.tolist(),
                "best": self.best.tolist(), "best_loss": best_loss,
                "moments": [part if isinstance(part, int) else part.tolist()
                            for part in self.moments], "history": self.history,
                "rng": self.rng.bit_generator.state}

    def restore(self, file):
        """Go on from the state in a checkpoint, if there is one."""
        state, size = file.load(), self.x.size
        if state is None:
            return
        try:
            self.epoch = check_count("epoch", state["epoch"], least=0)
            self.waited = check_count("waited", state["waited"], least=0)
            self.history = state["history"]
            if not isinstance(self.history, list) or len(self.history) != self.epoch:
                raise ValueError("history must have as many entries as there were epochs")
            best_loss = state["best_loss"]
            self.x, self.best = (np.array(part, float).reshape(size)
                                 for part in (state["x"], state["best"]))
            self.best_loss = math.inf if best_loss is None else float(best_loss)
            self.moments = tuple(
                check_count("count", part, least=0) if isinstance(first, int)
                else np.array(part, float).reshape(np.shape(first))
                for first, part in zip(self.moments, state["moments"], strict=True))
            self.rng.bit_generator.state = state["rng"]
            self.fitted()
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise file.damaged(error) from None
        if self.epoch > self.epochs:
            raise ValueError(f"{file.path} is the checkpoint of a training that has done "
                             f"{self.epoch} epochs already, more than epochs={self.epochs}")
