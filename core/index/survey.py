"""Disk against catalogue: which files are new, changed, moved, gone, left out or out of reach.

A whole survey looks at every watched folder and is the truth. A partial one
looks only where changes were told, and comes to the same catalogue. Nothing is
dropped because its folder cannot be looked into.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from pathlib import PurePath

from core.files.changes import Changes
from core.files.mounts import mount_points, mounted_in
from core.files.paths import is_under
from core.files.rules import Rules
from core.files.scan import RootOffline, require_root
from core.index.site import Site, Surveyed
from core.store.rows import FolderRow
from core.store.survey_table import SurveyTable

_DAY_S = 86_400
_TRIES = 3  # while drives come and go


class _DriveGone(Exception):
    """A drive inside the folder went while the folder was looked at."""


class Surveyor:
    """Surveys the watched folders of one catalogue."""

    def __init__(
        self,
        table: SurveyTable,
        folders: Callable[[], list[FolderRow]],
        rules: Callable[[str], Rules],
        breathe: Callable[[], None] = lambda: None,
        *,
        offline_days: float = 0.0,
        settling: bool = False,
    ) -> None:
        """`breathe` is called between small pieces of work and may raise Cancelled.

        What is out of reach longer than `offline_days` is dropped; 0 keeps it.
        With `settling` a file that is being written does not wait yet.
        """
        self._table = table
        self._folders = folders
        self._rules = rules
        self._breathe = breathe
        self._offline_s = offline_days * _DAY_S
        self._settling = settling

    def survey(self, changes: Changes) -> Surveyed:
        """A whole survey when everything may have changed, else a partial one."""
        return self.survey_all() if changes.everything else self.survey_paths(changes)

    def survey_all(self) -> Surveyed:
        """Look at all watched folders."""
        found = Surveyed()
        for row in self._folders():
            self._whole(row, found)
        found.dropped |= self._table.vanish(found.gone)
        return found

    def survey_paths(self, changes: Changes) -> Surveyed:
        """Look where changes were told, and below; and at folders never looked at before."""
        found = Surveyed()
        sites: list[tuple[Site, list[str]]] = []
        touched = changes.touched()
        for row in self._folders():
            paths = [path for path in touched if is_under(path, row.path)]
            never = row.device is None and not row.offline
            if not paths and not never:
                continue
            site = None if never or row.path in paths or row.offline else self._site(row)
            if site is None:
                self._whole(row, found)
            else:
                sites.append((site, paths))
        if changes.moves:
            found.noted += relocate(self._table, changes, [site for site, _ in sites])
        for site, paths in sites:
            site.places(map(site.relative, paths))
            if site.found.gone and self._site(site.row) is None:
                self._whole(site.row, found)  # it went meanwhile: nothing in it is gone
            else:
                found.add(site.found)
        found.dropped |= self._table.vanish(found.gone)
        return found

    # --- a watched folder ---------------------------------------------------------------

    def _site(self, row: FolderRow) -> Site | None:
        """A folder that is where it was; None when it has to be looked at as a whole."""
        try:
            if require_root(row.path).st_dev != row.device:
                return None
        except RootOffline:
            return None
        points = mount_points() if row.mounts else frozenset()
        away = self._away(row, mounted_in(row.path, points)) if row.mounts else ()
        return None if "" in away else self._make_site(row, away, points)

    def _make_site(self, row: FolderRow, away: Collection[str], points: frozenset[str]) -> Site:
        return Site(
            self._table,
            row,
            self._rules(row.path),
            away,
            points,
            settling=self._settling,
            is_old=self._is_old,
            breathe=self._breathe,
        )

    def _away(self, row: FolderRow, mounted: Collection[str]) -> tuple[str, ...]:
        """Places of drives that were there and are not, or where others are in their place."""
        return tuple(
            path
            for path in row.mounts
            if self._table.any_file(row.id, path)
            and (path not in mounted or not self._is_any_there(row, path))
        )

    def _is_any_there(self, row: FolderRow, below: str) -> bool:
        """Whether at least one of the known files at or below a folder is there."""
        return any(
            os.path.lexists(os.path.join(row.path, path))  # noqa: PTH118
            for path in self._table.paths(row.id, below)
        )

    def _whole(self, row: FolderRow, found: Surveyed) -> None:
        """Survey one watched folder; when it is out of reach nothing in it changes."""
        for _ in range(_TRIES):
            try:
                found.add(self._whole_once(row, found))
                return
            except _DriveGone:
                continue
            except RootOffline:
                break
        self._table.set_folder_offline(row.id)
        if self._is_old(row.offline_since_s):
            for directory in self._table.dirs(row.id).values():
                found.gone += [file.id for file in self._table.files(directory.id).values()]

    def _whole_once(self, row: FolderRow, found: Surveyed) -> Surveyed:
        status = require_root(row.path)
        points = mount_points()
        mounted = mounted_in(row.path, points)
        away = self._away(row, mounted)
        other_device = row.device not in (None, status.st_dev)
        if other_device and self._table.any_file(row.id, "") and not self._is_any_there(row, ""):
            away = ("", *away)
        if "" in away:
            found.problems.append(
                f"{row.path}: the drive that its files are on is not there; they stay in the "
                "index. If they will not come back, remove the folder and add it again"
            )
            raise RootOffline(row.path)
        site = self._make_site(row, away, points)
        site.whole()
        again = require_root(row.path)
        if (again.st_dev, again.st_ino) != (status.st_dev, status.st_ino):
            raise RootOffline(row.path)
        if mounted and set(mounted) - set(mounted_in(row.path, mount_points())):
            raise _DriveGone
        kept = [path for path in {*mounted, *away} if self._table.any_file(row.id, path)]
        self._table.set_surveyed(row.id, status.st_dev, sorted(kept))
        return site.found

    def _is_old(self, since_s: int | None) -> bool:
        return bool(self._offline_s and since_s and time.time() - since_s > self._offline_s)


def relocate(table: SurveyTable, changes: Changes, sites: list[Site]) -> list[int]:
    """Give files that were only moved their new place, with all that is known of them; their ids.

    One was only moved when size, time and kind are those of what stood where it
    came from. Whatever else is at the new places is for the survey to compare.
    """
    moved: dict[int, tuple[int, int, str]] = {}
    for place in Changes(frozenset(new for _, new in changes.moves)).touched():
        site = _site_of(place, sites)
        for path, size_bytes, mtime_ns in site.files_at(place) if site else ():
            old = changes.origin(path)
            source = _site_of(old, sites)
            if site is None or source is None or old == path or _kind(old) != _kind(path):
                continue
            row, here = source.file_at(old), site.file_at(path)
            as_here = here is not None and (here.size_bytes, here.mtime_ns) == (
                size_bytes,
                mtime_ns,
            )
            if row is None or row.id in moved or as_here:
                continue
            if (row.size_bytes, row.mtime_ns) == (size_bytes, mtime_ns):
                moved[row.id] = (row.id, site.row.id, site.relative(path))
    if moved:
        table.relocate(list(moved.values()))
    return list(moved)


def _site_of(path: str, sites: list[Site]) -> Site | None:
    return next((site for site in sites if is_under(path, site.row.path)), None)


def _kind(path: str) -> str:
    return PurePath(path).suffix.lower()
