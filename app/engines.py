"""Which engine answers a question: a model on this computer, or the person's server."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.model_shape import shape_for
from app.session import Session
from core.chat.assistant import Answer, Model
from core.chat.remote import RemoteRequest
from core.errors import UserError
from core.llm.store import installed
from core.messages import AnswerNote, Ask, Made

if TYPE_CHECKING:
    from app.service import Service

Run = Callable[[Model], Answer]


class Engines:
    """Chooses for each question; for the `ask` thread."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def check(self, message: Ask) -> None:
        """Raises UserError when what is asked for cannot answer, before anything is searched."""
        if message.remote:
            self._service.remote.check_set_up()
        else:
            self._use(self._local_name(message))

    def answer(
        self,
        session: Session,
        message: Ask,
        question: str,
        passages: Sequence[str],
        conversation: int,
        run: Run,
    ) -> tuple[Answer, Made] | None:
        """What `run` gives with the engine for this question, and where that was.

        None when the person has to agree first, for which they were shown what would be sent.
        Raises UserError.
        """
        if message.remote and passages:
            request = self._service.remote.request(message, question, passages)
            if not self._service.remote.allows(message, request, conversation):
                session.reply(self._service.remote.preview(message, request))
                return None
            return self._remote(session, message, request, run)
        return self._local(message, run)

    def _local(self, message: Ask, run: Run, why: str = "") -> tuple[Answer, Made]:
        name = self._local_name(message)
        self._use(name)
        return run(self._service.model), Made(name, why=why)

    def _remote(
        self, session: Session, message: Ask, request: RemoteRequest, run: Run
    ) -> tuple[Answer, Made]:
        """The server's answer; this computer's where it gives none, and a sentence saying so."""
        remote = self._service.remote
        started = time.perf_counter()
        try:
            answer = run(remote.engine(request))
        except UserError as error:
            failed = error
        else:
            return answer, Made(remote.model(message), server=request.endpoint.name)
        lost_ms = round(1000 * (time.perf_counter() - started), 1)
        try:
            self._use(self._local_name(message))
        except UserError as error:
            raise UserError(failed.title, f"{failed.advice} {error.title}") from failed
        why = f"{failed.title} It was answered on this computer instead."
        session.reply(AnswerNote(message.id, why, restart=True))
        answer, made = self._local(message, run, why)
        timings = {
            key: round(value + lost_ms, 1) if key in ("first_text", "total") else value
            for key, value in answer.timings_ms.items()
        }
        return dataclasses.replace(answer, timings_ms={**timings, "remote": lost_ms}), made

    def _local_name(self, message: Ask) -> str:
        named = None if message.remote else message.model
        return named or self._service.settings.text("assistant.model")

    def _use(self, name: str) -> None:
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
