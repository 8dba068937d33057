"""Named, ordered, append-only schema changes, each in a transaction of its own."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import cast

import apsw

from core.errors import UserError
from core.messages import About
from core.store.contents import list_contents
from core.store.inside import Inside
from core.store.places import name_tag, pack_places
from core.store.titles import add_abouts


@dataclass(frozen=True, slots=True)
class Migration:
    """One step. Its name and what it does never change after a release.

    The statements may call `name_tag`; `finish` does what SQL cannot.
    """

    name: str
    statements: str
    finish: Callable[[apsw.Connection], None] = lambda _db: None


def _tag(*names: apsw.SQLiteValue) -> apsw.SQLiteValue:
    [name] = names
    assert isinstance(name, bytes)
    return name_tag(name)


def _places_in_segments(db: apsw.Connection) -> None:
    """Write down in each segment's row which documents it holds, in order."""
    for (segment,) in db.execute("SELECT id FROM segment").fetchall():
        rows = db.execute("SELECT place, id FROM place WHERE segment=? ORDER BY place", (segment,))
        packed = pack_places(dict(rows))
        db.execute("UPDATE segment SET documents=? WHERE id=?", (packed, segment))
    db.execute("DROP TABLE place")


def _lists(db: apsw.Connection) -> None:
    """Write down which files are in which folder, what documents say of themselves, and hashes."""
    rows = cast(
        "list[tuple[int, int, bytes]]",
        db.execute("SELECT dir, id, name FROM file ORDER BY dir").fetchall(),
    )
    for directory, files in groupby(rows, key=itemgetter(0)):
        inside = Inside(db, directory)
        for _, number, name in files:
            inside.add(number, name)
        inside.save()
    told = db.execute("SELECT id, about FROM told ORDER BY id")
    add_abouts(db, {number: About(*json.loads(values)) for number, values in told})
    hashes = db.execute("SELECT id, hash FROM document WHERE hash<>zeroblob(length(hash))")
    list_contents(db, cast("list[tuple[int, bytes]]", hashes.fetchall()))
    db.execute("DROP TABLE told")


