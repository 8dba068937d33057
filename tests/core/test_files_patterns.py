"""Patterns against git itself, and the details one by one."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.files.patterns import BadPattern, PatternList, parse_pattern

NAMES = ("a", "b", "ab", "foo", "bar", "x.txt", "y.log", "A", "a b", " c", "d ", "#h", "!n", "[z]",
         "q\\w", "build")  # fmt: skip
PARTS = (*NAMES, "*", "**", "*.txt", "?", "a*", "[ab]", "[!a]", "f*o", "*.*", "**a", "b**", "\\#h",
         "\\!n", "[a-c]*", "\\a", "[[:alpha:]]", "\\[z]", "[]a]", "[^/]b", "q\\\\w", "[z",
         "[[:nothing:]]", "[z-a]", "a\\")  # fmt: skip
ENDINGS = ("", "", "", "", "", " ", "  ", "\\ ", "\t", "\r", "/", "/ ")


def some_pattern(chance: random.Random) -> str:
    pattern = "/".join(chance.choice(PARTS) for _ in range(chance.choice((1, 1, 1, 2, 2, 3))))
    before = chance.choice(("", "", "", "/")) + pattern
    return chance.choice(("", "", "!")) + before + chance.choice(ENDINGS)


def grow(folder: Path, chance: random.Random, depth: int = 0) -> list[Path]:
    """A tree with ignore files here and there; its files."""
    files: list[Path] = []
    for name in chance.sample(NAMES, chance.randint(1, 6)):
        path = folder / name
        if depth < 3 and chance.random() < 0.5:
            path.mkdir()
            files += grow(path, chance, depth + 1)
        else:
            path.touch()
            files.append(path)
    if depth == 0 or chance.random() < 0.5:
        lines = [some_pattern(chance) for _ in range(chance.randint(1, 6))]
        (folder / ".gitignore").write_text("\n".join(lines) + "\n", newline="")
    return files


class Tree:
    """The patterns of a tree, applied as a scan does: level by level, the nearest file first."""

    def __init__(self, root: Path, ignore_case: bool) -> None:
        self.root = root
        self.ignore_case = ignore_case
        self.lists: dict[Path, PatternList] = {}

    def patterns(self, folder: Path) -> PatternList:
        if folder not in self.lists:
            path = folder / ".gitignore"
            text = path.read_bytes().decode() if path.is_file() else ""
            self.lists[folder] = PatternList(text.split("\n"), ignore_case=self.ignore_case)
        return self.lists[folder]

    def leaves_out(self, path: Path) -> bool:
        parts = path.relative_to(self.root).parts
        for end in range(1, len(parts) + 1):
            here = self.root.joinpath(*parts[:end])
            for start in range(end - 1, -1, -1):
                found = self.patterns(self.root.joinpath(*parts[:start])).decide(
                    "/".join(parts[start:end]), parts[end - 1], is_folder=here.is_dir()
                )
                if found is not None:
                    if not found.negated:
                        return True
                    break
        return False


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.skipif(os.name == "nt", reason="needs names that Windows does not allow")
@pytest.mark.parametrize(
    ("seeds", "ignore_case"),
    [
        pytest.param(range(25), False, id="25"),
        pytest.param(range(25, 35), True, id="10-ignoring-case"),
        pytest.param(range(1000, 1600), False, id="600", marks=pytest.mark.slow),
        pytest.param(range(2000, 2200), True, id="200-ignoring-case", marks=pytest.mark.slow),
    ],
)
def test_patterns_mean_what_they_mean_to_git(
    tmp_path: Path, seeds: range, ignore_case: bool
) -> None:
    left_out = 0
    for seed in seeds:
        root = tmp_path / str(seed)
        root.mkdir()
        files = grow(root, random.Random(seed))
        subprocess.run(["git", "init", "-q", root], check=True)
        subprocess.run(
            ["git", "-C", root, "config", "core.ignorecase", str(ignore_case).lower()], check=True
        )
        names = b"\0".join(os.fsencode(path.relative_to(root)) for path in files)
        done = subprocess.run(
            ["git", "-C", root, "check-ignore", "--no-index", "-z", "--stdin"],
            input=names + b"\0",
            capture_output=True,
            check=False,
        )
        ours = Tree(root, ignore_case)
        mine = {str(path.relative_to(root)) for path in files if ours.leaves_out(path)}
        assert mine == {os.fsdecode(name) for name in done.stdout.split(b"\0") if name}, seed
        left_out += len(mine)
        shutil.rmtree(root)
    assert left_out > 20


@pytest.mark.parametrize("line", ["!", "/", "!/", "[a", "a\\", "[[:no:]]"])
def test_what_can_never_match_is_told(line: str) -> None:
    assert len(PatternList([line, "b"], ignore_case=False)) == 1
    with pytest.raises(BadPattern):
        PatternList([line], ignore_case=False, strict=True)


def test_a_pattern_knows_its_line() -> None:
    patterns = PatternList(["# why", "", "*.log", "!keep.log\r"], ignore_case=False)
    found = patterns.decide("x/keep.log", "keep.log", is_folder=False)
    assert found is not None
    assert (found.text, found.line, found.negated) == ("!keep.log", 4, True)


def test_characters_not_bytes_are_matched() -> None:
    patterns = PatternList(["?.txt", "[é-ü]"], ignore_case=False)
    assert patterns.decide("é.txt", "é.txt", is_folder=False)
    assert patterns.decide("ö", "ö", is_folder=False)
    assert not patterns.decide("a", "a", is_folder=False)


@pytest.mark.parametrize(
    "pattern", ["*a" * 30 + "b", "/" + "**/a*a/" * 15 + "b", "x/" + "*a" * 30 + "/b", "**a" * 20]
)
def test_no_pattern_takes_for_ever(pattern: str) -> None:
    patterns = PatternList([pattern], ignore_case=False)
    name = "a" * 250
    patterns.decide("/".join([name] * 15), name, is_folder=False)  # or it would not end


@given(st.text("ab*?[]!^-\\/# .:", max_size=12), st.text("ab/-]", min_size=1, max_size=8))
def test_no_pattern_breaks(line: str, path: str) -> None:
    patterns = PatternList([line], ignore_case=False)
    name = path.rpartition("/")[2]
    found = patterns.decide(path, name, is_folder=True)
    assert found is None or found.line == 1
    try:
        parse_pattern(line, 1, ignore_case=True)
    except BadPattern:
        assert not patterns.patterns
