"""The `ask` thread: a question is searched for, answered by the model, checked and kept."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.engines import Engines
from app.gathering import Gathering
from app.kept_answers import Again, KeptAnswers, without_question
from app.machine import model_speeds
from app.pinned import PinnedAnswers
from app.recollection import last_of, turns_for
from app.scope import check_indexed, digest_instead, whole_paths
from app.session import Session
from core.chat.assistant import (
    Answer,
    Model,
    ModelAnswer,
    answer_question,
)
from core.chat.instructions import instructions_as_turns
from core.chat.memories import as_turns
from core.errors import UserError
from core.messages import AnswerDone, AnswerSources, AnswerText, Ask, Made, Message, Scope

if TYPE_CHECKING:
    from app.service import Service


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is answered: in which conversation, after which turn (0: none), of what."""

    message: Ask
    question: str
    conversation: int
    after: int
    scope: Scope


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
        service, history = self._service, self._service.history
        question = message.question.encode("utf-8", "replace").decode().strip()
        if not question:
            raise UserError("The question is empty.", "Type what you want to know.")
        scope = whole_paths(message.scope)
        if (instead := digest_instead(message, question, scope)) is not None:
            session.reply(instead)
            return
        self._engines.check(message)
        service.engine.limit.check_to_talk()
        check_indexed(service, scope)
        pinned = service.pins.wanted(message)
        conversation = message.conversation
        if conversation is not None:
            after = self._after(message, conversation)
            service.pins.change(message)
            asked = Asked(message, question, conversation, after, scope)
            self._answer_as_wished(session, asked, pinned)
            return
        conversation = history.begin(question)
        service.remote.begin(conversation)
        try:
            asked = Asked(message, question, conversation, 0, scope)
            self._answer_as_wished(session, asked, pinned)
        finally:
            history.drop_empty()

    def _answer_as_wished(self, session: Session, asked: Asked, pinned: str | None) -> None:
        if pinned is None:
            self._answer(session, asked)
            return
        self._pinned.answer(
            session, asked.message, asked.question, (asked.conversation, asked.after), pinned
        )

    def _after(self, message: Ask, conversation: int) -> int:
        """The turn that a question follows, 0 for none. Raises UserError."""
        history = self._service.history
        if not history.exists(conversation):
            raise UserError(f"There is no conversation {conversation}.", "Ask without naming one.")
        if message.after is None:
            return history.tip(conversation)
        if message.after and not history.holds(conversation, message.after):
            raise UserError(
                "What this question follows is no longer kept.",
                "Open the conversation from the list again, or ask in a new one.",
            )
        return message.after

    def _answer(self, session: Session, asked: Asked) -> None:
        service, history = self._service, self._service.history
        message, question, conversation = asked.message, asked.question, asked.conversation
        started = time.perf_counter()

        def given_up() -> bool:
            return session.is_cancelled(message.id)

        mode, by_words = self._gathering.mode, self._gathering.by_words
        said = history.turns(conversation, asked.after)
        if message.fresh:
            said = without_question(said, question)
        recall = self._kept.recall(message, question, last_of(said), by_words, asked.scope)
        if again := self._kept.again(recall):
            self._answer_again(session, asked, again, started)
            return
        if mode != "lexical":
            service.governor.check_memory()
        used = [] if message.remote else self._memories.used_for(recall.vector)
        gathered = self._gathering.gather(question, last_of(said), mode, given_up, asked.scope)
        gathered_ms = 1000 * (time.perf_counter() - started)
        remembered = tuple(one.text for one in used)
        wanted = "" if message.remote else service.settings.text("assistant.instructions").strip()
        shown = AnswerSources(
            message.id, gathered.sources, conversation, remembered, gathered.extract, wanted
        )
        if again := self._kept.after_search(recall, shown.sources):
            self._answer_again(session, asked, again, started)
            return
        session.reply(shown)
        turns = turns_for(service, conversation, said, question, by_words=by_words)
        told = [*instructions_as_turns(wanted), *as_turns(used), *turns]

        def run(model: Model) -> Answer:
            def show(piece: str) -> None:
                session.reply(AnswerText(message.id, piece))

            return answer_question(question, gathered, model, told, show, given_up)

        texts = gathered.texts if gathered.extract is not None else []
        outcome = self._engines.answer(
            session, message, question, texts, conversation, run, self._variety(asked)
        )
        if outcome is None:
            return
        answer, made = outcome
        turn = self._keep_turn(
            asked, answer, made, [hit.path for hit, _ in gathered.passages], answer.stopped
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
            turn=turn,
            versions=tuple(history.versions(turn)),
        )
        self._kept.keep(recall, turn, shown, done, 1000 * (time.perf_counter() - started))
        session.reply(done)

    def _variety(self, asked: Asked) -> int:
        """Which drawing of words a fresh answer takes, so that no two versions are the same."""
        if not asked.message.fresh:
            return 0
        return self._service.history.following(asked.conversation, asked.after, asked.question)

    def _keep_turn(
        self, asked: Asked, said: Answer | AnswerDone, made: Made, paths: list[str], stopped: str
    ) -> int:
        text = said.text if isinstance(said, Answer) else said.answer
        return self._service.history.add_turn(
            asked.conversation,
            asked.question,
            text,
            said.found,
            said.citations,
            paths,
            made,
            after=asked.after,
            stopped=stopped,
            scope=asked.scope,
        )

    def _answer_again(self, session: Session, asked: Asked, again: Again, started: float) -> None:
        """Send a kept answer, which becomes a turn of this conversation too."""
        done, number = again.done, asked.message.id
        session.reply(
            msgspec.structs.replace(again.shown, id=number, conversation=asked.conversation)
        )
        session.reply(AnswerText(number, done.answer))
        paths = [source.path for source in again.shown.sources]
        turn = self._keep_turn(asked, done, done.made, paths, done.stopped)
        total_ms = round(1000 * (time.perf_counter() - started), 1)
        timings = {"first_text": total_ms, "total": total_ms}
        versions = tuple(self._service.history.versions(turn))
        session.reply(
            msgspec.structs.replace(
                done, id=number, timings_ms=timings, turn=turn, versions=versions
            )
        )
