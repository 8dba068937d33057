"""The fixtures of store formats: one for each that ever landed, made by the code of its time.

Each is a home with three small files, two questions, and what else its version could hold; see
make_store.py. `store.json` in it says what was there when it was packed.
"""

from __future__ import annotations

import json
import os
import struct
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

STORES = Path(__file__).with_name("resources") / "stores"
WRITTEN_S = 1_767_323_045  # when the files of all fixtures were changed last
FILES = ("council.txt", "ferry.txt", "garden.md")
TEXTS: Mapping[str, str] = {
    "ferry.txt": "The ferry leaves the island harbour at seven every morning, and the lighthouse "
    "keeper waves from the rocks until it is out of sight.\n\nIn winter there is no ferry on "
    "Sundays.\n",
    "garden.md": "# Garden\n\nThe beans were sown in May. The rhubarb needs water; the old apple "
    "tree was pruned by Agnes.\n",
    "council.txt": "Minutes of the council. The bridge repair was agreed; the mayor writes the "
    "letter to the ministry next week.\n",
}
QUESTIONS = ("When does the ferry leave the harbour?", "Who pruned the old apple tree?")
MEMORY = "I live in Bergen."
TAG = "spring"


@dataclass(frozen=True, slots=True)
class OldStore:
    """A fixture, unpacked and moved: its folder of files, its home, and what it held."""

    files: Path
    home: Path
    held: dict[str, Any]


def names() -> list[str]:
    """The fixtures, oldest first."""
    found = [path.name.removesuffix(".tar.xz") for path in STORES.glob("*.tar.xz")]
    return sorted(found, key=formats_of_name)


def formats_of_name(name: str) -> tuple[int, ...]:
    """The numbers in a fixture's name, which rise with time."""
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in name.split("-"))


def unpack(name: str, root: Path) -> OldStore:
    """Unpack a fixture below a folder, and tell it that its files are there now."""
    with tarfile.open(STORES / f"{name}.tar.xz") as archive:
        archive.extractall(root, filter="data")
    for path in (root / "home", *(root / "home").rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
    for file in (root / "files").iterdir():
        os.utime(file, (WRITTEN_S, WRITTEN_S))
    held = json.loads((root / "store.json").read_text())
    _move(root, held["place"])
    return OldStore(root / "files", root / "home", held)


def _move(root: Path, place: str) -> None:
    """Give paths in a home another beginning, as if it had been made here."""
    folders = root / "home" / "config" / "folders.json"
    folders.write_text(folders.read_text().replace(place, str(root)))
    data = root / "home" / "data"
    for file, table in (("catalogue", "folder"), ("history", "tagged_file"), ("history", "pin")):
        db = apsw.Connection(str(data / f"{file}.db"))
        if table in _tables(db):
            db.execute(
                f"UPDATE {table} SET path=CAST(replace(CAST(path AS TEXT), ?, ?) AS BLOB)",
                (place, str(root)),
            )
        db.close()


def contents(home: Path) -> dict[str, Any]:
    """What a home holds, by its formats and in their words, read without the code of any."""
    data = home / "data"
    catalogue = apsw.Connection(str(data / "catalogue.db"), flags=apsw.SQLITE_OPEN_READONLY)
    history = apsw.Connection(str(data / "history.db"), flags=apsw.SQLITE_OPEN_READONLY)
    tables = _tables(history)
    segments = [_segment_formats(path) for path in sorted((data / "segments").iterdir())]
    held = {
        "formats": {
            "catalogue": catalogue.pragma("user_version"),
            "history": history.pragma("user_version"),
            "segment": max((segment for segment, _ in segments), default=0),
            "words": max((words for _, words in segments), default=0),
            "kv": max((_kv_format(path) for path in (data / "kv").rglob("*.kv")), default=0),
        },
        "shape": sorted(_tables(catalogue) | tables),
        "turns": _rows(history, "SELECT question, answer FROM turn ORDER BY id"),
        "titles": _rows(history, "SELECT id, title FROM conversation ORDER BY id"),
        "memories": _rows(history, "SELECT text FROM memory") if "memory" in tables else [],
        "tags": _rows(history, "SELECT name FROM tag") if "tag" in tables else [],
        "pins": _rows(history, "SELECT conversation FROM pin") if "pin" in tables else [],
        "indexed": _rows(catalogue, "SELECT count(*) FROM file WHERE state=1")[0][0],
    }
    catalogue.close()
    history.close()
    return held


def _rows(db: apsw.Connection, query: str) -> list[Any]:
    return [list(row) for row in db.execute(query)]


def _tables(db: apsw.Connection) -> set[str]:
    return {str(row[0]) for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}


def _segment_formats(path: Path) -> tuple[int, int]:
    """The formats of a segment and of its words, 0 for none of its own."""
    data = path.read_bytes()
    start = len(b"SATCHEL-SEGMENT\n") + 4
    body = start + int.from_bytes(data[start - 4 : start], "little")
    header, _ = json.JSONDecoder().raw_decode(data[start:body].decode("latin-1"))
    words = header["parts"].get("words")
    if words is None:
        return header["format"], 0
    return header["format"], struct.unpack_from("<2I", data, body + words["offset"])[1]


def _kv_format(path: Path) -> int:
    return int(path.read_bytes()[len(b"SATCHKV") : len(b"SATCHKV1")])
