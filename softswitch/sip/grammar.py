"""The basic rules of RFC 3261 section 25.1, written once: tokens, numbers, quoted strings, lists, hosts.

The law of this package: lines end with CRLF and nothing else, blanks are SP and HTAB and nothing else, numbers are
ASCII digits of bounded length. Every scan is linear in its input: alternatives begin with different characters, repeats of
one character class are possessive. (Not repeats of groups: before CPython 3.11.5 a possessive group may match too much.)
"""

from __future__ import annotations

import re
from typing import Final

from softswitch.errors import ParseError

BLANKS: Final = " \t"
MAX_UINT31: Final = 2**31 - 1
MAX_UINT32: Final = 2**32 - 1
MAX_LIST: Final = 256  # elements of one comma list, parameters of one value

TOKEN_CHARS: Final = r"-A-Za-z0-9.!%*_+`'~"
HOST: Final = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9._]*+)|\[[0-9A-Fa-f:.]{2,45}\])"
PORT: Final = r"(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})(?![0-9])"

is_token: Final = re.compile(rf"[{TOKEN_CHARS}]+").fullmatch
is_host: Final = re.compile(HOST).fullmatch
_QUOTED: Final = r'"[^"\\]*+(?:\\.[^"\\]*+)*"'
_quoted = re.compile(_QUOTED, re.DOTALL).match
_landmarks = {
    separator: re.compile(rf'{_QUOTED}|<[^>]*+>|["<{separator}]', re.DOTALL).finditer for separator in (",", ";")
}
_controls = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_unsafe = re.compile(r"[\x00-\x1f\x7f]+").sub
_pairs = re.compile(r"\\([^\r\n])").sub
_escaped = re.compile(r"\\(.)", re.DOTALL).sub


def number(text: str, maximum: int = MAX_UINT32) -> int:
    """A decimal number of at most ten digits in 0..`maximum`; ParseError otherwise. Never wraps, never guesses."""
    if not 0 < len(text) <= 10 or not text.isascii() or not text.isdigit():
        raise ParseError("not a number")
    value = int(text)
    if value > maximum:
        raise ParseError("number out of range")
    return value


def end_of_quoted(text: str, start: int) -> int:
    """The index after the closing quote of the quoted-string that opens at `start`. ParseError if it never closes."""
    match = _quoted(text, start)
    if not match:
        raise ParseError("unterminated quoted string")
    return match.end()


def unquote(text: str) -> str:
    """The content of a quoted-string, or the text itself if it is none."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _escaped(r"\1", inner) if "\\" in inner else inner


def quote(text: str) -> str:
    """A quoted-string: backslash and quote escaped, control characters (hence line ends) become blanks."""
    return '"' + _unsafe(" ", text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_wire(text: str) -> str:
    """Ordinary text -> message text (UTF-8 seen through latin-1), as all header values here are."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")


def from_wire(text: str) -> str:
    """Message text -> ordinary text, where a person reads it. Bytes that are no UTF-8 stay latin-1."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def split_outside(text: str, separator: str) -> list[str]:
    """Split at `separator` (comma or semicolon) outside quoted strings and angle brackets; parts are trimmed.

    Raises ParseError when a quote or bracket is left open, or for more than MAX_LIST parts.
    """
    if '"' not in text and "<" not in text:
        plain = text.split(separator, MAX_LIST)
        if len(plain) > MAX_LIST:
            raise ParseError("too many elements")
        return [part.strip(BLANKS) for part in plain]
    parts: list[str] = []
    start = 0
    for match in _landmarks[separator](text):
        landmark = match[0]
        if landmark == separator:
            if len(parts) >= MAX_LIST - 1:
                raise ParseError("too many elements")
            parts.append(text[start : match.start()].strip(BLANKS))
            start = match.end()
        elif len(landmark) == 1:
            raise ParseError("unterminated quoted string" if landmark == '"' else "unterminated <")
    parts.append(text[start:].strip(BLANKS))
    return parts


def parameters(text: str, *, strict: bool = True) -> dict[str, str]:
    """`;name=value;flag` -> {name in lower case: raw value, "" for a flag}. A repeated name keeps its first value.

    `text` begins with the semicolon or with the first name. Strict: names are tokens, values tokens, hosts or
    quoted strings, and no parameter is empty (`;;`).
    """
    text = text.strip(BLANKS)
    if text[:1] == ";":
        text = text[1:]
    elif not text:
        return {}
    found: dict[str, str] = {}
    for part in split_outside(text, ";"):
        name, equals, value = part.partition("=")
        name = name.rstrip(BLANKS)
        value = value.lstrip(BLANKS)
        if not is_token(name):
            if strict:
                raise ParseError("malformed parameter")
            continue
        if equals and strict and not _is_value(value):
            raise ParseError("malformed parameter value")
        name = name.lower()
        if name not in found:
            found[name] = value
        elif name in _IDENTITIES:
            raise ParseError(f"more than one {name}")
    return found


# Two readers that chose differently would see two transactions or two dialogs.
_IDENTITIES: Final = frozenset({"branch", "tag"})
_is_plain_value = re.compile(rf"[{TOKEN_CHARS}\[\]:/@?&$#<>(){{}}|^=\x80-\xff]*").fullmatch


def _is_value(value: str) -> bool:
    if value[:1] == '"':
        return end_of_quoted(value, 0) == len(value)
    return _is_plain_value(value) is not None


def has_bare_control(text: str) -> bool:
    """Whether a control character stands anywhere but behind a backslash in a quoted string (RFC 3261 quoted-pair)."""
    if not _controls(text):
        return False
    # Pairs first: an escaped control character becomes a mark, any other pair nothing. CR and LF cannot be escaped.
    plain = _pairs(lambda pair: _MARK if _controls(pair[1]) else "", text)
    if _controls(plain.replace(_MARK, "")):
        return True
    # No escapes are left, so every second piece between quotes is inside; a piece without its closing quote is not.
    pieces = plain.split('"')
    return any(_MARK in piece for piece in pieces[::2]) or (len(pieces) % 2 == 0 and _MARK in pieces[-1])


_MARK: Final = "\uffff"
