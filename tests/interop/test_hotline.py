"""The hotline as its caller and its agent live through it, both on real phones."""

from __future__ import annotations

import time

import numpy as np

from .conftest import StartBaresip
from .lab import Lab
from .sipharness import audio
from .sipharness.listening import hear, hear_out
from .sipharness.tap import RtpTap

# An agent for each test: who was rung in vain is left alone for a while.
LAB = {"accounts": 10, "agents": 3, "tiers": 1}


def test_greeting_key_music_agent(lab: Lab, baresip: StartBaresip, greeting: audio.Signal, music: audio.Signal) -> None:
    caller = baresip(lab.account(0), seed=1)
    with RtpTap(caller.rtp_ports) as tap:
        dialled = time.time()
        caller.call(lab.extensions["ivr"])
        caller.wait("established")
        hear_out(greeting, lambda: tap.heard_by(caller.rtp_ports, dialled))
        pressed = time.time()
        caller.dtmf("1")
        # Nobody is there yet. What follows the key may begin with a few words; music is there soon, and goes on.
        hear((music, lambda: tap.heard_by(caller.rtp_ports, pressed)))
        agent = baresip(lab.agent(0), seed=2)
        agent.wait("incoming", timeout=5)
        agent.answer()
        agent.wait("established")
        answered = time.time()
        said = audio.babble(30, seed=1), audio.babble(30, seed=2)
        hear((said[1], lambda: tap.heard_by(caller.rtp_ports, answered)), (said[0], agent.heard))
        caller.hangup()
        agent.wait("closed")

    whole = tap.heard_by(caller.rtp_ports, dialled)

    def heard(since: float, until: float) -> audio.Signal:
        return whole[int((since - dialled) * 8000) : int((until - dialled) * 8000)]

    # No dead air at any time (MED-13): not a second without sound to the caller.
    (stream,) = tap.to(caller.rtp_ports)
    assert stream.health().longest_gap < 1.0
    assert stream.health().lost == stream.health().disordered == 0
    loud = [audio.rms(part) for part in np.array_split(heard(pressed + 1, answered), 8)]
    assert min(loud) > 0.003


def test_a_key_before_the_greeting_ends_is_taken(lab: Lab, baresip: StartBaresip) -> None:
    caller = baresip(lab.account(1))
    agent = baresip(lab.agent(1))
    caller.call(lab.extensions["ivr"])
    caller.wait("established")
    time.sleep(0.5)
    caller.dtmf("1")
    agent.wait("incoming", timeout=3)
    caller.hangup()
    agent.wait("closed")


def test_the_agent_hangs_up(lab: Lab, baresip: StartBaresip) -> None:
    caller = baresip(lab.account(2))
    agent = baresip(lab.agent(2), auto_answer=True)
    caller.call(lab.extensions["queue"])
    agent.wait("established")
    caller.wait("established")
    agent.hangup()
    caller.wait("closed")
