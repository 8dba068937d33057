"""Starts the Qt application: the window, and the service as its child.

This process holds no worker threads and no numpy; all it imports of `core`
are the messages, the errors and how a child is started.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import shlex
import shutil
import signal
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.identity import APP_ID, announce
from app.mistakes import as_mistake
from core.bundle import module_command, program_folder
from core.errors import UserError
from core.home import HOME_VARIABLE, find_home
from ui.client import Client
from ui.icons import Icons
from ui.language import speak
from ui.opening import Opener
from ui.parts import Look
from ui.theme import Theme
from ui.window import MainWindow

SHOW_AT_LATEST_MS = 900
SETTLE_MS = 40  # a second start hears of the first window right after the greeting
SIGNAL_POLL_MS = 300


class Desktop:
    """The parts of the running window, from start to quit."""

    def __init__(
        self,
        application: QApplication,
        service: Sequence[str],
        hidden: bool = False,
        language: str = "system",
        command: str = "satchel",
    ) -> None:
        self.application = application
        application.setApplicationName("satchel")
        application.setApplicationDisplayName("Satchel")
        application.setDesktopFileName(APP_ID)
        application.setQuitOnLastWindowClosed(False)
        self.client = Client(service, first_arguments=["--raise-other"])
        self.client.start()  # first of all: it starts up while the window is built
        speak(application, language)
        self.look = Look(Theme(application), Icons())
        self.window = MainWindow(self.look, self.client, Opener(), command)
        # The service was started before the window could listen.
        self.window.activity.begin()
        self.client.open_elsewhere.connect(self.quit)
        self.client.greeted.connect(lambda: QTimer.singleShot(SETTLE_MS, self.show))
        self.client.ended.connect(application.quit)
        self.window.quit_asked.connect(self.quit)
        application.commitDataRequest.connect(lambda _: self.quit())
        self._quitting = False
        self._shown = hidden  # until it is asked for
        QTimer.singleShot(SHOW_AT_LATEST_MS, self.show)

    def show(self) -> None:
        """Show the window, once it is known that no other is open."""
        if not self._shown and not self._quitting:
            self._shown = True
            self.window.show()

    def quit(self) -> None:
        """Close the window at once and end when the service has ended."""
        if not self._quitting:
            self._quitting = True
            self.window.hide()
            self.window.tray.icon.hide()
            self.client.close()


def service_command(home: str | None) -> list[str]:
    """The command line of the service for a home."""
    where = [] if home is None else ["--home", home]
    return module_command("app.service_process", *where)


def chosen_language(home: str | None) -> str:
    """The language that is set for the window; "system" where none can be read.

    The service has the settings, but the window is drawn before the service answers.
    """
    try:
        settings = find_home(home, os.environ).settings.read_text("utf-8")
        return str(tomllib.loads(settings)["window"]["language"])
    except (UserError, OSError, ValueError, LookupError, TypeError):
        return "system"


def tell_mistake(
    home: str | None,
    kind: type[BaseException],
    error: BaseException,
    trace: TracebackType | None,
) -> None:
    """Keep a report of a bug and say where it is, nothing of any file; the window goes on."""
    del kind
    error = error.with_traceback(trace)
    # Late, for a window that works needs none of it.
    from app.crash_reports import keep_report, report_of

    with contextlib.suppress(UserError):
        keep_report(find_home(home, os.environ), report_of(error, "window"))
    print(f"satchel: {as_mistake(error)}", file=sys.stderr)


def start_command(
    home: str | None, environment: Mapping[str, str], on_path: str | None, beside: Path
) -> str:
    """What to give a key to, so that it opens this window: as a shell takes it.

    `on_path` is where `satchel` is found without its folder, `beside` the folder of this program.
    """
    here = beside / "satchel"
    program = "satchel" if on_path or not here.is_file() else str(here)
    chosen = home or environment.get(HOME_VARIABLE)
    where = ["--home", os.path.abspath(os.path.expanduser(chosen))] if chosen else []  # noqa: PTH100, PTH111 - keeps links
    return shlex.join([program, *where])


def open_window(home: str | None, hidden: bool = False) -> int:
    """Open the window and stay until it is quit; returns the exit code."""
    sys.excepthook = functools.partial(tell_mistake, home)
    announce()
    application = QApplication(sys.argv[:1])
    command = start_command(home, os.environ, shutil.which("satchel"), program_folder())
    desktop = Desktop(application, service_command(home), hidden, chosen_language(home), command)
    # Ctrl+C and a polite kill quit like the menu does. Python looks at signals
    # only when it runs, so a timer gives it a moment now and then.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: desktop.quit())
    pulse = QTimer()
    pulse.timeout.connect(lambda: None)
    pulse.start(SIGNAL_POLL_MS)
    return application.exec()


def main() -> int:
    """Open the window for the home that `--home` names."""
    parser = argparse.ArgumentParser(prog="satchel")
    parser.add_argument("--home", default=None)
    parser.add_argument("--hidden", action="store_true")
    options = parser.parse_args()
    return open_window(options.home, options.hidden)


if __name__ == "__main__":
    raise SystemExit(main())
