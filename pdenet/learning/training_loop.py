"""The state of a training, what changes it in an epoch, and what a checkpoint holds of it."""

import copy
import math

import numpy as np

from ..checks import check_count
from ..progress import Progress
from .checkpoints import Checkpoint
from .optimizers import Evaluation


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
        while not (reason := training.reason_to_stop(epochs, patience)):
            entry = training.run_epoch(team)
            file.save(training.state())
            bar.move(training.epoch, note=training.note(entry))
            if callback is not None:
                callback(copy.deepcopy(entry))
    if training.history:
        training.history[-1]["stopped"] = reason
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
        self.memory = optimizer.start(self.x)  # what the optimiser remembers
        self.stopped = None  # why it stops

    def run_epoch(self, team):
        """Update the vector by the gradient of each batch, and judge the result."""
        batches, total, before = self._batches(), 0.0, self.x
        for k, batch in enumerate(batches):
            try:
                loss = self._update(batch, (self.epoch + k / len(batches)) / self.epochs, team)
            except (ValueError, OverflowError, FloatingPointError) as error:
                raise FloatingPointError(
                    f"training diverges in epoch {self.epoch + 1}, batch {k + 1}: {error}; a lower "
                    f"learning rate may help") from error
            total += loss * len(batch)
        self.epoch += 1
        return self._judge(total / len(self.loss), before, team)

    def _batches(self):
        """The numbers of the images of each update: all of them in order, or a few at random."""
        if self.optimizer.full_batch:
            return [np.arange(len(self.loss))]
        order = self.rng.permutation(len(self.loss))
        return [order[k:k + self.batch_size] for k in range(0, order.size, self.batch_size)]

    def _update(self, batch, progress, team):
        loss, gradient = self.coordinates.gradient(self.x, self.loss.tasks(batch), team)
        if not (math.isfinite(loss) and np.isfinite(gradient).all()):
            raise FloatingPointError(f"the loss is {loss:g}, the parameters "
                                     f"{self.coordinates.at(self.x).parameters}")
        x, self.memory, self.stopped = self.optimizer.update(
            Evaluation(self.x, loss / self.unit, gradient / self.unit, progress,
                       self.coordinates.limits), self.memory)
        self.x = np.clip(x, *self.coordinates.bounds)
        return loss

    def _judge(self, loss, before, team):
        """The entry of the history, and whether this is the best; the loss is that of the vector
        before the update, or, with validation images, of the one after it."""
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
            self.best = before if self.validation is None else self.x
            self.best_loss, self.waited = loss, 0
        return entry

    def reason_to_stop(self, epochs, patience):
        """Why training is at its end, or None."""
        if self.stopped is not None:
            return self.stopped
        if self.epoch >= epochs:
            return f"{self.epoch} epochs"
        if self.waited >= patience:
            return f"no lower loss in {patience} epochs"
        return None

    def note(self, entry):
        """What a progress bar tells of an epoch."""
        if entry["psnr"] is not None:
            return f"{entry['psnr']:.2f} dB"
        gain = self.unit / entry["loss"] if entry["loss"] > 0 else 0.0
        return f"{10 * math.log10(gain):+.2f} dB" if gain > 0 else None

    def fitted(self):
        """The network with the parameters after the last epoch, or, where single epochs may end at
        a worse point, with the best ones."""
        best = self.validation is not None or self.optimizer.full_batch
        return self.coordinates.at(self.best if best else self.x)

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
                "memory": [part if isinstance(part, int) else part.tolist()
                           for part in self.memory], "stopped": self.stopped,
                "history": self.history, "rng": self.rng.bit_generator.state}

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
            self.memory = tuple(_restored(*pair) for pair in zip(self.memory, state["memory"],
                                                                 strict=True))
            self.stopped = state["stopped"]
            if not isinstance(self.stopped, (str, type(None))):
                raise ValueError("stopped must be a string or null")
            self.rng.bit_generator.state = state["rng"]
            self.fitted()
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise file.damaged(error) from None
        if self.epoch > self.epochs:
            raise ValueError(f"{file.path} is the checkpoint of a training that has done "
                             f"{self.epoch} epochs already, more than epochs={self.epochs}")


def _restored(first, part):
    """A part of an optimiser's memory, as at its start, with the values of a checkpoint."""
    if isinstance(first, int):
        return check_count("count", part, least=0)
    shape = first.shape if first.size else (-1, *first.shape[1:])  # one that grows
    return np.array(part, float).reshape(shape)
