"""Handshakes between two ends in one process: what they agree on, and what keeps them from it."""

from __future__ import annotations

import hashlib
import time
from random import Random

import pytest
from OpenSSL import SSL

from media import dtls
from media.dtls import Association, Fingerprint, FingerprintError, Identity, is_hello
from media.handshakes import MAX_ASSOCIATIONS, MAX_FAILURES, DtlsTerms, Handshakes
from media.latch import Address

HOME, STRANGER = ("192.0.2.1", 5000), ("192.0.2.1", 6000)
LATER = 1e9


@pytest.fixture(scope="module")
def ours() -> Identity:
    return Identity(b"secret" * 5)


@pytest.fixture(scope="module")
def theirs() -> Identity:
    return Identity(b"secret" * 6)


def of(identity: Identity) -> Fingerprint:
    return Fingerprint.parse(identity.fingerprint)


def client(identity: Identity, server: Identity | None) -> Association:
    association = Association(identity, True, HOME, of(server) if server else None, LATER)
    association.start()
    return association


def server(identity: Identity, client: Identity | None, *, cookies: bool = False) -> Association:
    return Association(identity, False, HOME, of(client) if client else None, LATER, cookies)


def taken(association: Association) -> list[bytes]:
    outgoing, association.outgoing = association.outgoing, []
    return outgoing


def talk(one: Association, other: Association) -> list[int]:
    """Pass on what both say, until both are silent; returns the sizes."""
    sizes = []
    while one.outgoing or other.outgoing:
        for sender, receiver in ((one, other), (other, one)):
            for datagram in taken(sender):
                sizes.append(len(datagram))
                receiver.receive(datagram)
    return sizes


@pytest.mark.parametrize("cookies", [False, True])
def test_both_ends_agree(ours: Identity, theirs: Identity, cookies: bool) -> None:
    one, other = client(ours, theirs), server(theirs, ours, cookies=cookies)
    sizes = talk(one, other)
    assert one.keys is not None and other.keys is not None
    assert (one.keys.send, one.keys.receive) == (other.keys.receive, other.keys.send)
    assert one.keys.send != one.keys.receive and one.keys.suite.name == "AEAD_AES_128_GCM"
    assert max(sizes) <= 1200 and one.timeout(0.0) is other.timeout(0.0) is None


@pytest.mark.parametrize("profile", ["SRTP_AES128_CM_SHA1_80", "SRTP_AEAD_AES_128_GCM", "SRTP_AEAD_AES_256_GCM"])
def test_the_far_end_chooses_the_profile(ours: Identity, profile: str) -> None:
    theirs = Identity(b"1")
    theirs.context.set_tlsext_use_srtp(profile.encode())
    one, other = client(theirs, ours), server(ours, theirs)
    talk(one, other)
    assert one.keys is not None and other.keys is not None and one.keys.suite is dtls._PROFILES[profile.encode()]
    assert one.keys.send == other.keys.receive and len(one.keys.send) == one.keys.suite.key + one.keys.suite.salt


def test_a_far_end_without_srtp(ours: Identity) -> None:
    theirs = Identity(b"1")
    theirs.context = SSL.Context(SSL.DTLS_METHOD)
    one, other = Association(theirs, True, HOME, of(ours), LATER), server(ours, theirs)
    one.start()
    talk(one, other)
    assert other.keys is None and other.error != ""


@pytest.mark.parametrize("version", [0xFEFF])
def test_an_old_version_is_refused(ours: Identity, version: int) -> None:
    theirs = Identity(b"1")
    theirs.context.set_min_proto_version(0)
    theirs.context.set_max_proto_version(version)
    theirs.context.set_cipher_list(b"ALL:@SECLEVEL=0")
    one, other = client(theirs, ours), server(ours, theirs)
    talk(one, other)
    assert other.keys is None and one.keys is None


# --- who it is --------------------------------------------------------------------------------------------------------


def test_another_certificate_than_the_one_of_the_sdp(ours: Identity, theirs: Identity) -> None:
    mallory = Identity(b"mallory")
    for one, other in (
        (client(mallory, ours), server(ours, theirs)),
        (client(ours, theirs), server(mallory, ours)),
    ):
        talk(one, other)
        deceived = other if one.identity is mallory else one
        assert deceived.keys is None and "fingerprint" in deceived.error


def test_a_fingerprint_that_comes_after_the_handshake(ours: Identity, theirs: Identity) -> None:
    one, other = client(theirs, ours), server(ours, None)
    talk(one, other)
    assert one.keys is not None and other.keys is None and not other.error
    other.expect(of(theirs))
    assert other.keys is not None and other.keys.send == one.keys.receive
    one, other = client(theirs, ours), server(ours, None)
    talk(one, other)
    other.expect(of(ours))
    assert other.keys is None and other.error


