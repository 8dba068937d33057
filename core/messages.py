"""Every message that crosses a process border, as frozen types, and their JSON form.

One message is one JSON object on one line. Its `type` is the class name.
Paths that are not UTF-8 travel as surrogate escapes, ASCII-escaped, so that
each line is plain ASCII whatever the file system holds.

A request carries an `id` chosen by the asker; each reply repeats it. The last
reply to a request is the one whose class says so in its docstring ("ends").
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec

PROTOCOL_VERSION = 1

LONGEST_PAUSE_S = 7 * 86_400.0
LONGEST_UNDO_S = 60.0

Mode = Literal["hybrid", "semantic", "lexical"]
ModelPhase = Literal["fetching", "checking", "slimming", "measuring"]
Phase = Literal["scanning", "indexing", "merging", "levelling", "watching", "paused", "idle"]


# What a model's memory is made of; see core.llm.kv.cells.
CellType = Literal["f16", "q8_0", "q8_q4", "q4_0"]


class ProtocolError(Exception):
    """A line is not a message of this version: the other side is broken or of another release."""


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


# --- values inside messages -------------------------------------------------------------
# Those that come in thousands are left out of Python's search for cycles, which they cannot be in.


class Locator(msgspec.Struct, frozen=True, gc=False):
    """Where in a file a passage stands; what the format does not have is None.

    `page` and `line` count from 1, `heading` is the nearest one above,
    `member` names a part inside a container (an attachment, a sheet).
    """

    page: int | None = None
    line: int | None = None
    heading: str | None = None
    member: str | None = None


class ChunkText(msgspec.Struct, frozen=True):
    """One chunk: characters `start` to `end` of the extracted text, and that text."""

    start: int
    end: int
    text: str


class About(msgspec.Struct, frozen=True, gc=False):
    """What a document says of itself; None where it does not. Dates in seconds since 1970, UTC."""

    title: str | None = None
    author: str | None = None
    created_s: int | None = None
    modified_s: int | None = None


UNTITLED = About()


class PassageText(msgspec.Struct, frozen=True):
    """A chunk read back from its file, with the place a viewer can open.

    `about` is that of the message or record the passage stands in, where one
    file holds many of them (mailboxes, web archives).
    """

    start: int
    end: int
    text: str
    locator: Locator
    about: About | None = None


MOST_COPIES = 100  # listed with one hit


class Copy(msgspec.Struct, frozen=True, gc=False):
    """Another file with what a hit shows: identical, nearly so, or with the passage in it."""

    path: str
    kind: Literal["identical", "near", "passage"]


class Hit(msgspec.Struct, frozen=True, gc=False):
    """One ranked passage. `marks` are character ranges of matched words inside `snippet`.

    `state` is "ok", or says why there is no snippet: "offline", "changed", "missing",
    "unreadable". `source` says which side found it. `copies` are the files whose
    hits were folded into this one, at most `MOST_COPIES`. The file was last written at
    `mtime_s`, in seconds since 1970.
    """

    rank: int
    score: float
    path: str
    locator: Locator
    start: int
    end: int
    snippet: str
    marks: tuple[tuple[int, int], ...] = ()
    state: str = "ok"
    source: Literal["lexical", "semantic", "both"] = "both"
    about: About = UNTITLED
    copies: tuple[Copy, ...] = ()
    tags: tuple[str, ...] = ()
    mtime_s: int | None = None


class Citation(msgspec.Struct, frozen=True):
    """Passage `n` of an answer: where it is and the exact words it rests on."""

    n: int
    path: str
    locator: Locator
    quote: str


class MemoryOffer(msgspec.Struct, frozen=True):
    """A sentence in which the person said something of themselves that may be remembered."""

    text: str
    kind: Literal["fact", "preference"]


class ChatTurn(msgspec.Struct, frozen=True):
    """One side of an earlier turn. `turn` and `conversation` are their numbers, 0 for none; it is
    `recalled` when what is asked now is about it, and not just one of the last.
    """

    role: Literal["user", "assistant"]
    text: str
    turn: int = 0
    conversation: int = 0
    recalled: bool = False


class Made(msgspec.Struct, frozen=True):
    """Where an answer was made: by which model, at which server ("" here), and why so if told."""

    model: str = ""
    server: str = ""
    why: str = ""


class Scope(msgspec.Struct, frozen=True):
    """Where an answer is looked for: below a folder, or in these files; else in all."""

    folder: str | None = None
    files: tuple[str, ...] = ()


EVERYWHERE = Scope()


class SentText(msgspec.Struct, frozen=True):
    """One message that a remote engine is sent."""

    role: Literal["system", "user", "assistant"]
    text: str


class Quoted(msgspec.Struct, frozen=True):
    """Words of a file: characters `start` to `end` of its text. `marks` are ranges in `text`."""

    path: str
    locator: Locator
    start: int
    end: int
    text: str
    marks: tuple[tuple[int, int], ...] = ()


class PinnedText(msgspec.Struct, frozen=True):
    """The whole text of the file `name` that a conversation is about."""

    conversation: int
    name: str
    text: str


DigestTask = Literal["summarize", "dates", "changes", "find"]


class DigestEntry(msgspec.Struct, frozen=True):
    """One entry of a digest, with its source.

    Of changes `old` is what stood in the first file and `new` in the second; else `new` is the
    source. `date` is an ISO date, perhaps without day or year.
    """

    kind: Literal["sentence", "date", "changed", "moved", "added", "removed"]
    new: Quoted | None = None
    old: Quoted | None = None
    date: str = ""
    unsure: bool = False


class ScoredTokens(msgspec.Struct, frozen=True):
    """The best tokens at one place and their scores, best first."""

    tokens: tuple[int, ...]
    scores: tuple[float, ...]


class Gpu(msgspec.Struct, frozen=True):
    """A graphics processor that llama.cpp can use, and its memory: its own, or the computer's."""

    name: str
    memory_bytes: int
    free_bytes: int
    kind: Literal["own memory", "shared memory"]


