"""What several end-to-end tests share."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from helpers import ROOT


@pytest.fixture(scope="session")
def debian_package() -> Path:
    """The bundle in dist/satchel and the package of it, made anew; the package."""
    for old in (ROOT / "dist").glob("*.deb"):
        old.unlink()
    made = subprocess.run(
        ["make", "deb"], cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False
    )
    if made.returncode != 0 and "dpkg-deb is missing" in made.stdout + made.stderr:
        pytest.skip("packages are packed with dpkg-deb, which is not here")
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    (package,) = (ROOT / "dist").glob("satchel_*.deb")
    return package
