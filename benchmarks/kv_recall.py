"""Whether a conversation that left memory is remembered as well as one that is all there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kv_model import Model
from kv_parts import saved_in
from kv_texts import Dialogue, Turn, found

from core.chat.parts import Parted, parted
from core.home import find_home
from core.index.embedder import Embedder, find_model
from core.index.models import embedding_folder
from core.llm.chat_message import ChatMessage
from core.llm.kv.recall import packed, to_recall, unpacked
from core.llm.native import StopFlag
from core.llm.runtime import Runtime, default_threads
from core.messages import ChatTurn

FULL_TOKENS, BOUND_TOKENS = 8192, 768
ANSWER_TOKENS = 24
LAST_TURNS = 4  # go with a question in any case, as in the service
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


class Reminder:
    """Chooses the older turns that a question is about, by the rule of the service."""

    def __init__(self) -> None:
        """With the embedding model that is set up with Satchel."""
        folder = embedding_folder(find_home(None, os.environ).models, "all-minilm-l6-v2")
        self._embedder = Embedder(folder, default_threads())
        self._about_cosine = find_model(folder).description.about_cosine

    def vectors(self, turns: Sequence[Turn]) -> list[bytes]:
        """The embeddings of turns, as they are kept."""
        texts = [f"{turn.question}\n{turn.answer}" for turn in turns]
        return [packed(vector) for vector in self._embedder.embed(texts)]

    def about(self, question: str, vectors: Sequence[bytes]) -> list[int]:
        """Which of the older turns come back."""
        asked = self._embedder.embed_query(question)
        return to_recall(asked, unpacked(vectors[:-LAST_TURNS]), self._about_cosine)


def recall(model: Model, talks: Sequence[Dialogue], reminder: Reminder) -> Remembered:
    """Both memories go through each conversation turn by turn and are asked at its end."""
    full = Runtime(model.path, context_tokens=FULL_TOKENS)
    bounded = Runtime(model.path, context_tokens=BOUND_TOKENS)
    total = Remembered()
    for number, talk in enumerate(talks, 1):
        with tempfile.TemporaryDirectory() as folder:
            bounded.use_saved(saved_in(Path(folder), model))
            total += _one(number, talk, full, bounded, reminder)
    full.close()
    bounded.close()
    return total


def _one(
    number: int, talk: Dialogue, full: Runtime, bounded: Runtime, reminder: Reminder
) -> Remembered:
    vectors = reminder.vectors(talk.turns)
    numbers = range(len(talk.turns))
    for said in numbers[1:]:
        sent = numbers[max(0, said - LAST_TURNS) : said]
        prompt = _prompt(bounded, number, talk, sent, (), talk.turns[said].question)
        _answer(bounded, prompt, 1)
        bounded.settle()
    total = Remembered()
    for asked in talk.asked:
        best = reminder.about(asked.question, vectors)
        whole = _prompt(full, number, talk, numbers, (), asked.question)
        sent = sorted({*best, *numbers[-LAST_TURNS:]})
        part = _prompt(bounded, number, talk, sent, best, asked.question)
        # The parts of the whole prompt are the system prompt and then the turns.
        if bounded.memory.holds(whole.parts[1 + asked.turn].name):
            continue
        total += Remembered(
            1,
            found(_answer(full, whole, ANSWER_TOKENS), asked.fact),
            found(_answer(bounded, part, ANSWER_TOKENS), asked.fact),
            asked.turn in best,
        )
        # What came back leaves again before the next question.
        others = [at for at in numbers[-LAST_TURNS - 3 :] if at != asked.turn]
        _answer(bounded, _prompt(bounded, number, talk, others, (), "Thank you."), 1)
    return total


def _prompt(
    runtime: Runtime,
    conversation: int,
    talk: Dialogue,
    sent: Sequence[int],
    recalled: Sequence[int],
    question: str,
) -> Parted:
    """The prompt of a question with some of the turns before it."""
    history: list[ChatTurn] = []
    for at in sent:
        turn, about = talk.turns[at], (at + 1, conversation, at in recalled)
        history.append(ChatTurn("user", turn.question, *about))
        history.append(ChatTurn("assistant", turn.answer, *about))
    messages = [ChatMessage("system", SYSTEM), ChatMessage("user", question)]
    return parted(messages, history, runtime.tokenize_each)


def _answer(runtime: Runtime, prompt: Parted, tokens: int) -> str:
    text: list[str] = []
    generation = runtime.begin(prompt.parts, prompt.end, max_tokens=tokens, on_text=text.append)
    runtime.run(generation, StopFlag())
    return "".join(text)
