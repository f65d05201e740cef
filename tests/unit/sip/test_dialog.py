"""Dialogs (RFC 3261 section 12)."""

from __future__ import annotations

import pytest

from softswitch.effects import Flow, Send
from softswitch.sip.dialog import Dialog, DialogState, contact_uri
from softswitch.sip.endpoint import Endpoint
from softswitch.sip.message import Message
from tests.unit.sip.peer import PHONE, PHONE_TCP, answer, endpoint, parsed, request


def uas(flow: Flow = PHONE, **fields: object) -> Dialog:
    return Dialog.uas(parsed(request(**fields), flow), "0local", flow)  # type: ignore[arg-type]


def called(ep: Endpoint, flow: Flow = PHONE) -> tuple[Dialog, bytes]:
    """A dialog-to-be and the INVITE that was sent for it."""
    dialog = Dialog.uac("<sip:us@pbx.test>", "<sip:bob@pbx.test>", "c1", "0local", 0, flow, target="sip:bob@192.0.2.7")
    dialog.request(ep, "INVITE", 0.0)
    (sent,) = ep.drain()
    assert isinstance(sent, Send)
    return dialog, sent.data


def sent_by(dialog: Dialog, method: str = "BYE") -> tuple[Message, Flow]:
    ep = endpoint()
    dialog.request(ep, method, 0.0)
    (sent,) = ep.drain()
    assert isinstance(sent, Send)
    return parsed(sent.data), sent.flow


def test_the_called_side_answers_in_the_opposite_direction() -> None:
    dialog = uas(cseq=42, from_tag="ft")
    assert (dialog.local_tag, dialog.remote_tag, dialog.remote_cseq, dialog.state) == (
        "0local",
        "ft",
        42,
        DialogState.EARLY,
    )
    m, flow = sent_by(dialog)
    assert (m.method, m.uri, m.call_id, m.cseq) == ("BYE", "sip:alice@192.0.2.7:5060", "call-1", 1)
    assert m.header("from") == "<sip:1000@pbx.test>;tag=0local" and m.header("to") == "<sip:alice@pbx.test>;tag=ft"
    assert flow == PHONE


def test_the_calling_side_learns_from_responses() -> None:
    ep = endpoint()
    dialog, data = called(ep)
    m = parsed(data)
    assert (m.uri, m.cseq, m.to_tag, m.from_tag) == ("sip:bob@192.0.2.7", 1, "", "0local")
    dialog.early(parsed(answer(data, 100, to_tag="")))
    assert dialog.remote_tag == ""
    dialog.early(parsed(answer(data, 180, to_tag="b1", headers="Contact: <sip:bob@192.0.2.7:5070>\r\n")))
    assert (dialog.remote_tag, dialog.remote_target, dialog.state) == (
        "b1",
        "sip:bob@192.0.2.7:5070",
        DialogState.EARLY,
    )
    dialog.confirm(parsed(answer(data, 200, to_tag="b1", headers='Contact: "B" <sip:bob@192.0.2.7:5080>;x=1\r\n')))
    assert (dialog.remote_target, dialog.state) == ("sip:bob@192.0.2.7:5080", DialogState.CONFIRMED)
    m, flow = sent_by(dialog)
    assert (m.uri, m.cseq, m.to_tag) == ("sip:bob@192.0.2.7:5080", 2, "b1")
    assert flow == PHONE._replace(port=5080)


def test_the_ack_has_the_number_of_its_invite() -> None:
    ep = endpoint()
    dialog = Dialog.uac("<sip:us@pbx.test>", "<sip:bob@pbx.test>", "c1", "0local", 6, PHONE)
    tx = dialog.request(ep, "INVITE", 0.0)
    (sent,) = ep.drain()
    assert isinstance(sent, Send)
    ok = parsed(answer(sent.data, 200, headers="Contact: <sip:bob@192.0.2.7>\r\nRecord-Route: <sip:192.0.2.7;lr>\r\n"))
    dialog.confirm(ok)
    dialog.local_cseq += 3
    dialog.ack(ep, tx, ok, 0.1)
    (ack,) = ep.drain()
    assert isinstance(ack, Send)
    m = parsed(ack.data)
    assert (m.method, m.cseq, m.uri, m.header("route"), m.to_tag) == (
        "ACK",
        7,
        "sip:bob@192.0.2.7",
        "<sip:192.0.2.7;lr>",
        "bt",
    )


def test_each_fork_is_a_dialog_of_its_own() -> None:
    ep = endpoint()
    dialog, data = called(ep)
    dialog.early(parsed(answer(data, 180, to_tag="b1", headers="Contact: <sip:b1@192.0.2.7>\r\n")))
    other = dialog.fork(parsed(answer(data, 200, to_tag="b2", headers="Contact: <sip:b2@192.0.2.7>\r\n")))
    assert (other.remote_tag, other.remote_target, other.state) == ("b2", "sip:b2@192.0.2.7", DialogState.CONFIRMED)
    assert (dialog.remote_tag, dialog.remote_target, dialog.state) == ("b1", "sip:b1@192.0.2.7", DialogState.EARLY)
    assert dialog.fork(parsed(answer(data, 183, to_tag="b3"))).state is DialogState.EARLY


