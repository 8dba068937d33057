"""Writes docs/reference: every command, option and setting, as the program itself declares them.

`make docs` runs it. A test compares the pages with the program, so they cannot fall behind.
"""

import argparse
import sys
from collections.abc import Iterator

from places import ROOT

from app.cli import make_parser
from core.settings import DECLARED, Setting

FOLDER = ROOT / "docs" / "reference"

COMMANDS_HEAD = """\
# Commands

Every command with its options, written by `make docs` from the program itself. What they are good
for is told in the [guide](../README.md), task by task.

Options may stand before or after the command. Sizes are written like `500MB` or `2GB` (MB is 10^6
bytes), days like `2024-03-14`. Exit codes: 0 done, 1 an error that you can mend (one line says
how), 2 wrong usage, 130 stopped with Ctrl+C.

Every command has these:

"""
SETTINGS_HEAD = """\
# Settings

Every setting, written by `make docs` from the program itself. Change them in the window: the page
Settings has most, the page Storage those of the budgets. Two other ways, without the window:

- `satchel budget --set KEY=VALUE` for those of the index and the model that belong to the budgets:
  {chosen}.
- the file `settings.toml`, while Satchel is not running. Settings, About names its folder. The
  part of a key before the dot is its table:

```toml
[search]
keep_recent = false
```

A value that does not fit is refused with a sentence that says what would.

| setting | at first | what it does |
|---|---|---|
"""


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands of a parser by name, none where it has none."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def help_of(parser: argparse.ArgumentParser, name: str) -> str:
    """The sentence that a parser's help has for one of its commands."""
    for action in parser._actions:
        for choice in getattr(action, "_choices_actions", ()):
            if choice.dest == name:
                return str(choice.help)
    raise KeyError(name)


def arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What a command takes, without its commands and the help."""
    left_out = (argparse._SubParsersAction, argparse._HelpAction)
    return [action for action in parser._actions if not isinstance(action, left_out)]


def written(action: argparse.Action) -> str:
    """How an argument or option is written on the command line."""
    value = str(action.metavar or "|".join(str(choice) for choice in action.choices or ()))
    if not action.option_strings:
        times = action.nargs if isinstance(action.nargs, int) else 1
        forms = {"+": f"{value}...", "*": f"[{value}...]", "?": f"[{value}]"}
        return forms.get(str(action.nargs), " ".join([value] * times))
    if action.nargs == 0:
        return action.option_strings[-1]
    return f"{action.option_strings[-1]} " + (f"[{value}]" if action.nargs == "?" else value)


def commands(
    parser: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], str, argparse.ArgumentParser]]:
    """Every command that can be given: its words, its sentence, its parser."""
    for name, inner in subcommands(parser).items():
        if subcommands(inner):
            yield from commands(inner, (*path, name))
        else:
            yield (*path, name), help_of(parser, name), inner


def rows(actions: list[argparse.Action]) -> str:
    """A table of arguments and options; those without a sentence speak for themselves."""
    lines = []
    for action in actions:
        said = (action.help or "").replace("%%", "%")
        if action.default and action.default is not argparse.SUPPRESS and action.option_strings:
            said += f" ({action.default} unless you say)"
        form = written(action).replace("|", "\\|")  # else it would end the cell
        lines.append(f"| `{form}` | {said.strip()} |")
    return "\n".join(["| | |", "|---|---|", *lines])


def commands_page() -> str:
    """The page of commands."""
    parser = make_parser()
    shared = [action for action in arguments(parser) if "--hidden" not in action.option_strings]
    common = {option for action in shared for option in action.option_strings}
    own = [action for action in arguments(parser) if action not in shared]
    parts = [COMMANDS_HEAD, rows(shared), "\n\n## satchel\n\nOpens the window.\n\n", rows(own)]
    for path, sentence, inner in commands(parser):
        mine = [a for a in arguments(inner) if not common.intersection(a.option_strings)]
        usage = " ".join(
            ["satchel", *path]
            + [written(a) for a in mine if not a.option_strings]
            + [f"[{written(a)}]" for a in mine if a.option_strings and not a.required]
            + [written(a) for a in mine if a.option_strings and a.required]
        )
        parts.append(f"\n\n## satchel {' '.join(path)}\n\n")
        parts.append(f"{sentence[:1].upper()}{sentence[1:]}.\n\n    {usage}")
        explained = [action for action in mine if action.help or action.option_strings]
        if explained:
            parts.append("\n\n" + rows(explained))
    return "".join(parts) + "\n"


def said(value: object) -> str:
    """A value as the settings file has it."""
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return "[" + ", ".join(said(item) for item in value) + "]"
        case str():
            return f'"{value}"'
        case _:
            return f"{value:g}"


def bounds(setting: Setting) -> str:
    """What a setting may be, where there is more to say than its type."""
    if setting.choices:
        return " One of " + ", ".join(f"`{said(choice)}`" for choice in setting.choices) + "."
    if setting.low is not None and setting.high is not None:
        return f" From {setting.low:,g} to {setting.high:,g}."
    return "" if setting.low is None else f" At least {setting.low:,g}."


def settings_page() -> str:
    """The page of settings."""
    budget = next(inner for path, _, inner in commands(make_parser()) if path == ("budget",))
    choice = next(a for a in arguments(budget) if "--set" in a.option_strings)
    chosen = ", ".join(
        f"`{setting.key}`" for setting in DECLARED if setting.key in str(choice.help)
    )
    return SETTINGS_HEAD.format(chosen=chosen) + "".join(
        f"| `{setting.key}` | `{said(setting.default)}` | {setting.help}{bounds(setting)} |\n"
        for setting in DECLARED
    )


PAGES = {"commands.md": commands_page, "settings.md": settings_page}


def main() -> int:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
        print(f"{FOLDER / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
