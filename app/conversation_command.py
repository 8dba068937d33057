"""`satchel conversations`, and where `satchel ask` looks."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any

from app.local import Caller
from app.output import Output
from app.requested import report
from core.errors import UserError
from core.files.folders import absolute
from core.messages import (
    ConversationDelete,
    ConversationExport,
    ConversationGet,
    ConversationRename,
    ConversationsList,
    Message,
    Scope,
)


def scope_of(options: argparse.Namespace) -> Scope:
    """What `--folder` and `--file` name, seen from where the command runs."""
    folder = None if options.folder is None else absolute(options.folder)
    return Scope(folder, tuple(map(absolute, options.files)))


def conversations(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel conversations list|search|show|rename|export|delete`."""
    body: Any = report(caller, _request(caller.next_id(), options))
    if options.action == "delete" and not body["deleted"]:
        raise UserError(
            f"There is no conversation {options.conversation}.",
            "See them with `satchel conversations list`.",
        )
    output.lines(body, _lines(body, options))
    return 0


def _request(number: int, options: argparse.Namespace) -> Message:
    if options.action in ("list", "search"):
        return ConversationsList(number, getattr(options, "query", ""))
    if not 0 <= options.conversation < 2**63:
        raise UserError("There is no such conversation.", "See `satchel conversations list`.")
    kept = options.conversation
    if options.action == "rename":
        return ConversationRename(number, kept, options.title)
    if options.action == "export":
        path = None if options.path is None else absolute(options.path)
        return ConversationExport(number, kept, path, options.replace)
    return (ConversationGet if options.action == "show" else ConversationDelete)(number, kept)


def _lines(body: Any, options: argparse.Namespace) -> Iterator[str]:
    """What came of it, for people."""
    if options.action in ("list", "search"):
        if not body["conversations"]:
            yield "None was found." if options.action == "search" else "Nothing was asked yet."
        for one in body["conversations"]:
            day = time.strftime("%Y-%m-%d", time.localtime(one["changed_at"]))
            yield f"{one['id']:>4}  {day}  {one['title']}  ({_turns(one['turns'])})"
    elif options.action == "show":
        for turn in body["turns"]:
            yield f"> {turn['question']}"
            yield from ("", turn["answer"], "")
            for source in turn["citations"]:
                yield f"  [{source['n']}] {source['path']}"
            others = len(turn["versions"]) - 1
            if others:
                yield f"  (and {_versions(others)}, kept with it)"
            yield ""
    elif options.action == "rename":
        yield f"Its title is now: {body['title']}"
    elif options.action == "export" and "markdown" in body:
        yield body["markdown"].rstrip("\n")
    elif options.action == "export":
        yield f"Written to {body['path']} ({_turns(body['turns'])})."
    else:
        yield "It is removed for good, with its answers."


def _turns(count: int) -> str:
    return "1 question" if count == 1 else f"{count} questions"


def _versions(count: int) -> str:
    return "another version" if count == 1 else f"{count} other versions"
