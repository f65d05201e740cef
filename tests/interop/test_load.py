"""SIPp: a thousand registrations and five hundred calls, every message as expected, the audio checked both ways."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import StartWirePhone
from .lab import Lab
from .sipharness import Account, audio
from .sipharness.core import LOOPBACK
from .sipharness.sipp import Scenario, Sipp
from .wirephone import WirePhone

LAB = {"accounts": 1000, "agents": 1, "tiers": 1}
CALLS = 500
ENDS = 50  # accounts that call, and accounts that are called: the load is spread over them
CHECKS, CHECKERS = 50, 5  # of the calls are listened to, by so many phones


def credentials(lab: Lab, first: int, count: int) -> list[tuple[str, str]]:
    entries = lab.facts["accounts"][first : first + count]
    return [(entry["user"], entry["password"]) for entry in entries]


def assert_nothing_unexpected(sipp: Sipp, statistics: dict[str, str], calls: int) -> None:
    assert statistics["SuccessfulCall(C)"] == str(calls)
    failed = {name: value for name, value in statistics.items() if name.startswith("Failed") and name.endswith("(C)")}
    assert set(failed.values()) <= {"0"}, failed
    assert statistics["OutOfCallMsgs(C)"] == "0"
    assert sipp.complaints() == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_thousand_registrations(lab: Lab, transport: str) -> None:
    account = Account("load", server=LOOPBACK, port=lab.port, domain=lab.domain, transport=transport)
    with Sipp(account) as sipp:
        users = credentials(lab, 0, 1000)
        statistics = sipp.run(Scenario("register", lab.domain).register(), users, calls=1000, rate=250, limit=200)
        assert_nothing_unexpected(sipp, statistics, 1000)


@pytest.mark.timeout(180)
async def test_five_hundred_calls(lab: Lab, wirephone: StartWirePhone) -> None:
    account = Account("load", server=LOOPBACK, port=lab.port, domain=lab.domain)
    callers = credentials(lab, 0, ENDS)
    called = credentials(lab, ENDS, ENDS)
    routes = [(*caller, user) for caller, (user, _) in zip(callers, called, strict=True)]
    phones = [await wirephone(lab.account(2 * ENDS + number)) for number in range(CHECKERS)]

    with Sipp(account) as answering, Sipp(account) as calling:
        register = Scenario("register", lab.domain).register()
        registered = await asyncio.to_thread(answering.run, register, called, calls=ENDS, rate=100)
        assert_nothing_unexpected(answering, registered, ENDS)
        answering.launch(Scenario("answer", lab.domain).answer("load"), calls=CALLS, timeout=100, echo=True)
        scenario = Scenario("call", lab.domain).call(seconds=1.5)
        calling.launch(scenario, routes, calls=CALLS - CHECKS, rate=20, limit=100, timeout=90)

        # All the while, calls that listen: what a phone says to SIPp must come back byte for byte.
        async def check(phone: WirePhone) -> None:
            for number in range(CHECKS // CHECKERS):
                call = phone.call(called[number][0])
                await call.answered(timeout=10)
                await call.media.hears(75, timeout=10)
                await call.hang_up()
                spoken = set(call.media.frames)
                heard = [packet.payload for packet in call.media.received.packets]
                assert set(heard) <= spoken
                assert len(set(heard)) > 50  # and not one packet over and over
                health = call.media.received.health()
                assert health.lost == health.disordered == health.duplicates == 0
                assert call.media.foreign == 0

        for number, phone in enumerate(phones):
            phone.voice = audio.babble(2, seed=number)
        await asyncio.gather(*(check(phone) for phone in phones))
        assert_nothing_unexpected(calling, await asyncio.to_thread(calling.finish, 90), CALLS - CHECKS)
        assert_nothing_unexpected(answering, await asyncio.to_thread(answering.finish, 30), CALLS)
