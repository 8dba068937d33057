from collections.abc import Callable, Sequence

import pytest

from core.chat.assistant import NOT_FOUND, Answer, Gathered, ModelAnswer, answer_question, gather
from core.chat.evidence import load_evidence
from core.errors import UserError
from core.index.search import Results
from core.messages import ChatTurn, Hit, Locator

RENT = "The rent of the workshop is 1,150 pounds a month, due on the first."
CATS = "Cats sleep for most of the day and hunt at night."
BENCH = "The workshop has a bench, and its rent was lower once."
QUESTION = "How much is the rent of the workshop?"
EVIDENCE = load_evidence()


class Scripted:
    """A model that says what it was told to, piece by piece."""

    def __init__(self, text: str, stop_after: int | None = None) -> None:
        self.text = text
        self.stop_after = stop_after
        self.asked: list[tuple[str, tuple[str, ...], int]] = []

    def answer(
        self,
        question: str,
        passages: Sequence[str],
        history: Sequence[ChatTurn],
        on_text: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> ModelAnswer:
        self.asked.append((question, tuple(passages), len(history)))
        said = ""
        for at in range(0, len(self.text), 3):
            if cancelled():
                return ModelAnswer(said, "cancelled", len(passages), 9, 2, 1.0, 2.0)
            piece = self.text[at : at + 3]
            said += piece
            on_text(piece)
        return ModelAnswer(said, "end", len(passages), 9, 5, 1.0, 2.0)


def results(*texts: str | None) -> Results:
    hits = tuple(
        Hit(n, 1.0, f"/f/{n}.txt", Locator(line=n), 0, 9, text or "")
        for n, text in enumerate(texts, start=1)
    )
    return Results(hits, texts, (None,) * len(texts), 0, 0, {})


def found_in(found: Results) -> Gathered:
    return gather(found, QUESTION, None, EVIDENCE, 600)


def ask(
    model: Scripted, found: Results, cancelled: Callable[[], bool] = lambda: False
) -> tuple[Answer, str]:
    pieces: list[str] = []
    answer = answer_question(QUESTION, found_in(found), model, [], pieces.append, cancelled)
    return answer, "".join(pieces)


def test_an_answer_is_cited_and_streamed() -> None:
    model = Scripted("The rent is 1,150 pounds [1].")
    answer, streamed = ask(model, results(RENT))
    assert answer.found
    assert answer.text == streamed == "The rent is 1,150 pounds [1]."
    [citation] = answer.citations
    assert (citation.n, citation.path, citation.locator.line) == (1, "/f/1.txt", 1)
    assert citation.quote in RENT
    assert (answer.prompt_tokens, answer.answer_tokens, answer.stopped) == (9, 5, "end")
    assert set(answer.timings_ms) == {"first_text", "prefill", "decode", "total"}
    assert answer.timings_ms["first_text"] <= answer.timings_ms["total"]


def test_where_the_files_do_not_say_the_model_is_not_asked() -> None:
    model = Scripted("Whatever.")
    for found in (results(), results(None), results(CATS)):
        answer, streamed = ask(model, found)
        assert (answer.text, answer.found, streamed) == (NOT_FOUND, False, NOT_FOUND)
        assert answer.citations == ()
    assert not model.asked
    assert found_in(results(CATS)).extract is None


def test_an_unknown_number_is_never_shown() -> None:
    answer, streamed = ask(Scripted("The rent is 1,150 pounds [7]."), results(RENT))
    assert "[7]" not in answer.text
    assert "[7]" not in streamed
    assert all(citation.n == 1 for citation in answer.citations)


def test_the_extract_is_known_before_the_model_is_asked() -> None:
    gathered = found_in(results(CATS, "The day was long. " + RENT))
    assert gathered.extract is not None
    assert (gathered.extract.n, gathered.extract.path) == (1, "/f/2.txt")
    assert gathered.extract.quote == RENT


@pytest.mark.parametrize("said", ["The passages do not say that.", "", "\n", "I don't know."])
def test_a_model_that_does_not_know_leaves_the_extract(said: str) -> None:
    answer, _ = ask(Scripted(said), results(RENT))
    assert answer.found
    assert answer.text == f"{RENT} [1]"
    assert answer.unsupported == ()
    assert [citation.quote for citation in answer.citations] == [RENT]


def test_words_without_support_come_after_the_extract_and_are_marked() -> None:
    answer, _ = ask(Scripted("It is 9,999 pounds [1]."), results(RENT))
    assert answer.text == f"{RENT} [1]\n\nIt is 9,999 pounds."
    [(start, end)] = answer.unsupported
    assert answer.text[start:end] == "It is 9,999 pounds."
    assert answer.citations[0].quote == RENT


def test_what_the_model_cites_never_takes_the_place_of_the_extract() -> None:
    gathered = found_in(results(RENT, BENCH))
    assert len(gathered.passages) == 2
    model = Scripted("The workshop has a bench [2]. Dragons sleep on it.")
    answer = answer_question(QUESTION, gathered, model, [], lambda _: None, lambda: False)
    assert [(c.n, c.quote) for c in answer.citations] == [(1, RENT), (2, BENCH)]
    assert [answer.text[a:b] for a, b in answer.unsupported] == ["Dragons sleep on it."]


def test_a_stopped_answer_keeps_what_was_said() -> None:
    calls = iter(range(100))
    answer, streamed = ask(
        Scripted("The rent is 1,150 pounds [1]."), results(RENT), lambda: next(calls) >= 4
    )
    assert answer.stopped == "cancelled"
    assert streamed == "The rent is "
    assert answer.text.startswith("The rent is")


def test_sources_are_numbered_as_the_model_sees_them() -> None:
    model = Scripted("The rent is 1,150 pounds [1].")
    found = results(RENT, CATS)
    gathered = found_in(found)
    shown = gathered.sources
    answer_question(QUESTION, gathered, model, [], lambda _: None, lambda: False)
    assert [s.n for s in shown] == list(range(1, len(shown) + 1))
    assert tuple(s.quote for s in shown) == model.asked[0][1]


def test_a_broken_model_is_an_error_to_mend() -> None:
    class Broken(Scripted):
        def answer(self, *_: object) -> ModelAnswer:
            raise UserError("gone", "again")

    with pytest.raises(UserError, match="gone"):
        ask(Broken(""), results(RENT))
