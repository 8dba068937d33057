"""File change -> index: survey, read in other processes, embed, publish.

What a run has published stays, wherever it is stopped; the next run goes on
with the files that wait. Changes that are told meanwhile are looked at between
two documents, and small files among them go first.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, FileError, NoRoomError, UserError
from core.files.changes import EVERYTHING, Changes
from core.files.rules import Rules
from core.index.ahead import Ahead
from core.index.batch import Batch, Reading, prepared
from core.index.digest import can_list, content_digest
from core.index.embedder import BATCH, Embedder
from core.index.levelling import Leveller
from core.index.progress import Progress
from core.index.reader import Reader
from core.index.site import Surveyed
from core.index.survey import Surveyor
from core.index.upkeep import IndexStore
from core.memory import return_memory
from core.messages import ChunkText, Extracted, IndexProgress, Phase
from core.store.catalogue import Catalogue
from core.store.rows import FileRef, FileState, FolderRow
from core.text.source import os_failure

Floats = NDArray[np.float32]

PUBLISH_CHUNKS = 4096
FIRST_PUBLISH_S = 5.0
PUBLISH_S = 30.0
FIT_ANEW_BYTES = 4_000_000  # of waiting files, some thousand chunks
GROUP_CHUNKS = 64  # documents are embedded together until they reach this many chunks
READ_AHEAD = 4
MOST_SEGMENTS = 8
MANY_DOCUMENTS = 100  # published together, whose texts are worth giving back to the system
ROUNDS = 2  # what changed while it was read is tried once more in the same run


@dataclass(slots=True)
class Outcome:
    """What a run did. `stopped` says why it ended early, in words, `given_up` what was given up
    for the disk budget.
    """

    published_files: int = 0
    embedded_chunks: int = 0
    seconds: float = 0.0
    stopped: UserError | None = None
    interrupted: bool = False
    unreadable: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)


class Hints(Protocol):
    """Whoever hears of changes while a run goes on."""

    def take_due(self) -> Changes | None:
        """Changes that are due to be looked at; None without any."""
        ...

    def give_back(self, changes: Changes) -> None:
        """Changes that were taken and could not be looked at."""
        ...

    def look_again(self, paths: Iterable[str]) -> None:
        """Files that were being written, to be told of again soon."""
        ...


class Indexer:
    """One run at a time brings the index up to date with the watched folders."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: IndexStore,
        reader: Reader,
        embedder: Callable[[], Embedder],
        rules: Callable[[str], Rules],
        on_progress: Callable[[IndexProgress], None],
        breathe: Callable[[], None],
        leveller: Leveller,
        *,
        watched: Callable[[], list[FolderRow]] | None = None,
        hints: Hints | None = None,
        offline_days: float = 0.0,
        give_up: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`breathe` is called between small pieces of work; it may wait, or raise Cancelled.

        `give_up` is called when the disk has no room for more: it gives up what can be spared
        most easily, and says what that was; None when nothing can.

        `watched` gives the folders to look at, where these are not all in the catalogue.

        `offline_days` is how long files are kept that are out of reach, 0 for ever.
        """
        self._catalogue = catalogue
        self._store = store
        self._reader = reader
        self._embedder = embedder
        self._on_progress = on_progress
        self._breathe = breathe
        self._hints = hints
        self._surveyor = Surveyor(
            catalogue.survey,
            watched or catalogue.files.folders,
            rules,
            breathe,
            offline_days=offline_days,
            settling=hints is not None,
        )
        self._leveller = leveller
        self._give_up = give_up
        self._not_as_surveyed: set[str] = set()

    def run(
        self,
        changes: Changes = EVERYTHING,
        on_current: Callable[[Outcome], bool] = lambda _outcome: False,
    ) -> Outcome:
        """Look at what may have changed, and index what waits.

        `on_current` is told when everything that changed is in; it says whether the run is to
        go on and bring what is not at the level wished for there, which may take as long as
        indexing all anew. Raises UserError when nothing can be done.
        """
        started = time.monotonic()
        outcome = Outcome()
        if changes.everything:
            self._leveller.try_all_again()
        try:
            self._bring_up_to_date(changes, outcome, started)
            if on_current(outcome):
                self._come_to_level(outcome, started)
        except Cancelled:
            outcome.interrupted = True
        except NoRoomError as error:
            outcome.stopped = outcome.stopped or error
        outcome.embedded_chunks += self._leveller.embedded_chunks
        self._store.release_embeddings()
        with contextlib.suppress(NoRoomError):
            self._catalogue.checkpoint()
        outcome.seconds = time.monotonic() - started
        return outcome

    def _bring_up_to_date(self, changes: Changes, outcome: Outcome, started: float) -> None:
        self._report("scanning", Progress())
        found = self._survey(changes, outcome)
        worked = changes.everything or found.dropped
        for _ in range(ROUNDS):
            waiting = self._catalogue.files.waiting()
            if not waiting:
                break
            if self._fit_anew(waiting):
                waiting = self._catalogue.files.waiting()
            worked = True
            self._index(waiting, outcome, started)
            if not self._not_as_surveyed or outcome.stopped:
                break
            again = Changes(frozenset(self._not_as_surveyed))
            self._not_as_surveyed.clear()
            self._survey(again, outcome)
        if self._catalogue.survey.drop_vanished() or worked:
            self._store.refresh()
            self._merge()
            # As much as it takes now is kept free for its log.
            size_bytes = self._catalogue.path.stat().st_size
            self._catalogue.compact(self._store.room_bytes + size_bytes)

    def _come_to_level(self, outcome: Outcome, started: float) -> None:
        """Bring what is not at the level wished for there; changes meanwhile come first."""

        def look_up() -> None:
            due = self._hints.take_due() if self._hints is not None else None
            if due:
                self._bring_up_to_date(due, outcome, started)

        refused = self._leveller.run(look_up)
        outcome.stopped = outcome.stopped or refused

    def _survey(self, changes: Changes, outcome: Outcome) -> Surveyed:
        """Bring the catalogue's list of files up to date; the view forgets what is gone."""
        try:
            found = self._surveyor.survey(changes)
        except NoRoomError as error:  # the next whole survey finds the rest
            outcome.stopped = error
            return Surveyed()
        except BaseException:
            if self._hints is not None:
                self._hints.give_back(changes)
            raise
        outcome.unreadable += found.problems
        if found.dropped:
            self._store.refresh()
        if self._hints is not None:
            self._hints.look_again(found.unsettled)
        return found

    # --- indexing -----------------------------------------------------------------------

    def _fit_anew(self, waiting: list[tuple[int, FileRef]]) -> bool:
        much = sum(ref.size_bytes for _, ref in waiting) > FIT_ANEW_BYTES
        return much and self._store.fit_anew()

    def _index(self, waiting: list[tuple[int, FileRef]], outcome: Outcome, started: float) -> None:
        progress = Progress(ref for _, ref in waiting)
        batch = Batch()
        ahead: Ahead[Reading] = Ahead(waiting)
        published_at = started
        first = self._store.view.chunks == 0
        try:
            for reading in self._readings(ahead, progress, batch, outcome):
                batch.add(reading)
                hurry = batch.in_a_hurry and not ahead.in_a_hurry
                full = hurry or batch.group_chunks >= GROUP_CHUNKS
                if full and not self._embed(batch, progress, outcome):
                    break
                age = time.monotonic() - published_at
                due = FIRST_PUBLISH_S if first else PUBLISH_S
                if batch.ready_chunks < self._store.wanted_sample:
                    continue
                many = batch.ready_chunks >= PUBLISH_CHUNKS
                if hurry or many or (batch.ready and age > due):
                    self._publish(batch, outcome)
                    published_at, first = time.monotonic(), False
            if outcome.stopped is None:
                self._embed(batch, progress, outcome)
        except Cancelled:
            outcome.interrupted = True
        self._publish(batch, outcome)
        if outcome.interrupted:
            raise Cancelled

    def _readings(
        self, ahead: Ahead[Reading], progress: Progress, batch: Batch, outcome: Outcome
    ) -> Iterator[Reading]:
        """The documents of the waiting files, read ahead of their use by a few threads."""
        with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="ahead") as threads:

            def hash_file(path: str) -> Future[bytes]:
                return threads.submit(content_digest, path)

            try:
                while True:
                    self._look_at_changes(ahead, progress, batch, outcome)
                    room = ahead.reading < READ_AHEAD
                    hashed = ahead.next_hashed(hash_file) if room else None
                    if hashed is not None:
                        number, ref, future = hashed
                        digest = self._settle_hash(number, ref, future, batch, progress)
                        if digest is None:
                            ahead.done(number)
                        else:
                            task = threads.submit(self._read, number, ref, digest)
                            ahead.read(number, ref, task)
                        continue
                    started = ahead.next_read()
                    if started is None:
                        return
                    self._breathe()
                    number, ref, reading = started
                    found = self._settle_read(number, ref, reading)
                    batch.in_a_hurry |= ahead.done(number)
                    twin = None if found is None else batch.with_digest(found.digest)
                    if found is not None and twin is None:
                        yield found
                        continue
                    if twin is not None:
                        twin.file_ids.append(number)
                    progress.advance(ref)
                    self._report("indexing", progress)
            finally:
                ahead.give_up()

    def _look_at_changes(
        self, ahead: Ahead[Reading], progress: Progress, batch: Batch, outcome: Outcome
    ) -> None:
        """Files that changed since the survey are taken out, and put in again as they are now."""
        changes = self._hints.take_due() if self._hints is not None else None
        if not changes:
            return
        found = self._survey(changes, outcome)
        moved = {*found.noted, *found.gone}
        if moved:
            batch.forget(moved)
            entries = self._catalogue.files.waiting(found.noted)
            ahead.replace(moved, entries)
            progress.add(ref for _, ref in entries)

    def _settle_hash(
        self, number: int, ref: FileRef, future: Future[bytes], batch: Batch, progress: Progress
    ) -> bytes | None:
        """The digest of a file that has to be read; None when that is not needed."""
        try:
            digest = future.result()
        except OSError as error:
            if isinstance(error, FileNotFoundError) or not can_list(ref.path):
                self._not_as_surveyed.add(ref.path)
            else:
                reason = os_failure(ref.path, error).reason
                self._catalogue.files.set_state(number, FileState.FAILED, reason)
            progress.advance(ref)
            return None
        document = self._catalogue.document_with(digest)
        if document is not None:
            self._catalogue.link(number, document)
            progress.advance(ref)
            return None
        twin = batch.with_digest(digest)
        if twin is not None:
            twin.file_ids.append(number)
            progress.advance(ref)
            return None
        return digest

    def _read(self, number: int, ref: FileRef, digest: bytes) -> Reading:
        chunks: list[ChunkText] = []
        for part in self._reader.extract(ref):
            if isinstance(part, Extracted):
                return Reading(ref, digest, [number], chunks, part)
            chunks.extend(part.chunks)
        raise FileError(ref.path, "was not read to its end; it is tried again", "changed")

    def _settle_read(self, number: int, ref: FileRef, task: Future[Reading]) -> Reading | None:
        try:
            return task.result()
        except FileError as error:
            if error.problem in ("missing", "changed"):
                self._not_as_surveyed.add(ref.path)
            else:
                state = {
                    "needs_ocr": FileState.NEEDS_OCR,
                    "skipped": FileState.SKIPPED,
                }.get(error.problem, FileState.FAILED)
                crashed = error.problem == "crashed"
                self._catalogue.files.set_state(number, state, error.reason, crashed=crashed)
            return None

    def _embed(self, batch: Batch, progress: Progress, outcome: Outcome) -> bool:
        """Embed the documents that were read; False when the disk budget has no room for them."""
        while not self._store.fits(*batch.size()):
            given_up = self._give_up()
            if given_up is None:
                batch.take_group()
                outcome.stopped = self._store.no_room()
                return False
            outcome.given_up.append(given_up)
            self._merge()
        group = batch.take_group()
        texts = [chunk.text for reading in group for chunk in reading.chunks]
        ends = list(accumulate(len(reading.chunks) for reading in group))
        parts: list[Floats] = []
        done = whole = 0
        try:
            while whole < len(group):
                if ends[whole] <= done:
                    progress.advance(group[whole].file, len(group[whole].chunks))
                    whole += 1
                    continue
                self._breathe()
                parts.append(self._embedder().embed(texts[done : done + BATCH]))
                done += len(parts[-1])
                progress.count_chunks(len(parts[-1]))
                left = len(group[whole].chunks) - max(0, ends[whole] - done)
                progress.embedded(group[whole].file, left, len(group[whole].chunks))
                self._report("indexing", progress)
        finally:
            # When it is given up half-way, only the document in hand is lost.
            outcome.embedded_chunks += done
            embeddings = np.concatenate(parts) if parts else np.empty((0, 0), dtype=np.float32)
            for reading, end in zip(group[:whole], ends, strict=False):
                batch.finish(reading, embeddings[end - len(reading.chunks) : end])
        return True

    def _publish(self, batch: Batch, outcome: Outcome) -> None:
        ready = batch.take_ready()
        if not ready:
            return
        try:
            self._store.publish([prepared(reading, embeddings) for reading, embeddings in ready])
        except NoRoomError as error:
            outcome.stopped = error
            return
        outcome.published_files += sum(len(reading.file_ids) for reading, _ in ready)
        merged = self._store.segment_count > MOST_SEGMENTS and self._store.merge_once()
        if merged or len(ready) > MANY_DOCUMENTS:
            del ready
            return_memory()

    def _merge(self) -> None:
        self._report("merging", Progress())
        while self._store.merge_once():
            return_memory()
            self._breathe()

    def _report(self, phase: Phase, progress: Progress) -> None:
        self._on_progress(progress.message(phase))
