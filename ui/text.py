"""Text made fit to be shown: names that cannot deceive, sizes, times and places in words.

What comes out of a person's files is foreign text. It is drawn as plain text,
never as markup, and characters that would reorder or hide other text are made
visible first.
"""

from __future__ import annotations

import sys
import unicodedata

from PySide6.QtCore import QCoreApplication, QDate, QDateTime, QLocale, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence

from core.messages import Locator

_JOINERS = "\u200c\u200d"  # wanted inside Persian, Indic and emoji text
_RIGHT_TO_LEFT = ("R", "AL")
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_CONTROL_PICTURES = 0x2400
TEXTS, SAID = "Satchel", "Satchel's service"  # where Qt looks for a translation


def tr(text: str) -> str:
    """The text in the person's language."""
    return QCoreApplication.translate(TEXTS, text)


def spoken(text: str) -> str:
    """What the service said, in the person's language; what is not known comes back as it is.

    For whole sentences of the service only, never for a text or name out of a file.
    """
    return QCoreApplication.translate(SAID, text)


def keys_text(keys: str) -> str:
    """A shortcut as the person's keyboard and language have it."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def number_text(value: float, decimals: int = 0) -> str:
    """A number with the separators of the person's language."""
    return QLocale().toString(float(value), "f", decimals)


def shown(name: str) -> str:
    """A file's name or path: what cannot be seen becomes a visible escape.

    A name with right-to-left letters is isolated, so that it does not reorder
    the text around it; in a window that is mirrored each name is, so that a path keeps its order.
    """
    safe = "".join(c if c.isprintable() or c in _JOINERS else _escape(c) for c in name)
    mirrored = QGuiApplication.layoutDirection() == Qt.LayoutDirection.RightToLeft
    if (mirrored and safe) or any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in safe):
        return _FIRST_STRONG_ISOLATE + safe + _POP_ISOLATE
    return safe


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def tame(text: str) -> str:
    """Text of a document, character for character, without controls and overrides.

    The length stays, so that ranges inside the text stay true. Line feeds and tabs are kept, and
    what isolates a name, as `shown` does, where each beginning has its end.
    """
    if text.isprintable():
        return text
    closed = text.count(_FIRST_STRONG_ISOLATE) == text.count(_POP_ISOLATE)
    kept = "\n\t" + _JOINERS + (_FIRST_STRONG_ISOLATE + _POP_ISOLATE if closed else "")
    return "".join(c if c.isprintable() or c in kept else _tamed(c) for c in text)


def _tamed(character: str) -> str:
    if character in "\r\v\f\x85\u2028\u2029":
        return "\n" if character != "\r" else " "
    if unicodedata.category(character) == "Zs":
        return " "
    if ord(character) < 0x20:
        return chr(_CONTROL_PICTURES + ord(character))
    return "\ufffd"


def one_line(text: str) -> str:
    """Text of a document on one line, character for character."""
    return tame(text).replace("\n", " ").replace("\t", " ")


def breakable(text: str) -> str:
    """A text whose paths may go on in the next line after each folder."""
    return text.replace("/", "/\u200b").replace("\\", "\\\u200b")


def utf16(text: str, at: int) -> int:
    """Where Qt counts the character at `at`: it counts in UTF-16 units."""
    return len(text[:at].encode("utf-16-le", "surrogatepass")) // 2


def size_text(size_bytes: float) -> str:
    """Bytes in words, MB meaning 10^6 bytes: 812 B, 3.4 kB, 120 MB, 2.1 GB."""
    if size_bytes < 1000:
        return f"{number_text(size_bytes)} B"
    size = size_bytes
    for unit in ("kB", "MB", "GB", "TB"):
        size /= 1000
        if size < 999.5 or unit == "TB":
            return f"{number_text(size, 1 if size < 99.95 else 0)} {unit}"
    raise AssertionError


def difference_text(now_bytes: int | None, then_bytes: int | None) -> str:
    """By how much a size would change, +12.0 MB or −310 MB; empty when it would not."""
    if now_bytes is None or then_bytes is None:
        return ""
    change = size_text(abs(then_bytes - now_bytes))
    return "" if change == "0 B" else f"{'+' if then_bytes > now_bytes else '−'}{change}"


def count_text(number: int) -> str:
    """A whole number with thousands apart."""
    return QLocale().toString(number)


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun; `many` holds %1 for the number. Both are translated already."""
    return one if number == 1 else many.replace("%1", count_text(number))


def time_left(seconds: float | None) -> str:
    """How long something still takes, roughly; empty when nobody knows."""
    if seconds is None:
        return ""
    if seconds < 60:
        return tr("less than a minute left")
    minutes = round(seconds / 60)
    if minutes < 60:
        return counted(minutes, tr("about a minute left"), tr("about %1 minutes left"))
    return counted(round(minutes / 60), tr("about an hour left"), tr("about %1 hours left"))


def age_text(seconds: float) -> str:
    """How long ago something was, roughly."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return tr("a moment ago")
    if minutes < 60:
        return counted(minutes, tr("a minute ago"), tr("%1 minutes ago"))
    hours = round(minutes / 60)
    if hours < 36:
        return counted(hours, tr("an hour ago"), tr("%1 hours ago"))
    return counted(round(hours / 24), tr("a day ago"), tr("%1 days ago"))


def date_text(seconds: int | None) -> str:
    """A day in words, 14 Mar 2024, here and by the person's clock; empty when nobody knows."""
    if seconds is None:
        return ""
    return day_text(QDateTime.fromSecsSinceEpoch(seconds).date())


def day_text(day: QDate) -> str:
    """A day in words, 14 Mar 2024."""
    return QLocale().toString(day, tr("d MMM yyyy"))


def place_text(locator: Locator) -> str:
    """Where in a file a passage stands, in words; empty when the format has no places."""
    parts = []
    if locator.member:
        parts.append(shown(locator.member))
    if locator.page is not None:
        parts.append(tr("page %1").replace("%1", str(locator.page)))
    elif locator.line is not None:
        parts.append(tr("line %1").replace("%1", str(locator.line)))
    if locator.heading:
        parts.append(shown(locator.heading))
    return " · ".join(parts)


def split_path(path: str) -> tuple[str, str]:
    """A path's folder and name, both fit to be shown."""
    cut = path.rfind("/")
    if sys.platform == "win32":
        cut = max(cut, path.rfind("\\"))
    return shown(path[:cut] or path[: cut + 1]), shown(path[cut + 1 :] or path)


def state_text(state: str) -> str:
    """Why a result has no snippet."""
    return {
        "offline": tr("The folder is offline, so its text cannot be shown now."),
        "changed": tr("The file has changed since it was indexed; it will be read again."),
        "missing": tr("The file is no longer there."),
        "unreadable": tr("The file could not be read just now."),
    }.get(state, "")
