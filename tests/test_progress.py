"""The progress bar: where it is shown, what it is told, and that it is closed."""

import sys
import types

import pytest

from pdenet.progress import Progress


class Bar:
    """What is asked of the bars of tqdm."""

    def __init__(self, total, unit, leave):
        self.total, self.unit, self.leave, self.n, self.closed, self.notes = (
            total, unit, leave, 0, False, [])

    def update(self, count):
        self.n += count

    def set_postfix_str(self, note):
        self.notes.append(note)

    def close(self):
        self.closed = True


@pytest.fixture
def bars(monkeypatch):
    found = []
    monkeypatch.setitem(sys.modules, "tqdm", types.SimpleNamespace(
        tqdm=lambda **options: (found.append(Bar(**options)), found[-1])[1]))
    return found


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def terminal(request, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: request.param, raising=False)
    return request.param


@pytest.mark.parametrize("shown", [True, False, None])
def test_it_is_shown_if_asked_or_on_a_terminal(shown, terminal, bars):
    expected = terminal if shown is None else shown
    with Progress("file", 7, shown) as progress:
        assert progress.shown == expected and len(bars) == expected
        progress.move(3, note="3 of them")
    for bar in bars:
        assert (bar.total, bar.unit, bar.n, bar.closed) == (7, "file", 3, True)
        assert bar.leave == (shown is True)


@pytest.mark.parametrize("shown", [True, False, None])
def test_a_bar_that_must_be_shown_needs_tqdm(shown, terminal, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    if shown:
        with pytest.raises(ImportError, match="^progress=True needs tqdm: python -m pip install t"):
            Progress("file", 7, shown)
        return
    with Progress("file", 7, shown) as progress:
        progress.move(3, 5, "page", "note")
        assert not progress.shown


def test_it_moves_to_what_is_done(bars):
    progress, seen = Progress("file", shown=True), []
    for values in ((0,), (2, 9), (5, None, "page"), (5, None, None, "a note"), (1,),
                   (9, 9, "x", "")):
        progress.move(*values)
        seen.append((bars[0].n, bars[0].total, bars[0].unit))
    assert seen == [(0, None, "file"), (2, 9, "file"), (5, 9, "page"), (5, 9, "page"),
                    (1, 9, "page"), (9, 9, "x")]
    assert bars[0].notes == ["a note", ""]


def test_it_is_closed_after_an_error(bars):
    with pytest.raises(KeyboardInterrupt), Progress("file", shown=True):
        raise KeyboardInterrupt
    assert bars[0].closed


def test_it_is_a_bar_of_tqdm(capsys):
    pytest.importorskip("tqdm")
    with Progress("epoch", 4, shown=True) as progress:
        progress.move(4, note="31.25 dB")
    out, err = capsys.readouterr()
    assert out == "" and "4/4" in err and "epoch" in err and "31.25 dB" in err
