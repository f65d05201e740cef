"""The endpoint: matching, admission, stateless answers, flows (RFC 3261 sections 8, 9, 17, 18)."""

from __future__ import annotations

import pytest

from softswitch.effects import Flow, Send
from softswitch.sip.endpoint import (
    AckMissing,
    AckReceived,
    CancelReceived,
    Endpoint,
    Limits,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    ServerFailed,
    ServerTransaction,
)
from softswitch.sip.transaction import State
from tests.unit.sip.peer import PHONE, PHONE_TCP, answer, endpoint, methods, others, parsed, request, sends, statuses

ELSEWHERE = Flow("udp", "192.0.2.9", 5060)


def receive(ep: Endpoint, data: bytes, now: float = 0.0, flow: Flow = PHONE) -> list[object]:
    ep.receive(data, flow, now)
    return ep.drain()


def invite(ep: Endpoint, now: float = 0.0, flow: Flow = PHONE, **fields: object) -> ServerTransaction:
    """Receive an INVITE; its server transaction."""
    (item,) = receive(ep, request(**fields), now, flow)  # type: ignore[arg-type]
    assert isinstance(item, RequestReceived)
    return item.transaction


def run(ep: Endpoint, until: float) -> list[object]:
    """Let time pass; everything that comes out."""
    items: list[object] = []
    while (at := ep.next_deadline()) is not None and at <= until:
        ep.expire(at)
        items += ep.drain()
    return items


def call(
    ep: Endpoint, now: float = 0.0, flow: Flow = PHONE, method: str = "INVITE", owner: object = None
) -> tuple[object, bytes]:
    """Send a request to the phone; (client transaction, its bytes)."""
    tx = ep.request(
        method, "sip:bob@192.0.2.7", flow, now, from_="<sip:us@pbx.test>;tag=lt", to="<sip:bob@pbx.test>", call_id="out-1",
        cseq=7, headers="Route: <sip:192.0.2.7;lr>\r\nContact: <sip:us@198.51.100.1>\r\n", owner=owner,
    )  # fmt: skip
    (data,) = sends(ep.drain())
    return tx, data


def empty(ep: Endpoint) -> bool:
    assert ep.drain() == [] and ep.drain() == []
    core = ep._core
    return not (core.servers or core.clients or core.merged or core.pending or core.by_flow or core.settled)


# --- server side -------------------------------------------------------------------------------------------------


def test_a_call_from_invite_to_ack_leaves_nothing_behind() -> None:
    ep = endpoint()
    tx = invite(ep)
    tx.owner = "leg"
    ep.respond(tx, 180, 0.1, to_tag="0dialog")
    ep.respond(tx, 200, 0.2, to_tag="0dialog", body=b"v=0\r\n")
    items = ep.drain()
    assert statuses(items) == [180, 200]
    assert all(parsed(data).to_tag == "0dialog" for data in sends(items))
    ack = request("ACK", branch="z9hG4bKother", to_tag="0dialog")
    (item,) = receive(ep, ack, 0.3)
    assert item == AckReceived(parsed_like(item), None)
    assert tx.owner == "leg"
    ep.acknowledged(tx, 0.3)
    assert ep.drain() == [] and ep.drain() == []
    assert tx.owner is None and tx.message.call_id == ""
    assert run(ep, 40.0) == [] and empty(ep)


def parsed_like(item: object) -> object:
    assert isinstance(item, AckReceived)
    return item.message


def test_100_is_sent_for_a_tu_that_is_silent_for_200_ms() -> None:
    ep = endpoint()
    invite(ep, headers="Timestamp: 54\r\n")
    assert run(ep, 0.19) == []
    (data,) = sends(run(ep, 0.25))
    assert (
        data.startswith(b"SIP/2.0 100 Trying")
        and b"\r\nTimestamp: 54\r\n" in data
        and b"To: <sip:1000@pbx.test>\r\n" in data
    )
    assert statuses(receive(ep, request(), 0.5)) == [100]


