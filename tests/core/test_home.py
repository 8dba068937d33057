import os
import stat
from pathlib import Path

import pytest

from core.errors import UserError
from core.home import Home, find_home


def test_the_option_wins_over_the_environment(tmp_path: Path) -> None:
    environment = {"SATCHEL_HOME": str(tmp_path / "env"), "SATCHEL_MODELS": str(tmp_path / "m")}
    assert find_home(str(tmp_path / "opt"), environment).data.parent == tmp_path / "opt"
    assert find_home(None, environment).data.parent == tmp_path / "env"
    assert find_home(None, environment).models == tmp_path / "m"


def test_without_a_word_the_platform_decides() -> None:
    home = find_home(None, {})
    assert home.data.is_absolute()
    assert len({home.config, home.data, home.cache}) == 3
    for root in home.roots():
        assert not home.models.is_relative_to(root)


def test_models_are_shared_by_all_homes(tmp_path: Path) -> None:
    one, two = find_home(str(tmp_path / "a"), {}), find_home(str(tmp_path / "b"), {})
    assert one.models == two.models


def test_a_relative_home_and_the_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert find_home("x", {}).data.parent == tmp_path / "x"
    assert find_home("~/x", {}).data.parent == tmp_path / "me" / "x"


def test_the_tilde_of_nobody_is_an_error_to_mend() -> None:
    with pytest.raises(UserError):
        find_home("~nobody-of-this-name/x", {})


def test_everything_is_the_owners_only(tmp_path: Path) -> None:
    home = find_home(str(tmp_path / "h"), {})
    old = os.umask(0)
    try:
        home.create()
    finally:
        os.umask(old)
    made = list((tmp_path / "h").rglob("*"))
    assert len(made) >= 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700}


def test_what_cannot_be_a_home_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "file", tmp_path / ("n" * 300)):
        with pytest.raises(UserError, match="--home") as caught:
            find_home(str(place), {}).create()
        assert str(place) in caught.value.title


def test_no_root_lies_inside_another(tmp_path: Path) -> None:
    home = Home(tmp_path / "a", tmp_path / "a" / "b", tmp_path / "c", tmp_path / "m")
    assert home.roots() == (tmp_path / "a", tmp_path / "c")
