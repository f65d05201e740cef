"""SIP messages (RFC 3261 section 7): one pass indexes the header lines, typed views are computed on demand.

Text is latin-1: lossless, length-preserving and never raising; a display name becomes UTF-8 only where a person reads it.

The law of the reader: limits are checked before anything is parsed; what every message needs (start line, top Via, From,
To, Call-ID, CSeq, Max-Forwards, Content-Length) is checked here by patterns for what phones send and by the full grammar
for the rest; every other header is checked by its view in `headers` when somebody asks for it.
"""

from __future__ import annotations

import contextlib
import re
from itertools import repeat
from typing import Final

from softswitch.effects import Flow
from softswitch.errors import ParseError
from softswitch.sip.grammar import (
    BLANKS,
    HOST,
    MAX_UINT31,
    PORT,
    TOKEN_CHARS,
    has_bare_control,
    is_token,
    number,
    parameters,
)
from softswitch.sip.headers import Via, stamp
from softswitch.sip.names import SINGLE, canonical, learn, spellings
from softswitch.sip.status import REASON as _REASON
from softswitch.sip.status import reason as phrase
from softswitch.sip.uri import MAX_URI, Uri, dissect, tag

MAX_MESSAGE: Final = 65_535  # bytes
MAX_HEADER_LINES: Final = 200
MAX_HEADER_LINE: Final = 8_192  # bytes
MAX_METHOD: Final = 64  # characters
MAX_CALL_ID: Final = 512  # characters
STREAMS: Final = frozenset({"tcp", "tls"})  # WebSocket frames are cut like datagrams (RFC 7118 section 5)

_VITAL: Final = ("via", "from", "to", "call-id", "cseq")


