"""What tells a file again after it was renamed, moved, edited or read anew."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import cast

from core.store.catalogue import Catalogue
from core.store.contents import with_content
from core.store.files import join_path
from core.store.rows import FileState


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """A file: where it is, its number in the catalogue, and the hash of its content.

    The number stays when a file is moved; a catalogue that was made anew gives other numbers.
    The hash is None while the content is not known.
    """

    path: str
    number: int
    content: bytes | None


class Identities:
    """Looks files up in one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._db = catalogue.db
        self._catalogue = catalogue

    def at(self, path: str) -> FileIdentity | None:
        """The known file at an absolute path."""
        for number in self._catalogue.files.at(path):
            found = self.numbered(number)
            if found is not None:
                return found
        return None

    def numbered(self, number: int) -> FileIdentity | None:
        """The file with a number."""
        row = self._db.execute(
            "SELECT folder.path, dir.path, name, hash FROM file JOIN dir ON dir.id=file.dir "
            "JOIN folder ON folder.id=dir.folder LEFT JOIN document ON document.id=file.document "
            "WHERE file.id=? AND state<>?",
            (number, int(FileState.VANISHED)),
        ).fetchone()
        if row is None:
            return None
        root, where, name, content = cast("tuple[bytes, bytes, bytes, bytes | None]", row)
        known = content is not None and any(content)
        return FileIdentity(join_path(root, where, name), number, content if known else None)

    def with_content(self, content: bytes) -> list[FileIdentity]:
        """The files with this content."""
        document = with_content(self._db, content)
        if document is None:
            return []
        refs = self._catalogue.files_of([document]).get(document, [])
        return [found for ref in refs if (found := self.at(ref.path)) is not None]

    def follow(self, was: FileIdentity) -> FileIdentity | None:
        """The file now that was this one; None when it is not to be found.

        Moved, it has its number and its content. Edited or read anew, it has its path. Moved
        while another catalogue was made, it is the only one with its content. Edited right after
        it was moved, it has its number and its name.
        """
        numbered = self.numbered(was.number)
        if numbered is not None and numbered.path == was.path:
            return numbered
        same = numbered is not None and was.content is not None
        if numbered is not None and same and numbered.content == was.content:
            return numbered
        there = self.at(was.path)
        if there is not None:
            return there
        alike = [] if was.content is None else self.with_content(was.content)
        if len(alike) == 1:
            return alike[0]
        if numbered is not None and os.path.basename(numbered.path) == os.path.basename(was.path):  # noqa: PTH119
            return numbered
        return None
