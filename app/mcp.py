"""`satchel mcp`: search and reading for other assistants, over the Model Context Protocol.

It speaks on stdin and stdout only and changes nothing. Imported by that command
alone, since the SDK takes long to load.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

from app.results import about_body
from core.errors import UserError
from core.messages import (
    Failed,
    FileFailed,
    Hit,
    Message,
    Preview,
    PreviewText,
    Report,
    Search,
    SearchResults,
    StatusRequest,
)

Call = Callable[[Message], Message]
Table = dict[str, Any]
Reply = TypeVar("Reply", bound=Message)

MAX_RESULTS = 50
MAX_READ_CHARS = 20_000

_INSTRUCTIONS = (
    "Searches the person's own files on this machine. Use `search` to find passages, then "
    "`read_around` to read the text about one. Quote the path of what you rely on."
)


class Tools:
    """The tools, each as one request through `call`; they may run in any thread."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        # File names that are not UTF-8 cannot travel in this protocol: what was shown
        # for them is remembered, so that they can be read all the same.
        self._odd_paths: dict[str, str] = {}

    def search(self, query: str, k: int = 10, folder: str | None = None) -> Table:
        """Find the passages of the person's files that best match a question or some words.

        Give `folder` to look only below it. Each result has a path, where in the file it
        stands (`locator`, and `start` and `end` for `read_around`), and a snippet. `copies` are
        other files that show the same.
        """
        request = Search(
            id=next(self._ids), query=query, k=min(max(k, 1), MAX_RESULTS), folder=folder
        )
        reply = self._ask(request, SearchResults)
        return {"results": [self._result(hit) for hit in reply.hits], "note": reply.note}

    def read_around(self, path: str, start: int, end: int) -> Table:
        """Read the text around a passage that `search` found.

        `start` and `end` are those of the result, in characters of the file's text.
        In the reply `start` and `end` say where the passage stands inside `text`.
        """
        if not 0 <= start <= end:
            raise ToolError("`start` and `end` must be 0 or more, and in this order.")
        request = Preview(
            id=next(self._ids),
            path=self._odd_paths.get(path, path),
            start=start,
            end=min(end, start + MAX_READ_CHARS),
        )
        reply = self._ask(request, PreviewText)
        return {
            "path": self._shown(reply.path),
            "text": _clean(reply.text),
            "start": reply.start,
            "end": reply.end,
            "locator": _plain(reply.locator),
        }

    def status(self) -> Table:
        """What is indexed, and how far the indexing is."""
        body: Table = self._ask(StatusRequest(id=next(self._ids)), Report).body
        return body

    def _ask(self, request: Message, kind: type[Reply]) -> Reply:
        try:
            with self._lock:
                reply = self._call(request)
        except UserError as error:
            raise ToolError(f"{error.title} {error.advice}".strip()) from None
        if isinstance(reply, Failed):
            raise ToolError(f"{reply.title} {reply.advice}".strip())
        if isinstance(reply, FileFailed):
            raise ToolError(f"{self._shown(reply.path)}: {reply.reason}")
        if not isinstance(reply, kind):
            raise TypeError(f"{type(reply).__name__} came for {type(request).__name__}")
        return reply

    def _result(self, hit: Hit) -> Table:
        return {
            "rank": hit.rank,
            "score": hit.score,
            "path": self._shown(hit.path),
            "locator": _plain(hit.locator),
            "start": hit.start,
            "end": hit.end,
            "snippet": _clean(hit.snippet),
            "state": hit.state,
            **{name: text and _clean(text) for name, text in about_body(hit).items()},
            "copies": [{"path": self._shown(c.path), "kind": c.kind} for c in hit.copies],
        }

    def _shown(self, path: str) -> str:
        shown = _clean(path)
        if shown != path:
            self._odd_paths[shown] = path
        return shown


def make_server(call: Call) -> MCPServer:
    """The server with its three read-only tools."""
    tools = Tools(call)
    server: MCPServer = MCPServer(
        "satchel",
        instructions=_INSTRUCTIONS,
        # Below this level the SDK logs what a tool was asked, or a traceback.
        log_level="CRITICAL",
    )
    hints = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
    for tool in (tools.search, tools.read_around, tools.status):
        server.add_tool(tool, annotations=hints)
    return server


def run(call: Call) -> int:
    """Serve on stdin and stdout until they close; returns the exit code 0.

    `call` sends one request to the service and gives its last reply; it may raise
    UserError, which the other assistant sees as the tool's error. Calls come one
    at a time, from changing threads.
    """
    make_server(call).run("stdio")
    return 0


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value)


def _clean(text: str) -> str:
    """The text as UTF-8 can carry it: lone surrogates as backslash escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
