"""The command line: `satchel COMMAND`, options before or after it."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from app.personal_options import add_personal
from app.search_options import add_searching
from core.errors import UserError
from core.index.levels import LEVEL_NAMES

if TYPE_CHECKING:
    from app.local import Caller
    from core.home import Home

HOME_VARIABLE = "SATCHEL_HOME"  # as core.home has it, which the window does not import

MOST_BYTES = 2**63 - 1  # what messages can carry
_SIZE = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*([kmgt]?i?b?)\s*", re.IGNORECASE | re.ASCII)
_UNITS = {
    "": 1_000_000, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9,
    "gb": 10**9, "t": 10**12, "tb": 10**12, "ki": 2**10, "kib": 2**10, "mi": 2**20,
    "mib": 2**20, "gi": 2**30, "gib": 2**30, "ti": 2**40, "tib": 2**40,
}  # fmt: skip


def size_bytes(text: str) -> int:
    """Bytes that a text like 500MB, 2 GB, 1.5g or 300 (megabytes) means.

    MB is 10^6 bytes. Raises argparse.ArgumentTypeError for anything else.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write for example 500MB or 2GB")
    size = int(Decimal(match.group(1).replace(",", ".")) * _UNITS[match.group(2).lower()])
    if size > MOST_BYTES:
        raise argparse.ArgumentTypeError(f"{text.strip()[:40]!r} is more than any computer has")
    return size


