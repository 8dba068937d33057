"""The documentation has all there is, its commands run, and its links lead somewhere."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import Page, guide, pages, satchel_commands
from helpers import ROOT, SAMPLE, Indexed, models_folder

from app.cli import arranged, make_parser
from app.commands import COMMANDS
from app.local import connect
from app.output import Output
from core.home import find_home
from core.settings import DECLARED

sys.path.insert(0, str(ROOT / "packaging"))

import reference

PAGES = pages()
EVERYTHING = "\n".join(page.text for page in PAGES)
PARSER = make_parser()
LEFT = {path: inner for path, _, inner in reference.commands(PARSER)}
# What takes seconds, or what one of those has to come before: the slow run has all.
LONG = {
    *(
        ("remove-data",),
        ("ask",),
        ("batch",),
        ("doctor",),
        ("index",),
        ("related",),
        ("folders", "remove"),
    ),
    *(("tag", "suggest"), ("digest", "summarize"), ("digest", "dates"), ("digest", "changes")),
    *(("digest", "find"), ("conversations", "show"), ("conversations", "rename")),
    *(("conversations", "export"), ("conversations", "delete")),
}


def named(page: Page) -> str:
    """What a test of a page is called."""
    return page.name


def command_of(arguments: list[str]) -> tuple[str, ...]:
    """The words of a command line that name the command."""
    found: tuple[str, ...] = ()
    parser = PARSER
    for word in arguments:
        inner = reference.subcommands(parser)
        if word not in inner:
            break
        found, parser = (*found, word), inner[word]
    return found


def in_the_guide() -> Iterator[list[str]]:
    """Every call of satchel that the guide shows, in blocks and in sentences."""
    for page in guide():
        for line in page.shell():
            yield from satchel_commands(line)
        for piece in page.inline():
            if piece.startswith("satchel "):
                yield piece.split()[1:]


def test_the_reference_is_what_the_program_says() -> None:
    for name, page in reference.PAGES.items():
        written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
        assert written == page(), f"docs/reference/{name} is of before: run make docs"


def test_every_option_and_setting_has_a_sentence() -> None:
    silent = [
        " ".join((*path, action.option_strings[-1]))
        for path, inner in LEFT.items()
        for action in reference.arguments(inner)
        if action.option_strings and not action.help
    ]
    assert not silent
    assert not [setting.key for setting in DECLARED if not setting.help.strip()]


def test_the_guide_shows_every_command() -> None:
    shown = {command_of(arguments) for arguments in in_the_guide()}
    assert not set(LEFT) - shown, "the guide (docs/guide) shows no example of these"


def test_the_guide_names_every_option() -> None:
    text = "\n".join(page.text for page in guide())
    options = {o for p in LEFT.values() for a in reference.arguments(p) for o in a.option_strings}
    missing = {o for o in options if not re.search(rf"(?<![\w-]){o}(?![\w-])", text)}
    assert not missing


def test_every_target_of_make_is_told_and_no_other() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: ((?:[^\\\n]|\\\n)+)$", makefile, re.MULTILINE)
    assert phony
    there = set(phony[1].replace("\\\n", "").split())
    told = set(re.findall(r"(?:`|^)make ([a-z-]+)", EVERYTHING, re.MULTILINE))
    assert told <= there
    assert not there - told - {"help"}


def read_from_the_environment() -> set[str]:
    """The variables that the code reads by name, and all that are Satchel's own."""
    found: set[str] = set()
    for room in ("app", "core", "ui", "packaging", "benchmarks", "tests"):
        for path in (ROOT / room).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            if path != Path(__file__):
                found.update(re.findall(r"\bSATCHEL_[A-Z_]+\b", source))
            if room not in ("benchmarks", "tests") and "environ" in source:
                found.update(_read(ast.parse(source)))
    return found - {"PATH"}