# --- common to all children ---------------------------------------------------------------


class Hello(Message, frozen=True):
    """First line of every child: who it is and which protocol it speaks."""

    role: Literal["service", "model-worker", "extractor"]
    pid: int
    version: int = PROTOCOL_VERSION
    protections: tuple[str, ...] = ()  # what it can do no more: "network", "writing", "memory"


class Cancel(Message, frozen=True):
    """Give up request `id`. Silent when it has ended already."""

    id: int


class Failed(Message, frozen=True):
    """Ends a request that could not be done: what happened and what to do.

    `missing` says that a model has to be chosen first.
    """

    id: int
    title: str
    advice: str
    missing: Literal["model"] | None = None


# --- extractor ----------------------------------------------------------------------------


class Extract(Message, frozen=True):
    """Read one file whole and cut it into chunks.

    `size_bytes` and `mtime_ns` are what the asker saw; a file that differs from
    them before or after reading ends as FileFailed with problem "changed".
    """

    id: int
    path: str
    size_bytes: int
    mtime_ns: int
    tokenizer_path: str
    max_tokens: int = 256
    max_text_chars: int = 50_000_000
    max_pages: int = 20_000
    max_expanded_bytes: int = 400_000_000
    max_scratch_bytes: int = 500_000_000  # of a program that converts the file


class Chunks(Message, frozen=True):
    """Some of a file's chunks, in order, at most 64 in one message.

    None at all is a sign of life: the reader waits for another program to convert the file.
    """

    id: int
    chunks: tuple[ChunkText, ...]


class Extracted(Message, frozen=True):
    """Ends an Extract. `page_chars` is the text length of each page, empty without pages.

    `slow` says that reading a span back means parsing the file again, so that
    its text is worth keeping in the text cache. `sketch` is the MinHash sketch of
    the text in hex, empty for texts too short to have one.
    """

    id: int
    text_chars: int
    text_bytes: int
    page_chars: tuple[int, ...]
    kind: str
    about: About
    slow: bool
    sketch: str = ""


