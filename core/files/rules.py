"""Which files of a folder are indexed, and by which rule not."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pathspec
from pathspec.patterns.gitignore import GitIgnorePatternError

from core.errors import UserError

IGNORE_FILES = (".gitignore", ".satchelignore")
_MAX_IGNORE_BYTES = 1_000_000

# In gitignore syntax, each group with the words `folders check` gives for it.
DEFAULT_EXCLUDES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "version control and tool data",
        (".git/", ".hg/", ".svn/", ".bzr/", "_darcs/", "CVS/", ".idea/", ".vscode/"),
    ),
    (
        "caches and installed packages",
        (
            "node_modules/", "bower_components/", "__pycache__/", "site-packages/", ".venv/",
            "venv/", ".tox/", ".nox/", ".mypy_cache/", ".ruff_cache/", ".pytest_cache/", ".cache/",
            "Caches/", ".npm/", ".cargo/", ".gradle/", ".m2/", ".Trash/", "$RECYCLE.BIN/",
            "System Volume Information/", ".Trash-*/", "lost+found/",
        ),
    ),
    ("build output", ("target/debug/", "target/release/", "*.egg-info/", "cmake-build-*/", ".next/",
                      "*.min.js", "*.min.css", "*.map")),
    (
        "keys, passwords and wallets",
        (
            ".ssh/", ".gnupg/", ".aws/", ".kube/", ".docker/", ".password-store/", "keyrings/",
            "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.p12", "*.pfx",
            "*.jks", "*.keystore", "*.kdb", "*.kdbx", "*.gpg", "*.pgp", "*.asc", "*.ovpn",
            ".env", ".env.*", ".netrc", ".pgpass", "wallet.dat", "*.wallet", "*.keychain*",
            "*.agilekeychain/", "*.1pif", "logins.json", "key4.db", "credentials.json",
        ),
    ),
    ("temporary files", ("~$*", "*~", "*.tmp", "*.temp", "*.swp", "*.swo", "*.part", "*.partial",
                         "*.crdownload", "*.lock", ".~lock.*", "Thumbs.db", "desktop.ini")),
    ("hidden", (".*",)),
)  # fmt: skip

# What the file system says about files whose contents are kept in a cloud.
_WINDOWS_CLOUD = 0x1000 | 0x40000 | 0x400000  # OFFLINE, RECALL_ON_OPEN, RECALL_ON_DATA_ACCESS
_MACOS_DATALESS = 0x40000000  # SF_DATALESS


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a path is indexed, and the rule that decided, in words."""

    indexed: bool
    rule: str


_YES = Verdict(True, "in a watched folder, and no rule leaves it out")


