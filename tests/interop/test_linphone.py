"""Linphone's engine as a telephone: every transport, with keys in the SDP over TLS, and what its users do in a call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import pytest

from .conftest import HEARD, StartBaresip, StartLinphone, StartWirePhone
from .lab import Lab
from .sipharness import audio
from .sipharness.core import Phone
from .sipharness.linphone import Linphone
from .sipharness.listening import hear
from .wiresip import Message

LAB = {"accounts": 40, "agents": 1, "tiers": 1}
TALK = 2.5  # seconds
LongCall: TypeAlias = tuple[Linphone, Linphone, float]  # caller, callee, and since when

LINPHONE, OTHER = audio.babble(30, seed=1), audio.babble(3, seed=2)


@pytest.fixture(scope="module")
def long_call(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongCall]:
    """A call that goes on while the other tests run: between two phones with session timers as short as they may be."""
    play = audio.babble_wav(tmp_path_factory.mktemp("long") / "babble.wav")
    options: dict[str, Any] = {"play": play, "auto_answer": True, "session_expires": 90, "min_se": 90}
    with (
        Linphone(lab.account(30), **options) as caller,
        Linphone(lab.account(31, transport="tcp"), **options) as callee,
    ):
        for phone in (caller, callee):
            phone.wait_registered()
        caller.call(callee.account.user)
        caller.wait("established")
        callee.wait("established")
        yield caller, callee, time.monotonic()


def traced(lab: Lab, user: str) -> list[Message]:
    """All messages of the last call of an account."""
    return [Message.parse(one["text"].encode(), one["at"]) for one in lab.command("trace", user)]


def required(lab: Lab, number: int, encryption: str) -> None:
    """What an operator sets for a phone that insists on SRTP."""
    if encryption:
        lab.set_account(lab.account(number).user, srtp="required")


@pytest.mark.usefixtures("long_call")
async def test_conversations_over_every_transport(
    lab: Lab, linphone: StartLinphone, wirephone: StartWirePhone, music: audio.Signal
) -> None:
    """At the same time: plain over UDP and TCP, with nothing but SDES taken over TLS."""
    ways = [("udp", ""), ("tcp", ""), ("tls", "srtp-mand")]
    for number, (_, encryption) in enumerate(ways):
        await asyncio.to_thread(required, lab, 2 * number, encryption)
    talks = [
        converse(lab, linphone, wirephone, 2 * number, transport, encryption)
        for number, (transport, encryption) in enumerate(ways)
    ]
    for heard in await asyncio.gather(*talks):  # listening to that takes its time: now that they are over
        assert audio.stretch(music, heard["on hold"]) >= HEARD and audio.contains(LINPHONE, heard["on hold"]) < 0.2
        assert audio.stretch(OTHER, heard["by Linphone"]) >= HEARD


async def converse(
    lab: Lab, linphone: StartLinphone, wirephone: StartWirePhone, number: int, transport: str, encryption: str
) -> dict[str, audio.Signal]:
    """It calls, talks, types, is typed to, holds and resumes, is hung up on; then it is called, and hangs up."""
    account, heard = lab.account(number, transport=transport), {}
    phone = await asyncio.to_thread(linphone, account, mediaenc=encryption, auto_answer=True, seed=1)
    other = await wirephone(lab.account(number + 1))
    other.voice = OTHER

    await asyncio.to_thread(phone.call, other.user)
    call = await other.next_call()
    await phone.soon("ringing")
    call.answer()
    await phone.soon("established")
    await asyncio.to_thread(hear, (LINPHONE, call.media.heard))
    assert await asyncio.to_thread(phone.encryption) == encryption.removesuffix("-mand")
    await asyncio.to_thread(phone.dtmf, "19*#")
    await call.media.press("7")
    await phone.soon("dtmf")

    await asyncio.to_thread(phone.hold)
    await phone.soon("paused")
    held = time.time() + 0.3
    await call.media.hears(int(TALK * 50))  # what is heard meanwhile is looked at afterwards
    until = time.time()
    await asyncio.to_thread(phone.resume)
    await phone.soon("unpaused")
    resumed = time.time() + 0.3
    await asyncio.to_thread(hear, (LINPHONE, lambda: call.media.heard(resumed)))
    await call.hang_up()
    await phone.soon("closed")

    heard["on hold"] = call.media.heard(held)[: int((until - held) * 8000)]
    assert call.media.digits() == "19*#" and phone.digits() == "7"

    await phone.soon("released")
    heard["by Linphone"] = phone.heard()

    call = other.call(phone.account.user)
    await call.answered()
    await asyncio.to_thread(hear, (LINPHONE, call.media.heard))
    assert await asyncio.to_thread(phone.encryption) == encryption.removesuffix("-mand")
    await asyncio.to_thread(phone.hangup)
    await call.ended()
    return heard


def talk(caller: Phone, callee: Phone) -> None:
    """A call between two phones of which the callee answers by itself; they say what seeds 1 and 2 give."""
    caller.call(callee.account.user)
    caller.wait("established")
    time.sleep(2 * TALK)  # Linphone's recordings are complete when it has hung up
    caller.hangup()
    callee.wait("closed")
    for phone, seed in ((caller, 2), (callee, 1)):
        if isinstance(phone, Linphone):
            phone.wait("released")
        assert audio.stretch(audio.babble(30, seed=seed), phone.heard()) >= HEARD


@pytest.mark.parametrize("calls", ["linphone", "baresip"])
def test_linphone_and_baresip_over_tls(lab: Lab, linphone: StartLinphone, baresip: StartBaresip, calls: str) -> None:
    """Each with keys of its own in its SDP, and nothing else taken."""
    number = 6 if calls == "linphone" else 8
    required(lab, number + 1, "srtp-mand")
    kinds = (linphone, baresip) if calls == "linphone" else (baresip, linphone)
    one, other = (
        kind(lab.account(number + index, transport="tls"), mediaenc="srtp-mand", auto_answer=True, seed=1 + index)
        for index, kind in enumerate(kinds)
    )
    talk(one, other)


@pytest.mark.parametrize(("codec", "mediaenc"), [("G722", "srtp"), ("opus", "dtls")])
def test_two_linphones(lab: Lab, linphone: StartLinphone, codec: str, mediaenc: str) -> None:
    """In wideband, with keys in the SDP or by a handshake: what is offered to the callee is the account's setting."""
    number = 10 if codec == "G722" else 12
    for index in range(2):  # so that nothing else is taken from it, and nothing else offered to it
        lab.set_account(lab.account(number + index).user, srtp="dtls" if mediaenc == "dtls" else "required")
    one, other = (
        linphone(lab.account(number + index, transport="tls"), mediaenc=mediaenc, codecs=(codec, "PCMU"),
                 auto_answer=True, seed=1 + index)
        for index in range(2)
    )  # fmt: skip
    talk(one, other)


