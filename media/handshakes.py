"""The DTLS handshakes of one leg: which datagram belongs to which, how many there may be, and what comes of them.

With ICE there is one, whatever address of the far end it goes by: ICE has validated them. Without, each source has one of its
own, so that a stranger behind the same NAT, who may be heard first, does not get in the way of the phone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from media.dtls import HANDSHAKE_TIME, Association, Fingerprint, Identity, is_hello
from media.latch import Address
from media.srtp import Keys

MAX_ASSOCIATIONS = 4  # at the same time
MAX_FAILURES = 5  # that may come to nothing


@dataclass(slots=True, frozen=True)
class DtlsTerms:
    """`active`: the handshake is ours to begin. `fingerprint`: of the far end's certificate, None: not known yet."""

    active: bool
    fingerprint: Fingerprint | None


@dataclass(slots=True)
class Handshakes:
    """`error`: why the first one of the leg's own address has failed."""

    identity: Identity
    terms: DtlsTerms
    with_ice: bool
    failures: int = 0
    error: str = ""
    _associations: dict[Address | None, Association] = field(default_factory=dict)

    def renew(self, terms: DtlsTerms, *, with_ice: bool) -> None:
        """A new offer or answer."""
        before, self.terms = self.terms, terms
        if before.fingerprint is None and terms.fingerprint is not None and with_ice == self.with_ice:
            for association in self._associations.values():
                association.expect(terms.fingerprint)
        elif before.fingerprint != terms.fingerprint or with_ice != self.with_ice:
            # RFC 8842 section 3.1: another certificate, another association, whose keys replace the present ones in due time.
            self._associations.clear()
            self.failures, self.error = 0, ""
        self.with_ice = with_ice

    def start(self, remote: Address, now: float) -> None:
        """The address of the far end is known: say hello, if that is for us to do and was not done."""
        if self.terms.active and not self._associations and self.failures < MAX_FAILURES:
            self._begin(remote, now).start()

    def receive(self, datagram: bytes, source: Address, now: float) -> bool:
        """A datagram from an address that may speak for the far end. False if it belongs to nothing."""
        association = self._associations.get(self._key(source))
        if is_hello(datagram):
            if self.terms.active:
                return False  # Both sides believe that it is theirs to begin; ours is what was agreed.
            if association is None and self.failures < MAX_FAILURES:
                if len(self._associations) >= MAX_ASSOCIATIONS:
                    del self._associations[next(iter(self._associations))]
                association = self._begin(source, now)
        if association is None:
            return False
        association.receive(datagram)
        return True

    def keys(self, source: Address) -> Keys | None:
        """What was agreed with the far end there; its certificate is the one that the SDP names."""
        association = self._associations.get(self._key(source))
        return association.keys if association is not None else None

    def settle(self, source: Address) -> None:
        """The far end is there: nobody else's handshake goes on."""
        key = self._key(source)
        self._associations = {key: self._associations[key]}

    def next_deadline(self, now: float) -> float | None:
        deadlines = [association.timeout(now) for association in self._associations.values()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def run(self, now: float) -> None:
        for association in self._associations.values():
            if (due := association.timeout(now)) is not None and due <= now:
                association.expire(now)

    def drain(self, remote: Address | None) -> Iterator[tuple[bytes, Address | None]]:
        """What is to be sent, and where: None is to the leg's own address. Forgets what has failed."""
        for key, association in list(self._associations.items()):
            outgoing, association.outgoing = association.outgoing, []
            for datagram in outgoing:
                yield datagram, key
            if association.error:
                del self._associations[key]
                self.failures += 1
                if key == self._key(remote) and not self.error:
                    self.error = association.error

    def close(self) -> None:
        for association in self._associations.values():
            association.close()

    def _key(self, source: Address | None) -> Address | None:
        return None if self.with_ice else source

    def _begin(self, peer: Address, now: float) -> Association:
        terms, cookies = self.terms, not self.with_ice
        association = Association(self.identity, terms.active, peer, terms.fingerprint, now + HANDSHAKE_TIME, cookies)
        self._associations[self._key(peer)] = association
        return association
