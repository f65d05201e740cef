"""Forwarding, do not disturb and call waiting: what the owner of a phone, or the site, wants to become of its calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.directory import Agent, Member, Membership, Menu, PlayStep, Queue
from tests.sim.test_queues import ready
from tests.sim.world import World, account, site


def world(accounts: dict[str, dict[str, Any]] | None = None, **more: Any) -> World:
    names = ("anna", "bob", "carol", "dave")
    found = {user: account(user, name=user.capitalize(), **(accounts or {}).get(user, {})) for user in names}
    more.setdefault("extensions", {"800": "menu:help", "801": "queue:sales"})
    more.setdefault("menus", {"help": Menu("help", (PlayStep(("welcome",)),))})
    more.setdefault("queues", {"sales": Queue("sales")})
    return World(site(accounts=found, **more))


def code(w: World, phone: Any, dialled: str) -> str:
    """Dial a feature code; what is said about it."""
    line = phone.call(dialled, uri=f"sip:{dialled.replace('#', '%23')}@{w.domain}")
    w.run(0.5)
    said = w.hears(line)
    w.run(20)
    assert line.state == "ended"
    return said.removeprefix("play:").replace("pl/", "")


def diverted(w: World) -> list[tuple[str, str, str]]:
    return [(event.number, event.reason, event.destination) for event in w.switch.named("call.diverted")]


def over(w: World, *lines: Any) -> None:
    for line in lines:
        line.phone.hang_up(line)
    w.run(60)
    w.assert_idle()


def test_all_calls_go_elsewhere_from_the_phone_and_come_back() -> None:
    w = world()
    anna, bob, carol = w.phone("anna"), w.phone("bob"), w.phone("carol", answer_after=1.0)
    w.run(1)
    assert code(w, bob, "*21*carol") == "forward-on"
    line = anna.call("bob")
    w.run(2)
    assert w.hears(line) == "bridge:carol" and not bob.lines[1:]
    assert line.log[:2] == ["181", "180"]
    invite = carol.lines[0].invite
    assert invite.get("From").startswith('"Anna" <sip:anna@pbx.test>')
    assert invite.get("Diversion") == "<sip:bob@pbx.test>;reason=unconditional;counter=1"
    assert diverted(w) == [("bob", "unconditional", "account:carol")]
    anna.hang_up(line)
    w.run(1)
    record = next(event for event in w.switch.named("call.ended") if event.dialled == "bob")
    assert record.outcome == "answered" and "forward:account:carol" in record.path
    assert code(w, bob, "#21#") == "forward-off"
    line = anna.call("bob")
    w.run(2)
    assert w.hears(line) == "bridge:bob"
    assert code(w, bob, "*21") == "forward-on", "the number of before"
    assert code(w, bob, "*21") == "forward-off"
    assert [(event.setting, event.value, event.by) for event in w.switch.named("phone.changed")] == [
        ("forward_always", "carol", "phone"), ("forward_always", "", "phone"),
        ("forward_always", "carol", "phone"), ("forward_always", "", "phone"),
    ]  # fmt: skip
    over(w, line)


@pytest.mark.parametrize(
    ("dialled", "behaviour", "reason", "within"),
    [
        ("*67*dave", {"reject": 486}, "user-busy", 3),
        ("*61*dave", {"answer_after": None}, "no-answer", 25),
        ("*62*dave", None, "unavailable", 3),
    ],
)
def test_conditional_forwards(dialled: str, behaviour: dict[str, Any] | None, reason: str, within: float) -> None:
    w = world()
    anna, dave = w.phone("anna"), w.phone("dave", answer_after=0.5)
    bob = w.phone("bob", **(behaviour or {}))
    w.run(1)
    assert code(w, bob, dialled) == "forward-on"
    if behaviour is None:
        bob.register(expires=0)
        w.run(1)
    line = anna.call("bob")
    w.run(within)
    assert w.hears(line) == "bridge:dave"
    assert diverted(w) == [("bob", reason, "account:dave")]
    assert dave.lines[0].invite.get("Diversion").endswith(f"reason={reason};counter=1")
    over(w, line)


def test_a_forward_to_a_queue_or_a_menu_answers_the_caller() -> None:
    w = world({"bob": {"forward_always": "queue:sales"}, "carol": {"forward_unreachable": "800"}})
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    assert (line.state, w.hears(line)) == ("up", "music:default")
    other = anna.call("carol")
    w.run(0.5)
    assert w.hears(other) == "play:pl/welcome"
    over(w, line, other)


def test_a_circle_of_forwards_ends_where_it_was_before() -> None:
    w = world(
        {"bob": {"forward_always": "carol"}, "carol": {"forward_always": "dave"}, "dave": {"forward_always": "bob"}}
    )
    anna, dave = w.phone("anna"), w.phone("dave", answer_after=0.5)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert w.hears(line) == "bridge:dave", "the last one of the circle rings"
    assert len(diverted(w)) == 2 and dave.lines[0].invite.all("Diversion") == [
        "<sip:carol@pbx.test>;reason=unconditional;counter=1", "<sip:bob@pbx.test>;reason=unconditional;counter=1",
    ]  # fmt: skip
    over(w, line)


def test_no_more_than_five_steps() -> None:
    names = [f"p{index}" for index in range(8)]
    accounts = {user: account(user, forward_always=names[index + 1]) for index, user in enumerate(names[:-1])}
    w = World(site("anna", accounts=accounts | {names[-1]: account(names[-1])}))
    anna = w.phone("anna")
    phones = [w.phone(user, answer_after=0.5) for user in names]
    w.run(1)
    line = anna.call("p0")
    w.run(3)
    assert len(diverted(w)) == 5 and [len(phone.lines) for phone in phones] == [0, 0, 0, 0, 0, 1, 0, 0]
    over(w, line)


def test_whom_calls_are_forwarded_to_may_call_back() -> None:
    w = world({"bob": {"forward_always": "carol"}})
    carol, _ = w.phone("carol"), w.phone("bob", answer_after=0.5)
    w.run(1)
    line = carol.call("bob")
    w.run(2)
    assert w.hears(line) == "bridge:bob"
    over(w, line)


@pytest.mark.parametrize("number", ["nobody", "bob", "*30", "999"])
def test_numbers_that_cannot_be_forwarded_to(number: str) -> None:
    w = world()
    bob = w.phone("bob")
    w.run(1)
    phones = w.switch.calls.board.phones
    said = code(w, bob, f"*21*{number}")
    assert said != "forward-on" and w.switch.named("phone.changed") == []
    assert phones.forward(w.switch.switch.directory.accounts["bob"], "always") == ""


def test_the_number_is_asked_for() -> None:
    w = world()
    bob = w.phone("bob")
    w.run(1)
    line = bob.call("*61")
    w.run(0.5)
    assert w.hears(line) == "play:pl/forward-number"
    for digit in "801#":
        w.press(line, digit)
        w.run(0.3)
    assert w.hears(line) == "play:pl/forward-on pl/numbers/8 pl/numbers/0 pl/numbers/1"
    w.run(10)
    assert w.switch.named("phone.changed")[0].value == "801"
    over(w)


def test_all_forwards_off() -> None:
    w = world({"bob": {"forward_busy": "carol"}})
    bob = w.phone("bob")
    w.run(1)
    code(w, bob, "*21*carol")
    assert code(w, bob, "#002#") == "forwards-off"
    phones, known = w.switch.calls.board.phones, w.switch.switch.directory.accounts["bob"]
    assert [phones.forward(known, kind) for kind in ("always", "busy")] == ["", ""]


def test_a_failed_forward_tells_the_caller_why() -> None:
    w = world({"bob": {"forward_always": "carol"}})
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert (line.state, line.status) == ("ended", 480)
    over(w)


@pytest.mark.parametrize(
    ("redirects", "uri", "reached"),
    [
        ("inside", "sip:carol@pbx.test", True),
        ("inside", "sip:carol@192.0.2.1:5060", True),
        ("ignore", "sip:carol@pbx.test", False),
        ("inside", "sip:carol@evil.example", False),
        ("any", "sip:carol@evil.example", False),
        ("inside", "sip:*30@pbx.test", False),
        ("inside", "nonsense", False),
    ],
)
def test_a_phone_sends_the_call_elsewhere(redirects: str, uri: str, reached: bool) -> None:
    w = world({"bob": {"redirects": redirects}})
    anna, carol = w.phone("anna"), w.phone("carol", answer_after=0.5)
    w.phone("bob", reject=302, redirect=uri)
    w.run(1)
    line = anna.call("bob")
    w.run(3)
    if reached:
        assert w.hears(line) == "bridge:carol"
        assert carol.lines[0].invite.get("Diversion") == "<sip:bob@pbx.test>;reason=deflection;counter=1"
    else:
        assert (line.state, line.status) == ("ended", 480) and not carol.lines
    over(w, line)


def test_who_sends_it_elsewhere_speaks_for_all_phones_of_the_account() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("carol", answer_after=0.5)
    desk = w.phone("bob", answer_after=None)
    w.phone("bob", reject=302, redirect="sip:carol@pbx.test", reject_after=2.0)
    w.run(1)
    line = anna.call("bob")
    w.run(4)
    assert w.hears(line) == "bridge:carol" and desk.lines[0].state == "ended"
    over(w, line)


# --- queues ----------------------------------------------------------------------------------------------------------


def queue_world(**queue: Any) -> World:
    accounts = {user: account(user, name=user.capitalize()) for user in ("anna", "a0", "a1", "carol")}
    members = (Membership("a0"), Membership("a1", 1))
    return World(site(
        accounts=accounts, agents={name: Agent(name, name) for name in ("a0", "a1")},
        queues={"info": Queue("info", members=members, **queue)}, extensions={"200": "queue:info"},
    ))  # fmt: skip


def test_an_agents_forwarding_is_not_for_queues() -> None:
    w = queue_world()
    anna, carol = w.phone("anna"), w.phone("carol")
    (agent,) = ready(w, "a0", answer_after=1.0)
    assert code(w, agent, "*21*carol") == "forward-on"
    w.run(20)
    line = anna.call("200")
    w.run(3)
    assert w.hears(line) == "bridge:a0" and not carol.lines
    over(w, line)


def test_do_not_disturb_is_for_queues_too() -> None:
    w = queue_world(busy_delay=15.0)
    anna = w.phone("anna")
    (agent,) = ready(w, "a0", answer_after=1.0)
    assert code(w, agent, "*78") == "dnd-on"
    line = anna.call("200")
    w.run(10)
    assert not agent.lines[1:] and w.switch.queues.roster.agents["a0"].activity == "backoff"
    assert [event.result for event in w.switch.named("queue.offer_result")] == ["busy"]
    code(w, agent, "*79")
    w.run(20)
    assert w.hears(line) == "bridge:a0"
    over(w, line)


@pytest.mark.parametrize("follow", [False, True])
def test_an_agents_phone_that_redirects(follow: bool) -> None:
    w = queue_world(follow_redirects=follow)
    anna, carol = w.phone("anna"), w.phone("carol", answer_after=1.0)
    ready(w, "a0", reject=302, redirect="sip:carol@pbx.test")
    line = anna.call("200")
    w.run(3)
    assert w.hears(line) == ("bridge:carol" if follow else "music:default")
    assert bool(carol.lines) is follow
    over(w, line)


# --- do not disturb, call waiting --------------------------------------------------------------------------------------


def test_do_not_disturb_from_the_phone() -> None:
    w = world({"bob": {"disturbed_by": ("carol",)}})
    anna, bob, carol = w.phone("anna"), w.phone("bob", answer_after=0.5), w.phone("carol")
    w.run(1)
    assert code(w, bob, "*76") == "dnd-on"
    line = anna.call("bob")
    w.run(2)
    assert (line.state, line.status) == ("ended", 486)
    boss = carol.call("bob")
    w.run(2)
    assert w.hears(boss) == "bridge:bob"
    carol.hang_up(boss)
    assert code(w, bob, "*76") == "dnd-off"
    line = anna.call("bob")
    w.run(2)
    assert w.hears(line) == "bridge:bob"
    over(w, line)


def test_do_not_disturb_is_busy_for_forwarding() -> None:
    w = world({"bob": {"do_not_disturb": True, "forward_busy": "carol"}})
    anna, _ = w.phone("anna"), w.phone("carol", answer_after=0.5)
    w.phone("bob")
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert w.hears(line) == "bridge:carol" and diverted(w)[0][1] == "user-busy"
    over(w, line)


def test_without_call_waiting_a_second_call_is_busy() -> None:
    w = world()
    anna, bob, carol = w.phone("anna"), w.phone("bob", answer_after=0.5), w.phone("carol")
    w.run(1)
    assert code(w, bob, "*71") == "call-waiting-off"
    line = anna.call("bob")
    w.run(2)
    second = carol.call("bob")
    w.run(2)
    assert (second.state, second.status) == ("ended", 486) and w.hears(line) == "bridge:bob"
    assert code(w, bob, "*72") == "call-waiting-on"
    third = carol.call("bob")
    w.run(2)
    assert w.hears(third) == "bridge:bob"
    over(w, line, third)


def test_one_call_that_nobody_rings_into() -> None:
    w = world()
    anna, bob, _ = w.phone("anna", answer_after=0.5), w.phone("bob"), w.phone("carol", answer_after=0.5)
    w.run(1)
    line = bob.call("*70carol")
    w.run(2)
    assert w.hears(line) == "bridge:carol"
    call = anna.call("bob")
    w.run(2)
    assert call.status == 486
    bob.hang_up(line)
    w.run(1)
    call = anna.call("bob")
    w.run(2)
    assert w.hears(call) == "bridge:bob"
    over(w, call)


# --- follow-me -------------------------------------------------------------------------------------------------------


def test_further_phones_ring_after_a_while() -> None:
    w = world({"bob": {"follow_me": (Member("carol", delay=5.0), Member("dave", delay=10.0, timeout=5.0))}})
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    carol, dave = w.phone("carol", answer_after=None), w.phone("dave", answer_after=2.0)
    w.run(1)
    line = anna.call("bob")
    w.run(4)
    assert [len(phone.lines) for phone in (bob, carol, dave)] == [1, 0, 0]
    w.run(2)
    assert [len(phone.lines) for phone in (bob, carol, dave)] == [1, 1, 0]
    w.run(7)
    assert w.hears(line) == "bridge:dave"
    assert "completed elsewhere" in next(raw for raw in bob.received if raw.start.startswith("CANCEL")).get("Reason")
    over(w, line)


def test_follow_me_rings_where_no_phone_of_ones_own_does() -> None:
    w = world(
        {"bob": {"follow_me": (Member("carol", delay=30.0),), "forward_no_answer": "dave", "forward_after": 10.0}}
    )
    anna, carol, _ = w.phone("anna"), w.phone("carol", answer_after=None), w.phone("dave", answer_after=0.5)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert carol.lines, "nobody else rings: at once"
    w.run(10)
    assert w.hears(line) == "bridge:dave"
    over(w, line)


# --- restart ---------------------------------------------------------------------------------------------------------


def test_settings_survive_kill_9() -> None:
    w = world()
    anna, bob, carol = w.phone("anna"), w.phone("bob"), w.phone("carol", answer_after=0.5)
    w.run(1)
    code(w, bob, "*21*carol")
    w.run(5)
    line = bob.call("*78")
    w.run(0.3)
    assert line.state == "up"
    w.kill()
    w.run(2)
    w.restart()
    w.run(10)
    call = anna.call("bob")
    w.run(2)
    assert w.hears(call) == "bridge:carol"
    phones, known = w.switch.calls.board.phones, w.switch.switch.directory.accounts["bob"]
    assert phones.do_not_disturb(known)
    over(w, call)
    assert carol.lines


def test_a_call_that_was_led_further_survives_and_goes_on() -> None:
    w = world({"bob": {"forward_always": "carol"}, "carol": {"forward_no_answer": "dave"}})
    anna, carol, _ = w.phone("anna"), w.phone("carol", answer_after=None), w.phone("dave", answer_after=0.5)
    w.run(1)
    line = anna.call("bob")
    w.run(3)
    assert carol.lines[0].state == "ringing"
    w.kill()
    w.run(1)
    w.restart()
    w.run(25)
    assert w.hears(line) == "bridge:dave"
    over(w, line)


def test_the_site_has_the_last_word_when_it_changes() -> None:
    w = world()
    bob = w.phone("bob")
    w.run(1)
    code(w, bob, "*78")
    directory = w.switch.switch.directory
    phones = w.switch.calls.board.phones

    def apply(**more: Any) -> None:
        accounts = {**directory.accounts, "bob": replace(directory.accounts["bob"], **more)}
        w.switch.switch.configure(replace(directory, accounts=accounts), w.now)
        w.switch.settle(w.now)

    apply(name="Robert")
    known = w.switch.switch.directory.accounts["bob"]
    assert phones.do_not_disturb(known), "the site does not say anything new about it"
    apply(do_not_disturb=True)
    apply()
    assert not phones.do_not_disturb(w.switch.switch.directory.accounts["bob"])
