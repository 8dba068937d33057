"""Which files of a folder are indexed, and by which rule not."""

from __future__ import annotations

import copy
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.errors import UserError
from core.files.defaults import BUILD_FOLDERS, DEFAULT_EXCLUDES, SECRETS
from core.files.paths import IGNORES_CASE, is_under, moved
from core.files.patterns import BadPattern, Pattern, PatternList

GITIGNORE, SATCHELIGNORE = ".gitignore", ".satchelignore"
_STEERING = frozenset((GITIGNORE, SATCHELIGNORE, *(n for m in BUILD_FOLDERS.values() for n in m)))
_MAX_IGNORE_BYTES = 1_000_000
_REMEMBERED = 4_096
# As git does where names differ by more than case.

# Windows and macOS keep in the status of a file or folder whether it is hidden, and more.
HAS_MARKS = hasattr(os.stat_result, "st_file_attributes") or hasattr(os.stat_result, "st_flags")
# What the file system says about hidden files, and about files whose contents are in a cloud.
_WINDOWS_HIDDEN = 0x2
_MACOS_HIDDEN = 0x8000  # UF_HIDDEN
_WINDOWS_CLOUD = 0x1000 | 0x40000 | 0x400000  # OFFLINE, RECALL_ON_OPEN, RECALL_ON_DATA_ACCESS
_MACOS_DATALESS = 0x40000000  # SF_DATALESS


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a path is indexed, and the rule that decided, in words."""

    indexed: bool
    rule: str


OWN_DATA = "Satchel's own data"
_YES = Verdict(True, "in a watched folder, and no rule leaves it out")


class Rules:
    """The rules of one watched folder.

    `.gitignore` and `.satchelignore` files count for the folder they are in and
    below; they are read once, so a new survey takes `fresh()` rules. The
    person's own patterns come last and may bring back (`!pattern`) what the
    others leave out; ignore files may bring back what is left out unasked, but
    no keys and passwords.
    """

    def __init__(
        self,
        root: str,
        excludes: Sequence[str] = (),
        *,
        everywhere: Sequence[str] = (),
        own_home: Sequence[str] = (),
        max_file_bytes: int = 200_000_000,
        use_defaults: bool = True,
        use_gitignore: bool = True,
        hidden: bool = False,
    ) -> None:
        """`root` is absolute; `excludes` are the folder's own patterns, `everywhere` those of
        all folders, both in gitignore syntax; `own_home` are the folders of Satchel's own data.

        With `hidden` hidden files are not left out. Raises UserError for a pattern
        that can never match.
        """
        self.root = os.path.abspath(root)  # noqa: PTH100 - keeps links as they are
        self.own_home = tuple({name for home in own_home for name in _names(home, self.root)})
        self._max_file_bytes = max_file_bytes
        self._everywhere = len(everywhere)
        self._own = _persons((*everywhere, *excludes))
        self._use_defaults = use_defaults
        self._defaults = _compiled_defaults() if use_defaults else ()
        self._secrets = PatternList(SECRETS, ignore_case=True)
        every = [pattern for _, patterns in DEFAULT_EXCLUDES for pattern in patterns]
        self._any_default = PatternList((*every, *SECRETS), ignore_case=True)
        self._ignore_files = (SATCHELIGNORE, GITIGNORE) if use_gitignore else (SATCHELIGNORE,)
        self._leave_hidden = use_defaults and not hidden
        self._forget()

    def _forget(self) -> None:
        # Bounded and owned by this object; a scan asks for one folder many times in a row.
        self._ignores = lru_cache(maxsize=_REMEMBERED)(self._ignores_above)
        self._passing = lru_cache(maxsize=_REMEMBERED)(self._passes)

    def fresh(self) -> Rules:
        """The same rules, which will read ignore files anew."""
        again = copy.copy(self)
        again._forget()
        return again

    @staticmethod
    def steers(name: str) -> bool:
        """Whether a file of this name changes what is left out around it."""
        return name in _STEERING

    # --- verdicts -----------------------------------------------------------------------

    def verdict(self, path: str, status: os.stat_result | None = None) -> Verdict:
        """Whether the file at `path` is indexed. Looks at it only when no `status` is given.

        Works for paths that do not exist (as far as names can tell).
        """
        path = os.path.abspath(path)  # noqa: PTH100
        if not is_under(path, self.root):
            return Verdict(False, f"not inside the watched folder {self.root}")
        if path == self.root:
            return self.directory_verdict(path)
        folder, name = os.path.split(path)
        above = self.entered(folder)
        if not above.indexed:
            return above
        if status is None:
            try:
                status = Path(path).lstat()
            except (FileNotFoundError, NotADirectoryError):
                rule = self.inside(folder).name_rule(name, is_folder=False)
                return Verdict(False, rule or "there is no such file")
            except OSError as error:
                return Verdict(False, f"it cannot be looked at now: {error.strerror}")
            if stat.S_ISDIR(status.st_mode):
                return self.directory_verdict(path, status)
        return self.file_verdict(path, status)

    def entered(self, folder: str) -> Verdict:
        """Whether a folder and all those it is in are entered, down from the root."""
        if not is_under(folder, self.root):
            return Verdict(False, f"not inside the watched folder {self.root}")
        step, rule = self.left_out_at(folder)
        if step is None:
            return _YES
        what = "a link, which is not followed" if rule is None else f"which is left out: {rule}"
        return Verdict(False, f"in {step}, {what}")

    def left_out_at(self, folder: str) -> tuple[str | None, str | None]:
        """Where the way from the root to a folder ends, and by which rule; no rule for a link.

        (None, None) when all are entered.
        """
        for step in self._steps(folder):
            found = self.directory_verdict(step)
            if not found.indexed:
                return step, found.rule
            if step != self.root and Path(step).is_symlink():
                return step, None
        return None, None

    def passes(self, folder: str) -> bool:
        """Whether names alone let a folder and all those it is in be entered."""
        return self._passing(folder)

    def _passes(self, folder: str) -> bool:
        if folder != self.root and not self._passing(os.path.dirname(folder)):  # noqa: PTH120
            return False
        return self.directory_verdict(folder).indexed

    def _steps(self, folder: str) -> list[str]:
        steps = [folder]
        while steps[-1] != self.root:
            steps.append(os.path.dirname(steps[-1]))  # noqa: PTH120
        return steps[::-1]

    def directory_verdict(self, path: str, status: os.stat_result | None = None) -> Verdict:
        """Whether a directory is entered, given that those above it are."""
        if path == self.root:
            own = any(is_under(path, folder) for folder in self.own_home)
            return Verdict(False, OWN_DATA) if own else _YES
        folder, name = os.path.split(path)
        rule = self.inside(folder).folder_rule(name, status)
        return _YES if rule is None else Verdict(False, rule)

    def file_verdict(self, path: str, status: os.stat_result) -> Verdict:
        """Whether a file is indexed, given that the directories above it are entered.

        `status` is the file's own, links not followed.
        """
        if not stat.S_ISREG(status.st_mode):
            what = "a link, which is not followed" if stat.S_ISLNK(status.st_mode) else "no file"
            return Verdict(False, what)
        folder, name = os.path.split(path)
        rule = self.inside(folder).file_rule(name, status)
        return _YES if rule is None else Verdict(False, rule)

    # --- one folder at a time -----------------------------------------------------------

    def inside(self, folder: str) -> Inside:
        """The rules for what is directly in a folder that is entered."""
        return Inside(self, folder)

    def own_rule(self, pattern: Pattern) -> str:
        """One of the person's patterns, as a rule in words."""
        source = " (setting files.exclude)" if pattern.line <= self._everywhere else ""
        return f"your pattern {pattern.text}{source}"

    def _ignores_above(self, folder: str) -> tuple[tuple[str, str, PatternList], ...]:
        """Folder, path and patterns of each ignore file that counts in a folder, nearest first."""
        own = tuple(self._read_ignores(folder))
        if folder == self.root or not is_under(folder, self.root):
            return own
        return own + self._ignores(os.path.dirname(folder))  # noqa: PTH120

    def _read_ignores(self, folder: str) -> list[tuple[str, str, PatternList]]:
        found = []
        for name in self._ignore_files:  # Satchel's own goes first
            if not os.path.lexists(os.path.join(folder, name)):  # noqa: PTH118 - the quicker way
                continue
            path = Path(folder, name)
            try:
                status = path.lstat()
                if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_IGNORE_BYTES:
                    continue
                with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
                    lines = file.read().split("\n")
            except OSError:
                continue
            patterns = PatternList(lines, ignore_case=IGNORES_CASE)
            if len(patterns):
                found.append((folder, str(path), patterns))
        return found


