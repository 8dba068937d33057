"""Requests about what is kept of a person: conversations, memories, tags, recent searches."""

from __future__ import annotations

from typing import Literal

from core.messages.base import Message


class ConversationsList(Message, frozen=True):
    """Ends with Report: `conversations`, newest first; only those that say `query`, if given."""

    id: int
    query: str = ""


class ConversationGet(Message, frozen=True):
    """Ends with Report: the turns of one branch of a conversation, with citations, each with the
    numbers of its `versions`, and the path that is `pinned`. The branch is the one that was last
    shown, or the newest that goes through `turn`, which is shown from then on.
    """

    id: int
    conversation: int
    turn: int | None = None


class ConversationRename(Message, frozen=True):
    """Ends with Report: the `title` as it is kept."""

    id: int
    conversation: int
    title: str


class ConversationExport(Message, frozen=True):
    """A conversation as Markdown, with the sources of its answers. Ends with Report.

    It is written to `path`, if given, in place of what is there only with `replace`; else the
    report has it as `markdown`.
    """

    id: int
    conversation: int
    path: str | None = None
    replace: bool = False


class ConversationDelete(Message, frozen=True):
    """Ends with Report."""

    id: int
    conversation: int


class MemoriesRequest(Message, frozen=True):
    """What is remembered of the person, or a change of it. Ends with Report: `memories`.

    `refuse` says that a sentence that was offered is not to be offered again.
    """

    id: int
    action: Literal["list", "add", "edit", "remove", "refuse"] = "list"
    memory: int | None = None
    text: str | None = None


KeptKind = Literal["conversations", "answers", "memories", "searches"]


class KeptRequest(Message, frozen=True):
    """What is kept of the person, where and how large, or the deletion of one kind of it.

    Ends with Report: `kept`, one row a kind, and `about`, the program and its folders.
    """

    id: int
    delete: KeptKind | None = None


class TagsRequest(Message, frozen=True):
    """The tags, or a change of them. Ends with Report: `tags`, how many files `changed`.

    `add` and `remove` give and take the tag `name`; without paths `remove` takes it from all.
    `of` tells the tags of the files, `suggest` ends with `proposals`: files like those that have
    the tag. For what is `refuse`d it is not proposed again.
    """

    id: int
    action: Literal["list", "add", "remove", "of", "suggest", "refuse"] = "list"
    name: str = ""
    paths: tuple[str, ...] = ()


class SearchesRequest(Message, frozen=True):
    """The person's recent searches, newest first, or a change of them: `note` keeps `text` as the
    newest. Ends with Report: `searches`, and whether any are `kept`.
    """

    id: int
    action: Literal["list", "note", "remove", "clear"] = "list"
    text: str = ""
