"""What each command asks of the service, and how its exit code comes about."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from app.conversation_command import conversations, scope_of
from app.doctor_command import doctor
from app.local import Caller, Remote
from app.output import Output
from app.requested import replies as _replies
from app.requested import report as _report
from app.requested import table as _table
from core.errors import UserError
from core.files.folders import absolute
from core.messages import (
    LONGEST_PAUSE_S,
    AnswerDone,
    AnswerNote,
    AnswerSources,
    AnswerText,
    Ask,
    BudgetRequest,
    Digest,
    DigestDone,
    DigestInstead,
    DigestProgress,
    Failed,
    FoldersAdd,
    FoldersCheck,
    FoldersList,
    FoldersRemove,
    Forget,
    Index,
    IndexProgress,
    MemoriesRequest,
    Message,
    ModelProgress,
    ModelsRequest,
    Pause,
    Related,
    RemotePreview,
    RemoteSetup,
    Report,
    Retry,
    Search,
    SearchesRequest,
    SearchProgress,
    SearchResults,
    SettingsSet,
    StatusRequest,
    TagsRequest,
)

Command = Callable[[Caller, argparse.Namespace, Output], int]


def folders(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel folders add|remove|list|check`."""
    number = caller.next_id()
    if options.action == "check":
        output.check(_report(caller, FoldersCheck(number, options.path)))
        return 0
    if options.action == "add":
        request: Message = FoldersAdd(number, tuple(options.paths), tuple(options.exclude))
    elif options.action == "remove":
        request = FoldersRemove(number, tuple(options.paths))
    else:
        request = FoldersList(number)
    output.folders(_report(caller, request))
    return 0


