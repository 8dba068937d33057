"""Draws the pictures of docs/pictures from the gallery: `make docs` runs it."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "build" / "gallery"
PICTURES = ROOT / "docs" / "pictures"
PLAIN = Qt.ImageConversionFlag.ThresholdDither | Qt.ImageConversionFlag.AvoidDither
# The picture in the documentation, the state of the gallery, and where that is drawn.
SHOWN = (
    ("search", "search-results", "search_states"),
    ("ask", "chat-answer", "chat_states"),
    ("problems", "folders-problems", "folder_states"),
    ("storage", "storage", "storage_states"),
    ("privacy", "settings-privacy", "other_states"),
    ("first-folders", "first-run-folders", "first_run_states"),
)


def with_few_colours(drawn: QImage) -> QImage:
    """The picture in its 256 commonest colours: the letters' edges have the others."""
    plain = drawn.convertToFormat(QImage.Format.Format_RGB32)
    counted = Counter(memoryview(plain.constBits()).cast("I"))
    common = [colour for colour, _ in counted.most_common(256)]
    return plain.convertToFormat(QImage.Format.Format_Indexed8, common, PLAIN)


def main() -> int:
    """Draw them, with few colours, so that they stay small."""
    states = sorted({state for _, _, state in SHOWN})
    gallery = [sys.executable, str(ROOT / "tests" / "ui" / "gallery.py")]
    subprocess.run([*gallery, *states, "--mode", "light", "--scale", "100"], check=True)
    PICTURES.mkdir(exist_ok=True)
    for name, state, _ in SHOWN:
        drawn = QImage(str(GALLERY / f"{state}-light.png"))
        target = PICTURES / f"{name}.png"
        if not with_few_colours(drawn).save(str(target), "PNG", 0):  # 0 is smallest
            print(f"{target} could not be written", file=sys.stderr)
            return 1
        print(f"{target}  {target.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
