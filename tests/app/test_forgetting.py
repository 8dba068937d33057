import json
from pathlib import Path

from app.forgetting import BLOCK_BYTES, distinct_words, files_with, stored_forms


def test_the_longest_line_is_looked_for() -> None:
    text = "Title\nThe brass key lies  under the third flowerpot.\nshort line"
    assert distinct_words(text) == "The brass key lies  under the third flowerpot."
    assert distinct_words("one two\nthree") is None
    assert distinct_words("") is None
    assert distinct_words(" ".join(map(str, range(50)))) == " ".join(map(str, range(12)))


def test_a_sentence_is_found_wherever_it_lies(tmp_path: Path) -> None:
    sentence = "Der Schlüssel liegt unter dem Blumentopf"
    wanted = stored_forms(sentence)
    (tmp_path / "deep").mkdir()
    (tmp_path / "plain").write_bytes(b"x" * (BLOCK_BYTES - 7) + sentence.encode())
    (tmp_path / "deep" / "wide").write_bytes(sentence.encode("utf-16-le"))
    (tmp_path / "deep" / "json").write_bytes(json.dumps([sentence]).encode())
    (tmp_path / "other").write_bytes(sentence.upper().encode())
    (tmp_path / "link").symlink_to(tmp_path / "plain")
    names = [path.name for path in files_with(tmp_path, wanted)]
    assert names == ["json", "wide", "plain"]
    assert list(files_with(tmp_path, [])) == []
