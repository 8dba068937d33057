"""The service: owner of one home's store, its children, and the threads between them.

Four threads, each with one subject: `work` changes the store (indexing,
folders, forgetting, repair), `search` searches, `ask` answers questions, and
`look` shows tables. Changes wait for each other; searches and looks do not
wait for changes. Indexing steps aside while a search runs.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import filelock

from app.answers import Answers
from app.children import python_child
from app.conversations import Conversations
from app.crash_reports import keep_report, report_of
from app.digests import Digests
from app.extractors import ExtractorPool, processors
from app.fetches import Fetches, is_fetch
from app.governor import Governor
from app.idle import IdleKeeper
from app.lookups import Lookups
from app.memories import Memories
from app.mistakes import as_environment, as_mistake
from app.model import ModelWorker
from app.model_process import SavedPlace
from app.pinned import Pins
from app.planning import Choices, measure_corpus, plan_for
from app.presence import Presence
from app.readers import make_readers
from app.recent import Recent
from app.remote import Remote
from app.routes import Thread, thread_for, writes
from app.session import HomeBusy, Session
from app.tags import Tags
from app.work import Work
from core.budget.facts import Corpus, Speeds
from core.errors import Cancelled, FileError, ModelMissingError, UserError
from core.holder import hold, let_go, refuse_another
from core.home import Home
from core.index.bits import CodecError
from core.index.embedder import EmbeddingModel
from core.index.engine import Engine
from core.index.segment_format import SegmentError
from core.leftovers import clear_leftovers
from core.llm.kv.saved import shrink, total_bytes
from core.memory import keep_one_heap
from core.messages import (
    Cancel,
    Digest,
    Done,
    Failed,
    Index,
    Message,
    Pause,
    Raise,
    RemoteSetup,
    Search,
    Shutdown,
    State,
    Subscribe,
)
from core.settings import Settings
from core.spare import keep_spare, use_spare
from core.store.catalogue import Catalogue
from core.store.database import StoreDamagedError, errors
from core.store.history import History
from core.store.migrations import CATALOGUE, HISTORY, refuse_newer
from core.store.salvage import set_aside

MEND_HISTORY = "Run `satchel doctor --repair`: what can be read is kept, and a copy of the rest."


class Service:
    """One home, opened. Requests come in through `submit` and are answered to their session."""

    def __init__(self, home: Home, environment: Mapping[str, str]) -> None:
        """Take the home's lock and open everything.

        Raises HomeBusy when another process has the home, UserError when something
        is missing or cannot be read.
        """
        refuse_another(home)
        home.create()
        self.home = home
        self._lock = filelock.FileLock(home.lock, mode=0o600)
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise HomeBusy from None
        except NotImplementedError as error:  # what filelock says of a file system without locks
            raise UserError(
                f"The disk that holds {home.data} keeps no locks on files.",
                "Choose a home on a disk of this machine with --home.",
            ) from error
        try:
            use_spare(home)
            clear_leftovers(home.roots(), time.time())
            self._open(environment, ended_badly=hold(home))
            keep_spare(home, self.engine.room)
        except BaseException:
            let_go(home)
            self._lock.release()
            raise

    def _open(self, environment: Mapping[str, str], ended_badly: bool) -> None:
        keep_one_heap()
        home = self.home
        refuse_newer(home.catalogue, CATALOGUE, "catalogue")  # before either is changed
        refuse_newer(home.history, HISTORY, "history")
        self.settings = Settings(home.settings)
        threads = processors()
        self.plan = plan_for(home, Choices(self.settings), Corpus(), Speeds())
        # What the disk does not give of a mapped file may have been what ended the last one.
        self.engine = Engine(home, self.settings, self.plan, threads, careful=ended_badly)
        self.history = self._open_history()
        self.deaths: list[str] = []
        self.index_readers = self.make_readers("index", self.engine.model)
        self.query_readers = self.make_readers("query", self.engine.model)
        self.model = ModelWorker(
            python_child("app.worker"),
            int(self.settings.number("assistant.context_tokens")),
            int(self.settings.number("assistant.answer_tokens")),
            threads,
            60 * self.settings.number("assistant.idle_minutes"),
            self.home.expert_traces,
            SavedPlace(self.home.saved_kv, self._saved_kv_limit),
        )
        self.presence = Presence(home)
        self._environment = environment
        self._active = 0
        self._used_at = time.monotonic()
        self._gate = threading.Condition()
        self._sessions: list[Session] = []
        self._stopping = threading.Event()
        self.on_shutdown: Callable[[], None] = lambda: None
        self._catalogues = threading.local()
        # Each is held while its thread answers a request; who holds all may change the engine.
        self._answering = {name: threading.Lock() for name in ("ask", "search", "look")}
        self._search = ThreadPoolExecutor(1, thread_name_prefix="search")
        self._ask = ThreadPoolExecutor(1, thread_name_prefix="ask")
        self._look = ThreadPoolExecutor(1, thread_name_prefix="look")
        self.lookups = Lookups(self)
        self.remote = Remote(self)
        self.digests = Digests(self)
        self.memories = Memories(self)
        self.tags = Tags(self)
        self.pins = Pins(self)
        self.recent = Recent(self)
        self.conversations = Conversations(self)
        self._answers = Answers(self)
        self.work = Work(self)
        self._fetches = Fetches(self)
        self.governor = Governor(self)
        self._idle = IdleKeeper(
            60 * self.settings.number("search.idle_minutes"),
            self.idle_for_s,
            (self.engine.let_go, self.lookups.let_go),
        )

    def _saved_kv_limit(self) -> int:
        """Bytes that may be kept of conversations now: what is planned, as far as it has room."""
        now = total_bytes(self.home.saved_kv)
        return min(self.plan.saved_kv_bytes, now + max(0, self.engine.room()))

    def make_readers(self, name: str, model: EmbeddingModel | None) -> ExtractorPool:
        """Readers that cut texts for a model: "query" for people, others for indexing."""
        readers = make_readers(
            self.home, self.settings, name, model, self.deaths.append, self.engine.room
        )
        readers.resize(self.plan.extractors)
        return readers

    def _history(self) -> History:
        history = History(self.home.history, self.engine.room)
        try:
            history.drop_empty()  # of a question that was being answered when all was killed
        except BaseException:
            history.close()
            raise
        return history

    def _open_history(self) -> History:
        try:
            return self._history()
        except StoreDamagedError as error:
            aside = set_aside(self.home.history)
            history = self._history()
            rows = history.own.take_from(aside)
            self.engine.repaired.append(
                f"{error}; it was kept as {aside.name}, and {rows} rows of it could be read"
            )
            return history

    def look_at_home(self) -> None:
        """See whether the home is where it was. Where it is another, the service has to end."""
        self.presence.look()
        problem = self.presence.problem
        self.work.standing.warn(None if problem is None else str(problem))
        if self.presence.replaced:
            self.on_shutdown()

    # --- requests -----------------------------------------------------------------------

    def attach(self, session: Session) -> None:
        """Let a client send requests."""
        self._sessions.append(session)

    def detach(self, session: Session) -> None:
        """The client is gone; what it asked for is given up."""
        session.close()
        with contextlib.suppress(ValueError):
            self._sessions.remove(session)

    def submit(self, session: Session, message: Message) -> None:
        """Take a request; its replies come through the session."""
        if isinstance(message, Cancel):
            session.cancel(message.id)
            return
        number = int(getattr(message, "id", 0))
        watching = isinstance(message, Index) and message.watch
        session.begin(number, lasting=watching or isinstance(message, Subscribe))
        if isinstance(message, Search) and message.early:
            session.begin_search(number)
        problem = self.presence.problem
        if self._stopping.is_set():
            session.close()
        elif problem is not None and writes(message):
            session.reply(Failed(number, problem.title, problem.advice))
        elif is_fetch(message):
            self._fetches.submit(session, message)
        elif isinstance(message, RemoteSetup):
            self.remote.submit(session, message)
        elif isinstance(message, Digest):
            self.digests.submit(session, message)
        else:
            self._hand_over(session, message, number)

    def _hand_over(self, session: Session, message: Message, number: int) -> None:
        """Let the thread that a request is for carry it out."""
        thread = thread_for(message)
        if thread == "work":
            self.work.submit(session, message)
        elif thread == "search":
            self._search.submit(self._run, thread, session, message, self.lookups.search)
        elif thread == "ask":
            self._ask.submit(self._run, thread, session, message, self._answers.answer)
        elif thread == "look":
            self._look.submit(self._run, thread, session, message, self.lookups.look)
        else:
            self._control(session, message, number)

    def later(
        self,
        delay_s: float,
        session: Session,
        message: Message,
        handle: Callable[[Session, Message], None],
    ) -> None:
        """Go on with a request after a while, on the search thread; others come in between."""

        def go_on() -> None:
            with contextlib.suppress(RuntimeError):  # the service has ended, and so has its asker
                self._search.submit(self._run, "search", session, message, handle)

        timer = threading.Timer(delay_s, go_on)
        timer.daemon = True
        timer.start()

    def _control(self, session: Session, message: Message, number: int) -> None:
        if isinstance(message, Pause):
            self.work.standing.pause(message.paused, message.for_s)
            if not message.paused:
                self.governor.waive()
            session.reply(Done(number))
        elif isinstance(message, Subscribe):
            session.listens = True
            session.end(number)
            session.reply(State(number, *self.work.standing.now()))
        elif isinstance(message, Raise):
            if any(other.listens for other in self._sessions):
                self.broadcast(message)
                session.reply(Done(number))
            else:
                session.reply(Failed(number, "No window is open.", "Open one with `satchel`."))
        elif isinstance(message, Shutdown):
            session.reply(Done(number))
            self.on_shutdown()
        else:
            session.reply(
                Failed(number, "This request is not one for the service.", "Update Satchel.")
            )

    def _run(
        self,
        thread: Thread,
        session: Session,
        message: Message,
        handle: Callable[[Session, Message], None],
    ) -> None:
        """Handle one request on its thread; whatever happens, it ends."""
        number = int(getattr(message, "id", 0))
        with self.first_things_first(), self._answering[thread]:
            self.guard(session, number, lambda: handle(session, message))
        if thread != "look":  # a window that shows tables needs no model in memory
            with self._gate:
                self._used_at = time.monotonic()

    def guard(
        self, session: Session, number: int, handle: Callable[[], None], tries: int = 3
    ) -> None:
        """Run a handler; its failure becomes the request's ending.

        Where it meets damage, that is set aside, and the handler has another try
        with the rest of the index.
        """
        try:
            if session.is_cancelled(number):
                raise Cancelled
            with errors(self.home.catalogue):
                handle()
        except Cancelled:
            session.reply(Failed(number, "Cancelled.", ""))
        except UserError as error:
            told = self.presence.problem or error  # without its home much else fails, too
            no_model = isinstance(told, ModelMissingError)
            session.reply(Failed(number, told.title, told.advice, "model" if no_model else None))
        except FileError as error:
            again = "Index again to have it read anew." if error.problem == "changed" else ""
            session.reply(Failed(number, f"{error.path} {error.reason}.", again))
        except StoreDamagedError as error:
            if error.path == self.home.history:
                session.reply(Failed(number, f"{error}.", MEND_HISTORY))
                return
            self.work.mend()
            session.reply(Failed(number, f"{error}.", "It is made anew now; no file is lost."))
        except (SegmentError, CodecError) as error:
            if tries > 1 and self.engine.look_for_damage():
                self.work.mend()
                self.guard(session, number, handle, tries - 1)
                return
            session.reply(
                Failed(number, f"{error}.", "Run `satchel doctor --repair`; no file is lost.")
            )
        except Exception as error:  # the top of a thread: a bug must not end it
            said = self.presence.problem or as_environment(error)
            if said is None:
                keep_report(self.home, report_of(error, "service"))
                said = as_mistake(error)
            session.reply(Failed(number, said.title, said.advice))

    @contextlib.contextmanager
    def standstill(self) -> Iterator[None]:
        """Between two requests: while nothing is answered, the engine may be changed."""
        with contextlib.ExitStack() as stack:
            for lock in self._answering.values():
                stack.enter_context(lock)
            self.lookups.let_go()
            yield

    @contextlib.contextmanager
    def first_things_first(self) -> Iterator[None]:
        """While a person waits for an answer, indexing steps aside."""
        with self._gate:
            self._active += 1
        try:
            yield
        finally:
            with self._gate:
                self._active -= 1
                self._gate.notify_all()

    def replan(self) -> None:
        """Share the budgets out anew for what is in the index now. For the work thread."""
        corpus = measure_corpus(self.home, self.engine, self.engine.catalogue)
        plan = plan_for(self.home, Choices(self.settings), corpus, Speeds())
        self.engine.apply(plan)
        self.plan = plan
        shrink(self.home.saved_kv, plan.saved_kv_bytes)
        for readers in (self.index_readers, self.query_readers):
            readers.resize(plan.extractors)

    def idle_for_s(self) -> float:
        """Seconds since anything was asked or indexed; 0 while something is."""
        with self._gate:
            if self._active or self.work.standing.busy:
                self._used_at = time.monotonic()
            return time.monotonic() - self._used_at

    def wait_for_people(self, longest_s: float) -> None:
        """Wait until nobody waits for an answer, at most this long."""
        deadline = time.monotonic() + longest_s
        with self._gate:
            while self._active and (left := deadline - time.monotonic()) > 0:
                self._gate.wait(left)

    def catalogue(self) -> Catalogue:
        """A reading connection of the calling thread."""
        generation, found = getattr(self._catalogues, "own", (-1, None))
        if found is None or generation != self.engine.generation:
            found = Catalogue(self.home.catalogue, read_only=True)
            self._catalogues.own = (self.engine.generation, found)
        assert isinstance(found, Catalogue)
        return found

    def broadcast(self, message: Message) -> None:
        """Send an event to every client that subscribed."""
        for session in list(self._sessions):
            if session.listens and not session.closed:
                session.reply(message)

    def pids(self) -> dict[str, list[int]]:
        """Process ids by part, for measuring memory."""
        worker = self.model.pid
        return {
            "service": [os.getpid()],
            "extractors": [
                *self.index_readers.pids(),
                *self.query_readers.pids(),
                *self.work.next_readers(),
            ],
            "model_worker": [] if worker is None else [worker],
        }

    @property
    def busy_for_others(self) -> bool:
        """Whether a client is still owed an answer."""
        return any(session.busy for session in self._sessions)

    def close(self) -> None:
        """Stop after the file in hand, end the children, release the home."""
        self._stopping.set()
        for session in list(self._sessions):
            session.close()
        self._idle.close()
        self.governor.close()
        self._fetches.close()
        self.remote.close()
        self.digests.close()
        self.work.close()
        self.model.close()
        for executor in (self._search, self._ask, self._look):
            executor.shutdown(wait=True, cancel_futures=True)
        self.index_readers.close()
        self.query_readers.close()
        self.history.close()
        keep_spare(self.home, self.engine.room)
        self.engine.close()
        let_go(self.home)
        self._lock.release()
