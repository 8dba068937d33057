"""What set-up relies on: locks that fit pyproject.toml, and the same places as the application."""

import importlib
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import appdirs
import pytest

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"
SCRIPTS = (
    "console",
    "places",
    "locks",
    "environment",
    "wheels",
    "models",
    "setup_env",
    "third_party",
    "deb",
)


class Scripts:
    """The set-up scripts, which are no package: they run before there is one."""

    def __getattr__(self, name: str) -> ModuleType:
        return importlib.import_module(name)


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripts]:
    monkeypatch.syspath_prepend(str(PACKAGING))
    yield Scripts()
    for name in SCRIPTS:
        sys.modules.pop(name, None)


def pins(scripts: Scripts, name: str) -> dict[str, str]:
    return {each.name: each.version for each in scripts.locks.read_lock(PACKAGING / name)}


def asked_for(requirements: list[str]) -> dict[str, str]:
    pairs = (requirement.split("==") for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def test_locks_hold_what_pyproject_asks_for(scripts: Scripts) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime = asked_for(project["project"]["dependencies"])
    development = asked_for(project["dependency-groups"]["dev"])
    assert runtime.items() <= pins(scripts, "runtime.lock").items(), "run `make lock`"
    assert (runtime | development).items() <= pins(scripts, "dev.lock").items(), "run `make lock`"


def test_development_installs_the_versions_that_ship(scripts: Scripts) -> None:
    assert pins(scripts, "runtime.lock").items() <= pins(scripts, "dev.lock").items()


def test_the_model_is_prepared_with_the_versions_that_run_it(scripts: Scripts) -> None:
    runtime, prepare = pins(scripts, "runtime.lock"), pins(scripts, "prepare.lock")
    for name in ("openvino", "tokenizers", "numpy", "msgspec"):
        assert runtime[name] == prepare[name]


@pytest.mark.parametrize("lock", sorted(path.name for path in PACKAGING.glob("*.lock")))
def test_every_locked_package_has_a_hash_and_no_address(scripts: Scripts, lock: str) -> None:
    assert "://" not in (PACKAGING / lock).read_text(encoding="utf-8")
    requirements = scripts.locks.read_lock(PACKAGING / lock)
    assert requirements
    for requirement in requirements:
        assert "--hash=sha256:" in requirement.text


@pytest.mark.parametrize("lock", ["runtime.lock", "dev.lock", "prepare.lock"])
def test_nothing_that_reports_home_or_fills_the_disk_is_locked(scripts: Scripts, lock: str) -> None:
    names = set(pins(scripts, lock))
    assert not names & {"torch", "openvino-telemetry"}
    assert not {name for name in names if name.startswith("nvidia")}


def test_the_list_of_third_parties_is_current(scripts: Scripts) -> None:
    text = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    assert text == scripts.third_party.document(), "run `make third-party`"
    for name in pins(scripts, "runtime.lock"):
        assert f"| {name} |" in text or name == "httpx2-jsfetch"  # for browsers only


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-3.0-only AND MIT OR BSD-3-Clause", True),
        ("GPL-3.0-only AND (MIT OR BSD-3-Clause)", False),
        ("(GPL-3.0-only OR MIT) AND BSD-3-Clause", True),
        ("MIT License", False),
        ("MIT AND", False),
        ("", False),
    ],
)
def test_only_licences_that_are_allowed_get_in(
    scripts: Scripts, expression: str, allowed: bool
) -> None:
    assert scripts.third_party.allows(expression, frozenset({"MIT", "BSD-3-Clause"})) is allowed


def test_an_unknown_or_refused_licence_stops_the_list(
    scripts: Scripts,
) -> None:
    rules = tomllib.loads((PACKAGING / "licences.toml").read_text(encoding="utf-8"))
    strict = {**rules, "allowed": [name for name in rules["allowed"] if name != "LGPL-3.0-only"]}
    with pytest.raises(scripts.console.SetupError, match="pyside6-essentials is under"):
        scripts.third_party.runtime_parts(strict)
    silent = {key: value for key, value in rules["declared"].items() if key != "pywin32"}
    with pytest.raises(scripts.console.SetupError, match="pywin32 is not known"):
        scripts.third_party.runtime_parts({**rules, "declared": silent})


def test_a_lock_entry_keeps_its_marker(scripts: Scripts, tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(
        "# head\n\na==1 ; sys_platform == 'win32' \\\n    --hash=sha256:00\n    # via b\n"
        "b-c==2.0 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02\n"
    )
    first, second = scripts.locks.read_lock(lock)
    assert first.pin == "a==1 ; sys_platform == 'win32'"
    assert second.pin == "b-c==2.0"
    assert second.text.count("--hash") == 2
    assert "# via" not in first.text


def test_models_lie_where_the_application_looks(
    scripts: Scripts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SATCHEL_MODELS", raising=False)
    expected = Path(appdirs.user_data_dir("satchel", appauthor=False)) / "models"
    assert scripts.places.models_dir() == expected
    monkeypatch.setenv("SATCHEL_MODELS", str(tmp_path))
    assert scripts.places.models_dir() == tmp_path


def test_a_processor_without_avx2_gets_a_build_of_its_own(scripts: Scripts) -> None:
    wheels = scripts.wheels
    usual = wheels.recipes(frozenset(wheels.X86_FEATURES))
    old = wheels.recipes(frozenset({"sse4_2", "avx"}))
    assert usual == wheels.recipes(frozenset({*wheels.X86_FEATURES, "avx512f"}))
    assert "-DGGML_AVX2=OFF" in old[1].environment["CMAKE_ARGS"]
    assert "-DGGML_AVX=OFF" not in old[1].environment["CMAKE_ARGS"]
    locked = scripts.locks.read_lock(PACKAGING / "dev.lock")
    for one, other in zip(usual, old, strict=True):
        requirement = scripts.locks.find(locked, one.name)
        assert wheels.key(one, requirement) != wheels.key(other, requirement)


def test_a_failed_command_says_what_to_do(scripts: Scripts, tmp_path: Path) -> None:
    console = scripts.console
    log = tmp_path / "logs" / "some.log"
    program = "print('fatal: No space left on device'); raise SystemExit(1)"
    with pytest.raises(console.SetupError) as caught:
        console.run([sys.executable, "-c", program], log=log, failure="It could not be made.")
    assert caught.value.title == "It could not be made."
    assert "disk is full" in caught.value.advice
    assert str(log) in caught.value.advice


def test_progress_is_read_from_the_log(scripts: Scripts) -> None:
    console = scripts.console
    assert console.ninja_progress("  [12/140] g++ -O3\n  [13/140] g++") == "compiled 13 of 140"
    assert console.ninja_progress("") == "fetching and configuring"
    assert console.pip_progress("Collecting numpy==2.4.6 (from -r x)\n") == "at numpy"


def test_who_packs_it_is_the_maintainer(scripts: Scripts, monkeypatch: pytest.MonkeyPatch) -> None:
    maintainer = scripts.deb.maintainer
    named = {"DEBFULLNAME": "Ana Maria", "DEBEMAIL": "ana@some.org"}
    assert maintainer(named) == "Ana Maria <ana@some.org>"
    assert maintainer({"DEBEMAIL": "Ana Maria <ana@some.org>"}) == "Ana Maria <ana@some.org>"
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    monkeypatch.setattr("socket.getfqdn", lambda: "laptop.home")
    assert maintainer({}) == "ana <ana@laptop.home>"
    for wrong in ("no address", "a@b\nPriority: required"):
        with pytest.raises(scripts.console.SetupError, match="cannot be the maintainer"):
            maintainer({**named, "DEBEMAIL": wrong})
