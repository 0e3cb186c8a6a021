"""The one progress bar, on standard error, by tqdm."""

import sys

from .checks import needs


class Progress:
    """A bar, as a context; it moves where it is shown, and does nothing elsewhere.

    Parameters
    ----------
    unit : str
        What is counted.
    total : int, optional
        How many there are, where that is known already.
    shown : bool, optional
        By default, whether standard error is a terminal and tqdm is installed.

    Raises
    ------
    ImportError
        If it must be shown, shown=True, and tqdm is not installed.
    """

    def __init__(self, unit: str, total: int | None = None, shown: bool | None = None):
        self._bar = None
        if shown is False or shown is None and not sys.stderr.isatty():
            return
        try:
            tqdm = needs("tqdm", "progress=True")
        except ImportError:
            if shown:
                raise
            return
        self._bar = tqdm.tqdm(total=total, unit=unit, leave=bool(shown))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._bar is not None:
            self._bar.close()

    @property
    def shown(self) -> bool:
        return self._bar is not None

    def move(self, done: int, total: int | None = None, unit: str | None = None,
             note: str | None = None) -> None:
        """Show that so much is done, of a total and in a unit that may be known only now."""
        if self._bar is None:
            return
        self._bar.total = self._bar.total if total is None else total
        self._bar.unit = self._bar.unit if unit is None else unit
        self._bar.update(done - self._bar.n)
        if note is not None:
            self._bar.set_postfix_str(note)
