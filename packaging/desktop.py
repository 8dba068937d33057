"""Puts what desktops look for under a folder: `desktop.py FOLDER [--exec PATH]`.

`desktop.py FILE.ico` and `desktop.py FILE.icns` write the icon of Windows and macOS alone.

The folder becomes a data folder of the XDG Base Directory Specification, such as ~/.local/share
or the `usr/share` of a package: the desktop entry, the AppStream metainfo with the releases of
the changelog, and the icon in sizes, all under Satchel's reverse-DNS name. Icons are drawn with
Qt, so this runs in the environment of the application.
"""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from icons import ICNS_KINDS, ICO_SIZES_PX, icns, ico

ROOT = Path(__file__).resolve().parents[1]
APP_ID = "io.github.satchel.Satchel"  # as in app/identity.py, which a test compares
FILES = ROOT / "resources" / "desktop"
DRAWING = ROOT / "resources" / "icons" / "satchel.svg"
ICON_SIZES_PX = (16, 22, 24, 32, 48, 64, 96, 128, 256, 512)
RELEASE = re.compile(r"^## (\d+\.\d+\.\d+), (\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def releases(changelog: str) -> list[tuple[str, str]]:
    """The versions of a changelog and their days, newest first as it has them."""
    return RELEASE.findall(changelog)


def metainfo(template: str, changelog: str) -> str:
    """The AppStream description with the releases of the changelog."""
    component = ElementTree.fromstring(template)
    listed = ElementTree.SubElement(component, "releases")
    for version, day in releases(changelog):
        ElementTree.SubElement(listed, "release", version=version, date=day)
    ElementTree.indent(component)
    whole = ElementTree.tostring(component, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{whole}\n'


def entry(template: str, program: str) -> str:
    """The desktop entry that starts this program, a name on the path or a whole path."""
    special = set('"`$\\')
    # The value's own escapes come on top of those of the quoted word.
    word = "".join(f"\\{c}" if c in special else c for c in program.replace("%", "%%"))
    quoted = program if re.fullmatch(r"[\w./+-]+", program) else f'"{word}"'.replace("\\", "\\\\")
    return (
        "\n".join(
            f"Exec={quoted}" if line.startswith("Exec=") else line for line in template.splitlines()
        )
        + "\n"
    )


def draw(drawing: Path, size_px: int, target: Path) -> None:
    """Draw the icon as a square PNG."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    picture = QImage(size_px, size_px, QImage.Format.Format_ARGB32)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(str(drawing)).render(painter)
    painter.end()
    target.parent.mkdir(parents=True, exist_ok=True)
    if not picture.save(str(target)):
        raise OSError(f"cannot write {target}")


def install(share: Path, program: str) -> list[Path]:
    """Put all files under a data folder; returns them."""
    desktop = share / "applications" / f"{APP_ID}.desktop"
    described = share / "metainfo" / f"{APP_ID}.metainfo.xml"
    icons = share / "icons" / "hicolor"
    scalable = icons / "scalable" / "apps" / f"{APP_ID}.svg"
    for path in (desktop, described, scalable):
        path.parent.mkdir(parents=True, exist_ok=True)
    template = (FILES / desktop.name).read_text("utf-8")
    desktop.write_text(entry(template, program), "utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    described.write_text(metainfo((FILES / described.name).read_text("utf-8"), changelog), "utf-8")
    shutil.copyfile(DRAWING, scalable)
    drawn = [icons / f"{px}x{px}" / "apps" / f"{APP_ID}.png" for px in ICON_SIZES_PX]
    for size_px, path in zip(ICON_SIZES_PX, drawn, strict=True):
        draw(DRAWING, size_px, path)
    return [desktop, described, scalable, *drawn]


def write_icon(target: Path) -> None:
    """Write the icon of Windows (.ico) or macOS (.icns)."""
    made, sizes = (ico, ICO_SIZES_PX) if target.suffix == ".ico" else (icns, ICNS_KINDS.values())
    with tempfile.TemporaryDirectory() as folder:
        pictures = {}
        for size_px in sizes:
            picture = Path(folder) / f"{size_px}.png"
            draw(DRAWING, size_px, picture)
            pictures[size_px] = picture.read_bytes()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(made(pictures))


def main() -> int:
    """Install where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("share", type=Path, help="a data folder, or a file .ico or .icns")
    parser.add_argument("--exec", default="satchel", help="what the entry starts")
    options = parser.parse_args()
    try:
        if options.share.suffix in (".ico", ".icns"):
            write_icon(options.share)
            print(options.share)
            return 0
        made = install(options.share.expanduser(), options.exec)
    except OSError as error:
        print(f"desktop.py: nothing or only a part was installed: {error}", file=sys.stderr)
        return 1
    print(f"{len(made)} files under {options.share}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
