"""Dates, changes and summaries as values, and the memory that a text streams through."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.chat.words import sentence_spans
from core.digest.changes import compare, marks
from core.digest.dates import MONTHS, find_dates, sort_key
from core.digest.kept import MOST_KEPT, KeptDigests
from core.digest.memory import (
    MOST_DATES,
    DatesMemory,
    Saved,
    Stamp,
    SummaryMemory,
    decode,
    encode,
)
from core.digest.summary import MOST_CANDIDATES, says_something, word_vectors


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from 1 June 2023 to 31 May 2028.", ["1 June 2023=2023-06-01", "31 May 2028=2028-05-31"]),
        ("May 5, 2024, the 3rd of March", ["May 5, 2024=2024-05-05", "3rd of March=--03-03"]),
        ("am 3. Oktober 1990, 12.04.2021", ["3. Oktober 1990=1990-10-03", "12.04.2021=2021-04-12"]),
        ("le 14 juillet 1789", ["14 juillet 1789=1789-07-14"]),
        ("2024-02-29 is one, 2024-02-30 and 2023-02-29 are none", ["2024-02-29=2024-02-29"]),
        ("01/02/2023, 31/01/2023, 01/31/2023", ["01/02/2023=2023-02-01?",
         "31/01/2023=2023-01-31", "01/31/2023=2023-01-31"]),
        ("in June 2021 and Sept. 12th, 2001", ["June 2021=2021-06", "Sept. 12th, 2001=2001-09-12"]),
        ("2024年3月5日に", ["2024年3月5日=2024-03-05"]),
        ("you may 5 times march 3, or 32 May 2020, 1.2.3.4, 12345-06-07", ["May 2020=2020-05"]),
    ],
)  # fmt: skip
def test_dates(text: str, found: list[str]) -> None:
    said = [f"{text[d.start : d.end]}={d.iso}{'?' * d.unsure}" for d in find_dates(text)]
    assert said == found


@given(st.dates(date(1500, 1, 1), date(2199, 12, 31)), st.text(max_size=20), st.text(max_size=20))
def test_a_date_is_found_in_any_surroundings(day: date, before: str, after: str) -> None:
    written = day.isoformat()
    text = f"{before} {written} {after}"
    assert day.isoformat() in [d.iso for d in find_dates(text)]
    for found in find_dates(text):
        assert 0 <= found.start < found.end <= len(text)


@given(st.text(alphabet="0123456789 ./-,年月日juneMay", max_size=60))
def test_dates_never_overlap_and_are_possible(text: str) -> None:
    found = find_dates(text)
    assert all(one.end <= other.start for one, other in pairwise(found))
    for one in found:
        parts = one.iso.replace("--", "2000-").split("-")
        date(int(parts[0]), int(parts[1]), int(parts[2]) if len(parts) > 2 else 1)


def test_every_month_has_twelve_numbers() -> None:
    assert set(MONTHS.values()) == set(range(1, 13))
    assert sorted(["--01-02", "2023-06", "2023-05-31"], key=sort_key) == [
        "2023-05-31", "2023-06", "--01-02",
    ]  # fmt: skip


def test_changes_of_every_kind() -> None:
    old = ["The rent is 540 pounds a month.", "It is paid on the first.", "Dogs run in the yard.",
           "The end of it all.", "Nothing else matters here at all."]  # fmt: skip
    new = ["The rent is 575 pounds a month.", "Nothing else matters here at all.",
           "It is paid  on the FIRST.", "Cats sleep inside.", "The end of it all."]  # fmt: skip
    changes = compare(old, new)
    assert [(c.kind, c.old, c.new) for c in changes] == [
        ("changed", 0, 0), ("moved", 4, 1), ("added", None, 3), ("removed", 2, None),
    ]  # fmt: skip
    assert [old[0][a:b] for a, b in changes[0].old_marks] == ["540"]
    assert [new[0][a:b] for a, b in changes[0].new_marks] == ["575"]


words = st.sampled_from("the rent dog is 540 575 of paid first yard month end all".split())
sentences = st.lists(st.lists(words, min_size=1, max_size=7).map(" ".join), max_size=9)


@given(sentences, sentences)
def test_changes_explain_every_sentence(old: list[str], new: list[str]) -> None:
    changes = compare(old, new)
    gone = [c.old for c in changes if c.old is not None]
    come = [c.new for c in changes if c.new is not None]
    assert len(set(gone)) == len(gone)
    assert len(set(come)) == len(come)
    # What no change names is the same in both, in the same order.
    assert [s for i, s in enumerate(old) if i not in gone] == [
        s for j, s in enumerate(new) if j not in come
    ]
    for change in changes:
        if change.kind == "moved" and change.old is not None and change.new is not None:
            assert old[change.old] == new[change.new]


@given(sentences)
def test_nothing_changed_is_nothing(texts: list[str]) -> None:
    assert compare(texts, texts) == []


@given(st.text(max_size=40), st.text(max_size=40))
def test_marks_are_inside_and_leave_equal_words(one: str, other: str) -> None:
    gone, come = marks(one, other)
    for text, spans in ((one, gone), (other, come)):
        assert all(0 <= a < b <= len(text) for a, b in spans)


def test_what_can_stand_in_a_summary() -> None:
    assert says_something("The lease runs for five years, from 1 June 2023.")
    assert says_something("春天种下的番茄在夏天成熟。")
    for bare in ("Chapter 7", "12 | 13.50 | 99 | total", "Yes.", "x" * 400, "", "2. Term and rent"):
        assert not says_something(bare)


TOPIC = "The ferry to the island leaves the harbour every day at noon in summer. "
ASIDE = "A cat slept on the warm stone wall behind the small red house. "


def streamed(text: str, step: int) -> SummaryMemory:
    memory = SummaryMemory()
    for at in range(0, len(text), step):
        memory.take(at, text[at : at + step], word_vectors)
    memory.finish(word_vectors)
    return memory


def test_a_summary_is_about_the_topic_and_says_nothing_twice() -> None:
    text = "".join(
        TOPIC.replace("noon", f"{hour} o'clock") if hour % 4 else ASIDE for hour in range(1, 25)
    )
    memory = streamed(text, len(text))
    found = memory.result(word_vectors, len(text))
    assert sum("ferry" in one.text for one in found) > len(found) / 2
    assert len({one.text for one in found}) == len(found)
    assert [one.start for one in found] == sorted(one.start for one in found)
    assert all(text[one.start : one.end] == one.text for one in found)


def test_memory_does_not_grow_with_the_text() -> None:
    text = "".join(TOPIC.replace("noon", f"{n} o'clock") for n in range(9000))
    memory = streamed(text, 72 * 20)
    assert len(memory.candidates) <= MOST_CANDIDATES
    assert memory.waiting == []
    stamps = (Stamp("/a", 1, 2),)
    assert len(encode(Saved(stamps, memory))) < 60_000
    spread = [one.start / len(text) for one in memory.candidates]
    assert np.histogram(spread, 5, (0, 1))[0].min() > MOST_CANDIDATES / 10
    dates = DatesMemory()
    dates.take(0, "On 1 May 2020. " * (MOST_DATES + 5), word_vectors)
    assert (len(dates.dates), dates.more) == (MOST_DATES, 5)


def test_going_on_gives_what_one_go_gives() -> None:
    text = (TOPIC + ASIDE + "It was 3 May 2021. ") * 300
    whole = streamed(text, 700)
    saved = Saved((Stamp("/b\udcff", 5, 6),), SummaryMemory())
    for at in range(0, len(text), 700):
        saved.memory.take(at, text[at : at + 700], word_vectors)
        back = decode(encode(saved), saved.stamps)
        assert back is not None
        saved = back
    saved.memory.finish(word_vectors)
    assert isinstance(saved.memory, SummaryMemory)
    assert saved.memory.candidates == whole.candidates
    assert decode(encode(saved), (Stamp("/b\udcff", 5, 7),)) is None
    assert decode(b"{}", saved.stamps) is None


def test_a_date_keeps_its_sentence_or_what_is_around_it() -> None:
    text = "word " * 90 + "signed on 4 July 1998 by both " + "word " * 90
    memory = DatesMemory()
    for start, end in sentence_spans(text):
        memory.take(start, text[start:end], word_vectors)
    [found] = memory.result()
    assert found.iso == "1998-07-04"
    sentence = found.sentence
    assert text[sentence.start : sentence.end] == sentence.text
    assert sentence.text[slice(*found.mark)] == "4 July 1998"
    assert len(sentence.text) < 300


def test_kept_digests_are_few_and_forgotten_with_their_files(tmp_path: Path) -> None:
    room = [10**6]
    kept = KeptDigests(tmp_path / "digests", lambda: room[0])
    stamp = Stamp("/files/a\udcff.txt", 3, 4)
    saved = Saved((stamp,), DatesMemory(), 77)
    assert kept.load("dates", (stamp,)) is None
    assert kept.save("dates", saved)
    again = kept.load("dates", (stamp,))
    assert again is not None
    assert again.chars == 77
    assert kept.load("summarize", (stamp,)) is None
    for number in range(MOST_KEPT + 3):
        kept.save("dates", Saved((Stamp(f"/other/{number}", 1, 1),), DatesMemory()))
    assert len(list((tmp_path / "digests").iterdir())) == MOST_KEPT
    kept.save("dates", saved)
    assert kept.knows("/files")
    assert not kept.knows("/file")
    assert kept.forget("/files") == 1
    assert kept.load("dates", (stamp,)) is None
    assert kept.forget("/other/1") == 0
    room[0] = 10
    assert not kept.save("dates", saved)
