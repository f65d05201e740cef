"""SRTP and SRTCP for one leg (RFC 3711; keys by SDP, RFC 4568; AES-GCM, RFC 7714), on libsrtp.

What arrives is made plain in place, in the buffer where the packet path works on it. A packet that does not authenticate, or
was there before, is dropped and counted: whatever a stranger sends, it never ends a call (CVE-2021-41105).
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, TypeAlias

import pylibsrtp
from pylibsrtp import Policy

from media.rtp import HEADER, HEADER_SIZE, VERSION_2

ROOM = 2048  # octets: the longest packet that is protected, with its tag
TAIL = 148  # octets that protection may add: tag, index, and a key identifier, which we never use
MAX_STREAMS = 16  # SSRCs of one far end at a time; each costs memory
SETTLED = 64  # packets under a new key after which the old one is forgotten
RTCP_HEADER = 8
WIND = 0x7000  # how far a sequence number may jump ahead in one step
WINDOW = 128  # of replays, in packets


class KeysError(ValueError):
    """Keys that do not fit their suite; the text says how."""


@dataclass(slots=True, frozen=True)
class Suite:
    """A crypto-suite as SDP names it: libsrtp's number for it, and how many octets its key and salt have."""

    name: str
    profile: int
    key: int
    salt: int


SUITES = {
    suite.name: suite
    for suite in (
        Suite("AES_CM_128_HMAC_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),  # RFC 4568 section 6.2
        Suite("AES_CM_128_HMAC_SHA1_32", Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 16, 14),
        Suite("AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),  # RFC 7714 section 14.1
        Suite("AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
    )
}


@dataclass(slots=True, frozen=True)
class Keys:
    """What both directions of a leg are protected with. Each is the master key, then the master salt."""

    suite: Suite
    send: bytes = field(repr=False)
    receive: bytes = field(repr=False)


def keys(suite: str, send_key: str, receive_key: str) -> Keys:
    """Keys as SDP writes them, in base64. KeysError if they are not of the suite's length."""
    known = SUITES.get(suite)
    if known is None:
        raise KeysError(f"crypto-suite {suite!r} is not known here")
    return Keys(known, _material(known, send_key, "send_key"), _material(known, receive_key, "receive_key"))


def _material(suite: Suite, text: str, name: str) -> bytes:
    try:
        material = b64decode(text.encode("ascii", "replace"), validate=True)
    except binascii.Error:
        raise KeysError(f"{name} is not base64") from None
    if len(material) != suite.key + suite.salt:
        raise KeysError(f"{name} has {len(material)} octets, {suite.name} takes {suite.key + suite.salt}")
    return material


def _policy(suite: Suite, material: bytes, kind: int) -> Policy:
    return Policy(material, kind, srtp_profile=suite.profile)


# --- libsrtp in place -------------------------------------------------------------------------------------------------
#
# What pylibsrtp offers in public takes and gives bytes: three copies and two objects a packet, 4.4 us. Its binding, called
# upon our own buffers, takes 2.3. Should a later version bind other functions, the public way is taken.


class _Public:
    """By what pylibsrtp promises to keep."""

    def __init__(self, session: pylibsrtp.Session) -> None:
        self._session = session

    def unprotect(self, buffer: memoryview, size: int) -> int:
        return self._in_place(self._session.unprotect, buffer, size)

    def unprotect_rtcp(self, buffer: memoryview, size: int) -> int:
        return self._in_place(self._session.unprotect_rtcp, buffer, size)

    def protect(self, packet: memoryview | bytes) -> memoryview:
        return self._whole(self._session.protect, packet)

    def protect_rtcp(self, packet: memoryview | bytes) -> memoryview:
        return self._whole(self._session.protect_rtcp, packet)

    @staticmethod
    def _in_place(work: Callable[[bytes], bytes], buffer: memoryview, size: int) -> int:
        try:
            plain = work(bytes(buffer[:size]))
        except (pylibsrtp.Error, ValueError):
            return 0
        buffer[: len(plain)] = plain
        return len(plain)

    @staticmethod
    def _whole(work: Callable[[bytes], bytes], packet: memoryview | bytes) -> memoryview:
        try:
            return memoryview(work(bytes(packet)))
        except (pylibsrtp.Error, ValueError):
            return memoryview(b"")


class _Direct:
    """By its binding."""

    ffi: Any
    lib: Any

    def __init__(self, session: pylibsrtp.Session) -> None:
        self._session = session  # Its end would be the end of what `_srtp` points to.
        self._srtp: Any = session._srtp[0]
        self._length: Any = self.ffi.new("int *")
        self._room: Any = self.ffi.new("char[]", ROOM)
        self._out = memoryview(self.ffi.buffer(self._room)).cast("B")

    def unprotect(self, buffer: memoryview, size: int) -> int:
        length = self._length
        length[0] = size
        if self.lib.srtp_unprotect(self._srtp, self.ffi.from_buffer(buffer), length):
            return 0
        return int(length[0])

    def unprotect_rtcp(self, buffer: memoryview, size: int) -> int:
        length = self._length
        length[0] = size
        if self.lib.srtp_unprotect_rtcp(self._srtp, self.ffi.from_buffer(buffer), length):
            return 0
        return int(length[0])

    def protect(self, packet: memoryview | bytes) -> memoryview:
        return self._protect(self.lib.srtp_protect, packet)

    def protect_rtcp(self, packet: memoryview | bytes) -> memoryview:
        return self._protect(self.lib.srtp_protect_rtcp, packet)

    def _protect(self, work: Any, packet: memoryview | bytes) -> memoryview:
        size, out = len(packet), self._out
        if size > ROOM - TAIL:
            return out[:0]
        out[:size] = packet
        length = self._length
        length[0] = size
        if work(self._srtp, self._room, length):
            return out[:0]
        return out[: length[0]]


Binding: TypeAlias = type[_Public] | type[_Direct]


def _choose() -> Binding:
    """The binding, if it does to a packet what the public way does."""
    try:
        binding = import_module("pylibsrtp._binding")
        _Direct.ffi, _Direct.lib = binding.ffi, binding.lib
        suite, packet = SUITES["AES_CM_128_HMAC_SHA1_80"], b"\x80" + bytes(39)
        outbound, inbound = Policy.SSRC_ANY_OUTBOUND, Policy.SSRC_ANY_INBOUND
        material = bytes(suite.key + suite.salt)
        sealed = bytes(_Direct(pylibsrtp.Session(_policy(suite, material, outbound))).protect(packet))
        room = memoryview(bytearray(sealed))
        size = _Direct(pylibsrtp.Session(_policy(suite, material, inbound))).unprotect(room, len(sealed))
        if sealed == pylibsrtp.Session(_policy(suite, material, outbound)).protect(packet) and room[:size] == packet:
            return _Direct
    except (ImportError, AttributeError, TypeError):
        pass
    return _Public


_binding: Binding = _choose()


# --- one leg ----------------------------------------------------------------------------------------------------------


class _Receiver:
    """The contexts of one key in the receiving direction."""

    def __init__(self, suite: Suite, material: bytes) -> None:
        self._session = pylibsrtp.Session(_policy(suite, material, Policy.SSRC_ANY_INBOUND))
        bound = _binding(self._session)
        self.unprotect: Callable[[memoryview, int], int] = bound.unprotect
        self.unprotect_rtcp: Callable[[memoryview, int], int] = bound.unprotect_rtcp
        self._streams: dict[bytes, None] = {}

    def add(self, ssrc: bytes) -> None:
        """A stream has authenticated itself. A far end that changes its SSRC for ever must not use up the memory."""
        if ssrc in self._streams:
            return
        if len(self._streams) >= MAX_STREAMS:
            oldest = next(iter(self._streams))
            del self._streams[oldest]
            self._session.remove_stream(int.from_bytes(oldest, "big"))
        self._streams[ssrc] = None


def _wound(suite: Suite, material: bytes, ssrc: int, index: int) -> _Receiver:
    """A receiver that takes the packets of a stream to have gone on under a key since their number was 0.

    libsrtp learns a rollover counter from packets only, so it is given some that nobody else will ever see.
    """
    receiver = _Receiver(suite, material)
    sender = _binding(pylibsrtp.Session(_policy(suite, material, Policy.SSRC_ANY_OUTBOUND)))
    room = memoryview(bytearray(HEADER_SIZE + TAIL))
    for number in (*range(0, index, WIND), index):
        packet = sender.protect(HEADER.pack(VERSION_2, 0, number & 0xFFFF, 0, ssrc))
        room[: len(packet)] = packet
        receiver.unprotect(room, len(packet))
    return receiver


class Cipher:
    """Protects what a leg is sent, and unprotects what it sends."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.forged = 0  # packets that did not authenticate, or were replays
        self._send(keys)
        self._receiver = _Receiver(keys.suite, keys.receive)
        self._others: list[_Receiver] = []  # after a change of keys: in what other way packets may be protected
        self._settling = 0
        self._ssrc = b""

    def _send(self, keys: Keys) -> None:
        bound = _binding(pylibsrtp.Session(_policy(keys.suite, keys.send, Policy.SSRC_ANY_OUTBOUND)))
        # The packet as it is to be sent: valid until the next one. Empty if it must not be sent: its number was used before.
        self.protect: Callable[[memoryview | bytes], memoryview] = bound.protect
        self.protect_rtcp: Callable[[memoryview | bytes], memoryview] = bound.protect_rtcp

    def rekey(self, keys: Keys, ssrc: int = 0, highest: int = 0) -> None:
        """Go on with other keys; a direction whose key is still the same notices nothing.

        `ssrc` and `highest`: the stream that arrives and its extended sequence number. Under a new key some senders begin with a
        rollover counter of 0 (RFC 4568), others go on with the one they had (RFC 3711 section 3.3.1): both are understood,
        and so is what was sent under the old key, until enough has come under the new one.
        """
        before, self.keys = self.keys, keys
        if (before.suite, before.send) != (keys.suite, keys.send):
            self._send(keys)
        if (before.suite, before.receive) != (keys.suite, keys.receive):
            self._others = [self._receiver]
            if highest > 0xFFFF:
                self._others.insert(0, _wound(keys.suite, keys.receive, ssrc, highest - WINDOW))
            self._receiver, self._settling, self._ssrc = _Receiver(keys.suite, keys.receive), SETTLED, b""

    def unprotect(self, buffer: memoryview, size: int) -> int:
        """Make the SRTP packet `buffer[:size]` a plain one, in place; returns its size, 0 if it is not authentic."""
        if self._others:
            plain = self._unprotect_settling(buffer, size)
        else:
            plain = self._receiver.unprotect(buffer, size) if size >= HEADER_SIZE else 0
        if not plain:
            self.forged += 1
        elif buffer[8:12] != self._ssrc:
            self._ssrc = bytes(buffer[8:12])
            self._receiver.add(self._ssrc)
        return plain

    def unprotect_rtcp(self, buffer: memoryview, size: int) -> int:
        """The same for an SRTCP packet."""
        copy = bytes(buffer[:size])  # A failed attempt may leave anything behind.
        for receiver in (self._receiver, *self._others):
            plain = receiver.unprotect_rtcp(buffer, size) if size >= RTCP_HEADER else 0
            if plain:
                receiver.add(bytes(buffer[4:8]))
                return plain
            buffer[:size] = copy
        self.forged += 1
        return 0

    def _unprotect_settling(self, buffer: memoryview, size: int) -> int:
        """After a change of keys, until it is clear how the far end goes on."""
        copy = bytes(buffer[:size])
        for receiver in (self._receiver, *self._others):
            plain = receiver.unprotect(buffer, size) if size >= HEADER_SIZE else 0
            if plain:
                if receiver is not self._others[-1]:  # The last one is the old key.
                    self._prefer(receiver)
                return plain
            buffer[:size] = copy
        return 0

    def _prefer(self, receiver: _Receiver) -> None:
        """A packet came under the new key."""
        if receiver is not self._receiver:
            self._receiver, self._others = receiver, self._others[-1:]
        self._settling -= 1
        if self._settling <= 0:
            self._others = []
