"""vCard: every person or organisation of an address book a member."""

from __future__ import annotations

from core.messages import About
from core.text import dates
from core.text.contentlines import ContentLine, content_lines
from core.text.document import Document, TextBuilder, clean_title
from core.text.source import Source

_LABELS = {
    "NICKNAME": "Called",
    "ORG": "Organisation",
    "TITLE": "Title",
    "ROLE": "Role",
    "TEL": "Telephone",
    "EMAIL": "E-mail",
    "IMPP": "Chat",
    "ADR": "Address",
    "BDAY": "Birthday",
    "ANNIVERSARY": "Anniversary",
    "URL": "Link",
    "CATEGORIES": "Categories",
    "NOTE": "Note",
}
_IN_PARTS = frozenset(("ADR", "ORG"))


def extract_contacts(source: Source) -> Document:
    """The cards of an address book, a line for each thing that is known.

    Raises FileError when it cannot be read or is too long.
    """
    out = TextBuilder(source.path, source.limits)
    card: list[ContentLine] | None = None
    for line in content_lines(source):
        value = line.value.strip().upper()
        if line.name == "BEGIN" and value == "VCARD":
            card = []
        elif line.name == "END" and value == "VCARD":
            _write(out, card or [])
            card = None
        elif card is not None:
            card.append(line)
    if card:
        _write(out, card)  # the file is cut off
    return out.document("vcf")


def _write(out: TextBuilder, card: list[ContentLine]) -> None:
    by_name: dict[str, ContentLine] = {}
    for line in card:
        by_name.setdefault(line.name, line)
    name = clean_title(by_name["FN"].text()) if "FN" in by_name else None
    if name is None and "N" in by_name:
        family, *given = [*by_name["N"].fields(), ""][:3]
        name = " ".join(filter(None, [*given, family]))
    if not name:
        named = next((by_name[key] for key in ("ORG", "EMAIL") if key in by_name), None)
        name = ", ".join(named.fields()) if named else "card"
    revised = by_name["REV"].text() if "REV" in by_name else None
    out.member_mark(name, About(clean_title(name), None, None, dates.from_iso(revised)))
    if card:
        out.from_line(card[0].line)
    out.add((clean_title(name) or "card") + "\n")
    for line in card:
        if line.name not in _LABELS:
            continue
        words = ", ".join(line.fields()) if line.name in _IN_PARTS else line.text()
        if words:
            out.from_line(line.line)
            out.add(f"{_LABELS[line.name]}: {words.removeprefix('tel:')}\n")
