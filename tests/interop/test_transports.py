"""Phones on every transport: TLS, WebSocket and secure WebSocket call phones on UDP, and are called by them."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import HEARD, StartBaresip, StartWirePhone
from .lab import Lab
from .sipharness import audio

LAB = {"accounts": 20, "agents": 1, "tiers": 1}


@pytest.mark.parametrize("transport", ["tls", "ws", "wss"])
async def test_calls(lab: Lab, wirephone: StartWirePhone, transport: str) -> None:
    """To a phone on UDP, and hung up by it; over TLS the other way round as well."""
    number = {"tls": 0, "ws": 2, "wss": 4}[transport]
    one = await wirephone(lab.account(number, transport=transport))
    other = await wirephone(lab.account(number + 1))
    one.voice, other.voice = audio.babble(3, seed=1), audio.babble(3, seed=2)
    # A phone on a WebSocket is a browser to the switch: what is offered to it is DTLS-SRTP, which this one does not speak.
    for caller, callee in [(one, other)] + [(other, one)] * (transport == "tls"):
        call = caller.call(callee.user)
        ringing = await callee.next_call()
        ringing.answer()
        await call.answered()
        await asyncio.gather(call.media.hears(100), ringing.media.hears(100))
        await ringing.hang_up()
        await call.ended()
        assert audio.stretch(callee.voice, call.media.heard()) >= HEARD
        assert audio.stretch(caller.voice, ringing.media.heard()) >= HEARD


async def test_a_browser_that_comes_back_is_found(lab: Lab, wirephone: StartWirePhone) -> None:
    """The page was reloaded: the old connection is gone, its binding with it."""
    first = await wirephone(lab.account(6, transport="ws"))
    await first.stop()
    again = await wirephone(lab.account(6, transport="ws"))
    caller = await wirephone(lab.account(7))
    call = caller.call(again.user)
    await again.next_call()
    await call.reaches("ringing")
    await call.hang_up()


async def test_sips_is_tls_all_the_way(lab: Lab, wirephone: StartWirePhone) -> None:
    """RFC 5630: between two phones on TLS, with sips Contacts on every leg; never to a phone on UDP."""
    one, other = [await wirephone(lab.account(number, transport="tls"), register=False) for number in (11, 12)]
    for phone in (one, other):
        phone.scheme = "sips"
        await phone.register()
    call = one.call(f"sips:{other.user}@{one.domain}")
    ringing = await other.next_call()
    ringing.answer()
    await call.answered()
    await asyncio.gather(call.media.hears(50), ringing.media.hears(50))
    assert call.target.startswith("sips:") and ringing.target.startswith("sips:")
    await ringing.hang_up()
    await call.ended()
    plain = await wirephone(lab.account(13))
    refused = one.call(f"sips:{plain.user}@{one.domain}")
    await refused.ended()
    assert refused.status == 480 and plain.incoming.empty()
    # A phone with a sips Contact can be called by everybody.
    call = plain.call(other.user)
    (await other.next_call()).answer()
    await call.answered()
    await call.hang_up()


async def test_baresip_over_tls(lab: Lab, baresip: StartBaresip, wirephone: StartWirePhone) -> None:
    phone = await asyncio.to_thread(baresip, lab.account(8, transport="tls"), auto_answer=True, seed=1)
    other = await wirephone(lab.account(9))
    other.voice = audio.babble(3, seed=2)
    call = other.call(phone.account.user)
    await call.answered()
    await call.media.hears(150)
    await call.hang_up()
    await phone.soon("closed")
    assert audio.stretch(audio.babble(30, seed=1), call.media.heard()) >= HEARD
    phone.call(other.user)
    ringing = await other.next_call()
    ringing.answer()
    await ringing.media.hears(100)
    phone.hangup()
    await ringing.ended()
    assert audio.stretch(other.voice, phone.heard()) >= HEARD
