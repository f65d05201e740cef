"""Framing on byte streams (RFC 3261 section 18.3): Content-Length cuts, CRLF CRLF between messages is a keep-alive.

The law of the framer: how the bytes were cut into segments never matters; what cannot be framed beyond doubt ends the
connection. The head that broke the framing is still handed out as a last frame, so that `message.parse` refuses it and
its sender gets a 400 before the connection closes.
"""

from __future__ import annotations

import re
from typing import Final

from softswitch.errors import ParseError
from softswitch.sip.message import MAX_MESSAGE

MAX_PINGS: Final = 64  # keep-alives in one segment

# What `feed` returns for a keep-alive (RFC 5626 section 3.5.1): the answer to write. Compare by identity.
PONG: Final = bytes(bytearray(b"\r\n"))

_length_lines = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*+:([^\r]*+(?:\r\n[ \t][^\r]*+)*)(?=\r\n(?![ \t]))", re.IGNORECASE
).findall
_is_length = re.compile(rb"(?:\r\n[ \t]|[ \t])*([0-9]{1,10})(?:\r\n[ \t]|[ \t])*").fullmatch


class Framer:
    """Cuts one connection's bytes into messages.

    `pending`: an unfinished message waits for more bytes; `since`: when it began (the `now` of its first bytes).
    `error`: why framing was lost ("" while all is well): write what the last frames cause, then close.
    """

    __slots__ = ("_buffer", "_need", "_scanned", "error", "since")

    def __init__(self) -> None:
        self.error = ""
        self.since = 0.0
        self._buffer = bytearray()
        self._need = 0  # length of the message at the start of the buffer, 0 = not known yet
        self._scanned = 0  # no end of headers begins before this offset

    @property
    def pending(self) -> bool:
        return bool(self.error) or len(self._buffer) > 3 or (len(self._buffer) > 0 and self._buffer[0] != 13)

    def feed(self, data: bytes, now: float = 0.0) -> list[bytes]:
        """The messages that `data` completes, in order, with PONG for each keep-alive between them.

        After `error` is set no more bytes are welcome: ParseError.
        """
        if self.error:
            raise ParseError(self.error)
        buffer = self._buffer
        began = self.since if self.pending else now
        fresh: bytes | bytearray = data
        if buffer:
            buffer += data
            fresh = buffer
        frames: list[bytes] = []
        at = 0
        while at < len(fresh):
            end = self._next(fresh, at, frames)
            if end < 0:
                break
            at = end
        self.since = now if at else began
        if self.error:
            buffer.clear()
        elif fresh is buffer:
            del buffer[:at]
        else:
            buffer += fresh[at:]
        return frames

    def _next(self, data: bytes | bytearray, at: int, frames: list[bytes]) -> int:
        """Take one message or one piece of padding at `at`; returns where it ends, -1 if it is not complete."""
        if data[at] == 13:
            return self._padding(data, at, frames)
        if not self._need:
            end = data.find(b"\r\n\r\n", at + self._scanned)
            if end < 0:
                self._scanned = max(0, len(data) - at - 3)
                if len(data) - at > MAX_MESSAGE:
                    return self._lost("header section too long", b"", frames)
                return -1
            head = bytes(data[at : end + 4])
            length = _content_length(head[:-2])
            if length < 0:
                return self._lost("no usable Content-Length", head, frames)
            if len(head) + length > MAX_MESSAGE:
                return self._lost("message too large", head, frames)
            self._need = len(head) + length
        end = at + self._need
        if end > len(data):
            return -1
        frames.append(bytes(data[at:end]))
        self._need = self._scanned = 0
        return end

    def _padding(self, data: bytes | bytearray, at: int, frames: list[bytes]) -> int:
        piece = data[at : at + 4]
        if piece == b"\r\n\r\n":
            if len(frames) >= MAX_PINGS and all(frame is PONG for frame in frames[-MAX_PINGS:]):
                return self._lost("keep-alive flood", b"", frames)
            frames.append(PONG)
            return at + 4
        if b"\r\n\r\n".startswith(piece):
            return -1
        if piece[:2] == b"\r\n" and piece[2:3] != b"\r":
            return at + 2  # 7.5: an empty line before a message
        return self._lost("no message", b"", frames)

    def _lost(self, why: str, head: bytes, frames: list[bytes]) -> int:
        self.error = why
        if head:
            frames.append(head)
        return -1


def _content_length(head: bytes) -> int:
    """The one Content-Length of a head (without its last CRLF); -1 if there is none, more than one, or no number."""
    lines = _length_lines(head)
    if len(lines) != 1:
        return -1
    match = _is_length(lines[0])
    return int(match[1]) if match else -1
