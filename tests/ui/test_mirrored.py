"""The window for languages that are written from right to left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gallery_stage import usual
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QApplication, QFrame, QPushButton, QWidget
from pytestqt.qtbot import QtBot
from samples import grouped
from scripted import ScriptedClient

from core.messages import Search, SearchResults
from ui.answer_text import CodePart
from ui.markdown import Block
from ui.parts import Look, label
from ui.result_card import ResultDelegate, more_text
from ui.result_rows import Row
from ui.text import shown
from ui.window import MainWindow

RIGHT_TO_LEFT = Qt.LayoutDirection.RightToLeft


@pytest.fixture
def mirrored(qapp: QApplication) -> Iterator[None]:
    qapp.setLayoutDirection(RIGHT_TO_LEFT)
    yield
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


@pytest.fixture
def searched(
    mirrored: None,  # noqa: ARG001
    window: MainWindow,
    client: ScriptedClient,
    qtbot: QtBot,
) -> MainWindow:
    usual(client, "light")
    client.script[Search] = lambda m: SearchResults(int(getattr(m, "id", 0)), grouped(), True)
    window.search.entry.setText("when does the lease end")
    window.search.search()
    qtbot.waitUntil(lambda: window.preview.isVisible() and window.preview.width() > 200)
    return window


def left_in(window: QWidget, part: QWidget) -> int:
    return part.mapTo(window, QPoint(0, 0)).x()


def test_the_sidebar_is_on_the_right_with_its_line_to_the_pages(searched: MainWindow) -> None:
    side = left_in(searched, searched.sidebar)
    assert side + searched.sidebar.width() == searched.width()
    lines = [
        left_in(searched, line)
        for line in searched.sidebar.parentWidget().findChildren(
            QFrame, options=Qt.FindChildOption.FindDirectChildrenOnly
        )
        if line.property("rule") == "down"
    ]
    assert lines == [side - 1]
    assert left_in(searched, searched.preview) < left_in(searched, searched.pages) < side


def test_what_a_card_tells_is_where_it_is_painted_and_pressed(
    searched: MainWindow, look: Look
) -> None:
    view = searched.search.view
    plain = QWidget()
    plain.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    straight, turned = ResultDelegate(look, plain), ResultDelegate(look, view)
    line = QRectF(10, 40, 500, 90)
    rows = [view.model().index(at, 0).data(Qt.ItemDataRole.UserRole + 2) for at in range(5)]
    told = [row for row in rows if isinstance(row, Row) and more_text(row)]
    assert told
    for row in told:
        left = straight.more_area(line, view.font(), row)
        right = turned.more_area(line, view.font(), row)
        assert left.left() - line.left() == pytest.approx(line.right() - right.right())
        assert right.right() < line.center().x() < left.left()
        assert right.width() == left.width()
    plain.deleteLater()


def test_texts_and_names_stand_on_the_right(mirrored: None) -> None:  # noqa: ARG001
    for made in (label("Latin letters"), label("some more of them", wrap=True)):
        assert made.alignment() & Qt.AlignmentFlag.AlignRight
        assert made.alignment() & Qt.AlignmentFlag.AlignAbsolute
    assert shown("/home/ana/a.pdf") == "\u2068/home/ana/a.pdf\u2069", "a path keeps its order"
    assert shown("") == ""


def test_texts_are_left_alone_from_left_to_right(qapp: QApplication) -> None:
    assert qapp.layoutDirection() != RIGHT_TO_LEFT
    assert not label("Latin letters").alignment() & Qt.AlignmentFlag.AlignAbsolute
    assert shown("/home/ana/a.pdf") == "/home/ana/a.pdf"


def test_the_arrow_of_a_menu_is_seen_at_the_left(searched: MainWindow) -> None:
    """The letters are on the right; left of them the button is not empty."""
    whole = next(
        button
        for button in searched.preview.findChildren(QPushButton)
        if button.menu() is not None and button.isVisible()
    )
    picture = whole.grab().toImage()
    middle, ratio = picture.height() // 2, picture.devicePixelRatio()
    colours = {
        picture.pixel(x, y)
        for x in range(round(6 * ratio), round(18 * ratio))
        for y in range(middle - 3, middle + 4)
    }
    assert len(colours) > 1


def test_code_begins_at_the_left(mirrored: None, look: Look, qtbot: QtBot) -> None:  # noqa: ARG001
    part = CodePart(look)
    qtbot.addWidget(part)
    part.resize(300, 120)
    code = "total = 0  # " + "a long line " * 20
    part.show_blocks([Block("code", 0, len(code), code=code)], ())
    part.show()
    assert part.text.horizontalScrollBar().maximum() > 0
    start = QTextCursor(part.text.document())
    assert 0 <= part.text.cursorRect(start).x() < 20
