"""Programs that some files wait for: how that is said, and which reasons are gone when one comes.

Pure. The words are kept with a file as the reason why it has no text; so what
waits for a program is known without reading it again.
"""

from __future__ import annotations

import sys
from pathlib import PurePath

from core.text.programs import Programs

# Where a reader cannot be kept off the network, no program is used.
USED = sys.platform != "win32"
_OFFICE = "install LibreOffice to have it searched"
_TESSERACT = "install Tesseract to have it searched"


def needs_office(save_as: str) -> str:
    """Why an old office format has no text; `save_as` is a format that is read."""
    return f"needs a converter: {_either(_OFFICE, f'save it as {save_as}')}"


def needs_recognition(what: str) -> str:
    """Why a PDF without usable letters has no text; `what` it is begins the sentence."""
    return f"{what}; {_either(_TESSERACT, 'run text recognition (OCR) on it')}"


def gone(programs: Programs) -> tuple[str, ...]:
    """Parts of reasons that hold no more where these programs are."""
    there = ((programs.office, _OFFICE), (programs.tesseract, _TESSERACT))
    return tuple(words for program, words in there if program is not None and USED)


def _either(install: str, otherwise: str) -> str:
    return f"{install}, or {otherwise}" if USED else otherwise


OLD_OFFICE = frozenset(
    (".doc", ".dot", ".ppt", ".pps", ".pot", ".wps", ".wpd", ".sxw", ".sxc", ".sxi")
)


def may_need_conversion(path: str) -> bool:
    """Whether a file has the name of one that LibreOffice would convert."""
    return PurePath(path).suffix.lower() in OLD_OFFICE
