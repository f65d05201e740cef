"""Phones with all extensions, over a bad network, doing whatever they like: nothing is left behind, no call is torn apart."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.sim.extended import ExtendedPhone, extended
from tests.sim.phone import Behaviour, Line
from tests.sim.world import Link, World, account, site

USERS = ("anna", "bob", "carl", "dora")
SECONDS = 60.0
ALLOWED = ("INVITE, ACK, BYE, CANCEL", "INVITE, ACK, BYE, CANCEL, UPDATE, PRACK")
SESSIONS = ("", "30;refresher=uac", "30;refresher=uas", "90;refresher=uac", "200")


class Storm:
    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed * 13 + 5)
        link = Link(rng.choice([0.0, 0.0, 0.1]), 0.005, rng.choice([0.0, 0.02]), rng.choice([0.0, 0.05]))
        accounts = {user: account(user, max_calls=50) for user in USERS}
        self.world = World(
            site(accounts=accounts, extensions={"echo": "echo"}), seed=seed, link=link, no_answer_timeout=10.0,
            session_expires=rng.choice([0, 90, 1_800]), reliable_provisional=rng.choice(["off", "media", "all"]),
        )  # fmt: skip
        self.phones = [extended(self.world, user) for user in (*USERS, "bob")]

    def run(self) -> None:
        w, rng = self.world, self.rng
        w.run(5)
        for _ in range(70):
            w.after(rng.uniform(0, SECONDS), self.act)
        if rng.random() < 0.4:
            w.after(rng.uniform(10, SECONDS), w.kill)
            w.after(SECONDS + 0.5, lambda: None)
        for _ in range(int(SECONDS / 0.5)):
            w.run(0.5)
            if w.down and rng.random() < 0.5:
                w.restart()
        if w.down:
            w.restart()
        w.link = Link()
        for phone in self.phones:
            phone.pracks = True
        for _ in range(3):
            for phone in self.phones:
                for line in phone.lines:
                    if line.state == "up":
                        phone.hang_up(line)
                    elif line.state != "ended" and not line.incoming:
                        phone.cancel(line)
            w.run(80)
        w.run(100)

    def habits(self, phone: ExtendedPhone) -> None:
        rng = self.rng
        phone.behaviour = Behaviour(
            rng.choice([None, 0.01, 0.3]), rng.choice([None, 0.0, 0.05, 1.0, 3.0]), early_media=rng.random() < 0.5,
            reject=rng.choice([0, 0, 0, 486, 503]), answer_despite_cancel=rng.random() < 0.3,
            hang_up_after=rng.choice([None, None, 0.0, 4.0]),
        )  # fmt: skip
        phone.reliable, phone.pracks = rng.random() < 0.5, rng.random() < 0.85
        phone.allow, phone.session = rng.choice(ALLOWED), rng.choice(SESSIONS)
        phone.shortest = rng.choice([0, 0, 0, 120, 4_000])
        phone.answers_update = rng.choice([200, 200, 491, 501, 503, 481])

    def act(self) -> None:
        rng, w = self.rng, self.world
        phone = rng.choice(self.phones)
        live = [line for line in phone.lines if line.state != "ended"]
        if live and rng.random() < 0.6:
            self.meddle(phone, rng.choice(live))
            return
        self.habits(phone)
        headers = rng.choice(
            [{}, {"Require": "100rel"}, {"Session-Expires": rng.choice(["60", "90;refresher=uac", "100"])}]
        )
        line = phone.call(rng.choice((*USERS, "echo")), sdp=rng.random() < 0.7, headers=dict(headers))
        if rng.random() < 0.3:
            w.after(rng.choice([0.05, 0.3, 1.0, 3.0]), lambda: phone.cancel(line))
        for _ in range(2):
            w.after(rng.uniform(0.2, 8.0), lambda: self.meddle(phone, line))

    def meddle(self, phone: ExtendedPhone, line: Line) -> None:
        rng = self.rng
        roll = rng.random()
        if line.state == "ended" or not line.remote_tag or line.sdp is None:
            return
        if roll < 0.3:
            phone.update(line, phone.sdp(line) if rng.random() < 0.6 else b"")
        elif line.state != "up":
            return
        elif roll < 0.6:
            line.direction = "sendrecv"
            phone.reinvite(line, rng.choice(["sendonly", "inactive", "sendrecv", "recvonly"]), sdp=rng.random() < 0.7)
        elif roll < 0.8:
            phone.hang_up(line)
        else:
            phone.codecs = [rng.choice(["PCMA", "PCMU"])]
            phone.reinvite(line)


@pytest.mark.parametrize("first", range(0, 24, 6))
def test_storm(first: int) -> None:
    for seed in range(first, first + 6):
        storm = Storm(seed)
        try:
            storm.run()
            storm.world.assert_idle()
            started = {event.call for event in storm.world.switch.named("call.created")}
            ended = [event.call for event in storm.world.switch.named("call.ended")]
            for phone in storm.phones:
                invites = Counter(raw.get("Call-ID") for raw in phone.received if raw.start.startswith("INVITE"))
                assert max(invites.values(), default=0) < 60, "the phones are not asked again and again"
            assert len(ended) == len(set(ended)) and (set(ended) == started or storm.world.lives > 1)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
