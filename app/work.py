"""The `work` thread: everything that changes the store, one thing after another."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.changes import carry_out
from app.indexing import Indexing
from app.session import Session
from app.standing import Standing
from app.upkeep import UPKEEP_AFTER_S, Mend, Upkeep
from core.files.folders import load_folders
from core.messages import Index, Message, Report

if TYPE_CHECKING:
    from app.service import Service

MOVE, REBUILD, LEVEL = "move", "rebuild", "level"


class Work:
    """A queue of changes and the thread that carries them out.

    Indexing is interrupted by any other change and goes on after it, so that
    a folder is removed or a file forgotten at once.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs: queue.Queue[tuple[Session, Message | Mend] | None] = queue.Queue()
        self.own = Session(lambda _reply: None)
        self._upkeep = Upkeep()
        self._stopping = threading.Event()
        self.standing = Standing(service.broadcast)
        self._indexing = Indexing(service, self, self.standing)
        self._look_for_upkeep()
        self._thread = threading.Thread(target=self._run, name="work", daemon=True)
        self._thread.start()

    def submit(self, session: Session, message: Message) -> None:
        """Queue a change."""
        self._jobs.put((session, message))

    def mend(self) -> None:
        """Give up what is damaged and make it anew, without being asked."""
        if threading.current_thread() is self._thread:
            self._mend()
        else:
            self._jobs.put((self.own, Mend()))

    def next_readers(self) -> list[int]:
        """Process ids of the readers for an index that is to take over."""
        return self._indexing.next_readers()

    def close(self) -> None:
        """Stop after the file in hand."""
        self._stopping.set()
        self._jobs.put(None)
        self._thread.join()
        self._indexing.close()

    # --- the thread ---------------------------------------------------------------------

    def _run(self) -> None:
        self._service.guard(self.own, 0, self._service.replan)
        self._service.guard(self.own, 0, self._begin)
        while (job := self._next()) is not None:
            if self._stopping.is_set():
                break
            session, message = job
            number = int(getattr(message, "id", 0))
            self._service.guard(session, number, self._handler(session, message))
        if self._service.engine.leaving.paths:
            self._service.guard(self.own, 0, self._finish_leaving)

    def _begin(self) -> None:
        """What may have been left when the last service ended."""
        self._service.pins.tidy()
        self._service.pins.follow(self._service.engine.catalogue)
        self._finish_leaving()

    def _finish_leaving(self) -> None:
        listed = self._service.home.folders
        if (
            listed.exists() or self._service.engine.leaving.paths
        ):  # a list that is gone says nothing
            self._service.engine.finish_leaving(load_folders(listed))

    def _next(self) -> tuple[Session, Message | Mend] | None:
        """The next change that was asked for; what is to be done anyway when there is none."""
        while True:
            engine = self._service.engine
            if engine.leaving.forget_due():
                self._service.guard(self.own, 0, self._drop_left)
            wait_s = engine.leaving.left_s()
            if wait_s is None and self._upkeep.due:
                wait_s = UPKEEP_AFTER_S
            try:
                return self._jobs.get(timeout=wait_s)
            except queue.Empty:
                if engine.leaving.left_s() is None and self._upkeep.due:
                    self._upkeep.begin()
                    return self.own, Index(0)

    def _drop_left(self) -> None:
        """The time in which a removal could be undone has passed."""
        engine = self._service.engine
        engine.sync_folders(load_folders(self._service.home.folders))
        self._look_for_upkeep()

    def _handler(self, session: Session, message: Message | Mend) -> Callable[[], None]:
        if isinstance(message, Index):
            return lambda: self._indexing.run(session, message)
        if isinstance(message, Mend):
            return self._mend

        def change() -> None:
            number = int(getattr(message, "id", 0))
            done = carry_out(self._service, message)
            self._service.pins.follow(self._service.engine.catalogue)
            self._look_for_upkeep()
            session.reply(Report(number, done))

        return change

    def _mend(self) -> None:
        engine = self._service.engine
        with self._service.standstill():
            engine.repaired += engine.rebuild(deep=False)
        self._look_for_upkeep()

    # --- what is to be done anyway --------------------------------------------------------

    def _look_for_upkeep(self) -> None:
        """What is to be done without being asked, after something else has changed."""
        self._upkeep.again()
        if self._service.engine.catalogue.notes.losses():
            self._upkeep.want(REBUILD, "part of the index was damaged and is made anew")
        self.look_for_move()
        self.look_for_level()

    def look_for_level(self) -> bool:
        """Look whether the index is at its level; whether that is still to be done."""
        store = self._service.engine.store
        if store.behind or store.sample_wanted:
            what = f"the index comes to the level {store.dial.level.name}"
            if store.behind and store.wordless == store.behind:
                what = "files are read for the word index"
            self._upkeep.want(LEVEL, what)
        else:
            self._upkeep.done(LEVEL)
        return self._upkeep.wants(LEVEL)

    def look_for_move(self) -> None:
        """Look whether the index is the one for the chosen model."""
        model = self._service.engine.wanted_model
        if model is None:
            self._upkeep.done(MOVE)
        else:
            self._upkeep.want(MOVE, f"the index for {model.folder.name} is being made")

    def whole(self) -> None:
        """Every file could be read: nothing is missing any more."""
        self._upkeep.done(REBUILD)
        self._service.engine.catalogue.notes.forget_losses()

    @property
    def why(self) -> str | None:
        """What is being made without being asked for, in words."""
        return self._upkeep.why

    # --- the queue ------------------------------------------------------------------------

    @property
    def stopping(self) -> bool:
        """Whether the service ends."""
        return self._stopping.is_set()

    def put_back(self, session: Session, message: Index) -> None:
        """Go on with a request after those that wait."""
        self._jobs.put((session, message))

    def change_waits(self) -> bool:
        """Whether something other than indexing waits, which indexing makes way for."""
        with self._jobs.mutex:
            return any(job is None or not isinstance(job[1], Index) for job in self._jobs.queue)

    def index_waits(self, but: Session | None = None) -> bool:
        """Whether anything waits that does not merely go on watching, `but` what one put there."""
        with self._jobs.mutex:
            return any(
                job is None
                or (job[0] is not but
                    and not self._indexing.watches(job[0], getattr(job[1], "id", 0)))
                for job in self._jobs.queue
            )  # fmt: skip

    def somebody_waits(self) -> bool:
        """Whether an index request waits whose end somebody waits for."""
        with self._jobs.mutex:
            return any(
                job is not None and isinstance(job[1], Index)
                and not job[1].watch and job[0] is not self.own
                for job in self._jobs.queue
            )  # fmt: skip

    def others_wait(self, session: Session) -> bool:
        """Whether a request waits that goes before what is done without being asked.

        What the service does by itself makes way for all, and all but a change for nothing of it:
        two that make way for each other would never get anywhere.
        """
        return self.index_waits(but=self.own) or (session is self.own and not self._jobs.empty())
