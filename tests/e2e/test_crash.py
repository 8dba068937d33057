"""Damage, kills and full disks: nothing is lost and the next run completes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
from helpers import PATIENCE_S, ROOT, Indexed, one_line, satchel, satchel_json

QUERIES = ("ferry in chapter 7", "lighthouse keeper 23", "market day", "letters to the council")


def library(folder: Path, count: int = 60, paragraphs: int = 6) -> Path:
    """Some text files with many passages."""
    rng = random.Random(5)
    words = ["ferry", "lighthouse", "market", "council", "letter", "garden", "bicycle", "winter"]
    folder.mkdir(parents=True)
    for number in range(count):
        parts = [
            f"Chapter {number}. " + " ".join(rng.choices(words, k=80)) + f" keeper {number * at}."
            for at in range(paragraphs)
        ]
        (folder / f"book{number}.txt").write_text("\n\n".join(parts))
    return folder


Ranked = list[tuple[str, int, float]]

SAME_SCORE = 0.003  # an embedding may differ this much with the rest of its batch


def assert_same_answers(one: list[Ranked], other: list[Ranked]) -> None:
    """The same passages in the same order, but for those that score alike."""
    for mine, theirs in zip(one, other, strict=True):
        assert len(mine) == len(theirs)
        scores = {(path, start): score for path, start, score in theirs}
        least = theirs[-1][2]
        for (path, start, score), (_, _, at_rank) in zip(mine, theirs, strict=True):
            assert abs(score - at_rank) <= SAME_SCORE
            if score > least + SAME_SCORE:
                assert abs(scores[path, start] - score) <= SAME_SCORE


def answers(home: Path) -> list[Ranked]:
    done = satchel(
        home, "batch", "-", "-k", "5", "--mode", "semantic", "--exact", stdin="\n".join(QUERIES)
    )
    assert done.returncode == 0, done.stderr
    return [
        [(r["path"], r["start"], r["score"]) for r in json.loads(line)["results"]]
        for line in done.stdout.splitlines()
    ]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Indexed:  # noqa: ARG001
    root = tmp_path_factory.mktemp("books")
    files = library(root / "files")
    satchel_json(root / "home", "folders", "add", str(files))
    body = satchel_json(root / "home", "index", timeout_s=300)
    assert body["files"]["indexed"] == 60
    return Indexed(root / "home", files)


def copy(of: Indexed, to: Path) -> Path:
    home = to / "home"
    shutil.copytree(of.home, home)
    return home


# --- a damaged store -----------------------------------------------------------------------


def healed(home: Path, files: int) -> None:
    """After indexing again everything is there and well."""
    body = satchel_json(home, "index", timeout_s=300)
    assert body["files"]["indexed"] == files
    assert satchel_json(home, "doctor")["findings"] == []


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_a_damaged_segment(own_sample: Indexed, damage: str) -> None:
    home = own_sample.home
    [segment] = (home / "data" / "segments").iterdir()
    data = segment.read_bytes()
    if damage == "missing":
        segment.unlink()
    elif damage == "cut":
        segment.write_bytes(data[: len(data) // 2])
    else:
        segment.write_bytes(data[:-2] + bytes([data[-2] ^ 16]) + data[-1:])
    done = satchel(home, "search", "rent", "--json")
    if done.returncode:
        assert "doctor --repair" in one_line(done)
    doctor = satchel(home, "doctor", "--repair", "--json")
    assert doctor.returncode == 0, doctor.stderr
    healed(home, 14)
    assert satchel_json(home, "search", "rent", "-k", "1")["results"]


def test_a_catalogue_that_is_no_database(own_sample: Indexed) -> None:
    home = own_sample.home
    (home / "data" / "catalogue.db").write_bytes(b"this is no database" * 500)
    body = satchel_json(home, "doctor", "--repair")
    assert [finding["repaired"] for finding in body["findings"]] == [True]
    assert [f["path"] for f in satchel_json(home, "folders", "list")] == [str(own_sample.files)]
    healed(home, 14)


@pytest.mark.parametrize("seed", range(4))
def test_a_catalogue_with_damaged_pages(own_sample: Indexed, seed: int) -> None:
    home = own_sample.home
    path = home / "data" / "catalogue.db"
    data = bytearray(path.read_bytes())
    rng = random.Random(seed)
    size = int.from_bytes(data[16:18], "big")
    for page in rng.sample(range(1, len(data) // size), 8):
        data[size * page : size * page + 600] = rng.randbytes(600)
    path.write_bytes(bytes(data))
    for arguments in (("search", "rent"), ("status",), ("doctor",)):
        done = satchel(home, *arguments)
        assert "Traceback" not in done.stderr, done.stderr
        assert "made a mistake" not in done.stderr, done.stderr
        assert done.returncode in (0, 1)
    doctor = satchel(home, "doctor", "--repair", "--json")
    assert doctor.returncode == 0, doctor.stderr
    healed(home, 14)


def test_a_store_of_a_newer_version_is_refused(own_sample: Indexed) -> None:
    path = own_sample.home / "data" / "catalogue.db"
    db = apsw.Connection(str(path))
    db.pragma("user_version", 99)
    db.close()
    before = path.read_bytes()
    for command in ("status", "index", "doctor"):
        assert "newer version" in one_line(satchel(own_sample.home, command))
    assert path.read_bytes() == before


def test_a_damaged_history_is_kept_aside(own_sample: Indexed) -> None:
    path = own_sample.home / "data" / "history.db"
    path.write_bytes(b"my own words" * 400)
    body = satchel_json(own_sample.home, "doctor")
    assert "kept as" in body["findings"][0]["problem"]
    [aside] = path.parent.glob("history-damaged-*.db")
    assert aside.read_bytes() == b"my own words" * 400


@pytest.mark.parametrize("name", ["settings.toml", "folders.json"])
def test_damaged_settings_are_named_and_kept(own_sample: Indexed, name: str) -> None:
    path = own_sample.home / "config" / name
    path.write_text("{ neither [ toml nor json")
    for command in ("index", "search rent"):
        done = satchel(own_sample.home, *command.split())
        if done.returncode:
            assert name in one_line(done)
    assert path.read_text() == "{ neither [ toml nor json"


# --- space ---------------------------------------------------------------------------------


def test_the_disk_budget_is_kept_and_told(tmp_path: Path, books: Indexed) -> None:
    home = tmp_path / "home"
    satchel_json(home, "folders", "add", str(books.files))
    satchel_json(home, "budget", "--disk", "4MB")
    filler = home / "cache" / "filler"  # what lies in the home counts
    filler.write_bytes(bytes(3_250_000 - used(home)))
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "--home", str(home), "index", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    most = 0
    while process.poll() is None:
        most = max(most, used(home))
        time.sleep(0.05)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert max(most, used(home)) <= 4_000_000
    body = json.loads(out)
    assert body["waiting"] > 0
    assert sum(body["files"].values()) == 60
    assert "satchel budget --disk" in err.splitlines()[-1]
    filler.unlink()
    assert satchel_json(home, "index", timeout_s=300)["files"]["indexed"] == 60
    assert used(home) <= 4_000_000


def used(home: Path) -> int:
    total = 0
    for folder, _, names in os.walk(home):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118
    return total


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(mount)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("a small disk cannot be mounted here (needs the rights of root)")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_full_disk_is_told_and_nothing_is_lost(small_disk: Path, books: Indexed) -> None:
    home = small_disk / "home"
    satchel_json(home, "folders", "add", str(books.files))
    filler = small_disk / "filler"
    free = shutil.disk_usage(small_disk).free
    filler.write_bytes(bytes(free - 150_000))
    line = satchel(home, "index", timeout_s=200).stderr.splitlines()[-1]
    assert line.startswith("satchel: ")
    assert "Traceback" not in line
    assert any(word in line.lower() for word in ("disk", "space", "budget")), line
    for command in ("status", "doctor", "folders list"):
        done = satchel(home, *command.split())
        assert "Traceback" not in done.stderr
        assert "made a mistake" not in done.stderr, done.stderr
    filler.unlink()
    body = satchel_json(home, "index", timeout_s=300)
    assert body["files"]["indexed"] == 60
    findings = json.loads(satchel(home, "doctor", "--json").stdout)["findings"]
    assert {finding["part"] for finding in findings} <= {"device"}  # the disk is small indeed
    assert_same_answers(answers(home), answers(books.home))


def test_files_may_not_grow(tmp_path: Path, books: Indexed) -> None:
    """A limit on the size of files stands for a quota."""
    home = tmp_path / "home"
    satchel_json(home, "folders", "add", str(books.files))
    import resource

    done = satchel(
        home,
        "index",
        timeout_s=200,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    assert "made a mistake" not in done.stderr, done.stderr
    assert str(home) in done.stderr
    body: Any = satchel_json(home, "index", timeout_s=300)
    assert body["files"]["indexed"] == 60
