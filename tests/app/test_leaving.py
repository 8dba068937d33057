"""A removed folder can come back as it was for a while, and is gone after that."""

from __future__ import annotations

import time
from pathlib import Path

from service_desk import last, names, serving

from app.local import InProcess
from core.files.folders import load_folders
from core.home import find_home
from core.index.leaving import Leaving
from core.messages import FoldersAdd, FoldersRemove, Index, Report, Search
from core.store.catalogue import Catalogue

UNDO_S = 30.0


def found(caller: InProcess, query: str) -> set[str]:
    return set(names(last(caller, Search(caller.next_id(), query))))


def folders_known(home: Path) -> list[str]:
    catalogue = Catalogue(find_home(str(home), {}).catalogue)
    try:
        return [Path(row.path).name for row in catalogue.files.folders()]
    finally:
        catalogue.close()


def test_a_removed_folder_is_hidden_at_once_and_comes_back_whole(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
) -> None:
    letters, notes, home = tmp_path / "letters", tmp_path / "notes", tmp_path / "home"
    for folder, name, text in (
        (letters, "lease.txt", "The tenant pays the rent on the first day of the month."),
        (letters, "draft.tmp", "A draft of the rent that nobody shall find."),
        (letters, "same.txt", "The ferry sails to the island at noon from the northern pier."),
        (notes, "ferry.txt", "The ferry sails to the island at noon from the northern pier."),
    ):
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    with serving(home) as caller:
        last(caller, FoldersAdd(caller.next_id(), (str(letters),), ("*.tmp",)))
        last(caller, FoldersAdd(caller.next_id(), (str(notes),)))
        last(caller, Index(caller.next_id()))
        assert "lease.txt" in found(caller, "rent of the tenant")

        remove = FoldersRemove(caller.next_id(), (str(letters),), UNDO_S)
        report = last(caller, remove)
        assert isinstance(report, Report)
        assert [Path(row["path"]).name for row in report.body] == ["notes"]
        assert "lease.txt" not in found(caller, "rent of the tenant")
        assert found(caller, "ferry at noon") >= {"ferry.txt"}  # the other folder has it too
        (letters / "new.txt").write_text("The rent of the garage is paid in advance.")
        last(caller, Index(caller.next_id()))  # does not drop it, and does not look into it
        assert "new.txt" not in found(caller, "rent of the garage")

        away = letters.rename(tmp_path / "away")  # its drive may be out of reach meanwhile
        add = FoldersAdd(caller.next_id(), (str(letters),), ("*.tmp",))
        report = last(caller, add)
        assert isinstance(report, Report), report
        away.rename(letters)
        row = next(row for row in report.body if row["path"] == str(letters))
        assert row["excluded"] == ["*.tmp"]
        assert row["files"]["indexed"] == 2
        assert "lease.txt" in found(caller, "rent of the tenant")  # without being read again

        last(caller, FoldersRemove(caller.next_id(), (str(letters),), 0.2))
        until = time.monotonic() + 20
        while folders_known(home) != ["notes"] and time.monotonic() < until:
            time.sleep(0.05)
        assert folders_known(home) == ["notes"]
        last(caller, FoldersRemove(caller.next_id(), (str(notes),), UNDO_S))
    assert folders_known(home) == []  # whoever quits meanwhile has removed it
    assert load_folders(find_home(str(home), {}).folders) == ()


def test_each_folder_leaves_at_its_time() -> None:
    now = 0.0
    leaving = Leaving(lambda: now)
    leaving.part_with(["/a"], 5.0)
    now = 3.0
    leaving.part_with(["/b"], 5.0)
    assert leaving.left_s() == 2.0
    assert not leaving.forget_due()
    now = 6.0
    assert leaving.left_s() == 0.0
    assert leaving.forget_due()
    assert leaving.paths == ("/b",)
    leaving.stay(["/b"])
    assert leaving.left_s() is None
