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
from softswitch.sip.grammar import BLANKS, HOST, MAX_UINT31, PORT, TOKEN_CHARS, has_bare_control, is_token, number
from softswitch.sip.headers import Via, split_list
from softswitch.sip.status import REASON as _REASON
from softswitch.sip.status import reason as phrase
from softswitch.sip.uri import MAX_URI, Address, Uri, tag

MAX_MESSAGE: Final = 65_535  # bytes
MAX_HEADER_LINES: Final = 200
MAX_HEADER_LINE: Final = 8_192  # bytes
MAX_METHOD: Final = 64  # characters
MAX_CALL_ID: Final = 512  # characters

COMPACT: Final = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
    "s": "subject", "k": "supported", "e": "content-encoding", "o": "event", "r": "refer-to", "b": "referred-by",
    "x": "session-expires", "u": "allow-events", "a": "accept-contact", "j": "reject-contact", "d": "request-disposition",
    "y": "identity", "n": "identity-info",
}  # fmt: skip

# 7.3.1: a second line of one of these has no meaning; which one wins would be anybody's guess, so none does.
SINGLE: Final = frozenset({
    "from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires",
    "min-expires", "session-expires", "min-se", "event", "refer-to", "referred-by", "replaces", "subscription-state", "rseq",
    "rack",
})  # fmt: skip
_VITAL: Final = ("via", "from", "to", "call-id", "cseq")


class _Folded(Exception):
    """A header line begins with a blank: it continues the line before."""


class _Canonical(dict[str, str]):
    """Raw header spelling -> canonical lower-case name. Bounded: a peer cannot grow it without end."""

    def __missing__(self, raw: str) -> str:
        # RFC 3261 section 7.3.1 allows blanks before the colon: `X-Name :` must not hide from whoever strips `X-Name`.
        name = raw.rstrip(BLANKS)
        if raw[:1] in (" ", "\t"):
            raise _Folded
        if not is_token(name):
            raise ParseError("malformed header name")
        name = name.lower()
        name = COMPACT.get(name, name)
        if len(self) < 2048 and len(raw) <= 64:
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
_COOKIE: Final = "z9hG4bK"
_CONTROLS: Final = bytes(o for o in range(32) if o != 9) + b"\x7f"
_empty_line = re.compile(r"(?m)^[^ :]*: \r\n").sub

# The spellings phones send; whatever does not match goes through the full grammar.
_plain_request = re.compile(
    rf"([{TOKEN_CHARS}]++) (sips?:(?:[-A-Za-z0-9_.!~*'()&=+$,;/%#]++@)?{HOST}(?::{PORT})?+"
    r"(?:;[-A-Za-z0-9_.!~*'()%\[\]/:&+$;=]*+)?+) SIP/2\.0"
).fullmatch
_plain_via = re.compile(
    rf"SIP/2\.0/[A-Za-z]++ {HOST}(?::{PORT})?+(?:;rport(?:=[0-9]{{1,5}}+)?+|;received=[0-9a-fA-F:.]++|;alias)*+"
    rf";branch=([{TOKEN_CHARS}]++)(?:;rport(?:=[0-9]{{1,5}}+)?+|;received=[0-9a-fA-F:.]++|;alias)*+"
).fullmatch
_plain_address = re.compile(
    rf"""(?:"[^"\\]*+" ?|[{TOKEN_CHARS} ]*+)<(?:sips?|tel):[^<>" \t]++>(?:;tag=([{TOKEN_CHARS}]++))?+"""
).fullmatch


