"""The memory budget shared out: search, the language model, its context, recent embeddings."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.budget.facts import MB, ModelNeeds, Wishes
from core.llm.kv.cells import CELL_COSTS, CELL_SHARES, CellType

# The service with its embedding model while it indexes, measured: what it takes at first, for each
# passage of the index, and for each of those that are worked on together when segments are joined.
SERVICE_BYTES = 290 * MB
BYTES_A_CHUNK = 400
BYTES_A_JOINED_CHUNK = 2_000
MOST_CHUNKS = 60_000  # of which this was measured; a larger index works in parts of that
LEAST_JOINED = 8_000  # as many embeddings at hand as codes of the home's own are fitted to
EXTRACTOR_BYTES = 90 * MB  # one reader of files for the index and one for searches, measured
MOST_EXTRACTORS = 2
CACHED_EMBEDDING_BYTES = 384 * 4 + 200  # with its place in the cache
MOST_CACHED_BYTES = 64 * MB
SMALLEST_BYTES = SERVICE_BYTES + EXTRACTOR_BYTES
CONTEXT_STEP_TOKENS = 256
MOST_CELL_COST = 0.01  # of perplexity, for a longer context


@dataclass(frozen=True, slots=True)
class MemoryShare:
    """Bytes by part, which with `free` add up to the budget.

    `context_tokens` is 0 where there is no memory for the language model. `joined_chunks` are
    worked on together at most; `short_bytes` are missing even if that is as few as can be.
    """

    parts: dict[str, int]
    extractors: int
    context_tokens: int
    joined_chunks: int
    short_bytes: int
    cell_type: CellType = "q8_0"


def service_bytes(chunks: int, joined: int = MOST_CHUNKS) -> int:
    """What the service of an index of so many passages takes at most, `joined` of them at once."""
    chunks = min(chunks, MOST_CHUNKS)
    at_once = min(chunks, joined)
    return SERVICE_BYTES + BYTES_A_CHUNK * chunks + BYTES_A_JOINED_CHUNK * at_once


def smallest_memory(chunks: int) -> int:
    """The least budget that an index of so many passages can be kept up with and searched in."""
    return service_bytes(chunks, LEAST_JOINED) + EXTRACTOR_BYTES


def most_joined(budget_bytes: int, chunks: int) -> int:
    """How many passages may be worked on together within a budget."""
    over = service_bytes(chunks, 0) + EXTRACTOR_BYTES
    room = max(0, budget_bytes - over) // BYTES_A_JOINED_CHUNK
    if room >= min(chunks, MOST_CHUNKS):
        return MOST_CHUNKS
    return max(LEAST_JOINED, room)


def room_for_model(budget_bytes: int, chunks: int) -> int:
    """What search leaves for a language model; negative where search has too little itself."""
    joined = most_joined(budget_bytes, chunks)
    return budget_bytes - service_bytes(chunks, joined) - EXTRACTOR_BYTES


def share_memory(
    budget_bytes: int, chunks: int, wishes: Wishes, model: ModelNeeds | None
) -> MemoryShare:
    """Search first, joining fewer passages at once where more have no room; then the model with
    the context its task needs; then more of everything.
    """
    joined = most_joined(budget_bytes, chunks)
    service = service_bytes(chunks, joined)
    left = room_for_model(budget_bytes, chunks)
    context = weights = kv = overhead = 0
    if model is not None:
        # Experts wait on disk before the context is cut: it is small beside them.
        room = left - model.overhead_bytes - model.least_weight_bytes
        wishes = choose_cells(room, wishes, model)
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
    short = max(0, smallest_memory(chunks) - budget_bytes)
    return MemoryShare(parts | {"free": free}, 1 + more, context, joined, short, wishes.cell_type)


def choose_cells(room_bytes: int, wishes: Wishes, model: ModelNeeds) -> Wishes:
    """The wishes with the best cells whose context is as long as was wished for.

    Where no context is, the longest with cells that cost little; where not even a question's is,
    the smallest cells. What the person chose stays.
    """
    if not wishes.cells_by_room or not model.quantizable:
        return wishes
    cells = sorted(CELL_COSTS, key=lambda cell: (CELL_COSTS[cell], CELL_SHARES[cell]))
    each = [replace(wishes, cell_type=cell) for cell in cells]
    fitting = {one.cell_type: context_that_fits(room_bytes, one, model) for one in each}
    most = max(fitting[cell] for cell in cells if CELL_COSTS[cell] <= MOST_CELL_COST)
    good = most if most else max(fitting.values())
    return next(one for one in each if fitting[one.cell_type] >= good)


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
