"""How phones of different makers speak: the header fields and descriptions typical of each, and a phone that speaks so.

These are facts about what such phones send, in messages of our own; each has something that not every switch takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.sim.phone import Behaviour, Line
from tests.sim.test_lamps import Watcher
from tests.sim.text import Raw

if TYPE_CHECKING:
    from tests.sim.world import World

HOLD_2543 = "0.0.0.0"


@dataclass(frozen=True)
class Coding:
    """One payload type as a phone describes it. `rtpmap` "": left out, as it may be for the static types."""

    number: int
    name: str
    rtpmap: str = ""
    fmtp: str = ""

    @property
    def lines(self) -> str:
        described = f"a=rtpmap:{self.number} {self.rtpmap}\r\n" if self.rtpmap else ""
        return described + (f"a=fmtp:{self.number} {self.fmtp}\r\n" if self.fmtp else "")


def events(number: int, clock: int = 8000, fmtp: str = "0-15", name: str = "telephone-event") -> Coding:
    return Coding(number, "events", f"{name}/{clock}", fmtp)


@dataclass(frozen=True)
class Dialect:
    """The habits of one maker's phones.

    `headers`: what all its requests and responses carry; `of`: and those of a method. `contact`, `binding`: parameters of
    the URI in Contact, and of the field itself in REGISTER. `port`: the port stands in every URI. `above`: attributes before
    those of the codecs, `below`: after; `first_media`, `other_media`: m= sections around. `hold`: the direction that it asks
    for, or the old address.
    """

    agent: str
    headers: dict[str, str]
    codings: tuple[Coding, ...]
    of: dict[str, dict[str, str]] = field(default_factory=dict)
    contact: str = ""
    binding: str = ""
    user_phone: bool = False  # ;user=phone in the URI that it dials
    port: bool = False
    origin: str = "-"
    subject: str = "-"
    session: str = ""  # lines before m=
    media_connection: bool = False  # c= stands below m=
    above: str = ""
    below: str = ""
    first_media: str = ""
    other_media: str = ""
    hold: str = "sendonly"
    directionless: bool = False  # says no direction when it is sendrecv


_ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY, SUBSCRIBE, MESSAGE, INFO, UPDATE, PRACK"
_BLF = "application/dialog-info+xml"
_KEY = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"

DIALECTS = {
    "yealink": Dialect(
        "Yealink SIP-T54W 96.86.0.75",
        {
            "Allow": "INVITE, INFO, PRACK, ACK, BYE, CANCEL, OPTIONS, NOTIFY, REGISTER, SUBSCRIBE, REFER, UPDATE, MESSAGE",
            "Allow-Events": "talk,hold,conference,refer,check-sync", "Supported": "replaces",
        },
        (
            Coding(9, "G722", "G722/8000"), Coding(8, "PCMA", "PCMA/8000"), Coding(0, "PCMU", "PCMU/8000"),
            Coding(18, "G729", "G729/8000", "annexb=no"), events(101),
        ),
        of={"SUBSCRIBE": {"Accept": _BLF}}, port=True, subject="SDP data", below="a=ptime:20\r\n",
    ),
    "snom": Dialect(
        "snomD785/10.1.175.16",
        {
            "Allow": _ALLOW, "Allow-Events": "talk, hold, refer, call-info", "Supported": "timer, 100rel, replaces, from-change",
            "Accept": "application/sdp", "X-Serialnumber": "00041396A1B2", "P-Key-Flags": 'keys="3"',
        },
        (
            Coding(9, "G722", "g722/8000"), Coding(8, "PCMA", "pcma/8000"), Coding(0, "PCMU", "pcmu/8000"),
            Coding(3, "GSM", "gsm/8000"), Coding(112, "G726", "g726-32/8000"), events(101),
        ),
        of={
            "INVITE": {"Session-Expires": "3600;refresher=uas", "Min-SE": "90"},
            "REGISTER": {"Supported": "path, gruu, outbound", "Allow-Events": "dialog"},
            "SUBSCRIBE": {"Accept": _BLF, "Supported": "eventlist"},
        },
        contact=";line=kvh8mh2q",
        binding=';reg-id=1;q=1.0;+sip.instance="<urn:uuid:8e1b1bbc-2bd7-4f0c-9b5b-00041396a1b2>";audio;mobility="fixed";'
        'duplex="full";description="snomD785";actor="principal";events="dialog";methods="INVITE,ACK,CANCEL,BYE"',
        user_phone=True, origin="root", subject="call", below="a=ptime:20\r\n",
        # With "RTP encryption" on and "RTP/SAVP" off, keys stand in a description of plain RTP.
        above=f"a=crypto:1 AES_CM_128_HMAC_SHA1_32 {_KEY}\r\na=crypto:2 AES_CM_128_HMAC_SHA1_80 {_KEY}\r\n",
    ),
    "grandstream": Dialect(
        "Grandstream GXP2170 1.0.11.64",
        {
            "Supported": "replaces, path, timer, eventlist", "Privacy": "none",
            "P-Access-Network-Info": "IEEE-EUI-48;eui-48-addr=00-0B-82-A1-B2-C3",
            "P-Emergency-Info": "IEEE-EUI-48;eui-48-addr=00-0B-82-A1-B2-C3",
            "Allow": "INVITE, ACK, OPTIONS, CANCEL, BYE, SUBSCRIBE, NOTIFY, INFO, REFER, UPDATE, MESSAGE",
            "Accept": "application/sdp, application/dtmf-relay",
        },
        (
            Coding(0, "PCMU", "PCMU/8000"), Coding(8, "PCMA", "PCMA/8000"), Coding(18, "G729", "G729/8000", "annexb=no"),
            Coding(97, "iLBC", "iLBC/8000", "mode=20"), events(101),
        ),
        of={
            "INVITE": {"P-Preferred-Identity": "<sip:anna@pbx.test>", "Session-Expires": "180", "Min-SE": "90"},
            "SUBSCRIBE": {"Accept": f"{_BLF}, application/xml, application/rlmi+xml, multipart/related"},
        },
        binding=';reg-id=1;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000B82A1B2C3>"',
        origin="101", subject="SIP Call", above="a=sendrecv\r\n", below="a=ptime:20\r\n", directionless=True, hold=HOLD_2543,
    ),
    "gigaset": Dialect(  # a DECT base
        "N670 IP PRO/83.V2.49.1/7C2F80",
        {"Allow": _ALLOW, "Supported": "replaces, from-change", "Allow-Events": "message-summary, refer, talk, check-sync"},
        (Coding(8, "PCMA"), Coding(0, "PCMU"), Coding(9, "G722"), Coding(18, "G729", "", "annexb=no"), events(101)),
        of={"SUBSCRIBE": {"Accept": f"{_BLF}, multipart/related, application/rlmi+xml"}},
        port=True, hold="inactive", directionless=True,
    ),
    "cisco-spa": Dialect(
        "Cisco/SPA504G-7.6.2f",
        {
            "Allow": "ACK, BYE, CANCEL, INFO, INVITE, NOTIFY, OPTIONS, REFER, UPDATE", "Supported": "replaces",
            "Allow-Events": "dialog",
        },
        (
            Coding(0, "PCMU", "PCMU/8000"), Coding(2, "G726", "G726-32/8000"), Coding(8, "PCMA", "PCMA/8000"),
            Coding(18, "G729", "G729a/8000"), Coding(100, "NSE", "NSE/8000", "192-193"), events(101),
        ),
        of={"SUBSCRIBE": {"Accept": _BLF}, "INVITE": {"Expires": "240", "Remote-Party-ID": "<sip:anna@pbx.test>;party=calling"}},
        below="a=silenceSupp:off - - - -\r\na=ptime:30\r\n", hold=HOLD_2543,
    ),
    "microsip": Dialect(
        "MicroSIP/3.21.6",
        {"Allow": "PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS",
         "Supported": "replaces, 100rel, timer, norefersub"},
        (
            Coding(96, "opus", "opus/48000/2", "useinbandfec=1"), Coding(8, "PCMA", "PCMA/8000"), Coding(0, "PCMU", "PCMU/8000"),
            events(120, 48_000, "0-16"), events(121, 8_000, "0-16"),
        ),
        of={
            "INVITE": {"Session-Expires": "1800", "Min-SE": "90"},
            "SUBSCRIBE": {"Accept": _BLF, "Allow-Events": "presence, message-summary, refer"},
        },
        contact=";ob", subject="pjmedia", session="b=AS:117\r\n", media_connection=True,
        above="b=TIAS:96000\r\na=rtcp:4001 IN IP4 {host}\r\n", below="a=ssrc:1146103424 cname:0f1c6e0b7e4a5a18\r\n",
        # T.140 with redundancy, as its library offers it.
        other_media="m=text 4002 RTP/AVP 98 99\r\nc=IN IP4 {host}\r\na=sendrecv\r\na=rtpmap:98 t140/1000\r\n"
        "a=rtpmap:99 red/1000\r\na=fmtp:99 98/98/98\r\n",
    ),
    "zoiper": Dialect(
        "Z 5.6.4 v2.10.20.4",
        {
            "Allow": "INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE",
            "Allow-Events": "presence, kpml, talk",
            "Supported": "replaces, norefersub, extended-refer, timer, outbound, path",
        },
        (
            Coding(106, "opus", "opus/48000/2", "sprop-maxcapturerate=16000; minptime=20; useinbandfec=1"),
            Coding(9, "G722"), events(98, 48_000, "0-16"), events(101, 8_000, "0-16"),
            Coding(0, "PCMU"), Coding(8, "PCMA"), Coding(3, "GSM"),
        ),
        of={"SUBSCRIBE": {"Accept": f"{_BLF}, multipart/related"}},
        contact=";rinstance=5b1d2f3c8a4e;transport=UDP", origin="Z", subject="Z", port=True,
    ),
}  # fmt: skip


class DialectPhone(Watcher):
    """A virtual phone with the habits of a maker."""

    def __init__(self, world: World, user: str, dialect: Dialect, behaviour: Behaviour | None = None) -> None:
        self.dialect = dialect
        self.keys: list[Any] = []
        self.told: list[Raw] = []
        index = len(world.phones) + 1
        super().__init__(world, user, f"secret-{user}", f"198.51.100.{index}", 5060 + index, behaviour)

    @property
    def contact(self) -> str:
        return super().contact + self.dialect.contact

    def request(
        self, method: str, uri: str, headers: dict[str, str], body: bytes = b"", done: Callable[[Raw | None], None] | None = None,
        branch: str = "", retransmit: bool = True,
    ) -> str:  # fmt: skip
        mine = {**self.dialect.headers, **headers, "User-Agent": self.dialect.agent}
        if "Accept" not in headers:  # as it is for lamps
            mine.update(self.dialect.of.get(method, {}))
        if method == "REGISTER":
            mine["Contact"] = headers["Contact"] + self.dialect.binding
        if self.dialect.port and method != "ACK":
            for name in ("From", "To"):
                domain = self.world.domain
                mine[name] = mine[name].replace(f"@{domain}>", f"@{domain}:5060>")
        return super().request(method, uri, mine, body, done, branch, retransmit)

    def respond(self, raw: Raw, status: int, *, tag: str = "", headers: str = "", body: bytes = b"") -> bytes:
        mine = "".join(f"{name}: {value}\r\n" for name, value in self.dialect.headers.items())
        return super().respond(
            raw, status, tag=tag, headers=f"{headers}User-Agent: {self.dialect.agent}\r\n{mine}", body=body
        )

    def call(self, dialled: str, **more: Any) -> Line:
        if self.dialect.user_phone:
            more.setdefault("uri", f"sip:{dialled}@{self.world.domain};user=phone")
        return super().call(dialled, **more)

    def requested(self, raw: Raw, method: str) -> None:
        if method == "NOTIFY" and (line := self.line(raw)) is not None:
            self._notified(line, raw)  # of a transfer
        elif method == "NOTIFY" and not any(key.call_id == raw.get("Call-ID") for key in self.keys):
            self.told.append(raw)  # without having asked
            self.respond(raw, 200, tag=self.fresh("t"))
        else:
            super().requested(raw, method)

    # --- descriptions ----------------------------------------------------------------------------------------------------

    def sdp(self, line: Line, *, codecs: list[str] | None = None) -> bytes:
        return self._describe(line, self.dialect.codings, self.dialect.first_media, self.dialect.other_media)

    def answer_sdp(self, line: Line) -> bytes:
        """The first of the switch's codecs that it knows, by the switch's numbers."""
        offer = line.sdp
        assert offer is not None
        known = {each.name.lower(): each for each in self.dialect.codings}
        chosen: list[Coding] = []
        for number, name in zip(offer.types, offer.codecs, strict=True):
            described = offer.names.get(number, "")
            if name.lower() in known and not chosen:
                chosen.append(Coding(number, name, described if known[name.lower()].rtpmap else ""))
        clock = 48_000 if chosen[0].name == "opus" else 8_000
        chosen += [events(number, clock) for number, name in offer.names.items() if name == f"telephone-event/{clock}"]
        mirrored = {"sendrecv": line.direction, "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
        keep, line.direction = line.direction, mirrored[offer.direction]
        body = self._describe(line, tuple(chosen))
        line.direction = keep
        return body

    def _describe(self, line: Line, codings: tuple[Coding, ...], first_media: str = "", other_media: str = "") -> bytes:
        dialect, host = self.dialect, self.address[0]
        where = HOLD_2543 if line.direction == "sendonly" and dialect.hold == HOLD_2543 else host
        connection = f"c=IN IP4 {where}\r\n"
        said = "" if dialect.directionless and line.direction == "sendrecv" else f"a={line.direction}\r\n"
        if where == HOLD_2543:
            said = ""
        above = dialect.above if line.direction == "sendrecv" or "a=sendrecv" not in dialect.above else ""
        text = (
            f"v=0\r\no={dialect.origin} 8000 {line.version} IN IP4 {host}\r\ns={dialect.subject}\r\n"
            f"{'' if dialect.media_connection else connection}{dialect.session}t=0 0\r\n{first_media}"
            f"m=audio {line.rtp} RTP/AVP {' '.join(str(each.number) for each in codings)}\r\n"
            f"{connection if dialect.media_connection else ''}{above}{''.join(each.lines for each in codings)}"
            f"{dialect.below}{said}{other_media}"
        )
        line.version += 1
        return text.replace("{host}", host).encode()

    def put_on_hold(self, line: Line) -> None:
        self.reinvite(line, "inactive" if self.dialect.hold == "inactive" else "sendonly")
