"""Changes that come while a run goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from helpers import Lab

from core.errors import Cancelled
from core.files.changes import EVERYTHING, Changes
from core.index.ahead import FRONT_BYTES, FRONT_BYTES_A_S, Ahead
from core.messages import Chunks, Extracted
from core.store.rows import FileRef


class Told:
    """Hints given by hand."""

    def __init__(self) -> None:
        self.due: list[Changes] = []
        self.again: list[str] = []

    def tell(self, *paths: Path, moves: tuple[tuple[Path, Path], ...] = ()) -> None:
        ends = tuple((str(old), str(new)) for old, new in moves)
        self.due.append(Changes(frozenset(map(str, paths)), ends))

    def take_due(self) -> Changes | None:
        return self.due.pop(0) if self.due else None

    def give_back(self, changes: Changes) -> None:
        self.due.insert(0, changes)

    def look_again(self, paths: Iterable[str]) -> None:
        self.again += paths


class Meddler:
    """Does something while a certain number of files has been read."""

    def __init__(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lab = lab
        self.acts: dict[int, Callable[[], None]] = {}
        real = lab.reader.extract

        def extract(file: FileRef) -> Iterator[Chunks | Extracted]:
            act = self.acts.pop(len(lab.reader.extracted), None)
            if act is not None:
                act()
            yield from real(file)

        monkeypatch.setattr(lab.reader, "extract", extract)

    def at(self, reads: int, act: Callable[[], None]) -> None:
        self.acts[reads] = act


@pytest.fixture
def meddler(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Meddler:
    return Meddler(lab, monkeypatch)


def fill(lab: Lab, count: int) -> None:
    for number in range(count):
        path = lab.write(f"old/{number}.txt", f"line one of note {number}\nline two marker{number}")
        os.utime(path, (10**9 - number, 10**9 - number))


def settled(path: Path) -> Path:
    """A file that was not written just now."""
    stamp = time.time() - 60
    os.utime(path, (stamp, stamp))
    return path


def test_a_changed_file_overtakes_the_others_and_is_searchable_at_once(
    lab: Lab, meddler: Meddler
) -> None:
    fill(lab, 120)
    told = Told()
    published: list[int] = []

    def save() -> None:
        told.tell(settled(lab.write("new.txt", "a walrus was seen")))

    def look() -> None:
        published.append(len(lab.names("walrus", mode="lexical")))

    meddler.at(20, save)
    meddler.at(60, look)
    lab.index(hints=told)
    order = [Path(path).name for path in lab.reader.extracted]
    assert 20 <= order.index("new.txt") <= 20 + 2 * 4 + 2
    assert published == [1]
    assert lab.catalogue.files.coverage()["indexed"] == 121


def test_a_file_that_changes_on_its_way_is_indexed_as_it_is_at_last(
    lab: Lab, meddler: Meddler
) -> None:
    fill(lab, 60)
    told = Told()
    paths = [lab.files / "old" / f"{number}.txt" for number in (0, 5, 20, 22, 50)]

    def change() -> None:
        for path in paths:
            path.write_text("the ferry was late\nand so was the bus")
            settled(path)
        told.tell(*paths)

    meddler.at(20, change)
    lab.index(hints=told)
    assert lab.catalogue.files.coverage()["indexed"] == 60
    found = lab.names("ferry late", mode="lexical", k=20)
    assert found and {lab.catalogue.document_at(str(path)) for path in paths} == {
        lab.catalogue.document_at(str(paths[0]))
    }
    for number in (0, 5, 20, 22, 50):
        assert lab.names(f"marker{number}", mode="lexical") == []


def test_files_that_move_and_go_on_their_way(lab: Lab, meddler: Meddler) -> None:
    fill(lab, 60)
    told = Told()
    old = lab.files / "old"

    def move() -> None:
        (old / "40.txt").unlink()
        old.rename(lab.files / "new")
        told.tell(old / "40.txt", moves=((old, lab.files / "new"),))

    meddler.at(20, move)
    outcome = lab.index(hints=told)
    assert lab.catalogue.files.coverage()["indexed"] == 59
    assert lab.names("marker50", mode="lexical") == ["50.txt"]
    assert outcome.embedded_chunks <= 2 * (60 + 8)
    assert lab.index().embedded_chunks == 0
    assert {str(Path(p).parent) for p in lab.reader.extracted[-5:]} == {str(lab.files / "new")}


def test_a_drive_that_goes_meanwhile_loses_nothing(lab: Lab, meddler: Meddler) -> None:
    fill(lab, 40)
    lab.index()
    for number in range(0, 40, 2):
        settled(lab.write(f"old/{number}.txt", f"changed {number}\nmarker{number}"))
    away = lab.root / "away"
    meddler.at(40 + 5, lambda: lab.files.rename(away) and None)
    lab.index()
    counts = lab.catalogue.files.coverage()
    assert counts["offline"] == 40
    assert sum(counts.values()) == 40
    assert lab.catalogue.db.execute("SELECT count(*) FROM document").get >= 40 - 1
    away.rename(lab.files)
    lab.index()
    assert lab.catalogue.files.coverage()["indexed"] == 40
    assert lab.names("marker7", mode="lexical") == ["7.txt"]


def test_a_file_that_changes_while_it_is_read_is_read_once_more(lab: Lab, meddler: Meddler) -> None:
    fill(lab, 30)
    path = lab.files / "old" / "0.txt"
    meddler.at(0, lambda: settled(lab.write("old/0.txt", "quite another text")) and None)
    lab.index()
    assert lab.catalogue.files.coverage()["indexed"] == 30
    assert lab.names("quite another", mode="lexical") == ["0.txt"]
    assert lab.reader.extracted.count(str(path)) == 2


def test_what_is_being_written_is_left_for_later(lab: Lab) -> None:
    told = Told()
    fill(lab, 3)
    path = lab.write("a.txt", "half a sent")
    lab.index(hints=told)
    assert told.again == [str(path)]
    assert lab.catalogue.files.coverage()["waiting"] == 1
    settled(path)
    lab.index(Changes(frozenset(told.again)), told)
    assert lab.names("sent", mode="lexical") == ["a.txt"]


def test_a_survey_that_is_cut_short_gives_its_changes_back(lab: Lab) -> None:
    told = Told()
    for number in range(600):
        lab.write(f"{number % 9}/{number}.txt", "x")

    def breathe() -> None:
        raise Cancelled

    lab.breathe = breathe
    assert lab.index(EVERYTHING, told).interrupted
    assert told.due == [EVERYTHING]


def test_nothing_told_costs_nothing(lab: Lab) -> None:
    fill(lab, 5)
    lab.index()
    view = lab.store.view
    lab.index(Changes(frozenset((str(lab.files / "old" / "1.txt"),))), Told())
    assert lab.store.view is view
    assert len(lab.reader.extracted) == 5


# --- the queue -----------------------------------------------------------------------------


def ref(name: str, size_bytes: int = 10) -> FileRef:
    return FileRef(name, size_bytes, 0, False)


def drain(ahead: Ahead[None]) -> list[int]:
    found = []
    while (entry := ahead.next_hashed(lambda _: Future())) is not None:
        found.append(entry[0])
    return found


def test_files_leave_the_queue_and_come_again_in_front() -> None:
    ahead: Ahead[None] = Ahead([(number, ref(str(number))) for number in range(30)])
    first = ahead.next_hashed(lambda _: Future())
    assert first is not None and first[0] == 0
    ahead.replace({2, 25, 40}, [(40, ref("new")), (25, ref("25", FRONT_BYTES + 1))])
    assert ahead.in_a_hurry
    rest = drain(ahead)
    assert rest[0] == 40
    assert rest[-1] == 25, "large ones wait"
    assert 2 not in rest
    assert len(rest) == 29
    assert ahead.done(40)
    assert not ahead.done(3)


def test_a_file_that_changes_all_the_time_leaves_time_to_others() -> None:
    now = 0.0
    large = ref("1", 10 * FRONT_BYTES_A_S)
    ahead: Ahead[None] = Ahead([(n, ref(str(n))) for n in range(2, 90)], clock=lambda: now)

    def next_one() -> int:
        entry = ahead.next_hashed(lambda _: Future())
        assert entry is not None
        return entry[0]

    ahead.replace({1}, [(1, large)])
    assert next_one() == 1
    ahead.replace({1}, [(1, large)])
    now = 9.0
    assert next_one() == 2
    now = 10.0
    assert next_one() == 1
    ahead.replace({1}, [(1, ref("1", 10))])
    ahead.replace({1}, [])
    now = 100.0
    assert next_one() == 3
    for _ in range(3):  # a small one may come again at once
        ahead.replace({1}, [(1, ref("1", 10))])
        assert next_one() == 1
        now += 0.1


def test_a_search_goes_on_while_a_document_is_replaced(lab: Lab) -> None:
    for number in range(4):
        lab.write(f"note{number}.txt", f"The ferry number {number} leaves the harbour at noon.")
    lab.index()
    before = lab.store.view
    lab.write("note2.txt", "Bread rests over night.")
    lab.index()
    found = lab.searcher(before).search(lab.query("when does the ferry leave", fold=True), 32, 60.0)
    assert sorted(Path(hit.path).name for hit in found.hits if hit.state == "ok") == [
        "note0.txt",
        "note1.txt",
        "note3.txt",
    ]


def test_a_changed_file_that_waits_is_not_shown_as_it_was(lab: Lab) -> None:
    """The run was broken off after it had seen the change and before it had read the file."""
    path = lab.write("a.txt", "the ferry leaves at noon")
    lab.write("b.txt", "a walrus was seen")
    lab.index()

    def breathe() -> None:
        raise Cancelled

    path.write_text("the glacier is melting quickly")
    lab.breathe = breathe
    assert lab.index().interrupted
    assert [hit.state for hit in lab.search("ferry noon", k=1).hits] == ["changed"]
    path.rename(path.with_name("elsewhere"))
    assert lab.index().interrupted
    path.with_name("elsewhere").rename(path)
    lab.breathe = lambda: None
    lab.index()
    assert lab.names("glacier melting quickly")[0] == "a.txt"
    assert [hit.state for hit in lab.search("glacier melting quickly", k=1).hits] == ["ok"]
