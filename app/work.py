"""The `work` thread: everything that changes the store, one thing after another."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from app.doctor import examine
from app.forgetting import forget
from app.models import change_models, check_choice
from app.reports import (
    budget_report,
    current_plan,
    folders_report,
    index_report,
    models_report,
)
from app.session import Session
from app.succession import Succession
from app.upkeep import UPKEEP_AFTER_S, Mend, Upkeep
from core.budget.plan import MB
from core.errors import Cancelled, UserError
from core.files.changes import EVERYTHING, Changes
from core.files.folders import (
    WatchedFolder,
    absolute,
    load_folders,
    save_folders,
    with_added,
    with_removed,
)
from core.files.watch import Watcher
from core.index.indexer import Outcome
from core.messages import (
    BudgetRequest,
    Doctor,
    FoldersAdd,
    FoldersRemove,
    Forget,
    Index,
    IndexProgress,
    Message,
    ModelsRequest,
    Report,
    Retry,
    SettingsSet,
    State,
)
from core.text.programs import Programs, find_programs
from core.text.wanted import gone

if TYPE_CHECKING:
    from app.service import Service

StateName = Literal["idle", "indexing", "paused", "attention"]

YIELD_S = 2.0  # the longest that one piece of indexing waits for a search
WATCH_POLL_S = 0.3
# What decides which files count, beside the folders: another value means a whole survey.
FILE_SETTINGS = ("files.exclude", "files.max_mb", "files.use_gitignore", "files.hidden")
LEVEL = "index.level"
PROGRESS_EVERY_S = 0.2
MOVE = "move"
REBUILD, REBUILD_WHY = "rebuild", "part of the index was damaged and is made anew"


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
        self._want_rebuild()
        self._look_for_move()
        self._paused = threading.Event()
        self._stopping = threading.Event()
        self._state: StateName = "idle"
        self._reason: str | None = None
        self._told_at = 0.0
        self._telling = threading.Lock()
        self._watcher = Watcher()
        self._programs = Programs()
        self._watching: set[tuple[int, int]] = set()  # sessions and requests that have begun to
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
        self._want_rebuild()

    def _want_rebuild(self) -> None:
        if self._service.engine.catalogue.notes.losses():
            self._upkeep.want(REBUILD, REBUILD_WHY)
            self._upkeep.again()

    def _handler(self, session: Session, message: Message | Mend) -> Callable[[], None]:
        if isinstance(message, Index):
            return lambda: self._index(session, message)
        if isinstance(message, Mend):
            return self._mend

        def change() -> None:
            number = int(getattr(message, "id", 0))
            session.reply(Report(number, self._change(session, message)))

        return change

    def _change(self, session: Session, message: Message) -> object:
        service = self._service
        if isinstance(message, FoldersAdd):
            folders = with_added(load_folders(service.home.folders), message.paths, message.exclude)
            for folder in folders:
                service.engine.rules(folder)
            save_folders(service.home.folders, folders)
            service.engine.sync_folders(folders)
            return folders_report(service.engine.catalogue, folders)
        if isinstance(message, FoldersRemove):
            folders = with_removed(load_folders(service.home.folders), message.paths)
            save_folders(service.home.folders, folders)
            service.engine.sync_folders(folders)
            return folders_report(service.engine.catalogue, folders)
        if isinstance(message, Retry):
            below = None if message.path is None else absolute(message.path)
            return {"files": service.engine.catalogue.files.retry(below)}
        if isinstance(message, Forget):
            return forget(service, absolute(message.path))
        if isinstance(message, Doctor):
            found = examine(service, message.repair)
            self._want_rebuild()
            return found
        if isinstance(message, BudgetRequest):
            return self._budget(message)
        if isinstance(message, SettingsSet):
            check_choice(service, message.key, message.value)
            service.settings.set({message.key: message.value})
            self._look_for_move()
            if message.key == LEVEL:
                service.engine.set_level(service.settings.text(LEVEL))
            return service.settings.table()
        if isinstance(message, ModelsRequest):
            change_models(service, message, lambda: self._given_up(session, message.id))
            self._look_for_move()
            return models_report(service.home, service.settings)
        raise TypeError(type(message).__name__)

    # --- indexing -----------------------------------------------------------------------

    def _index(self, session: Session, message: Index) -> None:
        service = self._service
        if message.level is not None:
            service.settings.set({LEVEL: message.level})
            service.engine.set_level(message.level)
            # It is set once: whoever sets another one meanwhile is not overruled.
            message = Index(message.id, message.watch)
        folders = load_folders(service.home.folders)
        if not folders and not message.watch:
            raise UserError("No folder is watched yet.", "Add one with `satchel folders add PATH`.")

        def breathe() -> None:
            service.wait_for_people(YIELD_S)
            while self._paused.is_set() and not self._given_up(session, message.id):
                self._stopping.wait(0.1)
            if self._given_up(session, message.id) or self._change_waits():
                raise Cancelled

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
            outcome = indexer.run(changes)
            if not outcome.interrupted and outcome.stopped is None:
                self._move(session, message, outcome, breathe, watcher)
            self._tell("idle", None)
            self._after_run(session, message, outcome, watcher)
        except BaseException:
            self._stop_watching(session, message)
            self._tell("idle", None)
            raise

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

    def _stop_watching(self, session: Session, message: Index) -> None:
        self._watching.discard((id(session), message.id))
        if message.watch and not self._watching:
            self._watcher.close()

    def _after_run(
        self, session: Session, message: Index, outcome: Outcome, watcher: Watcher | None
    ) -> None:
        if self._given_up(session, message.id):
            raise Cancelled
        if outcome.interrupted:
            self._jobs.put((session, message))
            return
        if outcome.stopped is not None:
            self._tell("attention", str(outcome.stopped))
        else:
            self._upkeep.done(REBUILD)
            self._service.engine.catalogue.notes.forget_losses()
        if watcher is not None:
            self._watch(session, message, outcome, watcher)
        else:
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

    def _given_up(self, session: Session, number: int) -> bool:
        return self._stopping.is_set() or session.is_cancelled(number)

    def _watch(self, session: Session, message: Index, outcome: Outcome, watcher: Watcher) -> None:
        """Wait for changes; then index again, by way of the queue so that others get a turn."""
        self._watching.add((id(session), message.id))
        if watcher.limited and outcome.stopped is None:
            self._tell("attention", watcher.limited)
        self._progress(
            session, message, IndexProgress(0, "watching", 0, 0, 0, 0, 0, None, 0.0, None)
        )
        while not self._index_waits():
            if self._given_up(session, message.id):
                self._stop_watching(session, message)
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

    # --- other changes ------------------------------------------------------------------

    def _budget(self, message: BudgetRequest) -> object:
        service = self._service
        report = budget_report(
            service.home, service.settings, message.disk_bytes, message.ram_bytes, message.preview
        )
        changes: dict[str, object] = {}
        if message.disk_bytes is not None:
            changes["budget.disk_mb"] = message.disk_bytes / MB
        if message.ram_bytes is not None:
            changes["budget.ram_mb"] = message.ram_bytes / MB
        service.settings.check(changes)
        if changes and not message.preview:
            service.settings.set(changes)
            service.engine.apply(current_plan(service.home, service.settings))
            self._upkeep.again()
        return report
