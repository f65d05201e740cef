"""Codecs of session descriptions: which ones a peer names, which ones we may agree on, how they are written.

What two sides of a call have in common needs no transcoding, so the same codec is the same text on both: its *key*, the
rtpmap in lower case ("pcma/8000", "opus/48000/2"). A codec that no worker decodes can still be passed through, if both
phones speak it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from softswitch.sip import sdp

EVENTS: Final = "telephone-event"
EVENT_RANGE: Final = "0-16"  # the keys of a telephone and the flash (RFC 4733 section 3.2)
NOISE: Final = "cn/8000"  # RFC 3389; comfort noise at other clocks goes with codecs that nobody has
# Formats of an audio line that are no codecs: they repeat, protect or accompany those of others.
_NOT_CODECS: Final = frozenset(
    {EVENTS, "cn", "red", "ulpfec", "flexfec", "flexfec-03", "parityfec", "rtx", "tone", "t140"}
)
MAX_CODECS: Final = 32  # of one line that are looked at
MAX_FMTP: Final = 512  # characters of the parameters of one codec
ANY: Final = "*"  # in a list of codecs: whatever both phones speak


@dataclass(slots=True, frozen=True)
class Format:
    """A codec with its number in one description. `name` as workers know it, or as the peer spells another codec."""

    key: str
    name: str
    clock: int  # of its RTP timestamps, hertz
    payload_type: int
    fmtp: str = ""

    @property
    def rtpmap(self) -> str:
        return self.name + self.key[len(self.name) :]


# Name in the settings -> what we offer. Numbers are those of RFC 3551, or those that most phones use. RFC 7587 section 7:
# we want forward error correction, and take packets from 10 ms up.
OURS: Final = {
    "opus": Format("opus/48000/2", "opus", 48_000, 111, "minptime=10;useinbandfec=1"),
    "G722": Format("g722/8000", "G722", 8_000, 9),
    "PCMA": Format("pcma/8000", "PCMA", 8_000, 8),
    "PCMU": Format("pcmu/8000", "PCMU", 8_000, 0),
    "L16": Format("l16/16000", "L16", 16_000, 118),
}
BY_KEY: Final = {format.key: format for format in OURS.values()} | {
    f"l16/{clock}": Format(f"l16/{clock}", "L16", clock, number)
    for clock, number in ((8_000, 117), (24_000, 119), (48_000, 120))
}
# Spellings of phones that mean one of ours: RFC 7587 wants two channels, RFC 3551 wants 8000 for G.722.
_ALIASES: Final = {"opus/48000": "opus/48000/2", "g722/16000": "g722/8000"}
DECODED: Final = ("PCMA", "PCMU")  # by every worker
EVENT_TYPES: Final = {8_000: 101, 48_000: 110, 16_000: 100, 32_000: 102, 24_000: 103}  # the numbers we offer
DYNAMIC: Final = range(96, 128)

# ptimes that workers send, milliseconds; opus has no frames of 30 and 50 (RFC 6716 section 2.1.4).
PTIMES: Final = frozenset({10, 20, 30, 40, 50, 60})
OPUS_PTIMES: Final = frozenset({10, 20, 40, 60})


# In a list of what the other side of a call speaks, at its end: it takes comfort noise as well.
COMFORT: Final = Format(NOISE, "CN", 8_000, 13)


def with_noise(prefer: Sequence[Format]) -> bool:
    return bool(prefer) and prefer[-1].key == NOISE


@dataclass(slots=True)
class Formats:
    """What the formats of an audio line are. `events`: clock and number of each telephone-event; `noise`: -1 if none."""

    codecs: tuple[Format, ...]
    events: tuple[tuple[int, int], ...] = ()
    noise: int = -1


def read(media: sdp.Media) -> Formats:
    """The codecs of an audio line, in its order. The same phone always writes the same lines, so they are read once."""
    formats = " ".join(media.formats)
    return _read(formats, media.source) if len(media.source) <= sdp.MAX_KEPT else _formats(formats, media.source)


def _formats(formats: str, source: str) -> Formats:
    lines = sdp.section(source)
    codecs: list[Format] = []
    events: dict[int, int] = {}
    noise = -1
    for payload_type in map(int, dict.fromkeys(formats.split(" "))):
        text = lines.rtpmap.get(payload_type) or sdp.STATIC.get(payload_type)
        found = sdp.codec(payload_type, text, lines.fmtp.get(payload_type, "")) if text else None
        if found is None or not found.clock or len(found.fmtp) > MAX_FMTP or len(codecs) >= MAX_CODECS:
            continue
        name = found.name.lower()
        if name == EVENTS:
            events.setdefault(found.clock, payload_type)
        elif name == "cn":
            noise = payload_type if found.clock == 8_000 and noise < 0 else noise
        elif name not in _NOT_CODECS:
            key = f"{name}/{found.clock}" + (f"/{found.channels}" if found.channels != 1 else "")
            key = _ALIASES.get(key, key)
            if all(codec.key != key for codec in codecs):
                ours = BY_KEY.get(key)
                codecs.append(
                    Format(key, ours.name if ours else found.name, found.clock if key != "g722/8000" else 8_000,
                           payload_type, found.fmtp)
                )  # fmt: skip
    return Formats(tuple(codecs), tuple(events.items()), noise)


_read = lru_cache(maxsize=512)(_formats)


@dataclass(slots=True, frozen=True)
class Repertoire:
    """The codecs of one account: `spoken` are those that workers decode, in our order of preference; `named` and `anything`
    are passed through between two phones."""

    spoken: tuple[str, ...]
    named: frozenset[str] = frozenset()  # lower-case names
    anything: bool = False

    def allows(self, format: Format) -> bool:
        return format.key in self.spoken or self.passes(format)

    def passes(self, format: Format) -> bool:
        """Whether this codec may go from phone to phone, though nobody here understands it."""
        return format.key not in self.spoken and (self.anything or format.name.lower() in self.named)

    def ours(self) -> tuple[Format, ...]:
        return tuple([BY_KEY[key] for key in self.spoken])


@lru_cache(maxsize=256)
def repertoire(names: tuple[str, ...], decoded: tuple[str, ...]) -> Repertoire:
    """What the settings allow and workers can do. `names`: as in the settings; `decoded`: names of codecs, as in Ready.

    A worker that does not say what it decodes knows G.711 only, and passes nothing else through.
    """
    known = decoded or DECODED
    spoken: list[str] = []
    for name in names:
        if name == "L16" and name in known:
            spoken += [key for key in BY_KEY if key.startswith("l16/")]
        elif name in OURS and name in known:
            spoken.append(OURS[name].key)
    if not spoken:
        spoken = [OURS[name].key for name in DECODED]  # A phone without a codec would be mute.
    passed = frozenset(name.lower() for name in names if name != ANY and name not in known) if decoded else frozenset()
    return Repertoire(tuple(spoken), passed, bool(decoded) and ANY in names)


def order(prefer: Iterable[Format], mine: Repertoire) -> list[Format]:
    """The codecs of an offer of ours: first what the other side of the call speaks, in its order, then our others.

    What is only passed through comes after what we understand: such a call can hear no music and cannot be recorded. But
    if the other side speaks nothing that we understand, the rest of ours would be of no use to it.
    """
    shared: list[Format] = []
    relayed: list[Format] = []
    for format in prefer:
        if format.key in mine.spoken:
            shared.append(format)
        elif format.key != NOISE and mine.passes(format):
            relayed.append(format)
    if relayed and not shared:
        return relayed
    known = {format.key for format in shared}
    return [*shared, *relayed, *(format for format in mine.ours() if format.key not in known)]


@dataclass(slots=True, frozen=True)
class Plan:
    """An offer: its codecs, and its formats as (number, rtpmap, fmtp). `types`: what each number means."""

    keys: tuple[str, ...]
    lines: tuple[tuple[int, str, str], ...]
    types: dict[str, int]


@lru_cache(maxsize=256)
def first_plan(prefer: tuple[Format, ...], mine: Repertoire, events: bool) -> Plan:
    """The first offer of a session. Phones of one model are all offered the same, so it is worked out once."""
    return plan(prefer, mine, events, {})


def plan(prefer: Sequence[Format], mine: Repertoire, events: bool, known: dict[str, int]) -> Plan:
    """An offer, in a session where some numbers have a meaning already. `events`: keys may travel as telephone-event."""
    types = dict(known)
    formats = order(prefer, mine)
    lines: list[tuple[int, str, str]] = []
    for one in formats:
        own = BY_KEY[one.key] if one.key in mine.spoken else one
        lines.append((_number(types, one.key, own.payload_type), own.rtpmap, own.fmtp))
    if events:
        for clock in dict.fromkeys([one.clock for one in formats]):
            name = f"{EVENTS}/{clock}"
            lines.append((_number(types, name, EVENT_TYPES.get(clock, 104)), name, EVENT_RANGE))
    if with_noise(prefer) and any(one.clock == 8_000 for one in formats):
        lines.append((_number(types, NOISE, 13), "CN/8000", ""))
    return Plan(tuple([one.key for one in formats]), tuple(lines), types)


def _number(types: dict[str, int], key: str, wanted: int) -> int:
    """The number with which we receive this format: for the whole session the same one (RFC 3264 section 8.3.2)."""
    number = types.get(key, -1)
    if number < 0:
        taken = types.values()
        number = wanted
        while number in taken:  # The peer gave our usual number to a format of its own.
            number = number + 1 if 95 < number < 127 else 96
        types[key] = number
    return number


def packet_time(format: Format, wanted: int, longest: int) -> int:
    """Milliseconds per packet: as the peer wishes if workers can, 20 otherwise, never more than it takes."""
    possible = OPUS_PTIMES if format.name == "opus" else PTIMES
    ptime = wanted if wanted in possible else 20
    if longest and ptime > longest:
        ptime = 10 if longest < 20 else 20
    return ptime


@lru_cache(maxsize=256)
def written(formats: tuple[tuple[int, str, str], ...]) -> tuple[str, str]:
    """The formats of the m= line and the attributes that explain them, from (number, rtpmap, fmtp). Few combinations occur."""
    lines = [
        f"a=rtpmap:{number} {rtpmap}\r\n" + (f"a=fmtp:{number} {fmtp}\r\n" if fmtp else "")
        for number, rtpmap, fmtp in formats
    ]
    return " ".join([str(number) for number, _, _ in formats]), "".join(lines)
