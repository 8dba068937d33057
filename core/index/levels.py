"""The dial of the index: what may be kept of each passage beside its place, and what it buys.

More bytes find the right passages with fewer of them embedded anew. The
figures are predictions, measured by `MEASURED_WITH` on SciFact (9,643 passages,
300 questions, codes fitted to them); a home's own differ somewhat, and so does another
fit of the codes. `hubs` finds hardly more than the codes it has, and less than codes of its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.errors import UserError

# Of which passages the embedding is kept, at 8 bits a coordinate: none, the graph's hubs, all.
Kept = Literal["", "hubs", "all"]

# Whether there is a word index, beside what is kept for meaning.
ALWAYS, WHERE_ROOM, NEVER = WORDS_KEPT = ("always", "while there is room", "never")

MEASURED_WITH = "python benchmarks/levels.py"
HUB_SHARE = 0.03
MOST_CODE_BYTES = 48
OWN_CHUNKS = 6_000  # for a rotation of the home's own; fewer say too little


@dataclass(frozen=True, slots=True)
class Level:
    """A level and what is predicted of it.

    `code_bytes` a passage, 0 for none. `bytes_a_chunk` is all but the words: codes,
    graph, places and embeddings; `fixed_bytes` are kept once, for the rotation of the
    codes. Recall is against embedding everything anew, `recomputes` the mean of a search
    that may do 28 (the level without codes: `GRAPH_EFFORT` times as many), `search_ms`
    what is neither embedding nor reading: that of codes-16 stands for all codes, and
    was measured on a busy machine.
    """

    name: str
    code_bytes: int
    kept: Kept
    bytes_a_chunk: float
    fixed_bytes: int
    recall_at_3: float
    recall_at_10: float
    recomputes: float
    search_ms: float

    @property
    def first_code_bytes(self) -> int:
        """Bytes of code until the home has codes of its own: those that ship say less a byte."""
        return min(2 * self.code_bytes, MOST_CODE_BYTES)

    def kept_bytes(self, dimensions: int) -> float:
        """Bytes a chunk of embeddings that are kept."""
        return {"": 0.0, "hubs": HUB_SHARE, "all": 1.0}[self.kept] * (dimensions + 1)


GRAPH_EFFORT = 7

LEVELS: tuple[Level, ...] = (
    Level("graph", 0, "", 3.6, 0, 0.907, 0.823, 196.0, 12.0),
    Level("codes-8", 8, "", 11.6, 35_900, 0.912, 0.802, 25.7, 28.0),
    Level("codes-12", 12, "", 15.6, 52_000, 0.951, 0.845, 24.9, 28.0),
    Level("codes-16", 16, "", 19.6, 67_700, 0.966, 0.877, 23.8, 28.0),
    Level("codes-24", 24, "", 27.6, 96_700, 0.980, 0.914, 22.4, 28.0),
    Level("codes-32", 32, "", 35.6, 123_100, 0.994, 0.951, 21.9, 28.0),
    Level("codes-48", 48, "", 51.6, 126_600, 0.999, 0.966, 21.0, 28.0),
    Level("hubs", 16, "hubs", 31.1, 67_600, 0.973, 0.900, 24.2, 28.0),
    Level("embeddings", 0, "all", 388.6, 0, 0.993, 0.997, 0.0, 5.0),
)
LEVEL_NAMES = tuple(level.name for level in LEVELS)
DEFAULT_LEVEL = "codes-16"


def level_named(name: str) -> Level:
    """The level of this name. Raises UserError, which lists them."""
    for level in LEVELS:
        if level.name == name:
            return level
    raise UserError(f"There is no level {name!r}.", f"Choose one of {', '.join(LEVEL_NAMES)}.")


def cheaper_level(level: Level) -> Level | None:
    """A level of fewer bytes that an index comes to without embedding anything; None without one.

    Only embeddings that are kept can be given up so: other codes take embeddings to be made.
    """
    return level_named(DEFAULT_LEVEL) if level.kept else None
