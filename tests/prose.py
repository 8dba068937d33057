"""Made-up documents of the kinds that are kept in several versions, and that only look alike."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

_NOUNS = (
    "harbour garden ledger bridge kitchen orchard engine window archive meadow ladder furnace "
    "library tunnel market chimney village workshop valley cellar lantern mirror compass railway "
    "quarry stable theatre fountain granary lighthouse"
).split()
_VERBS = (
    "carries holds needs repairs covers follows measures replaces supports borders feeds heats "
    "drains cleans lights guards divides crosses reaches opens"
).split()
_ADJECTIVES = (
    "old narrow wooden quiet broken heavy western small painted deep empty modern steep warm "
    "hidden flooded famous rusty square damp"
).split()
_TIMES = (
    "in winter;after the storm;for many years;before the harvest;since the spring;on most days;"
    "during the repairs;at low tide;without a permit;under the new rules"
).split(";")
FIRST = "Maria Tom Anna Peter Sofia Karl Lena Jonas Clara Felix Nora Oskar Ida Emil Greta".split()
LAST = "Miller Hansen Rossi Novak Silva Dubois Keller Moreau Lindt Berg Okafor Tanaka".split()
MONTHS = "January February March April May June July August September October".split()


class Prose:
    """Sentences, paragraphs and what goes into forms, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def sentence(self) -> str:
        one, two, three = (self.random.choice(_NOUNS) for _ in range(3))
        a, b = (self.random.choice(_ADJECTIVES) for _ in range(2))
        verb, other = (self.random.choice(_VERBS) for _ in range(2))
        when = self.random.choice(_TIMES)
        return self.random.choice(
            (
                f"The {a} {one} {verb} the {two} {when}.",
                f"A {one} of the {a} {two} {verb} what the {b} {three} {other}.",
                f"{when.capitalize()} the {one} {verb} a {b} {two} and the {three}.",
                f"Nobody {verb} the {one}, because the {a} {two} {other} it {when}.",
            )
        )

    def paragraph(self, sentences: int = 6) -> str:
        return " ".join(self.sentence() for _ in range(sentences))

    def paragraphs(self, number: int) -> list[str]:
        return [self.paragraph(self.random.randint(4, 8)) for _ in range(number)]

    def name(self) -> str:
        return f"{self.random.choice(FIRST)} {self.random.choice(LAST)}"

    def date(self) -> str:
        return (
            f"{self.random.randint(1, 28)} {self.random.choice(MONTHS)} "
            f"{self.random.randint(2015, 2025)}"
        )

    def amount(self) -> str:
        return f"{self.random.randint(10, 3000)}.{self.random.randint(10, 99)}"


@dataclass(frozen=True)
class Made:
    """A made-up document. Those of one `group` show the same wherever their words are the same."""

    name: str
    text: str
    group: str


def versions(prose: Prose, number: int) -> list[Made]:
    """A report and what became of it: paragraphs put in and taken out, a word changed."""
    paragraphs = prose.paragraphs(prose.random.randint(4, 8))
    group = f"report{number}"
    at = prose.random.randrange(len(paragraphs))
    longer = [*paragraphs[:at], prose.paragraph(), *paragraphs[at:]]
    shorter = [p for n, p in enumerate(longer) if n != prose.random.randrange(len(longer))]
    words = longer[-1].split()
    words[prose.random.randrange(1, len(words))] = prose.random.choice(_ADJECTIVES)
    changed = [*longer[:-1], " ".join(words)]
    return [
        Made(f"{group}-{n}.txt", "\n\n".join(version) + "\n", group)
        for n, version in enumerate((paragraphs, longer, shorter, changed))
    ]


def invoices(prose: Prose, count: int) -> list[Made]:
    """Invoices from one template."""
    goods = [f"{a} {n}" for a, n in zip(_ADJECTIVES, _NOUNS, strict=False)]
    made = []
    for number in range(count):
        who = prose.name()
        lines = "\n".join(f"{prose.random.choice(goods)}  {prose.amount()} euro" for _ in range(3))
        made.append(
            Made(
                f"invoice-{number}.txt",
                f"Invoice number {4000 + 7 * number}\nDate: {prose.date()}\nCustomer: {who}\n\n"
                f"Dear {who},\n\nthank you for your order. We charge you for these goods, which "
                f"were brought to your address in good condition:\n\n{lines}\n\n"
                f"Total: {prose.amount()} euro including tax of 20 per cent\n\n"
                "Please pay the total within thirty days to our account at the Harbour Bank. The "
                "goods stay ours until they are paid in full. If you have any questions, write "
                "to our office or call us on weekdays between nine and five.\n",
                f"invoice{number}",
            )
        )
    return made


