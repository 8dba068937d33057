"""Office files are zip archives of XML: opened under limits, read as a stream."""

from __future__ import annotations

import copy
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import BinaryIO, Literal, NoReturn
from xml.parsers import expat

from core.errors import FileError
from core.messages import UNTITLED, About
from core.text import dates
from core.text.document import words
from core.text.source import Source

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAX_MEMBERS = 20_000
_PIECE_BYTES = 1 << 16
_NONE: Mapping[str, str] = MappingProxyType({})

# (what, the element's name or the text, attributes of a starting element)
Event = tuple[Literal["start", "end", "text"], str, Mapping[str, str]]

PASSWORD = "is protected by a password; save a copy without it to have it searched"
DAMAGED = "is damaged or incomplete; open it in the program that made it and save it again"


class Archive:
    """The members of a zip file; what is read is counted against the source's limits."""

    def __init__(self, source: Source, file: zipfile.ZipFile) -> None:
        self._source = source
        self._file = file
        self.names = frozenset(file.namelist())

    def damaged(self) -> NoReturn:
        """Raise the FileError for contents that are not what the format promises."""
        raise FileError(self._source.path, DAMAGED)

    def read(self, name: str) -> bytes:
        """A member, unpacked. Raises FileError when it is missing, damaged or over the limit."""
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """A member, unpacked piece by piece. Raises FileError as `read`."""
        try:
            info = copy.copy(self._file.getinfo(name))
            if info.flag_bits & 1:
                raise FileError(self._source.path, PASSWORD, "encrypted")
            # The size is the file's claim, at which the library would stop in silence.
            claimed = info.file_size
            info.file_size = self._source.left_bytes + 2 * _PIECE_BYTES
            size = 0
            with self._file.open(info) as member:
                while piece := member.read(_PIECE_BYTES):
                    size += len(piece)
                    self._source.count_unpacked(len(piece))
                    yield piece
            if size != claimed:
                self.damaged()
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise FileError(self._source.path, DAMAGED) from error
        except (NotImplementedError, RuntimeError, lzma.LZMAError) as error:
            raise FileError(
                self._source.path, "is packed in a way Satchel cannot read; save it again"
            ) from error

    def xml(self, name: str, only_starts: frozenset[str] = frozenset()) -> Iterator[Event]:
        """A member's XML as events, in order; with `only_starts` just these elements' starts.

        Names come without their namespaces. No entity is looked up or expanded but
        the five of XML itself. Raises FileError when the XML is not well-formed.
        """
        events: list[Event] = []
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True

        def start(tag: str, attributes: dict[str, str]) -> None:
            local = tag.rpartition("}")[2]
            if not only_starts or local in only_starts:
                plain = {key.rpartition("}")[2]: value for key, value in attributes.items()}
                events.append(("start", local, plain))

        parser.StartElementHandler = start
        # With a handler for "anything else" expat leaves entities as they are written.
        parser.DefaultHandler = _ignore
        if not only_starts:
            parser.EndElementHandler = lambda tag: events.append(
                ("end", tag.rpartition("}")[2], _NONE)
            )
            parser.CharacterDataHandler = lambda text: events.append(("text", text, _NONE))
        data = self.read(name)
        try:
            for at in range(0, len(data), _PIECE_BYTES):
                parser.Parse(data[at : at + _PIECE_BYTES])
                yield from events
                events.clear()
            parser.Parse(b"", True)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise FileError(self._source.path, DAMAGED) from error
        yield from events


def texts_of(archive: Archive, name: str, tags: frozenset[str]) -> dict[str, str]:
    """The text of the first element of each of these names in a member, where there is one."""
    found: dict[str, str] = {}
    inside = ""
    pieces: list[str] = []
    if name in archive.names:
        for event, value, _ in archive.xml(name):
            if event == "start" and value in tags and value not in found:
                inside, pieces = value, []
            elif event == "text" and inside:
                pieces.append(value)
            elif event == "end" and value == inside:
                found[inside], inside = "".join(pieces), ""
    return found


_CORE = "docProps/core.xml"
_CORE_TAGS = words("title creator created modified")
_META_TAGS = words("title initial-creator creator creation-date date")


def office_about(archive: Archive) -> About:
    """The core properties of Word, Excel and PowerPoint files; damage to them is no damage."""
    try:
        found = texts_of(archive, _CORE, _CORE_TAGS)
    except FileError:
        return UNTITLED
    return About(
        found.get("title"),
        found.get("creator"),
        dates.from_iso(found.get("created")),
        dates.from_iso(found.get("modified")),
    )


def open_document_about(archive: Archive) -> About:
    """The same of OpenDocument files."""
    try:
        found = texts_of(archive, "meta.xml", _META_TAGS)
    except FileError:
        return UNTITLED
    return About(
        found.get("title"),
        found.get("initial-creator") or found.get("creator"),
        dates.from_iso(found.get("creation-date")),
        dates.from_iso(found.get("date")),
    )


def _ignore(_text: str) -> None:
    pass


@contextmanager
def open_archive(source: Source) -> Iterator[Archive]:
    """The zip archive in `source`.

    Raises FileError: "encrypted" for an Office file in its password container,
    "failed" when it is not a whole zip file.
    """
    with source.open() as file:
        _refuse_ole(source.path, file)
        try:
            with zipfile.ZipFile(file) as archive:
                if len(archive.infolist()) > _MAX_MEMBERS:
                    raise FileError(
                        source.path, "holds far more parts than it should; left out", "skipped"
                    )
                yield Archive(source, archive)
        except (
            zipfile.BadZipFile,
            EOFError,
            OSError,
            ValueError,
            struct.error,
            NotImplementedError,
        ) as error:
            raise FileError(source.path, DAMAGED) from error


def _refuse_ole(path: str, file: BinaryIO) -> None:
    """Office puts encrypted files into the old OLE container, as a stream EncryptedPackage."""
    head = file.read(64_000)
    file.seek(0)
    if not head.startswith(_OLE_MAGIC):
        return
    if "EncryptedPackage".encode("utf-16-le") in head + _tail(file):
        raise FileError(path, PASSWORD, "encrypted")
    raise FileError(
        path, "is an older Office format under a new name; save it again in the current one"
    )


def _tail(file: BinaryIO) -> bytes:
    file.seek(0, 2)
    file.seek(max(0, file.tell() - 64_000))
    data = file.read()
    file.seek(0)
    return data
