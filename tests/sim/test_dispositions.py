"""A disposition from a desk phone: the feature code and the key of what the call was about (AGT-08)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.directory.wrapping import Disposition
from tests.sim.test_queues import ready, world
from tests.sim.world import World

KNOWN = {
    "sale": Disposition("sale", key="1"),
    "wrong": Disposition("wrong", key="2"),
    "elsewhere": Disposition("elsewhere", key="3"),
}


def after_a_call(**policy: Any) -> tuple[World, Any]:
    w = world({"dispositions": ("sale", "wrong"), "disposition": "required", **policy})
    w.switch.switch.configure(replace(w.switch.switch.directory, dispositions=KNOWN), w.now)
    anna = w.phone("anna")
    w.run(1)
    (agent,) = ready(w, "a0", answer_after=0.5)
    line = anna.call("200")
    w.run(10)
    assert w.switch.queues.roster.agents["a0"].activity == "talking"
    anna.hang_up(line)
    w.run(30)
    assert w.switch.queues.roster.agents["a0"].activity == "wrapup", "five seconds of wrap-up are over long ago"
    return w, agent


def test_it_is_chosen_by_code_and_key() -> None:
    w, agent = after_a_call()
    line = agent.call("*352")
    w.run(0.5)
    assert w.hears(line) == "play:pl/done"
    w.run(5)
    (event,) = w.switch.named("call.disposition")
    assert (event.agent, event.queue, event.disposition, event.actor) == ("a0", "info", "wrong", "phone")
    assert w.switch.queues.roster.agents["a0"].activity == "idle"
    w.run(64)
    w.assert_idle()


@pytest.mark.parametrize(("code", "heard"), [("*353", "play:pl/not-permitted"), ("*359", None), ("*35", None)])
def test_what_the_queue_does_not_offer_is_refused(code: str, heard: str | None) -> None:
    w, agent = after_a_call()
    line = agent.call(code)
    w.run(0.5)
    if heard is None:
        assert line.status == 404
    else:
        assert w.hears(line) == heard
    w.run(64)
    assert w.switch.named("call.disposition") == []
    assert w.switch.queues.roster.agents["a0"].activity == "wrapup"
    w.run(300)
    assert [event.disposition for event in w.switch.named("call.disposition")] == ["none"]
