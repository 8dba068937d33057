"""Events of a real file system as changes to look at."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import ROOT

from core.files.changes import EVERYTHING, Changes
from core.files.rules import Rules
from core.files.watch import Watcher

SOON_S = 15  # on a busy machine
QUIET_S = 0.25  # shorter than in earnest, so that the tests are


class Post:
    """A watcher over one folder, and what it tells in paths relative to it."""

    def __init__(self, files: Path) -> None:
        self.files = files
        self.watcher = Watcher()
        self.watcher.follow([str(files)], self.rules, 1)
        assert self.watcher.take_due() == EVERYTHING
        assert self.watcher.limited is None

    def rules(self, path: str) -> Rules:
        return Rules(path, ["*.iso"], own_home=[str(self.files / "home")])

    def told(self, timeout_s: float = SOON_S) -> tuple[set[str], list[tuple[str, str]]]:
        changes = self.take(timeout_s)
        assert not changes.everything
        moves = [(self.name(old), self.name(new)) for old, new in changes.moves]
        return set(map(self.name, changes.paths)), moves

    def take(self, timeout_s: float = SOON_S) -> Changes:
        deadline = time.monotonic() + timeout_s
        while self.watcher.wait(max(0.0, deadline - time.monotonic())):
            changes = self.watcher.take_due()
            if changes is not None:
                return changes
        return Changes()

    def name(self, path: str) -> str:
        return os.path.relpath(path, self.files)

    def nothing(self) -> bool:
        return not self.take(QUIET_S + 0.6)


@pytest.fixture
def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    monkeypatch.setattr("core.files.changes.QUIET_S", QUIET_S)
    (tmp_path / "files").mkdir()
    found = Post(tmp_path / "files")
    yield found
    found.watcher.close()


def test_a_change_is_told_once_and_reading_is_none(post: Post) -> None:
    path = post.files / "a.txt"
    path.write_text("x")
    assert post.told() == ({"a.txt"}, [])
    path.read_text()
    list(post.files.iterdir())
    assert post.nothing()
    os.utime(path, (1, 1))
    path.unlink()
    assert post.told() == ({"a.txt"}, [])


def test_a_rename_is_told_as_one_move(post: Post) -> None:
    (post.files / "d" / "e").mkdir(parents=True)
    for number in range(30):
        (post.files / "d" / "e" / f"{number}.txt").write_text("x")
    assert post.told() == ({"d"}, [])
    (post.files / "d").rename(post.files / "moved")
    assert post.told() == (set(), [("d", "moved")])
    (post.files / "moved" / "e" / "1.txt").rename(post.files / "1.txt")
    (post.files / "moved" / "e" / "2.txt").write_text("changed")
    assert post.told() == ({"moved/e/2.txt"}, [("moved/e/1.txt", "1.txt")])


def test_saving_by_rename_tells_of_the_file(post: Post) -> None:
    (post.files / "a.txt").write_text("old")
    post.take()
    (post.files / "a.txt.tmp").write_text("new")
    (post.files / "a.txt.tmp").rename(post.files / "a.txt")
    paths, moves = post.told()
    assert "a.txt" in paths | {new for _, new in moves}


def test_a_folder_moved_out_is_not_listened_to_any_more(post: Post, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (post.files / "d").mkdir()
    (post.files / "d" / "a.txt").write_text("x")
    post.take()
    (post.files / "d").rename(outside)
    assert post.told() == ({"d"}, [])
    (outside / "a.txt").write_text("changed elsewhere")
    assert post.nothing()
    outside.rename(post.files / "back")
    assert post.told() == ({"back"}, [])
    (post.files / "back" / "a.txt").write_text("changed here")
    assert post.told() == ({"back/a.txt"}, [])


def test_what_is_left_out_tells_nothing(post: Post) -> None:
    for name in ("node_modules/x", "home/data", ".git"):
        (post.files / name).mkdir(parents=True)
    assert post.told()[0] == {"node_modules", "home", ".git"}
    for name in ("node_modules/x/a.js", "home/data/catalogue.db", ".git/index"):
        (post.files / name).write_text("x")
    (post.files / "home" / "data" / "new").mkdir()
    assert post.nothing()


def test_what_is_let_in_again_is_listened_to(post: Post) -> None:
    """An ignore file goes, and the folder that it left out is watched from then on."""
    (post.files / "p").mkdir()
    (post.files / "p" / ".gitignore").write_text("out/\n")
    post.take()
    (post.files / "p" / "out").mkdir()
    post.take()
    (post.files / "p" / "out" / "a.txt").write_text("x")
    assert post.nothing()
    (post.files / "p" / ".gitignore").unlink()
    told = post.told()[0]
    while "." not in told:
        told |= post.told()[0]
    (post.files / "p" / "out" / "a.txt").write_text("changed")
    assert post.told() == ({"p/out/a.txt"}, [])


def test_steady_writing_does_not_put_it_off_for_ever(post: Post) -> None:
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.1):
            with (post.files / "log.txt").open("a") as file:
                file.write("x")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert post.told() == ({"log.txt"}, [])
    finally:
        stop.set()
        thread.join()


def test_a_folder_that_goes_and_comes_is_listened_to_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.files.watch.PLACES_S", 0.2)
    assert post.nothing()
    away = post.files.parent / "away"
    post.files.rename(away)
    assert "." in post.told()[0]
    away.rename(post.files)
    assert "." in post.told()[0]
    (post.files / "a.txt").write_text("x")
    assert post.told() == ({"a.txt"}, [])
    shutil.rmtree(post.files)
    post.files.mkdir()  # it may well get the same number in the file system
    told = post.told()[0]
    while "." not in told:
        told |= post.told()[0]
    (post.files / "b.txt").write_text("x")
    while "b.txt" not in told:
        told |= post.told()[0]


def test_a_folder_behind_a_link_is_told_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    post = Post(tmp_path / "link")
    (tmp_path / "real" / "a.txt").write_text("x")
    assert post.told() == ({"a.txt"}, [])
    post.watcher.close()


def test_other_folders_or_rules_mean_that_all_is_looked_at(post: Post, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    roots = [str(post.files), str(second)]
    post.watcher.follow(roots, post.rules, 1)
    assert post.nothing(), "the key is the same"
    post.watcher.follow(roots, post.rules, 2)
    assert post.watcher.take_due() == EVERYTHING
    (second / "a.txt").write_text("x")
    assert post.told() == ({"../second/a.txt"}, [])
    post.watcher.follow([str(second)], post.rules, 3)
    assert post.watcher.take_due() == EVERYTHING
    (post.files / "a.txt").write_text("x")
    assert post.nothing()


MOUNTING = """
import subprocess, sys, time
from pathlib import Path
from core.files import watch
from core.files.rules import Rules
watch.PLACES_S = 0.2
files = Path(sys.argv[1])
(files / "usb").mkdir(parents=True)
watcher = watch.Watcher()
watcher.follow([str(files)], Rules, 1)
watcher.take_due()

