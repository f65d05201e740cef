"""Rules that values of several kinds of the site's objects share."""

from __future__ import annotations

import re
from typing import Final

from softswitch.decode import Expected, Rule, number_in, one_of, text, tidy, whole_in


def _read_pin(value: object) -> str:
    pin = text(value)
    if pin and not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 12):
        raise ValueError
    return pin


def hex_digits(length: int) -> Rule:
    def read(value: object) -> str:
        digest = text(value).lower()
        if digest and (len(digest) != length or not set(digest) <= set("0123456789abcdef")):
            raise ValueError
        return digest

    return Rule(f"{length} hex digits", read)


def optional(rule: Rule) -> Rule:
    return Rule(rule.expected, rule.read, lambda value: None if value is None else tidy(value), facts=rule.facts)


# Spellings of the codecs that we speak, and "*": any other, passed through between phones that share it.
CODECS: Final = {name.lower(): name for name in ("opus", "G722", "PCMA", "PCMU", "L16")}
CODECS_EXPECTED: Final = 'a list of codecs such as ["opus", "G722", "PCMA", "PCMU", "*"]'


def _read_codecs(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise ValueError
    names = tuple(CODECS.get(text(one).lower(), text(one)) for one in value)
    if len(set(names)) != len(names) or not all(one == "*" or _is_codec(one) for one in names):
        raise ValueError
    if names and not any(one in CODECS.values() for one in names):
        raise Expected("at least one of " + ", ".join(CODECS.values()))
    return names


_is_codec = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}").fullmatch


_is_mail_address = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", re.ASCII
).fullmatch


def _read_addresses(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(_is_mail_address(text(one)) for one in value):
        raise ValueError
    return tuple(value)


PIN: Final = Rule("4 to 12 digits in quotes", _read_pin)
SECONDS: Final = number_in(0, 86_400, "seconds")
SRTP: Final = one_of("off", "optional", "required", "dtls")
DTMF: Final = one_of("auto", "rfc4733", "info", "inband")
RECORD: Final = one_of("off", "always", "on_demand")
RECORDING_FORMAT: Final = one_of("wav", "opus")
RECORDING_DAYS: Final = whole_in(0, 36_500, "days")
ADDRESSES: Final = Rule('a list of addresses such as ["anna@example.com"]', _read_addresses, list)
CODEC_LIST: Final = Rule(CODECS_EXPECTED, _read_codecs, list)
