"""Callers who wait in a queue without agents: a key leads out while they are spoken to, a supervisor steers them."""

from __future__ import annotations

import pytest

from .conftest import StartBaresip
from .lab import Lab

LAB = {"accounts": 4, "agents": 1, "tiers": 1}
GREETING = ", ".join(['"queue-welcome"'] * 6)  # longer than the test


def add_queue(lab: Lab, exit_to: str) -> None:
    lab.add(f'[queue.desk]\ngreeting = [{GREETING}]\nexit_keys = {{ 1 = "extension:{exit_to}" }}\n')
    lab.extend("770", "queue:desk")
    lab.extend("771", "queue:desk:3")


def test_a_key_during_the_greeting_and_a_supervisor(lab: Lab, baresip: StartBaresip) -> None:
    first, second, third = (baresip(lab.account(number), seed=number + 1) for number in range(3))
    add_queue(lab, lab.account(3).user)
    target = baresip(lab.account(3), seed=4)
    for caller, dialled in ((first, "770"), (second, "770"), (third, "771")):
        caller.call(dialled)
        caller.wait("established")
    waiting = lab.command("queue", "show", "desk")["callers"]
    assert [(one["number"], one["priority"]) for one in waiting] == [
        (lab.account(2).user, 3), (lab.account(0).user, 0), (lab.account(1).user, 0),
    ]  # fmt: skip
    steered = lab.command("queue", "prioritise", waiting[2]["caller"], "9")
    assert (steered["position"], steered["priority"]) == (1, 9)
    assert lab.command("queue", "place", waiting[1]["caller"], "1")["position"] == 1
    assert lab.command("queue", "surge", "desk", "on")["surging"]
    for wrong in (
        ("prioritise", "nobody", "1"),
        ("withdraw", waiting[1]["caller"], "--to", "nowhere"),
        ("surge", "none", "on"),
    ):
        with pytest.raises(RuntimeError):
            lab.command("queue", *wrong)
    # The key is for who waits, whatever is being played: the greeting has not been heard out.
    first.dtmf("1")
    target.wait("incoming", timeout=5)
    lab.command("queue", "withdraw", waiting[0]["caller"], "--to", "hangup")
    third.wait("closed", timeout=10)
    assert [one["number"] for one in lab.command("queue", "show", "desk")["callers"]] == [lab.account(1).user]
    first.hangup()
    target.wait("closed")
    second.hangup()
    second.wait("closed")
    counts = lab.command("queue", "show", "desk")["counts"]
    outcomes = counts["outcomes"]
    assert counts["entered"] == sum(outcomes.values()) == 3
    assert outcomes["exit_key"] == outcomes["withdrawn"] == 1
