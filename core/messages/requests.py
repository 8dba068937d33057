"""What a window or a command asks of the service: searching, asking, indexing, settings."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from core.messages.base import Message
from core.messages.values import (
    EVERYWHERE,
    LONGEST_PAUSE_S,
    LONGEST_UNDO_S,
    DigestTask,
    Locator,
    Mode,
    Scope,
)


class Search(Message, frozen=True):
    """Ranked passages. Replied by SearchResults: first lexical, then final.

    Only of files with one of the name endings `file_types`, if any, and with a date from
    `after_s` to before `before_s`, in seconds since 1970 (see `core.index.search.Query`).
    """

    id: int
    query: str
    k: int = 10
    folder: str | None = None
    file_types: tuple[str, ...] = ()
    after_s: int | None = None
    before_s: int | None = None
    mode: Mode = "hybrid"
    exact: bool = False
    tag: str | None = None  # only files that have it
    early: bool = False  # also send the lexical hits before the final ones


class Related(Message, frozen=True):
    """Passages like the one at `path` and `position` (a character, a line or a page)."""

    id: int
    path: str
    k: int = 10
    page: int | None = None
    line: int | None = None
    start: int | None = None


class Ask(Message, frozen=True):
    """A question to be answered from the files.

    `remote` lets the remote engine answer. Before the first time in a conversation that ends
    with RemotePreview; asked again with its `seal` as `consent` it is sent, or with "yes"
    without having been shown. A `fresh` answer is made anew, even when a kept one would do.
    The file `pin` is before the model as a whole from now on in this conversation; "" pins none,
    None leaves it as it is.

    `after` is the turn of the conversation that this one follows, 0 for none: what followed it
    before stays as another branch. None follows the turn that was last shown.

    Ends with AnswerDone, with RemotePreview, or with DigestInstead: nothing was asked then.
    """

    id: int
    question: str
    model: str | None = None
    conversation: int | None = None
    remote: bool = False
    consent: str = ""
    fresh: bool = False
    after: int | None = None
    scope: Scope = EVERYWHERE
    pin: str | None = None


class Digest(Message, frozen=True):
    """Read whole files for a task: a summary, all dates, or what changed from the first to the
    second. Ends with DigestDone; given up, it goes on from there when asked again.

    Or whatever `wanted` says, for which the language model looks at every sentence (`find`).
    `anew` forgets what was read of them before.
    """

    id: int
    task: DigestTask
    paths: tuple[str, ...]
    anew: bool = False
    wanted: str = ""


class RemoteSetup(Message, frozen=True):
    """How it stands with the remote engine (`show`), which models it has (`check`), or keep a
    `key` for it, "" for none. Ends with Report; the key itself is in no reply.
    """

    id: int
    action: Literal["show", "check", "key"] = "show"
    key: str = ""


class Index(Message, frozen=True):
    """Bring the index up to date; with `watch` go on until cancelled.

    `level` is the level that it is to have from now on.
    """

    id: int
    watch: bool = False
    level: str | None = None


class Retry(Message, frozen=True):
    """Read failed files again, and those that need OCR, at or below a path or everywhere.

    Ends with Report: how many `files` wait again.
    """

    id: int
    path: str | None = None


class Pause(Message, frozen=True):
    """Stop or go on with background indexing; a pause of `for_s` ends by itself. Ends with Done."""

    id: int
    paused: bool
    for_s: Annotated[float, msgspec.Meta(gt=0, le=LONGEST_PAUSE_S)] | None = None


class FoldersAdd(Message, frozen=True):
    """Watch folders. Ends with Report."""

    id: int
    paths: tuple[str, ...]
    exclude: tuple[str, ...] = ()


class FoldersRemove(Message, frozen=True):
    """Stop watching folders and drop what was indexed from them. Ends with Report.

    With `undo_s` that is dropped only after so many seconds, and nothing of it is found
    meanwhile: whoever adds the folder again until then has everything back at once.
    """

    id: int
    paths: tuple[str, ...]
    undo_s: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_UNDO_S)] = 0.0


class FoldersList(Message, frozen=True):
    """Ends with Report."""

    id: int


class FoldersCheck(Message, frozen=True):
    """Why a path is or is not indexed. Ends with Report."""

    id: int
    path: str


class FilesList(Message, frozen=True):
    """The files of a folder in one coverage state, with reasons. Ends with Report."""

    id: int
    folder: str | None
    state: Literal["failed", "skipped", "needs_ocr", "offline"]
    limit: int = 1000


class Preview(Message, frozen=True):
    """The text around a passage. Ends with PreviewText.

    With `quote` the passage is these words, at or after the `locator` of their
    citation, instead of `start` to `end`.
    """

    id: int
    path: str
    start: int
    end: int
    around_chars: int = 3000
    quote: str | None = None
    locator: Locator | None = None


class PagePreview(Message, frozen=True):
    """A PDF page as a picture, with a passage boxed that is named as in Preview.

    Ends with PageImage.
    """

    id: int
    path: str
    page: int
    width_px: int = 900
    start: int = 0
    end: int = 0
    quote: str | None = None
    locator: Locator | None = None


class StatusRequest(Message, frozen=True):
    """Device, budgets, usage by component, index state. Ends with Report."""

    id: int


class BudgetRequest(Message, frozen=True):
    """Show, preview or set the budgets, and settings that are chosen with them, all or none.

    Ends with Report.
    """

    id: int
    disk_bytes: int | None = None
    ram_bytes: int | None = None
    preview: bool = False
    choices: dict[str, object] | None = None


class SettingsGet(Message, frozen=True):
    """All declared settings with value, default, range and help. Ends with Report."""

    id: int


class SettingsSet(Message, frozen=True):
    """Set one declared setting. Ends with Report (the settings as they are now)."""

    id: int
    key: str
    value: bool | int | float | str | tuple[str, ...]


class ModelsRequest(Message, frozen=True):
    """The catalogues and what is on disk, or a change of it. Ends with Report.

    `use` chooses an installed model; one that makes all files be read again has to
    be `confirmed`, and so has the fetch of a model that does not fit. `base` makes
    `add` and `remove` mean an adapter of that model. `slim` makes a smaller copy with so many
    of the experts as `keep` says (75%, 0.75 or a number), `measure` finds out how good a model
    is that was slimmed, or is used with fewer `active` experts.
    """

    id: int
    action: Literal["list", "fetch", "add", "remove", "use", "slim", "measure"] = "list"
    name: str | None = None
    confirmed: bool = False
    base: str | None = None
    keep: str | None = None
    active: int | None = None


class Forget(Message, frozen=True):
    """Remove every trace of a file or folder. Ends with Report."""

    id: int
    path: str


class Doctor(Message, frozen=True):
    """Check the store, the models and the device. Ends with Report."""

    id: int
    repair: bool = False


class Subscribe(Message, frozen=True):
    """From now on send State and IndexProgress as they change. Never ends by itself."""

    id: int


class Raise(Message, frozen=True):
    """A second start of the window asks the first to come to the front. Ends with Done.

    The service passes it on to every subscriber.
    """

    id: int


class Shutdown(Message, frozen=True):
    """End the service after the file in hand. Ends with Done."""

    id: int
