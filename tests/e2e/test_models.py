"""Choosing another embedding model, through the real command and real models."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import SAMPLE, models_folder, one_line, satchel, satchel_json
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
