"""Calls over a bad network: packets lost, late and out of order between a far phone and the switch."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest

from .lab import Lab
from .sipharness import audio
from .sipharness.baresip import Baresip
from .sipharness.listening import hear
from .sipharness.wan import Wan

LOSS, JITTER = 0.03, 0.040
TALK = 6.0  # seconds


@pytest.mark.parametrize("codec", ["PCMA", "opus", "G722"])
def test_a_call_from_far_away(tmp_path: Path, codec: str) -> None:
    with contextlib.ExitStack() as stack:
        wan = stack.enter_context(Wan(loss=LOSS, delay=0.02, jitter=JITTER))
        phones = []
        with wan.near:
            lab = Lab(tmp_path, host=wan.near.address, accounts=4, agents=0)
            stack.callback(lab.kill)
            lab.start()
            play = audio.babble_wav(tmp_path / "near.wav", seed=1)
            phones.append(stack.enter_context(Baresip(lab.account(0), play=play, host=wan.near.address)))
        with wan.far:
            play = audio.babble_wav(tmp_path / "far.wav", seed=2)
            phones.append(
                stack.enter_context(
                    Baresip(lab.account(1), play=play, host=wan.far.address, codecs=(codec,), auto_answer=True)
                )
            )
        near, far = phones
        near.wait_registered()
        far.wait_registered(timeout=20)
        near.call(far.account.user)
        near.wait("established", timeout=20)
        time.sleep(TALK)
        hear((audio.babble(30, seed=1), far.heard), (audio.babble(30, seed=2), near.heard))
        near.hangup()
        far.wait("closed", timeout=20)
        lab.stop()
