"""The three kinds of failure: the user's to mend, one file's, and cancellation.

Anything else that is raised is a bug. Foreign exceptions are turned into one
of these at the boundary of the library that raises them.
"""

from __future__ import annotations

from typing import Literal

FileProblem = Literal[
    "failed", "crashed", "encrypted", "needs_ocr", "skipped", "changed", "missing"
]


class UserError(Exception):
    """Something the person can mend: what happened (`title`) and what to do (`advice`)."""

    def __init__(self, title: str, advice: str) -> None:
        super().__init__(f"{title} {advice}".strip())
        self.title = title
        self.advice = advice


class ModelMissingError(UserError):
    """A language model is not on this computer."""


class NoRoomError(UserError):
    """The disk, or the budget for it, has no room for something. What was there is as it was."""


class FileError(Exception):
    """One file could not be used; the run goes on without it.

    `problem` sorts it for the coverage counts: `encrypted` and `crashed` count as failed, the
    latter saying that its reader died or took too long; `skipped` names a rule or limit;
    `changed` and `missing` are tried again.
    """

    def __init__(self, path: str, reason: str, problem: FileProblem = "failed") -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
        self.problem = problem


class Cancelled(Exception):
    """The work was given up because somebody asked for that. Never shown as an error."""
