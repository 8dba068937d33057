"""The disk limit of one index: the room there is, and what goes when there is none."""

from __future__ import annotations

from collections.abc import Callable

from core.budget.facts import MB
from core.errors import NoRoomError
from core.home import Home
from core.index.kept import Kept
from core.index.levels import WHERE_ROOM, Level, cheaper_level
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
        if self._room.to_talk():
            return
        if self._room.is_the_disk():
            raise NoRoomError(
                "The disk is full, and an answer could not be kept.",
                "Free some space; what was kept before is kept still, and can be searched.",
            )
        raise NoRoomError(
            "The disk budget is used up, and an answer could not be kept.",
            "Delete conversations, or give Satchel more with `satchel budget --disk SIZE`.",
        )

    def level_within(self, wished: Level, notes: Notes) -> Level:
        """The level wished for, or the cheaper one while it was given up within this budget."""
        cheaper = cheaper_level(wished)
        given_up = notes.given_up == self._name_of(wished)
        return cheaper if cheaper is not None and given_up else wished

    def words_within(self, planned: bool, notes: Notes) -> bool:
        """Whether words are kept: as planned, but not where they were given up in this budget."""
        given_up = int(self._budget_mb * MB) <= notes.wordless_within
        return planned and not (given_up and self._may_give_up_words)

    @property
    def _may_give_up_words(self) -> bool:
        return self._settings.text("index.words") == WHERE_ROOM

    def give_up(
        self, kept: Kept, level: Level, words: bool, notes: Notes
    ) -> tuple[str, Level, bool] | None:
        """Give up what can be spared most easily: in words, the level to be at from now on, and
        whether words are kept from now on.

        None when there is nothing. What is freed comes with merging.
        """
        if kept.give_up_saved():
            said = "What the language model had read of conversations was removed to make room."
            return said, level, words
        if not kept.texts.is_empty:
            kept.give_up_texts(True)
            said = "The kept texts of slow files were removed to make room; they are read again."
            return said, level, words
        if self._own_room is not None:
            return None
        cheaper = cheaper_level(level)
        if cheaper is not None:
            notes.set_given_up(self._name_of(level))
            said = (
                f"The disk has no room for the level {level.name}: the index is at {cheaper.name} "
                "now, and a search embeds more passages anew."
            )
            return said, cheaper, words
        if words and self._may_give_up_words:
            notes.set_wordless_within(int(self._budget_mb * MB))
            return (
                "The disk has no room for the word index: passages are found by their meaning "
                "only now.",
                level,
                False,
            )
        return None

    def _name_of(self, level: Level) -> str:
        return f"{level.name} within {self._budget_mb:g} MB"
