"""`satchel remove-data` against a real home, which it leaves nothing of, or all."""

from __future__ import annotations

from pathlib import Path

from helpers import one_line, satchel, satchel_json

from app.autostart import EntryFile, entry_of
from core.home import find_home


def test_it_shows_what_it_keeps_and_deletes_that_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (tmp_path / "files").mkdir()
    satchel_json(home, "folders", "add", str(tmp_path / "files"))
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "SATCHEL_MODELS": str(tmp_path / "m")}
    starting = entry_of(find_home(str(home), {}), environment)
    assert isinstance(starting, EntryFile), "on Windows it is a value of the registry"
    starting.path.parent.mkdir(parents=True)
    starting.path.write_text("[Desktop Entry]\n")
    (tmp_path / "m" / "llm").mkdir(parents=True)
    (tmp_path / "m" / "llm" / "a.gguf").write_bytes(b"0123456789")
    mine = home / "data" / "diary.txt"
    mine.write_text("mine")

    shown = satchel_json(home, "remove-data", "--show", environment=environment)
    parts = {row["part"] for row in shown["kept"]}
    assert parts >= {"settings", "data", "models", "entry"}
    assert shown["deleted"] == []
    assert sum(row["bytes"] for row in shown["kept"] if row["part"] == "models") == 10

    refused = satchel(home, "remove-data", environment=environment)
    assert refused.returncode == 1
    assert "--yes" in one_line(refused)

    done = satchel_json(home, "remove-data", "--yes", environment=environment)
    assert {row["part"] for row in done["kept"]} == {"models"}
    assert done["left"] == [str(mine)]
    assert [path for path in home.rglob("*") if path.is_file()] == [mine]
    assert not starting.path.exists()  # type: ignore[union-attr]

    mine.unlink()
    satchel_json(home, "remove-data", "--yes", "--models", environment=environment)
    assert not home.exists()
    assert not (tmp_path / "m").exists()
    nothing = satchel(home, "remove-data", environment=environment)
    assert "keeps nothing" in nothing.stdout
    assert not home.exists()
