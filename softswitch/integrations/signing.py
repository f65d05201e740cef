"""Proves to whoever receives a request that it is ours: HMAC-SHA256 by the rules of Standard Webhooks (API-03)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

SECRET: Final = "whsec_"
KEY_OCTETS: Final = range(24, 65)


def key_of(secret: str) -> bytes:
    """The key of a secret: "whsec_" and the key in base64. Raises ValueError."""
    if not secret.startswith(SECRET):
        raise ValueError
    try:
        key = base64.b64decode(secret.removeprefix(SECRET), validate=True)
    except binascii.Error:
        raise ValueError from None
    if len(key) not in KEY_OCTETS:
        raise ValueError
    return key


def signature(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """What proves that the secret's owner sent the body at that time, over id, time and body."""
    signed = hmac.new(key_of(secret), f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def signed_headers(secret: str, id: str, timestamp: int, body: bytes) -> list[tuple[str, str]]:
    return [
        ("webhook-id", id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", signature(secret, id, timestamp, body)),
    ]
