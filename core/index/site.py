"""One watched folder under survey: its disk compared with its rows, place by place."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.files.paths import is_below
from core.files.rules import Rules
from core.files.scan import Listing, Unreadable, count_files, is_junction, list_folder, walk
from core.store.files import UNSETTLED_NS
from core.store.rows import DirRow, FileRow, FileState, FolderRow
from core.store.survey_table import SurveyTable

SETTLE_S = 0.7  # a file that changed less than this ago is still being written
_FLUSH_FILES = 500
_BREATHE_FILES = 500


@dataclass(slots=True)
class Surveyed:
    """What a survey found. `noted` and `gone` are ids of files in the catalogue.

    `noted` wait to be read, or have another place; `gone` are not where they
    were. `unsettled` are paths of files that were being written, to be looked
    at again soon. `dropped` tells that a document may have gone.
    """

    noted: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    dropped: bool = False
    problems: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)

    def add(self, other: Surveyed) -> None:
        """Take over what another survey found."""
        self.noted += other.noted
        self.gone += other.gone
        self.dropped |= other.dropped
        self.problems += other.problems
        self.unsettled += other.unsettled


class Site:
    """Compares places of one watched folder; `found` gathers what comes of it.

    Paths are relative to the folder, "" is the folder itself. `away` are the
    places in it of drives that are not there: nothing in them is looked at.
    """

    def __init__(
        self,
        table: SurveyTable,
        row: FolderRow,
        rules: Rules,
        away: Collection[str],
        mounts: frozenset[str],
        *,
        settling: bool,
        is_old: Callable[[int | None], bool],
        breathe: Callable[[], None],
    ) -> None:
        """`mounts` are absolute; `is_old` says of a time since when something is out of reach
        whether that is too long. The rest is as for a Surveyor.
        """
        self.row = row
        self.rules = rules
        self.found = Surveyed()
        self._table = table
        self._away = tuple(away)
        self._mounts = mounts
        self._barred = frozenset(map(self.absolute, away))
        self._settling = settling
        self._is_old = is_old
        self._breathe = breathe
        self._changed: list[tuple[str, int, int]] = []
        self._looked_at = 0
        self._recounted: set[str] = set()

    def absolute(self, path: str) -> str:
        """A path of this folder as the system knows it."""
        return os.path.join(self.row.path, path) if path else self.row.path  # noqa: PTH118

    def relative(self, path: str) -> str:
        """A path as it is kept."""
        return path[len(self.row.path) :].lstrip(os.sep)

    def is_away(self, path: str) -> bool:
        """Whether a path lies on a drive that is not there."""
        return any(is_below(path, place) for place in self._away)

    # --- a folder and all below it --------------------------------------------------------

    def whole(self) -> None:
        """Compare the watched folder and all below it."""
        verdict = self.rules.directory_verdict(self.row.path)
        if verdict.indexed:
            self._tree("")
        else:
            self._closed_folder("", verdict.rule)
        for place in self._away:
            self.found.problems.append(
                f"{self.absolute(place)}: the drive that was here is not there; its files stay "
                "in the index until it comes back"
            )
        self.flush()

    def _tree(self, top: str) -> None:
        known = self._table.dirs(self.row.id, top)
        seen: set[str] = set()
        closed: set[str] = set()
        unlisted = list(self._away)
        for item in walk(self.absolute(top), self.rules, self._barred):
            if isinstance(item, Unreadable):
                unlisted.append(self.relative(item.path))
                self.found.problems.append(f"{item.path}: {item.reason}")
                continue
            path, listing = self.relative(item[0]), item[1]
            seen.add(path)
            self._compare(path, listing, known.get(path))
            unlisted += (os.path.join(path, name) for name in listing.unknown)  # noqa: PTH118
            for name, rule in listing.closed.items():
                inner = os.path.join(path, name)  # noqa: PTH118
                self._close(inner, rule, known.get(inner))
                closed.add(inner)
        rest = {path: row for path, row in known.items() if path not in seen}
        self._unseen(rest, unlisted, closed)

    def _unseen(
        self, known: dict[str, DirRow], unlisted: Collection[str], closed: Collection[str] = ()
    ) -> None:
        """What becomes of known folders that were not listed: out of reach, left out, or gone."""
        gone: list[int] = []
        offline: list[int] = []
        for path, row in known.items():
            out_of_reach = any(is_below(path, place) for place in unlisted)
            if out_of_reach and not self._is_old(row.offline_since_s):
                if not row.offline:
                    offline.append(row.id)
                continue
            self._gone(self._table.files(row.id).values())
            if path not in closed:
                gone.append(row.id)
        if offline:
            self._table.set_dirs_offline(offline)
        if gone:
            self._table.forget_dirs(gone)

    def _closed_folder(self, path: str, rule: str) -> None:
        """A folder that is left out, and what was known in it."""
        known = self._table.dirs(self.row.id, path)
        self._close(path, rule, known.get(path))
        self._unseen(known, (), {path})

    def _close(self, path: str, rule: str, row: DirRow | None) -> None:
        files = count_files(self.absolute(path), self._mounts)
        counts = {rule: files} if files else {}
        if counts != (row.left_out if row else {}):
            self._table.set_left_out(self.row.id, path, counts)
        if row and row.offline:
            self._table.set_dirs_online([row.id])

    # --- one folder -----------------------------------------------------------------------

    def _compare(self, path: str, listing: Listing, row: DirRow | None) -> None:
        """Compare what is directly in a folder."""
        rows = self._table.files(row.id) if row else {}
        back: list[int] = []
        for name, (size_bytes, mtime_ns) in listing.files.items():
            file = rows.pop(name, None)
            if file is None or file.size_bytes != size_bytes or file.mtime_ns != mtime_ns:
                self._note(os.path.join(path, name), size_bytes, mtime_ns)  # noqa: PTH118
            elif file.state == FileState.VANISHED:
                back.append(file.id)
        for name in listing.unknown:
            rows.pop(name, None)
        self._gone(rows.values())
        self._come_back(back)
        if row and row.offline:
            self._table.set_dirs_online([row.id])
        if dict(listing.left_out) != (row.left_out if row else {}):
            self._table.set_left_out(self.row.id, path, listing.left_out)
        self._looked_at += 1 + len(listing.files)
        if self._looked_at > _BREATHE_FILES:
            self._looked_at = 0
            self._breathe()

    def _gone(self, files: Iterable[FileRow]) -> None:
        self.found.gone += [file.id for file in files if file.state != FileState.VANISHED]

    def _come_back(self, ids: list[int]) -> None:
        if ids:
            self._table.come_back(ids)
            self.found.noted += ids

    def _note(self, path: str, size_bytes: int, mtime_ns: int) -> None:
        if self._settling and 0 <= time.time_ns() - mtime_ns < SETTLE_S * 1e9:
            self.found.unsettled.append(self.absolute(path))
            mtime_ns = UNSETTLED_NS
        self._changed.append((path, size_bytes, mtime_ns))
        if len(self._changed) >= _FLUSH_FILES:
            self.flush()

    def flush(self) -> None:
        """Write down the new and changed files found so far."""
        if self._changed:
            self.found.noted += self._table.note(self.row.id, self._changed)
            self._changed.clear()

    # --- places where something happened ----------------------------------------------------

    def places(self, paths: Iterable[str]) -> None:
        """Compare some places and what is below them."""
        again: set[str] = set()
        for path in paths:
            self._place(path, again)
        self.flush()
        for folder in again:
            self._look_again(folder)
        self.flush()

    def _place(self, path: str, again: set[str]) -> None:
        """Compare one place; `again` gets folders whose left-out files are to be counted anew."""
        if Rules.steers(os.path.basename(path)):  # noqa: PTH119
            path = os.path.dirname(path)  # noqa: PTH120
        if self.is_away(path):
            return
        above = os.path.dirname(path)  # noqa: PTH120
        step, rule = self.rules.left_out_at(self.absolute(above))
        if step is not None:
            if rule is not None and step not in self._recounted:
                self._recounted.add(step)
                self._closed_folder(self.relative(step), rule)
            return
        place = self.absolute(path)
        try:
            status = Path(place).lstat()
        except (FileNotFoundError, NotADirectoryError):
            self._nothing(path, again)
            return
        except OSError as error:
            self.found.problems.append(f"{place}: could not be looked at ({error.strerror})")
            return
        if stat.S_ISDIR(status.st_mode) and not is_junction(status):
            self._gone_file(path)
            verdict = self.rules.directory_verdict(place, status)
            if verdict.indexed:
                self._tree(path)
            else:
                self._closed_folder(path, verdict.rule)
        elif stat.S_ISREG(status.st_mode):
            self._gone_folder(path)
            self._file(path, status, again)
        else:
            self._nothing(path, again)

    def _file(self, path: str, status: os.stat_result, again: set[str]) -> None:
        row = self._table.file(self.row.id, path)
        if not self.rules.file_verdict(self.absolute(path), status).indexed:
            self._gone_file(path)
            again.add(os.path.dirname(path))  # noqa: PTH120
            return
        if row is None or not is_as(row, status) or row.state == FileState.FAILED:
            self._note(path, status.st_size, status.st_mtime_ns)
        elif row.state == FileState.VANISHED:
            self._come_back([row.id])
        if row is None:
            self._recount(path, again)

    def _nothing(self, path: str, again: set[str]) -> None:
        """There is no file and no folder, as far as an index is concerned."""
        if not self._gone_file(path) and not self._gone_folder(path):
            self._recount(path, again)

    def _gone_file(self, path: str) -> bool:
        row = self._table.file(self.row.id, path)
        if row is not None:
            self._gone([row])
        return row is not None

    def _gone_folder(self, path: str) -> bool:
        known = self._table.dirs(self.row.id, path)
        self._unseen(known, self._away)
        return bool(known)

    def _recount(self, path: str, again: set[str]) -> None:
        """A file that may have been counted as left out is not there, or is not left out."""
        folder = os.path.dirname(path)  # noqa: PTH120
        row = self._table.dir(self.row.id, folder)
        if row is not None and row.left_out:
            again.add(folder)

    def _look_again(self, folder: str) -> None:
        try:
            listing = list_folder(self.absolute(folder), self.rules)
        except OSError:
            return  # that is told of by itself, or found by the next whole survey
        self._compare(folder, listing, self._table.dir(self.row.id, folder))

    # --- for moves --------------------------------------------------------------------------

    def file_at(self, path: str) -> FileRow | None:
        """The known file at an absolute path."""
        return self._table.file(self.row.id, self.relative(path))

    def files_at(self, place: str) -> Iterator[tuple[str, int, int]]:
        """The files to be indexed at an absolute path and below it, with size and time."""
        above = os.path.dirname(place)  # noqa: PTH120
        if self.is_away(self.relative(place)) or not self.rules.entered(above).indexed:
            return
        try:
            status = Path(place).lstat()
        except OSError:
            return
        if stat.S_ISREG(status.st_mode):
            yield place, status.st_size, status.st_mtime_ns
        elif stat.S_ISDIR(status.st_mode) and self.rules.directory_verdict(place, status).indexed:
            for item in walk(place, self.rules, self._barred):
                if not isinstance(item, Unreadable):
                    folder, listing = item
                    for name, (size_bytes, mtime_ns) in listing.files.items():
                        yield os.path.join(folder, name), size_bytes, mtime_ns  # noqa: PTH118


def is_as(row: FileRow, status: os.stat_result) -> bool:
    """Whether a file has the size and time that are known of it."""
    return (row.size_bytes, row.mtime_ns) == (status.st_size, status.st_mtime_ns)
