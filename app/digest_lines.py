"""What the commands print of a digest: lines for people, JSON for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from app.texts import shown
from core.messages import DigestDone, DigestEntry, DigestProgress, Locator, Quoted

_SIGNS = {"changed": "~", "moved": ">", "added": "+", "removed": "-"}


def digest_progress_line(progress: DigestProgress) -> str:
    """How far it is."""
    total = progress.chars_total
    share = f" {100 * progress.chars_done // max(1, total)} %" if total else ""
    return f"{progress.phase}{share}, {progress.chars_done} characters"


def digest_body(done: DigestDone) -> dict[str, Any]:
    """The whole result for scripts."""
    body: dict[str, Any] = msgspec.to_builtins(done)
    for name in ("type", "id"):
        body.pop(name)
    return body


def digest_lines(done: DigestDone, marked: bool) -> Iterator[str]:
    """The entries, each with its place."""
    if not done.entries:
        yield {
            "summarize": "There is no sentence in it that a summary could have.",
            "dates": "It names no date.",
            "changes": "Nothing changed.",
            "find": "The language model found no sentence about that.",
        }[done.task]
    for entry in done.entries:
        yield from _lines(entry, marked)
    if done.more:
        yield f"{done.more} more have no room here."
    if done.dropped:
        yield f"{done.dropped} entries were left out: the file does not have their words any more."
    if not done.kept and done.task != "changes":
        yield "There is no room to keep this; next time it is read again."


def _lines(entry: DigestEntry, marked: bool) -> Iterator[str]:
    if entry.kind in _SIGNS:
        sign = _SIGNS[entry.kind]
        if entry.kind == "changed" and entry.old is not None and entry.new is not None:
            yield f"- {_quote(entry.old, marked)}"
            yield f"+ {_quote(entry.new, marked)}"
        elif (quoted := entry.new or entry.old) is not None:
            yield f"{sign} {_quote(quoted, marked)}"
    elif entry.new is not None:
        date = f"{entry.date}{' ?' if entry.unsure else ''}  " if entry.date else ""
        yield f"{date}{_quote(entry.new, marked)}"


def _quote(quoted: Quoted, marked: bool) -> str:
    """The words on one line, what differs or is a date between marks, and where they stand."""
    parts: list[str] = []
    at = 0
    for start, end in quoted.marks if marked else ():
        parts += [
            shown(quoted.text[at:start]),
            f"\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}{shown(quoted.text[start:end])}",
        ]
        parts.append("\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}")
        at = end
    parts.append(shown(quoted.text[at:]))
    where = _where(quoted.locator)
    return " ".join("".join(parts).split()) + (f"  ({where})" if where else "")


def _where(locator: Locator) -> str:
    parts = [
        f"{name} {value}"
        for name, value in (("page", locator.page), ("line", locator.line))
        if value is not None
    ]
    return ", ".join([*parts, *([shown(locator.member)] if locator.member else [])])


def digest_as_answer(done: DigestDone) -> dict[str, Any]:
    """A digest in the form of an answer, each entry a line with its citation, for scripts that
    asked a question; the whole of it is beside them.
    """
    lines: list[str] = []
    citations: list[dict[str, Any]] = []
    for number, entry in enumerate(done.entries, start=1):
        quoted = entry.new or entry.old
        if quoted is None:
            continue
        told = [
            _SIGNS.get(entry.kind, ""),
            entry.date,
            " ".join(quoted.text.split()),
            f"[{number}]",
        ]
        lines.append(" ".join(filter(None, told)))
        place = msgspec.to_builtins(quoted.locator)
        citations.append({"n": number, "path": quoted.path, "locator": place, "quote": quoted.text})
    return {
        "answer": "\n".join(lines) or "\n".join(digest_lines(done, marked=False)),
        "found": bool(lines),
        "citations": citations,
        "timings_ms": {"total": round(1000 * done.seconds, 1)},
        "tokens": {"prompt": 0, "answer": 0},
        "digest": digest_body(done),
    }
