"""The relay that runs inside the kernel: what `batch.py` does to the packets of established streams, as a program for `bpf.py`.

It sees every packet that arrives on an interface, and takes those that came from the settled address of a leg, whose
gate is open, and which are what the leg's row in the tables says: the same rows of `Legs` that the relays in user space
use, in memory that both see. All else goes on to the sockets as if the program were not there.

The gate is what makes two relays one. A leg is handled by the program or by user space, never by both:

    SHUT    user space has it. Whatever arrives goes to the socket.
    READY   user space has handled all it has read. The program begins with the packet that has the next number, and with no
            other: one that still waits in the socket, or another order than expected, shuts the gate again.
    OPEN    the program has it. The first packet that needs judgement (a digit, a new stream, a jump) shuts the gate
            and goes to the socket, and so does everything after it: order is kept, and nothing is sent twice or not at all.

Gate and numbers of a leg are changed under the gate's spin lock only, by the program and by user space (`LockedArray.write`).
"""

from __future__ import annotations

from media.legs import (
    HEARD,
    HIGHEST,
    IN_SSRC,
    JITTER,
    KEY,
    MAP_BASE,
    OCTETS,
    OUT_CLOCK,
    OUT_OCTETS,
    OUT_SEQ,
    OUT_SSRC,
    OUT_STEP,
    OUT_TS,
    RECEIVED,
    ROUTE,
    SENT,
    SEQ_OFFSET,
    TRANSIT,
    TS_OFFSET,
)
from media.legs import (
    WORD as WORD_COLUMN,
)
from media.relay.bpf import (
    BYTE,
    DOUBLE,
    FRAME,
    HALF,
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    WORD,
    Assembler,
    Register,
)
from media.relay.layout import LARGE, NEXT_AT, OPEN, SHUT, SMALL, STATE_AT, TOLD, Maps, told_at, way_at
from media.rtp import CLOCK_RATE, HEADER_SIZE, MARKER, MAX_DROPOUT, MAX_MISORDER, VERSION_2

LINK_HEADER = 14  # Ethernet, and the loopback interface, which pretends to be one
_UDP_HEADER = 8
_NEW_TTL = 64
_LOOPBACK = 1  # its index is the same in every network namespace
_DSCP = 0xB8  # expedited forwarding, as the sockets are set
_FIRST_WORD_IPV6 = 0x0000806B  # version 6, that class, no flow label; as it lies in memory
_DO_NOT_FRAGMENT = 0x0040

# struct __sk_buff
_LENGTH, _PACKET_TYPE, _PROTOCOL, _VLAN, _IFINDEX, _DATA, _DATA_END, _GSO_SIZE = 0, 4, 16, 20, 40, 76, 80, 176
_PROTOCOLS = {4: 0x0008, 6: 0xDD86}  # network order
# Helpers, by the kernel's numbers.
_LOOK_UP, _KTIME, _L4_CHECKSUM, _LOAD_BYTES, _PULL, _CHECKSUM_UPDATE = 1, 5, 11, 26, 39, 40
_LOCK, _UNLOCK, _RESERVE, _SUBMIT, _DISCARD, _REDIRECT = 93, 94, 131, 132, 133, 152
_PSEUDO_HEADER, _KEEP_ZERO = 0x10, 0x20  # flags of l4_csum_replace
_NO_WAKE_UP = 1

TCX_NEXT = -1  # also TC_ACT_UNSPEC: on to the next program, in the end to the sockets
TC_ACT_REDIRECT = 7

# The stack.
_LEG, _LISTENER, _GATE_AT, _MAPPING_AT, _INBOUND_AT, _OUTBOUND_AT = -4, -8, -16, -24, -32, -40
_CLOCK, _SIZE, _PACKET, _TIMESTAMP, _RTP_SUM, _ADDRESS_SUM, _INTERFACE, _TIMING_AT = (
    -48,
    -56,
    -64,
    -72,
    -80,
    -88,
    -96,
    -104,
)
_ZERO = -108