def parse(data: bytes, flow: Flow) -> Message:
    """One message from one datagram (or one frame that `stream` cut). Raises ParseError, never anything else.

    The error of a broken request carries `partial`, from which `response` can build the answer `status_hint`. Broken
    responses and ACKs have none: nothing may be answered to them.
    """
    if len(data) > MAX_MESSAGE:
        raise ParseError("message too large", status_hint=513)
    if data[:1] == b"\r":  # 7.5: empty lines before the start-line are ignored.
        data = data.lstrip(b"\r\n")
    end = data.find(b"\r\n\r\n")
    head = data[:end] if end >= 0 else data
    m = Message()
    m.flow = flow
    headers: dict[str, tuple[str, ...]] = {}
    m.headers = headers
    m.branch = m.call_id = m.cseq_method = m.from_tag = m.method = m.reason = m.to_tag = m.uri = ""
    m.cseq = m.status = 0
    m.body = b""
    try:
        if end < 0:
            raise ParseError("no end of headers")
        start = _index(head, headers)
        if start[:4] == "SIP/":
            _status_line(m, start)
        elif (request := _plain_request(start)) and len(start) <= MAX_URI:
            m.method, m.uri = request.groups()
        else:
            _request_line(m, start)
        _vital(m, headers)
        if length := headers.get("content-length"):
            # 18.3: a datagram that is too short is an error, octets after the end of the body are not ours.
            body = end + 4 + number(length[0])
            if body > len(data):
                raise ParseError("body shorter than Content-Length")
            m.body = data[end + 4 : body]
        else:
            m.body = data[end + 4 :]
    except ParseError as error:
        error.partial = _partial(head, flow)
        raise
    return m


def _index(head: bytes, headers: dict[str, tuple[str, ...]]) -> str:
    """Fill `headers` from the lines of `head`; returns the start-line."""
    start, *lines = str(head, "latin-1").split("\r\n", MAX_HEADER_LINES + 1)
    if len(lines) > MAX_HEADER_LINES:
        raise ParseError("too many header lines")
    # One pass finds NUL, lone CR, lone LF and their like: nothing but the CRLFs that were split away may be missing.
    if len(head.translate(None, _CONTROLS)) != len(head) - 2 * len(lines):
        _check_controls(start, lines)
    if len(head) > MAX_HEADER_LINE and max(map(len, (start, *lines))) > MAX_HEADER_LINE:
        raise ParseError("header line too long")
    try:
        _index_lines(lines, headers)
    except _Folded:
        headers.clear()
        _index_lines(_unfold(lines), headers)
    return start


def _index_lines(lines: list[str], headers: dict[str, tuple[str, ...]]) -> None:
    for name, colon, value in map(_partition, lines, _colon):
        key = CANONICAL[name]
        if not colon:
            raise ParseError("header line without colon")
        if key in headers:
            if key in SINGLE:
                raise ParseError(f"more than one {key}")
            headers[key] += (value.strip(" \t"),)
        else:
            headers[key] = (value.strip(" \t"),)


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
    unfolded = [" ".join(parts) for parts in whole]
    if max(map(len, unfolded)) > MAX_HEADER_LINE:
        raise ParseError("header line too long")
    return unfolded


def _check_controls(start: str, lines: list[str]) -> None:
    # The grammar has them in one place only: escaped inside a quoted string (quoted-pair).
    if has_bare_control(start) or any(has_bare_control(line) for line in lines):
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
        via = headers["via"][0]
        from_ = headers["from"][0]
        to = headers["to"][0]
        cseq = headers["cseq"][0]
        m.call_id = call_id = headers["call-id"][0]
    except KeyError as missing:
        raise ParseError(f"no {missing.args[0]}") from None
    plain = _plain_via(via)
    branch = plain[1] if plain else Via.parse(via).branch
    # The bare magic cookie identifies nothing: such a peer is matched as RFC 2543 had it (17.2.3).
    m.branch = branch if branch != _COOKIE else ""
    plain = _plain_address(from_)
    m.from_tag = plain[1] or "" if plain else _tag_of(from_)
    plain = _plain_address(to)
    m.to_tag = plain[1] or "" if plain else _tag_of(to)
    if not call_id or " " in call_id or "\t" in call_id or len(call_id) > MAX_CALL_ID:
        raise ParseError("malformed Call-ID")
    digits, _, method = cseq.partition(" ")
    if not digits.isdecimal() or len(digits) > 10:
        digits, method = _loose_cseq(cseq)
    m.cseq = number(digits, MAX_UINT31)
    if method != m.method:
        method = method.strip(BLANKS)
        if m.method and method != m.method:
            raise ParseError("CSeq method differs from the request's")
        if not is_token(method):
            raise ParseError("malformed CSeq")
    m.cseq_method = method
    hops = headers.get("max-forwards")
    if hops is not None and hops[0] != "70" and m.method:
        number(hops[0], 255)


