"""Whether a conversation that left memory is remembered as well as one that is all there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from kv_model import Model
from kv_parts import saved_in
from kv_texts import Dialogue, Turn, found

from core.chat.parts import Parted, parted
from core.home import find_home
from core.index.embedder import Embedder
from core.index.models import embedding_folder
from core.llm.chat_message import ChatMessage
from core.llm.native import StopFlag
from core.llm.runtime import Runtime, default_threads
from core.messages import ChatTurn

FULL_TOKENS, BOUND_TOKENS = 8192, 768
ANSWER_TOKENS = 24
RECALLED = 3  # turns that are brought back for a question
SYSTEM = "You are a helpful assistant who remembers what was said and answers briefly."


@dataclass(frozen=True, slots=True)
class Remembered:
    """Of `asked` facts whose turns had left the bounded memory, how many each memory found.

    `chosen` are those whose turn was among those brought back.
    """

    asked: int = 0
    full: int = 0
    bounded: int = 0
    chosen: int = 0

    @property
    def ratio(self) -> float:
        return self.bounded / self.full if self.full else 0.0

    def __add__(self, other: Remembered) -> Remembered:
        return Remembered(
            self.asked + other.asked,
            self.full + other.full,
            self.bounded + other.bounded,
            self.chosen + other.chosen,
        )


def open_embedder() -> Embedder:
    """The embedding model that is set up with Satchel."""
    models = find_home(None, os.environ).models
    return Embedder(embedding_folder(models, "all-minilm-l6-v2"), default_threads())


def recall(model: Model, talks: Sequence[Dialogue], embedder: Embedder) -> Remembered:
    """Both memories go through each conversation turn by turn and are asked at its end."""
    full = Runtime(model.path, context_tokens=FULL_TOKENS)
    bounded = Runtime(model.path, context_tokens=BOUND_TOKENS)
    total = Remembered()
    for number, talk in enumerate(talks, 1):
        with tempfile.TemporaryDirectory() as folder:
            bounded.use_saved(saved_in(Path(folder), model))
            total += _one(number, talk, full, bounded, embedder)
    full.close()
    bounded.close()
    return total


def _one(
    number: int, talk: Dialogue, full: Runtime, bounded: Runtime, embedder: Embedder
) -> Remembered:
    vectors = embedder.embed([f"{turn.question}\n{turn.answer}" for turn in talk.turns])
    for said in range(1, len(talk.turns)):
        prompt = _prompt(bounded, number, talk.turns[:said], (), talk.turns[said].question)
        _answer(bounded, prompt, 1)
        bounded.settle()
    total = Remembered()
    for asked in talk.asked:
        scores = vectors @ embedder.embed_query(asked.question)
        best = [int(at) for at in np.argsort(-scores)[:RECALLED]]
        whole = _prompt(full, number, talk.turns, (), asked.question)
        part = _prompt(bounded, number, talk.turns, best, asked.question)
        # Its part is the one after the system prompt's and those of the turns before.
        if bounded.memory.holds(part.parts[1 + asked.turn].name):
            continue
        total += Remembered(
            1,
            found(_answer(full, whole, ANSWER_TOKENS), asked.fact),
            found(_answer(bounded, part, ANSWER_TOKENS), asked.fact),
            asked.turn in best,
        )
        # What was brought back leaves again before the next question.
        last = _prompt(bounded, number, talk.turns, (), talk.turns[-1].question)
        _answer(bounded, last, 1)
    return total


def _prompt(
    runtime: Runtime,
    conversation: int,
    turns: Sequence[Turn],
    recalled: Sequence[int],
    question: str,
) -> Parted:
    history: list[ChatTurn] = []
    for at, turn in enumerate(turns):
        about = (at + 1, conversation, at in recalled)
        history.append(ChatTurn("user", turn.question, *about))
        history.append(ChatTurn("assistant", turn.answer, *about))
    messages = [ChatMessage("system", SYSTEM), ChatMessage("user", question)]
    return parted(messages, history, runtime.tokenize_each)


def _answer(runtime: Runtime, prompt: Parted, tokens: int) -> str:
    text: list[str] = []
    generation = runtime.begin(prompt.parts, prompt.end, max_tokens=tokens, on_text=text.append)
    runtime.run(generation, StopFlag())
    return "".join(text)
