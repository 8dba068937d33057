"""The catalogue of models: sound, read with what it does not know, refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.download import PackageSource
from core.errors import UserError
from core.llm.catalogue import CATALOGUE_PATH, find_entry, load_catalogue, read_catalogue
from core.llm.facts import entry_facts, model_facts
from core.web import Address

HASH = "0123456789abcdef" * 4
ENTRY = f"""
[[model]]
name = "tiny"
title = "Tiny"
licence = "MIT"
architecture = "llama"
parameters = 5
trained_context_tokens = 8
size_bytes = 9
sha256 = "{HASH}"
good_for = "tests"
[model.source]
url = "https://example.org/tiny.gguf"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "models.toml"


def test_what_ships_is_sound() -> None:
    catalogue = read_catalogue()
    assert catalogue.unknown == ()
    entries = catalogue.entries
    assert isinstance(entries[0].source, PackageSource)
    assert find_entry(entries, "smollm2-135m-instruct") is entries[0]
    assert [entry.size_bytes for entry in entries] == sorted(e.size_bytes for e in entries)
    for entry in entries:
        assert entry.licence in ("Apache-2.0", "MIT")
        facts = entry_facts(entry)
        assert 1 < facts.bits_a_weight < 9
        assert 0 < facts.active_bytes <= facts.weight_bytes <= facts.file_bytes
        assert facts.kv_bytes_a_token_f16 > 0
        assert 0 < entry.active_parameters <= entry.parameters
        if isinstance(entry.source, Address):
            # A revision and no branch, so that what it gives cannot change.
            assert "/resolve/main/" not in entry.source.url
            assert (entry.source.size_bytes, entry.source.sha256) == (
                entry.size_bytes,
                entry.sha256,
            )
    assert any(entry.experts for entry in entries)
    assert any(entry_facts(entry).bits_a_weight < 3 for entry in entries)


def test_what_it_says_of_the_starter_is_what_the_file_says(models: Path) -> None:
    entry = load_catalogue()[0]
    said = entry_facts(entry)
    found = model_facts(models / "llm" / f"{entry.name}.gguf")
    assert said.file_bytes == found.file_bytes
    assert said.kv_bytes_a_token_f16 == found.kv_bytes_a_token_f16
    assert (said.vocabulary, said.layers) == (found.vocabulary, found.layers)
    assert said.trained_context_tokens == found.trained_context_tokens
    assert said.architecture == found.architecture
    assert said.active_bytes == pytest.approx(found.active_bytes, rel=0.03)


def test_fields_that_are_not_known_are_passed_over_and_told(file: Path) -> None:
    text = ENTRY.replace("[model.source]", "colour = 'red'\n[model.source]\nspeed = 3")
    file.write_text("edition = 2\n" + text)
    catalogue = read_catalogue(file)
    assert [entry.name for entry in catalogue.entries] == ["tiny"]
    assert set(catalogue.unknown) == {"catalogue: edition", "tiny: colour", "tiny: speed"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[[model]]", "[[models]]", "lists no models"),
        ('name = "tiny"', 'name = "../tiny"', "has no name"),
        ('licence = "MIT"', "", "tiny has no licence"),
        ("parameters = 5", 'parameters = "5"', "parameters of tiny is wrong"),
        ("parameters = 5", "parameters = true", "parameters of tiny is wrong"),
        ("size_bytes = 9", "size_bytes = -9", "size_bytes of tiny is wrong"),
        ("size_bytes = 9", "size_bytes = 0", "no sound size"),
        (HASH, HASH[1:], "no sound size and checksum"),
        ("https://", "http://", "does not begin with https"),
        ("url = ", "member = ", "tiny has no package"),
        ("[model.source]", "[model.from]", "tiny has no source"),
        ("parameters = 5", "parameters = 5\nactive_experts = 2", "more experts than it has"),
        ('url = "', "url = ", "cannot be used"),
        (ENTRY, ENTRY + ENTRY, "the same name"),
    ],
)
def test_a_broken_one_is_refused_in_words(file: Path, old: str, new: str, words: str) -> None:
    assert old in ENTRY
    file.write_text(ENTRY.replace(old, new))
    with pytest.raises(UserError, match=words) as caught:
        load_catalogue(file)
    assert "models add" in caught.value.advice


def test_one_that_is_not_there_or_no_text(file: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        load_catalogue(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="cannot be used"):
        load_catalogue(file)
    assert CATALOGUE_PATH.is_file()
