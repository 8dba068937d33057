"""Two of everything that there can be two of: each has its own, or is told why not."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Client, Connection
from pathlib import Path

import pytest
from helpers import PATIENCE_S, ROOT, Indexed, one_line, satchel, satchel_json, watching

from app.address import address
from app.local import InProcess
from core.errors import UserError
from core.holder import hold
from core.home import Home, find_home

ELSEWHERE = ("unshare", "--mount", "--uts")


@pytest.fixture
def second_machine(tmp_path: Path) -> Iterator[list[str]]:
    """How a command is run as on another machine: with its name, id and boot."""
    if subprocess.run([*ELSEWHERE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("there is no second machine here (needs the rights of root)")
    told = tmp_path / "told"
    told.write_text("0123456789abcdef0123456789abcdef\n")
    places = [p for p in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id") if Path(p).exists()]
    mounts = " && ".join(f"mount --bind {told} {place}" for place in places)
    yield [*ELSEWHERE, "sh", "-c", f'hostname second-desk && {mounts} && exec "$@"', "sh"]


def elsewhere(machine: list[str], home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*machine, sys.executable, "-m", "app.cli", "--home", str(home), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


# --- two machines ---------------------------------------------------------------------------


def test_a_shared_home_is_one_machines_at_a_time(
    own_sample: Indexed, second_machine: list[str]
) -> None:
    with watching(own_sample.home) as service:
        said = one_line(elsewhere(second_machine, own_sample.home, "search", "rent"))
        assert f"in use on another machine, {socket.gethostname()}, since" in said
        assert "--take-over" in said
        service.kill()
        service.wait()
    # Its own machine is not kept out by what a killed service leaves, another is.
    assert "another machine" in one_line(elsewhere(second_machine, own_sample.home, "status"))
    assert satchel_json(own_sample.home, "recent", "list")
    # It was quit properly: the other may have it, and leaves nothing behind either.
    there = elsewhere(second_machine, own_sample.home, "search", "rent", "-k", "1", "--json")
    assert json.loads(there.stdout)["results"], there.stderr
    assert not (own_sample.home / "data" / "holder.json").exists()


@pytest.mark.slow
def test_a_home_of_a_machine_that_is_gone_is_taken_over(
    own_sample: Indexed, second_machine: list[str]
) -> None:
    with watching(own_sample.home) as service:
        service.kill()
        service.wait()
    one_line(elsewhere(second_machine, own_sample.home, "doctor"))
    taken = elsewhere(second_machine, own_sample.home, "doctor", "--take-over", "--json")
    assert taken.returncode == 0, taken.stderr
    assert satchel_json(own_sample.home, "search", "rent", "-k", "1")["results"]


# --- two people, two programs ------------------------------------------------------------

NOBODY = 65_534


def as_another_user(tell: Connection, home: Home, root: Path) -> None:
    """What somebody else on this machine comes to with a home that is not theirs."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    refused: list[str] = []
    for path in (home.data, home.history, home.catalogue, home.settings):
        try:
            path.read_bytes() if path.suffix else list(path.iterdir())
        except PermissionError:
            refused.append(path.name)
    try:
        with address(home) as where:
            Client(where)
    except PermissionError:
        refused.append("socket")
    said = ""
    try:
        InProcess(home, {})
    except UserError as error:
        said = error.title
    own = find_home(str(root / "theirs"), {})
    own.create()
    hold(own)
    tell.send((refused, said, own.data.stat().st_uid))


def test_another_user_reads_nothing_and_has_a_home_of_their_own(own_sample: Indexed) -> None:
    if os.name != "posix" or os.geteuid():
        pytest.skip("only root can become another user")
    root = Path(tempfile.mkdtemp())
    root.chmod(0o777)
    shutil.copytree(own_sample.home, root / "mine")
    home = find_home(str(root / "mine"), os.environ)
    caller = InProcess(home, os.environ)
    try:
        told, tell = multiprocessing.get_context("fork").Pipe(duplex=False)
        child = os.fork()
        if not child:
            try:
                as_another_user(tell, home, root)
            finally:
                os._exit(0)
        assert told.poll(PATIENCE_S)
        refused, said, owner = told.recv()
        os.waitpid(child, 0)
    finally:
        caller.close()
        shutil.rmtree(root)
    assert refused == ["data", "history.db", "catalogue.db", "settings.toml", "socket"]
    assert "cannot use" in said
    assert owner == NOBODY


@pytest.mark.slow
def test_commands_beside_a_service_change_and_read_at_once(own_sample: Indexed) -> None:
    home = own_sample.home
    with watching(home):
        commands = [
            ("index",), ("search", "rent", "-k", "1"), ("status",), ("tag", "add", "house",
             str(own_sample.files / "workshop-lease.pdf")), ("search", "garage", "-k", "1"),
            ("index",), ("budget", "--disk", "400MB"), ("recent", "list"),
        ]  # fmt: skip
        with ThreadPoolExecutor(len(commands)) as threads:
            done = list(threads.map(lambda one: satchel(home, *one, "--json"), commands))
    assert [one.returncode for one in done] == [0] * len(commands), [one.stderr for one in done]
    assert satchel_json(home, "status")["budgets"]["disk_bytes"] == 400_000_000
    assert satchel_json(home, "doctor")["findings"] == []
