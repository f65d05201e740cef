"""Digest authentication (RFC 7616, RFC 8760 for SIP; RFC 2069 for clients that know no qop): values and arithmetic.

Nobody decides here: `authenticator` judges nonces and accounts, trunks answer challenges. Everything is compared as bytes
in constant time. Text from messages is latin-1, text of ours (names, passwords) is hashed as UTF-8.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from softswitch.errors import ParseError
from softswitch.sip.grammar import BLANKS, end_of_quoted, is_token, quote, split_outside, unquote

try:  # Half the price of hashlib's, which asks OpenSSL each time.
    from _md5 import md5 as _md5  # type: ignore[import-not-found]
except ImportError:  # pragma: no cover - builds without it
    from hashlib import md5 as _md5

MAX_PARAMETERS: Final = 32
_NAMES: Final = (
    "username", "realm", "nonce", "uri", "response", "algorithm", "cnonce", "opaque", "qop", "nc", "userhash", "stale",
    "domain", "auts",
)  # fmt: skip
_KNOWN: Final = {spelling: name for name in _NAMES for spelling in (name, name.capitalize(), name.upper())}
MAX_CREDENTIALS: Final = 4_096  # characters of one Authorization value


def _hex_md5(data: bytes) -> str:
    text: str = _md5(data, usedforsecurity=False).hexdigest()
    return text


def _hex_sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _hex_sha512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


# RFC 8760 section 2.1, strongest first as they should be offered.
ALGORITHMS: Final[dict[str, Callable[[bytes], str]]] = {
    "SHA-512-256": _hex_sha512_256,
    "SHA-256": _hex_sha256,
    "MD5": _hex_md5,
}
if "sha512_256" not in hashlib.algorithms_available:  # pragma: no cover - depends on the OpenSSL underneath
    del ALGORITHMS["SHA-512-256"]


def _hash_of(algorithm: str) -> tuple[Callable[[bytes], str], bool]:
    """(hash, is it a session variant); ParseError for an algorithm we do not know."""
    name = algorithm.upper()
    session = name.endswith("-SESS")
    function = ALGORITHMS.get(name[:-5] if session else name)
    if function is None:
        raise ParseError("unknown digest algorithm")
    return function, session


@dataclass(slots=True)
class Credentials:
    """The value of Authorization / Proxy-Authorization. `qop` "" is RFC 2069's form; `algorithm` as sent, "MD5" by default."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = "MD5"
    qop: str = ""
    nc: str = ""
    cnonce: str = ""
    opaque: str = ""
    userhash: bool = False

    @property
    def count(self) -> int:
        """The nonce count as a number; 0 without qop."""
        return int(self.nc, 16) if self.nc else 0


