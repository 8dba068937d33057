"""Levels of the index: moving between them while it serves, and views over several at once."""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from helpers import CODE_BYTES, Lab, WordEmbedder, small_rotation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import Cancelled, UserError
from core.files.changes import Changes
from core.index.code_choice import CodeChoice
from core.index.codes import Rotation, scan
from core.index.drift import DROP
from core.index.levels import GRAPH_EFFORT, LEVEL_NAMES, LEVELS, level_named
from core.index.rotations import fit_to_sample
from core.index.segment import Segment

TOPICS = ("harbour", "lighthouse", "bicycle", "garden", "recipe", "lease", "insurance", "club")
QUERIES = tuple(f"{topic} line 1" for topic in TOPICS)


def fill(lab: Lab, count: int, start: int = 0) -> None:
    for number in range(start, start + count):
        topic = TOPICS[number % len(TOPICS)]
        lines = [f"{topic} note {number} line {line} marker{number}x{line}" for line in range(3)]
        lab.write(f"note-{number}.txt", "\n".join(lines))


@cache
def rotation_of(code_bytes: int) -> Rotation:
    if code_bytes == CODE_BYTES:
        return small_rotation()
    words = [f"word{number} other{number % 7}" for number in range(300)]
    return replace(fit_to_sample(WordEmbedder().embed(words), code_bytes), name=str(code_bytes))


def turn(lab: Lab, name: str) -> None:
    """Wish for a level; of the lab's short vectors at most 12 bytes can be made."""
    level = level_named(name)
    rotation = rotation_of(min(level.code_bytes or 8, 12))
    older = map(rotation_of, (8, 12))
    lab.level, lab.codes = level, CodeChoice(rotation, older=iter(older))
    lab.store.set_level(level, lab.codes)


def reopen(lab: Lab) -> None:
    turn(lab, lab.level.name)
    lab.reopen()


def spans(lab: Lab) -> dict[str, object]:
    """The passages of each file and their lasting numbers."""
    view = lab.store.view
    found: dict[str, object] = {}
    for document in lab.catalogue.documents().id.tolist():
        positions = view.chunks_of(document)
        numbers = [view.number(int(position)) for position in positions]
        for ref in lab.catalogue.files_of([document])[document]:
            found[Path(ref.path).name] = (view.spans(view.place(int(positions[0]))).spans, numbers)
    return found


def best(lab: Lab, exact: bool = False, **fields: object) -> list[list[float]]:
    """The cosines of the best passages for each query, found exactly or quickly."""
    return [
        [hit.score for hit in lab.search(query, k=3, mode="semantic", exact=exact, **fields).hits]
        for query in QUERIES
    ]


def close(one: list[list[float]], other: list[list[float]]) -> bool:
    """Whether as good passages were found; 8 bits change a cosine a little."""
    return bool(np.abs(np.array(one) - np.array(other)).max() < 0.004)


def holdings(lab: Lab) -> set[object]:
    return {Segment(path).holding for path in lab.segments.iterdir()}


def assert_settled(lab: Lab) -> None:
    store = lab.store
    assert (store.behind, store.stuck) == (set(), set())
    assert holdings(lab) <= {store.dial.wish}
    assert store.chunks_at_level == store.view.live_chunks
    assert store.verify() == {}


# --- the table -----------------------------------------------------------------------------


def test_levels_are_declared_by_what_they_cost() -> None:
    assert LEVEL_NAMES == (
        "graph", "codes-8", "codes-12", "codes-16", "codes-24", "codes-32", "codes-48", "hubs",
        "embeddings",
    )  # fmt: skip
    codes = [level for level in LEVELS if level.name.startswith("codes-")]
    for less, more in pairwise(codes):
        assert less.bytes_a_chunk < more.bytes_a_chunk
        assert less.fixed_bytes < more.fixed_bytes
        assert less.recall_at_10 <= more.recall_at_10
        assert less.first_code_bytes <= more.first_code_bytes
    assert level_named("codes-16").first_code_bytes == 32
    with pytest.raises(UserError, match=r"no level 'codes-17'.*codes-8, codes-12"):
        level_named("codes-17")


# --- moving --------------------------------------------------------------------------------

FREE = {
    ("embeddings", "codes-8"), ("embeddings", "codes-48"), ("embeddings", "graph"),
    ("embeddings", "hubs"), ("codes-8", "graph"), ("hubs", "graph"), ("hubs", "codes-48"),
}  # fmt: skip


