"""What can be known here of Windows and macOS: paths, names, and how children are started."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import appdirs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.address import address
from app.autostart import start_command, start_with_session
from core.errors import FileError, UserError
from core.files import folders
from core.files.paths import as_spelled
from core.home import Home, find_home
from core.llm.store import safe_name
from core.removal import kept_in_home, not_own, remove
from core.text.source import os_failure

ROOT = Path(__file__).parents[1]
DEVICES = ("con", "prn", "aux", "nul", "com1", "lpt9")
NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="/\0"), min_size=1)


def is_taken_by_windows(name: str) -> bool:
    """Whether Windows has no file of that name ("Naming Files, Paths, and Namespaces")."""
    bare = name.partition(".")[0].rstrip(" ").casefold()
    return (
        bare
        in ("con", "prn", "aux", "nul", *(f"{x}{n}" for x in ("com", "lpt") for n in range(10)))
        or name[-1] in ". "
        or any(character in '<>:"/\\|?*' or ord(character) < 32 for character in name)
    )


@pytest.fixture(params=["darwin", "win32"])
def elsewhere(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Home:
    """The home of a person on another system, in a folder of this test."""
    monkeypatch.setattr(appdirs, "system", request.param)
    monkeypatch.setattr(
        appdirs, "_get_win_folder", lambda _: str(tmp_path / "Local"), raising=False
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    return find_home(None, {})


def test_where_things_lie_elsewhere_models_are_no_part_of_the_home(elsewhere: Home) -> None:
    assert not any(elsewhere.models.is_relative_to(root) for root in elsewhere.roots())
    elsewhere.create()
    (elsewhere.models / "llm").mkdir(parents=True)
    elsewhere.settings.write_bytes(b"1")
    elsewhere.query_speed.write_bytes(b"1")
    assert not_own(elsewhere) == []
    remove(elsewhere, kept_in_home(elsewhere))
    assert not elsewhere.data.exists()
    assert not elsewhere.cache.exists()
    assert (elsewhere.models / "llm").is_dir()


def folder_of(tree: Mapping[str, object], path: str) -> Iterator[str]:
    """The names in a folder of a tree that ignores case."""
    at: object = tree
    for part in filter(None, path.split("/")):
        assert isinstance(at, dict)
        at = {name.casefold(): inner for name, inner in at.items()}.get(part.casefold())
        if at is None:
            raise FileNotFoundError(path)
    assert isinstance(at, dict)
    yield from at


def test_a_path_is_kept_as_its_folders_spell_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = {"Users": {"Ana": {"Documents": {"Briefe": {}, "a": {}, "A": {}}}}}

    def names(path: str) -> list[str]:
        return list(folder_of(tree, path))

    assert as_spelled("/users/ANA/documents/briefe", names) == "/Users/Ana/Documents/Briefe"
    assert as_spelled("/Users/ana/new/Folder", names) == "/Users/Ana/new/Folder"
    assert as_spelled("/Users/Ana/Documents/A", names) == "/Users/Ana/Documents/A"
    monkeypatch.setattr(folders, "IGNORES_CASE", True)
    assert folders.absolute(str(ROOT / "CORE" / "files").replace("CORE", "core")) == str(
        ROOT / "core" / "files"
    )


@given(NAMES)
def test_a_spelling_changes_case_alone(name: str) -> None:
    found = as_spelled(f"/{name}", lambda _: [name.upper(), "other"])
    assert found.casefold() == f"/{name}".casefold()


@given(NAMES)
def test_windows_takes_every_name_of_a_model(name: str) -> None:
    try:
        made = safe_name(name)
    except UserError:
        return
    assert not is_taken_by_windows(f"{made}.gguf")
    assert safe_name(made) == made


@pytest.mark.parametrize("name", DEVICES)
def test_a_model_called_like_a_device_gets_another_name(name: str) -> None:
    assert safe_name(name.upper()) == f"model-{name}"
    assert safe_name(f"{name}.v2") == f"model-{name}.v2"
    assert safe_name(f"{name}a") == f"{name}a"


@settings(deadline=None)  # the first example loads the window's modules
@given(NAMES)
def test_windows_takes_every_name_of_an_exported_conversation(title: str) -> None:
    chat_head = pytest.importorskip("ui.chat_head", exc_type=ImportError)
    assert not is_taken_by_windows(chat_head.file_name(title))


def test_a_device_is_no_name_of_a_conversation() -> None:
    chat_head = pytest.importorskip("ui.chat_head", exc_type=ImportError)
    for name in (*DEVICES, "CON.txt", "nul ."):
        assert chat_head.file_name(name) == f"Conversation {name.strip(' .')}.md"
    assert chat_head.file_name("When is the choir?") == "When is the choir.md"


def test_a_path_that_windows_cannot_open_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = FileNotFoundError(2, "not found")
    monkeypatch.setattr("core.text.source.sys.platform", "win32")
    told = os_failure("C:\\" + "a" * 300, gone)
    assert isinstance(told, FileError)
    assert "longer path" in told.reason
    assert os_failure("C:\\a", gone).problem == "missing"


def test_on_windows_a_pipe_of_the_home_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = find_home(str(tmp_path / "a"), {}), find_home(str(tmp_path / "b"), {})
    monkeypatch.setattr("app.address.sys.platform", "win32")
    with address(one) as first, address(one) as again, address(other) as second:
        assert first == again != second
        assert first.startswith("\\\\.\\pipe\\satchel-")
        assert len(first) < 256


def test_what_starts_with_the_session_opens_no_console() -> None:
    home = find_home(None, {})
    bundled = Path("/Programs/Satchel/satchel.exe")
    assert start_command(home, bundled, True)[0].endswith("satchelw.exe")
    assert start_command(home, Path("/venv/Scripts/python.exe"), False)[0].endswith("satchel.exe")


def test_an_appimage_starts_itself_and_a_flatpak_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.frozen", True, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("APPIMAGE", "/home/ana/Satchel.AppImage")
    start_with_session(find_home(None, {}), True)
    [entry] = (tmp_path / "autostart").iterdir()
    assert "Exec=/home/ana/Satchel.AppImage --hidden" in entry.read_text("utf-8")
    monkeypatch.setenv("FLATPAK_ID", "x")
    with pytest.raises(UserError, match="flatpak run"):
        start_with_session(find_home(None, {}), True)


def calls(tree: ast.Module) -> Iterator[tuple[str, set[str]]]:
    """The dotted names that a module calls, with the keywords of each call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
            yield f"{owner}.{node.func.attr}", {each.arg or "" for each in node.keywords}


def test_children_are_started_anew_and_show_no_console() -> None:
    """Nothing forks, as Windows cannot: a child gets all that it knows by its command and pipes."""
    seen = 0
    for folder in ("app", "core", "ui"):
        for path in (ROOT / folder).rglob("*.py"):
            for name, keywords in calls(ast.parse(path.read_text("utf-8"))):
                assert name not in ("os.fork", "os.forkpty", "multiprocessing.Process"), path
                if name in ("subprocess.Popen", "subprocess.run"):
                    seen += 1
                    assert "creationflags" in keywords, path
    assert seen >= 5
