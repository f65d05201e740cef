"""Forwards, groups, pickup and parking at the wrong moment, over bad links, with kill -9 in between: nothing is left behind."""

from __future__ import annotations

import random
from typing import Any

import pytest

from softswitch.directory import Agent, Group, Member, Membership, Parking, Queue
from softswitch.effects import AgentCommand
from tests.sim.phone import Behaviour, Line, VirtualPhone
from tests.sim.test_storm import nobody_hears_nothing
from tests.sim.world import Link, World, account, site

USERS = ("anna", "bob", "carl", "dora", "eve")
CODES = (
    "*21*bob", "*21", "*61*carl", "*62*600", "*67*801", "#002", "*76", "*71", "*72", "*8", "**bob", "**carl", "**600", "*68",
    "701", "702", "703", "*66", "*69", "*70anna", "*81dora", "*80eve", "*30", "*31", "*32", "*30*801",
)  # fmt: skip
DIALLED = (*USERS, *USERS, "600", "600", "601", "801", *CODES)


def build(seed: int) -> World:
    rng = random.Random(seed)
    accounts = {
        user: account(
            user, max_calls=30, redirects=rng.choice(["inside", "any", "ignore"]), forward_after=5.0,
            forward_no_answer=rng.choice(["", "bob", "600", "801"]), forward_busy=rng.choice(["", "carl", "601"]),
            follow_me=rng.choice([(), (Member("eve", delay=1.0), Member("dora"))]),
        )
        for user in USERS
    }  # fmt: skip
    members = tuple(
        Member(user, delay=rng.choice([0.0, 1.0, 3.0]), timeout=rng.choice([0.0, 4.0]), confirm=rng.random() < 0.2)
        for user in USERS[1:]
    )
    groups = {
        name: Group(
            name, members=members, strategy=rng.choice(["simultaneous", "sequence", "random", "rotating", "memory"]),
            timeout=10.0, member_timeout=3.0, otherwise=rng.choice(["", "queue:sales", "extension:600", "extension:anna"]),
            follow_forwards=rng.random() < 0.5, skip_busy=rng.random() < 0.5,
        )
        for name in ("one", "two")
    }  # fmt: skip
    directory = site(
        accounts=accounts, groups=groups, agents={"carla": Agent("carla", "carl")},
        queues={"sales": Queue("sales", members=(Membership("carla"),), ring_timeout=5.0, wrap_up=1.0, max_wait=20.0,
                               pickup=True, follow_redirects=rng.random() < 0.5)},
        parking={"p": Parking("p", first=701, last=703, timeout=8.0, ring_timeout=4.0,
                              otherwise=rng.choice(["", "extension:anna", "queue:sales"]))},
        extensions={"600": "group:one", "601": "group:two", "801": "queue:sales"}, music={"default": ()},
    )  # fmt: skip
    bad = rng.random() < 0.5
    link = Link(loss=0.05 if bad else 0.0, delay=rng.choice([0.001, 0.05]), jitter=0.02 if bad else 0.0)
    return World(directory, seed=seed, link=link, no_answer_timeout=10.0, rtp_timeout_hold=45.0)


class Storm:
    def __init__(self, seed: int) -> None:
        self.world = build(seed)
        self.rng = random.Random(seed * 13 + 5)
        self.phones: list[VirtualPhone] = [self.world.phone(user) for user in (*USERS, "bob")]

    def run(self, *, kills: int) -> None:
        w, rng = self.world, self.rng
        w.run(3)
        w.switch.queues.handle(AgentCommand("carla", "login", actor="test"), w.now)
        w.switch.settle(w.now)
        for phone in self.phones:
            self.change(phone)
        for _ in range(90):
            w.after(rng.uniform(0, 60.0), self.act)
        for second in range(60):
            w.run(1.0)
            if not w.down:
                nobody_hears_nothing(w)
            if kills and second and second % (60 // (kills + 1)) == 0:
                w.kill()
                w.run(0.5)
                w.restart()
        self.finish()

    def change(self, phone: VirtualPhone) -> None:
        rng = self.rng
        made = Behaviour(answer_after=rng.choice([None, None, 0.2, 1.0, 3.0]))
        made.answer_despite_cancel = rng.random() < 0.2
        if rng.random() < 0.3:
            made.reject, made.reject_after = rng.choice([486, 603, 480, 302, 302]), rng.choice([0.1, 1.0])
            made.redirect = f"sip:{rng.choice([*USERS, '600', '*8', 'nobody'])}@pbx.test"
        if rng.random() < 0.3:
            made.hang_up_after = rng.choice([0.1, 2.0, 6.0])
        phone.behaviour = made
        if self.world.now < 1_060:
            self.world.after(rng.uniform(3, 12), lambda: self.change(phone))

    def act(self) -> None:
        rng, w = self.rng, self.world
        phone = rng.choice(self.phones)
        live = [line for line in phone.lines if line.state == "up"]
        if live and rng.random() < 0.5:
            self.meddle(rng.choice(live))
            return
        line = phone.call(rng.choice(DIALLED), sdp=rng.random() > 0.15)
        if rng.random() < 0.3:
            w.after(rng.choice([0.05, 0.3, 1.0, 3.0]), lambda: phone.cancel(line))
        w.after(rng.uniform(0.5, 15.0), lambda: self.meddle(line))

    def meddle(self, line: Line) -> None:
        rng, w, phone = self.rng, self.world, line.phone
        if line.state != "up":
            if not line.incoming and line.state != "ended":
                phone.cancel(line)
            return
        roll = rng.random()
        if roll < 0.45:
            phone.reinvite(line, "sendonly")
            w.after(rng.choice([0.05, 0.5, 1.0]), lambda: phone.call(rng.choice(["*68", "701", "702", "703"])))
        elif roll < 0.6:
            phone.refer(line, rng.choice(["*68", "701", "bob", "600", "801", "carl"]))
        elif roll < 0.7:
            w.press(line, rng.choice("1#*"))
        else:
            phone.hang_up(line)

    def finish(self) -> None:
        w = self.world
        for _ in range(4):
            for phone in self.phones:
                phone.behaviour = Behaviour(reject=486)
                for line in phone.lines:
                    if line.state == "up":
                        phone.hang_up(line)
                    elif line.state != "ended" and not line.incoming:
                        phone.cancel(line)
            w.run(45)
        w.assert_idle()
        calls: Any = {event.call for event in w.switch.named("call.created")}
        assert calls == {event.call for event in w.switch.named("call.ended")}
        assert w.switch.switch.lamps._parts == {} and w.switch.switch.lamps._legs == {}


@pytest.mark.parametrize("seed", range(12))
def test_storm(seed: int) -> None:
    Storm(seed).run(kills=0)


@pytest.mark.parametrize("seed", range(100, 108))
def test_storm_with_power_cuts(seed: int) -> None:
    Storm(seed).run(kills=2)
