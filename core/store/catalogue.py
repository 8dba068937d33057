"""The catalogue: which files there are, what became of them, and where their chunks are.

All of it is derived from the files. One connection writes; searches read
through connections of their own.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import cast

import apsw
import numpy as np

from core.index.bits import CodecError
from core.messages import About
from core.store.contents import list_contents, unlist_contents, with_content
from core.store.database import StoreDamagedError, errors, open_database
from core.store.families import join_families, mend_families
from core.store.files import FileTable, join_path
from core.store.holders import HELD_FILES, hold, let_go, numbers
from core.store.migrations import CATALOGUE, migrate
from core.store.notes import Notes
from core.store.places import Ints, pack_places, unpack_places
from core.store.rows import DocumentTable, FileRef, Loss, NewDocument, SegmentRow
from core.store.survey_table import SurveyTable
from core.store.titles import abouts, add_abouts, dates_said, drop_abouts

Dates = tuple[int | None, int | None]  # from, to before, in seconds since 1970
ANY_DATE: Dates = (None, None)

_MOST_UNUSED = 0.08  # of the database; more is worth writing it anew
_FRESH_PAGES = 12  # of tables and indexes that hold little as yet


class Catalogue:
    """The catalogue database of one home, opened for writing by its one owner."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        """Open it and bring its schema up to date. Raises UserError or StoreDamagedError."""
        self.path = self._path = path
        self.db = open_database(path, read_only)
        if not read_only:
            with errors(path):
                migrate(self.db, CATALOGUE, "catalogue")
        self.files = FileTable(self.db, path, self._drop_orphans)
        self.survey = SurveyTable(self.files, path)
        self.notes = Notes(self.db, path)

    def close(self) -> None:
        """Close the connection; the log is folded into the database by the last one out."""
        self.db.close()

    # --- documents and segments ---------------------------------------------------------

    def _drop_orphans(self, documents: Iterable[int]) -> None:
        families = set()
        orphans = let_go(self.db, documents)
        unlist_contents(self.db, self._hashes(orphans))
        drop_abouts(self.db, orphans)
        for document in orphans:
            family = self.db.execute("SELECT family FROM document WHERE id=?", (document,)).get
            self.db.execute("DELETE FROM document WHERE id=?", (document,))
            families.add(family)
        mend_families(self.db, families - {None})

    def _hashes(self, documents: Sequence[int]) -> list[tuple[int, bytes]]:
        rows = self.db.execute(
            "SELECT id, hash FROM document WHERE id IN (SELECT value FROM json_each(?1))",
            numbers(documents),
        )
        return cast("list[tuple[int, bytes]]", rows.fetchall())

    def document_with(self, digest: bytes) -> int | None:
        """The published document with this content hash."""
        return with_content(self.db, digest)

    def link(self, file: int, document: int) -> None:
        """Say that a file holds a document that is published already."""
        with errors(self._path), self.db:
            old = hold(self.db, document, file)
            self._drop_orphans([] if old is None else [old])

    def publish(
        self, segment: str | None, model: str, documents: Sequence[NewDocument]
    ) -> tuple[int | None, list[int]]:
        """Make documents searchable in one transaction: the segment's id and the documents'.

        The segment file must be in place. Without chunks there is no segment.
        """
        number = None
        ids: list[int] = []
        with errors(self._path), self.db:
            replaced: set[int | None] = set()
            for document in documents:
                ids.append(self._publish_one(document))
                replaced |= {hold(self.db, ids[-1], file) for file in document.file_ids}
            if segment is not None:
                inside = [
                    n for n, document in zip(ids, documents, strict=True) if document.chunk_texts
                ]
                number = self.add_segment(segment, model, inside)
            list_contents(self.db, ((n, one.hash) for n, one in zip(ids, documents, strict=True)))
            add_abouts(self.db, {n: one.about for n, one in zip(ids, documents, strict=True)})
            self._drop_orphans(old for old in replaced if old is not None)
            join_families(self.db, ids)
        return number, ids

    def _publish_one(self, document: NewDocument) -> int:
        chunks = len(document.chunk_texts)
        number = self.next_chunk(chunks)
        self.db.execute(
            "INSERT INTO document(id, hash, chunks, text_bytes, file, sketch) VALUES(?,?,?,?,?,?)",
            (number, document.hash, chunks, document.text_bytes,
             next(iter(document.file_ids), None), document.sketch or None),
        )  # fmt: skip
        return number

    def next_chunk(self, count: int) -> int:
        """A number for a document and its chunks, the first one's; inside a transaction."""
        row = self.db.execute("SELECT value FROM meta WHERE key='next_chunk'").fetchone()
        first = int(row[0]) if row is not None else 1
        after = first + max(1, count)
        self.db.execute("INSERT OR REPLACE INTO meta VALUES('next_chunk', ?)", (after,))
        return first

    def add_segment(self, name: str, model: str, documents: Sequence[int]) -> int:
        """A row for a segment of some documents, in order; inside a transaction."""
        chunks = self.db.execute(
            "SELECT sum(chunks) FROM document WHERE id IN (SELECT value FROM json_each(?1))",
            numbers(documents),
        ).get
        self.db.execute(
            "INSERT INTO segment(name, chunks, model, documents) VALUES(?,?,?,?)",
            (name, chunks, model, pack_places(documents)),
        )
        return self.db.last_insert_rowid()

    def replace_segments(
        self, old: Sequence[int], name: str | None, model: str, documents: Sequence[int]
    ) -> None:
        """Publish the merge of some segments: the documents, in ascending order, move over."""
        with errors(self._path), self.db:
            if name is not None:
                self.add_segment(name, model, documents)
            self.db.execute(f"DELETE FROM segment WHERE id IN ({_marks(old)})", old)

    def move_documents(self, name: str, model: str, documents: Sequence[int]) -> int:
        """Publish a segment that takes documents, in ascending order, out of others; its id."""
        moved = set(documents)
        with errors(self._path), self.db:
            rows = self.db.execute("SELECT id, documents FROM segment").fetchall()
            for segment, packed in cast("list[tuple[int, bytes]]", rows):
                places, inside = unpack_places(packed)
                held = dict(zip(places.tolist(), inside.tolist(), strict=True))
                left = {place: number for place, number in held.items() if number not in moved}
                if len(left) < len(held):
                    self.db.execute(
                        "UPDATE segment SET documents=? WHERE id=?", (pack_places(left), segment)
                    )
            number = self.add_segment(name, model, documents)
        return number

    def segments(self) -> list[SegmentRow]:
        """The published segments, oldest first."""
        return [
            SegmentRow(*row)
            for row in self.db.execute("SELECT id, name, chunks, model FROM segment ORDER BY id")
        ]

    def documents(self) -> DocumentTable:
        """The live documents that have chunks, by segment and place."""
        rows = self.db.execute("SELECT id, chunks FROM document WHERE chunks>0 ORDER BY id")
        flat = np.fromiter(chain.from_iterable(rows), dtype=np.int64).reshape(-1, 2)
        known, chunks = np.ascontiguousarray(flat[:, 0]), np.ascontiguousarray(flat[:, 1])
        parts: list[tuple[Ints, Ints, Ints, Ints]] = []
        for segment, packed in self.db.execute("SELECT id, documents FROM segment ORDER BY id"):
            try:
                places, numbers = unpack_places(packed)
            except CodecError as error:
                raise StoreDamagedError(f"{self._path.name} is damaged: {error}") from error
            at = np.searchsorted(known, numbers)
            live = at < len(known)
            live[live] = known[at[live]] == numbers[live]
            at, places = at[live], places[live]
            parts.append((known[at], np.full(len(at), segment), places, chunks[at]))
        empty = np.empty(0, dtype=np.int64)
        if not parts:
            return DocumentTable(empty, empty, empty, empty)
        return DocumentTable(*map(np.concatenate, zip(*parts, strict=True)))

    def forget_segment(self, segment: int, what: str | None = None) -> int:
        """Drop a segment: its files wait to be read again. How many files they are.

        With `what`, the damage in words, it is noted as a loss.
        """
        with errors(self._path):
            rows = self.documents()
            inside = rows.id[rows.segment == segment].tolist()
            files = [
                row[0]
                for row in self.db.execute(f"SELECT file.id FROM {HELD_FILES}", numbers(inside))
            ]
            with self.db:
                self.db.executemany(
                    "UPDATE file SET state=0, reason=NULL, document=NULL WHERE id=?",
                    [(number,) for number in files],
                )
                self._drop_orphans(inside)
                self.db.execute("DELETE FROM segment WHERE id=?", (segment,))
                if what is not None:
                    self.notes.add_loss(Loss(what, len(files)))
        return len(files)

    def lost(self) -> list[int]:
        """Files that count as indexed while no segment has their text."""
        inside = numbers(self.documents().id.tolist())
        rows = self.db.execute(
            "SELECT file.id FROM file LEFT JOIN document ON document.id=document WHERE state=1 AND "
            "(document.id IS NULL OR (chunks>0 AND document.id NOT IN "
            "(SELECT value FROM json_each(?1))))",
            inside,
        )
        return [number for (number,) in rows]

    def read_lost(self, files: Sequence[int]) -> None:
        """Let files whose text is lost wait to be read again."""
        with errors(self._path), self.db:
            held = self.documents_of_files(files)
            self.db.executemany(
                "UPDATE file SET state=0, reason=NULL, document=NULL WHERE id=?",
                [(number,) for number in files],
            )
            self._drop_orphans(held)

    def read_again(self, segment: int) -> None:
        """Let the files of a segment wait to be read again; what it holds serves until then.

        Their content counts as unknown: it is not linked to what is there.
        """
        rows = self.documents()
        documents = rows.id[rows.segment == segment].tolist()
        inside = numbers(documents)
        with errors(self._path), self.db:
            unlist_contents(self.db, self._hashes(documents))
            self.db.execute(
                "UPDATE file SET state=0, reason=NULL WHERE state=1 AND id IN "
                f"(SELECT file.id FROM {HELD_FILES})",
                inside,
            )
            self.db.execute(
                "UPDATE document SET hash=zeroblob(length(hash)) WHERE id IN "
                "(SELECT value FROM json_each(?1)) AND hash<>zeroblob(length(hash))",
                inside,
            )

    def files_in_segment(self, segment: int) -> int:
        """How many files have their text in a segment."""
        rows = self.documents()
        inside = rows.id[rows.segment == segment].tolist()
        return int(self.db.execute(f"SELECT count(*) FROM {HELD_FILES}", numbers(inside)).get)

    def files_of(self, documents: Sequence[int]) -> dict[int, list[FileRef]]:
        """The files that hold each of these documents.

        One that has changed and waits to be read has a time that no file has.
        """
        found: dict[int, list[FileRef]] = {}
        rows = self.db.execute(
            "SELECT number, folder.path, dir.path, name, size, "
            "CASE WHEN reason IS NULL THEN mtime_ns ELSE -1 END, "
            f"folder.offline OR dir.offline FROM {HELD_FILES} "
            "JOIN dir ON dir.id=dir JOIN folder ON folder.id=dir.folder ORDER BY file.id",
            numbers(documents),
        )
        for document, root, where, name, size, mtime_ns, offline in rows:
            found.setdefault(document, []).append(
                FileRef(join_path(root, where, name), size, mtime_ns, bool(offline))
            )
        return found

    def documents_of_files(self, files: Sequence[int]) -> list[int]:
        """The documents that these files hold."""
        rows = self.db.execute(
            "SELECT DISTINCT document FROM file WHERE id IN (SELECT value FROM json_each(?1)) "
            "AND document IS NOT NULL ORDER BY document",
            numbers(files),
        )
        return [row[0] for row in rows]

    def about(self, documents: Sequence[int]) -> dict[int, tuple[About, int | None]]:
        """What each of these documents says of itself, and the family it is in, if any."""
        rows = self.db.execute(
            f"SELECT id, family FROM document WHERE id IN ({_marks(documents)})", documents
        )
        with errors(self._path):
            families = dict(rows)
            told = abouts(self.db, families)
        return {number: (told[number], family) for number, family in families.items()}

    def families(self, documents: Sequence[int]) -> list[int | None]:
        """The family of each of these documents, None for one without relatives."""
        rows = self.db.execute(
            "SELECT id, family FROM document WHERE family IS NOT NULL "
            f"AND id IN ({_marks(documents)})",
            documents,
        )
        found = dict(rows)
        return [found.get(document) for document in documents]

    def documents_matching(
        self, below: str | None, suffixes: Sequence[str] = (), dates: Dates = ANY_DATE
    ) -> set[int]:
        """Documents of files below a folder, if one is named, with one of some name endings and
        of a time; see `core.index.search.Query`. Raises StoreDamagedError.
        """
        rows = self.db.execute(
            "SELECT document, folder.path, dir.path, name, mtime_ns FROM file "
            "JOIN dir ON dir.id=dir JOIN folder ON folder.id=dir.folder WHERE document IS NOT NULL"
        )
        prefix = None if below is None else os.fsencode(below.rstrip(os.sep) + os.sep)
        endings = tuple(os.fsencode("." + suffix.lstrip(".").lower()) for suffix in suffixes)
        said = {} if dates == ANY_DATE else dates_said(self.db)
        after, before = (-math.inf if dates[0] is None else dates[0],
                         math.inf if dates[1] is None else dates[1])  # fmt: skip
        found = set()
        for document, root, where, name, mtime_ns in rows:
            inside = prefix is None or os.path.join(root, where, b"").startswith(prefix)  # noqa: PTH118
            named = inside and (not endings or name.lower().endswith(endings))
            if named and after <= said.get(document, mtime_ns // 10**9) < before:
                found.add(document)
        return found

    def document_at(self, path: str) -> int | None:
        """The document that the file at an absolute path holds."""
        for number in self.files.at(path):
            document = self.db.execute("SELECT document FROM file WHERE id=?", (number,)).get
            if document is not None:
                return int(document)
        return None

    def problems(self) -> list[str]:
        """What SQLite finds wrong with the file, in words."""
        try:
            rows = [str(row[0]) for row in self.db.execute("PRAGMA integrity_check(10)")]
        except apsw.Error as error:
            rows = [str(error)]
        return [f"the catalogue is damaged: {row}" for row in rows if row != "ok"]

    def state(self) -> tuple[int, int, int]:
        """Numbers of which one is another whenever any document came or went."""
        row = self.db.execute("SELECT value FROM meta WHERE key='next_chunk'").fetchone()
        count, added = self.db.execute("SELECT count(*), coalesce(sum(id),0) FROM document").get
        return (0 if row is None else int(row[0])), int(count), int(added)

    # --- sizes --------------------------------------------------------------------------

    def totals(self) -> tuple[int, int]:
        """Chunks and bytes of text in all published documents."""
        row = self.db.execute(
            "SELECT coalesce(sum(chunks),0), coalesce(sum(text_bytes),0) FROM document"
        ).get
        return int(row[0]), int(row[1])

    def checkpoint(self) -> None:
        """Fold the log into the database and truncate it."""
        with errors(self._path):
            self.db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)

    def compact(self, room_bytes: int) -> bool:
        """Write the database anew when much of it is empty and that fits; whether it was done.

        Rows that grow and rows that go leave holes in its pages.
        """
        with errors(self._path):
            size, unused = self.db.execute(
                "SELECT sum(pgsize), sum(unused) FROM dbstat WHERE aggregate=TRUE"
            ).get
            page = int(self.db.pragma("page_size"))
            unused += page * int(self.db.pragma("freelist_count"))
            least = _FRESH_PAGES * page + _MOST_UNUSED * size
            if unused < least or size > room_bytes:
                return False
            self.db.execute("VACUUM")
            self.checkpoint()
        return True

    def scrub(self) -> None:
        """Remove what deleted rows left in free pages."""
        with errors(self._path):
            with self.db:
                self.db.execute(
                    "DELETE FROM reason WHERE id NOT IN (SELECT reason FROM file "
                    "WHERE reason IS NOT NULL UNION SELECT reason FROM left_out)"
                )
                self.db.execute(
                    "DELETE FROM dir WHERE id NOT IN "
                    "(SELECT dir FROM file UNION SELECT dir FROM left_out)"
                )
            self.db.execute("VACUUM")
            self.checkpoint()


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
