"""STUN on SIP ports, held to an independent reading of RFC 8489 by aioice."""

from __future__ import annotations

import pytest
from aioice import stun as oracle
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip import stun


def request() -> bytes:
    return bytes(
        oracle.Message(
            message_method=oracle.Method.BINDING, message_class=oracle.Class.REQUEST, transaction_id=b"0123456789ab"
        )
    )


@pytest.mark.parametrize("place", [("203.0.113.9", 31_000), ("2001:db8::7", 5060), ("127.0.0.1", 1)])
def test_the_answer_tells_the_address(place: tuple[str, int]) -> None:
    data = request()
    answer = oracle.parse_message(stun.answer(data, *place))
    assert answer.message_class is oracle.Class.RESPONSE and answer.message_method is oracle.Method.BINDING
    assert answer.transaction_id == oracle.parse_message(data).transaction_id
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == place


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x00\x01", request()[:-1], request() + b"\x00", b"OPTIONS sip:a SIP/2.0\r\n\r\n",
        b"\x01\x01" + request()[2:],  # a response
        b"\x00\x11" + request()[2:],  # an indication
        request()[:4] + b"\x00" * 16,  # no magic cookie
    ],
)  # fmt: skip
def test_what_is_no_request_gets_no_answer(data: bytes) -> None:
    assert not stun.is_stun(data) or stun.answer(data, "192.0.2.1", 5060) == b""


@given(st.binary(max_size=80))
def test_anything_at_all(data: bytes) -> None:
    if stun.is_stun(data):
        assert len(stun.answer(data, "192.0.2.1", 5060)) <= 32
