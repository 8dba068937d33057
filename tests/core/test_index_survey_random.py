"""Random trees and changes: every file is counted, partial surveys leave nothing undone."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from survey_desk import FOLDERS, NAMES, Desk, grow, regular_files

from core.files.changes import Changes
from core.index.indexer import content_digest


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


@dataclass
class Vandal:
    """Changes a disk at random, and notes what a watcher would have told."""

    folders: list[Path]
    chance: random.Random
    paths: set[str] = field(default_factory=set)
    moves: list[tuple[str, str]] = field(default_factory=list)

    def strike(self) -> None:
        """One change, now and then none."""
        places = [Path(where) for root in self.folders for where, _, _ in os.walk(root)]
        place = self.chance.choice(places)
        files = [path for path in place.iterdir() if path.is_file() and not path.is_symlink()]
        target = self.chance.choice(places) / self.chance.choice(NAMES)
        actions = [self.new, self.new, self.folder, self.steer, self.move_folder, self.drop_folder]
        if files and not target.is_dir():
            actions += [self.change, self.delete, self.move, self.move, self.copy]
        self.chance.choice(actions)(place, self.chance.choice(files or [place]), target)

    def new(self, place: Path, _: Path, __: Path) -> None:
        path = place / self.chance.choice(NAMES)
        if not path.is_dir():
            path.write_text(self.chance.choice("abc") * self.chance.randint(0, 5))
            self.paths.add(str(path))

    def folder(self, place: Path, _: Path, __: Path) -> None:
        path = place / self.chance.choice(FOLDERS)
        if not path.exists() and len(place.parts) - len(self.folders[0].parts) < 4:
            path.mkdir()
            grow(path, self.chance, 2)
            self.paths.add(str(path))

    def steer(self, place: Path, _: Path, __: Path) -> None:
        path = place / self.chance.choice([".gitignore", ".satchelignore", "package.json"])
        path.write_text(self.chance.choice(["*.log\n", "x\n", "", "*.md\n!b.md\n"]))
        self.paths.add(str(path))

    def move_folder(self, place: Path, _: Path, target: Path) -> None:
        goal = target.parent / self.chance.choice((*FOLDERS, "moved"))
        if place not in self.folders and not goal.exists() and not goal.is_relative_to(place):
            place.rename(goal)
            self.moves.append((str(place), str(goal)))

    def drop_folder(self, place: Path, _: Path, __: Path) -> None:
        if place not in self.folders and self.chance.random() < 0.3:
            shutil.rmtree(place)
            self.paths.add(str(place))

    def change(self, _: Path, file: Path, __: Path) -> None:
        file.write_text(file.read_text() + self.chance.choice("xyz"))
        self.paths.add(str(file))

    def delete(self, _: Path, file: Path, __: Path) -> None:
        file.unlink()
        self.paths.add(str(file))

    def move(self, _: Path, file: Path, target: Path) -> None:
        if target != file:
            file.rename(target)
            self.moves.append((str(file), str(target)))

    def copy(self, _: Path, file: Path, target: Path) -> None:
        if target != file:
            shutil.copy2(file, target)
            self.paths.add(str(target))


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
