"""Campaigns with the real switch: agents are rung before customers, callers come first, and the books balance."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from softswitch.campaigns import OPEN, Book, Contact, Dial, Withdraw
from softswitch.directory.campaigns import Campaign
from softswitch.events import CallbackAttempted, CallbackCancelled, CallbackDone, CallbackExpired, CallbackMissed
from tests.sim.callbacks import CUSTOMER, Hotline

MONDAY = datetime(2027, 3, 1, 10, 0, tzinfo=ZoneInfo("Europe/Warsaw")).timestamp()


class Desk:
    """A hotline with a campaign: what `campaign_runner` does with a clock of its own."""

    def __init__(self, agents: int = 1, contacts: int = 3, seed: int = 0, **config: Any) -> None:
        self.hotline = Hotline(agents, seed=seed, gap=300.0, idle=1.0, ring=20.0)
        self.world = self.hotline.world
        more = {"mode": "progressive", "enabled": True, **config}
        self.book = Book(Campaign("c", "info", **more), lambda number: "Europe/Warsaw", lambda number: False)
        self.book.add(Contact(f"k{index}", f"+4860200000{index}", f"Customer {index}") for index in range(contacts))
        self.seen = 0

    @property
    def wall(self) -> float:
        return MONDAY + self.world.now - 1_000.0

    def run(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.world.run(1)
            self.look()

    def look(self) -> None:
        self.hear()
        board = self.world.switch.queues.snapshot(self.world.now)["queues"]["info"]
        free = max(0, board["agents"].get("idle", 0) - board["waiting"])
        self.carry_out(self.book.tick(self.wall, free))
        self.hear()

    def hear(self) -> None:
        events = self.world.switch.events
        while self.seen < len(events):
            event = events[self.seen]
            self.seen += 1
            if isinstance(event, CallbackAttempted):
                self.book.attempted(event.callback, self.wall)
            elif isinstance(event, CallbackMissed):
                self.book.missed(event.callback, event.cause, self.wall)
            elif isinstance(event, CallbackDone):
                self.book.ended(event.callback, event.outcome, event.agent, self.wall)
            elif isinstance(event, CallbackExpired) or (
                isinstance(event, CallbackCancelled) and event.by != "campaign"
            ):
                self.book.ended(event.callback, event.outcome, "", self.wall)

    def carry_out(self, orders: Any) -> None:
        switch, todo = self.world.switch, list(orders)
        while todo:
            order = todo.pop(0)
            if isinstance(order, Withdraw):
                switch.switch.cancel_callback(order.callback, "campaign", self.world.now)
            elif isinstance(order, Dial):
                contact = self.book.contacts[order.contact]
                made = switch.switch.add_callback(
                    "info", contact.number, self.world.now, owner=order.agent, by="campaign", mode="agent"
                )
                self.book.listed(contact.id, *made, self.wall)
            switch.settle(self.world.now)
            todo += self.book.taken()

    def numbers(self) -> list[str]:
        """Whom the provider was asked to call, in order."""
        return [line.invite.start.split("@")[0].removeprefix("INVITE sip:") for line in self.hotline.called()]

    def end(self) -> None:
        self.hotline.logout()
        self.book.config = Campaign("c", "info")
        self.run(3)
        self.world.run(75)
        self.world.assert_idle()


def test_the_agent_is_rung_first_and_nobody_hears_silence() -> None:
    desk = Desk(contacts=1)
    desk.run(5)
    assert not desk.hotline.book.tasks, "nobody is there who could call"
    desk.hotline.login()
    while not desk.hotline.phones["a0"].lines:
        desk.run(1)
    assert desk.hotline.agent_line().state == "ringing" and desk.numbers() == []
    while not desk.numbers():
        assert desk.hotline.agent_line().state in ("ringing", "up")
        desk.run(1)
    assert desk.numbers() == ["+48602000000"] and desk.hotline.agent_line().state == "up"
    desk.run(6)
    (line,) = desk.hotline.called()
    assert line.state == "up" and desk.world.hears(line) == "bridge:a0"
    one = desk.book.contacts["k0"]
    assert (one.status, one.attempts, one.agent) == ("reached", 1, "a0")
    desk.hotline.provider.hang_up(line)
    desk.end()


def test_callers_come_before_the_list() -> None:
    desk = Desk(contacts=3)
    first = desk.hotline.caller()
    second = desk.hotline.caller("+48603000333")
    desk.hotline.login()
    desk.run(20)
    assert desk.numbers() == [] and "bridge" in desk.world.hears(first), "two callers, one agent: the list waits"
    desk.hotline.provider.hang_up(first)
    desk.run(10)
    assert desk.numbers() == [] and "bridge" in desk.world.hears(second)
    desk.hotline.provider.hang_up(second)
    desk.run(25)
    assert len(desk.numbers()) >= 1
    for line in desk.hotline.called():
        if line.state != "ended":
            desk.hotline.provider.hang_up(line)
    desk.end()
    assert CUSTOMER not in desk.numbers()


def test_who_cannot_be_reached_is_called_again_by_the_campaign_and_not_by_the_queue() -> None:
    desk = Desk(contacts=1, attempts=2, gap=0.25)
    desk.hotline.provider.behaviour.reject = 486
    desk.hotline.login()
    desk.run(60)
    one = desk.book.contacts["k0"]
    assert (one.status, one.attempts, one.outcome) == ("waiting", 1, "rejected") and not desk.hotline.book.tasks
    desk.run(700)
    assert len(desk.numbers()) == 1, "five minutes are the queue's gap, fifteen those of the campaign"
    desk.run(300)
    assert (one.status, one.attempts, len(desk.numbers())) == ("not_reached", 2, 2)
    desk.end()


def test_preview_rings_the_agent_who_has_looked() -> None:
    desk = Desk(agents=2, contacts=2, mode="preview")
    desk.hotline.login()
    desk.run(10)
    assert desk.numbers() == []
    shown = desk.book.next_for("a1", desk.wall)
    assert shown is not None and desk.book.accept(shown.id, "a1", desk.wall) == ""
    desk.carry_out(desk.book.taken())
    desk.run(3)
    assert desk.hotline.phones["a1"].lines and not desk.hotline.phones["a0"].lines
    desk.run(20)
    assert shown.status == "reached" and shown.agent == "a1" and len(desk.numbers()) == 1
    desk.hotline.provider.hang_up(desk.hotline.called()[0])
    desk.end()


@pytest.mark.parametrize("seed", range(3))
def test_a_day_of_callers_agents_and_a_list(seed: int) -> None:
    """Whatever callers, agents and customers do, every contact is in one status and every callback of the list is known."""
    rng = random.Random(seed)
    desk = Desk(agents=2, contacts=9, seed=seed, attempts=2, gap=0.1)
    desk.hotline.login()
    behaviour = desk.hotline.provider.behaviour
    for _ in range(60):
        what = rng.choice(["caller", "logout", "login", "busy", "answers", "hang up", "wait", "wait"])
        if what == "caller":
            desk.hotline.provider.dial_in("+48221234567", f"+4860300{rng.randrange(10_000):04}")
        elif what in ("logout", "login"):
            getattr(desk.hotline, what)("a0")
        elif what in ("busy", "answers"):
            behaviour.reject = 486 if what == "busy" else 0
        elif what == "hang up":
            for line in desk.hotline.provider.lines:
                if line.state == "up" and rng.random() < 0.7:
                    desk.hotline.provider.hang_up(line)
        desk.run(rng.randrange(3, 40))
        assert sum(desk.book.counts().values()) == 9
        assert {one.callback for one in desk.book.contacts.values() if one.callback} == {
            task.id for task in desk.hotline.book.tasks.values() if task.number.startswith("+48602")
        }
    behaviour.reject = 0
    desk.hotline.login()
    for _ in range(200):
        for line in desk.hotline.provider.lines:
            if line.state == "up":
                desk.hotline.provider.hang_up(line)
        desk.run(15)
        if not any(one.status in OPEN for one in desk.book.contacts.values()):
            break
    assert not any(one.status in OPEN for one in desk.book.contacts.values()), desk.book.counts()
    assert all(one.attempts <= 2 for one in desk.book.contacts.values())
    called = [event.number for event in desk.world.switch.named("callback.attempt")]
    assert len(called) == sum(one.attempts for one in desk.book.contacts.values())
