"""What a partial survey makes of single changes, and a whole one of moves."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from survey_desk import Desk

from core.errors import Cancelled
from core.files.changes import Changes
from core.index.digest import content_digest
from core.store.rows import FileState

# --- single changes ------------------------------------------------------------------------


def test_one_saved_file_is_all_that_is_looked_at(desk: Desk) -> None:
    for number in range(50):
        desk.write(f"d{number % 5}/{number}.txt", f"text {number}")
    desk.survey()
    desk.read()
    hashed = desk.hashed
    path = desk.write("d3/3.txt", "changed")
    (desk.files / "d4" / "4.txt").write_text("changed too, but nobody told")
    assert len(desk.touch("d3/3.txt").noted) == 1
    assert desk.hashed == hashed + 1
    assert desk.rows()[str(path)][-1] == content_digest(str(path))
    desk.survey()
    assert len(desk.catalogue.files.waiting()) == 1


def test_a_folder_never_looked_at_is_looked_at(desk: Desk) -> None:
    desk.write("a.txt")
    desk.survey(Changes())
    assert desk.names() == {"a.txt"}
    desk.catalogue.files.sync_folders([])
    desk.catalogue.files.sync_folders([str(desk.files)])
    desk.survey(Changes())
    assert desk.names() == {"a.txt"}


def test_saving_by_rename_is_a_change(desk: Desk) -> None:
    desk.write("a.txt", "old")
    desk.survey()
    desk.read()
    desk.write(".a.txt.swp", "new and longer")
    (desk.files / ".a.txt.swp").rename(desk.files / "a.txt")
    desk.touch(moves=((".a.txt.swp", "a.txt"),))
    assert desk.names() == {"a.txt"}
    assert desk.rows()[str(desk.files / "a.txt")][-1] == content_digest(str(desk.files / "a.txt"))
    assert desk.counts() == {"indexed": 1}


def test_a_renamed_folder_is_not_even_hashed(desk: Desk) -> None:
    for number in range(30):
        desk.write(f"old/{number % 3}/{number}.txt", f"text {number}")
    desk.survey()
    desk.read()
    before = {path: row[-1] for path, row in desk.rows().items()}
    (desk.files / "old").rename(desk.files / "new")
    (desk.files / "new" / "1" / "1.txt").write_text("changed on the way")
    desk.write("new/2/fresh.txt", "fresh")
    hashed = desk.hashed
    desk.touch(moves=(("old", "new"),))
    assert desk.hashed == hashed + 2
    after = {path: row[-1] for path, row in desk.rows().items()}
    old, new = str(desk.files / "old"), str(desk.files / "new")
    assert len(after) == 31
    changed = {f"{new}/1/1.txt", f"{new}/2/fresh.txt"}
    for path, digest in after.items():
        if path not in changed:
            assert digest == before[path.replace(new, old)]


def test_a_move_between_watched_folders_is_not_hashed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "one", "two")
    desk.write("sub/a.txt", "words")
    desk.survey()
    desk.read()
    (desk.folders[0] / "sub").rename(desk.folders[1] / "there")
    move = (str(desk.folders[0] / "sub"), str(desk.folders[1] / "there"))
    desk.survey(Changes(moves=(move,)))
    desk.read()
    assert desk.hashed == 1
    assert set(desk.rows()) == {str(desk.folders[1] / "there" / "a.txt")}
    desk.catalogue.close()


def test_names_that_change_places(desk: Desk) -> None:
    a, b = desk.write("a.txt", "first"), desk.write("b.txt", "second text")
    desk.survey()
    desk.read()
    a.rename(desk.files / "t.tmp")
    b.rename(a)
    (desk.files / "t.tmp").rename(b)
    desk.touch(moves=(("a.txt", "t.tmp"), ("b.txt", "a.txt"), ("t.tmp", "b.txt")))
    assert desk.hashed == 2
    rows = desk.rows()
    assert (rows[str(a)][-1], rows[str(b)][-1]) == (content_digest(str(a)), content_digest(str(b)))


def test_another_ending_is_another_kind(desk: Desk) -> None:
    desk.write("a.txt", "words")
    desk.survey()
    desk.read()
    (desk.files / "a.txt").rename(desk.files / "a.md")
    desk.touch(moves=(("a.txt", "a.md"),))
    assert desk.rows()[str(desk.files / "a.md")][-1] == content_digest(str(desk.files / "a.md"))
    assert desk.names() == {"a.md"}


def test_a_move_that_was_dealt_with_before_does_no_harm(desk: Desk) -> None:
    desk.write("a.txt", "one")
    (desk.files / "a.txt").rename(desk.files / "b.txt")
    desk.write("a.txt", "two")
    for name in ("a.txt", "b.txt"):
        os.utime(desk.files / name, ns=(10**18, 10**18))
    desk.survey()
    desk.read()
    desk.touch(moves=(("a.txt", "b.txt"),))
    for name in ("a.txt", "b.txt"):
        assert desk.rows()[str(desk.files / name)][-1] == content_digest(str(desk.files / name))


def test_a_move_where_the_rules_do_not_let_it(desk: Desk) -> None:
    for number in range(3):
        desk.write(f"src/{number}.txt", f"text {number}")
    desk.survey()
    desk.read()
    (desk.files / "src").rename(desk.files / "node_modules")
    desk.touch(moves=(("src", "node_modules"),))
    assert desk.counts() == {"skipped": 3}
    assert desk.catalogue.db.execute("SELECT count(*) FROM document").get == 0
    (desk.files / "node_modules").rename(desk.files / "src")
    desk.touch(moves=(("node_modules", "src"),))
    assert desk.counts() == {"indexed": 3}


def test_a_folder_moved_in_and_one_moved_out(desk: Desk) -> None:
    outside = desk.root / "outside"
    (outside / "deep").mkdir(parents=True)
    (outside / "deep" / "a.txt").write_text("a")
    desk.survey()
    outside.rename(desk.files / "in")
    desk.touch("in")
    assert desk.names() == {"in/deep/a.txt"}
    (desk.files / "in").rename(outside)
    desk.touch("in")
    assert desk.names() == set()
    assert desk.counts() == {}


@pytest.mark.parametrize("name", [".gitignore", ".satchelignore"])
def test_an_ignore_file_that_comes_changes_and_goes(desk: Desk, name: str) -> None:
    for path in ("p/a.log", "p/in/b.log", "p/c.txt", "q/a.log"):
        desk.write(path, path)
    desk.survey()
    desk.read()
    desk.write(f"p/{name}", "*.log\n")
    desk.touch(f"p/{name}")
    assert desk.names() == {"p/c.txt", "q/a.log"}
    assert sum(desk.left_out().values()) == 3
    desk.write(f"p/{name}", "*.txt\n")
    desk.touch(f"p/{name}")
    assert desk.names() == {"p/a.log", "p/in/b.log", "q/a.log"}
    (desk.files / "p" / name).unlink()
    desk.touch(f"p/{name}")
    assert len(desk.names()) == 4
    assert desk.counts() == {"indexed": 4}


def test_build_output_is_known_by_what_is_beside_it(desk: Desk) -> None:
    desk.write("work/build/plan.txt")
    desk.write("house/build/plan.txt")
    desk.survey()
    assert len(desk.names()) == 2
    desk.write("work/pyproject.toml")
    desk.touch("work/pyproject.toml")
    assert desk.names() == {"house/build/plan.txt", "work/pyproject.toml"}
    (desk.files / "work" / "pyproject.toml").unlink()
    desk.touch("work/pyproject.toml")
    assert len(desk.names()) == 2


def test_a_file_in_the_place_of_a_folder_and_back(desk: Desk) -> None:
    desk.write("x/a.txt")
    desk.survey()
    shutil.rmtree(desk.files / "x")
    desk.write("x", "a file now")
    desk.touch("x")
    assert desk.names() == {"x"}
    (desk.files / "x").unlink()
    desk.write("x/b.txt")
    desk.touch("x")
    assert desk.names() == {"x/b.txt"}
    shutil.rmtree(desk.files / "x")
    (desk.root / "far").mkdir()
    (desk.root / "far" / "c.txt").write_text("outside")
    (desk.files / "x").symlink_to(desk.root / "far")
    desk.touch("x", "x/c.txt")
    assert desk.names() == set()


def test_a_file_grows_out_of_bounds_and_back(desk: Desk) -> None:
    desk.write("a.txt", "small")
    desk.survey()
    desk.read()
    desk.write("a.txt", "x" * 2_000)
    desk.touch("a.txt")
    assert desk.counts() == {"skipped": 1}
    desk.write("a.txt", "small")
    desk.touch("a.txt")
    assert desk.counts() == {"indexed": 1}


def test_a_file_that_is_being_written_waits_until_it_is_quiet(desk: Desk) -> None:
    path = desk.write("a.txt", "half")
    found = desk.survey(settling=True)
    assert found.unsettled == [str(path)]
    assert desk.counts() == {"waiting": 1}
    assert desk.catalogue.files.waiting() == []
    os.utime(path, ns=(time.time_ns() - 10**9,) * 2)
    assert desk.survey(Changes(frozenset((str(path),))), settling=True).unsettled == []
    assert len(desk.catalogue.files.waiting()) == 1


def test_a_failed_file_is_tried_again_when_it_is_touched(desk: Desk) -> None:
    desk.write("a.txt")
    desk.survey()
    [(number, _)] = desk.catalogue.files.waiting()
    desk.catalogue.files.set_state(number, FileState.FAILED, "may not be read")
    desk.survey()
    assert desk.catalogue.files.waiting() == []
    desk.survey(Changes(frozenset((str(desk.files / "a.txt"),))))
    assert [found for found, _ in desk.catalogue.files.waiting()] == [number]


# --- a scan finds moves by hash ------------------------------------------------------------


def test_a_vanished_file_keeps_its_document_until_the_new_ones_are_hashed(desk: Desk) -> None:
    desk.write("a.txt", "words")
    desk.survey()
    desk.read()
    document = desk.catalogue.document_at(str(desk.files / "a.txt"))
    (desk.files / "a.txt").rename(desk.files / "b.txt")
    desk.survey()
    assert desk.counts() == {"waiting": 1}
    desk.catalogue.files.sync_folders([str(desk.files)])
    desk.read()
    assert desk.catalogue.document_at(str(desk.files / "b.txt")) == document
    assert desk.names() == {"b.txt"}


def test_a_vanished_file_that_is_back_is_as_it_was(desk: Desk) -> None:
    path = desk.write("a.txt", "words")
    desk.survey()
    desk.read()
    path.rename(desk.root / "a.txt")
    desk.write("b.txt", "other")  # of the same size, so that a.txt may have become it
    desk.survey()
    (desk.root / "a.txt").rename(path)
    desk.survey()
    assert desk.counts() == {"indexed": 1, "waiting": 1}


def test_a_survey_that_is_given_up_is_made_good_by_the_next(desk: Desk) -> None:
    for number in range(1_200):
        desk.write(f"{number % 7}/{number}.txt")
    left = 2

    def breathe() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Cancelled

    desk.breathe = breathe
    with pytest.raises(Cancelled):
        desk.survey()
    desk.survey()
    assert desk.counts() == {"waiting": 1_200}
