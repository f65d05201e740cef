"""A peer's session description, reduced to what we negotiate on, and judged by what the leg's settings allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from softswitch.call import codecs, security
from softswitch.call.codecs import Format, Repertoire
from softswitch.call.security import Keying, Peer
from softswitch.errors import SoftswitchError
from softswitch.sip import sdp

# Transport -> whether it is one for encrypted media only, and whether its keys come from DTLS only.
PROTOCOLS: Final = {
    "RTP/AVP": (False, False), "RTP/AVPF": (False, False), "RTP/SAVP": (True, False), "RTP/SAVPF": (True, False),
    "UDP/TLS/RTP/SAVP": (True, True), "UDP/TLS/RTP/SAVPF": (True, True),
}  # fmt: skip
_UNSPECIFIED: Final = frozenset({"0.0.0.0", "::"})


class NotAcceptable(SoftswitchError):
    """There is no session we could take part in: 488 with this Warning (RFC 3261 section 20.43)."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text

    def warning(self, agent: str) -> str:
        return f'Warning: {self.code} {agent} "{self.text}"\r\n'


@dataclass(slots=True, frozen=True)
class Terms:
    """What may be agreed on with one phone: its account's settings, what its signalling allows, what its worker can do.

    `srtp`: "off" | "optional" | "required" | "dtls" (required, and offered by DTLS). `sdes`: whether keys may travel in the
    signalling; `webrtc`: the phone is a browser. `hosts`: our media addresses, the one for this phone first.
    `dtmf`: "auto" | "rfc4733" | "info" | "inband".
    """

    repertoire: Repertoire
    hosts: tuple[str, ...] = ()
    srtp: str = "optional"
    sdes: bool = False
    sealed: bool = False  # its signalling is encrypted
    webrtc: bool = False
    fingerprint: str = ""  # of the worker's certificate; "": it does no DTLS
    dtmf: str = "auto"


@dataclass(slots=True)
class Description:
    """A peer's session description.

    `host` is "" where we do not know where to send: a name (names from the network are not resolved, the latch finds the
    address), ICE without a default, or 0.0.0.0, which means `mute`: the peer will not listen. `formats` are the codecs
    that may be agreed on, in the peer's order; `events` clock and number of each telephone-event. `direction` is the
    peer's view. `before` and `after` are the refusals of its other media lines, which an answer and every later offer must
    repeat in order.
    """

    host: str
    port: int
    formats: tuple[Format, ...]
    events: tuple[tuple[int, int], ...]
    ptime: int
    direction: str
    protocol: str = "RTP/AVP"
    before: str = ""
    after: str = ""
    mute: bool = False
    rtcp_port: int = 0  # RFC 3605; 0: the next port
    noise: int = -1
    maxptime: int = 0
    keying: Keying = Keying.NONE
    peer: Peer = field(default_factory=Peer)

    @property
    def held(self) -> bool:
        """Whether the peer will not listen: sendonly, inactive, or the old way, the address 0.0.0.0."""
        return self.mute or self.direction in ("sendonly", "inactive")

    @property
    def wishes(self) -> tuple[Format, ...]:
        """What the other side of the call is to prefer."""
        return self.formats if self.noise < 0 else (*self.formats, codecs.COMFORT)

    def events_at(self, clock: int) -> tuple[int, int]:
        """Clock and number of the telephone-event that goes with a codec, (0, -1) if there is none.

        RFC 4733 section 2.1 wants the codec's own clock; a phone that names 8000 only means that one, whatever it talks.
        """
        for one in self.events:
            if one[0] == clock:
                return one
        for one in self.events:
            if one[0] == 8_000:
                return one
        return 0, -1


