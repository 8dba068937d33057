"""Subtitles: what is spoken, with the time of each line as its heading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from core.errors import FileError
from core.text.document import Document, TextBuilder
from core.text.encoding import decode
from core.text.source import Source

# SubRip and WebVTT (hours may be left out): 00:01:02,500 --> 00:01:04,000
_ARROW = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d\d)[.,]\d{1,3}\s*-->")
# MicroDVD: frames, whose rate the file does not tell. {100}{150}Words|more words
_FRAMES = re.compile(r"\{\d{1,9}\}\{\d{0,9}\}(.*)")
# SubViewer: 00:01:02.50,00:01:04.00 and the words on the next lines
_PAIR = re.compile(r"(\d{1,3}):(\d\d):(\d\d)[.:]\d{1,3},\d{1,3}:\d\d:\d\d[.:]\d{1,3}$")
# SubStation Alpha: Dialogue: layer,start,end,style,name,four margins and effects,words
_DIALOGUE = re.compile(r"Dialogue:[^,]*,\s*(\d{1,3}):(\d\d):(\d\d)[.:]\d+\s*,(?:[^,]*,){7}(.*)")
_MARKS = re.compile(r"\{[^{}]*\}|</?[a-zA-Z][^<>]*>|<[\d:.]+>")
_BREAKS = re.compile(r"\\[Nnh]|\||\[br\]")

_PICTURES = b"\x00\x00\x01\xba"  # VobSub: the beginning of an MPEG stream

# The line of the file (from 1), the time or None, the words
Cue = tuple[int, str | None, str]


def extract_subtitles(source: Source) -> Document:
    """The words of a subtitle file without markup, a line as often as it is really said.

    Raises FileError when it cannot be read, is too long, or holds pictures.
    """
    data = source.read(min(source.limits.max_expanded_bytes, source.limits.max_text_chars * 2))
    if data.startswith(_PICTURES):
        raise FileError(
            source.path, "holds subtitles as pictures; Satchel reads text only", "skipped"
        )
    out = TextBuilder(source.path, source.limits)
    said = ""  # captions that roll repeat the line above
    for line, time, words in _cues(decode(data).split("\n")):
        text = " ".join(unescape(_BREAKS.sub(" ", _MARKS.sub("", words))).split())
        if not text or text == said:
            continue
        said = text
        if time is not None and (not out.headings or out.headings[-1].title != time):
            out.heading_mark(time)
        out.from_line(line)
        out.add(text + "\n")
    return out.document("subtitles")


def _cues(lines: list[str]) -> Iterator[Cue]:
    """Spoken lines in order. A block ends at an empty line."""
    time: str | None = None
    inside = False
    for number, line in enumerate(lines, 1):
        start = line[:100].strip()
        if (match := _ARROW.match(start)) or (match := _PAIR.match(start)):
            time, inside = _clock(match[1], match[2], match[3]), True
        elif match := _DIALOGUE.match(line):
            yield number, _clock(match[1], match[2], match[3]), match[4]
        elif match := _FRAMES.match(line):
            yield number, None, match[1]
        elif not line.strip():
            inside = False
        elif inside:
            yield number, time, line


def _clock(hours: str | None, minutes: str, seconds: str) -> str:
    return f"{int(hours or 0):02}:{minutes:0>2}:{seconds}"
