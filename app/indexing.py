"""Carrying out a request to index: held, interrupted, gone on with, and watching afterwards."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from app.changes import set_level
from app.reports import index_report
from app.session import Session
from app.succession import Succession
from core.errors import Cancelled, UserError
from core.files.changes import EVERYTHING, Changes
from core.files.folders import WatchedFolder, load_folders
from core.files.watch import Watcher
from core.index.indexer import Outcome
from core.messages import Index, IndexProgress, Report
from core.text.programs import Programs, find_programs
from core.text.source import PASSING
from core.text.wanted import gone

if TYPE_CHECKING:
    from app.service import Service
    from app.standing import Standing

YIELD_S = 2.0  # the longest that one piece of indexing waits for a search
WATCH_POLL_S = 0.3
# What decides which files count, beside the folders: another value means a whole survey.
FILE_SETTINGS = ("files.exclude", "files.max_mb", "files.use_gitignore", "files.hidden")
PROGRESS_EVERY_S = 0.2
PAUSE_POLL_S = 0.1
PAUSE_KEPT_S = 60.0  # a longer pause gives up the memory of what was under way
WATCHING = IndexProgress(0, "watching", 0, 0, 0, 0, 0, None, 0.0, None)


class Queue(Protocol):
    """What indexing has to know of other requests, and of what is to be done anyway."""

    @property
    def own(self) -> Session:
        """The session of what nobody asked for."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether the service ends."""
        ...

    @property
    def why(self) -> str | None:
        """What is being made without being asked for, in words."""
        ...

    def put_back(self, session: Session, message: Index) -> None:
        """Go on with a request after those that wait."""
        ...

    def change_waits(self) -> bool:
        """Whether something other than indexing waits, which indexing makes way for."""
        ...

    def index_waits(self) -> bool:
        """Whether anything waits that does not merely go on watching."""
        ...

    def somebody_waits(self) -> bool:
        """Whether an index request waits whose end somebody waits for."""
        ...

    def others_wait(self, session: Session) -> bool:
        """Whether a request waits that goes before what is done without being asked."""
        ...

    def whole(self) -> None:
        """Every file could be read: nothing is missing any more."""
        ...

    def look_for_level(self) -> bool:
        """Look whether the index is at its level; whether that is still to be done."""
        ...

    def look_for_move(self) -> None:
        """Look whether the index is the one for the chosen model."""
        ...


