"""File change -> index: scan, compare, read in other processes, embed, publish.

The scan is the truth. What a run has published stays, wherever it is stopped;
the next run goes on with the files that wait.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, FileError, UserError
from core.files.rules import Rules
from core.files.scan import Found, RootOffline, scan
from core.index.embedder import BATCH, Embedder
from core.index.progress import Progress
from core.index.reader import Reader
from core.index.store import IndexStore, Prepared
from core.messages import ChunkText, Extracted, IndexProgress, Phase
from core.store.catalogue import Catalogue
from core.store.rows import FileRef, FileRow, FileState, FolderRow, NewDocument

Floats = NDArray[np.float32]

PUBLISH_CHUNKS = 4096
FIRST_PUBLISH_S = 5.0
PUBLISH_S = 30.0
GROUP_CHUNKS = 64  # documents are embedded together until they reach this many chunks
READ_AHEAD = 4
HASH_AHEAD = 16
DIGEST_BYTES = 12  # two files that differ share one with a chance below 10**-18 in a million
MOST_SEGMENTS = 8


@dataclass(slots=True)
class Reading:
    """A document on its way: read, perhaps embedded, not yet published."""

    file: FileRef
    digest: bytes
    file_ids: list[int]
    chunks: list[ChunkText]
    extracted: Extracted


@dataclass(slots=True)
class Outcome:
    """What a run did. `stopped` says why it ended early, in words."""

    published_files: int = 0
    embedded_chunks: int = 0
    seconds: float = 0.0
    stopped: UserError | None = None
    interrupted: bool = False
    unreadable: list[str] = field(default_factory=list)


def content_digest(path: str) -> bytes:
    """12 bytes that name a file's content together with its kind (the name's ending).

    Raises OSError.
    """
    file = Path(path)
    digest = hashlib.blake2b(file.suffix.lower().encode("utf-8", "surrogateescape"), digest_size=16)
    digest.update(b"\0")
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.digest()[:DIGEST_BYTES]


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
    ) -> None:
        """`breathe` is called between small pieces of work; it may wait, or raise Cancelled."""
        self._catalogue = catalogue
        self._store = store
        self._reader = reader
        self._embedder = embedder
        self._rules = rules
        self._on_progress = on_progress
        self._breathe = breathe

    def run(self) -> Outcome:
        """Scan all folders and index what waits. Raises UserError when nothing can be done."""
        started = time.monotonic()
        outcome = Outcome()
        try:
            moved = self._scan(outcome)
            self._index(outcome, started)
            self._catalogue.files.remove(moved)
            self._store.refresh()
            self._merge()
        except Cancelled:
            outcome.interrupted = True
        self._store.release_embeddings()
        self._catalogue.checkpoint()
        outcome.seconds = time.monotonic() - started
        return outcome

    # --- scanning -----------------------------------------------------------------------

    def _scan(self, outcome: Outcome) -> list[int]:
        """Compare disk and catalogue; files that are gone but may only have been moved.

        Those stay until the new files were hashed, so that a rename embeds nothing.
        """
        self._report("scanning", Progress())
        gone: list[FileRow] = []
        new_sizes: set[int] = set()
        for folder in self._catalogue.files.folders():
            self._scan_folder(folder, outcome, gone, new_sizes)
        self._catalogue.files.remove([row.id for row in gone if row.size_bytes not in new_sizes])
        self._store.refresh()
        return [row.id for row in gone if row.size_bytes in new_sizes]

    def _scan_folder(
        self, folder: FolderRow, outcome: Outcome, gone: list[FileRow], new_sizes: set[int]
    ) -> None:
        known = self._catalogue.files.known(folder.id)
        skipped: Counter[str] = Counter()
        changed: list[tuple[str, int, int]] = []
        closed: list[str] = []
        seen: set[str] = set()
        cut = len(folder.path.rstrip("/\\")) + 1
        try:
            for number, found in enumerate(scan(folder.path, self._rules(folder.path))):
                if number % 500 == 0:
                    self._breathe()
                if not isinstance(found, Found):
                    closed.append(found.path[cut:])
                    outcome.unreadable.append(f"{found.path}: {found.reason}")
                elif found.rule is not None:
                    skipped[found.rule] += 1
                else:
                    path = found.path[cut:]
                    seen.add(path)
                    row = known.get(path)
                    if row is None or (row.size_bytes, row.mtime_ns) != (
                        found.size_bytes,
                        found.mtime_ns,
                    ):
                        changed.append((path, found.size_bytes, found.mtime_ns))
        except RootOffline:
            self._catalogue.files.set_scanned(folder.id, True, None)
            return
        self._catalogue.files.note(folder.id, changed)
        new_sizes.update(size_bytes for _, size_bytes, _ in changed)
        gone += [
            row
            for path, row in known.items()
            if path not in seen and not any(_below(path, shut) for shut in closed)
        ]
        self._catalogue.files.set_scanned(folder.id, False, skipped)

    # --- indexing -----------------------------------------------------------------------

    def _index(self, outcome: Outcome, started: float) -> None:
        waiting = self._catalogue.files.waiting()
        progress = Progress(ref for _, ref in waiting)
        batch = _Batch()
        published_at = started
        first = self._store.view.chunks == 0
        try:
            for reading in self._readings(waiting, progress, batch):
                batch.add(reading)
                if batch.group_chunks >= GROUP_CHUNKS and not self._embed(batch, progress, outcome):
                    break
                age = time.monotonic() - published_at
                due = FIRST_PUBLISH_S if first else PUBLISH_S
                if batch.ready_chunks < self._store.wanted_sample:
                    continue
                if batch.ready_chunks >= PUBLISH_CHUNKS or (batch.ready and age > due):
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
        self, waiting: list[tuple[int, FileRef]], progress: Progress, batch: _Batch
    ) -> Iterator[Reading]:
        """The documents of the waiting files, read ahead of their use by a few threads."""
        files = iter(waiting)
        hashing: deque[tuple[int, FileRef, Future[bytes]]] = deque()
        reading: deque[tuple[int, FileRef, bytes, Future[Reading]]] = deque()
        with ThreadPoolExecutor(READ_AHEAD, thread_name_prefix="ahead") as threads:
            try:
                while True:
                    while len(hashing) < HASH_AHEAD and (entry := next(files, None)) is not None:
                        number, ref = entry
                        hashing.append((number, ref, threads.submit(content_digest, ref.path)))
                    if hashing and len(reading) < READ_AHEAD:
                        number, ref, future = hashing.popleft()
                        digest = self._settle_hash(number, ref, future, batch, progress)
                        if digest is not None:
                            task = threads.submit(self._read, number, ref, digest)
                            reading.append((number, ref, digest, task))
                        continue
                    if not reading:
                        return
                    self._breathe()
                    number, ref, _, task = reading.popleft()
                    found = self._settle_read(number, task)
                    twin = None if found is None else batch.with_digest(found.digest)
                    if found is not None and twin is None:
                        yield found
                        continue
                    if twin is not None:
                        twin.file_ids.append(number)
                    progress.advance(ref)
                    self._report("indexing", progress)
            finally:
                for *_, future in hashing:
                    future.cancel()
                for *_, task in reading:
                    task.cancel()

    def _settle_hash(
        self, number: int, ref: FileRef, future: Future[bytes], batch: _Batch, progress: Progress
    ) -> bytes | None:
        """The digest of a file that has to be read; None when that is not needed."""
        try:
            digest = future.result()
        except FileNotFoundError:
            self._catalogue.files.remove([number])
            progress.advance(ref)
            return None
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}; check who may read it"
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

    def _settle_read(self, number: int, task: Future[Reading]) -> Reading | None:
        try:
            return task.result()
        except FileError as error:
            if error.problem == "missing":
                self._catalogue.files.remove([number])
            elif error.problem != "changed":  # a changed file waits for the next scan
                state = {
                    "needs_ocr": FileState.NEEDS_OCR,
                    "skipped": FileState.SKIPPED,
                }.get(error.problem, FileState.FAILED)
                self._catalogue.files.set_state(number, state, error.reason)
            return None

    def _embed(self, batch: _Batch, progress: Progress, outcome: Outcome) -> bool:
        """Embed the documents that were read; False when the disk budget has no room for them."""
        if not self._store.fits(*batch.size()):
            batch.take_group()
            outcome.stopped = self._store.budget_error()
            return False
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

    def _publish(self, batch: _Batch, outcome: Outcome) -> None:
        ready = batch.take_ready()
        if not ready:
            return
        self._store.publish([_prepared(reading, embeddings) for reading, embeddings in ready])
        outcome.published_files += sum(len(reading.file_ids) for reading, _ in ready)
        if self._store.segment_count > MOST_SEGMENTS:
            self._store.merge_once()

    def _merge(self) -> None:
        self._report("merging", Progress())
        while self._store.merge_once():
            self._breathe()

    def _report(self, phase: Phase, progress: Progress) -> None:
        self._on_progress(progress.message(phase))


def _below(path: str, folder: str) -> bool:
    """Whether a relative path lies in a relative folder; "" is the watched folder itself."""
    return folder == "" or path.startswith(folder + os.sep)


def _prepared(reading: Reading, embeddings: Floats) -> Prepared:
    document = NewDocument(
        hash=reading.digest,
        chunk_texts=[chunk.text for chunk in reading.chunks],
        text_bytes=reading.extracted.text_bytes,
        about=reading.extracted.about,
        slow=reading.extracted.slow,
        sketch=bytes.fromhex(reading.extracted.sketch),
        file_ids=reading.file_ids,
    )
    spans = tuple((chunk.start, chunk.end) for chunk in reading.chunks)
    return Prepared(document, embeddings, spans, reading.extracted.page_chars)


@dataclass(slots=True)
class _Batch:
    """Documents between reading and publishing."""

    group: list[Reading] = field(default_factory=list)
    group_chunks: int = 0
    ready: list[tuple[Reading, Floats]] = field(default_factory=list)
    ready_chunks: int = 0
    _by_digest: dict[bytes, Reading] = field(default_factory=dict)

    def add(self, reading: Reading) -> None:
        self.group.append(reading)
        self.group_chunks += max(1, len(reading.chunks))
        self._by_digest[reading.digest] = reading

    def take_group(self) -> list[Reading]:
        group, self.group, self.group_chunks = self.group, [], 0
        return group

    def finish(self, reading: Reading, embeddings: Floats) -> None:
        """A document is embedded and can be published."""
        self.ready.append((reading, embeddings))
        self.ready_chunks += len(reading.chunks)

    def take_ready(self) -> list[tuple[Reading, Floats]]:
        ready, self.ready, self.ready_chunks = self.ready, [], 0
        self._by_digest = {reading.digest: reading for reading in self.group}
        return ready

    def size(self) -> tuple[int, int, int]:
        """Chunks, bytes of text and number of the documents on their way."""
        readings = [*self.group, *(reading for reading, _ in self.ready)]
        return (
            sum(len(reading.chunks) for reading in readings),
            sum(reading.extracted.text_bytes for reading in readings),
            len(readings),
        )

    def with_digest(self, digest: bytes) -> Reading | None:
        return self._by_digest.get(digest)
