"""Keys and paths in session descriptions: SDES (RFC 4568), DTLS-SRTP (RFC 5763, RFC 8842), ICE (RFC 8839), rtcp-mux, BUNDLE.

What a peer writes is read by strict grammars and reduced to plain values; a line that is not understood is as good as absent.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from softswitch.machine import Entropy
    from softswitch.sip import sdp

# RFC 4568 section 6.2, RFC 7714 section 14: octets of master key and salt. In the order in which we offer them.
SUITES: Final = {
    "AEAD_AES_128_GCM": 16 + 12,
    "AES_CM_128_HMAC_SHA1_80": 16 + 14,
    "AEAD_AES_256_GCM": 32 + 12,
    "AES_CM_128_HMAC_SHA1_32": 16 + 14,
}
# 6.1: a key may say after how many packets it dies. At 2^31 packets that is after a year and more, so we need not change it.
LEAST_LIFETIME: Final = 2**31
MAX_LINES: Final = 16  # crypto lines and fingerprints of one description that are looked at
MAX_CANDIDATES: Final = 32
HASHES: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}  # RFC 8122 section 5; shorter ones can be forged

SETUPS: Final = frozenset({"actpass", "active", "passive"})


class Keying(StrEnum):
    """Where the keys of the media come from."""

    NONE = ""
    SDES = "sdes"
    DTLS = "dtls"


@dataclass(slots=True)
class Crypto:
    """One crypto attribute that we can work with. `key` in base64, key and salt, as in the inline parameter."""

    tag: int
    suite: str
    key: str

    def __str__(self) -> str:
        return f"a=crypto:{self.tag} {self.suite} inline:{self.key}\r\n"


@dataclass(slots=True)
class Peer:
    """What a peer's description says about keys and paths."""

    crypto: tuple[Crypto, ...] = ()
    fingerprint: str = ""  # "sha-256 AB:CD:..."
    setup: str = ""
    ice: str = ""  # "ufrag:password"
    candidates: tuple[str, ...] = ()
    mux: bool = False
    mid: str | None = None
    bundle: bool = False  # its mid is in a BUNDLE group
    trickle: bool = False


PLAIN: Final = Peer()  # of a description without any of that; not to be changed


def read(session: sdp.Session, media: sdp.Media) -> Peer:
    """The attributes of one audio line, and of its session where those are inherited."""
    if not media.attributes and not session.attributes:
        return PLAIN
    found: dict[str, list[str]] = {}
    for name, value in session.attributes:
        if name in _INHERITED:
            found.setdefault(name, []).append(value)
    own: dict[str, list[str]] = {}
    for name, value in media.attributes:
        if name in _READ:
            own.setdefault(name, []).append(value)
    found |= own  # RFC 8122 section 5, RFC 8839 section 5.4: what the media line says overrules the session.
    if not found:
        return PLAIN
    mid = first(found, "mid")
    lite = "ice-lite" in found
    return Peer(
        crypto=tuple([one for text in found.get("crypto", ())[:MAX_LINES] if (one := read_crypto(text))]),
        fingerprint=_fingerprint(found.get("fingerprint", ())),
        setup=setup if (setup := first(found, "setup").lower()) in SETUPS else "",
        # Two agents that are both lite check nothing: such a peer is a server with a public address.
        ice="" if lite else _ice(first(found, "ice-ufrag"), first(found, "ice-pwd")),
        candidates=_candidates(found.get("candidate", ())),
        mux="rtcp-mux" in found,
        mid=mid if "mid" in found and _token(mid) else None,
        bundle=any(mid in group.split(" ")[1:] for group in found.get("group", ()) if group[:7] == "BUNDLE "),
        trickle=any("trickle" in text.split(" ") for text in found.get("ice-options", ())),
    )


_INHERITED: Final = frozenset({"fingerprint", "setup", "ice-ufrag", "ice-pwd", "ice-lite", "ice-options", "group"})
_READ: Final = frozenset({"crypto", "candidate", "rtcp-mux", "mid"}) | _INHERITED - {"group", "ice-lite"}
_token = re.compile(r"[!#$%&'*+.^_`{|}~0-9A-Za-z-]{1,64}").fullmatch


def first(found: dict[str, list[str]], name: str) -> str:
    values = found.get(name)
    return values[0].strip(" \t") if values else ""


def mid_of(media: sdp.Media) -> str:
    """The mid of a media line, "" if it has none that can be repeated."""
    mid = (media.attribute("mid") or "").strip(" \t") if media.attributes else ""
    return mid if _token(mid) else ""


# --- SDES ----------------------------------------------------------------------------------------------------------------

