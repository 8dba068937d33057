"""Starting with the session: what the system is told is decided here, and carried out.

Linux and other systems of freedesktop.org: a file in the autostart folder (Desktop Application
Autostart Specification). macOS: a launch agent. Windows: a value under the user's Run key.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import plistlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.identity import APP_ID
from core.atomic import write_atomic
from core.errors import UserError
from core.home import Home, find_home

RUN_KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
_EXEC_SPECIAL = frozenset(" \t\n\"'\\><~|&;$*?#()`")


@dataclass(frozen=True, slots=True)
class EntryFile:
    """A file that the session looks at when it starts."""

    path: Path
    content: bytes


@dataclass(frozen=True, slots=True)
class RunValue:
    """A value under the Run key of the Windows registry."""

    name: str
    command: str


def entry(
    platform: str, name: str, command: Sequence[str], user: Path, environment: Mapping[str, str]
) -> EntryFile | RunValue:
    """What tells a system to start this command; `user` is the person's own folder. Pure."""
    if platform == "win32":
        return RunValue(name, subprocess.list2cmdline(command))
    if platform == "darwin":
        body = {"Label": name, "ProgramArguments": list(command), "RunAtLoad": True}
        path = user / "Library" / "LaunchAgents" / f"{name}.plist"
        return EntryFile(path, plistlib.dumps(body))
    config = environment.get("XDG_CONFIG_HOME", "")
    folder = Path(config) if os.path.isabs(config) else user / ".config"  # noqa: PTH117
    lines = (
        "[Desktop Entry]",
        "Type=Application",
        "Name=Satchel",
        "Comment=Keeps the index of your files up to date",
        f"Exec={' '.join(_exec_word(word) for word in command)}",
        "Terminal=false",
        "X-GNOME-Autostart-enabled=true",
    )
    return EntryFile(folder / "autostart" / f"{name}.desktop", os.fsencode("\n".join(lines) + "\n"))


def _exec_word(word: str) -> str:
    """One argument of an Exec key (Desktop Entry Specification, "The Exec key")."""
    word = word.replace("%", "%%")
    if word and not _EXEC_SPECIAL.intersection(word):
        return word
    quoted = "".join(f"\\{c}" if c in '"`$\\' else c for c in word)
    # A value of a desktop file has its own escapes, which are taken out first.
    return '"' + quoted.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") + '"'


def start_command(home: Home, program: Path, frozen: bool) -> list[str]:
    """The command that opens the window of this home, hidden; `program` is who runs this."""
    if program.suffix == ".exe":  # in a bundle, the one of the two that opens no console
        program = program.with_name("satchelw.exe" if frozen else "satchel.exe")
    elif not frozen:
        program = program.with_name("satchel")
    command = [str(program)]
    if home.config != find_home(None, {}).config:
        command += ["--home", str(home.config.parent)]
    return [*command, "--hidden"]


def entry_name(home: Home) -> str:
    """Each home has an entry of its own."""
    if home.config == find_home(None, {}).config:
        return APP_ID
    return f"{APP_ID}-{hashlib.blake2b(os.fsencode(home.config), digest_size=4).hexdigest()}"


def entry_of(home: Home, environment: Mapping[str, str]) -> EntryFile | RunValue:
    """What tells this system to start the window of this home with the session."""
    # What runs out of an AppImage lies in a folder that is there only while it runs.
    program = Path(environment.get("APPIMAGE") or sys.executable)
    command = start_command(home, program, bool(getattr(sys, "frozen", False)))
    return entry(sys.platform, entry_name(home), command, Path.home(), environment)


def start_with_session(home: Home, wanted: bool) -> None:
    """Let the window of this home start with the session, hidden, or no longer. UserError."""
    if wanted and "FLATPAK_ID" in os.environ:  # it sees a configuration of its own only
        raise UserError(
            "In a Flatpak Satchel cannot change what starts with the session.",
            f"Add the command `flatpak run {APP_ID} --hidden` in the settings of your system.",
        )
    found = entry_of(home, os.environ)
    try:
        if isinstance(found, RunValue):
            _set_run_value(found, wanted)
        elif wanted:
            found.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(found.path, found.content)
        else:
            found.path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"Satchel cannot change what starts with the session: {error.strerror or error}.",
            "Add the command `satchel --hidden` in the settings of your system.",
        ) from error


def _set_run_value(found: RunValue, wanted: bool) -> None:
    if sys.platform == "win32":
        import winreg

        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, RUN_KEY) as key:
            if wanted:
                winreg.SetValueEx(key, found.name, 0, winreg.REG_SZ, found.command)
            else:
                with contextlib.suppress(FileNotFoundError):
                    winreg.DeleteValue(key, found.name)
