"""The recipes for each platform: what of them can be held to account without that platform."""

from __future__ import annotations

import json
import plistlib
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.autostart import RUN_KEY
from app.cli import make_parser
from app.identity import APP_ID

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PACKAGING))
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")


@pytest.mark.parametrize("ending", ["ico", "icns"])
def test_the_icon_of_a_platform_is_read_as_one(ending: str, tmp_path: Path) -> None:
    gui = pytest.importorskip("PySide6.QtGui", exc_type=ImportError)
    target = tmp_path / f"satchel.{ending}"
    subprocess.run(
        [sys.executable, PACKAGING / "desktop.py", target], check=True, stdout=subprocess.DEVNULL
    )
    reader = gui.QImageReader(str(target))
    assert reader.format() == ending.encode()
    assert reader.imageCount() >= 6
    picture = reader.read()
    assert not picture.isNull(), reader.errorString()
    middle = picture.pixelColor(picture.width() // 2, picture.height() // 2)
    assert middle.alpha() == 255


def test_the_app_of_macos_names_itself_and_why_it_wants_folders() -> None:
    from bundle_rules import MACOS_INFO, icon_of

    assert {key for key in MACOS_INFO if key.endswith("UsageDescription")} >= {
        "NSDocumentsFolderUsageDescription", "NSRemovableVolumesUsageDescription",
    }  # fmt: skip
    plistlib.dumps(MACOS_INFO)
    granted = plistlib.loads((PACKAGING / "macos" / "entitlements.plist").read_bytes())
    assert set(granted) == {
        "com.apple.security.cs.allow-jit", "com.apple.security.cs.allow-unsigned-executable-memory",
    }  # fmt: skip
    spec = (PACKAGING / "satchel.spec").read_text("utf-8")
    script = (PACKAGING / "macos" / "package.sh").read_text("utf-8")
    assert "SATCHEL_SIGN_AS" in spec
    assert "SATCHEL_SIGN_AS" in script
    assert str(icon_of("darwin", ROOT)).endswith("satchel.icns")
    assert icon_of("linux", ROOT) is None


def test_the_disk_image_is_refused_elsewhere_with_one_line() -> None:
    if sys.platform == "darwin":
        pytest.skip("this is a Mac")
    done = subprocess.run(
        [PACKAGING / "macos" / "package.sh"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "error: this has to run on a Mac.\n")


def test_the_installer_of_windows_fits_what_the_program_does() -> None:
    from bundle_rules import icon_of

    script = (PACKAGING / "windows" / "satchel.iss").read_text("utf-8")
    assert "PrivilegesRequired=lowest" in script
    assert f'#define Id "{APP_ID}"' in script
    assert 'AppUserModelID: "{#Id}"' in script
    assert f'Subkey: "{RUN_KEY}"; ValueType: none; ValueName: "{{#Id}}"' in script
    icon = icon_of("win32", ROOT)
    assert icon is not None
    assert f"SetupIconFile=..\\..\\{icon.parent.name}\\{icon.name}" in script
    spec = (PACKAGING / "satchel.spec").read_text("utf-8")
    for program in set(re.findall(r"\{app\}\\(\w+)\.exe", script)):
        assert f'"name": "{program}"' in spec
    # The question has to name a command that there is, and a No has to be what silence means.
    [command] = re.findall(r"\.exe'\), '([^']*)'", script)
    options = make_parser().parse_args(command.split())
    assert (options.command, options.yes, options.models) == ("remove-data", True, True)
    assert re.search(r"MB_DEFBUTTON2, IDNO\)", script)


def test_the_flatpak_names_what_is_made_for_it_and_cannot_write_to_files() -> None:
    path = PACKAGING / "flatpak" / f"{APP_ID}.json"
    manifest = json.loads(path.read_text("utf-8"))
    assert manifest["id"] == APP_ID
    [module] = manifest["modules"]
    places = [(path.parent / source["path"]).resolve() for source in module["sources"]]
    assert places == [ROOT / "dist" / "satchel", ROOT / "build" / "flatpak-share"]
    for folder in (source["dest"] for source in module["sources"]):
        assert any(f"cp -a {folder}" in command for command in module["build-commands"])
    files = [each for each in manifest["finish-args"] if each.startswith("--filesystem")]
    assert all(each.endswith(":ro") for each in files)


def test_an_appdir_starts_from_anywhere_and_its_tool_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("PySide6.QtSvg", exc_type=ImportError)
    if shutil.which("readlink") is None:
        pytest.skip("AppRun needs readlink")
    import appimage
    from console import SetupError

    assert APP_ID == appimage.APP_ID
    bundle = tmp_path / "satchel"
    bundle.mkdir()
    (bundle / "satchel").write_text('#!/bin/sh\necho "$(dirname "$0")" "$@"\n')
    (bundle / "satchel").chmod(0o755)
    folder = tmp_path / "an app dir"
    appimage.lay_out(bundle, folder, Path(sys.executable))
    for name in ("AppRun", f"{APP_ID}.desktop", f"{APP_ID}.png", ".DirIcon"):
        assert (folder / name).is_file(), name
    assert "Exec=satchel" in (folder / f"{APP_ID}.desktop").read_text("utf-8")
    link = tmp_path / "start"
    link.symlink_to(folder / "AppRun")
    said = subprocess.run([link, "a b"], capture_output=True, text=True, check=True).stdout
    assert said == f"{folder}/usr/lib/satchel a b\n"

    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("APPIMAGETOOL", raising=False)
    with pytest.raises(SetupError, match="cannot be packed here"):
        appimage.build_appimage(folder, tmp_path, "1.0.0")
    monkeypatch.setenv("APPIMAGETOOL", str(tmp_path / "no-such-tool"))
    with pytest.raises(SetupError, match="cannot be started"):
        appimage.build_appimage(folder, tmp_path, "1.0.0")


def test_files_beside_the_window_s_modules_come_along(tmp_path: Path) -> None:
    from bundle_rules import data_of_window

    for name in ("ui/a.py", "ui/texts/de.toml", "ui/__pycache__/a.pyc", "core/b.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert data_of_window(tmp_path) == [(str(tmp_path / "ui/texts/de.toml"), "ui/texts")]


ITEMS = st.dictionaries(
    st.sampled_from(
        ["root.res", "en.res", "zoneinfo64.res", "coll/root.res", "coll/ucadata.icu", "uprops.icu",
         "de.res", "az_Latn_AZ.res", "coll/sv.res", "zone/de.res", "ibm-37.cnv", "brkitr/ja.dict"]
    ),
    st.binary(min_size=1, max_size=40),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ITEMS)
def test_unicode_data_keeps_what_holds_for_all_languages(items: dict[str, bytes]) -> None:
    import icu

    def package(of: dict[str, bytes]) -> bytes:
        named = {f"icudt73l/{name}": data for name, data in of.items()}
        padded = [(name.encode(), named[name].ljust(48, b".")) for name in sorted(named)]
        head = struct.pack("<H2sH2xI4s", 32, b"\xda\x27", 20, 2, b"CmnD").ljust(32, b"\0")
        return head + icu.packed(padded)

    # The last one of Qt's is a language's; a library goes on after the package.
    whole = b"\x7fELF" * 8 + package({**items, "zu.res": b"last"}) + b"the rest"
    kept = {name: data for name, data in items.items() if not icu.is_left_out(name)}
    assert set(kept) <= {*list(items)} - {"de.res", "az_Latn_AZ.res", "coll/sv.res", "ibm-37.cnv"}
    assert icu.trimmed(whole) == package(kept)


def test_unicode_data_of_another_form_stops_the_bundle() -> None:
    import icu
    from console import SetupError

    with pytest.raises(SetupError, match="not as it was known"):
        icu.trimmed(b"something else")
