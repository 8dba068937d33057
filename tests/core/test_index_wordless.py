"""An index without words, and one that gives them up or gets them back while it serves."""

from pathlib import Path

import numpy as np
import pytest
from helpers import Lab
from test_index_levels import after, fill, holdings, spans, turn

from app.search_mode import Means, choose_mode
from core.errors import Cancelled, NoRoomError, UserError
from core.index.segment import Segment
from core.messages import Mode

PHRASE = '"marker3x1 lease"'


def keep_words(lab: Lab, words: bool) -> None:
    """Index with words, or without, from now on."""
    lab.store.set_words(words)
    assert lab.index().stopped is None


def assert_whole(lab: Lab, words: bool) -> None:
    """Every segment is as it is to be, and everything is found that can be."""
    store = lab.store
    assert (store.behind, store.wordless) == (set(), set())
    assert holdings(lab) == {store.dial.wish}
    assert store.dial.wish.words is words
    assert (store.sizes().words > 0) is words
    assert store.view.wordless.any() != words
    assert store.verify() == {}
    assert lab.names("note 5 bicycle line", mode="semantic", exact=True)
    found = lab.names("marker5x2", mode="lexical")
    assert found == (["note-5.txt"] if words else [])


def test_words_are_given_up_and_come_back_without_embedding(lab: Lab) -> None:
    fill(lab, 12)
    lab.index()
    before = spans(lab)
    exact = lab.names("garden note 3 line 2", k=12, mode="semantic", exact=True)
    embedded = lab.embedder.embedded
    for words in (False, True, False, True):
        keep_words(lab, words)
        assert lab.embedder.embedded == embedded
        assert_whole(lab, words)
        assert spans(lab) == before
        again = lab.names("garden note 3 line 2", k=12, mode="semantic", exact=True)
        assert again == exact
        lab.reopen()
        lab.store.set_words(words)
        assert_whole(lab, words)
        embedded = lab.embedder.embedded


def test_new_files_without_words_are_found_by_meaning_and_phrases(lab: Lab) -> None:
    lab.store.set_words(False)
    fill(lab, 12)
    lab.index()
    assert_whole(lab, words=False)
    [first] = lab.search("marker7x1 note 7 line 1", k=1).hits
    assert (Path(first.path).name, first.source) == ("note-7.txt", "semantic")
    found = lab.search('"note 7 line 1 marker7x1"', k=5)
    assert [Path(hit.path).name for hit in found.hits] == ["note-7.txt"]
    assert found.phrases is not None
    assert (found.phrases.occurrences, found.phrases.documents) == (1, 1)


def test_phrases_are_counted_where_a_part_has_no_words(lab: Lab) -> None:
    fill(lab, 6)
    lab.index()
    lab.store.merge_once = lambda: False  # type: ignore[method-assign]
    lab.store.set_words(False)
    fill(lab, 6, 6)
    lab.index()
    assert {one.words for one in holdings(lab)} == {True, False}  # type: ignore[attr-defined]
    for number in range(12):
        found = lab.search(f'"note {number} line 2"', k=5)
        assert found.phrases is not None
        assert (found.phrases.occurrences, found.phrases.documents) == (1, 1)
        assert [Path(hit.path).name for hit in found.hits] == [f"note-{number}.txt"]


def test_words_and_level_change_together(lab: Lab) -> None:
    lab.store.set_words(False)
    fill(lab, 10)
    lab.index()
    turn(lab, "embeddings")
    keep_words(lab, True)
    assert_whole(lab, words=True)
    assert lab.store.sizes().embeddings > 0
    turn(lab, "codes-8")
    keep_words(lab, False)
    assert_whole(lab, words=False)


def test_what_cannot_be_read_gets_its_words_when_it_can(lab: Lab) -> None:
    lab.store.set_words(False)
    fill(lab, 6)
    lab.index()
    lab.reader.broken.add("note-3.txt")
    keep_words(lab, True)
    without = np.flatnonzero(lab.store.view.wordless)
    [document] = lab.store.view.documents_at(without).tolist()
    assert Path(lab.catalogue.files_of([document])[document][0].path).name == "note-3.txt"
    assert lab.names("marker4x1", mode="lexical") == ["note-4.txt"]
    lab.reader.broken.clear()
    keep_words(lab, True)
    assert_whole(lab, words=True)


def test_reading_for_words_is_given_up_and_goes_on_later(lab: Lab) -> None:
    lab.store.set_words(False)
    fill(lab, 12)
    lab.index()
    before = spans(lab)
    lab.store.set_words(True)
    waiting, rounds = lab.store.view.wordless.sum(), 0
    lab.breathe = after(5, Cancelled)
    while lab.index().interrupted:
        rounds += 1
        assert lab.store.view.wordless.sum() < waiting, "what was read is kept"
        waiting = lab.store.view.wordless.sum()
        assert spans(lab) == before
        lab.breathe = after(5, Cancelled)
    assert rounds > 1
    assert_whole(lab, words=True)


def test_words_do_not_come_back_without_room_for_them(lab: Lab) -> None:
    lab.store.set_words(False)
    fill(lab, 12)
    lab.index()
    lab.store.set_words(True)
    lab.room = 300
    outcome = lab.index()
    assert isinstance(outcome.stopped, NoRoomError)
    assert lab.store.sizes().words == 0
    lab.room = 10**9
    assert lab.index().stopped is None
    assert_whole(lab, words=True)


def test_damage_and_deletions_without_words(lab: Lab) -> None:
    lab.store.set_words(False)
    fill(lab, 8)
    lab.index()
    for number in range(4):
        (lab.files / f"note-{number}.txt").unlink()
    lab.index()
    assert {one.words for one in holdings(lab)} == {False}  # type: ignore[attr-defined]
    [path] = lab.segments.iterdir()
    data = bytearray(path.read_bytes())
    data[-3] ^= 8
    path.write_bytes(data)
    lab.reopen()
    lab.store.set_words(False)
    assert list(lab.store.verify()) or lab.store.repaired
    assert Segment(path).packed_words is None


ALL, NONE, PART = Means(10, 0), Means(10, 10), Means(10, 4)


@pytest.mark.parametrize(
    ("asked", "means", "mode", "said"),
    [
        ("hybrid", ALL, "hybrid", None),
        ("semantic", NONE, "semantic", None),
        ("lexical", PART, "lexical", "of a part only; 4 of 10"),
        ("hybrid", PART, "hybrid", "of a part only"),
        ("hybrid", NONE, "hybrid", "Found by meaning only"),
        ("hybrid", Means(10, 0, has_model=False), "lexical", "words only: the embedding model"),
        ("hybrid", Means(10, 0, has_memory=False), "lexical", "words only: other programs"),
        ("hybrid", Means(10, 10, has_memory=False), "hybrid", "Found by meaning only"),
        ("hybrid", Means(0, 0), "hybrid", None),
    ],
)
def test_a_search_says_by_what_it_found(
    asked: Mode, means: Means, mode: Mode, said: str | None
) -> None:
    found, note = choose_mode(asked, means)
    assert found == mode
    assert (note is None) == (said is None)
    assert said is None or said in (note or "")


def test_words_alone_find_nothing_where_there_are_none_but_phrases_do() -> None:
    with pytest.raises(UserError, match=r"No word index.*index\.words=always"):
        choose_mode("lexical", NONE)
    assert choose_mode("lexical", NONE, phrases=True)[0] == "lexical"
