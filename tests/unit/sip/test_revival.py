"""INVITE transactions that go on in another process."""

from __future__ import annotations

import json
from typing import Any

import pytest

from softswitch.sip.core import State
from softswitch.sip.endpoint import (
    AckMissing,
    AckReceived,
    CancelReceived,
    ClientTransaction,
    Endpoint,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    ServerTransaction,
)
from softswitch.sip.revival import keep_client, keep_server
from tests.unit.sip.peer import PHONE, answer, endpoint, methods, others, parsed, request, sends, statuses

OWNER = object()


def stored(kept: dict[str, Any] | None) -> dict[str, Any]:
    assert kept is not None
    found: dict[str, Any] = json.loads(json.dumps(kept))
    return found


def invite(one: Endpoint, now: float = 0.0, headers: str = "") -> tuple[ClientTransaction, bytes]:
    tx = one.request(
        "INVITE", "sip:bob@192.0.2.7", PHONE, now, from_="<sip:us@x>;tag=1", to="<sip:bob@x>", call_id="c", cseq=7,
        headers=headers, body=b"v=0", owner=OWNER,
    )  # fmt: skip
    (data,) = sends(one.drain())
    return tx, data


def reborn(tx: ClientTransaction, now: float = 100.0) -> tuple[Endpoint, ClientTransaction]:
    fresh = endpoint(2)
    return fresh, fresh.revive_client(stored(keep_client(tx)), OWNER, now)


# --- our INVITE ------------------------------------------------------------------------------------------------------


def test_an_invite_without_an_answer_is_repeated() -> None:
    tx, data = invite(endpoint())
    fresh, again = reborn(tx)
    assert again.state is State.CALLING and fresh.drain() == []
    fresh.expire(100.5)
    assert sends(fresh.drain()) == [data]
    fresh.expire(132.0)
    (failed,) = [item for item in fresh.drain() if isinstance(item, RequestFailed)]
    assert (failed.transaction, failed.status) == (again, 408)


def test_a_phone_that_rang_answers_the_new_process() -> None:
    one = endpoint()
    tx, data = invite(one)
    one.receive(answer(data, 180), PHONE, 0.1)
    fresh, again = reborn(tx)
    fresh.expire(1_000.0)
    assert fresh.drain() == [], "a phone may ring as long as it likes"
    fresh.receive(answer(data, 200), PHONE, 1_001.0)
    (item,) = fresh.drain()
    assert isinstance(item, ResponseReceived) and item.transaction is again and again.owner is OWNER
    assert item.message.status == 200


def test_a_refusal_is_acknowledged_with_the_branch_and_the_routes_of_the_invite() -> None:
    one = endpoint()
    tx, data = invite(one, headers="Route: <sip:proxy;lr>\r\n")
    one.receive(answer(data, 180), PHONE, 0.1)
    fresh, _ = reborn(tx)
    fresh.receive(answer(data, 486), PHONE, 101.0)
    ack, item = fresh.drain()
    assert methods([ack]) == ["ACK"]
    text = sends([ack])[0].decode()
    assert parsed(data).branch in text and "Route: <sip:proxy;lr>\r\n" in text and "CSeq: 7 ACK" in text
    assert isinstance(item, ResponseReceived)


@pytest.mark.parametrize("cancelled_before", [False, True])
def test_it_can_be_cancelled(cancelled_before: bool) -> None:
    one = endpoint()
    tx, data = invite(one)
    one.receive(answer(data, 180), PHONE, 0.1)
    if cancelled_before:  # That CANCEL may have been lost: it is sent anew, by the TU.
        one.cancel(tx, 0.2)
    fresh, again = reborn(tx)
    fresh.cancel(again, 100.1)
    (cancel,) = sends(fresh.drain())
    assert cancel.startswith(b"CANCEL sip:bob@192.0.2.7 ") and parsed(cancel).branch == parsed(data).branch
    fresh.receive(answer(cancel, 200), PHONE, 100.2)
    fresh.receive(answer(data, 487), PHONE, 100.3)
    assert [type(item) for item in others(fresh.drain())] == [ResponseReceived]


