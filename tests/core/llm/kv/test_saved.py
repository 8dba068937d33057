"""Saved keys and values: only what is whole and of the same model comes back, within the limit."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.kv.memory import Run, Saved
from core.llm.kv.saved import (
    Origin,
    SavedKv,
    fingerprint_file,
    forget_model,
    forget_texts,
    saved_files,
    shrink,
    total_bytes,
)
from core.llm.kv.worth import Kept, to_evict, worth

ORIGIN = Origin("made", "fingerprint", "build", "q8_0", "flash")


def part(name: str, size: int = 1000) -> Saved:
    return Saved(Run(name, 7, (1, 2, 3)), name.encode()[:1] * size)


def test_a_part_comes_back_as_it_was_also_to_another_process(tmp_path: Path) -> None:
    saved = SavedKv(tmp_path, ORIGIN, 10**6)
    assert saved.save(3, part("turn"), 1.0)
    assert saved.load("turn") == part("turn")
    later = SavedKv(tmp_path, ORIGIN, 10**6)
    assert later.first_of("turn") == 7
    assert later.load("turn") == part("turn")
    [path] = saved_files(tmp_path)
    assert path.parent.name == "3"
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_a_save_left_that_was_broken_off_is_removed(tmp_path: Path) -> None:
    SavedKv(tmp_path, ORIGIN, 10**6).save(3, part("turn"), 1.0)
    [path] = saved_files(tmp_path)
    path.rename(path.with_name(f".{path.name}.tmp"))  # whole, but not renamed yet
    assert SavedKv(tmp_path, ORIGIN, 10**6).first_of("turn") is None
    assert not saved_files(tmp_path)


@pytest.mark.parametrize("field", [field.name for field in msgspec.structs.fields(Origin)])
def test_what_is_of_another_origin_is_not_there(tmp_path: Path, field: str) -> None:
    SavedKv(tmp_path, ORIGIN, 10**6).save(3, part("turn"), 1.0)
    other = SavedKv(tmp_path, msgspec.structs.replace(ORIGIN, **{field: "other"}), 10**6)
    assert other.first_of("turn") is None
    assert other.load("turn") is None
    assert saved_files(tmp_path)


@given(at=st.integers(0, 1200), cut=st.booleans())
def test_what_is_cut_off_or_altered_is_refused_and_removed(
    tmp_path_factory: pytest.TempPathFactory, at: int, cut: bool
) -> None:
    folder = tmp_path_factory.mktemp("saved")
    saved = SavedKv(folder, ORIGIN, 10**6)
    saved.save(0, part("turn"), 1.0)
    [path] = saved_files(folder)
    data = bytearray(path.read_bytes())
    if cut:
        del data[at:]
    else:
        data[at] ^= 1
    path.write_bytes(data)
    later = SavedKv(folder, ORIGIN, 10**6)
    assert later.load("turn") is None
    if later.first_of("turn") is None and cut:
        assert not saved_files(folder)
    assert saved.load("turn") is None
    assert saved.save(0, part("turn"), 1.0)
    assert saved.load("turn") == part("turn")


def test_the_least_worth_goes_for_what_is_new(tmp_path: Path) -> None:
    times = iter(range(100, 1000))
    saved = SavedKv(tmp_path, ORIGIN, 3500, now=lambda: float(next(times)))
    for name, cost in (("a", 1.0), ("b", 9.0)):
        assert saved.save(1, part(name), cost)
    assert saved.save(1, part("c"), 5.0)
    assert (saved.first_of("a"), saved.first_of("b"), saved.first_of("c")) == (None, 7, 7)
    assert total_bytes(tmp_path) <= 3500
    assert not saved.save(1, part("d", 5000), 99.0)
    saved.limit(0)
    assert not saved.save(1, part("e"), 1.0)
    shrink(tmp_path, 1500)
    assert total_bytes(tmp_path) <= 1500


def test_no_disk_left_means_only_that_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = SavedKv(tmp_path, ORIGIN, 10**6)
    assert saved.save(1, part("old"), 1.0)

    def full(_path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.llm.kv.saved.write_atomic", full)
    assert not saved.save(1, part("new"), 1.0)
    assert saved.first_of("old") is None, "the oldest go"


def test_what_is_forgotten_is_gone_and_stays_away(tmp_path: Path) -> None:
    saved = SavedKv(tmp_path, ORIGIN, 10**6)
    for conversation, name in ((1, "one"), (2, "two"), (0, "system-x"), (0, "pinned-y")):
        saved.save(conversation, part(name), 1.0)
    saved.forget(1)
    assert saved.load("one") is None
    assert not saved.save(1, part("again"), 1.0)
    forget_texts(tmp_path, [2])
    assert [saved.load(name) is not None for name in ("two", "system-x", "pinned-y")] == [
        False,
        True,
        False,
    ]
    forget_model(tmp_path, "another")
    assert saved_files(tmp_path)
    forget_model(tmp_path, "made")
    assert not saved_files(tmp_path)


@given(
    st.lists(st.tuples(st.integers(1, 100), st.floats(0, 10), st.floats(0, 1e6)), max_size=12),
    st.integers(0, 600),
)
def test_eviction_keeps_the_limit_and_the_most_worth(
    items: list[tuple[int, float, float]], limit: int
) -> None:
    kept = [Kept(Path(str(at)), size, cost, used) for at, (size, cost, used) in enumerate(items)]
    gone = set(to_evict(kept, limit, 1e6))
    left = [one for one in kept if one.path not in gone]
    assert sum(one.size_bytes for one in left) <= limit
    for one in kept:
        if one.path in gone:
            assert all(worth(one, 1e6) <= worth(other, 1e6) for other in left)
    if sum(one.size_bytes for one in kept) <= limit:
        assert not gone


def test_a_model_file_that_was_changed_is_another(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(10**6))
    before = fingerprint_file([path])
    assert fingerprint_file([path], "4") != before
    data = bytearray(10**6)
    data[500_000] = 1
    path.write_bytes(data)
    assert fingerprint_file([path]) != before
