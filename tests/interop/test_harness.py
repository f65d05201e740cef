"""The instruments against each other, without a switch: what they say about the switch is only as good as they are."""

from __future__ import annotations

import asyncio
import itertools
import time

import numpy as np
import pytest

from .conftest import HEARD
from .sipharness import Account, audio
from .sipharness.core import LOOPBACK, free_port
from .sipharness.sipp import Scenario, Sipp
from .sipharness.tap import RtpTap
from .wiresip import credentials


def test_babble_is_found_where_it_is_and_nowhere_else() -> None:
    line = np.concatenate([np.zeros(4000), audio.babble(4, seed=1)])
    companded = audio.G711[8][np.frombuffer(audio.encode_g711(line, 8), np.uint8)]
    match = audio.find(audio.babble(4, seed=1), companded)
    assert match
    assert match.lag == pytest.approx(0.5, abs=0.001)
    assert not audio.find(audio.babble(4, seed=2), companded)
    assert not audio.find(audio.babble(4, seed=1), np.zeros(40_000))


@pytest.mark.parametrize("payload_type", [0, 8])
def test_g711_tables_are_their_own_inverse(payload_type: int) -> None:
    table = audio.G711[payload_type]
    again = table[np.frombuffer(audio.encode_g711(table, payload_type), np.uint8)]
    assert np.array_equal(again, table)


def test_digest_answers_are_those_of_the_rfc() -> None:
    # RFC 2617 section 3.5, without its qop, so that no client nonce is drawn: the RFC 2069 form of the same values.
    challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", algorithm=MD5'
    answer = credentials([challenge], "Mufasa", "Circle Of Life", "GET", "/dir/index.html")
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in answer


@pytest.mark.parametrize("caller_hangs_up", [True, False])
async def test_wirephone_and_baresip_hear_each_other(baresip, wirephone, caller_hangs_up: bool) -> None:
    listener = await asyncio.to_thread(baresip, Account("bob", server=None), auto_answer=True, seed=2)
    caller = await wirephone(Account("alice", port=listener.sip_port), register=False)
    caller.voice = audio.babble(3, seed=1)
    began = time.time()
    with RtpTap(listener.rtp_ports) as tap:
        call = caller.call("bob")
        await call.answered()
        await call.media.hears(150)
        await call.media.press("7")
        await listener.soon("dtmf")
        if caller_hangs_up:
            await call.hang_up()
        else:
            listener.hangup()
            await call.ended()
    await listener.soon("closed")
    assert listener.digits() == "7"
    assert audio.stretch(audio.babble(30, seed=2), call.media.heard()) >= HEARD
    assert audio.find(caller.voice[:16_000], listener.heard())
    # The tap saw what the phone heard.
    assert audio.find(caller.voice[:16_000], tap.heard_by(listener.rtp_ports, began))
    (stream,) = tap.to(listener.rtp_ports)
    assert stream.digits() == "7"
    assert stream.health().lost == stream.health().disordered == stream.health().duplicates == 0


async def test_baresip_calls_the_wirephone_and_holds(baresip, wirephone) -> None:
    called = await wirephone(Account("bob"), register=False)
    caller = await asyncio.to_thread(baresip, Account("alice", server=None), seed=1)
    called.server = (LOOPBACK, caller.sip_port)
    caller.call(f"sip:bob@{LOOPBACK}:{called.local[1]}")
    call = await called.next_call()
    await caller.soon("ringing")
    call.answer()
    await caller.soon("established")
    await call.media.hears(25)
    caller.hold()
    await call.reaches("held")
    assert call.direction == "recvonly"
    caller.resume()
    await call.reaches("resumed")
    assert call.direction == "sendrecv"
    await call.media.hears(25)
    caller.hangup()
    await call.ended()


async def test_caller_gives_up_and_callee_refuses(wirephone) -> None:
    called = await wirephone(Account("bob"), register=False)
    caller = await wirephone(Account("alice", port=called.local[1]), register=False)
    called.server = caller.local
    first = caller.call("bob")
    received = await called.next_call()
    await first.reaches("ringing")
    await first.hang_up()
    assert first.status == 487
    assert received.times["cancelled"] >= first.times["cancelled"]
    second = caller.call("bob")
    (await called.next_call()).reject(486)
    await second.ended()
    assert second.status == 486


async def test_sipp_calls_the_wirephone(wirephone) -> None:
    called = await wirephone(Account("bob"), register=False)
    called.on_call = lambda call: call.answer()
    sipp = Sipp(Account("alice", server=LOOPBACK, port=called.local[1]))
    called.server = (LOOPBACK, sipp.sip_port)
    scenario = Scenario("options", LOOPBACK).plain_call(seconds=0.3)
    with sipp:
        statistics = await asyncio.to_thread(sipp.run, scenario, [("alice", "", "bob")], calls=5, rate=10, timeout=20)
    assert statistics["SuccessfulCall(C)"] == "5"
    assert len(called.calls) == 5


def test_ports_are_given_out_once() -> None:
    blocks = [free_port(4) for _ in range(5)]
    assert all(later - earlier >= 4 for earlier, later in itertools.pairwise(blocks))
