"""SIPp: a thousand registrations and five hundred calls, every message as expected, every call heard both ways."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from .lab import Lab
from .sipharness import Account, audio
from .sipharness.core import LOOPBACK
from .sipharness.sipp import Scenario, Sipp
from .sipharness.tap import RtpTap

LAB = {"accounts": 1000, "agents": 1, "tiers": 1}
CALLS = 500
ENDS = 50  # accounts that call, and accounts that are called: the load is spread over them
FRAME = 160


def credentials(lab: Lab, first: int, count: int) -> list[tuple[str, str]]:
    entries = lab.facts["accounts"][first : first + count]
    return [(entry["user"], entry["password"]) for entry in entries]


def assert_nothing_unexpected(sipp: Sipp, statistics: dict[str, str], calls: int) -> None:
    assert statistics["SuccessfulCall(C)"] == str(calls)
    failed = {name: value for name, value in statistics.items() if name.startswith("Failed") and name.endswith("(C)")}
    assert set(failed.values()) <= {"0"}, failed
    assert statistics["OutOfCallMsgs(C)"] == statistics["DeadCallMsgs(C)"] == "0"
    assert sipp.errors() == ""


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_thousand_registrations(lab: Lab, transport: str) -> None:
    account = Account("load", server=LOOPBACK, port=lab.port, domain=lab.domain, transport=transport)
    with Sipp(account) as sipp:
        users = credentials(lab, 0, 1000)
        statistics = sipp.run(Scenario("register", lab.domain).register(), users, calls=1000, rate=250, limit=200)
        assert_nothing_unexpected(sipp, statistics, 1000)


def test_five_hundred_calls_heard_both_ways(lab: Lab, tmp_path: Path) -> None:
    voice = audio.encode_g711(audio.babble(4, seed=1), 8)
    spoken = tmp_path / "voice.al"
    spoken.write_bytes(voice)
    frames = {voice[start : start + FRAME] for start in range(0, len(voice), FRAME)}
    account = Account("load", server=LOOPBACK, port=lab.port, domain=lab.domain)
    callers = credentials(lab, 0, ENDS)
    called = credentials(lab, ENDS, ENDS)
    routes = [(*caller, user) for caller, (user, _) in zip(callers, called, strict=True)]

    with Sipp(account) as answering, Sipp(account) as calling:
        registered = answering.run(Scenario("register", lab.domain).register(), called, calls=ENDS, rate=100)
        assert_nothing_unexpected(answering, registered, ENDS)
        with RtpTap([answering.rtp_port, calling.rtp_port]) as tap:
            answering.launch(Scenario("answer", lab.domain).answer("load"), calls=CALLS, timeout=100, echo=True)
            scenario = Scenario("call", lab.domain).call(seconds=1.2, voice=spoken)
            statistics = calling.run(scenario, routes, calls=CALLS, rate=20, limit=100, timeout=90)
            answered = answering.finish(30)
        assert_nothing_unexpected(calling, statistics, CALLS)
        assert_nothing_unexpected(answering, answered, CALLS)

    # The called side got what was spoken, the calling side got it back as an echo: byte for byte, in every call.
    for side in (answering, calling):
        heard = Counter[tuple[tuple[str, int], int]]()
        for stream in tap.to([side.rtp_port]):
            heard[stream.source, stream.ssrc] += sum(packet.payload in frames for packet in stream.packets)
        served = [count for count in heard.values() if count >= 30]
        assert len(served) == CALLS
