"""The models on this machine: what is in the store, adding a file or an adapter, removing one."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UserError
from core.llm.admit import admit_adapter, admit_model
from core.llm.experts import quality
from core.llm.facts import kept_path
from core.llm.fetch import model_path
from core.llm.gguf import Part, read_header, read_parts
from core.llm.join import join_parts, whole_name

_UNSAFE = re.compile(r"[^a-z0-9._-]+")
# On Windows such a name means a device in every folder, whatever ending it has.
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)")
_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A model or an adapter in the store."""

    name: str
    path: Path
    size_bytes: int


@dataclass(frozen=True, slots=True)
class InstalledModel(InstalledFile):
    """A model file in the store with its adapters, which are used whenever it is."""

    adapters: tuple[InstalledFile, ...] = ()


def installed(models_dir: Path) -> list[InstalledModel]:
    """The models in the store, by name. Their files are not opened."""
    return [
        InstalledModel(
            found.name,
            found.path,
            found.size_bytes,
            tuple(_files(_adapter_folder(models_dir, found.name))),
        )
        for found in _files(models_dir / "llm")
    ]


def find_installed(models_dir: Path, name: str) -> InstalledModel:
    """The model of that name. Raises UserError when it is not in the store."""
    models = installed(models_dir)
    for model in models:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in models) or "none"
    raise UserError(f"There is no model called {name} here.", f"Installed: {names}.")


def safe_name(text: str) -> str:
    """A name for the store made of a file's name. Raises UserError when nothing is left of it."""
    name = _UNSAFE.sub("-", text.casefold()).strip("-._")[:100].rstrip("-._")
    if _DEVICE.match(name):
        name = f"model-{name}"
    if not _SAFE_NAME.fullmatch(name):
        raise UserError(
            f"No model name can be made of {text!r}.",
            "Rename the file to letters, digits and dashes.",
        )
    return name


def add(
    models_dir: Path, file: Path, check: Callable[[Path], None] = lambda _path: None
) -> InstalledModel:
    """Put a local GGUF file into the store, under a name made of the file's name.

    It is hard-linked where the disk allows, so that it takes no second space,
    and copied otherwise. Given the first of several parts, all of them are joined into one file.
    `check` may refuse it by raising. Raises UserError when it is not a sound model, when
    another one has the name, or when there is not enough space.
    """
    source = file.expanduser().resolve()
    parts = read_parts(source)
    admit_model(parts[0].header, source.name)
    name = safe_name(source.stem if len(parts) == 1 else whole_name(source.stem))
    target = model_path(models_dir, name)
    if not _is_there(source, target, f"There is a model called {name} already.", name):
        check(source)
        if len(parts) == 1:
            _place(source, target)
        else:
            _join(parts, target)
    return InstalledModel(name, target, target.stat().st_size)


def add_adapter(
    models_dir: Path,
    file: Path,
    base: str,
    check: Callable[[Path, Path], None] = lambda _model, _adapter: None,
) -> InstalledFile:
    """Put a local LoRA beside an installed model. As `add`; `check` gets both files."""
    model = find_installed(models_dir, base)
    source = file.expanduser().resolve()
    admit_adapter(read_header(source), source.name, read_header(model.path), base)
    name = safe_name(source.stem)
    target = _adapter_folder(models_dir, base) / f"{name}.gguf"
    already = f"{base} has an adapter called {name} already."
    if not _is_there(source, target, already, f"{name} --for {base}"):
        check(model.path, source)
        _place(source, target)
    return InstalledFile(name, target, target.stat().st_size)


def remove(models_dir: Path, name: str) -> InstalledModel:
    """Delete a model with its adapters and give what it was. Raises UserError when not there."""
    model = find_installed(models_dir, name)
    _unlink(model)
    for kept in (kept_path(model.path), quality.kept_path(model.path)):
        kept.unlink(missing_ok=True)
    shutil.rmtree(_adapter_folder(models_dir, name), ignore_errors=True)
    return model


def remove_adapter(models_dir: Path, name: str, base: str) -> InstalledFile:
    """Delete an adapter and give what it was. Raises UserError when it is not there."""
    model = find_installed(models_dir, base)
    for adapter in model.adapters:
        if adapter.name == name:
            _unlink(adapter)
            return adapter
    names = ", ".join(adapter.name for adapter in model.adapters) or "none"
    raise UserError(f"{base} has no adapter called {name}.", f"It has: {names}.")


def _adapter_folder(models_dir: Path, model: str) -> Path:
    return models_dir / "llm" / "adapters" / model


def _files(folder: Path) -> list[InstalledFile]:
    return [
        InstalledFile(path.stem, path, path.stat().st_size)
        for path in sorted(folder.glob("*.gguf"))
        if path.is_file() and not path.name.startswith(".")
    ]


def _is_there(source: Path, target: Path, taken: str, name: str) -> bool:
    """Whether this very file is in its place. Raises UserError when another one is."""
    if not target.exists():
        return False
    if target.samefile(source):
        return True
    raise UserError(
        taken, f"Remove it first with `satchel models remove {name}`, or rename the file."
    )


def _unlink(file: InstalledFile) -> None:
    try:
        file.path.unlink()
    except OSError as error:
        raise UserError(
            f"{file.name} could not be removed: {error.strerror or error}.",
            "Close what uses it and try again.",
        ) from error


def _place(source: Path, target: Path) -> None:
    _store(target, lambda temporary: _link_or_copy(source, temporary))


def _join(parts: Sequence[Part], target: Path) -> None:
    def put(temporary: Path) -> None:
        _check_space(sum(part.path.stat().st_size for part in parts), temporary.parent)
        join_parts(parts, temporary)

    _store(target, put)


def _store(target: Path, put: Callable[[Path], None]) -> None:
    """Have `put` write a file, and put that into its place. Raises UserError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".add-", dir=target.parent) as folder:
            temporary = Path(folder) / target.name
            put(temporary)
            temporary.replace(target)
    except OSError as error:
        raise UserError(
            f"{target.stem} could not be stored: {error.strerror or error}.",
            f"Check the space and your rights in {target.parent}.",
        ) from error


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
        return
    except OSError:
        _check_space(source.stat().st_size, target.parent)
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


def _check_space(needed_bytes: int, folder: Path) -> None:
    if shutil.disk_usage(folder).free < needed_bytes:
        raise UserError(
            f"The copy needs {needed_bytes / 1e6:.0f} MB, which are not free.",
            f"Free some space on the disk of {folder.parent}.",
        )
