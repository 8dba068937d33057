"""The plan: how the person's disk and memory budgets are shared out. One pure function.

The smallest useful index comes first; memory goes to the embedding model, then
to recently recomputed embeddings, then to the language model while a question
is answered.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import UserError
from core.home import SMALLEST_DISK_BUDGET_BYTES

MB = 1_000_000

CODE_BYTES = 16
INDEX_BYTES_A_CHUNK = CODE_BYTES + 8  # codes, graph and spans, measured on SciFact
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
    """Bytes for each consumer and why. `text_bytes_that_fit` is a prediction."""

    text_cache_bytes: int
    index_bytes: int
    embedding_cache_bytes: int
    embedding_cache_entries: int
    service_bytes: int
    extractor_bytes: int
    model_bytes: int
    code_bytes_a_chunk: int
    text_bytes_that_fit: int
    can_answer: bool
    reasons: tuple[str, ...]


def make_plan(limits: Limits, text_cache_bytes: int, model_bytes: int) -> Plan:
    """Share out the limits.

    `text_cache_bytes` is the person's wish for the text cache; `model_bytes` the
    memory that the chosen language model takes, 0 when there is none. Raises
    UserError when the disk limit is under the smallest that Satchel works with.
    """
    if limits.disk_bytes < SMALLEST_DISK_BUDGET_BYTES:
        raise UserError(
            f"A disk budget of {limits.disk_bytes / MB:g} MB is too small.",
            f"The smallest is {SMALLEST_DISK_BUDGET_BYTES / MB:g} MB, which holds about "
            f"{_fitting_text(SMALLEST_DISK_BUDGET_BYTES) / MB:.0f} MB of text.",
        )
    cache = min(text_cache_bytes, limits.disk_bytes // 10)
    index = limits.disk_bytes - cache
    fixed = SERVICE_BYTES + 2 * EXTRACTOR_BYTES
    spare = max(0, limits.ram_bytes - fixed)
    can_answer = 0 < model_bytes <= spare
    left = spare - model_bytes if can_answer else spare
    embeddings = min(MOST_CACHE_BYTES, left // 2)
    fits = _fitting_text(index)
    reasons = [
        f"{CODE_BYTES} bytes of code a passage and the graph find the right passages with about "
        "32 recomputed embeddings a query; the embeddings themselves are not stored.",
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
        code_bytes_a_chunk=CODE_BYTES,
        text_bytes_that_fit=fits,
        can_answer=can_answer,
        reasons=tuple(reasons),
    )


def _fitting_text(index_bytes: int) -> int:
    """Bytes of text whose index takes this many bytes."""
    return int(index_bytes / (INDEX_BYTES_A_CHUNK / CHUNK_TEXT_BYTES + LEXICAL_SHARE))
