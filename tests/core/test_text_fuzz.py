"""Damaged files of every format, thousands of them: only FileError may come out.

The damage is done in a process of its own, with the memory limit of an extractor,
because native parsers may take their process down. Run this file with a seed
and a count to see one run again.
"""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from text_samples import all_samples, zipped

from core.errors import FileError
from core.text.document import Document, Limits
from core.text.formats import extract, extract_source, read_passages
from core.text.source import Source

REPOSITORY = Path(__file__).parents[2]
DATA = Path(os.environ.get("SATCHEL_DATA") or REPOSITORY.parent / "shared" / "data") / "documents"
MEMORY_BYTES = 1_500_000_000
SECONDS_A_FILE = 10.0
LIMITS = Limits(max_text_chars=2_000_000, max_pages=500, max_expanded_bytes=20_000_000)

TOKENS = (
    b"<", b">", b"</", b"<!--", b"<![CDATA[", b"&", b"&#x10ffff;", b"&#xd800;", b"{", b"}", b"\\",
    b"\\u-10179?", b"\\bin99999999 ", b"\\'", b"\"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n",
    b"\n\n", b"\nFrom x Wed Jan 31 12:00:00 2024\n", b"=?utf-8?b?////?=", b"=?x?q?=", b"--=b\n",
    b"Content-Type: message/rfc822\n\n", b"BEGIN:VEVENT\n", b"END:VEVENT\n", b"-1", b"99999999999",
    b"00:00:00,000 --> ", b"PK\x03\x04", b"\x1f\x8b", b"WARC/1.0\r\n", b"Content-Length: 9\r\n\r\n",
    b"[" * 50, b"null", b"1e999", b"endstream", b"<<", b"/Kids[2 0 R]", b"D:99999999999999", b";",
)  # fmt: skip


def spoil(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """The bytes with one to four faults of the kinds that disks, networks and people make."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        size = min(rng.choice((1, 4, 30, 300)), len(data) - at)
        match rng.randrange(7):
            case 0:
                data = data[:at]
            case 1 if at < len(data):
                data = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
            case 2:
                data = data[:at] + data[at + size :]
            case 3:
                data = data[:at] + data[at : at + size] * rng.randint(2, 9) + data[at + size :]
            case 4:
                data = data[:at] + rng.choice(TOKENS) + data[at:]
            case 5:
                start = rng.randrange(len(other) + 1)
                data = data[:at] + other[start : start + 200] + data[at:]
            case _:
                data = data[:at] + rng.randbytes(size) + data[at + size :]
    return data


def spoil_inside(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """A zip archive with a fault in one of its members, whole as an archive."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members: dict[str, str | bytes] = {
                name: archive.read(name) for name in archive.namelist()
            }
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, zlib.error, EOFError):
        return spoil(data, rng, other)
    if not members:
        return data
    name = rng.choice(sorted(members))
    content = members[name]
    members[name] = spoil(content if isinstance(content, bytes) else b"", rng, other)
    return zipped(members)


def check(document: Document) -> None:
    """What every document promises, however broken its file."""
    document.text.encode("utf-8")
    assert not document.page_chars or sum(document.page_chars) == len(document.text)
    for marks in (document.headings, document.members):
        starts = [mark.start for mark in marks]
        assert starts == sorted(starts)
        assert not starts or (starts[0] >= 0 and starts[-1] <= len(document.text))
    for about in (document.about, *(mark.about for mark in document.members if mark.about)):
        for date_s in (about.created_s, about.modified_s):
            assert date_s is None or -2_300_000_000 < date_s < 7_400_000_000
    assert all(1 <= page <= len(document.page_chars) for page in document.pages_without_text)


def run(seed: int, count: int, samples: dict[str, bytes]) -> None:
    """Spoil and read `count` files. Raises whatever should not have come out."""
    rng = random.Random(seed)
    names = sorted(samples)
    for number in range(count):
        name = names[number % len(names)]
        packed = samples[name][:2] == b"PK" and rng.random() < 0.7
        data = (spoil_inside if packed else spoil)(samples[name], rng, samples[rng.choice(names)])
        began = time.process_time()
        try:
            source = Source(name, LIMITS).inner(name, data)
            document = extract_source(source)
            check(document)
            if number % 10 == 0:
                assert document == extract_source(source), "not the same twice"
        except FileError as error:
            assert error.reason
        except BaseException:
            print(f"seed {seed}, file {number}, a spoilt {name}", file=sys.stderr)
            Path(f"spoilt-{seed}-{number}-{name}").write_bytes(data)
            raise
        took_s = time.process_time() - began
        assert took_s < SECONDS_A_FILE, f"seed {seed}, file {number}, {name}: {took_s:.1f} s"


def run_apart(folder: Path, seed: int, count: int, *more: str) -> None:
    """The same in a process of its own; what spoilt a test is left in `folder`."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-W", "error", __file__, str(seed), str(count), *more],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1_200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]


def test_spoilt_files_fail_as_file_errors(tmp_path: Path) -> None:
    run_apart(tmp_path, 1, 380)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 104))
def test_thousands_of_spoilt_files(tmp_path: Path, seed: int) -> None:
    run_apart(tmp_path, seed, 3_000)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the documents of SATCHEL_DATA are not here")
def test_spoilt_third_party_files(tmp_path: Path) -> None:
    run_apart(tmp_path, 7, 2_000, str(DATA))


@pytest.mark.parametrize("name", sorted(all_samples()))
def test_passages_are_the_characters_that_were_indexed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(all_samples()[name])
    document = extract(str(path))
    assert document.text.strip()
    assert document.kind
    rng = random.Random(name)
    ends = sorted(rng.randrange(len(document.text) + 1) for _ in range(20))
    spans = [(0, len(document.text)), *zip(ends, ends[3:], strict=False)]
    for held in (None, document):
        found = read_passages(str(path), spans, document.page_chars, document=held)
        assert [one.text for one in found] == [document.text[a:b] for a, b in spans]
        for passage in found:
            place = passage.locator
            if document.page_chars:
                assert place.page is not None and 1 <= place.page <= len(document.page_chars)
            assert place.line is None or place.line >= 1
            if document.members and passage.start >= document.members[0].start:
                assert place.member is not None
    opened = {one.locator for one in read_passages(str(path), spans, document=document)}
    if document.kind not in ("html", "docx", "odt", "rtf", "eml", "mhtml", "epub"):
        assert any(place.page or place.line or place.heading or place.member for place in opened)


def main(arguments: list[str]) -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seed, count, *folder = arguments
    samples = all_samples()
    if folder:
        files = [path for path in Path(folder[0]).iterdir() if path.suffix != ".tsv"]
        samples = {path.name: path.read_bytes() for path in files if path.stat().st_size}
    run(int(seed), int(count), samples)


if __name__ == "__main__":
    main(sys.argv[1:])
