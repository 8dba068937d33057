from hypothesis import given
from hypothesis import strategies as st

from core.index.progress import Progress
from core.store.rows import FileRef


def file(name: str, size_bytes: int) -> FileRef:
    return FileRef(f"/f/{name}", size_bytes, 1, False)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_file_is_done_when_its_passages_are_embedded() -> None:
    big = file("big.txt", 1000)
    progress = Progress([big])
    progress.embedded(big, 30, 120)
    told = progress.message("indexing")
    assert (told.files_done, told.files_total) == (0, 1)
    assert (told.bytes_done, told.bytes_total) == (250, 1000)
    assert told.current == big.path
    progress.advance(big, 120)
    told = progress.message("indexing")
    assert (told.files_done, told.bytes_done, told.current) == (1, 1000, big.path)


def test_what_is_left_is_told_in_passages_not_bytes() -> None:
    """A scan of 50 MB with few passages must not look like 50 MB of notes."""
    clock = Clock()
    notes = [file(f"{n}.txt", 1000) for n in range(20)]
    scans = [file(f"{n}.pdf", 1_000_000) for n in range(20)]
    progress = Progress([*notes, *scans], clock)
    for n in range(10):
        clock.now_s += 1
        progress.count_chunks(11)
        progress.advance(notes[n], 10)
        progress.advance(scans[n], 1)
        told = progress.message("indexing")
    # As much is left as is done, at the same rate.
    assert told.eta_s is not None
    assert 8 <= told.eta_s <= 12
    assert told.chunks_per_s == 11.0
    assert told.bytes_per_s == 1_001_000


def test_no_time_is_told_before_it_is_known() -> None:
    clock = Clock()
    progress = Progress([file("a.txt", 10), file("b.txt", 10)], clock)
    clock.now_s += 10
    assert progress.message("indexing").eta_s is None
    assert progress.message("scanning").eta_s is None


def test_the_first_small_files_say_nothing_of_the_rest() -> None:
    clock = Clock()
    notes = [file(f"{n}.txt", 300) for n in range(12)]
    progress = Progress([*notes, file("big.pdf", 10_000_000)], clock)
    etas = []
    for note in notes:
        clock.now_s += 1
        progress.count_chunks(2)
        progress.advance(note, 2)
        etas.append(progress.message("indexing").eta_s)
    assert etas[:9] == [None] * 9
    # 10 MB at no more than a passage in 500 bytes, 2 passages a second.
    assert etas[-1] is not None
    assert 9_000 <= etas[-1] <= 10_001


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1000), st.integers(0, 50))))
def test_counts_stay_within_their_totals(files: list[tuple[str, int, int]]) -> None:
    clock = Clock()
    refs = [file(f"{n}.{ending}", size) for n, (ending, size, _) in enumerate(files)]
    progress = Progress(refs, clock)
    for ref, (_, _, chunks) in zip(refs, files, strict=True):
        for done in range(0, chunks, 16):
            clock.now_s += 0.3
            progress.embedded(ref, done, chunks)
            progress.count_chunks(16)
            told = progress.message("indexing")
            assert 0 <= told.bytes_done <= told.bytes_total
            assert told.eta_s is None or told.eta_s >= 0
        progress.advance(ref, chunks)
    clock.now_s += 5
    told = progress.message("indexing")
    assert (told.files_done, told.bytes_done) == (told.files_total, told.bytes_total)
    assert told.eta_s in (None, 0.0)
