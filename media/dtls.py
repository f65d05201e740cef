"""DTLS-SRTP for one leg (RFC 5763, RFC 5764): OpenSSL's state machine between two buffers, no socket.

The certificates sign themselves; what makes them worth something is that their fingerprints travel in the SDP. Keys are used only
once the far end's certificate has been found to be the one that its SDP names. From where datagrams are taken is not
decided here: a stranger who speaks first must not get this far (CVE-2023-49786).
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from media.latch import Address
from media.srtp import SUITES, Keys

DTLS_1_2 = 0xFEFD
HANDSHAKE_TIME = 30.0  # seconds
MAX_DATAGRAM = 1200  # octets: what every path carries
RECORD_HEADER = 13
LIFETIME = datetime.timedelta(days=365)
LABEL = b"EXTRACTOR-dtls_srtp"  # RFC 5764 section 4.2
DIGESTS = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}

# Everything that forwards secrecy and is not broken; EC first, as ours and the browsers' certificates are.
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
)
# RFC 5764 section 4.1.2, RFC 7714 section 14.2. GCM costs a third less, and is what browsers prefer.
_PROFILES = {
    b"SRTP_AEAD_AES_128_GCM": SUITES["AEAD_AES_128_GCM"],
    b"SRTP_AES128_CM_SHA1_80": SUITES["AES_CM_128_HMAC_SHA1_80"],
    b"SRTP_AEAD_AES_256_GCM": SUITES["AEAD_AES_256_GCM"],
}


class FingerprintError(ValueError):
    """A fingerprint that cannot be checked; the text says why."""


@dataclass(slots=True, frozen=True)
class Fingerprint:
    """What SDP says of the far end's certificate (RFC 8122)."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """ "sha-256 AB:CD:..." ; FingerprintError if it is not of an algorithm that is good enough."""
        algorithm, _, value = text.partition(" ")
        algorithm = algorithm.lower()
        if algorithm not in DIGESTS:
            raise FingerprintError(f"fingerprints by {algorithm[:20]!r} are not accepted")
        size = DIGESTS[algorithm]().digest_size
        pairs = value.split(":")
        if len(pairs) != size or not all(len(pair) == 2 and _HEX.issuperset(pair) for pair in pairs):
            raise FingerprintError(f"{text[:40]!r} is no {algorithm} fingerprint")
        return cls(algorithm, bytes.fromhex("".join(pairs)))

    def matches(self, certificate: bytes) -> bool:
        """Whether this is the certificate, given in DER."""
        return hmac.compare_digest(DIGESTS[self.algorithm](certificate).digest(), self.digest)


_HEX = frozenset("0123456789abcdefABCDEF")


class Identity:
    """The certificate of one worker, made when it starts and never written anywhere. `secret`: of its cookies."""

    def __init__(self, secret: bytes) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "media")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + LIFETIME)
            .sign(key, hashes.SHA256())
        )
        digest = hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest().upper()
        self.fingerprint = "sha-256 " + ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
        self._secret = secret
        context = self.context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(DTLS_1_2)
        context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        # Any certificate will do for OpenSSL; we look at its fingerprint.
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        context.use_certificate(certificate)
        context.use_privatekey(key)
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(b":".join(_PROFILES))
        context.set_cookie_generate_callback(self._cookie)
        context.set_cookie_verify_callback(
            lambda connection, cookie: hmac.compare_digest(self._cookie(connection), cookie)
        )

    def _cookie(self, connection: SSL.Connection) -> bytes:
        """RFC 6347 section 4.2.1: who cannot read what is sent to an address cannot begin a handshake in its name."""
        return hmac.digest(self._secret, repr(connection.get_app_data()).encode(), "sha256")


