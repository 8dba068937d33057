import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UserError
from core.files.folders import (
    WatchedFolder,
    absolute,
    load_folders,
    save_folders,
    with_added,
    with_removed,
)
from core.files.paths import is_below, is_under, moved

NAMES = st.binary(min_size=1, max_size=12).filter(lambda raw: b"\0" not in raw).map(os.fsdecode)


@given(st.lists(st.tuples(NAMES, st.lists(st.text(max_size=6), max_size=3)), max_size=4))
def test_the_list_comes_back(
    tmp_path_factory: pytest.TempPathFactory, entries: list[tuple[str, list[str]]]
) -> None:
    file = tmp_path_factory.mktemp("folders") / "folders.json"
    folders = tuple(WatchedFolder(f"/{name}", tuple(exclude)) for name, exclude in entries)
    save_folders(file, folders)
    assert load_folders(file) == folders


def test_no_list_is_empty(tmp_path: Path) -> None:
    assert load_folders(tmp_path / "none") == ()


@pytest.mark.parametrize(
    "text", ["", "{", "3", "[3]", '[{"path": "/a"}]', '["/a"]', '[{"path":"/a","exclude":3}]', "é"]
)
def test_a_damaged_list_is_not_overwritten(tmp_path: Path, text: str) -> None:
    file = tmp_path / "folders.json"
    file.write_text(text, "utf-8")
    with pytest.raises(UserError, match="cannot be read"):
        load_folders(file)
    assert file.read_text("utf-8") == text


def test_adding_and_removing(tmp_path: Path) -> None:
    for name in ("a", "b", "ab"):
        (tmp_path / name).mkdir()
    a, b, ab = (str(tmp_path / name) for name in ("a", "b", "ab"))
    folders = with_added((), [a, b, ab], ["*.log"])
    assert [folder.path for folder in folders] == [a, b, ab]
    folders = with_added(folders, [a + "/"], ["*.log", "*.bak"])
    assert folders[0].exclude == ("*.log", "*.bak")
    assert len(folders) == 3
    assert with_removed(folders, [b, ab]) == folders[:1]
    with pytest.raises(UserError, match="not a watched folder"):
        with_removed(folders, [a, str(tmp_path / "other")])


def test_no_folder_lies_inside_another(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    outer = str(inner.parent)
    with pytest.raises(UserError, match="lies inside"):
        with_added(with_added((), [outer], ()), [str(inner)], ())
    with pytest.raises(UserError, match="holds"):
        with_added(with_added((), [str(inner)], ()), [outer], ())
    with pytest.raises(UserError):
        with_added((), [outer, str(inner)], ())


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("x")
    with pytest.raises(UserError, match="is a file"):
        with_added((), [str(file)], ())
    with pytest.raises(UserError, match="There is no folder"):
        with_added((), [str(tmp_path / "none")], ())


def test_paths_are_kept_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/me")
    assert absolute("x/../y") == str(tmp_path / "y")
    assert absolute("~/y") == "/me/y"


def test_paths_below_one_another() -> None:
    assert is_under("/a/b", "/a") and is_under("/a", "/a") and is_under("/a", "/")
    assert not is_under("/ab", "/a")
    assert is_below("a/b", "") and is_below("a/b", "a") and not is_below("ab", "a")
    cases = [("/a/b/c", "/a", "/x"), ("/a", "/a", "/x"), ("/b", "/", "/x"), ("/x/b", "/x", "/")]
    assert [moved(*case) for case in cases] == ["/x/b/c", "/x", "/x/b", "/b"]
