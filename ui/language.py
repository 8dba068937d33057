"""The language of the window: which one, its texts, and how numbers and dates are written."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QObject, QTranslator

from ui.phrases import Phrases
from ui.text import SAID, TEXTS

FOLDER = Path(__file__).parents[1] / "resources" / "languages"
ENGLISH = "en"
REMEMBERED = 2000
LANGUAGES = {ENGLISH: QLocale.Language.English, "de": QLocale.Language.German}


def language_of(choice: str, system: QLocale) -> str:
    """The language for what the person chose; "system" is the first of its that we have."""
    if choice in LANGUAGES:
        return choice
    wanted = (name.partition("-")[0].lower() for name in system.uiLanguages())
    return next((name for name in wanted if name in LANGUAGES), ENGLISH)


def locale_of(language: str, system: QLocale) -> QLocale:
    """How numbers and dates are written beside texts in a language: as the system does, where
    it speaks that language, else as where it is spoken most.
    """
    if system.language() == LANGUAGES[language]:
        return system
    return QLocale(LANGUAGES[language])


class Catalogue(QTranslator):
    """The texts of one language, from its file."""

    def __init__(self, path: Path, locale: QLocale, parent: QObject | None = None) -> None:
        """Read the file; raises OSError or tomllib.TOMLDecodeError when it cannot be."""
        super().__init__(parent)
        tables = tomllib.loads(path.read_text("utf-8"))
        self._texts: dict[str, str] = tables["window"]
        phrases = Phrases(
            tables["service"],
            tables["joints"],
            point=locale.decimalPoint(),
            group=locale.groupSeparator(),
            percent=tables["numbers"]["%"],
        )
        self._say = lru_cache(REMEMBERED)(phrases.say)  # a list asks for its rows again and again

    def isEmpty(self) -> bool:  # noqa: N802 - Qt's name
        """Whether there is nothing in it; Qt would not use it."""
        return False

    def translate(
        self,
        context: str,
        text: str,
        disambiguation: str | None = None,  # noqa: ARG002 - Qt's signature
        n: int = -1,  # noqa: ARG002
    ) -> str:
        """The text in this language; None, whatever Qt's stubs say, is not known here."""
        found = None
        if context == TEXTS:
            found = self._texts.get(text)
        elif context == SAID:
            found = self._say(text)
        return found  # type: ignore[return-value]


def speak(application: QCoreApplication, choice: str, system: QLocale | None = None) -> None:
    """Make the whole application speak the language: before anything of it is drawn.

    Qt's own texts, such as those of the menu of a text field, come from Qt's file.
    """
    system = system or QLocale.system()
    language = language_of(choice, system)
    locale = locale_of(language, system)
    QLocale.setDefault(locale)
    if language == ENGLISH:
        return
    of_qt = QTranslator(application)
    where = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if of_qt.load(f"qtbase_{language}", where):
        application.installTranslator(of_qt)
    application.installTranslator(Catalogue(FOLDER / f"{language}.toml", locale, application))