def _read(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case (
                ast.Call(
                    func=ast.Attribute(attr="get", value=owner),
                    args=[ast.Constant(value=str(n)), *_],
                )
                | ast.Subscript(value=owner, slice=ast.Constant(value=str(n)), ctx=ast.Load())
            ):
                if ast.unparse(owner).endswith(("environ", "environment")):
                    yield n


def test_every_variable_is_told() -> None:
    told = (ROOT / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
    used = read_from_the_environment()
    assert "SATCHEL_HOME" in used
    assert not {name for name in used if f"`{name}`" not in told}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_what_a_page_leads_to_is_there(page: Page) -> None:
    for link in page.links():
        if re.match(r"[a-z]+:", link):
            continue
        path, _, place = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        assert target.is_file() or target.is_dir(), link
        assert target.is_relative_to(ROOT), link
        if place:
            assert place in Page(target).anchors(), link


def test_each_promise_of_privacy_names_a_test_that_there_is() -> None:
    rows = re.findall(r"^\| (.+) \| (.+) \|$", _privacy(), re.MULTILINE)
    promises = [row for row in rows if row[0] not in ("promise", "---") and "---" not in row[0]]
    assert len(promises) >= 20
    for promise, tests in promises:
        named = re.findall(r"\[((?:`test_\w+`(?:, )?)+)\]\(\.\./([\w/]+\.py)\)", tests)
        assert named, promise
        for names, path in named:
            source = (ROOT / path).read_text(encoding="utf-8")
            for name in re.findall(r"test_\w+", names):
                assert f"\ndef {name}(" in source, f"{path} has no {name}: {promise}"


def _privacy() -> str:
    return (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")


def test_every_page_and_picture_is_led_to() -> None:
    reached = {
        (page.path.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in page.links()
    }
    parts = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("docs/**/*.png"), *ROOT.glob("docs/**/*.svg")]
    assert not {part.relative_to(ROOT).as_posix() for part in set(parts) - reached}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_are_ones_that_there_are(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    for line in page.shell():
        for arguments in satchel_commands(line):
            try:
                PARSER.parse_args(arranged(arguments))
            except SystemExit:
                pytest.fail(f"{line}\n{capsys.readouterr().err}", pytrace=False)
    for piece in page.inline():
        if piece.startswith("satchel ") and re.match(r"[a-z]", piece[8:]):
            words = piece.split()[1:]
            path = command_of(words)
            assert path, piece
            options = {
                option
                for action in (LEFT[path]._actions if path in LEFT else ())
                for option in action.option_strings
            }
            for word in words:
                if re.match(r"--?[a-z]", word):
                    assert word.partition("=")[0] in options, piece


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_benchmarks_are_ones_that_there_are(page: Page) -> None:
    common = (ROOT / "benchmarks" / "common.py").read_text(encoding="utf-8")
    known = {path.name for path in (ROOT / "benchmarks").glob("*.py")}
    for piece in page.inline():
        found = re.match(r"(?:.*benchmarks/)?(\w+\.py)((?: [^ ]+)*)$", piece)
        if found is None or ("benchmarks/" not in piece and found[1] not in known):
            continue
        assert found[1] in known, piece
        source = (ROOT / "benchmarks" / found[1]).read_text(encoding="utf-8")
        for option in re.findall(r"--[a-z-]+", found[2]):
            assert f'"{option}"' in source + common, piece


def test_short_examples_run(
    own_sample: Indexed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SATCHEL_MODELS", str(models_folder()))
    monkeypatch.setenv("HOME", str(own_sample.home.parent))
    caller = connect(find_home(str(own_sample.home), os.environ), os.environ)
    ran = set()
    try:
        for page in guide():
            for line in page.shell(run_only=True):
                said = line.replace("~/Documents", str(own_sample.files))
                for arguments in satchel_commands(said):
                    if command_of(arguments) not in LONG:
                        options = PARSER.parse_args(arranged(arguments))
                        done = COMMANDS[options.command](caller, options, Output(json=False))
                        assert done == 0, (page.name, line)
                        ran.add(command_of(arguments))
    finally:
        caller.close()
    assert len(ran) >= 15
    assert "Traceback" not in capsys.readouterr().err


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path) -> Path:
    """The folder of somebody whose documents are the sample folder."""
    monkeypatch.setenv("SATCHEL_MODELS", str(models))
    monkeypatch.setenv("SATCHEL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(SAMPLE, tmp_path / "Documents")
    return tmp_path


def test_benchmarks_import_what_there_is() -> None:
    """The type checker does not look at them, and a figure needs a command that starts."""
    lost = []
    for script in (ROOT / "benchmarks").glob("*.py"):
        for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith(("app", "core")):
                module = ROOT / str(node.module).replace(".", "/")
                source = module.with_suffix(".py")
                text = source.read_text(encoding="utf-8") if source.is_file() else ""
                told = r"^(?:(?:class|def|from|import) .*)?\b{}\b"
                lost += [
                    f"{script.name}: {node.module}.{alias.name}"
                    for alias in node.names
                    if not re.search(told.format(alias.name), text, re.MULTILINE)
                    and not (module / f"{alias.name}.py").is_file()
                ]
    assert not lost


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in PAGES if p.shell(run_only=True)], ids=named)
def test_all_examples_run(page: Page, person: Path) -> None:
    """In a shell, as they stand, page by page."""
    lines = [line.replace(".venv/bin/satchel", "satchel") for line in page.shell(run_only=True)]
    first = ["satchel folders add ~/Documents", "satchel index"]
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-exuo", "pipefail", "-c", "\n".join([*first, *lines])],
        cwd=person,
        env={**os.environ, "PATH": programs},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_all_benchmarks_start() -> None:
    for script in sorted(set(re.findall(r"benchmarks/(\w+\.py)", EVERYTHING))):
        done = subprocess.run(
            [sys.executable, f"benchmarks/{script}", "--help"],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (script, done.stderr)
