"""The commands about the person's own: conversations, memories, tags and recent searches."""

from __future__ import annotations

import argparse
from collections.abc import Callable

Command = Callable[[str, str], argparse.ArgumentParser]


def add_personal(command: Command, common: argparse.ArgumentParser) -> None:
    """Add the commands to a parser; `command` makes one of a name and a text."""
    _add_conversations(command, common)
    _add_memories(command, common)
    _add_tags(command, common)
    _add_recent(command, common)


def _add_conversations(command: Command, common: argparse.ArgumentParser) -> None:
    kept = command("conversations", "the questions that were asked, with their answers")
    actions = kept.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("list", "all of them, newest first"),
        ("search", "those that say something, in their title, questions or answers"),
        ("show", "one, with the sources of its answers"),
        ("rename", "give one another title"),
        ("export", "one as Markdown, to a file or to stdout"),
        ("delete", "remove one for good"),
    ):
        action = actions.add_parser(name, help=text, description=text, parents=[common])
        if name == "search":
            action.add_argument("query", metavar="WORDS")
        elif name != "list":
            action.add_argument(
                "conversation", type=int, metavar="N", help="its number in the list"
            )
        if name == "rename":
            action.add_argument("title", metavar="TITLE")
        if name == "export":
            action.add_argument("path", metavar="FILE", nargs="?", help="without it, to stdout")
            action.add_argument("--replace", action="store_true", help="overwrite the file")


def _add_memories(command: Command, common: argparse.ArgumentParser) -> None:
    memories = command("memories", "what Satchel remembers of you, because you let it")
    actions = memories.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="everything that is remembered", parents=[common])
    for name, text in (
        ("add", "remember a sentence"),
        ("edit", "say it differently"),
        ("remove", "forget it for good"),
    ):
        action = actions.add_parser(name, help=text, description=text, parents=[common])
        if name != "add":
            action.add_argument("memory", type=int, metavar="N", help="its number in the list")
        if name != "remove":
            action.add_argument("text", metavar="TEXT")


def _add_tags(command: Command, common: argparse.ArgumentParser) -> None:
    tag = command("tag", "your tags on files, which stay on them when they are moved")
    actions = tag.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text, paths in (
        ("add", "give files a tag; of a folder, all files in it", "+"),
        ("remove", "take a tag off files, or off all", "*"),
        ("list", "the tags, or the files that have one", None),
        ("suggest", "files that are like those with a tag", None),
    ):
        action = actions.add_parser(name, help=text, description=text, parents=[common])
        action.add_argument("name", metavar="NAME", nargs="?" if name == "list" else None)
        if paths is not None:
            action.add_argument("paths", metavar="PATH", nargs=paths)


def _add_recent(command: Command, common: argparse.ArgumentParser) -> None:
    recent = command("recent", "the searches that you made last in the window")
    actions = recent.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="the searches, newest first", parents=[common])
    remove = actions.add_parser("remove", help="forget one", parents=[common])
    remove.add_argument("text", metavar="TEXT")
    actions.add_parser("clear", help="forget them all", parents=[common])
