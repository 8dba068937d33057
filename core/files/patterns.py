"""Patterns in gitignore syntax, with git's own meaning of every detail.

The reference is git's dir.c and wildmatch.c; a test compares generated trees
with `git check-ignore`. A pattern speaks of one path at a time, as git's does:
what lies below an excluded folder is out because the folder is not entered.
One difference: `?` and `[...]` match a character where git matches a byte.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SPECIAL = re.compile(r"[*?\[\\]")
_CLASSES = {
    "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \\t", "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~",
    "punct": "!-/:-@\\[-`{-~", "space": " \\t-\\r", "upper": "A-Z", "xdigit": "0-9A-Fa-f",
}  # fmt: skip


class BadPattern(ValueError):
    """A pattern that can never match anything."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line of an ignore file. `regex` is for the name alone, or for the whole path."""

    text: str
    line: int
    negated: bool
    only_folders: bool
    whole_path: bool
    regex: re.Pattern[str]


class PatternList:
    """The patterns of one file, for paths relative to its folder, parts joined by `/`."""

    def __init__(self, lines: Sequence[str], *, ignore_case: bool, strict: bool = False) -> None:
        """Patterns that can never match are passed over, or raise BadPattern when `strict`."""
        self._fold = str.lower if ignore_case else str
        self.patterns: list[Pattern] = []
        for number, line in enumerate(lines, start=1):
            try:
                pattern = parse_pattern(line, number, ignore_case=ignore_case)
            except BadPattern:
                if strict:
                    raise
                continue
            if pattern is not None:
                self.patterns.append(pattern)
        self._plain: frozenset[str] = frozenset()
        self._endings: tuple[str, ...] = ()
        self._rest: re.Pattern[str] | None = None
        self._paths: re.Pattern[str] | None = None
        self._prepare()

    def _prepare(self) -> None:
        """Quick ways to tell for nearly all paths at once that no pattern matches."""
        plain, endings, rest, paths = [], [], [], []
        for pattern in self.patterns:
            text = _body(pattern.text)
            if pattern.whole_path:
                paths.append(pattern.regex.pattern)
            elif not _SPECIAL.search(text):
                plain.append(self._fold(text))
            elif text[0] == "*" and not _SPECIAL.search(text[1:]):
                endings.append(self._fold(text[1:]))
            else:
                rest.append(pattern.regex.pattern)
        self._plain = frozenset(plain)
        self._endings = tuple(endings)
        self._rest = self._union(rest)
        self._paths = self._union(paths)

    def _union(self, sources: Sequence[str]) -> re.Pattern[str] | None:
        if not sources:
            return None
        flags = re.DOTALL | (re.IGNORECASE if self._fold is str.lower else 0)
        return re.compile("|".join(f"(?:{source})" for source in sources), flags)

    def __len__(self) -> int:
        return len(self.patterns)

    def may_match(self, path: str, name: str) -> bool:
        """Whether any pattern matches, negated or for folders only; quicker than `decide`."""
        folded = self._fold(name)
        return (
            folded in self._plain
            or folded.endswith(self._endings)
            or (self._rest is not None and self._rest.fullmatch(name) is not None)
            or (self._paths is not None and self._paths.fullmatch(path) is not None)
        )

    def decide(self, path: str, name: str, *, is_folder: bool) -> Pattern | None:
        """The last pattern that matches, which is the one that counts; None without any."""
        if not self.may_match(path, name):
            return None
        for pattern in reversed(self.patterns):
            if pattern.only_folders and not is_folder:
                continue
            if pattern.regex.fullmatch(path if pattern.whole_path else name):
                return pattern
        return None


def parse_pattern(line: str, number: int, *, ignore_case: bool) -> Pattern | None:
    """One line as a pattern; None for an empty line or a comment. Raises BadPattern."""
    text = _trimmed(line.removesuffix("\r"))
    if not text or text.startswith("#"):
        return None
    body = text.removeprefix("!")
    only_folders = body.endswith("/")
    body = body.removesuffix("/")
    if not body:
        raise BadPattern(line)
    whole_path = "/" in body
    source = _path_source(body.removeprefix("/")) if whole_path else _name_source(body)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return Pattern(
        text, number, text.startswith("!"), only_folders, whole_path, re.compile(source, flags)
    )


def _body(text: str) -> str:
    return text.removeprefix("!").removesuffix("/")


def _trimmed(line: str) -> str:
    """The line without its trailing spaces, but those that a backslash protects."""
    end = at = 0
    while at < len(line):
        if line[at] == "\\":
            at += 1
            end = at + 1
        elif line[at] != " ":
            end = at + 1
        at += 1
    return line[:end]


