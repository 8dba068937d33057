"""What a catalogue has to translate, read from the source: tr("...") in ui/."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def tables(language: str) -> dict[str, dict[str, str]]:
    """The tables of a language's file."""
    path = ROOT / "resources" / "languages" / f"{language}.toml"
    return tomllib.loads(path.read_text("utf-8"))


def calls_of_tr() -> Iterator[tuple[str, ast.Call]]:
    """Every call of tr in the window, with where it stands."""
    for path in sorted((ROOT / "ui").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "tr":
                yield f"{path.name}:{node.lineno}", node


def window_texts() -> set[str]:
    """Every text that the window puts through tr; raises where one is not plainly there."""
    found = set()
    for where, call in calls_of_tr():
        text = call.args[0] if call.args else None
        assert isinstance(text, ast.Constant), f"{where}: tr() needs the text itself"
        assert isinstance(text.value, str)
        found.add(text.value)
    return found


# --- what the service says ----------------------------------------------------------------

GAP = "\0"
MOST_ALTERNATIVES = 24
# Where a text that is shown stands among the arguments of these.
SHOWN = {
    "UserError": (0, 1),
    "Failed": (1, 2),
    "FileError": (1,),
    "AnswerNote": (1,),
    "Setting": (2,),
}
A_CLASS = re.compile(r"^class (\w+)\((\w+)\):", re.MULTILINE)

Shown = Mapping[str, tuple[int, ...]]
# Modules whose every sentence may be shown in the window.
SENTENCES = (
    "app/extractors.py", "app/limits.py", "app/mistakes.py", "app/model_shape.py",
    "app/reading.py", "app/search_mode.py", "app/standing.py", "app/work.py",
    "core/budget/govern.py", "core/budget/plan.py", "core/budget/words.py",
    "core/chat/remote_engine.py", "core/chat/remote_wire.py", "core/chat/routing.py",
    "core/download.py", "core/settings.py", "core/files/defaults.py", "core/files/rules.py",
    "core/files/scan.py", "core/files/watch.py",
    "core/index/limit.py", "core/index/quarantine.py", "core/index/room.py",
    "core/llm/kv/native_cells.py", "core/llm/runtime.py",
    "core/llm/admit.py", "core/llm/gguf.py", "core/llm/experts/slim.py",
    "core/text/archive.py", "core/text/convert.py", "core/text/document.py",
    "core/text/epub.py", "core/text/formats.py", "core/text/notebook.py",
    "core/text/old_office.py", "core/text/page_picture.py", "core/text/pdf.py",
    "core/text/recognise.py", "core/text/rtf.py", "core/text/sheets.py", "core/text/source.py",
    "core/text/subtitles.py", "core/text/wanted.py", "core/web.py",
)  # fmt: skip
# What only the command line says, and the texts that are data.
NOT_SHOWN = (
    "app/cli.py", "app/commands.py", "app/conversation_command.py", "app/personal_options.py",
    "app/removal.py", "core/removal.py",
)  # fmt: skip

OF_PROGRAMMERS = ("TypeError", "ValueError", "AssertionError")
# What has spaces, but is not said to anybody: endings of files, names of formats and fields.
DATA = re.compile(
    r"\.[a-z]|System Volume|text/|extractor:|(MS|StarOffice|Bearer|Cell|date|meta|title) "
)

Env = dict[str, list[ast.expr]]


def service_texts() -> tuple[set[str], set[str]]:
    """The texts of the service that the window may show, with %1, %2 ... for their gaps; then
    these and such as have no words beside their gaps.
    """
    found = _good_for()
    sources = {
        path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
        for folder in ("app", "core")
        for path in sorted((ROOT / folder).rglob("*.py"))
    }
    shown = _with_kinds(sources.values())
    call = re.compile(rf"\b({'|'.join(shown)})\(")
    for name, source in sources.items():
        every_sentence = name in SENTENCES
        if name not in NOT_SHOWN and (every_sentence or call.search(source)):
            found |= _texts_of(ast.parse(source), shown, every_sentence)
    every = {_numbered(text) for text in found if not DATA.match(text)}
    return {text for text in every if _has_words(text)}, every


def _with_kinds(sources: Iterable[str]) -> Shown:
    """The same for the kinds of these errors, which are called alike."""
    shown = dict(SHOWN)
    classes = [pair for source in sources for pair in A_CLASS.findall(source)]
    while new := {kind: shown[of] for kind, of in classes if of in shown and kind not in shown}:
        shown.update(new)
    return shown


def _good_for() -> set[str]:
    """What the catalogues of models say of each."""
    lists = (ROOT / "resources" / name for name in ("models.toml", "embedding-models.toml"))
    tables = (tomllib.loads(path.read_text("utf-8")) for path in lists)
    models = [
        one for table in tables for rows in table.values() if isinstance(rows, list) for one in rows
    ]
    return {one["good_for"] for one in models if "good_for" in one}


def _texts_of(module: ast.Module, shown: Shown, every_sentence: bool) -> set[str]:
    of_module = _assigned(module.body)
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    found: set[str] = set()
    for scope in (module, *functions):
        inside = list(ast.walk(scope)) if scope is not module else list(_beside_functions(module))
        env = {**of_module, **_assigned(inside)} if scope is not module else of_module
        for node in inside:
            for text in _shown(node, shown):
                found.update(_alternatives(text, env))
        if every_sentence:
            texts = (text for node in _outermost(scope, env) for text in _alternatives(node, env))
            found.update(text for text in texts if " " in text and "\\" not in text)
    return found


def _beside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from _beside_functions(child)


def _shown(node: ast.AST, shown: Shown) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        for at in shown.get(name, ()):
            if at < len(node.args):
                yield node.args[at]


def _assigned(nodes: Sequence[ast.AST]) -> Env:
    env: Env = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            env.setdefault(node.targets[0].id, []).append(node.value)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            env.setdefault(node.target.id, []).append(node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            env[node.target.id] = [ast.Name("?")]  # grows: cannot be told
    return env


def _alternatives(node: ast.expr, env: Env) -> list[str]:
    """The texts that an expression may be; what cannot be told is a gap."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return _product([_alternatives(part, env) for part in parts])
        case ast.FormattedValue(value=value, format_spec=None, conversion=-1):
            return _alternatives(value, env)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _product([_alternatives(left, env), _alternatives(right, env)])
        case ast.IfExp(body=body, orelse=orelse):
            return _alternatives(body, env) + _alternatives(orelse, env)
        case ast.Name(id=name) if name in env:
            rest = {key: value for key, value in env.items() if key != name}
            found = [text for value in env[name] for text in _alternatives(value, rest)]
            return found if len(found) <= MOST_ALTERNATIVES else [GAP]
    return [GAP]


def _product(parts: list[list[str]]) -> list[str]:
    texts = [""]
    for part in parts:
        texts = [text + more for text in texts for more in dict.fromkeys(part)]
        if len(texts) > MOST_ALTERNATIVES:
            return [GAP]
    return texts


def _outermost(scope: ast.AST, env: Env) -> Iterator[ast.expr]:
    """Every text of a function that is not part of another one, nor a docstring.

    What a function only puts into other texts comes with these.
    """
    parts = {
        node.value.id
        for node in ast.walk(scope)
        if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name)
    }
    parts = {
        name for name in parts if name in env and GAP not in _alternatives(ast.Name(name), env)
    }
    stack: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef):
            continue  # has a scope of its own
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in parts:
            continue
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in OF_PROGRAMMERS:
            continue
        if isinstance(node, ast.Return) and getattr(node.value, "id", "") in parts:
            assert node.value is not None
            yield node.value
            continue
        if isinstance(node, ast.IfExp):
            chosen = _alternatives(node, env)
            if set(chosen) != {GAP}:
                yield node
                stack.append(node.test)
                continue
        if isinstance(node, (ast.Constant, ast.JoinedStr)) or (
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add)
        ):
            yield node
            calls = [part.value for part in ast.walk(node) if isinstance(part, ast.FormattedValue)]
            stack.extend(arg for call in calls if isinstance(call, ast.Call) for arg in call.args)
            continue
        stack.extend(ast.iter_child_nodes(node))


def _has_words(text: str) -> bool:
    return any(letter.isalpha() for letter in text)


def _numbered(text: str) -> str:
    parts = text.split(GAP)
    return parts[0] + "".join(f"%{n}{part}" for n, part in enumerate(parts[1:], start=1))
