"""Rich Text Format: control words followed just far enough to get the words out.

After the specification, version 1.9.1: destinations that are not text are left
out, `\\'xx` goes through the font's or document's code page, `\\uN` skips its
stand-in characters.
"""

from __future__ import annotations

import codecs
import re

from core.errors import FileError
from core.messages import About
from core.text import dates
from core.text.document import Document, TextBuilder
from core.text.source import Source

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?"  # 1, 2: control word and number
    rb"|\\'([0-9a-fA-F]{2})"  # 3: a byte of the code page
    rb"|\\(.)"  # 4: control symbol
    rb"|([{}])"  # 5: group
    rb"|([^\\{}\r\n]+)",  # 6: text
    re.S,
)
_SILENT = frozenset(
    b"aftncn aftnsep aftnsepc annotation atnauthor atndate atnicn atnid atnparent atnref atntime "
    b"atrfend atrfstart author background bkmkend bkmkstart blipuid buptim category "
    b"colorschememapping colortbl comment company creatim datafield datastore defchp defpap do "
    b"doccomm docvar dptxbxtext falt fchars ffdeftext ffentrymcr ffexitmcr ffformat ffhelptext "
    b"ffl ffname ffstattext file filetbl fldinst fldtype fontemb fontfile fonttbl formfield ftncn "
    b"ftnsep ftnsepc generator gridtbl hl hlfr hlinkbase hlloc hlsrc hsv info keycode keywords "
    b"latentstyles lchars levelnumbers leveltext lfolevel linkval list listlevel listname "
    b"listoverride listoverridetable listpicture liststylename listtable listtext lsdlockedexcept "
    b"mailmerge manager mhtmltag mmath nextfile nonesttables objalias objclass objdata objname "
    b"objsect objtime oldcprops oldpprops oldsprops oldtprops oleclsid operator panose password "
    b"passwordhash pgp pgptbl picprop pict pn pnseclvl pntext pntxta pntxtb printim private "
    b"propname protend protstart protusertbl pxe revtbl revtim rsidtbl rxe shp shpgrp shprslt "
    b"shptxt sn sp staticval stylesheet subject sv svb tc template themedata title txe ud upr "
    b"userprops wgrffmtfilter windowcaption writereservation writereservhash xe xform "
    b"xmlattrname xmlattrvalue xmlclose xmlname xmlnstbl xmlopen".split()
) - frozenset((b"annotation", b"shp", b"shptxt", b"upr"))
_SYMBOLS = {
    b"par": "\n\n", b"line": "\n", b"sect": "\n\n", b"page": "\n\n", b"row": "\n", b"cell": "\t",
    b"nestcell": "\t", b"nestrow": "\n", b"tab": "\t", b"emdash": "\u2014", b"endash": "\u2013",
    b"bullet": "\u2022", b"lquote": "\u2018", b"rquote": "\u2019", b"ldblquote": "\u201c",
    b"rdblquote": "\u201d", b"emspace": " ", b"enspace": " ", b"qmspace": " ",
}  # fmt: skip
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "big5",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257",
    204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_TEXT = "text"
_TIMES = frozenset(("creatim", "revtim"))
_INFORMATION = frozenset((b"title", b"author", b"creatim", b"revtim"))
_TIME_FIELDS = (("mo", 1), ("dy", 1), ("hr", 0), ("min", 0))
_LONGEST_FIELD = 1_000
_MOST_GROUPS = 10_000


def extract_rtf(source: Source) -> Document:
    """The text of an RTF file. Raises FileError when it is none ("failed") or too big."""
    data = source.read()
    if not data[:1_000].lstrip().startswith(b"{\\rtf"):
        raise FileError(
            source.path,
            "is damaged or no RTF document; open it in the program that made it and save it",
        )
    out = TextBuilder(source.path, source.limits)
    reader = _Reader(out)
    reader.run(data)
    return out.document("rtf", about=reader.about(), slow=True)