def test_routes_are_followed_in_order_and_reversed_for_the_caller() -> None:
    routes = "Record-Route: <sip:p2.example;lr>, <sip:192.0.2.7:5090;lr>\r\nRecord-Route: <sip:p0.example;lr>\r\n"
    m, flow = sent_by(uas(headers=routes))
    assert m.headers["route"] == ("<sip:p2.example;lr>", "<sip:192.0.2.7:5090;lr>", "<sip:p0.example;lr>")
    assert flow == PHONE
    ep = endpoint()
    dialog, data = called(ep)
    dialog.confirm(parsed(answer(data, 200, headers=routes.replace("p0.example", "192.0.2.7:5091"))))
    m, flow = sent_by(dialog)
    assert m.headers["route"] == ("<sip:192.0.2.7:5091;lr>", "<sip:192.0.2.7:5090;lr>", "<sip:p2.example;lr>")
    assert flow.port == 5091


def test_a_strict_router_stands_in_the_request_uri() -> None:
    m, _ = sent_by(uas(headers="Record-Route: <sip:old.example?x=y>\r\nRecord-Route: <sip:new.example;lr>\r\n"))
    assert m.uri == "sip:old.example"
    assert m.headers["route"] == ("<sip:new.example;lr>", "<sip:alice@192.0.2.7:5060>")


def test_a_foreign_host_in_the_routes_is_never_sent_to() -> None:
    _, flow = sent_by(uas(headers="Record-Route: <sip:203.0.113.66:53;lr>\r\n", contact="<sip:a@203.0.113.66:53>"))
    assert flow == PHONE
    assert sent_by(uas(headers="Record-Route: garbage\r\n"))[0].headers.get("route") is None


def test_requests_of_the_peer_are_checked() -> None:
    dialog = uas(cseq=10)
    inside = {"to_tag": "0local", "branch": "z9hG4bKx"}
    assert dialog.receive(parsed(request("INFO", cseq=11, **inside))) == 0  # type: ignore[arg-type]
    assert dialog.receive(parsed(request("INFO", cseq=10, **inside))) == 500  # type: ignore[arg-type]
    assert dialog.receive(parsed(request("ACK", cseq=10, **inside))) == 0  # type: ignore[arg-type]
    assert dialog.receive(parsed(request("BYE", cseq=15, **inside))) == 0  # type: ignore[arg-type]
    assert dialog.remote_cseq == 15
    for wrong in ({"to_tag": "0other"}, {"from_tag": "other"}, {"call_id": "other"}, {"from_tag": ""}):
        assert dialog.receive(parsed(request("BYE", **{"cseq": 20, **inside, **wrong}))) == 481  # type: ignore[arg-type]
    assert dialog.remote_cseq == 15


def test_a_request_from_elsewhere_is_refused_unless_authenticated() -> None:
    dialog = uas()
    moved = Flow("udp", "203.0.113.9", 5060)
    assert dialog.receive(parsed(request("BYE", cseq=2, to_tag="0local"), moved)) == 481
    assert dialog.receive(parsed(request("BYE", cseq=2, to_tag="0local"), PHONE._replace(port=9))) == 0
    assert dialog.flow == PHONE
    assert dialog.receive(parsed(request("INFO", cseq=3, to_tag="0local"), moved), trusted=True) == 0
    assert dialog.flow == moved


def test_a_new_connection_replaces_the_old_one() -> None:
    dialog = uas(PHONE_TCP)
    again = PHONE_TCP._replace(port=50000, connection=10)
    assert dialog.receive(parsed(request("INFO", cseq=2, to_tag="0local"), again)) == 0
    assert sent_by(dialog)[1] == again
    ep = endpoint()
    dialled = PHONE_TCP._replace(connection=0)
    dialog, data = called(ep, dialled)
    dialog.early(parsed(answer(data, 180, flow=dialled), PHONE_TCP))
    assert dialog.flow == PHONE_TCP


@pytest.mark.parametrize(
    "method, target",
    [("INVITE", "sip:new@192.0.2.7"), ("UPDATE", "sip:new@192.0.2.7"), ("INFO", "sip:alice@192.0.2.7:5060")],
)
def test_some_requests_move_the_target(method: str, target: str) -> None:
    dialog = uas()
    dialog.receive(parsed(request(method, cseq=2, to_tag="0local", contact="<sip:new@192.0.2.7>")))
    assert dialog.remote_target == target
    dialog.receive(parsed(request(method, cseq=3, to_tag="0local", contact="garbage")))
    assert dialog.remote_target == target


@pytest.mark.parametrize(
    "value, uri",
    [
        ("<sip:a@b>", "sip:a@b"),
        ('"A, <B>" <sip:a@b>;q=0.5', "sip:a@b"),
        ("sip:a@b;x=y", "sip:a@b"),
        ("<SIPS:a@b;transport=tcp>", "SIPS:a@b;transport=tcp"),
        ('<sip:a@[::1]:5060;ob>;+sip.instance="<urn:uuid:1>"', "sip:a@[::1]:5060;ob"),
        ("*", ""),
        ("<sip:a@b>, <sip:c@d>", ""),
        ("<tel:123>", ""),
        ("<http://x>", ""),
        ("<sip:a b>", ""),
        ("", ""),
        ("<sip:a@b", ""),
    ],
)
def test_the_contact_is_one_sip_uri(value: str, uri: str) -> None:
    assert contact_uri(parsed(request(contact=value or "x"))) == uri


def test_a_caller_without_a_usable_contact_is_reached_by_his_address() -> None:
    assert uas(contact="*").remote_target == "sip:alice@pbx.test"


def test_tags_are_taken_off_whatever_the_spelling() -> None:
    data = request().replace(b"From: <sip:alice@pbx.test>;tag=ft", b'From: "A \\"x\\"" <sip:alice@pbx.test>;tag=ft;y=z')
    dialog = Dialog.uas(parsed(data), "0local", PHONE)
    assert dialog.remote == '"A \\"x\\"" <sip:alice@pbx.test>;y=z' and dialog.remote_tag == "ft"
