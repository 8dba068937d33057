"""The `ask` thread: a question is searched for, answered by the model, checked and kept."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.engines import Engines
from app.gathering import Gathering
from app.kept_answers import Again, KeptAnswers, without_question
from app.machine import model_speeds
from app.pinned import PinnedAnswers
from app.recollection import last_of, turns_for
from app.session import Session
from core.chat.assistant import (
    Answer,
    Model,
    ModelAnswer,
    answer_question,
)
from core.chat.memories import as_turns
from core.errors import UserError
from core.messages import AnswerDone, AnswerSources, AnswerText, Ask, Message

if TYPE_CHECKING:
    from app.service import Service


class Answers:
    """Handler for questions."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._memories = service.memories
        self._kept = KeptAnswers(service, service.memories)
        self._engines = Engines(service)
        self._gathering = Gathering(service)
        self._pinned = PinnedAnswers(service, self._gathering, self._engines)
        service.model.on_answer = self._learn_speed

    def _learn_speed(self, model: Path, answer: ModelAnswer) -> None:
        """Keep how fast a model was."""
        model_speeds(self._service.home).learn(
            model.stem,
            model.stat().st_size,
            prefill_tokens=answer.prompt_tokens - answer.reused_tokens,
            prefill_ms=answer.prefill_ms,
            decode_tokens=answer.answer_tokens,
            decode_ms=answer.decode_ms,
        )

    def answer(self, session: Session, message: Message) -> None:
        """Answer one question; what was said is kept in its conversation."""
        assert isinstance(message, Ask)
        service = self._service
        question = message.question.encode("utf-8", "replace").decode().strip()
        if not question:
            raise UserError("The question is empty.", "Type what you want to know.")
        self._engines.check(message)
        service.engine.limit.check_to_talk()
        history = service.history
        pinned = service.pins.wanted(message)
        if message.conversation is not None:
            if not history.exists(message.conversation):
                raise UserError(
                    f"There is no conversation {message.conversation}.", "Ask without naming one."
                )
            service.pins.change(message)
            self._answer(session, message, question, message.conversation, pinned)
            return
        conversation = history.begin(question)
        service.remote.begin(conversation)
        try:
            self._answer(session, message, question, conversation, pinned)
        finally:
            history.drop_empty()

    def _answer(
        self,
        session: Session,
        message: Ask,
        question: str,
        conversation: int,
        pinned: str | None,
    ) -> None:
        if pinned is not None:
            self._pinned.answer(session, message, question, conversation, pinned)
            return
        service, history = self._service, self._service.history
        started = time.perf_counter()

        def given_up() -> bool:
            return session.is_cancelled(message.id)

        mode, by_words = self._gathering.mode, self._gathering.by_words
        said = history.turns(conversation)
        if message.fresh:
            said = without_question(said, question)
        recall = self._kept.recall(message, question, last_of(said), by_words)
        if again := self._kept.again(recall):
            self._answer_again(session, message, question, conversation, again, started)
            return
        if mode != "lexical":
            service.governor.check_memory()
        used = [] if message.remote else self._memories.used_for(recall.vector)
        gathered = self._gathering.gather(question, last_of(said), mode, given_up)
        gathered_ms = 1000 * (time.perf_counter() - started)
        remembered = tuple(one.text for one in used)
        shown = AnswerSources(
            message.id, gathered.sources, conversation, remembered, gathered.extract
        )
        if again := self._kept.after_search(recall, shown.sources):
            self._answer_again(session, message, question, conversation, again, started)
            return
        session.reply(shown)
        turns = turns_for(service, conversation, said, question, by_words=by_words)
        told = [*as_turns(used), *turns]

        def run(model: Model) -> Answer:
            def show(piece: str) -> None:
                session.reply(AnswerText(message.id, piece))

            return answer_question(question, gathered, model, told, show, given_up)

        texts = gathered.texts if gathered.extract is not None else []
        outcome = self._engines.answer(session, message, question, texts, conversation, run)
        if outcome is None:
            return
        answer, made = outcome
        turn = history.add_turn(
            conversation,
            question,
            answer.text,
            answer.found,
            answer.citations,
            [hit.path for hit, _ in gathered.passages],
            made,
        )
        timings = {"search": round(gathered_ms, 1), **answer.timings_ms}
        timings["total"] = round(timings["total"] + gathered_ms, 1)
        # What the files say stands on the screen before the model begins.
        timings["first_text"] = round(gathered_ms, 1)
        done = AnswerDone(
            id=message.id,
            answer=answer.text,
            found=answer.found,
            citations=answer.citations,
            timings_ms=timings,
            prompt_tokens=answer.prompt_tokens,
            answer_tokens=answer.answer_tokens,
            stopped=answer.stopped,
            model=made.model,
            made=made,
            recalled_turns=answer.recalled_turns,
            offers=self._memories.offers(question, by_words),
            unsupported=answer.unsupported,
            restored_tokens=answer.restored_tokens,
        )
        self._kept.keep(recall, turn, shown, done, 1000 * (time.perf_counter() - started))
        session.reply(done)

    def _answer_again(
        self,
        session: Session,
        message: Ask,
        question: str,
        conversation: int,
        again: Again,
        started: float,
    ) -> None:
        """Send a kept answer, which becomes a turn of this conversation too."""
        done = again.done
        session.reply(
            msgspec.structs.replace(again.shown, id=message.id, conversation=conversation)
        )
        session.reply(AnswerText(message.id, done.answer))
        paths = [source.path for source in again.shown.sources]
        self._service.history.add_turn(
            conversation, question, done.answer, done.found, done.citations, paths, done.made
        )
        total_ms = round(1000 * (time.perf_counter() - started), 1)
        timings = {"first_text": total_ms, "total": total_ms}
        session.reply(msgspec.structs.replace(done, id=message.id, timings_ms=timings))
