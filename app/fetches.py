"""The `fetch` thread: models that are brought, slimmed or measured, beside all other work."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, TypeGuard

from app.model_room import model_room
from app.models_report import models_report
from app.quantities import size
from app.session import Session
from app.slimming import measure, slim
from core.download import Progress
from core.errors import Cancelled, UserError
from core.index.fetch_model import fetch_embedding
from core.index.models import entry_named, load_embedding_catalogue
from core.llm.catalogue import find_entry, load_catalogue
from core.llm.facts import entry_facts
from core.llm.fetch import fetch
from core.messages import Message, ModelPhase, ModelProgress, ModelsRequest, Report

if TYPE_CHECKING:
    from app.service import Service

MIRROR = "models.mirror"
TOLD_EVERY_S = 0.25
RATE_OVER_S = 5.0
CLOSE_S = 2.0  # what has come is safe at any moment, so the end of a service waits no longer


def is_fetch(message: Message) -> TypeGuard[ModelsRequest]:
    """Whether a request is one for this thread."""
    return isinstance(message, ModelsRequest) and message.action in ("fetch", "slim", "measure")


class Fetches:
    """A queue of fetches and the thread that carries them out, one after another."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs: queue.SimpleQueue[tuple[Session, ModelsRequest] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, session: Session, message: ModelsRequest) -> None:
        """Queue a fetch; the thread is there from the first one on."""
        self._jobs.put((session, message))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="fetch", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Give up, after all sessions were closed."""
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            session, message = job
            self._service.guard(session, message.id, lambda job=job: self._fetch(*job))  # type: ignore[misc]

    def _fetch(self, session: Session, message: ModelsRequest) -> None:
        if message.name is None:
            raise UserError("No model is named.", "See `satchel models list`.")
        if message.action != "fetch":
            self._change(session, message, message.name)
            return
        if not message.confirmed:
            _check_room(self._service, message.name)
        bring(self._service, message.name, Teller(session, message.id, message.name))
        # What a new model changes is the work thread's to see to; it answers.
        self._service.work.submit(session, ModelsRequest(message.id, "list"))

    def _change(self, session: Session, message: ModelsRequest, name: str) -> None:
        """Slim or measure a model; the reply is its row of the table."""
        tell = Teller(session, message.id, name)

        def told(phase: ModelPhase, done: int, total: int) -> None:
            tell.phase = phase
            tell(done, total)

        if message.action == "slim":
            name = slim(self._service, name, message.keep or "", told)
        else:
            name = measure(self._service, name, message.active, told)
        chunks = self._service.engine.store.view.live_chunks
        rows = models_report(self._service.home, self._service.settings, chunks)
        session.reply(Report(message.id, [row for row in rows if row["name"] == name]))


def _check_room(service: Service, name: str) -> None:
    """Raises UserError for a language model that could not be used once it is here."""
    chunks = service.engine.store.view.live_chunks
    for entry in load_catalogue():
        facts, room = entry_facts(entry), model_room(service.settings, chunks)
        if entry.name == name and room.fit(facts) == "no":
            raise UserError(
                f"{name} does not fit the memory budget: it takes "
                f"{size(room.needed_bytes(facts))}, and there are "
                f"{size(max(0, room.memory_bytes))} for a model.",
                "Give more with `satchel budget --ram SIZE`, or fetch it all the same with --yes.",
            )


def bring(service: Service, name: str, progress: Progress) -> None:
    """Fetch a model of either catalogue. Raises UserError, and what `progress` raises."""
    models, mirror = service.home.models, service.settings.text(MIRROR)
    embedding = entry_named(load_embedding_catalogue(), name)
    if embedding is not None:
        fetch_embedding(embedding, models, progress=progress, mirror=mirror)
    else:
        fetch(find_entry(load_catalogue(), name), models, progress=progress, mirror=mirror)


class Teller:
    """Tells who asked how far a fetch is, now and then; raises Cancelled when it is given up."""

    def __init__(self, session: Session, number: int, name: str) -> None:
        self._session = session
        self._number = number
        self._name = name
        self.phase: ModelPhase = "fetching"
        self._told_at = 0.0
        self._seen: deque[tuple[float, int]] = deque()

    def __call__(self, done: int, total: int) -> None:
        if self._session.is_cancelled(self._number):
            raise Cancelled
        now = time.monotonic()
        if self._seen and self._seen[-1][1] > done:
            self._seen.clear()  # another phase has begun
        if now - self._told_at < TOLD_EVERY_S and done < total:
            return
        if done >= total and self._seen and self._seen[-1][1] >= total:
            return  # told already
        self._told_at = now
        rate = self._rate(now, done)
        self._session.reply(
            ModelProgress(
                id=self._number,
                name=self._name,
                phase="checking" if self.phase == "fetching" and done >= total else self.phase,
                bytes_done=done,
                bytes_total=total,
                bytes_per_s=round(rate, 1),
                eta_s=round((total - done) / rate, 1) if rate > 0 else None,
            )
        )

    def _rate(self, now: float, done: int) -> float:
        seen = self._seen
        seen.append((now, done))
        while now - seen[0][0] > RATE_OVER_S:
            seen.popleft()
        spent_s = now - seen[0][0]
        return max(0.0, (done - seen[0][1]) / spent_s) if spent_s > 0 else 0.0
