"""Hundreds of calls that do everything at the wrong moment, over links that lose, delay, reorder and duplicate.

Whatever happens, in the end the books balance and nothing is left: no call, leg, port, deadline or transaction. A failure
names its seed; the world is built from it alone.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from media.control import Bridge, Stop
from softswitch.directory import Agent, ChoiceStep, Membership, Menu, PlayStep, Queue
from softswitch.effects import AgentCommand, DeviceBusy, DeviceFree
from tests.sim.phone import Behaviour, Line, VirtualPhone
from tests.sim.world import Link, World, account, site

USERS = ("anna", "bob", "carl", "dora")
AGENTS = ("a0", "a1", "a2")
DIALLED = (*USERS, "bob", "carl", "echo", "ivr", "queue", "queue", "queue", "prompt", "nobody", "a0")
SECONDS = 60.0


def build(seed: int) -> World:
    rng = random.Random(seed)
    members = tuple(Membership(name, tier) for tier, name in enumerate(AGENTS))
    greeting = ("agent-whisper-intro",) if rng.random() < 0.3 else ()
    choices = {"1": "queue:info", "2": "extension:bob", "3": "echo"}
    menu = Menu("ivr", (PlayStep(("welcome",)), ChoiceStep(("menu-main",), choices)))
    directory = site(
        accounts={user: account(user, max_calls=20) for user in (*USERS, *AGENTS)},
        agents={name: Agent(name, name) for name in AGENTS},
        queues={
            "info": Queue(
                "info", members=members, ring_timeout=6.0, wrap_up=1.0, no_answer_delay=2.0, reject_delay=2.0, max_wait=40.0,
                max_length=6, max_no_answer=0, tier_mode=rng.choice(["busy", "timed", "both"]), tier_after={1: 2.0, 2: 4.0},
                greeting=("queue-welcome",), agent_greeting=greeting, strategy="longest_idle",
            )
        },
        menus={"ivr": menu},
        extensions={"echo": "echo", "ivr": "menu:ivr", "queue": "queue:info", "prompt": "play:welcome"},
        music={"default": ()},
    )  # fmt: skip
    bad = rng.random() < 0.7
    link = Link(
        loss=rng.choice([0.0, 0.05, 0.15]) if bad else 0.0,
        delay=rng.choice([0.001, 0.02, 0.1]),
        jitter=rng.choice([0.0, 0.01, 0.1]) if bad else 0.0,
        duplicate=rng.choice([0.0, 0.1]) if bad else 0.0,
    )
    return World(directory, seed=seed, link=link, no_answer_timeout=12.0, rtp_timeout_hold=45.0)


def behaviour(rng: random.Random) -> Behaviour:
    made = Behaviour(ring_after=rng.choice([None, 0.0, 0.1, 0.5]))
    made.answer_after = rng.choice([None, 0.0, 0.2, 0.2, 1.0, 1.0, 3.0, 7.9])
    made.early_media = rng.random() < 0.15
    made.answer_despite_cancel = rng.random() < 0.25
    made.silent = rng.random() < 0.05
    made.answer_without_sdp = rng.random() < 0.03
    if rng.random() < 0.2:
        made.reject, made.reject_after = rng.choice([486, 603, 480, 488, 302, 404, 500]), rng.choice([0.1, 2.0])
    if rng.random() < 0.3:
        made.hang_up_after = rng.choice([0.0, 0.05, 0.5, 5.0])
    return made


def nobody_hears_nothing(w: World) -> None:
    """MED-13: whoever is in a call and listens is sent something; two who talk are sent each other."""
    for call in w.switch.calls.calls.values():
        legs = [leg for leg in (call.caller, call.peer) if leg is not None and leg.up]
        for leg in legs:
            source = w.worker.ports[leg.media.index].source
            if not leg.holding:
                assert source is not None and not isinstance(source, Stop), (call.id, leg, source)
        if call.lead is not None or call.pressing is not None:
            continue  # Somebody is being led elsewhere, or types a code: then they are in a room.
        if len(legs) == 2 and not any(leg.holding for leg in legs):
            source = w.worker.ports[legs[0].media.index].source
            assert isinstance(source, Bridge), (call.id, source)
            assert {source.leg, source.peer} == {leg.media.index for leg in legs}


class Storm:
    """Random actions of all phones, for a while; then everybody hangs up."""

    def __init__(self, seed: int) -> None:
        self.world = build(seed)
        self.rng = random.Random(seed * 7 + 1)
        self.phones: list[VirtualPhone] = []
        for user in (*USERS, *AGENTS, "bob", "a1"):
            phone = self.world.phone(user)
            phone.codecs = self.rng.choice([["PCMA", "PCMU"], ["PCMU", "PCMA"], ["PCMA"], ["PCMU"]])
            phone.dtmf_type = self.rng.choice([101, 101, 96, 0])
            self.phones.append(phone)

    def run(self) -> None:
        w = self.world
        w.run(5)
        for name in AGENTS:
            w.switch.queues.handle(AgentCommand(name, "login", actor="test"), w.now)
            w.switch.settle(w.now)
        for _ in range(60):
            w.after(self.rng.uniform(0, SECONDS), self.act)
        for phone in self.phones:
            self.change(phone)
        for _ in range(int(SECONDS / 0.25)):
            w.run(0.25)
            nobody_hears_nothing(w)
        self.finish()

    def change(self, phone: VirtualPhone) -> None:
        """The phone's owner changes habits."""
        phone.behaviour = behaviour(self.rng)
        if self.world.now < 1_000 + SECONDS:
            self.world.after(self.rng.uniform(3, 15), lambda: self.change(phone))

    def act(self) -> None:
        rng, w = self.rng, self.world
        phone = rng.choice(self.phones)
        live = [line for line in phone.lines if line.state != "ended"]
        if not live or rng.random() < 0.5:
            line = phone.call(rng.choice(DIALLED), sdp=rng.random() > 0.15)
            if rng.random() < 0.4:
                w.after(rng.choice([0.0, 0.05, 0.3, 1.0, 1.01, 2.0, 5.0]), lambda: phone.cancel(line))
            w.after(rng.uniform(0.2, 20.0), lambda: self.meddle(line))
            return
        self.meddle(rng.choice(live))

    def meddle(self, line: Line) -> None:
        """Something happens on a line, often on both ends at once."""
        rng, w, phone = self.rng, self.world, line.phone
        if line.state != "up":
            if not line.incoming and line.state != "ended":
                phone.cancel(line)
            return
        roll = rng.random()
        if roll < 0.25:
            w.press(line, rng.choice("123*#"))
            w.after(1.0, lambda: self.meddle(line))
        elif roll < 0.55:
            phone.reinvite(line, rng.choice(["sendonly", "inactive", "sendrecv", "sendrecv"]), sdp=rng.random() > 0.2)
            for other in self.phones:
                for there in other.lines:
                    if there.state == "up" and there is not line and rng.random() < 0.3:
                        other.reinvite(there, rng.choice(["sendonly", "sendrecv"]))
            w.after(rng.uniform(0, 3), lambda: self.meddle(line))
        elif roll < 0.65:
            phone.in_dialog(line, "INFO", b"Signal=1\r\nDuration=100\r\n", "application/dtmf-relay")
            w.after(1.0, lambda: self.meddle(line))
        elif roll < 0.7:
            phone.in_dialog(line, rng.choice(["OPTIONS", "UPDATE", "REFER", "PRACK"]))
            w.after(1.0, lambda: self.meddle(line))
        elif roll < 0.75 and (leg := w.worker.leg_of(phone.address[0], line.rtp)) is not None:
            w.worker.starve(leg)
        else:
            phone.hang_up(line)
            if rng.random() < 0.5:
                for other in self.phones:
                    for there in other.lines:
                        if there.state == "up":
                            w.after(
                                rng.choice([0.0, 0.01, 0.05]), lambda other=other, there=there: other.hang_up(there)
                            )

    def finish(self) -> None:
        w = self.world
        for _ in range(6):
            for phone in self.phones:
                phone.behaviour = Behaviour(reject=486, reject_after=0.0)
                for line in phone.lines:
                    if line.state == "up":
                        phone.hang_up(line)
                    elif line.state != "ended" and not line.incoming:
                        phone.cancel(line)
            w.run(20)
        w.run(200)


