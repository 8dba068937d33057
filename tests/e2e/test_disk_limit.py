"""The disk budget through the real command: what is given up at the limit, and never exceeded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from helpers import PATIENCE_S, ROOT, satchel, satchel_json
from test_crash import library, used

BUDGET_BYTES = 4_000_000
# What is kept free for settings, conversations and the catalogue's log, and some 15 kB more.
ROOM_BYTES = 885_000


def index_within(home: Path) -> tuple[dict[str, object], str, int]:
    """Index while the home is measured: the report, what was said, the most bytes."""
    command = [sys.executable, "-m", "app.cli", "--home", str(home), "index", "--json"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    most = 0
    while process.poll() is None:
        most = max(most, used(home))
        time.sleep(0.02)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    return json.loads(out), err, max(most, used(home))


def test_kept_embeddings_are_given_up_and_then_new_content_waits(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
) -> None:
    home, files = tmp_path / "home", library(tmp_path / "files", 10, 8)
    satchel_json(home, "folders", "add", str(files))
    satchel_json(home, "budget", "--disk", "4MB")
    with (home / "config" / "settings.toml").open("a") as settings:
        settings.write('[index]\nlevel = "embeddings"\n')
    satchel_json(home, "index")
    sizes = satchel_json(home, "status")["usage"]["store_bytes"]
    assert sizes["embeddings"] > 384 * 30
    filler = home / "cache" / "filler"  # what lies in the home counts
    filler.write_bytes(bytes(BUDGET_BYTES - used(home) - ROOM_BYTES))
    more = library(tmp_path / "more", 70, 8)
    satchel_json(home, "folders", "add", str(more))
    body, said, most = index_within(home)
    assert most <= BUDGET_BYTES
    assert "the index is at codes-16 now" in said
    assert body["given_up"]
    assert "satchel budget --disk" in said.splitlines()[-1]
    assert body["level"] == "codes-16"
    counts = satchel_json(home, "status")["index"]["files"]
    assert counts["indexed"] >= 10
    assert counts["waiting"] > 0
    assert sum(counts.values()) == 80
    sizes = satchel_json(home, "status")["usage"]["store_bytes"]
    assert (sizes["embeddings"], sizes["codes"] > 0) == (0, True)
    found = satchel_json(home, "search", "lighthouse keeper 21", "-k", "3")
    assert found["results"]
    body, _, _ = index_within(home)
    assert (body["level"], body["given_up"]) == ("codes-16", []), "it is not tried again"
    filler.unlink()
    body, _, most = index_within(home)
    assert (body["stopped"], body["given_up"]) == (None, [])
    assert most <= BUDGET_BYTES
    assert satchel(home, "doctor").returncode == 0
