"""The doors between the rooms: which package may import what. See ARCHITECTURE.md."""

import ast
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "core", "ui")

# `ui` draws; all it knows of `core` is what crosses the channel.
UI_MAY_IMPORT_FROM_CORE = ("core.messages", "core.errors")
QT = ("PySide6", "shiboken6")
# They cost hundreds of megabytes and many seconds: only the one-time preparation pays for them.
PREPARE_ONLY = ("torch", "sentence_transformers")
PREPARE = PurePosixPath("core/index/prepare.py")
# Loading one runs whatever its writer put in.
NEVER = ("pickle", "shelve")


def imported_modules(path: PurePosixPath, source: str) -> Iterator[tuple[int, str]]:
    """Yields (line, dotted name) of all that a module imports, also inside functions.

    `from a import b` gives `a.b`, for `b` may be a module. Relative imports are resolved.
    Imports by a literal name (`import_module("a")`, `__import__("a")`) count too.
    """
    for node in ast.walk(ast.parse(source, filename=str(path))):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield node.lineno, alias.name
            case ast.ImportFrom(module=module, names=names, level=level):
                base = [*path.parts[: len(path.parts) - level]] if level else []
                base += [module] if module else []
                for alias in names:
                    yield node.lineno, ".".join(base if alias.name == "*" else [*base, alias.name])
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def is_within(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of these packages or inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def reason_against(path: PurePosixPath, name: str) -> str | None:
    """Why the module at `path` may not import `name`; None when it may."""
    room = path.parts[0]
    to_core = is_within(name, ("core",)) and not is_within(name, UI_MAY_IMPORT_FROM_CORE)
    rules = (
        (is_within(name, NEVER), "loading it can run foreign code"),
        (
            is_within(name, PREPARE_ONLY) and path != PREPARE,
            f"only {PREPARE} may, for it is not installed at run time",
        ),
        (room == "core" and is_within(name, ("app", "ui")), "core knows nothing of app and ui"),
        (room == "core" and is_within(name, QT), "core has no Qt"),
        (room == "ui" and is_within(name, ("app",)), "ui knows nothing of app"),
        (room == "ui" and is_within(name, ("numpy",)), "the window process holds no numpy"),
        (room == "ui" and to_core, f"of core, ui may import only {UI_MAY_IMPORT_FROM_CORE}"),
    )
    return next((reason for broken, reason in rules if broken), None)


def breaches(path: PurePosixPath, source: str) -> list[str]:
    """Every forbidden import of one module, as `path:line: imports name: reason`."""
    return [
        f"{path}:{line}: imports {name}: {reason}"
        for line, name in imported_modules(path, source)
        if (reason := reason_against(path, name)) is not None
    ]


def test_every_module_keeps_to_its_doors() -> None:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    assert files
    found = [
        breach
        for file in files
        for breach in breaches(
            PurePosixPath(file.relative_to(ROOT).as_posix()), file.read_text(encoding="utf-8")
        )
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/budget/plan.py", "import app"),
        ("core/budget/plan.py", "from ui.window import Window"),
        ("core/budget/plan.py", "from PySide6.QtCore import QObject"),
        ("core/budget/plan.py", "def late():\n    import app.cli"),
        ("core/budget/plan.py", "from ... import app"),
        ("core/budget/plan.py", "import importlib\nimportlib.import_module('app.cli')"),
        ("core/budget/plan.py", "__import__('ui')"),
        ("core/budget/plan.py", "import pickle"),
        ("core/budget/plan.py", "from pickle import loads"),
        ("core/index/embedder.py", "import torch.nn"),
        ("core/index/embedder.py", "from sentence_transformers import SentenceTransformer"),
        ("app/cli.py", "import torch"),
        ("ui/window.py", "import numpy as np"),
        ("ui/window.py", "import app.stdio"),
        ("ui/window.py", "import core"),
        ("ui/window.py", "from core import store"),
        ("ui/window.py", "from core import *"),
        ("ui/window.py", "from core.budget.plan import Plan"),
        ("ui/window.py", "from core.messages_of_another_kind import Hit"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str) -> None:
    assert len(breaches(PurePosixPath(path), source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("core/budget/plan.py", "import numpy as np\nfrom core.errors import UserError"),
        ("core/budget/plan.py", "from . import measure\nfrom ..errors import UserError"),
        ("core/budget/plan.py", "import application, uikit"),
        ("core/budget/plan.py", "# import app\nTEXT = 'import pickle'"),
        ("core/index/prepare.py", "import torch\nimport sentence_transformers"),
        ("app/cli.py", "from ui.window import Window\nfrom core.store import catalogue"),
        ("ui/window.py", "from core import messages\nfrom core.errors import UserError"),
        ("ui/window.py", "from PySide6.QtWidgets import QWidget\nfrom .theme import colours"),
    ],
)
def test_an_allowed_import_passes(path: str, source: str) -> None:
    assert breaches(PurePosixPath(path), source) == []
