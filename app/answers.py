"""The `ask` thread: a question is searched for, answered by the model, checked and kept."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from app.engines import Engines
from app.kept_answers import Again, KeptAnswers, without_question
from app.machine import model_speeds
from app.recollection import last_of, turns_for
from app.search_mode import choose_mode, means
from app.session import Session
from core.chat.assistant import (
    PASSAGES_SEARCHED,
    Answer,
    Model,
    ModelAnswer,
    answer_question,
    choose_passages,
    sources,
)
from core.chat.memories import as_turns
from core.errors import UserError
from core.index.search import Query
from core.messages import AnswerDone, AnswerSources, AnswerText, Ask, Message

if TYPE_CHECKING:
    from app.service import Service

SEARCH_DEADLINE_S = 3.0


class Answers:
    """Handler for questions."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._memories = service.memories
        self._kept = KeptAnswers(service, service.memories)
        self._engines = Engines(service)
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
        if message.conversation is not None:
            if not history.exists(message.conversation):
                raise UserError(
                    f"There is no conversation {message.conversation}.", "Ask without naming one."
                )
            self._answer(session, message, question, message.conversation)
            return
        conversation = history.begin(question)
        service.remote.begin(conversation)
        try:
            self._answer(session, message, question, conversation)
        finally:
            history.drop_empty()

    def _answer(self, session: Session, message: Ask, question: str, conversation: int) -> None:
        service, history = self._service, self._service.history
        started = time.perf_counter()

        def given_up() -> bool:
            return session.is_cancelled(message.id)

        searcher = service.engine.searcher(service.query_readers, service.catalogue())
        limit = int(service.settings.number("search.max_recomputes"))
        engine, memory = service.engine, service.governor.decision
        has_model, has_memory = engine.model is not None, not memory.words_only
        by = means(engine.view, has_model=has_model, has_memory=has_memory)
        mode, _ = choose_mode("hybrid", by)
        by_words = not (has_model and has_memory)
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
        turns = turns_for(service, conversation, said, question, by_words=by_words)
        told = [*as_turns(used), *turns]

        def run(model: Model) -> Answer:
            def show(piece: str) -> None:
                session.reply(AnswerText(message.id, piece))

            return answer_question(question, passages, model, told, show, given_up)

        texts = [chosen.text for _, chosen in passages]
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
            [hit.path for hit, _ in passages],
            made,
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
            model=made.model,
            made=made,
            recalled_turns=answer.recalled_turns,
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
            conversation, question, done.answer, done.found, done.citations, paths, done.made
        )
        total_ms = round(1000 * (time.perf_counter() - started), 1)
        timings = {"first_text": total_ms, "total": total_ms}
        session.reply(msgspec.structs.replace(done, id=message.id, timings_ms=timings))
