"""The model worker: a child process that holds one language model and answers questions.

It speaks the messages of core.messages over stdin and stdout. A reader thread
takes them in, so that a Cancel acts while the main thread is inside llama.cpp.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

from app.stdio import Channel, child_channel
from app.wishes import Wish, Wishes
from core.chat.parts import Parted, in_turns, parted, with_pinned
from core.chat.pinned import document_too_long
from core.chat.prompt import PromptTemplate, build_prompt, load_template, with_document
from core.errors import Cancelled, UserError
from core.llm.chat_message import ChatMessage
from core.llm.devices import gpu_devices
from core.llm.fingerprint import BEST, STEPS
from core.llm.generation import Generation, Outcome
from core.llm.gguf import read_header
from core.llm.kv.saved import Origin, SavedKv, fingerprint_file
from core.llm.native import ATTENTION, NativeModel, StopFlag, build_name, check_loads
from core.llm.runtime import Runtime
from core.messages import (
    INTERRUPTED,
    Cancel,
    ChatTurn,
    CheckModel,
    Complete,
    Done,
    Failed,
    FindGpus,
    Fingerprinted,
    FingerprintModel,
    ForetellText,
    ForgetSaved,
    Generate,
    Generated,
    Gpus,
    Hello,
    HoldWeights,
    LoadModel,
    Message,
    ModelLoaded,
    PromptReady,
    ProtocolError,
    TextForetold,
    Token,
    WeightsHeld,
)

_PR_SET_PDEATHSIG = 1

Request = LoadModel | Generate | Complete | CheckModel | FingerprintModel | ForetellText | FindGpus


NOTHING_SAID = Outcome("cancelled", 0, 0, 0, 0.0, 0.0)


class Worker:
    """Carries out the requests of one channel, one after the other."""

    def __init__(self, channel: Channel, template: PromptTemplate) -> None:
        self._channel = channel
        self._template = template
        self._runtime: Runtime | None = None
        self._again: LoadModel | None = None  # what was loaded from a file that has changed
        self._held_bytes: tuple[int | None] | None = None  # wished for since the model was loaded
        self._wishes: Wishes[Request, Generation] = Wishes()
        self._saved: SavedKv | None = None
        self._forgotten: set[int] = set()  # conversations of which nothing may be saved
        self._stops: dict[int, StopFlag] = {}
        self._stops_lock = threading.Lock()

    def run(self) -> None:
        """Serve for ever; the process ends when the channel is closed."""
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        while True:
            wish = self._wishes.take()
            self._carry_out(wish)
            if wish.going is not None:
                self._wishes.put_back(wish)
                continue
            with self._stops_lock:
                # The asker may have used the id again as soon as it saw the end.
                if self._stops.get(wish.request.id) is wish.stop:
                    del self._stops[wish.request.id]

    def _read(self) -> None:
        try:
            while (message := self._channel.receive()) is not None:
                self._take(message)
        except ProtocolError:
            # What the line holds may be private, so it is not shown.
            print("model worker: a line is not a message of this version", file=sys.stderr)
            _leave(2)
        # The parent is gone or wants an end. The main thread may be deep in native code,
        # and there is nothing to save.
        _leave(0)

    def _take(self, message: Message) -> None:
        if isinstance(message, Cancel):
            with self._stops_lock:
                stop = self._stops.get(message.id)
            if stop is not None:
                stop.raise_()
        elif isinstance(message, HoldWeights):
            self._hold(message.held_bytes)
        elif isinstance(message, ForgetSaved):
            self._forget_saved(message.conversation)
        elif isinstance(message, Request):
            stop = StopFlag()
            with self._stops_lock:
                self._stops[message.id] = stop
            background = isinstance(message, Complete) and message.background
            self._wishes.put(Wish(message, stop, background))

    def _forget_saved(self, conversation: int) -> None:
        """On the thread that reads, so that nothing of it is saved from now on."""
        self._forgotten.add(conversation)
        if self._saved is not None:
            self._saved.forget(conversation)

    def _hold(self, held_bytes: int | None) -> None:
        """On the thread that reads, so that it acts in the middle of an answer."""
        self._held_bytes = (held_bytes,)
        runtime = self._runtime
        if runtime is not None:
            runtime.resize(held_bytes, lambda: self._tell_held(runtime))

    def _tell_held(self, runtime: Runtime) -> None:
        self._channel.send(WeightsHeld(**dataclasses.asdict(runtime.residency())))

    def _carry_out(self, wish: Wish[Request, Generation]) -> None:
        request, stop = wish.request, wish.stop
        try:
            if isinstance(request, LoadModel):
                self._load(request, stop)
            elif isinstance(request, CheckModel):
                self._check(request)
            elif isinstance(request, FingerprintModel):
                self._fingerprint(request)
            elif isinstance(request, ForetellText):
                found = self._loaded().foretell(request.text, stop)
                self._channel.send(TextForetold(request.id, found.losses, found.best))
            elif isinstance(request, FindGpus):
                self._channel.send(Gpus(request.id, build_name(), gpu_devices()))
            else:
                self._answer(request, wish)
        except UserError as error:
            wish.going = None
            self._channel.send(Failed(request.id, error.title, error.advice))
        except Cancelled:
            wish.going = None
            self._channel.send(Failed(request.id, "The model was stopped.", ""))

    def _check(self, request: CheckModel) -> None:
        path = Path(request.path)
        read_header(path)
        if request.adapter is None:
            check_loads(path)
        else:
            model = NativeModel(path, StopFlag())
            try:
                model.add_adapter(Path(request.adapter))
            finally:
                model.close()
        self._channel.send(Done(request.id))

    def _load(self, request: LoadModel, stop: StopFlag) -> None:
        path = Path(request.path)
        # Refused here, a bad file does not cost the model that is loaded.
        read_header(path)
        self._held_bytes = None
        runtime = self._open(request, stop)
        self._tell_held(runtime)  # first, for the parent listens until the end of its request
        self._channel.send(
            ModelLoaded(
                id=request.id,
                name=runtime.name,
                architecture=runtime.header.architecture,
                context_tokens=runtime.context_tokens,
                trained_context_tokens=runtime.trained_context_tokens,
                resident_bytes=runtime.resident_bytes,
                load_ms=runtime.load_ms,
                cell_type=runtime.cell_type,
                memory_why=runtime.ability.why,
            )
        )

    def _open(self, request: LoadModel, stop: StopFlag) -> Runtime:
        path = Path(request.path)
        self._let_go()
        self._again = request
        runtime = Runtime(
            path,
            context_tokens=request.context_tokens,
            threads=request.threads,
            stop=stop,
            adapters=[Path(adapter) for adapter in request.adapters],
            cell_type=request.cell_type,
            held_bytes=request.held_bytes,
            traces_path=Path(request.traces) if request.traces else None,
            active_experts=request.active_experts,
        )
        self._runtime = runtime
        self._saved = self._open_saved(request, runtime)
        runtime.use_saved(self._saved)
        if self._held_bytes is not None:
            runtime.resize(*self._held_bytes)
        return runtime

    def _open_saved(self, request: LoadModel, runtime: Runtime) -> SavedKv | None:
        """What is on disk of this model as it is loaded now."""
        if request.saved_folder is None or not runtime.ability.pages:
            return None
        files = [Path(request.path), *(Path(adapter) for adapter in request.adapters)]
        origin = Origin(
            model=files[0].stem,
            fingerprint=fingerprint_file(files, str(request.active_experts)),
            build=build_name(),
            cell_type=runtime.cell_type,
            attention=ATTENTION[runtime.cell_type],
        )
        saved = SavedKv(Path(request.saved_folder), origin, request.saved_bytes)
        for conversation in self._forgotten:
            saved.forget(conversation)
        return saved

    def _let_go(self) -> None:
        """Two models need not fit in memory together, and what was begun with one ends."""
        for wish in self._wishes.drop_background():
            if wish.going is not None:
                wish.going.close()
            self._channel.send(Failed(wish.request.id, INTERRUPTED, ""))
        self._saved = None
        runtime, self._runtime, self._again = self._runtime, None, None
        if runtime is not None:
            runtime.close()

    def _fingerprint(self, request: FingerprintModel) -> None:
        found = self._loaded().fingerprint(request.text, STEPS, BEST)
        self._channel.send(
            Fingerprinted(
                id=request.id,
                build=build_name(),
                steps=found.steps,
                prompt_tokens=found.prompt_tokens,
                prefill_ms=found.prefill_ms,
                decode_ms=found.decode_ms,
            )
        )

    def _loaded(self) -> Runtime:
        if self._again is not None and (self._runtime is None or self._runtime.is_lost):
            # Its file was changed or could not be read: it may be sound by now.
            self._open(self._again, StopFlag())
        if self._runtime is None:
            raise UserError("No language model is loaded.", "Choose a model and ask again.")
        return self._runtime

    def _answer(self, request: Generate | Complete, wish: Wish[Request, Generation]) -> None:
        """Answer, or go on with it; what is paused is kept in `wish.going`."""
        runtime = self._loaded()
        if wish.stop.raised:
            wish.going = None
            self._channel.send(_generated(request.id, NOTHING_SAID))
            return
        recalled: dict[str, int] = {}
        generation = wish.going
        if generation is None:
            answer_tokens = min(max(request.max_answer_tokens, 1), runtime.context_tokens // 2)
            if isinstance(request, Generate) and request.saved_bytes is not None and self._saved:
                self._saved.limit(request.saved_bytes)
            prompt, used = self._prompt(runtime, request, answer_tokens)
            recalled = prompt.recalled
            chosen = runtime.choose(prompt.parts, len(prompt.end), answer_tokens)
            tokens = sum(len(part.tokens) for part in chosen) + len(prompt.end)
            self._channel.send(PromptReady(request.id, used, tokens))
            generation = runtime.begin(
                prompt.parts,
                prompt.end,
                max_tokens=answer_tokens,
                on_text=lambda text: self._channel.send(Token(request.id, text)),
                grammar=request.grammar if isinstance(request, Complete) else "",
                variety=request.variety if isinstance(request, Generate) else 0,
            )
        outcome = runtime.run(generation, wish.stop)
        if outcome is None:
            wish.going = generation
            return
        wish.going = None
        self._tell_held(runtime)
        turns = tuple(turn for name, turn in recalled.items() if name in outcome.held)
        self._channel.send(_generated(request.id, outcome, turns))
        runtime.remember()
        if not self._wishes.someone_waits:
            runtime.settle()

    def _prompt(
        self, runtime: Runtime, request: Generate | Complete, answer_tokens: int
    ) -> tuple[Parted, int]:
        """The prompt in parts, and how many passages it holds."""
        if isinstance(request, Complete):
            return self._of_text(runtime, request, answer_tokens), 0
        pages = runtime.ability.pages and in_turns(request.history)
        template, pinned = self._template, request.pinned
        room = runtime.context_tokens - answer_tokens
        if pinned is not None:
            template = with_document(template, pinned.name, pinned.text)
        prompt = build_prompt(
            request.question,
            request.passages,
            () if pages else request.history,
            template=template,
            prompt_tokens=room,
            count_tokens=runtime.count_tokens,
            keeps_question=runtime.ability.pages or pinned is not None,
        )
        if pinned is not None and prompt.tokens > room:
            raise document_too_long(pinned.name, prompt.tokens, room)
        history = request.history if pages else ()
        pinned_in = 0 if pinned is None else pinned.conversation
        return self._parted(runtime, prompt.messages, history, pinned_in), prompt.passages_used

    @staticmethod
    def _of_text(runtime: Runtime, request: Complete, answer_tokens: int) -> Parted:
        if runtime.ability.pages:
            room = runtime.context_tokens - answer_tokens
            tokenize = runtime.tokenize_each, runtime.tokenize_text
            return with_pinned(request.system, request.pinned, request.text, room, *tokenize)
        head = [ChatMessage("system", request.system)] if request.system else []
        whole = f"{request.pinned}\n\n{request.text}".strip()
        messages = [*head, ChatMessage("user", whole)]
        return Parted((), tuple(runtime.tokenize_chat(messages)), {})

    @staticmethod
    def _parted(
        runtime: Runtime,
        messages: Sequence[ChatMessage],
        history: Sequence[ChatTurn],
        pinned_in: int,
    ) -> Parted:
        if runtime.ability.pages:
            return parted(messages, history, runtime.tokenize_each, pinned_in)
        return Parted((), tuple(runtime.tokenize_chat(messages)), {})


def _generated(request_id: int, outcome: Outcome, recalled: Sequence[int] = ()) -> Generated:
    return Generated(
        id=request_id,
        stopped=outcome.stopped,
        prompt_tokens=outcome.prompt_tokens,
        answer_tokens=outcome.answer_tokens,
        prefill_ms=outcome.prefill_ms,
        decode_ms=outcome.decode_ms,
        reused_tokens=outcome.reused_tokens,
        restored_tokens=outcome.recalled_tokens,
        dropped_tokens=outcome.dropped_tokens,
        recalled=tuple(recalled),
    )


def _leave(code: int) -> None:
    """End the process at once, whatever its threads are doing."""
    sys.stderr.flush()
    os._exit(code)


def _die_with_parent() -> None:
    """On Linux have the kernel end this process when the thread that started it ends.

    The end of stdin says the same, but not while another child holds that pipe open.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        _leave(0)


def main() -> int:
    """Run the worker on stdin and stdout. Returns 1 after a failure that is a bug."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the parent's to handle
    try:
        channel = child_channel(Hello(role="model-worker", pid=os.getpid()))
        Worker(channel, load_template()).run()
    except BrokenPipeError:
        _leave(0)
    except Exception as error:  # the top of the process: the parent starts another
        # Without the message, which may quote a question or a document.
        traceback.print_tb(error.__traceback__)
        print(f"model worker: {type(error).__name__}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    _leave(main())
