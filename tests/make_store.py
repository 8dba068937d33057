"""Makes the fixture of a store format with the code that wrote it.

    .venv/bin/python tests/make_store.py COMMIT [--libraries DIR]

checks the commit out beside this checkout, uses a small home with its commands, and packs the
home and its files into tests/resources/stores/NAME.tar.xz, where NAME says the formats. Commits
that need libraries which are gone find them in DIR. Do this whenever a format is changed: a test
fails until the newest formats have a fixture.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from old_stores import FILES, MEMORY, QUESTIONS, STORES, TAG, TEXTS, WRITTEN_S, contents

ROOT = Path(__file__).parents[1]
PLACE = Path(tempfile.gettempdir()) / "satchel-store"  # where the home was; it is moved at opening

# What the commands of that time cannot do, with its own code. What it lacks is left out.
BRANCH = """
import sys, pathlib
from core.store.history import History
history = History(pathlib.Path(sys.argv[1]))
if hasattr(history, "show_branch"):
    first = history.show(1)[0]["id"]
    history.add_turn(1, sys.argv[2], "It leaves at seven.", True, (), (), after=0)
    assert len(history.versions(first)) == 2
history.close()
"""
SAVED_KV = """
import sys, pathlib
from core.llm.kv.memory import Saved
from core.llm.kv.memory import Run
from core.llm.kv.saved import Origin, SavedKv
folder = pathlib.Path(sys.argv[1])
origin = Origin("made", "fingerprint", "build", "q8_0", "flash")
run = Run("turn1", 0, tuple(range(5)))
assert SavedKv(folder, origin, 10**6).save(1, Saved(run, b"state of five cells"), 2.0)
"""


def course(home: Path, code: Path, environment: dict[str, str]) -> None:
    """Use the home as a person would, with the commands of that time."""

    def run(*arguments: str, needed: bool = False) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "app.cli", "--home", str(home), *arguments],
            cwd=code, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode and needed:
            raise SystemExit(f"{arguments}: {done.stdout}{done.stderr}")
        if done.returncode:
            print(f"left out: {' '.join(arguments)}")

    def write(name: str, text: str) -> None:
        path = PLACE / "files" / name
        path.write_text(text)
        os.utime(path, (WRITTEN_S, WRITTEN_S))

    for name in FILES:
        write(name, TEXTS[name])
    write("council.txt", "What stood here before. " + TEXTS["council.txt"])
    run("folders", "add", str(PLACE / "files"), needed=True)
    run("budget", "--disk", "640MB", "--ram", "2400MB", needed=True)
    run("index", needed=True)
    write("council.txt", TEXTS["council.txt"])
    run("index", needed=True)
    for question in QUESTIONS:
        run("ask", question, needed=True)
    run("memories", "add", MEMORY)
    run("tag", "add", TAG, str(PLACE / "files" / "garden.md"))
    run("ask", QUESTIONS[0], "--pin", str(PLACE / "files" / "garden.md"))
    for program, *rest in (
        (BRANCH, str(home / "data" / "history.db"), QUESTIONS[0]),
        (SAVED_KV, str(home / "data" / "kv")),
    ):
        shutil.rmtree(home / "data" / "kv", ignore_errors=True)  # megabytes, of one machine
        done = subprocess.run([sys.executable, "-c", program, *rest], cwd=code, env=environment,
                              capture_output=True, text=True, check=False)  # fmt: skip
        if done.returncode:
            print(f"left out: {done.stderr.splitlines()[-1]}")


def pack(home: Path, commit: str) -> Path:
    """The home and its files as one archive, without what is of one machine or one process."""
    held = contents(home)
    formats = held["formats"]
    name = "-".join(f"{what}{number}" for what, number in formats.items() if number)
    print(json.dumps(held, indent=1))
    target = STORES / f"{name}.tar.xz"
    with tarfile.open(target, "w:xz", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(p for p in PLACE.rglob("*") if p.is_file()):
            inside = path.relative_to(PLACE)
            if "cache" in inside.parts or path.name in ("lock", "socket", "fingerprints.json"):
                continue
            entry = archive.gettarinfo(path, str(inside))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = WRITTEN_S
            archive.addfile(entry, io.BytesIO(path.read_bytes()))
        data = json.dumps({"commit": commit, "place": str(PLACE), **held}).encode()
        entry = tarfile.TarInfo("store.json")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return target


def main(argv: Sequence[str]) -> None:
    """Make one fixture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("commit")
    parser.add_argument("--libraries", default="", help="a folder with libraries that it needs")
    options = parser.parse_args(argv)
    shutil.rmtree(PLACE, ignore_errors=True)
    (PLACE / "files").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        code = Path(scratch) / "code"
        subprocess.run(["git", "clone", "-q", "-s", str(ROOT), str(code)], check=True)
        subprocess.run(["git", "checkout", "-q", options.commit], cwd=code, check=True)
        paths = os.pathsep.join(filter(None, (str(code), options.libraries)))
        course(PLACE / "home", code, {**os.environ, "PYTHONPATH": paths})
    target = pack(PLACE / "home", options.commit)
    print(f"{target.name}: {target.stat().st_size} bytes")
    shutil.rmtree(PLACE)


if __name__ == "__main__":
    main(sys.argv[1:])
