"""A conversation as Markdown."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.chat.export import markdown, plain

TURN: dict[str, Any] = {
    "question": "What of\n# this *thing* <b>?",
    "answer": "It is so [1].\n\n```sh\nls -l",
    "asked_at": 0.0,
    "stopped": "cancelled",
    "scope": {"folder": None, "files": ["/docs/a`b.txt"]},
    "citations": [
        {"n": 1, "path": "/docs/\udcff.pdf", "locator": {"page": 3}, "quote": "| so it is\n- yes"}
    ],
}


def test_text_stays_text_and_an_open_fence_is_closed() -> None:
    text = markdown("A [title](http://x)", [TURN], [{**TURN, "citations": []}])
    assert text.startswith("# A \\[title\\](http://x)\n")
    assert "## What of \\# this \\*thing\\* \\<b\\>?" in text
    assert text.count("```") == 4
    assert "This answer was stopped" in text
    assert "- [1] `/docs/?.pdf`, page 3: " in text
    assert "> \\| so it is - yes" in text
    assert "`` /docs/a`b.txt ``" in text
    assert "# Other versions" in text


@given(st.text())
def test_any_text_stays_on_one_line(text: str) -> None:
    assert len(plain(text).splitlines()) <= 1
