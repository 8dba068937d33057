import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.index.graph import build_edges
from core.index.levels import Kept
from core.index.segment import Segment
from core.index.segment_format import (
    FORMAT,
    MAGIC,
    Body,
    Holding,
    NewerSegmentError,
    SegmentError,
    seal,
    unseal,
    write_segment,
)
from core.index.spans import pack_document
from core.index.stored import Stored
from core.index.word_build import build
from core.index.words import WordIndex

COUNTS = (5, 1, 9, 3, 12)
TOTAL = sum(COUNTS)
CODE_BYTES = 4
WORDS = build([f"word{number} and more" for number in range(TOTAL)])


def content() -> tuple[np.ndarray, np.ndarray, list[tuple[int, bytes]], list]:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (TOTAL, CODE_BYTES), dtype=np.uint8)
    vectors = rng.standard_normal((TOTAL, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    edges = build_edges(vectors)
    spans = [
        (tuple((7 * at, 7 * at + 5) for at in range(count)), (count * 7, 3)) for count in COUNTS
    ]
    documents = [(len(one), pack_document(one, pages)) for one, pages in spans]
    return codes, edges, documents, spans


def stored(kept: Kept) -> Stored | None:
    """What the segment has of embeddings."""
    ids = {"": np.arange(0), "hubs": np.array([2, 9, 29]), "all": np.arange(TOTAL)}[kept]
    rows = np.random.default_rng(3).integers(-127, 128, (len(ids), 16)).astype(np.int8)
    return Stored(ids, rows) if kept else None


@pytest.fixture(scope="module", params=["", "hubs", "all"])
def good(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("segment") / "good.segment"
    codes, edges, documents, _ = content()
    body = Body(codes, edges, request.param, stored(request.param), 0.8, 1.2)
    sizes = write_segment(path, "model", "turn", body, documents, WORDS)
    assert sizes.total == path.stat().st_size
    assert not list(path.parent.glob("*.tmp"))
    return path.read_bytes()


def check(path: Path) -> Segment:
    """Read all of a segment; what it gives has to be what was written."""
    codes, edges, _, spans = content()
    segment = Segment(path)
    segment.verify()
    found, written = segment.stored, stored(segment.header.kept)
    assert (found is None) == (written is None)
    if found is not None and written is not None:
        assert found.ids.tolist() == written.ids.tolist()
        assert (found.rows == written.rows).all()
    assert segment.chunks == TOTAL
    assert segment.header.documents == len(COUNTS)
    assert (segment.codes == codes).all()
    assert segment.chunk_counts.tolist() == list(COUNTS)
    assert segment.edges.tolist() == edges.tolist()
    for number, (one, pages) in enumerate(spans):
        read = segment.spans(number)
        assert (read.spans, read.page_chars) == (one, pages)
    return segment


def test_what_was_written_is_read(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.segment"
    path.write_bytes(good)
    segment = check(path)
    sizes = segment.sizes()
    assert sizes.codes == TOTAL * CODE_BYTES
    rows = {"": 0, "hubs": 3, "all": TOTAL}[segment.header.kept]
    assert sizes.embeddings == 17 * rows
    assert sizes.parts < sizes.total == len(good)
    assert (segment.header.faithful, segment.header.scale) == (0.8, 1.2)


def test_what_an_older_version_wrote_is_read() -> None:
    segment = check(Path(__file__).with_name("format-3.segment"))
    assert segment.header.format == 3
    assert segment.holding == Holding("turn", "")
    # Checksum and version of the words are others, these few words lie alike.
    assert segment.packed_words[5:] == WORDS[5:]
    assert WordIndex(segment.packed_words).chunks == TOTAL
    segment = check(Path(__file__).with_name("format-5.segment"))
    assert segment.header.format == 5
    assert segment.holding == Holding("turn", "all")


def test_a_segment_without_codes(tmp_path: Path) -> None:
    codes, edges, documents, _ = content()
    path = tmp_path / "a.segment"
    write_segment(path, "model", "turn", Body(codes[:, :0], edges), documents, WORDS)
    segment = Segment(path)
    segment.verify()
    assert segment.codes.shape == (TOTAL, 0)
    assert segment.holding == Holding(None, "")
    assert segment.sizes().codes == 0


def test_cut_off_at_any_byte_is_refused(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "cut.segment"
    for length in range(len(good)):
        path.write_bytes(good[:length])
        with pytest.raises(SegmentError):
            Segment(path).verify()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def flipped(good: bytes, bit: int) -> bytes:
    altered = bytearray(good)
    altered[bit // 8] ^= 1 << bit % 8
    return bytes(altered)


def reads_true_or_refuses(path: Path, good: bytes, bit: int) -> None:
    altered = flipped(good, bit)
    path.write_bytes(altered)
    try:
        check(path)
    except SegmentError:
        return
    raise AssertionError(f"bit {bit} was altered and not noticed")


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_never_gives_other_data(
    good: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    reads_true_or_refuses(tmp_path / "flipped.segment", good, bit)


@pytest.mark.slow
def test_every_flipped_bit_is_noticed(good: bytes, tmp_path: Path) -> None:
    for bit in range(8 * len(good)):
        reads_true_or_refuses(tmp_path / "flipped.segment", good, bit)


def test_each_part_is_covered_by_its_checksum(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.segment"
    path.write_bytes(good)
    segment = Segment(path)
    body = 20 + int.from_bytes(good[16:20], "little")
    for name, part in segment.header.parts.items():
        for at, bit in itertools.product((0, part.length // 2, part.length - 1), (0, 7)):
            other = tmp_path / f"{name}-{at}-{bit}.segment"
            other.write_bytes(flipped(good, 8 * (body + part.offset + at) + bit))
            with pytest.raises(SegmentError, match=name):
                Segment(other).verify()


def of_format(good: bytes, number: int, sealed: bool) -> bytes:
    """The same segment with the header of another format."""
    length = int.from_bytes(good[16:20], "little")
    _, plain = unseal(memoryview(good)[20 : 20 + length])
    header = bytes(plain).replace(b'"format":%d' % FORMAT, b'"format":%d' % number)
    header = seal(header) if sealed else header
    return MAGIC + len(header).to_bytes(4, "little") + header + good[20 + length :]


def test_a_header_without_a_checksum_is_only_of_formats_that_had_none(
    good: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.segment"
    path.write_bytes(of_format(good, FORMAT, sealed=False))
    with pytest.raises(SegmentError, match="damaged header"):
        Segment(path)


def test_damaged_spans_are_found_at_the_first_touch(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "late.segment"
    header = Segment(write(path, good)).header
    start = 20 + int.from_bytes(good[16:20], "little")
    for name in ("spans", "embeddings8"):
        if name in header.parts:
            at = start + header.parts[name].offset
            segment = Segment(write(path, flipped(good, 8 * at)))
            with pytest.raises(SegmentError):
                _ = segment.spans(0) if name == "spans" else segment.stored


def test_another_format_is_named(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "new.segment"
    path.write_bytes(of_format(good, 9, sealed=True))
    with pytest.raises(NewerSegmentError, match="format 9"):
        Segment(path)
    path.write_bytes(of_format(good, 1, sealed=False))
    with pytest.raises(SegmentError, match="older version"):
        Segment(path)


def test_a_newer_format_is_known_by_a_header_with_other_fields(good: bytes, tmp_path: Path) -> None:
    path = tmp_path / "new.segment"
    header = seal(b'{"format":12,"something":[1,2]}')
    path.write_bytes(MAGIC + len(header).to_bytes(4, "little") + header + good)
    with pytest.raises(NewerSegmentError, match="format 12"):
        Segment(path)
    path.write_bytes(flipped(path.read_bytes(), 8 * 24))
    with pytest.raises(SegmentError):
        Segment(path)


@pytest.mark.parametrize("data", [b"", b"x", b"SATCHEL-SEGMENT\n", bytes(1000)])
def test_what_is_no_segment_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "no.segment"
    path.write_bytes(data)
    with pytest.raises(SegmentError):
        Segment(path)
    with pytest.raises(SegmentError):
        Segment(tmp_path / "missing.segment")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    codes, edges, documents, _ = content()
    with pytest.raises(OSError, match="directory"):
        write_segment(
            tmp_path / "none" / "a.segment", "m", "turn", Body(codes, edges), documents, WORDS
        )
    with pytest.raises(ValueError, match="add up"):
        write_segment(tmp_path / "a.segment", "m", "turn", Body(codes, edges), documents[1:], WORDS)
    assert list(tmp_path.iterdir()) == []
