"""Keys with lamps over a kill -9 of the switch: phones are told on, without subscribing anew."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest

from softswitch.effects import Flow
from softswitch.sip.listener import Listener
from tests.sim import world as worlds
from tests.sim.test_forwarding import code
from tests.sim.test_key_lamps import lamps, world
from tests.sim.test_lamps import watcher
from tests.sim.world import SWITCH, World


def killed(w: World, seconds: float = 1.0) -> None:
    w.kill()
    w.run(seconds)
    w.restart()


def test_lamps_go_on() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.5)
    carol = watcher(w)
    keys = {name: carol.watch(name) for name in ("anna", "bob", "*76", "carla", "701")}
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    before = lamps(keys)
    numbers = {name: key.heard[-1].cseq for name, key in keys.items()}
    assert before["bob"] == "confirmed recipient anna"
    killed(w)
    w.run(3)
    assert lamps(keys) == before, "all are told how it is"
    for name, key in keys.items():
        versions = [int(ET.fromstring(raw.body).get("version") or -1) for raw in key.heard]
        assert versions == sorted(set(versions)) and key.heard[-1].cseq > numbers[name], (
            "behind what the phone has heard"
        )
        assert key.statuses == [200] and key.state.startswith("active;expires=5")
    anna.hang_up(line)
    w.run(1)
    assert lamps(keys)["bob"] == "idle"
    code(w, carol, "*78")
    assert lamps(keys)["*76"] != "idle", "a lamp of a setting follows, too"
    for key in keys.values():
        key.subscribe(600)
        w.run(0.5)
        assert key.statuses[-1] == 200, "renewed in the dialog that there was"
        key.subscribe(0)
    w.run(70)
    assert not len(w.switch.switch.notifier)
    bob.hang_up(bob.lines[0])
    w.run(40)
    w.assert_idle()


def test_what_changed_meanwhile_is_seen() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.5)
    carol = watcher(w)
    keys = {"bob": carol.watch("bob")}
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    w.kill()
    bob.hang_up(bob.lines[0])
    w.run(1)
    w.restart()
    w.run(5)
    assert lamps(keys) == {"bob": "idle"} and line.state == "ended"


def test_a_second_kill_counts_on() -> None:
    w = world()
    anna = w.phone("anna")
    w.phone("bob", answer_after=0.5)
    carol = watcher(w)
    keys = {"bob": carol.watch("bob")}
    w.run(1)
    for _ in range(3):
        killed(w)
        w.run(2)
    line = anna.call("bob")
    w.run(2)
    assert lamps(keys) == {"bob": "confirmed recipient anna"}
    numbers = [raw.cseq for raw in keys["bob"].heard]
    assert numbers == sorted(set(numbers))
    anna.hang_up(line)
    w.run(1)


@pytest.mark.parametrize("how", ["timeout", "by the phone", "account gone", "not taken"])
def test_what_has_ended_does_not_come_back(how: str) -> None:
    w = world()
    carol = watcher(w)
    key = carol.watch("bob", 60)
    w.run(1)
    away = 1.0
    if how == "by the phone":
        key.subscribe(0)
    elif how == "not taken":
        carol.takes = 481
        w.phone("bob").call("anna")
    elif how == "account gone":
        accounts = dict(w.switch.switch.directory.accounts)
        accounts["carol"] = replace(accounts["carol"], user="other")
        accounts["other"] = accounts.pop("carol")
    else:
        away = 61.0
    w.run(1)
    if how == "account gone":
        w.kill()
        w.run(1)
        w.switch.switch.directory = replace(w.switch.switch.directory, accounts=accounts)
        w.restart()
    else:
        killed(w, away)
    told = len(key.heard)
    w.run(5)
    assert not len(w.switch.switch.notifier) and len(key.heard) == told


def test_news_are_spread_over_time() -> None:
    w = world()
    carol = watcher(w)
    keys = [carol.watch(name) for name in ("anna", "bob", "dave", "carla") for _ in range(20)]
    w.run(2)
    told = len(keys[0].heard)
    killed(w)
    w.run(0.9)
    assert len(keys[0].heard) == told
    w.run(0.3)
    assert 0 < sum(len(key.heard) > told for key in keys) < len(keys)
    w.run(1)
    assert all(len(key.heard) > told for key in keys)


def test_a_phone_on_a_stream_is_told_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection has ended with the process: what it is told before it registers anew would be lost, and its lamp with it."""
    monkeypatch.setattr(worlds, "LISTENERS", (*worlds.LISTENERS, Listener("tcp", *SWITCH)))
    w = world()
    w.listening = (*w.listening, SWITCH)
    connection = 7

    def connected() -> None:
        """What comes from the address of carol comes over a connection."""
        wiring = w.switch

        def receive(data: bytes, source: tuple[str, int], now: float) -> None:
            mine = Flow("tcp", *source, 2, connection)
            wiring.switch.receive(data, mine if source == carol.address else Flow("udp", *source), now)
            wiring.settle(now)

        monkeypatch.setattr(wiring, "receive", receive)

    class Address:
        address = ("198.51.100.1", 5061)

    carol: Any = Address
    connected()
    carol = watcher(w)
    assert carol.address == Address.address
    key = carol.watch("bob")
    w.run(1)
    told = len(key.heard)
    assert told
    killed(w)
    connected()
    w.run(10)
    assert len(key.heard) == told and len(w.switch.switch.notifier) == 1
    connection = 8
    carol.register()
    w.run(1)
    assert len(key.heard) == told + 1
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=0.5)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert key.lamp() == "confirmed recipient anna"
    anna.hang_up(line)
    w.run(1)
