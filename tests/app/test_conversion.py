"""Files that other programs convert first, by a real reader process: scanned pages, old Office."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pypdfium2
import pytest
from helpers import PATIENCE_S
from test_extractor import SAMPLE, Child, extract, read_spans, started

from core.messages import (
    Cancel,
    Chunks,
    ChunkText,
    Extracted,
    Failed,
    FileFailed,
    Hello,
    Message,
    Passages,
    ends,
)
from core.text.old_office import LEAST_BYTES, way_of
from core.text.programs import ProgramFailed, bytes_in, find_programs, run
from core.text.recognise import options
from core.text.wanted import OLD_OFFICE, may_need_conversion

PROGRAMS = find_programs()
LEASE = SAMPLE / "workshop-lease.pdf"

needs_tesseract = pytest.mark.skipif(PROGRAMS.tesseract is None, reason="Tesseract is not here")
needs_office = pytest.mark.skipif(PROGRAMS.office is None, reason="LibreOffice is not here")
shuts_in = pytest.mark.skipif(
    sys.platform not in ("linux", "darwin"), reason="programs run only where they get no network"
)
pytestmark = shuts_in


def scanned(path: Path, *, words_on: frozenset[int] = frozenset(), turned: bool = False) -> Path:
    """The pages of a PDF as pictures, but those in `words_on` as they are."""
    source, made = pypdfium2.PdfDocument(LEASE), pypdfium2.PdfDocument.new()
    for number in range(len(source)):
        if number in words_on:
            made.import_pages(source, [number])
            continue
        bitmap = source[number].render(scale=150 / 72)
        page = made.new_page(*source[number].get_size())
        picture = pypdfium2.PdfImage.new(made)
        picture.set_bitmap(bitmap)
        picture.set_matrix(pypdfium2.PdfMatrix().scale(*page.get_size()))
        page.insert_obj(picture)
        page.gen_content()
        if turned:
            page.set_rotation(180)
    made.save(path)
    return path


def page_text(number: int) -> str:
    text: str = pypdfium2.PdfDocument(LEASE)[number].get_textpage().get_text_range()
    return text


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Child]:
    with started("--scratch", str(tmp_path / "scratch")) as running:
        hello = running.receive()
        assert isinstance(hello, Hello) and "network" in hello.protections
        yield running


def ask(child: Child, message: Message) -> tuple[list[ChunkText], Message]:
    """As Child.ask; signs of life may come before the ending of any request."""
    child.send(message)
    chunks: list[ChunkText] = []
    while not ends(reply := child.receive()):
        assert isinstance(reply, Chunks)
        chunks += reply.chunks
    return chunks, reply


@needs_tesseract
def test_scanned_pages_are_recognised_and_read_back_the_same(reader: Child, tmp_path: Path) -> None:
    path = scanned(tmp_path / "-lease\n.pdf", words_on=frozenset((0, 2)))
    chunks, done = ask(reader, extract(path))
    assert isinstance(done, Extracted), done
    assert done.slow and len(done.page_chars) == 3
    text = " ".join(chunk.text for chunk in chunks)
    for number in range(3):
        expected = set(page_text(number).split())
        assert len(expected & set(text.split())) > 0.95 * len(expected)
    spans = tuple((chunk.start, chunk.end) for chunk in chunks)
    with started("--scratch", str(tmp_path / "other")) as other:
        other.receive()
        took_s = []
        for _ in range(2):
            began = time.monotonic()
            _, found = ask(other, read_spans(path, *spans, page_chars=done.page_chars))
            assert isinstance(found, Passages), found
            assert [one.text for one in found.passages] == [one.text for one in chunks]
            assert found.passages[-1].locator.page in (2, 3)
            took_s.append(time.monotonic() - began)
        # Once it was recognised again; the second time it was still known.
        assert took_s[1] < took_s[0] / 4
    # Another file of the same length of pages is not taken for it.
    wrong = (done.page_chars[0], done.page_chars[1] + 5, done.page_chars[2] - 5)
    _, found = ask(reader, read_spans(path, spans[-1], page_chars=wrong))
    assert isinstance(found, FileFailed) and found.problem == "changed"


@needs_tesseract
@pytest.mark.slow
def test_a_whole_scan_and_pages_upside_down(reader: Child, tmp_path: Path) -> None:
    for turned in (False, True):
        path = scanned(tmp_path / f"scan-{turned}.pdf", turned=turned)
        chunks, done = ask(reader, extract(path))
        assert isinstance(done, Extracted), done
        assert min(done.page_chars) > 100
        found = set(" ".join(chunk.text for chunk in chunks).split())
        expected = {word for number in range(3) for word in page_text(number).split()}
        assert len(expected & found) > 0.9 * len(expected)


def test_without_programs_a_scan_waits_for_recognition(tmp_path: Path) -> None:
    path = scanned(tmp_path / "scan.pdf")
    with started() as child:  # no scratch folder: nothing may be converted
        child.receive()
        _, reply = child.ask(extract(path))
        assert isinstance(reply, FileFailed) and reply.problem == "needs_ocr"
        (tmp_path / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))
        _, reply = child.ask(extract(tmp_path / "old.doc"))
        assert isinstance(reply, FileFailed) and reply.problem == "skipped"


@needs_tesseract
def test_without_that_protection_no_program_is_run(tmp_path: Path) -> None:
    path = scanned(tmp_path / "scan.pdf")
    code = (
        "import sys, app.extractor as child\nfrom app.sandbox import Protections\n"
        "child.protect = lambda *_: Protections(writing=True, memory=True)\n"
        "sys.exit(child.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "--scratch", str(tmp_path / "scratch")]
    with started(command=command) as child:
        hello = child.receive()
        assert isinstance(hello, Hello) and "network" not in hello.protections
        _, reply = child.ask(extract(path))
        assert isinstance(reply, FileFailed) and reply.problem == "needs_ocr"
        assert "run text recognition" in reply.reason


@needs_tesseract
def test_recognition_can_be_cancelled_and_ends_with_its_reader(
    reader: Child, tmp_path: Path
) -> None:
    path = scanned(tmp_path / "scan.pdf")
    for number, end in ((8, "cancel"), (9, "kill")):
        reader.send(extract(path, number))
        assert isinstance(reader.receive(), Chunks)  # the first sign of life
        helper = a_child_of(reader)
        if sys.platform == "linux":
            assert "Seccomp:\t2\n" in Path(f"/proc/{helper}/status").read_text()
        if end == "cancel":
            reader.send(Cancel(number))
            while not ends(reply := reader.receive()):
                pass
            assert isinstance(reply, Failed)
        else:
            reader.process.kill()
        assert gone(helper)


@needs_tesseract
def test_a_page_that_takes_too_long_is_named(tmp_path: Path) -> None:
    path = scanned(tmp_path / "scan.pdf")
    # A page gets half of the time limit.
    with started("--scratch", str(tmp_path / "scratch"), "--timeout-s", "0.1") as child:
        child.receive()
        _, reply = ask(child, extract(path))
        assert isinstance(reply, FileFailed)
        assert reply.problem == "needs_ocr" and "takes too long" in reply.reason
        assert psutil.Process(child.process.pid).children() == []
        _, fine = ask(child, extract(LEASE))
        assert isinstance(fine, Extracted)


def a_child_of(reader: Child) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for child in psutil.Process(reader.process.pid).children():
            return child.pid
        time.sleep(0.01)
    raise AssertionError("no program was started")


def gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def test_which_languages_are_recognised() -> None:
    assert options(["eng", "osd"], "C") == ["--psm", "1", "-l", "eng"]
    assert options(["fra", "eng", "script/Latin"], "") == ["--psm", "3", "-l", "eng+fra"]
    many = ["afr", "deu", "eng", "equ", "fra", "osd", "spa"]
    assert options(many, "de_DE.UTF-8") == ["--psm", "1", "-l", "deu+eng"]
    assert options(["afr", "deu", "fra", "ita", "spa"], "C") == [
        "--psm",
        "3",
        "-l",
        "afr+deu+fra+ita",
    ]
    assert options([], "C") == ["--psm", "3"]


# --- the old Office formats -------------------------------------------------------------------


_NAMES = "urn:oasis:names:tc:opendocument:xmlns"
FLAT = f"""<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="{_NAMES}:office:1.0" xmlns:text="{_NAMES}:text:1.0"
 xmlns:draw="{_NAMES}:drawing:1.0" xmlns:svg="{_NAMES}:svg-compatible:1.0" office:version="1.2"
 office:mimetype="application/vnd.oasis.opendocument.KIND"><office:body>BODY</office:body>
