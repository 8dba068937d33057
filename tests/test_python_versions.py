"""Newer Pythons than the one that runs here: what can be said of them without them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NEWER = ("3.12", "3.13", "3.14")


@pytest.mark.slow
@pytest.mark.parametrize("version", NEWER)
def test_types_hold_on_newer_pythons(version: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--python-version", version, "--cache-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("version", NEWER)
def test_nothing_is_used_that_newer_pythons_warn_of_or_lack(version: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--quiet", "--target-version",
         f"py{version.replace('.', '')}", "--select", "F,E9,PLE", "app", "core", "ui"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_public_run_has_each_system_and_python_that_is_promised() -> None:
    yaml = pytest.importorskip("yaml")
    run = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text("utf-8"))
    matrix = run["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", *NEWER]
    systems = {each["system"].partition("-")[0] for each in matrix["include"]}
    assert systems | {matrix["system"][0].partition("-")[0]} == {"ubuntu", "macos", "windows"}
    assert run["permissions"] == {"contents": "read"}
    assert "secrets" not in str(run)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    packages = run["jobs"]["packages"]["strategy"]["matrix"]["include"]
    assert {"setup", "test", *(each["target"] for each in packages)} <= set(targets)


def test_every_dependency_has_its_reason_and_its_row() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)
    rows = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    wanted = project["project"]["dependencies"]
    for each in (*wanted, *project["dependency-groups"]["dev"]):
        lines = text.splitlines()
        [at] = [number for number, line in enumerate(lines) if f'"{each}"' in line and "#" in line]
        assert re.search(rf'"{re.escape(each)}",\s+# \S.+', lines[at]), each
    for each in wanted:
        name, version = each.split("==")
        assert f"| {name} {version} |" in rows, f"docs/dependencies.md has no row for {each}"