def told(what):
    deadline = time.monotonic() + 20
    while watcher.wait(max(0.0, deadline - time.monotonic())):
        changes = watcher.take_due()
        if changes is not None:
            paths = {path[len(str(files)):] for path in changes.paths}
            print(what, "all" if changes.everything or "" in paths else sorted(paths))
            if changes.everything or paths:
                return
    print(what, "nothing")

subprocess.run(["mount", "-t", "tmpfs", "none", str(files / "usb")], check=True)
told("mounted")
(files / "usb" / "a.txt").write_text("x")
told("written")
subprocess.run(["umount", str(files / "usb")], check=True)
told("gone")
while watcher.wait(1.5):
    watcher.take_due()
subprocess.run(["mount", "-t", "tmpfs", "none", str(files / "usb")], check=True)
told("back")
(files / "usb" / "b.txt").write_text("x")
told("written")
watcher.close()
"""


def test_drives_that_come_and_go_are_noticed(tmp_path: Path) -> None:
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        subprocess.run([*unshare, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs unshare and user namespaces, to mount something")
    done = subprocess.run(
        [*unshare, sys.executable, "-W", "error", "-c", MOUNTING, str(tmp_path / "files")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "mounted all",
        "written ['/usb/a.txt']",
        "gone all",
        "back all",
        "written ['/usb/b.txt']",
    ]


LIMITED = """
import sys, time
from pathlib import Path
from core.files.rules import Rules
from core.files.watch import Watcher
limit, value = sys.argv[2:4]
Path("/proc/sys/user/max_inotify_" + limit).write_text(value)
large, small = Path(sys.argv[1], "large"), Path(sys.argv[1], "small")
small.mkdir(parents=True)
large.mkdir()
for number in range(30):
    (large / str(number)).mkdir()