</office:document>"""
WORDS = "<text:p>The ferry to the island leaves at noon.</text:p>"
FRAME = (
    '<draw:page draw:name="one"><draw:frame svg:width="20cm" svg:height="5cm" svg:x="1cm" '
    f'svg:y="1cm"><draw:text-box>{WORDS}</draw:text-box></draw:frame></draw:page>'
)
# The format before OpenDocument: the same, by other names.
_BEFORE = "http://openoffice.org/2000"
SXW = (
    f'<?xml version="1.0"?><office:document-content xmlns:office="{_BEFORE}/office" '
    f'xmlns:text="{_BEFORE}/text" office:class="text" office:version="1.0"><office:body>'
    f"{WORDS}</office:body></office:document-content>"
)

MANIFEST = (
    '<?xml version="1.0"?><manifest:manifest xmlns:manifest="http://openoffice.org/2001/manifest">'
    '<manifest:file-entry manifest:media-type="application/vnd.sun.xml.writer" '
    'manifest:full-path="/"/><manifest:file-entry manifest:media-type="text/xml" '
    'manifest:full-path="content.xml"/></manifest:manifest>'
)


def old_file(folder: Path, suffix: str) -> Path:
    """A file in an old format, most of them by LibreOffice out of a flat OpenDocument file."""
    path = folder / f"a.{suffix}"
    if suffix == "sxw":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mimetype", "application/vnd.sun.xml.writer")
            archive.writestr("content.xml", SXW)
            archive.writestr("META-INF/manifest.xml", MANIFEST)
        return path
    kind, body = ("presentation", FRAME) if suffix == "ppt" else ("text", WORDS)
    source = folder / ("a.fodp" if suffix == "ppt" else "a.fodt")
    body = f"<office:{kind}>{body}</office:{kind}>"
    source.write_text(FLAT.replace("KIND", kind).replace("BODY", body))
    assert PROGRAMS.office is not None
    command = [
        PROGRAMS.office,
        f"-env:UserInstallation={(folder / 'profile').as_uri()}",
        *("--headless", "--convert-to", suffix, "--outdir", str(folder), str(source)),
    ]
    for _ in range(2):  # the first start only makes the profile
        subprocess.run(command, check=False, capture_output=True, timeout=60)
    return path


@needs_office
@pytest.mark.parametrize(
    "suffix", ["doc", *(pytest.param(one, marks=pytest.mark.slow) for one in ("ppt", "wps", "sxw"))]
)
def test_an_old_document_is_converted(reader: Child, tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "person"
    folder.mkdir()
    path = folder / f"-minutes\n.{suffix.upper()}"
    shutil.copy(old_file(tmp_path, suffix), path)
    folder.chmod(0o500)
    chunks, done = ask(reader, extract(path))
    assert isinstance(done, Extracted), done
    assert (done.kind, done.slow) == (suffix, True)
    assert "ferry to the island" in chunks[0].text
    _, found = ask(reader, read_spans(path, (chunks[0].start, chunks[0].end)))
    assert isinstance(found, Passages) and found.passages[0].text == chunks[0].text
    # Nothing stays behind, beside the file or in the scratch folder.
    assert [entry.name for entry in folder.iterdir()] == [path.name]
    assert list((tmp_path / "scratch").rglob("*.*")) == []
    assert not (tmp_path / "scratch" / "converting").exists()


@needs_office
@pytest.mark.slow
def test_a_conversion_that_has_no_room_is_ended(reader: Child, tmp_path: Path) -> None:
    path = old_file(tmp_path, "doc")
    _, told = ask(reader, msgspec.structs.replace(extract(path), max_scratch_bytes=LEAST_BYTES - 1))
    assert isinstance(told, FileFailed), told
    assert "needs more room to be converted than the disk budget leaves" in told.reason
    assert not (tmp_path / "scratch" / "converting").exists()


def test_what_may_need_conversion_is_known_by_name(tmp_path: Path) -> None:
    starts = (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\3\4", b"\xffWPC")
    for suffix in (*OLD_OFFICE, ".docx", ".txt"):
        path = tmp_path / f"file{suffix.upper()}"
        converted = False
        for start in starts:
            path.write_bytes(start)
            converted |= way_of(str(path)) is not None
        assert may_need_conversion(str(path)) == converted


def test_a_program_is_ended_when_it_writes_more_than_it_may(tmp_path: Path) -> None:
    wide = "import time\nfor n in range(100):\n    open(f'{n}', 'wb').write(bytes(20_000))\n"
    wide += "    time.sleep(0.02)\n"
    deep = "open('one', 'wb').write(bytes(400_000))\nprint('written')"
    for body in (wide, deep):
        folder = tmp_path / str(len(body))
        folder.mkdir()
        with pytest.raises(ProgramFailed) as failed:
            command = [sys.executable, "-S", "-c", body]
            status, _ = run(command, folder, timeout_s=30, on_wait=lambda: None, most_bytes=200_000)
            assert status == 1, "Python is told, and ends with an error"
            raise ProgramFailed("python", large=True)
        assert failed.value.large
        assert bytes_in(folder) < 600_000


@needs_office
@pytest.mark.slow
def test_what_only_looks_like_an_old_document(reader: Child, tmp_path: Path) -> None:
    path = tmp_path / "broken.doc"
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + os.urandom(4000))
    _, reply = ask(reader, extract(path))
    assert isinstance(reply, FileFailed)
    assert reply.problem == "failed" and "LibreOffice" in reply.reason
    path.write_bytes(os.urandom(4000))
    _, reply = ask(reader, extract(path))
    assert isinstance(reply, FileFailed) and reply.problem == "skipped"


# --- what the process may not do ---------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_all_of_a_reader_is_shut_in(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "left over").write_text("")
    with started("--scratch", str(scratch), "--nice", "5", "--memory-mb", "900") as child:
        hello = child.receive()
        assert isinstance(hello, Hello) and {"network", "memory"} <= set(hello.protections)
        assert list(scratch.iterdir()) == []
        assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
        for name in ("house-notes.md", "workshop-lease.pdf", "family-recipes.html"):
            assert isinstance(child.ask(extract(SAMPLE / name))[1], Extracted)
        process = Path("/proc", str(child.process.pid))
        for thread in (process / "task").iterdir():
            status = (thread / "status").read_text()
            assert "Seccomp:\t2\n" in status and "NoNewPrivs:\t1\n" in status
        assert psutil.Process(child.process.pid).nice() == psutil.Process().nice() + 5
        limits = (process / "limits").read_text().splitlines()
        found = {line[:26].strip(): line[26:].split()[:2] for line in limits}
        assert found["Max address space"] == ["900000000"] * 2
        assert found["Max core file size"] == ["1", "1"]
        assert found["Max file size"][0] == "0"
        assert found["Max cpu time"][0].isdigit()
