"""ICE for one leg (RFC 8445), computed only: datagrams and time come in, datagrams go out.

We have one host candidate per address family, the leg's own port, and announce `a=ice-lite`: the far end checks and
nominates, we answer. Its candidates are not needed, as its checks tell who it is: they are made with a password. Unlike a
bare lite agent we send checks as well. Before anything but an answer is sent to an address that a check came from, one of
ours must have been answered from there: who knows the password could otherwise have us send to anybody. And as long as we
send, we ask now and then whether that is still wanted (RFC 7675).

A message without the right password is dropped: it is never answered, and it moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from media import stun
from media.latch import Address
from media.stun import Message

MAX_PATHS = 32
RETRIES = (0.1, 0.2, 0.4, 0.8, 1.6)  # seconds until a check is sent again, and at last given up
CONSENT_INTERVAL = 5.0  # seconds, RFC 7675 section 5.1: drawn between 0.8 and 1.2 times this
CONSENT_LIFETIME = 30.0
STALE = (
    2.0  # seconds since the far end last nominated an address: another one may take its place whatever their priorities
)
MIN_UFRAG, MIN_PASSWORD, MAX_CREDENTIAL = 4, 22, 256  # characters, section 5.3
_ICE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/")
PEER_REFLEXIVE = 110 << 24 | 65535 << 8 | 255  # 5.1.2.1: what our checks say their source would be worth


class Credentials(NamedTuple):
    """One side's username fragment and password."""

    ufrag: str
    password: str

    @classmethod
    def parse(cls, text: str) -> Credentials | None:
        """ "ufrag:password"; None if that is none."""
        ufrag, _, password = text.partition(":")
        if not (MIN_UFRAG <= len(ufrag) <= MAX_CREDENTIAL and MIN_PASSWORD <= len(password) <= MAX_CREDENTIAL):
            return None
        return cls(ufrag, password) if _ICE_CHARACTERS.issuperset(ufrag + password) else None


@dataclass(slots=True)
class Path:
    """An address of the far end, and what is known of it."""

    address: Address
    priority: int
    credentials: Credentials | None = None  # the far end's, under which the last check was sent
    username: bytes = b""  # and what it said
    transaction: bytes = b""  # of the last check, until it is answered
    checking: bool = False  # a check is under way, and is sent again until it is answered
    tries: int = 0
    due: float | None = None  # when something is to be sent, or consent ends
    consent_until: float = -1.0  # -1: never answered
    nominated_at: float | None = None
    generation: int = 0  # in which it was last answered

    @property
    def valid(self) -> bool:
        return self.consent_until >= 0


@dataclass(slots=True, frozen=True)
class Terms:
    """What both sides' SDP say. `remote`: None until the far end has answered."""

    local: Credentials
    remote: Credentials | None = None


