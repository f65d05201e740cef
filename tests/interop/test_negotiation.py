"""Phones that differ: codecs and ways of keys meet in the switch, and both sides understand each other."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

from .conftest import StartBaresip
from .lab import Lab
from .sipharness import audio
from .sipharness.baresip import Baresip
from .sipharness.listening import hear

LAB = {"accounts": 40, "agents": 1, "tiers": 1}

OPUS, G722, PCMA, PCMU = "opus/48000/2", "G722/16000/1", "PCMA", "PCMU"


def talk(caller: Baresip, callee: Baresip) -> None:
    """The one calls the other, and each hears what the other says."""
    caller.call(callee.account.user)
    callee.wait("incoming")
    callee.answer()
    caller.wait("established")
    callee.wait("established")
    hear((audio.babble(30, seed=2), caller.heard), (audio.babble(30, seed=1), callee.heard))
    caller.hangup()
    callee.wait("closed")


def records(lab: Lab, query: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{lab.facts['database']}?mode=ro", uri=True)) as database:
        return database.execute(query, values).fetchall()


def calls_of(lab: Lab, phone: Baresip) -> set[str]:
    """The calls that a phone has made, as far as they are recorded."""
    return {call for (call,) in records(lab, "select call from calls where account = ?", phone.account.user)}


def codecs(lab: Lab, caller: Baresip, before: set[str]) -> dict[str, str]:
    """Of the legs of the call that a phone has made since, by role, as its record has them.

    Records are written behind: the last one that is there may well be that of the call before.
    """
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for call in calls_of(lab, caller) - before:
            rows = records(lab, "select role, codec from legs where call = ? and ended_at is not null", call)
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
    before = calls_of(lab, caller)
    talk(caller, callee)
    assert codecs(lab, caller, before) == dict(zip(("caller", "callee"), agreed, strict=True))


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
