"""What a plan is made from: limits, what is indexed, what is wished for, how fast things are."""

from __future__ import annotations

from dataclasses import dataclass

from core.index.levels import ALWAYS, Level
from core.llm.kv.cells import CELL_SHARES, CellType

MB = 1_000_000

PROMPT_TOKENS = 250  # of a question beside its passages: instructions, the question, the template


@dataclass(frozen=True, slots=True)
class Limits:
    """What the person allows, in bytes."""

    disk_bytes: int
    ram_bytes: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is in the index now and the bytes that each part of it takes.

    `level` is the one that its passages are at or come to (`at_level` tells which);
    `words` says whether all of them are in a word index, `wordless_within` is the disk budget
    that had no room for one, 0 for none; `dimensions` are those of an embedding.
    """

    level: Level | None = None
    at_level: bool = True
    files: int = 0
    chunks: int = 0
    text_bytes: int = 0
    catalogue: int = 0
    codes: int = 0
    graph: int = 0
    spans: int = 0
    embeddings: int = 0
    lexical: int = 0
    text_cache: int = 0
    saved_kv: int = 0
    history: int = 0
    other: int = 0
    dimensions: int = 384
    words: bool = True
    wordless_within: int = 0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person chose: the most that each may become where there is room."""

    level: Level
    text_cache_bytes: int = 0
    saved_kv_bytes: int = 0
    context_tokens: int = 2048
    passage_tokens: int = 600
    answer_tokens: int = 200
    cell_type: CellType = "q8_0"
    cells_by_room: bool = False  # smaller cells where those have no room
    active_experts: int = 0  # a token is to use; 0 for automatic
    words: str = ALWAYS  # one of core.index.levels.WORDS_KEPT

    @property
    def prompt_tokens(self) -> int:
        """About how long the prompt of a question is."""
        return self.passage_tokens + PROMPT_TOKENS

    @property
    def task_tokens(self) -> int:
        """The context that a question with its passages and answer needs."""
        return min(self.context_tokens, self.prompt_tokens + self.answer_tokens)


@dataclass(frozen=True, slots=True)
class Speeds:
    """What was measured on this machine; None where nothing was yet.

    `recompute_s` is what one more passage costs a search (read and embedded), `rest_s` what a
    search takes beside that.
    """

    recompute_s: float | None = None
    rest_s: float | None = None
    prefill_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class FewerExperts:
    """A mixture used with only `active` experts a token.

    `cost` is by what share its perplexity rises, None where that was not measured.
    """

    active: int
    cost: float | None
    least_weight_bytes: int


@dataclass(frozen=True, slots=True)
class ModelNeeds:
    """What a language model takes: its weights, its worker, and memory for each token it can look
    back on.

    With no more than `least_weight_bytes` in memory it answers too, the rest read from disk.
    A mixture uses `active_experts` a token, or with `fewer` one of these.
    """

    name: str
    weight_bytes: int
    least_weight_bytes: int
    overhead_bytes: int
    kv_bytes_a_token: int  # of f16 cells
    trained_context_tokens: int
    expert_bytes: int = 0
    active_experts: int = 0
    fewer: tuple[FewerExperts, ...] = ()
    quantizable: bool = True  # whether its heads allow cells of 8 bits

    def cells(self, wished: CellType) -> CellType:
        """The cells that it is given."""
        return wished if self.quantizable else "f16"

    def kv_bytes(self, tokens: int, cell: CellType) -> int:
        """Bytes of the memory of so many tokens."""
        return round(tokens * self.kv_bytes_a_token * CELL_SHARES[self.cells(cell)])
