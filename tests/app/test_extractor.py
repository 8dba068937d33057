"""The extractor child, as a real process."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import appdirs
import pytest
from helpers import PATIENCE_S

from app.reading import RecentTexts
from core.messages import (
    Cancel,
    Chunks,
    ChunkText,
    Extract,
    Extracted,
    Failed,
    FileFailed,
    Hello,
    Message,
    PageImage,
    Passages,
    ReadSpans,
    RenderPage,
    decode,
    encode,
    ends,
)
from core.text.document import Document

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "resources" / "sample-folder"
SENTINEL = "the purple heron sleeps at noon"


def tokenizer_path() -> str:
    default = Path(appdirs.user_data_dir("satchel", appauthor=False), "models")
    models = Path(os.environ.get("SATCHEL_MODELS") or default)
    path = models / "embedding" / "all-minilm-l6-v2" / "tokenizer.json"
    if not path.is_file():
        pytest.fail(f"{path} is missing; run make setup", pytrace=False)
    return str(path)


class Child:
    """A started extractor and a way to talk with it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def send(self, message: Message) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode(message).encode("ascii") + b"\n")
        self.process.stdin.flush()

    def receive(self) -> Message:
        assert self.process.stdout is not None
        return decode(self.process.stdout.readline())

    def ask(self, message: Message) -> tuple[list[ChunkText], Message]:
        """The chunks and the ending of a request."""
        self.send(message)
        chunks: list[ChunkText] = []
        while not ends(reply := self.receive()):
            assert isinstance(reply, Chunks) and len(reply.chunks) <= 64
            chunks += reply.chunks
        return chunks, reply


