"""Real phones and what they do besides calling: forward by a code, pick up from another phone, park and fetch; by ear."""

from __future__ import annotations

import sqlite3
import time

import pytest

from .conftest import StartBaresip, StartLinphone
from .lab import Lab
from .sipharness import audio
from .sipharness.baresip import Baresip
from .sipharness.listening import hear
from .sipharness.tap import RtpTap

LAB = {"accounts": 20, "agents": 1, "tiers": 1}


def hear_each_other(one: Baresip, other: Baresip, seeds: tuple[int, int]) -> None:
    """Both hear what the other says from now on."""
    with RtpTap([*one.rtp_ports, *other.rtp_ports]) as tap:
        since = time.time()
        hear(
            (audio.babble(60, seed=seeds[1]), lambda: tap.heard_by(one.rtp_ports, since)),
            (audio.babble(60, seed=seeds[0]), lambda: tap.heard_by(other.rtp_ports, since)),
        )


def dial_code(phone: Baresip, code: str) -> None:
    """A code is confirmed by a voice, then the call ends."""
    since = phone.mark()
    phone.call(code)
    phone.wait("established", since=since)
    phone.wait("closed", since=since, timeout=20)


@pytest.mark.timeout(120)
def test_a_forward_is_dialled_and_outlives_kill_9(lab: Lab, baresip: StartBaresip) -> None:
    alice, bob, carol = (
        baresip(lab.account(number), seed=seed, auto_answer=auto)
        for number, seed, auto in ((0, 1, False), (1, 2, True), (2, 3, True))
    )
    dial_code(bob, f"*21*{carol.account.user}")
    lab.kill()
    lab.start()
    since = bob.mark()
    alice.call(bob.account.user)
    alice.wait("established")
    carol.wait("established")
    hear_each_other(alice, carol, (1, 3))
    assert not bob.saw("incoming", since)
    alice.hangup()
    carol.wait("closed")
    (row,) = [one for one in lab.command("phone", "list") if one["account"] == bob.account.user]
    assert (row["forward_always"], row["overruled"]) == (carol.account.user, ["forward_always"])


@pytest.mark.timeout(120)
def test_a_call_is_picked_up_and_parked(lab: Lab, baresip: StartBaresip) -> None:
    alice, bob, carol = (
        baresip(lab.account(number), seed=seed, auto_answer=False) for number, seed in ((3, 4), (4, 5), (5, 6))
    )
    alice.call(bob.account.user)
    bob.wait("incoming")
    alice.wait("ringing", "early")
    carol.call(f"**{bob.account.user}")
    carol.wait("established")
    alice.wait("established")
    bob.wait("closed")
    hear_each_other(alice, carol, (4, 6))

    carol.hold()
    time.sleep(1)
    since = carol.mark()
    carol.call("*68")
    carol.wait("closed", since=since, timeout=20)
    (place,) = lab.command("parked")
    assert (place["slot"], place["by"]) == ("701", carol.account.user)
    bob.call("701")
    bob.wait("established")
    hear_each_other(alice, bob, (4, 5))
    assert lab.command("parked") == []
    alice.hangup()
    bob.wait("closed")


def test_a_program_begins_a_call(lab: Lab, baresip: StartBaresip) -> None:
    alice, bob = (baresip(lab.account(number), seed=seed, auto_answer=False) for number, seed in ((6, 7), (7, 8)))
    lab.command("call", "originate", alice.account.user, bob.account.user)
    alice.wait("incoming")
    assert not bob.saw("incoming"), "one's own phone rings first"
    alice.answer()
    bob.wait("incoming")
    bob.answer()
    bob.wait("established")
    hear_each_other(alice, bob, (7, 8))
    (call,) = lab.command("calls")
    assert (call["caller"], call["dialled"]) == (alice.account.user, bob.account.user)
    bob.hangup()
    alice.wait("closed")


def kept(lab: Lab, account: str) -> None:
    """Wait until the store has what a phone has subscribed to: it is written once a second."""
    deadline = time.monotonic() + 20
    connection = sqlite3.connect(f"file:{lab.facts['database']}?mode=ro", uri=True, timeout=10)
    query = "SELECT count(*) FROM engine_state WHERE name LIKE 'subscriptions:%' AND value LIKE ?"
    try:
        while connection.execute(query, (f'%"account":"{account}"%',)).fetchone() == (0,):
            assert time.monotonic() < deadline, "it was not kept"
            time.sleep(0.1)  # there is nothing to await: the file is another process's
    finally:
        connection.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_lamp_outlives_kill_9(lab: Lab, linphone: StartLinphone, baresip: StartBaresip, transport: str) -> None:
    """The phone subscribes once; over TCP it is told by the connection that it comes back with."""
    first = {"udp": 12, "tcp": 15}[transport]
    phone = linphone(lab.account(first, transport=transport))
    alice, bob = baresip(lab.account(first + 1), seed=1), baresip(lab.account(first + 2), seed=2, auto_answer=True)
    phone.subscribe(bob.account.user)
    phone.wait("lamp")
    kept(lab, phone.account.user)
    mark = phone.mark()
    lab.kill()
    lab.start()
    phone.wait("lamp", since=mark, timeout=60)
    mark = phone.mark()
    alice.call(bob.account.user)
    alice.wait("established")
    phone.wait("lamp", since=mark, where=lambda event: "<state>confirmed<" in event.data["body"])
    mark = phone.mark()
    alice.hangup()
    phone.wait("lamp", since=mark, where=lambda event: "<state>terminated<" in event.data["body"])
