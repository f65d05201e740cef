"""Call control at its edges: what strangers, broken phones and faults may and may not do."""

from __future__ import annotations

import re
from typing import Any

import pytest

from media.control import Alarm, Digit, Failed, Ready, Statistics, Stopped
from softswitch.effects import ConnectOffer, ConversationEnded, OfferFailed, OfferResult, RingAgent, WithdrawOffer
from softswitch.sip.endpoint import ServerFailed
from tests.sim.phone import Line, VirtualPhone
from tests.sim.text import Raw
from tests.sim.world import SWITCH, SWITCH6, World, site


def world(**more: Any) -> World:
    return World(site("anna", "bob", **more.pop("site", {})), **more)


def talking(**more: Any) -> tuple[World, Line, Line]:
    w = world(**more)
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert line.state == "up"
    return w, line, bob.lines[0]


def answers(phone: VirtualPhone, method: str) -> list[int]:
    return [raw.status for raw in phone.received if raw.status and raw.method == method]


# --- bodies of an INVITE --------------------------------------------------------------------------------------------------


def invite(w: World, body: bytes, headers: dict[str, str]) -> Raw:
    """Send an authenticated INVITE with this body; its final response."""
    phone = w.phone("anna")
    w.run(1)
    original = phone.sdp
    phone.sdp = lambda line, **_: body  # type: ignore[method-assign, assignment]
    line = phone.call("bob", headers=headers)
    w.run(1)
    phone.sdp = original  # type: ignore[method-assign]
    assert line.state == "ended"
    return [raw for raw in phone.received if raw.status >= 300 and raw.method == "INVITE"][-1]


SDP = b"v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio 4000 RTP/AVP %s\r\n"


def test_a_body_that_is_no_description() -> None:
    raw = invite(world(), b"<x/>", {"Content-Type": "text/xml"})
    assert (raw.status, raw.get("Accept")) == (415, "application/sdp")


def test_a_compressed_body() -> None:
    raw = invite(world(), b"v=0", {"Content-Type": "application/sdp", "Content-Encoding": "gzip"})
    assert (raw.status, raw.get("Accept-Encoding")) == (415, "identity")


def test_a_caller_that_does_not_take_descriptions() -> None:
    raw = invite(world(), SDP % (b"1.2.3.4", b"1.2.3.4", b"8"), {"Accept": "text/plain"})
    assert (raw.status, raw.get("Accept")) == (406, "application/sdp")


def test_a_codec_that_we_do_not_have() -> None:
    raw = invite(world(), SDP % (b"1.2.3.4", b"1.2.3.4", b"18"), {})
    assert raw.status == 488
    assert raw.get("Warning") == f'305 {SWITCH[0]} "Incompatible media format"'


def test_another_family_of_addresses_is_answered_in_kind() -> None:
    w, line, _ = talking()
    body = b"v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 2001:db8::77\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
    answers: list[Any] = []
    line.phone.in_dialog(line, "UPDATE", body, "application/sdp", answers.append)
    w.run(1)
    assert answers[0].status == 200
    assert f"c=IN IP6 {SWITCH6[0]}\r\n".encode() in answers[0].body
    assert w.worker.leg_of("2001:db8::77", 4000) is not None, "one leg by IPv6, the other by IPv4"


def test_media_that_would_come_back_to_us() -> None:
    w, _, _ = talking()
    here = SWITCH[0].encode()
    used = [leg.port for leg in w.switch.calls.board.pool.legs.values()]
    for port in (*used, used[0] + 1, SWITCH[1]):
        raw = invite(w, (SDP % (here, here, b"8")).replace(b"4000", str(port).encode()), {})
        assert (raw.status, raw.get("Warning")) == (488, f'399 {SWITCH[0]} "Media would loop"')


@pytest.mark.parametrize("body", [b"v=1\r\n", b"v=0\r\nm=audio 99999 RTP/AVP 8\r\n", b"v=0\r\nm=audio 1 RTP/AVP 8\r\n"])
def test_a_broken_description(body: bytes) -> None:
    assert invite(world(), body, {}).status == 400


