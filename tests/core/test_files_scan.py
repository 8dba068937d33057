"""Walking a folder: every regular file exactly once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.files.rules import Rules
from core.files.scan import Found, RootOffline, Unreadable, scan


def walk(root: Path, *excludes: str) -> dict[str, str | None]:
    found = list(scan(str(root), Rules(str(root), excludes)))
    assert all(isinstance(one, Found) for one in found)
    paths = {one.path: one.rule for one in found if isinstance(one, Found)}
    assert len(paths) == len(found)
    return {os.path.relpath(path, root): rule for path, rule in paths.items()}


def test_included_and_excluded_files_all_come(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/c.md", ".git/x", ".git/objects/y", "d.pem"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("12345")
    found = walk(tmp_path)
    assert [name for name, rule in found.items() if rule is None] == ["a.txt", "b.txt", "sub/c.md"]
    assert found[".git/x"] == found[".git/objects/y"] is not None
    assert found["d.pem"] is not None and "keys" in found["d.pem"]
    status = (tmp_path / "a.txt").stat()
    [first] = [one for one in scan(str(tmp_path), Rules(str(tmp_path))) if "a.txt" in one.path]
    assert first == Found(
        str(tmp_path / "a.txt"), 5, status.st_mtime_ns, status.st_ino, status.st_dev
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX files")
def test_links_pipes_and_loops_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("x")
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    (tmp_path / "in" / "link.txt").symlink_to("a.txt")
    (tmp_path / "in" / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.txt")
    assert walk(tmp_path) == {"in/a.txt": None}


def test_a_missing_root_is_offline(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(RootOffline) as caught:
        list(scan(str(gone), Rules(str(gone))))
    assert str(gone) in caught.value.title
    gone.write_text("a file now")
    with pytest.raises(RootOffline):
        list(scan(str(gone), Rules(str(gone))))


def test_a_root_that_vanishes_on_the_way_is_offline(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("x")
    (root / "sub" / "b.txt").write_text("x")
    walk_on = scan(str(root), Rules(str(root)))
    next(walk_on)
    root.rename(tmp_path / "unplugged")
    with pytest.raises(RootOffline):
        list(walk_on)


def test_a_directory_that_may_not_be_listed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "z.txt").write_text("x")
    real = os.scandir

    def refusing(path: str) -> Iterator[os.DirEntry[str]]:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("os.scandir", refusing)
    found = list(scan(str(tmp_path), Rules(str(tmp_path))))
    assert [type(one) for one in found] == [Found, Unreadable]
    refused = found[1]
    assert isinstance(refused, Unreadable) and "permissions" in refused.reason


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    try:
        (tmp_path / name).write_text("x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert walk(tmp_path) == {name: None}
