"""A plan in sentences: why it is as it is, and what another one would change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from core.budget.facts import MB, Corpus, ModelNeeds, Wishes
from core.budget.plan import Plan, rounded_up
from core.budget.ram import MOST_CHUNKS
from core.budget.sizes import in_words, plainly
from core.index.levels import ALWAYS, NEVER, WHERE_ROOM, Level
from core.llm.kv.cells import CELL_COSTS, CellType

NOTICED_SHARE = 0.1  # a prediction that changes by less is not worth a sentence
NOTICED_BYTES = MB


def why(plan: Plan, corpus: Corpus, wishes: Wishes, model: ModelNeeds | None) -> list[str]:
    """Why the plan is as it is. `model` is the language model that was chosen, if it is there."""
    return [*_why_disk(plan, corpus, wishes), *_why_memory(plan, corpus, wishes, model)]


def _why_disk(plan: Plan, corpus: Corpus, wishes: Wishes) -> Iterator[str]:
    yield level_in_words(plan.level)
    if plan.level != wishes.level:
        yield (
            f"The level {wishes.level.name} that was chosen has no room; it is taken again when "
            "it has."
        )
    if not plan.words:
        yield (
            "No word index is kept: passages are found by their meaning only, and what stands in "
            "quotation marks by reading the files."
            + ("" if wishes.words == NEVER else " It is made again when it has room.")
        )
    elif plan.fits < 1 and wishes.words == ALWAYS and plan.disk["lexical"]:
        yield (
            f"{plan.disk['lexical'] / plan.index_bytes:.0%} of the index are words; without them "
            f"more would fit (`satchel budget --set 'index.words={WHERE_ROOM}'`)."
        )
    if plan.fits < 1:
        yield (
            f"The index takes more than this budget even so: nothing is removed, and new "
            f"content waits until files or folders are taken out. About {plan.fits:.0%} of it "
            "would fit."
        )
    else:
        yield (
            f"The budget holds the index of about {in_words(plan.text_bytes_that_fit)} of text"
            + (f"; {in_words(corpus.text_bytes)} are in it." if corpus.text_bytes else ".")
        )
    if plan.text_cache_bytes:
        yield (
            f"{in_words(plan.text_cache_bytes)} may keep the texts of files that are slow to "
            "read, such as PDFs."
        )
    if plan.saved_kv_bytes:
        yield (
            f"{in_words(plan.saved_kv_bytes)} may keep what the language model has read of "
            "conversations, so that it goes on with them at once."
        )


def _why_memory(
    plan: Plan, corpus: Corpus, wishes: Wishes, model: ModelNeeds | None
) -> Iterator[str]:
    if plan.short_bytes:
        enough = plainly(rounded_up(plan.limits.ram_bytes + plan.short_bytes))
        yield (
            f"An index of {corpus.chunks:,} passages needs at least {enough} of memory, and this "
            f"budget is {plainly(plan.limits.ram_bytes)}: it will take more than it may. Give it "
            f"that much (`satchel budget --ram {enough.replace(' ', '')}`), or watch fewer folders."
        )
        return
    if plan.joined_chunks < min(corpus.chunks, MOST_CHUNKS):
        yield (
            f"At most {plan.joined_chunks:,} passages are joined in one part of the index, for "
            "there is no memory for more; searches look through more parts."
        )
    search = plan.memory["service"] + plan.memory["extractors"]
    readers = "one reader" if plan.extractors == 1 else f"{plan.extractors} readers"
    yield f"Search with {readers} of files takes up to {in_words(search)} of memory."
    if model is None:
        yield "No language model is installed, so there is search but no answers."
        return
    if plan.context_tokens is None:
        least = model.kv_bytes(wishes.task_tokens, wishes.cell_type)
        needed = model.least_weight_bytes + model.overhead_bytes + least
        yield (
            f"The language model {model.name} needs {in_words(needed)} beside it, which the "
            "memory budget does not give; there is search but no answers."
        )
        return
    taken = sum(plan.memory[part] for part in ("model_weights", "kv", "model_overhead"))
    yield (
        f"The language model {model.name} takes {in_words(taken)} while it answers and leaves "
        f"memory when idle; it looks back on {plan.context_tokens} tokens"
        + (
            f" instead of {wishes.context_tokens}, for there is no memory for more."
            if plan.context_tokens < min(wishes.context_tokens, model.trained_context_tokens)
            else "."
        )
    )
    if wishes.cells_by_room and plan.cell_type in CELL_COSTS:
        yield from _cells_in_words(plan.cell_type)
    if plan.memory["model_weights"] < model.weight_bytes:
        yield (
            f"{in_words(plan.memory['model_weights'])} of its {in_words(model.weight_bytes)} are "
            "held in memory; its other experts are read from disk when they are needed."
        )
    yield from _fewer(plan, model)


def _cells_in_words(cell: CellType) -> Iterator[str]:
    """What a smaller cell than usual costs."""
    if CELL_COSTS[cell]:
        yield (
            f"What it looks back on is kept in {cell} for want of memory, with which its "
            f"perplexity was measured to be {CELL_COSTS[cell]:.1%} higher."
        )


def _fewer(plan: Plan, model: ModelNeeds) -> Iterator[str]:
    """How many experts a token uses, where it is not as many as usual or could be fewer."""
    fewer, usual = plan.fewer, model.active_experts
    if fewer is not None:
        if fewer.cost is None:
            cost = f"what that costs was not measured; run `satchel models measure {model.name}`"
        else:
            rise = f"{fewer.cost:.1%} higher" if fewer.cost > 0 else "not higher"
            cost = f"its perplexity is {rise} by that, as was measured"
        yield (
            f"A token uses {fewer.active} of its experts instead of {usual}, so that less is read: "
            f"{cost}."
        )
    elif (
        plan.memory["model_weights"] < model.weight_bytes
        and model.fewer
        and not any(one.cost is not None for one in model.fewer)
    ):
        yield (
            f"With fewer than {usual} experts a token it would read less: "
            f"`satchel models measure {model.name}` finds out what that would cost."
        )


def level_in_words(level: Level) -> str:
    """What the level keeps and what it is predicted to give."""
    return (
        f"The index is at the level {level.name}: it keeps {_kept(level)}, "
        f"{level.bytes_a_chunk:.0f} bytes a passage in all, and a search finds "
        f"{level.recall_at_10:.0%} of the ten best passages {_computed(level)}."
    )


def _kept(level: Level) -> str:
    if level.kept == "all":
        return "the embeddings of all passages in 8 bits"
    codes = f"{level.code_bytes} bytes of code a passage" if level.code_bytes else "no code"
    return f"{codes} and the embeddings of well linked passages" if level.kept else codes


def _computed(level: Level) -> str:
    if level.kept == "all":
        return "without embedding anything but the question"
    return f"with about {level.recomputes:.0f} passages embedded anew"


def changes(now: Plan, then: Plan, used_on_disk: Mapping[str, int]) -> list[str]:
    """What gets better, worse, larger or smaller with another plan; `used_on_disk` is what each
    part takes at this moment.
    """
    return [
        *_speed("A search takes", now.query_s, then.query_s),
        *_levels(now, then),
        *_words(now, then),
        *_disk(now, then, used_on_disk),
        *_room(now, then),
        *_answers(now, then),
        *_memory(now, then),
    ]


def _disk(now: Plan, then: Plan, used: Mapping[str, int]) -> Iterator[str]:
    freed = sum(max(0, size - then.disk.get(part, 0)) for part, size in used.items())
    freed -= sum(max(0, size - now.disk.get(part, 0)) for part, size in used.items())
    if freed >= NOTICED_BYTES:
        yield f"Frees {in_words(freed)} on disk."
    more = then.index_bytes - now.index_bytes
    if more >= NOTICED_BYTES:
        yield f"The index takes {in_words(more)} more on disk."


def _memory(now: Plan, then: Plan) -> Iterator[str]:
    before, after = (
        sum(size for part, size in plan.memory.items() if part != "free") for plan in (now, then)
    )
    if abs(after - before) >= NOTICED_BYTES:
        yield f"Takes up to {in_words(after)} of memory instead of {in_words(before)}."


def _speed(what: str, now_s: float | None, then_s: float | None) -> Iterator[str]:
    if now_s is None or then_s is None or abs(then_s - now_s) < NOTICED_SHARE * now_s:
        return
    yield f"{what} about {seconds_in_words(then_s)} instead of {seconds_in_words(now_s)}."


def _levels(now: Plan, then: Plan) -> Iterator[str]:
    if now.level == then.level:
        return
    found = f"{then.level.recall_at_10:.0%} instead of {now.level.recall_at_10:.0%}"
    yield (
        f"The index goes from the level {now.level.name} to {then.level.name}: a search finds "
        f"{found} of the ten best passages."
    )


def _words(now: Plan, then: Plan) -> Iterator[str]:
    if now.words and not then.words:
        yield "The word index is given up: passages are found by their meaning only."
    elif then.words and not now.words:
        yield "Passages are found by their words, too: the files are read again for that."


def _room(now: Plan, then: Plan) -> Iterator[str]:
    if then.fits < 1 <= now.fits:
        yield "The index does not fit: nothing is removed, and new content waits."
    elif now.fits < 1 <= then.fits:
        yield "New content does not have to wait any more."
    difference = then.text_bytes_that_fit - now.text_bytes_that_fit
    if abs(difference) >= NOTICED_SHARE * max(1, now.text_bytes_that_fit):
        yield (
            f"There is room for about {in_words(then.text_bytes_that_fit)} of text instead of "
            f"{in_words(now.text_bytes_that_fit)}."
        )


def _answers(now: Plan, then: Plan) -> Iterator[str]:
    if now.can_answer and not then.can_answer:
        yield "There is no memory for the language model any more: search, but no answers."
    elif then.can_answer and not now.can_answer:
        yield f"The language model {then.model} can answer."
    elif now.can_answer and then.can_answer:
        if now.model != then.model:
            yield f"{then.model} answers instead of {now.model}."
        if now.fewer != then.fewer:
            number = f"{then.fewer.active}" if then.fewer else "as many as usual"
            yield f"A token uses {number} of the model's experts."
        if now.context_tokens != then.context_tokens:
            yield (
                f"The model looks back on {then.context_tokens} tokens instead of "
                f"{now.context_tokens}."
            )
        yield from _speed("An answer begins after", now.first_token_s, then.first_token_s)


def seconds_in_words(seconds: float) -> str:
    """A time for people: 40 ms, 0.4 s, 12 s."""
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
