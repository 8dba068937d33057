"""Whatever of a model is in memory, it says the same. Real files, real llama.cpp."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path

import pytest
from tiny_models import DENSE, MIXTURES, Tiny, write_split, write_tiny

from core.errors import UserError
from core.llm.experts import pooled, routing
from core.llm.experts.direct import DirectReads, Read
from core.llm.experts.foresight import Floats, Foresight
from core.llm.experts.layout import Layout, read_layout
from core.llm.experts.manager import Residency, least_room_bytes
from core.llm.experts.report import ResidencyReport, Step
from core.llm.runtime import Fingerprint, Runtime

TEXT = "the boat of the harbour, and a winter of boats " * 4
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the pool is for Linux")


def held_bytes(layout: Layout, share: float) -> int:
    """Memory for the dense part, what one token needs of a layer, and a share of the rest."""
    units = sum(unit.page_bytes for unit in layout.units)
    least = least_room_bytes(layout)
    beside = layout.dense_bytes + (layout.dense_bytes + layout.expert_bytes) // 256 + 1
    return beside + least + int(share * (units - least))


def said(
    path: Path, held: int | None, best_step: Step = "pool"
) -> tuple[Fingerprint, ResidencyReport]:
    """What a model computes on the text, and how it was kept in memory."""
    runtime = opened(path, held, best_step)
    try:
        return runtime.fingerprint(TEXT, 16, 4), runtime.residency()
    finally:
        runtime.close()


def big(tiny: Tiny) -> Tiny:
    """The same kind with experts of more than a page, so that some have pages to themselves."""
    return Tiny(**{field: getattr(tiny, field) for field in tiny.__slots__} | {"used_ff": 320})


@LINUX
@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_a_mixture_in_a_pool_says_the_same(name: str, share: float, tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES[name]))
    whole, _ = said(path, None)
    layout = read_layout(path)
    held = min(held_bytes(layout, share), layout.dense_bytes + layout.expert_bytes - 1)
    some, report = said(path, held)
    assert some.steps == whole.steps
    assert (report.step, report.why) == ("pool", "the model is larger than its memory")
    assert report.misses > 0
    assert report.read_bytes > 0
    assert report.resident_bytes <= report.room_bytes <= held - layout.dense_bytes


@LINUX
@pytest.mark.parametrize("name", MIXTURES)
def test_the_next_layers_choice_is_foretold(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    likely = Foresight.likely

    def watched(self: Foresight, layer: int, given: Floats, active: int) -> list[int]:
        found = likely(self, layer, given, active)
        told.append(len(found))
        return found

    monkeypatch.setattr(Foresight, "likely", watched)
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES[name]))
    said(path, held_bytes(read_layout(path), 0.4))
    assert any(told)


@LINUX
@pytest.mark.parametrize("name", MIXTURES)
def test_what_leads_out_of_experts_may_come_after_they_began(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a disk that gives one read at a time, and only when somebody waits for it."""
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES[name]))
    whole, _ = said(path, None)
    finished, settle = DirectReads.finished, Residency._settle
    come: list[tuple[Read, int]] = []
    behind: list[int] = []

    def slowly(reads: DirectReads, wait: bool) -> list[tuple[Read, int]]:
        come.extend(finished(reads, wait and not come))
        return [come.pop(0)] if wait and come else []

    def watched(self: Residency) -> bool:
        behind.append(len(self._behind))
        return settle(self)

    monkeypatch.setattr(DirectReads, "finished", slowly)
    monkeypatch.setattr(Residency, "_settle", watched)
    some, report = said(path, held_bytes(read_layout(path), 0.3))
    assert some.steps == whole.steps
    assert report.step == "pool"
    assert behind and all(behind)


@LINUX
def test_a_model_in_several_files_says_the_same(tmp_path: Path) -> None:
    path = write_split(tmp_path, big(MIXTURES["qwen3moe"]))[0]
    whole, _ = said(path, None)
    some, report = said(path, held_bytes(read_layout(path), 0.4))
    assert some.steps == whole.steps
    assert report.step == "pool"


