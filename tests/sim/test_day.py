"""Twenty-four hours of an office, a hotline and their phones, in virtual time: at the end nothing is left, and nothing has grown.

What happens is drawn from the table in `happenings`. Phones refresh their registrations all day, also while they are in calls.
"""

from __future__ import annotations

import gc
import random
import sys
from collections import Counter
from typing import Any

import pytest

from softswitch.acd.invariants import check_invariants
from softswitch.directory import (
    Agent,
    ChoiceStep,
    Conference,
    Group,
    Mailbox,
    Member,
    Membership,
    Menu,
    PlayStep,
    Queue,
)
from softswitch.effects import AgentCommand
from tests.sim import storage
from tests.sim.happenings import DIDS, HOUR, KINDS, QUIET, Phone, Steps
from tests.sim.phone import Behaviour, Line
from tests.sim.provider import Provider, outside, trunk
from tests.sim.world import World, account, site

PHONES, AGENTS, TEAM = 200, 12, 3
CALLS_AN_HOUR = 45
REFRESH = 1_700.0  # seconds; phones register for an hour
MAY_GROW = 0.01  # share of the memory blocks of noon that there may be more at midnight


def office() -> Any:
    users = [f"u{number}" for number in range(PHONES)]
    agents = [f"a{number}" for number in range(AGENTS)]
    team = [f"g{number}" for number in range(TEAM)]
    choices = {"1": "queue:hotline", "2": "extension:u0", "9": "menu:ivr"}
    return site(
        accounts={user: account(user, name=user.upper(), max_calls=4, supervises=("*",)) for user in (*users, *agents, *team)},
        agents={name: Agent(name, name) for name in agents},
        queues={
            "hotline": Queue(
                "hotline", members=tuple(Membership(name, number // 4) for number, name in enumerate(agents)), wrap_up=5.0,
                ring_timeout=10.0, max_wait=60.0, greeting=("queue-welcome",),
            ),
            "empty": Queue("empty", max_wait=20.0),
        },
        groups={"team": Group("team", members=tuple(map(Member, team)))},
        conferences={"team": Conference("team")},
        menus={"ivr": Menu("ivr", (PlayStep(("welcome",)), ChoiceStep(("menu-main",), choices, timeout=3.0, attempts=2)))},
        extensions={"600": "queue:hotline", "601": "queue:empty", "650": "group:team",
                    "690": "voicemail:office", "700": "conference:team", "hotline": "menu:ivr",
                    "echo": "echo", "prompt": "play:welcome"},
        music={"default": ()}, mailboxes={"office": Mailbox("office", max_messages=1_000)},
        **outside(trunk(dids=DIDS, ping=0)),
    )  # fmt: skip


class Day:
    """Phones that live through it, and a recorder of how much there is."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = World(
            office(), seed=seed, legs=600, no_answer_timeout=25.0, rtp_timeout_hold=45.0, voicemail="/var/voicemail"
        )
        self.world.switch._has_queues = False  # Checked once an hour instead of at every input.
        self.over = False
        self.played: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.totals: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()  # by the phones, where no event tells it
        self.measured = 0.0  # when it is looked next how much there is
        self.free: list[Phone] = [self.phone(f"u{number}") for number in range(PHONES)]
        self.all = list(self.free)
        self.agents = [self.phone(f"a{number}") for number in range(AGENTS)]
        self.team = [self.phone(f"g{number}") for number in range(TEAM)]
        self.provider = Provider(self.world, answer_after=2.0)
        self.everybody = (*self.all, *self.agents, *self.team, self.provider)
        for phone in (*self.all, *self.agents, *self.team):
            self.world.after(self.rng.uniform(0, 60), lambda phone=phone: self.registers(phone))
        self.world.run(90)
        for phone in self.agents:
            self.world.switch.queues.handle(AgentCommand(phone.user, "login", actor="test"), self.world.now)
            self.world.switch.settle(self.world.now)

    def phone(self, user: str) -> Phone:
        index = len(self.world.phones) + 1
        return Phone(self.world, user, f"secret-{user}", f"198.51.{100 + index // 250}.{index % 250}", 5060)

    def registers(self, phone: Phone) -> None:
        """Once, and again before each expiry, until the day is over."""
        if self.over:
            return
        phone.register(3_600)
        self.world.after(REFRESH * self.rng.uniform(0.9, 1.0), lambda: self.registers(phone))

    def call_of(self, line: Line) -> str:
        for call in self.world.switch.calls.calls.values():
            for leg in (call.caller, call.peer):
                if leg is not None and line.call_id == leg.dialog.call_id:
                    return str(call.id)
        return ""

    def hang_up(self, *lines: Line) -> None:
        for line in lines:
            if line.state == "up":
                line.phone.hang_up(line)
            elif line.state != "ended" and not line.incoming:
                line.phone.cancel(line)

    # --- one after the other

    def begin(self) -> None:
        """One more call of some kind."""
        kind = self.rng.choices(KINDS, [kind.weight for kind in KINDS])[0]
        if len(self.free) < kind.phones:
            return
        phones = [self.free.pop(self.rng.randrange(len(self.free))) for _ in range(kind.phones)]
        for phone in phones:
            phone.behaviour = Behaviour(answer_after=self.rng.choice([0.2, 1.0, 3.0]))
        self.played[kind.play.__name__] += 1
        self.step(kind.play(self, *phones), phones)

    def step(self, play: Steps, phones: list[Phone]) -> None:
        wait = next(play, None)
        if wait is not None:
            self.world.after(wait, lambda: self.step(play, phones))
            return
        for phone in phones:
            self.hang_up(*phone.lines)
        # What the other end does now takes its time: a hang-up, a refusal, a timeout.
        self.world.after(60.0, lambda: self.release(phones))

    def release(self, phones: list[Phone]) -> None:
        for phone in phones:
            self.hang_up(*phone.lines)
            phone.behaviour = Behaviour(reject=486, reject_after=0.0)
            phone.plain()
        self.free += phones

    def hours(self, count: int) -> None:
        self.measured = self.world.now + count * HOUR
        for _ in range(count):
            begin = self.world.now
            for _ in range(CALLS_AN_HOUR):
                self.world.at(begin + self.rng.uniform(0, HOUR - QUIET), self.begin)
            self.world.run(HOUR)
            check_invariants(self.world.switch.queues, self.world.now)
            self.forget()

    def forget(self) -> None:
        """What the world, not the switch, remembers of the past hour."""
        wiring = self.world.switch
        self.totals.update(event.name for event in wiring.events)
        lines = [line for phone in self.everybody for line in phone.lines]
        self.statuses.update(line.status for line in lines if not line.incoming)
        for phone in self.everybody:
            phone.lines = [line for line in phone.lines if line.state != "ended"]
            phone.received.clear()
            phone._servers.clear()
            phone._clients = {key: one for key, one in phone._clients.items() if one["live"]}
            if isinstance(phone, Phone):
                phone.keys = []
        boxes = wiring.calls.board.mailboxes
        boxes.purge(list(boxes.messages), "expired")  # As the daemon does it with old ones.
        wiring.switch.tape.take(self.world.now)  # As the daemon does it all the time.
        wiring.events.clear()
        wiring.times.clear()
        wiring.items.clear()
        self.world.worker.commands.clear()
        self.world.worker.digits.clear()
        self.world.storage.events.clear()

    def blocks(self) -> int:
        gc.collect()
        return sys.getallocatedblocks()


@pytest.mark.timeout(900)  # Half a minute, but not on a machine that does ten other things.
def test_a_day_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "FLUSH", 20.0)  # What is on disk is not the question here.
    monkeypatch.setattr(storage, "STATE", 600.0)
    day = Day(seed=24)
    noon = 0
    for half in (1, 2):
        day.hours(12)
        if half == 1:
            noon = day.blocks()
    day.over = True
    day.world.run(70)  # What the last refreshes left lingers for 32 s.
    day.forget()
    midnight = day.blocks()
    w, switch = day.world, day.world.switch.switch

    # Every kind was played, and what it is about has happened.
    assert set(day.played) == {kind.play.__name__ for kind in KINDS}
    assert {200, 486, 487, 404} <= set(day.statuses)
    for name in (
        "call.bridged",
        "queue.left",
        "conference.joined",
        "supervision.started",
        "call.merged",
        "call.transferred",
        "call.parked",
        "call.diverted",
        "voicemail.left",
        "voicemail.discarded",
    ):
        assert day.totals[name], name
    for what in ("prack", "hours", "outwards", "inwards"):
        assert day.seen[what], what
    assert day.totals["call.created"] == day.totals["call.ended"] > 1_000
    assert day.totals["leg.created"] == day.totals["leg.ended"]
    assert day.totals["queue.entered"] == day.totals["queue.left"]

    # Nothing is left but the registrations.
    w.assert_idle()
    assert len(switch.registrar) == PHONES + AGENTS + TEAM == len(switch.registrar.aors())
    assert len(switch.notifier) == 0 and not switch.notifier._by_resource and not switch.notifier._held
    assert switch.postman._under_way == 0
    core = switch.endpoint._core
    assert not (core.pending or core.merged or core.by_flow)
    assert not [phone.user for phone in day.everybody if any(line.state == "up" for line in phone.lines)]
    assert not switch.calls.board.mailboxes._drafts
    assert len(day.free) == PHONES
    assert midnight - noon < MAY_GROW * noon, f"{midnight - noon} memory blocks more than at noon ({noon})"
