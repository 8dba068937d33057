"""llama.cpp finds its environment set, whoever of us loads it first."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def imports_llama(path: Path) -> bool:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return "llama_cpp" in names


def test_one_module_loads_it() -> None:
    """Two threads are several times slower when its barriers spin, so the order counts."""
    files = [file for room in ("app", "core", "ui") for file in (ROOT / room).rglob("*.py")]
    assert [file.name for file in files if imports_llama(file)] == ["library.py"]


def test_the_environment_is_there_before_it() -> None:
    code = (
        "import os, sys; os.environ.pop('GOMP_SPINCOUNT', None); import core.llm.devices; "
        "assert 'llama_cpp' in sys.modules; print(os.environ['GOMP_SPINCOUNT'])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert run.stdout.strip() == "1000", run.stderr
