"""`softswitch prompt`: recordings of one's own in the place of ours, without a running switch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from softswitch import uploads
from softswitch.config import load_config
from softswitch.running import sounds
from softswitch.setup import stored_site
from tests.unit.cli.test_cli import UNKNOWN, USAGE, data, empty_folder, run, site
from tests.unit.media.test_intake import speech, write

__all__ = ["empty_folder", "site"]  # fixtures


def loads(folder: Path) -> dict[str, str]:
    """What the media workers would be given, by name."""
    config = load_config(folder / "softswitch.toml")
    stored = stored_site(config)
    assert stored is not None
    own = uploads.roots(config)[1:]
    return {one.name: one.path for one in [*sounds.clips(stored, *own), *sounds.music(stored, *own)]}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return write(tmp_path / "mine.wav", speech(44_100), 44_100, "pcm24", 2)


def test_a_recording_of_ones_own_is_heard_and_removed_again(site: dict[str, Any], mine: Path, tmp_path: Path) -> None:
    ours = loads(tmp_path / "site")["pl/welcome"]
    added = data("prompt", "add", "welcome", str(mine))
    assert (added["language"], added["rate"], added["channels"], added["warnings"]) == ("pl", 44_100, 2, [])
    assert added["in_force"] is False and added["gain_db"] == pytest.approx(10.0, abs=1.0)
    heard = loads(tmp_path / "site")["pl/welcome"]
    assert heard == added["file"] != ours and Path(heard).parent.parent == tmp_path / "site" / "prompts"
    (row,) = data("prompt", "list", "--added")
    assert (row["name"], row["source"], row["text"][:10]) == ("welcome", "added", "Dzień dobr")
    shown = run("prompt", "play-info", "welcome").output
    assert "16000 Hz" in shown and "shipped" in shown and "menu" in shown.lower()
    assert run("prompt", "remove", "welcome").exit_code == 0
    assert loads(tmp_path / "site")["pl/welcome"] == ours
    gone = run("prompt", "remove", "welcome")
    assert gone.exit_code == UNKNOWN and "--added" in gone.output


def test_new_prompts_are_told_from_misspelt_ones(site: dict[str, Any], mine: Path) -> None:
    assert "did you mean welcome?" in data("prompt", "add", "welcom", str(mine))["warnings"][0]
    assert run("check").exit_code == 0
    wrong = run("prompt", "add", "Mój Prompt", str(mine))
    assert wrong.exit_code == 1 and "Small letters" in wrong.output
    assert "code" in run("prompt", "add", "welcome", str(mine), "--language", "Polish").output
    assert run("prompt", "play-info", "welcomes").exit_code == UNKNOWN


def test_a_file_that_cannot_be_used_says_why(site: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "song.mp3").write_bytes(b"ID3" + bytes(50))
    result = run("prompt", "add", "welcome", str(tmp_path / "song.mp3"))
    assert result.exit_code == 1 and "MP3" in result.output and "ffmpeg" in result.output
    assert "may read" in run("prompt", "add", "welcome", str(tmp_path / "none.wav")).output


def test_music_of_a_queue(site: dict[str, Any], mine: Path, tmp_path: Path) -> None:
    assert run("prompt", "add", "jazz", str(mine), "--queue", "infolinia").exit_code == USAGE
    config = load_config(tmp_path / "site" / "softswitch.toml")
    before = stored_site(config)
    assert before is not None
    queue = next(iter(before.queues))
    data("prompt", "add", "jazz", str(mine), "--music", "--queue", queue)
    after = stored_site(config)
    assert after is not None and after.queues[queue].music == "jazz" and after.music["jazz"] == ("jazz.wav",)
    assert loads(tmp_path / "site")["jazz"].endswith("prompts/moh/jazz.wav")
    assert queue in str(data("prompt", "play-info", "jazz")["used_by"])
    refused = run("prompt", "remove", "jazz", "--music")
    assert refused.exit_code == 1 and "plays the music" in refused.output
    data("prompt", "add", "folk", str(mine), "--music", "--queue", queue)
    assert run("prompt", "remove", "jazz", "--music").exit_code == 0
    assert "jazz" not in loads(tmp_path / "site")
    missing = run("prompt", "add", "x", str(mine), "--music", "--queue", "nowhere")
    assert missing.exit_code == UNKNOWN and "There are" in missing.output


def test_an_upgrade_leaves_ones_own_prompts_alone(site: dict[str, Any], mine: Path, tmp_path: Path) -> None:
    """They are beside the database, and nothing that we ship is there."""
    data("prompt", "add", "welcome", str(mine), "--language", "en")
    config = load_config(tmp_path / "site" / "softswitch.toml")
    assert uploads.folder(config) == config.paths.database.parent / "prompts"
    assert [one.relative_to(uploads.folder(config)).as_posix() for one in uploads.folder(config).rglob("*.wav")] == [
        "en/welcome.wav"
    ]


def test_the_list_is_searched_by_name_and_text(site: dict[str, Any]) -> None:
    found = data("prompt", "list", "oddzwonienie", "--language", "pl")
    assert "callback-offer" in {one["name"] for one in found}
    assert {one["language"] for one in data("prompt", "list", "--language", "moh")} == {"moh"}
    assert "no such prompt" in run("prompt", "list", "xyzzy").output
