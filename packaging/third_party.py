"""Writes THIRD_PARTY.md: what Satchel consists of beside its own code, and under which licences.

It refuses a package of the runtime whose licence is unknown or not allowed (licences.toml).
Run it with the Python of .venv: licences are read from what is installed there.
"""

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console import SetupError
from locks import Requirement, read_lock
from places import PACKAGING, ROOT

TARGET = ROOT / "THIRD_PARTY.md"
_WORD = re.compile(r"\(|\)|[A-Za-z0-9.+-]+")
_NEVER = "sys_platform == 'emscripten'"  # for browsers only

HEAD = """\
# Third parties

What Satchel consists of beside its own code, and under which licences. Written by
`make third-party` from `packaging/runtime.lock`, `packaging/licences.toml` and the catalogues of
models; a test keeps it current and refuses other licences than those in `licences.toml`. The full
texts come with the packages, in the folder `*.dist-info` of each.
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A package of the runtime."""

    name: str
    version: str
    licence: str
    carries: str


def allows(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression of names, AND, OR and brackets can be kept with these licences."""
    words = _WORD.findall(expression)
    at = 0

    def term() -> bool:
        nonlocal at
        word = words[at] if at < len(words) else ""
        at += 1
        if word == "(":
            inner = either()
            at += 1
            return inner
        return word in allowed

    def both() -> bool:
        nonlocal at
        found = term()
        while at < len(words) and words[at] == "AND":
            at += 1
            found = term() and found
        return found

    def either() -> bool:
        nonlocal at
        found = both()
        while at < len(words) and words[at] == "OR":
            at += 1
            found = both() or found
        return found

    return either() and at == len(words)


def licence_of(package: Requirement, declared: Mapping[str, str]) -> str:
    """The licence as an SPDX expression. Raises SetupError where nothing tells."""
    if package.name in declared:
        return declared[package.name]
    try:
        told = importlib.metadata.metadata(package.name)
    except importlib.metadata.PackageNotFoundError:
        told = None
    for field in ("License-Expression", "License"):
        if told is not None and field in told:
            return str(told[field])
    raise SetupError(
        f"The licence of {package.name} is not known.",
        "Read it in the package, then add it to packaging/licences.toml.",
    )


def runtime_parts(rules: Mapping[str, Any]) -> tuple[Part, ...]:
    """All packages of the runtime. Raises SetupError for one that may not be part of it."""
    allowed = frozenset(rules["allowed"])
    found = []
    for package in read_lock(PACKAGING / "runtime.lock"):
        if _NEVER in package.marker:
            continue
        licence = licence_of(package, rules["declared"])
        if not allows(licence, allowed):
            raise SetupError(
                f"{package.name} is under {licence}, which is not allowed.",
                "Leave it out, or add the licence to packaging/licences.toml with a reason.",
            )
        found.append(
            Part(package.name, package.version, licence, rules["carries"].get(package.name, ""))
        )
    return tuple(found)


def models(catalogue: str) -> list[tuple[str, str]]:
    """Titles and licences of the models in a catalogue of `resources/`."""
    body = tomllib.loads((ROOT / "resources" / catalogue).read_text(encoding="utf-8"))
    return [(str(model["title"]), str(model["licence"])) for model in body["model"]]


def document() -> str:
    """The whole of THIRD_PARTY.md. Raises SetupError."""
    rules = tomllib.loads((PACKAGING / "licences.toml").read_text(encoding="utf-8"))
    lines = [HEAD, "## Packages", "", "| package | version | licence | carries |"]
    lines.append("|---|---|---|---|")
    lines += [
        f"| {part.name} | {part.version} | {part.licence} | {part.carries} |"
        for part in runtime_parts(rules)
    ]
    lines += ["", "## Models", ""]
    lines.append("None is part of Satchel's code. Set-up fetches the first of each catalogue, the")
    lines.append("others are fetched when somebody asks for them, each checked by size and hash.")
    lines += ["", "| model | licence |", "|---|---|"]
    for catalogue in ("embedding-models.toml", "models.toml"):
        lines += [f"| {title} | {licence} |" for title, licence in models(catalogue)]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the file; returns the exit code."""
    try:
        text = document()
    except SetupError as error:
        print(f"error: {error.title}\n{error.advice}", file=sys.stderr)
        return 1
    Path(TARGET).write_text(text, encoding="utf-8")
    print(f"{TARGET.name} is written.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
