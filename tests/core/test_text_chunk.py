"""Chunks: every character once, never too many tokens, cut where a reader would."""

from __future__ import annotations

import os
import statistics
import time
from functools import cache
from pathlib import Path

import appdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.text.chunk import Chunker

REPOSITORY = Path(__file__).parents[2]


@cache
def tokenizer_path() -> str:
    """The embedding model's tokenizer, which every test run has set up."""
    default = Path(appdirs.user_data_dir("satchel", appauthor=False), "models")
    models = Path(os.environ.get("SATCHEL_MODELS") or default)
    path = models / "embedding" / "all-minilm-l6-v2" / "tokenizer.json"
    if not path.is_file():
        pytest.fail(f"{path} is missing; run make setup", pytrace=False)
    return str(path)


@cache
def chunker(max_tokens: int = 256) -> Chunker:
    return Chunker(tokenizer_path(), max_tokens)


def check(
    text: str, max_tokens: int, headings: tuple[int, ...] = (), breaks: tuple[int, ...] = ()
) -> list[str]:
    """The chunks of a text, after looking that they keep every promise."""
    cut = chunker(max_tokens)
    spans = list(cut.spans(text, headings, breaks))
    position = 0
    for start, end in spans:
        assert not any(start < at < end for at in breaks)
        assert not text[position:start].strip()
        chunk = text[start:end]
        assert chunk and chunk == chunk.strip()
        assert cut.count(chunk) <= max_tokens, chunk
        position = end
    assert not text[position:].strip()
    return [text[start:end] for start, end in spans]


WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["The", "boiler", "e.g.", "Dr.", "stops.", "Why?", "\n\n", "\n", "。", "漢字", "ひらがな",
         "한국어", "x" * 130, "a.b.c.d", "\u00e9\u0301", "ﷺ", "\x0c", "\x1c", "\u200b", "[SEP]",
         "1,234.56", "\U0001f600" * 9, "İ" * 60, "…", "»", "\t"]
    ),
)  # fmt: skip
TEXTS = st.lists(WORDS, max_size=120).flatmap(
    lambda words: st.sampled_from([" ", "", "\n", "\u3000"]).map(lambda glue: glue.join(words))
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS, max_tokens=st.sampled_from([8, 17, 64, 256]))
def test_every_text_is_covered_once_within_the_limit(text: str, max_tokens: int) -> None:
    check(text, max_tokens)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS, marks=st.lists(st.integers(-3, 900), max_size=8))
def test_no_chunk_goes_across_a_break(text: str, marks: list[int]) -> None:
    check(text, 64, tuple(marks), tuple(marks))


def test_members_have_chunks_of_their_own() -> None:
    text = "Mail one.\n\nMail two is short, too.\n\nMail three."
    breaks = (text.index("Mail two"), text.index("Mail three"))
    assert check(text, 256, breaks=breaks) == [
        "Mail one.",
        "Mail two is short, too.",
        "Mail three.",
    ]
    assert len(check(text, 256, headings=breaks)) == 1


@settings(deadline=None, max_examples=40)
@given(
    char=st.characters(codec="utf-8"),
    length=st.integers(1, 6_000),
    max_tokens=st.sampled_from([8, 64, 256]),
)
def test_an_endless_word_is_cut_between_characters(char: str, length: int, max_tokens: int) -> None:
    check(char * length, max_tokens)


@settings(deadline=None, max_examples=15)
@given(text=TEXTS)
def test_the_same_text_gives_the_same_chunks(text: str) -> None:
    assert list(chunker().spans(text)) == list(Chunker(tokenizer_path()).spans(text))


def test_nothing_gives_no_chunks() -> None:
    assert check("", 256) == []
    assert check(" \n\t\n ", 256) == []


def test_a_short_text_is_one_chunk() -> None:
    assert check("\n One line.\n\nAnother. ", 256) == ["One line.\n\nAnother."]


def test_chunks_of_prose_end_with_sentences_and_are_nearly_full() -> None:
    sentences = [
        f"On day {day} Dr. Quill measured {day * 3} mm of rain, i.e. more than Mr. Marlow expected."
        for day in range(1, 400)
    ]
    chunks = check(" ".join(sentences), 256)
    assert all(chunk.endswith("expected.") and chunk.startswith("On day") for chunk in chunks)
    assert statistics.mean(chunker().count(chunk) for chunk in chunks) > 220


def test_a_paragraph_end_near_the_limit_is_preferred() -> None:
    first = " ".join(["The first paragraph speaks of rain."] * 26)
    second = " ".join(["The second one speaks of sun."] * 26)
    chunks = check(f"{first}\n\n{second}", 256)
    assert chunks[0] == first


def test_a_heading_stays_with_what_it_heads() -> None:
    before = " ".join(["A sentence about the old boiler in the cellar."] * 20)
    after = " ".join(["A sentence about the new pump in the garden."] * 20)
    text = f"{before}\n\nThe pump\n\n{after}"
    chunks = check(text, 256, (text.index("The pump"),))
    assert chunks[0] == before
    assert chunks[1].startswith("The pump\n\nA sentence about the new pump")


def test_chinese_is_cut_after_its_full_stops() -> None:
    chunks = check("今天天气很好，我们去公园散步。" * 60, 256)
    assert len(chunks) > 2
    assert all(chunk.endswith("。") for chunk in chunks)


def test_an_overlong_sentence_is_cut_between_words() -> None:
    words = [f"word{number}" for number in range(2_000)]
    chunks = check(" ".join(words), 256)
    assert " ".join(chunks).split() == words


def test_blanks_do_not_make_a_chunk_endless() -> None:
    chunks = check(("word" + " " * 3_000) * 20, 256)
    assert max(map(len, chunks)) <= 256 * 16


def test_another_kind_of_tokenizer_keeps_the_limit(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {"<s>": 0, "</s>": 1}
    for char in sorted(pre_tokenizers.ByteLevel.alphabet()):
        vocabulary[char] = len(vocabulary)
    bytewise = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel()
    bytewise.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    path = tmp_path / "tokenizer.json"
    bytewise.save(str(path))
    cut = Chunker(str(path), 64)
    text = "A sentence of some words. Und noch ein Satz, mit Ümläuten. " * 20 + "é" * 300
    spans = list(cut.spans(text))
    assert all(cut.count(text[start:end]) <= 64 for start, end in spans)
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(
        text.split()
    )


def test_what_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    wrong = tmp_path / "tokenizer.json"
    for contents in ("", "[1, 2]", "{}"):
        wrong.write_text(contents)
        with pytest.raises(ValueError, match="tokenizer"):
            Chunker(str(wrong))
    with pytest.raises(ValueError, match="tokenizer"):
        Chunker(str(tmp_path / "missing.json"))
    with pytest.raises(ValueError, match="tokens"):
        Chunker(tokenizer_path(), 4)


def test_a_long_text_is_cut_in_seconds_with_little_memory() -> None:
    lines = [
        f"{n}: the {n % 977}th wheel has {n % 36} spokes, see page {n // 7}." for n in range(30_000)
    ]
    text = "\n".join(lines)
    cut = chunker()
    began = time.process_time()
    count = sum(1 for _ in cut.spans(text))
    assert count > 1_000
    # About 2 MB; a machine ten times slower than the slowest measured still passes.
    assert time.process_time() - began < 30
