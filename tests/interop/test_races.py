"""A caller who hangs up at any moment of the set-up: nothing rings on, nothing is left behind."""

from __future__ import annotations

import asyncio

import pytest

from .conftest import StartWirePhone
from .lab import Lab

LAB = {"accounts": 4, "agents": 1, "tiers": 1}
ROUNDS = 60
LATEST = 0.012  # seconds after the INVITE: by then the called phone rings


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_cancel_at_any_moment(lab: Lab, wirephone: StartWirePhone, transport: str) -> None:
    number = {"udp": 0, "tcp": 2}[transport]
    caller = await wirephone(lab.account(number, transport=transport))
    called = await wirephone(lab.account(number + 1, transport=transport))
    for round_number in range(ROUNDS):
        call = caller.call(called.user)
        await asyncio.sleep(LATEST * round_number / ROUNDS)
        await call.hang_up()
        assert call.status in (401, 487)  # 401: before the caller could prove who it is
        await asyncio.gather(*(received.ended(timeout=2) for received in called.calls.values()))
    status = lab.command("status")
    assert status["calls"] == 0
    assert status["media"]["legs_in_use"] == 0
    assert called.calls  # in some of the rounds it rang
