"""Who may call where outside, and how much (SEC-10, S12): what nobody has permitted is refused, an emergency call never."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.directory import Agent, GotoStep, Membership, Menu, PlayStep, Queue
from softswitch.outside import Policy, Route
from tests.sim.phone import VirtualPhone
from tests.sim.provider import Provider, outside, trunk
from tests.sim.world import World, account, site


def world(policy: Policy | None = None, **more: Any) -> tuple[World, Provider, VirtualPhone]:
    policies = {"policies": {policy.name: policy}} if policy else {}
    w = World(
        site("anna", "bob", **{**outside(trunk(max_calls=more.pop("max_calls", 0), ping=0.0)), **policies, **more})
    )
    provider = Provider(w, answer_after=0.2)
    anna = w.phone("anna")
    w.run(2)
    return w, provider, anna


def reasons(w: World) -> list[str]:
    return [event.reason for event in w.switch.named("toll.blocked")]


@pytest.mark.parametrize(("number", "reason"), [
    ("+4915112345678", "country"), ("700123456", "premium"), ("+881612345678", "satellite"), ("+882161234567", "satellite"),
    ("+18765550123", "country"), ("+2522123456", "country"), ("+97912345678", "unknown_number"),
])  # fmt: skip
def test_by_default_an_account_calls_its_own_country_only(number: str, reason: str) -> None:
    w, provider, anna = world()
    line = anna.call(number)
    w.run(2)
    assert (line.state, line.status) == ("ended", 403)
    assert reasons(w) == [reason]
    assert not provider.invites
    assert w.switch.named("call.ended")[0].cause == "forbidden"


@pytest.mark.parametrize("number", ["221234567", "601234567", "800123456", "+80012345678", "801123456"])
def test_ordinary_numbers_of_it_are_called(number: str) -> None:
    w, provider, anna = world()
    line = anna.call(number)
    w.run(2)
    assert line.state == "up"
    assert len(provider.invites) == 1


def test_what_is_listed_is_permitted_and_what_is_denied_is_not() -> None:
    policy = Policy("default", countries=("pl", "de"), allow=("+48700123",), deny=("+4930",), max_calls=9)
    w, _, anna = world(policy)
    lines = [
        anna.call(number) for number in ("+4915112345678", "700123456", "700999999", "+493012345678", "+33123456789")
    ]
    w.run(2)
    assert [line.status for line in lines] == [200, 200, 403, 403, 403]
    assert sorted(reasons(w)) == ["country", "denied", "premium"]


def test_calls_at_once_of_one_account_are_limited() -> None:
    w, _, anna = world()
    lines = [anna.call(f"22123456{digit}") for digit in range(3)]
    w.run(2)
    assert [line.status for line in lines] == [200, 200, 403]
    assert [event.limit for event in w.switch.named("toll.alarm")] == ["too_many_calls"]
    anna.hang_up(lines[0])
    w.run(1)
    again = anna.call("221234567")
    w.run(1)
    assert again.status == 200
    for line in [*lines, again]:
        anna.hang_up(line)
    w.run(60)
    w.assert_idle()


def test_calls_in_a_minute_and_in_a_day_are_limited() -> None:
    w, _, anna = world(Policy("default", calls_per_minute=3, calls_per_day=5))

    def attempt() -> int:
        line = anna.call("221234567")
        w.run(1)
        anna.hang_up(line)
        w.run(1)
        return line.status

    assert [attempt() for _ in range(4)] == [200, 200, 200, 403]
    w.run(61)
    assert [attempt() for _ in range(3)] == [200, 200, 403]
    assert reasons(w) == ["calls_per_minute", "calls_per_day"]
    assert len(w.switch.named("toll.alarm")) == 2
    w.run(86_400)
    anna.register()
    w.run(1)
    assert attempt() == 200


def test_the_minutes_of_a_day_end_a_call_and_forbid_the_next() -> None:
    w, provider, anna = world(Policy("default", minutes_per_day=5))
    line = anna.call("221234567")
    w.run(290)
    assert line.state == "up"
    w.run(20)
    assert (line.state, line.ended_by) == ("ended", "remote")
    assert provider.lines[0].state == "ended"
    again = anna.call("221234567")
    w.run(1)
    assert again.status == 403
    assert reasons(w) == ["minutes_per_day"]


def test_at_night_only_what_is_said_is_permitted() -> None:
    w, _, anna = world(Policy("default", countries=("*",), hours="day", closed="national"))
    w.opening["day"] = False
    national, foreign = anna.call("221234567"), anna.call("+4915112345678")
    w.run(1)
    assert (national.status, foreign.status) == (200, 403)
    w, _, anna = world(Policy("default", hours="day"))
    w.opening["day"] = False
    national = anna.call("221234567")
    w.run(1)
    assert national.status == 403
    assert reasons(w) == ["closed"]


def test_the_whole_site_has_limits_too() -> None:
    w, _, anna = world(max_outside_calls=1)
    bob = w.phone("bob")
    w.run(1)
    one, two = anna.call("221234567"), bob.call("221234568")
    w.run(1)
    assert sorted((one.status, two.status)) == [200, 403]
    assert reasons(w) == ["site_calls"]


def test_a_route_may_be_for_some_policies_only() -> None:
    routes = {
        "local": Route("local", ("+48",), ("provider",)),
        "mobile": Route("mobile", ("+486", "+485"), ("provider",), ("office",)),
    }
    accounts = {"anna": account("anna", policy="office"), "bob": account("bob")}
    w, _, anna = world(Policy("office"), routes=routes, accounts=accounts)
    bob = w.phone("bob")
    w.run(1)
    lines = [anna.call("601234567"), bob.call("601234567"), bob.call("221234567")]
    w.run(1)
    assert [line.status for line in lines] == [200, 403, 200]
    assert reasons(w) == ["route"]


# --- emergencies ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["112", "997", "998", "999"])
def test_an_emergency_call_is_never_refused(number: str) -> None:
    policy = Policy("default", deny=("",), max_calls=0, calls_per_minute=1, hours="day")
    w, provider, anna = world(policy, max_calls=1, max_outside_calls=1, extensions={"112": "echo"})
    w.opening["day"] = False
    lines = [anna.call(number) for _ in range(6)]  # more than max_calls of the account, and of the trunk
    w.run(2)
    assert [line.status for line in lines] == [200] * 6
    assert {raw.start.split(" ")[1] for raw in provider.invites} == {f"sip:{number}@203.0.113.10"}
    assert len(w.switch.named("call.emergency")) == 6
    assert not reasons(w)


def test_it_is_tried_on_every_trunk_even_those_that_seem_down() -> None:
    trunks = [trunk(answer_within=2.0), trunk("second", "203.0.113.20"), trunk("third", "203.0.113.30")]
    fields = outside(*trunks)
    fields["routes"] = {"all": Route("all", ("+",), ("second",))}
    w = World(site("anna", **fields))
    dead, last = Provider(w), Provider(w, "203.0.113.30")
    busy = Provider(w, "203.0.113.20", reject=503, ring_after=None, reject_after=0.1)
    dead.down = True
    anna = w.phone("anna")
    w.run(200)
    anna.register()
    w.run(1)
    line = anna.call("112")
    w.run(10)
    assert line.state == "up"
    assert (len(busy.invites), len(last.invites)) == (1, 1)


def test_an_emergency_call_has_media_ports_of_its_own() -> None:
    """Ordinary calls leave some free, those of emergencies take the last one."""
    users = [f"u{number}" for number in range(9)]
    w = World(site(*users, extensions={"700": "echo"}, **outside(trunk())), legs=32)
    Provider(w, answer_after=0.2)
    phones = [w.phone(user) for user in users]
    w.run(1)
    lines = [phone.call("700") for phone in phones for _ in range(4)]
    w.run(1)
    taken = [line for line in lines if line.state == "up"]
    assert len(taken) == 27 and {line.status for line in lines} == {200, 503}
    assert w.switch.named("media.alarm")
    helped = [phones[-1].call("112") for _ in range(2)]
    w.run(1)
    assert [line.status for line in helped] == [200, 200]
    for line in lines + helped:
        line.phone.hang_up(line)
    w.run(60)
    w.assert_idle()


def test_with_the_prefix_for_outside_or_without() -> None:
    w, provider, anna = world(outside_prefix="0")
    lines = [anna.call(number) for number in ("112", "0112", "0221234567", "221234567")]
    w.run(1)
    assert [line.status for line in lines] == [200, 200, 200, 404]
    assert [raw.start.split("@")[0] for raw in provider.invites] == [
        "INVITE sip:112", "INVITE sip:112", "INVITE sip:+48221234567",
    ]  # fmt: skip


def test_a_site_names_its_own_emergency_numbers() -> None:
    w, _, anna = world(emergency=("911",))
    lines = [anna.call("911"), anna.call("112")]
    w.run(1)
    assert [line.status for line in lines] == [200, 404]


def test_help_is_called_while_the_switch_is_being_stopped() -> None:
    w, _, anna = world()
    w.switch.switch.drain_mode(True)
    lines = [anna.call("112"), anna.call("221234567")]
    w.run(1)
    assert [line.status for line in lines] == [200, 503]


# --- others' ways out ------------------------------------------------------------------------------------------------------


def test_the_site_itself_may_lead_a_call_outside() -> None:
    """A menu's destination is the administrator's word; nobody's rights are asked, the site's limits are."""
    menu = Menu("night", (PlayStep(("welcome",)), GotoStep("outside:+4915112345678")))
    w, provider, anna = world(menus={"night": menu}, extensions={"800": "menu:night", "801": "outside:601234567"})
    line, direct = anna.call("800"), anna.call("801")
    w.run(4)
    assert [raw.start.split("@")[0] for raw in provider.invites] == [
        "INVITE sip:+48601234567",
        "INVITE sip:+4915112345678",
    ]
    assert (line.state, direct.state) == ("up", "up")
    assert w.hears(line) == "bridge:provider"


def test_an_agent_may_be_outside() -> None:
    """ACD-44: the number of a member's device is called by the trunk."""
    more = {
        "queues": {"sales": Queue("sales", members=(Membership("jan"),), ring_timeout=15.0)},
        "agents": {"jan": Agent("jan", "+48601222333", auto_ready=True)},
        "extensions": {"800": "queue:sales"},
    }
    w, provider, anna = world(**more)
    w.switch.switch.agent_command(login("jan"), w.now)
    w.switch.settle(w.now)
    line = anna.call("800")
    w.run(5)
    w.press(provider.lines[0], "1")  # Whoever answers outside is asked.
    w.run(0.5)
    assert line.state == "up" and w.hears(line) == "bridge:provider"
    invite = provider.invites[0]
    assert invite.start.startswith("INVITE sip:+48601222333@")
    assert invite.get("X-Queue") == ""  # what is ours stays inside
    anna.hang_up(line)
    w.run(60)
    w.assert_idle()


def login(agent: str) -> Any:
    from softswitch.effects import AgentCommand

    return AgentCommand(agent, "login", actor="cli")


def test_what_was_called_is_not_forgotten_by_a_restart() -> None:
    w, _, anna = world(Policy("default", calls_per_day=2))
    for _ in range(2):
        line = anna.call("221234567")
        w.run(1)
        anna.hang_up(line)
        w.run(1)
    guard = w.switch.calls.board.guard
    kept = guard.export(w.now)
    guard.__init__(guard.board)  # type: ignore[misc]
    guard.restore(kept, w.now)
    line = anna.call("221234567")
    w.run(1)
    assert line.status == 403


def test_without_trunks_nothing_has_changed() -> None:
    w = World(replace(site("anna")))
    anna = w.phone("anna")
    w.run(1)
    lines = [anna.call("112"), anna.call("221234567")]
    w.run(1)
    assert [line.status for line in lines] == [404, 404]
