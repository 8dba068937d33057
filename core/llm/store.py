"""The models on this machine: what is in the store, adding a file, removing one."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.llm.fetch import model_path
from core.llm.gguf import read_header

_UNSAFE = re.compile(r"[^a-z0-9._-]+")
_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A model file in the store."""

    name: str
    path: Path
    size_bytes: int


def installed(models_dir: Path) -> list[InstalledModel]:
    """The models in the store, by name. Their files are not opened."""
    return [
        InstalledModel(path.stem, path, path.stat().st_size)
        for path in sorted((models_dir / "llm").glob("*.gguf"))
        if path.is_file() and not path.name.startswith(".")
    ]


def safe_name(text: str) -> str:
    """A name for the store made of a file's name. Raises UserError when nothing is left of it."""
    name = _UNSAFE.sub("-", text.casefold()).strip("-._")[:100]
    if not _SAFE_NAME.fullmatch(name):
        raise UserError(
            f"No model name can be made of {text!r}.",
            "Rename the file to letters, digits and dashes.",
        )
    return name


def add(models_dir: Path, file: Path) -> InstalledModel:
    """Put a local GGUF file into the store, under a name made of the file's name.

    It is hard-linked where the disk allows, so that it takes no second space,
    and copied otherwise. Raises UserError when it is not a sound GGUF, when
    another model has the name, or when there is not enough space.
    """
    source = file.expanduser().resolve()
    read_header(source)
    name = safe_name(source.stem)
    target = model_path(models_dir, name)
    if target.exists():
        if target.samefile(source):
            return InstalledModel(name, target, target.stat().st_size)
        raise UserError(
            f"There is a model called {name} already.",
            f"Remove it first with `satchel models remove {name}`, or rename the file.",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _place(source, target)
    except OSError as error:
        raise UserError(
            f"The model {name} could not be stored: {error.strerror or error}.",
            f"Check the space and your rights in {target.parent}.",
        ) from error
    return InstalledModel(name, target, target.stat().st_size)


def remove(models_dir: Path, name: str) -> InstalledModel:
    """Delete a model from the store and give what it was. Raises UserError when it is not there."""
    for model in installed(models_dir):
        if model.name == name:
            try:
                model.path.unlink()
            except OSError as error:
                raise UserError(
                    f"The model {name} could not be removed: {error.strerror or error}.",
                    "Close what uses it and try again.",
                ) from error
            return model
    names = ", ".join(model.name for model in installed(models_dir)) or "none"
    raise UserError(f"There is no model called {name} here.", f"Installed: {names}.")


def _place(source: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=".add-", dir=target.parent) as folder:
        temporary = Path(folder) / target.name
        try:
            os.link(source, temporary)
        except OSError:
            needed = source.stat().st_size
            if shutil.disk_usage(folder).free < needed:
                raise UserError(
                    f"The copy needs {needed / 1e6:.0f} MB, which are not free.",
                    f"Free some space on the disk of {target.parent}.",
                ) from None
            with source.open("rb") as reader, temporary.open("wb") as writer:
                shutil.copyfileobj(reader, writer, 1 << 20)
                writer.flush()
                os.fsync(writer.fileno())
        temporary.replace(target)