def books(w: World) -> None:
    """What began has ended, once; and every queue visit has one outcome."""
    events = w.switch.events
    names = Counter(event.name for event in events)
    assert names["call.created"] == names["call.ended"]
    assert names["leg.created"] == names["leg.ended"]
    for kind in ("call", "leg"):
        key = kind
        ended = Counter(getattr(event, key) for event in w.switch.named(f"{kind}.ended"))
        assert set(ended.values()) <= {1}
    assert names["queue.entered"] == names["queue.left"]
    assert names["queue.offered"] == names["queue.offer_result"]
    busy = Counter(item.device for item in w.switch.items if isinstance(item, DeviceBusy))
    free = Counter(item.device for item in w.switch.items if isinstance(item, DeviceFree))
    assert busy == free
    order: dict[str, list[str]] = {}
    for event in events:
        if event.name.startswith(("call.", "leg.")):
            order.setdefault(event.call, []).append(event.name)  # type: ignore[attr-defined]
    for names_of_call in order.values():
        assert names_of_call[0] == "call.created" and names_of_call[-1] == "call.ended", names_of_call


def lines_are_over(phones: list[VirtualPhone]) -> list[Any]:
    return [
        (phone.user, line.call_id, line.state, line.log)
        for phone in phones
        for line in phone.lines
        if line.state == "up"
    ]


@pytest.mark.parametrize("first", range(0, 40, 4))
def test_storm(first: int) -> None:
    for seed in range(first, first + 4):
        storm = Storm(seed)
        try:
            storm.run()
            storm.world.assert_idle()
            books(storm.world)
            assert not lines_are_over(storm.phones)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
