"""What is the person's own, as lines for people: memories, tags and recent searches."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any


def memories_lines(body: Any) -> Iterator[str]:
    """What is remembered of the person, with the numbers that change it."""
    if not body["memories"]:
        yield "Nothing is remembered. Add something with: satchel memories add TEXT"
    for memory in body["memories"]:
        yield f"{memory['id']:>3}  {memory['text']}  ({memory['kind']})"


def tags_lines(body: Any, name: str | None) -> Iterator[str]:
    """The tags with how many files have them, or the files of one."""
    if not body["tags"]:
        yield "No file is tagged. Tag one with: satchel tag add NAME PATH"
    wanted = None if name is None else " ".join(name.casefold().split())
    for tag in body["tags"]:
        if wanted is None:
            yield f"{tag['name']}  ({_files(tag['files'])})"
        elif tag["name"] == wanted:
            yield from tag["paths"]
    if wanted is not None and body["tags"] and all(t["name"] != wanted for t in body["tags"]):
        yield f"No file is tagged {wanted}."


def proposals_lines(body: Any) -> Iterator[str]:
    """Files that may want a tag, and how to give it to them."""
    if not body["proposals"]:
        yield f"No other file is like those tagged {body['tag']}."
    for one in body["proposals"]:
        yield f"{one['path']}  (like {one['cosine']:.2f})"
    if body["proposals"]:
        yield f"Tag them with: satchel tag add {shlex.quote(body['tag'])} PATH..."


def recent_lines(body: Any) -> Iterator[str]:
    """The searches that are kept, or that none are."""
    if not body["searches"]:
        yield "No search is kept." if body["kept"] else "Searches are not kept, as you chose."
    yield from body["searches"]


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