watcher = Watcher()
watcher.follow([str(large), str(small)], Rules, 1)
watcher.take_due()
watcher.wait(2)
watcher.take_due()
print(watcher.limited)
(small / "a.txt").write_text("x")
(large / "1" / "a.txt").write_text("x")
print(watcher.wait(5) and sorted(watcher.take_due().paths))
for number in range(40):
    (small / str(number)).mkdir()
    time.sleep(0.01)
while watcher.limited is None or "small" not in watcher.limited:
    if not watcher.wait(5):
        break
    watcher.take_due()
print(watcher.limited)
watcher.close()
"""


@pytest.mark.parametrize(
    ("limit", "value"),
    [("watches", "20"), pytest.param("instances", "0", marks=pytest.mark.slow)],
)
def test_where_the_system_has_no_more_watches_surveys_do(
    tmp_path: Path, limit: str, value: str
) -> None:
    """The kernel's real limits, lowered in a user namespace."""
    unshare = ["unshare", "--user", "--map-root-user"]
    try:
        able = subprocess.run(
            [*unshare, "sh", "-c", f"echo 100 > /proc/sys/user/max_inotify_{limit}"],
            check=False,
            capture_output=True,
        ).returncode
    except OSError:
        able = 1
    if able != 0:
        pytest.skip("needs unshare and user namespaces, to lower the limit")
    done = subprocess.run(
        [*unshare, sys.executable, "-W", "error", "-c", LIMITED, str(tmp_path), limit, value],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, told, last = done.stdout.splitlines()
    assert f"max_user_{limit}" in first and "every 10 minutes" in first and "large" in first
    if limit == "watches":
        assert "small" not in first
        assert told == str([str(tmp_path / "small" / "a.txt")])
    else:
        assert "small" in first and told == "False"
    assert "small" in last and "large" in last


@pytest.mark.skipif(sys.platform != "linux", reason="other systems watch whole trees")
def test_what_watchdog_keeps_to_itself_is_told(post: Post) -> None:
    """What `core.files.observe` overrides is no interface of watchdog's; this notices a change."""
    from watchdog.observers.inotify_c import InotifyConstants, InotifyEvent, WatchDescriptor

    observer = post.watcher._observer
    assert observer is not None
    (post.files / "node_modules" / "deep").mkdir(parents=True)
    (post.files / "d").mkdir()
    post.take()
    watched = {
        os.path.relpath(os.fsdecode(path), post.files)
        for emitter in observer.emitters
        for path in emitter._inotify._active_callbacks_by_path  # type: ignore[attr-defined]
    }
    assert watched == {".", "d"}
    overflow = InotifyEvent(WatchDescriptor(-1), InotifyConstants.IN_Q_OVERFLOW, 0, b"")
    observer._inotify_fd.handle_event(overflow)  # type: ignore[attr-defined]
    assert post.take() == EVERYTHING
    (post.files / "d" / "a.txt").write_text("x")
    assert post.told() == ({"d/a.txt"}, [])
