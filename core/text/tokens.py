"""The tokens that an embedding model sees, by the library that fits its vocabulary.

A large vocabulary of SentencePiece (250,000 pieces) takes 60 MB in that
library's own form and 300 MB in `tokenizers`, which is also six times slower
with it; so such models keep a SentencePiece file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

SENTENCE_PIECES = ".spm"


class Tokens(Protocol):
    """A loaded tokenizer."""

    pad: int
    additive: bool

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, the special ones at both ends included, nothing cut."""

    def counts(self, words: Sequence[str]) -> list[int]:
        """How many tokens each of these words is, special ones left out."""


def load_tokens(path: Path) -> Tokens:
    """The tokenizer of a file. Raises ValueError when it holds none."""
    try:
        return SentencePieces(path) if path.suffix == SENTENCE_PIECES else WordPieces(path)
    except Exception as error:  # neither library raises anything narrower for bad contents
        raise ValueError(f"{path} holds no tokenizer") from error


def cut(ids: list[int], most: int) -> list[int]:
    """At most so many tokens, the special one at the end kept."""
    return ids if len(ids) <= most else [*ids[: most - 1], ids[-1]]


class WordPieces:
    """A `tokenizer.json`. `additive` says that counts of words add up to that of their text."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_file(str(path))
        self._tokenizer.no_truncation()
        padding = self._tokenizer.padding
        self.pad = int(padding["pad_id"]) if padding else 0
        self._tokenizer.no_padding()
        self.additive = type(self._tokenizer.pre_tokenizer).__name__ == "BertPreTokenizer"

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, the special ones included."""
        return [item.ids for item in self._tokenizer.encode_batch(list(texts))]

    def counts(self, words: Sequence[str]) -> list[int]:
        """How many tokens each word is."""
        return [
            len(item)
            for item in self._tokenizer.encode_batch_fast(list(words), add_special_tokens=False)
        ]


class SentencePieces:
    """A SentencePiece model. Its sums are close, but not exact: a chunk is counted whole."""

    additive = False

    def __init__(self, path: Path) -> None:
        from sentencepiece import SentencePieceProcessor

        self._pieces: Any = SentencePieceProcessor(model_proto=path.read_bytes())
        if not self._pieces.get_piece_size():
            raise ValueError("no pieces")
        self.pad = int(self._pieces.pad_id())
        self._ends = int(self._pieces.bos_id()), int(self._pieces.eos_id())

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token numbers of each text, the special ones included."""
        first, last = self._ends
        return [[first, *found, last] for found in self._pieces.encode(list(texts))]

    def counts(self, words: Sequence[str]) -> list[int]:
        """How many tokens each word is."""
        return [len(found) for found in self._pieces.encode(list(words))]
