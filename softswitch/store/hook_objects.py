"""Webhooks as they stand in site.toml: rules of single values."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from softswitch.decode import Rule, number_in, text, whole_in
from softswitch.directory.hooks import Webhook

SECRET: Final = "whsec_"
KEY_OCTETS: Final = range(24, 65)


def key_of(secret: str) -> bytes:
    """The key of a webhook's secret. Raises ValueError."""
    prefix, _, coded = secret.partition("_")
    if f"{prefix}_" != SECRET:
        raise ValueError
    try:
        key = base64.b64decode(coded, validate=True)
    except binascii.Error:
        raise ValueError from None
    if len(key) not in KEY_OCTETS:
        raise ValueError
    return key


def _read_secret(value: object) -> str:
    secret = text(value)
    key_of(secret)
    return secret


def read_url(value: object) -> str:
    """An address of http or https, without a password."""
    url = text(value)
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError
    return url


URL: Final = Rule('an address such as "https://crm.example.com/hooks"', read_url)
HOOK_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (Webhook, "url"): URL,
    (Webhook, "secret"): Rule('"whsec_" and 24 to 64 octets in base64 (softswitch webhook secret)', _read_secret),
    (Webhook, "timeout"): number_in(0.5, 60, "seconds"),
    (Webhook, "attempts"): whole_in(1, 100),
    (Webhook, "give_up_hours"): number_in(0.1, 168, "hours"),
}
