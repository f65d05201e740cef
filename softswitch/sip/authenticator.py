"""Who sent this request (RFC 3261 section 22, RFC 7616, RFC 8760): challenges and judges digest credentials.

A nonce needs no memory: time of issue and a MAC over that time, the realm and the source address. What has been accepted once
is remembered as long as its nonce lives, so the same proof is not accepted twice; the only exception is a copy of the same
request (same Call-ID, CSeq and branch), because requests that were answered statelessly come again.

Unknown users, wrong passwords and missing secrets take the same path and get the same answer: the digest is always computed.
"""

from __future__ import annotations

import hmac
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Final

from softswitch.directory import Account
from softswitch.errors import ParseError
from softswitch.sip.digest import Credentials, parse_authorization, seal, verify
from softswitch.sip.grammar import quote
from softswitch.sip.guesses import Guesses
from softswitch.sip.message import Message
from softswitch.sip.passes import Pass, Passes
from softswitch.sip.uri import addr_uri, unescape, uri_host_port, uri_user

MAX_CREDENTIALS: Final = 4  # Authorization headers looked at: one per algorithm or realm
MAX_SEEN: Final = 100_000  # accepted proofs per generation; two generations are kept
_TIME_DIGITS: Final = 11  # hex digits of milliseconds: 557 years
_NONCE_DIGITS: Final = 24  # 52 bits of MAC; short, because a challenge must not be much longer than its request

# User agents that give up when they meet SHA-256, even beside MD5: baresip 1.0 with libre 1.1 ends in "Function not
# implemented", the others look at one challenge only, wherever it stands in the list.
MD5_ONLY_AGENTS: Final = ("baresip v0.", "baresip v1.", "baresip v2.", "pyvoip", "jssip", "sip.js", "sipp")


@dataclass(slots=True)
class Authenticated:
    """The request is the account's."""

    account: Account


@dataclass(slots=True)
class Challenge:
    """Answer with this status and these header lines. `failed`: credentials were given and were wrong (count them)."""

    status: int
    headers: str
    failed: bool = False


@dataclass(slots=True)
class Refused:
    """The credentials are right, but not for this request; or too many wrong ones came from there, so nobody looked.

    `failed`: they count as wrong."""

    status: int = 403
    failed: bool = False