CATALOGUE: tuple[Migration, ...] = (
    Migration(
        "0001-files-documents-segments",
        """
        CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
        CREATE TABLE folder(
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,
            offline INTEGER NOT NULL DEFAULT 0,
            skipped TEXT NOT NULL DEFAULT '{}'
        );
        CREATE TABLE dir(
            id INTEGER PRIMARY KEY,
            folder INTEGER NOT NULL,
            path BLOB NOT NULL,
            UNIQUE(folder, path)
        );
        CREATE TABLE reason(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
        CREATE TABLE segment(
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            chunks INTEGER NOT NULL,
            model TEXT NOT NULL
        );
        CREATE TABLE document(
            id INTEGER PRIMARY KEY,
            hash BLOB NOT NULL UNIQUE,
            segment INTEGER,
            place INTEGER,
            first_chunk INTEGER NOT NULL,
            chunks INTEGER NOT NULL,
            text_bytes INTEGER NOT NULL,
            kind TEXT NOT NULL,
            title TEXT,
            slow INTEGER NOT NULL
        );
        CREATE TABLE file(
            id INTEGER PRIMARY KEY,
            dir INTEGER NOT NULL,
            name BLOB NOT NULL,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            state INTEGER NOT NULL,
            reason INTEGER,
            document INTEGER,
            UNIQUE(dir, name)
        );
        CREATE INDEX file_document ON file(document) WHERE document IS NOT NULL;
        CREATE VIRTUAL TABLE words USING fts5(
            text, content='', contentless_delete=1, detail=none,
            tokenize='porter unicode61 remove_diacritics 2'
        );
        """,
    ),
    Migration(
        "0002-offline",
        """
        ALTER TABLE file ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE dir ADD COLUMN offline INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE dir ADD COLUMN offline_since_s INTEGER;
        ALTER TABLE folder ADD COLUMN device INTEGER;
        ALTER TABLE folder ADD COLUMN mounts TEXT NOT NULL DEFAULT '[]';
        ALTER TABLE folder ADD COLUMN offline_since_s INTEGER;
        ALTER TABLE folder DROP COLUMN skipped;
        CREATE TABLE left_out(
            dir INTEGER NOT NULL,
            reason INTEGER NOT NULL,
            files INTEGER NOT NULL,
            PRIMARY KEY(dir, reason)
        ) WITHOUT ROWID;
        """,
    ),
    Migration(
        "0003-small-documents",
        """
        DROP TABLE words;
        CREATE TABLE kept(
            id INTEGER PRIMARY KEY,
            hash BLOB NOT NULL,
            segment INTEGER,
            place INTEGER,
            first_chunk INTEGER NOT NULL,
            chunks INTEGER NOT NULL,
            text_bytes INTEGER NOT NULL,
            sketch BLOB,
            about TEXT,
            family INTEGER
        );
        INSERT INTO kept(id, hash, segment, place, first_chunk, chunks, text_bytes, about)
            SELECT id, substr(hash, 1, 12), segment, place, first_chunk, chunks, text_bytes,
            CASE WHEN title IS NULL THEN NULL ELSE json_array(title) END FROM document;
        DROP TABLE document;
        ALTER TABLE kept RENAME TO document;
        CREATE INDEX document_hash ON document(substr(hash, 1, 4));
        CREATE INDEX document_family ON document(family) WHERE family IS NOT NULL;
        """,
    ),
    Migration(
        "0004-small-files",
        """
        CREATE TABLE number(old INTEGER PRIMARY KEY, new INTEGER NOT NULL);
        INSERT INTO number SELECT id, first_chunk FROM document WHERE chunks>0;
        INSERT INTO number SELECT id, (SELECT coalesce(max(value), 1) FROM meta
            WHERE key='next_chunk') + row_number() OVER (ORDER BY id) - 1
            FROM document WHERE chunks=0;
        UPDATE meta SET value=value + (SELECT count(*) FROM document WHERE chunks=0)
            WHERE key='next_chunk';
        CREATE TABLE place AS SELECT segment, place, new AS id FROM document
            JOIN number ON old=document.id WHERE segment IS NOT NULL;
        ALTER TABLE segment ADD COLUMN documents BLOB NOT NULL DEFAULT x'';

        CREATE TABLE kept(
            id INTEGER PRIMARY KEY,
            hash BLOB NOT NULL,
            chunks INTEGER NOT NULL,
            text_bytes INTEGER NOT NULL,
            file INTEGER,
            sketch BLOB,
            about TEXT,
            family INTEGER
        );
        INSERT INTO kept SELECT new, hash, chunks, text_bytes,
            (SELECT min(file.id) FROM file WHERE file.document=document.id),
            sketch, about, family FROM document JOIN number ON old=document.id ORDER BY new;
        CREATE TABLE copy(
            document INTEGER NOT NULL,
            file INTEGER NOT NULL,
            PRIMARY KEY(document, file)
        ) WITHOUT ROWID;
        INSERT INTO copy SELECT new, file.id FROM file JOIN number ON old=document
            JOIN kept ON kept.id=new WHERE file.id<>kept.file;
        DROP TABLE document;
        ALTER TABLE kept RENAME TO document;
        CREATE INDEX document_hash ON document(substr(hash, 1, 3));
        CREATE INDEX document_family ON document(family) WHERE family IS NOT NULL;

        CREATE TABLE kept(
            id INTEGER PRIMARY KEY,
            dir INTEGER NOT NULL,
            tag INTEGER NOT NULL,
            name BLOB NOT NULL,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            state INTEGER NOT NULL,
            document INTEGER,
            reason INTEGER,
            crashes INTEGER NOT NULL DEFAULT 0
        );
        INSERT INTO kept SELECT file.id, dir, name_tag(name), name, size, mtime_ns, state, new,
            reason, crashes FROM file LEFT JOIN number ON old=document ORDER BY file.id;
        DROP TABLE file;
        ALTER TABLE kept RENAME TO file;
        CREATE INDEX file_place ON file(dir, tag);
        DROP TABLE number;

        CREATE TABLE kept(
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL,
            offline INTEGER NOT NULL DEFAULT 0,
            device INTEGER,
            mounts TEXT NOT NULL DEFAULT '[]',
            offline_since_s INTEGER
        );
        INSERT INTO kept SELECT id, path, offline, device, mounts, offline_since_s FROM folder;
        DROP TABLE folder;
        ALTER TABLE kept RENAME TO folder;
        """,
        _places_in_segments,
    ),
    Migration(
        "0005-lists-for-indexes",
        """
        ALTER TABLE dir ADD COLUMN inside BLOB NOT NULL DEFAULT x'';
        CREATE TABLE content(bucket INTEGER PRIMARY KEY, documents BLOB NOT NULL);
        CREATE TABLE about(first INTEGER PRIMARY KEY, packed BLOB NOT NULL);
        CREATE TABLE told AS SELECT id, about FROM document WHERE about IS NOT NULL ORDER BY id;

        CREATE TABLE kept(
            id INTEGER PRIMARY KEY,
            hash BLOB NOT NULL,
            chunks INTEGER NOT NULL,
            text_bytes INTEGER NOT NULL,
            file INTEGER,
            sketch BLOB,
            family INTEGER
        );
        INSERT INTO kept SELECT id, substr(hash, 1, 8), chunks, text_bytes, file, sketch, family
            FROM document ORDER BY id;
        DROP TABLE document;
        ALTER TABLE kept RENAME TO document;
        CREATE INDEX document_family ON document(family) WHERE family IS NOT NULL;

        CREATE TABLE kept(
            id INTEGER PRIMARY KEY,
            dir INTEGER NOT NULL,
            name BLOB NOT NULL,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            state INTEGER NOT NULL,
            document INTEGER,
            reason INTEGER,
            crashes INTEGER NOT NULL DEFAULT 0
        );
        INSERT INTO kept SELECT id, dir, name, size, mtime_ns, state, document, reason, crashes
            FROM file ORDER BY id;
        DROP TABLE file;
        ALTER TABLE kept RENAME TO file;
        """,
        _lists,
    ),
)

