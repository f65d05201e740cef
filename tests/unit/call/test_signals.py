"""What comes besides speech: keys by every way, handshakes, candidates."""

from __future__ import annotations

from typing import Any

import pytest

from media.control import Audio, Digit, Ready, Secured
from softswitch.call.security import Keying
from tests.sim.phone import Line
from tests.sim.world import World, account, site
from tests.unit.call.test_control import talking

OURS = "sha-256 " + ":".join(["AB"] * 32)
THEIRS = "sha-256 " + ":".join(["0C"] * 32)


# --- keys by every way (MED-09) -----------------------------------------------------------------------------------------


def digits_world(**accounts: Any) -> tuple[World, Any, Any]:
    """anna talks to bob, whose phone has no telephone-event."""
    w = World(site("anna", accounts={user: account(user, **more) for user, more in accounts.items()}))
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.1)
    bob.dtmf_type = 0
    w.run(1)
    line = anna.call("bob")
    w.run(1)
    return w, line, bob.lines[0]


@pytest.mark.parametrize("mode, info, tones", [("auto", 1, 0), ("info", 1, 0), ("inband", 0, 1), ("rfc4733", 0, 0)])
def test_a_key_reaches_a_phone_without_events(mode: str, info: int, tones: int) -> None:
    w, line, other = digits_world(bob={"dtmf": mode})
    w.press(line, "5")
    w.run(1)
    assert len([one for one in other.log if one == "INFO Signal=5"]) == info
    assert len(w.worker.digits) == tones


def test_a_phone_that_refuses_info_gets_tones() -> None:
    w, line, other = digits_world(bob={})
    other.phone.answers_info = 405
    w.press(line, "5")
    w.run(1)
    w.press(line, "6")
    w.run(1)
    assert [one for one in other.log if one.startswith("INFO")] == ["INFO Signal=5"]
    assert [digits for _, digits in w.worker.digits] == ["6"]


def test_a_phone_that_says_it_takes_no_info_gets_tones() -> None:
    w, line, other = digits_world(bob={})
    leg = w.switch.calls.board.calls[next(iter(w.switch.calls.board.calls))].peer
    assert leg is not None
    leg.allow = "INVITE, ACK, BYE"
    w.press(line, "5")
    w.run(1)
    assert [digits for _, digits in w.worker.digits] == ["5"] and "INFO Signal=5" not in other.log


def test_tones_that_are_heard_are_said_again_as_events_only() -> None:
    w, line, other = digits_world(bob={})
    leg = w.worker.leg_of(other.phone.address[0], other.rtp)
    assert leg is not None
    w.media_event(Digit(leg, "9", 80, "inband"))
    w.run(1)
    caller = w.worker.leg_of(line.phone.address[0], line.rtp)
    assert w.worker.digits == [(caller, "9")]
    assert [event.method for event in w.switch.named("dtmf")] == ["inband"]


def test_candidates_that_come_late_are_acknowledged() -> None:
    w, line, _ = talking()
    body = b"a=ice-ufrag:abcd\r\na=candidate:1 1 udp 1 1.2.3.4 5 typ host\r\n"
    line.phone.in_dialog(line, "INFO", body, "application/trickle-ice-sdpfrag")
    w.run(1)
    assert "INFO 200" in line.log and not w.switch.named("dtmf")


# --- DTLS ----------------------------------------------------------------------------------------------------------------


def leg_of(w: World, line: Line) -> int:
    leg = w.worker.leg_of(line.phone.address[0], line.rtp)
    assert leg is not None
    return leg


def test_a_handshake_that_fails_ends_the_leg_unless_it_succeeds_after_all() -> None:
    w, line, other = talking()
    w.media_event(Secured(leg_of(w, line), error="bad certificate"))
    w.run(2)
    w.media_event(Secured(leg_of(w, line), suite="AEAD_AES_128_GCM"))
    w.run(10)
    assert line.state == "up"
    w.media_event(Secured(leg_of(w, line), error="bad certificate"))
    w.run(4)
    assert line.state == "up"
    w.run(2)
    assert line.state == other.state == "ended"
    assert w.switch.named("call.ended")[0].cause == "dtls_failed"
    assert [(event.suite, event.error) for event in w.switch.named("leg.secured")] == [
        ("", "bad certificate"), ("AEAD_AES_128_GCM", ""), ("", "bad certificate"),
    ]  # fmt: skip
    w.run(40)
    w.assert_idle()


def test_what_is_reported_for_others_changes_nothing_here() -> None:
    w, line, _ = talking()
    w.media_event(Audio(leg_of(w, line), "dead", 5.0))
    w.run(1)
    assert line.state == "up"


def test_a_new_certificate_of_the_worker_is_told_to_the_phones_that_check_it() -> None:
    w, line, _ = talking(fingerprint=OURS)
    board = w.switch.calls.board
    leg = next(leg for leg in board.legs.values() if leg.dialog.call_id == line.call_id)
    leg.negotiation.keying = Keying.DTLS
    sent = len(line.phone.received)
    w.worker.ports.clear()  # the worker was replaced
    w.media_event(Ready(0, 40_000, w.legs, "epoll", 1, fingerprint=THEIRS))
    w.run(1)
    again = [raw for raw in line.phone.received[sent:] if raw.start.startswith("INVITE")]
    assert [f"a=fingerprint:{THEIRS}\r\n".encode() in raw.body for raw in again] == [True]