def _loose_cseq(value: str) -> tuple[str, str]:
    """CSeq with HTAB, or what is none."""
    digits, _, method = value.replace("\t", " ").partition(" ")
    return digits, method


def _tag_of(value: str) -> str:
    text = Address.parse(value).tag
    if text and not is_token(text):
        raise ParseError("malformed tag")
    return text


def _partial(head: bytes, flow: Flow) -> Message | None:
    """What an answer to a broken request needs, None where no answer may go: not a request, an ACK, no Via.

    Any of From, To, Call-ID and CSeq that is missing or unusable is "" here and absent from the answer.
    """
    start, *lines = str(head, "latin-1").split("\r\n", MAX_HEADER_LINES + 1)
    words = start.split()
    method = words[0] if words else ""
    if not is_token(method) or len(method) > MAX_METHOD or method == "ACK" or words[-1][:4].upper() != "SIP/":
        return None
    headers: dict[str, tuple[str, ...]] = {}
    try:
        lines = _unfold(lines[:MAX_HEADER_LINES])
    except (ParseError, ValueError):
        return None
    for line in lines:
        name, colon, value = line.partition(":")
        try:
            key = CANONICAL[name]
        except (ParseError, _Folded):
            continue
        if not colon or key not in _VITAL or has_bare_control(value):
            continue
        if key == "via":
            headers[key] = (*headers.get(key, ()), value.strip(BLANKS))
        else:
            headers.setdefault(key, (value.strip(BLANKS),))
    if not headers.get("via", ("",))[0]:
        return None
    for key in _VITAL:
        headers.setdefault(key, ("",))
    m = Message()
    m.flow = flow
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
    to = fields["to"][0]
    if to_tag and not request.to_tag and to:
        to = f"{to};tag={to_tag}"
    text = (
        f"SIP/2.0 {status} {reason or _REASON.get(status) or phrase(status)}\r\nVia: {via}\r\nFrom: {fields['from'][0]}\r\n"
        f"To: {to}\r\nCall-ID: {fields['call-id'][0]}\r\nCSeq: {fields['cseq'][0]}\r\n{headers}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    if not request.cseq_method or ": \r\n" in text:
        text = _empty_line("", text)
    return text.encode("latin-1", "replace") + body


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


def stamp(via: str, flow: Flow) -> str:
    """The top Via with the source of the request (18.2.1, RFC 3581 section 4): `received`, and `rport` where asked for.

    Whatever the sender wrote into `received` or `rport` itself is replaced.
    """
    at = via.find(";rport")
    if at >= 0 and "received" not in via and "," not in via and via[at + 6 : at + 7] in ("", ";"):
        return f"{via[:at]};received={flow.host};rport={flow.port}{via[at + 6 :]}"
    return _stamp(via, flow)


def _stamp(value: str, flow: Flow) -> str:
    try:
        first, *rest = split_list(value)
        via = Via.parse(first)
    except ParseError:
        return value
    params = {name: text for name, text in via.parameters.items() if name != "received"}
    if "rport" in params:
        params["rport"] = str(flow.port)
    if "rport" in params or via.host.strip("[]").lower() != flow.host:
        params["received"] = flow.host
    return ", ".join([str(Via(via.transport, via.host, via.port, params)), *rest])