@contextmanager
def started(*arguments: str, command: Sequence[str] = ()) -> Iterator[Child]:
    process = subprocess.Popen(
        command or [sys.executable, "-m", "app.extractor", *arguments],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    child = Child(process)
    try:
        yield child
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()


@pytest.fixture
def child() -> Iterator[Child]:
    with started() as running:
        hello = running.receive()
        assert isinstance(hello, Hello)
        assert (hello.role, hello.pid) == ("extractor", running.process.pid)
        yield running


def extract(path: Path, number: int = 1, **changes: int) -> Extract:
    status = path.stat()
    fields = {"size_bytes": status.st_size, "mtime_ns": status.st_mtime_ns, **changes}
    return Extract(number, str(path), tokenizer_path=tokenizer_path(), **fields)


def read_spans(path: Path, *spans: tuple[int, int], page_chars: tuple[int, ...] = ()) -> ReadSpans:
    status = path.stat()
    return ReadSpans(2, str(path), status.st_size, status.st_mtime_ns, spans, page_chars)


@pytest.mark.parametrize(
    "name", ["house-notes.md", "workshop-lease.pdf", "harrier-restoration.docx"]
)
def test_extract_then_read_back(child: Child, name: str) -> None:
    path = SAMPLE / name
    chunks, done = child.ask(extract(path))
    assert isinstance(done, Extracted)
    assert chunks and done.text_chars >= sum(len(one.text) for one in chunks)
    spans = tuple((one.start, one.end) for one in chunks)
    # Once from what is kept, once from a child that never saw the file.
    with started() as other:
        other.receive()
        for reader in (child, other):
            _, found = reader.ask(read_spans(path, *spans, page_chars=done.page_chars))
            assert isinstance(found, Passages)
            assert [one.text for one in found.passages] == [one.text for one in chunks]
            assert (found.passages[0].locator.page is not None) == (name.endswith("pdf"))


def test_files_that_are_not_as_they_were(child: Child, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("words")
    for request, problem in [
        (extract(path, size_bytes=4), "changed"),
        (extract(path, mtime_ns=1), "changed"),
        (extract(path), None),
    ]:
        _, reply = child.ask(request)
        assert (reply.problem if isinstance(reply, FileFailed) else None) == problem
    wanted = read_spans(path, (0, 5))
    beyond = read_spans(path, (0, 50))
    _, reply = child.ask(beyond)
    assert isinstance(reply, FileFailed) and reply.problem == "changed"
    path.unlink()
    _, reply = child.ask(wanted)
    assert isinstance(reply, FileFailed) and reply.problem == "missing"
    path.mkdir()
    _, reply = child.ask(extract(path))
    assert isinstance(reply, FileFailed) and reply.problem == "skipped"


def test_a_file_is_read_back_within_the_limits_it_was_read_within(
    child: Child, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("twenty characters..." * 10)
    status = path.stat()
    spans = ReadSpans(
        2, str(path), status.st_size, status.st_mtime_ns, ((0, 5),), max_text_chars=199
    )
    for request in (extract(path, max_text_chars=199), spans):
        _, reply = child.ask(request)
        assert isinstance(reply, FileFailed) and reply.problem == "skipped"
    assert isinstance(child.ask(extract(path, max_text_chars=200))[1], Extracted)


def test_a_page_is_drawn(child: Child) -> None:
    _, reply = child.ask(RenderPage(3, str(SAMPLE / "workshop-lease.pdf"), 1, 200))
    assert isinstance(reply, PageImage) and reply.pages == 3
    assert base64.b64decode(reply.png_base64).startswith(b"\x89PNG")
    _, reply = child.ask(RenderPage(3, str(SAMPLE / "house-notes.md"), 1, 200))
    assert isinstance(reply, FileFailed)


def test_many_chunks_come_in_batches_and_can_be_cancelled(child: Child, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("\n".join(f"{n}: a line about the {n}th wheel." for n in range(20_000)))
    chunks, reply = child.ask(extract(path))
    assert isinstance(reply, Extracted) and len(chunks) > 500
    child.send(extract(path, 8))
    child.send(extract(path, 9))
    child.send(Cancel(9))
    replies = [child.receive()]
    while not (ends(replies[-1]) and getattr(replies[-1], "id", 0) == 9):
        replies.append(child.receive())
    assert isinstance(replies[-1], Failed)
    assert sum(ends(one) for one in replies) == 2


def test_names_that_are_not_utf8(child: Child, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.pdf")
    try:
        path.write_bytes((SAMPLE / "workshop-lease.pdf").read_bytes())
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    chunks, reply = child.ask(extract(path))
    assert isinstance(reply, Extracted) and chunks


def test_no_text_reaches_stderr(tmp_path: Path) -> None:
    with started() as child:
        child.receive()
        for name in ("a.txt", "b.html", "c.rtf", "d.eml", "e.docx", "f.pdf", "g.odt", "h.xml"):
            path = tmp_path / name
            path.write_text(f"Content-Type: {SENTINEL}\n{{\\rtf1 <x><b {SENTINEL}=&{SENTINEL};")
            child.ask(extract(path))
        _, err = child.process.communicate()
    assert SENTINEL.encode() not in err
    assert child.process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="limits its address space on Linux only")
def test_too_little_memory_is_a_reason_not_a_death(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"words and more w\xfcrds\n" * 8_000_000)
    with started("--memory-mb", "400") as child:
        child.receive()
        assert isinstance(child.ask(extract(SAMPLE / "house-notes.md"))[1], Extracted)
        reply = child.ask(extract(path, max_text_chars=400_000_000))[1]
        small = child.ask(extract(SAMPLE / "house-notes.md"))[1]
        assert isinstance(small, Extracted)
    assert isinstance(reply, FileFailed)
    assert "400 MB" in reply.reason


def test_it_ends_with_its_parent(child: Child) -> None:
    assert child.process.stdin is not None
    child.process.stdin.close()
    assert child.process.wait(PATIENCE_S) == 0


def test_nonsense_ends_it(child: Child) -> None:
    assert child.process.stdin is not None
    child.process.stdin.write(b"hello\n")
    child.process.stdin.flush()
    assert child.process.wait(PATIENCE_S) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children on Linux only")
def test_it_dies_with_its_parent_even_if_the_pipe_stays_open(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    started_file = tmp_path / "pid"
    middle = (
        "import subprocess, sys, time, pathlib\n"
        f"p = subprocess.Popen([{sys.executable!r}, '-m', 'app.extractor'], stdin={reader},"
        " stdout=subprocess.PIPE)\n"
        "p.stdout.readline()\n"
        f"pathlib.Path({str(started_file)!r}).write_text(str(p.pid))\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", middle], cwd=REPOSITORY, pass_fds=[reader], stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not (started_file.is_file() and started_file.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        pid = int(started_file.read_text())
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        while Path(f"/proc/{pid}/cmdline").is_file() and Path(f"/proc/{pid}/cmdline").read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        parent.kill()
        os.close(reader)
        os.close(writer)


def test_recent_texts_stay_within_their_size() -> None:
    recent = RecentTexts(max_chars=10)
    first, second = Document("12345", "text"), Document("1234", "text")
    recent.put(("a", 1, 1), first)
    recent.put(("b", 1, 1), second)
    assert recent.get(("a", 1, 1)) is first
    recent.put(("c", 1, 1), second)
    assert recent.get(("b", 1, 1)) is None
    assert recent.get(("a", 1, 1)) is first
    recent.put(("a", 1, 2), second)
    assert recent.get(("a", 1, 1)) is None
    recent.put(("d", 1, 1), Document("x" * 11, "text"))
    assert recent.get(("d", 1, 1)) is None and recent.chars == 8
