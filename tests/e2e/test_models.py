"""Choosing another embedding model, through the real command and real models."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_server import serving
from gguf_files import Value, write_gguf
from helpers import ROOT, SAMPLE, models_folder, one_line, satchel, satchel_json
from languages import SAMPLES

STARTER, OTHER, MULTILINGUAL = "all-minilm-l6-v2", "renamed-minilm", "multilingual-e5-small"


def by_name(report: list[dict[str, object]]) -> dict[object, dict[str, object]]:
    return {model["name"]: model for model in report}


@pytest.mark.slow
def test_another_model_searches_after_all_is_read_again(tmp_path: Path, two_models: Path) -> None:
    home, files = tmp_path / "home", tmp_path / "files"
    files.mkdir()
    for name in ("house-notes.md", "seed-list.tsv"):
        shutil.copy(SAMPLE / name, files)
    with_store = {"environment": {"SATCHEL_MODELS": str(two_models)}}
    satchel_json(home, "folders", "add", str(files), **with_store)
    chunks = satchel_json(home, "index", **with_store)["chunks"]
    assert not (home / "data" / "rotations").exists()

    said = one_line(satchel(home, "models", "use", OTHER, **with_store))
    assert "all 2 indexed files have to be read again" in said
    assert f"models use {OTHER} --yes" in said
    listed = by_name(satchel_json(home, "models", "use", OTHER, "--yes", **with_store))
    assert listed[OTHER]["kind"] == listed[STARTER]["kind"] == "embedding"
    assert (listed[OTHER]["chosen"], listed[STARTER]["chosen"]) == (True, False)
    assert listed["smollm2-135m-instruct"]["kind"] == "chat"
    said = one_line(satchel(home, "models", "remove", OTHER, **with_store))
    assert "searches your files" in said

    body = satchel_json(home, "index", **with_store)
    assert (body["files"]["indexed"], body["chunks"]) == (2, chunks)
    assert body["embedded_chunks"] == chunks
    [rotation] = (home / "data" / "rotations").iterdir()
    assert rotation.stat().st_mode & 0o077 == 0
    again = satchel_json(home, "index", **with_store)
    assert again["embedded_chunks"] == 0, "the rotation that was kept is found again"
    found = satchel_json(
        home, "search", "warm water for the house", "--mode", "semantic", **with_store
    )
    assert Path(found["results"][0]["path"]).name == "house-notes.md"
    assert satchel_json(home, "status", **with_store)["model"]["embedding"] == OTHER
    assert satchel_json(home, "doctor", **with_store)["healthy"] is True


def test_only_models_that_are_here_can_be_chosen(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    home = tmp_path / "home"
    assert "models fetch" in one_line(satchel(home, "models", "use", f"{MULTILINGUAL}-full"))
    assert "models fetch" in one_line(satchel(home, "models", "use", "../../etc"))


def test_a_question_finds_texts_in_other_languages(tmp_path: Path) -> None:
    if not (models_folder() / "embedding" / MULTILINGUAL).is_dir():
        pytest.skip(f"{MULTILINGUAL} is not fetched: satchel models fetch {MULTILINGUAL}")
    home, files = tmp_path / "home", tmp_path / "files"
    files.mkdir()
    texts = {name: sample.text for name, sample in SAMPLES.items() if name != "emoji"}
    for name, text in texts.items():
        (files / f"{name}.txt").write_text(text, "utf-8")
    satchel_json(home, "models", "use", MULTILINGUAL)
    satchel_json(home, "folders", "add", str(files))
    assert satchel_json(home, "index")["chunks"] == len(texts)
    for question, wanted in (
        ("When does the garbage truck come?", "german"),
        ("my sister has the keys to the basement", "french"),
        ("grandma will bake a cheesecake", "polish"),
        ("the neighbour's turtle climbed over the wall", "traditional"),
        ("buying durian at the floating market", "thai"),
        ("buying hilsa fish", "bengali"),
    ):
        body = satchel_json(home, "search", question, "--mode", "semantic", "-k", "3")
        found = [Path(hit["path"]).stem for hit in body["results"]]
        assert wanted in found, (question, found)


def test_a_fetch_from_a_mirror_takes_only_the_very_file(tmp_path: Path) -> None:
    home, served = tmp_path / "home", tmp_path / "served"
    served.mkdir()
    (served / "smollm2-360m-instruct-q8_0.gguf").write_bytes(b"GGUF" + bytes(1000))
    store = {"environment": {"SATCHEL_MODELS": str(tmp_path / "models")}}
    (home / "config").mkdir(parents=True)
    with serving(served) as server:
        settings = home / "config" / "settings.toml"
        settings.write_text(f'[models]\nmirror = "{server.url("hub")}"\n')
        said = one_line(satchel(home, "models", "fetch", "smollm2-360m-instruct", **store))
        assert "offers a file of 1004 bytes where 386404992 are due" in said
        server.status = 404
        said = one_line(satchel(home, "models", "fetch", "smollm2-360m-instruct", **store))
        assert "the server says 404" in said
        settings.write_text('[models]\nmirror = "http://example.org"\n')
        said = one_line(satchel(home, "models", "fetch", "smollm2-360m-instruct", **store))
        assert "not a safe address" in said
    assert all("HuggingFaceTB/SmolLM2-360M" in path for path in server.paths)
    listed = by_name(satchel_json(home, "models", "list", **store))
    assert listed["smollm2-360m-instruct"]["installed"] is False
    assert listed["smollm2-360m-instruct"]["fits"] == "yes"
    assert listed["smollm2-360m-instruct"]["tokens_per_s"] is None, "nothing was measured yet"


def test_adapters_from_the_command_line(tmp_path: Path, models: Path) -> None:
    home, store = tmp_path / "home", tmp_path / "models"
    (store / "llm").mkdir(parents=True)
    (store / "llm" / "own.gguf").symlink_to(models / "llm" / "smollm2-135m-instruct.gguf")
    options = {"environment": {"SATCHEL_MODELS": str(store)}}
    name = "blk.3.attn_k.weight"
    adapter: dict[str, Value] = {
        "general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora",
        "adapter.lora.alpha": 2.0,
    }  # fmt: skip
    weights = {f"{name}.lora_a": np.ones((2, 576), np.float32),
               f"{name}.lora_b": np.zeros((192, 2), np.float32)}  # fmt: skip
    file = write_gguf(tmp_path / "My Style.gguf", adapter, weights)
    assert "--for" in one_line(satchel(home, "models", "add", str(file), **options))
    listed = by_name(satchel_json(home, "models", "add", str(file), "--for", "own", **options))
    assert listed["own"]["adapters"] == [{"name": "my-style", "size_bytes": file.stat().st_size}]
    shown = satchel(home, "models", "list", **options).stdout
    assert "with the adapter my-style" in shown
    listed = by_name(satchel_json(home, "models", "remove", "--for", "own", "my-style", **options))
    assert listed["own"]["adapters"] == []
    pickle = tmp_path / "pytorch_model.bin"
    pickle.write_bytes(b"\x80\x02}q\x00.")
    said = one_line(satchel(home, "models", "add", str(pickle), **options))
    assert "not a GGUF file but a file in Python's pickle format" in said


# --- while the index for another model is being made ---------------------------------------------


@pytest.fixture
def library(tmp_path: Path, two_models: Path) -> tuple[Path, dict[str, dict[str, str]]]:
    """A home with some files indexed by the starter, and the other model chosen; its store."""
    home, files, store = tmp_path / "home", tmp_path / "files", tmp_path / "models"
    shutil.copytree(two_models, store, copy_function=os.link)
    with_store = {"environment": {"SATCHEL_MODELS": str(store)}}
    files.mkdir()
    for number in range(40):
        (files / f"note{number}.txt").write_text(
            "\n\n".join(f"{WORDS[(number + part) % 8]} {number}. " * 60 for part in range(4))
        )
    satchel_json(home, "folders", "add", str(files), **with_store)
    assert satchel_json(home, "index", **with_store)["files"]["indexed"] == 40
    satchel_json(home, "models", "use", OTHER, "--yes", **with_store)
    return home, with_store


WORDS = ("ferry", "lighthouse", "market", "council", "letter", "garden", "bicycle", "winter")


def best(home: Path, options: dict[str, dict[str, str]], mode: str = "semantic") -> list[str]:
    body = satchel_json(home, "search", "lighthouse 17", "--mode", mode, "-k", "40", **options)
    return [Path(hit["path"]).name for hit in body["results"]]


def state(home: Path, options: dict[str, dict[str, str]]) -> dict[str, Any]:
    body: dict[str, Any] = satchel_json(home, "status", **options)
    return body


@pytest.mark.slow
def test_the_old_model_searches_until_the_index_for_the_new_is_whole(
    library: tuple[Path, dict[str, dict[str, str]]],
) -> None:
    home, options = library
    said = one_line(satchel(home, "models", "remove", STARTER, **options))
    assert "until the index for the new model is whole" in said
    expected = best(home, options)
    assert len(expected) > 20
    done = 0
    for after_s in (4.0, 5.0, 6.0, 7.0, 8.0):
        environment = {**os.environ, **options["environment"]}
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "--home", str(home), "index"],
            cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=after_s)
        process.kill()
        process.wait()
        body = state(home, options)
        moving = body["index"]["moving"]
        if moving is None:
            break
        assert (moving["model"], moving["serving"]) == (OTHER, STARTER)
        assert body["model"]["embedding"] == STARTER
        assert moving["done"] >= done, "what was made stays"
        done = moving["done"]
        found = best(home, options)
        assert (found[0], len(found)) == (expected[0], len(expected))
        assert satchel_json(home, "doctor", **options)["findings"] == []
    satchel_json(home, "index", timeout_s=300, **options)
    body = state(home, options)
    assert body["index"]["moving"] is None
    assert body["model"]["embedding"] == OTHER
    assert body["index"]["files"]["indexed"] == 40
    assert not (home / "data" / "next").exists()
    assert best(home, options)[0] == expected[0]
    assert satchel_json(home, "doctor", **options)["findings"] == []
    assert satchel_json(home, "index", **options)["embedded_chunks"] == 0


@pytest.mark.slow
def test_without_room_for_both_the_old_one_stays(
    library: tuple[Path, dict[str, dict[str, str]]],
) -> None:
    home, options = library
    satchel_json(home, "budget", "--disk", "4MB", **options)
    filler = home / "cache" / "filler"
    used = sum(path.lstat().st_size for path in home.rglob("*"))
    filler.write_bytes(bytes(3_600_000 - used))
    expected = best(home, options)
    done = satchel(home, "index", **options)
    assert done.returncode == 0
    assert "goes on searching" in done.stderr
    assert "budget --disk" in done.stderr
    assert state(home, options)["model"]["embedding"] == STARTER
    assert best(home, options)[0] == expected[0]
    satchel_json(home, "models", "use", STARTER, **options)
    assert satchel_json(home, "index", **options)["stopped"] is None
    assert not (home / "data" / "next").exists()


@pytest.mark.slow
def test_when_the_old_model_is_gone_words_serve(
    library: tuple[Path, dict[str, dict[str, str]]],
) -> None:
    home, options = library
    shutil.rmtree(Path(options["environment"]["SATCHEL_MODELS"]) / "embedding" / STARTER)
    assert best(home, options) == []
    assert len(best(home, options, "lexical")) > 20
    assert state(home, options)["model"]["embedding"] == OTHER
    body = satchel_json(home, "index", timeout_s=300, **options)
    assert (body["files"]["indexed"], body["embedded_chunks"]) == (40, body["chunks"])
    assert len(best(home, options)) > 20
    assert satchel_json(home, "doctor", **options)["findings"] == []
