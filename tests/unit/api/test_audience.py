"""Which events are for whom: every kind of event has a decision, and nobody learns what they may not look at."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from softswitch import events
from softswitch.api.audience import INWARD, TABLE, nobody, wanted
from softswitch.api.auth import Principal, sight_of
from softswitch.directory import Directory, Membership, Queue
from softswitch.events import Event

KINDS = {
    one.name: one
    for one in vars(events).values()
    if isinstance(one, type) and issubclass(one, Event) and one is not Event
}
SITE = Directory(
    "pbx.example.com",
    queues={
        "sales": Queue("sales", members=(Membership("anna"), Membership("jan"))),
        "support": Queue("support", members=(Membership("jan"), Membership("ola"))),
    },
)
ANNA = Principal("anna", "agent", agent="anna", account="101")
EVA = Principal("eva", "supervisor", account="109", queues=("sales",))
AUDITOR = Principal("kontrola", "auditor")
BOSS = Principal("szef", "supervisor", queues=("*",))


def gets(who: Principal, name: str, **fields: Any) -> bool:
    return wanted(lambda: who, lambda: sight_of(who, SITE), ())({"seq": 1, "event": name, **fields})


def line_of(name: str, **fields: str) -> dict[str, str]:
    """An event of a kind that is about these, as far as it names such things."""
    known = {field.name for field in dataclasses.fields(KINDS[name])}
    return {key: value for key, value in fields.items() if key in known}


def test_every_kind_of_event_has_a_decision() -> None:
    """Whoever adds an event says in `api/audience.py` for whom it is."""
    assert sorted(KINDS.keys() - TABLE.keys()) == []
    assert sorted(TABLE.keys() - KINDS.keys()) == []


def test_a_decision_asks_for_what_an_event_says() -> None:
    """A decision by queue or agent about an event that names neither would let nobody have it."""
    for name, decisions in TABLE.items():
        for who, decision in zip((ANNA, EVA), decisions, strict=True):
            about = line_of(name, queue="sales", agent="anna", account=who.account)
            assert gets(who, name, **about) is (decision is not nobody), (who.name, name)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_nothing_of_other_queues_and_people(name: str) -> None:
    others = line_of(name, queue="support", agent="ola", account="103")
    assert not gets(ANNA, name, **others)
    assert not gets(EVA, name, **others)
    assert gets(BOSS, name, **others) is gets(AUDITOR, name, **others) is (name not in INWARD)


def test_what_agents_learn_of_their_queues() -> None:
    """Of what is not their own: who waits, and who is to be called back; no word about colleagues."""
    colleague = {name for name in KINDS if gets(ANNA, name, **line_of(name, queue="sales", agent="jan", account="102"))}
    assert colleague == {
        *(name for name in KINDS if name.startswith("callback.")),
        "queue.entered", "queue.left", "queue.surge", "voicemail.begun", "voicemail.left",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "alert.raised", "alert.cleared", "supervision.started", "supervision.changed", "supervision.ended", "queue.steered",
        "survey.answered", "recording.played", "recording.shared", "audit.order", "audit.session", "config.changed",
        "customer.noted", "caller.blocked",
    ],
)  # fmt: skip
def test_what_agents_do_not_learn_about_themselves(name: str) -> None:
    assert not gets(ANNA, name, **line_of(name, queue="sales", agent="anna", account="101"))


def test_what_is_unknown_is_for_nobody() -> None:
    assert not gets(ANNA, "brand.new", queue="sales", agent="anna")
    assert not gets(EVA, "brand.new", queue="sales", agent="anna")
    assert gets(AUDITOR, "brand.new")


def test_who_is_gone_gets_nothing() -> None:
    assert not wanted(lambda: None, lambda: sight_of(AUDITOR, SITE), ())({"event": "call.ended"})


def test_names_that_begin_as_they_say() -> None:
    wants = wanted(lambda: ANNA, lambda: sight_of(ANNA, SITE), ("queue.", "agent."))
    assert wants({"event": "agent.presence", "agent": "anna"})
    assert not wants({"event": "callback.due", "queue": "sales"})
