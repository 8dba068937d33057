"""Files from addresses: gone on with, checked, refused, by real requests to a server here."""

from __future__ import annotations

import collections
import hashlib
import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import FileServer, serving
from helpers import PATIENCE_S

from core import web
from core.errors import UserError
from core.web import Address, check_address, mirrored, url_download

CONTENT = random.Random(5).randbytes(3_000_000)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_WAIT_S", 0.0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "model.bin").write_bytes(CONTENT)
    with serving(folder) as found:
        yield found


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "part"


def address(server: FileServer, content: bytes = CONTENT) -> Address:
    digest = hashlib.sha256(content).hexdigest()
    return Address(server.url("model.bin"), len(content), digest)


def quiet(_done: int, _total: int) -> None:
    pass


class Enough(Exception):
    pass


def until(limit: int) -> web.Progress:
    def stop(done: int, _total: int) -> None:
        if done > limit:
            raise Enough

    return stop


def test_a_file_comes_whole(server: FileServer, part: Path) -> None:
    seen: list[tuple[int, int]] = []
    url_download(address(server), part, lambda *at: seen.append(at))
    assert part.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert [path.name for path in part.parent.iterdir() if path.is_file()] == ["part"]


def test_a_broken_transfer_goes_on_where_it_stopped(server: FileServer, part: Path) -> None:
    server.cut_after = 1_000_000
    url_download(address(server), part, quiet)
    assert part.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=1000000-", "bytes=2000000-"]


@pytest.mark.parametrize("tag", [None, '"a version"', 'W/"weak"'])
def test_a_cancelled_one_goes_on_in_the_next_call(
    server: FileServer, part: Path, tag: str | None
) -> None:
    server.tag = tag
    with pytest.raises(Enough):
        url_download(address(server), part, until(1_000_000))
    have = part.stat().st_size
    assert 1_000_000 < have < len(CONTENT)
    url_download(address(server), part, quiet)
    assert part.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]
    assert [path.name for path in part.parent.iterdir() if path.is_file()] == ["part"]


def test_when_the_file_has_changed_meanwhile_it_comes_from_the_start(
    server: FileServer, part: Path
) -> None:
    server.tag = '"one"'
    with pytest.raises(Enough):
        url_download(address(server, b"!" + CONTENT[1:]), part, until(1_000_000))
    other = CONTENT[::-1]
    (server.folder / "model.bin").write_bytes(other)
    server.tag = '"two"'
    url_download(address(server, other), part, quiet)
    assert part.read_bytes() == other


def test_a_server_that_cannot_go_on_sends_it_all(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT[:500])
    server.ranges = False
    url_download(address(server), part, quiet)
    assert part.read_bytes() == CONTENT


def test_a_piece_that_does_not_fit_is_not_used(server: FileServer, part: Path) -> None:
    part.write_bytes(CONTENT[:500_000])
    server.shifted = 100
    url_download(address(server), part, quiet)
    assert part.read_bytes() == CONTENT
    assert server.asked == ["bytes=500000-", None]


def test_another_file_is_refused_and_removed(server: FileServer, part: Path) -> None:
    with pytest.raises(UserError, match="refused"):
        url_download(address(server, CONTENT[:-1] + b"!"), part, quiet)
    assert not part.exists()


def test_a_wrong_size_is_refused_before_it_comes(server: FileServer, part: Path) -> None:
    seen: list[int] = []
    for content in (CONTENT[:-5], CONTENT + b"more"):
        with pytest.raises(UserError, match="offers a file of 3000000 bytes"):
            url_download(address(server, content), part, lambda done, _: seen.append(done))
    assert set(seen) == {0}
    part.write_bytes(CONTENT[:500])
    with pytest.raises(UserError, match="offers a file of 3000000 bytes"):
        url_download(address(server, CONTENT[:-5]), part, quiet)


def test_a_size_that_is_a_lie_or_not_told(server: FileServer, part: Path) -> None:
    server.claimed_length = None
    url_download(address(server), part, quiet)
    assert part.read_bytes() == CONTENT
    part.unlink()
    # It says the size that is due, and sends more: what is too much is not taken.
    shorter = CONTENT[:-5]
    server.claimed_length = len(shorter)
    url_download(address(server, shorter), part, quiet)
    assert part.read_bytes() == shorter
    part.unlink()
    # Without a size it is known by one byte too many.
    server.claimed_length = None
    with pytest.raises(UserError, match="refused"):
        url_download(address(server, shorter), part, quiet)
    assert not part.exists()
    # It says more than it sends.
    longer = CONTENT + b"more"
    server.claimed_length = len(longer)
    with pytest.raises(UserError, match="could not be downloaded"):
        url_download(address(server, longer), part, quiet)


