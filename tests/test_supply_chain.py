"""What is fetched is known by its hash, and nothing that is read can bring code with it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.download import PackageSource
from core.index.models import load_embedding_catalogue
from core.llm.catalogue import load_catalogue
from core.web import Address

ROOT = Path(__file__).parents[1]
HASH = re.compile(r"[0-9a-f]{64}")
# Each of them runs code that the data names, or stores data that does.
RUNS_CODE = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib",
             "dbm", "jsonpickle", "yaml", "imp"}  # fmt: skip
CALLS = {"eval", "exec", "compile", "__import__"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("app", "core", "ui", "packaging"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text("utf-8"))


def dangers(tree: ast.Module) -> Iterator[str]:
    """What in a module could run code out of data."""
    sends_objects = False
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        yield from (name for name in names if name.split(".")[0] in RUNS_CODE)
        sends_objects |= "multiprocessing.connection" in names
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        called, keywords = node.func, {keyword.arg: keyword.value for keyword in node.keywords}
        if isinstance(called, ast.Name) and called.id in CALLS:
            yield called.id
        if not isinstance(called, ast.Attribute):
            continue
        owner = called.value.id if isinstance(called.value, ast.Name) else ""
        if called.attr == "recv" and sends_objects:
            yield "recv of whole objects, which are pickled"
        if (owner, called.attr) == ("np", "load"):
            allowed = keywords.get("allow_pickle")
            if not (isinstance(allowed, ast.Constant) and allowed.value is False):
                yield "np.load that could unpickle"
        if (owner, called.attr) in (("torch", "load"), ("hnswlib", "load_index")):
            yield f"{owner}.{called.attr}"


def test_no_module_can_run_code_out_of_data() -> None:
    found = {name: list(dangers(tree)) for name, tree in sources()}
    assert len(found) > 200
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "import numpy as np\nnp.load(f)",
        "import numpy as np\nnp.load(f, allow_pickle=True)",
        "from multiprocessing.connection import Client\nClient(a).recv()",
        "eval(text)",
        "torch.load(f)",
    ],
)
def test_the_look_for_dangers_sees_them(code: str) -> None:
    assert list(dangers(ast.parse(code)))


def test_no_array_that_ships_holds_objects() -> None:
    files = sorted((ROOT / "resources").rglob("*.npz"))
    assert files
    for path in files:
        with np.load(path, allow_pickle=False) as data:
            assert all(data[name].dtype != object for name in data.files)


def test_every_model_of_the_catalogues_is_known_by_size_and_hash() -> None:
    language, embedding = load_catalogue(), load_embedding_catalogue()
    assert language
    assert embedding
    for file in (*language, *(file for entry in embedding for file in entry.files)):
        assert file.size_bytes > 0, file.name
        assert HASH.fullmatch(file.sha256), file.name
        source = file.source
        if isinstance(source, PackageSource):
            assert HASH.fullmatch(source.wheel_sha256), file.name
            assert source.wheel_bytes > 0, file.name
        else:
            assert isinstance(source, Address)
            assert source.url.startswith("https://"), file.name
            assert (source.size_bytes, source.sha256) == (file.size_bytes, file.sha256), file.name
