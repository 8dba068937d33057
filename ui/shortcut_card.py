"""How to reach Satchel by a key from anywhere: the desktop's key, or else a command to bind."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame

from ui.command_line import CommandLine
from ui.parts import column, label
from ui.portal import Portal
from ui.text import shown, tr


class ShortcutCard(QFrame):
    """Says which key it is; or why there is none, and what to bind in the system's settings."""

    def __init__(self, command: str) -> None:
        """`command` opens this window, or brings it forward."""
        super().__init__()
        self.setProperty("card", "true")
        self._words = label("", "small", wrap=True)
        self.by_hand = CommandLine(command)
        self.setLayout(
            column(
                label(tr("A key that works everywhere"), "heading"),
                self._words,
                self.by_hand,
                spacing=10,
                margin=18,
            )
        )
        self.tell(Portal("", "", ""))

    def tell(self, portal: Portal) -> None:
        """Show what came of asking the desktop."""
        words, by_hand = words_for(portal, QGuiApplication.platformName())
        if by_hand:
            words = tr(
                "%1 You can give Satchel a key yourself, in the keyboard settings of your system: "
                "choose a custom shortcut that runs this command. It opens Satchel, or brings its "
                "window forward."
            ).replace("%1", words)
        self._words.setText(words)
        self.by_hand.setVisible(by_hand)


def words_for(portal: Portal, platform: str) -> tuple[str, bool]:
    """What to say of the shortcut, and whether a key must be bound by hand instead."""
    if portal.step == "on" and portal.keys:
        return tr("Press %1 anywhere: Satchel comes forward, ready to search.").replace(
            "%1", shown(portal.keys)
        ), False
    if portal.step == "on":
        return tr(
            "Your desktop knows the shortcut but gave it no key. Choose one in its keyboard "
            "settings."
        ), False
    if portal.step in ("hello", "version", "create", "bind"):
        return tr("Your desktop is being asked for a key. It may want to ask you."), False
    why = {
        "no_bus": tr("There is no desktop here that could be asked for a key."),
        "none": tr("This desktop gives no keys to other programs."),
        "denied": tr("The key was declined. Switch it off and on to be asked again."),
        "lost": tr("The desktop took the key back. Switch it off and on to ask again."),
    }
    return why.get(portal.step) or why_not(platform), True


def why_not(platform: str) -> str:
    """Why there is no such key on a platform, as Qt calls it, while none is asked for."""
    if platform.startswith("wayland"):
        return tr(
            "On Wayland only the desktop itself hears keys that are pressed in another window."
        )
    return tr("Satchel does not listen for keys while you work in another window.")
