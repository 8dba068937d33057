"""The plan: how the person's disk and memory budgets are shared out. One pure function.

The smallest useful index comes first; memory goes to the embedding model, then
to recently recomputed embeddings, then to the language model while a question
is answered.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import UserError
from core.home import SMALLEST_DISK_BUDGET_BYTES
from core.index.levels import Level

MB = 1_000_000

LEXICAL_SHARE = 0.2  # of the text, measured on SciFact
CHUNK_TEXT_BYTES = 800

SERVICE_BYTES = 420 * MB  # the service with its embedding model, measured
EXTRACTOR_BYTES = 90 * MB  # one reader of files, measured; there are up to four
EMBEDDING_BYTES = 384 * 4 + 200  # one kept embedding with its place in the cache
MOST_CACHE_BYTES = 64 * MB


@dataclass(frozen=True, slots=True)
class Limits:
    """What the person allows, in bytes."""

    disk_bytes: int
    ram_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes for each consumer and why.

    `level` names the index's level, `index_bytes_a_chunk` and `text_bytes_that_fit` are
    predictions for it.
    """

    text_cache_bytes: int
    index_bytes: int
    embedding_cache_bytes: int
    embedding_cache_entries: int
    service_bytes: int
    extractor_bytes: int
    model_bytes: int
    level: str
    code_bytes_a_chunk: int
    index_bytes_a_chunk: float
    text_bytes_that_fit: int
    can_answer: bool
    reasons: tuple[str, ...]


def make_plan(limits: Limits, text_cache_bytes: int, model_bytes: int, level: Level) -> Plan:
    """Share out the limits.

    `text_cache_bytes` is the person's wish for the text cache; `model_bytes` the
    memory that the chosen language model takes, 0 when there is none; `level` the
    index's level that the person chose. Raises UserError when the disk limit is under
    the smallest that Satchel works with.
    """
    if limits.disk_bytes < SMALLEST_DISK_BUDGET_BYTES:
        raise UserError(
            f"A disk budget of {limits.disk_bytes / MB:g} MB is too small.",
            f"The smallest is {SMALLEST_DISK_BUDGET_BYTES / MB:g} MB, which holds about "
            f"{_fitting_text(SMALLEST_DISK_BUDGET_BYTES, level) / MB:.0f} MB of text.",
        )
    cache = min(text_cache_bytes, limits.disk_bytes // 10)
    index = limits.disk_bytes - cache
    fixed = SERVICE_BYTES + 2 * EXTRACTOR_BYTES
    spare = max(0, limits.ram_bytes - fixed)
    can_answer = 0 < model_bytes <= spare
    left = spare - model_bytes if can_answer else spare
    embeddings = min(MOST_CACHE_BYTES, left // 2)
    fits = _fitting_text(index, level)
    reasons = [
        _level_in_words(level),
        f"{index / MB:.0f} MB of index hold about {fits / MB:.0f} MB of text.",
    ]
    if cache:
        reasons.append(
            f"{cache / MB:.0f} MB may keep the texts of files that are slow to read, such as PDFs."
        )
    if not model_bytes:
        reasons.append("No language model is installed, so there is search but no answers.")
    elif can_answer:
        reasons.append(
            f"The language model takes {model_bytes / MB:.0f} MB while it answers and leaves "
            "memory when idle."
        )
    else:
        reasons.append(
            f"The language model needs {model_bytes / MB:.0f} MB beside {fixed / MB:.0f} MB for "
            "search, which the memory budget does not give; there is search but no answers."
        )
    return Plan(
        text_cache_bytes=cache,
        index_bytes=index,
        embedding_cache_bytes=embeddings,
        embedding_cache_entries=embeddings // EMBEDDING_BYTES,
        service_bytes=SERVICE_BYTES,
        extractor_bytes=2 * EXTRACTOR_BYTES,
        model_bytes=model_bytes if can_answer else 0,
        level=level.name,
        code_bytes_a_chunk=level.code_bytes,
        index_bytes_a_chunk=level.bytes_a_chunk,
        text_bytes_that_fit=fits,
        can_answer=can_answer,
        reasons=tuple(reasons),
    )


def _level_in_words(level: Level) -> str:
    """What the level keeps and what it is predicted to give."""
    recall = f"{level.recall_at_10:.0%} of the ten best passages"
    if level.kept == "all":
        what = "the embeddings of all passages in 8 bits"
        cost = "without embedding anything but the question"
    else:
        what = f"{level.code_bytes} bytes of code a passage" if level.code_bytes else "no code"
        what += " and the embeddings of well linked passages" if level.kept else ""
        cost = f"with about {level.recomputes:.0f} passages embedded anew"
    return (
        f"The index is at the level {level.name}: it keeps {what}, "
        f"{level.bytes_a_chunk:.0f} bytes a passage in all, and a search finds {recall} {cost}."
    )


def _fitting_text(index_bytes: int, level: Level) -> int:
    """Bytes of text whose index takes this many bytes."""
    left = max(0, index_bytes - level.fixed_bytes)
    return int(left / (level.bytes_a_chunk / CHUNK_TEXT_BYTES + LEXICAL_SHARE))