class Inside:
    """The rules of one folder for the names in it; each answer is None or the rule in words."""

    def __init__(self, rules: Rules, folder: str) -> None:
        self._rules = rules
        self._folder = folder
        self._lists = [
            (_relative(folder, where), source, patterns)
            for where, source, patterns in rules._ignores(folder)
        ]
        self._own = rules._own if len(rules._own) else None
        homes = [os.path.split(home) for home in rules.own_home]
        self._own_home = {name for where, name in homes if where == folder}
        self._below_root = _relative(folder, rules.root)

    def folder_rule(self, name: str, status: os.stat_result | None = None) -> str | None:
        """Why a folder of this name is not entered."""
        if name in self._own_home:
            return OWN_DATA
        return self.name_rule(name, is_folder=True, status=status)

    def file_rule(self, name: str, status: os.stat_result) -> str | None:
        """Why a regular file of this name is not indexed."""
        rule = self.name_rule(name, is_folder=False, status=status)
        if rule is not None:
            return rule
        most = self._rules._max_file_bytes
        if status.st_size > most:
            return f"larger than {most / 1_000_000:g} MB (setting files.max_mb)"
        return "kept in the cloud, not on this machine" if _in_cloud(status) else None

    def name_rule(
        self, name: str, *, is_folder: bool, status: os.stat_result | None = None
    ) -> str | None:
        """What the patterns say of a name."""
        if self._own is not None:
            own = self._own.decide(self._below_root + name, name, is_folder=is_folder)
            if own is not None:
                return None if own.negated else self._rules.own_rule(own)
        for prefix, source, patterns in self._lists:
            found = patterns.decide(prefix + name, name, is_folder=is_folder)
            if found is not None:
                if not found.negated:
                    return f"line {found.line} of {source}: {found.text}"
                return self._secret(name, is_folder=is_folder)
        return self._by_default(name, is_folder=is_folder, status=status)

    def _secret(self, name: str, *, is_folder: bool) -> str | None:
        if not self._rules._use_defaults:
            return None
        found = self._rules._secrets.decide(name, name, is_folder=is_folder)
        return None if found is None else f"keys, passwords and wallets ({found.text})"

    def _by_default(
        self, name: str, *, is_folder: bool, status: os.stat_result | None
    ) -> str | None:
        if not self._rules._use_defaults:
            return None
        if self._rules._any_default.may_match(name, name):
            for words, patterns in self._rules._defaults:
                found = patterns.decide(name, name, is_folder=is_folder)
                if found is not None:
                    return f"{words} ({found.text})"
            secret = self._secret(name, is_folder=is_folder)
            if secret is not None:
                return secret
        if self._rules._leave_hidden and (
            name.startswith(".") or self._marked_hidden(name, status)
        ):
            return "hidden (setting files.hidden)"
        if is_folder and name in BUILD_FOLDERS:
            for marker in BUILD_FOLDERS[name]:
                if os.path.lexists(os.path.join(self._folder, marker)):  # noqa: PTH118
                    return f"build output (beside {marker})"
        return None

    def _marked_hidden(self, name: str, status: os.stat_result | None) -> bool:
        """Whether Windows or macOS has marked it hidden; other systems know names only."""
        if not HAS_MARKS:
            return False
        if status is None:
            try:
                status = Path(self._folder, name).lstat()
            except OSError:
                return False
        windows = getattr(status, "st_file_attributes", 0) & _WINDOWS_HIDDEN
        return bool(windows or getattr(status, "st_flags", 0) & _MACOS_HIDDEN)