_is_crypto = re.compile(
    r"([0-9]{1,9})[ \t]+([A-Za-z0-9_]{1,64})[ \t]+inline:([A-Za-z0-9+/]{38,64}={0,2})"
    r"(?:\|(2\^)?([0-9]{1,15}))?(\|[0-9]+:[0-9]+)?((?:[ \t]+[!-~]+)*)[ \t]*"
).fullmatch


def read_crypto(text: str) -> Crypto | None:
    """A crypto attribute, None if it asks for something that we do not do: other suites, an MKI, a key that dies soon."""
    match = _is_crypto(text) if len(text) <= 512 else None
    if match is None:
        return None
    tag, suite, key, power, lifetime, mki, parameters = match.groups()
    octets = SUITES.get(suite.upper())
    if octets is None or mki:
        return None
    if lifetime and (int(lifetime) < 31 if power else int(lifetime) < LEAST_LIFETIME):
        return None
    # 6.3.7: a parameter that is not understood makes the line useless, unless it begins with "-". WSH is a mere hint.
    if any(not one.startswith(("-", "WSH=")) for one in parameters.split()):
        return None
    try:
        raw = b64decode(key.rstrip("=") + "=" * (-len(key.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return Crypto(int(tag), suite.upper(), b64encode(raw).decode()) if len(raw) == octets else None


def new_key(suite: str, entropy: Entropy) -> str:
    """A fresh master key and salt."""
    octets = SUITES[suite]
    words = -(-octets // 8)
    raw = bytes.fromhex("".join([entropy.token() for _ in range(words)]))
    return b64encode(raw[:octets]).decode()


# --- DTLS ----------------------------------------------------------------------------------------------------------------

_is_hex = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*").fullmatch


def _fingerprint(values: Sequence[str]) -> str:
    """The strongest fingerprint, "" if there is none that can be trusted."""
    best = ""
    for text in values[:MAX_LINES]:
        name, _, digits = text.strip(" \t").partition(" ")
        digits = digits.strip(" \t")
        octets = HASHES.get(name.lower())
        if octets is None or len(digits) != 3 * octets - 1 or not _is_hex(digits):
            continue
        if not best or octets > HASHES[best.partition(" ")[0]]:
            best = f"{name.lower()} {digits.upper()}"
    return best


def role(offered: str, before: str, ice: bool) -> str:
    """Our part in the handshake, by what the peer has said (RFC 5763 section 5, RFC 8842 section 5.3).

    If it leaves the choice to us, we begin where ICE tells the address; else it must: it may sit behind a NAT. Without a
    word RFC 4145 section 4 has the offerer begin.
    """
    if offered == "actpass":
        return before or ("active" if ice else "passive")
    return "active" if offered == "passive" else "passive"


# --- ICE -----------------------------------------------------------------------------------------------------------------

_is_ufrag = re.compile(r"[A-Za-z0-9+/]{4,256}").fullmatch
_is_password = re.compile(r"[A-Za-z0-9+/]{22,256}").fullmatch
_is_candidate = re.compile(
    r"[A-Za-z0-9+/]{1,32} 1 udp ([0-9]{1,10}) ([0-9A-Fa-f.:]{2,45}) ([0-9]{1,5}) typ (?:host|srflx|prflx|relay)(?: .*)?",
    re.IGNORECASE,
).fullmatch


def _ice(ufrag: str, password: str) -> str:
    return f"{ufrag}:{password}" if _is_ufrag(ufrag) and _is_password(password) else ""


def _candidates(values: Sequence[str]) -> tuple[str, ...]:
    """The candidates of component 1 over UDP with an address; names (mDNS) are never resolved."""
    found = [text for text in values[:MAX_CANDIDATES] if len(text) <= 256 and _is_reachable(text)]
    return tuple(found)


def _is_reachable(text: str) -> bool:
    match = _is_candidate(text)
    if match is None or int(match[1]) >= 2**31 or not 0 < int(match[3]) <= 65_535:
        return False
    try:
        ip_address(match[2])
    except ValueError:
        return False
    return True


def new_ice(entropy: Entropy) -> str:
    """Fresh credentials of ours: 32 bits would do for the first, 128 are wanted for the second (RFC 8839 section 5.4)."""
    return f"{entropy.token()[:8]}:{entropy.token()}{entropy.token()}"


def candidate_lines(hosts: Sequence[str], port: int) -> str:
    """Our candidates, the preferred address first: all are host candidates (RFC 8445 section 5.1.2)."""
    lines = ""
    for number, host in enumerate(hosts):
        priority = (126 << 24) + ((65_535 - number) << 8) + 255
        lines += f"a=candidate:{number + 1} 1 udp {priority} {host} {port} typ host\r\n"
    return lines
