"""A web server on this machine that speaks OpenAI's chat protocol, well or badly: see MODES."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODES = (
    "ok", "whole", "thinks", "cut", "long_length", "short_length", "hangs", "hangs_after_head",
    "falls_silent", "pings", "garbage", "broken_utf8", "endless_line", "endless", "empty",
    "no_done", "error_event", "redirect", "401", "404", "500",
)  # fmt: skip
WORDS = ("The ferry ", "leaves at ", "noon [1].")


class RemoteServer(ThreadingHTTPServer):
    """Answers every question with `words`; keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mode = "ok"
        self.words: tuple[str, ...] = WORDS
        self.bodies: list[bytes] = []
        self.heads: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.let_go = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def asked(self) -> list[dict[str, Any]]:
        """The questions, parsed."""
        return [json.loads(body) for body in self.bodies]


class _Handler(BaseHTTPRequestHandler):
    server: RemoteServer

    def do_GET(self) -> None:
        self._note()
        if self.server.mode == "401":
            self._refuse(401, "bad key")
        else:
            self._send("application/json", b'{"data": [{"id": "big"}, {"id": "small"}]}')

    def do_POST(self) -> None:
        self._note()
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        with contextlib.suppress(ConnectionError):  # the other side may hang up
            self._answer(self.server.mode)
        self.close_connection = True

    def _note(self) -> None:
        self.server.heads.append(dict(self.headers))
        self.server.paths.append(self.path)

    def _answer(self, mode: str) -> None:
        if mode.isdigit():
            self._refuse(int(mode), "model 'big' not found" if mode == "404" else "no\nluck")
        elif mode == "redirect":
            self.send_response(307)
            self.send_header("Location", f"{self.server.address}/elsewhere")
            self.end_headers()
        elif mode == "whole":
            message = {"role": "assistant", "content": "".join(self.server.words)}
            body = {"choices": [{"message": message, "finish_reason": "stop"}]}
            self._send("application/json", json.dumps(body).encode())
        elif mode == "hangs":
            self.server.let_go.wait(30)
        else:
            self._stream(mode)

    def _stream(self, mode: str) -> None:
        whole = b"".join(map(_event, self.server.words)) + _finish() + b"data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        if mode in ("long_length", "short_length"):
            more = 1000 if mode == "long_length" else -len(_event(WORDS[-1])) - 150
            self.send_header("Content-Length", str(len(whole) + more))
        self.end_headers()
        first = _event(self.server.words[0])
        heads = {
            "thinks": [_event("", reasoning_content="Hm. Ferries."), whole],
            "cut": [first],
            "falls_silent": [first],
            "garbage": [b"data: {not json\n\n<html>\n\ndata: [1]\n\ndata: {}\n\n", whole],
            "broken_utf8": [
                b'data: {"choices":[{"delta":{"content":"caf\xff\\ud800 "}}]}\n\n', whole
            ],
            "empty": [b"data: [DONE]\n\n"],
            "no_done": [whole.removesuffix(b"data: [DONE]\n\n")],
            "error_event": [first, b'data: {"error": {"message": "out of\\nmemory"}}\n\n'],
            "hangs_after_head": [], "pings": [], "endless_line": [], "endless": [],
        }  # fmt: skip
        self._write(*heads.get(mode, [whole]))
        if mode in ("hangs_after_head", "falls_silent"):
            self.server.let_go.wait(30)
        again = {
            "pings": b": ping\n\n", "endless_line": b"data: " + b"x" * 100_000,
            "endless": _event("on and ") * 50,
        }  # fmt: skip
        while mode in again and not self.server.let_go.wait(0.01):
            self._write(again[mode])

    def _write(self, *parts: bytes) -> None:
        self.wfile.flush()
        for part in parts:
            self.wfile.write(part)
            self.wfile.flush()

    def _refuse(self, status: int, why: str) -> None:
        self._send("application/json", json.dumps({"error": {"message": why}}).encode(), status)

    def _send(self, kind: str, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _event(text: str, **more: str) -> bytes:
    body = {"choices": [{"delta": {"content": text, **more}, "finish_reason": None}]}
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def _finish() -> bytes:
    stop = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    usage = {"choices": [], "usage": {"prompt_tokens": 91, "completion_tokens": 7}}
    return b"".join(b"data: " + json.dumps(body).encode() + b"\n\n" for body in (stop, usage))


@contextlib.contextmanager
def remote_serving() -> Iterator[RemoteServer]:
    """A running server."""
    server = RemoteServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.let_go.set()
        server.shutdown()
        thread.join()
        server.server_close()
