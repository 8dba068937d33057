"""Two of everything that there can be two of: each has its own, or is told why not."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT, Indexed, one_line, satchel_json, watching

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
