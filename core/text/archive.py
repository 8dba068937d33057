"""Office files are zip archives of XML: opened under limits, read as a stream."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import BinaryIO, Literal, NoReturn
from xml.parsers import expat

from core.errors import FileError
from core.text.document import Limits
from core.text.source import open_regular

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAX_MEMBERS = 20_000
_PIECE_BYTES = 1 << 16
_NONE: Mapping[str, str] = MappingProxyType({})

# (what, the element's name or the text, attributes of a starting element)
Event = tuple[Literal["start", "end", "text"], str, Mapping[str, str]]

PASSWORD = "is protected by a password; save a copy without it to have it searched"
_BOMB = "unpacks to more than Satchel may read; split it to have it searched"
DAMAGED = "is damaged or incomplete; open it in the program that made it and save it again"


class Archive:
    """The members of a zip file; what is read is counted against `max_expanded_bytes`."""

    def __init__(self, path: str, file: zipfile.ZipFile, max_expanded_bytes: int) -> None:
        self._path = path
        self._file = file
        self._left = max_expanded_bytes
        self.names = frozenset(file.namelist())

    def damaged(self) -> NoReturn:
        """Raise the FileError for contents that are not what the format promises."""
        raise FileError(self._path, DAMAGED)

    def require_expanded(self, folders: tuple[str, ...]) -> None:
        """Raise FileError when the members in these folders claim to unpack past the limit."""
        claimed = sum(
            info.file_size for info in self._file.infolist() if info.filename.startswith(folders)
        )
        if claimed > self._left:
            raise FileError(self._path, _BOMB, "skipped")

    def read(self, name: str) -> bytes:
        """A member, unpacked. Raises FileError when it is missing, damaged or over the limit."""
        try:
            info = self._file.getinfo(name)
            if info.flag_bits & 1:
                raise FileError(self._path, PASSWORD, "encrypted")
            pieces: list[bytes] = []
            with self._file.open(info) as member:
                while piece := member.read(_PIECE_BYTES):
                    self._left -= len(piece)
                    if self._left < 0:
                        raise FileError(self._path, _BOMB, "skipped")
                    pieces.append(piece)
            return b"".join(pieces)
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise FileError(self._path, DAMAGED) from error
        except (NotImplementedError, RuntimeError) as error:
            raise FileError(
                self._path, "is packed in a way Satchel cannot read; save it again"
            ) from error

    def xml(self, name: str, only_starts: frozenset[str] = frozenset()) -> Iterator[Event]:
        """A member's XML as events, in order; with `only_starts` just these elements' starts.

        Names come without their namespaces. Raises FileError when the XML is not
        well-formed; expat itself bounds the expansion of entities.
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
            raise FileError(self._path, DAMAGED) from error
        yield from events


def text_of(archive: Archive, name: str, tag: str) -> str | None:
    """The text of the first element called `tag` in a member; None without either."""
    if name not in archive.names:
        return None
    pieces: list[str] | None = None
    for event, value, _ in archive.xml(name):
        if event == "start" and value == tag:
            pieces = []
        elif event == "text" and pieces is not None:
            pieces.append(value)
        elif event == "end" and value == tag:
            return "".join(pieces or ())
    return None


@contextmanager
def open_archive(path: str, limits: Limits) -> Iterator[Archive]:
    """The zip archive at `path`.

    Raises FileError: "encrypted" for an Office file in its password container,
    "failed" when it is not a whole zip file.
    """
    with open_regular(path) as file:
        _refuse_ole(path, file)
        try:
            with zipfile.ZipFile(file) as archive:
                if len(archive.infolist()) > _MAX_MEMBERS:
                    raise FileError(
                        path, "holds far more parts than it should; left out", "skipped"
                    )
                yield Archive(path, archive, limits.max_expanded_bytes)
        except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise FileError(path, DAMAGED) from error


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