def _choice(text: str) -> tuple[str, int | float | str]:
    """A setting and its value, as KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    for kind in (int, float):
        try:
            return key.strip(), kind(value)
        except ValueError:
            continue
    return key.strip(), value.strip()


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--home",
        default=argparse.SUPPRESS,
        metavar="DIR",
        help=f"keep everything but the models under DIR (or {HOME_VARIABLE})",
    )
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS,
                        help="print JSON on stdout, progress on stderr")  # fmt: skip
    parser = argparse.ArgumentParser(
        prog="satchel",
        parents=[common],
        description="Searches and talks about your own files, entirely on your machine.",
    )
    parser.add_argument("--hidden", action="store_true", default=argparse.SUPPRESS,
                        help="open the window hidden, until it is asked for")  # fmt: skip
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text, parents=[common])

    folders = command("folders", "which folders are watched")
    actions = folders.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, text in (("add", "watch folders"), ("remove", "stop watching folders")):
        action = actions.add_parser(name, help=text, description=text, parents=[common])
        action.add_argument("paths", nargs="+", metavar="PATH")
        if name == "add":
            action.add_argument(
                "--exclude",
                action="append",
                default=[],
                metavar="PATTERN",
                help="leave this out, in gitignore syntax; may be repeated",
            )
    actions.add_parser("list", help="the watched folders", parents=[common])
    check = actions.add_parser("check", help="why a path is or isn't indexed", parents=[common])
    check.add_argument("path", metavar="PATH")

    _add_indexing(command)
    add_searching(command, _positive)

    _add_ask(command)
    _add_remote(command, common)

    related = command("related", "passages like this one")
    related.add_argument(
        "place",
        metavar="PATH[#locator]",
        help="a file; #page=3, #line=12 or #char=400 names a place in it",
    )
    related.add_argument("-k", type=_positive, default=10, metavar="N", help="how many results")

    command("status", "device, budgets, usage by component, index state")
    budget = command("budget", "shows, previews or sets the budgets")
    budget.add_argument("--disk", type=size_bytes, metavar="SIZE", help="for example 500MB")
    budget.add_argument("--ram", type=size_bytes, metavar="SIZE", help="for example 2GB")
    budget.add_argument(
        "--set",
        action="append",
        type=_choice,
        default=[],
        dest="choices",
        metavar="KEY=VALUE",
        help="with the budgets: index.level, index.words, index.text_cache_mb, assistant.model, "
        "assistant.context_tokens, assistant.cell_type or assistant.active_experts",
    )
    budget.add_argument("--preview", action="store_true", help="show the plan, change nothing")

    for add in (_add_digest, _add_models, add_personal):
        add(command, common)
    forget = command("forget", "removes every trace of a file or folder")
    forget.add_argument("path", metavar="PATH")
    doctor = command("doctor", "checks the store, the models and the device")
    doctor.add_argument("--repair", action="store_true", help="rebuild what is derived")
    doctor.add_argument("--take-over", action="store_true",
                        help="use a home that another machine had, which is gone")  # fmt: skip
    command("mcp", "read-only tools for other assistants, on stdio")
    _add_removal(command)
    return parser


def _add_removal(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    removal = command("remove-data", "shows all that Satchel keeps, asks, and deletes it")
    removal.add_argument("--show", action="store_true", help="only show what is kept, and where")
    removal.add_argument("--yes", action="store_true", help="delete unasked, all but the models")
    removal.add_argument("--models", action="store_true", help="with --yes: the models, too")


def _add_ask(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    ask = command("ask", "a cited answer from your files")
    ask.add_argument("question", metavar="QUESTION")
    ask.add_argument("--model", metavar="NAME", help="answer with this model")
    ask.add_argument("--fresh", action="store_true", help="do not give an answer from before again")
    ask.add_argument("--remote", action="store_true",
                     help="let your own server answer; shows what would be sent first")  # fmt: skip
    ask.add_argument("--pin", metavar="FILE", help="with the whole of this file before the model")
    ask.add_argument("--yes", action="store_true", help="with --remote: send without asking")
    ask.add_argument("--folder", metavar="P", help="look only below this folder")
    ask.add_argument("--file", action="append", default=[], dest="files", metavar="F",
                     help="look only in this file; may be repeated")  # fmt: skip


def _add_models(
    command: Callable[[str, str], argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    models = command("models", "models that search and answer: the catalogue and what is on disk")
    model_actions = models.add_subparsers(dest="action", metavar="ACTION", required=True)
    model_actions.add_parser("list", help="the catalogue", parents=[common])
    for name, text, what in (
        ("fetch", "download a model of the catalogue", "NAME"),
        ("add", "use a local GGUF file", "FILE"),
        ("remove", "remove a model from disk", "NAME"),
        ("use", "choose a model to search or answer with", "NAME"),
    ):
        action = model_actions.add_parser(name, help=text, description=text, parents=[common])
        action.add_argument("name", metavar=what)
        if name in ("add", "remove"):
            action.add_argument("--for", dest="base", metavar="MODEL",
                                help="it is a LoRA adapter of this model")  # fmt: skip
        if name in ("use", "fetch"):
            why = "all files are read again for it" if name == "use" else "it does not fit"
            action.add_argument("--yes", action="store_true", help=f"also if {why}")
    slim = model_actions.add_parser(
        "slim", help="make a smaller copy with the experts your work uses",
        description="Make a smaller copy of a model with the experts that your work uses most, "
        "and measure what it lost. The model itself stays as it is.", parents=[common],
    )  # fmt: skip
    slim.add_argument("name", metavar="MODEL")
    slim.add_argument("--keep", required=True, metavar="SHARE",
                      help="how many of each layer's experts: 75%%, 0.75 or a number")  # fmt: skip
    measure = model_actions.add_parser(
        "measure", help="what slimming or fewer experts a token cost",
        description="Measure, on passages of your files, what a slimmed model lost, or what it "
        "costs that a token uses fewer experts.", parents=[common],
    )  # fmt: skip
    measure.add_argument("name", metavar="MODEL")
    measure.add_argument("--active", type=_positive, metavar="N",
                         help="with so many experts a token")  # fmt: skip


def _add_digest(
    command: Callable[[str, str], argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    digest = command("digest", "reads whole files: a summary, all dates, what changed")
    actions = digest.add_subparsers(dest="action", metavar="TASK", required=True)
    for name, text, count in (
        ("summarize", "the sentences that say most of what a file says", 1),
        ("dates", "every date in a file, with its sentence", 1),
        ("changes", "what changed from an older file to a newer one", 2),
        ("find", "every sentence about something, as the language model chooses", 1),
    ):
        action = actions.add_parser(name, help=text, description=text, parents=[common])
        if name == "find":
            action.add_argument("wanted", metavar="WHAT", help="for example: payments")
        action.add_argument("paths", nargs=count, metavar="PATH")
        action.add_argument("--anew", action="store_true", help="forget what was read of it before")


def _add_remote(
    command: Callable[[str, str], argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    remote = command("remote", "a server of yours that may answer questions, where you say so")
    actions = remote.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("show", help="what is set up", parents=[common])
    make = actions.add_parser("set", help="name the server, its model or its key", parents=[common])
    make.add_argument("address", nargs="?", metavar="ADDRESS", help="http://127.0.0.1:8080")
    make.add_argument("--model", metavar="NAME", help="the server's model that answers")
    make.add_argument("--key", action="store_true",
                      help="ask for its key, or read it from stdin; empty: none")  # fmt: skip
    actions.add_parser("check", help="reach the server and list its models", parents=[common])
    actions.add_parser("off", help="forget the server and its key", parents=[common])


def _add_indexing(command: Callable[[str, str], argparse.ArgumentParser]) -> None:
    index = command("index", "bring the index up to date")
    index.add_argument("--watch", action="store_true", help="go on with every change, until Ctrl+C")
    index.add_argument("--retry", nargs="?", const="", metavar="PATH",
                       help="read failed files again, all or those at or below PATH")  # fmt: skip
    # fmt: off
    index.add_argument("--level", choices=LEVEL_NAMES, metavar="NAME",
                       help=f"how much to keep of each passage: {', '.join(LEVEL_NAMES)}")
    # fmt: on
    pause = command("pause", "hold indexing in the background")
    pause.add_argument("--minutes", type=_positive, metavar="N",
                       help="go on by itself after this long")  # fmt: skip
    command("resume", "let indexing in the background go on")


_WITH_ACTIONS = (
    "folders",
    "models",
    "memories",
    "remote",
    "tag",
    "digest",
    "recent",
    "conversations",
)
_WITH_VALUE = (
    "--home", "-k", "--folder", "--tag", "--type", "--mode", "--model", "--disk", "--ram",
    "--exclude", "--level", "--for", "--keep", "--active", "--after", "--before", "--minutes",
    "--file", "--pin",
)  # fmt: skip


def arranged(argv: Sequence[str]) -> list[str]:
    """The arguments with the options that stand before the command put behind it."""
    before: list[str] = []
    at = 0
    while at < len(argv) and argv[at].startswith("-") and argv[at] not in ("--", "-h", "--help"):
        takes_next = argv[at] in _WITH_VALUE
        before += argv[at : at + 1 + takes_next]
        at += 1 + takes_next
    rest = list(argv[at:])
    if rest and rest[0] in _WITH_ACTIONS:
        rest[1:] = arranged(rest[1:])
    if not rest or rest[0].startswith("-"):
        return list(argv)
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], *before, *rest[end:]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (0 done, 1 an error to mend, 2 wrong usage)."""
    # Being asked to end is like Ctrl+C: the file in hand is finished and the store is closed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return run(sys.argv[1:] if argv is None else argv, os.environ)


