"""More than two in a conversation, by ear: a supervisor who listens, whispers, barges and takes over; a conference."""

from __future__ import annotations

import asyncio

from .conftest import StartWirePhone
from .lab import Lab
from .sipharness import Account, audio
from .wirecall import WireCall

LAB = {"accounts": 20, "agents": 1, "tiers": 1}

# Each speaks with a voice of its own: a tone.
CALLER, AGENT, THIRD = 440.0, 700.0, 1050.0
VOICES = {"caller": CALLER, "agent": AGENT, "third": THIRD}
SECOND = 50  # packets
ATTEMPTS = 6  # a machine that others use, too, takes its time


async def hears(call: WireCall, *names: str) -> None:
    """Wait until a phone hears these voices and no others for a second. Raises AssertionError."""
    found: list[set[str]] = []
    while not found or found[-1] != set(names):
        assert len(found) < ATTEMPTS, f"{sorted(names)} are to be heard, not {found}"
        found.append(await heard(call))


async def heard(call: WireCall, seconds: float = 1.0) -> set[str]:
    """Whose voices a phone hears in the next second, half of it at least."""
    before = len(call.media.heard())
    await asyncio.sleep(seconds + 0.3)
    part = call.media.heard()[before + 800 :]
    return {
        name for name, hertz in VOICES.items()
        if audio.tone_seconds(part, hertz, share=0.15) > 0.5 * seconds
    }  # fmt: skip


def supervisor(lab: Lab) -> Account:
    facts = lab.facts["supervisor"]
    return Account(facts["user"], facts["password"], lab.host, lab.port, lab.domain)


async def test_a_supervisor_listens_whispers_barges_and_takes_over(lab: Lab, wirephone: StartWirePhone) -> None:
    one, other, boss = (
        await wirephone(lab.account(0)),
        await wirephone(lab.account(1)),
        await wirephone(supervisor(lab)),
    )
    one.voice, other.voice, boss.voice = (audio.tone(hertz, 3) for hertz in (CALLER, AGENT, THIRD))
    call = one.call(other.user)
    ringing = await other.next_call()
    ringing.answer()
    await call.answered()
    await asyncio.gather(call.media.hears(SECOND), ringing.media.hears(SECOND))

    ear = boss.call(f"*55{other.user}")
    await ear.answered()
    await ear.media.hears(SECOND // 2)
    await hears(ear, "caller", "agent")
    await hears(call, "agent")
    await hears(ringing, "caller")

    await ear.media.press("5")
    await hears(ringing, "caller", "third")
    await hears(call, "agent")

    await ear.media.press("6")
    await hears(call, "agent", "third")

    await ear.media.press("7")
    await ringing.ended()
    await hears(call, "third")
    await hears(ear, "caller")
    assert call.media.digits() == "", "keys of the supervisor are for us"
    await call.hang_up()
    await ear.ended()


async def test_a_conference(lab: Lab, wirephone: StartWirePhone) -> None:
    phones = [await wirephone(lab.account(number)) for number in (2, 3, 4)]
    for phone, hertz in zip(phones, VOICES.values(), strict=True):
        phone.voice = audio.tone(hertz, 3)
    calls = [phone.call(lab.extensions["conference"]) for phone in phones]
    await asyncio.gather(*(call.answered() for call in calls))
    await asyncio.gather(*(call.media.hears(SECOND) for call in calls))
    for call, others in zip(calls, (("agent", "third"), ("caller", "third"), ("caller", "agent")), strict=True):
        await hears(call, *others)

    (room,) = await asyncio.to_thread(lab.command, "conference", "list")
    members = {one["caller"]: one["call"] for one in room["members"]}
    await asyncio.to_thread(lab.command, "conference", "mute", "conference", members[phones[2].user])
    await hears(calls[0], "agent")
    await asyncio.to_thread(lab.command, "conference", "kick", "conference", members[phones[1].user])
    await calls[1].ended()
    await asyncio.to_thread(lab.command, "conference", "mute", "conference", members[phones[2].user], "--off")
    await hears(calls[0], "third")
    await calls[0].hang_up()
    await calls[2].hang_up()


async def test_two_calls_become_one(lab: Lab, wirephone: StartWirePhone) -> None:
    one, other, third = [await wirephone(lab.account(number)) for number in (5, 6, 7)]
    one.voice, other.voice, third.voice = (audio.tone(hertz, 3) for hertz in VOICES.values())
    first = one.call(other.user)
    ringing = await other.next_call()
    ringing.answer()
    await first.answered()
    second = other.call(third.user)
    rings = await third.next_call()
    rings.answer()
    await second.answered()
    calls = {
        leg["sip_call_id"]: row["call"] for row in await asyncio.to_thread(lab.command, "calls") for leg in row["legs"]
    }
    await asyncio.to_thread(lab.command, "call", "merge", calls[first.call_id], calls[second.call_id])
    await hears(first, "agent", "third")
    kept, dropped = (ringing, second) if ringing.alive else (second, ringing)
    assert not dropped.alive
    await hears(first, "agent", "third")
    await hears(rings, "caller", "agent")
    await kept.hang_up()
    await hears(first, "third")
    await hears(rings, "caller")
    await first.hang_up()
    await rings.ended()
