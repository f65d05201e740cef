"""Session timers (RFC 4028) on both sides of a call, each leg by itself."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sip.core import Input
from tests.sim.extended import ALLOW, ExtendedPhone, extended
from tests.sim.phone import Line
from tests.sim.world import Link, World, site


def world(**more: Any) -> World:
    return World(site("anna", "bob"), **more)


def talking(
    w: World, headers: dict[str, str] | None = None, **bob: Any
) -> tuple[ExtendedPhone, Line, ExtendedPhone, Line]:
    """Anna talks to Bob. `bob`: attributes of his phone."""
    anna, there = extended(w, "anna"), extended(w, "bob", answer_after=0.2)
    for name, value in bob.items():
        setattr(there, name, value)
    w.run(1)
    line = anna.call("bob", headers=headers)
    w.run(2)
    assert line.state == "up"
    return anna, line, there, there.lines[0]


def test_what_is_said_of_timers_in_each_direction() -> None:
    w = world()
    anna, _, _, there = talking(w, {"Session-Expires": "600;refresher=uac"}, session="1800;refresher=uas")
    answer = anna.heard("200 INVITE")[0]
    assert answer.get("Session-Expires") == "600;refresher=uac"
    assert answer.get("Require") == "timer"
    assert "timer" in answer.get("Supported")
    assert there.invite is not None
    assert there.invite.get("Session-Expires") == "1800"
    assert "timer" in there.invite.get("Supported") and "UPDATE" in there.invite.get("Allow")


def test_a_phone_without_timers_is_left_alone() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(4_000)
    assert line.state == "up"
    answer = next(raw for raw in anna.received if raw.status == 200 and raw.method == "INVITE")
    assert not answer.get("Session-Expires")
    assert not [raw for raw in (*anna.received, *bob.received) if raw.method == "UPDATE" and not raw.status]
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


@pytest.mark.parametrize(
    "offered, told, refresher",
    [
        ("300;refresher=uas", "300", "uas"),
        ("300;refresher=uac", "300", "uac"),
        ("300", "300", "uas"),
        ("7200;refresher=uac", "1800", "uac"),
        ("99999999999", "1800", "uas"),
        ("300 ; refresher = UAC", "300", "uac"),
        ("300;refresher=nobody", "300", "uas"),
        ("", "1800", "uas"),
    ],
)
def test_who_refreshes_and_how_often(offered: str, told: str, refresher: str) -> None:
    w = world()
    anna, *_ = talking(w, {"Session-Expires": offered} if offered else {})
    assert anna.heard("200 INVITE")[0].get("Session-Expires") == f"{told};refresher={refresher}"


def test_we_refresh_by_update_at_half_of_the_interval() -> None:
    w = world()
    anna, line, bob, there = talking(w, {"Session-Expires": "200;refresher=uas"}, session="100;refresher=uac")
    w.run(99)
    (refresh,) = anna.heard("UPDATE")
    assert refresh.get("Session-Expires") == "200;refresher=uac" and not refresh.body
    assert refresh.get("Contact") and "timer" in refresh.get("Supported")
    assert bob.heard("UPDATE")[0].get("Session-Expires") == "100;refresher=uac"
    w.run(3_550)
    assert line.state == there.state == "up"
    assert len(anna.heard("UPDATE")) == 36 and not anna.heard("INVITE")
    anna.hang_up(line)
    w.run(40)
    w.assert_idle()


def test_without_update_a_reinvite_refreshes_and_changes_nothing() -> None:
    w = world()
    anna, bob = extended(w, "anna"), extended(w, "bob", answer_after=0.2)
    bob.allow = "INVITE, ACK, BYE, CANCEL"
    bob.session = "100;refresher=uac"
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    there = bob.lines[0]
    version, direction = there.sdp.version, there.sdp.direction  # type: ignore[union-attr]
    w.run(400)
    assert not bob.heard("UPDATE")
    refreshes = [raw for raw in bob.heard("INVITE") if ";tag=" in raw.get("To")]
    assert len(refreshes) == 8
    assert {raw.body for raw in refreshes} == {there.invite.body}  # type: ignore[union-attr]
    assert (there.sdp.version, there.sdp.direction) == (version, direction)  # type: ignore[union-attr]
    assert line.state == there.state == "up" and w.hears(there) == "bridge:anna"
    assert not w.switch.named("call.held")


def test_a_phone_on_hold_is_refreshed_and_stays_on_hold() -> None:
    w = world(rtp_timeout_hold=0)
    anna, bob = extended(w, "anna"), extended(w, "bob", answer_after=0.2)
    bob.allow = "INVITE, ACK, BYE, CANCEL"
    bob.session = "100;refresher=uac"
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    there = bob.lines[0]
    bob.reinvite(there, "sendonly")
    w.run(1)
    assert w.hears(line) == "music:default"
    w.run(400)
    assert there.log.count("re-INVITED") >= 7
    assert w.hears(line) == "music:default"
    bob.reinvite(there, "sendrecv")
    w.run(1)
    assert w.hears(line) == "bridge:bob" and len(w.switch.named("call.held")) == 1


def test_a_phone_that_has_update_and_refuses_it_is_refreshed_by_a_reinvite() -> None:
    w = world()
    _, line, bob, there = talking(w, session="100;refresher=uac", answers_update=501)
    w.run(200)
    assert len(bob.heard("UPDATE")) == 1
    assert there.log.count("re-INVITED") == 4
    assert line.state == "up"


def test_the_phone_refreshes_by_update_and_by_reinvite() -> None:
    w = world()
    anna, line, bob, there = talking(w, {"Session-Expires": "120;refresher=uac"}, session="120;refresher=uas")
    for turn in range(20):
        w.run(58)
        if turn % 2:
            anna.update(line, Session_Expires="120;refresher=uac")
            bob.reinvite(there)
        else:
            anna.reinvite(line)
            bob.update(there)
    w.run(1)
    assert line.state == there.state == "up"
    assert not anna.heard("UPDATE") and not bob.heard("UPDATE")
    assert {raw.get("Session-Expires") for raw in anna.heard("200 UPDATE")} == {"120;refresher=uac"}
    w.run(200)
    assert line.state == there.state == "ended"


@pytest.mark.parametrize("interval", [90, 96, 600])
def test_a_phone_that_does_not_refresh_in_time_is_hung_up_on(interval: int) -> None:
    """Section 10: the lesser of 32 s and a third of the interval before it ends."""
    w = world()
    _, line, _, there = talking(w, {"Session-Expires": f"{interval};refresher=uac"})
    end = interval - min(32, interval / 3)
    w.run(line.answered_at + end - w.now - 2)
    assert line.state == "up"
    w.run(4)
    assert (line.state, line.ended_by) == ("ended", "remote")
    assert there.state == "ended"
    w.run(2)
    (record,) = w.switch.named("call.ended")
    assert (record.cause, record.outcome) == ("session_expired", "answered")
    (leg,) = [event for event in w.switch.named("leg.ended") if event.role == "caller"]
    assert (leg.cause, leg.by) == ("session_expired", "timeout")
    w.run(40)
    w.assert_idle()


def test_a_phone_that_does_not_answer_a_refresh_is_lost() -> None:
    w = world()
    _, line, bob, _ = talking(w, session="200;refresher=uac")
    bob.down = True
    w.run(100 + 34)
    assert line.state == "ended"
    assert w.switch.named("call.ended")[0].cause == "dialog_lost"


@pytest.mark.parametrize("allow", [ALLOW, "INVITE, ACK, BYE, CANCEL"])
def test_a_phone_whose_connection_is_gone_may_come_back(allow: str) -> None:
    """Over a stream the refresh cannot be sent; the phone connects anew, and nobody has noticed."""
    w = world()
    _, line, bob, there = talking(w, session="200;refresher=uac", allow=allow)
    (leg,) = [leg for leg in w.switch.calls.board.legs.values() if leg.role == "callee"]
    send, lost = w.switch.endpoint.request, []

    def broken(*arguments: Any, **more: Any) -> Any:
        tx = send(*arguments, **more)
        lost.append(tx)
        w.after(0.0, lambda: (tx.handle(Input.TRANSPORT_ERROR, w.now), w.switch.settle(w.now)))
        return tx

    bob.down = True
    w.switch.endpoint.request = broken  # type: ignore[method-assign]
    w.run(120)
    assert len(lost) > 2 and line.state == "up" and not leg.negotiation.offered
    w.switch.endpoint.request = send  # type: ignore[method-assign]
    bob.down = False
    w.run(100)
    assert line.state == there.state == "up"


def test_a_day_of_refreshes_over_a_bad_network() -> None:
    w = world(link=Link(loss=0.05, jitter=0.02))
    anna, bob = extended(w, "anna"), extended(w, "bob", answer_after=0.2)
    anna.allow = "INVITE, ACK, BYE, CANCEL"
    bob.session = "300;refresher=uac"
    w.run(20)
    line = anna.call("bob", headers={"Session-Expires": "600;refresher=uas"})
    w.run(10)
    assert line.state == "up"
    w.run(86_400)
    assert line.state == bob.lines[0].state == "up" and w.hears(line) == "bridge:bob"
    core = w.switch.endpoint._core
    assert len(core.clients) < 3 and len(core.servers) < 3 and len(w.switch.calls.board.deadlines) < 5
    w.link = Link()
    anna.hang_up(line)
    w.run(60)
    w.assert_idle()


def test_a_busy_phone_may_take_its_time_but_not_for_ever() -> None:
    w = world()
    _, line, bob, _ = talking(w, session="200;refresher=uac", answers_update=503)
    w.run(140)
    assert line.state == "up" and len(bob.heard("UPDATE")) > 3
    bob.answers_update = 200
    w.run(100)
    assert line.state == "up"
    bob.answers_update = 503
    w.run(200)
    assert line.state == "ended"
    assert w.switch.named("call.ended")[0].cause == "session_expired"


def test_too_short_an_interval_is_refused_with_the_shortest() -> None:
    w = world(session_minimum=120)
    anna, bob = extended(w, "anna"), extended(w, "bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob", headers={"Session-Expires": "119"})
    w.run(1)
    assert line.status == 422 and not bob.lines
    assert anna.heard("422 INVITE")[0].get("Min-SE") == "120"
    line = anna.call("bob", headers={"Session-Expires": "120", "Min-SE": "120"})
    w.run(1)
    assert line.state == "up"
    for method in ("UPDATE", "INVITE"):
        line.cseq += 1
        headers = {**anna.dialog_headers(line, method, line.cseq), "Session-Expires": "60", "Supported": "timer"}
        anna.request(method, line.target, headers, anna.sdp(line))
    w.run(1)
    assert [raw.get("Min-SE") for raw in (*anna.heard("422 UPDATE"), *anna.heard("422 INVITE")[1:])] == ["120", "120"]
    assert line.state == "up"


def test_who_knows_no_timers_is_not_refused_for_what_a_proxy_has_written() -> None:
    w = world()
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob", headers={"Session-Expires": "30"})
    w.run(1)
    answer = next(raw for raw in anna.received if raw.status == 200 and raw.method == "INVITE")
    assert line.state == "up" and answer.get("Session-Expires") == "90;refresher=uas" and not answer.get("Require")


def test_min_se_of_the_caller_is_respected() -> None:
    w = world()
    anna, *_ = talking(w, {"Min-SE": "3600"})
    assert anna.heard("200 INVITE")[0].get("Session-Expires") == "3600;refresher=uas"


def test_our_call_is_made_again_when_the_phone_wants_more_time() -> None:
    w = world(session_expires=600)
    _, line, bob, there = talking(w, {"Subject": "Lunch"}, shortest=3_600, session="3600;refresher=uac")
    first, second = bob.heard("INVITE")
    assert (first.get("Session-Expires"), first.get("Min-SE")) == ("600", "")
    assert (second.get("Session-Expires"), second.get("Min-SE")) == ("3600", "3600")
    assert second.cseq == first.cseq + 1 and second.body == first.body
    for name in ("Call-ID", "From", "To", "Max-Forwards", "Subject", "Contact", "Content-Type", "Supported"):
        assert second.all(name) == first.all(name), name
    assert line.state == there.state == "up" and w.hears(line) == "bridge:bob"
    w.run(1_850)
    assert bob.heard("UPDATE")[0].get("Session-Expires") == "3600;refresher=uac"
    assert bob.heard("UPDATE")[0].get("Min-SE") == "3600"


def test_a_phone_that_always_wants_more_time_is_given_up() -> None:
    w = world()
    anna, bob = extended(w, "anna"), extended(w, "bob")
    bob.requested = lambda raw, method: bob.respond(  # type: ignore[method-assign, assignment]
        raw, 422, tag="x", headers=f"Min-SE: {int(raw.get('Session-Expires')) + 1}\r\n"
    ) if method == "INVITE" else None  # fmt: skip
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert line.state == "ended" and len({raw.cseq for raw in bob.heard("INVITE")}) == 4


def test_a_refresh_that_is_too_short_for_the_phone_is_made_again() -> None:
    w = world()
    _, line, bob, _ = talking(w, session="100;refresher=uac")
    bob.shortest = 300
    bob.session = "300;refresher=uac"
    w.run(60)
    first, second = bob.heard("UPDATE")
    assert (first.get("Session-Expires"), second.get("Session-Expires")) == ("100;refresher=uac", "300;refresher=uac")
    w.run(100)
    assert len(bob.heard("UPDATE")) == 2 and line.state == "up"


def test_another_offer_that_is_too_short_is_made_again() -> None:
    """A re-INVITE for another codec is a refresh as well; what the phone says afterwards must not begin it anew for ever."""
    w = world()
    anna, line, bob, there = talking(w, session="100;refresher=uac")
    bob.shortest = 300
    anna.codecs = ["PCMU"]
    anna.reinvite(line)
    w.run(2)
    first, second = (raw for raw in bob.heard("INVITE") if ";tag=" in raw.get("To"))
    assert (first.get("Session-Expires"), second.get("Session-Expires")) == ("100;refresher=uac", "300;refresher=uac")
    assert first.body.partition(b"m=")[2] == second.body.partition(b"m=")[2]
    assert there.sdp is not None and there.sdp.codecs[0] == "PCMU"
    w.run(140)
    assert not bob.heard("UPDATE"), "300 s, though the phone has answered with 100"


def test_timers_can_be_switched_off() -> None:
    w = world(session_expires=0)
    anna, line, bob, there = talking(w, {"Session-Expires": "90"}, session="90;refresher=uas")
    assert not anna.heard("200 INVITE")[0].get("Session-Expires")
    assert not there.invite.get("Session-Expires") and "timer" not in there.invite.get("Supported")  # type: ignore[union-attr]
    w.run(500)
    assert line.state == there.state == "up" and not bob.heard("UPDATE")
    other = anna.call("bob", headers={"Require": "timer"})
    w.run(1)
    assert other.status == 420 and anna.heard("420 INVITE")[0].get("Unsupported") == "timer"


def test_timers_survive_a_restart() -> None:
    w = world()
    anna, line, bob, there = talking(w, {"Session-Expires": "200;refresher=uas"}, session="300;refresher=uas")
    w.run(40)
    w.kill()
    w.run(2)
    w.restart()
    w.run(80)
    assert len(anna.heard("UPDATE")) == 1 and line.state == "up"
    w.run(300)
    assert bob.heard("BYE") and there.state == line.state == "ended"
    assert w.switch.named("call.ended")[0].cause == "session_expired"


def test_a_session_that_was_to_be_refreshed_while_there_was_no_switch() -> None:
    w = world()
    anna, line, _, there = talking(w, {"Session-Expires": "90;refresher=uac"})
    w.run(10)
    w.kill()
    w.run(45)
    w.restart()
    w.run(20)
    assert line.state == there.state == "up"
    anna.update(line)
    w.run(50)
    assert line.state == "up"
    w.run(40)
    assert line.state == "ended"
