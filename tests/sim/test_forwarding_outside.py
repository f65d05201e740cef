"""Forwards, groups and follow-me that lead outside, by the trunk; and what they must not do there."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.directory import Group, Member
from tests.sim.provider import Provider, outside, trunk
from tests.sim.test_forwarding import code, diverted
from tests.sim.world import World, account, site


def world(accounts: dict[str, dict[str, Any]] | None = None, **more: Any) -> World:
    found = {user: account(user, name=user.capitalize(), **(accounts or {}).get(user, {})) for user in ("anna", "bob")}
    return World(site(accounts=found, **outside(trunk(ping=0), **more)))


def over(w: World, *lines: Any) -> None:
    for line in lines:
        line.phone.hang_up(line)
    w.run(60)
    w.assert_idle()


@pytest.mark.parametrize("by_phone", [False, True])
def test_calls_go_to_a_mobile(by_phone: bool) -> None:
    w = world({} if by_phone else {"bob": {"forward_always": "601234567"}})
    provider = Provider(w, answer_after=1.0)
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    if by_phone:
        assert code(w, bob, "*21*601234567").startswith("forward-on")
    line = anna.call("bob")
    w.run(3)
    assert w.hears(line) == "bridge:provider" and not bob.lines[by_phone:]
    assert provider.lines[0].invite.start.startswith("INVITE sip:+48601234567@")
    assert diverted(w) == [("bob", "unconditional", "outside:+48601234567")]
    call = next(iter(w.switch.calls.board.calls.values()))
    assert call.authority.user == "bob", "bob answers for the call"
    over(w, line)


def test_a_phone_that_redirects_to_a_mobile_needs_leave() -> None:
    for redirects, reached in (("inside", False), ("any", True)):
        w = world({"bob": {"redirects": redirects}})
        provider = Provider(w, answer_after=0.5)
        anna = w.phone("anna")
        w.phone("bob", reject=302, redirect="sip:601234567@pbx.test")
        w.run(1)
        line = anna.call("bob")
        w.run(3)
        assert bool(provider.lines) is reached and (line.state == "up") is reached
        over(w, line)


def test_a_group_with_a_mobile_that_is_asked() -> None:
    w = World(site(
        "anna", "bob", groups={"team": Group("team", members=(Member("bob"), Member("601234567", confirm=True)))},
        **outside(trunk(ping=0), extensions={"600": "group:team"}),
    ))  # fmt: skip
    provider = Provider(w, answer_after=0.5)
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("600")
    w.run(2)
    assert bob.lines[0].state == "ringing" and w.hears(provider.lines[0]) == "play:pl/press-one-to-accept"
    w.press(provider.lines[0], "1")
    w.run(1)
    assert w.hears(line) == "bridge:provider" and bob.lines[0].state == "ended"
    over(w, line)


def test_who_called_for_help_can_be_called_back() -> None:
    w = world({"bob": {"do_not_disturb": True, "forward_busy": ""}}, extensions={"999": "echo"})
    provider = Provider(w, answer_after=0.5)
    bob = w.phone("bob", answer_after=0.5)
    w.run(1)
    line = bob.call("112")
    w.run(2)
    assert line.state == "up" and provider.lines
    bob.hang_up(line)
    w.run(1)
    phones = w.switch.calls.board.phones
    assert phones.awaits_help("bob", w.now) and not phones.awaits_help("anna", w.now)
    assert not phones.awaits_help("bob", w.now + 1_900)
    over(w)
