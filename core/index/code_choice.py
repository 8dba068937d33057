"""Which codes a home has at a level: the rotation that serves, and how it comes by another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.index.codes import WIDTH, Rotation
from core.index.embedder import EmbeddingModel
from core.index.levels import LEVELS, Level
from core.index.rotations import (
    find_rotation,
    fit_and_keep,
    fit_own,
    own_rotations,
    placeholder,
)

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]
Fit = Callable[[Floats], Rotation]
FitOwn = Callable[[Halves], Rotation]


@dataclass(frozen=True, slots=True)
class CodeChoice:
    """The rotation of new codes.

    `is_there` is False while it is a placeholder: `fit` then makes one of the first
    embeddings. With `fit` it may be fitted anew, when much more comes; `own` makes
    one of the home's own. `older` are others that segments may have been written with.
    """

    rotation: Rotation
    is_there: bool = True
    fit: Fit | None = None
    own: FitOwn | None = None
    older: Iterator[Rotation] = field(default_factory=lambda: iter(()))


def choose_codes(
    level: Level, shipped_as: str | None, model: EmbeddingModel, folder: Path
) -> CodeChoice:
    """The codes of a level: the home's own, else those that ship or that a home begins with.

    Raises UserError when a rotation is damaged.
    """
    dimensions = model.description.dimensions
    size = min(level.code_bytes, dimensions // WIDTH)
    first = min(level.first_code_bytes, dimensions // WIDTH)
    if not level.code_bytes:
        blank = placeholder(dimensions, 1)
        return CodeChoice(blank, older=_every(shipped_as, model, folder))
    owns = [one for one in own_rotations(folder, model) if one.code_bytes == size]
    found, stays = (owns[-1], True) if owns else find_rotation(shipped_as, model, folder, first)
    return CodeChoice(
        found or placeholder(dimensions, first),
        found is not None,
        None if stays else lambda sample: fit_and_keep(sample, folder, model, first),
        lambda sample: fit_own(sample, folder, model, size),
        _every(shipped_as, model, folder),
    )


def _every(shipped_as: str | None, model: EmbeddingModel, folder: Path) -> Iterator[Rotation]:
    """All rotations that a home may have used, each read when it is asked for."""
    yield from own_rotations(folder, model)
    for size in sorted({level.first_code_bytes for level in LEVELS} - {0}, reverse=True):
        for name in (shipped_as, None):
            found, _ = find_rotation(name, model, folder, size)
            if found is not None:
                yield found
