"""STUN against RFC 5769, against what other implementations fell over, and against itself."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import stun
from media.stun import Message

TRANSACTION = bytes(range(12))
KEY = b"VOkJxbRl1RmTxUk/WvJxBt"


@pytest.fixture(scope="session")
def corpus(shared: Path) -> Path:
    return shared / "corpora/stun-rfc5769"


def vectors(corpus: Path, kind: str) -> list[tuple[dict[str, Any], bytes]]:
    items = json.loads((corpus / "index.json").read_text())["items"]
    return [(item, (corpus / item["file"]).read_bytes()) for item in items if item["kind"] == kind]


def key_of(item: dict[str, Any]) -> bytes:
    if "realm" in item:  # Long-term credentials (RFC 8489 section 9.2.2).
        text = f"{item['username']}:{item['realm']}:{item['password']}"
        return hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return str(item["password"]).encode()


def test_the_vectors_of_rfc_5769(corpus: Path) -> None:
    found = vectors(corpus, "stun")
    assert len(found) == 4
    for item, data in found:
        message = stun.parse(data)
        assert message is not None and message.authentic(key_of(item)), item["file"]
        assert not message.authentic(key_of(item) + b"x")
        assert message.fingerprint == ("fingerprint" in item) and message.unknown == ()
        if "username" in item:
            assert message.kind == stun.REQUEST
            assert message.attributes[stun.USERNAME] == item["username"].encode()
        if "mapped" in item:
            host, _, port = item["mapped"].rpartition(":")
            assert message.kind == stun.SUCCESS and message.mapped == (host.strip("[]"), int(port))
            value = stun.mapped_address((host.strip("[]"), int(port)), message.transaction)
            assert value == message.attributes[stun.XOR_MAPPED_ADDRESS]
        if "priority" in item:
            assert message.number(stun.PRIORITY) == item["priority"]
            assert message.number(stun.ICE_CONTROLLED) == int(item["ice_controlled"], 16)


def test_no_bit_may_be_changed(corpus: Path) -> None:
    for item, data in vectors(corpus, "stun"):
        signed = data.index(b"\x00\x08\x00\x14") + 24  # The end of MESSAGE-INTEGRITY.
        for bit in range(8 * signed):
            changed = bytearray(data)
            changed[bit >> 3] ^= 1 << (bit & 7)
            message = stun.parse(bytes(changed))
            assert message is None or not message.authentic(key_of(item)), (item["file"], bit)


def test_what_others_fell_over(corpus: Path) -> None:
    found = vectors(corpus, "stun-fuzz")
    assert len(found) == 30
    assert all(stun.parse(data) is None for _, data in found)


@given(st.binary(max_size=200))
def test_any_octets(data: bytes) -> None:
    header = stun.HEADER.pack(stun.REQUEST, len(data) & ~3, stun.MAGIC, TRANSACTION)
    for whole in (data, header + data[: len(data) & ~3]):
        message = stun.parse(whole)
        assert message is None or not message.authentic(KEY)
        if message is not None:
            assert message.error >= 0 and (message.mapped is None or len(message.mapped) == 2)


attributes = st.lists(
    st.tuples(
        st.sampled_from([stun.USERNAME, stun.XOR_MAPPED_ADDRESS, stun.SOFTWARE, 0x9999, 0x7777]), st.binary(max_size=40)
    ),
    max_size=8,
)


@given(attributes)
def test_what_is_built_is_understood(given_attributes: list[tuple[int, bytes]]) -> None:
    message = stun.parse(stun.build(stun.REQUEST, TRANSACTION, given_attributes, KEY))
    assert message is not None and message.authentic(KEY) and message.fingerprint
    assert message.transaction == TRANSACTION
    for kind, value in reversed(given_attributes):
        if all(value == other for each, other in given_attributes if each == kind):
            assert message.attributes[kind] == value
    assert (0x7777 in message.unknown) == any(kind == 0x7777 for kind, _ in given_attributes)
    assert 0x9999 not in message.unknown


def built(*pairs: tuple[int, bytes]) -> bytes:
    return stun.build(stun.REQUEST, TRANSACTION, pairs, KEY)


def test_what_follows_the_signature_does_not_count() -> None:
    data = bytearray(built()[:-8])  # Without the fingerprint,
    data += stun._ATTRIBUTE.pack(stun.USE_CANDIDATE, 0) + stun._ATTRIBUTE.pack(0x7777, 4) + bytes(4)
    data[2:4] = (len(data) - 20).to_bytes(2, "big")
    message = stun.parse(bytes(data))
    assert message is not None and message.authentic(KEY)
    assert stun.USE_CANDIDATE not in message.attributes and message.unknown == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data + bytes(4),
        lambda data: b"\x80" + data[1:],
        lambda data: data[:4] + b"\0" + data[5:],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: built((stun.PRIORITY, b"123")),
        lambda data: built((stun.USE_CANDIDATE, b"1234")),
        lambda data: built((stun.ICE_CONTROLLING, b"1")),
        lambda data: built((stun.SOFTWARE, bytes(1300))),
        lambda data: data[:20],
        lambda data: b"",
    ],
)
def test_what_is_no_message(spoil: Any) -> None:
    assert stun.parse(built()) is not None
    assert stun.parse(spoil(built())) is None


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (stun.error_code(487, "Role Conflict")[1], 487),
        (b"\0\0\x04\x14", 420),
        (b"\0\0\xff\x63", 799),
        (b"\0\0\x04\x64", 0),
        (b"\0\0", 0),
    ],
)
def test_error_codes(value: bytes, code: int) -> None:
    assert Message(stun.ERROR, TRANSACTION, {stun.ERROR_CODE: value}).error == code


@pytest.mark.parametrize(
    "value", [b"", b"\0\x01\0\0", b"\0\x02" + bytes(6), b"\0\x01" + bytes(18), b"\0\x03" + bytes(6)]
)
def test_addresses_that_are_none(value: bytes) -> None:
    assert Message(stun.SUCCESS, TRANSACTION, {stun.XOR_MAPPED_ADDRESS: value}).mapped is None
