"""Tokenizers: the same numbers from either library, and chunks that keep their promise."""

from __future__ import annotations

import json
import statistics
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from languages import SAMPLES
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from core.index.convert import sentence_pieces
from core.text.chunk import Chunker
from core.text.tokens import SentencePieces, Tokens, cut, load_tokens

ALL_TEXTS = [sample.text for sample in SAMPLES.values()]


@cache
def unigram() -> Tokenizer:
    """A small Unigram tokenizer of the sample texts, shaped like those of multilingual models."""
    tokenizer: Any = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=1500, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(ALL_TEXTS, trainer)
    return tokenizer


@pytest.fixture(scope="session")
def pieces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same tokenizer as a SentencePiece file."""
    path = tmp_path_factory.mktemp("pieces") / "tokenizer.spm"
    path.write_bytes(sentence_pieces(json.loads(unigram().to_str()), b""))
    return path


@pytest.fixture(scope="session")
def tokens(pieces: Path) -> Tokens:
    return load_tokens(pieces)


def test_a_converted_tokenizer_parts_texts_the_same_way(tokens: Tokens) -> None:
    """The same numbers; where two partings are equally likely, one as likely."""
    assert isinstance(tokens, SentencePieces)
    assert tokens.pad == 1
    scores = [score for _, score in json.loads(unigram().to_str())["model"]["vocab"]]
    same = 0
    for text, (first, *ids, last) in zip(ALL_TEXTS, tokens.ids(ALL_TEXTS), strict=True):
        wanted = unigram().encode(text, add_special_tokens=False).ids
        assert (first, last) == (0, 2)
        assert sum(scores[i] for i in ids) == pytest.approx(sum(scores[i] for i in wanted))
        assert tokens.counts([text]) == [len(ids)]
        same += ids == wanted
    assert same >= len(ALL_TEXTS) - 2


def test_special_tokens_in_a_text_are_text(tokens: Tokens) -> None:
    [ids] = tokens.ids(["</s> <pad>"])
    assert 2 not in ids[1:-1] and 1 not in ids


def test_a_cut_keeps_the_end() -> None:
    assert cut([0, 5, 6, 7, 2], 4) == [0, 5, 6, 2]
    assert cut([0, 5, 2], 4) == [0, 5, 2]


@pytest.mark.parametrize("name", ["a.spm", "a.json"])
def test_what_is_no_tokenizer(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for data in (None, b"", b"{}", b"\xff\x00nonsense"):
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(ValueError, match="holds no tokenizer"):
            load_tokens(path)


@cache
def chunker(path: str, max_tokens: int) -> Chunker:
    return Chunker(path, max_tokens)


@settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    parts=st.lists(
        st.sampled_from(ALL_TEXTS) | st.text(max_size=40) | st.sampled_from(["x" * 300, "\n\n"]),
        max_size=12,
    ),
    glue=st.sampled_from(["", " ", "\n"]),
    most=st.sampled_from([16, 64, 254]),
)
def test_chunks_fit_and_cover_the_text(
    pieces: Path, parts: list[str], glue: str, most: int
) -> None:
    text = glue.join(parts)
    one = chunker(str(pieces), most)
    position = 0
    for start, end in one.spans(text):
        assert not text[position:start].strip()
        assert one.count(text[start:end]) <= most
        position = end
    assert not text[position:].strip()


@pytest.mark.parametrize("name", SAMPLES)
def test_long_texts_fill_their_chunks(pieces: Path, models: Path, name: str) -> None:
    """In every script: sentences are found, and chunks neither overflow nor stay half empty."""
    text = f"{SAMPLES[name].text} " * 40
    starter = models / "embedding" / "all-minilm-l6-v2" / "tokenizer.json"
    for path in (pieces, starter):
        one = chunker(str(path), 256)
        counts = [one.count(text[a:b]) for a, b in one.spans(text)]
        assert max(counts) <= 256
        if path is pieces or name != "thai":  # to the English model, a Thai sentence is unknown
            assert statistics.mean(counts[:-1]) >= 128, counts
