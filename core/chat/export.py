"""A conversation as Markdown, for keeping or passing on. Pure."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_TICKS = re.compile(r"`+")
_MARKS = re.compile(r"([\\`*_\[\]<>#|~])")


def markdown(
    title: str, branch: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The turns of a branch as History.show gives them, then those of other branches.

    Questions, file names and quotes are text and stand as text; an answer stands as it was made.
    """
    lines = [f"# {plain(title) or 'Conversation'}", ""]
    for turn in branch:
        lines += _turn(turn)
    if others:
        lines += ["---", "", "# Other versions", ""]
        for turn in others:
            lines += _turn(turn)
    return "\n".join(lines).rstrip() + "\n"


def plain(text: str) -> str:
    """A text on one line, of which Markdown makes nothing else."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


def _turn(turn: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {plain(str(turn['question']))}"
    yield ""
    asked = time.strftime("%Y-%m-%d %H:%M", time.localtime(float(turn["asked_at"])))
    where = turn.get("scope") or {}
    places = [*filter(None, [where.get("folder")]), *where.get("files", ())]
    yield f"*{asked}{'; asked of ' + ', '.join(map(_code, places)) if places else ''}*"
    yield ""
    if turn.get("stopped") == "cancelled":
        yield "*This answer was stopped; it is unfinished and was not checked.*"
        yield ""
    yield _shown(str(turn["answer"])).rstrip()
    yield ""
    if turn["citations"]:
        yield "**Sources**"
        yield ""
        for source in turn["citations"]:
            yield f"- [{source['n']}] {_code(source['path'])}{_place(source['locator'])}: "
            yield f"  > {plain(source['quote'])}"
        yield ""


def _shown(answer: str) -> str:
    """An answer as text that may be written: no half of a character, every fence closed."""
    text = answer.encode("utf-8", "replace").decode()
    fences = re.findall(r"^\s{0,3}(```+|~~~+)", text, re.MULTILINE)
    return f"{text.rstrip()}\n{fences[-1]}" if len(fences) % 2 else text


def _place(locator: Mapping[str, Any]) -> str:
    told = [
        f"{name} {plain(str(locator[name]))}"
        for name in ("member", "page", "line", "heading")
        if locator.get(name) not in (None, "")
    ]
    return f", {', '.join(told)}" if told else ""


def _code(path: str) -> str:
    """A path between as many backquotes as it takes; bytes that are no text become marks."""
    flat = " ".join(path.encode("utf-8", "replace").decode().split())
    longest = max((len(run) for run in _TICKS.findall(flat)), default=0)
    ticks = "`" * (longest + 1)
    return f"{ticks} {flat} {ticks}" if longest else f"`{flat}`"