def run(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Parse and carry out; errors become one line on stderr."""
    options = make_parser().parse_args(arranged(argv))
    if os.name == "posix":
        os.umask(0o077)
    if options.command is None:
        return open_window(getattr(options, "home", None), environment, "hidden" in options)
    return run_command(options, environment)


def run_command(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Carry out one command."""
    from core.memory import keep_numpy_small

    keep_numpy_small()
    # Late, for the window's process does without all of this.
    from app.commands import COMMANDS
    from app.crash_reports import keep_report, report_of
    from app.doctor_command import ready_for_doctor
    from app.local import connect
    from app.mistakes import as_environment, as_mistake
    from app.output import Output
    from app.removal import remove_data
    from core.home import find_home
    from core.store.database import StoreDamagedError

    output = Output(json=getattr(options, "json", False))
    caller: Caller | None = None
    home: Home | None = None
    try:
        home = find_home(getattr(options, "home", None), environment)
        if options.command == "doctor" and not ready_for_doctor(home, options, output):
            return 1
        if options.command == "remove-data":  # needs the home to itself, even a damaged one
            return remove_data(home, options, output, environment)
        caller = connect(home, environment)
        return COMMANDS[options.command](caller, options, output)
    except UserError as error:
        output.error(error)
        return 1
    except StoreDamagedError as error:
        output.error(UserError(f"{error}.", "Run `satchel doctor --repair`; no file is lost."))
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # the top of the process
        said = as_environment(error)
        if said is None:
            if home is not None:
                keep_report(home, report_of(error, f"command {options.command}"))
            said = as_mistake(error)
        output.error(said)
        return 1
    except KeyboardInterrupt:
        print("Stopped; what was done is kept.", file=sys.stderr)
        return 130
    finally:
        if caller is not None:
            caller.close()


def open_window(home: str | None, environment: Mapping[str, str], hidden: bool = False) -> int:
    """Open the window; where there is no display, say what to run instead."""
    why = "There is no display here."
    if has_display(environment):
        try:
            from app.window import open_window as opened
        except ImportError as error:  # Qt's system libraries are missing
            why = f"The window cannot be opened ({error})."
        else:
            return opened(home, hidden)
    print(
        f"satchel: {why} Run `satchel search QUERY` or `satchel ask QUESTION` instead; "
        "`satchel --help` lists all commands.",
        file=sys.stderr,
    )
    return 1


def has_display(environment: Mapping[str, str]) -> bool:
    """Whether a window can be opened here."""
    if sys.platform in ("win32", "darwin") or environment.get("QT_QPA_PLATFORM"):
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


if __name__ == "__main__":
    raise SystemExit(main())
