"""Publishing, tombstones, merging and repair, with fakes for reading and embedding."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import Lab
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from core.errors import Cancelled, UserError
from core.index import store, upkeep
from core.index.code_choice import CodeChoice
from core.index.codes import Rotation
from core.index.digest import content_digest
from core.index.foreign import write_part
from core.index.merging import MERGE_RATIO, MOST_JOINED, plan_merge
from core.index.rotations import fit_to_sample
from core.index.segment import Segment
from core.index.segment_format import SegmentError
from core.store.rows import FileState

TOPICS = ("harbour", "lighthouse", "bicycle", "garden", "recipe", "lease", "insurance", "club")


def fill(lab: Lab, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        topic = TOPICS[number % len(TOPICS)]
        lines = [f"{topic} note {number} line {line} marker{number}x{line}" for line in range(3)]
        lab.write(f"note-{number}.txt", "\n".join(lines))


def contents(lab: Lab) -> dict[str, tuple]:
    """What the index holds by file: the spans and the code of each chunk."""
    view = lab.store.view
    found: dict[str, tuple] = {}
    for document in lab.catalogue.documents().id.tolist():
        positions = view.chunks_of(document)
        spans = view.spans(view.place(int(positions[0]))).spans
        codes = view.decoded(positions).tolist()
        numbers = [view.number(int(position)) for position in positions]
        for ref in lab.catalogue.files_of([document])[document]:
            found[Path(ref.path).name] = (spans, codes, numbers)
    return found


def answers(lab: Lab) -> list[list[tuple[str, int, float]]]:
    return [
        [
            (hit.path, hit.start, hit.score)
            for hit in lab.search(f"{topic} line 1", mode="semantic", exact=True).hits
        ]
        for topic in TOPICS
    ]


# --- planning a merge ----------------------------------------------------------------------

SEGMENTS = st.lists(
    st.integers(0, 5000).flatmap(lambda chunks: st.tuples(st.just(chunks), st.integers(0, chunks))),
    max_size=40,
)


@given(SEGMENTS)
def test_merging_comes_to_an_end_with_few_segments(sizes: list[tuple[int, int]]) -> None:
    held = {number: size for number, size in enumerate(sizes) if size[0]}
    total = sum(live for _, live in held.values())
    following = len(sizes)
    rounds = 0
    while group := plan_merge([(number, *size) for number, size in held.items()]):
        rounds += 1
        assert rounds <= 2 * len(sizes) + 1
        assert len(group) == len(set(group))
        live = sum(held.pop(number)[1] for number in group)
        assert len(group) == 1 or live <= MOST_JOINED
        if live:
            held[following] = (live, live)
            following += 1
    assert sum(live for _, live in held.values()) == total
    ordered = sorted(live for _, live in held.values())
    full = 2 * total / MOST_JOINED
    assert len(ordered) <= math.log(max(total, 1), MERGE_RATIO) + 2 + full
    assert all(live >= 0.8 * chunks for chunks, live in held.values())


def test_a_tiny_segment_does_not_hold_up_the_large_ones() -> None:
    sizes = [(0, 10, 10), *((number, 4096, 4096) for number in range(1, 20))]
    assert plan_merge(sizes) == list(range(1, 1 + MOST_JOINED // 4096))


def test_small_segments_are_rewritten_a_few_times_only() -> None:
    held: dict[int, int] = {}
    written = 0
    for number in range(400):
        held[number] = 10
        while group := plan_merge([(n, size, size) for n, size in held.items()]):
            joined = sum(held.pop(n) for n in group)
            held[1000 * number + 1_000_000 + len(held)] = joined
            written += joined
    assert len(held) <= 7
    assert written / 4000 < 10


# --- publishing ----------------------------------------------------------------------------


def test_what_was_indexed_is_found(lab: Lab) -> None:
    fill(lab, 8)
    outcome = lab.index()
    assert (outcome.published_files, outcome.embedded_chunks) == (8, 24)
    assert lab.names("marker3x1 garden")[0] == "note-3.txt"
    for mode in ("hybrid", "semantic", "lexical"):
        assert lab.names("marker5x2 lease note 5 line 2", mode=mode)[0] == "note-5.txt"
    assert lab.catalogue.files.coverage()["indexed"] == 8


def test_a_second_run_embeds_nothing(lab: Lab) -> None:
    fill(lab, 4)
    lab.index()
    assert lab.index().embedded_chunks == 0
    assert len(lab.reader.extracted) == 4


def test_the_same_content_is_embedded_once(lab: Lab) -> None:
    lab.write("a.txt", "the same words in both")
    lab.write("b.txt", "the same words in both")
    assert lab.index().embedded_chunks == 1
    lab.write("later.txt", "the same words in both")
    assert lab.index().embedded_chunks == 0
    assert lab.catalogue.files.coverage()["indexed"] == 3
    assert len(lab.names("same words")) == 1


def test_the_same_content_of_another_kind_is_another_document(lab: Lab) -> None:
    one, two = lab.write("a.txt", "words"), lab.write("a.md", "words")
    assert content_digest(str(one)) != content_digest(str(two))


def test_a_rename_costs_no_embedding(lab: Lab) -> None:
    fill(lab, 5)
    lab.index()
    (lab.files / "note-2.txt").rename(lab.files / "renamed.txt")
    assert lab.index().embedded_chunks == 0
    assert "renamed.txt" in lab.names("marker2x0 bicycle")
    assert lab.catalogue.files.coverage()["indexed"] == 5


def test_a_moved_folder_costs_no_embedding(lab: Lab) -> None:
    for number in range(4):
        lab.write(f"old/{number}.txt", f"moved content {number}")
    lab.index()
    (lab.files / "old").rename(lab.files / "new")
    outcome = lab.index()
    assert (outcome.embedded_chunks, lab.catalogue.files.coverage()["indexed"]) == (0, 4)


def test_changed_text_is_found_and_the_old_is_not(lab: Lab) -> None:
    path = lab.write("a.txt", "the old text speaks of walruses")
    fill(lab, 3)
    lab.index()
    path.write_text("the new text speaks of penguins")
    assert lab.index().embedded_chunks == 1
    assert lab.names("penguins", mode="lexical") == ["a.txt"]
    assert lab.names("walruses", mode="lexical") == []
    hits = lab.search("walruses penguins", mode="semantic", exact=True).hits
    assert "walruses" not in " ".join(hit.snippet for hit in hits)


def test_a_deleted_file_is_gone(lab: Lab) -> None:
    fill(lab, 6)
    lab.index()
    (lab.files / "note-1.txt").unlink()
    lab.index()
    for mode in ("hybrid", "semantic", "lexical"):
        assert "note-1.txt" not in lab.names("lighthouse note 1 marker1x0", mode=mode, k=50)
    assert lab.catalogue.files.coverage()["indexed"] == 5


def test_an_empty_file_counts_as_indexed(lab: Lab) -> None:
    path = lab.write("empty.txt", "")
    lab.index()
    assert lab.catalogue.files.coverage()["indexed"] == 1
    assert lab.store.segment_count == 0
    path.write_text("now it has words")
    lab.index()
    assert lab.names("words") == ["empty.txt"]
    path.write_text("")
    lab.index()
    assert lab.names("words") == []


def test_a_broken_file_is_named_and_the_rest_goes_on(lab: Lab) -> None:
    fill(lab, 3)
    lab.reader.broken.add("note-1.txt")
    assert lab.index().published_files == 2
    counts = lab.catalogue.files.coverage()
    assert (counts["indexed"], counts["failed"]) == (2, 1)
    [failure] = lab.catalogue.files.in_state((FileState.FAILED,), None, 10)
    assert failure["path"].endswith("note-1.txt")
    assert failure["reason"] == "is broken"


def test_a_file_that_breaks_later_loses_its_old_text(lab: Lab) -> None:
    path = lab.write("a.txt", "about walruses")
    lab.index()
    path.write_text("something else")
    lab.reader.broken.add("a.txt")
    lab.index()
    assert lab.names("walruses") == []
    assert lab.catalogue.files.coverage()["failed"] == 1


def test_an_absent_folder_is_offline_and_not_deleted(lab: Lab) -> None:
    fill(lab, 4)
    lab.index()
    lab.files.rename(lab.root / "away")
    lab.index()
    counts = lab.catalogue.files.coverage()
    assert (counts["offline"], counts["indexed"]) == (4, 0)
    hits = lab.search("marker1x0 lighthouse").hits
    assert [hit.state for hit in hits] == ["offline"] * len(hits)
    assert hits
    assert {hit.snippet for hit in hits} == {""}
    (lab.root / "away").rename(lab.files)
    assert lab.index().embedded_chunks == 0
    assert lab.catalogue.files.coverage()["indexed"] == 4


def test_a_file_that_changed_since_is_labelled(lab: Lab) -> None:
    path = lab.write("a.txt", "the ferry leaves at noon")
    lab.index()
    path.write_text("another text about trains")
    [hit] = lab.search("ferry noon").hits
    assert (hit.state, hit.snippet) == ("changed", "")
    path.unlink()
    assert lab.search("ferry noon").hits == ()


def test_an_interrupted_run_keeps_what_was_published(lab: Lab) -> None:
    fill(lab, 40)
    calls = 0

    def breathe() -> None:
        nonlocal calls
        calls += 1
        if calls > 30:
            raise Cancelled

    lab.breathe = breathe
    assert lab.index().interrupted
    kept = lab.catalogue.files.coverage()["indexed"]
    assert 0 < kept < 40
    lab.breathe = lambda: None
    before = lab.embedder.embedded
    lab.index()
    assert lab.catalogue.files.coverage()["indexed"] == 40
    assert lab.embedder.embedded - before <= 3 * (40 - kept)


def test_what_does_not_fit_the_budget_waits(lab: Lab) -> None:
    fill(lab, 60)
    lab.room = 28_000
    outcome = lab.index()
    assert isinstance(outcome.stopped, UserError)
    counts = lab.catalogue.files.coverage()
    assert counts["waiting"] > 0
    assert counts["indexed"] > 0
    lab.room = 10**9
    assert lab.index().stopped is None
    assert lab.catalogue.files.coverage()["indexed"] == 60


# --- merging -------------------------------------------------------------------------------


@pytest.mark.parametrize("remember", [True, False], ids=["exact", "by-codes"])
def test_a_merge_keeps_documents_spans_codes_and_answers(lab: Lab, remember: bool) -> None:
    merged = False
    for part in range(4):
        fill(lab, 9, 9 * part)
        (lab.files / "note-1.txt").unlink(missing_ok=True)
        for row in range(part):
            (lab.files / f"note-{9 * part + row}.txt").write_text(f"rewritten {part} {row} harbour")
        original = lab.store.merge_once
        lab.store.merge_once = lambda: False  # type: ignore[method-assign]
        lab.index()
        lab.store.merge_once = original  # type: ignore[method-assign]
    before, found = contents(lab), answers(lab)
    assert lab.store.segment_count == 4
    if remember:
        lab.store.release_embeddings()
    while lab.store.merge_once():
        merged = True
    assert merged
    assert lab.store.segment_count == 1
    assert contents(lab) == before
    assert answers(lab) == found
    assert lab.store.verify() == {}
    lab.reopen()
    assert contents(lab) == before
    assert answers(lab) == found
    assert [path.suffix for path in lab.segments.iterdir()] == [".segment"]


def test_a_merge_drops_deleted_chunks(lab: Lab) -> None:
    fill(lab, 20)
    lab.index()
    assert lab.store.view.chunks == 60
    for number in range(10):
        (lab.files / f"note-{number}.txt").unlink()
    lab.index()
    assert lab.store.view.chunks == 30
    assert lab.store.view.live.all()
    for number in range(10, 20):
        (lab.files / f"note-{number}.txt").unlink()
    lab.index()
    assert lab.store.view.chunks == 0
    assert list(lab.segments.iterdir()) == []


def test_many_small_runs_leave_few_segments(lab: Lab) -> None:
    for number in range(25):
        fill(lab, 1, number)
        lab.index()
    assert lab.store.segment_count <= 4
    assert len(list(lab.segments.iterdir())) == lab.store.segment_count
    assert lab.names("marker7x1 club")[0] == "note-7.txt"


def test_a_view_does_not_change_under_a_search(lab: Lab) -> None:
    fill(lab, 6)
    lab.index()
    view = lab.store.view
    positions = view.chunks_of(lab.catalogue.documents().id[0])
    codes = view.decoded(positions).tolist()
    fill(lab, 6, 6)
    lab.index()
    for path in lab.files.iterdir():
        path.unlink()
    lab.index()
    assert view.decoded(positions).tolist() == codes
    assert view.spans(view.place(int(positions[0]))).spans
    assert view.live.all()


# --- repair --------------------------------------------------------------------------------


def only_segment(lab: Lab) -> Path:
    [path] = lab.segments.iterdir()
    return path


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "other", "empty"])
def test_a_bad_segment_is_read_again_from_its_files(lab: Lab, damage: str) -> None:
    fill(lab, 6)
    lab.index()
    found = answers(lab)
    path = only_segment(lab)
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "flipped":
        at = 20 + int.from_bytes(data[16:20], "little") + 3
        path.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
    else:
        path.write_bytes({"cut": data[:-100], "other": b"x" * 500, "empty": b""}[damage])
    lab.reopen()
    if damage == "cut":  # the spans are touched late
        lab.store.drop(lab.store.verify())
    else:
        assert len(lab.store.repaired) == 1
    assert lab.catalogue.files.coverage()["waiting"] == 6
    assert lab.names("marker1x0") == []
    assert lab.index().embedded_chunks == 18
    assert answers(lab) == found


def test_verify_names_damage_that_opening_does_not_touch(lab: Lab) -> None:
    fill(lab, 6)
    lab.index()
    path = only_segment(lab)
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    lab.reopen()
    assert lab.store.repaired == []
    [problem] = lab.store.verify().values()
    assert "spans" in problem


def test_orphans_are_removed_at_opening(lab: Lab) -> None:
    fill(lab, 3)
    lab.index()
    for name in ("0123456789abcdef.segment", "0123.tmp"):
        (lab.segments / name).write_bytes(b"left by a crash")
    lab.reopen()
    assert only_segment(lab)
    assert lab.store.repaired == []
    assert lab.names("marker1x0")[0] == "note-1.txt"


def refuse(*_: object) -> None:
    raise SegmentError("it cannot be read back")


@pytest.mark.parametrize("at", ["Segment", "publish"], ids=["it is opened", "it is catalogued"])
def test_a_new_segment_that_fails_leaves_no_file_and_is_tried_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    fill(lab, 3)
    with monkeypatch.context() as failing:
        failing.setattr(store if at == "Segment" else lab.catalogue, at, refuse)
        with pytest.raises(SegmentError):
            lab.index()
    assert list(lab.segments.iterdir()) == []
    assert lab.index().stopped is None
    assert lab.names("marker1x0")[0] == "note-1.txt"


@pytest.mark.parametrize("at", ["Segment", "replace_segments"], ids=["opened", "catalogued"])
def test_a_merge_that_fails_leaves_the_old_segments_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    for part in range(3):
        fill(lab, 9, 9 * part)
        with monkeypatch.context() as unmerged:
            unmerged.setattr(lab.store, "merge_once", lambda: False)
            lab.index()
    before, files = contents(lab), sorted(lab.segments.iterdir())
    assert len(files) == 3
    with monkeypatch.context() as failing:
        failing.setattr(upkeep if at == "Segment" else lab.catalogue, at, refuse)
        with pytest.raises(SegmentError):
            lab.store.merge_once()
    assert sorted(lab.segments.iterdir()) == files
    assert contents(lab) == before
    assert lab.store.merge_once()
    assert contents(lab) == before


def test_what_is_not_of_the_index_stays_among_its_segments(lab: Lab) -> None:
    fill(lab, 3)
    lab.index()
    (lab.segments / "lost+found").mkdir()
    (lab.segments / "mine.txt").write_text("mine")
    lab.reopen()
    assert lab.store.strays() == []
    assert (lab.segments / "mine.txt").read_text() == "mine"
    assert (lab.segments / "lost+found").is_dir()


def of_another_model(lab: Lab) -> None:
    """Let all that is indexed so far look as if another embedding model had made it."""
    rows, model = lab.catalogue.documents(), "older"
    for row in lab.catalogue.segments():
        path = lab.segments / f"{model}{row.name}"
        segment = Segment(lab.segments / row.name)
        segment.header = structs.replace(segment.header, model=model)
        inside = rows.select(rows.segment == row.id)
        write_part(segment, inside, path)
        lab.catalogue.replace_segments([row.id], path.name, model, inside.id.tolist())
    lab.reopen()


def test_what_another_model_made_serves_for_words_until_it_is_read_again(lab: Lab) -> None:
    fill(lab, 9)
    lab.index()
    found = answers(lab)
    of_another_model(lab)
    assert lab.store.repaired == []
    assert lab.names("marker3x1 garden", mode="lexical") == lab.names("marker3x1 garden")
    assert lab.names("marker3x1 garden")[0] == "note-3.txt"
    assert lab.search("garden", mode="semantic").hits == ()
    assert lab.catalogue.files.coverage()["waiting"] == 9
    assert lab.index().embedded_chunks == 27
    assert answers(lab) == found
    assert {row.model for row in lab.catalogue.segments()} == {"fake"}
    assert lab.store.segment_count == 1
    assert lab.index().embedded_chunks == 0


def test_what_another_model_made_goes_part_by_part(lab: Lab) -> None:
    """An interrupted run has replaced some of it; the rest still serves for words."""
    fill(lab, 40)
    lab.index()
    of_another_model(lab)
    [before] = [path.stat().st_size for path in lab.segments.iterdir()]
    lab.room = 18_000
    assert lab.index().stopped is not None
    while lab.store.merge_once():
        pass
    counts = lab.catalogue.files.coverage()
    assert 0 < counts["indexed"] < 40
    assert {row.model for row in lab.catalogue.segments()} == {"fake", "older"}
    [older] = [lab.segments / row.name for row in lab.catalogue.segments() if row.model == "older"]
    assert older.stat().st_size < before, "what was read again is not kept twice"
    assert lab.store.verify() == {}
    for number in range(40):
        topic = TOPICS[number % len(TOPICS)]
        query, name = f"marker{number}x1 {topic}", f"note-{number}.txt"
        assert lab.names(query, mode="lexical")[0] == name
        assert name in lab.names(query)
    lab.room = 10**9
    lab.reopen()
    lab.index()
    assert lab.catalogue.files.coverage()["indexed"] == 40
    assert {row.model for row in lab.catalogue.segments()} == {"fake"}


def test_what_another_model_made_of_a_drive_that_is_away_stays_for_words(lab: Lab) -> None:
    fill(lab, 4)
    lab.index()
    lab.files.rename(lab.root / "away")
    of_another_model(lab)
    lab.index()
    [hit, *_] = lab.search("marker1x0 lighthouse").hits
    assert (Path(hit.path).name, hit.state) == ("note-1.txt", "offline")
    assert lab.catalogue.files.coverage()["offline"] == 4
    (lab.root / "away").rename(lab.files)
    assert lab.index().embedded_chunks == 12
    assert lab.search("marker1x0 lighthouse", mode="semantic").hits[0].state == "ok"


def test_forgetting_reaches_what_another_model_made(lab: Lab) -> None:
    fill(lab, 4)
    lab.index()
    of_another_model(lab)
    segments = set(lab.catalogue.documents().segment.tolist())
    lab.catalogue.files.remove(lab.catalogue.files.below(str(lab.files / "note-1.txt")))
    lab.store.refresh()
    lab.store.rewrite_without(segments)
    assert lab.store.view.chunks == 9
    assert lab.store.view.live.all()
    assert lab.names("marker1x0", mode="lexical") == []
    assert lab.names("marker2x0", mode="lexical") == ["note-2.txt"]
    for path in lab.segments.iterdir():
        Segment(path).verify()


def test_codes_of_the_store_are_those_of_the_texts(lab: Lab) -> None:
    fill(lab, 4)
    lab.index()
    for name, (spans, codes, _) in contents(lab).items():
        text = (lab.files / name).read_text()
        fresh = lab.rotation.encode(lab.embedder.embed([text[a:b] for a, b in spans]))
        np.testing.assert_allclose(codes, lab.rotation.decode(fresh), atol=1e-6)


# --- a rotation of the home's own --------------------------------------------------------


def with_own(lab: Lab, monkeypatch: pytest.MonkeyPatch, least: int) -> list[int]:
    """Let the lab's store take a rotation of its own of 5 bytes; the sizes of its samples."""
    samples: list[int] = []
    monkeypatch.setattr("core.index.dial.OWN_CHUNKS", least)
    monkeypatch.setattr("core.index.upkeep.OWN_CHUNKS", least)

    def own(embeddings: np.ndarray) -> Rotation:
        samples.append(len(embeddings))
        return replace(fit_to_sample(embeddings, 5), name="own")

    lab.codes = CodeChoice(lab.rotation, own=own)
    lab.reopen()
    return samples


