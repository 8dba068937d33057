"""Where the rotation of a model's codes comes from: shipped, or fitted to a home's own passages.

What ships was fitted to thousands of texts. A model without one gets its
rotation from the first passages of each home, and keeps it, for the codes of
segments depend on it; one that was fitted to little is given up, with the
small index that depends on it, when much more comes. A few passages would say
little about the model and much about themselves, so then it is fitted to the
texts the model was checked with.

A home with some thousands of passages does better still with codes of its own,
half as long: a byte says more where all is of a few subjects. When its passages
have become others, they are fitted anew.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.atomic import sync_folder
from core.errors import UserError
from core.index.codes import FORMAT, Rotation, load_rotation, sign_books
from core.index.embedder import REFERENCE, EmbeddingModel
from core.index.fit_codes import fit_rotation, own_width
from core.index.room import disk_full, is_full

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

SHIPPED = Path(__file__).parents[2] / "resources" / "rotations"
LEAST_CHUNKS = 64
ENOUGH_CHUNKS = 2000  # more improve it little
HELD_OUT = 10  # one in so many says how well a home's own rotation fits
NOISE = 0.1  # of the spread of a few embeddings, put around them


def find_rotation(
    shipped_as: str | None, model: EmbeddingModel, folder: Path, code_bytes: int
) -> tuple[Rotation | None, bool]:
    """The rotation that ships for a model, or the one a home keeps; None when it is to be fitted.

    And whether it stays: one that was fitted to little is fitted anew when the home
    grows. Raises UserError when it is damaged.
    """
    if shipped_as and (shipped := shipped_rotation(shipped_as, code_bytes)):
        return shipped, True
    for path, stays in (
        (_kept(folder, model, code_bytes), True),
        (_first(folder, model, code_bytes), False),
    ):
        if found := _load(path, f"Remove {path}; your files are then read again."):
            return found, stays
    return None, False


def placeholder(dimensions: int, code_bytes: int) -> Rotation:
    """A rotation for an index that has no codes."""
    bits = code_bytes * 8
    axes = np.eye(dimensions, bits, dtype=np.float32)
    return Rotation(np.zeros(dimensions, np.float32), axes, sign_books(np.ones(bits, np.float32)))


def shipped_rotation(name: str, code_bytes: int) -> Rotation | None:
    """The rotation that ships under a name. Raises UserError when it is damaged."""
    return _load(SHIPPED / f"{name}-{code_bytes}.npz", "Install Satchel again.")


def fit_and_keep(
    embeddings: Floats, folder: Path, model: EmbeddingModel, code_bytes: int
) -> Rotation:
    """Fit a rotation to embeddings (n, d), or to the model's reference texts if they are few."""
    keep = _kept if len(embeddings) >= ENOUGH_CHUNKS else _first
    path = keep(folder, model, code_bytes)
    if len(embeddings) < LEAST_CHUNKS:
        with np.load(model.folder / REFERENCE, allow_pickle=False) as data:
            embeddings = data["embeddings"].astype(np.float32)
    return _keep(fit_to_sample(embeddings, code_bytes), path)


def fit_own(embeddings: Halves, folder: Path, model: EmbeddingModel, code_bytes: int) -> Rotation:
    """Fit the rotation of a home's own to a sample of its embeddings (n, d), and keep it.

    A part of them is left out of it, and tells how faithful its codes are.
    """
    held_out = np.arange(len(embeddings)) % HELD_OUT == 0
    if len(embeddings) < HELD_OUT * LEAST_CHUNKS:
        held_out[:] = False
    width = own_width(embeddings.shape[1], code_bytes)
    fitted = fit_rotation(embeddings[~held_out], code_bytes, width=width)
    rest = (embeddings[held_out] if held_out.any() else embeddings).astype(np.float32)
    fitted = replace(fitted, expected=fitted.faithful(rest, fitted.encode(rest)))
    number = max([_number(path) for path in _owns(folder, model)], default=0) + 1
    return replace(_keep(fitted, _own(folder, model, code_bytes, number)), own=True)


def own_rotations(folder: Path, model: EmbeddingModel) -> list[Rotation]:
    """The rotations of a home's own, oldest first. Raises UserError when one is damaged."""
    return [rotation for _, rotation in _own_files(folder, model)]


def drop_unused(folder: Path, model: EmbeddingModel, used: Collection[str]) -> None:
    """Remove the rotations of a home's own that are not among the names `used`."""
    for path, rotation in _own_files(folder, model):
        if rotation.name not in used:
            path.unlink(missing_ok=True)


def _own_files(folder: Path, model: EmbeddingModel) -> list[tuple[Path, Rotation]]:
    return [
        (path, replace(rotation, own=True))
        for path in _owns(folder, model)
        if (rotation := _load(path, f"Remove {path}; your files are then read again."))
    ]


def kept_bytes(folder: Path) -> int:
    """Bytes of the rotations that a home keeps."""
    return sum(path.stat().st_size for path in folder.glob("*.npz")) if folder.is_dir() else 0


def _keep(rotation: Rotation, path: Path) -> Rotation:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        rotation.save(temporary)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if is_full(error):
            raise disk_full() from error
        raise UserError(
            f"The index cannot be written to {path.parent}: {error.strerror}.",
            "Free some disk space and run it again.",
        ) from error
    # As it will be read: its axes are rounded on disk.
    return load_rotation(path)


def fit_to_sample(embeddings: Floats, code_bytes: int, seed: int = 0) -> Rotation:
    """A rotation for embeddings (n, d) of any number n of at least one.

    A small sample is filled up with noise around its members, so that directions
    it does not know are cut evenly.
    """
    if len(embeddings) < ENOUGH_CHUNKS:
        mean = embeddings.mean(axis=0)
        spread = float(np.sqrt(((embeddings - mean) ** 2).sum(axis=1).mean())) or 0.5
        embeddings = np.repeat(embeddings, -(-ENOUGH_CHUNKS // len(embeddings)), axis=0)
        noise = np.random.default_rng(seed).standard_normal(embeddings.shape, dtype=np.float32)
        embeddings = embeddings + noise * (NOISE * spread / np.sqrt(embeddings.shape[1]))
    return fit_rotation(embeddings.astype(np.float32), code_bytes)


def _kept(folder: Path, model: EmbeddingModel, code_bytes: int) -> Path:
    return folder / f"{model.description.fingerprint}-v{FORMAT}-{code_bytes}.npz"


def _first(folder: Path, model: EmbeddingModel, code_bytes: int) -> Path:
    return folder / f"{model.description.fingerprint}-v{FORMAT}-{code_bytes}-first.npz"


def _own(folder: Path, model: EmbeddingModel, code_bytes: int, number: int) -> Path:
    return folder / f"{model.description.fingerprint}-v{FORMAT}-{code_bytes}-own{number}.npz"


def _owns(folder: Path, model: EmbeddingModel) -> list[Path]:
    """The files of a home's own rotations, oldest first; the first ones had no number."""
    return sorted(folder.glob(f"{model.description.fingerprint}-v{FORMAT}-*-own*.npz"), key=_number)


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-own")[2] or 0)


def _load(path: Path, advice: str) -> Rotation | None:
    try:
        return load_rotation(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"The codes' rotation in {path} cannot be read: {error}.", advice
        ) from error
