"""The command line as scripts see it, against the sample folder."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import PATIENCE_S, ROOT, SAMPLE, Indexed, one_line, satchel, satchel_json, watching

LOCATOR = {"page", "line", "heading", "member"}
RESULT = {"rank", "score", "path", "locator", "start", "end", "snippet"}
RESULT_MORE = {
    "marks", "state", "source", "title", "author", "created", "modified", "copies",
    "tags", "written",
}  # fmt: skip
COUNTS = {"indexed", "skipped", "failed", "needs_ocr", "offline"}
BYTES = {"catalogue", "codes", "graph", "spans", "embeddings", "lexical", "text_cache", "total"}


def regular_files(folder: Path) -> int:
    return sum(path.is_file() and not path.is_symlink() for path in folder.rglob("*"))


def check_search(body: dict[str, Any], most: int) -> None:
    assert set(body) - {"note"} == {"results", "recomputed", "from_cache", "timings_ms"}
    assert body["from_cache"] <= body["recomputed"]
    assert body["timings_ms"]["total"] >= 0
    results = body["results"]
    assert len(results) <= most
    assert [result["rank"] for result in results] == list(range(1, len(results) + 1))
    scores = [result["score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    for result in results:
        assert set(result) == RESULT | RESULT_MORE
        assert set(result["locator"]) == LOCATOR
        assert Path(result["path"]).is_absolute()
        assert 0 <= result["start"] < result["end"]
        assert all(0 <= a < b <= len(result["snippet"]) for a, b in result["marks"])
    assert len({(r["path"], r["start"]) for r in results}) == len(results)


@pytest.fixture(scope="module")
def served(sample: Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexed]:
    """A copy of the sample home with a service running, so that commands start fast."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(sample.home, home)
    with watching(home):
        yield Indexed(home, sample.files)


# --- index and folders ---------------------------------------------------------------------


def test_index_prints_the_coverage(own_sample: Indexed) -> None:
    body = satchel_json(own_sample.home, "index")
    assert {"files", "chunks", "text_bytes", "store_bytes", "seconds"} <= set(body)
    assert set(body["files"]) == COUNTS
    assert set(body["store_bytes"]) >= BYTES
    assert sum(body["files"].values()) == regular_files(own_sample.files)
    parts = dict(body["store_bytes"])
    total = parts.pop("total")
    assert sum(parts.values()) == total
    assert body["chunks"] >= body["files"]["indexed"] == 14
    assert body["embedded_chunks"] == 0  # totals are for the store, not for the run


