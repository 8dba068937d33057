"""One model in contexts of several sizes, through the classes that answer questions with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from core.errors import UserError
from core.home import find_home
from core.llm.experts.manager import Residency
from core.llm.experts.quality import next_token_loss
from core.llm.facts import ModelFacts, head_sizes, model_facts
from core.llm.gguf import read_header
from core.llm.kv.cells import CELL_SHARES, Ability, CellType
from core.llm.kv.memory import KvMemory
from core.llm.kv.prompts import PromptMemory
from core.llm.native import ContextShape, NativeContext, NativeModel, Scores, StopFlag
from core.llm.runtime import BATCH_TOKENS, default_threads


def starter_path() -> Path:
    """The starter model in the store that all homes share."""
    return find_home(None, os.environ).models / "llm" / "smollm2-135m-instruct.gguf"


class WatchedCells:
    """The cells of a context, which look at each token that is computed.

    `on_scores` gets the number of each token from `scored_from` on and its scores.
    """

    def __init__(
        self,
        context: NativeContext,
        scored_from: int | None = None,
        on_scores: Callable[[int, Scores], None] = lambda _number, _scores: None,
    ) -> None:
        self._context = context
        self._cells = context.cells
        self._scored_from = scored_from
        self._on_scores = on_scores
        self.computed = 0
        self.watch: Callable[[], None] = lambda: None

    @property
    def capacity(self) -> int:
        return self._cells.capacity

    @property
    def ability(self) -> Ability:
        return self._cells.ability

    def append(self, tokens: Sequence[int]) -> None:
        last = self.computed + len(tokens)
        if self._scored_from is None or last <= self._scored_from:
            self._cells.append(tokens)
        else:
            rows = self._context.decode_scored(tokens)
            for number, row in enumerate(rows, self.computed):
                if number >= self._scored_from:
                    self._on_scores(number, row)
        self.computed = last
        self.watch()

    def remove(self, first: int, end: int | None) -> bool:
        return self._cells.remove(first, end)

    def read(self, first: int, end: int) -> bytes:
        return self._cells.read(first, end)

    def write(self, state: bytes, first: int, end: int, shift: int = 0) -> bool:
        return self._cells.write(state, first, end, shift)

    def shift(self, first: int, end: int, by: int) -> None:
        self._cells.shift(first, end, by)

    def compact(self) -> None:
        self._cells.compact()


class Model:
    """A model file, loaded once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts: ModelFacts = model_facts(path)
        self._key_size = head_sizes(read_header(path))[0]
        self.native = NativeModel(path, StopFlag())
        self.trained_tokens: int = self.native.trained_context_tokens

    def tokens(self, text: str, count: int) -> list[int]:
        """The first tokens of a text; exits when it has fewer."""
        tokens = self.native.tokenize(text, first=True, special=False)
        if len(tokens) < count:
            raise UserError(f"A text has {len(tokens)} tokens, {count} are needed.", "")
        return tokens[:count]

    def open(self, tokens: int, cell_type: CellType = "q8_0") -> NativeContext:
        """A context of so many cells."""
        residency = Residency(self.path, None)
        shape = ContextShape(tokens, default_threads(), BATCH_TOKENS, cell_type, self._key_size)
        context = NativeContext(self.native, shape, residency)
        if context.cell_type != cell_type:
            raise UserError(f"The model cannot have cells of {cell_type}.", "")
        return context

    def cell_bytes(self, cell_type: CellType) -> int:
        """What a token's keys and values take."""
        return round(CELL_SHARES[cell_type] * self.facts.kv_bytes_a_token_f16)

    def memory(self, cells: WatchedCells, cell_type: CellType = "q8_0") -> PromptMemory:
        """The manager over cells, as the runtime has it."""
        memory = KvMemory(cells, self.cell_bytes(cell_type), BATCH_TOKENS)
        return PromptMemory(memory, self.trained_tokens)

    def losses(
        self, tokens: Sequence[int], scored: int, cells: int, cell_type: CellType = "q8_0"
    ) -> list[float]:
        """How badly each of the last `scored` tokens is foretold where all before it went through
        a memory of so many cells.
        """
        context = self.open(cells, cell_type)
        losses: list[float] = []

        def score(number: int, row: Scores) -> None:
            losses.append(next_token_loss(row, tokens[number + 1]))

        watched = WatchedCells(context, len(tokens) - 1 - scored, score)
        self.memory(watched, cell_type).bring((), tokens[:-1], 0)
        context.close()
        return losses
