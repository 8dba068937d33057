"""The style sheet: how each kind of part looks, written in the colours it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ui.theme import Colours


def style_sheet(c: Colours, points: float, icons: str) -> str:
    """The whole application's style sheet. Every part that takes the focus shows it."""
    return f"""
* {{ font-size: {points:g}pt; }}
QWidget {{ color: {c.text}; }}
QMainWindow, QWidget[ground="window"] {{ background: {c.window}; }}
QToolTip {{ background: {c.surface}; color: {c.text}; border: 1px solid {c.border}; padding: 4px; }}

QLabel {{ background: transparent; }}
QLabel[role="display"] {{ font-size: {points * 1.9:g}pt; font-weight: 600; }}
QLabel[role="title"] {{ font-size: {points * 1.5:g}pt; font-weight: 600; }}
QLabel[role="heading"] {{ font-size: {points * 1.12:g}pt; font-weight: 600; }}
QLabel[role="heading"][tone="danger"] {{ color: {c.danger}; }}
QLabel[role="strong"] {{ font-weight: 600; }}
QLabel[role="muted"] {{ color: {c.muted}; }}
QLabel[role="small"] {{ color: {c.muted}; font-size: {points * 0.9:g}pt; }}
QLabel[role="danger"] {{ color: {c.danger}; }}
QLabel[role="brand"] {{ font-size: {points * 1.25:g}pt; font-weight: 700; }}
QLabel[role="key"] {{ color: {c.muted}; background: {c.surface}; border: 1px solid {c.border};
    border-radius: 5px; padding: 2px 7px; font-size: {points * 0.9:g}pt; }}
QLabel[role="badge"] {{ color: {c.muted}; background: {c.sunken}; border-radius: 9px;
    padding: 2px 9px; font-size: {points * 0.88:g}pt; }}
QLabel[role="badge"][tone="accent"] {{ color: {c.accent_strong}; background: {c.accent_soft}; }}
QLabel[role="badge"][tone="warning"] {{ color: {c.warning}; background: {c.warning_soft}; }}

QFrame[card="true"] {{ background: {c.surface}; border: 1px solid {c.border};
    border-radius: 12px; }}
QFrame[banner="error"] {{ background: {c.danger_soft}; border: 1px solid {c.danger};
    border-radius: 10px; }}
QFrame[banner="warning"] {{ background: {c.warning_soft}; border: 1px solid {c.warning};
    border-radius: 10px; }}
QFrame[banner="info"] {{ background: {c.accent_soft}; border: 1px solid {c.accent};
    border-radius: 10px; }}
QFrame[banner="question"] {{ background: {c.surface}; border: 1px solid {c.strong_border};
    border-radius: 10px; }}
QFrame[rule="across"] {{ background: {c.border}; border: none; max-height: 1px;
    min-height: 1px; }}
QFrame[rule="down"] {{ background: {c.border}; border: none; max-width: 1px; min-width: 1px; }}
QFrame[bubble="question"] {{ background: {c.accent_soft}; border: none; border-radius: 14px; }}
QFrame[sidebar="true"] {{ background: {c.sunken}; border: none; }}

QPushButton, QToolButton {{ background: {c.surface}; border: 2px solid {c.border};
    border-radius: 8px; padding: 5px 13px; font-weight: 500; }}
QToolButton {{ padding: 5px; }}
QPushButton:hover, QToolButton:hover {{ background: {c.hover}; border-color: {c.strong_border}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {c.sunken}; }}
QPushButton:focus, QToolButton:focus {{ border-color: {c.accent}; outline: none; }}
QPushButton:disabled, QToolButton:disabled {{ color: {c.muted}; background: {c.window};
    border-color: {c.border}; }}
QPushButton::menu-indicator {{ image: url("{icons}/down.svg"); width: 12px; height: 12px;
    subcontrol-origin: padding; subcontrol-position: center right; right: 6px; }}
QPushButton[beside="entry"] {{ border-radius: 12px; padding: 5px 18px; }}
QPushButton[kind="primary"] {{ background: {c.fill}; color: {c.on_fill};
    border-color: {c.fill}; }}
QPushButton[kind="primary"]:hover {{ background: {c.fill_strong};
    border-color: {c.fill_strong}; }}
QPushButton[kind="primary"]:focus {{ border-color: {c.fill_ring}; }}
QPushButton[kind="primary"]:disabled {{ background: {c.sunken}; color: {c.muted};
    border-color: {c.sunken}; }}
QPushButton[kind="danger"] {{ color: {c.danger}; }}
QPushButton[kind="quiet"], QToolButton[kind="quiet"] {{ background: transparent;
    border-color: transparent; color: {c.muted}; }}
QPushButton[kind="quiet"]:hover, QToolButton[kind="quiet"]:hover {{ background: {c.hover};
    color: {c.text}; }}
QPushButton[kind="quiet"]:focus, QToolButton[kind="quiet"]:focus {{ border-color: {c.accent}; }}
QPushButton[kind="segment"] {{ background: transparent; border-color: transparent;
    color: {c.muted}; padding: 3px 11px; }}
QPushButton[kind="segment"]:checked {{ background: {c.accent_soft}; color: {c.accent_strong}; }}
QPushButton[kind="segment"]:focus {{ border-color: {c.accent}; }}
QPushButton[kind="source"] {{ text-align: left; padding: 6px 10px; font-weight: 400;
    border-width: 2px; }}
QPushButton[kind="plain"] {{ background: transparent; border-color: transparent; color: {c.muted};
    text-align: left; padding: 3px 6px 3px 0; }}
QPushButton[kind="plain"]:hover {{ color: {c.text}; }}
QPushButton[kind="plain"]:focus {{ border-color: {c.accent}; }}
QPushButton[kind="nav"] {{ background: transparent; border-color: transparent; color: {c.muted};
    text-align: left; padding: 8px 12px; border-radius: 9px; }}
QPushButton[kind="nav"]:hover {{ background: {c.hover}; color: {c.text}; }}
QPushButton[kind="nav"]:checked {{ background: {c.surface}; color: {c.text}; font-weight: 600; }}
QPushButton[kind="nav"]:focus {{ border-color: {c.accent}; }}

QLineEdit, QPlainTextEdit, QComboBox, QSpinBox, QDoubleSpinBox {{ background: {c.surface};
    border: 2px solid {c.strong_border}; border-radius: 8px; padding: 5px 9px;
    selection-background-color: {c.accent}; selection-color: {c.on_accent}; }}
QLineEdit:hover, QComboBox:hover, QSpinBox:hover, QDoubleSpinBox:hover {{
    border-color: {c.muted}; }}
QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus {{
    border-color: {c.accent}; }}
QLineEdit[role="entry"] {{ font-size: {points * 1.25:g}pt; padding: 10px 14px;
    border-radius: 12px; }}
QLineEdit, QPlainTextEdit {{ placeholder-text-color: {c.muted}; }}
QAbstractSpinBox QLineEdit {{ border: none; border-radius: 0; padding: 0; margin: 0;
    background: transparent; }}
QDateEdit {{ background: {c.surface}; border: 2px solid {c.strong_border}; border-radius: 8px;
    padding: 4px 6px; }}
QDateEdit:focus {{ border-color: {c.accent}; }}
QDateEdit::drop-down {{ border: none; width: 22px; }}
QDateEdit::down-arrow {{ image: url("{icons}/down.svg"); width: 14px; height: 14px; }}
QComboBox::drop-down {{ border: none; width: 26px; }}
QComboBox::down-arrow {{ image: url("{icons}/down.svg"); width: 14px; height: 14px; }}
QComboBox QAbstractItemView {{ background: {c.surface}; border: 1px solid {c.border};
    selection-background-color: {c.accent_soft}; selection-color: {c.text}; padding: 4px; }}
QSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::up-button,
QDoubleSpinBox::down-button {{ width: 0; border: none; }}
QPlainTextEdit[role="document"] {{ border: 2px solid transparent; background: {c.surface};
    padding: 6px 10px; border-radius: 0; }}
QPlainTextEdit[role="document"]:focus {{ border-color: {c.accent}; }}
QPlainTextEdit[role="code"] {{ border: 2px solid transparent; background: transparent;
    padding: 0 8px; }}
QPlainTextEdit[role="code"]:focus {{ border-color: {c.accent}; }}
QLineEdit[role="title"] {{ background: transparent; border-color: transparent; font-weight: 600; }}
QLineEdit[role="title"]:hover {{ border-color: {c.border}; }}
QLineEdit[role="title"]:focus {{ border-color: {c.accent}; background: {c.surface}; }}
QTextBrowser[role="answer"] {{ background: transparent; border: 2px solid transparent;
    border-radius: 8px; selection-background-color: {c.accent};
    selection-color: {c.on_accent}; }}
QTextBrowser[role="answer"]:focus {{ border-color: {c.accent}; }}

QListView, QTreeView {{ background: transparent; border: none; outline: none; }}
QListView[role="list"] {{ border: 2px solid transparent; border-radius: 10px; }}
QListView[role="list"]::item {{ padding: 8px 10px; border-radius: 8px; color: {c.text}; }}
QListView[role="list"]::item:hover {{ background: {c.hover}; }}
QListView[role="list"]::item:selected {{ background: {c.accent_soft}; color: {c.text}; }}
QListView[role="list"]:focus {{ border-color: {c.accent}; }}
QTreeView {{ border: 2px solid transparent; border-radius: 8px; background: {c.surface};
    alternate-background-color: {c.surface}; }}
QTreeView::item {{ padding: 5px 6px; border-bottom: 1px solid {c.border}; }}
QTreeView::item:selected {{ background: {c.accent_soft}; color: {c.text}; }}
QTreeView:focus {{ border-color: {c.accent}; }}
QHeaderView::section {{ background: {c.surface}; color: {c.muted}; border: none;
    border-bottom: 1px solid {c.border}; padding: 6px; font-size: {points * 0.9:g}pt; }}
QHeaderView {{ background: {c.surface}; }}

QCheckBox {{ spacing: 8px; border: 2px solid transparent; border-radius: 6px; padding: 3px; }}
QCheckBox:focus {{ border-color: {c.accent}; }}
QCheckBox::indicator {{ width: 14px; height: 14px; border: 2px solid {c.strong_border};
    border-radius: 5px; background: {c.surface}; }}
QCheckBox::indicator:hover {{ border-color: {c.accent}; }}
QCheckBox::indicator:checked {{ background: {c.fill}; border-color: {c.accent};
    image: url("{icons}/ticked.svg"); }}
QCheckBox::indicator:disabled {{ border-color: {c.muted}; }}
QSlider::groove:horizontal {{ height: 6px; background: {c.sunken}; border-radius: 3px; }}
QSlider::sub-page:horizontal {{ background: {c.accent}; border-radius: 3px; }}
QSlider::handle:horizontal {{ width: 16px; height: 16px; margin: -7px 0; border-radius: 10px;
    background: {c.surface}; border: 2px solid {c.accent}; }}
QSlider::handle:horizontal:focus {{ background: {c.accent}; border-color: {c.text}; }}
QProgressBar {{ background: {c.sunken}; border: none; border-radius: 3px; max-height: 6px;
    min-height: 6px; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: 3px; }}

QScrollArea {{ background: transparent; border: none; }}
QScrollArea[words="true"] {{ border: 2px solid transparent; border-radius: 8px; }}
QScrollArea[words="true"]:focus {{ border-color: {c.accent}; }}
QScrollArea > QWidget > QWidget[ground="none"] {{ background: transparent; }}
QScrollArea[picture="true"] {{ background: {c.sunken}; }}
QScrollBar:vertical {{ background: transparent; width: 12px; margin: 2px; }}
QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 2px; }}
QScrollBar::handle {{ background: {c.scroll}; border-radius: 4px; min-height: 32px;
    min-width: 32px; }}
QScrollBar::handle:hover {{ background: {c.strong_border}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QSplitter::handle {{ background: {c.border}; }}
QSplitter::handle:horizontal {{ width: 1px; }}
QMenu {{ background: {c.surface}; border: 1px solid {c.border}; padding: 5px; }}
QMenu::item {{ padding: 6px 22px; border-radius: 6px; }}
QMenu::item:selected {{ background: {c.accent_soft}; }}
QMenu::item:disabled {{ color: {c.muted}; }}
QMenu::icon {{ padding-left: 14px; }}
QMenu::separator {{ height: 1px; background: {c.border}; margin: 5px 8px; }}
"""
