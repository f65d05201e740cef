from __future__ import annotations

import pytest

from softswitch.net.tally import Tally


@pytest.mark.parametrize(
    "data, kind",
    [
        (b"INVITE sip:a SIP/2.0\r\n", "INVITE"),
        (b"SUBSCRIBE sip:a SIP/2.0\r\n", "SUBSCRIBE"),
        (b"SIP/2.0 180 Ringing\r\n", "180"),
        (b"SIP/2.0 699 x\r\n", "699"),
        (b"SIP/2.0 999 x\r\n", "other"),
        (b"SIP/2.0 ", "other"),
        (b"invite sip:a SIP/2.0\r\n", "other"),
        (b"\0\1\2", "other"),
        (b"", "other"),
        (b" ", "other"),
    ],
)
def test_kinds(data: bytes, kind: str) -> None:
    tally = Tally()
    tally.count(data)
    assert tally.as_dict() == {kind: 1}


def test_a_peer_cannot_make_it_grow() -> None:
    tally = Tally()
    for number in range(1000):
        tally.count(f"METHOD{number} x".encode())
    assert tally.as_dict() == {"other": 1000}
