"""The state of a training on disk: written whole or not at all, refused where it does not fit."""

import contextlib
import json
import os

from ..files.atomic import atomic_file
from ..files.document import FormatError, read

try:
    import fcntl
except ImportError:  # not on Windows, where two trainings of one checkpoint go unnoticed
    fcntl = None  # type: ignore[assignment]

FORMAT, VERSION = "pdenet training", 3
LARGEST = 2**28  # bytes; the history grows


class Checkpoint:
    """A checkpoint file of a training, locked while it is used; none for the path None.

    settings() is what a training must agree with to go on from the file.
    """

    def __init__(self, path, settings):
        self.path = None if path is None else os.fsdecode(path)
        self.settings = None if path is None else settings()
        self._lock = None

    def __enter__(self):
        if self.path is not None:
            if not self.path or os.path.isdir(self.path):
                raise ValueError(f"checkpoint must be the name of a file; got {self.path!r}")
            folder = os.path.dirname(self.path) or "."
            if not os.path.isdir(folder):
                raise FileNotFoundError(f"{self.path}: there is no directory {folder}")
            if fcntl is not None:
                self._lock = self._acquire(os.path.realpath(self.path) + ".lock")
        return self

    def _acquire(self, name):
        while True:
            lock = open(name, "w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Another training may have removed the file between the two lines above.
                if os.path.samestat(os.fstat(lock.fileno()), os.stat(name)):
                    return lock
            except FileNotFoundError:
                pass
            except BlockingIOError:
                lock.close()
                raise ValueError(f"{self.path}: another training is using this "
                                 f"checkpoint") from None
            lock.close()

    def __exit__(self, *error):
        if self._lock is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._lock.name)
            self._lock.close()

    def load(self):
        """The state saved last, None if there is no file; ValueError if of another training."""
        if self.path is None or not os.path.exists(self.path):
            return None
        try:
            document = read(self.path, LARGEST)
            if not isinstance(document, dict) or document.get("format") != FORMAT:
                raise FormatError(f"is not a checkpoint ({FORMAT!r})")
            if document.get("version") != VERSION:
                raise FormatError(f"version must be {VERSION}; got {document.get('version')!r}")
            settings, state = document.get("settings"), document.get("state")
            if not isinstance(settings, dict) or not isinstance(state, dict):
                raise FormatError("has no settings and state")
        except FormatError as error:
            raise FormatError(f"{self.path}: {error}") from None
        expected = json.loads(json.dumps(self.settings))
        different = [name for name in sorted({*settings, *expected})
                     if settings.get(name) != expected.get(name)]
        if different:
            raise ValueError(f"{self.path} is the checkpoint of another training, with other "
                             f"{', '.join(different)}; remove it to begin anew")
        return state

    def damaged(self, error):
        """The error for a state that does not fit."""
        return FormatError(f"{self.path}: its state is damaged ({type(error).__name__}: {error})")

    def save(self, state):
        if self.path is not None:
            document = {"format": FORMAT, "version": VERSION, "settings": self.settings,
                        "state": state}
            text = json.dumps(document, allow_nan=False)
            with atomic_file(self.path) as file:
                file.write(text.encode())
