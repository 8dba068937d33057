"""What a catalogue has to translate, read from the source: tr("...") in ui/."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tables(language: str) -> dict[str, dict[str, str]]:
    """The tables of a language's file."""
    path = ROOT / "resources" / "languages" / f"{language}.toml"
    return tomllib.loads(path.read_text("utf-8"))


def calls_of_tr() -> Iterator[tuple[str, ast.Call]]:
    """Every call of tr in the window, with where it stands."""
    for path in sorted((ROOT / "ui").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "tr":
                yield f"{path.name}:{node.lineno}", node


def window_texts() -> set[str]:
    """Every text that the window puts through tr; raises where one is not plainly there."""
    found = set()
    for where, call in calls_of_tr():
        text = call.args[0] if call.args else None
        assert isinstance(text, ast.Constant), f"{where}: tr() needs the text itself"
        assert isinstance(text.value, str)
        found.add(text.value)
    return found
