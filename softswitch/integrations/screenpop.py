"""Addresses of pages about callers, made from a template of the site (API-10).

What a caller brought along is only ever a value in them: encoded, and never the scheme or the host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

FIELDS: Final = ("number", "customer", "call", "queue", "agent", "name", "dialled")
LONGEST: Final = 2_000  # characters of a template
_field = re.compile(r"\{([^{}]*)\}")


def check_template(template: str) -> str:
    """Why a template cannot be taken, in the words of "expected ..."; "" if it can."""
    if any(name not in FIELDS for name in _field.findall(template)) or re.search(r"[{}]", _field.sub("", template)):
        return "no braces but " + ", ".join(f"{{{one}}}" for one in FIELDS)
    try:
        parts = urlsplit(template)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "an address"
    if parts.scheme not in ("http", "https") or not host or len(template) > LONGEST:
        return "an address of http or https"
    if "{" in parts.netloc or "@" in parts.netloc:
        return "a host without braces and passwords"
    if not template.isprintable() or " " in template:
        return "an address without spaces"
    return ""


def address(template: str, values: Mapping[str, str]) -> str:
    """The address; "" without a template."""
    return _field.sub(lambda found: quote(values.get(found[1], ""), safe=""), template)