STARTS = ("graph", "codes-8", "hubs", "embeddings")
PAIRS = tuple(product(STARTS, (*STARTS, "codes-48")))
SOME = (
    ("graph", "hubs"), ("graph", "embeddings"), ("codes-8", "graph"), ("codes-8", "codes-48"),
    ("hubs", "codes-48"), ("embeddings", "codes-8"), ("embeddings", "hubs"),
)  # fmt: skip


@pytest.mark.parametrize(("start", "to"), SOME)
def test_from_one_level_to_another(lab: Lab, start: str, to: str) -> None:
    move(lab, start, to)


@pytest.mark.slow
@pytest.mark.parametrize(("start", "to"), PAIRS)
def test_from_any_level_to_any_other(lab: Lab, start: str, to: str) -> None:
    move(lab, start, to)


def move(lab: Lab, start: str, to: str) -> None:
    turn(lab, start)
    fill(lab, 12)
    lab.index()
    assert_settled(lab)
    before, found = spans(lab), best(lab, exact=True)
    embedded = lab.embedder.embedded
    turn(lab, to)
    assert lab.index().stopped is None
    asked = lab.embedder.embedded - embedded
    free = start == to or (start, to) in FREE
    assert asked == (0 if free else 36)
    assert any(step.phase == "levelling" for step in lab.progress) == (not free)
    for _ in range(2):
        assert_settled(lab)
        assert spans(lab) == before
        assert close(best(lab, exact=True), found)
        assert close(best(lab, limit=40), found)
        assert lab.names("marker5x2 lease note 5 line 2")[0] == "note-5.txt"
        reopen(lab)
    assert lab.store.repaired == []


def test_embeddings_answer_without_recomputing(lab: Lab) -> None:
    turn(lab, "embeddings")
    fill(lab, 30)
    lab.index()
    exact = best(lab, exact=True)
    assert close(best(lab), exact)
    embedded = lab.embedder.embedded
    results = lab.search("garden line 2", mode="semantic")
    assert results.recomputed == 0
    assert results.hits
    assert lab.embedder.embedded == embedded + 1  # the question
    assert lab.search("garden line 2", mode="hybrid").recomputed == 0
    sizes = lab.store.sizes()
    assert (sizes.codes, sizes.embeddings) == (0, 90 * (96 + 1))


def test_the_graph_alone_finds_with_more_recomputes(lab: Lab) -> None:
    turn(lab, "graph")
    fill(lab, 80)
    lab.index()
    assert lab.store.sizes().codes == 0
    results = lab.search("lighthouse note 33 line 1", mode="semantic", limit=16)
    assert 16 < results.recomputed <= GRAPH_EFFORT * 16
    assert results.hits[0].path.endswith("note-33.txt")
    # Without a word in common, too: along the graph from where it is well linked.
    lab.store.view.__dict__.pop("words", None)
    [first] = lab.search("marker70x1", mode="semantic", limit=60, k=1).hits
    assert first.path.endswith("note-70.txt")


def test_segments_whose_hubs_are_all_deleted_are_merged(lab: Lab) -> None:
    turn(lab, "hubs")
    fill(lab, 12)
    lab.index()
    reopen(lab)  # no embeddings are at hand
    [path] = lab.segments.iterdir()
    stored = Segment(path).stored
    assert stored is not None
    view = lab.store.view
    hubs = {view.place(int(position)).document for position in stored.ids}
    others = sorted(set(lab.catalogue.documents().id.tolist()) - hubs)
    for refs in lab.catalogue.files_of([*hubs, *others[:4]]).values():
        Path(refs[0].path).unlink()
    lab.index()
    reopen(lab)
    [path] = lab.segments.iterdir()
    assert Segment(path).header.stored == 0
    fill(lab, 12, 100)
    assert lab.index().stopped is None
    [path] = lab.segments.iterdir()
    assert Segment(path).header.stored > 0
    assert lab.names("marker101x2", mode="lexical") == ["note-101.txt"]


def test_hubs_are_well_linked_and_cost_nothing(lab: Lab) -> None:
    turn(lab, "hubs")
    fill(lab, 40)
    lab.index()
    [segment] = [Segment(path) for path in lab.segments.iterdir()]
    assert segment.stored is not None
    assert len(segment.stored) == round(0.03 * 120)
    links = np.diff(segment.graph.starts)
    assert links[segment.stored.ids].min() >= np.sort(links)[-len(segment.stored)]
    known = lab.store.view.known(lab.embedder.embed(["garden"])[0])
    assert known is not None
    assert np.flatnonzero(~np.isnan(known)).tolist() == segment.stored.ids.tolist()
    for query in QUERIES:
        assert lab.search(query, mode="semantic", limit=16).recomputed <= 16