class _Reader:
    def __init__(self, out: TextBuilder) -> None:
        self._out = out
        self._page = "cp1252"
        self._font_pages: dict[int, str] = {}
        self._bytes = bytearray()  # of one code page, not decoded yet: characters may be two long
        self._high = ""  # the first half of a surrogate pair
        self._into = _TEXT  # where words go: the text, a field of the information, or nowhere
        self._in_fonts = False
        self._font = -1
        self._skip_chars = 1  # how many stand-ins follow a \u
        self._to_skip = 0
        self._stack: list[tuple[str, bool, int, int]] = []
        self._said: dict[str, str] = {}  # title, author
        self._times: dict[str, dict[str, int]] = {}  # creatim, revtim: yr, mo, dy, hr, min

    def run(self, data: bytes) -> None:
        """Read all tokens. A binary run is jumped over, so matches are made one by one."""
        at = 0
        while match := _TOKEN.search(data, at):
            at = match.end()
            word, number, code, symbol, group, text = match.groups()
            if text is not None:
                self._add_bytes(text)
            elif code is not None:
                self._add_bytes(bytes.fromhex(code.decode("ascii")), one=True)
            elif group is not None:
                self._group(group)
            elif symbol is not None:
                self._symbol(symbol)
            elif word == b"bin":
                at += max(0, int(number or 0))
            else:
                self._word(word, int(number) if number else None)
        self._flush()

    def about(self) -> About:
        """What the information group says."""

        def time_s(name: str) -> int | None:
            time = self._times.get(name, {})
            return dates.utc_s(time.get("yr", 0), *(time.get(f, d) for f, d in _TIME_FIELDS))

        return About(
            self._said.get("title"),
            self._said.get("author"),
            time_s("creatim"),
            time_s("revtim"),
        )

    def _group(self, group: bytes) -> None:
        self._flush()
        self._to_skip = 0
        if group == b"{":
            if len(self._stack) < _MOST_GROUPS:
                self._stack.append((self._into, self._in_fonts, self._font, self._skip_chars))
        elif self._stack:
            self._into, self._in_fonts, self._font, self._skip_chars = self._stack.pop()

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._into = ""  # a destination that readers may ignore
        elif symbol in b"\\{}":
            self._add_bytes(symbol)
        elif symbol in (b"\n", b"\r"):
            self._add("\n\n")
        elif symbol in (b"~", b"_"):
            self._add({b"~": " ", b"_": "-"}[symbol])

    def _word(self, word: bytes, number: int | None) -> None:
        if word in _SILENT:
            self._flush()
            self._into = word.decode("ascii") if word in _INFORMATION else ""
            self._in_fonts = self._in_fonts or word == b"fonttbl"
        elif self._into in _TIMES and number is not None:
            self._times.setdefault(self._into, {})[word.decode("ascii")] = number
        elif word in _SYMBOLS:
            self._add(_SYMBOLS[word])
        elif word == b"u" and number is not None:
            self._unicode(number % 0x10000)
        elif word == b"uc" and number is not None:
            self._skip_chars = min(max(number, 0), 100)
        elif word == b"f" and number is not None:
            self._flush()
            self._font = number
        elif word == b"fcharset" and self._in_fonts and number in _CHARSETS:
            self._font_pages[self._font] = _CHARSETS[number]
        elif word == b"ansicpg" and number:
            self._page = _known_page(number)
        elif word == b"mac":
            self._page = "mac_roman"
        elif word == b"pc":
            self._page = "cp437"

    def _unicode(self, unit: int) -> None:
        self._to_skip = 0
        if 0xD800 <= unit < 0xDC00:
            self._flush()
            self._high = chr(unit)
        elif self._high and 0xDC00 <= unit < 0xE000:
            pair = (self._high + chr(unit)).encode("utf-16-le", "surrogatepass")
            self._high = ""
            self._add(pair.decode("utf-16-le"))
        else:
            self._add(chr(unit) if unit >= 32 else " ")
        self._to_skip = self._skip_chars

    def _add(self, text: str) -> None:
        self._flush()
        self._high = ""
        self._to_skip = 0
        if self._into == _TEXT and text.startswith("\n"):
            self._out.line_break(len(text))
        else:
            self._put(text)

    def _put(self, text: str) -> None:
        if self._into == _TEXT:
            self._out.add(text)
        elif self._into and self._into not in _TIMES:
            self._said[self._into] = (self._said.get(self._into, "") + text)[:_LONGEST_FIELD]

    def _add_bytes(self, data: bytes, *, one: bool = False) -> None:
        if self._to_skip:
            left = 0 if one else len(data) - min(len(data), self._to_skip)
            self._to_skip = max(0, self._to_skip - (1 if one else len(data)))
            data = data[len(data) - left :] if left else b""
        if data and self._into:
            self._bytes += data

    def _flush(self) -> None:
        if self._bytes:
            page = self._font_pages.get(self._font, self._page)
            text = self._bytes.decode(page, errors="replace")
            self._bytes.clear()
            self._put(text.replace("\x00", " "))


def _known_page(number: int) -> str:
    name = {65001: "utf-8", 10000: "mac_roman", 936: "gb18030"}.get(number, f"cp{number}")
    try:
        codecs.lookup(name)
    except LookupError:
        return "cp1252"
    return name
