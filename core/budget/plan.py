"""The plan: how the person's disk and memory budgets are shared out. One pure function.

Disk: what cannot be given up comes first (catalogue, conversations), then the index at the
level wished for, or without the embeddings it keeps, or even without words where that is
allowed, then texts of files that are slow to read. Memory: search, then the language model with
the context its task needs, then a second reader of files and recent embeddings. What is left
stays free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.budget.disk import fitting_text, share_disk
from core.budget.facts import (
    MB,
    Corpus,
    FewerExperts,
    Limits,
    ModelNeeds,
    Speeds,
    Wishes,
)
from core.budget.fewer import share_with_model
from core.budget.ram import CACHED_EMBEDDING_BYTES, SMALLEST_BYTES, smallest_memory
from core.budget.sizes import in_words, plainly
from core.errors import UserError
from core.home import SMALLEST_DISK_BUDGET_BYTES
from core.index.levels import Level
from core.llm.kv.cells import CellType

SMALLEST = Limits(SMALLEST_DISK_BUDGET_BYTES, SMALLEST_BYTES)
INDEX_PARTS = ("catalogue", "codes", "graph", "spans", "embeddings", "lexical")


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes for each consumer, the levels chosen, and what is predicted of them.

    `disk` and `memory` add up to the limits, `free` included. `fits` is the share of what is
    indexed that there is room for; `joined_chunks` are worked on together at most, and
    `short_bytes` of memory are missing for the index as it is. What is predicted is None where
    nothing was measured yet.
    """

    limits: Limits
    disk: Mapping[str, int]
    memory: Mapping[str, int]
    level: Level
    fits: float
    text_bytes_that_fit: int
    extractors: int
    joined_chunks: int
    short_bytes: int
    model: str | None
    cell_type: CellType | None
    context_tokens: int | None
    query_s: float | None
    first_token_s: float | None
    tokens_per_s: float | None
    fewer: FewerExperts | None = None  # experts a token than the model was made with
    words: bool = True  # whether there is a word index

    @property
    def can_answer(self) -> bool:
        """Whether there is memory for a language model."""
        return self.model is not None

    @property
    def index_bytes(self) -> int:
        """What the index takes, words and catalogue included."""
        return sum(self.disk[part] for part in INDEX_PARTS)

    @property
    def text_cache_bytes(self) -> int:
        """Most that the texts of slow files may take."""
        return self.disk["text_cache"]

    @property
    def saved_kv_bytes(self) -> int:
        """Most that may be kept of conversations for language models."""
        return self.disk["saved_kv"]

    @property
    def cached_embeddings(self) -> int:
        """How many recent embeddings are kept in memory."""
        return self.memory["embedding_cache"] // CACHED_EMBEDDING_BYTES


def make_plan(
    limits: Limits, corpus: Corpus, wishes: Wishes, speeds: Speeds, model: ModelNeeds | None
) -> Plan:
    """Share out the limits; `model` is the language model that was chosen, None if not there.

    Total: limits under the smallest get the shares of what little there is; `check_limits`
    tells the person.
    """
    disk = share_disk(
        limits.disk_bytes,
        corpus,
        wishes.level,
        wishes.text_cache_bytes,
        wishes.words,
        wishes.saved_kv_bytes,
    )
    shared = share_with_model(limits.ram_bytes, corpus.chunks, wishes, model)
    memory = shared.memory
    answers = model is not None and memory.context_tokens > 0
    query_s = predict_query_s(disk.level, speeds)
    first_token_s = None
    if answers and query_s is not None and speeds.prefill_tokens_per_s:
        first_token_s = query_s + wishes.prompt_tokens / speeds.prefill_tokens_per_s
    return Plan(
        limits=limits,
        disk=disk.parts,
        memory=memory.parts,
        level=disk.level,
        fits=disk.fits,
        text_bytes_that_fit=disk.text_bytes_that_fit,
        extractors=memory.extractors,
        joined_chunks=memory.joined_chunks,
        short_bytes=memory.short_bytes,
        model=model.name if model is not None and answers else None,
        cell_type=model.cells(memory.cell_type) if model is not None and answers else None,
        context_tokens=memory.context_tokens if answers else None,
        query_s=query_s,
        first_token_s=first_token_s,
        tokens_per_s=speeds.decode_tokens_per_s if answers else None,
        fewer=shared.fewer if answers else None,
        words=disk.words,
    )


def predict_query_s(level: Level, speeds: Speeds) -> float | None:
    """Seconds of a search at a level; None while no search was measured here."""
    if speeds.rest_s is None or speeds.recompute_s is None:
        return None
    return speeds.rest_s + level.recomputes * speeds.recompute_s


def check_limits(limits: Limits, device: Limits | None, level: Level, chunks: int = 0) -> None:
    """Raises UserError when a limit is under the smallest, or more than the device has.

    `device` has the sizes of disk and memory, 0 for unknown; `chunks` passages are indexed.
    """
    if limits.disk_bytes < SMALLEST.disk_bytes:
        fitting = fitting_text(SMALLEST.disk_bytes, Corpus(), level)
        raise UserError(
            f"A disk budget of {plainly(limits.disk_bytes)} is too small.",
            f"The smallest is {plainly(SMALLEST.disk_bytes)}, which holds the index of about "
            f"{in_words(fitting)} of text.",
        )
    least = smallest_memory(chunks)
    if limits.ram_bytes < least:
        why = "which is enough to index and to search, without answers."
        if limits.ram_bytes >= SMALLEST.ram_bytes:
            why = f"for {chunks:,} passages are indexed; with fewer folders it may be less."
        raise UserError(
            f"A memory budget of {plainly(limits.ram_bytes)} is too small.",
            f"The smallest is {plainly(rounded_up(least))}, {why}",
        )
    for name, limit, whole in (
        ("disk", limits.disk_bytes, device.disk_bytes if device else 0),
        ("memory", limits.ram_bytes, device.ram_bytes if device else 0),
    ):
        if 0 < whole < limit:
            raise UserError(
                f"A {name} budget of {plainly(limit)} is more than this computer has.",
                f"It has {in_words(whole)}; give less than that.",
            )


def rounded_up(size_bytes: int) -> int:
    """Whole megabytes that are at least as much: a size that can be told and set."""
    return -(-size_bytes // MB) * MB
