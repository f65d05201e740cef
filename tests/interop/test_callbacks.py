"""A restart with callers who are to be called back: everybody keeps the place and the state, and the first is served."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from .conftest import StartWirePhone
from .lab import Lab
from .wirecall import WireCall
from .wirephone import WirePhone

LAB = {"accounts": 20, "agents": 2, "tiers": 1, "options": ("--wrap-up", "1")}
ASKING = 20
ENTRY = "791"


def waiting(lab: Lab) -> list[tuple[str, int]]:
    """Who is to be called back, and at which place."""
    found = [(one["number"], one["position"]) for one in lab.command("callback", "list")]
    return sorted(found, key=lambda one: one[1])


def states(lab: Lab) -> dict[str, tuple[Any, ...]]:
    agents = lab.command("agent", "list")
    return {one["agent"]: (one["presence"], one["reason"], one["device"], tuple(one["paused_in"])) for one in agents}


async def ask(phones: list[WirePhone]) -> None:
    """Call one after the other, confirm the own number, be told goodbye. The place is that of the call."""
    calls = []
    for phone in phones:
        calls.append(phone.call(ENTRY))
        await calls[-1].answered()
    await asyncio.gather(*(call.media.press("1") for call in calls))
    await asyncio.gather(*(call.ended(20.0) for call in calls))


async def listed(lab: Lab, count: int) -> list[tuple[str, int]]:
    async with asyncio.timeout(20):
        while len(found := await asyncio.to_thread(waiting, lab)) != count:  # noqa: ASYNC110 - another process's
            await asyncio.sleep(0.2)
    return found


@pytest.mark.timeout(120)
async def test_a_restart_with_twenty_callbacks(lab: Lab, wirephone: StartWirePhone) -> None:
    queue = next(iter(lab.command("queue", "show")))["name"]
    lab.extend(ENTRY, f"callback:{queue}")
    phones = [await wirephone(lab.account(number)) for number in range(ASKING)]
    agents = [await wirephone(lab.agent(number)) for number in range(2)]
    names = sorted(states(lab))
    for name, reason in zip(names, ("lunch", "break"), strict=True):
        lab.command("agent", "pause", name, "--reason", reason)
    await ask(phones)
    before, before_states = await listed(lab, ASKING), states(lab)
    assert before == [(phone.user, place) for place, phone in enumerate(phones, 1)]
    await asyncio.sleep(1.0)  # whatever happened is on disk

    lab.kill()
    lab.start()
    assert await listed(lab, ASKING) == before
    assert states(lab) == before_states

    first = phones[0]
    lab.command("agent", "ready", names[0])
    ringing = await agents[0].next_call(timeout=10)
    ringing.ring()
    ringing.answer()
    await ringing.answered()
    customer: WireCall = await first.next_call(timeout=15)
    customer.ring()
    customer.answer()
    await customer.answered()
    await customer.media.hears(20)
    await listed(lab, ASKING - 1)
    await customer.hang_up()
    await ringing.ended()
    (report,) = lab.command("callback", "report")
    assert (report["asked"], report["results"], report["open"]) == (ASKING, {"reached": 1}, ASKING - 1)