def test_new_files_are_written_at_the_level(lab: Lab) -> None:
    fill(lab, 6)
    lab.index()
    turn(lab, "embeddings")
    fill(lab, 6, 6)
    lab.index()
    assert_settled(lab)
    turn(lab, "graph")
    (lab.files / "note-1.txt").unlink()
    lab.index()
    assert_settled(lab)
    assert "note-1.txt" not in spans(lab)


# --- several levels at once ----------------------------------------------------------------


def mixed(lab: Lab, names: tuple[str, ...], each: int = 10) -> None:
    """An index whose parts are at different levels, as while it moves."""
    for part, name in enumerate(names):
        turn(lab, name)
        fill(lab, each, part * each)
        lab.store.merge_once = lambda: False  # type: ignore[method-assign]
        lab.breathe = lambda: None
        catalogue, lab.memory.unreadable = lab.catalogue, set(lab.catalogue.documents().id.tolist())
        paths = [str(lab.files / f"note-{n}.txt") for n in range(part * each, (part + 1) * each)]
        lab.index(Changes(frozenset(paths)))
        assert catalogue is lab.catalogue
    assert len(holdings(lab)) == len({level_named(n).kept + str(n) for n in names})


@pytest.mark.parametrize(
    "names",
    [
        ("codes-8", "embeddings"),
        ("graph", "codes-8"),
        ("graph", "embeddings"),
        ("codes-8", "codes-48", "hubs"),
        ("embeddings", "graph", "codes-8", "hubs"),
    ],
)
def test_a_view_over_several_levels_answers_right(lab: Lab, names: tuple[str, ...]) -> None:
    mixed(lab, names)
    exact = best(lab, exact=True)
    assert close(best(lab, limit=60), exact)
    below, suffixes = str(lab.files), ("txt",)
    assert close(best(lab, limit=60, below=below, suffixes=suffixes), exact)
    assert best(lab, below=str(lab.files / "elsewhere")) == [[]] * len(QUERIES)
    for number in range(10 * len(names)):
        assert lab.names(f"marker{number}x1", k=1) == [f"note-{number}.txt"]


def test_estimates_of_shipped_codes_are_brought_to_scale(lab: Lab) -> None:
    mixed(lab, ("codes-8", "embeddings"))
    view = lab.store.view
    query = lab.embedder.embed(["garden line"])[0]
    known = view.known(query)
    assert known is not None
    codes = np.isnan(known)
    raised = view.estimates(query)[codes]
    [segment] = [one for path in lab.segments.iterdir() if (one := Segment(path)).codes.size]
    rotation = rotation_of(8)
    plain = scan(*rotation.tables(query), segment.codes, segment.lengths(rotation))
    np.testing.assert_allclose(raised, 1.2 * plain, rtol=1e-5)


# --- searched, given up, killed ------------------------------------------------------------


