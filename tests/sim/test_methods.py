"""Which method means what where (RFC 3261 sections 8.2.1, 12.2.2, 21.4.6): first whether it is served, then its dialog."""

from __future__ import annotations

import pytest

from tests.sim.extended import ExtendedPhone, extended
from tests.sim.phone import Line, VirtualPhone
from tests.sim.world import World, site

SERVED_INSIDE = ("BYE", "INFO", "UPDATE", "PRACK", "OPTIONS", "INVITE")


def talking() -> tuple[World, ExtendedPhone, Line]:
    w = World(site("anna", "bob"))
    anna, _ = extended(w, "anna"), extended(w, "bob", answer_after=0.1)
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    return w, anna, line


def status(w: World, phone: VirtualPhone, line: Line, method: str, to: str) -> int:
    line.cseq += 1
    headers = phone.dialog_headers(line, method, line.cseq) | {"To": to}
    phone.request(method, line.target, headers, retransmit=False)
    before = len(phone.received)
    w.run(0.3)
    return next(raw.status for raw in phone.received[before:] if raw.status > 100 and raw.method == method)


@pytest.mark.parametrize("method", SERVED_INSIDE)
def test_what_is_served_in_a_dialog_that_is_not_there(method: str) -> None:
    w, anna, line = talking()
    assert status(w, anna, line, method, "<sip:bob@pbx.test>;tag=0nobody") == 481


@pytest.mark.parametrize("to", ["<sip:bob@pbx.test>;tag=0nobody", "its own", "<sip:bob@pbx.test>"])
def test_what_is_not_served_anywhere(to: str) -> None:
    """405 and 501 come before any look at the dialog, and a 405 says what is served."""
    w, anna, line = talking()
    to = f"{line.remote};tag={line.remote_tag}" if to == "its own" else to
    assert status(w, anna, line, "PUBLISH", to) == 405
    assert {"INVITE", "UPDATE", "PRACK"} <= set(anna.heard("405 PUBLISH")[0].get("Allow").split(", "))
    assert status(w, anna, line, "FOO", to) == 501


@pytest.mark.parametrize("method", ["MESSAGE", "REGISTER"])
def test_what_is_served_outside_of_calls_only(method: str) -> None:
    w, anna, line = talking()
    assert status(w, anna, line, method, f"{line.remote};tag={line.remote_tag}") == 405
    allowed = anna.heard(f"405 {method}")[0].get("Allow").split(", ")
    assert method not in allowed and set(SERVED_INSIDE) <= set(allowed)
    assert status(w, anna, line, method, "<sip:bob@pbx.test>;tag=0nobody") == 481
    assert line.state == "up"


@pytest.mark.parametrize("method", ["BYE", "PRACK", "UPDATE", "INFO"])
def test_what_means_nothing_without_a_dialog(method: str) -> None:
    """A stranger is asked who it is, and learns nothing else (SEC-02)."""
    w, _, line = talking()
    stranger = VirtualPhone(w, "mallory", "x", "203.0.113.5", 5060)
    assert status(w, stranger, line, method, "<sip:bob@pbx.test>") == 401