@dataclass(slots=True)
class Agent:
    """ICE of one leg. `chance(n)`: n random bits. What is to be sent collects in `outgoing`."""

    terms: Terms
    chance: Callable[[int], int]
    outgoing: list[tuple[bytes, Address]] = field(default_factory=list)
    selected: Address | None = None
    _paths: dict[Address, Path] = field(default_factory=dict)
    _former: Credentials | None = None  # of ours, before a restart that has not come to its end
    _generation: int = 0
    _tie_breaker: bytes = b""

    def __post_init__(self) -> None:
        self._tie_breaker = self.chance(64).to_bytes(8, "big")

    # --- what call control says --------------------------------------------------------------------------------------

    def renew(self, terms: Terms, now: float) -> None:
        """A new offer or answer. With new credentials it is a restart (9): media goes where it goes until a new pair is found."""
        before, self.terms = self.terms, terms
        if before.local != terms.local or (before.remote is not None and before.remote != terms.remote):
            self._former = before.local
            self._generation += 1
            for path in list(self._paths.values()):
                path.nominated_at = None
                if path.address != self.selected:
                    del self._paths[path.address]
        for path in self._paths.values():
            if not path.checking and not path.valid:
                self._check(path, now)  # Its check came before the answer that says who sent it.

    # --- what arrives ------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, source: Address, now: float) -> bool:
        """Take a STUN message; False if it is nothing for us."""
        message = stun.parse(data)
        if message is None:
            return False
        if message.kind == stun.REQUEST:
            return self._answer(message, source, now)
        if message.kind in (stun.SUCCESS, stun.ERROR):
            return self._learn(message, source, now)
        return message.kind == stun.INDICATION and source in self._paths  # Only keeps a NAT open (11).

    def _answer(self, message: Message, source: Address, now: float) -> bool:
        """A check (7.3)."""
        ours = self._addressed(message)
        if ours is None or not message.authentic(ours.password.encode()):
            return False
        if message.unknown:
            types = b"".join(each.to_bytes(2, "big") for each in message.unknown)
            self._refuse(message, source, ours, 420, "Unknown Attribute", (stun.UNKNOWN_ATTRIBUTES, types))
            return True
        if stun.ICE_CONTROLLED in message.attributes:
            # 7.3.1.1: we are lite, so it is the far end that controls (6.1.1), whatever it thinks.
            self._refuse(message, source, ours, 487, "Role Conflict")
            return True
        mapped = stun.mapped_address(source, message.transaction)
        self._send(stun.SUCCESS, message.transaction, [(stun.XOR_MAPPED_ADDRESS, mapped)], ours.password, source)
        path = self._path(source, message.number(stun.PRIORITY) or 0)
        if path is None:
            return True
        if stun.USE_CANDIDATE in message.attributes and ours == self.terms.local:
            path.nominated_at = now
        answered = path.valid and path.generation == self._generation
        if not answered and not path.checking and ours == self.terms.local:
            self._check(path, now)  # 7.3.1.4: a triggered check
        self._select(now)
        return True

    def _addressed(self, message: Message) -> Credentials | None:
        """To which of our credentials a check is addressed: "ours:theirs" (7.2.2)."""
        username = message.attributes.get(stun.USERNAME, b"")
        ours, _, theirs = username.partition(b":")
        peer = self.terms.remote
        for each in (self.terms.local, self._former):
            if each is not None and ours == each.ufrag.encode():
                if each == self.terms.local and peer is not None and theirs != peer.ufrag.encode():
                    return None
                return each
        return None

    def _learn(self, message: Message, source: Address, now: float) -> bool:
        """The answer to a check of ours (7.2.5)."""
        path = self._paths.get(source)  # 7.2.5.2.1: from elsewhere than it was sent to, it does not count
        if path is None or not path.transaction or message.transaction != path.transaction or path.credentials is None:
            return False
        if not message.authentic(path.credentials.password.encode()) or message.unknown:
            return False
        path.transaction = b""
        if message.kind == stun.ERROR:
            # Not this time. A far end that believes to be controlled, too (487), is told better when it checks.
            path.checking, path.due = False, path.consent_until if path.valid else None
            return True
        path.consent_until = now + CONSENT_LIFETIME
        path.checking, path.due = False, self._consent_at(now)
        if path.credentials == self.terms.remote:
            path.generation = self._generation
        self._select(now)
        return True

    # --- checks ------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `run` has something to do next."""
        return min((path.due for path in self._paths.values() if path.due is not None), default=None)

    def run(self, now: float) -> None:
        """Send what is due, and give up what is not answered."""
        for path in list(self._paths.values()):
            if path.due is None or path.due > now:
                continue
            if path.valid and now >= path.consent_until:
                self._revoke(path, now)
            elif path.checking:
                self._repeat(path, now)
            elif path.address == self.remote and path.credentials is not None:
                self._send_check(path, self.chance(96).to_bytes(12, "big"))
                path.due = min(self._consent_at(now), path.consent_until)
            else:
                path.due = path.consent_until

    def _consent_at(self, now: float) -> float:
        return now + CONSENT_INTERVAL * (0.8 + 0.4 * self.chance(16) / 65536)

    def _revoke(self, path: Path, now: float) -> None:
        """RFC 7675 section 5.1: nothing more may be sent there, until it has answered again."""
        path.consent_until, path.due, path.nominated_at = -1.0, None, None
        path.checking, path.transaction = False, b""
        if self.selected == path.address:
            self.selected = None
            self._select(now)

    def _repeat(self, path: Path, now: float) -> None:
        """The same check again."""
        if path.tries + 1 < len(RETRIES):
            path.tries += 1
            path.due = now + RETRIES[path.tries]
            self._send_check(path, path.transaction)
        else:
            path.checking, path.transaction = False, b""
            path.due = path.consent_until if path.valid else None

    def _check(self, path: Path, now: float) -> None:
        """Begin a check of ours (7.2)."""
        if self.terms.remote is None:
            return
        path.credentials = self.terms.remote
        path.username = f"{path.credentials.ufrag}:{self.terms.local.ufrag}".encode()
        path.checking, path.tries, path.due = True, 0, now + RETRIES[0]
        self._send_check(path, self.chance(96).to_bytes(12, "big"))

    def _send_check(self, path: Path, transaction: bytes) -> None:
        path.transaction, theirs = transaction, path.credentials
        assert theirs is not None, "a check is begun under credentials"
        attributes = [
            (stun.USERNAME, path.username),
            (stun.PRIORITY, PEER_REFLEXIVE.to_bytes(4, "big")),
            (stun.ICE_CONTROLLED, self._tie_breaker),
        ]
        self._send(stun.REQUEST, path.transaction, attributes, theirs.password, path.address)

    def _refuse(
        self, message: Message, source: Address, ours: Credentials, code: int, reason: str, *more: tuple[int, bytes]
    ) -> None:
        self._send(stun.ERROR, message.transaction, [stun.error_code(code, reason), *more], ours.password, source)

    def _send(
        self, kind: int, transaction: bytes, attributes: list[tuple[int, bytes]], password: str, to: Address
    ) -> None:
        self.outgoing.append((stun.build(kind, transaction, attributes, password.encode()), to))

    # --- paths -------------------------------------------------------------------------------------------------------

    @property
    def remote(self) -> Address | None:
        """Where to send now: the selected pair; before there is one, any valid pair will do (12.1)."""
        if self.selected is not None:
            return self.selected
        valid = [path for path in self._paths.values() if path.valid]
        return max(valid, key=lambda path: path.priority).address if valid else None

    def valid(self, source: Address) -> bool:
        """Whether a check of ours was answered from there, and that still counts."""
        path = self._paths.get(source)
        return path is not None and path.valid

    def knows(self, source: Address) -> bool:
        """Whether a check of the far end came from there."""
        return source in self._paths

    def _path(self, address: Address, priority: int) -> Path | None:
        """The path to an address. None if there are too many, and none that could be forgotten."""
        path = self._paths.get(address)
        if path is None:
            if len(self._paths) >= MAX_PATHS:
                idle = next((each for each in self._paths.values() if not each.valid and each.due is None), None)
                if idle is None:
                    return None
                del self._paths[idle.address]
            path = self._paths[address] = Path(address, priority)
        elif priority:
            path.priority = priority
        return path

    def _select(self, now: float) -> None:
        """8.1.1: what is nominated and valid. The last nomination counts, but of several at once the highest priority."""
        current = self._paths.get(self.selected) if self.selected is not None else None
        for path in self._paths.values():
            if path is current or path.nominated_at is None or not path.valid or path.generation != self._generation:
                continue
            if (
                current is None
                or current.nominated_at is None
                or path.priority > current.priority
                or path.nominated_at - current.nominated_at >= STALE
            ):
                current = path
        if current is not None and current.address != self.selected:
            self.selected = current.address
        if current is not None and current.generation == self._generation and current.nominated_at is not None:
            self._former = None
