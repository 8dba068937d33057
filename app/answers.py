"""The `ask` thread: a question is searched for, answered by the model, checked and kept."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.kept_answers import Again, KeptAnswers, without_question
from app.machine import model_speeds
from app.model_shape import shape_for
from app.session import Session
from core.chat.assistant import (
    PASSAGES_SEARCHED,
    ModelAnswer,
    answer_question,
    choose_passages,
    sources,
)
from core.chat.memories import as_turns
from core.errors import UserError
from core.index.search import Query
from core.llm.store import installed
from core.messages import AnswerDone, AnswerSources, AnswerText, Ask, Message, Mode

if TYPE_CHECKING:
    from app.service import Service

SEARCH_DEADLINE_S = 3.0
HISTORY_TURNS = 4


class Answers:
    """Handler for questions."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._memories = service.memories
        self._kept = KeptAnswers(service, service.memories)
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
        name = message.model or service.settings.text("assistant.model")
        self._choose_model(name)
        service.engine.limit.check_to_talk()
        history = service.history
        if message.conversation is not None:
            if not history.exists(message.conversation):
                raise UserError(
                    f"There is no conversation {message.conversation}.", "Ask without naming one."
                )
            self._answer(session, message, question, name, message.conversation)
            return
        conversation = history.begin(question)
        try:
            self._answer(session, message, question, name, conversation)
        finally:
            history.drop_empty()

    def _answer(
        self, session: Session, message: Ask, question: str, name: str, conversation: int
    ) -> None:
        service, history = self._service, self._service.history
        started = time.perf_counter()

        def given_up() -> bool:
            return session.is_cancelled(message.id)

        searcher = service.engine.searcher(service.query_readers, service.catalogue())
        limit = int(service.settings.number("search.max_recomputes"))
        by_words = service.engine.model is None or service.governor.decision.words_only
        turns = history.turns(conversation)[-2 * HISTORY_TURNS :]
        if message.fresh:
            turns = without_question(turns, question)
        recall = self._kept.recall(question, name, turns, message.fresh, by_words)
        if again := self._kept.again(recall):
            self._answer_again(session, message, question, conversation, again, started)
            return
        used = self._memories.used_for(recall.vector)
        mode: Mode = "lexical" if by_words else "hybrid"
        fold = bool(service.settings.get("search.fold_copies"))
        results = searcher.search(
            Query(question, PASSAGES_SEARCHED, mode, fold=fold), limit, SEARCH_DEADLINE_S, given_up
        )
        search_ms = 1000 * (time.perf_counter() - started)
        budget = int(service.settings.number("assistant.passage_tokens"))
        passages = choose_passages(results, question, budget, service.engine.about_cosine)
        remembered = tuple(one.text for one in used)
        shown = AnswerSources(message.id, sources(passages), conversation, remembered)
        if again := self._kept.after_search(recall, shown.sources):
            self._answer_again(session, message, question, conversation, again, started)
            return
        session.reply(shown)
        answer = answer_question(
            question,
            passages,
            service.model,
            [*as_turns(used), *turns],
            lambda piece: session.reply(AnswerText(message.id, piece)),
            given_up,
        )
        turn = history.add_turn(
            conversation,
            question,
            answer.text,
            answer.found,
            answer.citations,
            [hit.path for hit, _ in passages],
        )
        timings = dict(answer.timings_ms)
        for key in ("first_text", "total"):
            if key in timings:
                timings[key] = round(timings[key] + search_ms, 1)
        done = AnswerDone(
            id=message.id,
            answer=answer.text,
            found=answer.found,
            citations=answer.citations,
            timings_ms={"search": round(search_ms, 1), **timings},
            prompt_tokens=answer.prompt_tokens,
            answer_tokens=answer.answer_tokens,
            stopped=answer.stopped,
            model=name,
            offers=self._memories.offers(question, by_words),
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
            conversation, question, done.answer, done.found, done.citations, paths
        )
        total_ms = round(1000 * (time.perf_counter() - started), 1)
        timings = {"first_text": total_ms, "total": total_ms}
        session.reply(msgspec.structs.replace(done, id=message.id, timings_ms=timings))

    def _choose_model(self, name: str) -> None:
        """Point the worker at a model. Raises UserError when it is not there or does not fit."""
        service = self._service
        here = {model.name: model for model in installed(service.home.models)}
        if name not in here:
            known = ", ".join(sorted(here)) or "none"
            raise UserError(
                f"The language model {name} is not installed (installed: {known}).",
                f"Fetch it with `satchel models fetch {name}`, or name another with --model.",
            )
        shape = shape_for(service, name)
        service.model.use(here[name].path, [one.path for one in here[name].adapters], shape)
