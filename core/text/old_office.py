"""Old office formats (.doc, .ppt, .sxw, .wpd and their like), by way of present ones."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from core.errors import FileError
from core.text import formats
from core.text.document import Document, Limits
from core.text.programs import ProgramFailed, run
from core.text.source import open_regular

LEAST_BYTES = 1_000_000  # its profile alone takes some hundred kB
_NO_ROOM = (
    "needs more room to be converted than the disk budget leaves; give Satchel more with "
    "`satchel budget --disk SIZE`, then have it tried again"
)
_STARTED_ANEW = 81  # LibreOffice has made its profile and wants to be started again


@dataclass(frozen=True, slots=True)
class Way:
    """What a file starts with, what it becomes, and LibreOffice's readers, the likeliest first.

    A reader is always named: left to guess, LibreOffice takes a damaged file
    for text, and its noise for words.
    """

    start: bytes
    target: str
    readers: tuple[str, ...]


_OLE, _ZIP, _WORD_PERFECT = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\3\4", b"\xffWPC"
_WORD = Way(_OLE, "docx", ("MS Word 97", "MS Word 95", "MS WinWord 6.0"))
_POWERPOINT = Way(_OLE, "pptx", ("MS PowerPoint 97",))
_WAYS = {
    **dict.fromkeys((".doc", ".dot"), _WORD),
    **dict.fromkeys((".ppt", ".pps", ".pot"), _POWERPOINT),
    ".wps": Way(_OLE, "docx", ("MS_Works", "MS Word 97")),
    ".wpd": Way(_WORD_PERFECT, "docx", ("WordPerfect",)),
    ".sxw": Way(_ZIP, "odt", ("StarOffice XML (Writer)",)),
    ".sxc": Way(_ZIP, "ods", ("StarOffice XML (Calc)",)),
    ".sxi": Way(_ZIP, "odp", ("StarOffice XML (Impress)",)),
}


def way_of(path: str) -> Way | None:
    """How a file can be converted, by its name and how it starts; None if it is no such file."""
    way = _WAYS.get(PurePath(path).suffix.lower())
    if way is None:
        return None
    with open_regular(path) as file:
        return way if file.read(len(way.start)) == way.start else None


class Office:
    """LibreOffice on this machine."""

    def __init__(self, program: str, folder: Path) -> None:
        """`folder` is where it may write."""
        self._program = program
        self._folder = folder / "converting"

    def extract(
        self,
        path: str,
        way: Way,
        limits: Limits,
        file_s: float,
        most_bytes: int,
        on_wait: Callable[[], None],
    ) -> Document:
        """The text of a file after its conversion, which may take `file_s` and write
        `most_bytes`. Raises FileError.

        LibreOffice gets a profile of its own that is gone afterwards, so that no
        file leaves anything behind for the next.
        """
        suffix = PurePath(path).suffix.lower()
        if most_bytes < LEAST_BYTES:
            raise FileError(path, _NO_ROOM)
        made = self._folder / f"file.{way.target}"
        shutil.rmtree(self._folder, ignore_errors=True)
        try:
            self._folder.mkdir(mode=0o700)
            # By a name of our own: theirs may hold anything.
            (self._folder / f"file{suffix}").symlink_to(path)
            for reader in way.readers:
                command = self._command(f"file{suffix}", way.target, reader)
                self._convert(command, file_s, most_bytes, on_wait)
                if made.is_file():
                    document = formats.extract(str(made), limits)
                    return replace(document, kind=suffix.lstrip("."), slow=True)
        except FileError as error:
            raise FileError(path, error.reason, error.problem) from error
        except ProgramFailed as error:
            if error.large:
                raise FileError(path, _NO_ROOM) from error
            reason = f"takes LibreOffice more than {file_s:g} s" if error.slow else _FAILED
            raise FileError(path, f"{reason}; {_advice(way)}") from error
        except OSError as error:
            raise FileError(path, f"{_FAILED}; {_advice(way)}") from error
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        raise FileError(path, f"{_FAILED}; {_advice(way)}")

    def _convert(
        self,
        command: Sequence[str],
        file_s: float,
        most_bytes: int,
        on_wait: Callable[[], None],
    ) -> None:
        for _ in range(2):
            status, _ = run(
                command, self._folder, timeout_s=file_s, on_wait=on_wait, most_bytes=most_bytes
            )
            if status != _STARTED_ANEW:
                return

    def _command(self, name: str, target: str, reader: str) -> Sequence[str]:
        return (
            self._program,
            f"-env:UserInstallation={(self._folder / 'profile').as_uri()}",
            "-env:OSL_SOCKET_PATH=.",
            *("--headless", "--norestore", "--nolockcheck", "--nologo"),
            f"--infilter={reader}",
            *("--convert-to", target, "--outdir", ".", name),
        )


_FAILED = (
    "could not be converted by LibreOffice: it is damaged, locked by a password, or needs more "
    "memory than one file may have"
)


def _advice(way: Way) -> str:
    return f"save it as .{way.target} to have it searched"
