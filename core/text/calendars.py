"""iCalendar: every event, task and journal entry a member, in words a person would use."""

from __future__ import annotations

import re

from core.messages import UNTITLED, About
from core.text import dates
from core.text.contentlines import ContentLine, content_lines
from core.text.document import Document, TextBuilder, clean_title
from core.text.source import Source

_ENTRIES = {"VEVENT": "event", "VTODO": "task", "VJOURNAL": "note"}
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?\Z", re.A)
_LABELS = {
    "LOCATION": "Where",
    "ORGANIZER": "Organizer",
    "CATEGORIES": "Categories",
    "STATUS": "Status",
    "URL": "Link",
    "RRULE": "Repeats",
}
_MOST_ATTENDEES = 200


def extract_calendar(source: Source) -> Document:
    """The entries of a calendar; times stand as written, with their zone where one is named.

    Raises FileError when it cannot be read or is too long.
    """
    out = TextBuilder(source.path, source.limits)
    name = ""
    open_parts: list[str] = []
    entry: list[ContentLine] = []
    for line in content_lines(source):
        if line.name == "BEGIN":
            open_parts.append(line.value.strip().upper())
            if open_parts[-1] in _ENTRIES:
                entry = []
            del open_parts[:-20]
        elif line.name == "END":
            part = open_parts.pop() if open_parts else ""
            if part in _ENTRIES:
                _write(out, part, entry)
        elif open_parts and open_parts[-1] in _ENTRIES:
            entry.append(line)
        elif line.name in ("X-WR-CALNAME", "NAME"):
            name = name or line.text()
    if open_parts and open_parts[-1] in _ENTRIES:
        _write(out, open_parts[-1], entry)  # the file is cut off
    return out.document("ics", about=About(name) if name else UNTITLED)


def _write(out: TextBuilder, part: str, entry: list[ContentLine]) -> None:
    """Add one entry: its summary, when, where, who, and what it says."""
    by_name: dict[str, ContentLine] = {}
    for line in entry:
        by_name.setdefault(line.name, line)

    def text(name: str) -> str | None:
        return clean_title(by_name[name].text()) if name in by_name else None

    def put(name: str, words: str) -> None:
        if words:
            if name in by_name:
                out.from_line(by_name[name].line)
            out.add(words + "\n")

    title = text("SUMMARY") or _ENTRIES[part]
    about = About(
        title,
        _person(by_name["ORGANIZER"]) if "ORGANIZER" in by_name else None,
        dates.from_iso(text("CREATED")),
        dates.from_iso(text("LAST-MODIFIED")),
    )
    out.member_mark(title, about)
    put("SUMMARY", title)
    when = _when(by_name)
    put("DTSTART" if "DTSTART" in by_name else "DUE", when)
    for name, label in _LABELS.items():
        if name in by_name:
            line = by_name[name]
            words = _person(line) if name == "ORGANIZER" else clean_title(line.text())
            put(name, f"{label}: {words}" if words else "")
    people = [_person(line) for line in entry if line.name == "ATTENDEE"][:_MOST_ATTENDEES]
    put("ATTENDEE", "Attendees: " + ", ".join(filter(None, people)) if any(people) else "")
    for line in entry:
        if line.name in ("DESCRIPTION", "COMMENT"):
            out.from_line(line.line)
            out.add(line.text() + "\n")


def _when(by_name: dict[str, ContentLine]) -> str:
    """ "When: 2025-11-26 19:30 to 21:30 (Europe/London)" as far as it is known."""
    start = _moment(by_name.get("DTSTART"))
    end = _moment(by_name.get("DTEND"))
    due = _moment(by_name.get("DUE"))
    if start is None:
        return f"Due: {' '.join(filter(None, due))}" if due else ""
    day, time, zone = start
    words = f"When: {day} {time}".rstrip()
    if end is not None and end[:2] != (day, time):
        same_day = end[0] == day and end[1]
        words += " to " + (end[1] if same_day else f"{end[0]} {end[1]}".rstrip())
    words += f" {zone}" if zone else ""
    return words + (f", due {' '.join(filter(None, due))}" if due else "")


def _moment(line: ContentLine | None) -> tuple[str, str, str] | None:
    """Day, time of day and zone as written; a value that is no time stands as the day."""
    if line is None:
        return None
    value = line.text()
    zone = line.parameters.get("TZID", "")
    match = _TIME.match(value)
    if match is None:
        return (clean_title(value) or "?", "", "")
    year, month, day, hour, minute, _, zulu = match.groups()
    time = f"{hour}:{minute}" if hour else ""
    zone = "(UTC)" if zulu else f"({clean_title(zone)})" if zone and time else ""
    return f"{year}-{month}-{day}", time, zone


def _person(line: ContentLine) -> str:
    """A name, an address, or both."""
    address = re.sub("(?i)^mailto:", "", line.text())
    name = clean_title(line.parameters.get("CN"))
    return f"{name} <{address}>" if name and address and name != address else name or address
