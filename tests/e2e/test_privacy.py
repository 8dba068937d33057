"""What must not be left behind or written down."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

from helpers import ROOT, Indexed, one_line, satchel, satchel_json, watching

SENTINEL = "quagmirezulu"  # a word that is nowhere else, in words the index stems and shortens
TRACES = (b"quagmirezulu", b"uagmirezul", b"agmirezul")
SECRET = f"The {SENTINEL} harbour master hides the brass key under the third flowerpot. "


def traces(home: Path) -> list[Path]:
    """Files of a home that hold a trace of the secret, whatever the letters' case."""
    found = []
    for path in home.rglob("*"):
        if path.is_file():
            data = path.read_bytes().lower()
            if any(trace in data for trace in TRACES):
                found.append(path)
    return found


def test_a_forgotten_file_leaves_no_trace(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    for number in range(12):
        (files / f"plain{number}.txt").write_text(
            f"Ordinary notes number {number} on gardens. " * 9
        )
    secret = files / "secret.rtf"
    secret.write_text(r"{\rtf1\ansi " + SECRET * 4 + "}")
    satchel_json(home, "folders", "add", str(files))
    assert satchel_json(home, "index")["files"]["indexed"] == 13
    found = satchel_json(home, "search", SENTINEL, "-k", "1")
    assert found["results"][0]["path"] == str(secret)
    asked = satchel(home, "ask", "Where does the harbour master hide the brass key?", "--json")
    assert asked.returncode == 0, asked.stderr
    assert traces(home), "the words have to be somewhere, else this test proves nothing"
    with watching(home):  # forget while the logs are open
        body = satchel_json(home, "forget", str(secret))
        assert body["files"] == 1
        assert body["answers"] >= 1
        proof = body["proof"]
        assert proof["sentences"] == 1
        assert (proof["found_by_search"], proof["found_on_disk"]) == (0, [])
        assert proof["also_in"] == []
        assert traces(home) == []
    assert traces(home) == []
    assert secret.exists()
    again = satchel_json(home, "index")
    assert again["files"]["indexed"] == 12
    assert again["files"]["skipped"] == 1
    assert satchel_json(home, "search", SENTINEL, "--mode", "lexical")["results"] == []
    hits = satchel_json(home, "search", "brass key under the flowerpot", "-k", "50")["results"]
    assert str(secret) not in [hit["path"] for hit in hits]
    checked = satchel_json(home, "folders", "check", str(secret))
    assert checked["indexed"] is False
    assert satchel_json(home, "doctor")["healthy"] is True
    assert "Nothing is known" in one_line(satchel(home, "forget", str(tmp_path / "other.txt")))


def test_forgetting_a_name_with_signs_of_a_pattern(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    names = [
        "a[1].txt",
        "!b.txt",
        "#c.txt",
        "d*.txt",
        "e .txt",
        "f\\g.txt",
        "h\udcff.txt",
        "a1.txt",
    ]
    for name in names:
        (files / name).write_text(f"content of {name!r}")
    satchel_json(home, "folders", "add", str(files))
    satchel_json(home, "index")
    with watching(home):
        for name in names[:-1]:
            assert satchel_json(home, "forget", str(files / name))["files"] == 1, name
    body = satchel_json(home, "index")
    assert (body["files"]["indexed"], body["files"]["skipped"]) == (1, len(names) - 1)


def test_nothing_that_is_printed_beside_the_answer_tells_a_text(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
) -> None:
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    (files / "good.txt").write_text(SECRET * 3)
    (files / "bad.pdf").write_bytes(b"%PDF-1.7\n1 0 obj << /T (" + SECRET.encode() + b") >>\n")
    (files / "bad.docx").write_bytes(b"PK\x03\x04" + SECRET.encode() * 30)
    (files / "bad.xlsx").write_bytes(SECRET.encode())
    (files / "bad.eml").write_bytes(b"Content-Type: multipart/mixed\n\n" + SECRET.encode())
    (files / "bad.html").write_bytes(b"<html><" + SECRET.encode())
    satchel_json(home, "folders", "add", str(files))
    errors = [satchel(home, "index").stderr]
    for arguments in (
        ("search", SECRET),
        ("search", SECRET, "--folder", "/etc"),
        ("ask", f"What does the {SENTINEL} harbour master hide?"),
        ("related", str(files / "good.txt")),
        ("batch", "-"),
        ("doctor",),
        ("status",),
    ):
        done = satchel(home, *arguments, stdin=SECRET if arguments[0] == "batch" else None)
        errors.append(done.stderr)
    assert SENTINEL not in "".join(errors).lower()
    logs = [p for p in home.rglob("*") if p.is_file() and "log" in p.suffix]
    assert not [p for p in logs if SENTINEL.encode() in p.read_bytes().lower()]


def test_the_socket_is_the_owners_only(own_sample: Indexed) -> None:
    with watching(own_sample.home):
        socket = own_sample.home / "data" / "socket"
        assert stat.S_ISSOCK(socket.stat().st_mode)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        for path in own_sample.home.rglob("*"):
            assert not path.lstat().st_mode & 0o077, path
    assert not socket.exists()


def test_no_network_port_is_opened(own_sample: Indexed) -> None:
    import psutil

    with watching(own_sample.home) as service:
        satchel_json(own_sample.home, "search", "rent")
        parent = psutil.Process(service.pid)
        for process in (parent, *parent.children(recursive=True)):
            assert process.net_connections(kind="inet") == []


def test_a_lax_umask_makes_no_difference(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    files, home = tmp_path / "files", tmp_path / "deep" / "home"
    files.mkdir()
    (files / "a.txt").write_text("some words")
    for arguments in (["folders", "add", str(files)], ["index"]):
        subprocess.run(
            [sys.executable, "-m", "app.cli", "--home", str(home), *arguments],
            cwd=ROOT,
            check=True,
            capture_output=True,
            preexec_fn=lambda: os.umask(0),
        )
    for path in (home, *home.rglob("*")):
        assert not path.lstat().st_mode & 0o077, path


def test_a_file_that_changes_is_never_shown_as_if_it_had_not(
    tmp_path: Path,
    models: Path,  # noqa: ARG001
) -> None:
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    for name in ("stays", "changes", "goes"):
        (files / f"{name}.txt").write_text(f"The ferry {name} when it leaves at noon.")
    satchel_json(home, "folders", "add", str(files))
    satchel_json(home, "index")
    time.sleep(0.02)
    (files / "changes.txt").write_text("Trains run at midnight, and that is another text.")
    (files / "goes.txt").unlink()
    for more in ((), ("--exact",), ("--mode", "lexical"), ("--mode", "semantic")):
        hits = satchel_json(home, "search", "ferry at noon", *more)["results"]
        states = {Path(hit["path"]).name: (hit["state"], bool(hit["snippet"])) for hit in hits}
        assert states["stays.txt"] == ("ok", True)
        assert states.get("changes.txt") in (None, ("changed", False)), more
        assert "goes.txt" not in states
    body = satchel_json(home, "index")
    assert body["files"]["indexed"] == 2
    hits = satchel_json(home, "search", "ferry leaves", "--mode", "lexical")["results"]
    assert [Path(hit["path"]).name for hit in hits] == ["stays.txt"]
