"""A disk of its own, on a file: filled to the last block, and with blocks that cannot be read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import serving
from helpers import PATIENCE_S, Indexed, one_line, satchel, satchel_json
from running import Running, ServiceGoneError

from core.errors import UserError
from core.home import find_home
from core.index.segment import Segment
from core.messages import Index, Report, Search, SearchResults, Shutdown, StatusRequest
from core.web import Address, part_bytes, url_download

fcntl = pytest.importorskip("fcntl", reason="the tests are of POSIX systems")
BLOCK_BYTES = 4096
FIBMAP = 1  # the call that tells where on the disk a block of a file lies


class LoopDisk:
    """A file system on a file, mounted."""

    def __init__(self, image: Path, mount: Path, size_bytes: int) -> None:
        self.image, self.mount, self._size_bytes = image, mount, size_bytes
        with image.open("wb") as file:
            file.truncate(size_bytes)
        making = ["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", "-b", str(BLOCK_BYTES)]
        subprocess.run([*making, str(image)], check=True)
        self._attach()

    def _attach(self) -> None:
        command = ["mount", "-o", "loop", str(self.image), str(self.mount)]
        subprocess.run(command, check=True, capture_output=True)
        self.mount.chmod(0o700)

    def move(self, mount: Path) -> None:
        """Mount it elsewhere."""
        self._detach()
        self.mount = mount
        self._attach()

    def _detach(self) -> None:
        subprocess.run(["umount", str(self.mount)], check=True)

    def give_up(self) -> None:
        """Unmount it, whoever still uses it."""
        subprocess.run(["umount", "-l", str(self.mount)], check=True)

    def lose(self, file: Path, block: int) -> None:
        """Lose all of the disk from a block of a file on, and what is remembered of it."""
        with file.open("rb") as opened:
            said = fcntl.ioctl(opened, FIBMAP, struct.pack("i", block))
        self._detach()
        self._attach()
        os.truncate(self.image, struct.unpack("i", said)[0] * BLOCK_BYTES)
        with pytest.raises(OSError, match="Input/output error"):
            file.read_bytes()

    def find(self) -> None:
        """The blocks are there again; what was on them is not."""
        os.truncate(self.image, self._size_bytes)

    def fill(self) -> Path:
        """Leave no byte free."""
        path = self.mount / "filler"
        with path.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1024))
            except OSError:
                pass
        assert shutil.disk_usage(self.mount).free == 0
        return path


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    mount = tmp_path / "mount"
    mount.mkdir()
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not here, to make a small disk with")
    try:
        made = LoopDisk(tmp_path / "image", mount, 40_000_000)
    except subprocess.CalledProcessError:
        pytest.skip("a file cannot be mounted as a disk here (needs the rights of root)")
    yield made
    made.give_up()


def test_a_home_on_a_full_disk_is_searched(own_sample: Indexed, disk: LoopDisk) -> None:
    home = disk.mount / "home"
    shutil.copytree(own_sample.home, home)
    before = satchel_json(home, "search", "rent of the workshop")["results"]
    spare = find_home(str(home), {}).spare
    assert spare.exists()
    assert spare.stat().st_mode & 0o777 == 0o600
    filler = disk.fill()
    assert satchel_json(home, "search", "rent of the workshop")["results"] == before
    assert not spare.exists()
    assert satchel_json(home, "status")["index"]["files"]["indexed"] == 14
    assert "The disk is full" in one_line(satchel(home, "ask", "When does the lease end?"))
    done = satchel(home, "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert "the disk has only" in done.stdout
    # Another program has taken what had been kept for this.
    disk.fill().rename(disk.mount / "second")
    said = one_line(satchel(home, "search", "rent"))
    assert "The disk is full" in said
    assert "Free some space" in said
    filler.unlink(missing_ok=True)
    (disk.mount / "second").unlink()
    assert satchel_json(home, "search", "rent of the workshop")["results"] == before
    assert spare.exists()
    findings = json.loads(satchel(home, "doctor", "--json").stdout)["findings"]
    assert {finding["part"] for finding in findings} <= {"device"}  # the disk is small indeed


def block_of_words(path: Path) -> int:
    """The first block with nothing but words in it, and what comes after them."""
    parts = Segment(path).header.parts
    body = path.stat().st_size - max(part.offset + part.length for part in parts.values())
    words = parts["words"]
    block = -(-(body + words.offset) // BLOCK_BYTES)
    assert block * BLOCK_BYTES < body + words.offset + words.length
    return block


@pytest.mark.parametrize("part", [pytest.param("header", marks=pytest.mark.slow), "words"])
def test_a_segment_that_the_disk_does_not_give(
    disk: LoopDisk, tmp_path: Path, models: Path, part: str
) -> None:
    """The segments alone are on the disk, so that the rest of the home goes on.

    Its words are read when they are searched: that the disk does not give them may end the
    service, once. The next one reads all before it serves.
    """
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    for number in range(200):
        names = " ".join(f"quay{number * 20 + at}" for at in range(20))
        text = f"Note {number}. The ferry number {number * 37} is at {names} of the town."
        (files / f"note-{number}.txt").write_text(text)
    satchel_json(home, "folders", "add", str(files))
    segments = find_home(str(home), {}).segments
    disk.move(segments)
    environment = {"SATCHEL_MODELS": str(models)}
    running = Running(home, environment, window=False)
    try:
        assert isinstance(running.ask(Index(running.next_id())), Report)
        before = running.search("the ferry of the town", "semantic")
        running.ask(Shutdown(running.next_id()))
        running.process.wait(PATIENCE_S)
        running.end()
        [segment] = segments.glob("*.segment")
        disk.lose(segment, 0 if part == "header" else block_of_words(segment))
        running = Running(home, environment, window=False)
        with contextlib.suppress(ServiceGoneError):
            running.search("town quay7 quay1999 quay3333", "lexical")
        if part == "words":
            assert running.process.wait(PATIENCE_S) == -signal.SIGBUS
            running.end()
            running = Running(home, environment, window=False)
        found = running.ask(Search(running.next_id(), "the ferry of the town"))
        assert isinstance(found, SearchResults)
        assert "Input/output error" in (found.note or "")
        assert "200 files are missing" in (found.note or "")
        disk.find()
        report = running.ask(Index(running.next_id()))
        assert isinstance(report, Report)
        assert report.body["files"]["indexed"] == 200
        assert running.search("the ferry of the town", "semantic") == before
        assert running.report(StatusRequest(running.next_id()))["index"]["damage"] is None
    finally:
        running.end()


def test_a_model_whose_header_the_disk_does_not_give(
    disk: LoopDisk, tmp_path: Path, models: Path
) -> None:
    model = disk.mount / "part-of-a-model.gguf"
    with next((models / "llm").glob("*.gguf")).open("rb") as whole:
        model.write_bytes(whole.read(4_000_000))
    disk.lose(model, 100)  # in its vocabulary
    said = one_line(satchel(tmp_path / "home", "models", "add", str(model)))
    assert "cannot be read: Input/output error" in said


def test_a_download_that_fills_the_disk_goes_on_later(disk: LoopDisk, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    content = os.urandom(3_000_000)
    (served / "model.gguf").write_bytes(content)
    part = disk.mount / "part"
    filler: list[Path] = []

    def fill(done: int, _: int) -> None:
        if done > 1_000_000 and not filler:
            filler.append(disk.fill())

    with serving(served) as server:
        digest = hashlib.sha256(content).hexdigest()
        source = Address(server.url("model.gguf"), len(content), digest)
        for said in ("No space left", "Fetching needs"):  # while it is written, and before
            with pytest.raises(UserError, match=said) as caught:
                url_download(source, part, fill, name="model", spare_bytes=0)
            assert str(disk.mount) in caught.value.advice
        have = part_bytes(part)
        assert have > 1_000_000
        filler[0].unlink()
        url_download(source, part, fill, name="model", spare_bytes=0)
        assert server.asked[-1] == f"bytes={have}-"
    assert part.read_bytes() == content