def test_a_retransmitted_request_gets_the_stored_answer_and_is_told_to_the_tu_once() -> None:
    ep = endpoint()
    (item,) = receive(ep, request("OPTIONS"))
    assert isinstance(item, RequestReceived)
    assert receive(ep, request("OPTIONS"), 0.1) == []
    ep.respond(item.transaction, 200, 0.2)
    (first,) = sends(ep.drain())
    assert sends(receive(ep, request("OPTIONS"), 1.0)) == [first]
    assert sends(receive(ep, request("OPTIONS"), 32.1)) == [first]
    run(ep, 32.3)
    assert empty(ep)


def test_an_unacknowledged_2xx_is_repeated_with_growing_intervals_and_then_reported() -> None:
    ep = endpoint()
    tx = invite(ep)
    tx.owner = "leg"
    ep.respond(tx, 200, 0.0)
    ep.drain()
    times = []
    missing = []
    while (at := ep.next_deadline()) is not None:
        ep.expire(at)
        for item in ep.drain():
            if isinstance(item, Send):
                times.append(at)
            elif isinstance(item, AckMissing):
                missing.append((at, item.transaction.owner))
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert missing == [(32.0, "leg")]
    assert empty(ep) and tx.owner is None


def test_a_rejected_invite_is_repeated_until_its_ack() -> None:
    ep = endpoint()
    tx = invite(ep)
    ep.respond(tx, 486, 0.0)
    (first,) = sends(ep.drain())
    assert sends(run(ep, 1.6)) == [first, first]
    tag = parsed(first).to_tag
    assert tag.startswith("0") and len(tag) == 17
    assert receive(ep, request("ACK", to_tag=tag), 1.7) == []
    assert tx.state is State.CONFIRMED
    assert run(ep, 60.0) == [] and empty(ep)


def test_an_ack_with_the_branch_of_the_invite_and_a_tag_of_its_own_finds_the_transaction() -> None:
    ep = endpoint()
    tx = invite(ep)
    ep.respond(tx, 200, 0.0)
    ep.drain()
    (item,) = receive(ep, request("ACK", to_tag="invented"), 0.1)
    assert isinstance(item, AckReceived) and item.transaction is tx
    ep.acknowledged(tx, 0.1)
    assert receive(ep, request("ACK", to_tag="invented"), 0.2) == []


def test_cancel_is_answered_and_reported_once() -> None:
    ep = endpoint()
    tx = invite(ep)
    ep.respond(tx, 180, 0.1, to_tag="0dialog")
    ep.drain()
    items = receive(ep, request("CANCEL"), 0.2)
    (ok,) = sends(items)
    assert ok.startswith(b"SIP/2.0 200 OK") and b"\r\nCSeq: 1 CANCEL\r\n" in ok and parsed(ok).to_tag == "0dialog"
    (item,) = others(items)
    assert isinstance(item, CancelReceived) and item.transaction is tx
    assert sends(receive(ep, request("CANCEL"), 0.3)) == [ok]
    ep.respond(tx, 487, 0.4)
    assert statuses(ep.drain()) == [487]


def test_cancel_after_the_final_response_has_no_effect() -> None:
    ep = endpoint()
    ep.respond(invite(ep), 200, 0.1)
    ep.drain()
    assert statuses(items := receive(ep, request("CANCEL"), 0.2)) == [200] and others(items) == []


@pytest.mark.parametrize(
    "data, flow",
    [
        (request("CANCEL", branch="z9hG4bKunknown"), PHONE),
        (request("CANCEL", sent_by="192.0.2.8:5060"), PHONE),
        (request("CANCEL"), Flow("udp", "203.0.113.9", 5060)),
    ],
)
def test_cancel_of_nothing_is_481(data: bytes, flow: Flow) -> None:
    ep = endpoint()
    invite(ep)
    items = receive(ep, data, 0.1, flow)
    assert statuses(items) == [481] and others(items) == []


