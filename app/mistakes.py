"""What to say of an error that nobody expected: where it is, and nothing of anybody's files."""

from __future__ import annotations

import errno
from pathlib import Path

from core.errors import UserError

_OUT_OF = {
    errno.EMFILE: ("Satchel may open no more files at once.",
                   "Raise the limit of open files (`ulimit -n`) and start Satchel again."),
    errno.ENFILE: ("This machine has too many files open.", "Close some programs and try again."),
    errno.ENOSPC: ("The disk is full.", "Free some space and try again; nothing is lost."),
    errno.EDQUOT: ("Your share of the disk is used up.",
                   "Free some space and try again; nothing is lost."),
    errno.EIO: ("The disk does not answer as it should.",
                "Check the disk, keep a copy of what is on it, then try again."),
    errno.EROFS: ("The disk has become read-only.", "Check the disk, then try again."),
    errno.ENOMEM: ("The machine has no memory left.", "Close some programs and try again."),
}  # fmt: skip


def as_environment(error: BaseException) -> UserError | None:
    """What the machine did not have, in words; None when the error is no such thing."""
    if isinstance(error, OSError) and error.errno in _OUT_OF:
        return UserError(*_OUT_OF[error.errno])
    return None


def as_mistake(error: BaseException) -> UserError:
    """A bug as one line for the person: its type and place in our code, never its message."""
    return UserError(
        f"Satchel made a mistake ({type(error).__name__} in {_where(error)}).",
        "Please report it: `satchel doctor` names a report to copy, free of your files' content.",
    )


def _where(error: BaseException) -> str:
    """The file and line that the error came from."""
    place = "an unknown place"
    trace = error.__traceback__
    while trace is not None:
        place = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
