"""The Model Context Protocol server, seen by the SDK's own client over a real process."""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

ROOT = Path(__file__).parents[2]

# A service of three files: it knows one, cannot open one, and one has an odd name.
PROGRAM = r"""
import sys
from app.mcp import run
from core.errors import UserError
from core.messages import (About, Copy, Failed, FileFailed, Hit, Locator, Message, Preview,
                           PreviewText, Report, Search, SearchResults, StatusRequest)

ODD = "/files/caf\udce9.txt"

def call(message: Message) -> Message:
    match message:
        case Search(query="fail"):
            return Failed(message.id, "The index is busy.", "Try again later.")
        case Search(query="user error"):
            raise UserError("The service is gone.", "Start it again.")
        case Search(query="bug"):
            raise ValueError("secret sentinel")
        case Search():
            hits = (
                Hit(1, 0.5, ODD, Locator(page=2), 10, 20, f"{message.query} in {message.folder}",
                    about=About("On tea", None, 1710408360, None),
                    copies=(Copy("/files/tea-2.txt", "near"),)),
            )
            return SearchResults(message.id, hits[: message.k], final=True, note="k %d" % message.k)
        case Preview(path="/files/locked.pdf"):
            return FileFailed(message.id, message.path, "it is encrypted", "encrypted")
        case Preview():
            text = "odd" if message.path == ODD else "plain"
            span = (message.start, message.end)
            return PreviewText(message.id, message.path, f"{text} {span}", 0, 3, Locator(line=7))
        case StatusRequest():
            return Report(message.id, {"index": {"files": 3}})
    raise AssertionError(message)

sys.exit(run(call))
"""

Talk = Callable[[Client], Awaitable[None]]


def talk_to_server(talk: Talk, log: Path, *arguments: str) -> str:
    """Run `talk` with a client of a fresh server; what the server wrote to stderr.

    The server is a program with these arguments, or the one above.
    """

    async def session() -> None:
        server = StdioServerParameters(
            command=sys.executable,
            args=list(arguments) or ["-c", PROGRAM],
            cwd=str(ROOT),
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        with log.open("w", encoding="utf-8") as errors, anyio.fail_after(30):
            async with Client(stdio_client(server, errlog=errors)) as client:
                await talk(client)

    anyio.run(session)
    return log.read_text(encoding="utf-8")


def said(result: Any) -> str:
    return "".join(part.text for part in result.content)


def test_three_read_only_tools_that_work(tmp_path: Path) -> None:
    async def talk(client: Client) -> None:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert sorted(tools) == ["read_around", "search", "status"]
        for tool in tools.values():
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint
            assert tool.description
        found = await client.call_tool("search", {"query": "tea", "k": 500, "folder": "/files"})
        assert not found.is_error
        assert found.structured_content is not None
        (hit,) = found.structured_content["results"]
        assert found.structured_content["note"] == "k 50"
        assert hit["snippet"] == "tea in /files"
        assert (hit["title"], hit["author"], hit["modified"]) == ("On tea", None, None)
        assert hit["created"] == "2024-03-14T09:26:00+00:00"
        assert hit["copies"] == [{"path": "/files/tea-2.txt", "kind": "near"}]
        assert hit["locator"] == {"page": 2, "line": None, "heading": None, "member": None}
        asked = {"path": hit["path"], "start": hit["start"], "end": hit["end"]}
        read = await client.call_tool("read_around", asked)
        assert read.structured_content is not None
        assert read.structured_content["text"] == "odd (10, 20)"
        status = await client.call_tool("status", {})
        assert status.structured_content == {"index": {"files": 3}}

    assert talk_to_server(talk, tmp_path / "log") == ""


def test_failures_are_tool_errors_in_words(tmp_path: Path) -> None:
    async def talk(client: Client) -> None:
        for arguments, words in (
            ({"query": "fail"}, "The index is busy. Try again later."),
            ({"query": "user error"}, "The service is gone. Start it again."),
        ):
            result = await client.call_tool("search", arguments)
            assert result.is_error
            assert words in said(result)
        for path, start, words in (
            ("/files/locked.pdf", 0, "it is encrypted"),
            ("/files/a.txt", -1, "0 or more"),
        ):
            result = await client.call_tool("read_around", {"path": path, "start": start, "end": 9})
            assert result.is_error
            assert words in said(result)

    assert talk_to_server(talk, tmp_path / "log") == ""


def test_a_bug_shows_no_traceback_and_no_content(tmp_path: Path) -> None:
    async def talk(client: Client) -> None:
        result = await client.call_tool("search", {"query": "bug"})
        assert result.is_error
        assert "sentinel" not in said(result)
        assert not (await client.call_tool("status", {})).is_error

    assert talk_to_server(talk, tmp_path / "log") == ""


def test_a_missing_argument_is_a_tool_error(tmp_path: Path) -> None:
    async def talk(client: Client) -> None:
        result = await client.call_tool("search", {})
        assert result.is_error

    assert talk_to_server(talk, tmp_path / "log") == ""


def test_a_real_home_is_searched_and_read_and_nothing_of_it_changes(
    home: Path, tmp_path: Path
) -> None:
    before = {path.relative_to(home): path.read_bytes() for path in (home / "config").iterdir()}

    async def talk(client: Client) -> None:
        found = await client.call_tool("search", {"query": "when does the ferry leave", "k": 1})
        assert found.structured_content is not None
        (hit,) = found.structured_content["results"]
        assert Path(hit["path"]).name == "boats.txt"
        asked = {"path": hit["path"], "start": hit["start"], "end": hit["end"]}
        read = await client.call_tool("read_around", asked)
        assert read.structured_content is not None
        around = read.structured_content
        assert around["text"][around["start"] : around["end"]].startswith("The ferry to the island")
        outside = await client.call_tool(
            "read_around", {"path": "/etc/passwd", "start": 0, "end": 9}
        )
        assert outside.is_error
        assert "is not in the index" in said(outside)
        status = await client.call_tool("status", {})
        assert status.structured_content is not None
        assert status.structured_content["index"]["files"]["indexed"] == 3

    arguments = ("-m", "app.cli", "--home", str(home), "mcp")
    assert talk_to_server(talk, tmp_path / "log", *arguments) == ""
    assert before == {
        path.relative_to(home): path.read_bytes() for path in (home / "config").iterdir()
    }