class ReadSpans(Message, frozen=True):
    """Read passages back from a file that was extracted before.

    `page_chars` is what Extracted gave, so that only the pages in question are parsed. The limits
    are those of Extract: a file that was read within them is read back within them.
    """

    id: int
    path: str
    size_bytes: int
    mtime_ns: int
    spans: tuple[tuple[int, int], ...]
    page_chars: tuple[int, ...] = ()
    max_text_chars: int = 50_000_000
    max_pages: int = 20_000
    max_expanded_bytes: int = 400_000_000
    max_scratch_bytes: int = 500_000_000


class Passages(Message, frozen=True):
    """Ends a ReadSpans: one passage a span, in the order asked."""

    id: int
    passages: tuple[PassageText, ...]


class Box(msgspec.Struct, frozen=True):
    """Where words stand on a page: shares of its width and height, from its upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


class RenderPage(Message, frozen=True):
    """Draw one page of a PDF as a PNG, at most `width_px` wide, for the preview.

    Characters `start` to `end` of the page's text are to be boxed.
    """

    id: int
    path: str
    page: int
    width_px: int
    start: int = 0
    end: int = 0


class PageImage(Message, frozen=True):
    """Ends a RenderPage: the picture, base64-encoded PNG, how many pages there are, and one box
    for each line of what was to be boxed.
    """

    id: int
    png_base64: str
    page: int
    pages: int
    boxes: tuple[Box, ...] = ()


class FileFailed(Message, frozen=True):
    """Ends an Extract, ReadSpans or RenderPage that the file does not allow."""

    id: int
    path: str
    reason: str
    problem: Literal["failed", "crashed", "encrypted", "needs_ocr", "skipped", "changed", "missing"]


# --- model worker -------------------------------------------------------------------------


class LoadModel(Message, frozen=True):
    """Load a GGUF file with its LoRA adapters, replacing what is loaded.

    Of its weights `held_bytes` may be in memory, None for all. What it uses how often is kept
    in the file `traces`. A token uses `active_experts` of a layer, None for as many as the
    model says. Of its keys and values `saved_bytes` may be kept in `saved_folder`.
    """

    id: int
    path: str
    context_tokens: int
    threads: int
    adapters: tuple[str, ...] = ()
    cell_type: CellType = "q8_0"
    held_bytes: int | None = None
    traces: str | None = None
    active_experts: int | None = None
    saved_folder: str | None = None
    saved_bytes: int = 0


class HoldWeights(Message, frozen=True):
    """From now on `held_bytes` of the loaded model's weights may be in memory, None for all.

    Done within a second, also in the middle of an answer. Replied by WeightsHeld, which comes
    after each answer too.
    """

    held_bytes: int | None


class WeightsHeld(Message, frozen=True):
    """How the worker keeps weights in memory that do not all have room; see
    `core.llm.experts.report.ResidencyReport`.
    """

    step: Literal["fits", "pool", "advice", "plain"]
    why: str
    room_bytes: int
    resident_bytes: int
    hits: int
    misses: int
    read_bytes: int


class CheckModel(Message, frozen=True):
    """Whether this build can load a model, or an adapter beside it; nothing stays loaded.

    Ends with Done. A file that was made to harm may end the worker.
    """

    id: int
    path: str
    adapter: str | None = None


class ModelLoaded(Message, frozen=True):
    """Ends a LoadModel. `resident_bytes` is the worker's resident set after loading.

    `cell_type` is what its memory is made of, and `memory_why` says what of it is switched off.
    """

    id: int
    name: str
    architecture: str
    context_tokens: int
    trained_context_tokens: int
    resident_bytes: int
    load_ms: float
    cell_type: CellType = "q8_0"
    memory_why: str = ""


class FindGpus(Message, frozen=True):
    """Which graphics processors models can use here. Ends with Gpus."""

    id: int


class Gpus(Message, frozen=True):
    """Ends a FindGpus. `build` names llama.cpp's."""

    id: int
    build: str
    gpus: tuple[Gpu, ...]


class FingerprintModel(Message, frozen=True):
    """What the loaded model computes on a text, and on what it would go on with.

    Ends with Fingerprinted.
    """

    id: int
    text: str


class Fingerprinted(Message, frozen=True):
    """Ends a FingerprintModel: the best tokens of each step. `build` names llama.cpp's."""

    id: int
    build: str
    steps: tuple[ScoredTokens, ...]
    prompt_tokens: int
    prefill_ms: float
    decode_ms: float


class ForetellText(Message, frozen=True):
    """How well the loaded model foretells a text. Ends with TextForetold."""

    id: int
    text: str


class TextForetold(Message, frozen=True):
    """Ends a ForetellText: for each token but the first the surprise, and what was expected."""

    id: int
    losses: tuple[float, ...]
    best: tuple[int, ...]


class Generate(Message, frozen=True):
    """Answer `question` from numbered `passages` (1-based, in this order).

    The worker builds the prompt and leaves out the last passages if the context
    cannot hold them all. Turns stay in its memory, or on disk, where `saved_bytes` may be
    kept (None for as many as before). With `variety` the words are drawn instead of the best
    taken, for each number differently. What is `pinned` is before the model as a whole, and kept
    as turns are, or the request fails.
    """

    id: int
    question: str
    passages: tuple[str, ...]
    history: tuple[ChatTurn, ...] = ()
    max_answer_tokens: int = 256
    saved_bytes: int | None = None
    variety: int = 0
    pinned: PinnedText | None = None


class Complete(Message, frozen=True):
    """Go on from a text, however long it is. Replied as Generate is.

    What is `pinned` comes before the text and is read only once, where both have room together:
    it stays in memory or on disk for the next time. In the `background` it waits while anything
    else is asked for, and goes on after that.
    What is said follows the `grammar`, if there is one (see core.llm.grammar).
    """

    id: int
    system: str
    text: str
    max_answer_tokens: int = 256
    background: bool = False
    pinned: str = ""
    grammar: str = ""


class ForgetSaved(Message, frozen=True):
    """Remove what is saved of a conversation, and save nothing of it any more. No reply."""

    conversation: int


class PromptReady(Message, frozen=True):
    """How many of the passages the prompt holds, and its length."""

    id: int
    passages_used: int
    prompt_tokens: int


class Token(Message, frozen=True):
    """The next piece of the answer's text; always whole characters."""

    id: int
    text: str


class Generated(Message, frozen=True):
    """Ends a Generate or Complete. `stopped` is "end", "length" or "cancelled".

    Of the prompt `reused_tokens` were in memory and `restored_tokens` came back from disk;
    `dropped_tokens` of a long text were read and did not stay. `recalled` are the turns that
    were in the prompt because the question is about them.
    """

    id: int
    stopped: Literal["end", "length", "cancelled"]
    prompt_tokens: int
    answer_tokens: int
    prefill_ms: float
    decode_ms: float
    reused_tokens: int = 0
    restored_tokens: int = 0
    dropped_tokens: int = 0
    recalled: tuple[int, ...] = ()


# The title of the Failed that ends what ran in the background when another model was loaded.
INTERRUPTED = "Another model was needed meanwhile."


# --- service: requests --------------------------------------------------------------------


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


class ConversationsList(Message, frozen=True):
    """Ends with Report: `conversations`, newest first; only those that say `query`, if given."""

    id: int
    query: str = ""


class ConversationGet(Message, frozen=True):
    """Ends with Report: the turns of one branch of a conversation, with citations, each with the
    numbers of its `versions`, and the path that is `pinned`. The branch is the one that was last
    shown, or the newest that goes through `turn`, which is shown from then on.
    """

    id: int
    conversation: int
    turn: int | None = None


class ConversationRename(Message, frozen=True):
    """Ends with Report: the `title` as it is kept."""

    id: int
    conversation: int
    title: str


class ConversationExport(Message, frozen=True):
    """A conversation as Markdown, with the sources of its answers. Ends with Report.

    It is written to `path`, if given, in place of what is there only with `replace`; else the
    report has it as `markdown`.
    """

    id: int
    conversation: int
    path: str | None = None
    replace: bool = False


class ConversationDelete(Message, frozen=True):
    """Ends with Report."""

    id: int
    conversation: int


