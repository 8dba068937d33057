"""The `ask` thread: a question is searched for, answered by the model, checked and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.machine import model_speeds
from app.model_shape import shape_for
from app.session import Session
from core.chat.assistant import (
    PASSAGES_SEARCHED,
    Gathered,
    ModelAnswer,
    answer_question,
    gather,
)
from core.chat.evidence import load_evidence
from core.chat.followups import stand_alone
from core.errors import UserError
from core.index.search import Query, Results
from core.llm.store import installed
from core.messages import AnswerDone, AnswerSources, AnswerText, Ask, ChatTurn, Message, Mode

if TYPE_CHECKING:
    from app.service import Service

SEARCH_DEADLINE_S = 3.0
HISTORY_TURNS = 4


class Answers:
    """Handler for questions."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._evidence = load_evidence()
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

        turns = history.turns(conversation)[-2 * HISTORY_TURNS :]
        gathered = self._gather(question, turns, given_up)
        gathered_ms = 1000 * (time.perf_counter() - started)
        session.reply(AnswerSources(message.id, gathered.sources, conversation, gathered.extract))
        answer = answer_question(
            question,
            gathered,
            service.model,
            turns,
            lambda piece: session.reply(AnswerText(message.id, piece)),
            given_up,
        )
        history.add_turn(
            conversation,
            question,
            answer.text,
            answer.found,
            answer.citations,
            [hit.path for hit, _ in gathered.passages],
        )
        timings = {"search": round(gathered_ms, 1), **answer.timings_ms}
        timings["total"] = round(timings["total"] + gathered_ms, 1)
        # The extract is on the screen before the model begins.
        timings["first_text"] = round(gathered_ms, 1)
        session.reply(
            AnswerDone(
                id=message.id,
                answer=answer.text,
                found=answer.found,
                citations=answer.citations,
                timings_ms=timings,
                prompt_tokens=answer.prompt_tokens,
                answer_tokens=answer.answer_tokens,
                stopped=answer.stopped,
                model=name,
                unsupported=answer.unsupported,
            )
        )

    def _gather(
        self, question: str, turns: Sequence[ChatTurn], given_up: Callable[[], bool]
    ) -> Gathered:
        """What the files say: searched for with what the question leans on, read, weighed."""
        service = self._service
        whole = stand_alone(question, turns)
        by_words = service.engine.model is None or service.governor.decision.words_only
        results = self._search(whole, "lexical" if by_words else "hybrid", given_up)
        fitted = service.engine.model_name == self._evidence.embedding_model
        return gather(
            results,
            whole,
            None if by_words else service.engine.embedder(),
            self._evidence,
            int(service.settings.number("assistant.passage_tokens")),
            None if fitted or by_words else service.engine.about_cosine,
        )

    def _search(self, question: str, mode: Mode, given_up: Callable[[], bool]) -> Results:
        service = self._service
        searcher = service.engine.searcher(service.query_readers, service.catalogue())
        limit = int(service.settings.number("search.max_recomputes"))
        fold = bool(service.settings.get("search.fold_copies"))
        query = Query(question, PASSAGES_SEARCHED, mode, fold=fold)
        return searcher.search(query, limit, SEARCH_DEADLINE_S, given_up)

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