@dataclass(frozen=True, slots=True)
class Challenge:
    """The value of WWW-Authenticate / Proxy-Authenticate. `qop` lists what is offered, () for RFC 2069."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ("auth",)
    opaque: str = ""
    stale: bool = False

    def __str__(self) -> str:
        text = f"Digest realm={quote(self.realm)}, nonce={quote(self.nonce)}"
        if self.opaque:
            text += f", opaque={quote(self.opaque)}"
        text += f", algorithm={self.algorithm}"
        if self.qop:
            text += f", qop={quote(','.join(self.qop))}"
        return text + ", stale=TRUE" if self.stale else text


def challenge(realm: str, nonce: str, algorithm: str = "MD5", *, stale: bool = False, opaque: str = "") -> str:
    """The value of a challenge that asks for qop=auth."""
    return str(Challenge(realm, nonce, algorithm, ("auth",), opaque, stale))


# --- arithmetic --------------------------------------------------------------------------------------------------------


def ha1(username: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """H(username:realm:password) in hex: what an account stores. Password-equivalent. Text is ordinary text."""
    function, _ = _hash_of(algorithm)
    return function(f"{username}:{realm}:{password}".encode("utf-8", "surrogateescape"))


def user_hash(username: str, realm: str, algorithm: str = "MD5") -> str:
    """RFC 7616 section 3.4.4."""
    function, _ = _hash_of(algorithm)
    return function(f"{username}:{realm}".encode("utf-8", "surrogateescape"))


def response_digest(
    ha1: str,
    method: str,
    uri: str,
    nonce: str,
    *,
    algorithm: str = "MD5",
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """The response value (RFC 7616 section 3.4.1; without qop, RFC 2069's). All text as on the wire."""
    function, session = _hash_of(algorithm)
    if session:
        ha1 = function(f"{ha1}:{nonce}:{cnonce}".encode("latin-1", "replace"))
    a2 = f"{method}:{uri}"
    if qop == "auth-int":
        a2 = f"{a2}:{function(body)}"
    ha2 = function(a2.encode("latin-1", "replace"))
    middle = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
    return function(f"{ha1}:{middle}:{ha2}".encode("latin-1", "replace"))


def verify(credentials: Credentials, ha1: str, method: str, body: bytes = b"") -> bool:
    """Whether the credentials prove knowledge of `ha1` (of their algorithm). Constant time for a given algorithm."""
    c = credentials
    expected = response_digest(
        ha1, method, c.uri, c.nonce, algorithm=c.algorithm, qop=c.qop, nc=c.nc, cnonce=c.cnonce, body=body
    )
    return hmac.compare_digest(expected.encode(), c.response.lower().encode("latin-1", "replace"))


def authorization(
    offered: Challenge,
    username: str,
    password: str,
    method: str,
    uri: str,
    cnonce: str,
    count: int = 1,
    body: bytes = b"",
) -> str:
    """The Authorization value that answers a challenge. ParseError if its algorithm or every qop is unknown to us."""
    qop = next((q for q in ("auth", "auth-int") if q in offered.qop), "")
    if offered.qop and not qop:
        raise ParseError("unknown qop")
    nc = f"{count:08x}" if qop else ""
    base = offered.algorithm[:-5] if offered.algorithm.upper().endswith("-SESS") else offered.algorithm
    # The realm came off the wire: its octets, not its characters, were hashed by whoever stored the password.
    wire_realm = offered.realm.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
    function, _ = _hash_of(base)
    secret = function(f"{username}:{wire_realm}:{password}".encode("utf-8", "surrogateescape"))
    answer = response_digest(
        secret, method, uri, offered.nonce, algorithm=offered.algorithm, qop=qop, nc=nc, cnonce=cnonce, body=body
    )
    wire_user = username.encode("utf-8", "replace").decode("latin-1")
    text = (
        f"Digest username={quote(wire_user)}, realm={quote(offered.realm)}, nonce={quote(offered.nonce)}, uri={quote(uri)}, "
        f'response="{answer}", algorithm={offered.algorithm}'
    )
    if qop:
        text += f', qop={qop}, nc={nc}, cnonce="{cnonce}"'
    elif offered.algorithm.upper().endswith("-SESS"):
        text += f', cnonce="{cnonce}"'
    return f"{text}, opaque={quote(offered.opaque)}" if offered.opaque else text


def seal(key: bytes, *parts: str) -> str:
    """A keyed tag over the parts, 32 hex digits (BLAKE2s): nonces that need no memory."""
    text = "\0".join(parts)
    return hashlib.blake2s(text.encode("utf-8", "surrogatepass"), key=key, digest_size=16).hexdigest()


# --- reading -----------------------------------------------------------------------------------------------------------


def digest_parameters(value: str) -> dict[str, str] | None:
    """{name in lower case: unquoted value} of a Digest challenge or credentials; None for another scheme.

    Raises ParseError: malformed, a name twice, more than MAX_PARAMETERS.
    """
    if len(value) > MAX_CREDENTIALS:
        raise ParseError("credentials too long")
    scheme, _, rest = value.partition(" ")
    if scheme != "Digest" and scheme.lower() != "digest":
        return None
    found = _plain_parameters(rest)
    if found is None:
        found = {}
        _collect(split_outside(rest, ","), found)
    if len(found) > MAX_PARAMETERS:
        raise ParseError("too many digest parameters")
    return found


def _plain_parameters(rest: str) -> dict[str, str] | None:
    """The usual case: known names, no blank around "=", neither comma nor escape inside quotes. None otherwise."""
    found: dict[str, str] = {}
    quotes = 0
    parts = rest.split(",")
    for part in parts:
        name, _, text = part.strip(" \t").partition("=")
        if text[:1] == '"':
            if len(text) < 2 or text[-1] != '"':
                return None
            text = text[1:-1]
            quotes += 2
        known = _KNOWN.get(name)
        if known is None or not text:
            return None
        found[known] = text
    if rest.count('"') != quotes or "\\" in rest or len(found) != len(parts):
        return None
    return found


def _collect(parts: list[str], found: dict[str, str]) -> None:
    for part in parts:
        name, equals, text = part.partition("=")
        name = name.strip(BLANKS).lower()
        text = text.strip(BLANKS)
        if not equals or not is_token(name) or name in found:
            raise ParseError("malformed digest parameter")
        if text[:1] == '"':
            if end_of_quoted(text, 0) != len(text):
                raise ParseError("malformed digest parameter")
            text = unquote(text)
        elif '"' in text:
            raise ParseError("malformed digest parameter")
        found[name] = text


def parse_authorization(value: str) -> Credentials | None:
    """Credentials; None if the scheme is not Digest. ParseError: a parameter missing, doubled, or not what it must be."""
    p = digest_parameters(value)
    if p is None:
        return None
    qop, nc, cnonce = p.get("qop", "").lower(), p.get("nc", ""), p.get("cnonce", "")
    try:
        username, realm, nonce, uri, response = p["username"], p["realm"], p["nonce"], p["uri"], p["response"]
    except KeyError as missing:
        raise ParseError(f"no {missing.args[0]}") from None
    if qop:
        # RFC 7616 section 3.4: with qop both are there; nc is eight hex digits.
        if qop not in ("auth", "auth-int") or not cnonce or len(nc) != 8 or not _HEX.issuperset(nc):
            raise ParseError("malformed qop")
    else:
        nc = ""
    if not response or not _HEX.issuperset(response):
        raise ParseError("malformed response")
    return Credentials(
        username, realm, nonce, uri, response, p.get("algorithm") or "MD5", qop, nc, cnonce, p.get("opaque", ""),
        p.get("userhash", "").lower() == "true",
    )  # fmt: skip


_HEX: Final = frozenset("0123456789abcdefABCDEF")


def parse_challenge(value: str) -> Challenge | None:
    """A challenge; None if the scheme is not Digest. ParseError if malformed."""
    p = digest_parameters(value)
    if p is None:
        return None
    if "realm" not in p or "nonce" not in p:
        raise ParseError("malformed challenge")
    qop = tuple(q for part in p.get("qop", "").split(",") if (q := part.strip(BLANKS).lower()))
    return Challenge(
        p["realm"],
        p["nonce"],
        p.get("algorithm") or "MD5",
        qop,
        p.get("opaque", ""),
        p.get("stale", "").lower() == "true",
    )
