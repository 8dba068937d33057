"""Each language has every text, with the same gaps, and no other; numbers are as it has them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from catalogue import ROOT, service_texts, tables, window_texts
from PySide6.QtCore import QDate, QLocale
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu

from app.window import chosen_language
from core.budget.govern import Cause, Decision, Readings, Stage, _in_words
from core.budget.words import level_in_words
from core.index.levels import LEVELS
from core.messages import AnswerNote, Failed, FileFailed, SearchResults, State
from core.settings import DECLARED
from core.text.wanted import needs_recognition
from ui.editors import choice_names
from ui.heard import heard
from ui.language import ENGLISH, LANGUAGES, Catalogue, language_of, locale_of, speak
from ui.phrases import gaps_of
from ui.setting_names import name_and_unit
from ui.text import (
    count_text,
    day_text,
    difference_text,
    keys_text,
    number_text,
    size_text,
    spoken,
    tr,
)

OTHERS = [language for language in LANGUAGES if language != ENGLISH]
AMERICAN = QLocale("en_US")


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_of_the_window_is_translated_and_no_other(language: str) -> None:
    texts = window_texts()
    translated = tables(language)["window"]
    assert sorted(texts - set(translated)) == [], "without a translation"
    assert sorted(set(translated) - texts) == [], "no text of the window any more"


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_of_the_service_is_translated_and_no_other(language: str) -> None:
    texts, every = service_texts()
    translated = tables(language)["service"]
    assert sorted(texts - set(translated)) == [], "without a translation"
    assert sorted(set(translated) - every) == [], "no text of the service any more"


@pytest.mark.usefixtures("german")
def test_each_sentence_is_found_whatever_stands_in_its_gaps() -> None:
    table = tables("de")["service"]
    for text, said in table.items():
        if "%T" in said:
            continue  # needs another text in its gap; the tests below have such
        values = {f"%{n}": f"/x/{n}" for n in gaps_of(text)}
        filled, wanted = text, said.replace("%L", "%")
        for gap, value in values.items():
            filled, wanted = filled.replace(gap, value), wanted.replace(gap, value)
        assert spoken(filled) == wanted


@pytest.mark.usefixtures("german")
def test_what_the_service_puts_together_is_taken_apart() -> None:
    for level in LEVELS:
        words = spoken(level_in_words(level))
        assert words.startswith(f"Der Index ist auf der Stufe {level.name}: Er behält"), words
        assert not re.search(" passages? | best | code ", words), words
    readings = Readings(disk_free_bytes=400_000_000, battery_share=0.34)
    causes = [_in_words(cause, readings) for cause in Cause]
    held = Decision(Stage.WORK_HELD, tuple(Cause), tuple(causes))
    assert spoken(held.why or "").startswith("weil ")
    assert "Akkubetrieb läuft (34 %)" in spoken(held.why or "")
    assert "fast voll ist (400 MB frei)" in spoken(held.why or "")
    reason = needs_recognition("holds only pictures of pages")
    assert spoken(reason).startswith("enthält nur Bilder von Seiten; ")
    assert (
        spoken("Give a number of at least 0.01.") == "Geben Sie eine Zahl von mindestens 0,01 an."
    )


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_gaps_of_its_text_and_says_something(language: str) -> None:
    found = tables(language)
    for text, said in {**found["window"], **found["service"]}.items():
        assert sorted(gaps_of(said)) == sorted(gaps_of(text)), text
        assert said.strip(), text
        assert said[:1].isspace() == text[:1].isspace(), text
        assert said[-1:].isspace() == text[-1:].isspace(), text
        assert said.count("\t") == text.count("\t"), text


def test_no_text_is_translated_before_the_language_is_known() -> None:
    """A tr() outside a function would run at import."""
    for path in (ROOT / "ui").glob("*.py"):
        outside = ast.parse(path.read_text("utf-8"))
        for node in list(ast.walk(outside)):
            if isinstance(node, (ast.FunctionDef, ast.Lambda)):
                node.body = [] if isinstance(node.body, list) else ast.Constant(None)
        names = [node.id for node in ast.walk(outside) if isinstance(node, ast.Name)]
        assert "tr" not in names, path


def test_every_setting_and_choice_of_the_language_has_a_name_in_words() -> None:
    texts = window_texts()
    for setting in DECLARED:
        if setting.key.partition(".")[0] != "budget" and setting.key != "window.welcomed":
            assert name_and_unit(setting.key)[0] in texts, setting.key
    offered = next(setting for setting in DECLARED if setting.key == "window.language")
    assert set(offered.choices) == {"system", *LANGUAGES} == set(choice_names("window.language"))


@pytest.mark.parametrize(
    ("choice", "system", "language", "locale"),
    [
        ("system", "de_AT", "de", "de_AT"),
        ("system", "fr_FR", "en", "en_US"),
        ("system", "en_GB", "en", "en_GB"),
        ("system", "C", "en", "en_US"),
        ("de", "en_GB", "de", "de_DE"),
        ("en", "de_DE", "en", "en_US"),
        ("xx", "de_DE", "de", "de_DE"),
    ],
)
def test_language_and_locale_follow_the_choice_then_the_system(
    choice: str, system: str, language: str, locale: str
) -> None:
    of_system = QLocale(system)
    assert language_of(choice, of_system) == language
    assert locale_of(language, of_system).name() == locale


def test_english_needs_no_catalogue(qapp: QApplication) -> None:
    before = set(qapp.findChildren(Catalogue))
    speak(qapp, "en", AMERICAN)
    assert set(qapp.findChildren(Catalogue)) == before
    assert tr("Storage") == "Storage"
    assert size_text(1_234_000) == "1.2 MB"


@pytest.mark.usefixtures("german")
def test_texts_numbers_and_dates_are_german() -> None:
    assert tr("Storage") == "Speicher"
    assert tr("No such text") == "No such text"
    assert count_text(12_345) == "12.345"
    assert size_text(1_234_000) == "1,2 MB"
    assert difference_text(0, 2_500) == "+2,5 kB"
    assert number_text(0.5, 1) == "0,5"
    assert day_text(QDate(2024, 3, 14)) == "14. März 2024"
    assert keys_text("Ctrl+1") == "Strg+1"


@pytest.mark.usefixtures("german")
def test_the_menus_that_qt_makes_are_german() -> None:
    field = QLineEdit()
    menu = field.createStandardContextMenu()
    assert isinstance(menu, QMenu)
    assert any("Einfügen" in action.text().replace("&", "") for action in menu.actions())
    menu.deleteLater()


@pytest.mark.usefixtures("german")
def test_sentences_of_the_service_are_put_into_the_language_as_they_come() -> None:
    assert heard(Failed(1, "Cancelled.", "")) == Failed(1, "Abgebrochen.", "")
    assert heard(AnswerNote(1, "Cancelled.", True)) == AnswerNote(1, "Abgebrochen.", True)
    assert heard(FileFailed(1, "/a", "is no longer there", "missing")) == FileFailed(
        1, "/a", "ist nicht mehr da", "missing"
    )
    results = SearchResults(1, (), True, note="Cancelled.")
    assert getattr(heard(results), "note", "") == "Abgebrochen."
    assert heard(SearchResults(2, (), True)) == SearchResults(2, (), True)
    assert heard(State(0, "idle")) == State(0, "idle")


@pytest.mark.parametrize(
    ("settings", "language"),
    [
        (b'[window]\nlanguage = "de"\n', "de"),
        (b'[window]\ntheme = "dark"\n', "system"),
        (b"window = 3\n", "system"),
        (b"[window\n", "system"),
        (b"\xff\xfe", "system"),
        (None, "system"),
    ],
)
def test_the_window_reads_its_language_before_the_service_answers(
    tmp_path: Path, settings: bytes | None, language: str
) -> None:
    if settings is not None:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "settings.toml").write_bytes(settings)
    assert chosen_language(str(tmp_path)) == language


def test_a_bundle_has_qt_s_own_texts_in_each_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "packaging"))
    import bundle_rules

    where = "PySide6/Qt/translations/qtbase_%s.qm"
    assert not any(bundle_rules.is_dead_weight(where % language) for language in OTHERS)
    assert bundle_rules.is_dead_weight(where % "fr")
