import contextlib
import os
import random
import threading
import time
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from helpers import Lab

from core.errors import UserError
from core.messages import UNTITLED, About, Citation, Locator
from core.store.catalogue import Catalogue
from core.store.database import StoreDamagedError
from core.store.files import UNSETTLED_NS
from core.store.history import History
from core.store.migrations import CATALOGUE, HISTORY, Migration, migrate
from core.store.rows import FileState, NewDocument, Standing


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "catalogue.db")


def document(name: bytes, files: list[int], *texts: str) -> NewDocument:
    return NewDocument(name.ljust(12, b"-"), texts, 10, UNTITLED, False, b"", files)


def ids(catalogue: Catalogue, folder: str) -> dict[str, int]:
    [row] = [row for row in catalogue.files.folders() if row.path == folder]
    return {
        str(Path(where, name)): file.id
        for where, directory in catalogue.survey.dirs(row.id).items()
        for name, file in catalogue.survey.files(directory.id).items()
    }


def test_files_keep_names_of_any_bytes(catalogue: Catalogue) -> None:
    odd = os.fsdecode(b"/r\xe9sum\xe9")
    name = os.fsdecode(b"d\xff/n\xfe.txt")
    catalogue.files.sync_folders([odd])
    [folder] = catalogue.files.folders()
    assert folder.path == odd
    catalogue.survey.note(folder.id, [(name, 5, 7), ("plain.txt", 1, 2)])
    assert set(catalogue.survey.paths(folder.id, "")) == {name, "plain.txt"}
    known = catalogue.survey.file(folder.id, name)
    assert known is not None
    assert (known.size_bytes, known.mtime_ns) == (5, 7)
    assert {ref.path for _, ref in catalogue.files.waiting()} == {
        f"{odd}/{name}",
        f"{odd}/plain.txt",
    }
    standing = Standing(FileState.WAITING, None, crashes=0, offline=False)
    assert catalogue.files.standing(f"{odd}/{name}") == standing
    assert catalogue.files.standing(odd) is None