class Indexing:
    """Handles `Index`, on the work thread."""

    def __init__(self, service: Service, queue: Queue, standing: Standing) -> None:
        self._service = service
        self._queue = queue
        self._standing = standing
        self._succession = Succession(service)
        self._watcher = Watcher()
        self._programs = Programs()
        self._told_at = 0.0
        self._watching: set[tuple[int, int]] = set()  # sessions and requests that have begun to
        self._to_level: set[tuple[int, int]] = set()  # those that wait for the level they set

    def watches(self, session: Session, number: int) -> bool:
        """Whether a request merely goes on watching."""
        return (id(session), number) in self._watching

    def next_readers(self) -> list[int]:
        """Process ids of the readers for an index that is to take over."""
        return self._succession.readers()

    def close(self) -> None:
        """End the watcher and the readers."""
        self._watcher.close()
        self._succession.close()

    def run(self, session: Session, message: Index) -> None:
        """Bring the index up to date, as far as others let it. Raises UserError and Cancelled."""
        service = self._service
        if message.level is not None:
            set_level(service, message.level)
            self._to_level.add((id(session), message.id))
            # It is set once: whoever sets another one meanwhile is not overruled.
            message = Index(message.id, message.watch)
        if not self._hold(session, message):
            self._again(session, message)
            return
        folders = load_folders(service.home.folders)
        if not folders and not message.watch:
            raise UserError("No folder is watched yet.", "Add one with `satchel folders add PATH`.")

        nobody_waits = False  # others who do go first

        def breathe() -> None:
            service.wait_for_people(YIELD_S)
            going_on = self._hold(session, message, PAUSE_KEPT_S)
            if not going_on or (nobody_waits and self._queue.others_wait(session)):
                raise Cancelled

        def on_current(outcome: Outcome) -> bool:
            nonlocal nobody_waits
            nobody_waits = (id(session), message.id) not in self._to_level
            return outcome.stopped is None and self._current(session, message)

        service.engine.require_model()
        # Listening begins before the survey, so that no change falls between the two.
        watcher = self._listen(session, message, folders)
        changes = EVERYTHING if watcher is None else watcher.take_due() or Changes()
        self._retry_with_programs()
        if changes.everything:
            service.engine.catalogue.files.retry_where(PASSING)
        self._begin(session, message)
        try:
            indexer = service.engine.indexer(
                folders,
                service.index_readers,
                lambda p: self._progress(session, message, p),
                breathe,
                watcher,
                lambda said: self._begin(session, message, said),
            )
            outcome = indexer.run(changes, on_current)
            if not outcome.interrupted and outcome.stopped is None:
                self._move(session, message, outcome, breathe, watcher)
            self._standing.tell("idle")
            self._after_run(session, message, outcome, watcher)
        except BaseException:
            self._forget(session, message)
            self._standing.tell("idle")
            raise

    def _begin(self, session: Session, message: Index, said: str | None = None) -> None:
        waited_for = self._is_waited_for(session, message)
        self._standing.tell("indexing", said or self._queue.why, waited_for=waited_for)

    def _is_waited_for(self, session: Session, message: Index) -> bool:
        return not message.watch and session is not self._queue.own

    def _hold(self, session: Session, message: Index, longest_s: float = math.inf) -> bool:
        """Wait while indexing is held; whether to go on with a request afterwards.

        At most `longest_s`, and no longer than its memory can be spared.
        """
        standing, waited_for = self._standing, self._is_waited_for(session, message)
        if waited_for and standing.is_held(waited_for):
            why = standing.now()[1]
            session.reply(IndexProgress(message.id, "paused", 0, 0, 0, 0, 0, why, 0.0, None))
        until = time.monotonic() + longest_s
        while standing.is_held(waited_for) and time.monotonic() < until:
            given_up = self._given_up(session, message.id) or self._queue.change_waits()
            overtaken = not standing.is_held(True) and self._queue.somebody_waits()
            if given_up or overtaken or (standing.squeezed and longest_s < math.inf):
                return False
            time.sleep(PAUSE_POLL_S)
        held = standing.is_held(waited_for)
        return not (held or self._given_up(session, message.id) or self._queue.change_waits())

    def _current(self, session: Session, message: Index) -> bool:
        """Every change is in: whether this request goes on to bring the index to its level.

        It does when it was asked to and when nobody waits for its end; otherwise that is done
        later, if this service is there for longer.
        """
        below = self._queue.look_for_level()
        key = (id(session), message.id)
        if message.watch:
            self._watching.add(key)
            if below:
                self._progress(session, message, WATCHING)
        return message.watch or session is self._queue.own or key in self._to_level

    def _again(self, session: Session, message: Index) -> None:
        """Go on with a request after those that wait."""
        if self._given_up(session, message.id):
            self._forget(session, message)
            raise Cancelled
        self._queue.put_back(session, message)

    def _forget(self, session: Session, message: Index) -> None:
        """A request has ended."""
        key = (id(session), message.id)
        self._to_level.discard(key)
        self._watching.discard(key)
        if message.watch and not self._watching:
            self._watcher.close()

    def _retry_with_programs(self) -> None:
        """What waits for a program that is there now is read again, once."""
        programs = find_programs()
        if programs != self._programs:
            self._programs = programs
            self._service.engine.catalogue.files.retry_where(gone(programs))

    def _move(
        self,
        session: Session,
        message: Index,
        outcome: Outcome,
        breathe: Callable[[], None],
        watcher: Watcher | None,
    ) -> None:
        """Go on with the index for another embedding model, where one was chosen."""
        self._queue.look_for_move()
        self._begin(session, message)
        moved = self._succession.run(
            lambda p: self._progress(session, message, p), breathe, watcher
        )
        if moved is None:
            return
        outcome.embedded_chunks += moved.embedded_chunks
        outcome.given_up += moved.given_up
        outcome.interrupted, outcome.stopped = moved.interrupted, moved.stopped
        outcome.seconds += moved.seconds
        self._queue.look_for_move()

    def _listen(
        self, session: Session, message: Index, folders: Sequence[WatchedFolder]
    ) -> Watcher | None:
        """The watcher that all who watch share, None for who does not; newcomers see all anew."""
        if not message.watch:
            return None
        service = self._service
        by_path = {folder.path: folder for folder in folders}
        key = (tuple(folders), *(service.settings.get(name) for name in FILE_SETTINGS))
        self._watcher.follow(list(by_path), lambda path: service.engine.rules(by_path[path]), key)
        if not self.watches(session, message.id):
            self._watcher.give_back(EVERYTHING)
        return self._watcher

    def _after_run(
        self, session: Session, message: Index, outcome: Outcome, watcher: Watcher | None
    ) -> None:
        if outcome.interrupted or self._given_up(session, message.id):
            self._again(session, message)
            return
        told = [*outcome.given_up, *([str(outcome.stopped)] if outcome.stopped else [])]
        if told:
            self._standing.tell("attention", " ".join(told))
        if outcome.stopped is None:
            self._queue.whole()
        self._service.tags.follow()
        self._service.pins.follow(self._service.engine.catalogue)
        self._service.replan()
        self._queue.look_for_level()
        if watcher is not None:
            self._watch(session, message, outcome, watcher)
        else:
            self._forget(session, message)
            session.reply(Report(message.id, self._summary(outcome)))

    def _summary(self, outcome: Outcome) -> object:
        report = index_report(self._service.home, self._service.engine, outcome)
        return {**report, "given_up": list(outcome.given_up)}

    def _given_up(self, session: Session, number: int) -> bool:
        return self._queue.stopping or session.is_cancelled(number)

    def _watch(self, session: Session, message: Index, outcome: Outcome, watcher: Watcher) -> None:
        """Wait for changes; then index again, by way of the queue so that others get a turn."""
        self._watching.add((id(session), message.id))
        if watcher.limited and outcome.stopped is None:
            self._standing.tell("attention", watcher.limited)
        self._progress(session, message, WATCHING)
        while not self._queue.index_waits():
            if self._given_up(session, message.id):
                self._forget(session, message)
                session.reply(Report(message.id, self._summary(outcome)))
                return
            if watcher.wait(WATCH_POLL_S):
                break
        self._queue.put_back(session, message)

    def _progress(self, session: Session, message: Index, progress: IndexProgress) -> None:
        now = time.monotonic()
        if progress.phase in ("indexing", "levelling") and now - self._told_at < PROGRESS_EVERY_S:
            return
        self._told_at = now
        fields = {name: getattr(progress, name) for name in progress.__struct_fields__}
        session.reply(IndexProgress(**{**fields, "id": message.id}))
        self._service.broadcast(progress)
