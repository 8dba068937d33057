"""One message of a chat with a language model, apart so that pure code can use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a prompt; `role` is system, user or assistant."""

    role: Literal["system", "user", "assistant"]
    text: str