@pytest.mark.parametrize("best_step", ["pool", "advice", "plain"])
def test_every_step_says_the_same(best_step: Step, tmp_path: Path) -> None:
    for name, tiny in (("mixture", big(MIXTURES["olmoe"])), ("dense", big(DENSE))):
        path = write_tiny(tmp_path / f"{name}.gguf", tiny)
        whole, report = said(path, None)
        assert (report.step, report.why) == ("fits", "all of the model fits into its memory")
        some, report = said(path, held_bytes(read_layout(path), 0.3), best_step)
        assert some.steps == whole.steps
        assert report.step == (best_step if sys.platform == "linux" else report.step)
        assert (report.hits + report.misses > 0) == (report.step != "plain")


def test_too_little_memory_for_one_token_is_said(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["llama"]))
    whole, _ = said(path, None)
    some, report = said(path, read_layout(path).dense_bytes + 5000)
    assert some.steps == whole.steps
    assert report.step == "plain"
    assert report.why == "its memory is smaller than what one token needs of a layer"


@LINUX
def test_the_room_shrinks_and_grows_between_layers(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["qwen3moe"]))
    whole, _ = said(path, None)
    layout = read_layout(path)
    rooms = [held_bytes(layout, share) for share in (0.1, 0.9, 0.0, 0.5)]
    rooms += [layout.dense_bytes, held_bytes(layout, 0.6), 10**9, held_bytes(layout, 0.2)]
    runtime = opened(path, held_bytes(layout, 0.5))
    seen: list[ResidencyReport] = []
    between = runtime._residency.between_steps
    steps = 0

    def resize_now_and_then() -> None:
        nonlocal steps
        steps += 1
        if steps % 40 == 0:
            runtime.resize(rooms[steps // 40 % len(rooms)])
        report = runtime.residency()
        assert report.step != "pool" or report.resident_bytes <= most(layout)
        seen.append(report)
        between()

    runtime._residency.between_steps = resize_now_and_then  # type: ignore[method-assign]
    assert runtime.fingerprint(TEXT, 16, 4).steps == whole.steps
    runtime._residency.between_steps = between  # type: ignore[method-assign]
    runtime.resize(held_bytes(layout, 0.0))
    shrunk = memory_of_pool(runtime)
    runtime.resize(held_bytes(layout, 0.9))
    assert runtime.fingerprint(TEXT, 16, 4).steps == whole.steps
    assert memory_of_pool(runtime) > 2 * shrunk
    assert runtime.residency().resident_bytes <= most(layout)
    runtime.close()
    assert {report.step for report in seen} >= {"pool", "plain"}
    assert len({report.room_bytes for report in seen}) > 4


def most(layout: Layout) -> int:
    return sum(unit.page_bytes for unit in layout.units)


def memory_of_pool(runtime: Runtime) -> int:
    """What the pool has of the system's memory."""
    units = runtime._residency._units
    assert units is not None
    return units.resident_bytes


def opened(path: Path, held: int | None, best_step: Step = "pool") -> Runtime:
    return Runtime(
        path, context_tokens=256, threads=1, held_bytes=held, best_step=best_step, cell_type="f16"
    )


@LINUX
@pytest.mark.parametrize("often", [1, 3])
def test_reads_that_fail_once_change_nothing(
    often: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's reads end in an error; what is read again through the cache is right."""
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["olmoe"]))
    whole, _ = said(path, None)
    finished, count = DirectReads.finished, 0

    def failing(reads: DirectReads, wait: bool) -> list[tuple[Read, int]]:
        nonlocal count
        found = []
        for read, error in finished(reads, wait):
            count += 1
            if count % often == 0:
                ctypes.memset(read.address, 0x55, read.size_bytes)
            found.append((read, errno.EIO if count % often == 0 else error))
        return found

    monkeypatch.setattr(DirectReads, "finished", failing)
    some, report = said(path, held_bytes(read_layout(path), 0.3))
    assert some.steps == whole.steps
    assert report.step == "pool"
    assert count > 20


@LINUX
def test_units_that_cannot_be_read_for_want_of_memory_are_read_through_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["olmoe"]))
    whole, _ = said(path, None)
    finished = DirectReads.finished
    monkeypatch.setattr(
        DirectReads,
        "finished",
        lambda reads, wait: [(read, errno.ENOMEM) for read, _ in finished(reads, wait)],
    )
    monkeypatch.setattr(pooled, "read_again", lambda _read, _file: errno.ENOMEM)
    some, report = said(path, held_bytes(read_layout(path), 0.3))
    assert some.steps == whole.steps
    assert report.step == "pool"