@pytest.mark.parametrize("algorithm", ["sha-256", "SHA-384", "sha-512"])
def test_fingerprints(algorithm: str) -> None:
    certificate = b"certificate"
    digest = hashlib.new(algorithm.lower().replace("-", ""), certificate).hexdigest()
    pairs = [digest[at : at + 2] for at in range(0, len(digest), 2)]
    for value in (":".join(pairs), ":".join(pairs).upper()):
        fingerprint = Fingerprint.parse(f"{algorithm} {value}")
        assert fingerprint.matches(certificate) and not fingerprint.matches(b"another")
    for value in (
        "",
        ":".join(pairs[1:]),
        ":".join(pairs) + ":00",
        " ".join(pairs),
        ":".join(pairs)[:-1] + "x",
        digest,
    ):
        with pytest.raises(FingerprintError):
            Fingerprint.parse(f"{algorithm} {value}")


@pytest.mark.parametrize(
    "text", ["sha-1 " + ":".join(["00"] * 20), "md5 " + ":".join(["00"] * 16), "", "sha-256", "x y"]
)
def test_fingerprints_that_are_not_good_enough(text: str) -> None:
    with pytest.raises(FingerprintError):
        Fingerprint.parse(text)


# --- what may go wrong on the way -------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [0, 1, 2, 3])
def test_a_flight_that_is_lost_is_sent_again(ours: Identity, theirs: Identity, lost: int) -> None:
    """OpenSSL's own clock runs: a second passes."""
    one, other = client(ours, theirs), server(theirs, ours)
    flight = 0
    deadline = time.monotonic() + 10
    while not (one.keys and other.keys) and time.monotonic() < deadline:
        if not (one.outgoing or other.outgoing):
            now = time.monotonic()
            due = min(each.timeout(now) or now + 9 for each in (one, other))
            time.sleep(max(0.0, due - now) + 0.01)
            for each in (one, other):
                if (at := each.timeout(time.monotonic())) is not None and at <= time.monotonic():
                    each.expire(time.monotonic())
        for sender, receiver in ((one, other), (other, one)):
            datagrams = taken(sender)
            if datagrams:
                flight += 1
            for datagram in datagrams if flight - 1 != lost else ():
                receiver.receive(datagram)
    assert one.keys is not None and other.keys is not None and one.keys.send == other.keys.receive


def test_a_handshake_that_nobody_answers_ends(ours: Identity, theirs: Identity) -> None:
    one = Association(ours, True, HOME, of(theirs), deadline=130.0)
    one.start()
    assert one.timeout(100.0) is not None and one.timeout(100.0) <= 130.0  # type: ignore[operator]
    one.expire(130.0)
    assert one.error and one.timeout(130.0) is None


JUNK = [
    b"",
    b"\x16",
    b"\x16\xfe\xfd" + bytes(9),
    b"\x16\xfe\xfd" + bytes(10),
    b"\x17\xfe\xfd\x00\x01" + bytes(6) + b"\x00\x05hello",
    b"\x3f\xfe\xfd" + bytes(8) + b"\x00\x05hello",
    b"\x16\x03\x03" + bytes(60),
    b"\x16\xfe\xfd" + bytes(8) + b"\xff\xff" + bytes(60),
    *(Random(seed).randbytes(200) for seed in range(20)),
]


def test_junk_between_the_flights_is_no_matter(ours: Identity, theirs: Identity) -> None:
    one, other = client(ours, theirs), server(theirs, ours)
    while one.outgoing or other.outgoing:
        for sender, receiver in ((one, other), (other, one)):
            for datagram in taken(sender):
                for junk in JUNK:
                    receiver.receive(junk)
                receiver.receive(datagram)
    assert one.keys is not None and other.keys is not None
    for junk in JUNK:
        one.receive(junk)
    assert one.outgoing == [] and not one.error


def test_no_second_handshake_in_the_first_one(ours: Identity, theirs: Identity) -> None:
    one, other = client(ours, theirs), server(theirs, ours)
    talk(one, other)
    before = other.keys
    with pytest.raises(SSL.Error):
        one._connection.renegotiate()
        one._connection.do_handshake()
    again = client(ours, theirs)
    for datagram in taken(again):
        other.receive(datagram)
    assert other.outgoing == [] and other.keys is before and not other.error


def test_goodbye(ours: Identity, theirs: Identity) -> None:
    one, other = client(ours, theirs), server(theirs, ours)
    one.close()
    assert len(taken(one)) == 1, "only the hello: there is nothing yet to end"
    one = client(ours, theirs)
    talk(one, other)
    one.close()
    (datagram,) = taken(one)
    assert datagram[0] == 21
    other.receive(datagram)
    assert other.keys is not None, "the call ends by SIP"


