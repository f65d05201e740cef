"""Phones behind NATs, with several flows, with GRUUs, that move in the middle of a call: the whole switch in virtual time."""

from __future__ import annotations

import pytest
from aioice import stun

from tests.sim.phone import Behaviour, VirtualPhone
from tests.sim.world import World, site

INSTANCE = ';+sip.instance="<urn:uuid:f81d4fae>"'


def world() -> World:
    return World(site("anna", "bob", "carl"))


def flow(w: World, user: str, reg_id: int, host: str, **behaviour: object) -> VirtualPhone:
    """One of the flows of a phone with Outbound: to the switch it is an address of its own."""
    phone = VirtualPhone(w, user, f"secret-{user}", host, 5060, Behaviour(**behaviour))  # type: ignore[arg-type]
    phone.inside = "192.168.1.5:5060"
    phone.register(parameters=f"{INSTANCE};reg-id={reg_id}", supported="path, outbound, gruu")
    w.run(1)
    assert phone.registered
    return phone


# --- RFC 5626 -------------------------------------------------------------------------------------------------------------


def test_a_phone_with_two_flows_rings_once() -> None:
    w = world()
    anna = w.phone("anna")
    first, second = flow(w, "bob", 1, "203.0.113.1"), flow(w, "bob", 2, "203.0.113.2")
    line = anna.call("bob")
    w.run(3)
    assert line.state == "up" and (len(first.lines), len(second.lines)) == (0, 1)
    anna.hang_up(line)
    w.run(40)
    assert w.switch.calls.board.idle


def test_a_flow_that_carries_nothing_is_left_for_the_next_one() -> None:
    w = world()
    anna = w.phone("anna")
    first, second = flow(w, "bob", 1, "203.0.113.1"), flow(w, "bob", 2, "203.0.113.2")
    second.down = True
    line = anna.call("bob")
    w.run(3)
    assert line.state == "calling" and not first.lines
    w.run(3)
    assert line.state == "up" and len(first.lines) == 1
    anna.hang_up(line)
    w.run(80)
    assert w.switch.calls.board.idle


def test_430_means_the_next_flow_at_once_and_the_end_of_this_one() -> None:
    w = world()
    anna = w.phone("anna")
    first, _ = flow(w, "bob", 1, "203.0.113.1"), flow(w, "bob", 2, "203.0.113.2", reject=430, reject_after=0.1)
    line = anna.call("bob")
    w.run(2.5)
    assert line.state == "up" and len(first.lines) == 1
    removed = w.switch.named("registration.removed")
    assert [event.cause for event in removed] == ["flow_failed"]
    anna.hang_up(line)
    w.run(40)
    assert w.switch.calls.board.idle


def test_busy_is_an_answer_of_the_phone_not_of_the_flow() -> None:
    w = world()
    anna = w.phone("anna")
    first, _ = flow(w, "bob", 1, "203.0.113.1"), flow(w, "bob", 2, "203.0.113.2", reject=486)
    line = anna.call("bob")
    w.run(3)
    assert (line.state, line.status) == ("ended", 486) and not first.lines
    w.run(40)
    assert w.switch.calls.board.idle


def test_stun_is_answered_for_phones_that_are_registered_there(monkeypatch: pytest.MonkeyPatch) -> None:
    w = world()
    bob = w.phone("bob")
    w.run(1)
    sent: list[tuple[bytes, tuple[str, int]]] = []
    monkeypatch.setattr(w, "transmit", lambda data, source, target: sent.append((data, target)))
    ask = bytes(stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST))
    w.switch.receive(ask, bob.address, w.now)
    (answer,) = sent
    assert answer[1] == bob.address
    assert stun.parse_message(answer[0]).attributes["XOR-MAPPED-ADDRESS"] == bob.address
    w.switch.receive(ask, (bob.address[0], bob.address[1] + 1), w.now)
    w.switch.receive(ask, ("203.0.113.99", 5060), w.now)
    assert len(sent) == 1  # Nobody can aim our answers at somebody else.


# --- RFC 5627 -------------------------------------------------------------------------------------------------------------


def with_gruu(w: World, user: str, instance: str, **behaviour: object) -> VirtualPhone:
    phone = w.phone(user, **behaviour)
    w.run(1)
    phone.register(parameters=f';+sip.instance="<urn:uuid:{instance}>"', supported="gruu")
    w.run(1)
    assert phone.gruu == f"sip:{user}@{w.domain};gr=urn:uuid:{instance}"
    return phone


