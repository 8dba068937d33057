"""The little Markdown that answers are written in, as blocks to draw. Pure.

Links, pictures and HTML are no part of it: they stay the text that they are, so that nothing of an
answer can be followed, fetched or run. Every piece of text knows where it stands in the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["text", "heading", "item", "quote", "rule", "code", "table"]
Side = Literal["left", "center", "right"]

DEEPEST = 6  # of emphasis in emphasis
MOST_COLUMNS = 24
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})\s*([^`\n]*)$")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+")
_ITEM = re.compile(r"([ \t]*)([-*+\u2022]|\d{1,4}[.)])[ \t]+(?=\S)")
_QUOTE = re.compile(r" {0,3}>[ ]?")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
_UNDER_HEAD = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_CELL_END = re.compile(r"(?<!\\)\|")
_SPECIAL = re.compile(r"\\[!-/:-@\[-`{-~]|`+|\*\*|\*|__|_")


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of an answer in one style: exactly its characters from `start` on."""

    text: str
    start: int
    bold: bool = False
    italic: bool = False
    code: bool = False


Cell = tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One block of an answer, from its character `start` to `end`.

    `level` is a heading's, or how deep an item is; `marker` stands before an item. A code block
    has its text in `code` and is `open` until its fence is closed. A table's first row is its head.
    """

    kind: Kind
    start: int
    end: int
    runs: Cell = ()
    level: int = 0
    marker: str = ""
    code: str = ""
    language: str = ""
    open: bool = False
    rows: tuple[tuple[Cell, ...], ...] = ()
    sides: tuple[Side, ...] = field(default=())


def blocks(text: str, at: int = 0) -> list[Block]:
    """The blocks of an answer from `at` on, where one has to begin.

    All but the last of them stay as they are, whatever is written after them.
    """
    lines = list(_lines(text, at))
    found: list[Block] = []
    number = 0
    while number < len(lines):
        number = _take(text, lines, number, found)
    return found


_Line = tuple[int, int]  # without its line feed


def _lines(text: str, at: int) -> Iterator[_Line]:
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        yield at, end
        at = end + 1


def _take(text: str, lines: Sequence[_Line], number: int, found: list[Block]) -> int:
    """Add the block that begins at a line, if one does; the number of the line after it."""
    start, end = lines[number]
    line = text[start:end]
    if not line.strip():
        return number + 1
    if fence := _FENCE.match(line):
        return _take_code(text, lines, number, fence, found)
    if _is_table(text, lines, number):
        return _take_table(text, lines, number, found)
    if _RULE.match(line):
        found.append(Block("rule", start, end))
    elif heading := _HEADING.match(line):
        cut = start + heading.end()
        found.append(Block("heading", start, end, _runs(text, cut, end), len(heading.group(1))))
    elif item := _ITEM.match(line):
        deep = len(item.group(1).expandtabs(4)) // 2
        last = _until_new(text, lines, number)
        mark = item.group(2) if item.group(2)[0].isdigit() else "\u2022"
        runs = _runs(text, start + item.end(), lines[last][1])
        found.append(Block("item", start, lines[last][1], runs, min(deep, 6), mark))
        return last + 1
    elif quote := _QUOTE.match(line):
        found.append(Block("quote", start, end, _runs(text, start + quote.end(), end)))
    else:
        last = _until_new(text, lines, number)
        found.append(Block("text", start, lines[last][1], _runs(text, start, lines[last][1])))
        return last + 1
    return number + 1


def _until_new(text: str, lines: Sequence[_Line], number: int) -> int:
    """The last line of a paragraph or an item that begins at a line."""
    while number + 1 < len(lines):
        line = text[slice(*lines[number + 1])]
        begins = (_FENCE, _HEADING, _ITEM, _QUOTE, _RULE)
        if not line.strip() or any(one.match(line) for one in begins):
            break
        if _is_table(text, lines, number + 1):
            break
        number += 1
    return number


def _take_code(
    text: str, lines: Sequence[_Line], number: int, fence: re.Match[str], found: list[Block]
) -> int:
    mark, start = fence.group(1), lines[number][0]
    closing = re.compile(rf" {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}\s*$")
    last = number + 1
    while last < len(lines) and not closing.match(text[slice(*lines[last])]):
        last += 1
    closed = last < len(lines)
    inside = lines[number + 1 : last]
    code = "\n".join(text[a:b] for a, b in inside)
    end = lines[last][1] if closed else len(text)
    language = fence.group(2).split()[0] if fence.group(2).strip() else ""
    found.append(Block("code", start, end, code=code, language=language[:24], open=not closed))
    return last + 1


# --- tables -------------------------------------------------------------------------------


def _is_table(text: str, lines: Sequence[_Line], number: int) -> bool:
    if number + 1 >= len(lines):
        return False
    head, under = (text[slice(*line)] for line in lines[number : number + 2])
    if "|" not in head or "-" not in under or not _UNDER_HEAD.match(under):
        return False
    columns = len(_cells(head, 0))
    return columns == len(_cells(under, 0)) <= MOST_COLUMNS


def _take_table(text: str, lines: Sequence[_Line], number: int, found: list[Block]) -> int:
    last = number + 1
    while last + 1 < len(lines) and "|" in text[slice(*lines[last + 1])]:
        last += 1
    under = _cells(text[slice(*lines[number + 1])], lines[number + 1][0])
    sides = tuple(_side(text[a:b].strip()) for a, b in under)
    rows = []
    for row in (number, *range(number + 2, last + 1)):
        start, end = lines[row]
        cells = [_runs(text, a, b) for a, b in _cells(text[start:end], start)][: len(sides)]
        rows.append(tuple(cells + [()] * (len(sides) - len(cells))))
    found.append(Block("table", lines[number][0], lines[last][1], rows=tuple(rows), sides=sides))
    return last + 1


def _side(line: str) -> Side:
    if line.endswith(":"):
        return "center" if line.startswith(":") else "right"
    return "left"


def _cells(line: str, at: int) -> list[_Line]:
    """Where the cells of a row stand, without the space around them."""
    ends = [match.start() for match in _CELL_END.finditer(line)]
    places = list(zip([-1, *ends], [*ends, len(line)], strict=True))
    found = []
    for number, (before, end) in enumerate(places):
        cell = line[before + 1 : end]
        outside = number in (0, len(places) - 1) and not cell.strip()
        if not outside or len(places) == 1:
            start = at + before + 1 + len(cell) - len(cell.lstrip())
            found.append((start, max(start, at + before + 1 + len(cell.rstrip()))))
    return found


# --- inside a block -----------------------------------------------------------------------


def _runs(text: str, start: int, end: int) -> Cell:
    found: list[Run] = []
    _inside(text, start, end, (False, False), found, 0)
    return tuple(found)


def _inside(
    text: str, start: int, end: int, style: tuple[bool, bool], found: list[Run], depth: int
) -> None:
    """Add the runs of a range; a mark that nothing closes is text like any other."""
    bold, italic = style
    hopeless: set[str] = set()  # marks that nothing closes in the rest of the range

    def add(a: int, b: int, code: bool = False) -> None:
        if a < b:
            found.append(Run(text[a:b], a, bold, italic, code))

    at = plain = start
    while (match := _SPECIAL.search(text, at, end)) is not None:
        mark, here, at = match.group(), match.start(), match.end()
        if mark[0] == "\\":
            add(plain, here)
            plain = here + 1
            continue
        if mark in hopeless or depth >= DEEPEST:
            continue
        close = _code_end(text, mark, at, end) if mark[0] == "`" else None
        if mark[0] != "`" and _opens(text, mark, here, at, end):
            close = _closing(text, mark, at, end)
        elif mark[0] != "`":
            continue
        if close is None:
            hopeless.add(mark)
            continue
        add(plain, here)
        if mark[0] == "`":
            add(at, close, code=True)
        else:
            inner = (bold or len(mark) == 2, italic or len(mark) == 1)
            _inside(text, at, close, inner, found, depth + 1)
        at = plain = close + len(mark)
    add(plain, end)


def _code_end(text: str, ticks: str, at: int, end: int) -> int | None:
    for match in re.compile("`+").finditer(text, at, end):
        if match.group() == ticks:
            return match.start()
    return None


def _opens(text: str, mark: str, here: int, at: int, end: int) -> bool:
    """Whether a mark may begin emphasis: before a word, and not inside one."""
    before = text[here - 1] if here else " "
    return at < end and not text[at].isspace() and text[at] != mark[0] and not before.isalnum()


def _closing(text: str, mark: str, at: int, end: int) -> int | None:
    """Where emphasis ends: after a word, and not inside one."""
    while (close := text.find(mark, at, end)) >= 0:
        after = close + len(mark)
        ends = after >= end or not (text[after].isalnum() or text[after] == mark[0])
        alone = len(mark) == 2 or text[close - 1] != mark[0]
        if ends and alone and not text[close - 1].isspace() and text[close - 1] != "\\":
            return close
        at = close + 1
    return None