def describe(body: bytes, terms: Terms) -> Description:
    """Read a description. ParseError: it is none. NotAcceptable: nothing in it for us."""
    session = sdp.parse(body)
    chosen: sdp.Media | None = None
    formats = _NO_FORMATS
    keying, peer = Keying.NONE, security.PLAIN
    spoken: tuple[Format, ...] = ()
    before = after = ""
    problem: NotAcceptable | None = None
    for media in session.media:
        if chosen is None and media.kind == "audio" and media.port:
            try:
                formats, spoken, peer, keying = _consider(session, media, terms)
                chosen = media
                continue
            except NotAcceptable as refusal:
                problem = problem or refusal
        refused = f"m={media.kind} 0 {media.protocol} {' '.join(media.formats)}\r\n"
        if mid := security.mid_of(media):
            refused += f"a=mid:{mid}\r\n"  # RFC 8843 section 7.3.3: rejected, and so in no group.
        if chosen is None:
            before += refused
        else:
            after += refused
    if chosen is None:
        raise problem or NotAcceptable(304, "Media type not available")
    host, mute = chosen.connection, False
    if host in _UNSPECIFIED:
        host, mute = "", not peer.ice  # RFC 8839 section 4.1.2: with ICE it only says that there is no default yet.
    elif not kind_of(host):
        host = ""
    port = chosen.port if host else 0
    return Description(
        host, port, spoken, formats.events, chosen.ptime, chosen.direction, chosen.protocol, before, after, mute,
        _rtcp_port(chosen, host, port), formats.noise, chosen.maxptime, keying, peer,
    )  # fmt: skip


_NO_FORMATS: Final = codecs.Formats(())


def _consider(
    session: sdp.Session, media: sdp.Media, terms: Terms
) -> tuple[codecs.Formats, tuple[Format, ...], Peer, Keying]:
    """Whether an audio line is one for us. NotAcceptable says why not."""
    if media.protocol not in PROTOCOLS:
        raise NotAcceptable(302, "Incompatible transport protocol")
    formats = codecs.read(media)
    allows = terms.repertoire.allows
    spoken = tuple([one for one in formats.codecs if allows(one)])
    if not spoken:
        raise NotAcceptable(305, "Incompatible media format")
    peer = security.read(session, media)
    keying = _keying(media.protocol, peer, terms)
    if terms.webrtc and keying is Keying.DTLS and not peer.mux:
        raise NotAcceptable(399, "rtcp-mux is required")
    return formats, spoken, peer, keying


def _keying(protocol: str, peer: Peer, terms: Terms) -> Keying:
    """Where the keys of this audio line are to come from. An unencrypted transport may offer some all the same (RFC 8643)."""
    sealed, by_dtls = PROTOCOLS[protocol]
    if terms.srtp != "off":
        if peer.crypto and terms.sdes and not by_dtls:
            return Keying.SDES
        if peer.fingerprint and terms.fingerprint:
            return Keying.DTLS
    elif sealed:
        raise NotAcceptable(302, "Encrypted media are switched off")
    if sealed:
        if peer.crypto and not by_dtls and not terms.sdes:
            raise NotAcceptable(399, "Media keys need encrypted signalling")
        raise NotAcceptable(399, "No usable media keys")
    if terms.srtp in ("required", "dtls"):
        raise NotAcceptable(399, "Encrypted media are required")
    return Keying.NONE


def _rtcp_port(media: sdp.Media, host: str, port: int) -> int:
    if not media.attributes or not media.attribute("rtcp"):
        return 0
    rtcp_host, rtcp_port = media.rtcp
    # Elsewhere: we send where RTP goes or not at all.
    return 0 if rtcp_host != host or rtcp_port in (port, port + 1) else rtcp_port


@lru_cache(maxsize=4096)
def kind_of(host: str) -> str:
    """ "public", "private" (only reachable from its own network), or "" if it is no address literal."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    return "public" if address.is_global else "private"


def latch_host(host: str, source: str) -> str:
    """The address from which a first packet may move the remote side, "" if none may (RELIABILITY section 3, rule 1).

    A peer that sends its signalling from the address in its SDP, or that names a public one, has told the truth. One
    that names a private address, or none, while its signalling comes from elsewhere sits behind a NAT. One that names an
    address of the other family has both: packets to one never come from the other.
    """
    if host == source or (host and (kind_of(host) == "public" or (":" in host) != (":" in source))):
        return ""
    return source