def test_an_offer_inside_a_multipart_body() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    plain = anna.sdp

    def wrapped(line: Line, **more: Any) -> bytes:
        return b"--b\r\nContent-Type: application/sdp\r\n\r\n" + plain(line, **more) + b"\r\n--b--\r\n"

    anna.sdp = wrapped  # type: ignore[method-assign]
    line = anna.call("bob", headers={"Content-Type": "multipart/mixed;boundary=b"})
    w.run(2)
    assert line.state == "up" and w.hears(line) == "bridge:bob" and bob.lines


# --- who may do what ------------------------------------------------------------------------------------------------------


def test_without_an_account_there_is_no_call() -> None:
    w = world()
    stranger = VirtualPhone(w, "mallory", "guess", "203.0.113.5", 5060)
    line = stranger.call("bob")
    w.run(3)
    assert line.status == 401
    assert not w.switch.events


def forged(w: World, line: Line, method: str, source: tuple[str, int], body: str = "") -> VirtualPhone:
    """A request with all the right tags, from somewhere else."""
    thief = VirtualPhone(w, "mallory", "x", *source)
    thief.request(
        method, line.target,
        {
            "From": f"{line.local};tag={line.local_tag}", "To": f"{line.remote};tag={line.remote_tag}", "Call-ID": line.call_id,
            "CSeq": f"500 {method}", "Contact": f"<sip:mallory@{source[0]}>",
        },
        body.encode(),
    )  # fmt: skip
    w.run(1)
    return thief


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE", "INFO", "OPTIONS", "REFER"])
def test_right_tags_from_a_foreign_address(method: str) -> None:
    w, line, other = talking()
    body = (SDP % (b"203.0.113.5", b"203.0.113.5", b"8")).decode() if method in ("INVITE", "UPDATE") else ""
    thief = forged(w, line, method, ("203.0.113.5", 5060), body)
    assert answers(thief, method)[0] in (401, 405)
    assert line.state == other.state == "up"
    assert w.hears(line) == "bridge:bob" and w.hears(other) == "bridge:anna"
    assert all(port.opened.host.startswith("198.51.100.") for port in w.worker.ports.values())


def test_reinvites_that_are_never_acknowledged() -> None:
    w, line, _ = talking()
    for number in range(20):
        headers = {**line.phone.dialog_headers(line, "INVITE", 100 + number), "Content-Type": "application/sdp"}
        line.phone.request("INVITE", line.target, headers, line.phone.sdp(line))
    leg = next(leg for leg in w.switch.calls.board.legs.values() if leg.device == "anna")
    w.run(1)
    assert len(leg.unacked) <= 4
    assert 500 in answers(line.phone, "INVITE")


def test_wrong_tags_from_the_right_address() -> None:
    w, line, _ = talking()
    line.phone.request(
        "BYE", line.target, {**line.phone.dialog_headers(line, "BYE", 9), "From": f"{line.local};tag=other"},
    )  # fmt: skip
    w.run(1)
    assert answers(line.phone, "BYE") == [481]
    assert line.state == "up"


def test_requests_of_no_dialog() -> None:
    w = world()
    anna = w.phone("anna")
    w.run(1)
    for method in ("BYE", "INVITE", "INFO", "UPDATE"):
        anna.request(
            method, f"sip:bob@{w.domain}",
            {
                "From": "<sip:anna@pbx.test>;tag=x", "To": "<sip:bob@pbx.test>;tag=0nothing", "Call-ID": "none",
                "CSeq": f"7 {method}", "Contact": f"<{anna.contact}>",
            },
        )  # fmt: skip
        w.run(1)
        assert answers(anna, method)[-1] == 481
    w.run(40)
    w.assert_idle()


