"""The parser and what does not need a service."""

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli import arranged, make_parser, open_window, run, size_bytes
from app.commands import COMMANDS, parse_place
from core.errors import UserError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500MB", 500_000_000), ("500", 500_000_000), ("2GB", 2 * 10**9), ("2 gb", 2 * 10**9),
        ("1.5g", 1_500_000_000), ("1,5G", 1_500_000_000), ("4000000b", 4_000_000),
        ("1MiB", 2**20), ("0", 0),
    ],
)  # fmt: skip
def test_sizes(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "-3", "3 XB", "1e9", "MB", "5 5", "nan", "٣"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        size_bytes(text)


@pytest.mark.parametrize(
    "argv",
    [
        ["--home", "H", "--json", "-k", "3", "--mode", "lexical", "search", "q"],
        ["search", "q", "--home", "H", "--json", "-k", "3", "--mode", "lexical"],
        ["search", "--json", "-k3", "q", "--mode=lexical", "--home=H"],
        ["--json", "search", "-k", "3", "q", "--home", "H", "--mode", "lexical"],
        ["--mode=lexical", "--json", "--home=H", "search", "-k", "3", "--", "q"],
    ],
)
def test_options_stand_before_or_after_the_command(argv: list[str]) -> None:
    options = make_parser().parse_args(arranged(argv))
    assert vars(options) == {
        "home": "H", "json": True, "command": "search", "query": "q", "k": 3, "folder": None,
        "type": None, "tag": None, "mode": "lexical", "exact": False,
            "after": None, "before": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "argv",
    [
        ["--exclude", "*.log", "folders", "add", "a", "b"],
        ["folders", "--exclude", "*.log", "add", "a", "b"],
        ["folders", "add", "--exclude", "*.log", "a", "b"],
        ["folders", "add", "a", "b", "--exclude", "*.log"],
    ],
)
def test_options_of_an_action(argv: list[str]) -> None:
    options = make_parser().parse_args(arranged(argv))
    assert (options.paths, options.exclude) == (["a", "b"], ["*.log"])


def test_a_query_may_look_like_an_option() -> None:
    options = make_parser().parse_args(arranged(["--json", "search", "-k", "2", "--", "--exact"]))
    assert (options.query, options.k, options.exact, options.json) == ("--exact", 2, False, True)


@pytest.mark.parametrize(
    "argv",
    [
        ["nothing"], ["search"], ["search", "a", "b"], ["search", "q", "-k", "0"],
        ["search", "q", "-k", "x"], ["search", "q", "--mode", "magic"], ["folders"],
        ["folders", "add"], ["folders", "list", "x"], ["models"], ["models", "fetch"],
        ["budget", "--disk", "much"], ["ask"], ["forget"], ["index", "x"], ["--no-such"],
        ["search", "q", "--no-such"], ["batch"], ["--home"],
    ],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(argv, {})
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "satchel" in printed.err


@pytest.mark.parametrize("argv", [["--help"], ["search", "--help"], ["folders", "add", "-h"]])
def test_help(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(argv, {})
    assert caught.value.code == 0
    assert "usage" in capsys.readouterr().out


@given(st.lists(st.sampled_from(["--json", "-k", "3", "search", "--", "q", "--home", "x", "-h"])))
def test_arranging_loses_nothing(argv: list[str]) -> None:
    assert sorted(arranged(argv)) == sorted(argv)


def test_every_command_can_be_run() -> None:
    [action] = [
        action
        for action in make_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    assert set(action.choices) - {"remove-data"} == set(COMMANDS) == {
        "folders", "index", "search", "batch", "ask", "related", "status", "budget", "models",
        "forget", "doctor", "mcp", "pause", "resume", "memories", "remote", "digest", "tag",
        "recent", "conversations",
    }  # fmt: skip


def test_without_a_display_it_says_what_to_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert open_window(None, {}) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert "satchel search" in printed.err


def test_places_in_files(tmp_path: Path) -> None:
    assert parse_place("/a/b.pdf") == ("/a/b.pdf", None, None, None)
    assert parse_place("/a/b.pdf#page=2") == ("/a/b.pdf", 2, None, None)
    assert parse_place("b#c.txt#line=12") == ("b#c.txt", None, 12, None)
    assert parse_place("b.txt#char=0") == ("b.txt", None, None, 0)
    odd = tmp_path / "a#page=2"
    odd.write_text("x")
    assert parse_place(str(odd)) == (str(odd), None, None, None)
    for bad in ("a.txt#page=x", "a.txt#page=", "a.txt#sheet=2", "a.txt#page=-1", "a.txt#page=²"):
        with pytest.raises(UserError):
            parse_place(bad)
