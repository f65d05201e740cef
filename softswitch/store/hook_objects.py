"""Webhooks as they stand in site.toml: rules of single values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from softswitch.decode import Rule, number_in, text, whole_in
from softswitch.directory.hooks import Router, Webhook
from softswitch.integrations.signing import key_of
from softswitch.links import LONGEST


def _read_secret(value: object) -> str:
    secret = text(value)
    if secret:
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
SIGNED: Final = Rule('"whsec_" and 24 to 64 octets in base64 (softswitch webhook secret)', _read_secret)
HOOK_RULES: Final[Mapping[tuple[type, str], Rule]] = {
    (Webhook, "url"): URL,
    (Webhook, "secret"): SIGNED,
    (Webhook, "timeout"): number_in(0.5, 60, "seconds"),
    (Webhook, "attempts"): whole_in(1, 100),
    (Webhook, "give_up_hours"): number_in(0.1, 168, "hours"),
    (Webhook, "link_hours"): number_in(0, LONGEST, "hours"),
    (Router, "url"): URL,
    (Router, "secret"): SIGNED,
    (Router, "timeout"): number_in(0.1, 10, "seconds"),
}
