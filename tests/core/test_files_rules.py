"""Which files are indexed, and the words for why not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from core.errors import UserError
from core.files.rules import Rules


def make(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("a.txt", None),
        ("deep/er/a.pdf", None),
        ("build/notes.txt", None),
        (".git/config", "version control"),
        ("x/node_modules/y/z.md", "node_modules/"),
        (".ssh/id_rsa", "keys, passwords and wallets"),
        ("id_ed25519.pub", "keys, passwords and wallets"),
        ("vault.kdbx", "*.kdbx"),
        ("wallet.dat", "wallet"),
        (".hidden", "hidden"),
        (".config/app/settings.txt", "hidden"),
        ("ID_RSA", "keys, passwords and wallets"),
        ("x/target/debug/a.txt", None),
        ("app.js.map", "build output"),
        ("old.map", None),
        ("~$letter.docx", "temporary"),
        ("letter.txt~", "temporary"),
    ],
)
def test_defaults(tmp_path: Path, name: str, rule: str | None) -> None:
    make(tmp_path, name)
    verdict = Rules(str(tmp_path)).verdict(str(tmp_path / name))
    assert verdict.indexed == (rule is None)
    if rule:
        assert rule in verdict.rule


def test_the_persons_patterns_win(tmp_path: Path) -> None:
    make(tmp_path, "a.iso", "drafts/b.txt", ".notes/c.txt", "d.txt")
    rules = Rules(str(tmp_path), ["*.iso", "drafts/", "!.notes/"])
    assert rules.verdict(str(tmp_path / "a.iso")).rule == "your pattern *.iso"
    inner = rules.verdict(str(tmp_path / "drafts" / "b.txt")).rule
    assert inner == f"in {tmp_path / 'drafts'}, which is left out: your pattern drafts/"
    assert rules.verdict(str(tmp_path / ".notes" / "c.txt")).indexed
    assert rules.verdict(str(tmp_path / "d.txt")).indexed


def test_ignore_files_count_for_their_folder(tmp_path: Path) -> None:
    make(tmp_path, "a.log", "sub/a.log", "sub/keep.log", "sub/b.txt", "sub/in/b.txt")
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "sub" / ".gitignore").write_text("!keep.log\n/b.txt\n")
    rules = Rules(str(tmp_path))
    assert "*.log" in rules.verdict(str(tmp_path / "a.log")).rule
    assert not rules.verdict(str(tmp_path / "sub" / "a.log")).indexed
    assert rules.verdict(str(tmp_path / "sub" / "keep.log")).indexed
    assert str(tmp_path / "sub" / ".gitignore") in rules.verdict(str(tmp_path / "sub/b.txt")).rule
    assert rules.verdict(str(tmp_path / "sub" / "in" / "b.txt")).indexed


def test_satchelignore_comes_before_gitignore(tmp_path: Path) -> None:
    make(tmp_path, "a.log", "b.txt", "key.pem")
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / ".satchelignore").write_text("!*.log\nb.*\n!*.pem\n")
    rules = Rules(str(tmp_path))
    assert rules.verdict(str(tmp_path / "a.log")).indexed
    assert ".satchelignore" in rules.verdict(str(tmp_path / "b.txt")).rule
    # An ignore file that came with somebody's archive does not open the key cupboard.
    assert not rules.verdict(str(tmp_path / "key.pem")).indexed
    assert Rules(str(tmp_path), ["!*.pem"]).verdict(str(tmp_path / "key.pem")).indexed


def test_own_home_size_links_and_absence(tmp_path: Path) -> None:
    make(tmp_path, "home/db.txt", "big.txt", "a.txt", "real/x.txt")
    (tmp_path / "big.txt").write_bytes(b"x" * 1_000_001)
    rules = Rules(str(tmp_path), own_home=[str(tmp_path / "home")], max_file_bytes=1_000_000)
    assert "own data" in rules.verdict(str(tmp_path / "home" / "db.txt")).rule
    assert "larger than 1 MB" in rules.verdict(str(tmp_path / "big.txt")).rule
    assert "no such file" in rules.verdict(str(tmp_path / "none.txt")).rule
    assert "not inside" in rules.verdict("/elsewhere/x.txt").rule
    assert rules.verdict(str(tmp_path)).indexed
    try:
        (tmp_path / "link.txt").symlink_to(tmp_path / "a.txt")
        (tmp_path / "linked").symlink_to(tmp_path / "real")
    except OSError:
        return
    assert "link" in rules.verdict(str(tmp_path / "link.txt")).rule
    assert "link" in rules.verdict(str(tmp_path / "linked" / "x.txt")).rule


def test_the_own_home_is_known_behind_links(tmp_path: Path) -> None:
    (tmp_path / "real" / "home").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for root, home in (("real", "link/home"), ("link", "real/home"), ("link", "link/home")):
        rules = Rules(str(tmp_path / root), own_home=[str(tmp_path / home)])
        assert not rules.passes(str(tmp_path / root / "home")), (root, home)
        assert rules.passes(str(tmp_path / root / "homes"))


def test_a_hidden_root_is_what_the_person_asked_for(tmp_path: Path) -> None:
    make(tmp_path, ".notes/a.txt")
    root = tmp_path / ".notes"
    assert Rules(str(root)).verdict(str(root / "a.txt")).indexed


def test_a_bad_pattern_is_the_persons_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        Rules(str(tmp_path), ["!"])


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = str(tmp_path / os.fsdecode(b"caf\xe9.kdbx"))
    assert "*.kdbx" in Rules(str(tmp_path)).verdict(name).rule


def test_rules_are_named_with_their_file_and_line(tmp_path: Path) -> None:
    make(tmp_path, "sub/a.log", "b.iso", "c.bak", "big.txt")
    (tmp_path / ".gitignore").write_text("# logs\n\n*.log\n")
    (tmp_path / "big.txt").write_bytes(b"x" * 1_500_001)
    rules = Rules(str(tmp_path), ["*.iso"], everywhere=["*.bak"], max_file_bytes=1_500_000)

    def rule(name: str) -> str:
        return rules.verdict(str(tmp_path / name)).rule

    assert rule("sub/a.log") == f"line 3 of {tmp_path / '.gitignore'}: *.log"
    assert rule("b.iso") == "your pattern *.iso"
    assert rule("c.bak") == "your pattern *.bak (setting files.exclude)"
    assert rule("big.txt") == "larger than 1.5 MB (setting files.max_mb)"
    assert rule(".x") == "hidden (setting files.hidden)"


def test_settings_switch_rules_off(tmp_path: Path) -> None:
    make(tmp_path, "a.log", "b.tmp", ".notes/c.txt", ".git/config", ".env")
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / ".satchelignore").write_text("b.*\n")
    rules = Rules(str(tmp_path), use_gitignore=False, hidden=True)
    assert rules.verdict(str(tmp_path / "a.log")).indexed
    assert ".satchelignore" in rules.verdict(str(tmp_path / "b.tmp")).rule
    assert rules.verdict(str(tmp_path / ".notes" / "c.txt")).indexed
    assert not rules.verdict(str(tmp_path / ".git" / "config")).indexed
    assert "keys" in rules.verdict(str(tmp_path / ".env")).rule


@pytest.mark.parametrize(
    ("marker", "folder", "left_out"),
    [
        ("package.json", "dist", True),
        ("Cargo.toml", "target", True),
        ("build.gradle.kts", "build", True),
        ("Cargo.toml", "build", False),
        ("notes.txt", "build", False),
        ("package.json", "distribution", False),
    ],
)
def test_build_output_is_known_by_its_neighbour(
    tmp_path: Path, marker: str, folder: str, left_out: bool
) -> None:
    make(tmp_path, f"p/{marker}", f"p/{folder}/plan.txt")
    verdict = Rules(str(tmp_path)).verdict(str(tmp_path / "p" / folder / "plan.txt"))
    assert verdict.indexed == (not left_out)
    if left_out:
        assert f"beside {marker}" in verdict.rule
    assert Rules.steers(marker) == (marker != "notes.txt")


def test_ignore_files_are_read_once_until_fresh_rules(tmp_path: Path) -> None:
    make(tmp_path, "a.log")
    rules = Rules(str(tmp_path))
    assert rules.verdict(str(tmp_path / "a.log")).indexed
    (tmp_path / ".gitignore").write_text("*.log\n")
    assert rules.verdict(str(tmp_path / "a.log")).indexed
    assert not rules.fresh().verdict(str(tmp_path / "a.log")).indexed


def test_what_the_system_marks_as_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The marks of Windows and macOS, given by hand: this may be neither."""
    make(tmp_path, "a.txt")
    monkeypatch.setattr("core.files.rules.HAS_MARKS", True)

    class Status:
        st_mode, st_size = (tmp_path / "a.txt").stat().st_mode, 1
        st_file_attributes, st_flags = 0, 0

    inside = Rules(str(tmp_path)).inside(str(tmp_path))
    status: Any = Status()
    assert inside.file_rule("a.txt", status) is None
    for marks in ({"st_file_attributes": 2}, {"st_flags": 0x8000}):
        marked: Any = Status()
        for name, value in marks.items():
            setattr(marked, name, value)
        assert inside.file_rule("a.txt", marked) == "hidden (setting files.hidden)"
        assert inside.folder_rule("Library", marked) == "hidden (setting files.hidden)"
        shown = Rules(str(tmp_path), hidden=True).inside(str(tmp_path))
        assert shown.file_rule("a.txt", marked) is None
    cloud: Any = Status()
    cloud.st_file_attributes = 0x400000
    assert "cloud" in (inside.file_rule("a.txt", cloud) or "")


def test_watching_asks_for_names_only(tmp_path: Path) -> None:
    rules = Rules(str(tmp_path), own_home=[str(tmp_path / "home")])
    assert rules.passes(str(tmp_path))
    assert rules.passes(str(tmp_path / "a" / "b"))
    for name in ("home", "home/data", "x/node_modules/y", ".hid/z"):
        assert not rules.passes(str(tmp_path / name))
