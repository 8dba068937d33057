"""Kills a home's processes at random points, and checks after each kill that nothing was lost.

A home is used as a person uses it: files change and are indexed, the level and the budgets are
set, questions are asked. The service is a real one, the window's child or by itself, spoken to
through its socket. Somewhere in the middle one of the processes, or all, get SIGKILL.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import apsw
import psutil
from kill_truth import QUERIES, SUBJECTS, Truth, content, watch
from running import ANSWER_S, START_S, Running, ServiceGoneError

from core.home import Home
from core.index.segment import Segment
from core.index.segment_format import SegmentError
from core.messages import (
    AnswerDone,
    AnswerSources,
    Ask,
    BudgetRequest,
    ConversationGet,
    ConversationsList,
    Doctor,
    Failed,
    Index,
    Message,
    ModelsRequest,
    Report,
    Retry,
    SettingsSet,
    StatusRequest,
)
from core.store.catalogue import Catalogue

LEVELS = ("graph", "codes-8", "codes-16", "codes-32", "hubs", "embeddings")
STARTER = "all-minilm-l6-v2"
SAME_SCORE = 0.006  # kept embeddings of 8 bits differ this much from computed ones


@dataclass
class Tally:
    """What was done to a home."""

    kills: Counter[str] = field(default_factory=Counter)
    in_the_midst: int = 0
    compared: int = 0

    @property
    def total(self) -> int:
        """All kills."""
        return sum(self.kills.values())


class Killer:
    """Uses a home at random and kills its processes, with a check after each kill."""

    def __init__(
        self, root: Path, truth: Truth, seed: int, doings: Mapping[str, tuple[str, ...]],
        environment: Mapping[str, str], texts: int, doctor_every: int = 1,
    ) -> None:  # fmt: skip
        """`doings` says what is done and whom a kill may meet then; the doctor, who takes
        seconds, is asked after every so many kills.
        """
        self.doctor_every = doctor_every
        self.root, self.truth, self.texts = root, truth, texts
        self.chance = random.Random(seed)
        self.doings = doings
        self.environment = environment
        self.files, self.home_folder = root / "files", root / "home"
        self.files.mkdir()
        self.held: dict[str, int] = {}
        self.tally = Tally()
        self.lasts_s: dict[str, float] = dict.fromkeys(doings, 1.5)
        self.said: dict[int, list[tuple[str, str]]] = {}
        self.asked = self.last = ""
        self.scores_known = True
        self.limits = [(10**9, 2 * 10**9)]
        watch(self.home_folder, self.files)
        self._change(8)
        self.running = self._start()

    @property
    def home(self) -> Home:
        """The home's places."""
        return self.running.home

    def run(self, kills: int) -> Tally:
        """Kill so often, and look after each."""
        try:
            while self.tally.total < kills:
                self._round()
            self._finish()
        except BaseException:
            print(f"the last kill was of {self.last}; {dict(self.tally.kills)}")
            raise
        finally:
            self.running.end()
        return self.tally

    # --- one kill -------------------------------------------------------------------------

    def _start(self) -> Running:
        window = self.chance.random() < 0.25 and any(
            "window" in who for who in self.doings.values()
        )
        return Running(self.home_folder, self.environment, window)

    def _round(self) -> None:
        doing = self.chance.choice(list(self.doings))
        who = self.chance.choice(self.doings[doing])
        if who == "window" and not self.running.window:
            who = "service"
        moment_s = self.chance.uniform(0, self.lasts_s[doing])
        over = threading.Event()
        errors: list[BaseException] = []

        def use() -> None:
            try:
                getattr(self, f"_do_{doing}")()
            except ServiceGoneError:
                pass
            except BaseException as error:  # told by the round
                errors.append(error)
            finally:
                over.set()

        user = threading.Thread(target=use, name=doing)
        started = time.monotonic()
        user.start()
        over.wait(moment_s)
        midst = not over.is_set()
        family = self.running.family()
        killed = self._kill(who)
        spent_s = time.monotonic() - started
        user.join(ANSWER_S + 10)
        assert not user.is_alive(), f"{doing} does not end after a kill of {who}"
        if errors:
            raise errors[0]
        self.lasts_s[doing] = self.lasts_s[doing] * 1.3 if midst else max(0.2, spent_s)
        if not killed:
            return
        self.tally.kills[f"{who} while {doing}"] += 1
        self.tally.in_the_midst += midst
        if who in ("service", "window", "all"):
            if who == "window":  # its service ends by itself
                _, left = psutil.wait_procs(family, START_S)
                assert not left, "processes outlive the window"
            self.running.end()
            self.running = self._start()
        self.last = f"{who} while {doing}, window: {self.running.window}"
        self._look(doctor=self.tally.total % self.doctor_every == 0)

    def _kill(self, who: str) -> bool:
        victims = self.running.victims(who)
        if who in ("extractor", "worker") and victims:
            victims = [self.chance.choice(victims)]
        for process in victims:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
        return bool(victims)

    # --- what a person does ---------------------------------------------------------------

    def _change(self, count: int) -> None:
        for _ in range(count):
            name = f"file{self.chance.randrange(10)}.txt"
            if name in self.held and self.chance.random() < 0.2:
                (self.files / name).unlink()
                del self.held[name]
            else:
                free = sorted(set(range(self.texts)) - set(self.held.values()))
                self.held[name] = self.chance.choice(free)
                (self.files / name).write_text(content(self.held[name]))

    def _index(self, level: str | None = None) -> None:
        reply = self.running.ask(Index(self.running.next_id(), level=level))
        assert isinstance(reply, Report), reply

    def _do_index(self) -> None:
        self._change(self.chance.randint(1, 8))
        self._index()

    def _do_merge(self) -> None:
        for _ in range(4):
            self._change(1)
            self._index()

    def _do_level(self) -> None:
        self._index(self.chance.choice(LEVELS))

    def _do_model(self) -> None:
        number = self.running.next_id()
        name = self.chance.choice((STARTER, "renamed-minilm"))
        self.running.ask(ModelsRequest(number, "use", name, confirmed=True))
        self._index()

    def _do_budget(self) -> None:
        limits = (
            self.chance.randrange(200, 900) * 10**6,
            self.chance.randrange(1000, 2000) * 10**6,
        )
        self.limits.append(limits)
        self.running.ask(BudgetRequest(self.running.next_id(), *limits))
        words = self.chance.choice(("always", "always", "never"))
        self.running.ask(SettingsSet(self.running.next_id(), "index.words", words))
        self._index()

    def _do_answer(self) -> None:
        self.asked = f"What does note {self.chance.randrange(self.texts)} say of the ferry?"
        conversation = self.chance.choice([None, *self.said])
        begun: list[int] = []

        def seen(reply: Message) -> None:
            if isinstance(reply, AnswerSources):
                begun.append(reply.conversation)

        request = Ask(self.running.next_id(), self.asked, conversation=conversation)
        reply = self.running.ask(request, seen)
        assert isinstance(reply, AnswerDone | Failed), reply
        if isinstance(reply, AnswerDone):
            self.said.setdefault(begun[-1], []).append((self.asked, reply.answer))

    def _do_keep(self) -> None:
        """Answer, which saves what the model has read, and give that less room, then more."""
        self._do_answer()
        for megabytes in (0, self.chance.randint(5, 60)):
            setting = SettingsSet(self.running.next_id(), "assistant.saved_kv_mb", megabytes)
            self.running.ask(setting)

    # --- what has to hold afterwards --------------------------------------------------------

    def _look(self, doctor: bool = True) -> None:
        """Nothing was lost, and nobody has to do anything about it."""
        status = self.running.report(StatusRequest(self.running.next_id()))
        assert status["index"]["damage"] is None
        self.scores_known = status["model"]["embedding"] == STARTER  # another's are others
        if doctor:
            health = self.running.report(Doctor(self.running.next_id()))
            assert [f for f in health["findings"] if f["part"] != "device"] == [], health
        self._look_at_store()
        self._look_at_conversations()
        self._look_at_searches()

    def _look_at_store(self) -> None:
        """Databases and segments are sound; the service may be merging meanwhile."""
        for _ in range(20):
            catalogue = Catalogue(self.home.catalogue, read_only=True)
            try:
                assert catalogue.problems() == []
                rows = catalogue.segments()
                try:
                    for row in rows:
                        Segment(self.home.segments / row.name).verify()
                    break
                except SegmentError:
                    assert catalogue.segments() != rows, "a published segment is not whole"
            finally:
                catalogue.close()
        history = apsw.Connection(str(self.home.history), flags=apsw.SQLITE_OPEN_READONLY)
        assert history.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        history.close()

    def _look_at_conversations(self) -> None:
        listed = self.running.report(ConversationsList(self.running.next_id()))
        numbers = {one["id"] for one in listed["conversations"]}
        assert set(self.said) <= numbers, "a conversation is lost"
        for number in numbers:
            body = self.running.report(ConversationGet(self.running.next_id(), number))
            turns = [(turn["question"], turn["answer"]) for turn in body["turns"]]
            assert turns, "a conversation without a turn is left"
            told = self.said.setdefault(number, [])
            # One more than was told may be there: of the question that was asked last.
            assert turns[: len(told)] == told, "a turn is lost or altered"
            more = turns[len(told) :]
            assert len(more) <= 1
            assert all(turn == (self.asked, turn[1]) and turn[1] for turn in more), more
            self.said[number] = turns

    def _published(self) -> dict[str, int]:
        """The texts of files that the catalogue has as they are now."""
        catalogue = Catalogue(self.home.catalogue, read_only=True)
        try:
            rows = catalogue.db.execute(
                "SELECT name, size, mtime_ns FROM file WHERE state=1"
            ).fetchall()
        finally:
            catalogue.close()
        found = {}
        for raw, size, mtime_ns in rows:
            name = os.fsdecode(raw)
            if name in self.held:
                status = (self.files / name).stat()
                if (status.st_size, status.st_mtime_ns) == (size, mtime_ns):
                    found[name] = self.held[name]
        return found

    def _look_at_searches(self) -> None:
        """A search over what is published finds what a fresh index finds there: every passage,
        for it is exact, so that one query after each kill is enough.
        """
        number = self.tally.total % len(QUERIES)
        self._same("semantic", QUERIES[number], self.truth.by_meaning[number])
        places = self.truth.by_word[number]
        words = {text: dict.fromkeys(at, 0.0) for text, at in places.items()}
        self._same("lexical", SUBJECTS[number], words)

    def _same(self, mode: str, query: str, truth: dict[int, dict[int, float]]) -> None:
        partial = mode == "lexical" and self._some_without_words()
        for _ in range(20):
            before = self._published()
            found = self.running.search(query, mode, exact=mode == "semantic")
            if before == self._published():  # it may index anew what was damaged or is not there
                break
        if isinstance(found, Failed):
            assert "No word index" in found.title, found
            return
        expected = {
            (str(self.files / name), start): score
            for name, text in before.items()
            for start, score in truth.get(text, {}).items()
        }
        if partial or (mode == "lexical" and self._some_without_words()):
            assert set(found) <= set(expected)
            return
        assert set(found) == set(expected), (
            f"{mode} search differs from a fresh index: {set(found) ^ set(expected)}, "
            f"published {before}, held {self.held}"
        )
        for place, score in expected.items() if mode == "semantic" and self.scores_known else ():
            assert abs(found[place] - score) <= SAME_SCORE, (place, found[place], score)
        self.tally.compared += 1

    def _some_without_words(self) -> bool:
        """Whether the word index was given up, or is coming back: words reach a part only."""
        index = self.running.report(StatusRequest(self.running.next_id()))["index"]
        return bool(index["wordless_chunks"]) or not index["words"]

    def _finish(self) -> None:
        """In the end all is indexed as in a fresh home, and nothing is left lying about."""
        words = SettingsSet(self.running.next_id(), "index.words", "always")
        self.running.report(words)
        self.running.report(Retry(self.running.next_id()))
        self._index("codes-16")
        self._look()
        assert self._published() == self.held
        segments = {path.name for path in self.home.segments.iterdir()}
        catalogue = Catalogue(self.home.catalogue, read_only=True)
        assert segments == {row.name for row in catalogue.segments()}
        catalogue.close()
        left = [path for path in self.home_folder.rglob("*.tmp") if path.is_file()]
        assert not left, "temporary files are left"
