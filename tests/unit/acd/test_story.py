from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.acd import story, words
from softswitch.acd.chronicle import Chronicle
from softswitch.effects import Publish
from softswitch.events import Event
from tests.unit.acd.site import Site, queue


class Told(Site):
    """A site whose events are remembered with their times."""

    def __init__(self, *queues: Any, **more: Any) -> None:
        self.chronicle = Chronicle()
        super().__init__(*queues, **more)

    def _settle(self) -> None:
        before = len(self.items)
        super()._settle()
        for item in self.items[before:]:
            if isinstance(item, Publish):
                self.chronicle.note(self.now, item.event)

    def call(self, caller: str) -> list[str]:
        steps = story.of_caller(self.chronicle.entries, caller, self.queues, self.chronicle.known(self.engine))
        return list(words.of_call(steps, lambda at: f"{at - 1000.0:g}"))

    def decision(self, caller: str) -> story.Decision:
        steps = story.of_caller(self.chronicle.entries, caller, self.queues, self.chronicle.known(self.engine))
        return [one.decision for one in steps if one.decision is not None][-1]


def talk(site: Told, agent: str) -> None:
    site.engine.offer_answered(site.offer(agent), site.now)
    site._settle()


def hang_up(site: Told, agent: str) -> None:
    site.engine.conversation_ended(site.offer(agent), site.now)
    site._settle()


def reasons(verdicts: list[story.Verdict]) -> dict[str, str]:
    return {one.name: words.reason(one.reason, one.facts) for one in verdicts}


def test_everybody_has_the_one_reason() -> None:
    """The example of the documentation: wrap-up, a tier that is not open, an outbound call, a phone that is gone."""
    site = Told(
        queue("anna jan", "ola", wrap_up=20.0, tier_mode="timed", tier_after={1: 30.0}), queue("ewa piotr", name="p")
    )
    policy = site.queues["q"]
    site.configure(replace(policy, members=(*policy.members, *site.queues["p"].members)))
    site.enter("c1")
    talk(site, "anna")
    site.advance(40.0)
    hang_up(site, "anna")
    site.reachable("ewa", False)
    site.busy("phone-piotr", "outbound") if hasattr(site, "busy") else site.engine.device_busy(
        "phone-piotr", "outbound", site.now
    )
    site._settle()
    site.advance(13.0)
    site.enter("c2")
    decision = site.decision("c2")
    assert decision.agent == "jan" and decision.strategy == "longest_idle"
    assert reasons(decision.ranking) == {"jan": "idle for 53.0 s"}
    assert reasons(decision.excluded) == {
        "anna": "wrap-up, 7.0 s left",
        "ola": "tier 1 opens in 30.0 s",
        "ewa": "phone unreachable for 13.0 s",
        "piotr": "on an outbound call for 13.0 s",
    }


def test_why_this_caller_came_first() -> None:
    site = Told(queue("anna"))
    site.enter("c1")
    talk(site, "anna")
    site.advance(5.0)
    site.enter("c2")
    site.advance(3.0)
    site.enter("c3", priority=5)
    site.enter("c4", wait_credit=100.0)
    hang_up(site, "anna")
    assert site.rung() == {"anna": "c3"}
    assert reasons(site.decision("c3").after) == {
        "c4": "priority 0 against 5",
        "c2": "priority 0 against 5",
    }
    found = story.between(site.chronicle.entries, "c3", "c2", site.queues)
    assert found is not None and found[1].reason == "priority"
    talk(site, "anna")
    hang_up(site, "anna")
    assert reasons(site.decision("c4").after) == {"c2": "came 1:37 min later (credit 0.0 s against 1:40 min counted)"}
    assert story.between(site.chronicle.entries, "nobody", "c2", site.queues) is None


def test_the_story_of_a_call_from_the_entry_to_the_end() -> None:
    site = Told(queue("anna jan", no_answer_delay=10.0, ring_timeout=15.0))
    site.enter("c1")
    site.advance(15.0)
    talk(site, "jan")
    assert site.call("c1") == [
        "0 entered q with priority 0 at place 1 of 1",
        "0 c1 -> anna (queue q, tier 0, longest_idle) after 0.0 s",
        "  agents in question, best first: anna: idle for 0.0 s; jan: idle for 0.0 s",
        "15 anna did not answer after 15.0 s of ringing",
        "15 c1 -> jan (queue q, tier 0, longest_idle) after 15.0 s",
        "  agents in question, best first: jan: idle for 15.0 s",
        "  not in question: anna: rests (did not answer), 10.0 s left",
        "15 jan answered after 0.0 s of ringing",
        "15 talks with jan, having waited 15.0 s",
        "15 left q: answered, after 15.0 s",
    ]


