"""People and tokens as they stand in site.toml: rules of single values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from softswitch.decode import Rule, one_of, text
from softswitch.directory.people import ROLES, Token, User
from softswitch.store.rules import hex_digits

ARGON2: Final = re.compile(r"\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+", re.ASCII)


def _read_digest(value: object) -> str:
    digest = text(value)
    if digest and not ARGON2.fullmatch(digest):
        raise ValueError
    return digest


def _read_day(value: object) -> str:
    day = value.isoformat() if type(value) is date else text(value)
    return date.fromisoformat(day).isoformat() if day else ""


def _read_language(value: object) -> str:
    code = text(value)
    if code and not (code.isascii() and code.isalpha() and len(code) == 2):
        raise ValueError
    return code


PEOPLE_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (User, "role"): one_of(*ROLES),
    (User, "digest"): Rule("what `softswitch export` writes, or password in its place", _read_digest),
    (User, "language"): Rule('a language code such as "pl"', _read_language),
    (Token, "role"): one_of(*ROLES),
    (Token, "digest"): hex_digits(64),
    (Token, "expires"): Rule('a day such as "2027-12-31"', _read_day),
}
