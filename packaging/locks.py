"""Reads lock files: one requirement with its hashes after another, as `make lock` writes them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from console import SetupError

START = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)((?:\s*;[^\\\n]*)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One locked package. `text` is its whole entry, hashes included."""

    name: str
    version: str
    marker: str
    text: str

    @property
    def pin(self) -> str:
        """The entry without its hashes, fit for a constraints file."""
        return f"{self.name}=={self.version}{self.marker}"


def read_lock(path: Path) -> tuple[Requirement, ...]:
    """Every requirement of a lock file, in its order."""
    found: list[Requirement] = []
    entry: list[str] = []

    def finish() -> None:
        match = START.match(entry[0]) if entry else None
        if match:
            name, version, marker = match[1], match[2], match[3].rstrip()
            found.append(Requirement(name, version, marker, "\n".join(entry)))

    for line in path.read_text(encoding="utf-8").splitlines():
        if START.match(line):
            finish()
            entry = [line]
        elif entry and line.strip() and not line.lstrip().startswith("#"):
            entry.append(line)
    finish()
    return tuple(found)


def find(requirements: Iterable[Requirement], name: str) -> Requirement:
    """The requirement of that name; raises SetupError when the lock has none."""
    for requirement in requirements:
        if requirement.name == name:
            return requirement
    raise SetupError(f"The lock file does not name {name}.", "Run `make lock` and try again.")


def write_requirements(requirements: Iterable[Requirement], path: Path) -> Path:
    """Writes requirements with their hashes as a file that pip reads."""
    path.write_text("\n".join(each.text for each in requirements) + "\n", encoding="utf-8")
    return path
