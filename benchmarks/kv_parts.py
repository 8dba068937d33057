"""The figures of the benchmark of keys and values that compare computing or time."""

from __future__ import annotations

import os
import struct
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from pathlib import Path
from statistics import fmean, median

import numpy as np
import psutil
from kv_model import Model, WatchedCells

from core.llm.kv.cells import CellType
from core.llm.kv.memory import KvMemory
from core.llm.kv.prompts import PromptMemory, system_part
from core.llm.kv.saved import Origin, SavedKv, fingerprint_file
from core.llm.native import ATTENTION, NativeContext, build_name
from core.llm.runtime import BATCH_TOKENS

SCORED = 1024
PREFIX_TOKENS, QUESTION_TOKENS = 1500, 8
STREAM_CELLS = 1024
LONG_TOKENS, LONG_BOUND = 16_384, 2_048
SAVED_LIMIT_BYTES = 1 << 30
KINDS: tuple[CellType, ...] = ("f16", "q8_0", "q8_q4", "q4_0")


@dataclass(frozen=True, slots=True)
class Losses:
    """Mean losses, in nats, over the same tokens: with the full memory and with bounded ones."""

    name: str
    full: float
    bounded: dict[int, float]  # by how many times smaller


def ratio(losses: Sequence[Losses], times: int) -> float:
    """The perplexity of a bounded memory over the full one's, all texts together."""
    return exp(fmean(one.bounded[times] - one.full for one in losses))


