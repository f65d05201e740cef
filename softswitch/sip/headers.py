"""Typed views of header values (RFC 3261 section 20), computed when somebody asks.

A view raises ParseError for a malformed value; the caller answers 400. Views of informational headers have a default instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from softswitch.errors import ParseError
from softswitch.sip.grammar import (
    BLANKS,
    HOST,
    MAX_LIST,
    MAX_UINT32,
    PORT,
    TOKEN_CHARS,
    is_token,
    number,
    parameters,
    split_outside,
    unquote,
)
from softswitch.sip.uri import Address

if TYPE_CHECKING:
    from softswitch.effects import Flow
    from softswitch.sip.message import Message

__all__ = [
    "MediaType", "Via", "contacts", "expires", "header_list", "media_type", "number", "option_tags", "parameters", "q_value",
    "split_list", "stamp", "supports", "unquote",
]  # fmt: skip


def split_list(value: str) -> list[str]:
    """The elements of a comma list, outside quoted strings and <>. Empty elements (`a,,b`) are malformed."""
    if "," not in value:
        return [value]
    elements = split_outside(value, ",")
    if "" in elements:
        raise ParseError("empty list element")
    return elements


def header_list(message: Message, name: str) -> list[str]:
    """All elements of a list header over all its lines, in order (RFC 3261 section 7.3.1). Empty lines count for nothing.

    Raises ParseError for a malformed list, or for more than MAX_LIST elements in all: lines are as good as commas.
    """
    values = message.headers.get(name)
    if values is None:
        return []
    elements: list[str] = []
    for value in values:
        if value:
            elements += split_list(value)
        if len(elements) > MAX_LIST:
            raise ParseError("too many list elements")
    return elements


_sent = re.compile(
    rf"([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)[ \t]++"
    rf"({HOST})(?:[ \t]*+:[ \t]*+({PORT}))?"
).fullmatch


@dataclass(frozen=True, slots=True)
class Via:
    """One Via value (section 20.42). `transport` is upper case, `host` as written, `port` 0 = not given."""

    transport: str
    host: str
    port: int = 0
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: str) -> Via:
        """The first Via of the value. Raises ParseError: protocol, sent-by, port 1..65535, parameters."""
        first = split_list(value)[0]
        sent, semicolon, rest = first.partition(";")
        match = _sent(sent.strip(BLANKS))
        if not match or match[1].upper() != "SIP" or match[2] != "2.0":
            raise ParseError("malformed Via")
        params = parameters(semicolon + rest) if semicolon else {}
        if semicolon and not params:
            raise ParseError("malformed Via")
        via = cls(match[3].upper(), match[4], int(match[5]) if match[5] else 0, params)
        branch = params.get("branch")
        if branch is not None and not is_token(branch):
            raise ParseError("malformed Via branch")
        if rport := params.get("rport"):
            number(rport, 65_535)
        return via

    @property
    def branch(self) -> str:
        return self.parameters.get("branch", "")

    @property
    def received(self) -> str:
        return self.parameters.get("received", "")

    @property
    def rport(self) -> int | None:
        """The port of RFC 3581; 0 = asked for but not filled in; None = not there."""
        value = self.parameters.get("rport")
        return None if value is None else int(value or 0)

    def __str__(self) -> str:
        text = f"SIP/2.0/{self.transport} {self.host}"
        if self.port:
            text += f":{self.port}"
        for name, value in self.parameters.items():
            text += f";{name}={value}" if value else f";{name}"
        return text


def stamp(via: str, flow: Flow) -> str:
    """The top Via with the source of the request (18.2.1, RFC 3581 section 4): `received`, and `rport` where asked for.

    Whatever the sender wrote into `received` or `rport` itself is replaced.
    """
    at = via.find(";rport")
    if at > 0 and via[at + 6 : at + 7] in _ENDS and "received" not in via and "," not in via:
        return f"{via[:at]};received={flow.host};rport={flow.port}{via[at + 6 :]}"
    return _stamp(via, flow)


_ENDS: Final = ("", ";")
_unmarked = re.compile(rf"SIP/2\.0/[A-Za-z]++ ({HOST})(?::{PORT})?(?:;branch=[{TOKEN_CHARS}]++|;alias)*").fullmatch


def _stamp(value: str, flow: Flow) -> str:
    if plain := _unmarked(value):
        return value if plain[1] == flow.host else f"{value};received={flow.host}"
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


def contacts(message: Message) -> list[Address]:
    """All Contact values; `*` is an Address whose uri is "*" (section 10.2.2: it must then be alone, the caller checks)."""
    return [Address("*") if value == "*" else Address.parse(value) for value in header_list(message, "contact")]


def option_tags(message: Message, name: str) -> list[str]:
    """The option tags of Require, Proxy-Require, Supported or Unsupported, as written."""
    tags = header_list(message, name)
    for option in tags:
        if not is_token(option):
            raise ParseError("malformed option tag")
    return tags


def supports(message: Message, option: str) -> bool:
    """Whether the peer lists the option in Supported or Require. Malformed lists support nothing."""
    try:
        return any(o.lower() == option for name in ("supported", "require") for o in option_tags(message, name))
    except ParseError:
        return False


def expires(text: str, default: int) -> int:
    """Delta-seconds of Expires or `;expires=` (20.19): more than 2**32-1 counts as that, malformed as `default`."""
    if not text or not text.isascii() or not text.isdigit():
        return default
    if len(text) > 10:
        # Leading zeros aside, eleven digits are past the end of the range; their value is of no interest.
        text = text.lstrip("0") or "0"
        if len(text) > 10:
            return MAX_UINT32
    return min(int(text), MAX_UINT32)


_is_q = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?").fullmatch


def q_value(text: str, default: float = 1.0) -> float:
    """A preference 0..1 with at most three decimals (section 25.1); "" is `default`, anything else is malformed."""
    if not text:
        return default
    if not _is_q(text):
        raise ParseError("malformed q value")
    return float(text)


@dataclass(frozen=True, slots=True)
class MediaType:
    """A Content-Type: `kind` is "type/subtype" in lower case, parameters raw."""

    kind: str
    parameters: dict[str, str] = field(default_factory=dict)


_is_media_type = re.compile(rf"([{TOKEN_CHARS}]++)[ \t]*+/[ \t]*+([{TOKEN_CHARS}]++)").fullmatch


def media_type(text: str) -> MediaType:
    """A Content-Type value; ParseError if it is none."""
    kind, semicolon, rest = text.partition(";")
    match = _is_media_type(kind.strip(BLANKS))
    if not match:
        raise ParseError("malformed media type")
    return MediaType(f"{match[1]}/{match[2]}".lower(), parameters(rest) if semicolon else {})
