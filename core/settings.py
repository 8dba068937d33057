"""The settings: declared once here, from which file, command line and window derive."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from core.atomic import write_atomic
from core.budget.govern import ON_BATTERY
from core.chat.instructions import LONGEST_INSTRUCTIONS, check_instructions
from core.chat.remote import parse_endpoint
from core.errors import UserError
from core.index.levels import ALWAYS, DEFAULT_LEVEL, LEVEL_NAMES, WORDS_KEPT

Value = bool | int | float | str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One declared setting. `low` and `high` bound numbers; `choices` bounds texts; `form` raises
    UserError for a text that does not have its form, and is not asked about an empty one.
    """

    key: str
    default: Value
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    form: Callable[[str], object] | None = None

    def check(self, value: object) -> Value:
        """The value in this setting's type. Raises UserError when it does not fit."""
        kind = type(self.default)
        if kind is tuple and isinstance(value, (list, tuple)):
            value = tuple(str(item) for item in value)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise self._refusal(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            below = self.low is not None and value < self.low
            if not math.isfinite(value) or below or (self.high is not None and value > self.high):
                raise self._refusal(value)
        if self.choices and value not in self.choices:
            raise self._refusal(value)
        if self.form is not None and isinstance(value, str) and value:
            try:
                self.form(value)
            except UserError as error:
                raise UserError(f"{self.key} cannot be {value!r}.", error.advice) from error
        assert isinstance(value, (bool, int, float, str, tuple))
        return value

    def _refusal(self, value: object) -> UserError:
        kind = {bool: "true or false", int: "a whole number", float: "a number"}.get(
            type(self.default), "a list of texts" if isinstance(self.default, tuple) else "a text"
        )
        if self.choices:
            advice = f"Give one of {', '.join(self.choices)}."
        elif self.low is not None and self.high is not None:
            advice = f"Give {kind} from {self.low:g} to {self.high:g}."
        elif self.low is not None:
            advice = f"Give {kind} of at least {self.low:g}."
        else:
            advice = f"Give {kind}."
        return UserError(f"{self.key} cannot be {value!r}.", advice)


DECLARED: tuple[Setting, ...] = (
    Setting(
        "budget.disk_mb",
        500.0,
        "Most disk space for everything Satchel keeps but the models, in MB (10^6 bytes).",
        low=4,
    ),
    Setting(
        "budget.ram_mb",
        2000.0,
        "Most memory for all of Satchel's processes together, in MB (10^6 bytes).",
        low=380,
    ),
    Setting(
        "files.exclude",
        (),
        "Patterns in gitignore syntax that are left out in every folder.",
    ),
    Setting(
        "files.use_gitignore",
        True,
        "What .gitignore files leave out is left out here too; .satchelignore always counts.",
    ),
    Setting("files.hidden", False, "Hidden files and folders are searched too."),
    Setting(
        "files.offline_days",
        0.0,
        "Files that cannot be reached for longer than this are dropped from the index, in days; "
        "0 keeps them until their folder is removed.",
        low=0,
        high=3650,
    ),
    Setting("files.max_mb", 200.0, "Files larger than this are not read, in MB.", low=0.01),
    Setting(
        "extract.timeout_s",
        60.0,
        "Longest time for reading one file, in seconds.",
        low=1,
        high=3600,
    ),
    Setting(
        "extract.memory_mb",
        1500,
        "Most memory for reading one file, in MB.",
        low=300,
        high=32_000,
    ),
    Setting(
        "index.text_cache_mb",
        25.0,
        "Most disk space for the texts of files that are slow to read; 0 keeps none, in MB.",
        low=0,
    ),
    Setting(
        "index.embedding_model",
        "all-minilm-l6-v2",
        "The model that finds passages by their meaning. With another one, chosen for the next "
        "start, all files are read again; until then a search does not find them.",
    ),
    Setting(
        "index.level",
        DEFAULT_LEVEL,
        "How much is kept of each passage: more finds the right ones with less computing. "
        "Passages that are indexed come to another level in the background.",
        choices=LEVEL_NAMES,
    ),
    Setting(
        "index.words",
        ALWAYS,
        "Whether passages are found by their words, too: the word index takes about a tenth of "
        "the text's size. Without it they are found by meaning only, and what stands in quotation "
        "marks by reading every file. While there is room: it is given up before new files wait.",
        choices=WORDS_KEPT,
    ),
    Setting(
        "index.pause_on_battery",
        "below half",
        "Indexing waits while the computer runs on battery: never, with less than half of it "
        "left, or always.",
        choices=ON_BATTERY,
    ),
    Setting(
        "index.pause_under_load",
        False,
        "Indexing waits while other programs keep the processor busy.",
    ),
    Setting(
        "index.pause_in_full_screen",
        True,
        "Indexing waits while an app fills the whole screen.",
    ),
    Setting(
        "index.pause_when_metered",
        False,
        "Indexing waits while the network connection is metered: for folders on a network drive.",
    ),
    Setting(
        "search.max_recomputes",
        28,
        "Most passages that one search embeds anew; at the level graph seven times as many.",
        low=8,
        high=1000,
    ),
    Setting(
        "search.idle_minutes",
        4.0,
        "The search model leaves memory after this long without a search or new file, in minutes.",
        low=0.01,
        high=1440,
    ),
    Setting(
        "search.fold_copies",
        True,
        "Hits that show the same as a better one become its copies.",
    ),
    Setting(
        "search.keep_recent",
        True,
        "Your last 50 searches are kept, to be made again from the empty search page. Off, those "
        "that are kept are removed.",
    ),
    Setting("assistant.model", "smollm2-135m-instruct", "The model that answers questions."),
    Setting(
        "assistant.routing",
        "auto",
        "With several models, easy questions go to the smallest and hard ones to the largest that "
        "has room; each answer says which and why. Off, the model above answers all.",
        choices=("auto", "off"),
    ),
    Setting(
        "assistant.context_tokens",
        2048,
        "How much text the model sees at once, in tokens.",
        low=512,
        high=131_072,
    ),
    Setting(
        "assistant.cell_type",
        "auto",
        "How exactly the model remembers what it read: q8_0 takes half the memory of f16 and "
        "answers as well; q8_q4 takes 41 % and loses little, q4_0 takes 28 % and loses more. auto "
        "takes smaller ones where memory is short.",
        choices=("auto", "q8_0", "f16", "q8_q4", "q4_0"),
    ),
    Setting(
        "assistant.saved_kv_mb",
        60.0,
        "Most disk space for what the language model has read of conversations, so that it goes "
        "on with them at once and recalls old turns exactly; 0 keeps none, in MB.",
        low=0,
    ),
    Setting(
        "assistant.active_experts",
        0,
        "How many of its experts a model with experts uses for each token. 0 is automatic: as "
        "many as it was made with, and fewer only where memory is short and it was measured "
        "that this costs little.",
        low=0,
        high=256,
    ),
    Setting(
        "assistant.answer_tokens", 200, "Longest answer, in tokens.", low=16, high=4096
    ),
    Setting(
        "assistant.passage_tokens",
        600,
        "How much of the files goes into one question, in tokens.",
        low=100,
        high=32_000,
    ),
    Setting(
        "assistant.memories",
        True,
        "Satchel offers to remember what you say of yourself in a question, and uses what you "
        "let it remember.",
    ),
    Setting(
        "assistant.instructions",
        "",
        "What you want of every answer, in your words. It goes with each question that this "
        f"computer answers, and the answer says so; at most {LONGEST_INSTRUCTIONS} characters.",
        form=check_instructions,
    ),
    Setting(
        "assistant.kept_answers_mb",
        2.0,
        "Most disk space for answers that are given again at once when a question is repeated "
        "and nothing they rest on has changed; 0 keeps none, in MB.",
        low=0,
        high=1000,
    ),
    Setting(
        "assistant.idle_minutes",
        5.0,
        "The model leaves memory after this long without a question, in minutes.",
        low=0.1,
        high=1440,
    ),
    Setting(
        "remote.address",
        "",
        "A server of yours that answers questions, https://... or http:// on your own network; any "
        "that speaks like OpenAI's. Empty, nothing leaves this computer.",
        form=parse_endpoint,
    ),
    Setting("remote.model", "", "The server's model that answers; empty for its own choice."),
    Setting(
        "remote.connect_s",
        5.0,
        "Longest wait for the server to be reached, in seconds.",
        low=0.1,
        high=120,
    ),
    Setting(
        "remote.first_word_s",
        60.0,
        "Longest wait for the first word of the server's answer, in seconds.",
        low=0.1,
        high=3600,
    ),
    Setting(
        "remote.silence_s",
        20.0,
        "Longest silence in the middle of the server's answer, in seconds.",
        low=0.1,
        high=3600,
    ),
    Setting(
        "models.mirror",
        "",
        "A base address, https://..., from which models are fetched instead of their own; empty "
        "for none.",
    ),
    Setting(
        "window.theme",
        "system",
        "Light, dark or high-contrast colours.",
        choices=("system", "light", "dark", "contrast"),
    ),
    Setting(
        "window.text_percent",
        100,
        "Size of all text in the window, in per cent of your system's.",
        low=80,
        high=200,
    ),
    Setting(
        "window.language",
        "system",
        "The language of the window, from its next start on.",
        choices=("system", "en", "de"),
    ),
    Setting(
        "window.on_close",
        "auto",
        "What closing the window does: to the tray, or where there is none asks once; quits; "
        "or stays in the background.",
        choices=("auto", "quit", "stay"),
    ),
    Setting(
        "window.autostart",
        False,
        "Satchel starts with your session, without showing its window, so that the index is up to "
        "date when you search.",
    ),
    Setting(
        "window.global_shortcut",
        False,
        "Your desktop is asked for a key that brings Satchel forward from any other window; on "
        "Linux, where the desktop has such keys.",
    ),
    Setting(
        "window.welcomed",
        False,
        "The first steps are done; off, they are shown when the window opens.",
    ),
)  # fmt: skip


class Settings:
    """The settings of one home, read from its file and written back whole."""

    def __init__(self, path: Path, declared: tuple[Setting, ...] = DECLARED) -> None:
        """Read the file; a missing one means defaults. Raises UserError when it is damaged."""
        self._path = path
        self._declared = {setting.key: setting for setting in declared}
        self._file: dict[str, Any] = {}
        try:
            self._file = tomllib.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            pass
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UserError(
                f"The settings in {path} cannot be read: {error}.",
                "Mend the file, or run `satchel doctor --repair`, which keeps a copy of it.",
            ) from error
        self._values: dict[str, Value] = {
            key: setting.check(found)
            for key, setting in self._declared.items()
            if (found := _lookup(self._file, key)) is not None
        }

    def get(self, key: str) -> Value:
        """The value of a declared setting."""
        return self._values.get(key, self._declared[key].default)

    def number(self, key: str) -> float:
        """The value of a setting that is a number."""
        value = self.get(key)
        if not isinstance(value, (int, float)):
            raise TypeError(f"{key} is not a number")
        return value

    def text(self, key: str) -> str:
        """The value of a setting that is a text."""
        return str(self.get(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """The value of a setting that is a list of texts."""
        value = self.get(key)
        if not isinstance(value, tuple):
            raise TypeError(f"{key} is not a list")
        return value

    def check(self, changes: Mapping[str, object]) -> dict[str, Value]:
        """The changes in their settings' types, as `set` would keep them. Raises UserError."""
        checked: dict[str, Value] = {}
        for key, value in changes.items():
            setting = self._declared.get(key)
            if setting is None:
                raise UserError(f"There is no setting {key}.", "See `satchel status --json`.")
            checked[key] = setting.check(value)
            if not isinstance(self._file.get(key.rpartition(".")[0], {}), dict):
                raise UserError(
                    f"The settings in {self._path} have no table {key.rpartition('.')[0]}.",
                    "Mend the file, or remove it to go back to the defaults.",
                )
        return checked

    def set(self, changes: Mapping[str, object]) -> None:
        """Check and keep the changes, all or none. Raises UserError."""
        checked = self.check(changes)
        for key, value in checked.items():
            table, _, name = key.rpartition(".")
            self._file.setdefault(table, {})[name] = (
                list(value) if isinstance(value, tuple) else value
            )
        try:
            write_atomic(self._path, tomli_w.dumps(self._file).encode())
        except OSError as error:
            raise UserError(
                f"The settings cannot be written to {self._path}: {error.strerror}.",
                "Free some disk space or choose another home with --home.",
            ) from error
        self._values.update(checked)

    def table(self) -> list[dict[str, object]]:
        """Every setting with its value, default, bounds and help, for showing."""
        return [
            {
                "key": setting.key,
                "value": _plain(self.get(setting.key)),
                "default": _plain(setting.default),
                "low": setting.low,
                "high": setting.high,
                "choices": list(setting.choices),
                "help": setting.help,
            }
            for setting in self._declared.values()
        ]


def _lookup(file: Mapping[str, Any], key: str) -> object | None:
    table, _, name = key.rpartition(".")
    inner = file.get(table)
    return inner.get(name) if isinstance(inner, dict) else None


def _plain(value: Value) -> object:
    return list(value) if isinstance(value, tuple) else value
