"""Tags stay on their files: renamed, moved, edited, copied, and in a catalogue made anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import Lab

from core.errors import UserError
from core.store.catalogue import Catalogue
from core.store.history import History
from core.store.identity import Identities
from core.store.tags import LONGEST_NAME, TagTable, tag_name


@pytest.fixture
def tags(lab: Lab) -> Iterator[TagTable]:
    history = History(lab.root / "history.db")
    yield TagTable(history.own)
    history.close()


def tag(lab: Lab, tags: TagTable, name: str, path: Path) -> None:
    file = Identities(lab.catalogue).at(str(path))
    assert file is not None
    tags.add(name, file)


def followed(lab: Lab, tags: TagTable, name: str = "tax") -> list[str]:
    tags.follow(Identities(lab.catalogue))
    return [str(Path(path).relative_to(lab.files)) for path in tags.paths(name)]


def test_a_tag_follows_a_file_that_is_renamed_and_then_edited(lab: Lab, tags: TagTable) -> None:
    path = lab.write("a.txt", "a bill of the plumber")
    lab.write("b.txt", "an old letter")
    lab.index()
    tag(lab, tags, "tax", path)
    moved = lab.files / "2023" / "plumber.txt"
    moved.parent.mkdir()
    path.rename(moved)
    lab.index()
    assert followed(lab, tags) == ["2023/plumber.txt"]
    moved.write_text("another bill of the plumber, much longer")
    lab.index()
    assert followed(lab, tags) == ["2023/plumber.txt"]
    moved.rename(moved.with_name("again.txt"))
    lab.index()
    assert followed(lab, tags) == ["2023/again.txt"]


def test_a_tag_stays_in_a_catalogue_that_was_made_anew(lab: Lab, tags: TagTable) -> None:
    lab.write("0.txt", "a file that comes first")
    path = lab.write("a.txt", "a bill of the plumber")
    gone = lab.write("c.txt", "a bill of the painter")
    lab.index()
    tag(lab, tags, "tax", path)
    tag(lab, tags, "tax", gone)
    lab.catalogue.close()
    (lab.root / "catalogue.db").unlink()
    lab.write("00.txt", "another file, so that numbers shift")
    gone.rename(lab.files / "painter.txt")
    lab.catalogue = Catalogue(lab.root / "catalogue.db")
    lab.reopen()
    lab.index()
    assert followed(lab, tags) == ["a.txt", "painter.txt"]


def test_a_tag_does_not_jump_to_a_file_that_took_the_others_number(
    lab: Lab, tags: TagTable
) -> None:
    path = lab.write("a.txt", "a bill of the plumber")
    lab.index()
    tag(lab, tags, "tax", path)
    path.unlink()
    lab.index()
    lab.write("b.txt", "something else altogether")
    lab.index()
    assert followed(lab, tags) == ["a.txt"]  # where it was; it may come back
    lab.write("a.txt", "a bill of the plumber")
    lab.index()
    assert followed(lab, tags) == ["a.txt"]
    assert tags.of([str(lab.files / "b.txt")]) == {}


def test_tags_are_given_taken_refused_and_forgotten(lab: Lab, tags: TagTable) -> None:
    paths = [lab.write(f"{name}.txt", f"text {name}") for name in "abc"]
    lab.index()
    for path in paths:
        tag(lab, tags, "tax", path)
    tag(lab, tags, "old", paths[0])
    assert tags.names() == {"old": 1, "tax": 3}
    assert tags.of([str(paths[0]), "/none"]) == {str(paths[0]): ("old", "tax")}
    assert tags.remove("tax", [str(paths[1]), "/none"]) == 1
    file = Identities(lab.catalogue).at(str(paths[1]))
    assert file is not None
    tags.refuse("tax", file)
    assert tags.paths("tax", given=False) == [str(paths[1])]
    assert tags.names()["tax"] == 2
    assert tags.forget(str(lab.files)) == 3
    assert tags.names() == {}
    kept = b"".join(path.read_bytes() for path in lab.root.glob("history.db*"))
    assert b"a.txt" not in kept
    tag(lab, tags, "tax", paths[2])
    assert tags.remove("tax", None) == 1


def test_names_of_tags() -> None:
    assert tag_name("  #Tax   2023 ") == "tax 2023"
    for wrong in ("", " # ", "a\0b", "x" * (LONGEST_NAME + 1)):
        with pytest.raises(UserError):
            tag_name(wrong)


def test_a_search_among_some_files_finds_only_those(lab: Lab) -> None:
    for name in ("a", "b", "c"):
        lab.write(f"{name}.txt", f"the ferry to the island {name}")
    lab.write("copy.txt", "the ferry to the island a")
    lab.index()
    paths = frozenset(str(lab.files / name) for name in ("b.txt", "copy.txt"))
    for mode in ("hybrid", "semantic", "lexical"):
        assert sorted(lab.names("ferry island", mode=mode, paths=paths)) == ["b.txt", "copy.txt"]
    assert lab.names("ferry island", paths=frozenset()) == []
