"""A command on many files: those of a folder, or several that are named; here or on a cluster.

A journal in the output folder says with which parameters its files were written, so that a run with
others can tell.
"""

import argparse
import contextlib
import json
import os

from ..checks import needs
from ..files import images, volume_files
from ..files.atomic import atomic_file
from ..files.images import ImageFileError, UsageError
from ..progress import Progress
from .one_file import FAULTS, run_file
from .processing import named
from .report import row

JOURNAL = ".pdenet.json"
LARGEST = 2**26  # bytes of a journal
SUFFIXES = (*images.SUFFIXES, *volume_files.SUFFIXES)


def run_folder(options, process, settings, tell):
    """Each file of an image or a volume in a folder; returns 1 if any failed."""
    names, others, folders = _listed(options.input)
    if not names:
        raise UsageError(f"{options.input}: holds no files that end in one of "
                         f"{', '.join(SUFFIXES)}")
    skipped = [f"{others} of other formats"] * bool(others) + [
        f"{folders} folder{'s' * (folders > 1)}"] * bool(folders)
    return _run_tasks([os.path.join(options.input, name) for name in names], options, process,
                      settings, tell, f"; {' and '.join(skipped)} skipped" if skipped else "")


def run_files(options, process, settings, tell):
    """Each of several files; returns 1 if any failed."""
    for name in options.inputs:
        if os.path.isdir(name) or name.startswith("example:"):
            raise UsageError(f"{name}: must be given alone, as it is no image file")
    names = [os.path.basename(name) for name in options.inputs]
    for name in names:
        if names.count(name) > 1:
            both = [path for path in options.inputs if os.path.basename(path) == name]
            raise UsageError(f"{' and '.join(both[:2])} would both be written to "
                             f"{os.path.join(options.output, name)}")
    return _run_tasks(options.inputs, options, process, settings, tell, "")


def _listed(folder):
    """The names of the files of images and volumes in a folder, and how many other files and
    folders there are."""
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    files = [name for name in names if not os.path.isdir(os.path.join(folder, name))]
    found = [name for name in files if name.lower().endswith(SUFFIXES)]
    return found, len(files) - len(found), len(names) - len(files)


def _run_tasks(sources, options, process, settings, tell, skipped):
    """Process the files that are not there yet, and sum up."""
    if os.path.lexists(options.output) and not os.path.isdir(options.output):
        what = f"as {options.input} is one" if len(options.inputs) == 1 else \
            f"as there are {len(options.inputs)} inputs"
        raise UsageError(f"{options.output}: must be a folder, {what}")
    for source in sources:
        if os.path.exists(options.output) and os.path.samefile(os.path.dirname(source) or ".",
                                                               options.output):
            raise UsageError(f"{options.output}: is the input, too; write to another folder")
    os.makedirs(options.output, exist_ok=True)
    tasks = [(source, os.path.join(options.output, os.path.basename(source)))
             for source in sources]
    missing = [task for task in tasks if options.overwrite or not os.path.exists(task[1])]
    done: list = []
    kept, failed, pages = len(tasks) - len(missing), 0, 0
    with Progress("file", len(tasks), shown=False if options.quiet else None) as files, \
            _Journal(options, settings, tasks, missing, done, tell):
        files.move(kept)
        try:
            for task, (error, more) in zip(missing, _each(missing, options, process, tell)):
                if error is None:
                    done.append(task)
                    pages += more
                else:
                    failed += 1
                    tell("warning", error)
                    tell("row", row(task[0], error=error))
                files.move(kept + len(done) + failed)
        except KeyboardInterrupt:
            if not done:
                raise
            count = f"{len(done)} file{' is' if len(done) == 1 else 's are'}"
            raise KeyboardInterrupt(f"interrupted; {count} written to {options.output}, the same "
                                    f"command goes on") from None
    tell("line", f"{options.output}: {len(done)} written, {kept} there already, {failed} failed"
                 + (f"; {pages} page{'s' * (pages > 1)} failed" if pages else "") + skipped)
    return 1 if failed or pages else 0


