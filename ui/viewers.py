"""Which programs can be told to open a file at a place, and how each is told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote

from core.messages import Locator

Arguments = Callable[[str, int], list[str]]


def _option(name: str, joined: bool = False) -> Arguments:
    if joined:
        return lambda path, at: [f"{name}{at}", path]
    return lambda path, at: [name, str(at), path]


def _in_browser(path: str, page: int) -> list[str]:
    address = path.replace("\\", "/")
    slash = "" if address.startswith("/") else "/"
    return [f"file://{slash}{quote(address, safe='/:')}#page={page}"]


# By a part of the name that a desktop entry or a program of Windows has.
_PAGES: Mapping[str, tuple[str, Arguments]] = MappingProxyType(
    {
        "evince": ("evince", _option("--page-index=", joined=True)),
        "papers": ("papers", _option("--page-index=", joined=True)),
        "atril": ("atril", _option("--page-index=", joined=True)),
        "xreader": ("xreader", _option("--page-index=", joined=True)),
        "okular": ("okular", _option("--page")),
        "zathura": ("zathura", _option("--page")),
        "qpdfview": ("qpdfview", lambda path, at: [f"{path}#{at}"]),
        "mupdf": ("mupdf", lambda path, at: [path, str(at)]),
        "sumatrapdf": ("SumatraPDF", _option("-page")),
        "acrord": ("AcroRd32", lambda path, at: ["/A", f"page={at}", path]),
        "acrobat": ("Acrobat", lambda path, at: ["/A", f"page={at}", path]),
        "firefox": ("firefox", _in_browser),
        "google-chrome": ("google-chrome", _in_browser),
        "chromium": ("chromium", _in_browser),
        "chrome": ("chrome", _in_browser),
        "msedge": ("msedge", _in_browser),
        "brave": ("brave-browser", _in_browser),
    }
)
_LINES: Mapping[str, tuple[str, Arguments]] = MappingProxyType(
    {
        "gedit": ("gedit", _option("+", joined=True)),
        "xed": ("xed", _option("+", joined=True)),
        "pluma": ("pluma", _option("+", joined=True)),
        "gvim": ("gvim", _option("+", joined=True)),
        "emacs": ("emacs", _option("+", joined=True)),
        "mousepad": ("mousepad", _option("--line=", joined=True)),
        "kate": ("kate", _option("--line")),
        "kwrite": ("kwrite", _option("--line")),
        "geany": ("geany", _option("--line")),
        "notepad++": ("notepad++", _option("-n", joined=True)),
        "vscodium": ("codium", lambda path, at: ["--goto", f"{path}:{at}"]),
        "code.desktop": ("code", lambda path, at: ["--goto", f"{path}:{at}"]),
        "vs code": ("code", lambda path, at: ["--goto", f"{path}:{at}"]),
        "sublime": ("subl", lambda path, at: [f"{path}:{at}"]),
    }
)


def has_place(locator: Locator) -> bool:
    """Whether a file could be opened at a place at all."""
    return locator.page is not None or locator.line is not None


def viewer_call(viewer: str, path: str, locator: Locator) -> tuple[str, list[str]] | None:
    """Program and arguments that open a file at its place; None where nobody knows how.

    `viewer` is a desktop entry ("org.gnome.Evince.desktop") or the path of a program. A path
    that looks like an option is not handed on.
    """
    if path.startswith("-"):
        return None
    name = viewer.casefold()
    for known, at in ((_PAGES, locator.page), (_LINES, locator.line)):
        if at is None:
            continue
        for part, (program, arguments) in known.items():
            if part in name:
                return program, arguments(path, at)
        return None
    return None