def test_why_an_agent_got_nothing() -> None:
    site = Told(queue("anna jan", wrap_up=0.0))
    begin = site.now
    site.advance(30.0)
    site.enter("c1")
    talk(site, "anna")
    site.advance(60.0)
    site.command("jan", "not_ready", "lunch")
    site.advance(120.0)
    site.command("jan", "ready")
    site.advance(30.0)
    found = story.of_agent(
        site.chronicle.entries, "jan", site.queues, begin, site.now, site.chronicle.known(site.engine)
    )
    assert found.offers == 0
    assert found.totals() == {"nobody_waits": pytest.approx(120.0), "paused": pytest.approx(120.0)}
    ((decision, why),) = found.missed
    assert decision.agent == "anna" and words.reason(why.reason, why.facts) == "place 2, idle for 30.0 s against 30.0 s"
    lines = list(words.of_agent(found, lambda at: f"{at - begin:g}"))
    assert "90 - 210 not ready (lunch)" in lines and "jan: 0 offers" in lines


def test_who_was_logged_out_before_the_first_event_was_not_free() -> None:
    """Of what was before the first event of an agent, that event tells: here a log-in."""
    site = Told(queue("anna jan", wrap_up=0.0))
    site.command("jan", "logout")
    site.chronicle = Chronicle()
    begin = site.now
    site.advance(30.0)
    site.command("jan", "login")
    site.advance(5.0)
    known = site.chronicle.known(site.engine)
    found = story.of_agent(site.chronicle.entries, "jan", site.queues, begin, site.now, known)
    assert found.totals() == {"logged_out": pytest.approx(30.0), "nobody_waits": pytest.approx(5.0)}


def test_moments_are_not_told() -> None:
    spells = [
        story.Spell(0.0, 9.0, "nobody_waits"),
        story.Spell(9.0, 9.01, "ringing"),
        story.Spell(9.01, 12.0, "nobody_waits"),
    ]
    told = list(words.of_agent(story.Idleness("jan", spells, [], 0), lambda at: f"{at:g}"))
    assert told == ["jan: 0 offers", "  12.0 s: free, nobody waited", "0 - 12 free, nobody waited"]


def test_what_strategies_rank_by() -> None:
    site = Told(queue("anna jan", wrap_up=0.0, strategy="fewest_calls"))
    site.enter("c1")
    talk(site, "anna")
    site.advance(50.0)
    hang_up(site, "anna")
    site.enter("c2")
    assert reasons(site.decision("c2").ranking)["anna"].startswith("1 calls in this shift")


def test_who_was_passed_over_and_why() -> None:
    site = Told(queue("anna", "jan", wrap_up=0.0, tier_mode="timed", tier_after={1: 60.0}))
    site.enter("c1")
    talk(site, "anna")
    site.advance(1.0)
    site.enter("c2")
    site.advance(1.0)
    found = site.call("c2")
    assert found == ["1 entered q with priority 0 at place 1 of 1"]
    site.advance(59.0)
    assert site.rung() == {"jan": "c2"}
    assert reasons(site.decision("c2").excluded) == {"anna": "on a queue call with c1 for 1:01 min"}


def test_every_offer_has_its_reasons_whatever_happens() -> None:
    """Property: in random worlds nobody of the queue is without a reason, and nobody has two."""
    from tests.sim.queue_world import World

    for seed in range(30, 40):
        world = World(seed, check=False)
        entries: list[tuple[float, Event]] = []
        original = world._input

        def recording(
            kind: str, value: Any, world: World = world, entries: Any = entries, original: Any = original
        ) -> None:
            before = len(world.output)
            original(kind, value)
            entries.extend((world.now, item.event) for item in world.output[before:] if isinstance(item, Publish))

        world._input = recording  # type: ignore[method-assign]
        queues = dict(world.queues)
        world.run()
        for decision in story.decisions(entries, queues):
            named = [one.name for one in (*decision.ranking, *decision.excluded)]
            assert len(named) == len(set(named)) and decision.agent in named
            known = queues.get(decision.queue)
            if known is not None:
                assert {member.agent for member in known.members} <= set(named)


def test_memory_is_bounded() -> None:
    chronicle = Chronicle(limit=10)
    site = Told(queue("anna"))
    for at, event in list(site.chronicle.entries) * 20:
        chronicle.note(at, event)
    assert len(chronicle.entries) <= 10