class MemoriesRequest(Message, frozen=True):
    """What is remembered of the person, or a change of it. Ends with Report: `memories`.

    `refuse` says that a sentence that was offered is not to be offered again.
    """

    id: int
    action: Literal["list", "add", "edit", "remove", "refuse"] = "list"
    memory: int | None = None
    text: str | None = None


KeptKind = Literal["conversations", "answers", "memories", "searches"]


class KeptRequest(Message, frozen=True):
    """What is kept of the person, where and how large, or the deletion of one kind of it.

    Ends with Report: `kept`, one row a kind, and `about`, the program and its folders.
    """

    id: int
    delete: KeptKind | None = None


class TagsRequest(Message, frozen=True):
    """The tags, or a change of them. Ends with Report: `tags`, how many files `changed`.

    `add` and `remove` give and take the tag `name`; without paths `remove` takes it from all.
    `of` tells the tags of the files, `suggest` ends with `proposals`: files like those that have
    the tag. For what is `refuse`d it is not proposed again.
    """

    id: int
    action: Literal["list", "add", "remove", "of", "suggest", "refuse"] = "list"
    name: str = ""
    paths: tuple[str, ...] = ()


class SearchesRequest(Message, frozen=True):
    """The person's recent searches, newest first, or a change of them: `note` keeps `text` as the
    newest. Ends with Report: `searches`, and whether any are `kept`.
    """

    id: int
    action: Literal["list", "note", "remove", "clear"] = "list"
    text: str = ""


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


# --- service: replies ---------------------------------------------------------------------


class PhraseCount(msgspec.Struct, frozen=True):
    """How often the phrases of a query occur, in how many distinct contents.

    `unread` documents may hold them too: their files are offline or have changed.
    """

    occurrences: int
    documents: int
    unread: int


class SearchResults(Message, frozen=True):
    """Ranked passages; ends the request when `final`."""

    id: int
    hits: tuple[Hit, ...]
    final: bool
    recomputed: int = 0
    from_cache: int = 0
    timings_ms: dict[str, float] = {}
    phrases: PhraseCount | None = None
    note: str | None = None  # what the person should know, e.g. semantic search not ready


class SearchProgress(Message, frozen=True):
    """How many of the documents that may hold a query's phrases have been read."""

    id: int
    done: int
    total: int


class AnswerSources(Message, frozen=True):
    """The numbered passages that the answer may rest on, before its first word.

    `extract` is the sentence of passage 1 that answers most likely; None where none does.
    """

    id: int
    sources: tuple[Citation, ...]
    conversation: int
    memories: tuple[str, ...] = ()  # what is remembered of the person and used for this
    extract: Citation | None = None
    instructions: str = ""  # what the person wants of every answer, told to the model


class AnswerText(Message, frozen=True):
    """The next piece of the answer."""

    id: int
    text: str


class DigestProgress(Message, frozen=True):
    """How far a Digest is, and what it has so far: `entries` replaces what was told before."""

    id: int
    phase: Literal["reading", "comparing"]
    chars_done: int
    chars_total: int | None
    entries: tuple[DigestEntry, ...] = ()


class DigestDone(Message, frozen=True):
    """Ends a Digest. `dropped` entries were not in their file as they should have been, `more`
    had no room. `resumed_chars` had been read before; `kept` says that the result is.
    """

    id: int
    task: DigestTask
    entries: tuple[DigestEntry, ...]
    chars: int
    dropped: int = 0
    more: int = 0
    resumed_chars: int = 0
    kept: bool = True
    seconds: float = 0.0


class DigestInstead(Message, frozen=True):
    """Ends an Ask that wants whole files read, which is a Digest's work: ask for that."""

    id: int
    task: DigestTask
    paths: tuple[str, ...]


class AnswerNote(Message, frozen=True):
    """Something to know about the answer in the making; with `restart` what came is void."""

    id: int
    text: str
    restart: bool = False


class RemotePreview(Message, frozen=True):
    """Ends an Ask of which nothing was sent yet: exactly what would be, and to whom.

    `body` is the request to the byte, `messages` its texts. `seal` stands for these bytes to
    this place.
    """

    id: int
    seal: str
    server: str
    url: str
    model: str
    messages: tuple[SentText, ...]
    body: str
    with_key: bool
    encrypted: bool
    here: bool


