"""How agents take calls of a queue: all phones ring and two answer at once; whoever answers has to press 1."""

from __future__ import annotations

import asyncio

from .conftest import StartBaresip, StartWirePhone
from .lab import Lab
from .sipharness import audio
from .sipharness.listening import hear

LAB = {"accounts": 4, "agents": 3, "tiers": 1}

EVERYBODY = """
[queue.everybody]
members = [{members}]
strategy = "ring_all"
wrap_up = 0
greeting = []

[queue.asking]
members = [{members}]
strategy = "linear"
wrap_up = 0
confirm = "always"
agent_greeting = ["agent-whisper-intro"]
greeting = []
"""


def with_queues(lab: Lab) -> Lab:
    members = ", ".join(f'"agent-{agent["user"]}"' for agent in lab.facts["agents"])
    lab.add(EVERYBODY.lstrip().format(members=members))
    for dialled, name in (("7701", "everybody"), ("7702", "asking")):
        if dialled not in lab.extensions:
            lab.extend(dialled, f"queue:{name}")
            lab.extensions[dialled] = dialled
    return lab


async def test_two_answers_at_once_have_one_winner(lab: Lab, wirephone: StartWirePhone) -> None:
    with_queues(lab)
    agents = [await wirephone(lab.agent(number)) for number in range(3)]
    caller = await wirephone(lab.account(0))
    waiting = caller.call("7701")
    calls = [await agent.next_call() for agent in agents]
    for call in calls[:2]:  # In one turn of the loop: the two 200s are on the wire before anything comes back.
        call.answer()
    ended = [asyncio.ensure_future(call.ended()) for call in calls]
    done, pending = await asyncio.wait(ended, timeout=5.0)
    for task in pending:
        task.cancel()
    won = [call for call, task in zip(calls, ended, strict=True) if task in pending]
    assert len(won) == 1 and won[0] in calls[:2], "one of the two who answered, and nobody else"
    assert len(done) == 2
    await won[0].media.hears(5)
    await waiting.media.hears(5)
    await waiting.hang_up()
    await won[0].ended()


def test_an_agent_hears_who_calls_and_presses_one(lab: Lab, baresip: StartBaresip) -> None:
    with_queues(lab)
    caller, agent = baresip(lab.account(1), seed=5), baresip(lab.agent(0), seed=6, auto_answer=True)
    caller.call("7702")
    agent.wait("established")
    agent.dtmf("5")  # another key: they are asked again
    agent.dtmf("1")
    hear((audio.babble(30, seed=5), agent.heard), (audio.babble(30, seed=6), caller.heard))
    caller.hangup()
    agent.wait("closed")