def index(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel index [--watch] [--retry [PATH]] [--level NAME]`; the disk budget's limit is told
    on stderr.
    """
    if options.retry is not None:
        _report(caller, Retry(caller.next_id(), options.retry or None))
    request = Index(caller.next_id(), options.watch, options.level)
    for reply in _replies(caller, request):
        if isinstance(reply, IndexProgress):
            output.progress(reply)
        elif isinstance(reply, Report):
            output.index(reply.body)
            given_up = _table(reply.body).get("given_up")
            for told in given_up if isinstance(given_up, list) else []:
                output.error(UserError(str(told), ""))
            stopped = _table(reply.body).get("stopped")
            if stopped:
                output.error(UserError(str(stopped), ""))
    return 0


def _pause_s(options: argparse.Namespace) -> float | None:
    """How long a pause is to last, None for until it is taken back. Raises UserError."""
    minutes = getattr(options, "minutes", None)
    if minutes is None:
        return None
    if 60.0 * minutes > LONGEST_PAUSE_S:
        raise UserError(
            "A pause that ends by itself lasts a week at most.", "Leave --minutes out for longer."
        )
    return 60.0 * int(minutes)


def pause(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel pause` and `satchel resume`: for the Satchel that runs in the background."""
    paused = options.command == "pause"
    if not isinstance(caller, Remote):
        raise UserError(
            "No Satchel is running in the background for this home.",
            "There is nothing to pause." if paused else "Open it with `satchel`.",
        )
    list(_replies(caller, Pause(caller.next_id(), paused, _pause_s(options))))
    held = None
    if not paused:  # what the machine has no room for waits all the same
        index = _table(_table(_report(caller, StatusRequest(caller.next_id()))).get("index"))
        held = str(index["reason"]) if index.get("state") == "paused" else None
    output.paused(paused, held)
    return 0


def search(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel search`."""
    output.results(_search(caller, options, options.query, output.search_progress))
    return 0


def _search(
    caller: Caller,
    options: argparse.Namespace,
    query: str,
    on_progress: Callable[[SearchProgress], None] = lambda _: None,
) -> SearchResults:
    request = Search(
        id=caller.next_id(),
        query=query,
        k=options.k,
        folder=options.folder,
        file_types=tuple(part for part in (options.type or "").split(",") if part.strip(" .")),
        after_s=options.after,
        before_s=options.before,
        tag=options.tag,
        mode=options.mode,
        exact=options.exact,
    )
    for reply in _replies(caller, request):
        if isinstance(reply, SearchProgress):
            on_progress(reply)
        elif isinstance(reply, SearchResults) and reply.final:
            return reply
    raise UserError("The search gave no answer.", "Run it again.")


def batch(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel batch`: a JSON line for each line of the file."""
    try:
        data = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except OSError as error:
        raise UserError(
            f"{options.file} cannot be read: {error.strerror}.", "Check the path."
        ) from error
    # Not splitlines, which also breaks at form feeds and other marks inside a query.
    lines = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")
    for line in lines[:-1] if lines[-1] == "" else lines:
        if line.strip():
            output.result_line(_search(caller, options, line))
        else:
            empty = SearchResults(0, (), final=True, timings_ms={"total": 0.0})
            output.result_line(empty)
    return 0


def ask(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel ask`."""
    consent = "yes" if options.yes else ""
    while True:
        preview: RemotePreview | None = None
        request = Ask(
            caller.next_id(),
            options.question,
            options.model,
            None,
            options.remote,
            consent,
            options.fresh,
            scope=scope_of(options),
            pin=options.pin,
        )
        for reply in _replies(caller, request):
            if isinstance(reply, RemotePreview):
                preview = reply
            elif isinstance(reply, DigestInstead):
                _digest_instead(caller, reply, output)
            else:
                _show_answer(reply, output)
        if preview is None:
            return 0
        consent = _agreed(preview, output)


def _digest_instead(caller: Caller, instead: DigestInstead, output: Output) -> None:
    """Read the files whole, for a question that wants that."""
    output.digest_instead(instead)
    request = Digest(caller.next_id(), instead.task, instead.paths)
    for reply in _replies(caller, request):
        if isinstance(reply, DigestProgress):
            output.digest_progress(reply)
        elif isinstance(reply, DigestDone):
            output.digest_answer(reply)


def _show_answer(reply: Message, output: Output) -> None:
    if isinstance(reply, AnswerSources):
        output.sources(reply)
    elif isinstance(reply, AnswerText):
        output.answer_text(reply)
    elif isinstance(reply, AnswerNote):
        output.answer_note(reply)
    elif isinstance(reply, AnswerDone):
        output.answer(reply)


def _agreed(preview: RemotePreview, output: Output) -> str:
    """The consent to what is shown. Raises UserError when there is none."""
    output.remote_preview(preview)
    nothing = UserError(
        "Nothing was sent.", "Add --yes to send it unasked, or ask without --remote."
    )
    if not sys.stdin.isatty():
        raise nothing
    sys.stderr.write("Send this? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise nothing
    return preview.seal


def digest(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel digest summarize|dates|changes|find PATH [PATH]`."""
    paths = tuple(absolute(path) for path in options.paths)
    wanted = getattr(options, "wanted", "")
    request = Digest(caller.next_id(), options.action, paths, options.anew, wanted)
    for reply in _replies(caller, request):
        if isinstance(reply, DigestProgress):
            output.digest_progress(reply)
        elif isinstance(reply, DigestDone):
            output.digest(reply)
    return 0


def remote(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel remote show|set|check|off`."""
    changes: list[Message] = []
    if options.action == "off":
        changes = [
            SettingsSet(caller.next_id(), "remote.address", ""),
            SettingsSet(caller.next_id(), "remote.model", ""),
            RemoteSetup(caller.next_id(), "key"),
        ]
    elif options.action == "set":
        for key, value in (("remote.address", options.address), ("remote.model", options.model)):
            if value is not None:
                changes.append(SettingsSet(caller.next_id(), key, value))
        if options.key:
            changes.append(RemoteSetup(caller.next_id(), "key", _typed_key()))
        if not changes:
            raise UserError("There is nothing to set.", "Give an address, --model or --key.")
    for change in changes:
        _report(caller, change)
    action: Literal["show", "check"] = "check" if options.action == "check" else "show"
    output.remote(_report(caller, RemoteSetup(caller.next_id(), action)))
    return 0


def _typed_key() -> str:
    """A key, never as an argument, which other programs can see."""
    if sys.stdin.isatty():
        return getpass.getpass("Key: ")
    return sys.stdin.readline().strip()


def related(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel related PATH[#locator]`."""
    path, page, line, start = parse_place(options.place)
    request = Related(caller.next_id(), path, options.k, page, line, start)
    for reply in _replies(caller, request):
        if isinstance(reply, SearchResults):
            output.results(reply)
    return 0


def parse_place(place: str) -> tuple[str, int | None, int | None, int | None]:
    """Path, page, line and character of `PATH[#page=N|#line=N|#char=N]`. Raises UserError."""
    path, mark, fragment = place.rpartition("#")
    if not mark or os.path.exists(place):  # noqa: PTH110 - may be too long for a path
        return place, None, None, None
    name, _, value = fragment.partition("=")
    if name not in ("page", "line", "char") or not (value.isascii() and value.isdigit()):
        raise UserError(
            f"{fragment!r} does not name a place in a file.",
            "Write #page=3, #line=12 or #char=400 after the path.",
        )
    number = int(value)
    return (
        path,
        number if name == "page" else None,
        number if name == "line" else None,
        number if name == "char" else None,
    )


def status(caller: Caller, options: argparse.Namespace, output: Output) -> int:  # noqa: ARG001
    """`satchel status`."""
    output.status(_report(caller, StatusRequest(caller.next_id())))
    return 0


def budget(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel budget`."""
    choices = dict(options.choices) or None
    request = BudgetRequest(caller.next_id(), options.disk, options.ram, options.preview, choices)
    output.budget(_report(caller, request))
    return 0


def models(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel models list|fetch|add|remove|use|slim|measure`."""
    name = getattr(options, "name", None)
    if options.action == "add" and name is not None:
        name = absolute(name)
    confirmed = getattr(options, "yes", False)
    base = getattr(options, "base", None)
    keep, active = getattr(options, "keep", None), getattr(options, "active", None)
    action, number = options.action, caller.next_id()
    request = ModelsRequest(number, action, name, confirmed, base, keep, active)
    for reply in _replies(caller, request):
        if isinstance(reply, ModelProgress):
            output.model_progress(reply)
        elif isinstance(reply, Report):
            output.models(reply.body)
    return 0


def memories(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel memories list|add|edit|remove`."""
    memory, text = getattr(options, "memory", None), getattr(options, "text", None)
    request = MemoriesRequest(caller.next_id(), options.action, memory, text)
    output.memories(_report(caller, request))
    return 0


def tag(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel tag add|remove|list|suggest`."""
    paths = tuple(absolute(path) for path in getattr(options, "paths", ()))
    request = TagsRequest(caller.next_id(), options.action, options.name or "", paths)
    body = _table(_report(caller, request))
    if options.action == "suggest":
        output.tag_proposals(body)
    else:
        output.tags(body, options.name if options.action == "list" else None)
    return 0


def recent(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel recent list|remove|clear`."""
    text = getattr(options, "text", "")
    output.recent(_report(caller, SearchesRequest(caller.next_id(), options.action, text)))
    return 0


def forget(caller: Caller, options: argparse.Namespace, output: Output) -> int:
    """`satchel forget PATH`; exit code 1 when anything of it is still found afterwards."""
    body = _table(_report(caller, Forget(caller.next_id(), options.path)))
    output.forgotten(body)
    proof = _table(body.get("proof"))
    if proof.get("found_by_search") or proof.get("found_on_disk"):
        raise UserError("A trace of it is left.", "Run `satchel doctor --repair`, then try again.")
    return 0


def mcp(caller: Caller, options: argparse.Namespace, output: Output) -> int:  # noqa: ARG001
    """`satchel mcp`: serves until its client hangs up."""
    from app.mcp import run

    def call(request: Message) -> Message:
        last: Message | None = None
        for reply in caller.ask(request):
            last = reply
        return last if last is not None else Failed(0, "No answer came.", "Try again.")

    return run(call)


COMMANDS: Mapping[str, Command] = {
    "folders": folders,
    "index": index,
    "pause": pause,
    "resume": pause,
    "search": search,
    "batch": batch,
    "ask": ask,
    "conversations": conversations,
    "related": related,
    "digest": digest,
    "remote": remote,
    "status": status,
    "budget": budget,
    "models": models,
    "memories": memories,
    "tag": tag,
    "recent": recent,
    "forget": forget,
    "doctor": doctor,
    "mcp": mcp,
}
