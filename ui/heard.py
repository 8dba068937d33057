"""What the service says, put into the person's language as it comes."""

from __future__ import annotations

import msgspec

from core.messages import AnswerNote, Failed, FileFailed, Message, SearchResults
from ui.text import spoken


def heard(message: Message) -> Message:
    """The message with its sentences in the person's language.

    Sentences inside a Report are put into it where they are shown, for only who shows a table
    knows which of its texts are the service's, and which a file's.
    """
    match message:
        case Failed(title=title, advice=advice):
            return msgspec.structs.replace(message, title=spoken(title), advice=spoken(advice))
        case FileFailed(reason=reason):
            return msgspec.structs.replace(message, reason=spoken(reason))
        case AnswerNote(text=text):
            return msgspec.structs.replace(message, text=spoken(text))
        case SearchResults(note=str(note)):
            return msgspec.structs.replace(message, note=spoken(note))
    return message