class Message:
    """A request (`method` not "", `status` 0) or a response (`method` "", `status` 100..699).

    `headers`: canonical lower-case name -> raw values in order, one per header line. `branch`, `cseq`, `cseq_method`,
    `call_id`, `from_tag`, `to_tag` are extracted at parse time because every message needs them.
    """

    __slots__ = (
        "body", "branch", "call_id", "cseq", "cseq_method", "flow", "from_tag", "headers", "method", "reason", "size", "status",
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
    size: int  # bytes on the wire
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
_COOKIE: Final = "z9hG4bK"
_CONTROLS: Final = bytes(o for o in range(32) if o != 9) + b"\x7f"

# The spellings phones send; whatever does not match goes through the full grammar.
_plain_request = re.compile(
    rf"([{TOKEN_CHARS}]{{1,{MAX_METHOD}}}+) (sips?:(?:[-A-Za-z0-9_.!~*'()&=+$,;/%#]++@)?{HOST}(?::{PORT})?"
    r"(?:;[-A-Za-z0-9_.!~*'()%\[\]/:&+$;=]*+)?) SIP/2\.0"
).fullmatch
_VIA: Final = (
    rf"SIP/2\.0/[A-Za-z]++ {HOST}(?::{PORT})?(?:;rport(?:=[0-9]{{1,5}}+)?|;received=[0-9a-fA-F:.]++|;alias)*"
    rf";branch=([{TOKEN_CHARS}]++)(?:;rport(?:=[0-9]{{1,5}}+)?|;received=[0-9a-fA-F:.]++|;alias)*"
)
_ADDRESS: Final = (
    rf"""(?:"[^"\\\n]*+" ?|[{TOKEN_CHARS} ]*+)<(?:sips?|tel):[^<>" \t\n]++>(?:;tag=([{TOKEN_CHARS}]++))?"""
)
_plain_vitals = re.compile(
    rf"{_VIA}\n{_ADDRESS}\n{_ADDRESS}\n([0-9]{{1,10}}+) ([{TOKEN_CHARS}]++)\n[^ \t\n]{{1,{MAX_CALL_ID}}}+"
).fullmatch


def parse(data: bytes, flow: Flow) -> Message:
    """One message from one datagram (or one frame that `stream` cut). Raises ParseError, never anything else.

    The error of a broken request carries `partial`, from which `response` can build the answer `status_hint`. Broken
    responses and ACKs have none: nothing may be answered to them.
    """
    if data[:1] == b"\r":  # 7.5: empty lines before the start-line are ignored.
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n", 0, MAX_MESSAGE)
    head = data[:end] if end >= 0 else data[:MAX_MESSAGE]
    m = Message()
    m.flow = flow
    m.method = m.reason = m.uri = ""
    m.status = 0
    m.size = len(data)
    try:
        if len(data) > MAX_MESSAGE:
            raise ParseError("message too large", status_hint=513)
        if end < 0:
            raise ParseError("no end of headers")
        start = _index(m, head)
        if start[:4] == "SIP/":
            _status_line(m, start)
        elif (request := _plain_request(start)) and len(start) <= MAX_URI:
            m.method, m.uri = request.groups()
        else:
            _request_line(m, start)
        _vital(m, m.headers)
        m.body = data[end + 4 :]
        length = m.headers.get("content-length")
        if length is None or length[0] != str(len(m.body)):
            _cut_body(m, length)
    except ParseError as error:
        error.partial = _partial(head, flow, len(data))
        raise
    return m


def _cut_body(m: Message, length: tuple[str, ...] | None) -> None:
    """18.3 and 18.4: in a datagram the body ends where the octets end; on a stream Content-Length is the framing."""
    if length is None:
        if m.flow.transport in STREAMS:
            raise ParseError("no Content-Length")
        return
    size = number(length[0])
    if size > len(m.body):
        raise ParseError("body shorter than Content-Length", status_hint=513 if size > MAX_MESSAGE else 400)
    if size < len(m.body):
        # Octets after the end of the body are not ours in a datagram; in a frame of a stream they cannot be.
        if m.flow.transport in STREAMS:
            raise ParseError("body longer than Content-Length")
        m.body = m.body[:size]


def _index(m: Message, head: bytes) -> str:
    """Fill `m.headers` from the lines of `head`; returns the start-line."""
    text = str(head, "latin-1")
    lines = text.split("\r\n", MAX_HEADER_LINES + 1)
    if len(lines) > MAX_HEADER_LINES + 1:
        raise ParseError("too many header lines")
    # One pass finds NUL, lone CR, lone LF and their like: nothing but the CRLFs that were split away may be missing.
    if len(head.translate(None, _CONTROLS)) != len(head) - 2 * len(lines) + 2:
        _check_controls(lines)
    if len(head) > MAX_HEADER_LINE and max(map(len, lines)) > MAX_HEADER_LINE:
        raise ParseError("header line too long")
    start = lines.pop(0)
    try:
        # The usual case, all of it in one expression. (`strip` knows more blanks than SIP, but none that is ASCII and
        # passed the check above.)
        known = spellings
        headers: dict[str, tuple[str, ...]] = {
            known[name]: (value.strip(),) for name, colon, value in map(_partition, lines, _colon) if colon
        }
    except KeyError:
        headers = {}
    m.headers = headers if len(headers) == len(lines) and text.isascii() else _index_lines(lines)
    return start


def _index_lines(lines: list[str]) -> dict[str, tuple[str, ...]]:
    """The same for repeated, folded, misspelt and new headers."""
    headers: dict[str, tuple[str, ...]] = {}
    if any(line[:1] in (" ", "\t") for line in lines):
        lines = _unfold(lines)
        if max(map(len, lines)) > MAX_HEADER_LINE:
            raise ParseError("header line too long")
    for raw, colon, value in map(_partition, lines, _colon):
        if not colon:
            raise ParseError("header line without colon")
        name = spellings.get(raw) or learn(raw)
        if name in headers:
            if name in SINGLE:
                raise ParseError(f"more than one {name}")
            headers[name] += (value.strip(BLANKS),)
        else:
            headers[name] = (value.strip(BLANKS),)
    return headers


def _unfold(lines: list[str]) -> list[str]:
    """Join continuation lines (7.3.1): a line end followed by blanks is one blank."""
    whole: list[list[str]] = []
    for line in lines:
        if line[:1] in (" ", "\t"):
            if not whole:
                raise ParseError("continuation of the start-line")
            whole[-1].append(line.strip(BLANKS))
        else:
            whole.append([line.rstrip(BLANKS)])
    return [" ".join(parts) for parts in whole]


def _check_controls(lines: list[str]) -> None:
    # The grammar has them in one place only: escaped inside a quoted string (quoted-pair).
    if any(map(has_bare_control, lines)):
        raise ParseError("control character")


def _status_line(m: Message, start: str) -> None:
    code, _, m.reason = start[8:].partition(" ")
    if start[:8] != "SIP/2.0 ":
        raise ParseError("malformed status line")
    if len(code) != 3 or not code.isdecimal() or not "100" <= code <= "699":
        raise ParseError("malformed status code")
    m.status = int(code)


_is_version = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE).fullmatch