@pytest.mark.usefixtures("small_groups")
def test_every_search_during_a_move_is_answered(lab: Lab) -> None:
    fill(lab, 20)
    lab.index()
    found = best(lab, exact=True)
    searched = 0
    states = set()

    def breathe() -> None:
        nonlocal searched
        searched += 1
        if searched % 5 == 0:
            states.add(len(holdings(lab)))
            which = searched // 5 % len(QUERIES)
            hits = lab.search(QUERIES[which], k=3, mode="semantic", limit=200).hits
            assert close([[hit.score for hit in hits]], [found[which]])

    for name in ("embeddings", "graph", "codes-8"):
        turn(lab, name)
        lab.breathe = breathe
        lab.index()
        lab.breathe = lambda: None
        assert_settled(lab)
    assert states == {1, 2}


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few move at a time, so that there are several steps."""
    monkeypatch.setattr("core.index.levelling.GROUP_CHUNKS", 12)


def after(calls: int, error: type[BaseException]) -> Callable[[], None]:
    left = calls

    def breathe() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise error

    return breathe


@pytest.mark.usefixtures("small_groups")
def test_a_move_that_is_given_up_goes_on_later(lab: Lab) -> None:
    fill(lab, 20)
    lab.index()
    before, found = spans(lab), best(lab, exact=True)
    turn(lab, "embeddings")
    rounds, lab.breathe = 0, after(14, Cancelled)
    at_level = 0
    while lab.index().interrupted:
        rounds += 1
        assert lab.store.chunks_at_level > at_level, "what was embedded is kept"
        at_level = lab.store.chunks_at_level
        assert spans(lab) == before
        assert close(best(lab, limit=80), found)
        if rounds % 2:
            reopen(lab)
        lab.breathe = after(14, Cancelled)
    assert rounds > 1
    assert_settled(lab)
    assert spans(lab) == before
    assert close(best(lab), found)


@pytest.mark.parametrize("where", ["move_documents", "replace_segments", "write"])
@pytest.mark.usefixtures("small_groups")
def test_killed_at_any_point_of_a_move(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """As after a kill: a new segment that no transaction names, or one that is half written."""
    fill(lab, 12)
    lab.index()
    before, found = spans(lab), best(lab, exact=True)
    for name in ("embeddings", "graph"):
        turn(lab, name)
        with monkeypatch.context() as patch:
            if where == "write":
                patch.setattr("core.index.segment_format.os.fsync", die)
            else:
                patch.setattr(lab.catalogue, where, die)
            try:
                lab.index()
            except KilledError:
                (lab.segments / "0123456789abcdef.tmp").write_bytes(b"half written")
        reopen(lab)
        assert lab.store.repaired == []
        assert spans(lab) == before
        assert close(best(lab, exact=True), found)
        lab.index()
        assert_settled(lab)
    assert spans(lab) == before
    assert close(best(lab, exact=True), found)


class KilledError(Exception):
    """Stands for the end of the process."""


def die(*_: object) -> None:
    raise KilledError


# --- what cannot be read, and what has no room ---------------------------------------------


def test_what_cannot_be_read_keeps_its_codes_until_it_can(lab: Lab) -> None:
    fill(lab, 10)
    lab.index()
    before = spans(lab)
    lab.reader.broken.add("note-3.txt")
    (lab.files / "note-4.txt").write_text("something else altogether")
    turn(lab, "embeddings")
    lab.index(Changes())  # the change is not yet known
    store = lab.store
    assert holdings(lab) == {store.dial.wish, Segment(only_old(lab)).holding}
    assert store.chunks_at_level == 24
    assert spans(lab) == before
    assert lab.names("marker3x1", mode="lexical") == ["note-3.txt"]
    embedded = lab.embedder.embedded
    lab.index(Changes())
    assert lab.embedder.embedded == embedded, "it is not tried over and over"
    lab.reader.broken.clear()
    lab.index()
    assert_settled(lab)
    assert lab.store.chunks_at_level == 28


def only_old(lab: Lab) -> Path:
    [path] = [path for path in lab.segments.iterdir() if Segment(path).header.code_bytes]
    return path


def test_an_offline_folder_keeps_its_codes_until_it_comes_back(lab: Lab) -> None:
    fill(lab, 6)
    lab.index()
    away = lab.root / "away"
    lab.files.rename(away)
    turn(lab, "embeddings")
    lab.index()
    assert lab.store.chunks_at_level == 0
    assert [hit.state for hit in lab.search("marker2x1").hits] == ["offline"] * 5
    away.rename(lab.files)
    lab.index()
    assert_settled(lab)


def test_without_room_nothing_moves_and_everything_is_found(lab: Lab) -> None:
    fill(lab, 40)
    lab.index()
    before, found = spans(lab), best(lab, exact=True)
    files = sorted(path.name for path in lab.segments.iterdir())
    turn(lab, "embeddings")
    lab.room = 8_000  # 120 embeddings take more
    outcome = lab.index()
    assert outcome.stopped is not None
    assert "no room for the level embeddings" in str(outcome.stopped)
    assert "satchel budget" in str(outcome.stopped)
    assert sorted(path.name for path in lab.segments.iterdir()) == files
    assert spans(lab) == before
    assert close(best(lab, limit=200), found)
    lab.room = 10**9
    assert lab.index().stopped is None
    assert_settled(lab)
    # Less takes no more room than what is there.
    lab.room = lab.store.sizes().total
    turn(lab, "codes-8")
    assert lab.index().stopped is None
    assert_settled(lab)
    lab.room = 0
    turn(lab, "graph")
    outcome = lab.index()
    assert outcome.stopped is not None
    assert lab.store.behind
    assert close(best(lab, limit=200), found)


# --- codes of the home's own ---------------------------------------------------------------


def with_own(lab: Lab, monkeypatch: pytest.MonkeyPatch, least: int) -> list[int]:
    """Let the lab's home have codes of its own of 5 bytes; the sizes of their samples."""
    samples: list[int] = []
    monkeypatch.setattr("core.index.dial.OWN_CHUNKS", least)
    monkeypatch.setattr("core.index.upkeep.OWN_CHUNKS", least)
    monkeypatch.setattr("core.index.levelling.SAMPLE_CHUNKS", least)

    def own(embeddings: np.ndarray) -> Rotation:
        samples.append(len(embeddings))
        fitted, rest = fit_to_sample(embeddings[::2], 5), embeddings[1::2]
        faithful = fitted.faithful(rest, fitted.encode(rest))
        return replace(fitted, name=f"own{len(samples)}", expected=faithful)

    lab.codes = CodeChoice(lab.rotation, own=own)
    lab.store.set_level(lab.level, lab.codes)
    return samples