def test_our_own_invite_does_not_come_back() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    anna.call("bob")
    w.run(1)
    ours = bob.lines[0].invite
    assert ours is not None
    # A forwarding phone sends our INVITE back to us under its own account.
    looped = bob.call("anna", headers={})
    w.run(0.0)
    tag = re.search(r"tag=(\w+)", ours.get("From"))
    assert tag is not None
    looped.local_tag = tag[1]
    bob._invite(looped, "", True, {})
    w.run(2)
    assert 482 in answers(bob, "INVITE")


def test_hops_are_counted_through_the_switch() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob")
    w.run(1)
    send = anna.send
    anna.send = lambda data: send(data.replace(b"Max-Forwards: 70", b"Max-Forwards: 3"))  # type: ignore[method-assign]
    anna.call("bob")
    w.run(1)
    assert bob.lines[0].invite.get("Max-Forwards") == "2"  # type: ignore[union-attr]
    anna.send = lambda data: send(data.replace(b"Max-Forwards: 70", b"Max-Forwards: 0"))  # type: ignore[method-assign]
    line = anna.call("bob")
    w.run(1)
    assert line.status == 483


# --- inside dialogs ------------------------------------------------------------------------------------------------------


def test_options_update_and_unknown_methods_in_a_dialog() -> None:
    w, line, _ = talking()
    phone = line.phone
    phone.in_dialog(line, "OPTIONS")
    phone.in_dialog(line, "UPDATE")
    w.run(1)
    assert "OPTIONS 200" in line.log and "UPDATE 200" in line.log
    found = next(raw for raw in phone.received if raw.status == 200 and raw.method == "OPTIONS")
    assert "INVITE" in found.get("Allow") and found.get("Accept") == "application/sdp"


def test_an_update_that_holds() -> None:
    w, line, other = talking()
    phone = line.phone
    line.direction = "sendonly"
    phone.in_dialog(line, "UPDATE", phone.sdp(line), "application/sdp")
    w.run(1)
    assert "UPDATE 200" in line.log
    assert w.hears(other) == "music:default"


@pytest.mark.parametrize(
    "body, kind, status, digits",
    [
        (b"Signal=5\r\nDuration=160\r\n", "application/dtmf-relay", 200, ["5"]),
        (b"Signal= *\r\nDuration= 160", "application/dtmf-relay", 200, ["*"]),
        (b"signal=11\nduration=100\n", "application/dtmf-relay", 200, ["#"]),
        (b"d", "application/dtmf", 200, ["D"]),
        (b"", "", 200, []),
        (b"Signal=x", "application/dtmf-relay", 400, []),
        (b"Duration=1", "application/dtmf-relay", 400, []),
        (b"<media_control/>", "application/media_control+xml", 415, []),
        (b"Signal=5\r\nDuration=99999\r\n", "application/dtmf-relay", 200, ["5"]),
    ],
)
def test_info(body: bytes, kind: str, status: int, digits: list[str]) -> None:
    w, line, _ = talking()
    line.phone.in_dialog(line, "INFO", body, kind)
    w.run(1)
    assert f"INFO {status}" in line.log
    assert [event.digit for event in w.switch.named("dtmf")] == digits
    assert all(event.duration_ms <= 8_000 for event in w.switch.named("dtmf"))


def test_a_reinvite_that_cannot_be_accepted_changes_nothing() -> None:
    w, line, _ = talking()
    phone = line.phone
    plain = phone.sdp
    phone.sdp = lambda line, **_: SDP % (b"1.2.3.4", b"1.2.3.4", b"18")  # type: ignore[method-assign, assignment]
    phone.reinvite(line)
    w.run(1)
    phone.sdp = plain  # type: ignore[method-assign]
    assert "re-INVITE 488" in line.log
    assert line.state == "up" and w.hears(line) == "bridge:bob"


def test_a_phone_moves_to_another_port() -> None:
    w, line, other = talking()
    line.rtp = w.rtp_port()
    line.phone.reinvite(line)
    w.run(1)
    assert w.hears(line) == "bridge:bob" and w.hears(other) == "bridge:anna"
    assert "re-INVITED" not in other.log, "media is ours: the other side need not know"


