"""Files that are there whole or not at all: while they are written, after errors, and whose."""

import os
import stat

import pytest

from pdenet.files.atomic import atomic_file


def write(name, content=b"new", **options):
    with atomic_file(name, **options) as file:
        file.write(content)


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_is_there_at_the_end_and_not_before(tmp_path, overwrite):
    target = tmp_path / "a.tif"
    with atomic_file(target, overwrite) as file:
        file.write(b"half")
        file.flush()
        assert not target.exists()
        temporary, = listing(tmp_path)
        assert temporary.startswith(".pdenet-") and temporary.endswith(".tif")
        file.write(b" and half")
    assert target.read_bytes() == b"half and half" and listing(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_after_an_error_the_old_file_is_as_it_was(tmp_path, error):
    target = tmp_path / "a.json"
    target.write_bytes(b"old")
    with pytest.raises(error):
        with atomic_file(target) as file:
            file.write(b"new")
            file.flush()
            assert target.read_bytes() == b"old"
            raise error
    assert target.read_bytes() == b"old" and listing(tmp_path) == ["a.json"]


def test_an_existing_file_is_replaced_only_if_asked(tmp_path):
    target = tmp_path / "a"
    write(target, b"old")
    with pytest.raises(FileExistsError):
        write(target, overwrite=False)
    assert target.read_bytes() == b"old" and listing(tmp_path) == ["a"]
    write(target, b"")
    assert target.read_bytes() == b"" and listing(tmp_path) == ["a"]


@pytest.mark.parametrize("mode", [0o600, 0o755])
def test_permissions_are_those_of_the_file_replaced_or_of_any_new_one(tmp_path, mode):
    old, new, ordinary = (tmp_path / name for name in ("old", "new", "ordinary"))
    old.write_bytes(b"old")
    old.chmod(mode)
    mask = os.umask(0o027)
    try:
        for target in (old, new):
            write(target)
        ordinary.write_bytes(b"")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(mask)
    assert stat.S_IMODE(old.stat().st_mode) == mode
    assert new.stat().st_mode == ordinary.stat().st_mode


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_a_link_and_its_target_is_written(tmp_path, exists):
    (tmp_path / "far").mkdir()
    target, link = tmp_path / "far" / "a", tmp_path / "link"
    if exists:
        target.write_bytes(b"old")
    link.symlink_to(target)
    write(link)
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert listing(tmp_path / "far") == ["a"]


def test_what_is_renamed_is_on_disk_and_so_is_its_name(tmp_path, monkeypatch):
    calls, real = [], {name: getattr(os, name) for name in ("fsync", "replace")}
    for name, function in real.items():
        monkeypatch.setattr(os, name, lambda *values, name=name, function=function: (
            calls.append((name, name == "fsync" and stat.S_ISDIR(os.fstat(values[0]).st_mode))),
            function(*values)))
    write(tmp_path / "a")
    assert calls == [("fsync", False), ("replace", False), ("fsync", True)]


def test_relative_names_and_missing_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("a.b")
    assert listing(tmp_path) == ["a.b"]
    with pytest.raises(FileNotFoundError):
        write("none/a")
    with pytest.raises(OSError):
        write(tmp_path)
    assert listing(tmp_path) == ["a.b"]