# --- from wildcards to regular expressions ---------------------------------------------------
#
# A wildcard that another one follows takes the nearest place where the text between them
# fits and keeps it (an atomic group): that is always right, and it bounds the time.

_STAR = "*"  # any characters of one name
_ANY_FOLDERS = "**/"  # any folders, none too
_ANYTHING = "**"  # any characters, slashes too


def _name_source(body: str) -> str:
    return _join(_tokens(body, whole_path=False), ".")


def _path_source(body: str) -> str:
    """Like wildmatch with WM_PATHNAME: only `**` between slashes crosses them."""
    groups: list[tuple[str, list[tuple[str, bool]]]] = [("", [])]
    for token in _tokens(body, whole_path=True):
        if token[0] in (_ANY_FOLDERS, _ANYTHING) and not token[1]:
            groups.append((token[0], []))
        else:
            groups[-1][1].append(token)
    source = _join(groups[0][1], "[^/]")
    for number, (wildcard, tokens) in enumerate(groups[1:], start=1):
        rest = _join(tokens, "[^/]")
        last = number == len(groups) - 1
        if wildcard == _ANY_FOLDERS:
            source += f"(?:.*/)?{rest}" if last else f"(?>(?:.*?/)??{rest})"
        else:
            source += f".*{rest}" if last else f"(?>.*?{rest})"
    return source


def _tokens(body: str, *, whole_path: bool) -> list[tuple[str, bool]]:
    """Wildcards (with False) and regular expressions of what stands between them (with True)."""
    special = _SPECIAL.search(body)
    # git compares the plain beginning apart, so that what follows it counts as a beginning too.
    beginning = special.start() if special else len(body)
    found: list[tuple[str, bool]] = []
    at = 0
    while at < len(body):
        char = body[at]
        if char == "*":
            end = len(body) - len(body[at:].lstrip("*"))
            opens = end - at > 1 and (at == beginning or body[at - 1] == "/")
            if whole_path and opens and body[end : end + 1] == "/":
                found.append((_ANY_FOLDERS, False))
                end += 1
            elif whole_path and opens and (end == len(body) or body.startswith("\\/", end)):
                found.append((_ANYTHING, False))
            else:
                found.append((_STAR, False))
            at = end
        elif char == "?":
            found.append(("[^/]" if whole_path else ".", True))
            at += 1
        elif char == "[":
            source, at = _char_class(body, at)
            found.append(("(?!/)" + source if whole_path else source, True))
        else:
            literal, at = _one(body, at)
            found.append((re.escape(literal), True))
    return found


def _join(tokens: Sequence[tuple[str, bool]], any_char: str) -> str:
    """One expression; every star but the last is atomic together with what follows it."""
    pieces = [""]
    for text, plain in tokens:
        if plain:
            pieces[-1] += text
        else:
            pieces.append("")
    source = pieces[0]
    for number, fixed in enumerate(pieces[1:], start=1):
        if number == len(pieces) - 1:
            source += f"{any_char}*{fixed}"
        else:
            source += f"(?>{any_char}*?{fixed})"
    return source


def _char_class(body: str, at: int) -> tuple[str, int]:
    """The class that begins at `[`, and where the text after it begins. Raises BadPattern."""
    at += 1
    negated = body[at : at + 1] in ("!", "^")
    at += negated
    parts: list[str] = []
    previous = ""
    first = True
    while first or body[at : at + 1] != "]":
        first = False
        char = body[at : at + 1]
        if char == "[" and body[at + 1 : at + 2] == ":":
            end = body.find("]", at + 2)
            if end < 0:
                raise BadPattern(body)
            if end > at + 2 and body[end - 1] == ":":
                name = body[at + 2 : end - 1]
                if name not in _CLASSES:
                    raise BadPattern(body)
                parts.append(_CLASSES[name])
                at, previous = end + 1, ""
                continue
        if char == "-" and previous and body[at + 1 : at + 2] not in ("", "]"):
            high, at = _one(body, at + 1)
            if previous <= high:
                parts.append(f"{re.escape(previous)}-{re.escape(high)}")
            previous = ""
            continue
        char, at = _one(body, at)
        parts.append(re.escape(char))
        previous = char
    return f"[{'^' if negated else ''}{''.join(parts)}]", at + 1


def _one(body: str, at: int) -> tuple[str, int]:
    """A character that a backslash may protect, and where the next one is."""
    if body[at : at + 1] == "\\":
        at += 1
    if at >= len(body):
        raise BadPattern(body)
    return body[at], at + 1