def _request_line(m: Message, start: str) -> None:
    """The full rules of the Request-Line (7.1) for what the pattern of plain ones does not cover."""
    parts = start.split(" ", 3)
    if len(parts) != 3:
        raise ParseError("malformed request line")
    method, uri, version = parts
    if not is_token(method) or len(method) > MAX_METHOD:
        raise ParseError("malformed method")
    if version.upper() != "SIP/2.0":
        raise ParseError("unknown version", status_hint=505 if _is_version(version) else 400)
    # Headers in a Request-URI are not allowed (19.1.1), and must never become headers of ours.
    if Uri.parse(uri).headers:
        raise ParseError("headers in the Request-URI")
    m.method = method
    m.uri = uri


def _vital(m: Message, headers: dict[str, tuple[str, ...]]) -> None:
    """What every message needs: top Via, From, To, Call-ID, CSeq (8.1.1), and the hop count of requests."""
    try:
        via, from_, to = headers["via"][0], headers["from"][0], headers["to"][0]
        cseq = headers["cseq"][0]
        m.call_id = call_id = headers["call-id"][0]
    except KeyError as missing:
        raise ParseError(f"no {missing.args[0]}") from None
    # No value has a line end inside, so one match of all five is as good as five.
    if plain := _plain_vitals(f"{via}\n{from_}\n{to}\n{cseq}\n{call_id}"):
        m.branch, m.from_tag, m.to_tag, digits, m.cseq_method = plain.groups("")
    else:
        m.branch = Via.parse(via).branch
        m.from_tag = _tag_of(from_)
        m.to_tag = _tag_of(to)
        digits, m.cseq_method = _cseq(cseq)
        if not call_id or " " in call_id or "\t" in call_id or len(call_id) > MAX_CALL_ID:
            raise ParseError("malformed Call-ID")
    m.cseq = int(digits)
    if m.cseq > MAX_UINT31:
        raise ParseError("CSeq out of range")
    if m.cseq_method != m.method and m.method:
        raise ParseError("CSeq method differs from the request's")
    if m.branch == _COOKIE:
        # The bare magic cookie identifies nothing: such a peer is matched as RFC 2543 had it (17.2.3).
        m.branch = ""
    hops = headers.get("max-forwards")
    if hops is not None and hops[0] != "70" and m.method:
        number(hops[0], 255)


_is_cseq = re.compile(rf"([0-9]{{1,10}}+)[ \t]++([{TOKEN_CHARS}]++)").fullmatch


def _cseq(value: str) -> tuple[str, str]:
    match = _is_cseq(value)
    if not match:
        raise ParseError("malformed CSeq")
    return match[1], match[2]


def _tag_of(value: str) -> str:
    # Parameters nobody asked for may be malformed: their sender gets them back as they are.
    text = parameters(dissect(value)[2], strict=False).get("tag", "")
    if text and not is_token(text):
        raise ParseError("malformed tag")
    return text


