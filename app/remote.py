"""The remote engine of a home: its key, what conversations it may answer in, and setting it up."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from app.session import Session
from core.atomic import write_atomic
from core.chat.remote import (
    RemoteRequest,
    load_remote_template,
    make_request,
    parse_endpoint,
)
from core.chat.remote_engine import Patience, RemoteEngine, list_models
from core.errors import UserError
from core.messages import Ask, Message, RemotePreview, RemoteSetup, Report, SentText

if TYPE_CHECKING:
    from app.service import Service

MOST_KEY_CHARS = 4000
SEEN_OR_NOT = "yes"  # the consent of who does not want to be shown anything
FRAME_TOKENS = 400  # the fixed words and the question, beside the passages


class Remote:
    """Lets a server of the person's answer, once they have said so in a conversation.

    What they have allowed is forgotten when the service ends.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._allowed: set[tuple[int, str]] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="remote")

    def close(self) -> None:
        """Wait for nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def begin(self, conversation: int) -> None:
        """A conversation is new: nothing is allowed in it, whatever had its number before."""
        self._allowed = {one for one in self._allowed if one[0] != conversation}

    def check_set_up(self) -> None:
        """Raises UserError when no server is set."""
        if not self._service.settings.text("remote.address"):
            raise UserError(
                "No remote engine is set up.",
                "Name one with `satchel remote set ADDRESS --model NAME`, or in the settings.",
            )

    def request(self, message: Ask, question: str, passages: Sequence[str]) -> RemoteRequest:
        """What a question would send. Raises UserError when no server is set."""
        self.check_set_up()
        settings = self._service.settings
        return make_request(
            parse_endpoint(settings.text("remote.address")),
            self.model(message),
            question,
            passages,
            template=load_remote_template(),
            prompt_tokens=2 * int(settings.number("assistant.passage_tokens")) + FRAME_TOKENS,
            answer_tokens=self._answer_tokens,
        )

    def allows(self, message: Ask, request: RemoteRequest, conversation: int) -> bool:
        """Whether this may be sent: it was agreed to now, or before in this conversation."""
        place = (conversation, request.endpoint.url)
        if message.consent in (SEEN_OR_NOT, request.seal):
            self._allowed.add(place)
        return place in self._allowed

    def preview(self, message: Ask, request: RemoteRequest) -> RemotePreview:
        """What is to be agreed to."""
        endpoint = request.endpoint
        return RemotePreview(
            id=message.id,
            seal=request.seal,
            server=endpoint.name,
            url=endpoint.url,
            model=self.model(message),
            messages=tuple(SentText(one.role, one.text) for one in request.messages),
            body=request.body.decode("ascii"),
            with_key=self._key() is not None,
            encrypted=endpoint.scheme == "https",
            here=endpoint.is_here,
        )

    def model(self, message: Ask) -> str:
        """The server's model that is asked for, "" for its own choice."""
        return message.model or self._service.settings.text("remote.model")

    def engine(self, request: RemoteRequest) -> RemoteEngine:
        """What sends it."""
        return RemoteEngine(request, self._key(), self._patience(), self._answer_tokens)

    @property
    def _answer_tokens(self) -> int:
        return int(self._service.settings.number("assistant.answer_tokens"))

    def _patience(self) -> Patience:
        number = self._service.settings.number
        return Patience(
            number("remote.connect_s"), number("remote.first_word_s"), number("remote.silence_s")
        )

    # --- setting it up --------------------------------------------------------------------

    def submit(self, session: Session, message: Message) -> None:
        """Take a RemoteSetup; a server that is slow keeps nobody else waiting."""
        self._thread.submit(
            self._service.guard,
            session,
            int(getattr(message, "id", 0)),
            lambda: session.reply(Report(int(getattr(message, "id", 0)), self._set_up(message))),
        )

    def _set_up(self, message: Message) -> object:
        assert isinstance(message, RemoteSetup)
        models: tuple[str, ...] | None = None
        if message.action == "key":
            self._keep_key(message.key)
        elif message.action == "check":
            self.check_set_up()
            endpoint = parse_endpoint(self._service.settings.text("remote.address"))
            models = list_models(endpoint, self._key(), self._patience())
        return {
            "address": self._service.settings.text("remote.address"),
            "model": self._service.settings.text("remote.model"),
            "has_key": self._key() is not None,
            "models": models if models is None else list(models),
        }

    def _key(self) -> str | None:
        try:
            return self._service.home.remote_key.read_text("ascii").strip() or None
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                "The key for the remote engine cannot be read.",
                "Set it anew with `satchel remote set --key`.",
            ) from error

    def _keep_key(self, key: str) -> None:
        key = key.strip()
        place = self._service.home.remote_key
        if not key:
            with contextlib.suppress(FileNotFoundError):
                place.unlink()
            return
        if len(key) > MOST_KEY_CHARS or not key.isascii() or not key.isprintable() or " " in key:
            raise UserError(
                "That is not a key.", "A key is one word of plain letters, digits and signs."
            )
        try:
            write_atomic(place, key.encode("ascii"))
        except OSError as error:
            raise UserError(
                f"The key cannot be kept: {error.strerror or error}.", "Free some disk space."
            ) from error
