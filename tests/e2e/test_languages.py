"""Texts in many scripts and encodings, found by their words through the real command."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from helpers import Indexed, satchel, satchel_json
from languages import SAMPLES

CASES = [(name, *query) for name, sample in SAMPLES.items() for query in sample.queries]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Indexed:  # noqa: ARG001
    """A home over files in every language, each in UTF-8, UTF-16, decomposed and as of old."""
    root = tmp_path_factory.mktemp("languages")
    files = root / "files"
    for name, sample in SAMPLES.items():
        (files / name).mkdir(parents=True)
        decomposed = unicodedata.normalize("NFD", sample.text)
        (files / name / "utf-8.txt").write_text(sample.text, "utf-8")
        (files / name / "utf-16.txt").write_text(sample.text, "utf-16")
        (files / name / "decomposed.md").write_text(decomposed, "utf-8")
        for encoding in sample.legacy:
            data = sample.text.encode(encoding, errors="replace")
            (files / name / f"{encoding}.txt").write_bytes(data)
    satchel_json(root / "home", "folders", "add", str(files))
    body = satchel_json(root / "home", "index")
    assert body["failures"] == []
    assert body["files"]["indexed"] == sum(1 for path in files.rglob("*") if path.is_file())
    return Indexed(root / "home", files)


@pytest.fixture(scope="module")
def answers(indexed: Indexed) -> dict[tuple[str, str], dict[str, Any]]:
    """What each query finds by words alone, all in one run."""
    lines = "".join(f"{query}\n" for _, query, _ in CASES)
    done = satchel(
        indexed.home, "batch", "-", "--mode", "lexical", "-k", "20", stdin=lines,
        environment={"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(CASES)
    return {(name, query): body for (name, query, _), body in zip(CASES, found, strict=True)}


def paths_of(hit: dict[str, Any]) -> set[str]:
    """The files a hit stands for, those folded into it included."""
    return {hit["path"], *(copy["path"] for copy in hit.get("copies", ()))}


@pytest.mark.parametrize(("name", "query", "mark"), CASES)
def test_a_word_finds_its_text_in_every_encoding(
    name: str,
    query: str,
    mark: str,
    indexed: Indexed,
    answers: dict[tuple[str, str], dict[str, Any]],
) -> None:
    hits = answers[name, query]["results"]
    wanted = {str(path) for path in (indexed.files / name).iterdir()}
    first = [hit for hit in hits if paths_of(hit) & wanted][: len(wanted)]
    assert hits[: len(first)] == first, "texts in other languages come first"
    assert set().union(*map(paths_of, first)) == wanted
    for hit in first:
        marked = [hit["snippet"][a:b] for a, b in hit["marks"]]
        assert unicodedata.normalize("NFC", mark) in marked, (marked, hit["snippet"])
