"""The language models known by name: what they are, and where their files come from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.download import PackageSource
from core.errors import UserError

CATALOGUE_PATH = Path(__file__).resolve().parents[2] / "resources" / "models.toml"


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model: `size_bytes` and `sha256` are those of its GGUF file."""

    name: str
    title: str
    licence: str
    architecture: str
    parameters: int
    trained_context_tokens: int
    size_bytes: int
    sha256: str
    good_for: str
    source: PackageSource


def load_catalogue(path: Path = CATALOGUE_PATH) -> tuple[ModelEntry, ...]:
    """All entries, in the file's order. Raises KeyError or TypeError when the file is wrong."""
    with path.open("rb") as file:
        body = tomllib.load(file)
    return tuple(_entry(table) for table in body["model"])


def _entry(table: dict[str, Any]) -> ModelEntry:
    fields = dict(table)
    return ModelEntry(source=PackageSource(**fields.pop("source")), **fields)


def find_entry(catalogue: tuple[ModelEntry, ...], name: str) -> ModelEntry:
    """The entry of that name. Raises UserError when there is none."""
    for entry in catalogue:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in catalogue)
    raise UserError(
        f"There is no model called {name} in the catalogue.",
        f"It has: {known}. Any GGUF file on this machine can be added with "
        "`satchel models add FILE.gguf`.",
    )
