"""Transfers on one line, by keys and by command, by ear: who hears whom, and that whoever waits hears music."""

from __future__ import annotations

import asyncio

from .conftest import HEARD, StartWirePhone
from .lab import Lab
from .sipharness import audio
from .test_rooms import SECOND, VOICES, hears
from .wirecall import WireCall

LAB = {"accounts": 20, "agents": 1, "tiers": 1}


async def type_(call: WireCall, keys: str) -> None:
    for key in keys:
        await call.media.press(key)
        await asyncio.sleep(0.25)


async def waiting(call: WireCall) -> audio.Signal:
    """What a phone hears in the next moments. It is looked at when the calls are over: that takes its time."""
    before = len(call.media.heard())
    await asyncio.sleep(1.5)
    return call.media.heard()[before + 1_600 :]


def is_music(music: audio.Signal, *heard: audio.Signal) -> bool:
    return all(audio.stretch(music, one) >= HEARD for one in heard)


async def test_a_consultation_by_keys_and_command(lab: Lab, wirephone: StartWirePhone, music: audio.Signal) -> None:
    one, other, third = [await wirephone(lab.account(number)) for number in (0, 1, 2)]
    one.voice, other.voice, third.voice = (audio.tone(hertz, 3) for hertz in VOICES.values())
    call = one.call(other.user)
    ringing = await other.next_call()
    ringing.answer()
    await call.answered()
    await asyncio.gather(call.media.hears(SECOND), ringing.media.hears(SECOND))

    await type_(ringing, "*4")
    first = await waiting(call)
    await type_(ringing, f"{third.user}#")
    asked = await third.next_call()
    asked.answer()
    await asked.media.hears(SECOND)
    await hears(ringing, "third")
    await hears(asked, "agent")
    second = await waiting(call)
    assert set(call.media.digits()) <= {"*"}, "what is typed is for us"

    (row,) = [one for one in await asyncio.to_thread(lab.command, "calls") if one["state"] == "consulting"]
    await asyncio.to_thread(lab.command, "transfer", row["call"], "--swap")
    await hears(call, "agent")
    await hears(ringing, "caller")
    third_part = await waiting(asked)
    await asyncio.to_thread(lab.command, "transfer", row["call"], "--merge")
    await hears(call, "agent", "third")
    await hears(asked, "caller", "agent")
    await ringing.hang_up()
    await hears(call, "third")
    await hears(asked, "caller")
    await call.hang_up()
    await asked.ended()
    assert is_music(music, first, second, third_part)


async def test_it_comes_back_to_whoever_sent_it_away(lab: Lab, wirephone: StartWirePhone, music: audio.Signal) -> None:
    one, other, third = [await wirephone(lab.account(number)) for number in (3, 4, 5)]
    one.voice, other.voice, third.voice = (audio.tone(hertz, 3) for hertz in VOICES.values())
    call = one.call(other.user)
    ringing = await other.next_call()
    ringing.answer()
    await call.answered()
    await call.media.hears(SECOND)
    (row,) = await asyncio.to_thread(lab.command, "calls")
    await asyncio.to_thread(lab.command, "transfer", row["call"], "--to", third.user, "--note", "a refund")
    await ringing.ended()
    target = await third.next_call()
    first = await waiting(call)
    target.reject(486)
    back = await other.next_call()
    second = await waiting(call)
    back.answer()
    await back.media.hears(SECOND)
    await hears(call, "agent")
    await hears(back, "caller")
    await call.hang_up()
    await back.ended()
    assert is_music(music, first, second)