def test_a_document_lives_as_long_as_a_file_holds_it(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a"])
    catalogue.survey.note(1, [("one", 1, 1), ("two", 1, 1)])
    files = ids(catalogue, "/a")
    catalogue.publish("s", "m", [document(b"x", list(files.values()), "zebra", "gnu")])
    assert catalogue.totals() == (2, 10)
    catalogue.files.remove([files["one"]])
    assert catalogue.totals() == (2, 10)
    catalogue.files.remove([files["two"]])
    assert catalogue.totals() == (0, 0)
    assert len(catalogue.documents()) == 0


def test_chunk_numbers_are_given_once(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a"])
    catalogue.survey.note(1, [("one", 1, 1)])
    [file] = ids(catalogue, "/a").values()
    seen: set[int] = set()
    for number in range(4):
        catalogue.publish(f"s{number}", "m", [document(b"%d" % number, [file], "a", "b")])
        row = catalogue.documents()
        assert len(row) == 1
        span = set(range(row.id[0], row.id[0] + row.chunks[0]))
        assert not seen & span
        seen |= span


def test_a_folder_that_left_goes_with_its_files(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a", "/b"])
    for folder in catalogue.files.folders():
        catalogue.survey.note(folder.id, [("x/one", 1, 1)])
        [file] = ids(catalogue, folder.path).values()
        catalogue.publish("s", "m", [document(folder.path.encode(), [file], "text")])
    catalogue.files.sync_folders(["/b"])
    assert [folder.path for folder in catalogue.files.folders()] == ["/b"]
    assert len(catalogue.documents()) == 1
    assert catalogue.document_at("/b/x/one") is not None
    assert catalogue.document_at("/a/x/one") is None


def test_each_file_is_counted_once(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a", "/b"])
    first, second = catalogue.files.folders()
    catalogue.survey.note(first.id, [(f"f{n}", 1, 1) for n in range(5)])
    catalogue.survey.note(second.id, [("g", 1, 1)])
    files = ids(catalogue, "/a")
    catalogue.files.set_state(files["f0"], FileState.FAILED, "broken")
    catalogue.files.set_state(files["f1"], FileState.NEEDS_OCR, "pictures")
    catalogue.files.set_state(files["f2"], FileState.SKIPPED, "no text")
    catalogue.publish(None, "m", [document(b"e", [files["f3"]])])
    catalogue.survey.set_left_out(first.id, ".git", {"hidden": 2})
    catalogue.survey.set_left_out(second.id, "", {"hidden": 1})
    catalogue.survey.set_left_out(second.id, "", {"hidden": 2, "temporary": 1})
    catalogue.survey.set_folder_offline(second.id)
    assert catalogue.files.left_out(second.id) == {"hidden": 2, "temporary": 1}
    counts = {
        "indexed": 1, "skipped": 3, "failed": 1, "needs_ocr": 1, "offline": 4, "waiting": 1,
    }  # fmt: skip
    assert catalogue.files.coverage() == counts
    one, two = catalogue.files.coverage(first.id), catalogue.files.coverage(second.id)
    assert {name: one[name] + two[name] for name in one} == counts
    assert catalogue.files.retry("/a/f0") == 1
    assert catalogue.files.retry() == 2  # one that was skipped too


def test_files_below_does_not_take_a_name_that_only_begins_alike(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a"])
    catalogue.survey.note(1, [("notes/x", 1, 1), ("notes2/x", 1, 1), ("notes.txt", 1, 1)])
    files = ids(catalogue, "/a")
    assert catalogue.files.below("/a/notes") == [files["notes/x"]]
    assert catalogue.files.below("/a/notes.txt") == [files["notes.txt"]]
    assert len(catalogue.files.below("/a")) == 3
    assert catalogue.files.below("/") == sorted(files.values())


def test_files_are_read_in_a_useful_order(catalogue: Catalogue) -> None:
    now, day = time.time_ns(), 86_400 * 10**9
    catalogue.files.sync_folders(["/a"])
    wanted = [
        ("today.txt", 10_000, now),
        ("today.pdf", 3_000_000, now - day // 2),
        ("months-ago.txt", 10_000, now - 60 * day),
        ("months-ago.pdf", 3_000_000, now - 60 * day),
        ("old.txt", 10_000, now - 4_000 * day),
        ("before-1970.txt", 10, -(10**9)),
        ("old.pdf", 3_000_000, now - 4_000 * day),
        ("huge.iso", 3_000_000_000, now),
        ("crashes.txt", 10, now),
    ]
    catalogue.survey.note(1, reversed(wanted))
    catalogue.survey.note(1, [("being-written.txt", 1, UNSETTLED_NS)])
    files = ids(catalogue, "/a")
    for _ in range(2):
        catalogue.files.set_state(files["crashes.txt"], FileState.FAILED, "boom", crashed=True)
    catalogue.survey.note(1, [("crashes.txt", 11, now)])
    order = [Path(ref.path).name for _, ref in catalogue.files.waiting()]
    assert order == [name for name, _, _ in wanted]
    only = [files["old.txt"], files["today.txt"], files["being-written.txt"]]
    assert [number for number, _ in catalogue.files.waiting(only)] == [only[1], only[0]]


def test_crashes_are_counted_until_one_goes_well(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a"])
    catalogue.survey.note(1, [("one", 1, 1)])
    [file] = ids(catalogue, "/a").values()

    def crashes() -> int:
        standing = catalogue.files.standing("/a/one")
        assert standing is not None
        return standing.crashes

    for expected in (1, 2):
        catalogue.files.set_state(file, FileState.FAILED, "boom", crashed=True)
        assert crashes() == expected
    catalogue.survey.note(1, [("one", 2, 2)])
    assert crashes() == 2
    catalogue.publish(None, "m", [document(b"e", [file])])
    assert crashes() == 0
    catalogue.files.set_state(file, FileState.FAILED, "boom", crashed=True)
    catalogue.files.set_state(file, FileState.NEEDS_OCR, "pictures")
    assert crashes() == 0


def test_files_change_places_all_at_once(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a", "/b"])
    catalogue.survey.note(1, [(name, 1, 1) for name in ("x", "y", "d/z", "gone")])
    files = ids(catalogue, "/a")
    catalogue.publish("s", "m", [document(b"gone", [files["gone"]], "text")])
    catalogue.survey.relocate(
        [(files["x"], 1, "y"), (files["y"], 1, "x"), (files["d/z"], 1, "gone")]
    )
    assert ids(catalogue, "/a") == {"x": files["y"], "y": files["x"], "gone": files["d/z"]}
    assert len(catalogue.documents()) == 0
    catalogue.survey.relocate([(files["x"], 2, "deep/x")])
    assert ids(catalogue, "/b") == {"deep/x": files["x"]}


def test_folders_below_does_not_take_a_name_that_only_begins_alike(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a"])
    names = ["x/1", "x/y/2", "x0/3", "x!/4", "x/5", os.fsdecode(b"x/\xff/6"), "7"]
    catalogue.survey.note(1, [(name, 1, 1) for name in names])
    assert set(catalogue.survey.dirs(1, "x")) == {"x", "x/y", os.fsdecode(b"x/\xff")}
    assert set(catalogue.survey.paths(1, "x/y")) == {"x/y/2"}
    assert len(catalogue.survey.dirs(1)) == 6
    assert catalogue.survey.any_file(1, "x0")
    assert not catalogue.survey.any_file(1, "none")


def test_offline_files_are_named(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a", "/b"])
    catalogue.survey.note(1, [("one", 1, 1), ("x/two", 1, 1)])
    catalogue.survey.note(2, [("three", 1, 1)])
    catalogue.survey.set_dirs_offline([catalogue.survey.dirs(1)["x"].id])
    catalogue.survey.set_folder_offline(2)
    paths = {entry["path"] for entry in catalogue.files.offline(None, 10)}
    assert paths == {"/a/x/two", "/b/three"}
    assert [e["path"] for e in catalogue.files.offline("/a", 10)] == ["/a/x/two"]
    assert [ref.path for _, ref in catalogue.files.waiting()] == ["/a/one"]
    catalogue.survey.set_dirs_online([catalogue.survey.dirs(1)["x"].id])
    catalogue.survey.set_surveyed(2, 7, ["m"])
    assert catalogue.files.offline(None, 10) == []
    assert catalogue.files.folders()[1].mounts == ("m",)


def test_a_catalogue_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    db = apsw.Connection(str(path))
    migrate(db, CATALOGUE[:1], "catalogue")
    db.execute("INSERT INTO folder(path, skipped) VALUES(x'2f61', '{\"hidden\": 2}')")
    db.execute("INSERT INTO dir(folder, path) VALUES(1, x'')")
    db.execute("INSERT INTO file(dir, name, size, mtime_ns, state) VALUES(1, x'62', 1, 1, 0)")
    db.close()
    catalogue = Catalogue(path)
    assert [ref.path for _, ref in catalogue.files.waiting()] == ["/a/b"]
    assert catalogue.files.coverage()["waiting"] == 1
    catalogue.close()


def test_filters_by_folder_and_ending(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a"])
    names = ["d/one.TXT", "d/two.md", "d2/three.txt", "four.txt"]
    catalogue.survey.note(1, [(name, 1, 1) for name in names])
    files = ids(catalogue, "/a")
    catalogue.publish("s", "m", [document(n.encode(), [files[n]], "t") for n in names])
    at = {name: catalogue.document_at(f"/a/{name}") for name in names}
    match = catalogue.documents_matching
    assert match("/a/d") == {at["d/one.TXT"], at["d/two.md"]}
    assert match(None, ["txt"]) == {at["d/one.TXT"], at["d2/three.txt"], at["four.txt"]}
    assert match("/a/d/", [".txt"]) == {at["d/one.TXT"]}
    assert match("/") == set(at.values())
    assert match("/a/d/one") == set()


def test_filters_by_the_date_that_documents_have_or_else_their_files(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a"])
    catalogue.survey.note(1, [(name, 1, 50 * 10**9) for name in ("plain", "dated", "made")])
    files = ids(catalogue, "/a")
    for name, about in (
        ("plain", About()),
        ("dated", About(created_s=10, modified_s=90)),
        ("made", About(created_s=20)),
    ):
        new = replace(document(name.encode(), [files[name]], "t"), about=about)
        catalogue.publish(name, "m", [new])

    def match(*dates: int | None) -> set[str]:
        found = catalogue.documents_matching(None, (), (dates[0], dates[1]))
        return {name for name in files if catalogue.document_at(f"/a/{name}") in found}

    assert match(50, 91) == {"plain", "dated"}
    assert match(None, 50) == {"made"}
    assert match(51, None) == {"dated"}
    assert match(90, 90) == set()


def test_a_failed_publication_changes_nothing(catalogue: Catalogue) -> None:
    catalogue.files.sync_folders(["/a"])
    catalogue.survey.note(1, [("one", 1, 1)])
    [file] = ids(catalogue, "/a").values()
    bad = replace(document(b"two", [file], "b"), hash=None)
    with pytest.raises(apsw.ConstraintError):
        catalogue.publish("s", "m", [document(b"one", [file], "a"), bad])
    assert catalogue.segments() == []
    assert catalogue.totals() == (0, 0)
    assert len(catalogue.files.waiting()) == 1


def test_readers_see_what_is_published_while_another_writes(tmp_path: Path) -> None:
    writer = Catalogue(tmp_path / "catalogue.db")
    writer.files.sync_folders(["/a"])
    counts: list[int] = []

    def read() -> None:
        reader = Catalogue(tmp_path / "catalogue.db", read_only=True)
        counts.extend(len(reader.files.folders()) for _ in range(50))
        reader.close()

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(30):
        writer.files.sync_folders([f"/{n}" for n in range(number + 1)])
    thread.join()
    assert len(counts) == 50
    writer.close()


# --- versions and damage -------------------------------------------------------------------


def test_a_newer_store_is_refused(tmp_path: Path) -> None:
    for kind, path in ((Catalogue, tmp_path / "c.db"), (History, tmp_path / "h.db")):
        kind(path).close()
        db = apsw.Connection(str(path))
        db.pragma("user_version", 99)
        db.close()
        before = path.read_bytes()
        with pytest.raises(UserError, match="newer version"):
            kind(path)
        assert path.read_bytes() == before


@pytest.mark.parametrize(
    "data", [b"not a database at all" * 50, b"SQLite format 3\0" + bytes(5000)]
)
def test_what_is_no_database_is_damaged(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "catalogue.db"
    path.write_bytes(data)
    with pytest.raises(StoreDamagedError):
        Catalogue(path)


def content(catalogue: Catalogue) -> list[tuple[object, ...]] | None:
    """All that is in it; None where it cannot be read."""
    try:
        tables = [row[0] for row in catalogue.db.execute(
            "SELECT name FROM sqlite_master WHERE type='table' ORDER BY name")]  # fmt: skip
        return [tuple(row) for name in tables for row in catalogue.db.execute(
            f"SELECT * FROM {name}")]  # fmt: skip
    except apsw.Error:
        return None


def test_a_catalogue_that_is_cut_off_at_any_byte_is_noticed(lab: Lab) -> None:
    for number in range(60):
        lab.write(f"folder{number % 7}/{number}.txt", f"a note about harbour {number}")
    lab.index()
    lab.catalogue.checkpoint()
    held, path = content(lab.catalogue), lab.catalogue.path
    lab.close()
    whole = path.read_bytes()
    lengths = {1, 50, 100, 511, 512, *range(1024, len(whole), 1024)}
    lengths |= set(random.Random(0).sample(range(len(whole)), 30)) | {len(whole) - 1}
    for length in sorted(lengths):
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.write_bytes(whole[:length])
        try:
            catalogue = Catalogue(path)
        except StoreDamagedError:
            continue
        with contextlib.closing(catalogue):
            begun_anew = length < 512 and not len(catalogue.documents())
            # The last page may be one that holds nothing.
            sound = begun_anew or content(catalogue) == held
            assert sound or catalogue.problems(), f"cut off at {length}"


def test_migrations_of_which_one_fails_leave_the_old_schema(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "x.db"))
    steps = [Migration("0001", "CREATE TABLE a(x)"), Migration("0002", "CREATE TABLE a(x)")]
    with pytest.raises(apsw.SQLError):
        migrate(db, steps, "test")
    assert db.pragma("user_version") == 0
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == []
    steps[1] = Migration("0002", "CREATE TABLE b(x)")
    migrate(db, steps, "test")
    assert db.pragma("user_version") == 2
    db.close()


def test_migrations_are_named_in_order() -> None:
    for migrations in (CATALOGUE, HISTORY):
        names = [migration.name for migration in migrations]
        assert names == sorted(names)
        assert [name[:4] for name in names] == [f"{n:04}" for n in range(1, len(names) + 1)]


def test_a_full_disk_is_told_in_our_words(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path / "catalogue.db")
    catalogue.files.sync_folders(["/a"])
    pages = int(catalogue.db.pragma("page_count"))
    catalogue.db.pragma("max_page_count", pages + 2)
    with pytest.raises(UserError, match="disk is full") as caught:
        catalogue.survey.note(1, [(f"folder/{'n' * 200}{n}", 1, 1) for n in range(500)])
    assert "catalogue.db" in caught.value.title
    assert caught.value.advice
    assert ids(catalogue, "/a") == {}
    catalogue.db.pragma("max_page_count", 10_000)
    catalogue.survey.note(1, [("works", 1, 1)])
    assert set(ids(catalogue, "/a")) == {"works"}


def test_nothing_is_left_of_what_was_scrubbed(lab: Lab) -> None:
    for number in range(60):
        lab.write(f"keep{number}.txt", f"ordinary text number {number}")
    lab.write("secret.txt", "qqzanzibarium wwxylophagous lies under the oak")
    lab.index()
    lab.catalogue.files.remove(lab.catalogue.files.below(str(lab.files / "secret.txt")))
    lab.catalogue.scrub()
    for path in lab.root.glob("catalogue.db*"):
        data = path.read_bytes()
        for trace in (b"anzibari", b"xylophag", b"secret.txt"):
            assert trace not in data, (path.name, trace)
    assert lab.names("ordinary number 7")


# --- history -------------------------------------------------------------------------------


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "history.db")


def cited(path: str, quote: str = "the quote") -> Citation:
    return Citation(1, path, Locator(page=3), quote)


def test_conversations_come_back(history: History) -> None:
    number = history.begin("How  much\nis the rent? " + "x" * 100)
    history.add_turn(number, "How much?", "It is 5 [1].", True, [cited("/a/b.pdf")])
    history.add_turn(number, "And when?", "Not found in your files.", False, [])
    [entry] = history.conversations()
    assert entry["id"] == number
    assert str(entry["title"]).startswith("How much is the rent? xxx")
    assert len(str(entry["title"])) == 80
    assert [turn.text for turn in history.turns(number)][:2] == ["How much?", "It is 5 [1]."]
    first, second = history.show(number)
    assert first["citations"] == [
        {
            "n": 1,
            "path": "/a/b.pdf",
            "locator": {"page": 3, "line": None, "heading": None, "member": None},
            "quote": "the quote",
        }
    ]
    assert (second["found"], second["citations"]) == (False, [])


def test_a_deleted_conversation_leaves_no_trace(history: History, tmp_path: Path) -> None:
    number = history.begin("zanzibarium question")
    history.add_turn(number, "zanzibarium?", "zanzibarium!", True, [cited("/x", "zanzibarium")])
    assert history.delete(number)
    assert not history.delete(number)
    assert history.conversations() == []
    for path in tmp_path.iterdir():
        assert b"zanzibarium" not in path.read_bytes()


def test_forgetting_a_path_takes_its_answers(history: History, tmp_path: Path) -> None:
    odd = os.fsdecode(b"/a/\xff.txt")
    for path in ("/a/b.txt", "/a/b.txt2", odd, "/a/b/c.txt"):
        number = history.begin("a question")
        history.add_turn(number, "q", "a", True, [cited(path, f"quote of {path!r}")])
    assert history.forget("/a/b.txt") == 1
    assert history.forget("/a/b") == 1
    assert history.forget(odd) == 1
    assert history.forget("/nothing") == 0
    [left] = history.conversations()
    [turn] = history.show(int(str(left["id"])))
    assert turn["citations"][0]["path"] == "/a/b.txt2"  # type: ignore[index]
    assert all(b"c.txt" not in path.read_bytes() for path in tmp_path.iterdir())
