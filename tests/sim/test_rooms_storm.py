"""Phones, supervisors and moderators do what they like, in every order: nobody is left in silence, and nothing is left behind."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from media.control import Join
from softswitch.call.call import Call
from softswitch.call.conference import Meeting
from softswitch.call.leg import Leg
from softswitch.call.stage import CallStage
from softswitch.call.supervise import Supervision
from softswitch.directory import Agent, Conference, Membership, Queue
from tests.sim.phone import Line, VirtualPhone
from tests.sim.test_faults import faulty
from tests.sim.world import Link, World, account, site

USERS = ("anna", "bob", "carl", "dora", "sue", "tom")
NUMBERS = ("700", "600", "*55bob", "*56anna", "*57dora", *USERS)
KEYS = "4567*#1"


class Storm:
    """A seeded walk through calls, holds, keys, merges, supervision and conferences."""

    def __init__(self, seed: int, workers: int = 1) -> None:
        self.rng = random.Random(seed)
        accounts = {user: account(user, max_calls=3) for user in USERS}
        accounts["sue"] = account("sue", supervises=("*",))
        accounts["tom"] = account("tom", supervises=("sales",))
        accounts["bob"] = account("bob", agent="bob")
        self.world = World(
            site(
                accounts=accounts, agents={"bob": Agent("bob", "bob", auto_ready=True)},
                queues={"sales": Queue("sales", members=(Membership("bob"),), wrap_up=2.0, ring_timeout=6.0)},
                conferences={"team": Conference("team", max_members=4)},
                extensions={"700": "conference:team", "600": "queue:sales"},
            ),
            seed=seed, link=Link(loss=0.02, jitter=0.01), workers=workers, no_answer_timeout=15.0,
        )  # fmt: skip
        for user in USERS:
            self.world.phone(user, answer_after=self.rng.choice((0.1, 0.5, 2.0)))
        self.world.run(2)

    def lines(self, state: str = "up") -> list[Line]:
        return [line for phone in self.world.phones.values() for line in phone.lines if line.state == state]

    def step(self) -> None:
        rng, w = self.rng, self.world
        phone: VirtualPhone = rng.choice(list(w.phones.values()))
        up = self.lines()
        calls = [call.id for call in w.switch.calls.board.calls.values()]
        what: list[Callable[[], Any]] = [lambda: phone.call(rng.choice(NUMBERS))] * 2
        if up:
            line = rng.choice(up)
            what += [
                lambda: line.phone.hang_up(line),
                lambda: line.phone.reinvite(line, rng.choice(("sendonly", "sendrecv", "sendrecv"))),
                *[lambda: w.press(line, rng.choice(KEYS))] * 3,
            ]
        if calls:
            one, other = rng.choice(calls), rng.choice(calls)
            what += [
                *[lambda: self.order("merge", one, other)] * 2,
                lambda: self.order(
                    "spy", one, rng.choice(("sue", "tom")), rng.choice(("listen", "barge", "whisper")), "cli"
                ),
                lambda: self.order("conference", "team", rng.choice(("lock", "unlock", "mute", "unmute")), "", "cli"),
                lambda: self.order("conference", "team", "kick", one, "cli"),
            ]
        rng.choice(what)()

    def order(self, name: str, *arguments: str) -> None:
        w = self.world
        w.switch.guarded(w.now, getattr(w.switch.switch, name), *arguments, w.now)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()
            self.world.run(self.rng.choice((0.05, 0.3, 1.0, 3.0)))

    def assert_nobody_in_silence(self) -> None:
        """Whoever is connected and listens has something to hear, and rooms have somebody to hear."""
        board = self.world.switch.calls.board
        for call in board.calls.values():
            for leg in call.members:
                if leg.up and not leg.holding and leg.negotiation.direction != "inactive" and leg.answered_at:
                    source = leg.media.source
                    assert source is not None, (call, leg)
                    if type(source) is Join and call.supervision is None:
                        assert self.company(leg, source.room) > 1, (call, leg, source)

    def company(self, leg: Leg, room: int) -> int:
        legs = self.world.switch.calls.board.pool.legs.values()
        sources = [one.source for one in legs if one.worker == leg.media.worker]
        return sum(type(source) is Join and source.room == room for source in sources)

    def end(self) -> None:
        w = self.world
        w.link = Link()
        for _ in range(3):  # A call that was under way is up only now.
            for call in list(w.switch.calls.board.calls):
                w.switch.guarded(w.now, w.switch.switch.hang_up, call, w.now)
            for line in self.lines():
                line.phone.hang_up(line)
            w.run(60)


@pytest.mark.parametrize("seed", range(32))
def test_everybody_does_what_they_like(seed: int) -> None:
    storm = Storm(seed, workers=1 + seed % 2)
    for _ in range(12):
        storm.run(10)
        storm.assert_nobody_in_silence()
    storm.end()
    storm.world.assert_idle()
    events = storm.world.switch.events
    started = [event.call for event in events if event.name == "call.created"]
    ended = [event.call for event in events if event.name == "call.ended"]
    assert sorted(started) == sorted(ended), "every call has exactly one record"
    assert len(storm.world.switch.named("supervision.started")) == len(storm.world.switch.named("supervision.ended"))
    assert len(storm.world.switch.named("conference.joined")) == len(storm.world.switch.named("conference.left"))


PLACES: list[tuple[type, str]] = [
    (Call, "refresh"), (Call, "changed"), (Call, "exchange"), (CallStage, "meet"), (CallStage, "watch"), (Call, "summon"),
    (Meeting, "enter"), (Meeting, "refresh"), (Meeting, "digit"), (Supervision, "follow"), (Supervision, "take_over"),
    (Supervision, "digit"), (Supervision, "_attach"), (Leg, "relocate"),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
def test_faults_leave_nothing_behind(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    storm = Storm(seed + 100, workers=1 + seed % 2)
    for owner, name in storm.rng.sample(PLACES, 5):
        monkeypatch.setattr(owner, name, faulty(getattr(owner, name), storm.rng, 0.05))
    storm.run(100)
    monkeypatch.undo()
    storm.end()
    storm.world.assert_idle()
