"""Made-up results, folders, conversations and usage, as the service would send them."""

from __future__ import annotations

import base64
import json
import random

from PySide6.QtCore import QBuffer, QIODevice, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter

from core.messages import (
    UNTITLED,
    About,
    Box,
    Citation,
    Copy,
    DigestEntry,
    Hit,
    Locator,
    Quoted,
    RemotePreview,
    SentText,
)
from core.settings import DECLARED

LEASE = (
    "The lease runs for five years, from 1 June 2023 to 31 May 2028. The tenants may renew it "
    "once, for another five years, by giving notice in writing at least six months before the "
    "end. The rent is 540 pounds a month, payable on the first working day."
)
PAGE = (
    "LEASE of the forge workshop at 4 Mill Lane\n\n1. Parties. This lease is made between the "
    "Harrow Trust and the Mill Lane Makers.\n\n2. Term. " + LEASE + " It stays fixed for the "
    "first three years and may then rise by no more than the official rate.\n\n4. Use. The "
    "workshop is let for metalwork, woodwork and the repair of bicycles. No paint may be sprayed "
    "indoors.\n\n5. Insurance. The tenants insure the contents; the Trust insures the building."
)


# Where three lines of the page that `page_png` draws stand.
PAGE_BOXES = (
    Box(0.1, 0.309, 0.88, 0.328), Box(0.1, 0.334, 0.8, 0.353), Box(0.1, 0.359, 0.62, 0.378),
)  # fmt: skip


def marks(text: str, *words: str) -> tuple[tuple[int, int], ...]:
    """Ranges of the first place of each word."""
    return tuple((text.find(w), text.find(w) + len(w)) for w in words if w in text)


def hit(
    rank: int = 1,
    path: str = "/home/ana/Documents/workshop-lease.pdf",
    snippet: str = LEASE,
    locator: Locator | None = None,
    source: str = "both",
    state: str = "ok",
    start: int = 0,
    words: tuple[str, ...] = ("lease", "end"),
    about: About = UNTITLED,
    copies: tuple[Copy, ...] = (),
) -> Hit:
    """One result."""
    return Hit(
        rank=rank,
        score=1.0 / rank,
        path=path,
        locator=locator or Locator(page=1, heading="2. Term"),
        start=start,
        end=start + len(snippet),
        snippet=snippet if state == "ok" else "",
        marks=marks(snippet, *words) if state == "ok" and source != "semantic" else (),
        state=state,
        source=source,  # type: ignore[arg-type]
        about=about,
        copies=copies,
    )


def hits() -> tuple[Hit, ...]:
    """A handful of results of several kinds."""
    return (
        hit(
            1,
            about=About(
                "Lease of the forge workshop at 4 Mill Lane",
                "The Harrow Trust",
                1_684_000_000,
                1_685_600_000,
            ),
            copies=(
                Copy("/home/ana/Documents/club/workshop-lease.pdf", "identical"),
                Copy("/home/ana/Documents/drafts/workshop-lease-draft-2.docx", "near"),
                Copy("/home/ana/Documents/letters/R&D/to-the-trust.eml", "passage"),
            ),
        ),
        hit(
            2,
            "/home/ana/Documents/letters/letter-from-the-council.txt",
            "Please note that the agreement for the premises will come to a close in the spring of "
            "2028 unless both sides sign a renewal.",
            Locator(line=14),
            "semantic",
            start=40,
        ),
        hit(
            3,
            "/home/ana/Documents/house/house-notes.md",
            "The warranty ends on 13 March 2031, but only if it is serviced every year before the "
            "end of March; the service book hangs on a nail inside the boiler cupboard.",
            Locator(line=31, heading="Boiler"),
            "lexical",
            start=80,
            words=("ends", "end of"),
        ),
        hit(
            4,
            "/home/ana/Documents/club/2024/minutes/club-minutes-of-the-spring-meeting.docx",
            "The end of the lease was discussed. Margit will write to the Trust.",
            Locator(heading="Any other business"),
            "both",
            start=120,
            about=About(
                "Minutes of the spring meeting of the Mill Lane Makers, with the decisions "
                "on the workshop, the roof and the lathe",
                None,
                None,
                1_712_000_000,
            ),
            copies=(Copy("/home/ana/Documents/club/2024/minutes/minutes.pdf", "near"),),
        ),
        hit(
            5,
            "/media/backup/old/tenancy-2018.odt",
            state="offline",
            source="semantic",
            locator=Locator(),
        ),
        hit(
            6,
            "/home/ana/Documents/invoice\u202efdp.exe.txt",
            "A name with a right-to-left override, and <b>markup</b> that stays as it is.",
            Locator(line=1),
            "lexical",
            words=("override",),
        ),
    )


def many(number: int) -> tuple[Hit, ...]:
    """So many results."""
    return tuple(hit(n + 1, f"/home/ana/Notes/note-{n:05}.txt", start=n) for n in range(number))


def sources() -> tuple[Citation, ...]:
    """Two passages for an answer."""
    return (
        Citation(1, "/home/ana/Documents/workshop-lease.pdf", Locator(page=1, heading="2. Term"),
                 "The lease runs for five years, from 1 June 2023 to 31 May 2028."),
        Citation(2, "/home/ana/Documents/letters/letter-from-the-council.txt", Locator(line=14),
                 "The agreement for the premises will come to a close in the spring of 2028."),
    )  # fmt: skip