async def test_a_key_with_a_lamp(lab: Lab, linphone: StartLinphone, wirephone: StartWirePhone) -> None:
    """The dialog package for an extension, from idle to idle."""
    phone = await asyncio.to_thread(linphone, lab.account(14))
    watched, other = await wirephone(lab.account(15)), await wirephone(lab.account(16))

    async def shown(state: str, since: int) -> None:
        await phone.soon("lamp", since=since, where=lambda event: f"<state>{state}<" in event.data["body"])

    await asyncio.to_thread(phone.subscribe, watched.user)
    first = await phone.soon("lamp")
    assert f'entity="sip:{watched.user}@' in first.data["body"]
    await shown("terminated", 0)
    mark = phone.mark()
    call = other.call(watched.user)
    ringing = await watched.next_call()
    await shown("early", mark)
    ringing.answer()
    await call.answered()
    await shown("confirmed", mark)
    mark = phone.mark()
    await call.hang_up()
    await shown("terminated", mark)
    await asyncio.to_thread(phone.unsubscribe)
    await phone.soon("subscription", where=lambda event: event.data["state"].endswith("Terminated"))


def test_messages(lab: Lab, linphone: StartLinphone) -> None:
    one, other = linphone(lab.account(17, transport="tcp")), linphone(lab.account(18))
    one.message(other.account.user, "Zażółć gęślą jaźń — proszę oddzwonić")
    heard = other.wait("message")
    assert heard.data == {"text": "Zażółć gęślą jaźń — proszę oddzwonić", "peer": one.account.aor}
    one.wait("message_state", where=lambda event: event.data["state"].endswith("Delivered"))
    mark = one.mark()
    one.message(lab.account(19).user, "Are you in?")
    one.wait("message_state", since=mark, where=lambda event: event.data["state"].endswith("Delivered"))
    late = linphone(lab.account(19))
    assert late.wait("message").data == {"text": "Are you in?", "peer": one.account.aor}
    mark = one.mark()
    one.message("no-such-number", "Is anybody there?")
    one.wait("message_state", since=mark, where=lambda event: event.data["state"].endswith("NotDelivered"))


