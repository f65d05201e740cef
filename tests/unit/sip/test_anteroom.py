"""Registrations that wait while the switch is behind: all of them are served, each once, and nothing grows without limit."""

from __future__ import annotations

import pytest

from softswitch.effects import Flow
from softswitch.sip.anteroom import MAX_LENGTH, MAX_OCTETS, MAX_WAITING, PATIENCE, Anteroom


def register(number: int, credentials: str = "", pad: int = 0) -> bytes:
    lines = ["REGISTER sip:pbx.test SIP/2.0", f"Call-ID: {number}", "X: " + "x" * pad]
    return "\r\n".join([*lines, *([credentials] if credentials else []), "", ""]).encode()


def phone(number: int) -> Flow:
    return Flow("udp", f"192.0.2.{number % 250 + 1}", 1_024 + number)


def test_in_the_order_of_arrival_and_each_once() -> None:
    room = Anteroom()
    for number in range(5):
        assert room.takes(register(number), phone(number), True, 0.0)
    for number in range(5):
        assert room.takes(register(number), phone(number), True, 0.5)  # Nobody has answered them yet.
    assert (len(room), room.repeated) == (5, 5)
    assert [room.next(1.0) for _ in range(6)] == [*[(register(n), phone(n)) for n in range(5)], None]


@pytest.mark.parametrize("header", ["Authorization: Digest x", "authorization: Digest x"])
def test_nobody_overtakes_but_who_has_answered_a_challenge(header: str) -> None:
    room = Anteroom()
    assert not room.takes(register(0), phone(0), False, 0.0)  # Nobody waits: it is served.
    assert room.takes(register(1), phone(1), True, 0.0)
    assert room.takes(register(2), phone(2), False, 0.0)
    assert not room.takes(register(1, header), phone(1), False, 0.0)
    assert room.takes(register(1, header), phone(1), True, 0.0)


def test_other_requests_do_not_wait() -> None:
    room = Anteroom()
    assert room.takes(register(1), phone(1), True, 0.0)
    assert not room.takes(b"INVITE sip:anna@pbx.test SIP/2.0\r\n\r\n", phone(2), True, 0.0)


def test_who_has_waited_too_long_has_gone() -> None:
    room = Anteroom()
    room.takes(register(1), phone(1), True, 0.0)
    room.takes(register(2), phone(2), True, 10.0)
    assert room.next(PATIENCE + 1.0) == (register(2), phone(2))
    assert len(room) == 0


def test_it_is_bounded() -> None:
    room = Anteroom()
    assert not room.takes(register(0, pad=MAX_LENGTH), phone(0), True, 0.0)
    taken = sum(room.takes(register(n), phone(n), True, 0.0) for n in range(MAX_WAITING + 100))
    assert taken == MAX_WAITING
    large = Anteroom()
    taken = sum(large.takes(register(n, pad=1_900), phone(n), True, 0.0) for n in range(MAX_WAITING))
    assert taken == MAX_OCTETS // len(register(5_000, pad=1_900))
    while large.next(0.0):
        pass
    assert large.takes(register(0, pad=1_900), phone(0), True, 0.0)
