"""RTCP: what each side tells the other about the streams (RFC 3550 section 6).

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |V=2|P|    RC   |      PT       |        length (words - 1)     |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |                         SSRC of sender                        |

We send one compound packet per leg about every five seconds: SR (or RR while we send no RTP), SDES CNAME, and BYE at the end.
From the far end we take what it says of our stream; nothing that RTCP says ever changes where we send or listen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct

from media.rtp import CLOCK_RATE

SENDER_REPORT, RECEIVER_REPORT, SOURCE_DESCRIPTION, GOODBYE, APPLICATION = 200, 201, 202, 203, 204
CNAME = 1
INTERVAL = 5.0  # seconds, 6.2: the least deterministic interval; drawn between half and one and a half of it
NTP_EPOCH = 2_208_988_800  # seconds from 1900 to 1970

_HEADER = Struct("!BBH")
_SENDER = Struct("!IQIII")  # SSRC, NTP time, RTP time, packets, octets
_BLOCK = Struct("!IIIIII")  # SSRC, fraction and lost, highest sequence, jitter, LSR, DLSR
MAX_PACKET = 1500


@dataclass(slots=True)
class ReportBlock:
    """What a receiver says of one stream. `jitter` in RTP units, `last_report` and `delay` in 1/65536 s."""

    ssrc: int
    fraction: int  # lost since its last report, in 1/256
    lost: int
    highest: int
    jitter: int
    last_report: int = 0
    delay: int = 0

    def __bytes__(self) -> bytes:
        lost = max(-(1 << 23), min(self.lost, (1 << 23) - 1)) & 0xFFFFFF  # 6.4.1: clamped, not wrapped
        return _BLOCK.pack(
            self.ssrc, self.fraction << 24 | lost, self.highest, self.jitter, self.last_report, self.delay
        )


@dataclass(slots=True)
class SenderInfo:
    """What a sender says of itself. `ntp` is 64-bit NTP time."""

    ntp: int
    timestamp: int
    packets: int
    octets: int


@dataclass(slots=True)
class Report:
    """What one compound packet said."""

    ssrc: int
    sender: SenderInfo | None = None
    blocks: list[ReportBlock] = field(default_factory=list)
    cname: str = ""
    goodbye: tuple[int, ...] = ()


def parse(data: bytes) -> Report | None:
    """What a compound packet says, or None if it is not valid as a whole (appendix A.2)."""
    if not 8 <= len(data) <= MAX_PACKET or data[1] not in (SENDER_REPORT, RECEIVER_REPORT) or data[0] & 0x20:
        return None  # A.2: the first is a report, and is not padded
    report: Report | None = None
    at = 0
    while at < len(data):
        if len(data) - at < 4:
            return None
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first & 0xC0 != 0x80 or end > len(data):
            return None
        body = data[at + 4 : end]
        if first & 0x20:  # 6.4.1: padding is only in the last packet, a multiple of four
            if end != len(data) or not body or not 4 <= body[-1] <= len(body) or body[-1] % 4:
                return None
            body = body[: -body[-1]]
        if report is None:
            if len(body) < 4:
                return None
            report = Report(int.from_bytes(body[:4], "big"))
        if not _read(report, kind, first & 0x1F, body):
            return None
        at = end
    return report


def _read(report: Report, kind: int, count: int, body: bytes) -> bool:
    """Take over one packet of the compound; False if its contents do not fit its length."""
    if kind in (SENDER_REPORT, RECEIVER_REPORT):
        return _read_report(report, kind, count, body)
    if kind == SOURCE_DESCRIPTION:
        return _read_description(report, count, body)
    if kind == GOODBYE:
        if len(body) < 4 * count:
            return False
        reason = body[4 * count :]
        if reason and 1 + reason[0] > len(reason):
            return False
        report.goodbye += tuple(int.from_bytes(body[at : at + 4], "big") for at in range(0, 4 * count, 4))
    return True  # APP and what later documents added: not for us, but no fault


def _read_report(report: Report, kind: int, count: int, body: bytes) -> bool:
    at = _SENDER.size if kind == SENDER_REPORT else 4
    if len(body) < at + count * _BLOCK.size:
        return False  # What follows the blocks is a profile's extension (6.4.3).
    if kind == SENDER_REPORT:
        _, *info = _SENDER.unpack_from(body)
        report.sender = SenderInfo(*info)
    for _ in range(count):
        ssrc, losses, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, at)
        lost = losses & 0xFFFFFF
        if lost & 0x800000:
            lost -= 1 << 24
        report.blocks.append(ReportBlock(ssrc, losses >> 24, lost, highest, jitter, last_report, delay))
        at += _BLOCK.size
    return True


def _read_description(report: Report, count: int, body: bytes) -> bool:
    """6.5: chunks of an SSRC and items, each chunk ended by a zero octet and padded to four."""
    at = 0
    for _ in range(count):
        if at + 5 > len(body):
            return False
        ssrc = int.from_bytes(body[at : at + 4], "big")
        at += 4
        while at < len(body) and body[at]:
            if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
                return False
            if body[at] == CNAME and ssrc == report.ssrc:
                report.cname = body[at + 2 : at + 2 + body[at + 1]].decode("utf-8", "replace")
            at += 2 + body[at + 1]
        if at >= len(body):
            return False
        at = (at | 3) + 1
    return at <= len(body)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    assert len(body) % 4 == 0, "RTCP counts in words"
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def build(report: Report) -> bytes:
    """The compound packet that says this: SR or RR, then the CNAME, then BYE if anything says goodbye."""
    blocks = b"".join(map(bytes, report.blocks))
    ssrc = report.ssrc.to_bytes(4, "big")
    if report.sender is None:
        packets = [_packet(RECEIVER_REPORT, len(report.blocks), ssrc + blocks)]
    else:
        sender = report.sender
        info = _SENDER.pack(report.ssrc, sender.ntp, sender.timestamp, sender.packets, sender.octets)
        packets = [_packet(SENDER_REPORT, len(report.blocks), info + blocks)]
    name = report.cname.encode()[:255]
    items = bytes((CNAME, len(name))) + name
    packets.append(_packet(SOURCE_DESCRIPTION, 1, ssrc + items + b"\0" * (4 - len(items) % 4)))
    if report.goodbye:
        gone = b"".join(each.to_bytes(4, "big") for each in report.goodbye)
        packets.append(_packet(GOODBYE, len(report.goodbye), gone))
    return b"".join(packets)


def ntp_time(wall: float) -> int:
    """64-bit NTP time of a Unix time (section 4)."""
    return (int(wall) + NTP_EPOCH << 32 | int(wall % 1 * (1 << 32))) & 0xFFFFFFFFFFFFFFFF


def ntp_middle(ntp: int) -> int:
    """The middle 32 bits: what LSR is counted in."""
    return ntp >> 16 & 0xFFFFFFFF


@dataclass(slots=True)
class Reporter:
    """The RTCP side of one leg: what we say, what we were told. `wall` is Unix time, in seconds."""

    ssrc: int
    cname: str
    clock: int = CLOCK_RATE  # of our RTP timestamps, hertz
    round_trip_ms: float = 0.0
    remote_lost: int = 0
    remote_jitter_ms: float = 0.0
    spoke: bool = False  # a report was sent
    told: bool = False  # a report about our stream came
    _heard: int = 0  # the middle of the last sender report's NTP time
    _heard_at: float = 0.0
    _heard_ssrc: int = 0
    _stream: int = 0  # the SSRC in our last report, and what was known of it then, for the fraction lost
    _expected: int = 0
    _received: int = 0

    def receive(self, data: bytes, wall: float) -> bool:
        """Take over what the far end says; False if that is not valid RTCP."""
        report = parse(data)
        if report is None:
            return False
        if report.sender is not None:
            self._heard, self._heard_at, self._heard_ssrc = ntp_middle(report.sender.ntp), wall, report.ssrc
        for block in report.blocks:
            if block.ssrc != self.ssrc:
                continue
            self.told = True
            self.remote_lost = block.lost
            self.remote_jitter_ms = block.jitter * 1000 / self.clock
            if block.last_report:
                # 6.4.1: arrival - LSR - DLSR; a clock that was stepped makes nonsense of it, which we do not keep.
                elapsed = (ntp_middle(ntp_time(wall)) - block.last_report - block.delay) & 0xFFFFFFFF
                if elapsed < 60 << 16:
                    self.round_trip_ms = elapsed * 1000 / 65536
        return True

    def report(self, sender: SenderInfo | None, stream: Stream | None, wall: float, *, goodbye: bool = False) -> bytes:
        """Our compound packet. `sender`: None if we sent no RTP lately; `stream`: what we receive, None if nothing."""
        self.spoke = True
        report = Report(self.ssrc, sender, cname=self.cname, goodbye=(self.ssrc,) if goodbye else ())
        if stream is not None:
            report.blocks.append(self._block(stream, wall))
        return build(report)

    def _block(self, stream: Stream, wall: float) -> ReportBlock:
        if stream.ssrc != self._stream:
            self._stream, self._expected, self._received = stream.ssrc, 0, 0
        expected, received = stream.expected - self._expected, stream.received - self._received
        lost = expected - received
        self._expected, self._received = stream.expected, stream.received
        fraction = min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0
        heard = self._heard if self._heard_ssrc == stream.ssrc else 0
        delay = int(max(0.0, wall - self._heard_at) * 65536) & 0xFFFFFFFF if heard else 0
        return ReportBlock(
            stream.ssrc,
            fraction,
            stream.expected - stream.received,
            stream.highest & 0xFFFFFFFF,
            stream.jitter,
            heard,
            delay,
        )


@dataclass(slots=True)
class Stream:
    """The statistics of a stream that we receive. Jitter in RTP units."""

    ssrc: int
    expected: int
    received: int
    highest: int
    jitter: int