def _names(home: str, root: str) -> set[str]:
    """The paths under which a folder may be met below a root, links in either aside."""
    real, real_root = os.path.realpath(home), os.path.realpath(root)
    names = {os.path.abspath(home), real}  # noqa: PTH100
    if is_under(real, real_root):
        names.add(moved(real, real_root, root))
    return names


def _compiled_defaults() -> tuple[tuple[str, PatternList], ...]:
    return tuple(
        (words, PatternList(patterns, ignore_case=IGNORES_CASE))
        for words, patterns in DEFAULT_EXCLUDES
    )


def _persons(patterns: Sequence[str]) -> PatternList:
    try:
        return PatternList(patterns, ignore_case=IGNORES_CASE, strict=True)
    except BadPattern as error:
        raise UserError(
            f"{str(error)!r} is not a pattern that can be used.",
            "Write patterns as in a .gitignore file, such as *.iso or drafts/.",
        ) from error


def _relative(folder: str, above: str) -> str:
    """What to put before a name in `folder` to have its path from `above`, parts joined by /."""
    inner = folder[len(above) :].strip(os.sep).replace(os.sep, "/")
    return f"{inner}/" if inner else ""


def _in_cloud(status: os.stat_result) -> bool:
    if not HAS_MARKS:
        return False
    windows = getattr(status, "st_file_attributes", 0) & _WINDOWS_CLOUD
    return bool(windows or getattr(status, "st_flags", 0) & _MACOS_DATALESS)
