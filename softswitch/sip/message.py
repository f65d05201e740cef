"""SIP messages (RFC 3261 section 7): one pass indexes the header lines, typed views are computed on demand.

Text is latin-1: lossless, length-preserving and never raising; a display name becomes UTF-8 only where a person reads it.
"""

from __future__ import annotations

from itertools import repeat
from typing import Final

from softswitch.effects import Flow
from softswitch.errors import ParseError

MAX_MESSAGE: Final = 65_535  # bytes
MAX_HEADER_LINES: Final = 200
MAX_HEADER_LINE: Final = 8_192  # bytes

COMPACT: Final = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
    "s": "subject", "k": "supported", "e": "content-encoding", "o": "event", "r": "refer-to", "b": "referred-by",
    "x": "session-expires", "u": "allow-events", "a": "accept-contact", "j": "reject-contact", "d": "request-disposition",
    "y": "identity",
}  # fmt: skip


class _Canonical(dict[str, str]):
    """Raw header spelling -> canonical lower-case name. Bounded: a peer cannot grow it without end."""

    def __missing__(self, raw: str) -> str:
        name = raw.rstrip(" \t").lower()
        name = COMPACT.get(name, name)
        if len(self) < 2048:
            self[raw] = name
        return name


CANONICAL: Final = _Canonical()


class Message:
    """A request (`method` not "", `status` 0) or a response (`method` "", `status` 100..699).

    `headers`: canonical lower-case name -> raw values in order, one per header line. `branch`, `cseq`, `cseq_method`,
    `call_id`, `from_tag`, `to_tag` are extracted at parse time because every message needs them.
    """

    __slots__ = (
        "body", "branch", "call_id", "cseq", "cseq_method", "flow", "from_tag", "headers", "method", "reason", "status",
        "to_tag", "uri",
    )  # fmt: skip

    body: bytes
    branch: str
    call_id: str
    cseq: int
    cseq_method: str
    flow: Flow
    from_tag: str
    headers: dict[str, tuple[str, ...]]
    method: str
    reason: str
    status: int
    to_tag: str
    uri: str

    def header(self, name: str, default: str = "") -> str:
        """The first value of a header, by its canonical lower-case name."""
        values = self.headers.get(name)
        return values[0] if values else default

    def __repr__(self) -> str:
        return f"<Message {self.method or self.status} {self.call_id} {self.cseq} {self.cseq_method}>"


_partition = str.partition
_colon = repeat(":")


def parse(data: bytes, flow: Flow) -> Message:
    """One message from one datagram (or one frame that `stream` cut). Raises ParseError, never anything else."""
    raise ParseError("not built yet")
