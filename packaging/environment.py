"""Makes virtual environments and fills them from lock files."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from console import pip_progress, run, say, step
from locks import Requirement, write_requirements
from places import PACKAGING, ROOT, VENV, log_file, need_space, python_of

# pip asks nothing, and finds only what the locks and its own settings name.
PIP_ENVIRONMENT = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
VENV_BYTES = 1_500_000_000

NATIVE_CHECK = """
import apsw, hnswlib, msgspec, numpy, openvino, tokenizers
import llama_cpp.llama_cpp as low
low.llama_backend_init()
hnswlib.Index(space="ip", dim=8).init_index(max_elements=4)
print(low.llama_print_system_info().decode())
"""


def create(folder: Path, log_name: str, *, clear: bool = False) -> None:
    """Makes a virtual environment with the Python that runs set-up."""
    if not clear and python_of(folder).exists():
        return
    run(
        [sys.executable, "-m", "venv", "--clear", folder],
        log=log_file(log_name),
        failure="The virtual environment could not be made. On Debian, install python3-venv.",
    )


def pip(environment: Path, arguments: Sequence[str | Path], *, log_name: str, failure: str) -> None:
    """Runs an environment's own pip."""
    run(
        [python_of(environment), "-m", "pip", *arguments],
        log=log_file(log_name),
        failure=failure,
        progress=pip_progress,
        environment=PIP_ENVIRONMENT,
    )


def install_locked(
    environment: Path,
    requirements: Sequence[Requirement],
    work: Path,
    name: str,
    *,
    short_lived: bool = False,
) -> None:
    """Installs exactly these packages, each checked against its hash.

    The lock is complete, so pip resolves nothing and adds nothing. What is `short_lived` is not
    compiled to bytecode, which for large packages takes longer than their one use.
    """
    command: list[str | Path] = ["install", "--no-deps", "--require-hashes"]
    command += ["--requirement", write_requirements(requirements, work / f"{name}.txt")]
    command += ["--no-compile"] if short_lived else []
    pip(
        environment,
        command,
        log_name=name,
        failure="The locked packages could not be installed.",
    )


def fill_venv(
    requirements: Sequence[Requirement], wheels: Sequence[Path], work: Path, *, clear: bool
) -> None:
    """Makes .venv with the locked packages, the compiled wheels and this checkout."""
    with step("Making the environment .venv"):
        need_space(ROOT, VENV_BYTES, "The environment")
        create(VENV, "venv", clear=clear)
    with step(f"Installing {len(requirements)} locked packages (about 300 MB to download)"):
        install_locked(VENV, requirements, work, "packages")
    with step("Installing the compiled packages and Satchel itself"):
        pip(
            VENV,
            ["install", "--no-deps", "--no-index", "--force-reinstall", *wheels],
            log_name="compiled",
            failure="The compiled packages could not be installed.",
        )
        pip(
            VENV,
            ["install", "--no-deps", "--no-index", "--no-build-isolation", "--editable", ROOT],
            log_name="satchel",
            failure="Satchel itself could not be installed.",
        )
    with step("Checking that everything loads"):
        check_venv()


def check_venv() -> None:
    """Loads the compiled packages once; names what the window would miss."""
    run(
        [python_of(VENV), "-c", NATIVE_CHECK],
        log=log_file("check"),
        failure="An installed package does not load.",
    )
    window = subprocess.run(
        [python_of(VENV), "-c", "import PySide6.QtWidgets"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    if window.returncode != 0:
        reason = window.stderr.strip().splitlines()[-1:] or ["no reason given"]
        say(f"    note: the window cannot open here: {reason[0]}")
        say(f"    as root, {PACKAGING.name}/debian_deps.sh installs what it needs on Debian")
