"""What of a conversation goes with a question: its last turns, and older ones that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from core.llm.kv.recall import packed, to_recall, unpacked
from core.messages import ChatTurn

if TYPE_CHECKING:
    from app.service import Service

LAST_TURNS = 4
MOST_EMBEDDED = 64  # turns at one question; more were not asked about since they were written
TURN_CHARS = 1500  # of a turn, what is embedded


def last_of(said: Sequence[ChatTurn]) -> list[ChatTurn]:
    """The turns that always go with a question."""
    return list(said[-2 * LAST_TURNS :])


def turns_for(
    service: Service,
    conversation: int,
    said: Sequence[ChatTurn],
    question: str,
    *,
    by_words: bool,
) -> list[ChatTurn]:
    """The turns to send with a question, oldest first, those it is about marked as recalled.

    `said` are all of the conversation. With `by_words` there is no embedding model, and only the
    last ones go along.
    """
    older, last = said[: -2 * LAST_TURNS], last_of(said)
    if not older or by_words:
        return last
    engine, history = service.engine, service.history
    kept = history.vectors(conversation, engine.model_name)
    missing = [turn for turn in older[::2] if turn.turn not in kept][-MOST_EMBEDDED:]
    if missing:
        answers = {turn.turn: turn.text for turn in older[1::2]}
        texts = [f"{turn.text}\n{answers[turn.turn]}"[:TURN_CHARS] for turn in missing]
        vectors = engine.embedder().embed(texts)
        new = {turn.turn: packed(vector) for turn, vector in zip(missing, vectors, strict=True)}
        history.keep_vectors(engine.model_name, new)
        kept |= new
    known = [turn.turn for turn in older[::2] if turn.turn in kept]
    if not known:
        return last
    asked = engine.embedder().embed_query(question)
    places = to_recall(asked, unpacked([kept[number] for number in known]), engine.about_cosine)
    wanted = {known[place] for place in places}
    recalled = [msgspec.structs.replace(t, recalled=True) for t in older if t.turn in wanted]
    return [*recalled, *last]
