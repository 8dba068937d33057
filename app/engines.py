"""Which engine answers a question: a model on this computer, or the person's server."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.model_shape import shape_for
from app.planning import installed_facts
from app.session import Session
from core.chat.assistant import Answer, Model
from core.chat.remote import RemoteRequest
from core.chat.routing import Route, Size, route, signs_of
from core.errors import ModelMissingError, UserError
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
            use_model(self._service, self._local_name(message))

    def answer(
        self,
        session: Session,
        message: Ask,
        question: str,
        passages: Sequence[str],
        conversation: int,
        run: Run,
        variety: int = 0,
    ) -> tuple[Answer, Made] | None:
        """What `run` gives with the engine for this question, and where that was.

        A model on this computer says things differently for each `variety`.
        None when the person has to agree first, for which they were shown what would be sent.
        Raises UserError.
        """
        if message.remote and passages:
            request = self._service.remote.request(message, question, passages)
            if not self._service.remote.allows(message, request, conversation):
                session.reply(self._service.remote.preview(message, request))
                return None
            return self._remote(session, message, question, passages, request, run)
        chosen = self._route(message, question, passages)
        return run(self._service.model.varied(variety)), Made(chosen.name, why=chosen.why)

    def _route(self, message: Ask, question: str, passages: Sequence[str]) -> Route:
        """Point the worker at the model for a question, and say which that is and why."""
        usual = self._local_name(message)
        named = message.model is not None and not message.remote
        if passages and not named and self._service.settings.text("assistant.routing") == "auto":
            chosen = route(signs_of(question, passages), self._sizes(), usual)
            # A model that there is no room for now is no choice.
            with contextlib.suppress(UserError):
                use_model(self._service, chosen.name)
                return chosen
        use_model(self._service, usual)
        return Route(usual)

    def _sizes(self) -> list[Size]:
        """The installed models that answer, and how large they are."""
        home = self._service.home
        facts = [installed_facts(home, model.name) for model in installed(home.models)]
        return [Size(one.name, one.active_bytes) for one in facts if one is not None]

    def _remote(
        self,
        session: Session,
        message: Ask,
        question: str,
        passages: Sequence[str],
        request: RemoteRequest,
        run: Run,
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
            chosen = self._route(message, question, passages)
        except UserError as error:
            raise UserError(failed.title, f"{failed.advice} {error.title}") from failed
        why = f"{failed.title} It was answered on this computer instead."
        session.reply(AnswerNote(message.id, why, restart=True))
        answer = run(self._service.model)
        timings = {
            key: round(value + lost_ms, 1) if key in ("first_text", "total") else value
            for key, value in answer.timings_ms.items()
        }
        answer = dataclasses.replace(answer, timings_ms={**timings, "remote": lost_ms})
        return answer, Made(chosen.name, why=why)

    def _local_name(self, message: Ask) -> str:
        named = None if message.remote else message.model
        return named or self._service.settings.text("assistant.model")


def use_model(service: Service, name: str) -> None:
    """Point the worker at a model. Raises UserError when it is not there or does not fit."""
    here = {model.name: model for model in installed(service.home.models)}
    if name not in here:
        known = ", ".join(sorted(here)) or "none"
        raise ModelMissingError(
            f"The language model {name} is not installed (installed: {known}).",
            f"Fetch it with `satchel models fetch {name}`, or name another with --model.",
        )
    shape = shape_for(service, name)
    service.model.use(here[name].path, [one.path for one in here[name].adapters], shape)
