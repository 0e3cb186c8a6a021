"""Files that are there whole or not at all."""

import contextlib
import os
import stat
import tempfile


@contextlib.contextmanager
def atomic_file(name, overwrite=True):
    """A temporary binary file beside the target, renamed to it at the end, on disk by then.

    After an error, or if the process is killed, the target is as it was. Raises OSError, for an
    existing target FileExistsError unless overwrite.
    """
    target = os.path.realpath(os.fspath(name))  # a link stays a link
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=os.path.dirname(target), prefix=".pdenet-",
                                         suffix=os.path.splitext(name)[1], delete=False) as file:
            temporary = file.name
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target))
        if overwrite:
            os.replace(temporary, target)
            temporary = None
        else:
            os.link(temporary, target)  # fails if somebody has made the target meanwhile
        _synchronise(os.path.dirname(target))
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _synchronise(folder):
    """The new name is on disk, too, where directories can be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _mode(target):
    """The permissions of the file to be replaced, or those of a new one."""
    try:
        return stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask
