"""The bundle, started as a person's machine would: elsewhere, with no Python to be found."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from helpers import PATIENCE_S, ROOT, models_folder

from core.bundle import RUN_MODULE
from core.index.models import STARTER
from core.messages import Failed, KeptRequest, Report, decode, encode

LAY_OUT = """
import sys
from pathlib import Path
import appimage
appimage.lay_out(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.executable))
"""
LANGUAGE_MODEL = "smollm2-135m-instruct.gguf"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="moves the bundle as Linux lets one"),
]


class Bundle:
    """A bundle that was moved away from where it was made, with a person's folder of its own."""

    def __init__(self, folder: Path, person: Path) -> None:
        self.folder = folder
        self.person = person
        self.models = person / "models"

    def environment(self) -> dict[str, str]:
        """Nothing of this process's: no Python on the path, none named."""
        return {
            "HOME": str(self.person),
            "PATH": str(self.person / "no-programs"),
            "SATCHEL_MODELS": str(self.models),
            "LANG": "C.UTF-8",
        }

    def start(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end."""
        return subprocess.run(
            [self.folder / "satchel", *arguments],
            cwd=self.person,
            env={**self.environment(), **more},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """What a command prints; it has to end with exit code 0."""
        done = self.start(*arguments, "--home", "home", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, debian_package: Path) -> Bundle:
    """Made anew, then moved out of the tree."""
    assert debian_package.exists()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "Programs of mine"
    shutil.copytree(ROOT / "dist" / "satchel", elsewhere, symlinks=True)
    person = tmp_path_factory.mktemp("person")
    shutil.copytree(ROOT / "resources" / "sample-folder", person / "documents")
    models = person / "models" / "llm"
    models.mkdir(parents=True)
    os.link(models_folder() / "llm" / LANGUAGE_MODEL, models / LANGUAGE_MODEL)
    return Bundle(elsewhere, person)


def test_it_indexes_searches_and_answers(bundle: Bundle) -> None:
    """Each of its children starts: readers of files, the model that answers, the service."""
    assert bundle.start("folders", "add", "documents", "--home", "home").returncode == 0
    counts = bundle.json("index")["files"]
    there = sum(1 for path in (bundle.person / "documents").rglob("*") if path.is_file())
    assert counts["indexed"] >= 10
    assert sum(counts.values()) == there

    found = bundle.json("search", "when does the choir practise", "--mode", "semantic", "-k", "3")
    assert found["recomputed"] > 0
    assert any("choir" in hit["snippet"].lower() for hit in found["results"])

    answer = bundle.json("ask", "When is the choir rehearsal?")
    assert answer["found"]
    assert answer["tokens"]["answer"] > 0
    assert Path(answer["citations"][0]["path"]).name == "calendar-autumn.ics"


def test_the_model_that_searches_came_with_it_and_cannot_be_removed(bundle: Bundle) -> None:
    rows = {row["name"]: row for row in bundle.json("models", "list")}
    assert rows[STARTER]["installed"]
    assert not (bundle.models / "embedding").exists()


def test_it_changes_to_another_prepared_model(bundle: Bundle, two_models: Path) -> None:
    other = "renamed-minilm"
    shutil.copytree(two_models / "embedding" / other, bundle.models / "embedding" / other)
    bundle.json("models", "use", other, "--yes")
    assert bundle.json("index")["files"]["indexed"] > 5
    status = bundle.json("status")
    assert status["model"]["embedding"] == other
    assert status["index"]["moving"] is None
    [hit, *_] = bundle.json("search", "boiler warranty", "--mode", "semantic")["results"]
    assert hit["path"].endswith("house-notes.md")


def test_the_window_opens_and_ends_when_asked(bundle: Bundle) -> None:
    process = subprocess.Popen(
        [bundle.folder / "satchel", "--home", "other-home"],
        cwd=bundle.person,
        env={**bundle.environment(), "QT_QPA_PLATFORM": "offscreen"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(6)  # it stays open
        assert (bundle.person / "other-home" / "data" / "catalogue.db").exists(), "no service"
    finally:
        process.terminate()
        _, told = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "satchel:" not in told


def test_it_knows_its_own_version(bundle: Bundle) -> None:
    """The page about privacy and reports of mistakes name it."""
    service = subprocess.Popen(
        [bundle.folder / "satchel", RUN_MODULE, "app.service_process", "--home", "third-home"],
        cwd=bundle.person,
        env=bundle.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert service.stdin is not None
    assert service.stdout is not None
    with service:
        service.stdin.write(encode(KeptRequest(1)) + "\n")
        service.stdin.flush()
        replies = (decode(line) for line in service.stdout)
        report = next(each for each in replies if isinstance(each, Report | Failed))
        service.stdin.close()
    assert isinstance(report, Report), report
    assert isinstance(report.body, dict)
    assert report.body["about"]["version"] == version("satchel")


def test_as_an_appdir_it_starts_by_its_own_script(bundle: Bundle, debian_package: Path) -> None:
    assert debian_package.exists()
    tried = subprocess.run(
        [sys.executable, "-c", LAY_OUT, ROOT / "dist" / "satchel", ROOT / "build" / "AppDir"],
        cwd=ROOT / "packaging",
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr
    started = subprocess.run(
        [ROOT / "build" / "AppDir" / "AppRun", "status", "--json", "--home", "fourth-home"],
        cwd=bundle.person,
        env={**bundle.environment(), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(started.stdout)["budgets"]


def test_other_modules_cannot_be_run_by_it(bundle: Bundle) -> None:
    done = bundle.start("--run-module", "http.server")
    assert done.returncode == 2
    assert "own use" in done.stderr


def test_what_prepares_models_is_not_in_it(bundle: Bundle) -> None:
    names = {path.name.lower() for path in bundle.folder.rglob("*")}
    assert not {name for name in names if name.startswith(("torch", "libtorch", "transformers"))}
    assert not {name for name in names if "intel_gpu" in name or "qt6qml" in name}
    total = sum(
        path.stat().st_size
        for path in bundle.folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )
    assert total < 365_000_000, "it has grown: see what came in, and whether it is needed"