def bounded_losses(model: Model, name: str, text: str, times: Sequence[int]) -> Losses:
    """The last tokens of as many as the model was trained for, from a full and bounded memories."""
    whole = model.trained_tokens
    tokens = model.tokens(text, whole + 1)
    full = fmean(model.losses(tokens, SCORED, whole))
    return Losses(
        name, full, {one: fmean(model.losses(tokens, SCORED, whole // one)) for one in times}
    )


def cell_losses(model: Model, text: str, tokens: int) -> dict[CellType, float]:
    """The loss with each type of cells in a full memory."""
    some = model.tokens(text, tokens + 1)
    return {kind: fmean(model.losses(some, SCORED, tokens, kind)) for kind in KINDS}


# --- leaving and coming back ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Returned:
    """What is computed after a part left and came back, beside what was computed before."""

    argmax_agreement: float
    bit_equal: bool
    largest_difference: float


def page_and_back(model: Model, text: str, followed: int = 128) -> Returned:
    """Three parts, of which the middle one goes to disk and comes back."""
    tokens = model.tokens(text, 1500 + followed)
    context = model.open(2048)
    memory = KvMemory(context.cells, model.cell_bytes("q8_0"), BATCH_TOKENS)
    for name, first, end in (("a", 0, 500), ("b", 500, 1100), ("c", 1100, 1500)):
        memory.append(name, tokens[first:end])
    before = _scores(context, tokens[1500:])
    with tempfile.TemporaryDirectory() as folder:
        disk = saved_in(Path(folder), model)
        for saved in memory.page_out("b"):
            if not disk.save(0, saved, 1.0):
                raise RuntimeError("the part was not saved")
        memory.append("d", tokens[:300])  # what is said meanwhile takes the cells it had
        back = disk.load("b")
        if back is None or not memory.recall(back):
            raise RuntimeError("the part did not come back")
        memory.rewind(1500)
        memory.tidy()
    after = _scores(context, tokens[1500:])
    context.close()
    return Returned(
        float(np.mean(before.argmax(1) == after.argmax(1))),
        bool(np.array_equal(before, after)),
        float(np.abs(before - after).max()),
    )


def _scores(context: NativeContext, tokens: Sequence[int]) -> np.ndarray:
    """The scores after each of some tokens, which are forgotten again."""
    first = context.cells.end
    rows: list[np.ndarray] = []
    for at in range(0, len(tokens), BATCH_TOKENS):
        rows += [row.copy() for row in context.decode_scored(tokens[at : at + BATCH_TOKENS])]
    context.cells.remove(first, None)
    return np.stack(rows)


def saved_in(folder: Path, model: Model) -> SavedKv:
    """Where parts are kept, as a worker that was just started has it."""
    origin = Origin(
        model.path.stem, fingerprint_file([model.path]), build_name(), "q8_0", ATTENTION["q8_0"]
    )
    return SavedKv(folder, origin, SAVED_LIMIT_BYTES)


# --- the first token --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FirstToken:
    """Milliseconds to the first token of an answer, and the bytes of the file."""

    cold_ms: float
    from_disk_ms: float
    file_bytes: int

    @property
    def ratio(self) -> float:
        return self.from_disk_ms / self.cold_ms


def first_token(model: Model, text: str, runs: int = 3) -> FirstToken:
    """A long beginning that is computed, and one that comes from disk, in turns.

    The file is dropped from the system's cache before it is read; the model is loaded and its
    context is there in both.
    """
    tokens = model.tokens(text, PREFIX_TOKENS + QUESTION_TOKENS)
    cold: list[float] = []
    warm: list[float] = []
    size = 0
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            ms, prompts = _first_token(model, tokens, folder)
            cold.append(ms)
            prompts.settle()
            for path in folder.glob("*/*"):
                size = path.stat().st_size
                _forget_pages(path)
            ms, _ = _first_token(model, tokens, folder)
            warm.append(ms)
    return FirstToken(median(cold), median(warm), size)


def _first_token(model: Model, tokens: Sequence[int], folder: Path) -> tuple[float, PromptMemory]:
    context = model.open(2048)
    context.decode(tokens[:1])  # what a context does once is not of this
    context.cells.remove(0, None)
    prompts = model.memory(WatchedCells(context))
    prompts.saved = saved_in(folder, model)
    started = time.perf_counter()
    prompts.bring([system_part(tokens[:PREFIX_TOKENS])], tokens[PREFIX_TOKENS:], 16)
    context.logits()
    return 1e3 * (time.perf_counter() - started), prompts


def _forget_pages(path: Path) -> None:
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# --- a long stream ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stream:
    """The most bytes of keys and values at any time, what the budget is, and the tokens read."""

    peak_bytes: int
    budget_bytes: int
    tokens: int
    resident_growth_bytes: int

    @property
    def over_bytes(self) -> int:
        return max(0, self.peak_bytes - self.budget_bytes)


def stream(model: Model, texts: Sequence[str], tokens: int) -> Stream:
    """Far more text than memory, in one go.

    After each batch llama.cpp is asked for its state, which says how many cells it holds. The
    buffer of the cells is as large as the budget, and there from the beginning.
    """
    some = [
        token for text in texts for token in model.native.tokenize(text, first=False, special=False)
    ]
    some = (some * (1 + tokens // len(some)))[:tokens]
    context = model.open(STREAM_CELLS)
    cells = WatchedCells(context)
    prompts = model.memory(cells)
    process, cell_bytes = psutil.Process(), model.cell_bytes("q8_0")
    peak = resident = start = 0

    def watch() -> None:
        nonlocal peak, resident, start
        # The manager counts a batch when it is computed; llama.cpp holds it already.
        peak = max(peak, cells_in(context.cells.read(0, context.cells.end)) * cell_bytes)
        start = start or process.memory_info().rss
        resident = max(resident, process.memory_info().rss)

    cells.watch = watch
    prompts.bring((), some, 0)
    peak = max(peak, prompts.memory.bytes)
    context.close()
    return Stream(peak, STREAM_CELLS * cell_bytes, cells.computed, resident - start)


def cells_in(state: bytes) -> int:
    """How many cells a sequence's state of llama.cpp holds: its fourth number."""
    count: int = struct.unpack_from("<I", state, 12)[0]
    return count


# --- a long conversation ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Decoding:
    """Tokens a second at the end of a long conversation."""

    full_tokens_per_s: float
    bounded_tokens_per_s: float

    @property
    def speedup(self) -> float:
        return self.bounded_tokens_per_s / self.full_tokens_per_s


def long_conversation(model: Model, text: str, runs: int = 5, decoded: int = 16) -> Decoding:
    """Decoding with all of a long conversation in memory, and with what a budget leaves of it.

    It is longer than what the starter model was trained for, so its words would be nonsense; how
    long a token takes depends only on how many there are. So one stretch is computed and put
    behind itself again and again, with its positions moved.
    """
    tokens = model.tokens(text, LONG_BOUND)
    full, bounded = model.open(LONG_TOKENS), model.open(LONG_BOUND)
    spare = runs * decoded + BATCH_TOKENS
    stretch = LONG_BOUND // 2
    contexts = ((full, LONG_TOKENS - spare), (bounded, LONG_BOUND - spare))
    for context, wanted in contexts:
        memory = KvMemory(context.cells, model.cell_bytes("q8_0"), BATCH_TOKENS)
        memory.append("0", tokens[:stretch])
        part = memory.save("0")[0]
        while memory.tokens + stretch <= wanted:
            if not memory.recall(part, memory.end):
                raise RuntimeError("a stretch did not come back")
        memory.append("rest", tokens[: wanted - memory.tokens])
    speeds: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for (context, _wanted), seen in zip(contexts, speeds, strict=True):
            started = time.perf_counter()
            for token in tokens[:decoded]:
                context.decode([token])
            seen.append(decoded / (time.perf_counter() - started))
    full.close()
    bounded.close()
    return Decoding(median(speeds[0]), median(speeds[1]))
