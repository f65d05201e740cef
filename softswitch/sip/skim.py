"""A request read just far enough to be refused: for a switch that has no time to parse it.

The law: what is not the plainest spelling of every line that counts is left to `message.parse`. So this may be small and
quick, and can never judge differently.
"""

from __future__ import annotations

import re
from typing import Final

from softswitch.effects import Flow
from softswitch.sip.message import Message

_start = re.compile(rb"([A-Z]{3,10}+) (sips?:[-A-Za-z0-9_.!~*'()&=+$,;/%#:@\[\]]++) SIP/2\.0").fullmatch
_branch = re.compile(r";branch=(z9hG4bK[-A-Za-z0-9.!%*_+`'~]++)(?:;|$)").search
_cseq = re.compile(r"([0-9]{1,9}+) ([A-Z]{3,10}+)").fullmatch
_NAMES: Final = {
    b"Via": "via", b"v": "via", b"From": "from", b"f": "from", b"To": "to", b"t": "to", b"Call-ID": "call-id", b"i": "call-id",
    b"CSeq": "cseq", b"Authorization": "authorization", b"Record-Route": "record-route",
}  # fmt: skip
_CONTROLS: Final = bytes(o for o in range(32) if o != 9) + b"\x7f"
MOST_LINES: Final = 40


def skim(data: bytes, flow: Flow) -> Message | None:
    """A request outside of dialogs, without its body and most of its headers; None if it must be parsed to know."""
    end = data.find(b"\r\n\r\n", 0, 8_192)
    if end < 0:
        return None
    head = data[:end]
    lines = head.split(b"\r\n", MOST_LINES)
    if len(head.translate(None, _CONTROLS)) != len(head) - 2 * len(lines) + 2 or b"\r\n " in head or b"\r\n\t" in head:
        return None
    start = _start(lines[0])
    if start is None:
        return None
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        key = _NAMES.get(name)
        if key is not None:
            text = str(value.strip(b" \t"), "latin-1")
            found[key] = (*found[key], text) if key in found else (text,)
    return _message(start, found, flow, len(data))


def _message(start: re.Match[bytes], found: dict[str, tuple[str, ...]], flow: Flow, size: int) -> Message | None:
    try:
        via, (from_,), (to,), (call_id,), (cseq,) = (
            found["via"][0], found["from"], found["to"], found["call-id"], found["cseq"],
        )  # fmt: skip
    except (KeyError, ValueError):  # One is missing, or there are two.
        return None
    branch, number = _branch(via), _cseq(cseq)
    method = start[1].decode()
    if branch is None or number is None or number[2] != method or "tag=" in to or "tag=" not in from_ or not call_id:
        return None
    m = Message()
    m.flow, m.size, m.headers = flow, size, found
    m.method = m.cseq_method = method
    m.uri = start[2].decode()
    m.branch, m.cseq, m.call_id = branch[1], int(number[1]), call_id
    m.from_tag = from_.rpartition("tag=")[2].partition(";")[0]
    m.to_tag = m.reason = ""
    m.status, m.body = 0, b""
    return m
