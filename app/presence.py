"""Whether a home is still where it was opened, and still this machine's."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from core.errors import UserError
from core.holder import hold, in_use, look
from core.home import Home

Place = tuple[int, int]  # of a folder: device and number on it
Standing = Literal["here", "gone", "another"]


def judge(opened: Place | None, now: Place | None) -> Standing:
    """What became of a folder that was at `opened` and is at `now`; None is nowhere."""
    if now is None:
        return "gone"
    return "here" if opened is None or now == opened else "another"


class Presence:
    """Looked at now and then by one thread; `problem` may be asked by any."""

    def __init__(self, home: Home) -> None:
        """The home has to be open."""
        self._home = home
        self._opened = _place(home.data)
        self.problem: UserError | None = None
        self.replaced = False  # another home lies at its place: only a new start sees that one

    def look(self) -> None:
        """Look where the home is now."""
        standing = judge(self._opened, _place(self._home.data))
        self.replaced = standing == "another"
        if standing == "gone":
            self.problem = UserError(
                f"The home {self._home.data} is not there any more: it was moved or deleted, or "
                "its drive is disconnected.",
                "Put it back and all goes on. Until then nothing new is kept.",
            )
        elif standing == "another":
            self.problem = UserError(
                f"Another home lies at {self._home.data} now.", "Quit Satchel and start it again."
            )
        else:
            self.problem = self._taken()

    def _taken(self) -> UserError | None:
        """What to say where another machine has taken the home over."""
        taken = look(self._home)
        if taken is None:
            try:
                hold(self._home)  # there was no room for the mark, or somebody removed it
            except UserError as error:
                return error
            return None
        return in_use(self._home, taken.holder) if taken.by_another else None


def _place(folder: Path) -> Place | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
