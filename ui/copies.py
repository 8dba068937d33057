"""The copies of a result: how many in a few words, and a menu that lists them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from core.messages import MOST_COPIES, Copy, Hit, Locator
from ui.icons import file_icon
from ui.parts import Look
from ui.target import Target
from ui.text import count_text, counted, split_path, tr

LISTED = 15
MOST_CHARS = 90


def copies_text(hit: Hit) -> str:
    """How many other files show the same as a result; empty when none does."""
    number = len(hit.copies)
    if number == 0:
        return ""
    if number >= MOST_COPIES:
        return tr("and %1 copies or more").replace("%1", count_text(number))
    return counted(number, tr("and 1 copy"), tr("and %1 copies"))


def target_of(hit: Hit, copy: Copy) -> Target:
    """The place in a copy that shows what the result shows."""
    if copy.kind == "identical":
        return Target(copy.path, hit.locator, hit.start, hit.end)
    return Target(copy.path, Locator(), quote=hit.snippet)


def copies_menu(look: Look, parent: QWidget, hit: Hit, chosen: Callable[[Target], None]) -> QMenu:
    """A menu of the copies, those of one kind together; `chosen` gets the one that is picked."""
    menu = QMenu(parent)
    menu.setAccessibleName(tr("Copies"))
    titles = {
        "identical": tr("The same file"),
        "near": tr("Another version"),
        "passage": tr("Has this passage"),
    }
    listed = hit.copies[:LISTED]
    for kind, title in titles.items():
        group = [copy for copy in listed if copy.kind == kind]
        if not group:
            continue
        if menu.actions():
            menu.addSeparator()
        menu.addAction(title).setEnabled(False)
        for copy in group:
            action = QAction(_entry(copy.path), menu)
            action.setIcon(look.icons.icon(file_icon(copy.path), look.theme.colours.accent))
            action.triggered.connect(lambda _=False, copy=copy: chosen(target_of(hit, copy)))
            menu.addAction(action)
    if len(hit.copies) > LISTED:
        more = tr("and %1 more").replace("%1", count_text(len(hit.copies) - LISTED))
        menu.addSeparator()
        menu.addAction(more).setEnabled(False)
    return menu


def _entry(path: str) -> str:
    """A file's name and folder on one line; a lone "&" would underline the next letter."""
    folder, name = split_path(path)
    text = f"{name}  ·  {folder}"
    if len(text) > MOST_CHARS:
        text = f"{name[: MOST_CHARS // 2]}  ·  …{folder[-MOST_CHARS // 2 :]}"
    return text.replace("&", "&&")
