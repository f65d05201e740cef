"""Transfers as real phones do them: who transfers is gone, and the two others talk, having heard music meanwhile."""

from __future__ import annotations

import asyncio
import time

import pytest

from .conftest import HEARD, StartBaresip, StartLinphone, StartWirePhone
from .lab import Lab
from .sipharness import audio
from .sipharness.core import Phone
from .wirephone import WireCall, WirePhone

LAB = {"accounts": 40, "agents": 1, "tiers": 1}


async def colleagues(lab: Lab, wirephone: StartWirePhone, number: int) -> tuple[WirePhone, WirePhone]:
    """Who is transferred, and to whom."""
    phones = [await wirephone(lab.account(number + index)) for index in range(2)]
    for seed, phone in enumerate(phones, 2):
        phone.voice = audio.babble(3, seed=seed)
    return phones[0], phones[1]


async def talk(one: WireCall, other: WireCall) -> float:
    """Returns the moment from which these two are to hear each other, when they have for a while."""
    began = time.time() + 0.3
    await asyncio.gather(one.media.hears(100), other.media.hears(100))
    return began


def judge(one: WireCall, other: WireCall, waited: tuple[float, float], talked: float, music: audio.Signal) -> None:
    """`one` has heard music while it waited, and both each other since they talked. Takes its time: the calls are over."""
    waiting = one.media.heard(waited[0])[: int((waited[1] - waited[0]) * 8000)]
    assert audio.stretch(music, waiting) >= HEARD
    assert audio.stretch(other.phone.voice, one.media.heard(talked)) >= HEARD
    assert audio.stretch(one.phone.voice, other.media.heard(talked)) >= HEARD


async def blind(
    transferor: Phone, caller: WirePhone, target: WirePhone, music: audio.Signal, *, answers: bool = True
) -> None:
    """`answers`: the transferor has been called; else it has called."""
    if answers:
        call = caller.call(transferor.account.user)
    else:
        await asyncio.to_thread(transferor.call, caller.user)
        call = await caller.next_call()
        call.answer()
    await call.answered()
    await transferor.soon("established")
    await call.media.hears(25)
    await asyncio.to_thread(transferor.transfer, target.user)  # type: ignore[attr-defined]
    ringing = await target.next_call()
    began = time.time() + 0.2
    await call.media.hears(75)
    waited = began, time.time()
    ringing.answer()
    talked = await talk(call, ringing)
    await transferor.soon("closed")
    await call.hang_up()
    await ringing.ended()
    judge(call, ringing, waited, talked, music)


@pytest.mark.parametrize(("transport", "encryption"), [("udp", ""), ("tls", "srtp-mand")])
async def test_linphone_blind(
    lab: Lab, linphone: StartLinphone, wirephone: StartWirePhone, music: audio.Signal, transport: str, encryption: str
) -> None:
    number = 0 if transport == "udp" else 3
    account = lab.account(number, transport=transport)
    if encryption:
        await asyncio.to_thread(lab.set_account, account.user, srtp="required")
    phone = await asyncio.to_thread(linphone, account, mediaenc=encryption, auto_answer=True)
    caller, target = await colleagues(lab, wirephone, number + 1)
    await blind(phone, caller, target, music)
    await phone.soon("transferred")


async def test_linphone_after_a_consultation(
    lab: Lab, linphone: StartLinphone, wirephone: StartWirePhone, music: audio.Signal
) -> None:
    phone = await asyncio.to_thread(linphone, lab.account(6, transport="tcp"))
    caller, target = await colleagues(lab, wirephone, 7)
    first = await asyncio.to_thread(phone.call, caller.user)
    call = await caller.next_call()
    call.answer()
    await phone.soon("established")
    await call.media.hears(25)
    second = await asyncio.to_thread(phone.call, target.user)  # which holds the first
    consulted = await target.next_call()
    consulted.answer()
    await phone.soon("established", where=lambda event: event.data["call"] == second)
    began = time.time() + 0.3
    await asyncio.gather(call.media.hears(75), consulted.media.hears(75))
    waited, consultation = (began, time.time()), consulted.media.heard()
    await asyncio.to_thread(phone.attended_transfer, first, second)
    for number in (first, second):
        await phone.soon("closed", where=lambda event, number=number: event.data["call"] == number)
    talked = await talk(call, consulted)
    await consulted.hang_up()
    await call.ended()
    assert audio.stretch(audio.babble(30, seed=1), consultation) >= HEARD
    judge(call, consulted, waited, talked, music)


@pytest.mark.parametrize("transport", ["udp", "tls"])
async def test_baresip_blind(
    lab: Lab, baresip: StartBaresip, wirephone: StartWirePhone, music: audio.Signal, transport: str
) -> None:
    number = 10 if transport == "udp" else 13
    phone = await asyncio.to_thread(baresip, lab.account(number, transport=transport), auto_answer=True)
    caller, target = await colleagues(lab, wirephone, number + 1)
    await blind(phone, caller, target, music, answers=transport == "udp")


async def test_the_target_is_busy_and_linphone_keeps_the_call(
    lab: Lab, linphone: StartLinphone, wirephone: StartWirePhone
) -> None:
    phone = await asyncio.to_thread(linphone, lab.account(16), auto_answer=True)
    caller, target = await colleagues(lab, wirephone, 17)
    target.on_call = WireCall.reject
    call = caller.call(phone.account.user)
    await call.answered()
    await asyncio.to_thread(phone.transfer, target.user)
    await phone.soon("transfer_failed")
    await asyncio.sleep(0.5)  # it resumes what it had put on hold, if it does
    assert call.alive and not phone.saw("closed")
    await call.hang_up()
    await phone.soon("closed")
