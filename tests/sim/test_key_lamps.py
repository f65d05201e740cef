"""Keys with lamps that are no phones: feature codes, parking places, ring groups, agents in queues; pickup; presence."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from softswitch.directory import Agent, Group, Member, Membership, Queue
from softswitch.effects import AgentCommand
from tests.sim.test_forwarding import code
from tests.sim.test_lamps import NAMESPACE, watcher
from tests.sim.world import World, account, site

USERS = ("anna", "bob", "carol", "dave")


def world(**more: Any) -> World:
    accounts = {user: account(user, name=user.capitalize()) for user in USERS} | more.pop("accounts", {})
    return World(site(
        accounts=accounts, groups={"team": Group("team", members=(Member("bob"), Member("dave")), timeout=10.0)},
        queues={"sales": Queue("sales", members=(Membership("carla"),)), "help": Queue("help", members=(Membership("carla"),))},
        agents={"carla": Agent("carla", "carol")}, extensions={"600": "group:team", "801": "queue:sales"}, **more,
    ))  # fmt: skip


def lamps(keys: dict[str, Any]) -> dict[str, str]:
    return {name: key.lamp() for name, key in keys.items()}


def dialog_of(key: Any) -> Any:
    """The first dialog that a key was told of last."""
    return next(ET.fromstring(key.heard[-1].body).iter(f"{NAMESPACE}dialog"))


def test_settings_of_the_own_phone() -> None:
    w = world()
    carol = watcher(w)
    keys = {name: carol.watch(name) for name in ("*21", "*67", "%23002", "*76", "*78", "*71")}
    other = watcher(w, "dave").watch("*76")
    w.run(1)
    assert set(lamps(keys).values()) == {"idle"}
    assert code(w, carol, "*21*bob") == "forward-on" and code(w, carol, "*76") == "dnd-on"
    assert lamps(keys) == {
        "*21": "confirmed recipient bob", "*67": "idle", "%23002": "confirmed recipient bob",
        "*76": "confirmed recipient", "*78": "confirmed recipient", "*71": "idle",
    }  # fmt: skip
    assert other.lamp() == "idle", "that is somebody else's phone"
    w.switch.switch.set_phone("carol", "do_not_disturb", "off", "cli", w.now)
    w.switch.settle(w.now)
    w.run(1)
    assert keys["*76"].lamp() == "idle"


def test_an_agents_keys() -> None:
    w = world()
    carol = watcher(w)
    keys = {name: carol.watch(name) for name in ("*30", "*31", "*32", "*33", "*30*801", "*32*801")}
    assert [key.lamp() for key in keys.values() if key.heard] == []
    w.run(1)
    assert lamps(keys) == {
        "*30": "idle", "*31": "confirmed recipient", "*32": "idle", "*33": "idle", "*30*801": "idle", "*32*801": "idle",
    }  # fmt: skip
    assert code(w, carol, "*30") == "agent-logged-in"
    assert lamps(keys) == {
        "*30": "confirmed recipient", "*31": "idle", "*32": "idle", "*33": "confirmed recipient",
        "*30*801": "confirmed recipient", "*32*801": "idle",
    }  # fmt: skip
    assert code(w, carol, "*32*801") == "queue-paused"
    assert (keys["*30*801"].lamp(), keys["*32*801"].lamp()) == ("idle", "confirmed recipient")
    assert code(w, carol, "*33*801") == "queue-logged-in"
    assert keys["*30*801"].lamp() == "confirmed recipient"
    assert code(w, carol, "*324") == "agent-not-ready"
    assert (keys["*32"].lamp(), keys["*33"].lamp()) == ("confirmed recipient", "idle")
    assert w.switch.queues.roster.agents["carla"].reason == "meeting"


def test_who_logs_in_to_one_queue_serves_that_one_only() -> None:
    w = world()
    anna, carol = w.phone("anna"), w.phone("carol", answer_after=0.5)
    w.run(1)
    assert code(w, carol, "*30*801") == "queue-logged-in"
    agent = w.switch.queues.roster.agents["carla"]
    assert (str(agent.presence), agent.paused_in) == ("ready", {"help"})
    line = anna.call("801")
    w.run(2)
    assert w.hears(line) == "bridge:carol"
    anna.hang_up(line)
    assert code(w, carol, "*31*801") == "queue-logged-out"
    w.run(30)
    assert agent.paused_in == {"help", "sales"}
    line = anna.call("801")
    w.run(2)
    assert w.hears(line) == "music:default"
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_a_parking_place() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.5)
    key = watcher(w).watch("701")
    w.run(1)
    assert key.lamp() == "idle"
    line = anna.call("bob")
    w.run(2)
    bob.reinvite(bob.lines[0], "sendonly")
    w.run(1)
    code(w, bob, "*68")
    assert key.lamp() == "confirmed recipient anna"
    bob.behaviour.answer_after = None
    w.run(26)
    assert key.lamp() == "early recipient anna", "it comes back"
    bob.answer(bob.lines[-1])
    w.run(1)
    assert key.lamp() == "idle" and w.hears(line) == "bridge:bob"


def test_a_ring_group() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=None)
    carol = watcher(w)
    keys = {name: carol.watch(name) for name in ("600", "team")}
    w.run(1)
    anna.call("600")
    w.run(1)
    assert set(lamps(keys).values()) == {"early recipient anna"}
    w.run(12)
    assert set(lamps(keys).values()) == {"idle"}
    assert [event.outcome for event in w.switch.named("group.left")] == ["no_answer"]


def test_the_lamp_of_a_phone_that_rings_says_how_to_pick_it_up() -> None:
    w = world(accounts={"dave": account("dave", pickup_groups=("others",))})
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    key, foreign = watcher(w).watch("bob"), watcher(w, "dave").watch("bob")
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    there = bob.lines[0]

    shown = dialog_of(key)
    assert (shown.get("call-id"), shown.get("local-tag"), shown.get("remote-tag")) == (
        there.call_id, there.local_tag, there.remote_tag,
    )  # fmt: skip
    assert shown.find(f"{NAMESPACE}remote/{NAMESPACE}target").get("uri") == "sip:anna@pbx.test"
    assert dialog_of(foreign).get("call-id") is None, "who may not pick it up is not told"
    bob.answer(there)
    w.run(1)
    assert dialog_of(key).get("call-id") is None, "a conversation is nobody else's"
    anna.hang_up(line)
    w.run(40)


def test_lamps_of_agents_and_calls_are_right_after_a_restart() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=0.5)
    w.phone("carol")
    w.run(1)
    w.switch.switch.agent_command(AgentCommand("carla", "login", actor="test"), w.now)
    w.switch.settle(w.now)
    line = anna.call("bob")
    w.run(3)
    w.kill()
    w.run(1)
    w.restart()
    w.run(1)
    dave = watcher(w, "dave")
    keys = {name: dave.watch(name) for name in ("anna", "bob", "carla")}
    w.run(1)
    assert lamps(keys) == {
        "anna": "confirmed initiator bob", "bob": "confirmed recipient anna", "carla": "idle",
    }  # fmt: skip
    anna.hang_up(line)
    w.run(1)
    assert set(lamps(keys).values()) == {"idle"}


def test_a_picked_up_call_on_the_lamps() -> None:
    w = world()
    anna, _, dave = w.phone("anna"), w.phone("bob", answer_after=None), w.phone("dave")
    carol = watcher(w)
    keys = {name: carol.watch(name) for name in ("anna", "bob", "dave")}
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    mine = dave.call("**bob")
    w.run(1)
    assert lamps(keys) == {"anna": "confirmed initiator dave", "bob": "idle", "dave": "confirmed initiator anna"}
    dave.hang_up(mine)
    w.run(1)
    assert set(lamps(keys).values()) == {"idle"} and line.state == "ended"
    w.run(40)
    w.assert_idle()


def test_presence() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.5)
    carol = watcher(w)
    key = carol.watch("bob", Event="presence")
    nobody = carol.watch("team", Event="presence")
    w.run(1)

    def state() -> tuple[str, str, str]:
        root = ET.fromstring(key.heard[-1].body)
        pidf = "{urn:ietf:params:xml:ns:pidf}"
        activities = root.find(".//{urn:ietf:params:xml:ns:pidf:rpid}activities")
        doing = "" if activities is None else activities[0].tag.rpartition("}")[2]
        assert root.tag == f"{pidf}presence" and root.get("entity") == "sip:bob@pbx.test"
        return root.findtext(f"{pidf}tuple/{pidf}status/{pidf}basic") or "", root.findtext(f"{pidf}note") or "", doing

    assert nobody.statuses == [404] and key.heard[0].get("Content-Type") == "application/pidf+xml"
    assert state() == ("open", "Available", "")
    line = anna.call("bob")
    w.run(2)
    assert state() == ("open", "On the phone", "on-the-phone")
    anna.hang_up(line)
    w.run(1)
    assert state() == ("open", "Available", "")
    code(w, bob, "*78")
    assert state() == ("closed", "Do not disturb", "busy")
    bob.register(expires=0)
    w.run(1)
    assert state() == ("closed", "Offline", "")
