"""Packs a bundle as an AppImage: one file that runs on most Linux desktops, with no installing.

The folder it is made of follows the AppDir Specification and starts by itself, so it is made and
tested also where the tool that packs it (`appimagetool`, or $APPIMAGETOOL) is missing.
"""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from console import SetupError
from deb import add_to_desktops

APP_ID = "io.github.satchel.Satchel"  # as in app/identity.py, which a test compares
START = """\
#!/bin/sh
# Starts what is packed here, wherever it was mounted.
exec "$(dirname "$(readlink -f "$0")")/usr/lib/satchel/satchel" "$@"
"""


def lay_out(bundle: Path, folder: Path, python: Path) -> None:
    """Make the AppDir of a bundle, on the same disk. Raises SetupError.

    `python` runs an environment with Qt, which draws the icons.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(
        bundle, folder / "usr" / "lib" / "satchel", symlinks=True, copy_function=os.link
    )
    share = folder / "usr" / "share"
    add_to_desktops(share, python, "satchel")
    start = folder / "AppRun"
    start.write_text(START, encoding="ascii")
    start.chmod(0o755)
    icon = share / "icons" / "hicolor" / "256x256" / "apps" / f"{APP_ID}.png"
    for found, name in (
        (share / "applications" / f"{APP_ID}.desktop", f"{APP_ID}.desktop"),
        (icon, f"{APP_ID}.png"),
        (icon, ".DirIcon"),
    ):
        shutil.copyfile(found, folder / name)


def build_appimage(folder: Path, target: Path, version: str) -> Path:
    """Pack an AppDir into a file in the folder `target`. Raises SetupError."""
    tool = os.environ.get("APPIMAGETOOL") or shutil.which("appimagetool")
    if tool is None:
        raise SetupError(
            f"The AppImage cannot be packed here; what goes into it is ready in {folder}.",
            "appimagetool is missing. Get it from the AppImage project, put it on the path or "
            "name it in APPIMAGETOOL, and run the command again.",
        )
    image = target / f"Satchel-{version}-{platform.machine()}.AppImage"
    try:
        done = subprocess.run(
            [tool, "--no-appstream", folder, image],
            env={**os.environ, "ARCH": platform.machine()},
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise SetupError(
            f"{tool} cannot be started: {error.strerror}.", "Check APPIMAGETOOL."
        ) from error
    if done.returncode != 0:
        raise SetupError(
            "The AppImage could not be packed.", done.stderr.decode("utf-8", "replace").strip()
        )
    return image
