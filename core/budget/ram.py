"""The memory budget shared out: search, the language model, its context, recent embeddings."""

from __future__ import annotations

from dataclasses import dataclass

from core.budget.facts import MB, ModelNeeds, Wishes

# The service with its embedding model while it indexes, measured: what it takes at first, and
# for each passage of an index up to a size from which on it works in parts.
SERVICE_BYTES = 290 * MB
SERVICE_BYTES_A_CHUNK = 2_400
MOST_CHUNKS = 60_000
EXTRACTOR_BYTES = 90 * MB  # one reader of files, measured
MOST_EXTRACTORS = 2
CACHED_EMBEDDING_BYTES = 384 * 4 + 200  # with its place in the cache
MOST_CACHED_BYTES = 64 * MB
SMALLEST_BYTES = SERVICE_BYTES + EXTRACTOR_BYTES
CONTEXT_STEP_TOKENS = 256


@dataclass(frozen=True, slots=True)
class MemoryShare:
    """Bytes by part, which with `free` add up to the budget.

    `context_tokens` is 0 where there is no memory for the language model.
    """

    parts: dict[str, int]
    extractors: int
    context_tokens: int


def service_bytes(chunks: int) -> int:
    """What the service of an index of so many passages takes at most."""
    return SERVICE_BYTES + SERVICE_BYTES_A_CHUNK * min(chunks, MOST_CHUNKS)


def share_memory(
    budget_bytes: int, chunks: int, wishes: Wishes, model: ModelNeeds | None
) -> MemoryShare:
    """Search first; then the model with the context its task needs; then more of everything."""
    service = service_bytes(chunks)
    left = budget_bytes - service - EXTRACTOR_BYTES
    context = weights = kv = overhead = 0
    if model is not None:
        # Experts wait on disk before the context is cut: it is small beside them.
        room = left - model.overhead_bytes - model.least_weight_bytes
        context = context_that_fits(room, wishes, model)
    if model is not None and context:
        overhead, kv = model.overhead_bytes, model.kv_bytes(context, wishes.cell_type)
        weights = min(model.weight_bytes, left - overhead - kv)
        left -= weights + overhead + kv
    more = min(MOST_EXTRACTORS - 1, max(0, left) // EXTRACTOR_BYTES)
    left -= more * EXTRACTOR_BYTES
    cached = min(MOST_CACHED_BYTES, max(0, left) // 2)
    parts = {
        "service": min(service, budget_bytes),
        "extractors": min((1 + more) * EXTRACTOR_BYTES, max(0, budget_bytes - service)),
        "embedding_cache": cached,
        "model_weights": weights,
        "kv": kv,
        "model_overhead": overhead,
    }
    free = max(0, budget_bytes - sum(parts.values()))
    return MemoryShare(parts | {"free": free}, 1 + more, context)


def context_that_fits(room_bytes: int, wishes: Wishes, model: ModelNeeds) -> int:
    """The longest context up to the one wished for; 0 when not even a question's fits."""
    most = min(wishes.context_tokens, model.trained_context_tokens or wishes.context_tokens)
    least = min(most, wishes.task_tokens)
    if model.kv_bytes(least, wishes.cell_type) > room_bytes:
        return 0
    for tokens in range(most, least, -CONTEXT_STEP_TOKENS):
        if model.kv_bytes(tokens, wishes.cell_type) <= room_bytes:
            return tokens
    return least
