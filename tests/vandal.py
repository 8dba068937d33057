"""Random trees, and random changes to them as people and programs make them."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

NAMES = ("a.txt", "b.md", "c.log", ".hid", "~$d.docx", "e.pem", "f.tmp", "big.txt", "g")
FOLDERS = ("x", "y", "node_modules", ".git", "build", "deep", ".sec")
MOST_FOLDERS = 60
DEEPEST = 4


def letters(chance: random.Random) -> str:
    """A text so short that others have the same size."""
    return chance.choice("abc") * chance.randint(0, 5)


def grow(
    folder: Path,
    chance: random.Random,
    depth: int = 0,
    text: Callable[[random.Random], str] = letters,
) -> None:
    """Fill a folder at random."""
    for name in chance.sample(NAMES, chance.randint(0, 6)):
        (folder / name).write_text("x" * 2_000 if name == "big.txt" else text(chance))
    if chance.random() < 0.3:
        (folder / ".gitignore").write_text(chance.choice(["*.log\n", "x/\n", "*\n!*.md\n", "/y\n"]))
    if chance.random() < 0.2:
        (folder / "package.json").write_text("{}")
    if chance.random() < 0.2 and not os.path.lexists(folder / "link"):
        (folder / "link").symlink_to(folder)
    if depth < 3:
        for name in chance.sample(FOLDERS, chance.randint(0, 4)):
            (folder / name).mkdir()
            grow(folder / name, chance, depth + 1, text)


@dataclass
class Vandal:
    """Changes a disk at random, and notes what a watcher would have told.

    With `outside` things are moved there and back, and texts come from `text`.
    """

    folders: list[Path]
    chance: random.Random
    outside: Path | None = None
    text: Callable[[random.Random], str] = letters
    paths: set[str] = field(default_factory=set)
    moves: list[tuple[str, str]] = field(default_factory=list)

    def strike(self) -> None:
        """One change, now and then none."""
        places = [Path(where) for root in self.folders for where, _, _ in os.walk(root)]
        place = self.chance.choice(places)
        files = [path for path in place.iterdir() if path.is_file() and not path.is_symlink()]
        target = self.chance.choice(places) / self.chance.choice(NAMES)
        actions = [self.new, self.new, self.move_folder, self.drop_folder]
        if len(places) < MOST_FOLDERS:
            actions += [self.folder, self.steer]
        if files and not target.is_dir():
            actions += [self.change, self.change, self.delete, self.move, self.move, self.copy,
                        self.save, self.touch]  # fmt: skip
        if self.outside is not None:
            actions += [self.move_out, self.move_in]
        self.chance.choice(actions)(place, self.chance.choice(files or [place]), target)

    def new(self, place: Path, _: Path, __: Path) -> None:
        path = place / self.chance.choice(NAMES)
        if not path.is_dir():
            path.write_text(self.text(self.chance))
            self.paths.add(str(path))

    def folder(self, place: Path, _: Path, __: Path) -> None:
        path = place / self.chance.choice(FOLDERS)
        if not path.exists() and len(place.parts) - len(self.folders[0].parts) < DEEPEST:
            path.mkdir()
            grow(path, self.chance, 2, self.text)
            self.paths.add(str(path))

    def steer(self, place: Path, _: Path, __: Path) -> None:
        path = place / self.chance.choice([".gitignore", ".satchelignore", "package.json"])
        if self.chance.random() < 0.3:
            path.unlink(missing_ok=True)
        else:
            path.write_text(self.chance.choice(["*.log\n", "x\n", "", "*.md\n!b.md\n"]))
        self.paths.add(str(path))

    def move_folder(self, place: Path, _: Path, target: Path) -> None:
        goal = target.parent / self.chance.choice((*FOLDERS, "moved"))
        if place not in self.folders and not goal.exists() and not goal.is_relative_to(place):
            place.rename(goal)
            self.moves.append((str(place), str(goal)))

    def move_out(self, place: Path, _: Path, __: Path) -> None:
        assert self.outside is not None
        goal = self.outside / str(self.chance.randrange(20))
        if place not in self.folders and not goal.exists() and self.chance.random() < 0.5:
            place.rename(goal)
            self.paths.add(str(place))

    def move_in(self, place: Path, _: Path, __: Path) -> None:
        assert self.outside is not None
        goal = place / self.chance.choice((*FOLDERS, "moved"))
        sources = list(self.outside.iterdir())
        if sources and not goal.exists():
            self.chance.choice(sources).rename(goal)
            self.paths.add(str(goal))

    def drop_folder(self, place: Path, _: Path, __: Path) -> None:
        if place not in self.folders and self.chance.random() < 0.3:
            shutil.rmtree(place)
            self.paths.add(str(place))

    def change(self, _: Path, file: Path, __: Path) -> None:
        text = self.text(self.chance) if self.chance.random() < 0.5 else file.read_text() + "x"
        file.write_text(text[-500:])
        self.paths.add(str(file))

    def save(self, _: Path, file: Path, __: Path) -> None:
        """As many editors do: a new file takes the place of the old one."""
        new = file.with_name(file.name + ".part")
        new.write_text(self.text(self.chance))
        new.replace(file)
        self.moves.append((str(new), str(file)))

    def touch(self, _: Path, file: Path, __: Path) -> None:
        file.touch()
        self.paths.add(str(file))

    def delete(self, _: Path, file: Path, __: Path) -> None:
        file.unlink()
        self.paths.add(str(file))

    def move(self, _: Path, file: Path, target: Path) -> None:
        if target != file:
            file.replace(target)
            self.moves.append((str(file), str(target)))

    def copy(self, _: Path, file: Path, target: Path) -> None:
        if target != file:
            shutil.copy2(file, target)
            self.paths.add(str(target))