class Authenticator:
    """Digest authentication for one realm.

    `key` must be fresh at every start: accepted proofs are not remembered over a restart. `algorithms` are offered in this
    order, except to user agents that can only do MD5; a client may choose any of them, but an account without a secret for
    that algorithm is refused like one with a wrong password. (SIPp 3.6 needs MD5 to stand first.)
    """

    def __init__(
        self,
        realm: str,
        key: bytes,
        *,
        lifetime: float = 60.0,
        proxy: bool = False,
        algorithms: tuple[str, ...] = ("SHA-256", "MD5"),
        md5_only_agents: tuple[str, ...] = MD5_ONLY_AGENTS,
        guesses: Guesses | None = None,
    ) -> None:
        assert set(algorithms) <= {"SHA-256", "MD5"}
        self._realm = realm
        self._key = key[:32]
        self._lifetime_ms = int(lifetime * 1000)
        # Clients of a B2BUA get 401, not 407: it is the called user agent, and some phones know nothing else.
        self._status = 407 if proxy else 401
        self._header = "proxy-authorization" if proxy else "authorization"
        self._algorithms = algorithms
        self.guesses = guesses or Guesses()
        self.passes = Passes()
        self._md5_only = tuple(prefix.lower() for prefix in md5_only_agents)
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        self._start = f"{name}: Digest realm={quote(realm)}, nonce="
        dummy = seal(self._key, "nobody")
        self._dummies = {"MD5": dummy, "SHA-256": dummy * 2}
        self._seen: dict[str, str] = {}
        self._seen_before: dict[str, str] = {}
        self._turned = 0  # ms: when the present generation began
        self._floor = 0  # ms: when the one before it began; proofs of older nonces may be forgotten

    def check(
        self, message: Message, accounts: Mapping[str, Account], now: float
    ) -> Authenticated | Challenge | Refused:
        """Judge a request. Everything but Authenticated is an answer to give, best given statelessly."""
        credentials = self._credentials(message)
        if credentials is None:
            return self.challenge(message, now)
        if not self._is_ours(credentials.nonce, message.flow.host):
            # Not judged: an answer that depended on the password would let everybody guess with nonces of their own.
            return self.challenge(message, now, stale=True)
        user = _user(credentials.username)
        if not self.guesses.admits(message.flow, user, now):
            return Refused(failed=True)
        granted = self.passes.get(user, now)
        account = accounts.get(granted.account if granted else user)
        if not self._proves(credentials, granted or account, message) or account is None:
            self.guesses.wrong(message.flow, user, now)
            return self.challenge(message, now, failed=True)
        if not self._is_fresh(credentials, message, now):
            return self.challenge(message, now, stale=True)
        self.guesses.succeeded(message.flow, user)
        return Authenticated(account)

    def challenge(self, message: Message, now: float, *, stale: bool = False, failed: bool = False) -> Challenge:
        """A new challenge for the sender of a request."""
        nonce = self._nonce(message.flow.host, f"{int(now * 1000):0{_TIME_DIGITS}x}")
        start = f'{self._start}"{nonce}", algorithm='
        end = ', qop="auth", stale=TRUE\r\n' if stale else ', qop="auth"\r\n'
        lines = [f"{start}{algorithm}{end}" for algorithm in self._offer(message)]
        return Challenge(self._status, "".join(lines), failed)

    def _offer(self, message: Message) -> tuple[str, ...]:
        offered = self._algorithms
        if len(offered) == 1 or "MD5" not in offered:
            return offered
        agent = message.headers.get("user-agent")
        return ("MD5",) if agent is not None and agent[0].lower().startswith(self._md5_only) else offered

    def _credentials(self, message: Message) -> Credentials | None:
        """The credentials for our realm and an algorithm that we offer."""
        values = message.headers.get(self._header)
        if values is None:
            return None
        for value in values[:MAX_CREDENTIALS]:
            try:
                found = parse_authorization(value)
            except ParseError:
                continue
            if found is not None and found.realm == self._realm and found.algorithm.upper() in self._algorithms:
                return found
        return None

    def _proves(self, credentials: Credentials, account: Account | Pass | None, message: Message) -> bool:
        algorithm = credentials.algorithm.upper()
        secret = ""
        if account is not None:
            secret = account.ha1_md5 if algorithm == "MD5" else account.ha1_sha256
        right = verify(credentials, secret or self._dummies[algorithm], message.method)
        # RFC 2069's form, without qop, is all that some MD5 clients know; nothing newer may use it.
        form = credentials.qop == "auth" or (not credentials.qop and algorithm == "MD5")
        return right and secret != "" and form and self._names_request(credentials.uri, message.uri)

    def _names_request(self, uri: str, target: str) -> bool:
        """Whether the digest was made for this Request-URI. Phones differ in port, parameters and the user part."""
        if uri == target:
            return True
        user, wanted = uri_user(uri), uri_user(target)
        if user and user != wanted:
            return False
        host = uri_host_port(uri)[0]
        return host == uri_host_port(target)[0] or host == self._realm.lower()

    def _nonce(self, source: str, issued: str) -> str:
        return issued + seal(self._key, issued, self._realm, source)[: _NONCE_DIGITS - _TIME_DIGITS]

    def _is_ours(self, nonce: str, source: str) -> bool:
        """Whether we gave this nonce, however long ago, to this source."""
        expected = self._nonce(source, nonce[:_TIME_DIGITS])
        return hmac.compare_digest(expected.encode("latin-1", "replace"), nonce.encode("latin-1", "replace"))

    def _is_fresh(self, credentials: Credentials, message: Message, now: float) -> bool:
        """Whether the nonce, one of ours, is young enough, and the proof new."""
        at, now_ms = int(credentials.nonce[:_TIME_DIGITS], 16), int(now * 1000)
        self._turn(now_ms)
        if not max(self._floor, now_ms - self._lifetime_ms) <= at <= now_ms:
            return False
        # A copy is sent by the same socket: what was overheard is of no use to a neighbour behind the same router.
        request = f"{message.call_id} {message.cseq} {message.branch} {message.flow.port}"
        proof = credentials.response.lower()
        known = self._seen.get(proof) or self._seen_before.get(proof)
        if known is None:
            self._seen[proof] = request
            return True
        return known == request

    def _turn(self, now_ms: int) -> None:
        """Forget proofs whose nonces have expired; when there are too many, expire the older half of the nonces early."""
        if now_ms - self._turned > self._lifetime_ms or len(self._seen) >= MAX_SEEN:
            self._seen_before, self._seen = self._seen, {}
            self._floor, self._turned = self._turned, now_ms


def _user(username: str) -> str:
    """The username as text: on the wire it is octets, most often UTF-8."""
    if username.isascii():
        return username
    return username.encode("latin-1", "replace").decode("utf-8", "replace")


def belongs(message: Message, account: Account, hosts: Container[str]) -> bool:
    """Whether the address-of-record a request speaks for is the account's: To of REGISTER, From of all others.

    `hosts` are the names and addresses that mean this site, in lower case.
    """
    name = "to" if message.method == "REGISTER" else "from"
    try:
        uri = addr_uri(message.header(name))
    except ParseError:
        return False
    return _user(unescape(uri_user(uri))) == account.user and uri_host_port(uri)[0] in hosts
