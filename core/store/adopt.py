"""Documents that are taken over from another catalogue as they are, to be read again later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import apsw

from core.store.catalogue import Catalogue
from core.store.database import errors
from core.store.holders import HELD_FILES, numbers
from core.store.inside import Inside, find_file
from core.store.titles import abouts, add_abouts


@dataclass(frozen=True, slots=True)
class _Away:
    """A file out of reach and the folder it is in."""

    document: int
    root: bytes
    dir: tuple[apsw.SQLiteValue, ...]  # path, offline, offline_since_s
    file: tuple[apsw.SQLiteValue, ...]  # name, size, mtime_ns


def out_of_reach(
    old: Catalogue, new: Catalogue, documents: Sequence[int]
) -> dict[int, list[_Away]]:
    """The files that hold some documents and are out of reach, by document.

    Without those that the other catalogue knows, and those that are not watched any more.
    """
    found: dict[int, list[_Away]] = {}
    rows = old.db.execute(
        "SELECT number, folder.path, dir.path, dir.offline, dir.offline_since_s, name, size, "
        f"mtime_ns FROM {HELD_FILES} JOIN dir ON dir.id=dir JOIN folder ON folder.id=dir.folder "
        "WHERE folder.offline OR dir.offline ORDER BY file.id",
        numbers(documents),
    )
    watched = {row[0] for row in new.db.execute("SELECT path FROM folder")}
    for document, root, path, offline, since_s, name, size, mtime_ns in rows:
        if root not in watched:
            continue
        folder = new.db.execute("SELECT id FROM folder WHERE path=?", (root,)).get
        if find_file(new.db, folder, path, name) is None:
            away = _Away(document, root, (path, offline, since_s), (name, size, mtime_ns))
            found.setdefault(document, []).append(away)
    return found


def adopt(
    old: Catalogue,
    new: Catalogue,
    segment: str,
    model: str,
    documents: Sequence[int],
    files: Mapping[int, Sequence[_Away]],
) -> None:
    """Publish a segment with documents of another catalogue, in order, in one transaction.

    Their files wait to be read, and their content counts as unknown until then.
    """
    with errors(new.path), new.db:
        inside: list[int] = []
        for document in documents:
            chunks, text_bytes, sketch, digest = old.db.execute(
                "SELECT chunks, text_bytes, sketch, zeroblob(length(hash)) FROM document "
                "WHERE id=?",
                (document,),
            ).get
            held = [_file(new, away) for away in files[document]]
            number = new.next_chunk(chunks)
            new.db.execute(
                "INSERT INTO document(id, hash, chunks, text_bytes, file, sketch) "
                "VALUES(?,?,?,?,?,?)",
                (number, digest, chunks, text_bytes, held[0], sketch),
            )
            new.db.executemany(
                "INSERT INTO copy VALUES(?,?)", [(number, file) for file in held[1:]]
            )
            new.db.executemany(
                "UPDATE file SET document=? WHERE id=?", [(number, file) for file in held]
            )
            inside.append(number)
        known = abouts(old.db, documents)
        add_abouts(
            new.db, {number: known[one] for number, one in zip(inside, documents, strict=True)}
        )
        new.add_segment(segment, model, inside)


def _file(new: Catalogue, away: _Away) -> int:
    """A row for the file."""
    folder = new.db.execute("SELECT id FROM folder WHERE path=?", (away.root,)).get
    directory = new.db.execute(
        "SELECT id FROM dir WHERE folder=? AND path=?", (folder, away.dir[0])
    ).get
    if directory is None:
        new.db.execute(
            "INSERT INTO dir(folder, path, offline, offline_since_s) VALUES(?,?,?,?)",
            (folder, *away.dir),
        )
        directory = new.db.last_insert_rowid()
    name, size, mtime_ns = away.file
    assert isinstance(name, bytes)
    new.db.execute(
        "INSERT INTO file(dir, name, size, mtime_ns, state) VALUES(?,?,?,?,0)",
        (directory, name, size, mtime_ns),
    )
    number = new.db.last_insert_rowid()
    assert isinstance(directory, int)
    inside = Inside(new.db, directory)
    inside.add(number, name)
    inside.save()
    return number
