"""Bringing the index to the level wished for where that takes the texts: read again, embedded anew.

A group of documents at a time moves from its old segment to a new one, so that
little is lost when it is given up half-way, and every search sees each document
once, at one level or the other. What cannot be read now keeps its old codes.

When the home is to have a rotation of its own and has none that suits it, passages
from all over it are embedded first and held until there are enough to fit one to.

Where nothing is missing but the word index, the texts are read and nothing is embedded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.errors import Cancelled, UserError
from core.index.embedder import BATCH, Embedder
from core.index.passages import Passages, Work
from core.index.progress import LEAST_KNOWN_S
from core.index.reader import Reader
from core.index.text_cache import TextCache
from core.index.upkeep import IndexStore
from core.messages import IndexProgress
from core.store.catalogue import Catalogue
from core.store.rows import DocumentTable

Floats = NDArray[np.float32]

GROUP_CHUNKS = 512  # moved together: some ten seconds of work
MOST_SEGMENTS = 8
SAMPLE_CHUNKS = 8_000  # embedded before a rotation is fitted to them


@dataclass(slots=True)
class Group:
    """Documents that were embedded anew, by their row among those that are to move."""

    rows: list[int] = field(default_factory=list)
    embeddings: list[Floats] = field(default_factory=list)
    chunks: int = 0

    def add(self, row: int, embeddings: Floats) -> None:
        """One more document."""
        self.rows.append(row)
        self.embeddings.append(embeddings)
        self.chunks += len(embeddings)

    def only(self, wanted: Sequence[bool]) -> Group:
        """Those of the documents that are wanted."""
        group = Group()
        for row, embeddings, chosen in zip(self.rows, self.embeddings, wanted, strict=True):
            if chosen:
                group.add(row, embeddings)
        return group


@dataclass(slots=True)
class Memory:
    """What outlasts a run: documents that could not be read lately and are not tried again, and
    the embeddings, by document, of a sample that is being gathered.
    """

    unreadable: set[int] = field(default_factory=set)
    sample: dict[int, Floats] = field(default_factory=dict)


class Leveller:
    """Moves what is not at its level. Of use to the indexing thread only."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: IndexStore,
        reader: Reader,
        texts: TextCache,
        embedder: Callable[[], Embedder],
        on_progress: Callable[[IndexProgress], None],
        breathe: Callable[[], None],
        memory: Memory,
        tidy: Callable[[], None] = lambda: None,
    ) -> None:
        """`breathe` may raise Cancelled; what was embedded until then is kept.

        `tidy` is called when all is at its level.
        """
        self._catalogue = catalogue
        self._store = store
        self._reader = reader
        self._texts = texts
        self._embedder = embedder
        self._on_progress = on_progress
        self._breathe = breathe
        self._memory = memory
        self._tidy = tidy
        self._started = time.monotonic()
        self._documents = self._done = self._chunks_left = 0
        self.embedded_chunks = 0

    def try_all_again(self) -> None:
        """What could not be read lately may have come back."""
        self._memory.unreadable.clear()

    def run(self, look_up: Callable[[], None]) -> UserError | None:
        """Bring what is not at its level there; why not, when the disk has no room for it.

        `look_up` is called between two steps, for what is more urgent. Raises Cancelled.
        """
        store = self._store
        if not (store.behind or store.sample_wanted):
            return None
        try:
            self._merge()
            while (store.behind or store.sample_wanted) and self._step_or_merge():
                if store.segment_count > MOST_SEGMENTS:
                    store.merge_once()
                look_up()
            self._merge()
            store.check_turned()
        except UserError as error:
            return error
        if not store.behind:
            self._tidy()
        return None

    def _merge(self) -> None:
        while self._store.merge_once():
            self._breathe()

    def _step_or_merge(self) -> bool:
        """One step; without room for it, space is won by merging, if there is any to win."""
        try:
            return self.step()
        except UserError:
            if self._store.merge_once():
                return True
            raise

    def step(self) -> bool:
        """Move a group of documents; False when there is nothing left that can be moved.

        Raises Cancelled, and UserError when the disk or its budget has no room.
        """
        wanted = self._store.sample_wanted
        rows = self._waiting(everything=wanted > 0)
        if int(rows.chunks.sum()) < wanted:
            # Too much is out of reach: the codes that are there have to do.
            if self._store.dial.lacks_rotation:
                return False
            wanted, rows = 0, self._waiting(everything=False)
        if not len(rows):
            return False
        self._store.check_move(min(self._chunks_left, GROUP_CHUNKS))
        if wanted:
            return self._gather(rows, max(wanted, SAMPLE_CHUNKS))
        if int(rows.segment[0]) in self._store.wordless:
            self._read_words(rows.select(rows.segment == rows.segment[0]))
            return True
        group = Group()
        try:
            for row in range(len(rows)):
                self._embed(rows, row, group)
                if group.chunks >= GROUP_CHUNKS:
                    break
        except Cancelled:
            self._publish(rows, group)
            raise
        self._publish(rows, group)
        return True

    def _gather(self, rows: DocumentTable, wanted: int) -> bool:
        """Embed a sample from all over the index, fit a rotation to it, and move it."""
        group = Group()
        for row in np.random.default_rng(0).permutation(len(rows)).tolist():
            held = self._memory.sample.get(int(rows.id[row]))
            if held is None:
                self._embed(rows, row, group)
                if group.rows and group.rows[-1] == row:
                    self._memory.sample[int(rows.id[row])] = group.embeddings[-1]
            else:
                group.add(row, held)
            if group.chunks >= wanted:
                break
        self._memory.sample.clear()
        if not group.rows:
            return False
        if not self._store.adopt(np.concatenate(group.embeddings)):
            if self._store.dial.lacks_rotation:
                return False
            group = group.only([int(rows.segment[row]) in self._store.stuck for row in group.rows])
        self._publish(rows, group)
        return bool(group.rows)

    def _read_words(self, rows: DocumentTable) -> None:
        """Move the documents of one segment that can be read to one that has their words."""
        found: list[int] = []
        texts: list[str] = []
        try:
            for row, document in enumerate(rows.id.tolist()):
                read = self._texts_of(document)
                if read is None:
                    self._memory.unreadable.add(document)
                else:
                    found.append(row)
                    texts += read
                    self._done += 1
                    self._chunks_left -= len(read)
                    self._report()
        finally:
            if found:
                self._store.add_words(rows.select(np.array(found, dtype=np.int64)), texts)

    def _embed(self, rows: DocumentTable, row: int, group: Group) -> None:
        embeddings = self._embeddings(rows, row)
        if embeddings is None:
            self._memory.unreadable.add(int(rows.id[row]))
        else:
            group.add(row, embeddings)
            self._done += 1
            self._chunks_left -= len(embeddings)

    def _waiting(self, everything: bool) -> DocumentTable:
        """The documents that are to move, those of the smallest segments first."""
        rows = self._catalogue.documents()
        foreign = np.isin(rows.segment, [*self._store.foreign])
        stuck = ~foreign if everything else np.isin(rows.segment, [*self._store.stuck])
        rows = rows.select(stuck & ~np.isin(rows.id, [*self._memory.unreadable]))
        segments, owner = np.unique(rows.segment, return_inverse=True)
        sizes = np.bincount(owner, rows.chunks, len(segments))
        self._chunks_left = int(rows.chunks.sum())
        self._documents = self._done + len(rows)
        return rows.select(np.lexsort((rows.id, rows.segment, sizes[owner])))

    def _embeddings(self, rows: DocumentTable, row: int) -> Floats | None:
        """The embeddings of a document's chunks; None when it cannot be read now."""
        document, segment = int(rows.id[row]), int(rows.segment[row])
        kept = self._store.kept_vectors(segment, int(rows.place[row]))
        if kept is not None:
            return kept
        texts = self._texts_of(document)
        if texts is None:
            return None
        parts = []
        for at in range(0, len(texts), BATCH):
            self._breathe()
            part = texts[at : at + BATCH]
            parts.append(self._embedder().embed(part))
            self.embedded_chunks += len(part)
            self._report()
        return np.concatenate(parts)

    def _texts_of(self, document: int) -> list[str] | None:
        """The texts of a document's chunks; None when it cannot be read now."""
        view = self._store.view
        positions = view.chunks_of(document).tolist()
        work = Work(lambda: False)
        passages = Passages(view, self._catalogue, self._reader, self._texts)
        self._breathe()
        passages.load_texts(positions, work)
        if any(position not in work.texts for position in positions):
            return None
        return [work.texts[position] for position in positions]

    def _publish(self, rows: DocumentTable, group: Group) -> None:
        """Put what was embedded into segments, each of about `GROUP_CHUNKS` in their old order."""
        for part in _in_order(rows, group):
            self._store.check_move(part.chunks)
            moving = rows.select(np.array(part.rows, dtype=np.int64))
            self._store.republish(moving, np.concatenate(part.embeddings))
        self._report()

    def _report(self) -> None:
        spent_s = max(time.monotonic() - self._started, 1e-6)
        rate = self.embedded_chunks / spent_s
        known = rate > 0 and spent_s > LEAST_KNOWN_S
        self._on_progress(
            IndexProgress(
                id=0,
                phase="levelling",
                files_done=self._done,
                files_total=self._documents,
                bytes_done=0,
                bytes_total=0,
                chunks=self.embedded_chunks,
                current=None,
                chunks_per_s=round(rate, 1),
                eta_s=round(self._chunks_left / rate, 1) if known else None,
            )
        )


def _in_order(rows: DocumentTable, group: Group) -> Iterator[Group]:
    """The documents of a group by their first chunk, in parts that make a segment each."""
    part = Group()
    for at in np.argsort(rows.id[np.array(group.rows, dtype=np.int64)]).tolist():
        part.add(group.rows[at], group.embeddings[at])
        if part.chunks >= 8 * GROUP_CHUNKS:
            yield part
            part = Group()
    if part.rows:
        yield part