def _partial(head: bytes, flow: Flow, size: int) -> Message | None:
    """What an answer to a broken request needs, None where no answer may go: not a request, an ACK, no Via.

    Any of From, To, Call-ID and CSeq that is missing or unusable is "" here and absent from the answer.
    """
    start, *lines = str(head, "latin-1").split("\r\n", MAX_HEADER_LINES + 1)
    words = start.split()
    method = words[0] if words else ""
    if not is_token(method) or method == "ACK" or words[-1][:4].upper() != "SIP/":
        return None
    headers: dict[str, tuple[str, ...]] = {}
    with contextlib.suppress(ParseError):
        lines = _unfold(lines[:MAX_HEADER_LINES])
    for line in lines[:MAX_HEADER_LINES]:
        name, _, value = line.partition(":")
        try:
            key = canonical(name)
        except ParseError:
            continue
        if key in _VITAL and key not in headers and len(line) <= MAX_HEADER_LINE and not has_bare_control(value):
            headers[key] = (value.strip(BLANKS),)
        elif key == "via":
            headers[key] = (*headers.get(key, ("",)), value.strip(BLANKS))
    if not headers.get("via", ("",))[0] or any(map(has_bare_control, headers["via"])):
        return None
    for key in _VITAL:
        headers.setdefault(key, ("",))
    m = Message()
    m.flow = flow
    m.size = size
    m.headers = headers
    m.method = m.cseq_method = method
    m.uri = m.reason = m.branch = ""
    m.status = m.cseq = 0
    m.body = b""
    m.call_id = headers["call-id"][0]
    m.from_tag = tag(headers["from"][0])
    m.to_tag = tag(headers["to"][0])
    digits = headers["cseq"][0].partition(" ")[0]
    if digits.isdecimal() and len(digits) <= 10:
        m.cseq = min(int(digits), MAX_UINT31)
    with contextlib.suppress(ParseError):
        m.branch = Via.parse(headers["via"][0]).branch
    return m


# --- building ----------------------------------------------------------------------------------------------------------


def response(
    request: Message, status: int, *, to_tag: str = "", headers: str = "", body: bytes = b"", reason: str = ""
) -> bytes:
    """The bytes of a response (8.2.6): Via, From, To, Call-ID, CSeq and Record-Route copied, `received`/`rport` stamped.

    `to_tag` is added unless the request has one. `headers` are complete lines ("Name: value\\r\\n"...). Works on the
    `partial` of a ParseError: what could not be read is left out.
    """
    fields = request.headers
    vias = fields["via"]
    via = stamp(vias[0], request.flow)
    if len(vias) > 1:
        via += "\r\nVia: " + "\r\nVia: ".join(vias[1:])
    if (routes := fields.get("record-route")) is not None:
        headers = "Record-Route: " + "\r\nRecord-Route: ".join(routes) + "\r\n" + headers
    from_, to, call_id, cseq = fields["from"][0], fields["to"][0], fields["call-id"][0], fields["cseq"][0]
    reason = reason or _REASON.get(status) or phrase(status)
    if not (from_ and to and call_id and cseq):
        known = (("From", from_), ("To", to), ("Call-ID", call_id), ("CSeq", cseq))
        lines = "".join(f"{name}: {value}\r\n" for name, value in known if value)
        text = f"SIP/2.0 {status} {reason}\r\nVia: {via}\r\n{lines}{headers}Content-Length: {len(body)}\r\n\r\n"
        return text.encode("latin-1", "replace") + body
    if to_tag and not request.to_tag:
        to = f"{to};tag={to_tag}"
    return (
        f"SIP/2.0 {status} {reason}\r\nVia: {via}\r\nFrom: {from_}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {cseq}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    ).encode("latin-1", "replace") + body


def request(
    method: str,
    uri: str,
    *,
    via: str,
    from_: str,
    to: str,
    call_id: str,
    cseq: int,
    headers: str = "",
    body: bytes = b"",
    max_forwards: int = 70,
) -> bytes:
    """The bytes of a request (8.1.1). `via`, `from_`, `to` are complete header values; `headers` complete lines."""
    return (
        f"{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: {max_forwards}\r\nFrom: {from_}\r\nTo: {to}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    ).encode("latin-1", "replace") + body
