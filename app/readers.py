"""The readers of files that a service has: for the index, for people, for another model's index."""

from __future__ import annotations

from collections.abc import Callable

from app.children import python_child
from app.extractors import ExtractorPool
from core.home import Home
from core.index.embedder import MAX_TOKENS, EmbeddingModel
from core.settings import Settings

# Readers that were idle for so long are ended; the next request waits for a new one to start.
INDEX_IDLE_S = 30.0
QUERY_IDLE_S = 240.0
SCRATCH_READERS = 4  # that may convert at once, each with its share of the room
INDEX_NICE = 5  # steps that reading for the index gives way


def make_readers(
    home: Home,
    settings: Settings,
    name: str,
    model: EmbeddingModel | None,
    on_death: Callable[[str], None],
    room: Callable[[], int],
) -> ExtractorPool:
    """Readers that cut texts for a model: "query" for people, others for indexing.

    `room` gives the bytes that the disk budget still allows.
    """
    idle_s, nice = (QUERY_IDLE_S, 0) if name == "query" else (INDEX_IDLE_S, INDEX_NICE)
    memory_mb = int(settings.number("extract.memory_mb"))
    timeout_s = settings.number("extract.timeout_s")
    limits = ("--memory-mb", str(memory_mb), "--timeout-s", str(timeout_s), "--nice", str(nice))
    return ExtractorPool(
        python_child("app.extractor", *limits),
        2,
        str(model.tokenizer) if model else "",
        timeout_s,
        on_death,
        max_tokens=model.description.chunk_tokens if model else MAX_TOKENS,
        memory_mb=memory_mb,
        scratch=home.scratch / name,
        scratch_room=lambda: room() // SCRATCH_READERS,
        idle_s=idle_s,
    )