def test_the_same_request_by_another_path_is_merged() -> None:
    ep = endpoint()
    tx = invite(ep)
    assert statuses(receive(ep, request(branch="z9hG4bKb2"), 0.1)) == [482]
    assert receive(ep, request("ACK", branch="z9hG4bKb2", to_tag="0-123456789012"), 0.1) == []
    ep.reject(tx, 404, 0.2)
    ep.drain()
    assert isinstance(receive(ep, request(branch="z9hG4bKb3"), 0.3)[0], RequestReceived)


def test_rfc_2543_requests_are_matched_without_a_branch() -> None:
    ep = endpoint()
    old = {"via": "SIP/2.0/UDP 192.0.2.7:5060"}
    tx = invite(ep, **old)
    assert receive(ep, request(**old), 0.05) == []
    ep.respond(tx, 404, 0.1, to_tag="0x")
    assert statuses(ep.drain()) == [404]
    assert statuses(receive(ep, request(**old), 0.2)) == [404]
    assert receive(ep, request("ACK", to_tag="0x", **old), 0.3) == []
    assert tx.state is State.CONFIRMED
    assert isinstance(receive(ep, request(cseq=2, **old), 0.4)[0], RequestReceived)


def test_a_stateless_answer_is_forgotten_and_its_ack_absorbed() -> None:
    ep = endpoint()
    tags = set()
    for attempt in range(3):
        tx = invite(ep, now=float(attempt))
        ep.reject(tx, 401, float(attempt), headers='WWW-Authenticate: Digest realm="x"\r\n')
        (data,) = sends(ep.drain())
        assert data.startswith(b"SIP/2.0 401 ") and b"WWW-Authenticate" in data
        tags.add(parsed(data).to_tag)
        assert empty(ep)
    (tag,) = tags
    assert tag[:2] == "0-"
    assert receive(ep, request("ACK", to_tag=tag), 3.0) == []
    assert ep.counters.rejected == 3 and ep.counters.stray_acks == 1
    assert run(ep, 10.0) == []


def test_a_rejection_after_a_provisional_is_an_ordinary_final() -> None:
    ep = endpoint()
    tx = invite(ep)
    run(ep, 0.3)
    ep.reject(tx, 403, 0.4)
    assert statuses(ep.drain()) == [403] and tx.state is State.COMPLETED


def test_a_second_final_response_is_ignored() -> None:
    ep = endpoint()
    tx = invite(ep)
    ep.respond(tx, 486, 0.0)
    ep.respond(tx, 200, 0.0)
    assert statuses(ep.drain()) == [486]


def test_many_strangers_cost_no_memory() -> None:
    ep = endpoint()
    for number in range(2_000):
        tx = invite(ep, now=number / 1000, branch=f"z9hG4bK{number}", call_id=f"c{number}")
        ep.reject(tx, 401, number / 1000)
        ep.drain()
        run(ep, number / 1000)
    assert empty(ep) and len(ep._core.timers) <= 201


