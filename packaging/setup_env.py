"""Sets Satchel up in this checkout: .venv, the compiled packages and the starter models.

Needs a Python of 3.11 or newer and nothing else; find_python.sh finds one for `make setup`. It
can be run again at any time: what is there is kept, and when nothing is missing it ends at once.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from console import SetupError, elapsed, say, stop
from environment import fill_venv
from locks import find, read_lock
from models import ensure_embedding_model, ensure_language_model
from places import PACKAGING, ROOT, VENV, cache_dir, models_dir, python_of
from wheels import obtain, processor_features, recipes

STAMP = VENV / "satchel-stamp.json"


def main() -> int:
    """Runs the steps that are not done yet; 0, or 1 after one clear message."""
    parser = argparse.ArgumentParser(description="Sets Satchel up in this checkout.")
    parser.add_argument("--no-models", action="store_true", help="leave the models out")
    wanted = parser.parse_args()
    start = time.monotonic()
    try:
        ensure_venv()
        if not wanted.no_models:
            ensure_language_model()
            ensure_embedding_model()
    except SetupError as error:
        return stop(error)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        return stop(SetupError(f"{error.strerror}{place}.", "Set that right and run it again."))
    except KeyboardInterrupt:
        say("\nStopped. Run the command again to go on.")
        return 130
    say(f"Satchel is set up ({elapsed(time.monotonic() - start)}).")
    return 0


def ensure_venv() -> None:
    """Makes or updates .venv, unless its stamp says that it fits these files already."""
    stamp = {"files": digest(), "python": sys.version, "root": str(ROOT)}
    found = read_stamp()
    if found == stamp and python_of(VENV).exists():
        return
    if found:
        say("Bringing .venv up to date with this checkout.")
    else:
        say("Setting Satchel up. The first time takes 10 to 20 minutes; after that, seconds.")
    say(f"    environment {VENV}")
    say(f"    models      {models_dir()}")
    say(f"    cache       {cache_dir()}")
    STAMP.unlink(missing_ok=True)
    moved = {key: found.get(key) for key in ("python", "root")} != {
        key: stamp[key] for key in ("python", "root")
    }
    locked = read_lock(PACKAGING / "dev.lock")
    compiled = [(each, find(locked, each.name)) for each in recipes(processor_features())]
    names = {recipe.name for recipe, _ in compiled}
    cache_dir().mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="work-", dir=cache_dir()))
    try:
        wheels = obtain(compiled, work)
        binary = [each for each in locked if each.name not in names]
        fill_venv(binary, wheels, work, clear=moved)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    STAMP.write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")


def digest() -> str:
    """A hash of everything that decides what .venv holds, and of nothing else."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)
    tables = [project["build-system"], project["project"], project["tool"]["setuptools"]]
    total = hashlib.sha256(json.dumps(tables, sort_keys=True).encode())
    for name in ("dev.lock", "build.lock", "environment.py", "wheels.py", "setup_env.py"):
        total.update(b"\0" + (PACKAGING / name).read_bytes())
    return total.hexdigest()


def read_stamp() -> dict[str, str]:
    """What the last complete set-up left in .venv; empty when there was none."""
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


if __name__ == "__main__":
    sys.exit(main())
