"""The files that desktops look for: whole, under one name, and right by the desktops' own tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from app.autostart import EntryFile
from app.autostart import entry as autostart_entry
from app.identity import APP_ID, announce

ROOT = Path(__file__).parents[1]
VERSION = "0.1.0"


def tool(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return found


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("PySide6.QtSvg", exc_type=ImportError)
    folder = tmp_path_factory.mktemp("a data folder")
    subprocess.run(
        [sys.executable, ROOT / "packaging" / "desktop.py", folder],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


def test_the_desktop_entry_is_valid_and_names_an_icon_that_is_there(share: Path) -> None:
    path = share / "applications" / f"{APP_ID}.desktop"
    lines = path.read_text("utf-8").splitlines()
    assert f"Icon={APP_ID}" in lines
    assert f"StartupWMClass={APP_ID}" in lines
    assert "Exec=satchel" in lines
    assert (share / "icons" / "hicolor" / "scalable" / "apps" / f"{APP_ID}.svg").is_file()
    validate(path)


def test_the_metainfo_is_valid_and_names_the_releases_of_the_changelog(share: Path) -> None:
    path = share / "metainfo" / f"{APP_ID}.metainfo.xml"
    component = ElementTree.parse(path).getroot()
    assert component.findtext("id") == APP_ID
    assert next(r.get("version") for r in component.iter("release")) == VERSION
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert not list(component.iter("screenshot"))
    done = subprocess.run(
        [tool("appstreamcli", "appstream"), "validate", "--no-net", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_icons_have_the_sizes_of_their_folders_and_are_drawn(share: Path) -> None:
    from PySide6.QtGui import QImage

    drawn = sorted((share / "icons" / "hicolor").glob("*x*/apps/*.png"))
    assert {"16x16", "48x48", "128x128", "256x256", "512x512"} <= {p.parts[-3] for p in drawn}
    for path in drawn:
        picture = QImage(str(path))
        px = int(path.parts[-3].partition("x")[0])
        assert (picture.width(), picture.height()) == (px, px)
        assert picture.pixelColor(0, 0).alpha() == 0  # a corner lets the desktop show
        assert picture.pixelColor(px // 2, px // 2).alpha() == 255


@pytest.mark.parametrize("program", ["/opt/satchel/satchel", "/home/ana maria/100 %/$x/satchel"])
def test_an_entry_for_a_program_anywhere_is_valid(program: str, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, ROOT / "packaging" / "desktop.py", tmp_path, "--exec", program],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    validate(tmp_path / "applications" / f"{APP_ID}.desktop")


def test_the_entry_that_starts_with_the_session_is_valid(tmp_path: Path) -> None:
    made = autostart_entry("linux", "satchel", ["/a b/satchel", "--home", "/x%y"], tmp_path, {})
    assert isinstance(made, EntryFile)
    made.path.parent.mkdir(parents=True)
    made.path.write_bytes(made.content)
    validate(made.path)


def validate(path: Path) -> None:
    done = subprocess.run(
        [tool("desktop-file-validate", "desktop-file-utils"), path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_one_name_everywhere() -> None:
    announce()  # does nothing here, and fails nowhere
    source = (ROOT / "packaging" / "desktop.py").read_text("utf-8")
    assert f'APP_ID = "{APP_ID}"' in source
    rules = (ROOT / "packaging" / "bundle_rules.py").read_text("utf-8")
    assert f'MACOS_IDENTIFIER = "{APP_ID}"' in rules
    for path in (ROOT / "resources" / "desktop").iterdir():
        assert path.name.startswith(f"{APP_ID}.")
        assert APP_ID in path.read_text("utf-8")