def test_a_lost_ack_of_a_reinvite_ends_the_call() -> None:
    w, line, other = talking()
    phone = line.phone
    phone._ack = lambda *_: None  # type: ignore[method-assign, assignment]
    phone.reinvite(line)
    w.run(40)
    assert line.state == other.state == "ended"
    assert w.switch.named("call.ended")[0].cause == "ack_missing"
    w.run(64)
    w.assert_idle()


def test_bye_in_the_early_dialog() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    ringing = next(raw for raw in anna.received if raw.status == 180)
    line.remote_tag = ringing.get("To").split("tag=")[1]
    line.target = ringing.get("Contact").strip("<>")
    line.cseq += 1
    anna.request("BYE", line.target, anna.dialog_headers(line, "BYE", line.cseq))
    w.run(1)
    assert answers(anna, "BYE") == [200] and line.status == 487
    assert bob.lines[0].state == "ended"
    w.run(40)
    w.assert_idle()


def test_two_answers_to_one_invite_behind_a_forking_proxy() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    there = bob.lines[0]
    raw = there.invite
    assert raw is not None
    second = bob.answer_sdp(there)
    bob.respond(raw, 200, tag="otherfork", headers=f"Contact: <{bob.contact}>\r\n", body=second)
    w.run(1)
    byes = [found for found in bob.received if found.start.startswith("BYE")]
    assert len(byes) == 1 and "tag=otherfork" in byes[0].get("To")
    assert [found for found in bob.received if found.start.startswith("ACK") and "otherfork" in found.get("To")]
    assert line.state == "up" and w.hears(line) == "bridge:bob"


def test_the_connection_of_a_caller_breaks_while_it_rings() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    anna.call("bob")
    w.run(1)
    (call,) = w.switch.calls.calls.values()
    w.switch.calls.on_server_failed(ServerFailed(call.caller.tx), w.now)
    w.switch.settle(w.now)
    w.run(1)
    assert bob.lines[0].state == "ended"
    assert w.switch.named("call.ended")[0].cause == "connection_lost"


def test_ipv6_phones() -> None:
    w = world()
    anna = VirtualPhone(w, "anna", "secret-anna", "2001:db8::a", 5060)
    bob = VirtualPhone(w, "bob", "secret-bob", "2001:db8::b", 5060)
    for phone in (anna, bob):
        phone.address = (phone.address[0], phone.address[1])
    # A URI needs its brackets.
    for phone in (anna, bob):
        phone.__class__ = _V6Phone
    anna.register()
    bob.register()
    w.run(1)
    line = anna.call("bob")
    w.run(3)
    assert line.state == "up"
    assert line.sdp is not None and line.sdp.host == "2001:db8::1"
    assert w.hears(line) == "bridge:bob"


class _V6Phone(VirtualPhone):
    @property
    def contact(self) -> str:
        return f"sip:{self.user}@[{self.address[0]}]:{self.address[1]}"

    def send(self, data: bytes) -> None:
        host = self.address[0].encode()
        super().send(data.replace(b"SIP/2.0/UDP " + host + b":", b"SIP/2.0/UDP [" + host + b"]:"))


# --- media and the engine ------------------------------------------------------------------------------------------------


def test_a_restarted_worker_gets_its_legs_back() -> None:
    w, line, other = talking()
    w.worker.ports.clear()
    w.media_event(Ready(0, 40_000, w.legs, "epoll", 1))
    assert w.hears(line) == "bridge:bob" and w.hears(other) == "bridge:anna"


def test_a_worker_that_is_not_replaced_takes_its_calls_with_it() -> None:
    w, line, other = talking()
    w.worker.ports.clear()
    w.worker.perform = lambda command: None  # type: ignore[method-assign, assignment]
    w.media_event(Stopped(0, "killed"))
    w.run(5)
    assert line.state == "up"
    refused = line.phone.call("bob")
    w.run(1)
    assert refused.status == 503, "no new calls there meanwhile"
    w.run(6)
    assert line.state == other.state == "ended"
    assert {event.cause for event in w.switch.named("call.ended")} == {"media_lost", "no_media_port"}


