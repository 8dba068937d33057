"""Which passages are the same for a person, by their texts alone."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prose import Prose, mails

from core.index.copies import (
    Folding,
    Passage,
    apart,
    copy_kind,
    twins,
    with_twins,
    without_page_numbers,
    words_of,
)
from core.index.overlap import overlap

TEXT = Prose(1).paragraph(9)
WORDS = TEXT.split()


def passage(
    text: str,
    document: int = 1,
    family: int | None = None,
    shown: str | None = None,
    place: tuple[float, float] = (0.0, 1.0),
    beside: tuple[str, str] | None = ("", ""),
) -> Passage:
    snippet = text[:300].rpartition(" ")[0] if shown is None else shown
    return Passage(document, family, text, snippet, *place, lambda: beside)


def kinds(better: str, lower: str, **fields: object) -> tuple[str | None, str | None]:
    """How the lower text shows the same, in another file and in another version."""
    return (
        copy_kind(passage(better), passage(lower, 2, **fields)),  # type: ignore[arg-type]
        copy_kind(passage(better, 1, 7), passage(lower, 2, 7, **fields)),  # type: ignore[arg-type]
    )


def test_the_same_words_are_the_same() -> None:
    assert kinds(TEXT, TEXT) == ("passage", "near")
    assert kinds(TEXT, TEXT.replace(", ", " - ").upper()) == ("passage", "near")
    assert kinds(TEXT, Prose(2).paragraph(9)) == (None, None)


def test_a_short_text_is_only_the_same_in_a_version() -> None:
    short = "Call the plumber about the kitchen tap tomorrow."
    assert kinds(short, short) == (None, "near")


@pytest.mark.parametrize("other", ["1837", "Miller", "purple", "31.05.2028"])
def test_one_other_word_makes_a_difference_wherever_it_stands(other: str) -> None:
    for at in range(len(WORDS)):
        changed = " ".join([*WORDS[:at], other, *WORDS[at + 1 :]])
        assert kinds(TEXT, changed) == (None, None), at
        assert kinds(changed, TEXT) == (None, None), at


@pytest.mark.parametrize("more", ["not", "Miller", "12", "at number 12", "by Anna Miller on 3 May"])
def test_a_word_more_makes_a_difference_wherever_it_stands(more: str) -> None:
    for at in range(1, len(WORDS)):
        longer = " ".join([*WORDS[:at], more, *WORDS[at:]])
        assert kinds(TEXT, longer) == (None, None), at
        assert kinds(longer, TEXT) == (None, None), at


def test_a_number_may_not_differ_by_a_little() -> None:
    for one, two in (("1000", "1001"), ("12.50", "12.80"), ("Jansen", "Janssen"), ("A4", "A5")):
        texts = [f"{TEXT} It cost {value} euro in all, and {TEXT}" for value in (one, two)]
        assert kinds(*texts) == (None, None)


def test_spelling_is_no_difference() -> None:
    for one, two in (("receive", "recieve"), ("exam ple", "example"), ("coloured", "colored")):
        texts = [f"{TEXT} They {value} the letter, and {TEXT}" for value in (one, two)]
        assert kinds(*texts) == ("passage", "near")


def test_a_paragraph_more_is_no_difference_between_versions() -> None:
    before, new, behind = (Prose(seed).paragraph(4) for seed in (3, 4, 5))
    short, long = f"{before} {behind}", f"{before} {new} {behind}"
    assert kinds(long, short) == (None, "near")
    assert kinds(short, long, shown=before[:200].rpartition(" ")[0]) == (None, "near")
    assert kinds(short, long, shown=behind[:200].rpartition(" ")[0]) == (None, "near")
    # What is new may not be hidden when it is what would be shown.
    assert kinds(short, long, shown=new[:200].rpartition(" ")[0]) == (None, None)


def test_a_form_filled_in_is_not_the_empty_form() -> None:
    head, tail = Prose(6).paragraph(4), Prose(7).paragraph(4)
    empty = f"{head}\nName:\nReason:\n{tail}"
    for name, reason in (
        ("Anna Miller", "the roof is leaking"),
        ("Anna Miller", "the roof has been leaking since the storm in the first week of the year"),
        ("", "30 May 2021"),
    ):
        filled = f"{head}\nName: {name}\nReason: {reason}\n{tail}"
        assert kinds(empty, filled) == (None, None)
        assert kinds(filled, empty) == (None, None)


def shifted(words: int) -> tuple[Passage, Passage]:
    """Two versions of a text whose chunks begin this many words apart, as versions."""
    whole = Prose(8).paragraph(60).split()
    chunks = [" ".join(whole[at : at + 150]) for at in range(0, 450, 150)]
    moved = " ".join(whole[150 + words : 300 + words])
    better = passage(chunks[1], 1, 7, place=(0.3, 0.6), beside=(chunks[0], chunks[2]))
    return better, passage(moved, 2, 7, place=(0.3, 0.6), beside=("", ""))


@pytest.mark.parametrize("words", [-70, -20, -3, 0, 3, 20, 70])
def test_chunks_may_begin_elsewhere(words: int) -> None:
    better, lower = shifted(words)
    assert copy_kind(better, lower) == "near"
    alone = Passage(1, None, better.text, better.snippet, 0.3, 0.6, better.beside)
    assert copy_kind(alone, lower) == "passage" if abs(words) <= 20 else True


def test_what_cannot_be_read_is_not_taken_for_the_same() -> None:
    better, lower = shifted(20)
    unread = Passage(1, 7, better.text, better.snippet, 0.3, 0.6, lambda: None)
    assert copy_kind(unread, lower) is None


def test_chunks_that_share_little_are_apart() -> None:
    better, lower = shifted(130)
    assert copy_kind(better, lower) is None


def test_an_answer_that_quotes_a_mail() -> None:
    for number in range(8):
        mail, answer = (made.text for made in mails(Prose(30 + number), number))
        said = " ".join(mail.partition("\n\n")[2].split("\n\n")[1].split()[:25])
        quoted = answer[answer.index("wrote:") + 6 :][:300].rpartition(" ")[0]
        for snippet in (said, "… " + " ".join(mail.split()[5:40])):
            assert copy_kind(passage(answer), passage(mail, 2, shown=snippet)) == "passage"
        assert copy_kind(passage(mail), passage(answer, 2, shown=quoted)) == "passage"
        # What the answer itself says is in no other mail.
        own = answer[: answer.index("wrote:") + 6]
        assert copy_kind(passage(mail), passage(answer, 2, shown=own)) is None


def test_an_excerpt_and_its_book() -> None:
    paragraphs = Prose(9).paragraphs(5)
    book, excerpt = " ".join(paragraphs), paragraphs[2]
    assert kinds(book, excerpt)[0] == "passage"
    assert kinds(excerpt, book, shown=excerpt[:200].rpartition(" ")[0])[0] == "passage"
    assert kinds(excerpt, book, shown=paragraphs[0][:200].rpartition(" ")[0])[0] is None
    notes = f"My own thoughts on it are these. {Prose(10).paragraph(4)} {excerpt}"
    assert kinds(book, notes, shown=excerpt[:200])[0] is None


def test_the_same_foot_of_different_letters() -> None:
    foot = Prose(11).paragraph(6)
    for share in (0.2, 0.5):
        one, two = (
            passage(foot, number, place=(1 - share, 1.0)) for number in (1, 2)
        )  # fmt: skip
        assert copy_kind(one, two) is None
        head = passage(foot, 2, place=(0.0, share))
        assert copy_kind(passage(foot, 1, place=(0.0, share)), head) is None
        assert copy_kind(one, head) == "passage"  # at the end of one, at the beginning of another
    whole = passage(foot, 2)
    assert copy_kind(passage(foot, 1, place=(0.4, 1.0)), whole) == "passage"
    letter = passage(f"{Prose(12).paragraph(9)} {foot}", 1)
    assert copy_kind(letter, passage(foot, 2, place=(0.7, 1.0))) is None


def test_tables_of_the_same_numbers_take_no_time() -> None:
    table = "0 " * 2000
    assert kinds(table, table + "1") == (None, None)  # or it would not end


def test_scripts_without_blanks() -> None:
    chinese = "".join(chr(0x4E00 + n * 7 % 900) for n in range(150))
    assert kinds(chinese, chinese, shown=chinese[:80]) == ("passage", "near")
    other = chinese[:70] + "\u9f98" + chinese[71:]
    assert kinds(chinese, other, shown=chinese[:60]) == (None, None)
    assert words_of("A4 東京 v2, çà") == ["A4", "東", "京", "v2", "çà"]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 3), st.booleans())
def test_nothing_is_hidden_that_the_better_one_has_not(
    seed: int, edits: int, versions: bool
) -> None:
    """Whatever was changed: what a copy would show stands in the better passage.

    In that of another version there may be a paragraph more in between.
    """
    chance = random.Random(seed)
    prose = Prose(seed)
    words = prose.paragraph(8).split()
    lower = list(words)
    for _ in range(edits):
        at = chance.randrange(len(lower))
        edit: Callable[[], list[str]] = chance.choice(
            [
                lambda: [prose.name()],
                lambda: [prose.amount()],
                lambda: prose.sentence().split(),
                lambda: prose.paragraph(3).split(),
                list,
            ]
        )
        lower[at : at + chance.choice([0, 1, 5, 20])] = edit()
    begin = chance.randrange(max(1, len(lower) - 20))
    shown = " ".join(lower[begin : begin + 40])
    family = 7 if versions else None
    one = passage(" ".join(words), 1, family)
    two = passage(" ".join(lower), 2, family, shown=shown)
    if copy_kind(one, two) is not None:
        mine, theirs = (" ".join(words_of(text)).lower() for text in (one.text, shown))
        left = iter(mine.split())
        assert all(word in left for word in theirs.split())
        assert versions or theirs in mine


def test_overlap_tells_what_only_the_lower_one_has() -> None:
    better, lower = WORDS[10:], WORDS[:-5]
    found = overlap(better, lower, (0, len(lower)), versions=False)
    assert found is not None
    assert (found.before, found.behind, found.faced) == (10, 0, False)
    assert found.ranges == ((10, len(lower)),)
    assert found.shared == len(lower) - 10
    assert found.share((10, 20)) == 1
    assert found.share((5, 15)) == 0.5


def test_folding_keeps_the_best() -> None:
    folding = Folding()
    other = Prose(2).paragraph(9)
    assert folding.find(passage(TEXT, 1)) is None
    folding.keep(passage(TEXT, 1))
    folding.keep(passage("", 2))
    folding.keep(passage(other, 3))
    assert folding.find(passage(TEXT, 4)) == (0, "passage")
    assert folding.find(passage(other, 4)) == (2, "passage")
    assert folding.find(passage(TEXT, 1)) is None  # another place of the same file
    assert folding.find(passage("", 5)) is None


def test_page_numbers_are_left_out() -> None:
    pages = ["First words\nPage 1 of 3\n", "2\nmore 12 words\n- 2 -\n", "the last 3\n"]
    text = "".join(pages)
    breaks = [len(pages[0]), len(pages[0]) + len(pages[1])]
    assert words_of(without_page_numbers(text, breaks)) == (
        "First words more 12 words the last 3".split()
    )
    assert without_page_numbers(text, []) == text
    assert words_of(without_page_numbers("Total\n500\nin all", [6])) == ["Total", "in", "all"]
    assert words_of(without_page_numbers("Total\n500\nin all", [13])) == words_of(
        "Total 500 in all"
    )


# --- what needs no score of its own ------------------------------------------------------------


def test_twins_are_of_one_family_and_nearly_alike() -> None:
    vector = np.random.default_rng(1).standard_normal(100).astype(np.float32)
    near, far = vector.copy(), vector.copy()
    near[0] = -near[0]
    far[:20] = -far[:20]
    decoded = np.stack([vector, near, far, vector, vector, far, 2 * vector])
    assert twins([1, 1, 1, 2, None, 1, 1], decoded) == [0, 0, 2, 3, 4, 2, 0]
    assert twins([None] * 7, decoded) == list(range(7))


def test_followers_get_the_score_of_their_leader() -> None:
    positions = np.array([50, 51, 52, 53, 54])
    chosen, followers = apart(positions, [0, 0, 2, 0, 4], 2)
    assert chosen.tolist() == [50, 52]
    assert {leader: group.tolist() for leader, group in followers.items()} == {50: [51, 53]}
    scores = np.array([0.5, 0.25], dtype=np.float32)
    everyone, known = with_twins(chosen, scores, followers)
    assert everyone.tolist() == [50, 52, 51, 53]
    assert known.tolist() == [0.5, 0.25, 0.5, 0.5]
    unread = np.array([np.nan, 0.25], dtype=np.float32)
    assert with_twins(chosen, unread, followers)[0].tolist() == [50, 52]
