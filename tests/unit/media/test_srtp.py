"""SRTP against the vectors of RFC 3711 and libsrtp, and against an implementation of the RFC written here for the purpose."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as Block
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from media import srtp
from media.rtp import Packet
from media.srtp import SUITES, Cipher, KeysError, Suite

CM_80, CM_32 = SUITES["AES_CM_128_HMAC_SHA1_80"], SUITES["AES_CM_128_HMAC_SHA1_32"]
GCM = SUITES["AEAD_AES_128_GCM"]
every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)


@pytest.fixture(params=[srtp._Direct, srtp._Public], ids=["direct", "public"])
def _binding(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(srtp, "_binding", request.param)


pytestmark = pytest.mark.usefixtures("_binding")


# --- RFC 3711, as it is written ---------------------------------------------------------------------------------------


def keystream(key: bytes, counter: int, size: int) -> bytes:
    """4.1.1: AES in counter mode."""
    encryptor = Block(algorithms.AES(key), modes.CTR((counter % (1 << 128)).to_bytes(16, "big"))).encryptor()
    return encryptor.update(bytes(size))


def derive(master: bytes, salt: bytes, label: int, size: int) -> bytes:
    """4.3.1, key derivation rate 0."""
    return keystream(master, (int.from_bytes(salt, "big") ^ label << 48) << 16, size)


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def protect(material: bytes, packet: bytes, roc: int, tag: int) -> bytes:
    """3.3, with AES-CM and HMAC-SHA1; the key is what is not salt."""
    master, salt = material[:-14], material[-14:]
    key, session_salt = derive(master, salt, 0, len(master)), derive(master, salt, 2, 14)
    ssrc, sequence = int.from_bytes(packet[8:12], "big"), int.from_bytes(packet[2:4], "big")
    counter = int.from_bytes(session_salt, "big") << 16 ^ ssrc << 64 ^ (roc << 16 | sequence) << 16
    sealed = packet[:12] + xor(packet[12:], keystream(key, counter, len(packet) - 12))
    digest = hmac.new(derive(master, salt, 1, 20), sealed + roc.to_bytes(4, "big"), hashlib.sha1).digest()
    return sealed + digest[:tag]


def protect_rtcp(material: bytes, packet: bytes, index: int) -> bytes:
    """3.4: the tag is of 80 bits whatever that of RTP is (RFC 4568 section 6.2.2)."""
    master, salt = material[:-14], material[-14:]
    key, session_salt = derive(master, salt, 3, len(master)), derive(master, salt, 5, 14)
    counter = int.from_bytes(session_salt, "big") << 16 ^ int.from_bytes(packet[4:8], "big") << 64 ^ index << 16
    sealed = packet[:8] + xor(packet[8:], keystream(key, counter, len(packet) - 8))
    sealed += (1 << 31 | index).to_bytes(4, "big")
    return sealed + hmac.new(derive(master, salt, 4, 20), sealed, hashlib.sha1).digest()[:10]


@pytest.fixture(scope="session")
def vectors(shared: Path) -> Any:
    return json.loads((shared / "corpora/srtp-vectors/vectors.json").read_text())


def packets_of(vectors: Any, name: str) -> dict[str, bytes]:
    (found,) = (each for each in vectors["libsrtp_packets"] if each["name"] == name)
    return {key: bytes.fromhex(value) for key, value in found.items() if key not in ("name", "policy")}


def test_the_keystream_of_appendix_b_2(vectors: Any) -> None:
    vector = vectors["rfc3711"]["B.2 AES-CM"]
    salt = int.from_bytes(bytes.fromhex(vector["session_salt"]), "big")
    for block, expected in vector["keystream"].items():
        got = keystream(bytes.fromhex(vector["session_key"]), salt + int(block, 16), 16)
        assert got == bytes.fromhex(expected), block


def test_the_key_derivation_of_appendix_b_3(vectors: Any) -> None:
    vector = {
        key: bytes.fromhex(value) for key, value in vectors["rfc3711"]["B.3 key derivation"].items() if "DIV" not in key
    }
    master, salt = vector["master_key"], vector["master_salt"]
    assert derive(master, salt, 0, 16) == vector["cipher_key"]
    assert derive(master, salt, 2, 14) == vector["cipher_salt"]
    assert derive(master, salt, 1, 20) == vector["auth_key_20"]


@pytest.mark.parametrize("name", ["srtp_validate", "srtp_validate_aes_256", "srtp_validate_null_sha1_80"])
def test_the_rfc_as_written_here_makes_the_packets_of_libsrtp(vectors: Any, name: str) -> None:
    """Also of suites that we do not offer: the yardstick is what is tested."""
    packets = packets_of(vectors, name)
    material = packets.get("key", bytes.fromhex(vectors["test_keys"]["test_key"])[:30])
    made = protect(material, packets["srtp_plaintext_ref"], 0, 10)
    if "null" in name:
        plain = packets["srtp_plaintext_ref"]
        digest = hmac.new(derive(material[:16], material[16:], 1, 20), plain + bytes(4), hashlib.sha1).digest()
        made = plain + digest[:10]
    assert made == packets["srtp_ciphertext"]


# --- ours -------------------------------------------------------------------------------------------------------------


def material(suite: Suite, seed: int) -> bytes:
    return Random(seed).randbytes(suite.key + suite.salt)


def pair(suite: Suite, one: bytes | None = None, other: bytes | None = None) -> tuple[Cipher, Cipher]:
    """Both ends of a leg."""
    first, second = one or material(suite, 1), other or material(suite, 2)
    return Cipher(srtp.Keys(suite, first, second)), Cipher(srtp.Keys(suite, second, first))


def rtp(sequence: int, ssrc: int = 0xCAFEBABE, size: int = 160) -> bytes:
    return bytes(Packet(0, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, ssrc, Random(sequence).randbytes(size)))


RTCP = bytes.fromhex("81c8000b") + bytes(range(44))


def opened(cipher: Cipher, packet: bytes | memoryview, *, rtcp: bool = False) -> bytes:
    """What a cipher makes of a packet; b"" if it refuses it."""
    room = memoryview(bytearray(packet) + bytes(100))
    size = (cipher.unprotect_rtcp if rtcp else cipher.unprotect)(room, len(packet))
    return bytes(room[:size])


@pytest.mark.parametrize(("name", "suite"), [("srtp_validate", CM_80), ("srtp_validate_gcm", GCM)])
def test_vectors_of_libsrtp(vectors: Any, name: str, suite: Suite) -> None:
    packets = packets_of(vectors, name)
    key = bytes.fromhex(vectors["test_keys"]["test_key" if suite is CM_80 else "test_key_gcm"])[
        : suite.key + suite.salt
    ]
    us, them = pair(suite, key, key)
    plain = packets_of(vectors, "srtp_validate")["srtp_plaintext_ref"]
    assert bytes(us.protect(plain)) == packets["srtp_ciphertext"]
    assert opened(them, packets["srtp_ciphertext"]) == plain
    # libsrtp counts SRTCP packets from 1, as the vector does.
    assert bytes(us.protect_rtcp(packets["rtcp_plaintext_ref"])) == packets["srtcp_ciphertext"]
    assert opened(them, packets["srtcp_ciphertext"], rtcp=True) == packets["rtcp_plaintext_ref"]


@pytest.mark.parametrize(("suite", "tag"), [(CM_80, 10), (CM_32, 4)], ids=["80", "32"])
def test_what_the_rfc_makes_we_make(suite: Suite, tag: int) -> None:
    """Across two wraps of the sequence number."""
    us, them = pair(suite)
    key = us.keys.send
    for number in range(60_000, 200_000, 9973):
        packet = rtp(number, size=number % 400)
        sealed = protect(key, packet, number >> 16, tag)
        assert bytes(us.protect(packet)) == sealed
        assert opened(them, sealed) == packet
    for index in range(1, 20):
        sealed = protect_rtcp(key, RTCP, index)
        assert bytes(us.protect_rtcp(RTCP)) == sealed
        assert opened(them, sealed, rtcp=True) == RTCP


@every_suite
def test_no_bit_may_be_changed_and_nothing_is_learnt_from_what_is_wrong(suite: Suite) -> None:
    us, them = pair(suite)
    sealed = bytes(us.protect(rtp(7, size=20)))
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit >> 3] ^= 1 << (bit & 7)
        assert opened(them, changed) == b""
    assert opened(them, sealed) == rtp(7, size=20)
    control = bytes(us.protect_rtcp(RTCP))
    for bit in range(len(control) * 8):
        changed = bytearray(control)
        changed[bit >> 3] ^= 1 << (bit & 7)
        assert opened(them, changed, rtcp=True) == b""
    assert opened(them, control, rtcp=True) == RTCP


@every_suite
def test_a_replay_is_refused_and_a_late_packet_is_not(suite: Suite) -> None:
    us, them = pair(suite)
    sealed = [bytes(us.protect(rtp(number))) for number in range(200)]
    assert opened(them, sealed[0]) and opened(them, sealed[100])
    assert opened(them, sealed[50]) == rtp(50)
    assert opened(them, sealed[50]) == b"" and opened(them, sealed[100]) == b"" and opened(them, sealed[0]) == b""
    assert opened(them, sealed[199]) and opened(them, sealed[20]) == b"", "older than the window"
    control = bytes(us.protect_rtcp(RTCP))
    assert opened(them, control, rtcp=True) and opened(them, control, rtcp=True) == b""


def test_we_do_not_send_a_number_twice() -> None:
    us, _ = pair(CM_80)
    assert us.protect(rtp(5)) and not us.protect(rtp(5)) and us.protect(rtp(6))


@pytest.mark.parametrize("size", [*range(13), 14, 21, 1600])
def test_no_size_is_trouble(size: int) -> None:
    us, them = pair(GCM)
    for first in (b"\x80", b"\x9f", b"\xbf"):
        junk = (first + bytes(range(256)) * 7)[:size]
        assert opened(them, junk) == b"" and opened(them, junk, rtcp=True) == b""
    assert len(us.protect(rtp(1, size=1300))) == 1328
    assert len(us.protect(bytes(3000))) == 0


def test_a_far_end_may_change_its_ssrc_for_ever() -> None:
    us, them = pair(CM_80)
    for ssrc in range(1, 100):
        for number in (65_534, 65_535, 65_536):
            assert opened(them, us.protect(rtp(number, ssrc))) == rtp(number, ssrc)
            if number == 65_534:
                assert opened(them, us.protect_rtcp(RTCP[:4] + ssrc.to_bytes(4, "big") + RTCP[8:]), rtcp=True)
    assert len(them._receiver._streams) == srtp.MAX_STREAMS


# --- new keys ---------------------------------------------------------------------------------------------------------


def stream(cipher: Cipher, numbers: range) -> Iterator[bytes]:
    for number in numbers:
        yield bytes(cipher.protect(rtp(number)))


def accepted(cipher: Cipher, packets: Iterator[bytes]) -> int:
    return sum(1 for packet in packets if opened(cipher, packet))


def test_the_same_keys_again_change_nothing() -> None:
    us, them = pair(CM_80)
    sealed = list(stream(us, range(65_500, 65_600)))
    assert accepted(them, iter(sealed)) == 100
    them.rekey(them.keys)
    us.rekey(us.keys)
    assert accepted(them, iter(sealed)) == 0, "replays are still known"
    assert accepted(them, stream(us, range(65_600, 65_700))) == 100, "and so is the rollover counter"


@every_suite
def test_a_new_key_takes_over_while_packets_of_the_old_one_are_under_way(suite: Suite) -> None:
    us, them = pair(suite)
    assert accepted(them, stream(us, range(100))) == 100
    under_way = list(stream(us, range(100, 110)))
    fresh, _ = pair(suite, material(suite, 3), us.keys.receive)
    them.rekey(srtp.Keys(suite, them.keys.send, fresh.keys.send), 0xCAFEBABE, 99)
    new = list(stream(fresh, range(110, 300)))
    assert accepted(them, iter(under_way[:5] + new[:10] + under_way[5:] + new[10:])) == 200
    assert accepted(them, iter(new[-20:])) == 0
    assert accepted(them, stream(us, range(300, 310))) == 0, "the old key is forgotten"


@pytest.mark.parametrize("kept", [True, False], ids=["counter kept", "counter anew"])
def test_a_new_key_in_a_long_call(kept: bool) -> None:
    us, them = pair(CM_80)
    assert accepted(them, stream(us, range(0, 150_000, 10_000))) == 15
    fresh = Cipher(srtp.Keys(CM_80, material(CM_80, 3), us.keys.receive))
    if kept:
        assert list(stream(fresh, range(0, 150_000, 10_000)))
    them.rekey(srtp.Keys(CM_80, them.keys.send, fresh.keys.send), 0xCAFEBABE, 140_000)
    assert accepted(them, stream(fresh, range(150_000, 150_200))) == 200
    assert accepted(them, stream(fresh, range(150_200, 220_000, 10_000))) == 7


def test_rtcp_under_a_new_key() -> None:
    us, them = pair(CM_80)
    old = bytes(us.protect_rtcp(RTCP))
    fresh = Cipher(srtp.Keys(CM_80, material(CM_80, 3), us.keys.receive))
    them.rekey(srtp.Keys(CM_80, them.keys.send, fresh.keys.send))
    assert opened(them, old, rtcp=True) == RTCP
    assert opened(them, fresh.protect_rtcp(RTCP), rtcp=True) == RTCP


def test_another_suite() -> None:
    us, them = pair(CM_80)
    assert accepted(them, stream(us, range(10))) == 10
    us.rekey(srtp.Keys(GCM, material(GCM, 1), material(GCM, 2)))
    them.rekey(srtp.Keys(GCM, material(GCM, 2), material(GCM, 1)), 0xCAFEBABE, 9)
    assert accepted(them, stream(us, range(10, 200))) == 190
    assert opened(us, them.protect(rtp(1))) == rtp(1)


# --- keys as SDP writes them ------------------------------------------------------------------------------------------


def text(octets: int) -> str:
    return b64encode(bytes(range(octets))).decode()


@every_suite
def test_keys_of_the_right_length(suite: Suite) -> None:
    octets = suite.key + suite.salt
    made = srtp.keys(suite.name, text(octets), text(octets))
    assert made.send == made.receive == bytes(range(octets)) and made.suite is suite
    assert bytes(range(octets)).hex() not in repr(made) and str(bytes(range(octets))) not in repr(made)


@pytest.mark.parametrize(
    ("suite", "send", "receive", "says"),
    [
        ("AES_CM_128_HMAC_SHA1_80", text(29), text(30), "send_key has 29 octets"),
        ("AES_CM_128_HMAC_SHA1_80", text(30), text(31), "receive_key has 31 octets"),
        ("AES_CM_128_HMAC_SHA1_80", text(30), "", "receive_key has 0 octets"),
        ("AEAD_AES_128_GCM", text(30), text(28), "send_key has 30 octets"),
        ("AEAD_AES_256_GCM", text(44), text(28), "receive_key has 28 octets"),
        ("AES_CM_128_HMAC_SHA1_32", "!" + text(30), text(30), "send_key is not base64"),
        ("AES_CM_128_HMAC_SHA1_32", text(30), text(30)[:-1] + "ł", "receive_key is not base64"),
        ("F8_128_HMAC_SHA1_80", text(30), text(30), "'F8_128_HMAC_SHA1_80' is not known"),
    ],
)
def test_keys_that_are_none(suite: str, send: str, receive: str, says: str) -> None:
    with pytest.raises(KeysError, match=says):
        srtp.keys(suite, send, receive)