def test_a_home_that_grows_slowly_gets_codes_of_its_own(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = with_own(lab, monkeypatch, 60)
    for part in range(4):
        assert samples == []
        fill(lab, 5, 5 * part)
        lab.index()
    assert len(samples) == 1
    assert 60 <= samples[0] < 66
    assert {holding.rotation for holding in holdings(lab)} == {"own1"}
    assert_settled(lab)
    assert lab.names("marker17x1 lighthouse")[0] == "note-17.txt"


def test_a_sample_that_is_being_gathered_is_not_lost(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in range(4):
        fill(lab, 5, 5 * part)
        lab.index()
    samples = with_own(lab, monkeypatch, 60)
    embedded = lab.embedder.embedded
    lab.breathe = after(20, Cancelled)
    while lab.index().interrupted:
        lab.breathe = after(20, Cancelled)
    assert samples == [60]
    assert lab.embedder.embedded - embedded <= 60 + 3
    assert_settled(lab)


def test_without_a_sample_the_codes_that_ship_have_to_do(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(lab, "embeddings")
    fill(lab, 10)
    lab.index()
    turn(lab, "graph")
    lab.index()
    lab.level = level_named("codes-8")
    samples = with_own(lab, monkeypatch, 25)
    lab.reader.broken |= {f"note-{number}.txt" for number in range(4)}
    lab.index()
    assert samples == []
    assert lab.store.chunks_at_level == 18
    lab.reader.broken.clear()
    lab.index()
    assert len(samples) == 1
    assert_settled(lab)


def test_codes_are_fitted_anew_when_the_passages_have_changed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.index.drift.LEAST_CHUNKS", 60)
    samples = with_own(lab, monkeypatch, 60)
    fill(lab, 24)
    lab.index()
    assert samples == [72]
    fill(lab, 4, 24)
    lab.index()
    assert samples == [72], "more of the same changes nothing"
    rng = random.Random(3)
    for number in range(40):
        words = " ".join(rng.choices([f"other{n}" for n in range(200)], k=9))
        lab.write(f"other-{number}.txt", f"{words}\n{words[::-1]}")
    lab.index()
    assert len(samples) == 2
    assert {holding.rotation for holding in holdings(lab)} == {"own2"}
    assert_settled(lab)
    parts = [Segment(path).header for path in lab.segments.iterdir()]
    mean = sum(p.chunks * p.faithful for p in parts) / sum(p.chunks for p in parts)
    assert mean > lab.store.dial.rotation.expected - DROP
    assert lab.names("marker17x1 lighthouse")[0] == "note-17.txt"


# --- whatever happens ----------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("level"), st.sampled_from(LEVEL_NAMES)),
        st.tuples(st.just("add"), st.integers(1, 8)),
        st.tuples(st.just("remove"), st.integers(0, 40)),
        st.tuples(st.just("part"), st.integers(0, 30)),
        st.tuples(st.just("reopen"), st.just(0)),
    ),
    min_size=3,
    max_size=9,
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_levels_come_and_go_while_files_do(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, object]]
) -> None:
    lab = Lab(tmp_path_factory.mktemp("levels"), ROTATION)
    there: set[int] = set()
    made = 0
    for kind, value in steps:
        if kind == "level":
            turn(lab, str(value))
        elif kind == "add":
            fill(lab, int(value), made)  # type: ignore[call-overload]
            there |= set(range(made, made + int(value)))  # type: ignore[call-overload]
            made += int(value)  # type: ignore[call-overload]
        elif kind == "remove":
            (lab.files / f"note-{value}.txt").unlink(missing_ok=True)
            there.discard(int(value))  # type: ignore[call-overload]
        elif kind == "part":
            lab.breathe = after(int(value), Cancelled)  # type: ignore[call-overload]
            lab.index()
            lab.breathe = lambda: None
        else:
            reopen(lab)
        assert lab.store.verify() == {}
    lab.index()
    assert_settled(lab)
    assert set(spans(lab)) == {f"note-{number}.txt" for number in there}
    for number in there:
        assert lab.names(f"marker{number}x1", k=1) == [f"note-{number}.txt"]
    if there:
        assert close(best(lab, limit=200), best(lab, exact=True))
    lab.close()


ROTATION = small_rotation()
