"""Phones that differ: codecs and ways of keys meet in the switch, and both sides understand each other."""

from __future__ import annotations

import time

import pytest

from .conftest import HEARD, StartBaresip
from .lab import Lab
from .sipharness import audio
from .sipharness.baresip import Baresip

LAB = {"accounts": 40, "agents": 1, "tiers": 1}

OPUS, G722, PCMA, PCMU = "opus/48000/2", "G722/16000/1", "PCMA", "PCMU"


def talk(caller: Baresip, callee: Baresip, seconds: float = 3.0) -> None:
    """The one calls the other, and each hears what the other says."""
    caller.call(callee.account.user)
    callee.wait("incoming")
    callee.answer()
    caller.wait("established")
    callee.wait("established")
    time.sleep(seconds + 1.5)  # media may begin a second after the answer
    caller.hangup()
    callee.wait("closed")


def assert_heard(caller: Baresip, callee: Baresip) -> None:
    assert audio.contains(audio.babble(30, seed=2), caller.heard()) >= HEARD
    assert audio.contains(audio.babble(30, seed=1), callee.heard()) >= HEARD


def codecs(lab: Lab) -> dict[str, tuple[str, str]]:
    """Of the last call's legs, by role, as the records have them."""
    import sqlite3

    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with sqlite3.connect(f"file:{lab.facts['database']}?mode=ro", uri=True) as database:
            call = database.execute(
                "select call from calls where ended_at is not null order by seq desc limit 1"
            ).fetchone()
            rows = database.execute("select role, codec from legs where call = ?", call or ("",)).fetchall()
        if len(rows) == 2:
            return dict(rows)
        time.sleep(0.2)
    raise AssertionError("the call has no records")


@pytest.mark.parametrize(
    "number, one, other, agreed",
    [
        (0, (OPUS, PCMA), (OPUS, PCMA), ("opus", "opus")),
        (2, (OPUS,), (PCMA,), ("opus", "PCMA")),
        (4, (G722, PCMU), (G722, PCMA), ("G722", "G722")),
        (6, (PCMU,), (G722,), ("PCMU", "G722")),
        (8, (OPUS, PCMU), (PCMU,), ("PCMU", "PCMU")),
    ],
)
def test_codecs_meet(
    lab: Lab, baresip: StartBaresip, number: int, one: tuple[str, ...], other: tuple[str, ...], agreed: tuple[str, str]
) -> None:
    caller = baresip(lab.account(number), seed=1, codecs=one)
    callee = baresip(lab.account(number + 1), seed=2, codecs=other, auto_answer=False)
    talk(caller, callee)
    assert codecs(lab) == dict(zip(("caller", "callee"), agreed, strict=True))
    assert_heard(caller, callee)


def test_keys_by_info_reach_a_phone_with_events(lab: Lab, baresip: StartBaresip) -> None:
    caller = baresip(lab.account(20), dtmf="info")
    callee = baresip(lab.account(21), auto_answer=False)
    caller.call(callee.account.user)
    callee.wait("incoming")
    callee.answer()
    caller.wait("established")
    callee.wait("established")
    time.sleep(1)
    caller.dtmf("159#")
    deadline = time.monotonic() + 5
    while len(callee.digits()) < 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert callee.digits() == "159#"
    caller.hangup()
    callee.wait("closed")