def test_what_is_over_is_not_kept() -> None:
    one = endpoint()
    tx, data = invite(one)
    one.receive(answer(data, 200), PHONE, 0.1)
    assert keep_client(tx) is None
    bye = one.request("BYE", "sip:b@x", PHONE, 0.0, from_="<sip:a@x>", to="<sip:b@x>", call_id="c", cseq=8)
    assert keep_client(bye) is None


# --- their INVITE ----------------------------------------------------------------------------------------------------


def received(one: Endpoint) -> ServerTransaction:
    one.receive(request(body=b"v=0\r\n", headers="Timestamp: 5\r\n"), PHONE, 0.0)
    (item,) = others(one.drain())
    assert isinstance(item, RequestReceived)
    item.transaction.owner = OWNER
    return item.transaction


def reborn_server(tx: ServerTransaction, now: float = 100.0) -> tuple[Endpoint, ServerTransaction]:
    fresh = endpoint(2)
    return fresh, fresh.revive_server(stored(keep_server(tx)), OWNER, now)


def test_a_caller_without_an_answer_gets_100_and_then_the_answer() -> None:
    one = endpoint()
    fresh, tx = reborn_server(received(one))
    fresh.expire(100.3)
    assert statuses(fresh.drain()) == [100]
    fresh.receive(request(body=b"v=0\r\n"), PHONE, 100.4)  # retransmitted: no new call
    assert statuses(fresh.drain()) == [100]
    fresh.respond(tx, 200, 101.0, body=b"v=0")
    (ok,) = sends(fresh.drain())
    assert ok.startswith(b"SIP/2.0 200 ") and b"z9hG4bKa1" in ok and b"CSeq: 1 INVITE" in ok


def test_the_tag_of_before_is_kept_and_the_last_response_repeated() -> None:
    one = endpoint()
    before = received(one)
    one.respond(before, 180, 0.1, to_tag="ours")
    (ringing,) = sends(one.drain())
    fresh, tx = reborn_server(before)
    fresh.receive(request(body=b"v=0\r\n"), PHONE, 100.1)
    assert sends(fresh.drain()) == [ringing]
    fresh.respond(tx, 486, 100.2)
    assert b";tag=ours" in sends(fresh.drain())[0]


def test_the_caller_cancels_in_the_new_process() -> None:
    one = endpoint()
    before = received(one)
    one.respond(before, 180, 0.1)
    fresh, tx = reborn_server(before)
    fresh.receive(request("CANCEL"), PHONE, 100.1)
    items = fresh.drain()
    assert statuses(items) == [200]
    (item,) = others(items)
    assert isinstance(item, CancelReceived) and item.transaction is tx and tx.owner is OWNER


def test_a_2xx_is_repeated_until_its_ack() -> None:
    one = endpoint()
    before = received(one)
    one.respond(before, 200, 0.1, to_tag="ours", body=b"v=0")
    (ok,) = sends(one.drain())
    one.drain()  # The message is given up by now.
    fresh, tx = reborn_server(before)
    fresh.expire(100.5)
    assert sends(fresh.drain()) == [ok]
    fresh.receive(request("ACK", branch="z9hG4bKnew", to_tag="ours"), PHONE, 100.6)
    (item,) = fresh.drain()
    assert isinstance(item, AckReceived)
    fresh.acknowledged(tx, 100.6)
    fresh.expire(140.0)
    assert fresh.drain() == []


def test_a_2xx_that_nobody_acknowledges_is_given_up() -> None:
    one = endpoint()
    before = received(one)
    one.respond(before, 200, 0.1, to_tag="ours")
    fresh, tx = reborn_server(before)
    fresh.expire(140.0)
    (item,) = others(fresh.drain())
    assert isinstance(item, AckMissing) and item.transaction.owner is OWNER and tx.state is State.TERMINATED
    fresh.drain()
    assert not fresh._core.pending and not fresh._core.servers and not fresh._core.merged


def test_what_was_refused_is_not_kept() -> None:
    one = endpoint()
    before = received(one)
    one.respond(before, 486, 0.1)
    assert keep_server(before) is None
