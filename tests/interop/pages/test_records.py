"""Calls, recordings, messages and the audit as people see them; what callers call themselves stays text."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media import wavfile
from softswitch.events import (
    CallBridged,
    CallerConnected,
    DigitReceived,
    FlowStep,
    OfferEnded,
    OfferMade,
    RecordingFinished,
    RecordingMarked,
    RecordingPaused,
    RecordingStarted,
    VoicemailHeard,
    VoicemailLeft,
)
from softswitch.store.sqlite import Store
from tests.unit.store.samples import ended, joined, left, leg_ended, started

from ..lab import Lab
from ..sipharness import audio
from .conftest import LogIn
from .surfer import NARROW

LAB = {"accounts": 2, "agents": 2, "tiers": 1}
NUMBER, AGENT, QUEUE = "+48600100200", "agent-2000", "queue"
EVIL = '<img src=x onerror="window.stolen=1"> Łucja'
SECONDS = 40
COUNT = 60  # calls: more than a page


async def past(path: Path, now: float, colleague: str) -> None:
    """Calls of a morning, every third of which is recorded."""
    store = await Store.open(path)
    seq = (await store.load()).next_seq
    for index in range(COUNT):
        call, answered = f"call-{index:03}", index % 3 != 1
        caller = NUMBER if index % 7 == 0 else f"+486{index:08}"
        name = EVIL if index % 7 == 0 else f"Jan {index}"
        at = now - 90.0 * (COUNT - index)
        told = [
            (0.0, replace(started(call, caller), caller_name=name, account="")),
            (0.1, FlowStep(call, "menu:hotline", "welcome")),
            (6.0, DigitReceived(call, "l1", "1", 120, "rfc4733")),
            (7.0, replace(joined(index + 1, call, QUEUE), number=caller)),
            (8.0, OfferMade(QUEUE, call, AGENT, index + 1, 1, 1.0)),
        ]
        if answered:
            told += [
                (14.0, OfferEnded(QUEUE, call, AGENT, index + 1, "answered", 6.0)),
                (14.0, CallerConnected(QUEUE, call, AGENT, index + 1, 7.0)),
                (14.1, CallBridged(call, "l1", "l2")),
            ]
        if index % 3 == 0:
            file = f"{call}.wav"
            told += [
                (14.2, RecordingStarted(index + 1, call, file, QUEUE, AGENT, caller, "wav", "always", "rule", 90)),
                (20.0, RecordingPaused(index + 1, call, True, AGENT)),
                (24.0, RecordingPaused(index + 1, call, False, AGENT)),
                (55.0, RecordingFinished(index + 1, call, file, float(SECONDS), 1_280_044, 4.0)),
            ]
        told += [
            (55.0, left(index + 1, call, "answered" if answered else "abandoned", 7.0, QUEUE, AGENT if answered else "")),
            (55.1, replace(leg_ended(call, f"l{index}"), party=caller, media={"mos": 4.2})),
            (55.2, ended(call, 55.0, caller=caller, caller_name=name, account="", queue=QUEUE,
                         agent=AGENT if answered else "", outcome="answered" if answered else "cancelled",
                         talk_seconds=41.0 if answered else 0.0)),
        ]  # fmt: skip
        for after, event in told:
            store.publish(seq, at + after, at + after, event)
            seq += 1
    for number, (heard, name) in enumerate(((False, EVIL), (True, "Jan"), (False, ""))):
        message = (number + 1, "box", f"call-{number:03}", f"box/{number}.wav", colleague, name, QUEUE, 8.0, 128_044)
        store.publish(seq, now, now, VoicemailLeft(*message, now - 3_600.0 * (number + 1)))
        seq += 1
        if heard:
            store.publish(seq, now, now, VoicemailHeard(number + 1, "box", "anna"))
            seq += 1
    store.publish(
        seq, now, now, RecordingMarked(58, "call-057", ("training", "complaint"), "Calm & clear", False, "eva")
    )
    await store.close()


def speech(folder: Path, messages: Path) -> None:
    """Two who speak in turns, and one who leaves messages."""
    rate = 8_000
    sides = [audio.resample(audio.babble(SECONDS, seed=seed), rate, rate)[: rate * SECONDS] for seed in (1, 2)]
    turns = (np.arange(rate * SECONDS) // (rate * 5)) % 2
    both = (np.stack([sides[0] * (turns == 0), sides[1] * (turns == 1)], axis=1) * 32_767).astype("<i2")
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(0, COUNT, 3):
        (folder / f"call-{index:03}.wav").write_bytes(wavfile.header(rate, both.nbytes) + both.tobytes())
    messages.mkdir(parents=True, exist_ok=True)
    for number in range(3):
        audio.babble_wav(messages / f"{number}.wav", 8, rate, number)


@pytest.fixture(scope="module")
def office(lab: Lab) -> Lab:
    """The lab with a past."""
    site = lab.directory / "site-with-mailbox.toml"
    site.write_text(
        lab.command("export")["site"] + f'[mailbox.box]\ntitle = "Hotline"\npin = "2580"\nqueue = "{QUEUE}"\n'
    )
    lab.command("apply", str(site))
    lab.stop()
    asyncio.run(past(lab.directory / "softswitch.sqlite", time.time(), lab.facts["accounts"][0]["user"]))
    speech(lab.directory / "recordings", lab.directory / "voicemail" / "box")
    lab.start()
    return lab


def test_calls_and_the_story_of_one(office: Lab, page: LogIn) -> None:
    surfer = page("administrator", "/calls")
    surfer.until("document.querySelectorAll('tbody tr').length === 50")
    surfer.shots("calls")
    surfer.click("button", "More")
    surfer.until(f"document.querySelectorAll('tbody tr').length === {COUNT}")
    surfer.type("field", "Number", "600 100 200")
    surfer.until("document.querySelectorAll('tbody tr').length === 9")
    surfer.choose("Recording", "Recorded")
    surfer.until("document.querySelectorAll('tbody tr').length === 3 && location.hash.includes('recorded=true')")
    assert EVIL in surfer.text("tbody") and not surfer.evaluate("window.stolen || document.querySelector('tbody img')")
    surfer.click("tbody tr")
    surfer.read(r"Pressed 1[\s\S]*Offered to agent-2000[\s\S]*Connected with agent-2000[\s\S]*End")
    surfer.until("document.querySelector('canvas')?.dataset.drawn === 'true'")
    surfer.settle()
    surfer.shots("story")
    surfer.click("tab", "Parties")
    surfer.read("Call-ID")
    surfer.click("tab", "SIP messages")
    surfer.read("not in memory any more")
    surfer.resize(*NARROW)
    assert surfer.fits() and surfer.faint() == []


def test_a_recording_is_seen_heard_and_marked(office: Lab, page: LogIn) -> None:
    surfer = page("supervisor", "/recordings", queue=QUEUE)
    surfer.until("document.querySelectorAll('tbody tr').length === 20")
    surfer.shots("recordings")
    surfer.choose("Tag", "training")
    surfer.until("document.querySelectorAll('tbody tr').length === 1")
    surfer.click("tbody tr")
    surfer.until("document.querySelector('canvas')?.dataset.drawn === 'true'")
    # The agent speaks first, the caller five seconds later: above and below the middle something is drawn, in turns.
    surfer.until(
        """(() => { const one = document.querySelector('canvas'), context = one.getContext('2d');
        const inked = (x, y) => { const data = context.getImageData(x * one.width, y * one.height, 40, 12).data;
          let count = 0; for (let i = 3; i < data.length; i += 4) count += data[i] > 0; return count; };
        return inked(0.03, 0.3) > 20 && inked(0.03, 0.62) === 0 && inked(0.16, 0.62) > 20 && inked(0.16, 0.3) === 0; })()"""
    )
    surfer.click("button", "Play")
    surfer.until("document.querySelector('audio').currentTime > 0.3 && !document.querySelector('audio').paused")
    surfer.click("canvas")
    surfer.until("Math.abs(document.querySelector('audio').currentTime - 20) < 8")
    surfer.shots("recording")
    surfer.click("button", "Pause")
    surfer.type("field", "New tag", "good")
    surfer.key("Enter")
    surfer.read("good", ".records-tags")
    surfer.click("button", "Keep against deletion")
    surfer.read("held, is not deleted")
    surfer.click("button", "Share by a link")
    surfer.click("button", "Make a link")
    link = surfer.until("document.querySelector('dialog input[readonly]')?.value")
    surfer.shots("link")
    status = surfer.evaluate(f"fetch({link!r}, {{ credentials: 'omit' }}).then((answer) => answer.status)")
    assert status == 200
    watcher = page("auditor", "/audit")
    watcher.read(r"supervisor-queue\s+Made a link")
    watcher.read(r"link:supervisor-queue\s+Listened")
    watcher.shots("audit")
    assert watcher.faint() == []


def test_messages_are_heard_and_given_to_an_agent(office: Lab, page: LogIn) -> None:
    surfer = page("supervisor", "/voicemail", queue=QUEUE)
    surfer.read("new message")
    before = surfer.until("document.querySelectorAll('.records-messages li').length")
    surfer.click(".records-messages .button.primary")
    surfer.until("document.querySelector('audio')?.readyState > 0")
    surfer.shots("voicemail")
    surfer.click("button", "Assign")
    surfer.choose("Agent", AGENT)
    surfer.click("dialog .button.primary")
    surfer.read(f"{AGENT} will call back")
    surfer.click("button", "Remove")
    surfer.until(f"document.querySelectorAll('.records-messages li').length === {before - 1}")
    assert not surfer.evaluate("window.stolen")


def test_an_agent_sees_their_own(office: Lab, page: LogIn) -> None:
    surfer = page("agent", "/calls", agent="agent-2001")
    surfer.read("No call is like that")
    own = page("agent", "/calls", agent=AGENT, language="pl")
    own.until("document.querySelectorAll('tbody tr').length === 40")
    own.shots("own-pl")


def test_somebody_is_forgotten(office: Lab, page: LogIn) -> None:
    surfer = page("administrator", "/audit")
    surfer.click("button", "Forget a person")
    surfer.type("field", "Number", "601 000 111")
    surfer.until("document.querySelector('dialog .button.danger:not(:disabled)')")
    surfer.shots("forget")
    surfer.click("button", "Forget a person")
    surfer.read("Forget 601 000 111 for good")
    surfer.click("button", "Remove")
    surfer.read("stands erased-")