def test_a_hello_is_known(ours: Identity, theirs: Identity) -> None:
    one = client(ours, theirs)
    (hello,) = one.outgoing
    assert is_hello(hello) and not is_hello(hello[:13]) and not any(map(is_hello, JUNK))


# --- several at once --------------------------------------------------------------------------------------------------


def handshakes(
    identity: Identity, peer: Identity | None, *, active: bool = False, with_ice: bool = False
) -> Handshakes:
    return Handshakes(identity, DtlsTerms(active, of(peer) if peer else None), with_ice)


def meet(us: Handshakes, far: Association, source: Address, remote: Address | None = HOME) -> None:
    """The far end and we talk, each datagram from and to `source`."""
    for _ in range(6):
        for datagram in taken(far):
            us.receive(datagram, source, 0.0)
        for datagram, to in us.drain(remote):
            assert to in (source, None)
            far.receive(datagram)


def test_a_stranger_who_speaks_first_is_not_in_the_way(ours: Identity, theirs: Identity) -> None:
    """CVE-2023-49786, without ICE: two sources that the signalling's address allows."""
    us = handshakes(ours, theirs)
    mallory, phone = client(Identity(b"m"), ours), client(theirs, ours)
    meet(us, mallory, STRANGER)
    assert us.keys(STRANGER) is None and us.failures == 1 and us.error == ""
    half = client(Identity(b"m"), ours)
    for datagram in taken(half):
        us.receive(datagram, STRANGER, 0.0)
    list(us.drain(HOME))
    meet(us, phone, HOME)
    keys = us.keys(HOME)
    assert keys is not None and phone.keys is not None and keys.send == phone.keys.receive
    us.settle(HOME)
    assert us.keys(HOME) is keys and us.next_deadline(0.0) is None


def test_a_hello_that_cannot_receive_costs_nothing(ours: Identity, theirs: Identity) -> None:
    """Without ICE an address in an SDP is no proof: a cookie is asked for, shorter than the hello."""
    us = handshakes(ours, theirs)
    (hello,) = taken(client(theirs, ours))
    for _ in range(10):
        us.receive(hello, HOME, 0.0)
        ((datagram, _),) = us.drain(HOME)
        assert len(datagram) < len(hello)
    phone = client(theirs, ours)
    meet(us, phone, HOME)
    assert phone.keys is not None and us.keys(HOME) is not None


def test_with_ice_the_address_may_change(ours: Identity, theirs: Identity) -> None:
    us, far = handshakes(ours, theirs, with_ice=True), client(theirs, ours)
    sources = [HOME, STRANGER] * 5
    for source in sources:
        for datagram in taken(far):
            assert us.receive(datagram, source, 0.0)
        for datagram, to in us.drain(source):
            assert to is None
            far.receive(datagram)
    assert us.keys(HOME) is us.keys(STRANGER) is not None


def test_how_many_there_may_be(ours: Identity, theirs: Identity) -> None:
    us = handshakes(ours, theirs)
    for port in range(1, 50):
        (hello,) = taken(client(theirs, ours))
        us.receive(hello, ("192.0.2.1", port), 0.0)
        list(us.drain(HOME))
    assert len(us._associations) == MAX_ASSOCIATIONS
    for _ in range(10):
        meet(us, client(Identity(b"m"), ours), HOME)
    assert us.failures == MAX_FAILURES and "fingerprint" in us.error
    assert not us.receive(taken(client(theirs, ours))[0], HOME, 0.0)


def test_both_active_or_data_of_nobody(ours: Identity, theirs: Identity) -> None:
    us = handshakes(ours, theirs, active=True)
    assert not us.receive(taken(client(theirs, ours))[0], HOME, 0.0)
    assert not any(us.receive(junk, HOME, 0.0) for junk in JUNK)
    us.start(HOME, 0.0)
    us.start(HOME, 0.0)
    assert [to for _, to in us.drain(HOME)] == [HOME]


def test_another_fingerprint_is_another_association(ours: Identity, theirs: Identity) -> None:
    us = handshakes(ours, theirs, with_ice=True)
    meet(us, client(theirs, ours), HOME)
    before = us.keys(HOME)
    us.renew(DtlsTerms(False, of(theirs)), with_ice=True)
    assert us.keys(HOME) is before is not None
    other = Identity(b"other")
    us.renew(DtlsTerms(False, of(other)), with_ice=True)
    assert us.keys(HOME) is None
    meet(us, client(other, ours), HOME)
    assert us.keys(HOME) not in (None, before)