def test_a_worker_that_is_replaced_in_time() -> None:
    w, line, _ = talking()
    w.worker.ports.clear()
    w.media_event(Stopped(0, "killed"))
    w.run(3)
    w.media_event(Ready(0, 40_000, w.legs, "epoll", 1))
    w.run(30)
    assert line.state == "up" and w.hears(line) == "bridge:bob"


def test_a_worker_that_cannot_start_is_an_alarm() -> None:
    w = world()
    w.media_event(Failed(1, "no free ports"))
    assert [event.what for event in w.switch.named("media.alarm")] == ["worker_failed"]


def test_the_hook_is_no_key() -> None:
    w = world(site={"extensions": {"101": "echo"}})
    anna = w.phone("anna")
    w.run(1)
    line = anna.call("101")
    w.run(0.2)
    w.media_event(Digit(w.worker.leg_of(anna.address[0], line.rtp) or 0, "!", 100))
    assert w.hears(line) == "play:pl/echo-intro"


def test_a_second_worker_adds_its_ports() -> None:
    w = world(legs=2)
    w.switch.media(1, Ready(1, 50_000, 10, "epoll", 2), w.now)
    assert w.switch.calls.board.pool.free(w.now) == 12


def test_alarms_of_workers_are_published() -> None:
    w = world()
    w.media_event(Alarm("clip_missing", "pl/nothing"))
    assert [(event.what, event.detail) for event in w.switch.named("media.alarm")] == [("clip_missing", "pl/nothing")]


def test_reports_about_legs_that_nobody_has() -> None:
    w = world()
    before = list(w.switch.events)
    w.media_event(Statistics(7))
    assert w.switch.events == before


def test_a_worker_that_says_nothing_does_not_hold_back_the_records() -> None:
    w, line, _ = talking()
    w.worker.silent = True
    line.phone.hang_up(line)
    w.run(0.5)
    assert not w.switch.named("call.ended")
    w.run(1)
    assert len(w.switch.named("call.ended")) == 1
    assert all(event.media is None for event in w.switch.named("leg.ended"))


def test_orders_about_callers_and_offers_that_are_over() -> None:
    w = world()
    calls = w.switch.calls
    calls.on_item(RingAgent(9, "gone", "eve", "info", "bob", 20.0), w.now)
    calls.on_item(WithdrawOffer(9, OfferResult.NO_ANSWER), w.now)
    calls.on_item(ConnectOffer(9, "gone", "eve", "info"), w.now)
    assert calls.drain() == [OfferFailed(9, OfferResult.CANCELLED_CALLER_GONE), ConversationEnded(9)]


def test_hang_up_by_an_operator() -> None:
    w, line, other = talking()
    (call,) = w.switch.calls.calls
    assert w.switch.calls.hang_up(call, w.now)
    w.switch.settle(w.now)
    assert not w.switch.calls.hang_up(call, w.now)
    w.run(1)
    assert line.state == other.state == "ended"
    assert w.switch.named("call.ended")[0].cause == "operator"


@pytest.mark.parametrize("state", ["ringing", "talking", "queued"])
def test_forgetting_a_call_takes_everything_from_it(state: str) -> None:
    from softswitch.directory import Agent, Membership, Queue

    queues = {"info": Queue("info", members=(Membership("bob"),))}
    w = world(site={"queues": queues, "agents": {"bob": Agent("bob", "bob")}, "extensions": {"200": "queue:info"}})
    anna, _ = w.phone("anna"), w.phone("bob", answer_after=0.2 if state == "talking" else None)
    w.run(1)
    anna.call("200" if state == "queued" else "bob")
    w.run(2)
    (call,) = w.switch.calls.calls.values()
    w.switch.calls.forget(call, w.now)
    w.switch.calls.forget(call, w.now)
    assert w.switch.calls.board.idle
    w.switch.settle(w.now)
    assert not w.worker.ports


