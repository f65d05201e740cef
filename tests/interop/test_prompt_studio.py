"""A real phone records a prompt of the site: it rings, beeps, plays back, 1 keeps it; what was before comes back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from .conftest import HEARD, StartBaresip
from .lab import Lab
from .sipharness import audio
from .test_voicemail import wait_for

LAB = {"accounts": 4, "agents": 1, "tiers": 1}


def versions(lab: Lab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.command("prompt", "versions", "welcome")
    return found


def test_a_prompt_is_recorded_by_telephone(lab: Lab, baresip: StartBaresip) -> None:
    phone = baresip(lab.account(0), seed=9, auto_answer=True)
    assert versions(lab) == []
    for takes in (1, 2):
        since = len(phone.events)
        lab.command("prompt", "record", "welcome", "--account", lab.account(0).user)
        phone.wait("established", since=since)
        # The voice that explains it takes its time; then comes the beep, and what is said from there on is recorded.
        folder = lab.directory / "voicemail" / "prompts" / "greetings"
        wait_for(lambda folder=folder: folder.is_dir() and list(folder.iterdir()), 60.0)  # it has begun to be written
        time.sleep(4.0)  # of speech
        phone.dtmf("#")
        phone.dtmf("1")  # while it is played back: nobody has to hear it to the end
        wait_for(lambda takes=takes: len(versions(lab)) == takes, 60.0)
        phone.wait("closed", since=since)
    (row,) = [one for one in lab.command("prompt", "list", "--added") if one["name"] == "welcome"]
    assert audio.stretch(audio.babble(30, seed=9), audio.load(Path(row["file"]))) >= HEARD
    (former,) = [one["version"] for one in versions(lab) if not one["current"]]
    before = Path(row["file"]).read_bytes()
    lab.command("prompt", "restore", "welcome", former)
    assert Path(row["file"]).read_bytes() != before and len(versions(lab)) == 2
