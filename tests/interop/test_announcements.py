"""What a waiting caller hears on a real telephone: the rendered prompts, one after the other; and how soon an agent is there."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from bench.load import connect

from .conftest import PROMPTS, StartBaresip
from .lab import Lab
from .sipharness import audio
from .sipharness.listening import hear
from .sipharness.tap import RtpTap

LAB = {"accounts": 6, "agents": 1, "tiers": 1}
PATIENCE = 25.0  # seconds for what takes six: others use the machine, too
ANNOUNCE = """
[queue.{queue}.announce]
position = "waiting"
wait = true
every = 4
"""
# Two callers wait, one talks to the only agent: 2 x 180 s, with caution, told as ten minutes.
TOLD = ("people-waiting-intro", "numbers/2", "wait-intro", "minutes/10")


def sentence(*clips: str) -> audio.Signal:
    return np.concatenate([audio.load(PROMPTS / "pl" / f"{clip}.wav") for clip in clips])


def test_the_number_waiting_and_the_expected_wait_are_heard_and_an_agent_cuts_them(
    lab: Lab, baresip: StartBaresip
) -> None:
    (queue,) = [one["name"] for one in lab.command("queue", "show")]
    lab.add(ANNOUNCE.format(queue=queue).strip())

    agent = baresip(lab.agent(0), seed=9, auto_answer=True)
    first = baresip(lab.account(0), seed=1)
    first.call(lab.extensions["queue"])
    agent.wait("established")
    second, third = baresip(lab.account(1), seed=2), baresip(lab.account(2), seed=3)
    second.call(lab.extensions["queue"])
    second.wait("established")
    with RtpTap(third.rtp_ports) as tap:
        began = time.time()
        third.call(lab.extensions["queue"])
        third.wait("established")
        wanted, deadline = sentence(*TOLD), time.time() + PATIENCE
        heard = audio.NO_MATCH
        while not heard and time.time() < deadline:
            time.sleep(0.5)  # the tap is read again: nobody tells when something was heard
            heard = audio.find(wanted, tap.heard_by(third.rtp_ports, began))
        assert heard, "the rendered clips, in this order, without gaps"
        assert heard.spread < 0.5
        told = next(
            one for one in lab.command("queue", "show", queue)["callers"] if one["number"] == third.account.user
        )
        assert told["position"] == 2 and 300 < told["ewt"] <= 600

        # The agent is free for the second caller, then for the third: whatever is being said is cut.
        for gone in (first, second):
            mark = agent.mark()
            gone.hangup()
            agent.wait("established", since=mark)
        answered = time.time()
        hear((audio.babble(30, seed=9), lambda: tap.heard_by(third.rtp_ports, answered)))


def test_both_are_heard_within_40_ms_of_the_agents_answer() -> None:
    """In small; with 200 callers: `python -m bench load connect`."""
    found = connect.run(callers=8, rounds=4)
    assert found["not_heard"] == 0
    assert found["both_ways_ms_p50"] <= 40.0, found


def test_a_recording_of_ones_own_is_heard_at_once_also_the_next_one(
    lab: Lab, baresip: StartBaresip, tmp_path: Path, greeting: audio.Signal
) -> None:
    caller = baresip(lab.account(3))

    def hears(expected: audio.Signal) -> bool:
        with RtpTap(caller.rtp_ports) as tap:
            began, mark = time.time(), caller.mark()
            caller.call(lab.extensions["ivr"])
            caller.wait("established", since=mark)
            found, deadline = audio.NO_MATCH, time.time() + PATIENCE
            while not found and time.time() < deadline:
                time.sleep(0.3)
                found = audio.find(expected, tap.heard_by(caller.rtp_ports, began))
            caller.hangup()
            caller.wait("closed", since=mark)
        return bool(found)

    assert hears(greeting)
    for seed in (21, 22):
        mine = audio.babble(2.0, seed=seed)
        added = lab.command("prompt", "add", "welcome", str(audio.write_wav(tmp_path / "mine.wav", mine)))
        assert added["in_force"]
        assert hears(mine)
    lab.command("prompt", "remove", "welcome")
    assert hears(greeting)