@LINUX
def test_a_disk_that_fails_ends_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["olmoe"]))
    whole, _ = said(path, None)
    runtime = opened(path, held_bytes(read_layout(path), 0.3))
    with monkeypatch.context() as broken:
        finished = DirectReads.finished
        broken.setattr(
            DirectReads,
            "finished",
            lambda reads, wait: [(read, errno.EIO) for read, _ in finished(reads, wait)],
        )
        broken.setattr(pooled, "read_again", lambda _read, _file: errno.EIO)
        with pytest.raises(UserError, match=r"tiny.gguf cannot be read any more: Input/output"):
            runtime.fingerprint(TEXT, 16, 4)
    assert runtime.is_lost
    runtime.close()
    again, _ = said(path, held_bytes(read_layout(path), 0.3))
    assert again.steps == whole.steps


@pytest.mark.parametrize("what", ["cut", "touched"])
@pytest.mark.parametrize("best_step", ["fits", "pool", "advice", "plain"])
def test_a_file_that_changes_while_it_is_mapped_ends_in_a_sentence(
    what: str, best_step: Step, tmp_path: Path
) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["olmoe"]))
    held = None if best_step == "fits" else held_bytes(read_layout(path), 0.3)
    runtime = opened(path, held, best_step)
    runtime.fingerprint(TEXT, 2, 4)
    if what == "cut":
        os.truncate(path, path.stat().st_size // 2)
    else:
        os.utime(path, (1, 1))
    with pytest.raises(UserError, match="it was cut short" if what == "cut" else "it was changed"):
        runtime.fingerprint(TEXT, 2, 4)
    assert runtime.is_lost
    runtime.close()


@LINUX
@pytest.mark.parametrize("best_step", ["pool", "advice", "plain"])
def test_a_file_that_is_replaced_goes_on_as_it_was(best_step: Step, tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["olmoe"]))
    whole, _ = said(path, None)
    runtime = opened(path, held_bytes(read_layout(path), 0.3), best_step)
    write_tiny(tmp_path / "other.gguf", "llama").replace(path)
    assert runtime.fingerprint(TEXT, 16, 4).steps == whole.steps
    assert runtime.residency().step == best_step
    runtime.close()


@LINUX
@pytest.mark.parametrize("what", ["memory", "reads"])
def test_without_calls_of_the_system_it_steps_down_and_says_why(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["olmoe"]))
    whole, _ = said(path, None)

    def refuse(*_given: object) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    if what == "memory":
        monkeypatch.setattr(os, "memfd_create", refuse)
    else:
        monkeypatch.setattr(DirectReads, "__init__", refuse)
    some, report = said(path, held_bytes(read_layout(path), 0.3))
    assert some.steps == whole.steps
    assert (report.step, report.why) == ("advice", "Function not implemented")


@LINUX
def test_a_build_with_other_fields_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["olmoe"]))
    whole, _ = said(path, None)
    monkeypatch.setattr(routing, "_NAME", 264)
    some, report = said(path, held_bytes(read_layout(path), 0.3))
    assert some.steps == whole.steps
    assert report.step == "plain"
    assert "this build of llama.cpp is not known" in report.why


@LINUX
def test_what_goes_wrong_in_the_callback_does_not_get_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["olmoe"]))
    whole, _ = said(path, None)
    monkeypatch.setattr(routing, "_NE", 24)  # reads tokens for experts
    some, report = said(path, held_bytes(read_layout(path), 0.3))
    assert some.steps == whole.steps
    assert (report.step, report.why) == ("plain", "reading the routing failed (ValueError)")


@LINUX
def test_what_is_computed_comes_from_the_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other tests would notice: with wrong bytes in the pool the model says something else."""
    path = write_tiny(tmp_path / "tiny.gguf", big(MIXTURES["olmoe"]))
    whole, _ = said(path, None)
    finished = DirectReads.finished

    def wrong(reads: DirectReads, wait: bool) -> list[tuple[Read, int]]:
        found = finished(reads, wait)
        for read, _ in found:
            ctypes.memset(read.address, 0x11, read.size_bytes)
        return found

    monkeypatch.setattr(DirectReads, "finished", wrong)
    some, _ = said(path, held_bytes(read_layout(path), 0.3))
    assert some.steps != whole.steps
