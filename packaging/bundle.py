"""Makes the bundle that starts without a Python: dist/satchel/, and a package of it for Debian.

    bundle.py            build/bundle-env -> dist/satchel/, with its size by part
    bundle.py --deb      dist/satchel_VERSION_ARCHITECTURE.deb as well
    bundle.py --appimage dist/Satchel-VERSION-MACHINE.AppImage as well
    bundle.py --flatpak  build/flatpak-share, which the recipe for a Flatpak takes
    bundle.py --sizes    no more than the size of dist/satchel by part

The environment that is bundled holds the locked run-time packages and the bundler alone, so
nothing from development can slip in.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import icu
from appimage import build_appimage, lay_out
from bundle_rules import icon_of, version
from console import SetupError, elapsed, run, say, step, stop
from deb import add_to_desktops, build_deb
from environment import create, install_locked, pip
from locks import Requirement, find, read_lock
from models import ensure_embedding_model
from places import PACKAGING, ROOT, cache_dir, log_file, need_space, python_of
from wheels import obtain, processor_features, recipes

ENVIRONMENT = ROOT / "build" / "bundle-env"
STAMP = ENVIRONMENT / "satchel-stamp"
WORK = ROOT / "build" / "bundle"
DIST = ROOT / "dist"
APPDIR = ROOT / "build" / "Satchel.AppDir"
BUNDLE_BYTES = 2_500_000_000
BUNDLER = (
    "pyinstaller", "pyinstaller-hooks-contrib", "altgraph", "packaging", "setuptools",
    "macholib", "pefile", "pywin32-ctypes",
)  # fmt: skip
# Libraries whose section layout was rewritten after linking; stripping breaks those.
NOT_STRIPPED = ("numpy.libs", "apsw", "sentencepiece.libs")


def main() -> int:
    """Builds what is asked for; 0, or 1 after one clear message."""
    parser = argparse.ArgumentParser(description="Makes dist/satchel/.")
    parser.add_argument("--deb", action="store_true", help="make a package for Debian as well")
    parser.add_argument("--appimage", action="store_true", help="make an AppImage as well")
    parser.add_argument("--flatpak", action="store_true", help="prepare a Flatpak as well")
    parser.add_argument("--sizes", action="store_true", help="only print the sizes of its parts")
    wanted = parser.parse_args()
    start = time.monotonic()
    if wanted.sizes:
        return print_sizes(DIST / "satchel")
    try:
        need_space(ROOT, BUNDLE_BYTES, "The bundle")
        ensure_embedding_model()
        ensure_environment()
        folder = bundle()
        say(breakdown(folder))
        if wanted.deb:
            with step("Packing it for Debian"):
                package = build_deb(folder, DIST, version(ROOT), python_of(ENVIRONMENT))
            say(f"    {package.relative_to(ROOT)}: {package.stat().st_size / 1e6:.1f} MB")
        if wanted.flatpak:
            add_to_desktops(ROOT / "build" / "flatpak-share", python_of(ENVIRONMENT), "satchel")
        if wanted.appimage:
            with step("Packing it as an AppImage"):
                lay_out(folder, APPDIR, python_of(ENVIRONMENT))
                image = build_appimage(APPDIR, DIST, version(ROOT))
            say(f"    {image.relative_to(ROOT)}: {image.stat().st_size / 1e6:.1f} MB")
    except SetupError as error:
        return stop(error)
    except KeyboardInterrupt:
        say("\nStopped. Run the command again to go on.")
        return 130
    say(f"Satchel is bundled in {folder.relative_to(ROOT)} ({elapsed(time.monotonic() - start)}).")
    return 0


def print_sizes(folder: Path) -> int:
    """Prints the size of a bundle by part; 0, or 1 where there is none."""
    if not folder.is_dir():
        return stop(SetupError("There is no bundle yet.", "Make one with: make bundle"))
    say(breakdown(folder))
    return 0


def ensure_environment() -> None:
    """Makes the environment that is bundled, unless it fits the locks already."""
    inputs = [PACKAGING / name for name in ("runtime.lock", "build.lock", "bundle.py")]
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in inputs)).hexdigest()
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == digest:
        return
    runtime, tools = read_lock(PACKAGING / "runtime.lock"), read_lock(PACKAGING / "build.lock")
    compiled = [(each, find(runtime, each.name)) for each in recipes(processor_features())]
    names = {recipe.name for recipe, _ in compiled}
    binary = [each for each in runtime if each.name not in names]
    cache_dir().mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="work-", dir=cache_dir()))
    try:
        wheels = obtain(compiled, work)
        with step("Making the environment that is bundled"):
            create(ENVIRONMENT, "bundle-venv", clear=True)
            install_locked(ENVIRONMENT, [*binary, *bundler(tools, binary)], work, "bundle-env")
            pip(
                ENVIRONMENT,
                ["install", "--no-deps", "--no-index", *wheels],
                log_name="bundle-compiled",
                failure="The compiled packages could not be installed.",
            )
    finally:
        shutil.rmtree(work, ignore_errors=True)
    STAMP.write_text(digest, encoding="ascii")


def bundler(tools: tuple[Requirement, ...], there: list[Requirement]) -> list[Requirement]:
    """The bundler and what it needs, less what runs anyway."""
    names = {each.name for each in there}
    return [each for each in tools if each.name in BUNDLER and each.name not in names]


def bundle() -> Path:
    """Draws the icon, runs the bundler, takes out symbols; the folder that is whole."""
    icon = icon_of(sys.platform, ROOT)
    if icon is not None:
        run(
            [python_of(ENVIRONMENT), PACKAGING / "desktop.py", icon],
            log=log_file("icon"),
            failure="The icon could not be drawn.",
            environment={"QT_QPA_PLATFORM": "offscreen"},
        )
    with step("Bundling"):
        run(
            [
                *(python_of(ENVIRONMENT), "-m", "PyInstaller", "--noconfirm", "--clean"),
                *("--workpath", WORK, "--distpath", DIST, PACKAGING / "satchel.spec"),
            ],
            log=log_file("bundle"),
            failure="The bundle could not be made.",
            cwd=ROOT,
            environment={"PYINSTALLER_CONFIG_DIR": str(WORK / "config"), "PYTHONHASHSEED": "1"},
        )
    folder = DIST / "satchel"
    if sys.platform == "linux":
        with step("Taking out symbols, what nothing asks for, and second copies"):
            strip(folder)
            drop_unneeded(folder / "_internal")
            icu.shrink(folder / "_internal", WORK / "icu")
            link_copies(folder)
    return folder


def strip(folder: Path) -> None:
    """Takes debugging symbols out of what may be stripped (Linux)."""
    if shutil.which("strip") is None:
        say("    left as they are: there is no strip here (Debian: apt-get install binutils)")
        return
    for path in sorted(folder.rglob("*.so*")):
        if path.is_symlink() or any(part in NOT_STRIPPED for part in path.parts):
            continue
        path.chmod(0o755)
        done = subprocess.run(["strip", "--strip-unneeded", path], capture_output=True, check=False)
        if done.returncode != 0:
            raise SetupError(
                f"{path.relative_to(folder)} could not be stripped.",
                done.stderr.decode("utf-8", "replace").strip(),
            )


def drop_unneeded(inner: Path) -> None:
    """Deletes system libraries that came for something that was left out (Linux).

    Only the top of the folder holds them. What a program or another library there names as
    needed stays, and Python's own.
    """
    if shutil.which("objdump") is None:
        return
    system = {path.name: path for path in inner.glob("lib*.so*")}
    keep = {name for name in system if name.startswith("libpython")}
    waiting = [path for path in inner.rglob("*.so*") if path.parent != inner]
    waiting += [path for path in inner.glob("*.so") if path.name not in system]
    waiting += [inner.parent / "satchel", *(system[name] for name in keep)]
    while waiting:
        told = subprocess.run(
            ["objdump", "-p", *{path for path in waiting if path.is_file()}],
            capture_output=True,
            check=False,
        ).stdout.decode("utf-8", "replace")
        named = {line.split()[-1] for line in told.splitlines() if " NEEDED " in line}
        new = (named & system.keys()) - keep
        keep |= new
        waiting = [system[name] for name in new]
    for name in system.keys() - keep:
        system[name].unlink()


def link_copies(folder: Path) -> None:
    """Makes libraries that lie twice in one folder under two names one file and a link."""
    seen: dict[tuple[Path, str], Path] = {}
    for path in sorted(folder.rglob("*.so*"), key=lambda path: len(path.name)):
        if path.is_symlink():
            continue
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        first = seen.setdefault((path.parent, digest), path)
        if first is not path:
            path.unlink()
            path.symlink_to(first.name)


def breakdown(folder: Path) -> str:
    """The size of a bundle by its parts, the largest first; a link counts nothing."""
    sizes: Counter[str] = Counter()
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent) / name
            if not path.is_symlink():
                sizes[part_of(path.relative_to(folder).parts)] += path.stat().st_size
    lines = [
        f"    {size / 1e6:7.1f} MB  {name}" for name, size in sizes.most_common() if size > 5e5
    ]
    small = sum(size for size in sizes.values() if size <= 5e5)
    return "\n".join(
        [
            *lines,
            f"    {small / 1e6:7.1f} MB  the rest",
            f"    {sizes.total() / 1e6:7.1f} MB  in all",
        ]
    )


def part_of(parts: tuple[str, ...]) -> str:
    """Which part of the size a file belongs to."""
    if parts[0] != "_internal" or len(parts) == 1:
        return "program and compiled Python modules"
    if parts[1:3] == ("resources", "models"):
        return "embedding model"
    if len(parts) == 2:
        return "system libraries and Python"
    return parts[1].removesuffix(".libs")


if __name__ == "__main__":
    sys.exit(main())
