"""Builds files that mean harm, or only look as if they did, out of nothing but a seed.

Each builder writes into a folder. `URL` stands for an address that nobody may
ask for; `SECRET` is the text of a file that no other may draw in.
"""

from __future__ import annotations

import os
import random
import socket
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

SECRET = "snickersnee vorpal password"
_SAMPLE = Path(__file__).parents[2] / "resources" / "sample-folder"
_CONTENT_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/'
    'content-types"><Default Extension="xml" ContentType="application/xml"/></Types>'
)
_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def _docx(path: Path, document: str, more: Mapping[str, str] = MappingProxyType({})) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", _CONTENT_TYPES)
        archive.writestr("word/document.xml", document)
        for name, data in more.items():
            archive.writestr(name, data)


def _body(text: str) -> str:
    paragraph = f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"
    return f'<w:document xmlns:w="{_W}"><w:body>{paragraph}</w:body></w:document>'


def _bomb(path: Path, member: str, head: bytes, block: bytes, times: int, tail: bytes) -> None:
    """A zip file with one member of head + block * times + tail, packed once."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    middle = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(tail) + packer.flush()
    checksum = zlib.crc32(head)
    for _ in range(times):
        checksum = zlib.crc32(block, checksum)
    packed = start + middle * times + end
    size = len(head) + len(block) * times + len(tail)
    fields = struct.pack("<IIIHH", zlib.crc32(tail, checksum), len(packed), size, len(member), 0)
    local = struct.pack("<4s5H", b"PK\3\4", 20, 0, 8, 0, 0) + fields + member.encode()
    central = struct.pack("<4s6H", b"PK\1\2", 20, 20, 0, 8, 0, 0) + fields
    central += struct.pack("<HHHII", 0, 0, 0, 0, 0) + member.encode()
    where = len(local) + len(packed)
    finish = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central), where, 0)
    path.write_bytes(local + packed + central + finish)


def bombs(folder: Path, megabytes: int, depth: int, more: bool) -> None:
    """What unpacks to `megabytes` or to no end, and what is nested `depth` deep."""
    head = f'<w:document xmlns:w="{_W}"><w:body>'.encode()
    block = (b"<w:p><w:r><w:t>" + b"boom " * 100 + b"</w:t></w:r></w:p>") * 1_900
    _bomb(
        folder / "bomb.docx", "word/document.xml", head, block, megabytes, b"</w:body></w:document>"
    )
    members = {"bomb.xlsx": "xl/sharedStrings.xml", "bomb.zip": "zeros"}
    if more:
        members |= {"bomb.odt": "content.xml", "bomb.epub": "META-INF/container.xml"}
    for name, member in members.items():
        _bomb(folder / name, member, b"<a>", b" " * 1_000_000, megabytes, b"</a>")
    # Zip files in zip files, each holding the one before; the last by the name of a document.
    inner = b"the innermost words"
    for number in range(40):
        outer = BytesIO()
        with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{number}.zip", inner)
            archive.writestr("word/document.xml", inner)
        inner = outer.getvalue()
    (folder / "nested.docx").write_bytes(inner)
    (folder / "nested.zip").write_bytes(inner)
    _overlapping(folder / "overlapping.docx")
    entities = '<!ENTITY a0 "ha">' + "".join(
        f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)
    )
    _docx(folder / "laughs.docx", f"{_HEAD}<!DOCTYPE w [{entities}]>{_body('&a11;')}")
    long = "x" * 200_000
    quadratic = f'<!DOCTYPE w [<!ENTITY a "{long}">]>'
    _docx(folder / "quadratic.docx", f"{_HEAD}{quadratic}{_body('&a;' * 20_000)}")
    (folder / "deep.html").write_text("<div>" * depth + "deep" + "</div>" * depth)
    (folder / "deep.rtf").write_text("{\\rtf1 " + "{" * depth + "deep" + "}" * depth + "}")
    (folder / "deep.json").write_text("[" * depth + "]" * depth)
    _docx(folder / "deep.docx", f"{_HEAD}{'<a>' * depth}{'</a>' * depth}")


def _overlapping(path: Path) -> None:
    """A zip file with 2,000 members that are one and the same stretch of the file."""
    data = bytes(2_000_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", data)
        [first] = archive.filelist
        for number in range(2_000):
            info = zipfile.ZipInfo(f"word/header{number}.xml")
            info.compress_type, info.header_offset = first.compress_type, first.header_offset
            info.file_size, info.compress_size = first.file_size, first.compress_size
            info.CRC = first.CRC
            archive.filelist.append(info)


def calls_home(folder: Path, url: str, secret: Path) -> None:
    """Documents that name an address, or another file, to be drawn in."""
    own = secret.as_uri()
    (folder / "remote.html").write_text(
        f'<html><head><link rel="stylesheet" href="{url}/a.css"><script src="{url}/a.js"></script>'
        f'<meta http-equiv="refresh" content="0;url={url}/refresh"><base href="{url}/">'
        f"<style>@import url({url}/b.css); p {{background: url({url}/c.png)}}</style></head><body>"
        f'<p>A page with pictures.</p><img src="{url}/a.png" srcset="{url}/b.png 2x">'
        f'<iframe src="{own}"></iframe><object data="{own}"></object>'
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink"><image xlink:href="{url}/svg.png"/>'
        f'<use href="{own}#a"/></svg><video src="{url}/a.mp4" autoplay></video></body></html>'
    )
    entities = f'<!ENTITY own SYSTEM "{own}"><!ENTITY far SYSTEM "{url}/entity">'
    (folder / "remote.xhtml").write_text(
        f'{_HEAD}<!DOCTYPE html [{entities}]><html xmlns="http://www.w3.org/1999/xhtml"><body>'
        "<p>An entity: &own; &far;</p></body></html>"
    )
    (folder / "picture.svg").write_text(
        f'{_HEAD}<!DOCTYPE svg [<!ENTITY own SYSTEM "{own}">]><svg xmlns="http://www.w3.org/2000/svg">'
        f'<text>&own;</text><image href="{url}/a.png"/></svg>'
    )
    external = (
        f'{_HEAD}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="a" Type="{_R}/attachedTemplate" Target="{url}/t.dotm" '
        f'TargetMode="External"/><Relationship Id="b" Type="{_R}/image" Target="{url}/i.png" '
        f'TargetMode="External"/><Relationship Id="c" Type="{_R}/subDocument" Target="{own}" '
        'TargetMode="External"/></Relationships>'
    )
    _docx(
        folder / "template.docx",
        f'{_HEAD}<!DOCTYPE w [<!ENTITY own SYSTEM "{own}"><!ENTITY % far SYSTEM "{url}/dtd">%far;]>'
        + _body("Words and an entity: &own;"),
        {
            "word/_rels/document.xml.rels": external,
            "word/settings.xml": f'<w:settings xmlns:w="{_W}" xmlns:r="{_R}">'
            '<w:attachedTemplate r:id="a"/></w:settings>',
            "word/_rels/settings.xml.rels": external,
        },
    )
    (folder / "page.mhtml").write_text(
        f"From: <saved>\nSubject: saved\nMIME-Version: 1.0\nContent-Location: {url}/page\n"
        'Content-Type: multipart/related; boundary="b"; type="text/html"\n\n--b\n'
        f"Content-Type: text/html\nContent-Location: {url}/page\n\n<p>Saved</p>"
        f'<img src="{url}/m.png">\n--b\nContent-Type: message/external-body; access-type=URL; '
        f'URL="{url}/body"\n\n\n--b--\n'
    )
    (folder / "linked.rtf").write_text(
        r"{\rtf1\ansi Words.{\field{\*\fldinst INCLUDEPICTURE \"" + url + r"/p.png\" \\d}}"
        r"{\field{\*\fldinst INCLUDETEXT \"" + str(secret) + r"\"}}{\*\template " + url + "/t.dot}}"
    )
    # The same goes to LibreOffice, where it is installed.
    (folder / "linked.doc").write_bytes((folder / "linked.rtf").read_bytes())
    (folder / "feed.eml").write_text(
        "From: a@example.org\nSubject: pictures\nMIME-Version: 1.0\nContent-Type: text/html\n"
        f'List-Unsubscribe: <{url}/u>\n\n<img src="{url}/pixel.gif"><p>Hello</p>'
    )


def odd_contents(folder: Path, seed: int, line_bytes: int) -> None:
    """An endless line, wrong encodings, deep mail and damaged files."""
    dice = random.Random(seed)
    with (folder / "endless.txt").open("w") as file:
        for _ in range(line_bytes // 70_000):
            file.write("endless" * 10_000)
    (folder / "zeros.txt").write_bytes(bytes(200_000))
    (folder / "noise.md").write_bytes(dice.randbytes(5_000))
    mixed = "Grüße, ".encode() + "Größe".encode("latin-1") + "\u65e5\u672c".encode("shift-jis")
    (folder / "mixed.txt").write_bytes((mixed + b"\n") * 500)
    (folder / "utf16.csv").write_bytes("größe;wert\n1;2\n".encode("utf-16-be") * 300)
    (folder / "half.txt").write_bytes(
        "\ufeffhalf a pair \ud83d\ude00".encode("utf-16", "surrogatepass")[:-1]
    )
    (folder / "lies.html").write_bytes(b'<meta charset="utf-32"><p>caf\xe9 \x80\x81</p>' * 50)
    (folder / "controls.txt").write_bytes(b"\x1b]0;title\x07\x1b[2Jred\x08\x08\r\n" * 200)
    message = b"Subject: the innermost\n\nwords\n"
    for _ in range(300):
        message = b"MIME-Version: 1.0\nContent-Type: message/rfc822\n\n" + message
    (folder / "deep.eml").write_bytes(message)
    parts = "".join(
        f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(2_000)
    )
    (folder / "parts.eml").write_text("MIME-Version: 1.0\n" + parts + "\nwords")
    (folder / "headers.eml").write_text("".join(f"X-{n}: {'=?x?q?' * 50}\n" for n in range(3_000)))
    lease = (_SAMPLE / "workshop-lease.pdf").read_bytes()
    for number in range(6):
        damaged = bytearray(lease)
        for _ in range(dice.choice((3, 40, 400))):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        start = dice.randrange(len(damaged))
        damaged[start : start + dice.choice((0, 0, 700))] = b""
        (folder / f"fuzzed{number}.pdf").write_bytes(damaged)
    for name in ("harrier-restoration.docx", "garden-diary.odt", "tool-inventory.xlsx"):
        data = bytearray((_SAMPLE / name).read_bytes())
        for _ in range(60):
            data[dice.randrange(30, len(data))] = dice.randrange(256)
        (folder / f"fuzzed-{name}").write_bytes(data)


def odd_names(folder: Path) -> None:
    """Names and kinds of entries that a program may trip over. Links and pipes are no files."""
    words = "Words under an odd name. "
    names = [
        *("--help", "-rf", "a\nb.txt", "tab\there.txt", " ", "'\";$(touch x)`.md", "~", "*?[.txt"),
        *("\u202etxt.exe.txt", "x" * 251 + ".txt", "é.txt", "e\u0301.txt", "\x01\x7f.txt"),
    ]
    if sys.platform == "linux":
        names += map(os.fsdecode, (b"caf\xe9.txt", b"\xff\xfe.pdf", b"\xc0\xaf.docx"))
    for number, name in enumerate(names):
        (folder / name).write_text(words + str(number))
    inner = folder
    for _ in range(40):
        inner = inner / "deeper and deeper"
    inner.mkdir(parents=True)
    (inner / "bottom.txt").write_text(words + "at the bottom")
    (folder / "loop-a").symlink_to(folder / "loop-b")
    (folder / "loop-b").symlink_to(folder / "loop-a")
    (folder / "up").symlink_to(folder)
    (folder / "self.txt").symlink_to(folder / "self.txt")
    (folder / "device-link.txt").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.txt")
    here = Path.cwd()
    try:
        os.chdir(folder)  # the name of a socket is bounded
        with socket.socket(socket.AF_UNIX) as place:
            place.bind("socket.txt")
    finally:
        os.chdir(here)
    if os.geteuid() == 0:
        os.mknod(folder / "zero.txt", stat.S_IFCHR | 0o600, os.makedev(1, 5))


def regular_files(folder: Path) -> int:
    """How many regular files there are below a folder, links not followed."""
    found = 0
    for where, _, names in os.walk(os.fsencode(folder)):
        for name in names:
            found += stat.S_ISREG(os.lstat(os.path.join(where, name)).st_mode)  # noqa: PTH118
    return found
