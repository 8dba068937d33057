"""Files from addresses: gone on with, checked, refused."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import FileServer, serving

from core import download
from core.download import Address, url_download
from core.errors import UserError

CONTENT = random.Random(5).randbytes(3_000_000)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_WAIT_S", 0.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "model.bin").write_bytes(CONTENT)
    with serving(folder) as found:
        yield found


def address(server: FileServer, content: bytes = CONTENT) -> Address:
    digest = hashlib.sha256(content).hexdigest()
    return Address(server.url("model.bin"), len(content), digest)


def quiet(_done: int, _total: int) -> None:
    pass


def test_a_file_comes_whole(server: FileServer, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    url_download(address(server), tmp_path / "part", lambda *at: seen.append(at))
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_broken_transfer_goes_on_where_it_stopped(server: FileServer, tmp_path: Path) -> None:
    server.cut_after = 1_000_000
    url_download(address(server), tmp_path / "part", quiet)
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000000-", "bytes=2000000-"]


def test_a_cancelled_one_goes_on_in_the_next_call(server: FileServer, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done > 1_000_000:
            raise Enough

    with pytest.raises(Enough):
        url_download(address(server), tmp_path / "part", stop)
    have = (tmp_path / "part").stat().st_size
    assert 1_000_000 < have < len(CONTENT)
    url_download(address(server), tmp_path / "part", quiet)
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]


def test_a_server_that_cannot_go_on_sends_it_all(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(CONTENT[:500])
    server.ranges = False
    url_download(address(server), tmp_path / "part", quiet)
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_another_file_is_refused_and_removed(server: FileServer, tmp_path: Path) -> None:
    for content in (CONTENT[:-1] + b"!", CONTENT[:-5]):
        with pytest.raises(UserError, match="refused"):
            url_download(address(server, content), tmp_path / "part", quiet)
        assert not (tmp_path / "part").exists()


def test_a_server_that_gives_nothing_is_given_up(server: FileServer, tmp_path: Path) -> None:
    server.cut_after = 0
    with pytest.raises(UserError, match="could not be downloaded"):
        url_download(address(server), tmp_path / "part", quiet)
    assert len(server.asked) == 5
    server.asked.clear()
    server.status = 404
    with pytest.raises(UserError, match="the server says 404"):
        url_download(address(server), tmp_path / "part", quiet)
    assert len(server.asked) == 1
    server.status = 503
    with pytest.raises(UserError, match="503"):
        url_download(address(server), tmp_path / "part", quiet)


@pytest.mark.parametrize(
    "url", ["http://example.org/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://127.0.0.1.x"]
)
def test_only_safe_addresses_are_asked(tmp_path: Path, url: str) -> None:
    with pytest.raises(UserError, match="not a safe address"):
        url_download(Address(url, 1, "0" * 64), tmp_path / "part", quiet)
