"""SIP, SIPS and tel URIs (RFC 3261 section 19, RFC 3966) and the name-addr / addr-spec forms that carry them.

Nothing is unescaped on the way in: `%00` stays `%00`, and only comparison and `unescape` look behind the per cent sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from softswitch.errors import ParseError
from softswitch.sip.grammar import BLANKS, HOST, PORT, end_of_quoted, is_token, number, parameters, quote, unquote

MAX_URI: Final = 2_048  # characters

# userinfo leaves room for what keypads send unescaped ("#"); "@" stands once, before the host.
_USER_CHARS: Final = r"-A-Za-z0-9_.!~*'()&=+$,;?/%#\[\]{}|^`\\\x80-\xff"
# Not `\s`: the second octet of a UTF-8 letter may be what Python takes for a blank.
_NO_URI: Final = r'\x00-\x20\x7f<>"'
_sip = re.compile(
    rf"(?:([{_USER_CHARS}]++)(?::([{_USER_CHARS}:]*+))?@)?({HOST})(?::({PORT}))?((?:;[^;?@{_NO_URI}]*+)*)(?:\?([^?@{_NO_URI}]*+))?"
).fullmatch
_tel = re.compile(rf"(\+?[0-9A-Fa-f*#.()-]++)((?:;[^;?@{_NO_URI}]*+)*)").fullmatch
_separators = re.compile(r"[-.()]").sub
_percent = re.compile(r"%([0-9A-Fa-f]{2})").sub
_is_scheme = re.compile(r"[A-Za-z][-A-Za-z0-9+.]*+").fullmatch

# 19.1.4: a parameter on one side only is ignored - except these, which must then be on both.
_DECISIVE: Final = ("user", "ttl", "method", "maddr", "transport")


def unescape(text: str) -> str:
    """Undo %HH; the octets stay octets (latin-1 text). Never used on the way to a decision about syntax."""
    return _percent(lambda match: chr(int(match[1], 16)), text) if "%" in text else text


_SAFE_USER: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()&=+$,;?/")


def escape_user(text: str) -> str:
    """Text -> user part: what the grammar does not allow there is escaped octet by octet (RFC 3261 section 25.1)."""
    if _SAFE_USER.issuperset(text):
        return text
    octets = text.encode("utf-8", "replace")
    return "".join(chr(o) if chr(o) in _SAFE_USER else f"%{o:02X}" for o in octets)


@dataclass(frozen=True, slots=True, eq=False)
class Uri:
    """A URI. `port` 0 = not given. Equality is RFC 3261 section 19.1.4; parts are raw (escapes kept).

    For `tel`, `user` is the number as written and `host` is "". Schemes that are neither raise ParseError (status 416).
    """

    scheme: str
    user: str = ""
    password: str = ""
    host: str = ""
    port: int = 0
    parameters: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Uri:
        """ParseError(400) for malformed text, ParseError(416) for a scheme we do not speak."""
        if len(text) > MAX_URI:
            raise ParseError("URI too long", status_hint=414)
        scheme, colon, rest = text.partition(":")
        scheme = scheme.lower()
        if scheme in ("sip", "sips"):
            match = _sip(rest)
            if not match:
                raise ParseError("malformed SIP URI")
            user, password, host, port, params, headers = match.groups("")
            return cls(
                scheme, user, password, host.lower(), int(port) if port else 0,
                parameters(params, strict=False) if params else {}, _uri_headers(headers) if headers else {},
            )  # fmt: skip
        if scheme == "tel":
            match = _tel(rest)
            if not match:
                raise ParseError("malformed tel URI")
            return cls("tel", match[1], parameters=parameters(match[2], strict=False) if match[2] else {})
        if colon and _is_scheme(scheme):
            raise ParseError("unsupported URI scheme", status_hint=416)
        raise ParseError("malformed URI")

    @property
    def number(self) -> str:
        """What a keypad would dial: the user part without visual separators (RFC 3966 section 5.1.1) or parameters."""
        if self.scheme == "tel":
            return _separators("", self.user)
        dialled = unescape(self.user.partition(";")[0])
        plain = _separators("", dialled)
        return plain if plain.lstrip("+").isdecimal() else dialled

    def header(self, name: str) -> str:
        """An escaped header of the URI, unescaped ("" if absent): `Refer-To: <sip:x@y?Replaces=...>`."""
        return unescape(self.headers.get(name.lower(), ""))

    def __str__(self) -> str:
        text = f"{self.scheme}:{self.user}"
        if self.password:
            text += f":{self.password}"
        if self.scheme != "tel":
            text += f"@{self.host}" if self.user else self.host
        if self.port:
            text += f":{self.port}"
        for name, value in self.parameters.items():
            text += f";{name}={value}" if value else f";{name}"
        if self.headers:
            text += "?" + "&".join(f"{name}={value}" for name, value in self.headers.items())
        return text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Uri):
            return NotImplemented
        return _key(self) == _key(other) and _parameters_match(self, other) and _headers(self) == _headers(other)

    def __hash__(self) -> int:
        return hash(_key(self))


def _uri_headers(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        if not name or not equals:
            raise ParseError("malformed URI headers")
        found.setdefault(unescape(name).lower(), value)
    return found


def _key(uri: Uri) -> tuple[str, str, str, str, int]:
    if uri.scheme == "tel":
        return "tel", _separators("", uri.user).lower(), "", "", 0
    # The user part is case-sensitive, the host is not.
    return uri.scheme, _plain(uri.user), _plain(uri.password), uri.host.lower(), uri.port


_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")


def _plain(text: str) -> str:
    """Escapes of unreserved characters undone, the others spelt in one way (19.1.4)."""
    return _percent(_unreserved, text) if "%" in text else text


def _unreserved(match: re.Match[str]) -> str:
    char = chr(int(match[1], 16))
    return char if char in _UNRESERVED else match[0].upper()


def _parameters_match(one: Uri, two: Uri) -> bool:
    mine, theirs = one.parameters, two.parameters
    if mine == theirs:
        return True
    for name in mine.keys() | theirs.keys():
        both = name in mine and name in theirs
        if both:
            if _plain(mine[name]).lower() != _plain(theirs[name]).lower():
                return False
        elif name in _DECISIVE:
            return False
    return True


def _headers(uri: Uri) -> dict[str, str]:
    return {name: _plain(value) for name, value in uri.headers.items()}


@dataclass(slots=True)
class Address:
    """name-addr or addr-spec with its header parameters: the value of From, To, Contact, Route, Refer-To ...

    `uri` is text (`Uri.parse` it where its parts matter), `display` is unquoted, `parameters` are raw.
    """

    uri: str
    display: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, value: str) -> Address:
        """Raises ParseError: unbalanced quotes or brackets, blanks in the URI, a bare URI that needs brackets (20.10)."""
        display, uri, rest = dissect(value)
        return cls(uri, unquote(display), parameters(rest) if rest else {})

    @property
    def tag(self) -> str:
        return self.parameters.get("tag", "")

    def __str__(self) -> str:
        if self.uri == "*":
            return "*"
        text = f"{quote(self.display)} <{self.uri}>" if self.display else f"<{self.uri}>"
        for name, value in self.parameters.items():
            text += f";{name}={value}" if value else f";{name}"
        return text


# 20.10 wants a row of tokens where quotes are missing. Phones also leave "(" or "@" bare, which no reader can mistake.
_is_display = re.compile(r'[^",;<>\\\x00-\x08\x0a-\x1f\x7f]*+').fullmatch
_uri_end = re.compile(f"[{_NO_URI}]").search


def dissect(value: str) -> tuple[str, str, str]:
    """(display as written, URI, parameters with their leading semicolon) of one name-addr / addr-spec value."""
    value = value.strip(BLANKS)
    if value[:1] == '"':
        end = end_of_quoted(value, 0)
        display = value[:end]
        rest = value[end:].lstrip(BLANKS)
        if rest[:1] != "<":
            raise ParseError("display name without <URI>")
    elif "<" in value:
        display, _, rest = value.partition("<")
        if not _is_display(display):
            raise ParseError("display name needs quotes")
        display = display.strip(BLANKS)
        rest = "<" + rest
    else:
        # 20.10: without <> everything after the semicolon belongs to the header; a comma or question mark needs <>.
        uri, semicolon, rest = value.partition(";")
        uri = uri.rstrip(BLANKS)
        if not uri or "," in uri or "?" in uri or _uri_end(uri) or ":" not in uri:
            raise ParseError("malformed address")
        return "", uri, semicolon + rest
    uri, bracket, rest = rest[1:].partition(">")
    if not bracket or ":" not in uri or _uri_end(uri):
        raise ParseError("malformed address")
    rest = rest.strip(BLANKS)
    if rest and rest[0] != ";":
        raise ParseError("malformed address")
    return display, uri, rest


# --- fast helpers for values that `message.parse` has already checked -------------------------------------------------


def addr_uri(value: str) -> str:
    """The URI inside a name-addr / addr-spec value; ParseError if there is none."""
    if value[:1] == "<":
        end = value.find(">")
        if end > 0:
            return value[1:end]
    return dissect(value)[1]


def tag(value: str) -> str:
    """The tag parameter of a From/To value, "" if absent or malformed."""
    head, found, rest = value.rpartition(">;tag=")
    if found and is_token(rest) and '"' not in head[head.rfind("<") :]:
        return rest
    try:
        text = parameters(dissect(value)[2]).get("tag", "")
    except ParseError:
        return ""
    return text if is_token(text) else ""


def uri_user(text: str) -> str:
    """The user part of a SIP URI (without password), "" if it has none; the number of a tel URI."""
    scheme, _, rest = text.partition(":")
    if scheme == "tel" or scheme.lower() == "tel":
        return rest.partition(";")[0]
    user, at, _ = rest.partition("@")
    return user.partition(":")[0] if at else ""


def uri_host_port(text: str) -> tuple[str, int]:
    """(host in lower case, port or 0) of a SIP URI; ("", 0) if it has none. IPv6 literals keep their brackets."""
    rest = text.partition(":")[2].rpartition("@")[2]
    for separator in ";?":
        rest = rest.partition(separator)[0]
    host, colon, port = rest.rpartition(":")
    if not colon or rest.endswith("]"):
        return rest.lower(), 0
    try:
        return host.lower(), number(port, 65_535)
    except ParseError:
        return "", 0
