"""The package for Debian, installed by dpkg and used by a person, on a copy of this machine.

The copy is an overlay in a mount namespace of its own: the machine itself stays as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, models_folder

from app.identity import APP_ID

LANGUAGE_MODEL = "smollm2-135m-instruct.gguf"
PERSON = "satchel-reader"
CONSENT = "satchel satchel/remove-data boolean true"
pytestmark = pytest.mark.slow

OVERLAY = """
set -e
mount -t tmpfs none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
for name in proc dev sys; do mount --rbind /$name "$1/root/$name"; done
mkdir -p "$1/root/mnt/dist" "$1/root/mnt/models"
mount --bind "$2" "$1/root/mnt/dist"
mount --bind "$3" "$1/root/mnt/models"
echo ready
exec sleep 900
"""


class Copy:
    """A copy of this machine that ends with the test."""

    def __init__(self, root: Path, holder: int) -> None:
        self.root = root
        self._holder = holder

    def run(
        self, *command: str, text: str | None = None, fails: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root there; unless it `fails`, it has to succeed."""
        done = subprocess.run(
            ["nsenter", f"--mount=/proc/{self._holder}/ns/mnt", "chroot", self.root, *command],
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
                 "SUDO_USER": PERSON, "LANG": "C.UTF-8"},
            input=text or "",
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )  # fmt: skip
        assert fails or done.returncode == 0, done.stdout + done.stderr
        return done

    def as_person(self, *command: str) -> str:
        """Run a command as the person, who has no Python on the path."""
        clean = ("env", "-i", f"HOME=/home/{PERSON}", "PATH=/nonexistent", "LANG=C.UTF-8")
        return self.run("runuser", "-u", PERSON, "--", *clean, *command).stdout

    def json(self, *arguments: str) -> Any:
        """What a command of Satchel prints for the person."""
        return json.loads(self.as_person("/usr/bin/satchel", *arguments, "--json"))

    def has(self, path: str) -> bool:
        """Whether there is something at a path."""
        return self.run("test", "-e", path, fails=True).returncode == 0


@pytest.fixture
def copy(debian_package: Path, tmp_path: Path) -> Iterator[Copy]:
    tools = ("unshare", "nsenter", "dpkg", "runuser", "useradd")
    if os.geteuid() != 0 or not all(map(shutil.which, tools)):
        pytest.skip(f"only root can copy the machine, with {', '.join(tools)}")
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", OVERLAY, "sh",
         tmp_path, debian_package.parent, models_folder()],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stderr is not None
    try:
        if holder.stdout.readline() != "ready\n":
            pytest.skip(f"the machine cannot be copied: {holder.stderr.read().strip()}")
        made = Copy(tmp_path / "root", holder.pid)
        if made.has("/opt/satchel"):
            pytest.skip("Satchel is installed on this machine")
        made.run("useradd", "--create-home", PERSON)
        yield made
    finally:
        holder.kill()
        holder.communicate()


def install(copy: Copy, package: Path) -> None:
    copy.run("dpkg", "-i", f"/mnt/dist/{package.name}")


def index_documents(copy: Copy) -> int:
    """Have the person's documents indexed; how many there are."""
    documents = f"/home/{PERSON}/documents"
    copy.run("cp", "-r", str(ROOT / "resources" / "sample-folder"), documents)
    copy.run("chown", "-R", PERSON, documents)
    copy.json("folders", "add", documents)
    return int(copy.json("index")["files"]["indexed"])


def newer(package: Path, version: str) -> Path:
    """The same package with a higher version."""
    tree = package.parent / "newer"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN" / "control"
    lines = control.read_text("utf-8").splitlines()
    lines = [f"Version: {version}" if x.startswith("Version:") else x for x in lines]
    control.write_text("\n".join(lines) + "\n", "utf-8")
    made = package.with_name(f"newer_{version}.deb")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", "-Znone", tree, made], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    shutil.rmtree(tree)
    return made


def test_it_is_installed_used_upgraded_and_removed(copy: Copy, debian_package: Path) -> None:
    install(copy, debian_package)
    assert index_documents(copy) >= 10
    found = copy.json("search", "when does the choir practise", "-k", "3")
    assert any("choir" in hit["snippet"].lower() for hit in found["results"])
    copy.as_person("/usr/bin/satchel", "models", "add", f"/mnt/models/llm/{LANGUAGE_MODEL}")
    answer = copy.json("ask", "When is the choir rehearsal?")
    assert Path(answer["citations"][0]["path"]).name == "calendar-autumn.ics"

    entry = f"/usr/share/applications/{APP_ID}.desktop"
    assert "Exec=/usr/bin/satchel" in copy.run("cat", entry).stdout
    assert copy.has(f"/usr/share/icons/hicolor/128x128/apps/{APP_ID}.png")
    told = copy.run("dpkg", "--status", "satchel").stdout
    [maintainer] = [line for line in told.splitlines() if line.startswith("Maintainer: ")]
    assert "invalid" not in maintainer
    assert "example" not in maintainer

    copy.json("budget", "--disk", "77MB")
    newer_package = newer(debian_package, "9.9.9")
    try:
        install(copy, newer_package)
    finally:
        newer_package.unlink()
    assert "Version: 9.9.9" in copy.run("dpkg", "--status", "satchel").stdout
    assert copy.json("status")["budgets"]["disk_bytes"] == 77_000_000
    assert copy.json("search", "choir", "--mode", "lexical")["results"]

    removed = copy.run("dpkg", "--remove", "satchel").stdout
    assert ".local/share/satchel" in removed  # says what stays
    assert copy.has(f"/home/{PERSON}/.local/share/satchel/home/history.db")
    copy.run("dpkg", "--purge", "satchel")
    for path in ("/opt/satchel", "/usr/bin/satchel", entry, "/usr/share/doc/satchel"):
        assert not copy.has(path)
    assert copy.has(f"/home/{PERSON}/.local/share/satchel/home/history.db")


def test_the_data_goes_where_whoever_removes_it_says_so(copy: Copy, debian_package: Path) -> None:
    install(copy, debian_package)
    index_documents(copy)
    before = copy.as_person("/bin/ls", "-R", f"/home/{PERSON}/documents")
    copy.run("debconf-set-selections", text=CONSENT)
    copy.run("dpkg", "--remove", "satchel")
    for folder in (".config", ".local/share", ".cache"):
        assert not copy.has(f"/home/{PERSON}/{folder}/satchel"), folder
    assert copy.as_person("/bin/ls", "-R", f"/home/{PERSON}/documents") == before
