"""Random trees and changes: every file is counted, partial surveys leave nothing undone."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from survey_desk import Desk, regular_files
from vandal import Vandal, grow

from core.files.changes import Changes
from core.index.digest import content_digest


@pytest.mark.parametrize("seed", range(8))
def test_every_regular_file_is_in_exactly_one_count(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    desk = Desk(tmp_path)
    grow(desk.files, chance)
    for step in range(4):
        desk.survey()
        if step % 2:
            desk.read()
        on_disk = regular_files(desk.files)
        assert sum(desk.catalogue.files.coverage().values()) == on_disk
        files = [path for path in desk.files.rglob("*") if path.is_file() or path.is_dir()]
        for path in chance.sample(files, min(5, len(files))):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        grow(desk.files, chance, 3)
    desk.catalogue.close()


# --- partial surveys against whole ones --------------------------------------------------------


def state(desk: Desk) -> tuple[object, ...]:
    return desk.rows(), desk.left_out(), desk.catalogue.files.coverage()


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(4), id="4"),
        pytest.param(range(4, 80), id="76", marks=pytest.mark.slow),
    ],
)
def test_partial_surveys_leave_nothing_for_a_whole_one(tmp_path: Path, seeds: range) -> None:
    for seed in seeds:
        chance = random.Random(seed)
        desk = Desk(tmp_path / str(seed), "one", "two")
        for folder in desk.folders:
            grow(folder, chance)
        desk.survey()
        desk.read()
        for step in range(15):
            vandal = Vandal(desk.folders, chance)
            for _ in range(chance.randint(1, 6)):
                vandal.strike()
            desk.survey(Changes(frozenset(vandal.paths), tuple(vandal.moves)))
            assert sum(desk.catalogue.files.coverage().values()) == regular_files(*desk.folders)
            if chance.random() < 0.7:
                desk.read()
            before = state(desk)
            found = desk.survey()
            assert (found.gone, found.noted) == ([], []), (seed, step, vandal)
            assert state(desk) == before, (seed, step, vandal)
        desk.read()
        for path, row in desk.rows().items():
            assert row[-1] == content_digest(path)
        desk.catalogue.close()