def test_index_counts_every_regular_file_once(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    files = tmp_path / "files"
    (files / ".git").mkdir(parents=True)
    (files / "node_modules" / "x").mkdir(parents=True)
    for name, data in {
        "note.txt": b"The ferry leaves at noon.",
        "empty.txt": b"",
        "copy.txt": b"The ferry leaves at noon.",
        "picture.jpg": b"\xff\xd8\xff\xe0nothing",
        "program.exe": b"MZ\0\0",
        "broken.pdf": b"%PDF-1.4 and then nothing",
        "broken.docx": b"PK\x03\x04 no archive",
        ".git/config": b"[core]",
        "node_modules/x/index.js": b"var a = 1",
        "skip.log": b"a log line",
        ".hidden": b"x",
    }.items():
        (files / name).write_bytes(data)
    (files / "link.txt").symlink_to(files / "note.txt")
    os.mkfifo(files / "pipe.txt")
    (files / "no-utf8-\udcff.txt").write_bytes(b"A name that is not UTF-8 about walruses.")
    home = tmp_path / "home"
    satchel_json(home, "folders", "add", str(files), "--exclude", "*.log")
    body = satchel_json(home, "index")
    assert sum(body["files"].values()) == regular_files(files)
    assert body["files"]["indexed"] == 4
    assert body["files"]["failed"] >= 2
    assert body["files"]["skipped"] >= 4
    named = {Path(failure["path"]).name for failure in body["failures"]}
    assert {"broken.pdf", "broken.docx"} <= named
    assert all(failure["reason"] for failure in body["failures"])
    [folder] = satchel_json(home, "folders", "list")
    assert folder["excluded"] == ["*.log"]
    assert {name: folder["files"][name] for name in COUNTS} == body["files"]
    done = satchel(home, "search", "walruses", "--json", "-k", "1")
    assert done.stdout.isascii()
    [hit] = json.loads(done.stdout)["results"]
    assert os.fsencode(hit["path"]).endswith(b"no-utf8-\xff.txt")
    people = satchel(home, "search", "walruses", "-k", "1", environment={"LC_ALL": "C.UTF-8"})
    assert people.returncode == 0, people.stderr


def test_phrases_are_counted(served: Indexed) -> None:
    body = satchel_json(served.home, "search", '"the workshop"', "-k", "50")
    assert set(body["phrases"]) == {"occurrences", "documents", "unread"}
    assert body["phrases"]["occurrences"] >= len(body["results"]) > 0
    assert body["phrases"]["documents"] == len({r["path"] for r in body["results"]})
    people = satchel(served.home, "search", '"workshop the"')
    assert people.stdout.strip() == "Nothing found."


def test_failed_files_are_read_again_on_request(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
) -> None:
    files, home = tmp_path / "files", tmp_path / "home"
    (files / "deep").mkdir(parents=True)
    names = ("broken.pdf", "deep/broken.pdf")
    good = (SAMPLE / "workshop-lease.pdf").read_bytes()
    for name in names:
        (files / name).write_bytes(b"%PDF-1.4 and then nothing".ljust(len(good)))
    satchel_json(home, "folders", "add", str(files))
    assert satchel_json(home, "index")["files"]["failed"] == 2
    for name in names:  # mended in a way that only reading it again can show: same size and time
        stamp = (files / name).stat()
        (files / name).write_bytes(good)
        os.utime(files / name, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert satchel_json(home, "index")["files"]["failed"] == 2
    assert satchel_json(home, "index", "--retry", str(files / "deep"))["files"]["failed"] == 1
    assert satchel_json(home, "index", "--retry")["files"]["indexed"] == 2


def test_pausing_holds_what_runs_in_the_background(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
) -> None:
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    assert "nothing to pause" in one_line(satchel(home, "pause"))
    assert "No Satchel is running" in one_line(satchel(home, "resume"))
    satchel_json(home, "folders", "add", str(files))
    with watching(home):
        assert satchel_json(home, "pause") == {"paused": True, "held": None}
        index = satchel_json(home, "status")["index"]
        assert (index["state"], index["reason"]) == ("paused", "you paused it")
        (files / "late.txt").write_text("The heron stands in the shallow water.")
        time.sleep(2.5)
        assert satchel_json(home, "search", "heron", "--mode", "lexical")["results"] == []
        assert satchel_json(home, "resume") == {"paused": False, "held": None}
        deadline = time.monotonic() + PATIENCE_S
        found: list[object] = []
        while not found and time.monotonic() < deadline:
            found = satchel_json(home, "search", "heron", "--mode", "lexical")["results"]
        assert found


def test_folders_add_list_remove(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    home = tmp_path / "home"
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    assert satchel_json(home, "folders", "list") == []
    added = satchel_json(home, "folders", "add", a, b)
    assert [folder["path"] for folder in added] == [a, b]
    assert {"path", "state", "files", "excluded"} <= set(added[0])
    [left] = satchel_json(home, "folders", "remove", a)
    assert left["path"] == b
    assert "not a watched folder" in one_line(satchel(home, "folders", "remove", a))
    assert str(tmp_path / "none") in one_line(
        satchel(home, "folders", "add", str(tmp_path / "none"))
    )
    assert [f["path"] for f in satchel_json(home, "folders", "list")] == [b]


def test_folders_check_says_why(served: Indexed) -> None:
    home, files = served.home, served.files
    known = satchel_json(home, "folders", "check", str(files / "house-notes.md"))
    assert set(known) == {"path", "indexed", "rule"}
    assert known["indexed"] is True
    missing = satchel_json(home, "folders", "check", str(files / "none.txt"))
    assert (missing["indexed"], missing["rule"]) == (False, "there is no such file")
    outside = satchel_json(home, "folders", "check", "/etc/passwd")
    assert (outside["indexed"], outside["rule"]) == (False, "not inside a watched folder")


def test_nothing_to_index_is_an_error_to_mend(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    assert "folders add" in one_line(satchel(tmp_path / "home", "index"))


# --- search --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "lexical"])
def test_search_in_every_mode(served: Indexed, mode: str) -> None:
    body = satchel_json(served.home, "search", "rent of the workshop", "-k", "3", "--mode", mode)
    check_search(body, 3)
    assert body["results"][0]["path"] == str(served.files / "workshop-lease.pdf")
    assert body["results"][0]["locator"]["page"] in (1, 2)
    assert (body["recomputed"] == 0) == (mode == "lexical")


def test_start_and_end_are_characters_of_the_text(served: Indexed) -> None:
    body = satchel_json(served.home, "search", "garage door code", "-k", "10")
    seen = 0
    for hit in body["results"]:
        if hit["path"].endswith(".md"):
            text = Path(hit["path"]).read_text("utf-8")
            passage = " ".join(text[hit["start"] : hit["end"]].split())
            assert hit["snippet"].strip("… ")[:60] in passage
            seen += 1
    assert seen


def test_filters(served: Indexed) -> None:
    pdf = satchel_json(served.home, "search", "workshop", "--type", "pdf")
    assert {Path(hit["path"]).suffix for hit in pdf["results"]} == {".pdf"}
    inside = satchel_json(served.home, "search", "workshop", "--folder", str(served.files))
    assert inside["results"]
    assert "not inside a watched folder" in one_line(
        satchel(served.home, "search", "workshop", "--folder", "/etc")
    )


def test_nothing_found_is_no_error(served: Indexed) -> None:
    for query in ("zzzyqx", "", " ", "?"):
        body = satchel_json(served.home, "search", query, "--mode", "lexical")
        assert body["results"] == []
    done = satchel(served.home, "search", "zzzyqx", "--mode", "lexical")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing found.\n", "")


def test_a_query_that_is_not_utf8(served: Indexed) -> None:
    body = satchel_json(served.home, "search", os.fsdecode(b"rent \xff"), "-k", "1")
    assert body["results"]


def test_batch_gives_a_line_for_each_line(served: Indexed, tmp_path: Path) -> None:
    queries = ["rent of the workshop", "", "garage\u2028door \x0c code", "   ", "Postkarte", "rent"]
    file = tmp_path / "queries.txt"
    file.write_bytes("\r\n".join(queries).encode() + b"\r\n")
    done = satchel(served.home, "batch", str(file), "-k", "2", "--mode", "semantic", "--exact")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(queries)
    for query, body in zip(queries, lines, strict=True):
        check_search(body, 2)
        assert bool(body["results"]) == bool(query.strip())
    # Everything is embedded for the first; from then on only the query.
    first, last = lines[0], lines[-1]
    chunks = satchel_json(served.home, "status")["index"]["chunks"]
    assert first["recomputed"] == last["recomputed"] == chunks
    assert last["timings_ms"]["total"] < max(200.0, first["timings_ms"]["total"] / 2)
    piped = satchel(served.home, "batch", "-", "-k", "1", stdin="rent\n\nrent\n")
    kinds = [bool(json.loads(line)["results"]) for line in piped.stdout.splitlines()]
    assert kinds == [True, False, True]
    assert json.loads(piped.stdout.splitlines()[2])["from_cache"] > 0


def test_batch_of_a_file_that_is_not_there(served: Indexed, tmp_path: Path) -> None:
    assert "none.txt" in one_line(satchel(served.home, "batch", str(tmp_path / "none.txt")))


def test_the_quick_search_finds_what_the_exact_one_finds(served: Indexed, tmp_path: Path) -> None:
    queries = [
        "how much is the rent", "who painted the frame", "recipe with apples", "seeds for spring",
        "what does the insurance cover", "club meeting about the ride", "grandmother's postcard",
        "length of a spoke", "where is the stopcock", "dates of the autumn rides",
    ]  # fmt: skip
    file = tmp_path / "queries.txt"
    file.write_text("\n".join(queries))
    tops = []
    for more in ((), ("--exact",)):
        done = satchel(served.home, "batch", str(file), "-k", "3", "--mode", "semantic", *more)
        found = [json.loads(line)["results"] for line in done.stdout.splitlines()]
        tops.append([[(r["path"], r["start"]) for r in results] for results in found])
    hits = sum(len(set(a) & set(b)) for a, b in zip(*tops, strict=True))
    assert hits / (3 * len(queries)) >= 0.95


def test_related_passages(served: Indexed) -> None:
    lease = str(served.files / "workshop-lease.pdf")
    for place in (lease, f"{lease}#page=2", f"{lease}#char=10"):
        body = satchel_json(served.home, "related", place, "-k", "3")
        check_search(body, 3)
        assert body["results"]
    first = satchel_json(served.home, "related", f"{lease}#page=1", "-k", "20")
    second = satchel_json(served.home, "related", f"{lease}#page=2", "-k", "20")
    pages = [
        {r["locator"]["page"] for r in body["results"] if r["path"] == lease}
        for body in (first, second)
    ]
    assert 2 in pages[0]
    assert 1 in pages[1]
    notes = f"{served.files / 'house-notes.md'}#line=5"
    check_search(satchel_json(served.home, "related", notes), 10)
    assert "folders check" in one_line(satchel(served.home, "related", "/none.txt"))
    assert "#page=3" in one_line(satchel(served.home, "related", f"{lease}#sheet=2"))


# --- status, budget, models, doctor --------------------------------------------------------


def test_status(served: Indexed) -> None:
    body = satchel_json(served.home, "status")
    assert {"device", "budgets", "usage", "index", "model"} <= set(body)
    assert body["usage"]["disk_bytes"] <= body["budgets"]["disk_bytes"]
    assert body["usage"]["models_bytes"] > 10**6
    on_disk = sum(p.stat().st_size for p in served.home.rglob("*") if p.is_file())
    assert abs(body["usage"]["disk_bytes"] - on_disk) < 300_000
    assert satchel(served.home, "status").returncode == 0


def test_budget_shows_previews_and_sets(own_sample: Indexed) -> None:
    home = own_sample.home
    before = satchel_json(home, "budget")
    assert before["budgets"]["disk_bytes"] == 500_000_000
    assert before["reasons"]
    kept = sorted((home / "config").iterdir())
    preview = satchel_json(home, "budget", "--disk", "100MB", "--ram", "1GB", "--preview")
    assert preview["budgets"] == {"disk_bytes": 100_000_000, "ram_bytes": 1_000_000_000}
    assert satchel_json(home, "budget")["budgets"] == before["budgets"]
    assert sorted((home / "config").iterdir()) == kept
    satchel_json(home, "budget", "--disk", "100MB", "--ram", "1GB")
    assert satchel_json(home, "budget")["budgets"] == preview["budgets"]
    for refused in (("--disk", "1MB"), ("--disk", "3.99MB", "--preview"), ("--ram", "1MB")):
        one_line(satchel(home, "budget", *refused))
    assert satchel_json(home, "budget")["budgets"] == preview["budgets"]
    satchel_json(home, "budget", "--disk", "4MB")


def test_models(served: Indexed, tmp_path: Path) -> None:
    listed = satchel_json(served.home, "models", "list")
    assert any(model["installed"] and model["chosen"] for model in listed)
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF" + bytes(20))
    for path in (bad, tmp_path / "none.gguf", tmp_path):
        one_line(satchel(served.home, "models", "add", str(path)))
    one_line(satchel(served.home, "models", "remove", "no-such-model"))
    one_line(satchel(served.home, "models", "fetch", "no-such-model"))
    assert satchel_json(served.home, "models", "list") == listed


def test_doctor_finds_nothing_wrong(sample: Indexed) -> None:
    body = satchel_json(sample.home, "doctor")
    assert body["findings"] == []
    assert body["healthy"] is True


# --- scripts' rules ------------------------------------------------------------------------


def test_errors_are_one_line_on_stderr_also_with_json(served: Indexed) -> None:
    done = satchel(served.home, "search", "x", "--folder", "/etc", "--json")
    one_line(done)
    assert done.stdout == ""


def test_json_goes_to_stdout_alone_and_progress_to_stderr(own_sample: Indexed) -> None:
    done = satchel(own_sample.home, "index", "--json")
    json.loads(done.stdout)
    assert "scanning" in done.stderr


def test_the_home_comes_from_the_environment(own_sample: Indexed) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "search", "rent", "-k", "1", "--json"],
        cwd=ROOT,
        env={**os.environ, "SATCHEL_HOME": str(own_sample.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["results"]


def test_everything_in_the_home_is_the_owners_only(served: Indexed) -> None:
    for path in (served.home, *served.home.rglob("*")):
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.lstat().st_mode) == wanted, path


def test_a_very_long_home(tmp_path: Path, sample: Indexed) -> None:
    home = tmp_path / ("long" * 40) / ("path" * 40)
    satchel_json(home, "folders", "add", str(sample.files))
    assert satchel_json(home, "index")["files"]["indexed"] == 14
    assert satchel_json(home, "search", "rent", "-k", "1")["results"]


def test_a_home_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for home in (tmp_path / "file", tmp_path / ("n" * 300), "/proc/nothing", "~nobody-here/x"):
        assert "--home" in one_line(satchel(home, "status"))


def test_no_models_on_disk(own_sample: Indexed, tmp_path: Path) -> None:
    empty = {"SATCHEL_MODELS": str(tmp_path / "empty")}
    words = satchel(own_sample.home, "search", "rent", "--json", environment=empty)
    assert words.returncode == 0, words.stderr
    assert json.loads(words.stdout)["results"]
    assert "satchel models list" in words.stderr + json.loads(words.stdout).get("note", "")
    for command in (["search", "rent", "--mode", "semantic"], ["index"]):
        done = satchel(own_sample.home, *command, environment=empty)
        assert "Traceback" not in done.stderr
        assert "make setup" in done.stderr


def test_no_language_model_leaves_the_search(
    own_sample: Indexed, models: Path, tmp_path: Path
) -> None:
    store = tmp_path / "models"
    (store / "llm").mkdir(parents=True)
    (store / "embedding").symlink_to(models / "embedding")
    environment = {"SATCHEL_MODELS": str(store)}
    found = satchel_json(own_sample.home, "search", "rent", "-k", "1", environment=environment)
    assert found["results"]
    line = one_line(satchel(own_sample.home, "ask", "rent?", environment=environment))
    assert "models fetch" in line


def test_ask_gives_one_object(served: Indexed) -> None:
    body = satchel_json(served.home, "ask", "How much is the rent of the workshop?")
    assert {"answer", "found", "citations", "timings_ms", "tokens"} <= set(body)
    assert {"first_text", "total"} <= set(body["timings_ms"])
    assert body["timings_ms"]["first_text"] <= body["timings_ms"]["total"]
    assert set(body["tokens"]) == {"prompt", "answer"}
    assert body["answer"]
    for citation in body["citations"]:
        assert set(citation) == {"n", "path", "locator", "quote"}
        assert set(citation["locator"]) == LOCATOR
    one_line(satchel(served.home, "ask", "rent?", "--model", "no-such-model"))
    one_line(satchel(served.home, "ask", "  "))
    one_line(satchel(served.home, "conversations", "rename", "1", " "))


def test_days_in_the_wrong_order_are_told(served: Indexed) -> None:
    days = ("--after", "2026-02-01", "--before", "2026-01-01")
    one_line(satchel(served.home, "search", "workshop", *days))


def test_whoever_stops_reading_is_no_error(served: Indexed) -> None:
    done = subprocess.run(
        f"{sys.executable} -m app.cli --home {served.home} search workshop -k 50 | head -c 1",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""


def test_the_search_process_never_loads_torch(sample: Indexed) -> None:
    code = (
        "import sys, os\n"
        "from app.cli import run\n"
        f"code = run(['--home', {str(sample.home)!r}, 'search', 'rent', '-k', '1'], os.environ)\n"
        "bad = {'torch', 'transformers', 'sentence_transformers', 'onnxruntime', 'PySide6'}\n"
        "sys.exit(code or ('loaded: ' + ' '.join(bad & set(sys.modules)) "
        "if bad & set(sys.modules) else 0))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
