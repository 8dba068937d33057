"""The language models known by name: what they are, and where their files come from.

Set-up reads this before the other packages are there, so it needs the standard library only.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.download import PackageSource
from core.errors import UserError
from core.web import Address

CATALOGUE_PATH = Path(__file__).resolve().parents[2] / "resources" / "models.toml"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model: `size_bytes` and `sha256` are those of its GGUF file.

    The numbers after `source` are what a plan needs before the file is here; the
    catalogue file says what each means. 0 is unknown or none.
    """

    name: str
    title: str
    licence: str
    architecture: str
    parameters: int
    trained_context_tokens: int
    size_bytes: int
    sha256: str
    good_for: str
    source: PackageSource | Address
    expert_parameters: int = 0
    lookup_parameters: int = 0
    experts: int = 0
    active_experts: int = 0
    layers: int = 0
    vocabulary: int = 0
    kv_bytes_a_token: int = 0

    @property
    def download_bytes(self) -> int:
        """What fetching it brings over the network."""
        source = self.source
        return source.wheel_bytes if isinstance(source, PackageSource) else source.size_bytes

    @property
    def active_parameters(self) -> int:
        """Weights that one token uses."""
        dense = self.parameters - self.expert_parameters - self.lookup_parameters
        share = self.active_experts / self.experts if self.experts else 0.0
        return dense + round(self.expert_parameters * share)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries in the file's order, and the fields that were passed over, as "model: field"."""

    entries: tuple[ModelEntry, ...]
    unknown: tuple[str, ...]


class _Wrong(Exception):
    """A part of the catalogue is not as it should be; says which. Becomes a UserError."""


def read_catalogue(path: Path = CATALOGUE_PATH) -> Catalogue:
    """The catalogue in a file. Raises UserError when it cannot be read or is broken."""
    try:
        body = tomllib.loads(path.read_text("utf-8"))
        return _catalogue(body)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, _Wrong) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(
            f"The catalogue of models in {path} cannot be used: {reason}.",
            "Install Satchel again; models that are on this machine go on working, and any GGUF "
            "file can be added with `satchel models add FILE.gguf`.",
        ) from None


def load_catalogue(path: Path = CATALOGUE_PATH) -> tuple[ModelEntry, ...]:
    """The entries alone; raises as `read_catalogue`."""
    return read_catalogue(path).entries


def find_entry(catalogue: tuple[ModelEntry, ...], name: str) -> ModelEntry:
    """The entry of that name. Raises UserError when there is none."""
    for entry in catalogue:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in catalogue)
    raise UserError(
        f"There is no model called {name} in the catalogue.",
        f"It has: {known}. Any GGUF file on this machine can be added with "
        "`satchel models add FILE.gguf`.",
    )


def _catalogue(body: dict[str, Any]) -> Catalogue:
    tables = body.get("model")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _Wrong("it lists no models")
    unknown = [f"catalogue: {key}" for key in body if key != "model"]
    entries = [_entry(table, unknown) for table in tables]
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise _Wrong("two of its models have the same name")
    return Catalogue(tuple(entries), tuple(unknown))


def _entry(table: dict[str, Any], unknown: list[str]) -> ModelEntry:
    name = table.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _Wrong("one of its models has no name")
    source = table.get("source")
    if not isinstance(source, dict):
        raise _Wrong(f"{name} has no source")
    rest = {key: value for key, value in table.items() if key != "source"}
    fields = _fields(ModelEntry, rest, name, unknown, without=("source",))
    if not _HASH.fullmatch(fields["sha256"]) or fields["size_bytes"] <= 0:
        raise _Wrong(f"{name} has no sound size and checksum")
    if fields["active_experts"] > fields["experts"]:
        raise _Wrong(f"{name} uses more experts than it has")
    return ModelEntry(source=_source(source, fields, name, unknown), **fields)


def _source(
    table: dict[str, Any], fields: dict[str, Any], name: str, unknown: list[str]
) -> PackageSource | Address:
    if "url" not in table:
        package = PackageSource(**_fields(PackageSource, table, name, unknown))
        if not _HASH.fullmatch(package.wheel_sha256) or package.wheel_bytes <= 0:
            raise _Wrong(f"{name} has no sound size and checksum of its package")
        return package
    known = {"url": table["url"], "size_bytes": fields["size_bytes"], "sha256": fields["sha256"]}
    unknown += [f"{name}: {key}" for key in table if key != "url"]
    address = Address(**_fields(Address, known, name, unknown))
    if urllib.parse.urlsplit(address.url).scheme != "https":
        raise _Wrong(f"the address of {name} does not begin with https")
    return address


def _fields(
    kind: type[ModelEntry] | type[PackageSource] | type[Address],
    table: dict[str, Any],
    name: str,
    unknown: list[str],
    without: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The values of a record's fields, with defaults, each of the right type."""
    found: dict[str, Any] = {}
    declared = [field for field in dataclasses.fields(kind) if field.name not in without]
    for field in declared:
        value = table.get(field.name, field.default)
        if value is dataclasses.MISSING:
            raise _Wrong(f"{name} has no {field.name}")
        sound = type(value) is int and value >= 0 if field.type == "int" else type(value) is str
        if not sound:
            raise _Wrong(f"{field.name} of {name} is wrong")
        found[field.name] = value
    names = {field.name for field in declared}
    unknown += [f"{name}: {key}" for key in table if key not in names]
    return found
