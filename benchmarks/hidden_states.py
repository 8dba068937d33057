"""What goes into the feed-forward blocks of a model, and the texts it is recorded on.

llama.cpp shows the result of every step of a computation to a callback; the normalised
input of each layer's feed-forward block is copied there.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
from common import ROOT, read_jsonl

sys.path.insert(0, str(ROOT))

from llama_cpp import llama_cpp as lib

from core.llm.runtime import default_threads

# Of `struct ggml_tensor` on 64-bit machines, as in the build that pyproject.toml names.
_NE, _NB, _DATA, _NAME = 16, 48, 248, 256
PIECE_CHARACTERS = 1_500
HELD_OUT_OF = 5  # one piece of so many is never fitted on
PIECES_OF_A_SET = 60

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


def texts(*, held_out: bool) -> list[str]:
    """Pieces of our own documents, and of the benchmark data where it is there.

    Which pieces are held out depends on their text alone.
    """
    own = [ROOT / "README.md", ROOT / "docs" / "decisions.md"]
    own += sorted((ROOT / "resources" / "sample-folder").glob("*.md"))
    pieces = [piece for path in own for piece in _pieces(path.read_text("utf-8"))]
    data = Path(os.environ.get("SATCHEL_DATA", ROOT.parent / "shared" / "data"))
    for corpus in sorted(data.glob("retrieval/*/corpus.jsonl")):
        rows = read_jsonl(corpus)
        step = max(1, len(rows) // PIECES_OF_A_SET)
        pieces += [f"{row['title']}\n\n{row['text']}"[:PIECE_CHARACTERS] for row in rows[::step]]
    return [piece for piece in pieces if is_held_out(piece) == held_out]


def is_held_out(piece: str) -> bool:
    """Whether a text is kept for measuring. The same on every machine."""
    return hashlib.blake2b(piece.encode(), digest_size=8).digest()[0] % HELD_OUT_OF == 0


def _pieces(text: str) -> Iterator[str]:
    for at in range(0, len(text), PIECE_CHARACTERS):
        yield text[at : at + PIECE_CHARACTERS]


class Recorder:
    """A loaded model that tells what each layer computed. A context manager."""

    def __init__(self, path: Path, context_tokens: int = 1024) -> None:
        lib.llama_log_set(_SILENT, ctypes.c_void_p(0))
        lib.llama_backend_init()
        params = lib.llama_model_default_params()
        params.use_extra_bufts = False
        self._model = lib.llama_model_load_from_file(os.fsencode(path), params)
        if not self._model:
            sys.exit(f"benchmark: llama.cpp cannot load {path}")
        self._vocab = lib.llama_model_get_vocab(self._model)
        self._n_vocab = lib.llama_vocab_n_tokens(self._vocab)
        self._wanted = b""
        self._found: list[npt.NDArray[np.generic]] = []
        self._callback = lib.ggml_backend_sched_eval_callback(self._see)
        shape = lib.llama_context_default_params()
        shape.n_ctx = shape.n_batch = shape.n_ubatch = context_tokens
        shape.n_threads = shape.n_threads_batch = default_threads()
        shape.cb_eval = self._callback
        self._context = lib.llama_init_from_model(self._model, shape)
        self._memory = lib.llama_get_memory(self._context)
        self._most = context_tokens

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        lib.llama_free(self._context)
        lib.llama_model_free(self._model)

    def tokens(self, text: str) -> list[int]:
        """The first tokens of a text that fit the context."""
        raw = text.encode()
        room = (lib.llama_token * (len(raw) + 8))()
        count = lib.llama_tokenize(self._vocab, raw, len(raw), room, len(room), True, False)
        return list(room[:count])[: self._most]

    def inputs(self, tokens: Sequence[int]) -> Floats:
        """The input of each feed-forward block: layer, token, width."""
        return np.stack([f.view(np.float32) for f in self._run(tokens, b"ffn_norm-")])

    def routed(self, tokens: Sequence[int]) -> Ints:
        """The experts that each layer took: layer, token, place."""
        return np.stack([f.view(np.int32) for f in self._run(tokens, b"ffn_moe_topk-")])

    def logits(self, tokens: Sequence[int]) -> Floats:
        """The scores of the next token after each token."""
        self._run(tokens, b"")
        scores = lib.llama_get_logits(self._context)
        return np.ctypeslib.as_array(scores, (len(tokens), self._n_vocab)).copy()

    def greedy(self, prompt: Sequence[int], count: int) -> list[int]:
        """The tokens after a prompt, always the best one."""
        scores = self.logits(prompt)[-1]
        found: list[int] = []
        while len(found) < count:
            found.append(int(scores.argmax()))
            batch = (lib.llama_token * 1)(found[-1])
            if lib.llama_decode(self._context, lib.llama_batch_get_one(batch, 1)):
                sys.exit("benchmark: llama.cpp failed on a token")
            scores = np.ctypeslib.as_array(
                lib.llama_get_logits_ith(self._context, -1), (self._n_vocab,)
            ).copy()
        return found

    def _run(self, tokens: Sequence[int], wanted: bytes) -> list[npt.NDArray[np.generic]]:
        """Compute a sequence from its beginning, with scores for every token."""
        lib.llama_memory_clear(self._memory, True)
        self._wanted, self._found = wanted, []
        batch = lib.llama_batch_init(len(tokens), 0, 1)
        try:
            batch.n_tokens = len(tokens)
            for at, token in enumerate(tokens):
                batch.token[at], batch.pos[at], batch.logits[at] = token, at, True
                batch.n_seq_id[at], batch.seq_id[at][0] = 1, 0
            if lib.llama_decode(self._context, batch):
                sys.exit("benchmark: llama.cpp failed on a text")
        finally:
            lib.llama_batch_free(batch)
            self._wanted = b""
        return self._found

    def _see(self, tensor: int, ask: bool, _data: int | None) -> bool:
        if not self._wanted:
            return not ask
        name = ctypes.string_at(tensor + _NAME)
        if not name.startswith(self._wanted):
            return not ask
        if not ask:
            width, rows = (ctypes.c_int64 * 2).from_address(tensor + _NE)
            stride = (ctypes.c_size_t * 2).from_address(tensor + _NB)[1]
            start = ctypes.c_void_p.from_address(tensor + _DATA).value or 0
            raw = (ctypes.c_uint8 * (stride * (rows - 1) + width * 4)).from_address(start)
            cells = np.ctypeslib.as_array(raw)
            shape, steps = (rows, width * 4), (stride, 1)
            self._found.append(np.lib.stride_tricks.as_strided(cells, shape, steps).copy())
        return True


# At module level, because llama.cpp keeps its address as long as the process lives.
_SILENT = lib.llama_log_callback(lambda _level, _text, _data: None)