def test_refusals(lab: Lab, linphone: StartLinphone) -> None:
    caller, callee = linphone(lab.account(20)), linphone(lab.account(21))
    caller.call(callee.account.user)
    callee.wait("incoming")
    callee.hangup(status=486)
    assert caller.wait("closed").data["reason"] == "486"
    caller.wait("released")
    callee.wait("released")

    second = caller.call(callee.account.user)
    callee.wait("incoming", where=lambda event: event.data["call"] == 2)
    caller.wait("ringing", where=lambda event: event.data["call"] == second)
    caller.hangup()
    callee.wait("closed", where=lambda event: event.data["call"] == 2)
    caller.wait("released", where=lambda event: event.data["call"] == second)

    third = caller.call("no-such-number")
    assert caller.wait("closed", where=lambda event: event.data["call"] == third).data["reason"] == "404"


def test_provisional_responses_are_reliable(lab: Lab, linphone: StartLinphone) -> None:
    """RFC 3262, to a callee that insists; as a caller Linphone insists on nothing."""
    caller, callee = linphone(lab.account(22), rel100=2), linphone(lab.account(23), rel100=2)
    caller.call(callee.account.user)
    callee.wait("incoming")
    caller.wait("ringing")
    time.sleep(0.5)  # a PRACK that comes after its answer is refused by Linphone (501)
    callee.answer()
    caller.wait("established")
    callee.wait("established")
    caller.hangup()
    callee.wait("closed")
    messages = traced(lab, callee.account.user)
    reliable = {one.get("call-id") for one in messages if one.status == 180 and one.get("rseq")}
    acknowledged = {one.get("call-id") for one in messages if one.status == 200 and one.method == "PRACK"}
    assert len(reliable) == 1 and acknowledged == reliable


def test_a_session_interval_that_is_too_small(lab: Lab, linphone: StartLinphone) -> None:
    """It is told what is the least (422), and asks for that."""
    phone = linphone(lab.account(24), session_expires=20, min_se=20)
    phone.call(lab.extensions["music"])
    phone.wait("established")
    phone.hangup()
    phone.wait("closed")
    messages = traced(lab, phone.account.user)
    assert [one.get("min-se") for one in messages if one.status == 422] == ["90"]
    (answer,) = [one for one in messages if one.status == 200 and one.method == "INVITE"]
    assert answer.get("session-expires").startswith("90;")


def test_session_timers(lab: Lab, long_call: LongCall) -> None:
    """RFC 4028: after half of the 90 seconds the call is refreshed on either leg, and goes on."""
    caller, callee, since = long_call
    time.sleep(max(0.0, since + 47 - time.monotonic()))  # most of it has passed with the other tests
    messages = traced(lab, callee.account.user)
    later = [one for one in messages if one.at > messages[0].at + 30]
    refreshed = {one.get("call-id") for one in later if not one.status and one.get("session-expires")}
    agreed = {one.get("call-id") for one in later if one.status == 200 and one.get("session-expires").startswith("90;")}
    assert len(refreshed) == 2 and agreed == refreshed
    assert not caller.saw("closed") and not callee.saw("closed")
    caller.hangup()
    callee.wait("closed")


async def test_the_lamp_for_messages(lab: Lab, linphone: StartLinphone, wirephone: StartWirePhone) -> None:
    """Somebody leaves a message; Linphone, which has subscribed to its mailbox, is told."""
    account = lab.account(25)
    await asyncio.to_thread(lab.add, f"[mailbox.{account.user}]\nreview = false\n")
    phone = await asyncio.to_thread(linphone, account)
    await asyncio.to_thread(phone.subscribe, account.user, "message-summary")
    await phone.soon("mwi", where=lambda event: "Messages-Waiting: no" in event.data["body"])
    caller = await wirephone(lab.account(26))
    caller.voice = OTHER
    call = caller.call(f"*99{account.user}")
    await call.answered()
    await call.media.press("#")  # past the greeting
    await call.media.hears(250, timeout=10)
    await call.hang_up()
    await phone.soon("mwi", where=lambda event: "Voice-Message: 1/0" in event.data["body"])
    await asyncio.to_thread(phone.unsubscribe)
