"""The `work` thread: everything that changes the store, one thing after another."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from app.changes import carry_out, set_level
from app.reports import index_report
from app.session import Session
from app.succession import Succession
from app.upkeep import UPKEEP_AFTER_S, Mend, Upkeep
from core.errors import Cancelled, UserError
from core.files.changes import EVERYTHING, Changes
from core.files.folders import WatchedFolder, load_folders
from core.files.watch import Watcher
from core.index.indexer import Outcome
from core.messages import Index, IndexProgress, Message, Report, State
from core.text.programs import Programs, find_programs
from core.text.wanted import gone

if TYPE_CHECKING:
    from app.service import Service

StateName = Literal["idle", "indexing", "paused", "attention"]

YIELD_S = 2.0  # the longest that one piece of indexing waits for a search
WATCH_POLL_S = 0.3
# What decides which files count, beside the folders: another value means a whole survey.
FILE_SETTINGS = ("files.exclude", "files.max_mb", "files.use_gitignore", "files.hidden")
PROGRESS_EVERY_S = 0.2
PAUSE_POLL_S = 0.1
PAUSE_KEPT_S = 60.0  # a longer pause gives up the memory of what was under way
MOVE, REBUILD, LEVEL = "move", "rebuild", "level"
WATCHING = IndexProgress(0, "watching", 0, 0, 0, 0, 0, None, 0.0, None)


class Work:
    """A queue of changes and the thread that carries them out.

    Indexing is interrupted by any other change and goes on after it, so that
    a folder is removed or a file forgotten at once.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs: queue.Queue[tuple[Session, Message | Mend] | None] = queue.Queue()
        self._own = Session(lambda _reply: None)
        self._upkeep = Upkeep()
        self._succession = Succession(service)
        self._look_for_upkeep()
        self._paused = threading.Event()
        self._stopping = threading.Event()
        self._state: StateName = "idle"
        self._reason: str | None = None
        self._told_at = 0.0
        self._telling = threading.Lock()
        self._watcher = Watcher()
        self._programs = Programs()
        self._watching: set[tuple[int, int]] = set()  # sessions and requests that have begun to
        self._to_level: set[tuple[int, int]] = set()  # those that wait for the level they set
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
            self._jobs.put((self._own, Mend()))

    def pause(self, paused: bool) -> None:
        """Hold indexing, or let it go on."""
        if paused:
            self._paused.set()
        else:
            self._paused.clear()
        with self._telling:
            self._service.broadcast(State(0, *self.state()))

    def state(self) -> tuple[StateName, str | None]:
        """What is being done, and why if that needs a word."""
        if self._paused.is_set():
            return "paused", "you paused it"
        return self._state, self._reason

    @property
    def busy(self) -> bool:
        """Whether files are being read or embedded right now."""
        return self._state == "indexing" and not self._paused.is_set()

    def close(self) -> None:
        """Stop after the file in hand."""
        self._stopping.set()
        self._jobs.put(None)
        self._thread.join()
        self._watcher.close()
        self._succession.close()

    # --- the thread ---------------------------------------------------------------------

    def _run(self) -> None:
        self._service.guard(self._own, 0, self._service.replan)
        while (job := self._next()) is not None:
            if self._stopping.is_set():
                return
            session, message = job
            number = int(getattr(message, "id", 0))
            self._service.guard(session, number, self._handler(session, message))

    def _next(self) -> tuple[Session, Message | Mend] | None:
        """The next change that was asked for; what is to be done anyway when there is none."""
        try:
            return self._jobs.get(timeout=UPKEEP_AFTER_S if self._upkeep.due else None)
        except queue.Empty:
            self._upkeep.begin()
            return self._own, Index(0)

    def _mend(self) -> None:
        engine = self._service.engine
        with self._service.standstill():
            engine.repaired += engine.rebuild(deep=False)
        self._look_for_upkeep()

    def _look_for_upkeep(self) -> None:
        """What is to be done without being asked, after something else has changed."""
        engine = self._service.engine
        self._upkeep.again()
        if engine.catalogue.notes.losses():
            self._upkeep.want(REBUILD, "part of the index was damaged and is made anew")
        self._look_for_move()
        self._look_for_level()

    def _look_for_level(self) -> None:
        store = self._service.engine.store
        if store.behind or store.sample_wanted:
            self._upkeep.want(LEVEL, f"the index comes to the level {store.dial.level.name}")
        else:
            self._upkeep.done(LEVEL)

    def _handler(self, session: Session, message: Message | Mend) -> Callable[[], None]:
        if isinstance(message, Index):
            return lambda: self._index(session, message)
        if isinstance(message, Mend):
            return self._mend

        def change() -> None:
            number = int(getattr(message, "id", 0))
            done = carry_out(self._service, message)
            self._look_for_upkeep()
            session.reply(Report(number, done))

        return change

    # --- indexing -----------------------------------------------------------------------

    def _index(self, session: Session, message: Index) -> None:
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
            if not going_on or (nobody_waits and self._others_wait(session)):
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
        self._tell("indexing", self._upkeep.why)
        try:
            indexer = service.engine.indexer(
                folders,
                service.index_readers,
                lambda p: self._progress(session, message, p),
                breathe,
                watcher,
            )
            outcome = indexer.run(changes, on_current)
            if not outcome.interrupted and outcome.stopped is None:
                self._move(session, message, outcome, breathe, watcher)
            self._tell("idle", None)
            self._after_run(session, message, outcome, watcher)
        except BaseException:
            self._forget(session, message)
            self._tell("idle", None)
            raise

    def _hold(self, session: Session, message: Index, longest_s: float = math.inf) -> bool:
        """Wait while indexing is paused; whether to go on with a request afterwards."""
        until = time.monotonic() + longest_s
        while self._paused.is_set() and time.monotonic() < until:
            if self._given_up(session, message.id) or self._change_waits():
                return False
            self._stopping.wait(PAUSE_POLL_S)
        return not (
            self._paused.is_set() or self._given_up(session, message.id) or self._change_waits()
        )

    def _current(self, session: Session, message: Index) -> bool:
        """Every change is in: whether this request goes on to bring the index to its level.

        It does when it was asked to and when nobody waits for its end; otherwise that is done
        later, if this service is there for longer.
        """
        self._look_for_level()
        key = (id(session), message.id)
        if message.watch:
            self._watching.add(key)
            if self._upkeep.wants(LEVEL):
                self._progress(session, message, WATCHING)
        return message.watch or session is self._own or key in self._to_level

    def _again(self, session: Session, message: Index) -> None:
        """Go on with a request after those that wait."""
        if self._given_up(session, message.id):
            self._forget(session, message)
            raise Cancelled
        self._jobs.put((session, message))

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
        self._look_for_move()
        self._tell("indexing", self._upkeep.why)
        moved = self._succession.run(
            lambda p: self._progress(session, message, p), breathe, watcher
        )
        if moved is None:
            return
        outcome.embedded_chunks += moved.embedded_chunks
        outcome.interrupted, outcome.stopped = moved.interrupted, moved.stopped
        outcome.seconds += moved.seconds
        self._look_for_move()

    def _look_for_move(self) -> None:
        model = self._service.engine.wanted_model
        if model is None:
            self._upkeep.done(MOVE)
        else:
            self._upkeep.want(MOVE, f"the index for {model.folder.name} is being made")

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
        if (id(session), message.id) not in self._watching:
            self._watcher.give_back(EVERYTHING)
        return self._watcher

    def _after_run(
        self, session: Session, message: Index, outcome: Outcome, watcher: Watcher | None
    ) -> None:
        if outcome.interrupted or self._given_up(session, message.id):
            self._again(session, message)
            return
        if outcome.stopped is not None:
            self._tell("attention", str(outcome.stopped))
        else:
            self._upkeep.done(REBUILD)
            self._service.engine.catalogue.notes.forget_losses()
        self._service.replan()
        self._look_for_level()
        if watcher is not None:
            self._watch(session, message, outcome, watcher)
        else:
            self._forget(session, message)
            session.reply(Report(message.id, self._summary(outcome)))

    def _summary(self, outcome: Outcome) -> object:
        return index_report(self._service.home, self._service.engine, outcome)

    def _change_waits(self) -> bool:
        """Whether something other than indexing is queued, which indexing makes way for."""
        with self._jobs.mutex:
            return any(job is None or not isinstance(job[1], Index) for job in self._jobs.queue)

    def _index_waits(self) -> bool:
        """Whether anything is queued that does not merely go on watching."""
        with self._jobs.mutex:
            return any(
                job is None or (id(job[0]), getattr(job[1], "id", 0)) not in self._watching
                for job in self._jobs.queue
            )

    def _others_wait(self, session: Session) -> bool:
        """Whether a request is queued that goes before what is done without being asked."""
        return self._index_waits() or (session is self._own and not self._jobs.empty())

    def _given_up(self, session: Session, number: int) -> bool:
        return self._stopping.is_set() or session.is_cancelled(number)

    def _watch(self, session: Session, message: Index, outcome: Outcome, watcher: Watcher) -> None:
        """Wait for changes; then index again, by way of the queue so that others get a turn."""
        self._watching.add((id(session), message.id))
        if watcher.limited and outcome.stopped is None:
            self._tell("attention", watcher.limited)
        self._progress(session, message, WATCHING)
        while not self._index_waits():
            if self._given_up(session, message.id):
                self._forget(session, message)
                session.reply(Report(message.id, self._summary(outcome)))
                return
            if watcher.wait(WATCH_POLL_S):
                break
        self._jobs.put((session, message))

    def _progress(self, session: Session, message: Index, progress: IndexProgress) -> None:
        now = time.monotonic()
        if progress.phase in ("indexing", "levelling") and now - self._told_at < PROGRESS_EVERY_S:
            return
        self._told_at = now
        fields = {name: getattr(progress, name) for name in progress.__struct_fields__}
        session.reply(IndexProgress(**{**fields, "id": message.id}))
        self._service.broadcast(progress)

    def _tell(self, state: StateName, reason: str | None) -> None:
        # Told in the order in which it came about, or an older state would stay on the screen.
        with self._telling:
            self._state, self._reason = state, reason
            self._service.broadcast(State(0, *self.state()))  # paused outweighs what is held up
