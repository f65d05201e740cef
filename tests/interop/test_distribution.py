"""Who rings, in which order, and how soon: phones at the level of the socket, times from the wire."""

from __future__ import annotations

import asyncio
import itertools
import statistics
from collections.abc import Sequence

import pytest

from .conftest import StartWirePhone
from .lab import Lab
from .sipharness import audio
from .sipharness.listening import hear
from .wirecall import WireCall
from .wirephone import WirePhone

RING_TIMEOUT = 3.0  # seconds
LAB = {"accounts": 40, "agents": 3, "tiers": 2, "options": ("--ring-timeout", str(RING_TIMEOUT))}

SOON = 0.020  # seconds: from the moment an agent is free, or given up on, to the ringing of a phone


async def rung(agents: Sequence[WirePhone], timeout: float = 5.0) -> tuple[WirePhone, WireCall]:
    """The next agent whose phone rings."""
    waiting = {asyncio.ensure_future(agent.incoming.get()): agent for agent in agents}
    done, pending = await asyncio.wait(waiting, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    if not done:
        raise TimeoutError("no agent's phone rang")
    (task,) = done
    return waiting[task], task.result()


async def agents_by_tier(lab: Lab, wirephone: StartWirePhone) -> dict[int, list[WirePhone]]:
    """All agents of the lab, registered one after the other: in this order they have been idle."""
    tiers: dict[int, list[WirePhone]] = {}
    for number in range(len(lab.facts["agents"])):
        tiers.setdefault(lab.tier(number), []).append(await wirephone(lab.agent(number)))
    return dict(sorted(tiers.items()))


async def test_twelve_calls_in_tier_order_and_longest_idle_order(lab: Lab, wirephone: StartWirePhone) -> None:
    tiers = await agents_by_tier(lab, wirephone)
    assert len(tiers) == 2
    agents = list(itertools.chain(*tiers.values()))
    callers = [await wirephone(lab.account(number)) for number in range(12)]
    idle = {tier: list(members) for tier, members in tiers.items()}  # the longest idle first

    # Rounds of three calls: the agents are taken tier by tier. At the end of a round they hang up in another order each
    # time, and in that order they are taken in the next, whatever else happens in the other tier.
    for round_number, order in enumerate([(0, 1, 2), (1, 0, 2), (2, 1, 0), (2, 0, 1)]):
        taken: list[tuple[WirePhone, WireCall]] = []
        expected = list(itertools.chain(*idle.values()))
        for caller in callers[3 * round_number : 3 * round_number + 3]:
            caller.call(lab.extensions["queue"])
            agent, call = await rung(agents)
            call.answer()
            await call.media.hears(5)
            taken.append((agent, call))
        assert [agent.user for agent, _ in taken] == [agent.user for agent in expected]
        idle = {tier: [] for tier in tiers}
        for index in order:
            agent, call = taken[index]
            await call.hang_up()
            idle[next(tier for tier, members in tiers.items() if agent in members)].append(agent)
    # Each caller got one agent, and the agents' hanging up ended the callers' calls.
    for caller in callers:
        (call,) = caller.calls.values()
        await call.ended()
        assert not call.by_us


async def test_audio_both_ways_through_the_queue(lab: Lab, wirephone: StartWirePhone) -> None:
    agent, caller = await wirephone(lab.agent(0)), await wirephone(lab.account(12))
    agent.voice, caller.voice = audio.babble(2, seed=3), audio.babble(2, seed=4)
    waiting = caller.call(lab.extensions["queue"])
    call = await agent.next_call()
    call.answer()
    answered = call.times["answered"]
    await asyncio.to_thread(
        hear,
        (caller.voice, lambda: call.media.heard(answered + 0.3)),
        (agent.voice, lambda: waiting.media.heard(answered + 0.3)),
    )
    assert call.media.foreign == waiting.media.foreign == 0
    await call.hang_up()
    await waiting.ended()


async def test_a_free_agent_rings_at_once(lab: Lab, wirephone: StartWirePhone) -> None:
    callers = [await wirephone(lab.account(number)) for number in range(13, 34)]
    for caller in callers:
        await caller.call(lab.extensions["queue"]).reaches("answered")
    agent = await wirephone(lab.agent(0))
    delays = []
    call = await agent.next_call()
    for _ in callers[1:]:
        call.answer()
        await call.media.hears(2)
        await call.hang_up()
        following = await agent.next_call()
        delays.append(following.times["invite"] - call.times["hung_up"])
        call = following
    call.answer()
    await call.hang_up()
    assert len(delays) == 20
    middle, worst = statistics.median(delays), sorted(delays)[-2]
    print(f"agent free -> rings: p50 {middle * 1000:.1f} ms, p95 {worst * 1000:.1f} ms")
    assert middle <= SOON
    assert worst <= SOON


async def test_callers_are_served_in_the_order_they_came(lab: Lab, wirephone: StartWirePhone) -> None:
    callers = [await wirephone(lab.account(number)) for number in range(34, 38)]
    for caller in callers:
        await caller.call(lab.extensions["queue"]).reaches("answered")
    agent = await wirephone(lab.agent(0))
    for caller in callers:
        call = await agent.next_call()
        call.answer()
        (waiting,) = caller.calls.values()
        answered = call.times["answered"]
        caller.voice = audio.tone(700, 1)
        await call.media.hears(10)
        await waiting.hang_up()  # the one whose turn it is: the agent's call ends with it
        await call.ended()
        assert call.times["ended"] > answered


async def test_caller_gone_and_the_agents_phone_stops(lab: Lab, wirephone: StartWirePhone) -> None:
    agent, caller = await wirephone(lab.agent(0)), await wirephone(lab.account(38))
    waiting = caller.call(lab.extensions["queue"])
    call = await agent.next_call()
    await call.reaches("ringing")
    await waiting.answered()
    await waiting.hang_up()
    await call.ended()
    assert call.status == 487
    assert call.times["cancelled"] - waiting.times["hung_up"] <= SOON
    # The agent missed nothing through this: the next caller rings there at once.
    again = caller.call(lab.extensions["queue"])
    call = await agent.next_call()
    assert call.times["invite"] - again.times["invite"] < 1.0
    await again.hang_up()
    await call.ended()


async def test_an_agent_who_does_not_answer_is_skipped(lab: Lab, wirephone: StartWirePhone) -> None:
    tiers = await agents_by_tier(lab, wirephone)
    agents = list(itertools.chain(*tiers.values()))
    first_caller, second_caller = await wirephone(lab.account(39)), await wirephone(lab.account(0))
    waiting = first_caller.call(lab.extensions["queue"])
    absent, unanswered = await rung(agents)
    await unanswered.reaches("cancelled", timeout=RING_TIMEOUT + 5)
    assert unanswered.times["cancelled"] - unanswered.times["invite"] == pytest.approx(RING_TIMEOUT, abs=0.3)
    _, call = await rung([agent for agent in agents if agent is not absent])
    assert call.times["invite"] - unanswered.times["cancelled"] <= SOON
    call.answer()
    await waiting.answered()
    await call.media.hears(5)
    # And the one who did not answer is left alone for a while, although the longest idle.
    second = second_caller.call(lab.extensions["queue"])
    agent, other_call = await rung(agents)
    assert agent is not absent
    other_call.answer()
    await other_call.media.hears(5)
    await asyncio.gather(waiting.hang_up(), second.hang_up())


async def test_an_agent_who_refuses_is_skipped(lab: Lab, wirephone: StartWirePhone) -> None:
    agents = list(itertools.chain(*(await agents_by_tier(lab, wirephone)).values()))
    caller = await wirephone(lab.account(1))
    waiting = caller.call(lab.extensions["queue"])
    refusing, refused = await rung(agents)
    refused.reject(486)
    _, call = await rung([agent for agent in agents if agent is not refusing])
    assert call.times["invite"] - refused.times["ended"] <= SOON
    call.answer()
    await call.media.hears(5)
    await waiting.hang_up()
