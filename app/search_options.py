"""The options of the commands that search."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime


def add_searching(
    command: Callable[[str, str], argparse.ArgumentParser], positive: Callable[[str], int]
) -> None:
    """Add `search` and `batch` to a parser; `command` makes one of a name and a text."""
    search = command("search", "ranked passages for a query")
    search.add_argument("query", metavar="QUERY")
    batch = command("batch", "one query a line, one JSON result a line")
    batch.add_argument("file", metavar="FILE", help="a file of queries, - for stdin")
    for sub in (search, batch):
        sub.add_argument("-k", type=positive, default=10, metavar="N", help="how many results")
        sub.add_argument("--folder", metavar="P", help="only below this folder")
        sub.add_argument("--tag", metavar="NAME", help="only files with this tag")
        sub.add_argument(
            "--type", metavar="EXT", help="only files with this ending, or with one of pdf,docx"
        )
        sub.add_argument(
            "--after", type=day, metavar="DAY", help="only of this day or later: 2024-03-14"
        )
        sub.add_argument("--before", type=day, metavar="DAY", help="only of days before this one")
        sub.add_argument(
            "--mode",
            choices=("hybrid", "semantic", "lexical"),
            default="hybrid",
            help="by words and meaning together, by meaning only, or by words only",
        )
        sub.add_argument(
            "--exact",
            action="store_true",
            help="embed every passage anew: slow, the yardstick for recall",
        )


def day(text: str) -> int:
    """The first moment of a day here, in seconds since 1970. Raises argparse.ArgumentTypeError."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").astimezone().timestamp())
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write 2024-03-14") from None