def folders() -> list[dict[str, object]]:
    """Three folders: one whole, one with problems, one offline."""
    none = {"indexed": 0, "skipped": 0, "failed": 0, "needs_ocr": 0, "offline": 0, "waiting": 0}
    return [
        {
            "path": "/home/ana/Documents",
            "state": "watched",
            "files": {**none, "indexed": 1240, "skipped": 12, "failed": 3, "needs_ocr": 2},
            "excluded": ["*.tmp", "node_modules/"],
            "skipped_by_rule": {"node_modules/": 410, "*.tmp": 6},
        },
        {
            "path": "/home/ana/Notes",
            "state": "watched",
            "files": {**none, "indexed": 318},
            "excluded": [],
            "skipped_by_rule": {},
        },
        {
            "path": "/media/backup/old",
            "state": "offline",
            "files": {**none, "offline": 77},
            "excluded": [],
            "skipped_by_rule": {},
        },
    ]


PROTECTED = "is protected by a password; save a copy without it to have it searched"
DAMAGED = "is damaged or incomplete; open it in the program that made it and save it again"
TOO_LONG = "took longer than 60 s to read and was set aside; it is tried again when it changes"


def failures() -> list[dict[str, str]]:
    """Files that could not be read."""
    return [
        {"path": "/home/ana/Documents/tax/2019.pdf", "reason": PROTECTED},
        {"path": "/home/ana/Documents/old/thesis.doc", "reason": DAMAGED},
        {"path": "/home/ana/Documents/<b>x</b>\u202etxt.pdf", "reason": TOO_LONG},
    ]


def settings(**chosen: object) -> list[dict[str, object]]:
    """The table of the declared settings with their defaults, but for `window_theme="dark"`."""
    return [
        {
            "key": s.key,
            "value": chosen.get(s.key.replace(".", "_"), _plain(s.default)),
            "default": _plain(s.default),
            "low": s.low,
            "high": s.high,
            "choices": list(s.choices),
            "help": s.help,
        }
        for s in DECLARED
    ]


def _quoted(path: str, text: str, start: int, *marked: str, page: int = 1) -> Quoted:
    return Quoted(path, Locator(page=page), start, start + len(text), text, marks(text, *marked))


def dates_entries() -> tuple[DigestEntry, ...]:
    """The dates of a lease."""
    path = "/home/ana/Documents/workshop-lease.pdf"
    first = _quoted(path, "It <b>began</b> on 1 June 2023.", 90, "1 June 2023")
    text = "The lease runs for five years, to 31 May 2028, and may be renewed once."
    return (
        DigestEntry("date", first, date="2023-06-01"),
        DigestEntry("date", _quoted(path, text, 150, "31 May 2028", page=2), date="2028-05-31"),
    )


def changed_entries() -> tuple[DigestEntry, ...]:
    """What changed between two leases."""
    old, new = "/home/ana/Documents/workshop-lease.pdf", "/home/ana/new.pdf"
    return (
        DigestEntry(
            "changed",
            _quoted(new, "The rent is 575 pounds a month.", 300, "575"),
            _quoted(old, "The rent is 540 pounds a month.", 280, "540"),
        ),
        DigestEntry("added", _quoted(new, "No paint may be sprayed indoors.", 700, page=3)),
    )


def remote_preview(number: int) -> RemotePreview:
    """What a server of the person's would be sent."""
    texts = (
        SentText("system", "You answer a question about a person's own files."),
        SentText("user", f"[1] {LEASE}\n\n[2] Notice is given in spring.\n\nQuestion: When?"),
    )
    body = {"model": "big", "messages": [], "stream": True, "max_tokens": 200}
    return RemotePreview(
        number, "a seal", "192.168.1.20:8080", "http://192.168.1.20:8080/v1/chat/completions",
        "big", texts, json.dumps(body), True, False, False,
    )  # fmt: skip


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def page_png(width: int = 900) -> str:
    """A made-up page as the base64 text of a PNG."""
    image = QImage(width, round(width * 1.414), QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.setPen(QColor("#333333"))
    font = QFont()
    font.setPixelSize(width // 50)
    painter.setFont(font)
    line, words = 0, random.Random(7).choices(PAGE.split(), k=280)
    for at in range(0, len(words), 8):
        line += width // 28
        painter.drawText(width // 10, width // 10 + line, " ".join(words[at : at + 8]))
    painter.end()
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return base64.b64encode(bytes(buffer.data().data())).decode("ascii")


def grouped() -> tuple[Hit, ...]:
    """Results of which several are of one file."""
    lease = "/home/ana/Documents/workshop-lease.pdf"
    places = (Locator(page=1, heading="2. Term"), Locator(page=2), Locator(page=3),
              Locator(page=7, heading="Ending the lease"), Locator(page=9))  # fmt: skip
    of_one = [
        hit(2 * n + 1, lease, locator=place, start=1000 * n) for n, place in enumerate(places)
    ]
    return (of_one[0], *hits()[1:3], *of_one[1:])
