"""The person's recent searches: kept while the setting lets them be, and gone when it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.messages import SearchesRequest
from core.store.recent import RecentSearches

if TYPE_CHECKING:
    from app.service import Service

SETTING = "search.keep_recent"


class Recent:
    """Answers SearchesRequest."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.kept = RecentSearches(service.home.recent_searches)

    def carry_out(self, message: SearchesRequest) -> dict[str, object]:
        """Do what a request asks for; all searches afterwards. Raises UserError."""
        self.heed_setting()
        if message.action == "note" and self._wanted:
            self._service.engine.limit.check_to_talk()
            self.kept.note(message.text)
        elif message.action == "remove":
            self.kept.remove(message.text)
        elif message.action == "clear":
            self.kept.clear()
        return {"searches": list(self.kept.all()), "kept": self._wanted}

    def heed_setting(self) -> None:
        """Forget all searches where none are to be kept. Raises UserError."""
        if not self._wanted and self.kept.all():
            self.kept.clear()

    @property
    def _wanted(self) -> bool:
        return bool(self._service.settings.get(SETTING))
