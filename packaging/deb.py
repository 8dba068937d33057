"""Packs a bundle for Debian and what descends from it: /opt/satchel, and a command on the path."""

import getpass
import gzip
import os
import platform
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from console import SetupError, say
from places import PACKAGING, ROOT

SCRIPTS = PACKAGING / "debian"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# What Qt takes from the system; the window says what is missing, the commands do without.
DEPENDS = (
    "libc6 (>= {glibc}), libgl1, libegl1, libxkbcommon0, libfontconfig1, libdbus-1-3, "
    "debconf (>= 0.5) | debconf-2.0"
)
RECOMMENDS = (
    "libxcb-cursor0, libxcb-icccm4, libxcb-keysyms1, libxkbcommon-x11-0, libxcb-image0, "
    "libxcb-render-util0, libxcb-shape0, libxcb-xkb1"
)
SUGGESTS = "tesseract-ocr, libreoffice"


def build_deb(bundle: Path, target: Path, version: str, python: Path) -> Path:
    """The package of a bundle, written to the folder `target`. Raises SetupError.

    `python` runs an environment with Qt, which draws the icons.
    """
    if shutil.which("dpkg-deb") is None:
        raise SetupError(
            "The package cannot be packed here.", "dpkg-deb is missing; it comes with Debian."
        )
    packer = maintainer(os.environ)
    say(f"    maintainer: {packer} (DEBFULLNAME and DEBEMAIL name another)")
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    package = target / f"satchel_{version}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix="deb-", dir=target) as name:
        root = Path(name) / "root"
        lay_out(bundle, root)
        add_to_desktops(root / "usr" / "share", python, "/usr/bin/satchel")
        control = control_text(version, architecture, installed_kb(root), packer)
        (root / "DEBIAN").mkdir(mode=0o755)
        (root / "DEBIAN" / "control").write_text(control, encoding="utf-8")
        for script in SCRIPTS.iterdir():
            target_file = root / "DEBIAN" / script.name
            shutil.copyfile(script, target_file)
            target_file.chmod(0o644 if script.name == "templates" else 0o755)
        done = subprocess.run(
            ["dpkg-deb", "--build", "--root-owner-group", "-Zzstd", "-z12", root, package],
            capture_output=True,
            check=False,
        )
    if done.returncode != 0:
        raise SetupError(
            "The package could not be packed.", done.stderr.decode("utf-8", "replace").strip()
        )
    return package


def lay_out(bundle: Path, root: Path) -> None:
    """The files of the package as they lie on the machine it is installed on."""
    home = root / "opt" / "satchel"
    shutil.copytree(bundle, home, symlinks=True)
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path == home / "satchel" else 0o644)
    command = root / "usr" / "bin" / "satchel"
    command.parent.mkdir(parents=True)
    command.symlink_to("/opt/satchel/satchel")
    notice = root / "usr" / "share" / "doc" / "satchel" / "copyright"
    notice.parent.mkdir(parents=True)
    parts = (bundle / "_internal" / name for name in ("LICENSE", "THIRD_PARTY.md"))
    notice.write_text("\n".join(part.read_text(encoding="utf-8") for part in parts), "utf-8")
    with gzip.GzipFile(notice.with_name("changelog.gz"), "wb", mtime=0) as packed:
        packed.write((ROOT / "CHANGELOG.md").read_bytes())
    for path in (notice, notice.with_name("changelog.gz")):
        path.chmod(0o644)


def maintainer(environment: Mapping[str, str]) -> str:
    """Who packs it, by the variables and the fall-backs of Debian's own tools.

    Satchel has no address of its own, and a made-up one would lead nowhere: who hands the
    package on is who can be asked about it. Raises SetupError for what is no name and address.
    """
    name, mail = environment.get("DEBFULLNAME", ""), environment.get("DEBEMAIL", "")
    both = re.fullmatch(r"(.+?) <(\S+)>", mail.strip())
    if both:
        name, mail = name or both[1], both[2]
    person = getpass.getuser()
    name, mail = name.strip() or person, mail.strip() or f"{person}@{socket.getfqdn()}"
    if not re.fullmatch(r"[^<>\n\r]+", name) or not re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", mail):
        raise SetupError(
            f"{name} <{mail}> cannot be the maintainer of the package.",
            "Set DEBFULLNAME to a name and DEBEMAIL to an address.",
        )
    return f"{name} <{mail}>"


def add_to_desktops(share: Path, python: Path, program: str) -> None:
    """The entry in menus that starts a program, its description and its icons. SetupError."""
    done = subprocess.run(
        [python, PACKAGING / "desktop.py", share, "--exec", program],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise SetupError(
            "The icons could not be drawn.", done.stderr.decode("utf-8", "replace").strip()
        )


def installed_kb(root: Path) -> int:
    """What the package takes on disk, as Debian counts it."""
    files = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(-(-path.stat().st_size // 1024) for path in files)


def control_text(version: str, architecture: str, size_kb: int, packer: str) -> str:
    """The description that dpkg reads."""
    glibc = platform.libc_ver()[1] or "2.28"
    return f"""\
Package: satchel
Version: {version}
Architecture: {architecture}
Maintainer: {packer}
Installed-Size: {size_kb}
Depends: {DEPENDS.format(glibc=glibc)}
Recommends: {RECOMMENDS}
Suggests: {SUGGESTS}
Section: utils
Priority: optional
Description: search and ask your own files, entirely on your machine
 Satchel finds passages in your documents by meaning and by words, and answers
 questions with the places that its answers come from. Nothing leaves the
 computer, and it stays inside the disk and memory that you give it.
"""