def rotations_of(lab: Lab) -> list[str]:
    return sorted(Segment(path).header.rotation for path in lab.segments.iterdir())


def test_a_home_with_enough_passages_gets_codes_of_its_own(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = with_own(lab, monkeypatch, 40)
    fill(lab, 6)
    lab.index()
    assert (samples, rotations_of(lab)) == ([], [""])
    fill(lab, 20, 6)
    lab.index()
    # The first segment's embeddings were let go, so its files are embedded anew.
    assert (samples, set(rotations_of(lab))) == ([60], {"own"})
    assert lab.store.dial.rotation.code_bytes == 5
    assert lab.names("marker3x1 garden")[0] == "note-3.txt"
    assert lab.names("marker17x1 lighthouse")[0] == "note-17.txt"
    fill(lab, 4, 26)
    lab.index()
    assert (samples, set(rotations_of(lab))) == ([60], {"own"})


def test_codes_of_a_rotation_that_is_gone_are_made_anew(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_own(lab, monkeypatch, 10)
    fill(lab, 6)
    lab.index()
    assert rotations_of(lab) == ["own"]
    lab.reopen()
    assert "rotation of its codes is gone" in lab.store.repaired[0]
    assert lab.index().embedded_chunks == 18
    assert lab.names("marker3x1 garden")[0] == "note-3.txt"
