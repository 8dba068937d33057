"""What to say of an error that nobody expected: where it is, and nothing of anybody's files."""

from __future__ import annotations

from pathlib import Path

from core.errors import UserError


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