def test_a_phone_with_its_gruu_in_its_contact_can_be_called_and_hung_up() -> None:
    """liblinphone does that: ACK and BYE go to the GRUU, and must reach the phone under the contact that it knows."""
    w = world()
    anna, bob = with_gruu(w, "anna", "aa"), with_gruu(w, "bob", "bb")
    line = anna.call("bob")
    w.run(3)
    assert line.state == "up" and bob.lines[0].state == "up"
    starts = [raw.start for raw in bob.received]
    assert f"ACK {bob.contact} SIP/2.0" in starts
    anna.hang_up(line)
    w.run(1)
    assert bob.lines[0].state == "ended" and f"BYE {bob.contact} SIP/2.0" in [raw.start for raw in bob.received]
    line = bob.call("anna")
    w.run(3)
    anna.hang_up(anna.lines[-1])
    w.run(1)
    assert line.state == "ended" and line.ended_by == "remote"
    w.run(40)
    assert w.switch.calls.board.idle


def test_a_gruu_rings_one_phone_of_an_account() -> None:
    w = world()
    anna = w.phone("anna")
    desk, mobile = with_gruu(w, "bob", "desk"), with_gruu(w, "bob", "mobile")
    line = anna.call("bob", uri=desk.gruu)
    w.run(3)
    assert line.state == "up" and len(desk.lines) == 1 and not mobile.lines
    anna.hang_up(line)
    line = anna.call("bob", uri=f"sip:bob@{w.domain};gr=urn:uuid:gone")
    w.run(3)
    assert (line.state, line.status) == ("ended", 480)
    line = anna.call("nobody", uri=f"sip:nobody@{w.domain};gr=urn:uuid:desk")
    w.run(3)
    assert line.status == 404
    w.run(40)
    assert w.switch.calls.board.idle


# --- NAT ------------------------------------------------------------------------------------------------------------------


def behind_nat(w: World, user: str, **behaviour: object) -> VirtualPhone:
    phone = VirtualPhone(w, user, f"secret-{user}", f"203.0.113.{len(w.phones) + 1}", 31_000, Behaviour(**behaviour))  # type: ignore[arg-type]
    phone.inside = "192.168.1.5:5060"
    phone.register()
    w.run(1)
    return phone


def pings(phone: VirtualPhone) -> int:
    return sum(raw.start.startswith("OPTIONS ") for raw in phone.received)


def test_a_nat_is_kept_open() -> None:
    w = world()
    remote, local = behind_nat(w, "anna"), w.phone("bob")
    w.run(600)
    assert 19 <= pings(remote) <= 26 and pings(local) == 0
    (row,) = [row for row in w.switch.switch.registrations(w.now) if row["aor"] == "anna"]
    assert row["reachable"] and row["rtt_ms"] == pytest.approx(10.0, abs=0.2)


def test_a_phone_that_is_gone_is_not_rung_until_it_is_back() -> None:
    w = world()
    anna, remote = w.phone("anna"), behind_nat(w, "bob")
    w.run(60)
    remote.down = True
    w.run(150)
    (lost,) = w.switch.named("registration.unreachable")
    assert (lost.aor, lost.missed) == ("bob", 3)
    line = anna.call("bob")
    w.run(2)
    assert (line.state, line.status) == ("ended", 480)
    remote.down = False
    w.run(60)
    (back,) = w.switch.named("registration.reachable")
    assert back.aor == "bob" and back.rtt_ms > 0
    line = anna.call("bob")
    w.run(3)
    assert line.state == "up"
    anna.hang_up(line)
    w.run(40)


def test_one_lost_answer_is_nothing() -> None:
    w = world()
    remote = behind_nat(w, "bob")
    w.link.loss = 0.3
    w.run(3_000)
    assert not w.switch.named("registration.unreachable") and pings(remote) > 90


def test_a_restart_does_not_ask_all_phones_at_once() -> None:
    w = World(site(*(f"u{number}" for number in range(60))))
    phones = [behind_nat(w, f"u{number}") for number in range(60)]
    w.kill()
    w.restart()
    before = sum(map(pings, phones))
    w.run(1)
    assert sum(map(pings, phones)) - before <= 12
    w.run(30)
    assert all(pings(phone) for phone in phones)


def test_what_is_sent_in_a_call_follows_a_phone_whose_nat_has_moved_it() -> None:
    w = world()
    anna, remote = w.phone("anna"), behind_nat(w, "bob")
    line = anna.call("bob")
    w.run(3)
    assert line.state == "up"
    remote.move(32_000)
    remote.register()
    w.run(1)
    anna.hang_up(line)
    w.run(2)
    assert remote.lines[0].state == "ended" and remote.lines[0].ended_by == "remote"
    w.run(40)
    assert w.switch.calls.board.idle


# --- RFC 5630 -------------------------------------------------------------------------------------------------------------


def test_sips_is_refused_where_the_way_is_not_encrypted() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    line = anna.call("bob", uri=f"sips:bob@{w.domain}")
    w.run(2)
    assert (line.state, line.status) == ("ended", 480) and not bob.lines
    refusal = next(raw for raw in anna.received if raw.status == 480)
    assert refusal.get("Warning").startswith("380 ")
    w.run(40)
    assert w.switch.calls.board.idle
