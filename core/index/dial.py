"""The level that an index is to have and the codes it has at it: which serve, when others are due.

`core.index.store` asks; nothing here touches a file of the index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.index.code_choice import CodeChoice
from core.index.codes import Rotation
from core.index.drift import Part, has_drifted
from core.index.levels import OWN_CHUNKS, Level
from core.index.merging import can_become
from core.index.rotations import ENOUGH_CHUNKS
from core.index.segment import Segment
from core.index.segment_format import Holding

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

OWN_SAMPLE = 20_000  # of them are used at most
GROWTH = 1.5  # of the home between one fitting and the next while it is open


class Dial:
    """What new segments are written with."""

    def __init__(self, level: Level, codes: CodeChoice, words: bool = True) -> None:
        """`words` says whether new segments have a word index."""
        self.words = words
        self._rotations: dict[str, Rotation] = {}
        self._fitted_at = 0
        self.set(level, codes)

    def set(self, level: Level, codes: CodeChoice) -> None:
        """Another level, and the codes for it."""
        self.level: Level = level
        self.rotation: Rotation = codes.rotation
        self.has_rotation: bool = codes.is_there
        self._fit, self._own, self._older = codes.fit, codes.own, codes.older
        if codes.is_there:
            self._turn_to(codes.rotation)

    def _turn_to(self, rotation: Rotation) -> None:
        # A view that a search still uses keeps the old mapping.
        self._rotations = {**self._rotations, rotation.name: rotation}
        self.rotation, self.has_rotation = rotation, True

    # --- rotations ----------------------------------------------------------------------

    @property
    def rotations(self) -> Mapping[str, Rotation]:
        """Those met so far, by name; never changed once it was given out."""
        return self._rotations

    def knows(self, name: str) -> bool:
        """Whether a rotation is there, perhaps among the older ones."""
        while name not in self._rotations:
            older = next(self._older, None)
            if older is None:
                return False
            self._rotations = {older.name: older, **self._rotations}
        return True

    def assume(self, name: str) -> None:
        """Take the present rotation for one of this name: without a model none is ever used."""
        self._rotations = {name: self.rotation, **self._rotations}

    # --- the level ----------------------------------------------------------------------

    @property
    def codes(self) -> Rotation | None:
        """The rotation of new codes, None for none."""
        return self.rotation if self.level.code_bytes else None

    @property
    def wish(self) -> Holding:
        """What segments are to have."""
        rotation = self.rotation.name if self.level.code_bytes else None
        return Holding(rotation, self.level.kept, self.words)

    @property
    def lacks_rotation(self) -> bool:
        """Whether there are to be codes and no rotation for them yet."""
        return self.level.code_bytes > 0 and not self.has_rotation

    def can_turn(self, segment: Segment, vectors: bool) -> bool:
        """Whether a segment has what it is to have, or can get it without reading a file.

        `vectors` says that its embeddings are there.
        """
        return not self.lacks_rotation and can_become(segment.holding, self.wish, vectors)

    def bytes_of(self, chunks: int) -> int:
        """Bytes of codes and embeddings of so many chunks."""
        codes = self.rotation.code_bytes if self.level.code_bytes else 0
        return round(chunks * (codes + self.level.kept_bytes(len(self.rotation.mean))))

    # --- fitting ------------------------------------------------------------------------

    def fit_first(self, embeddings: Floats) -> None:
        """Make a rotation of the first embeddings published, if there is none."""
        if self._fit is not None and self.lacks_rotation:
            self._turn_to(self._fit(embeddings))
            if len(embeddings) >= ENOUGH_CHUNKS:
                self._fit = None

    def may_fit_anew(self, chunks: int) -> bool:
        """Whether the rotation was fitted to little and an index of so many chunks is small."""
        known = self.level.code_bytes > 0 and self.has_rotation
        return self._fit is not None and known and chunks < ENOUGH_CHUNKS

    def give_up_rotation(self) -> None:
        """Fit another one to what is published next."""
        self.has_rotation = False

    def has_drifted(self, segments: Iterable[Segment]) -> bool:
        """Whether the home's own rotation suits its passages no more."""
        parts = [
            Part(segment.chunks, segment.header.faithful)
            for segment in segments
            if segment.holding.rotation == self.rotation.name
        ]
        return self.rotation.own and has_drifted(self.rotation.expected, parts)

    def needs_own(self, chunks: int, segments: Iterable[Segment]) -> bool:
        """Whether a home of so many chunks is to get a rotation of its own, or another one."""
        if self._own is None or not self.level.code_bytes or chunks < OWN_CHUNKS:
            return False
        if self.rotation.own and chunks < GROWTH * self._fitted_at:
            return False
        return not self.rotation.own or self.has_drifted(segments)

    def fit_own(self, embeddings: Halves, chunks: int) -> bool:
        """Fit a rotation of the home's own to these, of so many chunks; False when they are
        too few.
        """
        if self._own is None or len(embeddings) < min(OWN_CHUNKS, OWN_SAMPLE // 2):
            return False
        self._turn_to(replace(self._own(embeddings), own=True))
        self._fit, self._fitted_at = None, chunks
        return True