def test_a_new_site_is_taken_without_touching_calls() -> None:
    w, line, _ = talking()
    w.switch.switch.configure(site("anna"), w.now)
    w.switch.settle(w.now)
    w.run(1)
    assert line.state == "up"
    again = line.phone.call("bob")
    w.run(1)
    assert again.status == 404


# --- offers that go wrong ----------------------------------------------------------------------------------------------


def test_no_answer_in_the_ack_of_a_late_offer() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    anna.answer_sdp = lambda line: b""  # type: ignore[method-assign]
    w.run(1)
    line = anna.call("bob", sdp=False)
    w.run(2)
    assert line.state == bob.lines[0].state == "ended"
    assert w.switch.named("call.ended")[0].cause == "no_answer_in_ack"
    w.run(40)
    w.assert_idle()


def test_no_answer_in_the_ack_of_a_later_offer_changes_nothing() -> None:
    w, line, _ = talking()
    line.phone.answer_sdp = lambda line: b"v=0\r\n"  # type: ignore[method-assign]
    line.phone.reinvite(line, sdp=False)
    w.run(1)
    assert line.state == "up" and w.hears(line) == "bridge:bob"


def test_an_update_that_meets_an_offer_of_ours() -> None:
    w, line, other = talking()
    bob = other.phone
    line.phone.codecs = ["PCMU"]
    line.phone.reinvite(line)  # the switch will offer PCMU to bob, who does not answer at once
    bob._reinvited = lambda line, raw: None  # type: ignore[method-assign, assignment]
    w.run(0.1)
    bob.in_dialog(other, "UPDATE", bob.sdp(other), "application/sdp")
    bob.reinvite(other, retry=False)
    w.run(0.1)
    assert "UPDATE 491" in other.log and "re-INVITE 491" in other.log


def test_an_update_that_cannot_be_accepted() -> None:
    w, line, _ = talking()
    line.phone.in_dialog(line, "UPDATE", SDP % (b"1.2.3.4", b"1.2.3.4", b"18"), "application/sdp")
    sealed = b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\n"
    line.phone.in_dialog(line, "UPDATE", sealed, "application/sdp")
    w.run(1)
    assert line.log.count("UPDATE 488") == 2
    assert w.hears(line) == "bridge:bob"


def test_a_phone_that_forgot_the_dialog_is_let_go() -> None:
    w, line, other = talking()
    line.phone.codecs = ["PCMU"]
    other.phone._reinvited = lambda line, raw: other.phone.respond(raw, 481)  # type: ignore[method-assign, assignment]
    line.phone.reinvite(line)
    w.run(1)
    assert line.state == "ended"
    assert w.switch.named("call.ended")[0].cause == "dialog_lost"


@pytest.mark.parametrize(
    "headers, body, status",
    [
        ({"Content-Type": "text/xml"}, b"<x/>", 415),
        ({"Content-Type": "application/sdp", "Content-Encoding": "gzip"}, b"v=0", 415),
        ({"Content-Type": "application/sdp", "Accept": "text/plain"}, SDP % (b"1.2.3.4", b"1.2.3.4", b"8"), 406),
        ({"Content-Type": "application/sdp"}, b"v=9\r\n", 400),
        ({"Content-Type": "text/xml", "Content-Disposition": "x;handling=optional"}, b"<x/>", 200),
    ],
)
def test_bodies_of_an_update(headers: dict[str, str], body: bytes, status: int) -> None:
    w, line, _ = talking()
    phone = line.phone
    line.cseq += 1
    phone.request("UPDATE", line.target, {**phone.dialog_headers(line, "UPDATE", line.cseq), **headers}, body)
    w.run(1)
    assert answers(phone, "UPDATE") == [status]
    assert w.hears(line) == "bridge:bob"
