"""Where a question is to be answered from: a folder, or files, as they were named."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from app.checks import why
from core.digest.asked import task_asked
from core.errors import UserError
from core.files.folders import absolute, load_folders
from core.files.paths import is_under
from core.home import Home
from core.messages import Ask, DigestInstead, Scope

if TYPE_CHECKING:
    from app.service import Service

MOST_FILES = 100


def known_folder(home: Home, folder: str) -> str:
    """The absolute path of a folder in a watched one. Raises UserError for others."""
    path = absolute(folder)
    if any(is_under(path, watched.path) for watched in load_folders(home.folders)):
        return path
    raise UserError(
        f"{path} is not inside a watched folder.", "See the folders with `satchel folders list`."
    )


def whole_paths(scope: Scope) -> Scope:
    """A scope with absolute paths, each once. Raises UserError where it asks too much."""
    files = tuple(dict.fromkeys(map(absolute, scope.files)))
    if scope.folder is not None and files:
        raise UserError(
            "A question is put to a folder or to files, not to both.", "Leave one of them out."
        )
    if len(files) > MOST_FILES:
        raise UserError(
            f"These are {len(files)} files.", f"Choose at most {MOST_FILES}, or their folder."
        )
    return Scope(None if scope.folder is None else absolute(scope.folder), files)


def check_indexed(service: Service, scope: Scope) -> None:
    """Raises UserError when a folder or file of a scope cannot be searched, and says why."""
    if scope.folder is not None:
        known_folder(service.home, scope.folder)
    catalogue = service.catalogue()
    folders = load_folders(service.home.folders)
    for path in scope.files:
        if catalogue.document_at(path) is None:
            found = why(path, folders, service.engine.rules, catalogue.files)
            raise UserError(
                f"{path} is not in the index: {found.rule}.",
                "Leave it out of the question, or add its folder and let it be indexed.",
            )


def digest_instead(message: Ask, question: str, scope: Scope) -> DigestInstead | None:
    """The digest that a question asks for, of files older first; None where it is an ordinary
    question.
    """
    if scope.folder is not None or message.remote:
        return None
    task = task_asked(question, len(scope.files))
    if task is None:
        return None
    return DigestInstead(message.id, task, tuple(sorted(scope.files, key=_changed_ns)))


def _changed_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - the path may not be UTF-8
    except OSError:
        return 0  # the digest says what is wrong with it