# --- admission -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data, status, text",
    [
        (request("PUBLISH"), 405, b"Allow: INVITE, ACK"),
        (request("BREW"), 501, b"Allow: INVITE, ACK"),
        (request(max_forwards=0), 483, b""),
        (request("MESSAGE", max_forwards=0), 483, b""),
        (request(headers="Require: nothingSupportsThis\r\n"), 420, b"Unsupported: nothingSupportsThis\r\n"),
        (request(headers="Require: replaces\r\nProxy-Require: a, b\r\n"), 420, b"Unsupported: a, b\r\n"),
        (request(headers="Content-Type: application/x\r\n", body=b"x"), 415, b"Accept: application/sdp\r\n"),
        (request(headers="Content-Type: ?\r\n", body=b"x"), 415, b"Accept: application/sdp\r\n"),
        (request(headers="Accept: text/x\r\n"), 406, b"Accept: application/sdp\r\n"),
        (request("REGISTER", contact="sip:a@b?Route=x"), 400, b""),
        (request("REGISTER").replace(b"To: <sip:1000@pbx.test>", b"To: <isbn:2983792873>"), 400, b""),
        (request(contact="<sip:a@b>, <sip:c@d>"), 400, b""),
        (request(contact="garbage"), 400, b""),
        (request(uri="urn:service:sos"), 416, b""),
        (request("OPTIONS", uri="unknown-scheme:x"), 416, b""),
        (request().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n"), 505, b""),
        (request().replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE"), 400, b""),
        (request().replace(b"CSeq: 1 INVITE", b"CSeq: 99999999999 INVITE"), 400, b""),
    ],
)
def test_what_cannot_be_served_is_refused_without_a_trace(data: bytes, status: int, text: bytes) -> None:
    ep = endpoint(supported=("replaces",))
    items = receive(ep, data)
    (sent,) = sends(items)
    assert statuses(items) == [status] and text in sent and b";tag=0-" in sent
    assert empty(ep) and ep.next_deadline() is None
    assert len(sent) <= 1.5 * len(data)
    assert ep.counters.refused == 1


@pytest.mark.parametrize(
    "data",
    [
        request(via="SIP/2.0/UDP 192.0.2.7:5060", contact=""),  # a peer of RFC 2543
        request("REGISTER", max_forwards=0),
        request("OPTIONS", max_forwards=0),
        request("BYE", to_tag="0x", max_forwards=0),
        request(headers="Require: Replaces\r\n"),
        request(uri="SIP:1000@pbx.test"),
        request(contact=""),
        request(headers="Content-Type: Application/SDP;charset=utf-8\r\n", body=b"v=0"),
        request(headers="Content-Type: multipart/mixed;boundary=x\r\n", body=b"--x--"),
        request(headers="Content-Type: a/b\r\nContent-Disposition: x ; handling = optional\r\n", body=b"x"),
        request(headers="Content-Type: a/b\r\n"),
        request(headers="Accept: text/x, application/*;q=0.1\r\n"),
        request("REGISTER", contact="*"),
        request("REGISTER", contact=""),
        request("REGISTER", contact='"A, B" <sip:a@b>, <mailto:a@b>').replace(
            b"To: <sip:1000@pbx.test>", b"To: sip:a@b"
        ),
        request(uri="tel:+48221234567"),
    ],
)
def test_what_can_be_served_is_passed_up(data: bytes) -> None:
    (item,) = receive(endpoint(supported=("replaces",)), data)
    assert isinstance(item, RequestReceived)


@pytest.mark.parametrize(
    "data",
    [b"", b"\r\n\r\n", b"\x00\x00\x00\x00", b"jaK", b"garbage", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\xff" * 500,
     request("ACK").replace(b"CSeq: 1 ACK", b"CSeq: 1 INVITE"), b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP a"],
)  # fmt: skip
def test_junk_is_dropped_and_counted(data: bytes) -> None:
    ep = endpoint()
    assert receive(ep, data) == []
    counters = ep.counters
    assert counters.malformed + counters.keepalives + counters.unsendable == 1


def test_caps_answer_503_and_spare_dialogs() -> None:
    ep = endpoint(limits=Limits(pending_per_source=2))
    txs = [invite(ep, branch=f"z9hG4bK{n}", call_id=f"c{n}") for n in range(2)]
    items = receive(ep, request(branch="z9hG4bKc", call_id="c"))
    assert statuses(items) == [503] and b"\r\nRetry-After: " in sends(items)[0]
    assert isinstance(receive(ep, request("BYE", branch="z9hG4bKd", to_tag="0x"))[0], RequestReceived)
    assert isinstance(
        receive(ep, request(branch="z9hG4bKe", call_id="e"), flow=Flow("udp", "192.0.2.9", 5060))[0], RequestReceived
    )
    for tx in txs:
        ep.respond(tx, 486, 0.0)
    ep.drain()
    assert isinstance(receive(ep, request("INFO", branch="z9hG4bKf", call_id="f"))[0], RequestReceived)
    assert ep.counters.overload == 1
    full = endpoint(limits=Limits(transactions=1))
    full.respond(invite(full), 486, 0.0)
    full.drain()
    assert statuses(receive(full, request(branch="z9hG4bKc", call_id="c"))) == [503]


# --- where answers go ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "via, port",
    [
        ("SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK1;rport", 40000),
        ("SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK1", 5070),
        ("SIP/2.0/UDP phone.example:5071;branch=z9hG4bK1", 5071),
        ("SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1", 5060),
        ("SIP / 2.0 / UDP  192.0.2.7 : 5072 ;branch=z9hG4bK1", 5072),
        ("SIP/2.0/UDP [2001:db8::9]:5073;branch=z9hG4bK1", 5073),
        ("SIP/2.0/UDP [2001:db8::9];branch=z9hG4bK1;maddr=203.0.113.5", 5060),
    ],
)
def test_a_udp_answer_goes_to_the_source_host(via: str, port: int) -> None:
    ep = endpoint()
    flow = Flow("udp", "192.0.2.7", 40000)
    (item,) = receive(ep, request("OPTIONS", via=via), flow=flow)
    assert isinstance(item, RequestReceived)
    ep.respond(item.transaction, 200, 0.0)
    (sent,) = ep.drain()
    assert isinstance(sent, Send) and sent.flow == flow._replace(port=port)


@pytest.mark.parametrize("port", ["0", "70000", "99999999", "-1", "x"])
def test_a_port_that_is_none_is_never_sent_to(port: str) -> None:
    ep = endpoint()
    for item in receive(ep, request("OPTIONS", via=f"SIP/2.0/UDP 192.0.2.7:{port};branch=z9hG4bK1")):
        assert isinstance(item, Send) and item.flow == PHONE


def test_a_stream_answer_goes_back_on_the_connection_and_the_transaction_ends_with_it() -> None:
    ep = endpoint()
    (item,) = receive(ep, request("OPTIONS", transport="TCP"), flow=PHONE_TCP)
    assert isinstance(item, RequestReceived)
    ep.respond(item.transaction, 200, 0.0)
    (sent,) = ep.drain()
    assert isinstance(sent, Send) and sent.flow == PHONE_TCP
    ep.drain()
    assert empty(ep)
    tx = invite(ep, flow=PHONE_TCP)
    tx.owner = "leg"
    ep.flow_failed(PHONE_TCP, 1.0)
    (failed,) = ep.drain()
    assert isinstance(failed, ServerFailed) and failed.transaction.owner == "leg"
    ep.respond(tx, 487, 1.1)
    assert ep.drain() == [] and tx.owner is None and empty(ep)


# --- client side -----------------------------------------------------------------------------------------------------


def test_a_request_carries_our_via_and_is_answered() -> None:
    ep = endpoint()
    tx, data = call(ep, method="OPTIONS", owner="leg")
    m = parsed(data)
    assert m.header("via") == f"SIP/2.0/UDP 198.51.100.1:5060;rport;branch={m.branch}"
    assert m.branch.startswith("z9hG4bK0") and len(m.branch) == 24 and m.header("max-forwards") == "70"
    (item,) = receive(ep, answer(data, 200), 0.1)
    assert isinstance(item, ResponseReceived) and item.transaction is tx and item.transaction.owner == "leg"
    assert receive(ep, answer(data, 200), 0.2) == []
    assert tx.owner is None
    assert run(ep, 40.0) == [] and empty(ep)


def test_a_busy_callee_is_acknowledged_by_the_layer_along_the_route() -> None:
    ep = endpoint()
    _, data = call(ep)
    items = receive(ep, answer(data, 486), 0.1)
    (ack,) = sends(items)
    m = parsed(ack)
    assert ack.startswith(b"ACK sip:bob@192.0.2.7 SIP/2.0\r\n")
    assert m.header("via") == parsed(data).header("via") and m.header("to") == "<sip:bob@pbx.test>;tag=bt"
    assert m.header("route") == "<sip:192.0.2.7;lr>" and m.header("cseq") == "7 ACK" and "contact" not in m.headers
    assert [type(item) for item in others(items)] == [ResponseReceived]
    assert receive(ep, answer(data, 486), 0.6) == [Send(ack, PHONE)]
    assert run(ep, 40.0) == [] and empty(ep)


def test_the_ack_of_a_2xx_is_kept_for_its_copies_and_a_fork_goes_up() -> None:
    ep = endpoint()
    tx, data = call(ep)
    assert len(receive(ep, answer(data, 200), 0.1)) == 1
    assert receive(ep, answer(data, 200), 0.2) == []  # not acknowledged by the TU yet
    ep.ack(
        tx,
        "sip:bob@192.0.2.9",
        0.3,
        flow=PHONE,
        from_="<sip:us@pbx.test>;tag=lt",
        to="<sip:bob@pbx.test>;tag=bt",
        call_id="out-1",
        cseq=7,
    )
    (ack,) = ep.drain()
    assert isinstance(ack, Send) and parsed(ack.data).branch != parsed(data).branch
    assert receive(ep, answer(data, 200), 0.6) == [ack]
    (item,) = receive(ep, answer(data, 200, to_tag="other"), 0.7)
    assert isinstance(item, ResponseReceived) and item.message.to_tag == "other"
    assert receive(ep, answer(data, 200, to_tag="other"), 0.8) == []
    assert run(ep, 40.0) == [] and empty(ep)


def test_100_is_told_once() -> None:
    ep = endpoint()
    _, data = call(ep)
    assert [type(i) for i in receive(ep, answer(data, 100, to_tag=""), 0.1)] == [ResponseReceived]
    assert receive(ep, answer(data, 100, to_tag=""), 0.2) == []
    assert [type(i) for i in receive(ep, answer(data, 180), 0.3)] == [ResponseReceived]
    assert [type(i) for i in receive(ep, answer(data, 183), 0.4)] == [ResponseReceived]


def test_a_silent_callee_times_out_after_seven_requests() -> None:
    ep = endpoint()
    tx, data = call(ep, owner="leg")
    items = run(ep, 31.9)
    assert items == [Send(data, PHONE)] * 6
    ep.expire(32.0)
    (item,) = ep.drain()
    assert isinstance(item, RequestFailed) and (item.status, item.transaction.owner) == (408, "leg")
    assert ep.drain() == [] and tx.owner is None and empty(ep)


def test_a_phone_may_ring_for_longer_than_the_timeout() -> None:
    ep = endpoint()
    _, data = call(ep)
    receive(ep, answer(data, 180), 1.0)
    assert run(ep, 200.0) == []
    assert [type(i) for i in receive(ep, answer(data, 200), 201.0)] == [ResponseReceived]


def test_cancel_waits_for_the_first_provisional() -> None:
    ep = endpoint()
    tx, data = call(ep)
    ep.cancel(tx, 0.1, headers='Reason: SIP;cause=200;text="Call completed elsewhere"\r\n')
    assert ep.drain() == []
    (cancel,) = sends(receive(ep, answer(data, 180), 0.2))
    m, original = parsed(cancel), parsed(data)
    assert cancel.startswith(b"CANCEL sip:bob@192.0.2.7 SIP/2.0\r\n") and m.header("cseq") == "7 CANCEL"
    for name in ("via", "from", "to", "call-id", "route"):
        assert m.header(name) == original.header(name)
    assert m.header("reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    assert receive(ep, answer(cancel, 200), 0.3) == []
    items = receive(ep, answer(data, 487), 0.4)
    assert methods(items) == ["ACK"] and [type(i) for i in others(items)] == [ResponseReceived]
    assert run(ep, 40.0) == [] and empty(ep)


def test_an_answer_that_beats_the_cancel_goes_up() -> None:
    ep = endpoint()
    tx, data = call(ep)
    receive(ep, answer(data, 180), 0.1)
    ep.cancel(tx, 0.2)
    (cancel,) = sends(ep.drain())
    (item,) = receive(ep, answer(data, 200), 0.21)
    assert isinstance(item, ResponseReceived) and item.message.status == 200
    assert receive(ep, answer(cancel, 481), 0.22) == []


def test_a_cancel_without_effect_ends_the_transaction_after_64_t1() -> None:
    ep = endpoint()
    tx, data = call(ep, owner="leg")
    receive(ep, answer(data, 180), 1.0)
    ep.cancel(tx, 2.0)
    items = run(ep, 40.0)
    assert set(methods(items)) == {"CANCEL"}
    (item,) = others(items)
    assert isinstance(item, RequestFailed) and item.status == 487
    ep.drain()
    assert empty(ep)


@pytest.mark.parametrize(
    "change, flow",
    [
        (lambda d: d.replace(b"branch=z9hG4bK0", b"branch=z9hG4bK1"), PHONE),
        (lambda d: d.replace(b"7 INVITE", b"7 BYE"), PHONE),
        (lambda d: d.replace(b"Via:", b"Via: SIP/2.0/UDP 9.9.9.9;branch=z9hG4bKx\r\nVia:"), PHONE),
        (lambda d: d.replace(b"\r\nFrom:", b"\r\nVia: SIP/2.0/UDP 9.9.9.9;branch=z9hG4bKx\r\nFrom:"), PHONE),
        (lambda d: d, Flow("udp", "203.0.113.66", 5060)),
        (lambda d: d, PHONE_TCP),
    ],
)
def test_stray_responses_are_dropped_and_counted(change: object, flow: Flow) -> None:
    ep = endpoint()
    _, data = call(ep)
    assert receive(ep, change(answer(data, 200)), 0.1, flow) == []  # type: ignore[operator]
    assert ep.counters.stray_responses == 1


def test_a_failed_flow_ends_its_client_transactions() -> None:
    ep = endpoint()
    dialled = Flow("tcp", "192.0.2.7", 5060, 1, 0)
    tx, data = call(ep, flow=dialled, owner="leg")
    assert run(ep, 10.0) == []
    connected = dialled._replace(connection=4)
    receive(ep, answer(data, 180), 10.0, connected)
    ep.flow_failed(dialled, 11.0)
    assert ep.drain() == []
    ep.flow_failed(connected, 12.0)
    (item,) = ep.drain()
    assert isinstance(item, RequestFailed) and (item.status, item.transaction) == (503, tx)
    ep.drain()
    assert empty(ep)


@pytest.mark.parametrize(
    "host, port",
    [("192.0.2.7", 0), ("192.0.2.7", 70000), ("phone.example", 5060), ("127.1", 5060), ("239.1.1.1", 5060)],
)
def test_an_impossible_destination_fails_at_once(host: str, port: int) -> None:
    ep = endpoint()
    tx = ep.request(
        "OPTIONS", "sip:x", Flow("udp", host, port), 0.0, from_="<sip:a@b>;tag=1", to="<sip:x>", call_id="c", cseq=1
    )
    (item,) = ep.drain()
    assert isinstance(item, RequestFailed) and item.status == 503 and item.transaction is tx
    ep.send(b"x", Flow("udp", host, port))
    assert ep.drain() == [] and empty(ep) and ep.counters.unsendable == 2


def test_a_copy_of_a_request_from_another_address_is_another_request() -> None:
    ep = endpoint()
    (item,) = receive(ep, request("REGISTER"))
    assert isinstance(item, RequestReceived)
    ep.respond(item.transaction, 200, 0.0)
    ep.drain()
    stranger = PHONE._replace(host="203.0.113.9")
    ep.receive(request("REGISTER"), stranger, 0.1)
    (copy,) = ep.drain()
    assert isinstance(copy, RequestReceived) and copy.message.flow == stranger


def test_every_copy_of_a_registration_reaches_the_tu() -> None:
    ep = endpoint()
    for branch in ("z9hG4bKone", "z9hG4bKtwo"):
        (item,) = receive(ep, request("REGISTER", branch=branch))
        assert isinstance(item, RequestReceived)
