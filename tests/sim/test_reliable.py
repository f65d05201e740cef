"""Reliable provisional responses (RFC 3262) on both sides of a call, and UPDATE before the answer (RFC 3311)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.extended import ExtendedPhone, extended
from tests.sim.phone import Line
from tests.sim.text import Raw
from tests.sim.world import Link, World, site

REQUIRE = {"Require": "100rel"}


def world(**more: Any) -> World:
    return World(site("anna", "bob"), **more)


def ringing(
    w: World, headers: dict[str, str] | None = None, *, sdp: bool = True, pracks: bool = True, **bob: Any
) -> tuple[ExtendedPhone, Line, ExtendedPhone]:
    """Anna calls Bob, whose phone behaves as it is told, but does not answer unless told so."""
    anna, there = extended(w, "anna"), extended(w, "bob", **{"answer_after": None, **bob})
    anna.pracks = pracks
    w.run(1)
    line = anna.call("bob", sdp=sdp, headers=headers)
    w.run(0.5)
    return anna, line, there


def provisionals(phone: ExtendedPhone, status: int) -> list[Raw]:
    return phone.heard(f"{status} INVITE")


# --- sent to callers -----------------------------------------------------------------------------------------------------


def test_ringing_is_sent_reliably_where_that_is_required() -> None:
    w = world()
    anna, line, _ = ringing(w, REQUIRE)
    (ring,) = provisionals(anna, 180)
    assert ring.get("Require") == "100rel" and 1 <= int(ring.get("RSeq")) < 2**31
    assert "PRACK 200" in line.log and line.state == "ringing"
    w.run(40)
    assert len(provisionals(anna, 180)) == 1
    anna.cancel(line)
    w.run(40)
    w.assert_idle()


def test_ringing_without_a_description_is_not_sent_reliably_by_default() -> None:
    w = world()
    anna, line, _ = ringing(w)
    assert not provisionals(anna, 180)[0].get("RSeq") and not [one for one in line.log if "PRACK" in one]


def test_everything_is_sent_reliably_where_the_site_wants_it() -> None:
    w = world(reliable_provisional="all")
    anna, line, _ = ringing(w)
    assert provisionals(anna, 180)[0].get("RSeq") and "PRACK 200" in line.log


def test_reliable_responses_can_be_switched_off() -> None:
    w = world(reliable_provisional="off")
    anna, line, bob = ringing(w, early_media=True)
    assert not provisionals(anna, 183)[0].get("RSeq")
    assert "100rel" not in bob.lines[0].invite.get("Supported")  # type: ignore[union-attr]
    refused = anna.call("bob", headers=REQUIRE)
    w.run(1)
    assert refused.status == 420 and line.state == "ringing"


def test_it_is_repeated_until_prack_and_the_answer_waits_for_that() -> None:
    w = world()
    anna, line, bob = ringing(w, early_media=True, pracks=False, answer_after=1.0)
    w.run(2.8)
    copies = provisionals(anna, 183)
    assert len(copies) == 3, "at 0, 0.5 and 1.5 s; the next would come at 3.5 s"
    assert len({raw.get("RSeq") for raw in copies}) == 1 and len({raw.body for raw in copies}) == 1
    assert bob.lines[0].state == "up" and line.state == "ringing", "the 2xx is held back"
    assert w.hears(line) == "bridge:bob", "but they hear each other"
    anna.prack(line, copies[0])
    w.run(1)
    assert line.state == "up" and "PRACK 200" in line.log
    (answer,) = anna.heard("200 INVITE")
    assert not answer.body and not answer.get("Content-Type"), "what arrived for certain is not said again"
    assert w.hears(line) == "bridge:bob"
    anna.hang_up(line)
    w.run(40)
    assert len(provisionals(anna, 183)) == 3
    w.assert_idle()


def test_without_prack_the_call_is_given_up() -> None:
    w = world()
    anna, line, bob = ringing(w, early_media=True, pracks=False)
    w.run(33)
    assert line.status == 504 and bob.lines[0].state == "ended"
    assert len(provisionals(anna, 183)) == 7
    (record,) = w.switch.named("call.ended")
    assert record.cause == "prack_missing"
    w.run(40)
    w.assert_idle()


@pytest.mark.parametrize("end", ["cancel", "called"])
def test_a_call_ends_while_its_answer_is_held_back(end: str) -> None:
    w = world()
    anna, line, bob = ringing(w, early_media=True, pracks=False, answer_after=1.0)
    w.run(1)
    if end == "cancel":
        anna.cancel(line)
    else:
        bob.hang_up(bob.lines[0])
    w.run(1)
    assert line.state == bob.lines[0].state == "ended"
    assert line.status == (487 if end == "cancel" else 480)
    w.run(40)
    w.assert_idle()


@pytest.mark.parametrize(
    "rack, status",
    [("{rseq} {cseq} INVITE", 200), ("1 {cseq} INVITE", 481), ("{rseq} 77 INVITE", 481), ("{rseq} {cseq} UPDATE", 481),
     ("{rseq} {cseq}", 400), ("x y INVITE", 400), ("", 400)],
)  # fmt: skip
def test_what_prack_must_name(rack: str, status: int) -> None:
    w = world()
    anna, line, _ = ringing(w, REQUIRE, pracks=False)
    (ring, *_) = provisionals(anna, 180)
    anna.prack(line, ring, rack.format(rseq=ring.get("RSeq"), cseq=ring.cseq) or " ")
    w.run(0.2)
    assert f"PRACK {status}" in line.log


def test_a_second_prack_and_one_for_nothing() -> None:
    w = world()
    anna, line, _ = ringing(w, REQUIRE)
    anna.prack(
        line, provisionals(anna, 180)[0], f"{int(provisionals(anna, 180)[0].get('RSeq'))}  {line.invite_cseq} INVITE"
    )
    w.run(0.2)
    assert line.log.count("PRACK 200") == 1 and "PRACK 481" in line.log


def test_responses_wait_for_the_prack_of_the_one_before() -> None:
    w = world()
    anna, line, bob = ringing(w, REQUIRE, pracks=False)
    there = bob.lines[0]
    bob.respond(
        there.invite, 183, tag=there.local_tag, headers=f"Contact: <{bob.contact}>\r\n", body=bob.answer_sdp(there)
    )  # type: ignore[arg-type]
    w.run(0.2)
    assert not provisionals(anna, 183)
    anna.pracks = True
    w.run(1.5)
    ring, progress = provisionals(anna, 180)[0], provisionals(anna, 183)[0]
    assert int(progress.get("RSeq")) == int(ring.get("RSeq")) + 1
    assert w.hears(line) == "bridge:bob"


def test_an_offer_in_prack_is_answered_in_its_2xx() -> None:
    w = world()
    anna, bob = extended(w, "anna"), extended(w, "bob", answer_after=2.0, early_media=True)
    w.run(1)
    line = anna.call("bob")
    line.direction = "sendonly"
    anna.body_of_prack = anna.sdp(line)
    w.run(1)
    (answer,) = anna.heard("200 PRACK")
    assert b"a=recvonly" in answer.body
    w.run(2)
    assert line.state == "up" and bob.lines[0].state == "up"
    assert w.hears(bob.lines[0]) == "music:default", "the offer in PRACK has put Bob on hold"


def test_a_late_offer_is_made_in_the_first_reliable_response_and_answered_in_prack() -> None:
    w = world()
    anna, line, bob = ringing(w, REQUIRE, sdp=False, early_media=True, answer_after=2.0)
    first = next(raw for raw in anna.received if raw.get("RSeq"))
    assert b"m=audio" in first.body
    assert "PRACK 200" in line.log
    w.run(0.5)
    assert w.hears(line) == "bridge:bob"
    w.run(2)
    assert line.state == "up" and not anna.heard("200 INVITE")[0].body
    assert w.hears(line) == "bridge:bob" and w.hears(bob.lines[0]) == "bridge:anna"
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_a_late_offer_to_a_phone_that_only_rings() -> None:
    w = world()
    _, line, bob = ringing(w, REQUIRE, sdp=False, answer_after=2.0)
    assert "PRACK 200" in line.log
    assert w.hears(line) == "tone:ringback", "it has a description of us, and makes no sound of its own"
    w.run(2.5)
    assert line.state == bob.lines[0].state == "up" and w.hears(line) == "bridge:bob"


def test_a_late_offer_without_an_answer_in_prack() -> None:
    w = world()
    anna, line, bob = ringing(w, REQUIRE, sdp=False, pracks=False)
    ring = provisionals(anna, 180)[0]
    line.cseq = 50
    headers = {**anna.dialog_headers(line, "PRACK", 51), "RAck": f"{ring.get('RSeq')} {ring.cseq} INVITE"}
    headers["To"] = ring.get("To")
    anna.request("PRACK", ring.get("Contact").strip("<>"), headers)
    w.run(1)
    assert line.status == 488 and bob.lines[0].state == "ended"
    w.run(40)
    w.assert_idle()


def test_late_offer_to_a_menu_with_prack_required() -> None:
    w = World(site("anna", "bob", extensions={"9": "echo"}))
    anna = extended(w, "anna")
    w.run(1)
    line = anna.call("9", sdp=False, headers=REQUIRE)
    w.run(4)
    assert line.state == "up" and w.hears(line) == "echo"


# --- got from called phones ----------------------------------------------------------------------------------------------


def reliable_bob(w: World, **behaviour: Any) -> tuple[ExtendedPhone, ExtendedPhone]:
    anna, bob = extended(w, "anna"), extended(w, "bob", **behaviour)
    bob.reliable = True
    w.run(1)
    return anna, bob


@pytest.mark.parametrize("early_media", [False, True])
def test_reliable_responses_of_phones_are_acknowledged_once(early_media: bool) -> None:
    w = world()
    anna, bob = reliable_bob(w, early_media=early_media, answer_after=2.0)
    line = anna.call("bob")
    w.run(1.5)
    (prack,) = bob.heard("PRACK")
    there = bob.lines[0]
    assert prack.get("RAck") == f"{bob.rseq} {there.invite.cseq} INVITE"  # type: ignore[union-attr]
    assert prack.cseq == there.invite.cseq + 1 and f"tag={there.local_tag}" in prack.get("To")  # type: ignore[union-attr]
    assert w.hears(line) == ("bridge:bob" if early_media else "closed")
    w.run(2)
    assert line.state == "up" and f"ACK {there.invite.cseq}" in there.log  # type: ignore[union-attr]
    assert w.hears(line) == "bridge:bob"
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_an_answer_in_a_reliable_response_need_not_be_repeated() -> None:
    w = world()
    anna, _ = reliable_bob(w, early_media=True, answer_after=1.0, answer_without_sdp=True)
    line = anna.call("bob")
    w.run(3)
    assert line.state == "up" and w.hears(line) == "bridge:bob"


def test_copies_and_responses_out_of_order_are_not_acknowledged() -> None:
    w = world()
    anna, bob = reliable_bob(w, answer_after=None)
    anna.call("bob")
    w.run(0.5)
    there = bob.lines[0]
    ring = bob._servers[there.invite.branch, "INVITE"]  # type: ignore[union-attr]
    bob.send(ring)
    bob.rseq += 1  # One is lost on the way ...
    bob.respond(there.invite, 180, tag=there.local_tag, headers=f"Contact: <{bob.contact}>\r\n")  # type: ignore[arg-type]
    w.run(0.2)
    assert len(bob.heard("PRACK")) == 1
    early = bob.rseq
    bob.rseq -= 2
    bob.respond(there.invite, 180, tag=there.local_tag, headers=f"Contact: <{bob.contact}>\r\n")  # type: ignore[arg-type]
    w.run(2)
    assert [int(raw.get("RAck").split(" ")[0]) for raw in bob.heard("PRACK")] == [early - 2, early - 1, early]


def test_a_prack_that_is_refused_does_not_end_the_call() -> None:
    w = world()
    anna, bob = reliable_bob(w, answer_after=1.0)
    bob._waiting = {}
    bob.rseq = 10
    line = anna.call("bob")
    w.run(0.06)
    bob._waiting.clear()
    w.run(2)
    assert line.state == "up"


@pytest.mark.parametrize("seed", range(6))
def test_both_sides_over_a_lossy_network(seed: int) -> None:
    w = world(seed=seed, link=Link(loss=0.15, jitter=0.02, duplicate=0.05))
    anna, bob = reliable_bob(w, early_media=True, answer_after=3.0, hang_up_after=None)
    w.run(20)
    line = anna.call("bob", headers=REQUIRE)
    w.run(45)
    assert line.state == "up" and bob.lines[0].state == "up" and w.hears(line) == "bridge:bob"
    w.link = Link()
    anna.hang_up(line)
    w.run(80)
    w.assert_idle()


def test_a_restart_while_prack_is_missing() -> None:
    w = world()
    anna, line, bob = ringing(w, early_media=True, pracks=False, answer_after=1.0)
    w.run(1)
    w.kill()
    w.run(0.5)
    w.restart()
    anna.pracks = True
    w.run(2)
    assert line.state == "up" and bob.lines[0].state == "up" and w.hears(line) == "bridge:bob"
    assert "PRACK 200" in line.log
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


# --- UPDATE before the answer (RFC 3311) ---------------------------------------------------------------------------------


def test_an_early_update_of_the_caller() -> None:
    w = world()
    anna, line, bob = ringing(w, early_media=True)
    line.rtp = w.rtp_port()
    anna.update(line, anna.sdp(line))
    w.run(0.5)
    assert "UPDATE 200" in line.log and w.hears(line) == "bridge:bob"
    bob.answer(bob.lines[0])
    w.run(1)
    assert line.state == "up" and w.hears(line) == "bridge:bob"


def test_an_early_update_of_the_called_phone() -> None:
    w = world()
    anna, line, bob = ringing(w, early_media=True)
    there = bob.lines[0]
    there.rtp = w.rtp_port()
    bob.update(there, bob.sdp(there, codecs=["PCMA"]))
    w.run(0.5)
    assert "UPDATE 200" in there.log and w.hears(there) == "bridge:anna" and w.hears(line) == "bridge:bob"
    bob.answer(there)
    w.run(1)
    assert line.state == "up" and w.hears(line) == "bridge:bob"
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_an_early_update_while_the_offer_of_the_caller_has_no_answer() -> None:
    w = world()
    anna, line, _ = ringing(w)
    ring = provisionals(anna, 180)[0]
    line.remote_tag = ring.get("To").split("tag=")[1]
    line.target = ring.get("Contact").strip("<>")
    anna.update(line, anna.sdp(line))
    anna.update(line)
    w.run(0.5)
    assert [one for one in line.log if "UPDATE" in one] == ["UPDATE 500", "UPDATE 200"]
    assert 0 <= int(anna.heard("500 UPDATE")[0].get("Retry-After")) <= 10


def test_an_early_update_while_our_offer_has_no_answer() -> None:
    w = world()
    _, line, bob = ringing(w)
    there = bob.lines[0]
    bob.update(there, bob.sdp(there))
    w.run(0.5)
    assert "UPDATE 491" in there.log and line.state == "ringing"


def test_an_early_update_starts_no_session_timer() -> None:
    w = world()
    anna, line, _ = ringing(w, early_media=True)
    anna.update(line, Session_Expires="90;refresher=uac")
    w.run(0.5)
    assert "UPDATE 200" in line.log and not anna.heard("200 UPDATE")[0].get("Session-Expires")
    w.run(50)
    assert line.state == "ringing"
