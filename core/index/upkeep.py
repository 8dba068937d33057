"""Upkeep of the index: merging segments, and bringing them to the level wished for.

New segments are written at that level. Those that can be brought to it without
reading a file are written anew as part of merging; the others wait for
`core.index.levelling`, which reads and embeds their texts and hands them to `republish`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import NoRoomError
from core.index.code_choice import CodeChoice
from core.index.dial import OWN_SAMPLE
from core.index.foreign import new_path, write_part
from core.index.levels import OWN_CHUNKS, Level
from core.index.merging import (
    DEAD_SHARE,
    Source,
    can_become,
    derive,
    gather,
    join,
    join_words,
    places_of,
    plan_merge,
)
from core.index.room import disk_full, is_full
from core.index.rotations import ENOUGH_CHUNKS
from core.index.segment import Segment
from core.index.segment_format import Body, SegmentError
from core.index.store import ROTATION_BYTES, SegmentStore
from core.index.word_build import build
from core.memory import return_memory
from core.store.rows import DocumentTable

Floats = NDArray[np.float32]
Halves = NDArray[np.float16]

WORDS_SHARE = 0.13  # of the text, at most: of short passages


class IndexStore(SegmentStore):
    """The segments of one home, kept few and at one level."""

    # --- the level ----------------------------------------------------------------------

    def set_level(self, level: Level, codes: CodeChoice) -> None:
        """Write new segments at this level, with these codes, from now on."""
        self.dial.set(level, codes)

    def set_words(self, words: bool) -> None:
        """Write new segments with a word index, or without, from now on."""
        self.dial.words = words

    @property
    def _present(self) -> dict[int, Segment]:
        """The segments of the present embedding model."""
        return {n: one for n, one in self._segments.items() if n not in self._foreign}

    @property
    def foreign(self) -> set[int]:
        """The segments of another embedding model."""
        return set(self._foreign)

    @property
    def stuck(self) -> set[int]:
        """The segments whose files have to be read anew to get where they should."""
        if not self._model_known:
            return set()
        return {number for number in self._present if not self._can_turn(number)}

    @property
    def wordless(self) -> set[int]:
        """The segments that lack nothing but a word index: their files have to be read for it."""
        wish = self.dial.wish._replace(words=False)
        return {
            number
            for number in self.stuck
            if can_become(self._segments[number].holding, wish, self._has_vectors(number))
        }

    @property
    def behind(self) -> set[int]:
        """The segments that do not have what they are to have."""
        if not self._model_known:
            return set()
        wish = self.dial.wish
        return {number for number, one in self._present.items() if one.holding != wish}

    @property
    def chunks_at_level(self) -> int:
        """How many live chunks are in segments that have what they are to have. Any thread asks."""
        return self.view.live_at(self.dial.wish) if self._model_known else self.view.live_chunks

    @property
    def sample_wanted(self) -> int:
        """How many chunks from all over the index are to be embedded for a rotation; 0 for none.

        Those at hand may do for it: then `merge_once` sees to it.
        """
        if not self._model_known or not self._present:
            return 0
        chunks = self.view.meant_chunks
        if self.dial.needs_own(chunks, self._present.values()):
            return OWN_CHUNKS
        return min(ENOUGH_CHUNKS, chunks) if self.dial.lacks_rotation else 0

    def adopt(self, sample: Floats) -> bool:
        """Fit the rotation that is due to a sample from all over the index; False when it is
        too small. Raises NoRoomError.
        """
        chunks = self.view.meant_chunks
        self._check_room(ROTATION_BYTES)
        if self.dial.needs_own(chunks, self._present.values()):
            return self.dial.fit_own(sample.astype(np.float16), chunks)
        self.dial.fit_first(sample)
        return not self.dial.lacks_rotation

    def _adopt_from_hand(self) -> None:
        """Fit a rotation of the home's own to the embeddings at hand, if that is due."""
        segments = self._present.values()
        needed = self.dial.needs_own(self.view.meant_chunks, segments)
        if not needed or self._room() < ROTATION_BYTES:
            return
        if not self.dial.has_drifted(segments):  # for those at hand may all be of one subject
            able = [number for number in self._present if self._has_vectors(number)]
            at_hand = sum(self._segments[number].chunks for number in able)
            if at_hand >= OWN_CHUNKS:
                step = max(1, -(-at_hand // OWN_SAMPLE))
                sample = np.concatenate([self._vectors(number, step) for number in able])
                self.dial.fit_own(sample, self.view.meant_chunks)
                return_memory()

    def _has_vectors(self, number: int) -> bool:
        return number in self._embeddings or self._segments[number].header.kept == "all"

    def _vectors(self, number: int, step: int) -> Halves:
        """One embedding in so many of a segment."""
        if number in self._embeddings:
            return self._embeddings[number][::step]
        stored = self._segments[number].stored
        assert stored is not None
        return stored.vectors(np.arange(0, len(stored), step)).astype(np.float16)

    def kept_vectors(self, number: int, place: int) -> Floats | None:
        """The embeddings that are kept of all chunks of a segment's document; None if not so."""
        segment = self._segments[number]
        if segment.header.kept != "all" or segment.stored is None:
            return None
        first = int(segment.chunk_counts[:place].sum())
        return segment.stored.vectors(np.arange(first, first + int(segment.chunk_counts[place])))

    def _can_turn(self, number: int) -> bool:
        return self.dial.can_turn(self._segments[number], self._has_vectors(number))

    def rotations_in_use(self) -> set[str]:
        """The names of those that segments were written with, and of the one that serves now."""
        names = {segment.header.rotation for segment in self._segments.values()}
        return names | {self.dial.rotation.name}

    def _growth(self, group: Iterable[int]) -> int:
        """Bytes by which codes, embeddings kept and words grow when these come to the level."""
        segments = [self._segments[number] for number in group]
        held = sum(one.codes + one.embeddings for one in (s.sizes() for s in segments))
        grown = self.dial.bytes_of(sum(segment.chunks for segment in segments)) - held
        if not self.dial.words:
            return grown - sum(segment.sizes().words for segment in segments)
        without = sum(segment.chunks for segment in segments if not segment.has_words)
        return grown + self._word_bytes(without)

    def _word_bytes(self, chunks: int) -> int:
        """About what the words of so many chunks take."""
        every, text_bytes = self._catalogue.totals()
        return round(WORDS_SHARE * text_bytes * chunks / max(1, every))

    def check_move(self, chunks: int) -> None:
        """Raises UserError when the disk budget cannot take all segments at the level wished for,
        or not so many chunks of them a second time while they move.
        """
        words = self._word_bytes(chunks) if self.dial.words else 0
        needed = max(self._growth(self.behind), self._kept_bytes(chunks) + words)
        if needed > self._room():
            raise self._no_room(needed)

    def check_turned(self) -> None:
        """Raises UserError when there was no room to write anew what needs no embedding for it."""
        if left := self.behind - self.stuck:
            raise self._no_room(min(self._bytes_turned([number]) for number in left))

    def _no_room(self, needed: int) -> NoRoomError:
        return NoRoomError(
            f"The disk budget has no room for the level {self.dial.level.name}: about "
            f"{needed / 1e6:.1f} MB more would be written.",
            "Give Satchel more with `satchel budget --disk SIZE`, or choose a smaller level "
            "with `satchel index --level NAME`.",
        )

    def _bytes_turned(self, group: Sequence[int]) -> int:
        """About the bytes of these segments written anew as one, at the level wished for."""
        return sum(self._segments[n].sizes().total for n in group) + self._growth(group)

    def republish(self, rows: DocumentTable, embeddings: Floats) -> None:
        """Move documents, in the order of their numbers, to a new segment at the level wished for.

        `embeddings` (n, d) are those of their chunks. What stays in their old segments
        stays as it is, and the new one has no words where an old one has none. Raises
        UserError when the disk is full.
        """
        sources = self._sources(rows)
        body = derive(embeddings, self.dial.codes, self.dial.level.kept)
        words = self._joined_words(sources) if self.dial.words else None
        self._remember(self._move(rows, body, words), embeddings)

    def add_words(self, rows: DocumentTable, texts: Iterable[str]) -> None:
        """Move documents, in the order of their numbers, to a new segment that has their words.

        `texts` are those of their chunks; all else is taken from their old segments, which
        are among the `wordless`. Raises UserError when the disk is full.
        """
        words = build(texts, self._tokenizer)
        sources = self._sources(rows)
        body = join(sources, int(rows.chunks.sum()), self.dial.codes, self.dial.level.kept)
        self._move(rows, body, words)

    def _move(self, rows: DocumentTable, body: Body, words: bytes | None) -> int:
        path = new_path(self._folder)
        with self._publishing(path):
            self._write(path, self.dial.codes, body, self._packed(rows), words)
            segment = Segment(path)
            number = self._catalogue.move_documents(path.name, self._model, rows.id.tolist())
        self._segments[number] = segment
        self.view = self._make_view()
        return number

    # --- merging ------------------------------------------------------------------------

    def merge_once(self) -> bool:
        """Join some segments, or bring one to the level wished for; whether anything was done.

        Embeds nothing, and does nothing where there is no room for it. Segments that would need
        embedding for the level take part in no merge; they are only written anew when much of
        them was deleted.
        """
        self._adopt_from_hand()
        live = self._live()
        every = [(number, one.chunks, live[number]) for number, one in self._segments.items()]
        foreign = [size for size in every if size[0] in self._foreign]
        if self._shrink_foreign(foreign, self._catalogue.documents()):
            return True
        sizes = [size for size in every if size[0] not in self._foreign]
        able = [size for size in sizes if self._can_turn(size[0])]
        group = plan_merge(able, self.most_joined)
        if not group:
            behind = [size for size in able if self._segments[size[0]].holding != self.dial.wish]
            group = [min(behind, key=lambda size: size[2])[0]] if behind else []
        for size in sizes:
            if not group and size not in able:
                group = plan_merge([size])
        if not group:
            return False
        alone = self._segments[group[0]].sizes().total
        needed = alone if group[0] in self.stuck else self._bytes_turned(group)
        if needed > self._room():
            return False
        rows = self._catalogue.documents()
        try:
            self._merge(group, rows.select(np.isin(rows.segment, group)))
        except NoRoomError:  # it comes out larger than was thought
            return False
        return True

    def _live(self) -> dict[int, int]:
        rows = self._catalogue.documents()
        return {number: int(rows.chunks[rows.segment == number].sum()) for number in self._segments}

    def _merge(self, group: Sequence[int], rows: DocumentTable) -> None:
        rows = rows.select(np.argsort(rows.id))
        total = int(rows.chunks.sum())
        if total == 0:
            self._catalogue.replace_segments(group, None, self._model, [])
            self._swap(group, None, None)
            return
        rotation, kept, has_words = self.dial.codes, self.dial.level.kept, self.dial.words
        if not all(map(self._can_turn, group)):
            [alone] = group
            has = self._segments[alone].holding
            rotation = None if has.rotation is None else self.dial.rotations[has.rotation]
            kept, has_words = has.kept, has.words
        sources = [self._source(number, rows) for number in group]
        body = join(sources, total, rotation, kept)
        path = new_path(self._folder)
        words = self._joined_words(sources) if has_words else None
        at_hand = None
        if total <= self.most_kept and all(number in self._embeddings for number in group):
            at_hand = gather(sources, total)
        with self._publishing(path):
            self._write(path, rotation, body, self._packed(rows), words)
            segment = Segment(path)
            self._catalogue.replace_segments(group, path.name, self._model, rows.id.tolist())
        number = self._catalogue.segments()[-1].id
        self._swap(group, number, segment)
        if at_hand is not None:
            self._embeddings[number] = at_hand

    @staticmethod
    def _joined_words(sources: Sequence[Source]) -> bytes | None:
        return join_words([s.segment for s in sources], [s.places for s in sources])

    def _sources(self, rows: DocumentTable) -> list[Source]:
        return [self._source(number, rows) for number in sorted(set(rows.segment.tolist()))]

    def _source(self, number: int, rows: DocumentTable) -> Source:
        segment = self._segments[number]
        name = segment.holding.rotation
        rotation = None if name is None else self.dial.rotations[name]
        at_hand = self._embeddings.get(number)
        return Source(segment, rotation, places_of(segment, number, rows), at_hand)

    def _packed(self, rows: DocumentTable) -> list[tuple[int, bytes]]:
        return [
            (chunks, self._segments[segment].packed_spans(place))
            for chunks, segment, place in zip(
                rows.chunks.tolist(), rows.segment.tolist(), rows.place.tolist(), strict=True
            )
        ]

    def _shrink_foreign(self, sizes: Sequence[tuple[int, int, int]], rows: DocumentTable) -> bool:
        """Write a segment of another model anew if much of it is deleted; whether that was due."""
        for number, chunks, live in sizes:
            room = live == 0 or self._segments[number].sizes().total <= self._room()
            if chunks - live > DEAD_SHARE * chunks and room:
                with contextlib.suppress(NoRoomError):
                    self._rewrite_foreign(number, rows.select(rows.segment == number))
                    return True
        return False

    def _rewrite_foreign(self, number: int, rows: DocumentTable) -> None:
        segment = self._segments[number]
        if len(rows) == 0:
            self._catalogue.replace_segments([number], None, "", [])
            self._foreign.discard(number)
            self._swap([number], None, None)
            return
        path = new_path(self._folder)
        try:
            write_part(segment, rows, path, self._check_room)
        except OSError as error:
            if is_full(error):
                raise disk_full() from error
            raise
        model = segment.header.model
        self._catalogue.replace_segments([number], path.name, model, rows.id.tolist())
        new = self._catalogue.segments()[-1].id
        self._foreign ^= {number, new}
        self._swap([number], new, Segment(path))

    def _merge_one(self, number: int, rows: DocumentTable) -> None:
        self._merge([number], rows)

    def rewrite_without(self, segments: set[int]) -> None:
        """Write segments anew without their deleted documents, so that no trace of them stays.

        Where there is no room for that, their other files are read again later.
        """
        rows = self._catalogue.documents()
        for number in segments & set(self._segments):
            rewrite = self._rewrite_foreign if number in self._foreign else self._merge_one
            try:
                rewrite(number, rows.select(rows.segment == number))
            except SegmentError as error:  # no trace may stay in what cannot be written anew
                self.drop([number], {number: str(error)})
            except NoRoomError:
                self.drop([number])
