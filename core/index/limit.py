"""The disk limit of one index: the room there is, and what goes when there is none."""

from __future__ import annotations

from collections.abc import Callable

from core.budget.facts import MB
from core.errors import NoRoomError
from core.home import Home
from core.index.kept import Kept
from core.index.levels import Level, cheaper_level
from core.index.room import Growth, Room
from core.settings import Settings
from core.store.catalogue import Catalogue
from core.store.notes import Notes


class Limit:
    """Asked before the home grows. An index that is made beside another has its room from that."""

    def __init__(self, home: Home, settings: Settings, own_room: Callable[[], int] | None) -> None:
        self._settings = settings
        self._own_room = own_room
        self._room = Room(home, lambda: int(self._budget_mb * MB))

    @property
    def _budget_mb(self) -> float:
        return self._settings.number("budget.disk_mb")

    def room(self) -> int:
        """Bytes that the disk budget still allows, never more than the disk has free."""
        return self._room() if self._own_room is None else self._own_room()

    def error(self) -> NoRoomError:
        """What to say when something does not fit."""
        return self._room.error()

    def watch(self, catalogue: Catalogue) -> None:
        """Let the list of files ask before it grows."""
        catalogue.survey.check_growth = Growth(self.room, self.error)

    def check_to_talk(self) -> None:
        """Raises NoRoomError when a conversation could not be kept inside the disk budget."""
        if not self._room.to_talk():
            raise NoRoomError(
                "The disk budget is used up, and an answer could not be kept.",
                "Delete conversations, or give Satchel more with `satchel budget --disk SIZE`.",
            )

    def level_within(self, wished: Level, notes: Notes) -> Level:
        """The level wished for, or the cheaper one while it was given up within this budget."""
        cheaper = cheaper_level(wished)
        given_up = notes.given_up == self._name_of(wished)
        return cheaper if cheaper is not None and given_up else wished

    def give_up(self, kept: Kept, level: Level, notes: Notes) -> tuple[str, Level] | None:
        """Give up what can be spared most easily: in words, and the level to be at from now on.

        None when there is nothing. What a cheaper level frees comes with merging.
        """
        if kept.give_up_saved():
            said = "What was kept of conversations for the language model was removed to make room."
            return said, level
        if not kept.texts.is_empty:
            kept.give_up_texts(True)
            said = "The kept texts of slow files were removed to make room; they are read again."
            return said, level
        cheaper = cheaper_level(level)
        if cheaper is None or self._own_room is not None:
            return None
        notes.set_given_up(self._name_of(level))
        return (
            f"The disk has no room for the level {level.name}: the index is at {cheaper.name} "
            "now, and a search embeds more passages anew.",
            cheaper,
        )

    def _name_of(self, level: Level) -> str:
        return f"{level.name} within {self._budget_mb:g} MB"
