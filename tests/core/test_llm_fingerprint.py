"""Fingerprints of what models compute: compared, kept, replaced."""

from __future__ import annotations

from pathlib import Path

import msgspec

from core.llm.fingerprint import MOST_KEPT, TOLERANCE, Kept, differs, keep, load
from core.messages import ScoredTokens

STEPS = (ScoredTokens((5, 3), (2.0, 1.5)), ScoredTokens((7, 1), (9.0, 0.5)))


def kept(model: str = "m", size: int = 5, day: str = "2026-01-31") -> Kept:
    return Kept(model, size, 7, "build", "machine", day, STEPS)


def moved(by: float) -> tuple[ScoredTokens, ...]:
    return (STEPS[0], ScoredTokens((7, 1), (9.0, 0.5 + by)))


def test_small_differences_are_none() -> None:
    assert not differs(STEPS, STEPS)
    assert not differs(STEPS, moved(TOLERANCE / 2))
    assert differs(STEPS, moved(TOLERANCE * 2))
    assert differs(STEPS, STEPS[:1])
    assert differs(STEPS, (STEPS[0], ScoredTokens((7, 2), (9.0, 0.5))))
    assert not differs((), ())


def test_one_is_kept_for_each_file_build_and_processor(tmp_path: Path) -> None:
    path = tmp_path / "prints.json"
    assert load(path) == []
    keep(path, kept())
    keep(path, kept("other"))
    keep(path, kept(size=6))
    keep(path, msgspec.structs.replace(kept(), build="newer"))
    keep(path, kept(day="2026-02-01"))
    found = load(path)
    assert len(found) == 4
    assert [one.seen for one in found if one.is_of_the_same(kept())] == ["2026-02-01"]
    assert path.stat().st_mode & 0o077 == 0
    for number in range(MOST_KEPT + 5):
        keep(path, kept(size=number))
    assert len(load(path)) == MOST_KEPT
    path.write_text("[5]")
    assert load(path) == []
