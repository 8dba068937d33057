"""Looking into folders: every regular file exactly once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.files.mounts import mount_points, mounted_in
from core.files.rules import Rules
from core.files.scan import RootOffline, Unreadable, count_files, list_folder, require_root, walk


def seen(root: Path, *excludes: str) -> tuple[list[str], Counter[str], dict[str, str]]:
    """Files to be indexed, the others by rule, and the folders that are not entered."""
    files: list[str] = []
    left_out: Counter[str] = Counter()
    closed: dict[str, str] = {}
    for item in walk(str(root), Rules(str(root), excludes)):
        assert not isinstance(item, Unreadable)
        where = Path(item[0]).relative_to(root)
        files += [str(where / name) for name in item[1].files]
        left_out.update(item[1].left_out)
        closed.update({str(where / name): rule for name, rule in item[1].closed.items()})
    assert len(files) == len(set(files))
    return sorted(files), left_out, closed


def test_included_and_excluded_files_all_come(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/c.md", ".git/x", ".git/objects/y", "d.pem", "sub/e.log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("12345")
    files, left_out, closed = seen(tmp_path, "*.log")
    assert files == ["a.txt", "b.txt", "sub/c.md"]
    assert left_out == {"keys, passwords and wallets (*.pem)": 1, "your pattern *.log": 1}
    assert list(closed) == [".git"]
    assert count_files(str(tmp_path / ".git")) == 2
    status = (tmp_path / "a.txt").stat()
    listing = list_folder(str(tmp_path), Rules(str(tmp_path)))
    assert listing.files["a.txt"] == (5, status.st_mtime_ns)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX files")
def test_links_pipes_and_loops_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("x")
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    (tmp_path / "in" / "link.txt").symlink_to("a.txt")
    (tmp_path / "in" / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.txt")
    assert seen(tmp_path) == (["in/a.txt"], Counter(), {})
    assert count_files(str(tmp_path)) == 1


def test_a_missing_root_is_offline(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    with pytest.raises(RootOffline) as caught:
        require_root(str(gone))
    assert str(gone) in caught.value.title
    gone.write_text("a file now")
    with pytest.raises(RootOffline):
        require_root(str(gone))
    assert require_root(str(tmp_path)).st_ino == tmp_path.stat().st_ino


def test_a_folder_that_may_not_be_listed_is_told(
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
    [(_, listing), refused] = list(walk(str(tmp_path), Rules(str(tmp_path))))  # type: ignore[misc]
    assert list(listing.files) == ["z.txt"]
    assert isinstance(refused, Unreadable) and "permissions" in refused.reason
    assert count_files(str(tmp_path)) == 1


def test_barred_folders_are_not_entered(tmp_path: Path) -> None:
    for name in ("a/x.txt", "b/y.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("x")
    barred = frozenset((str(tmp_path / "a"),))
    rules = Rules(str(tmp_path))
    folders = [item[0] for item in walk(str(tmp_path), rules, barred) if isinstance(item, tuple)]
    assert folders == [str(tmp_path), str(tmp_path / "b")]
    assert count_files(str(tmp_path), barred) == 1


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.txt")
    try:
        (tmp_path / name).write_text("x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert seen(tmp_path)[0] == [name]


def test_mount_points_are_found_below_a_folder(tmp_path: Path) -> None:
    root = str(tmp_path)
    points = frozenset((root, f"{root}/a/b", f"{root}x", "/"))
    assert mounted_in(root, points) == ("", "a/b")
    assert "/" in mount_points() or os.name == "nt"
