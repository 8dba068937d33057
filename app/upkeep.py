"""What the service does of itself, on the work thread, when nobody has asked for anything else."""

from __future__ import annotations

from dataclasses import dataclass

UPKEEP_AFTER_S = 3.0  # without a request, so that a command that is about to end begins nothing


@dataclass(frozen=True, slots=True)
class Mend:
    """Look for what is damaged and give it up, so that it is made anew."""


class Upkeep:
    """Reasons, in words, to go through the files again that nobody asked for, by name."""

    def __init__(self) -> None:
        self._wanted: dict[str, str] = {}
        self._begun = False

    def want(self, name: str, why: str) -> None:
        """Something is to be done when there is time; once, however often it is said."""
        if self._wanted.get(name) != why:
            self._wanted[name] = why
            self._begun = False

    def wants(self, name: str) -> bool:
        """Whether something is still to be done."""
        return name in self._wanted

    def again(self) -> None:
        """What could not be done before may have become possible."""
        self._begun = False

    def done(self, name: str) -> None:
        """It is done, or not needed any more."""
        self._wanted.pop(name, None)

    def begin(self) -> None:
        """It is being done: it is not begun again when it fails."""
        self._begun = True

    @property
    def due(self) -> bool:
        """Whether there is anything to begin."""
        return bool(self._wanted) and not self._begun

    @property
    def why(self) -> str | None:
        """What is being made, in words."""
        return next(iter(self._wanted.values()), None)
