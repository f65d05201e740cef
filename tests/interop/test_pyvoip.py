"""pyVoIP, a softphone by others that knows nothing of us, as an agent."""

from __future__ import annotations

import asyncio
from pathlib import Path

from .conftest import StartWirePhone
from .lab import Lab
from .sipharness import audio
from .sipharness.listening import hear
from .sipharness.pyvoip import PyVoip

LAB = {"accounts": 4, "agents": 2, "tiers": 1}


async def test_pyvoip_takes_a_queue_call(lab: Lab, wirephone: StartWirePhone, tmp_path: Path) -> None:
    play = audio.babble_wav(tmp_path / "agent.wav", seed=6)
    caller = await wirephone(lab.account(0))
    caller.voice = audio.babble(2, seed=7)
    phone = PyVoip(lab.agent(0), play=play, auto_answer=True)
    try:
        await asyncio.to_thread(phone.start)
        await asyncio.to_thread(phone.wait_registered)
        call = caller.call(lab.extensions["queue"])
        await phone.soon("established")
        answered = asyncio.get_running_loop().time()
        await call.answered()
        await call.media.hears(200, timeout=10)
        assert asyncio.get_running_loop().time() - answered > 3
        # pyVoIP has eight bits and no clock to speak of: it is recognised, not admired.
        wanted = (audio.babble(30, seed=6), call.media.heard), (caller.voice, phone.heard)
        await asyncio.to_thread(hear, *wanted)
        await call.hang_up()
        await phone.soon("closed")
    finally:
        await asyncio.to_thread(phone.stop)
