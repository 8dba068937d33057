"""Altered, cut off and missing segments: nothing false is shown, and all comes back."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from helpers import Lab

from core.errors import UserError
from core.index.bits import CodecError
from core.index.quarantine import Quarantine
from core.index.segment import Segment
from core.index.segment_format import FORMAT, MAGIC, SegmentError, seal
from core.store.database import StoreDamagedError

TOPICS = ("harbour", "lighthouse", "bicycle", "garden")
QUERIES = [f"{topic} line {line}" for line, topic in enumerate(TOPICS)]
PARTS = ("codes", "graph", "table", "spans", "words")
Shown = list[tuple[str, int, float, str]]


@pytest.fixture
def two(lab: Lab) -> Lab:
    """A lab with a large segment and a small one, of the file small.txt alone."""
    for number in range(8):
        topic = TOPICS[number % len(TOPICS)]
        lines = [f"{topic} note {number} line {line} marker{number}x{line}" for line in range(4)]
        lab.write(f"note-{number}.txt", "\n".join(lines))
    lab.index()
    lab.write("small.txt", "the small harbour line\na small lighthouse line")
    lab.index()
    assert lab.store.segment_count == 2
    return lab


def large_segment(lab: Lab) -> Path:
    return max(lab.segments.iterdir(), key=lambda path: path.stat().st_size)


def shown(lab: Lab, quarantine: Quarantine) -> list[Shown]:
    """What searches show, by meaning and by words, as a service would go about it."""
    for _ in range(3):
        searcher = lab.searcher(quarantine.sound(lab.store.view))
        try:
            return [
                [
                    (Path(hit.path).name, hit.start, round(hit.score, 5), hit.snippet)
                    for hit in searcher.search(lab.query(query, 50, mode=mode), 99, 60.0).hits
                ]
                for query in QUERIES
                for mode in ("semantic", "lexical")
            ]
        except (SegmentError, CodecError):
            assert quarantine.look(lab.store.view)
    raise AssertionError("damage was met again after it had been set aside")


def only_small(lab: Lab) -> list[Shown]:
    """What searches show when there is nothing but the small segment."""
    view = lab.store.view
    large = max(view.segments, key=lambda one: one[1].chunks)[0]
    alone = Quarantine()
    alone._damaged = {large: "as if"}
    return shown(lab, alone)


def flip(path: Path, bit: int) -> None:
    """Flip a bit where the file is mapped."""
    with path.open("r+b") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def mend(lab: Lab, quarantine: Quarantine) -> None:
    """What the thread that changes the store does about damage; then the files are read again."""
    damaged = lab.store.verify()
    lab.store.drop(list(damaged), damaged)
    quarantine.release(set(damaged))
    lab.index()


MORE = [pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12)]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("seed", [0, *MORE])
def test_a_bit_that_flips_in_use_shows_nothing_false(two: Lab, part: str, seed: int) -> None:
    full, small = shown(two, Quarantine()), only_small(two)
    two.reopen()
    path = large_segment(two)
    place = Segment(path).header.parts[part]
    body = path.stat().st_size - sum(p.length for p in Segment(path).header.parts.values())
    bit = random.Random(seed).randrange(8 * place.length)
    flip(path, 8 * (body + place.offset) + bit)
    quarantine = Quarantine()
    if part in ("codes", "table"):  # these were checked when the segment was opened
        two.reopen()
        assert two.store.repaired
        assert shown(two, quarantine) == small
        two.index()
    else:
        found = shown(two, quarantine)
        # A word that nobody asks for may be damaged and stay unnoticed; it is checked apart.
        assert found == (small if quarantine.damaged else full)
        [what] = two.store.verify().values()
        assert part in what or "word index" in what
        mend(two, quarantine)
        assert quarantine.damaged == {}
        assert [loss.files for loss in two.catalogue.notes.losses()] == [8]
    assert two.store.verify() == {}
    assert_alike(shown(two, quarantine), full)


def assert_alike(one: list[Shown], other: list[Shown]) -> None:
    """The same passages with the same scores; those that score alike in any order."""
    for mine, theirs in zip(one, other, strict=True):
        assert sorted(mine) == sorted(theirs)
        assert [hit[2] for hit in mine] == [hit[2] for hit in theirs]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let mapped files be cut off")
@pytest.mark.parametrize("left", [0.0, 0.02, 0.5, 0.99, 1.5])
def test_a_file_cut_off_in_use_ends_no_process(two: Lab, left: float) -> None:
    quarantine = Quarantine()
    assert shown(two, quarantine) != only_small(two)
    rest = only_small(two)
    path = large_segment(two)
    os.truncate(path, int(left * path.stat().st_size))
    searcher = two.searcher(two.store.view)
    with pytest.raises(SegmentError, match="cut off"):
        searcher.search(two.query(QUERIES[0], 5), 99, 60.0)
    with pytest.raises(SegmentError, match="cut off"):
        searcher.related(0, 5, 99, 60.0)
    assert shown(two, quarantine) == rest
    [what] = quarantine.damaged.values()
    assert "cut off" in what
    damaged = two.store.verify()
    assert list(damaged) == list(quarantine.damaged)
    two.store.drop(list(damaged), damaged)
    quarantine.release(set(damaged))
    two.index()
    assert shown(two, quarantine) != rest


def test_cut_off_anywhere_it_is_named_and_made_anew(two: Lab) -> None:
    full, small = shown(two, Quarantine()), only_small(two)
    whole = large_segment(two).read_bytes()
    chance = random.Random(2)
    for length in (0, 19, chance.randrange(len(whole)), len(whole) - 1):
        path = large_segment(two)
        path.write_bytes(path.read_bytes()[:length])
        two.reopen()
        [problem] = two.store.repaired
        assert path.name in problem
        assert "8 files" in problem
        assert [loss.files for loss in two.catalogue.notes.losses()] == [8]
        assert shown(two, Quarantine()) == small
        two.index()
        two.catalogue.notes.forget_losses()
        assert_alike(shown(two, Quarantine()), full)


def test_a_segment_that_is_gone_is_named(two: Lab) -> None:
    path = large_segment(two)
    path.unlink()
    two.reopen()
    assert two.store.repaired == [f"{path.name} is not there; its 8 files are read again"]


def test_a_segment_that_does_not_fit_the_catalogue_is_not_used(two: Lab) -> None:
    """As after another copy of the catalogue was put in its place."""
    document = int(two.catalogue.documents().id[0])
    two.catalogue.db.execute("UPDATE document SET chunks=chunks+1 WHERE id=?", (document,))
    two.catalogue.db.execute("UPDATE document SET chunks=chunks-1 WHERE id=?", (document + 4,))
    two.reopen()
    assert "not the one that was published" in two.store.repaired[0]


def test_damage_does_not_survive_a_merge(two: Lab) -> None:
    """What is copied into a new segment was checked first."""
    path = large_segment(two)
    two.store.release_embeddings()
    two.reopen()
    size = path.stat().st_size
    flip(path, 8 * (size - 2))  # of the spans
    for number in range(3, 8):
        (two.files / f"note-{number}.txt").unlink()
    with pytest.raises(SegmentError, match="spans"):
        two.index()
    assert two.store.drop(two.store.verify()) == 3
    two.index()
    assert two.store.verify() == {}
    assert {hit[0] for hit in shown(two, Quarantine())[0]} >= {"note-0.txt", "small.txt"}


def test_forgetting_takes_a_damaged_segment_with_it(two: Lab) -> None:
    """What cannot be written anew without the text of a file may not stay either."""
    path = large_segment(two)
    two.reopen()
    flip(path, 8 * (path.stat().st_size - 2))
    rows = two.catalogue.documents()
    two.catalogue.files.remove(two.catalogue.files.below(str(two.files / "note-1.txt")))
    two.store.refresh()
    two.store.rewrite_without(set(rows.segment.tolist()))
    assert not path.exists()
    assert two.catalogue.files.coverage()["waiting"] == 7


def test_a_newer_segment_is_refused_and_nothing_is_changed(two: Lab) -> None:
    small, large = sorted(two.segments.iterdir(), key=lambda path: path.stat().st_size)
    header = seal(b'{"format":%d,"other":true}' % (FORMAT + 3))
    large.write_bytes(MAGIC + len(header).to_bytes(4, "little") + header + b"what it holds")
    small.write_bytes(b"damaged too")
    before = {path.name: path.read_bytes() for path in two.segments.iterdir()}
    rows = two.catalogue.documents().id.tolist()
    with pytest.raises(UserError, match=f"format {FORMAT + 3}") as caught:
        two.reopen()
    assert "newer version" in caught.value.title
    assert "Update Satchel" in caught.value.advice
    assert {path.name: path.read_bytes() for path in two.segments.iterdir()} == before
    assert two.catalogue.documents().id.tolist() == rows


def test_a_store_without_any_damage_is_left_alone(two: Lab) -> None:
    quarantine = Quarantine()
    view = two.store.view
    assert not quarantine.look(view)
    assert quarantine.sound(view) is view
    assert two.catalogue.notes.losses() == []


def test_a_list_of_documents_that_is_damaged_is_noticed(two: Lab) -> None:
    two.catalogue.db.execute("UPDATE segment SET documents=x'ffff' WHERE id=1")
    with pytest.raises(StoreDamagedError, match="is damaged"):
        two.catalogue.documents()