class AnswerDone(Message, frozen=True):
    """Ends an Ask: the whole answer with unknown citations dropped.

    `found` is false when the files do not say; `stopped` as in Generated. `cached_age_s`
    tells how old an answer is that was given before and rests on what has not changed since.
    `recalled_turns` earlier turns were looked at because the question is about them.
    `unsupported` are character ranges of the answer that no passage supports. It is kept as
    the `turn` of that number, one of the `versions` of it in their order. `pinned` is the file
    that was before the model as a whole; `restored_tokens` of the prompt came from disk.
    """

    id: int
    answer: str
    found: bool
    citations: tuple[Citation, ...]
    timings_ms: dict[str, float]
    prompt_tokens: int
    answer_tokens: int
    stopped: str = "end"
    model: str = ""
    made: Made = Made()
    cached_age_s: float | None = None
    offers: tuple[MemoryOffer, ...] = ()
    recalled_turns: int = 0
    unsupported: tuple[tuple[int, int], ...] = ()
    turn: int = 0
    versions: tuple[int, ...] = ()
    pinned: str = ""
    restored_tokens: int = 0


class PreviewText(Message, frozen=True):
    """Ends a Preview: text around the passage; `start`, `end` are inside `text`."""

    id: int
    path: str
    text: str
    start: int
    end: int
    locator: Locator


class IndexProgress(Message, frozen=True):
    """How far indexing is; rates are those of the last half minute.

    A file is done when its passages are embedded. `eta_s` is None until it can be told.
    While the index comes to another level (`levelling`), `files_done` counts documents; while
    it is `paused`, `current` says why.
    """

    id: int
    phase: Phase
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    chunks: int
    current: str | None
    chunks_per_s: float
    eta_s: float | None
    bytes_per_s: float = 0.0


class ModelProgress(Message, frozen=True):
    """How far the fetch, slimming or measuring of a model is, told to who asked for it.

    The rate is that of the last seconds, `eta_s` None until it can be told. When all
    has come it is "checking", and making ready what has to be. While measuring, `bytes` are
    those of the texts that are read.
    """

    id: int
    name: str
    phase: ModelPhase
    bytes_done: int
    bytes_total: int
    bytes_per_s: float = 0.0
    eta_s: float | None = None


class State(Message, frozen=True):
    """What the service is doing: "idle", "indexing", "paused", "attention", and why."""

    id: int
    state: Literal["idle", "indexing", "paused", "attention"]
    reason: str | None = None


class Report(Message, frozen=True):
    """Ends a request whose answer is a table: the JSON that the command line prints."""

    id: int
    body: Any


class Done(Message, frozen=True):
    """Ends a request that has nothing to say but that it is done."""

    id: int


_TYPES: dict[str, type[Message]] = {kind.__name__: kind for kind in Message.__subclasses__()}
_ENDINGS = (Failed, Extracted, Passages, PageImage, FileFailed, ModelLoaded, Generated,
            Fingerprinted, TextForetold, Gpus, AnswerDone, RemotePreview, DigestInstead, DigestDone,
            PreviewText, Report, Done)  # fmt: skip


def ends(message: Message) -> bool:
    """Whether this reply is the last one of its request."""
    if isinstance(message, SearchResults):
        return message.final
    return isinstance(message, _ENDINGS)


def encode(message: Message) -> str:
    """The message as one line of ASCII JSON, without the newline."""
    return json.dumps(msgspec.to_builtins(message), ensure_ascii=True, separators=(",", ":"))


def decode(line: str | bytes) -> Message:
    """The message that a line holds.

    Raises ProtocolError when the line is not JSON, names no known type, or has
    fields that are missing or of the wrong type.
    """
    try:
        body = json.loads(line)
        return msgspec.convert(body, _TYPES[body["type"]])
    except (ValueError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise ProtocolError(f"not a message of protocol {PROTOCOL_VERSION}: {error}") from error
