import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from core.errors import UserError
from core.settings import DECLARED, Setting, Settings


def values(setting: Setting) -> st.SearchStrategy[Any]:
    low = 0 if setting.low is None else setting.low
    high = 10**6 if setting.high is None else setting.high
    if setting.choices:
        return st.sampled_from(setting.choices)
    if isinstance(setting.default, bool):
        return st.booleans()
    if isinstance(setting.default, int):
        return st.integers(int(low), int(high))
    if isinstance(setting.default, float):
        return st.floats(low, high)
    if isinstance(setting.default, tuple):
        return st.lists(st.text(max_size=10), max_size=4).map(tuple)
    if setting.form is not None:
        return st.sampled_from(["", "http://127.0.0.1:8080", "https://ai.example.org/v1"])
    return st.text(max_size=20)


@examples(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_set_comes_back(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    path = tmp_path_factory.mktemp("settings") / "settings.toml"
    chosen = data.draw(st.lists(st.sampled_from(DECLARED), unique=True, min_size=1))
    changes = {setting.key: data.draw(values(setting)) for setting in chosen}
    settings = Settings(path)
    settings.set(changes)
    for found in (settings, Settings(path)):
        for setting in DECLARED:
            assert found.get(setting.key) == changes.get(setting.key, setting.default)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["settings.toml"]


@pytest.mark.parametrize("setting", DECLARED, ids=lambda setting: setting.key)
def test_defaults_are_sound_and_explained(setting: Setting) -> None:
    assert setting.check(setting.default) == setting.default
    assert setting.help.endswith(".")


BAD: list[tuple[str, Any]] = [
    ("budget.disk_mb", 3.9),
    ("budget.disk_mb", "500"),
    ("budget.disk_mb", True),
    ("budget.disk_mb", float("nan")),
    ("budget.disk_mb", float("inf")),
    ("budget.ram_mb", float("inf")),
    ("budget.ram_mb", 10),
    ("remote.address", "ai.example.org"),
    ("files.exclude", "*.txt"),
    ("search.max_recomputes", 28.0),
    ("search.max_recomputes", 7),
    ("search.max_recomputes", 1001),
    ("assistant.model", 3),
    ("extract.timeout_s", None),
    ("no.such", 1),
]


@pytest.mark.parametrize(("key", "value"), BAD)
def test_bad_values_are_refused_and_nothing_is_written(
    tmp_path: Path, key: str, value: Any
) -> None:
    path = tmp_path / "settings.toml"
    settings = Settings(path)
    settings.set({"budget.disk_mb": 77.0})
    before = path.read_bytes()
    with pytest.raises(UserError) as caught:
        settings.set({"assistant.answer_tokens": 100, key: value})
    assert key in caught.value.title
    assert caught.value.advice
    assert path.read_bytes() == before
    assert settings.get("assistant.answer_tokens") == 200


@pytest.mark.parametrize(
    "text",
    [
        "not toml at all [",
        "[budget]\ndisk_mb = 1\n",
        "[budget]\ndisk_mb = nan\n",
        "[budget]\ndisk_mb = 'much'\n",
        "\0\0\0",
        "[search]\nmax_recomputes = 3.5\n",
    ],
)
def test_a_damaged_file_is_an_error_to_mend(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        Settings(path)
    assert caught.value.advice
    assert path.read_text() == text


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        Settings(path)


def test_what_is_unknown_stays(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('future = "x"\n[budget]\ndisk_mb = 40\nnew_kind = 3\n[later]\nkey = [1, 2]\n')
    settings = Settings(path)
    assert settings.number("budget.disk_mb") == 40.0
    settings.set({"budget.ram_mb": 900.0})
    assert tomllib.loads(path.read_text()) == {
        "future": "x",
        "budget": {"disk_mb": 40, "new_kind": 3, "ram_mb": 900.0},
        "later": {"key": [1, 2]},
    }


def test_a_value_where_a_table_should_be(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("budget = 5\n")
    with pytest.raises(UserError):
        Settings(path).set({"budget.ram_mb": 900.0})


def test_a_write_that_fails_keeps_the_old(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    settings = Settings(path)
    settings.set({"budget.disk_mb": 50.0})
    before = path.read_bytes()
    (tmp_path / ".settings.toml.tmp").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        settings.set({"budget.disk_mb": 60.0})
    assert path.read_bytes() == before
    assert settings.number("budget.disk_mb") == 50.0


def test_the_table_shows_every_setting(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "s.toml")
    settings.set({"files.exclude": ["*.log"]})
    table = {row["key"]: row for row in settings.table()}
    assert set(table) == {setting.key for setting in DECLARED}
    assert table["files.exclude"]["value"] == ["*.log"]
    assert table["budget.disk_mb"]["low"] == 4
    assert set(table["budget.disk_mb"]) == {
        "key", "value", "default", "low", "high", "choices", "help",
    }  # fmt: skip


def test_a_setting_is_asked_for_in_its_type(tmp_path: Path) -> None:
    settings = Settings(tmp_path / "s.toml")
    with pytest.raises(TypeError):
        settings.number("assistant.model")
    with pytest.raises(TypeError):
        settings.texts("budget.disk_mb")
    assert settings.text("assistant.model")