_FIXED = -0x810000  # 0xFF7F0000: all of the first word but marker and sequence number
_NANOSECONDS = 1_000_000_000 // CLOCK_RATE  # in a unit of the clock


def relay_program(maps: Maps, base_port: int, legs: int) -> bytes:
    """The program for a range of ports."""
    return _Builder(maps, base_port, legs).build()


class _Builder:
    """R6 is the packet's context, R7 where it begins, R8 the leg's gate, R9 its way."""

    def __init__(self, maps: Maps, base_port: int, legs: int) -> None:
        self.asm = Assembler()
        self.maps = maps
        self.base_port = base_port
        self.legs = legs

    def build(self) -> bytes:
        asm = self.asm
        asm.mov(R6, R1)
        asm.load(WORD, R2, R6, _PACKET_TYPE)
        asm.when(R2, "!=", 0, "pass")  # Not for this host.
        asm.load(WORD, R2, R6, _PROTOCOL)
        for version, protocol in _PROTOCOLS.items():
            asm.when(R2, "==", protocol, f"version {version}")
        asm.label("pass")
        asm.mov(R0, TCX_NEXT)
        asm.exit()
        for version in _PROTOCOLS:
            self._path(version)
        asm.label("judge")  # The gate is held.
        asm.store(WORD, R8, STATE_AT, SHUT)
        self._add(R9, way_at("shut"), 1)
        asm.label("leave")
        asm.mov(R1, R8)
        asm.call(_UNLOCK)
        asm.jump("pass")
        return asm.assemble()

    def _path(self, version: int) -> None:
        """From an IP packet to its redirection. Offsets are from the beginning of the frame."""
        asm = self.asm
        network = LINK_HEADER
        udp = network + (20 if version == 4 else 40)
        rtp = udp + _UDP_HEADER
        asm.label(f"version {version}")
        self._frame(version, rtp + HEADER_SIZE)
        self._headers(version, network, udp)
        self._tables(udp)
        asm.mov(R1, R8)
        asm.call(_LOCK)
        self._gate(version, network, udp)
        self._stream(rtp)
        self._count()
        self._rewrite_rtp(rtp)
        self._count_sent()
        self._rewrite_headers(version, network, udp)
        asm.mov(R1, R8)
        asm.call(_UNLOCK)
        self._tell(version, rtp)
        self._send(version, udp)

    # --- before the gate ---------------------------------------------------------------------------------------------

    def _frame(self, version: int, needed: int) -> None:
        """An untagged frame that is one packet, with all headers where we can reach them."""
        asm = self.asm
        for field in (_VLAN, _GSO_SIZE):
            asm.load(WORD, R2, R6, field)
            asm.when(R2, "!=", 0, "pass")
        asm.load(WORD, R2, R6, _LENGTH)
        asm.when(R2, "<=", needed, "pass")
        asm.load(WORD, R7, R6, _DATA)
        asm.load(WORD, R3, R6, _DATA_END)
        asm.mov(R2, R7)
        asm.do("add", R2, needed)
        asm.when(R2, "<=", R3, f"reachable {version}")
        asm.mov(R1, R6)
        asm.mov(R2, needed)
        asm.call(_PULL)
        asm.load(WORD, R7, R6, _DATA)
        asm.load(WORD, R3, R6, _DATA_END)
        asm.mov(R2, R7)
        asm.do("add", R2, needed)
        asm.when(R2, ">", R3, "pass")
        asm.label(f"reachable {version}")

    def _headers(self, version: int, network: int, udp: int) -> None:
        """No options, no fragments; lengths that agree; RTP of a size that we have room for. Leaves the size on the stack."""
        asm = self.asm
        if version == 4:
            asm.load(BYTE, R2, R7, network)
            asm.when(R2, "!=", 0x45, "pass")
            asm.load(BYTE, R2, R7, network + 9)
            asm.when(R2, "!=", 17, "pass")
            asm.load(HALF, R2, R7, network + 6)
            asm.when(R2, "&", 0xFF3F, "pass")  # more fragments, or not the first
            asm.load(HALF, R3, R7, network + 2)
            asm.swap(R3, 16)
            asm.do("sub", R3, 20)
        else:
            asm.load(BYTE, R2, R7, network)
            asm.do("and", R2, 0xF0)
            asm.when(R2, "!=", 0x60, "pass")
            asm.load(BYTE, R2, R7, network + 6)
            asm.when(R2, "!=", 17, "pass")
            asm.load(HALF, R3, R7, network + 4)
            asm.swap(R3, 16)
        asm.load(HALF, R4, R7, udp + 4)
        asm.swap(R4, 16)
        asm.when(R3, "!=", R4, "pass")
        asm.load(WORD, R2, R6, _LENGTH)
        asm.do("sub", R2, udp)
        asm.when(R2, "!=", R4, "pass")
        asm.load(BYTE, R2, R7, network + _ttl(version))
        asm.when(R2, "<=", 1, "pass")  # In a loop, from this host to itself; see `_hops`.
        if version == 6:
            asm.load(HALF, R2, R7, udp + 6)
            asm.when(R2, "==", 0, "pass")  # RFC 8200 section 8.1: a checksum is mandatory.
        asm.do("sub", R4, _UDP_HEADER)
        asm.store(DOUBLE, FRAME, _SIZE, R4)

    def _tables(self, udp: int) -> None:
        """Find the rows of the leg and of its listener. RTCP has the odd ports."""
        asm = self.asm
        asm.load(HALF, R1, R7, udp + 2)
        asm.swap(R1, 16)
        asm.do("sub", R1, self.base_port)
        asm.when(R1, ">", 2 * self.legs - 2, "pass")
        asm.when(R1, "&", 1, "pass")
        asm.do("rsh", R1, 1)
        asm.store(WORD, FRAME, _LEG, R1)
        self._look_up(self.maps.ways, _LEG)
        asm.mov(R9, R0)
        asm.load(WORD, R1, R9, way_at("listener"))
        asm.store(WORD, FRAME, _LISTENER, R1)
        self._look_up(self.maps.gates, _LEG)
        asm.mov(R8, R0)
        rows = (
            (self.maps.inbound, _LEG, _INBOUND_AT),
            (self.maps.mapping, _LEG, _MAPPING_AT),
            (self.maps.outbound, _LISTENER, _OUTBOUND_AT),
        )
        for descriptor, key, place in rows:
            self._look_up(descriptor, key)
            asm.store(DOUBLE, FRAME, place, R0)
            # Each row is another line of memory, and nobody has touched it for a packet's time. Reading all of them before
            # the lock, which lets nothing overtake it, makes the processor fetch them at the same time.
            asm.load(DOUBLE, R1, R0, 0)
        asm.load(DOUBLE, R1, R9, 0)
        asm.load(WORD, R1, R8, STATE_AT)
        if self.maps.clock < 0:
            asm.call(_KTIME)
        else:
            asm.store(WORD, FRAME, _ZERO, 0)
            self._look_up(self.maps.clock, _ZERO)
            asm.load(DOUBLE, R0, R0, 0)
        asm.do("div", R0, _NANOSECONDS)
        asm.store(DOUBLE, FRAME, _CLOCK, R0)

    def _look_up(self, descriptor: int, key: int) -> None:
        asm = self.asm
        asm.load_map(R1, descriptor)
        asm.mov(R2, FRAME)
        asm.do("add", R2, key)
        asm.call(_LOOK_UP)
        asm.when(R0, "==", 0, "pass")

    # --- behind the gate ---------------------------------------------------------------------------------------------

    def _gate(self, version: int, network: int, udp: int) -> None:
        """Ours, and from the settled address? What strangers send does not even shut the gate."""
        asm = self.asm
        asm.load(WORD, R2, R8, STATE_AT)
        asm.when(R2, "==", SHUT, "leave")
        asm.load(BYTE, R2, R9, way_at("version"))
        asm.when(R2, "!=", version, "leave")
        self._same(udp, way_at("arrives"))
        words = 1 if version == 4 else 4
        addresses = network + (12 if version == 4 else 8)
        for word in range(words):
            self._same(addresses + 4 * word, way_at("theirs") + 4 * word)
            self._same(addresses + 4 * (words + word), way_at("ours") + 4 * word)
        asm.load(DOUBLE, R1, FRAME, _MAPPING_AT)
        asm.load(WORD, R2, R1, 4 * ROUTE)
        asm.load(WORD, R3, FRAME, _LISTENER)
        asm.when(R2, "!=", R3, "judge")  # It has another listener since we looked.

    def _same(self, in_packet: int, in_way: int) -> None:
        asm = self.asm
        asm.load(WORD, R2, R7, in_packet)
        asm.load(WORD, R3, R9, in_way)
        asm.when(R2, "!=", R3, "leave")

    def _stream(self, rtp: int) -> None:
        """Does the packet go on where the stream was? Leaves its first word in R0, its extended number on the stack."""
        asm = self.asm
        asm.load(BYTE, R2, R7, rtp)
        asm.do("and", R2, 0xC0)
        asm.when(R2, "!=", VERSION_2, "leave")  # What is no RTP is not part of the stream and its order;
        asm.load(BYTE, R2, R7, rtp + 1)
        asm.do("and", R2, 0xE0)
        asm.when(R2, "==", 0xC0, "leave")  # RFC 5761 section 4: neither is RTCP.
        asm.load(WORD, R0, R7, rtp)
        asm.swap(R0, 32)
        asm.load(WORD, R2, R1, 4 * KEY)
        asm.mov(R3, R0)
        asm.do("and", R3, _FIXED)
        asm.when(R3, "!=", R2, "judge")
        asm.load(WORD, R2, R7, rtp + 8)
        asm.swap(R2, 32)
        asm.load(WORD, R3, R1, 4 * IN_SSRC)
        asm.when(R2, "!=", R3, "judge")
        asm.load(DOUBLE, R2, FRAME, _SIZE)
        asm.when(R2, "<=", HEADER_SIZE, "judge")
        asm.when(R2, ">", LARGE, "judge")
        asm.load(DOUBLE, R5, FRAME, _INBOUND_AT)
        asm.load(DOUBLE, R2, R5, 8 * HIGHEST)
        asm.mov(R3, R0)
        asm.do("sub", R3, R2)
        asm.do("lsh", R3, 48)
        asm.do("arsh", R3, 48)
        asm.when(R3, "s>=", MAX_DROPOUT, "judge")
        asm.when(R3, "s<=", -MAX_MISORDER, "judge")
        asm.do("add", R3, R2)
        asm.load(DOUBLE, R4, R5, 8 * MAP_BASE)
        asm.when(R3, "s<", R4, "judge")
        asm.store(DOUBLE, FRAME, _PACKET, R3)
        skip = f"open {rtp}"
        asm.load(WORD, R4, R8, STATE_AT)
        asm.when(R4, "==", OPEN, skip)
        asm.mov(R4, R0)
        asm.do("and", R4, 0xFFFF)
        asm.load(WORD, R1, R8, NEXT_AT)
        asm.when(R4, "!=", R1, "judge")
        asm.store(WORD, R8, STATE_AT, OPEN)
        asm.label(skip)
        below = f"below {rtp}"
        asm.when(R3, "s<=", R2, below)
        asm.store(DOUBLE, R5, 8 * HIGHEST, R3)
        asm.label(below)
        asm.load(WORD, R4, R7, rtp + 4)
        asm.swap(R4, 32)
        asm.store(DOUBLE, FRAME, _TIMESTAMP, R4)

    def _count(self) -> None:
        """Statistics of what arrived (RFC 3550 appendix A.8). R5 is the row, R4 the timestamp."""
        asm = self.asm
        asm.load(DOUBLE, R1, FRAME, _CLOCK)
        asm.store(DOUBLE, R5, 8 * HEARD, R1)
        asm.load(BYTE, R2, R9, way_at("scale"))
        asm.do("mul", R1, R2)
        asm.do("sub", R1, R4)
        asm.load(DOUBLE, R2, R5, 8 * TRANSIT)
        asm.store(DOUBLE, R5, 8 * TRANSIT, R1)
        asm.do("sub", R1, R2)
        self._sign_extend(R1, 32)
        forward = f"forward {len(asm.code)}"
        asm.when(R1, "s>=", 0, forward)
        asm.negate(R1)
        asm.label(forward)
        asm.load(DOUBLE, R2, R5, 8 * JITTER)
        asm.mov(R3, R2)
        asm.do("add", R3, 8)
        asm.do("arsh", R3, 4)
        asm.do("add", R2, R1)
        asm.do("sub", R2, R3)
        asm.store(DOUBLE, R5, 8 * JITTER, R2)
        self._add(R5, 8 * RECEIVED, 1)
        asm.load(DOUBLE, R3, FRAME, _SIZE)
        asm.do("sub", R3, HEADER_SIZE)
        self._add(R5, 8 * OCTETS, R3)
        self._add(R9, way_at("moved"), 1)

    def _rewrite_rtp(self, rtp: int) -> None:
        """The constants of the mapping. Leaves the new number in R3 and the new timestamp in R4."""
        asm = self.asm
        asm.load(DOUBLE, R1, FRAME, _MAPPING_AT)
        asm.mov(R5, 0)
        asm.load(WORD, R3, R1, 4 * SEQ_OFFSET)
        asm.do("add", R3, R0)
        asm.do("and", R3, 0xFFFF)
        asm.do("and", R0, MARKER << 16)
        asm.do("or", R0, R3)
        asm.load(WORD, R2, R1, 4 * WORD_COLUMN)
        asm.do("or", R0, R2)
        self._replace(rtp, R0)
        asm.load(DOUBLE, R4, FRAME, _TIMESTAMP)
        asm.load(WORD, R2, R1, 4 * TS_OFFSET)
        asm.do("add", R4, R2)
        asm.do("lsh", R4, 32)
        asm.do("rsh", R4, 32)
        asm.mov(R0, R4)
        self._replace(rtp + 4, R0)
        asm.load(WORD, R0, R1, 4 * OUT_SSRC)
        self._replace(rtp + 8, R0)
        asm.load(WORD, R2, R9, way_at("port_sum"))
        asm.do("add", R5, R2)
        self._fold_to_32(R5, R2)
        asm.store(DOUBLE, FRAME, _RTP_SUM, R5)

    def _replace(self, offset: int, value: Register) -> None:
        """Write a word to the packet, and add the change to R5 (RFC 1624, in 64 bits)."""
        asm = self.asm
        asm.swap(value, 32)
        asm.do("add", R5, value)
        asm.load(WORD, R2, R7, offset)
        asm.store(WORD, R7, offset, value)
        asm.do("xor", R2, -1)
        asm.do("lsh", R2, 32)
        asm.do("rsh", R2, 32)
        asm.do("add", R5, R2)

    def _count_sent(self) -> None:
        """What was last sent, and how much: the numbers only ever go forward. R3 and R4 as `_rewrite_rtp` left them."""
        asm = self.asm
        late, same = f"late {len(asm.code)}", f"same {len(asm.code)}"
        asm.load(DOUBLE, R5, FRAME, _OUTBOUND_AT)
        asm.load(DOUBLE, R1, R5, 8 * OUT_SEQ)
        asm.do("sub", R3, R1)
        self._sign_extend(R3, 16)
        asm.when(R3, "s<=", 0, late)
        asm.do("add", R1, R3)
        asm.store(DOUBLE, R5, 8 * OUT_SEQ, R1)
        asm.label(late)
        asm.load(DOUBLE, R1, R5, 8 * OUT_TS)
        asm.do("sub", R4, R1)
        self._sign_extend(R4, 32)
        asm.when(R4, "s<=", 0, same)
        asm.do("add", R1, R4)
        asm.store(DOUBLE, R5, 8 * OUT_TS, R1)
        asm.load(DOUBLE, R1, FRAME, _CLOCK)
        asm.store(DOUBLE, R5, 8 * OUT_CLOCK, R1)
        asm.label(same)
        asm.load(DOUBLE, R3, FRAME, _SIZE)
        asm.do("sub", R3, HEADER_SIZE)
        asm.mov(R4, R3)
        asm.load(BYTE, R2, R9, way_at("pair"))
        asm.do("mul", R4, R2)
        asm.do("rsh", R4, 1)
        asm.load(WORD, R2, R9, way_at("usual"))
        asm.do("add", R4, R2)
        asm.store(DOUBLE, R5, 8 * OUT_STEP, R4)
        self._add(R5, 8 * SENT, 1)
        self._add(R5, 8 * OUT_OCTETS, R3)

    def _rewrite_headers(self, version: int, network: int, udp: int) -> None:
        """A packet of ours: our addresses and ports, our class of service, a fresh number of hops."""
        asm = self.asm
        self._hops(network + _ttl(version))
        words = 1 if version == 4 else 4
        addresses = network + (12 if version == 4 else 8)
        for word in range(words):
            self._copy(way_at("source") + 4 * word, addresses + 4 * word)
            self._copy(way_at("target") + 4 * word, addresses + 4 * (words + word))
        self._copy(way_at("leaves"), udp)
        if version == 4:
            asm.store(BYTE, R7, network + 1, _DSCP)
            asm.store(HALF, R7, network + 6, _DO_NOT_FRAGMENT)
            asm.store(HALF, R7, network + 10, 0)
            asm.mov(R5, 0)
            for word in range(5):
                asm.load(WORD, R2, R7, network + 4 * word)
                asm.do("add", R5, R2)
            self._fold_to_32(R5, R2)
            for _ in range(2):
                asm.mov(R2, R5)
                asm.do("rsh", R2, 16)
                asm.do("and", R5, 0xFFFF)
                asm.do("add", R5, R2)
            asm.do("xor", R5, 0xFFFF)
            asm.store(HALF, R7, network + 10, R5)
        else:
            asm.store(WORD, R7, network, _FIRST_WORD_IPV6)
        asm.load(WORD, R2, R9, way_at("address_sum"))
        asm.store(DOUBLE, FRAME, _ADDRESS_SUM, R2)
        asm.load(WORD, R2, R9, way_at("interface"))
        asm.store(DOUBLE, FRAME, _INTERFACE, R2)

    def _hops(self, place: int) -> None:
        """What comes from another host starts anew. From this one it may be our own, in a circle of bridges: that must end."""
        asm = self.asm
        foreign = f"foreign {len(asm.code)}"
        asm.mov(R3, _NEW_TTL)
        asm.load(WORD, R2, R6, _IFINDEX)
        asm.when(R2, "!=", _LOOPBACK, foreign)
        asm.load(BYTE, R3, R7, place)
        asm.do("sub", R3, 1)
        asm.label(foreign)
        asm.store(BYTE, R7, place, R3)

    def _copy(self, from_way: int, to_packet: int) -> None:
        self.asm.load(WORD, R2, R9, from_way)
        self.asm.store(WORD, R7, to_packet, R2)

    # --- after the gate ----------------------------------------------------------------------------------------------

    def _tell(self, version: int, rtp: int) -> None:
        """Copy the packet of a leg that is listened to, into the ring whose records hold it."""
        asm = self.asm
        done, large = f"told {version}", f"large {version}"
        asm.load(BYTE, R1, R9, way_at("listened"))
        asm.when(R1, "==", 0, done)
        asm.load(DOUBLE, R1, FRAME, _SIZE)
        asm.when(R1, ">", SMALL, large)
        for room, descriptor in ((SMALL, self.maps.small), (LARGE, self.maps.large)):
            if room == LARGE:
                asm.label(large)
            self._record(f"{version} {room}", room, descriptor, rtp, done)
        asm.label(done)

    def _record(self, name: str, room: int, descriptor: int, rtp: int, done: str) -> None:
        asm = self.asm
        asm.load_map(R1, descriptor)
        asm.mov(R2, TOLD.itemsize + room)
        asm.mov(R3, 0)
        asm.call(_RESERVE)
        asm.when(R0, "!=", 0, f"reserved {name}")
        self._add(R9, way_at("untold"), 1)  # Not under the lock: at worst one is not counted.
        asm.jump(done)
        asm.label(f"reserved {name}")
        asm.mov(R8, R0)
        asm.load(WORD, R2, FRAME, _LEG)
        asm.store(WORD, R8, told_at("leg"), R2)
        asm.load(DOUBLE, R4, FRAME, _SIZE)
        asm.store(WORD, R8, told_at("size"), R4)
        asm.load(DOUBLE, R2, FRAME, _PACKET)
        asm.store(DOUBLE, R8, told_at("packet"), R2)
        asm.load(DOUBLE, R2, FRAME, _TIMESTAMP)
        asm.store(WORD, R8, told_at("timestamp"), R2)
        asm.mov(R1, R6)
        asm.mov(R2, rtp)
        asm.mov(R3, R8)
        asm.do("add", R3, TOLD.itemsize)
        asm.when(R4, "<", HEADER_SIZE, f"discard {name}")  # Never: but the verifier does not know that.
        asm.when(R4, ">", room, f"discard {name}")
        asm.call(_LOAD_BYTES)
        asm.when(R0, "!=", 0, f"discard {name}")
        asm.mov(R1, R8)
        asm.mov(R2, _NO_WAKE_UP)
        asm.call(_SUBMIT)
        asm.jump(done)
        asm.label(f"discard {name}")
        asm.mov(R1, R8)
        asm.mov(R2, _NO_WAKE_UP)
        asm.call(_DISCARD)
        asm.jump(done)

    def _send(self, version: int, udp: int) -> None:
        """Correct the UDP checksum, and off.

        The helper knows what we cannot see: whether the checksum is complete, or a local sender left the rest of it to the
        network card, in which case only addresses may change it. A checksum of zero, "none" in IPv4, remains.
        """
        asm = self.asm
        for place, flags in ((_ADDRESS_SUM, _PSEUDO_HEADER | _KEEP_ZERO), (_RTP_SUM, _KEEP_ZERO)):
            asm.mov(R1, R6)
            asm.mov(R2, udp + 6)
            asm.mov(R3, 0)
            asm.load(DOUBLE, R4, FRAME, place)
            asm.mov(R5, flags)
            asm.call(_L4_CHECKSUM)
        if version == 6:
            # The helper takes the sum that a network card made of the whole packet for one in which a header checksum
            # makes up for changed addresses. There is none in IPv6.
            asm.mov(R1, R6)
            asm.load(DOUBLE, R2, FRAME, _ADDRESS_SUM)
            asm.call(_CHECKSUM_UPDATE)
        asm.load(DOUBLE, R1, FRAME, _INTERFACE)
        for argument in (R2, R3, R4):
            asm.mov(argument, 0)
        asm.call(_REDIRECT)  # Route and link address are the kernel's business.
        asm.exit()

    # --- arithmetic --------------------------------------------------------------------------------------------------

    def _add(self, base: Register, offset: int, value: Register | int) -> None:
        self.asm.load(DOUBLE, R2, base, offset)
        self.asm.do("add", R2, value)
        self.asm.store(DOUBLE, base, offset, R2)

    def _sign_extend(self, register: Register, bits: int) -> None:
        self.asm.do("lsh", register, 64 - bits)
        self.asm.do("arsh", register, 64 - bits)

    def _fold_to_32(self, register: Register, scratch: Register) -> None:
        """The one's complement sum of the two halves."""
        asm = self.asm
        for _ in range(2):
            asm.mov(scratch, register)
            asm.do("rsh", scratch, 32)
            asm.do("lsh", register, 32)
            asm.do("rsh", register, 32)
            asm.do("add", register, scratch)


def _ttl(version: int) -> int:
    return 8 if version == 4 else 7
