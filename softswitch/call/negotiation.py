"""Offer and answer (RFC 3264) for one leg: which codec, which payload types, which keys, which direction, where to send.

We are one end of every session, so each side of a call is negotiated on its own. An answer names exactly one codec (several
make some phones re-offer at once to lock one) and the telephone-event that goes with it. Numbers may differ by direction
(section 5.1): we send with those that the peer named, and receive with those that we named.

All that a negotiation knows is plain values, so that it can be written down and taken up again (`packing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from media.control import Open
from softswitch.call import codecs, security
from softswitch.call.codecs import EVENTS, Format
from softswitch.call.description import PROTOCOLS, Description, NotAcceptable, Terms, latch_host
from softswitch.call.security import SUITES, Crypto, Keying, Peer
from softswitch.sip import sdp

if TYPE_CHECKING:
    from softswitch.machine import Entropy

SENDING: Final = frozenset({"sendrecv", "sendonly"})
RECEIVING: Final = frozenset({"sendrecv", "recvonly"})
_WITHOUT_SENDING: Final = {
    "sendrecv": "recvonly",
    "sendonly": "inactive",
    "recvonly": "recvonly",
    "inactive": "inactive",
}
NOT_KEPT: Final = frozenset({"terms", "entropy", "host", "port"})  # what another process gives anew


@dataclass(slots=True)
class Negotiation:
    """The media side of one dialog: what was offered, what was agreed, and the next version of our description."""

    host: str  # where we receive
    port: int
    session_id: int
    terms: Terms
    entropy: Entropy
    ssrc: int = 0  # of our stream

    remote: Description | None = None  # the peer's last description
    offered: bool = False  # we offered and wait for the answer
    format: Format | None = None  # as agreed, with the number and the parameters of the peer
    receive_type: int = -1
    dtmf_type: int = -1
    receive_dtmf_type: int = -1
    dtmf_clock: int = 0  # of the durations of events, 0: the codec's
    noise_type: int = -1
    ptime: int = 20
    wish: int = 0  # milliseconds per packet that the other side of the call wants to receive, 0: it does not say
    limit: int = 0  # ... and the most that it takes
    arming: int = 0  # times that the peer has proven to have moved
    direction: str = "sendrecv"  # our view, as last said
    types: dict[str, int] = field(default_factory=dict)  # key of a codec -> the number with which we receive it
    protocol: str = ""

    keying: Keying = Keying.NONE  # as agreed
    suite: str = ""
    send_key: str = ""
    receive_key: str = ""
    tag: int = 1  # of the crypto line in force
    setup: str = ""  # our part in the DTLS handshake
    ice: str = ""  # our credentials, "ufrag:password"
    mux: bool = False
    mid: str | None = None
    bundle: bool = False

    before: str = ""  # refused media lines around ours
    after: str = ""
    by_peer: bool = False  # the last offer was the peer's: it named all codecs that it speaks
    proposed: tuple[str, ...] = ()  # the codecs of our last offer
    proposed_keys: tuple[Crypto, ...] = ()  # its crypto lines
    declined: set[str] = field(default_factory=set)  # codecs that the peer did not choose when they stood first
    version: int = 0
    last: str = ""  # our description as it stands, without its first two lines
    stood: str = ""  # ... before the offer that waits for its answer
    reaffirmed: bool = False  # that offer changes nothing
    previous: str = "sendrecv"

    # --- what was agreed -----------------------------------------------------------------------------------------------

    @property
    def agreed(self) -> bool:
        """Whether an offer was ever answered."""
        return self.format is not None

    @property
    def codec(self) -> str:
        """The name of the codec that was agreed, "" before that."""
        return self.format.name if self.format is not None else ""

    @property
    def speaks(self) -> tuple[Format, ...]:
        """The codec that was agreed, as the other side of the call is to prefer it."""
        if self.format is None:
            return ()
        return (self.format,) if self.noise_type < 0 else (self.format, codecs.COMFORT)

    @property
    def understood(self) -> bool:
        """Whether workers can decode what was agreed: else it can only be passed through."""
        return self.format is not None and self.format.key in self.terms.repertoire.spoken

    @property
    def security(self) -> str:
        """How the media are encrypted, for records: "", "SDES" or "DTLS", with the suite as soon as it is known."""
        if not self.keying or not self.agreed:
            return ""
        return f"{self.keying.upper()} {self.suite}".rstrip()

    @property
    def held(self) -> bool:
        """Whether the peer will not listen to us."""
        return self.remote is not None and self.remote.held

    def might_speak(self, codec: Format) -> bool:
        """Whether it is worth offering this codec: the peer has named it, or has never been seen to pass it over."""
        if self.remote is not None and any(one.key == codec.key for one in self.remote.formats):
            return True
        allowed = codec.key in self.terms.repertoire.spoken
        return allowed and not self.by_peer and codec.key not in self.declined

    # --- offer and answer ------------------------------------------------------------------------------------------------

    def offer(self, prefer: Sequence[Format] = (), direction: str = "sendrecv") -> bytes:
        """Our offer: those of `prefer` first, so that the other side of the call needs no transcoding, then all our others."""
        terms, types = self.terms, self.types
        events = terms.dtmf in ("auto", "rfc4733")
        if types:
            plan = codecs.plan(prefer, terms.repertoire, events, types)
        else:
            plan = codecs.first_plan(tuple(prefer), terms.repertoire, events)
        self.types = plan.types.copy()
        self.offered, self.reaffirmed = True, False
        self.stood = self.last
        self.previous = self.direction
        self.proposed = plan.keys
        self.direction = direction
        if not self.agreed:
            self._propose()
        elif self.keying is Keying.SDES:
            self.proposed_keys = (Crypto(self.tag, self.suite, self.send_key),)
        return self._build(plan.lines, "actpass")

    def reaffirm(self) -> bytes:
        """An offer that changes nothing: our description as it stands, with its version (RFC 3264 section 8)."""
        assert self.format is not None, "something has been agreed"
        self.offered = self.reaffirmed = True
        self.previous, self.stood = self.direction, self.last
        self.proposed = (self.format.key,)
        if self.keying is Keying.SDES:
            self.proposed_keys = (Crypto(self.tag, self.suite, self.send_key),)
        return self.current()

    def answer(self, remote: Description, prefer: Sequence[Format] = ()) -> bytes:
        """The answer to the peer's offer: one codec, and events if it has them. NotAcceptable if there can be none."""
        chosen = self._choose(remote.formats, prefer)
        self._settle_family(remote)
        self._secure(remote)
        self.remote = remote
        self.offered = False
        self.by_peer = True
        self.format = chosen
        number = chosen.payload_type
        self.receive_type = number  # 6.1: the same number in both directions
        self.ptime = codecs.packet_time(chosen, remote.ptime or self.wish, remote.maxptime)
        self.protocol = remote.protocol
        self.before, self.after = remote.before, remote.after
        self.types[chosen.key] = number
        mine = codecs.BY_KEY.get(chosen.key) if chosen.key in self.terms.repertoire.spoken else None
        # What is passed through is described in the words of the phone that speaks it.
        source = mine or next((one for one in prefer if one.key == chosen.key), chosen)
        lines = [(number, source.rtpmap, source.fmtp)]
        self.dtmf_type = self.receive_dtmf_type = -1
        self.dtmf_clock = 0
        clock, events = remote.events_at(chosen.clock)
        if events >= 0 and self.terms.dtmf in ("auto", "rfc4733"):
            self.dtmf_type = self.receive_dtmf_type = self.types[f"{EVENTS}/{clock}"] = events
            lines.append((events, f"{EVENTS}/{clock}", codecs.EVENT_RANGE))
            self.dtmf_clock = 0 if clock == chosen.clock else clock
        self.noise_type = -1
        if remote.noise >= 0 and codecs.with_noise(prefer) and chosen.clock == 8_000:
            self.noise_type = self.types[codecs.NOISE] = remote.noise
            lines.append((remote.noise, "CN/8000", ""))
        direction = sdp.ANSWER[remote.direction]
        self.direction = _WITHOUT_SENDING[direction] if remote.mute else direction
        return self._build(tuple(lines), self.setup)

    def accept(self, remote: Description) -> None:
        """The peer's answer to our offer. NotAcceptable if it has chosen nothing of it."""
        self._check_family(remote)
        chosen = next((one for one in remote.formats if one.key in self.proposed), None)
        if chosen is None:
            raise NotAcceptable(305, "Incompatible media format")
        self._take_keys(remote)
        if self.reaffirmed and self.remote is not None:
            remote.formats = self.remote.formats  # It was asked about one of them only.
        self.by_peer = self.by_peer and self.reaffirmed
        self.remote = remote
        self.offered = self.reaffirmed = False
        if chosen.key != self.proposed[0]:
            self.declined.add(self.proposed[0])
        self.format = chosen
        self.receive_type = self.types[chosen.key]
        clock, number = remote.events_at(chosen.clock)
        named = self.types.get(f"{EVENTS}/{clock}", -1)
        self.dtmf_type, self.receive_dtmf_type = (number, named) if named >= 0 else (-1, -1)
        self.dtmf_clock = 0 if clock == chosen.clock or named < 0 else clock
        self.noise_type = remote.noise if codecs.NOISE in self.types else -1
        self.ptime = codecs.packet_time(chosen, remote.ptime or self.wish, remote.maxptime)

    def withdraw(self) -> None:
        """Our offer was refused: what was agreed before it stands (RFC 3261 section 14.1)."""
        self.offered = self.reaffirmed = False
        self.direction = self.previous
        self.last = self.stood or self.last

    def move(self, port: int, terms: Terms, ssrc: int) -> None:
        """Receive at another port, of another worker, from the next offer on: another stream, with keys of its own."""
        self.port, self.terms, self.ssrc = port, terms, ssrc
        if self.keying is Keying.SDES:
            self.send_key = security.new_key(self.suite, self.entropy)
        if self.ice:
            self.ice = security.new_ice(self.entropy)

    def current(self) -> bytes:
        """Our description as it stands, with its version: what a 200 repeats after a 183."""
        return f"v=0\r\no=- {self.session_id} {self.version}{self.last}".encode("latin-1", "replace")

    def open(self, leg: int, source: str, timeout: float) -> Open:
        """What the worker must know. `source` is the address that the signalling comes from."""
        remote, format = self.remote, self.format
        assert remote is not None and format is not None, "a leg opens when an offer has been answered"
        direction = remote.direction
        opened = Open(
            leg, remote.host, remote.port, format.name, format.payload_type, self.dtmf_type, self.receive_type,
            self.receive_dtmf_type, self.ptime,
            "" if remote.mute else latch_host(remote.host, source),
            self.direction in SENDING and direction in RECEIVING and not remote.mute,
            self.direction in RECEIVING and direction in SENDING,
            timeout, self.ssrc, remote.rtcp_port, format.clock, format.fmtp, self.noise_type,
            self.dtmf_type < 0 and self.terms.dtmf in ("auto", "inband"),
        )  # fmt: skip
        opened.max_ptime, opened.arming, opened.dtmf_clock = remote.maxptime, self.arming, self.dtmf_clock
        if self.mux:
            opened.rtcp_mux = True
        if self.keying is Keying.SDES:
            opened.suite, opened.send_key, opened.receive_key = self.suite, self.send_key, self.receive_key
        elif self.keying is Keying.DTLS:
            peer = remote.peer
            opened.suite, opened.setup, opened.fingerprint = "DTLS", self.setup, peer.fingerprint
            if peer.ice and self.ice:
                opened.ice, opened.remote_ice, opened.candidates = self.ice, peer.ice, peer.candidates
                opened.latch_host = ""
        return opened

    # --- codecs ----------------------------------------------------------------------------------------------------------

    def _choose(self, formats: Sequence[Format], prefer: Sequence[Format]) -> Format:
        """Of the peer's codecs: what the other side speaks, what we spoke before, what it likes best of ours."""
        wanted = [one.key for one in prefer]
        if self.format is not None and (not prefer or self.understood):
            wanted.append(self.format.key)
        for key in wanted:
            for one in formats:
                if one.key == key:
                    return one
        spoken = self.terms.repertoire.spoken
        for one in formats:
            if one.key in spoken:
                return one
        raise NotAcceptable(305, "Incompatible media format")

    # --- keys and paths --------------------------------------------------------------------------------------------------

    def _propose(self) -> None:
        """Choose transport and keys of a first offer: by the settings, never a key in the clear that is not allowed there."""
        if self.protocol:
            return  # As in the first one, which was answered by nobody.
        terms = self.terms
        self.protocol = "RTP/AVP"
        if terms.webrtc or terms.srtp == "dtls" or (terms.srtp == "required" and not terms.sdes):
            self.protocol = "UDP/TLS/RTP/SAVPF" if terms.webrtc else "UDP/TLS/RTP/SAVP"
            self.keying = Keying.DTLS
            self.mux = True
            if terms.webrtc:
                self.ice = security.new_ice(self.entropy)
                self.mid, self.bundle = "0", True
            return
        if terms.srtp == "required" or (terms.srtp == "optional" and terms.sdes and terms.sealed):
            if terms.srtp == "required":
                self.protocol = "RTP/SAVP"
            self.keying = Keying.SDES
            self.proposed_keys = tuple(
                [
                    Crypto(number + 1, suite, security.new_key(suite, self.entropy))
                    for number, suite in enumerate(SUITES)
                ]
            )

    def _secure(self, remote: Description) -> None:
        """Keys and paths of our answer. What the peer repeats stays as it was; what it changes is answered by new ones."""
        before = self.remote.peer if self.remote is not None else security.PLAIN
        peer = remote.peer
        self.mux, self.mid, self.bundle = peer.mux, peer.mid, peer.bundle
        self.keying = remote.keying
        if remote.keying is Keying.NONE:
            self.suite = ""
        if remote.keying is Keying.SDES:
            crypto = peer.crypto[0]
            if (crypto.suite, crypto.key) != (self.suite, self.receive_key):
                self.send_key = security.new_key(crypto.suite, self.entropy)
            self.suite, self.receive_key, self.tag = crypto.suite, crypto.key, crypto.tag
        elif remote.keying is Keying.DTLS:
            if peer.fingerprint != before.fingerprint:
                self.suite = ""  # The next handshake tells.
            same = self.setup if peer.fingerprint == before.fingerprint else ""
            self.setup = security.role(peer.setup, same, bool(peer.ice))
            if not peer.ice:
                self.ice = ""
            elif peer.ice != before.ice or not self.ice:
                self.ice = security.new_ice(self.entropy)  # RFC 8839 section 4.4.1.1: the peer begins anew, so do we

    def _take_keys(self, remote: Description) -> None:
        """Keys and paths of the peer's answer."""
        peer = remote.peer
        if self.keying is Keying.DTLS:
            if remote.keying is not Keying.DTLS:
                raise NotAcceptable(399, "No usable media keys")
            # RFC 4145 section 4: an answer that does not say leaves it to us to begin.
            self.setup = "passive" if peer.setup == "active" else "active"
            self.mux = self.mux and peer.mux
        elif self.keying is Keying.SDES:
            self._take_crypto(peer)
        else:
            self.mux = self.mux and peer.mux

    def _take_crypto(self, peer: Peer) -> None:
        for crypto in peer.crypto:
            for mine in self.proposed_keys:
                if (mine.tag, mine.suite) == (crypto.tag, crypto.suite):
                    self.suite, self.send_key, self.receive_key = mine.suite, mine.key, crypto.key
                    self.tag = mine.tag
                    return
        if PROTOCOLS[self.protocol][0] or self.terms.srtp == "required":
            raise NotAcceptable(399, "No usable media keys")
        self.keying = Keying.NONE  # RFC 8643: it was offered, and not taken.
        self.suite = ""

    # --- addresses -------------------------------------------------------------------------------------------------------

    def _settle_family(self, remote: Description) -> None:
        """Receive by the protocol of the offer: signalling may come by the other one."""
        if remote.host and (":" in remote.host) != (":" in self.host):
            self.host = next((one for one in self.terms.hosts if (":" in one) == (":" in remote.host)), self.host)
        self._check_family(remote)

    def _check_family(self, remote: Description) -> None:
        if remote.host and (":" in remote.host) != (":" in self.host):
            raise NotAcceptable(301, "Incompatible network address formats")

    # --- writing ---------------------------------------------------------------------------------------------------------

    def _build(self, lines: tuple[tuple[int, str, str], ...], setup: str) -> bytes:
        formats, attributes = codecs.written(lines)
        host = self.host
        family = "IP6" if ":" in host else "IP4"
        format = self.format if not self.offered else None
        asked = codecs.packet_time(format or codecs.OURS["PCMA"], self.wish, self.limit) if self.wish else self.ptime
        longest = f"a=maxptime:{self.limit}\r\n" if self.limit else ""
        head, paths = self._paths(setup) if self.keying or self.mux or self.mid is not None else ("", "")
        text = (
            f" IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n{head}{self.before}"
            f"m=audio {self.port} {self.protocol} {formats}\r\n{attributes}{paths}a=ptime:{asked}\r\n"
            f"{longest}a={self.direction}\r\n{self.after}"
        )
        # RFC 3264 section 8: the version goes up by one exactly when the description changes.
        if text != self.last:
            self.version += 1
            self.last = text
        return f"v=0\r\no=- {self.session_id} {self.version}{text}".encode("latin-1", "replace")

    def _paths(self, setup: str) -> tuple[str, str]:
        """The lines about keys and paths: those of the session, those of the audio line."""
        head = f"a=group:BUNDLE {self.mid}\r\n" if self.bundle and self.mid is not None else ""
        text = f"a=mid:{self.mid}\r\n" if self.mid is not None else ""
        if self.mux:
            text += "a=rtcp-mux\r\n"
        if self.keying is Keying.SDES:
            keys = self.proposed_keys if self.offered else (Crypto(self.tag, self.suite, self.send_key),)
            return head, text + "".join([str(crypto) for crypto in keys])
        if self.keying is Keying.DTLS:
            text += f"a=fingerprint:{self.terms.fingerprint}\r\na=setup:{setup}\r\n"
        if self.ice:
            head += "a=ice-lite\r\n"
            ufrag, _, password = self.ice.partition(":")
            hosts = dict.fromkeys((self.host, *self.terms.hosts))
            text += (
                f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=ice-options:trickle\r\n"
                f"{security.candidate_lines(tuple(hosts), self.port)}a=end-of-candidates\r\n"
                f"a=msid:softswitch audio\r\na=ssrc:{self.ssrc} cname:{self.session_id}\r\n"
            )
        return head, text
