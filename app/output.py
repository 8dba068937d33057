"""What the commands print: tables and text for people, JSON for scripts."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from app.digest_lines import (
    digest_as_answer,
    digest_body,
    digest_lines,
    digest_progress_line,
)
from app.models_lines import gpu_line, models_lines, progress_line
from app.personal_lines import memories_lines, proposals_lines, recent_lines, tags_lines
from app.quantities import duration as _duration
from app.quantities import size as _size
from app.remote_lines import made_line, preview_body, preview_lines, remote_lines
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

_COUNTS = ("indexed", "skipped", "failed", "needs_ocr", "offline")


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
        if self._json:
            self._print_json(body)
            return
        if not body:
            self._line("No folder is watched. Add one with: satchel folders add PATH")
        for folder in body:
            counts = folder["files"]
            files = _counts(counts) if counts else "not indexed yet; run: satchel index"
            self._line(f"{folder['path']}  ({folder['state']})  {files}")
            for pattern in folder["excluded"]:
                self._line(f"    leaves out {pattern}")

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
        if self._json:
            self._print_json(body)
            return
        self._line(f"{_counts(body['files'])}; {body['chunks']} passages")
        if body["level_chunks"] < body["chunks"]:
            self._line(
                f"{body['level_chunks']} passages are at the level {body['level']}; the others "
                "come there while Satchel is open, or at once with "
                f"`satchel index --level {body['level']}`"
            )
        if not body["words"]:
            self._line("no word index is kept: passages are found by their meaning only")
        self._line(f"took {_duration(body['seconds'])}")
        self.store_bytes(body["store_bytes"], body["text_bytes"])
        for failure in body["failures"]:
            self._line(f"  {failure['path']}: {failure['reason']}")
        for problem in body["problems"]:
            self._line(f"  {problem}")

    def paused(self, paused: bool, held: str | None = None) -> None:
        """Whether the person holds indexing now; why it waits all the same if it does."""
        if self._json:
            self._print_json({"paused": paused, "held": held})
        elif held is not None:
            self._line(f"Indexing is resumed, but waits: it is {held}.")
        else:
            self._line("Indexing is paused." if paused else "Indexing goes on.")

    def store_bytes(self, parts: Mapping[str, int], text_bytes: int) -> None:
        """The size of the store by part, beside the text it stands for."""
        self._line(f"the store takes {_size(parts['total'])} for {_size(text_bytes)} of text:")
        for name, size in parts.items():
            if name != "total" and size:
                share = f"  {100 * size / text_bytes:5.1f} % of the text" if text_bytes else ""
                self._line(f"  {name.replace('_', ' '):<12} {_size(size):>10}{share}")

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
        if self._json:
            self._print_json(body)
            return
        device, usage, index = body["device"], body["usage"], body["index"]
        free = device["disk_free_bytes"]
        self._line(
            f"device   {device['system']}, {device['processors']} processors, "
            f"{_size(device['memory_available_bytes'])} of {_size(device['memory_bytes'])} memory "
            f"available, disk free: {_size(free) if free is not None else 'unknown'}"
        )
        if device["measured"]:
            self._line(f"         {_speed(device['measured'])}")
        self._line(f"         {gpu_line(device['gpus'])}")
        self._line(
            f"budgets  disk {_size(body['budgets']['disk_bytes'])}, used "
            f"{_size(usage['disk_bytes'])}; memory {_size(body['budgets']['ram_bytes'])}, used "
            f"{_size(sum(usage['memory_bytes'].values()))}"
        )
        self._line(f"index    {index['state']}: {_counts(index['files'])}; {_level(index)}")
        if index["reason"]:
            self._line(f"         {index['reason']}")
        if moving := index["moving"]:
            self._line(
                f"         the index for {moving['model']} has {moving['done']} of about "
                f"{moving['total']} passages; {moving['serving']} searches until it is whole"
            )
        if index["damage"]:
            self._line(f"         {index['damage']}")
        for name in ("set_aside", "repaired"):
            for item in index[name]:
                self._line(f"         {name.replace('_', ' ')}: {item}")
        self.store_bytes(usage["store_bytes"], index["text_bytes"])
        self._line(f"readers  {_readers(body['readers'])}")
        model = body["model"]
        here = "" if model["assistant_installed"] else " (not installed)"
        embedding = model["embedding"] or "not installed"
        self._line(
            f"models   {_size(usage['models_bytes'])} on disk; embedding {embedding}, "
            f"answers {model['assistant']}{here}"
        )
        if model["weights"]:
            self._line(f"         {_weights(model['weights'])}")
        if memory := model["memory"]:
            self._line(
                f"         looks back on {memory['context_tokens']} tokens in {memory['cell_type']}"
            )
            if memory["switched_off"]:
                self._line(f"         {memory['switched_off']}")

    def budget(self, body: Any) -> None:
        """The plan for the budgets."""
        if self._json:
            self._print_json(body)
            return
        what = "would be" if body["preview"] else "are"
        self._line(
            f"The budgets {what} {_size(body['budgets']['disk_bytes'])} of disk "
            f"({_size(body['used']['disk_bytes'])} used) and "
            f"{_size(body['budgets']['ram_bytes'])} of memory "
            f"({_size(body['used']['ram_bytes'])} used now)."
        )
        for name, title in (("disk", "disk  "), ("memory", "memory")):
            parts = [
                f"{k.replace('_', ' ')} {_size(v)}" for k, v in body["plan"][name].items() if v
            ]
            self._line(f"{title}  {', '.join(parts)}")
        for title, lines in (("What changes:", body["changes"]), ("Why:", body["reasons"])):
            if lines:
                self._line(title)
            for line in lines:
                self._line(f"  {line}")

    def models(self, body: Any) -> None:
        """The model catalogue."""
        if self._json:
            self._print_json(body)
            return
        self._clear_progress()
        for line in models_lines(body):
            self._line(line)

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
        if self._json:
            self._print_json(body)
            return
        files, answers = body["files"], body["answers"]
        self._line(
            f"Forgot {body['path']}: {files} {'file' if files == 1 else 'files'} of the index, "
            f"{answers} {'answer' if answers == 1 else 'answers'}."
        )
        if body["excluded_by"]:
            self._line(f"It is left out from now on ({body['excluded_by']}).")
        proof = body["proof"]
        if proof["sentences"] and not proof["found_by_search"] and not proof["found_on_disk"]:
            self._line("Looked for its words in every file of Satchel's: nothing is left.")
        for other in proof["also_in"]:
            self._line(f"The same words are in another file, which stays: {other}")

    def doctor(self, body: Any) -> None:
        """The findings of a check."""
        if self._json:
            self._print_json(body)
            return
        for finding in body["findings"]:
            state = "repaired" if finding["repaired"] else "found"
            self._line(f"{finding['part']}: {finding['problem']} ({state})")
        if not body["findings"]:
            self._line(f"All is well: {', '.join(body['checked'])}.")
        for note in body["notes"]:
            self._line(f"{note}.")
        for path in body["crash_reports"]:
            self._line(f"A crash report to copy, free of your files' content: {path}")
        self._line(f"Readers of files: {_readers(body['readers'])}.")
        self._line(f"This machine {_speed(body['device'])}; {gpu_line(body['device']['gpus'])}.")
        if body["advice"]:
            self._line(body["advice"])


def _speed(body: Mapping[str, Any]) -> str:
    """How fast the machine was found to be."""
    disk = body["disk_read_bytes_per_s"]
    read = "unknown" if disk is None else f"{_size(disk)} a second"
    return f"computes {body['gflop_per_s']:.0f} GFLOP a second; reads from the disk: {read}"


def _weights(held: Any) -> str:
    """How the weights of the model that is loaded are kept in memory."""
    said = f"weights: {held['step']}, {held['why']}"
    if not held["room_bytes"]:
        return said
    rate = "" if held["hit_rate"] is None else f", {held['hit_rate']:.0%} of what was needed there"
    return (
        f"{said}; {_size(held['resident_bytes'])} of {_size(held['room_bytes'])}"
        f"{rate.replace('%', ' %')}"
    )


def _readers(body: Mapping[str, Any]) -> str:
    """What readers of files are kept from, as far as it is known, and which programs help them."""
    kept = {"network": "the network", "writing": "changing files", "memory": "too much memory"}
    said = []
    if body["protections"] is not None:
        held = [words for name, words in kept.items() if name in body["protections"]]
        free = [words for name, words in kept.items() if name not in body["protections"]]
        said += [f"kept from {', '.join(held)}"] if held else []
        said += [f"not kept from {', '.join(free)} on this system"] if free else []
    titles = {"tesseract": "scanned pages", "libreoffice": "old Office files"}
    helped = [f"{what} by {name}" for name, what in titles.items() if body["programs"][name]]
    said.append(", ".join(helped) or "no programs for scanned pages and old Office files")
    return "; ".join(said)


def _level(index: Mapping[str, Any]) -> str:
    """The level, and how far the index has come to it."""
    code = index["code_bytes_a_chunk"]
    text = f"level {index['level']}" + (f", {code} bytes of code a passage" if code else "")
    if index["levelling"]:
        text += f"; {index['level_chunks']} of {index['chunks']} passages are there"
    return text if index["words"] else f"{text}; no word index"


def _counts(counts: Mapping[str, int]) -> str:
    parts = [f"{counts.get('indexed', 0)} files indexed"]
    parts += [
        f"{counts[name]} {name.replace('_', ' ').replace('ocr', 'OCR')}"
        for name in (*_COUNTS[1:], "waiting")
        if counts.get(name)
    ]
    return ", ".join(parts)


def recalled_line(turns: int) -> str:
    """How many earlier turns an answer looked back on."""
    return "It recalls an earlier turn." if turns == 1 else f"It recalls {turns} earlier turns."


def _one_line(text: str) -> str:
    return " ".join(text.split())