HISTORY: tuple[Migration, ...] = (
    Migration(
        "0001-conversations",
        """
        CREATE TABLE conversation(
            id INTEGER PRIMARY KEY,
            title TEXT NOT NULL,
            started_at REAL NOT NULL,
            changed_at REAL NOT NULL
        );
        CREATE TABLE turn(
            id INTEGER PRIMARY KEY,
            conversation INTEGER NOT NULL REFERENCES conversation(id) ON DELETE CASCADE,
            question TEXT NOT NULL,
            answer TEXT NOT NULL,
            found INTEGER NOT NULL,
            asked_at REAL NOT NULL
        );
        CREATE INDEX turn_conversation ON turn(conversation);
        CREATE TABLE citation(
            turn INTEGER NOT NULL REFERENCES turn(id) ON DELETE CASCADE,
            n INTEGER NOT NULL,
            path BLOB NOT NULL,
            locator TEXT NOT NULL,
            quote TEXT NOT NULL
        );
        CREATE INDEX citation_turn ON citation(turn);
        CREATE TABLE source(
            turn INTEGER NOT NULL REFERENCES turn(id) ON DELETE CASCADE,
            path BLOB NOT NULL
        );
        CREATE INDEX source_turn ON source(turn);
        """,
    ),
    Migration("0002-where-answers-were-made", "ALTER TABLE turn ADD COLUMN made TEXT"),
    Migration(
        "0003-kept-answers",
        """
        CREATE TABLE kept_answer(
            turn INTEGER PRIMARY KEY REFERENCES turn(id) ON DELETE CASCADE,
            vector BLOB NOT NULL,
            rests TEXT NOT NULL,
            files TEXT NOT NULL,
            replies TEXT NOT NULL,
            cost_ms REAL NOT NULL,
            kept_at REAL NOT NULL,
            used INTEGER NOT NULL DEFAULT 0,
            used_at REAL NOT NULL
        );
        """,
    ),
    Migration(
        "0004-memories",
        """
        CREATE TABLE memory(
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            text TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            made_at REAL NOT NULL,
            vector BLOB NOT NULL DEFAULT x'',
            model TEXT NOT NULL DEFAULT ''
        );
        CREATE TABLE memory_refused(digest BLOB PRIMARY KEY) WITHOUT ROWID;
        """,
    ),
    Migration(
        "0005-turn-vectors",
        """
        CREATE TABLE turn_vector(
            turn INTEGER PRIMARY KEY REFERENCES turn(id) ON DELETE CASCADE,
            model TEXT NOT NULL,
            vector BLOB NOT NULL
        );
        """,
    ),
    Migration(
        "0006-tags",
        """
        CREATE TABLE tagged_file(
            id INTEGER PRIMARY KEY,
            path BLOB NOT NULL UNIQUE,
            number INTEGER NOT NULL,
            content BLOB
        );
        CREATE TABLE tag(
            name TEXT NOT NULL,
            file INTEGER NOT NULL REFERENCES tagged_file(id) ON DELETE CASCADE,
            given INTEGER NOT NULL,
            PRIMARY KEY(name, file)
        ) WITHOUT ROWID;
        CREATE INDEX tag_file ON tag(file);
        """,
    ),
    Migration(
        "0007-branches-of-conversations",
        """
        ALTER TABLE turn ADD COLUMN parent INTEGER;
        ALTER TABLE turn ADD COLUMN stopped TEXT NOT NULL DEFAULT 'end';
        ALTER TABLE turn ADD COLUMN scope TEXT;
        ALTER TABLE conversation ADD COLUMN tip INTEGER;
        CREATE INDEX turn_parent ON turn(parent);
        UPDATE turn SET parent=(
            SELECT max(before.id) FROM turn AS before
            WHERE before.conversation=turn.conversation AND before.id<turn.id
        );
        UPDATE conversation SET tip=(SELECT max(id) FROM turn WHERE conversation=conversation.id);
        """,
    ),
    Migration(
        "0008-pins",
        """
        CREATE TABLE pin(
            conversation INTEGER PRIMARY KEY REFERENCES conversation(id) ON DELETE CASCADE,
            path BLOB NOT NULL,
            size INTEGER,
            mtime_ns INTEGER
        );
        """,
    ),
)


def migrate(db: apsw.Connection, migrations: Sequence[Migration], what: str) -> None:
    """Bring a database to the newest schema, in one transaction: killed, it is the old or the new.

    Raises UserError when a newer version of Satchel wrote it.
    """
    done = int(db.pragma("user_version"))
    _refuse_newer(done, migrations, what)
    if done == len(migrations):
        return
    db.create_scalar_function("name_tag", _tag, 1, deterministic=True)
    with db:
        for number, migration in enumerate(migrations[done:], start=done + 1):
            db.execute(migration.statements)
            migration.finish(db)
            db.pragma("user_version", number)


def refuse_newer(path: Path, migrations: Sequence[Migration], what: str) -> None:
    """Raises UserError when a newer version of Satchel wrote a database; it is only looked at."""
    if not path.exists():
        return
    with contextlib.suppress(apsw.Error):  # what cannot be read is told when it is opened
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            _refuse_newer(int(db.pragma("user_version")), migrations, what)
        finally:
            db.close()


def _refuse_newer(version: int, migrations: Sequence[Migration], what: str) -> None:
    if version > len(migrations):
        raise UserError(
            f"The {what} was written by a newer version of Satchel.",
            "Update Satchel, or choose another home with --home; nothing was changed.",
        )
