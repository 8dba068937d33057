"""What faults of a disk or a sudden end can leave in a home, and how each is mended.

What is derived is removed and comes back by itself. Of what is the person's own a copy stays.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from core.budget.query_speed import QuerySpeed
from core.errors import UserError
from core.files.folders import WatchedFolder, load_folders, save_folders
from core.home import Home
from core.kept_aside import keep_aside, mend_settings, settings_problem
from core.llm.experts.traces import is_whole
from core.llm.kv.saved import damaged_parts
from core.store.kept_answers import KeptAnswerTable
from core.store.salvage import count_turns

if TYPE_CHECKING:
    from app.service import Service

OWNER_ONLY = 0o077


@dataclass(frozen=True, slots=True)
class Ailment:
    """Something wrong: in which part, what, and how it is mended, which says what was done.

    `mend` raises OSError or UserError when it cannot.
    """

    part: str
    problem: str
    mend: Callable[[], str]


def all_ailments(service: Service) -> Iterator[Ailment]:
    """Everything that is wrong beside the segments and the catalogue. For the work thread."""
    home = service.home
    yield from _settings(home)
    yield from _folders(service)
    yield from _conversations(service)
    yield from _copies_of_before(service)
    yield from _kept_answers(service)
    yield from _own_lists(home)
    yield from _lost_texts(service)
    for part, what, damaged in (
        ("store", "is no segment of the index", service.engine.store.strays()),
        ("store", "is a kept text that cannot be read", service.engine.texts.damaged()),
        ("saved", "of what a model had read is damaged", damaged_parts(home.saved_kv)),
        ("saved", "of what a model's parts were used for is damaged", _traces(home)),
        ("saved", "is a digest that cannot be read", service.digests.kept.damaged()),
        ("caches", "cannot be read", _caches(home)),
    ):  # fmt: skip
        yield from (_remove(home, part, path, what) for path in damaged)
    yield from _permissions(home)


def copies_kept(home: Home) -> Iterator[str]:
    """What `doctor` or an update has kept of the person's own, in words."""
    for folder in (home.config, home.data):
        for path in sorted((*folder.glob("*-damaged-*"), *folder.glob("*-before-*.db"))):
            if path.suffix in (".db", ".toml", ".json"):
                yield f"A copy of what was yours is kept: {path}"


# --- the person's own ---------------------------------------------------------------------------


def _settings(home: Home) -> Iterator[Ailment]:
    problem = settings_problem(home.settings)
    if problem is not None:

        def mend() -> str:
            aside, kept = mend_settings(home.settings)
            return f"{kept} settings could be read; what was there is {aside}"

        yield Ailment("settings", problem.rstrip("."), mend)


def _folders(service: Service) -> Iterator[Ailment]:
    try:
        load_folders(service.home.folders)
        return
    except UserError as error:
        problem = error.title.rstrip(".")

    def mend() -> str:
        aside = keep_aside(service.home.folders)
        known = [WatchedFolder(row.path) for row in service.engine.catalogue.files.folders()]
        save_folders(service.home.folders, known)
        return (
            f"the {len(known)} folders that are indexed are in it again, without the patterns "
            f"that were left out; what was there is {aside}"
        )

    yield Ailment("folders", problem, mend)


def _conversations(service: Service) -> Iterator[Ailment]:
    problems = service.history.own.problems()
    if problems:

        def mend() -> str:
            aside, rows = service.history.own.mend()
            return f"{rows} rows could be read and are kept; the damaged file is {aside}"

        yield Ailment("conversations", f"history.db is damaged: {problems[0]}", mend)


def _copies_of_before(service: Service) -> Iterator[Ailment]:
    """Where no conversation is left, a copy of before an update may hold them still."""
    if service.history.counts()[1]:
        return
    for path in sorted(service.home.data.glob("history-before-*.db"), reverse=True):
        turns = count_turns(path)
        if turns:

            def mend(copy: Path = path) -> str:
                rows = service.history.own.take_from(copy)
                return f"{rows} rows of it were taken over, and the copy stays"

            problem = (
                f"no conversation is left, and {path.name}, made before an update, holds {turns}"
            )
            yield Ailment("conversations", problem, mend)
            return


def _kept_answers(service: Service) -> Iterator[Ailment]:
    table = KeptAnswerTable(service.history.own)
    turns = table.damaged()
    if turns:

        def mend() -> str:
            table.drop(turns)
            return "what was said stays in its conversation"

        yield Ailment("caches", f"{len(turns)} kept answers cannot be read", mend)


def _own_lists(home: Home) -> Iterator[Ailment]:
    path = home.recent_searches
    if path.exists() and not _is_json(path, list[str]):

        def mend() -> str:
            aside = keep_aside(path)
            path.unlink()
            return f"what was there is {aside}"

        yield Ailment("searches", f"{path.name} cannot be read", mend)


# --- what is derived ------------------------------------------------------------------------------


def _lost_texts(service: Service) -> Iterator[Ailment]:
    catalogue = service.engine.catalogue
    files = catalogue.lost()
    if files:

        def mend() -> str:
            catalogue.read_lost(files)
            service.engine.store.refresh()
            return "they wait to be read again"

        yield Ailment("store", f"the index has lost the text of {len(files)} files", mend)


def _traces(home: Home) -> list[Path]:
    return [
        path
        for path in _everything([home.expert_traces])
        if path.is_file() and path.suffix == ".trace" and not is_whole(path)
    ]


def _caches(home: Home) -> list[Path]:
    """Those that cannot be read, but for what the doctor measures anew whenever it looks."""
    forms: tuple[tuple[Path, object], ...] = (
        (home.query_speed, QuerySpeed),
        (home.model_speeds, list[dict[str, object]]),
        (home.fingerprints, list[dict[str, object]]),
    )
    return [path for path, form in forms if path.exists() and not _is_json(path, form)]


def _is_json(path: Path, form: object) -> bool:
    try:
        msgspec.json.decode(path.read_bytes(), type=form)
    except (OSError, msgspec.MsgspecError):
        return False
    return True


def _remove(home: Home, part: str, path: Path, what: str) -> Ailment:
    def mend() -> str:
        path.unlink(missing_ok=True)
        return ""

    shown = next((path.relative_to(r) for r in home.roots() if path.is_relative_to(r)), path)
    return Ailment(part, f"{shown} {what}", mend)


def _permissions(home: Home) -> Iterator[Ailment]:
    """Everything in a home is for its owner alone."""
    if os.name != "posix":
        return
    open_to_others = []
    for path in _everything(home.roots()):
        status = _status(path)
        kind = 0 if status is None else status.st_mode
        if (stat.S_ISREG(kind) or stat.S_ISDIR(kind)) and stat.S_IMODE(kind) & OWNER_ONLY:
            open_to_others.append(path)
    if open_to_others:

        def mend() -> str:
            for path in open_to_others:
                path.chmod(0o700 if path.is_dir() else 0o600)
            return ""

        more = f" and {len(open_to_others) - 1} more" if len(open_to_others) > 1 else ""
        yield Ailment(
            "permissions", f"others may read {open_to_others[0].name}{more} in the home", mend
        )


def _everything(roots: Iterable[Path]) -> Iterator[Path]:
    """All files and folders below some folders; links are not followed."""
    for root in roots:
        for where, folders, files in os.walk(root):
            for name in (*folders, *files):
                yield Path(where) / name


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None
