"""Files that cannot be read: each is named with a reason, and the rest goes on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import PATIENCE_S, ROOT, SAMPLE, satchel, satchel_json


def test_a_folder_of_bad_files(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    lease = (SAMPLE / "workshop-lease.pdf").read_bytes()
    (files / "good.txt").write_text("The ferry leaves at noon.")
    (files / "cut.pdf").write_bytes(lease[: len(lease) // 3])
    (files / "noise.pdf").write_bytes(os.urandom(5000))
    (files / "cut.docx").write_bytes((SAMPLE / "harrier-restoration.docx").read_bytes()[:900])
    (files / "cut.xlsx").write_bytes((SAMPLE / "tool-inventory.xlsx").read_bytes()[:900])
    with (files / "huge.txt").open("wb") as file:
        file.truncate(2 * 10**9)
    os.mkfifo(files / "pipe.txt")
    (files / "loop").symlink_to(files)
    (files / "dangling.txt").symlink_to(files / "none")
    satchel_json(home, "folders", "add", str(files))
    started = time.monotonic()
    body = satchel_json(home, "index")
    assert time.monotonic() - started < 60
    assert sum(body["files"].values()) == 6
    assert body["files"]["indexed"] == 1
    assert body["files"]["skipped"] == 1
    assert body["files"]["failed"] + body["files"]["needs_ocr"] == 4
    reasons = {Path(f["path"]).name: f["reason"] for f in body["failures"]}
    assert set(reasons) == {"cut.pdf", "noise.pdf", "cut.docx", "cut.xlsx"}
    assert all(len(reason) > 10 for reason in reasons.values())
    huge = satchel_json(home, "folders", "check", str(files / "huge.txt"))
    assert huge["indexed"] is False
    assert "MB" in huge["rule"]
    broken = satchel_json(home, "folders", "check", str(files / "cut.docx"))
    assert broken["rule"] == reasons["cut.docx"]
    # A second run tries none of them again and says the same.
    again = satchel_json(home, "index")
    assert again["files"] == body["files"]
    assert again["seconds"] < 5


def test_documents_that_are_locked_or_no_archive(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    data = os.environ.get("SATCHEL_DATA") or ROOT.parent / "shared" / "data"
    documents = Path(data) / "documents"
    if not documents.is_dir():
        pytest.skip("the test documents are not here (SATCHEL_DATA)")
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    names = ["testPDF_protected.pdf", "testODTEncrypted.odt", "testODTnotaZipFile.odt", "empty.pdf"]
    for name in [*names, "testPDF.pdf", "empty.txt"]:
        shutil.copy(documents / name, files)
    satchel_json(home, "folders", "add", str(files))
    body = satchel_json(home, "index")
    assert sum(body["files"].values()) == 6
    failed = {Path(f["path"]).name: f["reason"] for f in body["failures"]}
    assert "testODTEncrypted.odt" in failed
    assert any(word in failed["testODTEncrypted.odt"] for word in ("password", "encrypt"))
    assert satchel_json(home, "folders", "check", str(files / "testPDF.pdf"))["indexed"]


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() != 0, reason="needs root, to become another user"
)
def test_what_another_user_may_not_open(tmp_path: Path) -> None:
    """The scan of somebody without rights names what is closed and deletes nothing."""
    files = tmp_path / "files"
    (files / "closed").mkdir(parents=True)
    (files / "open.txt").write_text("words")
    (files / "closed" / "inner.txt").write_text("words")
    (files / "closed").chmod(0o700)
    for folder in (files, *files.parents):
        if folder != Path("/") and folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    code = (
        "import os, sys\n"
        "from core.files.rules import Rules\nfrom core.files.scan import Unreadable, walk\n"
        "os.setgid(65534); os.setuid(65534)\n"
        f"root = {str(files)!r}\n"
        "for found in walk(root, Rules(root)):\n"
        "    print(found.path if isinstance(found, Unreadable) else list(found[1].files))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if "PermissionError" in done.stderr:
        pytest.skip("another user cannot run Python here")
    assert done.stdout.splitlines() == [
        "['open.txt']",
        str(files / "closed"),
    ], done.stderr


def test_files_come_and_go_while_indexing(tmp_path: Path, models: Path) -> None:  # noqa: ARG001
    files, home = tmp_path / "files", tmp_path / "home"
    files.mkdir()
    for number in range(150):
        (files / f"{number}.txt").write_text(f"number {number} about ferries and harbours. " * 30)
    satchel_json(home, "folders", "add", str(files))
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "--home", str(home), "index", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for number in range(0, 150, 3):
        (files / f"{number}.txt").unlink()
        with (files / f"{number + 1}.txt").open("a") as file:
            file.write("and more")
        time.sleep(0.03)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    body = satchel_json(home, "index")
    assert body["files"] == {
        "indexed": 100, "skipped": 0, "failed": 0, "needs_ocr": 0, "offline": 0,
    }  # fmt: skip
    assert satchel(home, "doctor").returncode == 0