@dataclass(slots=True)
class Association:
    """One handshake, and what it agreed. `active`: we are the client. `cookies`: ask for one first; for addresses that nothing

    has validated. `clock` is monotonic seconds, the one that OpenSSL's own timers go by. What is to be sent collects in
    `outgoing`; `keys` are there when all is well, `error` when nothing will come of it.
    """

    identity: Identity
    active: bool
    peer: Address
    expected: Fingerprint | None
    deadline: float
    cookies: bool = False
    outgoing: list[bytes] = field(default_factory=list)
    keys: Keys | None = None
    error: str = ""
    _connection: SSL.Connection = field(init=False)
    _listening: bool = False
    _agreed: Keys | None = None  # the handshake is done, but it is not known yet with whom
    _certificate: bytes = b""

    def __post_init__(self) -> None:
        connection = self._connection = SSL.Connection(self.identity.context, None)
        connection.set_app_data(self.peer)
        connection.set_ciphertext_mtu(MAX_DATAGRAM)
        if self.active:
            connection.set_connect_state()
        else:
            connection.set_accept_state()
            self._listening = self.cookies

    @property
    def shaken(self) -> bool:
        """The handshake has come to its end, good or bad."""
        return bool(self._agreed or self.keys or self.error)

    def start(self) -> None:
        """Say hello, if that is for us to do."""
        if self.active:
            self._advance()

    def receive(self, datagram: bytes) -> None:
        """A datagram of DTLS records from the far end."""
        if self.error or not _is_records(datagram):
            return
        self._connection.bio_write(datagram)
        self._advance()

    def expect(self, fingerprint: Fingerprint | None) -> None:
        """What the far end's SDP says of its certificate, if that was not known from the start."""
        self.expected = fingerprint
        self._confirm()

    def timeout(self, now: float) -> float | None:
        """When `expire` is to be called; None: never."""
        if self.shaken:
            return None
        left = None if self._listening else self._connection.DTLSv1_get_timeout()
        return self.deadline if left is None else min(self.deadline, now + left)

    def expire(self, now: float) -> None:
        """Send the last flight again, or give up."""
        if self.shaken:
            return
        if now >= self.deadline:
            self.error = "no handshake in time"
            return
        try:
            self._connection.DTLSv1_handle_timeout()
        except SSL.Error:
            self.error = "no answer to the handshake"
        self._flush()

    def close(self) -> None:
        """Say goodbye."""
        if self.keys is not None or self._agreed is not None:
            try:
                self._connection.shutdown()
            except SSL.Error:
                return
            self._flush()

    # --- OpenSSL -----------------------------------------------------------------------------------------------------

    def _advance(self) -> None:
        try:
            if self._listening:
                self._connection.DTLSv1_listen()
                self._listening = False
            if not self.shaken:
                self._connection.do_handshake()
                self._finish()
            else:
                while True:
                    # There is no data in DTLS-SRTP. But a far end that has not got our last flight asks for it again.
                    self._connection.recv(2048)
        except (SSL.WantReadError, SSL.ZeroReturnError):
            pass
        except SSL.Error as error:
            if not self.shaken:
                self.error = f"handshake failed: {_reason(error)}"
        self._flush()

    def _finish(self) -> None:
        profile = self._connection.get_selected_srtp_profile()
        suite = _PROFILES.get(profile)
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if suite is None or certificate is None:
            self.error = (
                "the far end knows no SRTP profile of ours" if certificate else "the far end has no certificate"
            )
            return
        self._certificate = certificate.public_bytes(Encoding.DER)
        key, salt = suite.key, suite.salt
        material = self._connection.export_keying_material(LABEL, 2 * (key + salt))
        client = material[:key] + material[2 * key : 2 * key + salt]
        server = material[key : 2 * key] + material[2 * key + salt :]
        self._agreed = Keys(suite, client, server) if self.active else Keys(suite, server, client)
        self._confirm()

    def _confirm(self) -> None:
        """The far end is who its SDP says, or nobody."""
        if self._agreed is None or self.expected is None:
            return
        if self.expected.matches(self._certificate):
            self.keys = self._agreed
        else:
            self.error = "the certificate is not the one of the fingerprint"
        self._agreed = None

    def _flush(self) -> None:
        """Cut what OpenSSL has written into datagrams: whole records, as many as fit (RFC 6347 section 4.1.1)."""
        try:
            data = self._connection.bio_read(65_536)
        except SSL.WantReadError:
            return
        start = at = 0
        while at + RECORD_HEADER <= len(data):
            end = at + RECORD_HEADER + int.from_bytes(data[at + 11 : at + 13], "big")
            if end - start > MAX_DATAGRAM and at > start:
                self.outgoing.append(data[start:at])
                start = at
            at = end
        if at > start:
            self.outgoing.append(data[start:at])


def _reason(error: SSL.Error) -> str:
    """What OpenSSL has to say, in a line."""
    try:
        return ", ".join(str(each[2]) for each in error.args[0]) or type(error).__name__
    except (IndexError, TypeError):
        return type(error).__name__


def _is_records(datagram: bytes) -> bool:
    """Whether this is a sequence of whole records of kinds that exist (RFC 6347 section 4.1).

    OpenSSL ignores most of what is none, as it should; but an unknown kind makes it end the handshake.
    """
    at = 0
    while at + RECORD_HEADER <= len(datagram):
        if datagram[at] not in _KINDS or datagram[at + 1] != 0xFE:
            return False
        at += RECORD_HEADER + int.from_bytes(datagram[at + 11 : at + 13], "big")
    return at == len(datagram) > 0


_KINDS = frozenset((20, 21, 22, 23))  # change cipher spec, alert, handshake, data


def is_hello(datagram: bytes) -> bool:
    """Whether this is the first datagram of a client: a handshake record of epoch 0 that holds a ClientHello."""
    return len(datagram) > RECORD_HEADER and datagram[0] == 22 and not any(datagram[3:5]) and datagram[13] == 1
