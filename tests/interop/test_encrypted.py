"""Encrypted audio with far ends that are not ours: baresip with keys in the SDP and by DTLS, and aiortc as a browser."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias, cast

import pytest

from ..browser import only_on
from .conftest import HEARD, StartBaresip, StartWirePhone
from .lab import Lab
from .sipharness import audio
from .sipharness.core import LOOPBACK
from .sipharness.listening import hear
from .sipharness.tap import RtpTap
from .webphone import G711Call, WebCall
from .wirephone import WirePhone

LAB = {"accounts": 40, "agents": 1, "tiers": 1}
MEDIA_ENCRYPTION = ["srtp-mand", "dtls_srtp"]
TALK = 3.0  # seconds
ATTEMPTS = 4

WebPhone: TypeAlias = Callable[[int, str, int], Awaitable[WirePhone]]


# --- baresip ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["tls", "tcp"])
@pytest.mark.parametrize("encryption", MEDIA_ENCRYPTION)
async def test_baresip_calls(
    lab: Lab, baresip: StartBaresip, wirephone: StartWirePhone, transport: str, encryption: str
) -> None:
    """A phone on plain RTP; what is on the wire to and from baresip is not what they say."""
    number = 4 * MEDIA_ENCRYPTION.index(encryption) + {"tls": 0, "tcp": 2}[transport]
    phone = await asyncio.to_thread(baresip, lab.account(number, transport=transport), mediaenc=encryption, seed=1)
    other = await wirephone(lab.account(number + 1))
    other.voice = audio.babble(3, seed=2)
    began = time.time()
    with RtpTap(phone.rtp_ports) as tap:
        await asyncio.to_thread(phone.call, other.user)
        call = await other.next_call()
        call.answer()
        await phone.soon("established")
        await asyncio.to_thread(hear, (audio.babble(30, seed=1), call.media.heard), (other.voice, phone.heard))
        await asyncio.to_thread(phone.hangup)
        await call.ended()
    on_the_wire = tap.heard_by(phone.rtp_ports, began)
    assert len(on_the_wire) > 4000 and audio.contains(other.voice, on_the_wire) < 0.2


@pytest.mark.parametrize(("encryption", "srtp"), list(zip(MEDIA_ENCRYPTION, ["required", "dtls"], strict=True)))
async def test_baresip_is_called(
    lab: Lab, baresip: StartBaresip, wirephone: StartWirePhone, encryption: str, srtp: str
) -> None:
    number = 8 + 2 * MEDIA_ENCRYPTION.index(encryption)
    account = lab.account(number, transport="tls")
    await asyncio.to_thread(lab.set_account, account.user, srtp=srtp)
    phone = await asyncio.to_thread(baresip, account, mediaenc=encryption, auto_answer=True, seed=1)
    other = await wirephone(lab.account(number + 1))
    other.voice = audio.babble(3, seed=2)
    call = other.call(phone.account.user)
    await call.answered()
    await asyncio.to_thread(hear, (audio.babble(30, seed=1), call.media.heard), (other.voice, phone.heard))
    await call.hang_up()
    await phone.soon("closed")


async def test_both_ends_protected_each_by_its_own_keys(lab: Lab, baresip: StartBaresip) -> None:
    """Keys in the SDP on one side, DTLS on the other."""
    other = lab.account(13, transport="tls")
    await asyncio.to_thread(lab.set_account, other.user, srtp="dtls")
    alice = await asyncio.to_thread(baresip, lab.account(12, transport="tls"), mediaenc="srtp-mand", seed=1)
    bob = await asyncio.to_thread(baresip, other, mediaenc="dtls_srtp", auto_answer=True, seed=2)
    await asyncio.to_thread(alice.call, other.user)
    await alice.soon("established")
    wanted = (audio.babble(30, seed=2), alice.heard), (audio.babble(30, seed=1), bob.heard)
    await asyncio.to_thread(hear, *wanted)
    await asyncio.to_thread(alice.hangup)
    await bob.soon("closed")


@pytest.mark.parametrize("encryption", MEDIA_ENCRYPTION)
async def test_hold_and_resume(
    lab: Lab, baresip: StartBaresip, wirephone: StartWirePhone, music: audio.Signal, encryption: str
) -> None:
    """New offers in the middle of the call, with the same keys or with others: the audio goes on."""
    number = 26 + 2 * MEDIA_ENCRYPTION.index(encryption)
    phone = await asyncio.to_thread(baresip, lab.account(number, transport="tls"), mediaenc=encryption, seed=1)
    other = await wirephone(lab.account(number + 1))
    other.voice = audio.babble(3, seed=2)
    await asyncio.to_thread(phone.call, other.user)
    call = await other.next_call()
    call.answer()
    await phone.soon("established")
    said = audio.babble(30, seed=1)
    await asyncio.to_thread(hear, (said, call.media.heard), (other.voice, phone.heard))
    await asyncio.to_thread(phone.hold)
    held = time.time() + 0.5
    await asyncio.to_thread(hear, (music, lambda: call.media.heard(held)))
    await asyncio.to_thread(phone.resume)
    resumed = time.time() + 0.5
    await asyncio.to_thread(hear, (said, lambda: call.media.heard(resumed)))
    await asyncio.to_thread(phone.hangup)
    await call.ended()


# --- a browser --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def webphone(lab: Lab, wirephone: StartWirePhone) -> AsyncIterator[WebPhone]:
    """`await webphone(3, "ws", 1)`: account 3 in a browser that speaks babble of seed 1."""
    phones: list[WirePhone] = []

    async def start(number: int, transport: str, seed: int) -> WirePhone:
        phone = await wirephone(lab.account(number, transport=transport))
        phone.voice, phone.kind_of_call = audio.babble(10, seed=seed), WebCall
        phones.append(phone)
        return phone

    with only_on(LOOPBACK):
        yield start
        for phone in phones:
            for call in phone.calls.values():
                await cast(WebCall, call).close()


async def recognises(call: WebCall, voice: audio.Signal) -> None:
    """The browser hears that voice, soon. Raises AssertionError with the shares of each time it listened."""
    shares = [0.0]
    while shares[-1] < HEARD:
        assert len(shares) <= ATTEMPTS, shares
        shares.append(audio.stretch(voice, await call.hears(TALK)))


@pytest.mark.parametrize("transport", ["ws", "wss"])
async def test_a_browser_calls(lab: Lab, webphone: WebPhone, wirephone: StartWirePhone, transport: str) -> None:
    number = 14 + 2 * ["ws", "wss"].index(transport)
    browser = await webphone(number, transport, 1)
    other = await wirephone(lab.account(number + 1))
    other.voice = audio.babble(3, seed=2)
    call = cast(WebCall, browser.call(other.user))
    ringing = await other.next_call()
    ringing.answer()
    await call.answered()
    await recognises(call, other.voice)
    await asyncio.to_thread(hear, (browser.voice, ringing.media.heard))
    assert "UDP/TLS/RTP/SAVPF" in call.remote_body and "a=ice-lite" in call.remote_body
    await ringing.hang_up()
    await call.ended()


async def test_a_browser_is_called(lab: Lab, webphone: WebPhone, wirephone: StartWirePhone) -> None:
    browser = await webphone(18, "wss", 1)
    other = await wirephone(lab.account(19))
    other.voice = audio.babble(3, seed=2)
    call = other.call(browser.user)
    ringing = cast(WebCall, await browser.next_call())
    await ringing.pick_up()
    await call.answered()
    await recognises(ringing, other.voice)
    await asyncio.to_thread(hear, (browser.voice, call.media.heard))
    await call.hang_up()
    await ringing.ended()


async def test_two_browsers(webphone: WebPhone) -> None:
    alice, bob = await webphone(20, "ws", 1), await webphone(21, "wss", 2)
    call = cast(WebCall, alice.call(bob.user))
    ringing = cast(WebCall, await bob.next_call())
    await ringing.pick_up()
    await call.answered()
    await asyncio.gather(recognises(call, bob.voice), recognises(ringing, alice.voice))
    await call.hang_up()
    await ringing.ended()


async def test_a_browser_and_baresip(lab: Lab, webphone: WebPhone, baresip: StartBaresip) -> None:
    browser = await webphone(22, "wss", 1)
    phone = await asyncio.to_thread(baresip, lab.account(23), auto_answer=True, seed=2)
    call = cast(WebCall, browser.call(phone.account.user))
    await call.answered()
    await recognises(call, audio.babble(30, seed=2))
    await asyncio.to_thread(hear, (browser.voice, phone.heard))
    await call.hang_up()
    await phone.soon("closed")


@pytest.mark.parametrize("kind", [G711Call, WebCall], ids=["PCMU", "opus"])
async def test_music_and_a_prompt_for_a_browser(
    lab: Lab, webphone: WebPhone, music: audio.Signal, greeting: audio.Signal, kind: type[WebCall]
) -> None:
    """A prompt begins at its beginning, although the handshake comes after the answer."""
    browser = await webphone(24 if kind is WebCall else 25, "wss", 1)
    browser.kind_of_call = kind
    call = cast(WebCall, browser.call(lab.extensions["music"]))
    await call.answered()
    await recognises(call, music)
    await call.hang_up()
    call = cast(WebCall, browser.call(lab.extensions["prompt"]))
    await call.answered()
    heard = await call.hears(2.0)
    assert audio.stretch(greeting[:12_000], heard) >= HEARD
    await call.hang_up()