def forms(prose: Prose, count: int) -> list[Made]:
    """A form: empty, and filled in with names, with reasons in lower case, with whole texts."""
    head = "Request for a change of use. " + prose.paragraph(3)
    tail = "The board decides on requests once a month. " + prose.paragraph(3)
    made = [Made("form.txt", f"{head}\n\nName:\nReason:\n\n{tail}\n", "form")]
    for number in range(count):
        reason = [
            f"the {prose.random.choice(_ADJECTIVES)} {prose.random.choice(_NOUNS)} is leaking",
            f"{prose.name()} moved to {prose.random.randint(1, 99)} Mill Lane on {prose.date()}",
            prose.sentence().lower(),
        ][number % 3]
        made.append(
            Made(
                f"form-{number}.txt",
                f"{head}\n\nName: {prose.name()}\nReason: {reason}\n\n{tail}\n",
                f"form{number}",
            )
        )
    return made


def letters(prose: Prose, count: int) -> list[Made]:
    """Letters of their own with the same words at the foot."""
    foot = (
        "This letter and what comes with it are confidential and meant for the person named "
        "only. If you have it by mistake, please tell the sender and destroy it. The Harbour "
        "Town Society, 4 Mill Lane, is a registered charity chaired by Marta Olsen. Views "
        "expressed here are those of the writer and need not be those of the society."
    )
    return [
        Made(
            f"letter-{number}.txt",
            "\n\n".join([*prose.paragraphs(prose.random.randint(1, 3)), foot]) + "\n",
            f"letter{number}",
        )
        for number in range(count)
    ]


def mails(prose: Prose, number: int) -> list[Made]:
    """A mail and an answer that quotes it."""
    one, two = prose.random.sample(FIRST, 2)
    said = [f"Hello {two},", "", *prose.paragraph(7).split(". "), "", "Best wishes", one]
    quoted = "\n".join(f"> {line}" for line in said)

    def head(sender: str, receiver: str, subject: str) -> str:
        return (
            f"From: {sender} <{sender.lower()}@example.org>\nTo: {receiver}\n"
            f"Date: {prose.date()}\nSubject: {subject}\n\n"
        )

    subject = prose.sentence().rstrip(".")
    return [
        Made(f"mail{number}-1.txt", head(one, two, subject) + "\n".join(said) + "\n",
             f"mail{number}"),
        Made(f"mail{number}-2.txt",
             head(two, one, f"Re: {subject}") + f"I agree.\n\nOn Monday {one} wrote:\n{quoted}\n",
             f"mail{number}"),
    ]  # fmt: skip


def books(prose: Prose, number: int) -> list[Made]:
    """A book, a chapter of it, and an excerpt."""
    paragraphs = prose.paragraphs(14)
    at = prose.random.randint(1, 8)
    parts = {
        "book": paragraphs,
        "chapter": paragraphs[at : at + 5],
        "excerpt": [paragraphs[at + 2]],
    }
    return [
        Made(f"{name}{number}.txt", "\n\n".join(part) + "\n", f"book{number}")
        for name, part in parts.items()
    ]


def library(seed: int, size: int) -> list[Made]:
    """About `size` documents of all these kinds."""
    prose = Prose(seed)
    made: list[Made] = []
    for number in range(size // 20):
        made += versions(prose, number) + mails(prose, number) + books(prose, number)
    made += invoices(prose, size // 5) + forms(prose, size // 10) + letters(prose, size // 5)
    return made


def write_docx(path: Path, paragraphs: Sequence[str]) -> None:
    """A Word file of these paragraphs."""
    body = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{escape(p)}</w:t></w:r></w:p>' for p in paragraphs
    )
    w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    kinds = "http://schemas.openxmlformats.org/package/2006/content-types"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", f'<Types xmlns="{kinds}"/>')
        archive.writestr(
            "word/document.xml", f'<w:document xmlns:w="{w}"><w:body>{body}</w:body></w:document>'
        )


def write_pdf(path: Path, lines: Sequence[str], lines_a_page: int = 44) -> None:
    """A PDF of these lines, which are plain ASCII."""
    pages = [lines[at : at + lines_a_page] for at in range(0, len(lines), lines_a_page)]
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {len(pages)} /Kids ["
        f"{' '.join(f'{5 + 2 * n} 0 R' for n in range(len(pages)))}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, page in enumerate(pages):
        shown = " ".join(f"({line.translate(_ESCAPES)}) Tj T*" for line in page)
        drawn = f"BT /F1 11 Tf 60 780 Td 15 TL {shown} ET".encode("ascii")
        parts.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn))
        parts.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {4 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
    data, offsets = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(parts) + 1
    path.write_bytes(
        data
        + b"xref\n0 %d\n0000000000 65535 f \n%b" % (size, table)
        + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(data))
    )


_ESCAPES = str.maketrans({"\\": "\\\\", "(": "\\(", ")": "\\)"})
