"""A web server on this machine that serves files, whole or from a byte on, and lies if told to."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class FileServer(ThreadingHTTPServer):
    """Remembers what it was asked.

    `cut_after` breaks answers off, `ranges` can be turned off, `status` refuses, `redirect`
    sends on to an address, `claimed_length` is told instead of the true one (None: none is
    told), `shifted` pieces begin elsewhere than asked, `tag` names the version of the file,
    and `hold` is waited for before an answer ends.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.cut_after: int | None = None
        self.ranges = True
        self.status = 200
        self.redirect: str | None = None
        self.claimed_length: int | None = -1
        self.shifted = 0
        self.tag: str | None = None
        self.hold: threading.Event | None = None
        self.asked: list[str | None] = []
        self.paths: list[str] = []

    def url(self, name: str) -> str:
        """The address of a file."""
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        server.paths.append(self.path)
        if server.status != 200:
            self.send_error(server.status)
            return
        if server.redirect is not None:
            self.send_response(302)
            self.send_header("Location", server.redirect)
            self.end_headers()
            return
        data = (server.folder / self.path.rpartition("/")[2]).read_bytes()
        match = re.fullmatch(r"bytes=(\d+)-", wanted or "")
        same = self.headers.get("If-Range") in (None, server.tag)
        start = int(match[1]) if match and server.ranges and same else 0
        if start:
            start = max(0, start - server.shifted)
        self.send_response(206 if start else 200)
        whole = len(data)
        length = whole - start
        if server.claimed_length is None or server.claimed_length >= 0:
            whole, length = server.claimed_length or 0, server.claimed_length
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{whole}")
        if length is not None:
            self.send_header("Content-Length", str(length))
        if server.tag is not None:
            self.send_header("ETag", server.tag)
        self.end_headers()
        end = len(data) if server.cut_after is None else start + server.cut_after
        with contextlib.suppress(ConnectionError):  # the other side may hang up
            self.wfile.write(data[start:end])
            self.wfile.flush()
        if server.hold is not None:
            server.hold.wait(30)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[FileServer]:
    """A running server."""
    server = FileServer(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