class Rules:
    """The rules of one watched folder.

    `root` is an absolute path, `excludes` are the person's own patterns in
    gitignore syntax, `own_home` are the folders of Satchel's own data, never indexed.
    `.gitignore` and `.satchelignore` files count for the folder they are in and
    below; they are read once a Rules object, so a new scan makes a new one.
    The person's own patterns come last and may bring back (`!pattern`) what
    the others leave out. Raises UserError for a pattern that cannot be read.
    """

    def __init__(
        self,
        root: str,
        excludes: Sequence[str] = (),
        *,
        own_home: Sequence[str] = (),
        max_file_bytes: int = 200_000_000,
        use_defaults: bool = True,
    ) -> None:
        self.root = os.path.abspath(root)  # noqa: PTH100 - keeps links as they are
        self._own_home = tuple(os.path.abspath(folder) for folder in own_home)  # noqa: PTH100
        self._max_file_bytes = max_file_bytes
        self._own = _spec(excludes, strict=True)
        self._defaults = tuple(
            (words, _spec(patterns, strict=True))
            for words, patterns in (DEFAULT_EXCLUDES if use_defaults else ())
        )
        # One expression tells for nearly all names at once that no built-in rule is met.
        self._any_default = _union([spec for _, spec in self._defaults])
        # Bounded and owned by this object; a scan asks for one folder many times in a row.
        self._ignores = lru_cache(maxsize=4_096)(self._ignores_above)

    def verdict(self, path: str, status: os.stat_result | None = None) -> Verdict:
        """Whether the file at `path` is indexed. Looks at it only when no `status` is given.

        Works for paths that do not exist (as far as names can tell).
        """
        path = os.path.abspath(path)  # noqa: PTH100
        if not _is_under(path, self.root):
            return Verdict(False, f"not inside the watched folder {self.root}")
        above = self._above_verdict(path)
        if not above.indexed or path == self.root:
            return above
        if status is None:
            try:
                status = Path(path).lstat()
            except OSError:
                return self._by_name(path, is_dir=False) or Verdict(False, "there is no such file")
            if stat.S_ISDIR(status.st_mode):
                return self.directory_verdict(path)
        return self.file_verdict(path, status)

    def _above_verdict(self, path: str) -> Verdict:
        """Whether the directories that a path is in are all entered."""
        for folder in [self.root, *reversed(self._folders_above(path)[:-1])]:
            inner = self.directory_verdict(folder)
            if not inner.indexed:
                return inner
            if folder != self.root and Path(folder).is_symlink():
                return Verdict(False, f"under a link, which is not followed: {folder}")
        return _YES

    def directory_verdict(self, path: str) -> Verdict:
        """Whether a directory is entered, given that those above it are."""
        if any(_is_under(path, folder) for folder in self._own_home):
            return Verdict(False, "Satchel's own data")
        if path == self.root:
            return _YES
        return self._by_name(path, is_dir=True) or _YES

    def file_verdict(self, path: str, status: os.stat_result) -> Verdict:
        """Whether a file is indexed, given that the directories above it are entered.

        `status` is the file's own, links not followed.
        """
        if not stat.S_ISREG(status.st_mode):
            what = "a link, which is not followed" if stat.S_ISLNK(status.st_mode) else "no file"
            return Verdict(False, what)
        by_name = self._by_name(path, is_dir=False)
        if by_name:
            return by_name
        if _in_cloud(status):
            return Verdict(False, "kept in the cloud, not on this machine")
        if status.st_size > self._max_file_bytes:
            return Verdict(False, f"larger than {self._max_file_bytes // 1_000_000} MB")
        return _YES

    def _by_name(self, path: str, *, is_dir: bool) -> Verdict | None:
        """What the patterns say; None when none of them leaves the path out."""
        slash = "/" if is_dir else ""
        inside = _relative(path, self.root) + slash
        if len(self._own):
            own = self._own.check_file(inside)
            if own.include is not None:
                if not own.include:
                    return None
                return Verdict(False, f"your pattern {_pattern(self._own, own.index)}")
        for folder, name, spec in self._ignores(os.path.dirname(path)):  # noqa: PTH120
            found = spec.check_file(_relative(path, folder) + slash)
            if found.include:
                return Verdict(False, f"pattern {_pattern(spec, found.index)} in {name}")
            if found.include is False:
                return self._by_default(inside, only_secret=True)
        return self._by_default(inside)

    def _by_default(self, inside: str, *, only_secret: bool = False) -> Verdict | None:
        """The built-in rules. An ignore file may lift them, but not those about keys."""
        if not self._any_default.match(inside):
            return None
        for words, spec in self._defaults:
            if only_secret and not words.startswith("keys"):
                continue
            found = spec.check_file(inside)
            if found.include:
                rule = words if words == "hidden" else f"{words} ({_pattern(spec, found.index)})"
                return Verdict(False, rule)
        return None

    def _folders_above(self, path: str) -> list[str]:
        """Folders from the one the path is in up to the root: the nearest decides."""
        folder = os.path.dirname(path)  # noqa: PTH120
        found = []
        while _is_under(folder, self.root):
            found.append(folder)
            above = os.path.dirname(folder)  # noqa: PTH120
            if above == folder:
                break
            folder = above
        return found

    def _ignores_above(self, folder: str) -> tuple[tuple[str, str, pathspec.GitIgnoreSpec], ...]:
        """Folder, name and patterns of each ignore file that counts in a folder, nearest first."""
        own = tuple((folder, name, spec) for name, spec in self._read_ignores(folder))
        if folder == self.root or not _is_under(folder, self.root):
            return own
        return own + self._ignores(os.path.dirname(folder))  # noqa: PTH120

    @staticmethod
    def _read_ignores(folder: str) -> tuple[tuple[str, pathspec.GitIgnoreSpec], ...]:
        found = []
        for name in reversed(IGNORE_FILES):  # Satchel's own goes first
            path = Path(folder, name)
            try:
                status = path.lstat()
                if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_IGNORE_BYTES:
                    continue
                lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
            except OSError:
                continue
            spec = _spec(lines, strict=False)
            if len(spec):
                found.append((str(path), spec))
        return tuple(found)


def _spec(patterns: Sequence[str], *, strict: bool) -> pathspec.GitIgnoreSpec:
    """Compiled patterns. A bad one raises UserError, or is passed over as git does."""
    good = []
    for pattern in patterns:
        try:
            pathspec.GitIgnoreSpec.from_lines([pattern])
            good.append(pattern)
        except (GitIgnorePatternError, ValueError) as error:
            if strict:
                raise UserError(
                    f"{pattern!r} is not a pattern that can be used.",
                    "Write patterns as in a .gitignore file, such as *.iso or drafts/.",
                ) from error
    return pathspec.GitIgnoreSpec.from_lines(good)


def _union(specs: Sequence[pathspec.GitIgnoreSpec]) -> re.Pattern[str]:
    """Matches every path that one of the patterns matches; there are no negated ones among them."""
    sources = [
        re.sub(r"\?P<\w+>", "?:", pattern.regex.pattern)
        for spec in specs
        for pattern in spec.patterns
        if isinstance(pattern, pathspec.RegexPattern) and pattern.regex is not None
    ]
    return re.compile("|".join(f"(?:{source})" for source in sources) or r"(?!)")


def _pattern(spec: pathspec.GitIgnoreSpec, index: int | None) -> str:
    """The text of the pattern that decided."""
    if index is None:
        return ""
    return str(getattr(spec.patterns[index], "pattern", "") or "")


def _relative(path: str, folder: str) -> str:
    return path[len(folder) :].lstrip(os.sep).replace(os.sep, "/")


def _is_under(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _in_cloud(status: os.stat_result) -> bool:
    windows = getattr(status, "st_file_attributes", 0) & _WINDOWS_CLOUD
    return bool(windows or getattr(status, "st_flags", 0) & _MACOS_DATALESS)
