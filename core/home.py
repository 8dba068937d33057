"""Where Satchel keeps things: one home for all state, one store of models for all homes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import appdirs

from core.errors import UserError

HOME_VARIABLE = "SATCHEL_HOME"
MODELS_VARIABLE = "SATCHEL_MODELS"
SMALLEST_DISK_BUDGET_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one home. With `--home` all three lie under that one folder."""

    config: Path
    data: Path
    cache: Path
    models: Path

    @property
    def settings(self) -> Path:
        """The settings file."""
        return self.config / "settings.toml"

    @property
    def folders(self) -> Path:
        """The list of watched folders."""
        return self.config / "folders.json"

    @property
    def remote_key(self) -> Path:
        """The key for the remote engine, where it wants one."""
        return self.config / "remote-key"

    @property
    def catalogue(self) -> Path:
        """The catalogue database: derived from the files, can be rebuilt."""
        return self.data / "catalogue.db"

    @property
    def history(self) -> Path:
        """The conversations: the person's own, never rebuilt or dropped."""
        return self.data / "history.db"

    @property
    def recent_searches(self) -> Path:
        """The searches that the person made last."""
        return self.data / "searches.json"

    @property
    def segments(self) -> Path:
        """The folder of index segments."""
        return self.data / "segments"

    @property
    def text_cache(self) -> Path:
        """Compressed texts of files that are slow to read."""
        return self.data / "texts"

    @property
    def digests(self) -> Path:
        """What was read of long documents, to go on with, and what came of it."""
        return self.data / "digests"

    @property
    def expert_traces(self) -> Path:
        """How often each part of a language model was used in answers: counts, no text."""
        return self.data / "experts"

    @property
    def saved_kv(self) -> Path:
        """What language models keep of conversations, to go on with them at once."""
        return self.data / "kv"

    @property
    def scratch(self) -> Path:
        """Where readers may write while they convert a file; gone when they have ended."""
        return self.cache / "scratch"

    @property
    def probe(self) -> Path:
        """How fast this machine was found to be."""
        return self.cache / "machine.json"

    @property
    def gpus(self) -> Path:
        """Which graphics processors models can use here."""
        return self.cache / "gpus.json"

    @property
    def query_speed(self) -> Path:
        """How long the last searches took."""
        return self.cache / "searches.json"

    @property
    def model_speeds(self) -> Path:
        """How fast language models were here."""
        return self.cache / "models.json"

    @property
    def fingerprints(self) -> Path:
        """What each language model computed when `doctor` looked first."""
        return self.data / "fingerprints.json"

    @property
    def crashes(self) -> Path:
        """Reports of what went wrong inside Satchel; nothing of the person's files is in them."""
        return self.data / "crashes"

    @property
    def lock(self) -> Path:
        """Held by the one process that runs the service for this home."""
        return self.data / "lock"

    @property
    def holder(self) -> Path:
        """Which machine has this home, for file systems that keep no locks between machines."""
        return self.data / "holder.json"

    @property
    def spare(self) -> Path:
        """Room that is given up to open the home where the disk is full; nothing is in it."""
        return self.data / "spare"

    @property
    def socket(self) -> Path:
        """Where a running service listens."""
        return self.data / "socket"

    @property
    def rotations(self) -> Path:
        """Rotations of codes that were fitted in this home."""
        return self.data / "rotations"

    def roots(self) -> tuple[Path, ...]:
        """The folders that the disk budget covers, none inside another."""
        found: list[Path] = []
        for folder in sorted({self.config, self.data, self.cache}):
            if not any(folder.is_relative_to(other) for other in found):
                found.append(folder)
        return tuple(found)

    def create(self) -> None:
        """Make the folders, readable by their owner only. Raises UserError."""
        wanted = (
            *self.roots(),
            self.config,
            self.data,
            self.cache,
            self.segments,
            self.expert_traces,
            self.saved_kv,
        )
        for folder in wanted:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
            except OSError as error:
                raise UserError(
                    f"Satchel cannot use {folder} for its data: {error.strerror or error}.",
                    "Choose a folder that you can write to with --home.",
                ) from error


def find_home(option: str | None, environment: Mapping[str, str]) -> Home:
    """The home that `--home`, SATCHEL_HOME or the platform's custom names, in this order.

    Raises UserError when the path begins with the home of a user who is not there.
    """
    models = environment.get(MODELS_VARIABLE)
    store = Path(models) if models else Path(appdirs.user_data_dir("satchel", False)) / "models"
    chosen = option or environment.get(HOME_VARIABLE)
    if chosen:
        try:
            root = Path(os.path.abspath(Path(chosen).expanduser()))  # noqa: PTH100 - keeps links
        except RuntimeError as error:
            raise UserError(
                f"The home {chosen} cannot be found.", "Give --home as a whole path."
            ) from error
        return Home(root / "config", root / "data", root / "cache", store)
    config = Path(appdirs.user_config_dir("satchel", False))
    data = Path(appdirs.user_data_dir("satchel", False))
    return Home(
        # On Windows and macOS both are one folder, in which the models lie, too.
        data / "home" / "config" if config == data else config,
        data / "home",
        Path(appdirs.user_cache_dir("satchel", False)) / "home",
        store,
    )
