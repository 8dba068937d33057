"""What the commands print: tables and text for people, JSON for scripts."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable
from typing import Any

import msgspec

from app.digest_lines import (
    digest_as_answer,
    digest_body,
    digest_lines,
    digest_progress_line,
)
from app.models_lines import models_lines, progress_line
from app.personal_lines import memories_lines, proposals_lines, recent_lines, tags_lines
from app.quantities import duration as _duration
from app.quantities import size as _size
from app.remote_lines import made_line, preview_body, preview_lines, remote_lines
from app.report_lines import (
    budget_lines,
    doctor_lines,
    folders_lines,
    forgotten_lines,
    index_lines,
    status_lines,
)
from app.results import results_body, results_lines
from app.texts import shown
from core.errors import UserError
from core.messages import (
    AnswerDone,
    AnswerNote,
    AnswerSources,
    AnswerText,
    DigestDone,
    DigestInstead,
    DigestProgress,
    IndexProgress,
    ModelProgress,
    RemotePreview,
    SearchProgress,
    SearchResults,
)


class Output:
    """Prints either for people or, with `json`, one JSON value on stdout."""

    def __init__(self, json: bool) -> None:
        self._json = json
        self._streamed = False
        self._memories: tuple[str, ...] = ()
        self._progress_shown = False
        self._tenth = 0  # of a fetch, told last

    # --- shared -------------------------------------------------------------------------

    def error(self, error: UserError) -> None:
        """One line on stderr: what happened and what to do."""
        self._clear_progress()
        text = shown(f"{error.title} {error.advice}".strip().replace("\n", " "))
        print(f"satchel: {text}", file=sys.stderr)

    def _print_json(self, body: object) -> None:
        print(json.dumps(body, ensure_ascii=True), flush=True)

    def _line(self, text: str = "") -> None:
        print(shown(text))

    def progress(self, progress: IndexProgress) -> None:
        """How far indexing is: one line on a terminal, rewritten in place."""
        if not sys.stderr.isatty() and progress.phase == "indexing" and progress.files_done % 500:
            return
        parts: list[str] = [progress.phase]
        if progress.phase == "paused" and progress.current:
            print(progress.current, file=sys.stderr, flush=True)
            return
        if progress.phase == "levelling":
            parts = ["coming to the level"]
            parts.append(f"{progress.files_done} of {progress.files_total} documents")
            parts.append(f"{progress.chunks_per_s:g} passages/s")
            if progress.eta_s is not None:
                parts.append(f"about {_duration(progress.eta_s)} left")
        elif progress.phase == "indexing":
            parts.append(f"{progress.files_done} of {progress.files_total} files")
            parts.append(f"{_size(progress.bytes_done)} of {_size(progress.bytes_total)}")
            parts.append(f"{progress.chunks} passages, {progress.chunks_per_s:g}/s")
            if progress.eta_s is not None:
                parts.append(f"about {_duration(progress.eta_s)} left")
        text = ", ".join(parts)
        if sys.stderr.isatty():
            name = os.path.basename(progress.current or "")[:40]  # noqa: PTH119
            sys.stderr.write(f"\r\x1b[K{shown(f'{text}  {name}')}")
            sys.stderr.flush()
            self._progress_shown = True
        else:
            print(text, file=sys.stderr, flush=True)

    def search_progress(self, progress: SearchProgress) -> None:
        """How far a phrase was looked for, on a terminal."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[Kread {progress.done} of {progress.total} documents")
            sys.stderr.flush()
            self._progress_shown = True

    def model_progress(self, progress: ModelProgress) -> None:
        """How far a fetch is: rewritten in place on a terminal, else a line for each tenth."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{shown(progress_line(progress))}")
            sys.stderr.flush()
            self._progress_shown = True
            return
        tenth = 10 * progress.bytes_done // max(1, progress.bytes_total)
        if tenth != self._tenth:
            self._tenth = tenth
            print(shown(progress_line(progress)), file=sys.stderr, flush=True)

    def _clear_progress(self) -> None:
        if self._progress_shown:
            sys.stderr.write("\r\x1b[K")
            self._progress_shown = False

    # --- commands -----------------------------------------------------------------------

    def folders(self, body: Any) -> None:
        """The watched folders."""
        self.lines(body, folders_lines(body))

    def check(self, body: Any) -> None:
        """Why a path is or isn't indexed."""
        if self._json:
            self._print_json(body)
            return
        answer = "is indexed" if body["indexed"] else "is not indexed"
        self._line(f"{body['path']} {answer}: {body['rule']}")

    def index(self, body: Any) -> None:
        """The coverage summary."""
        self._clear_progress()
        self.lines(body, index_lines(body))

    def paused(self, paused: bool, held: str | None = None) -> None:
        """Whether the person holds indexing now; why it waits all the same if it does."""
        if self._json:
            self._print_json({"paused": paused, "held": held})
        elif held is not None:
            self._line(f"Indexing is resumed, but waits: it is {held}.")
        else:
            self._line("Indexing is paused." if paused else "Indexing goes on.")

    def results(self, results: SearchResults) -> None:
        """Ranked passages."""
        if self._json:
            self._print_json(results_body(results))
            return
        self._clear_progress()
        if results.note:
            print(shown(results.note), file=sys.stderr)
        for line in results_lines(results, sys.stdout.isatty()):
            self._line(line)

    def result_line(self, results: SearchResults) -> None:
        """One JSON line of a batch."""
        self._print_json(results_body(results))

    def sources(self, sources: AnswerSources) -> None:
        """The passages that the answer may rest on, before its first word."""
        self._memories = sources.memories
        if not self._json:
            for memory in sources.memories:
                self._line(f"  (remembered: {memory})")
            for source in sources.sources:
                self._line(f"  [{source.n}] {source.path}")
            if sources.extract is not None:
                self._line()
                self._line(f'  From your files [1]: "{_one_line(sources.extract.quote)}"')
            if sources.sources:
                self._line()

    def answer_text(self, piece: AnswerText) -> None:
        """The next piece of an answer."""
        if not self._json:
            sys.stdout.write(shown(piece.text))
            sys.stdout.flush()
            self._streamed = True

    def answer_note(self, note: AnswerNote) -> None:
        """Something to know about the answer in the making."""
        if self._streamed and note.restart:
            self._line()
        print(shown(note.text), file=sys.stderr, flush=True)

    def digest_progress(self, progress: DigestProgress) -> None:
        """How far the reading of a long file is, on a terminal."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{digest_progress_line(progress)}")
            sys.stderr.flush()
            self._progress_shown = True

    def digest(self, done: DigestDone) -> None:
        """A summary, the dates or the changes of files."""
        self._clear_progress()
        if self._json:
            self._print_json(digest_body(done))
        else:
            for line in digest_lines(done, sys.stdout.isatty()):
                print(line)

    def digest_instead(self, instead: DigestInstead) -> None:
        """Say that files are read whole instead of a question being asked of them."""
        names = " and ".join(shown(path) for path in instead.paths)
        told = {"summarize": "for a summary", "dates": "for its dates", "changes": "to compare"}
        said = f"Reading all of {names} {told.get(instead.task, '')}".rstrip()
        print(f"{said}.", file=sys.stderr, flush=True)

    def digest_answer(self, done: DigestDone) -> None:
        """A digest in the place of an answer: as JSON it has the form of one."""
        if not self._json:
            self.digest(done)
            return
        self._clear_progress()
        self._print_json(digest_as_answer(done))

    def remote_preview(self, preview: RemotePreview) -> None:
        """Exactly what a remote engine would be sent."""
        if self._json:
            self._print_json(preview_body(preview))
        else:
            for line in preview_lines(preview):
                self._line(line)

    def remote(self, body: Any) -> None:
        """How it stands with the remote engine."""
        if self._json:
            self._print_json(body)
        else:
            for line in remote_lines(body):
                self._line(line)

    def answer(self, answer: AnswerDone) -> None:
        """The end of an answer: its citations with their quotes."""
        if self._json:
            self._print_json(
                {
                    "answer": answer.answer,
                    "found": answer.found,
                    "citations": [msgspec.to_builtins(c) for c in answer.citations],
                    "timings_ms": answer.timings_ms,
                    "tokens": {"prompt": answer.prompt_tokens, "answer": answer.answer_tokens},
                    "restored_tokens": answer.restored_tokens,
                    "pinned": answer.pinned or None,
                    "model": answer.model,
                    "made": msgspec.to_builtins(answer.made),
                    "stopped": answer.stopped,
                    "recalled_turns": answer.recalled_turns,
                    "cached": None
                    if answer.cached_age_s is None
                    else {"age_s": answer.cached_age_s},
                    "memories": list(self._memories),
                    "offers": [msgspec.to_builtins(offer) for offer in answer.offers],
                    "unsupported": [list(span) for span in answer.unsupported],
                }
            )
            return
        self._line()
        if answer.cached_age_s is not None:
            age = _duration(answer.cached_age_s)
            self._line(
                f"  (answered {age} ago; nothing it rests on has changed; ask anew: --fresh)"
            )
        if answer.found:
            self._citations(answer)
        for offer in answer.offers:
            self._line()
            self._line(f'Remember this? "{offer.text}" Keep it with:')
            self._line(f"  satchel memories add {shlex.quote(offer.text)}")

    def _citations(self, answer: AnswerDone) -> None:
        self._line()
        for citation in answer.citations:
            where = f", page {citation.locator.page}" if citation.locator.page else ""
            self._line(f'  [{citation.n}] {citation.path}{where}: "{_one_line(citation.quote)}"')
        for start, end in answer.unsupported:
            self._line(f'  Not in your files: "{_one_line(answer.answer[start:end])}"')
        self._line()
        if answer.recalled_turns:
            self._line(recalled_line(answer.recalled_turns))
        self._line(made_line(answer.made))

    def status(self, body: Any) -> None:
        """Device, budgets, usage and index."""
        self.lines(body, status_lines(body))

    def budget(self, body: Any) -> None:
        """The plan for the budgets."""
        self.lines(body, budget_lines(body))

    def models(self, body: Any) -> None:
        """The model catalogue."""
        self._clear_progress()
        self.lines(body, models_lines(body))

    def memories(self, body: Any) -> None:
        """What is remembered of the person."""
        self.lines(body, memories_lines(body))

    def recent(self, body: Any) -> None:
        """The searches that are kept."""
        self.lines(body, recent_lines(body))

    def tags(self, body: Any, name: str | None) -> None:
        """The tags, or the files that have one."""
        self.lines(body, tags_lines(body, name))

    def tag_proposals(self, body: Any) -> None:
        """Files that are like those with a tag."""
        self.lines(body, proposals_lines(body))

    def lines(self, body: object, lines: Iterable[str]) -> None:
        """JSON for scripts, lines for people."""
        if self._json:
            self._print_json(body)
            return
        for line in lines:
            self._line(line)

    def forgotten(self, body: Any) -> None:
        """What was removed."""
        self.lines(body, forgotten_lines(body))

    def doctor(self, body: Any) -> None:
        """The findings of a check."""
        self.lines(body, doctor_lines(body))


def recalled_line(turns: int) -> str:
    """How many earlier turns an answer looked back on."""
    return "It recalls an earlier turn." if turns == 1 else f"It recalls {turns} earlier turns."


def _one_line(text: str) -> str:
    return " ".join(text.split())