def _each(tasks, options, process, tell):
    """For each (source, target) why it failed, or None, and how many of its pages failed."""
    if options.scheduler is None:
        yield from (_try(source, target, options, process, tell) for source, target in tasks)
        return
    # The workers run tasks at once, so each task is one thread.
    options = argparse.Namespace(**vars(options) | {
        "run": None, "workers": 1, "input": None, "inputs": None, "output": None})
    with connect(options.scheduler) as client:
        futures = [client.submit(_try_elsewhere, *map(os.path.abspath, task), options, process,
                                 pure=False) for task in tasks]
        for task, future in zip(tasks, futures, strict=True):
            (error, pages), told = future.result()
            for kind, value in told:
                tell(kind, _with_names(value, task))
            yield error and _with_names(error, task), pages


def _try(source, target, options, process, tell):
    """Process one file; why it failed, or None, and how many of its pages failed."""
    try:
        line, pages = run_file(source, target, options, process, tell)
        tell("line", f"{target}: {line}")
        return None, pages
    except (*FAULTS, MemoryError) as error:
        return named(source, error), 0


def _try_elsewhere(source, target, options, process):
    """`_try`, and what is to be told."""
    told: list = []
    return _try(source, target, options, process, lambda *words: told.append(words)), told


def _with_names(value, task):
    """A text or a row with the names of files that the user gave."""
    if isinstance(value, dict):
        return {key: _with_names(word, task) for key, word in value.items()}
    for name in task if isinstance(value, str) else ():
        value = value.replace(os.path.abspath(name), name)
    return value


def connect(address, timeout=10):
    """A client of the scheduler at an address such as tcp://10.0.0.1:8786."""
    distributed = needs("distributed", "--scheduler")
    try:
        return distributed.Client(address, timeout=timeout, set_as_default=False)
    except (OSError, ValueError, TimeoutError):
        raise ImageFileError(f"no scheduler answers at {address}") from None


class _Journal:
    """The parameters of the files in the output folder; a context that notes those of this run.

    Before it begins, those that are there already with other parameters are told. What is no
    journal is replaced by one.
    """

    def __init__(self, options, settings, tasks, missing, done, tell):
        self._path = os.path.join(options.output, JOURNAL)
        self._settings = json.loads(json.dumps({name: getattr(options, name) for name in settings}))
        self._missing, self._done, self._known = missing, done, _read(self._path)
        new = {target for _, target in missing}
        others = [parameters for _, target in tasks if target not in new
                  and (parameters := self._known.get(os.path.basename(target))) is not None
                  and parameters != self._settings]
        if others:
            count = f"{len(others)} file{' is' if len(others) == 1 else 's are'}"
            tell("warning", f"{options.output}: {count} there already, written with other "
                 f"parameters ({self._differences(others[0])}); --overwrite replaces them")

    def _differences(self, other):
        names = {**self._settings, **other}
        return ", ".join(f"{name} {_shown(other.get(name))} instead of "
                         f"{_shown(self._settings.get(name))}" for name in names
                         if other.get(name) != self._settings.get(name))

    def __enter__(self):
        self._write(self._missing)
        return self

    def __exit__(self, *error):
        self._write(self._done)

    def _write(self, tasks):
        known = self._known | {os.path.basename(target): self._settings for _, target in tasks}
        kinds: list = []
        for parameters in known.values():
            if parameters not in kinds:
                kinds.append(parameters)
        content = {"parameters": kinds, "files": {name: kinds.index(parameters)
                                                  for name, parameters in known.items()}}
        with contextlib.suppress(OSError), atomic_file(self._path) as file:
            file.write(json.dumps(content, indent=1).encode())


def _read(path):
    """The parameters of each file, as far as there is a journal of them."""
    try:
        with open(path, "rb") as file:
            content = json.loads(file.read(LARGEST))
        kinds = [dict(parameters) for parameters in content["parameters"]]
        return {str(name): kinds[k] for name, k in content["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return {}


def _shown(value):
    return "not given" if value is None else " ".join(map(str, value)) if isinstance(
        value, list) else str(value)
