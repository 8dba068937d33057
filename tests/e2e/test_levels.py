"""Levels of the index through the real command: set, reached, searched, killed on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT, Indexed, one_line, satchel, satchel_json, watching
from test_crash import answers, assert_same_answers, library
from test_live import until


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, models: Path) -> Indexed:  # noqa: ARG001
    """Some books, indexed at the level that a home begins with."""
    root = tmp_path_factory.mktemp("shelf")
    files = library(root / "files", 12, 8)
    satchel_json(root / "home", "folders", "add", str(files))
    satchel_json(root / "home", "index", timeout_s=300)
    return Indexed(root / "home", files)


def level_of(home: Path) -> tuple[str, int, int]:
    """The level wished for, how many passages are at it, and how many there are."""
    index = satchel_json(home, "status")["index"]
    assert index["levelling"] == (index["level_chunks"] < index["chunks"])
    return index["level"], index["level_chunks"], index["chunks"]


def test_a_wrong_level_is_an_error_that_lists_them(tmp_path: Path) -> None:
    done = satchel(tmp_path / "home", "index", "--level", "codes-17")
    assert done.returncode == 2
    assert "codes-17" in done.stderr
    for name in ("graph", "codes-8", "codes-48", "hubs", "embeddings"):
        assert name in done.stderr


def kill_on_the_way(home: Path, level: str) -> None:
    """Kill the command when it tells that passages have been embedded for the level."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "--home", str(home), "index", "--level", level],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any(line.startswith("coming to the level") for line in process.stderr)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_killed_on_the_way_to_a_level(shelf: Indexed) -> None:
    home, chunks = shelf.home, level_of(shelf.home)[2]
    assert level_of(home) == ("codes-16", chunks, chunks)
    before = answers(home)
    kill_on_the_way(home, "hubs")
    assert satchel_json(home, "doctor")["healthy"]
    body = satchel_json(home, "index", "--level", "embeddings", timeout_s=300)
    assert body["stopped"] is None
    assert body["embedded_chunks"] <= chunks
    assert level_of(home) == ("embeddings", chunks, chunks)
    assert body["store_bytes"]["codes"] == 0
    assert body["store_bytes"]["embeddings"] > 384 * chunks
    found = satchel_json(home, "search", "lighthouse keeper 23", "--mode", "semantic")
    assert found["recomputed"] == 0
    assert [hit["path"] for hit in found["results"]][:1] == [before[1][0][0]]


def test_a_level_that_nobody_waits_for_is_reached_while_it_watches(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
) -> None:
    home, files = tmp_path / "home", library(tmp_path / "files", 6, 8)
    satchel_json(home, "folders", "add", str(files))
    chunks = satchel_json(home, "index", timeout_s=300)["chunks"]
    (home / "config" / "settings.toml").write_text('[index]\nlevel = "hubs"\n')
    (files / "late.txt").write_text("The quokka ate the last stroopwafel.\n")
    body = satchel_json(home, "index")
    assert (body["embedded_chunks"], body["chunks"]) == (1, chunks + 1)
    assert body["level_chunks"] <= 1
    assert "`satchel index --level hubs`" in satchel(home, "index").stdout
    with watching(home):
        # It says that it watches first; another who indexes meanwhile is not kept waiting.
        (files / "later.txt").write_text("The numbat ate the last speculaas.\n")
        assert satchel_json(home, "index")["chunks"] == chunks + 2
        until(lambda: level_of(home) == ("hubs", chunks + 2, chunks + 2))


def test_levels_while_it_watches_and_serves(shelf: Indexed) -> None:
    home = shelf.home
    chunks = level_of(home)[2]
    before = answers(home)
    with watching(home):
        for name, embeds in (("codes-8", chunks), ("graph", 0), ("hubs", chunks)):
            body = satchel_json(home, "index", "--level", name, timeout_s=300)
            assert body["stopped"] is None
            assert body["embedded_chunks"] <= embeds
            assert level_of(home) == (name, chunks, chunks)
        assert_same_answers(answers(home), before)
        text = satchel(home, "status").stdout
        assert "level hubs, 32 bytes of code a passage" in text
        sizes = satchel_json(home, "status")["usage"]["store_bytes"]
        assert sizes["codes"] == 32 * chunks
        assert 0 < sizes["embeddings"] < 0.1 * 385 * chunks
        assert sum(size for part, size in sizes.items() if part != "total") == sizes["total"]
    plan = satchel_json(home, "budget", "--preview")
    assert plan["plan"]["level"] == "hubs"
    assert any("level hubs" in reason for reason in plan["reasons"])


def test_the_word_index_is_given_up_and_comes_back(shelf: Indexed) -> None:
    home = shelf.home
    level, _, chunks = level_of(home)
    phrase = '"Chapter 7"'
    counted = satchel_json(home, "search", phrase)["phrases"]
    assert counted["documents"] == 1
    preview = satchel_json(home, "budget", "--set", "index.words=never", "--preview")
    assert "The word index is given up" in " ".join(preview["changes"])
    assert preview["plan"]["disk"]["lexical"] == 0
    satchel_json(home, "budget", "--set", "index.words=never")
    body = satchel_json(home, "index")
    assert (body["words"], body["store_bytes"]["lexical"], body["embedded_chunks"]) == (False, 0, 0)
    assert "no word index" in satchel(home, "status").stdout
    found = satchel(home, "search", "lighthouse keeper 23")
    assert "Found by meaning only" in found.stdout + found.stderr
    assert satchel_json(home, "search", phrase)["phrases"] == counted
    refused = one_line(satchel(home, "search", "lighthouse", "--mode", "lexical"))
    assert "No word index is kept" in refused
    satchel_json(home, "budget", "--set", "index.words=always")
    assert satchel_json(home, "status")["index"]["wordless_chunks"] == chunks
    body = satchel_json(home, "index", "--level", level)
    assert (body["words"], body["level_chunks"], body["embedded_chunks"]) == (True, chunks, 0)
    assert body["store_bytes"]["lexical"] > 0
    assert satchel_json(home, "search", "lighthouse", "--mode", "lexical")["results"]