def test_a_server_that_gives_nothing_is_given_up(server: FileServer, part: Path) -> None:
    server.cut_after = 0
    with pytest.raises(UserError, match="could not be downloaded"):
        url_download(address(server), part, quiet)
    assert len(server.asked) == 5
    server.asked.clear()
    server.status = 404
    with pytest.raises(UserError, match="the server says 404"):
        url_download(address(server), part, quiet)
    assert len(server.asked) == 1
    server.status = 503
    with pytest.raises(UserError, match="503"):
        url_download(address(server), part, quiet)
    with pytest.raises(UserError, match="could not be downloaded"):
        url_download(Address("http://127.0.0.1:9/x", 5, "0" * 64), part, quiet)


def test_redirects_lead_to_safe_places_only(server: FileServer, part: Path) -> None:
    (server.folder / "elsewhere").write_bytes(CONTENT)
    for place in ("http://example.org/model.bin", "ftp://127.0.0.1/x", "file:///etc/passwd"):
        server.redirect = place
        with pytest.raises(UserError, match=r"refused|could not be downloaded"):
            url_download(address(server), part, quiet)
    assert not part.exists()
    with serving(server.folder) as other:
        server.redirect = other.url("elsewhere")
        other.cut_after = 2_000_000
        url_download(address(server), part, quiet)
        assert other.asked == [None, "bytes=2000000-"]
    assert part.read_bytes() == CONTENT
    assert len(server.asked) == 5
    server.redirect = server.url("model.bin")
    part.unlink()
    with pytest.raises(UserError, match="could not be downloaded"):
        url_download(address(server), part, quiet)


def test_from_https_to_http_is_refused_even_on_this_machine() -> None:
    request = web.urllib.request.Request("https://example.org/x")
    with pytest.raises(UserError, match="not safe"):
        web._SafeRedirects().redirect_request(
            request, None, 302, "", None, "http://127.0.0.1/x"  # type: ignore[arg-type]
        )  # fmt: skip


def test_the_disk_is_watched_before_and_meanwhile(
    server: FileServer, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = collections.namedtuple("usage", "total used free")
    with pytest.raises(UserError, match="free space"):
        url_download(address(server), part, quiet, spare_bytes=1 << 62)
    assert server.asked == []

    def full_after_a_megabyte(_folder: Path) -> object:
        taken = part.stat().st_size if part.exists() else 0
        return usage(10**9, 0, 10**9 if taken < 1_000_000 else 10)

    monkeypatch.setattr(shutil, "disk_usage", full_after_a_megabyte)
    with pytest.raises(UserError, match="free space"):
        url_download(address(server), part, quiet)
    have = part.stat().st_size
    assert 1_000_000 <= have < len(CONTENT)
    monkeypatch.undo()
    url_download(address(server), part, quiet)
    assert part.read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]


def test_a_disk_that_refuses_is_told_and_not_tried_again(server: FileServer, part: Path) -> None:
    part.mkdir()
    with pytest.raises(UserError, match="could not be written"):
        url_download(address(server), part, quiet)
    assert len(server.asked) == 1


def test_two_do_not_fetch_the_same(server: FileServer, part: Path) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def wait(_done: int, _total: int) -> None:
        inside.set()
        go_on.wait(PATIENCE_S)

    first = threading.Thread(target=url_download, args=(address(server), part, wait))
    first.start()
    inside.wait(PATIENCE_S)
    with pytest.raises(UserError, match="being fetched already"):
        url_download(address(server), part, quiet)
    go_on.set()
    first.join()
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://127.0.0.1.x",
        "https://", "http://[::1", "example.org/x", "",
    ],
)  # fmt: skip
def test_only_safe_addresses_are_asked(part: Path, url: str) -> None:
    with pytest.raises(UserError, match="not a safe address"):
        url_download(Address(url, 1, "0" * 64), part, quiet)
    if url:
        with pytest.raises(UserError, match="not a safe address"):
            mirrored(Address("https://a.example/b", 1, ""), url)


def test_a_mirror_replaces_scheme_and_host(server: FileServer, part: Path) -> None:
    origin = Address("https://origin.example/maker/model.bin?x=1", 5, "00")
    assert mirrored(origin, "") == origin
    assert mirrored(origin, "https://m.example/hub/").url == (
        "https://m.example/hub/maker/model.bin?x=1"
    )
    check_address("https://m.example")
    digest = hashlib.sha256(CONTENT).hexdigest()
    source = Address("https://origin.example/maker/model.bin", len(CONTENT), digest)
    url_download(mirrored(source, server.url("hub")), part, quiet)
    assert server.paths == ["/hub/maker/model.bin"]
    assert part.read_bytes() == CONTENT
