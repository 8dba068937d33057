"""Which files are indexed, and the words for why not."""

from __future__ import annotations

import os
from pathlib import Path

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
    assert rules.verdict(str(tmp_path / "drafts" / "b.txt")).rule == "your pattern drafts/"
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
