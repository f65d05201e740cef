"""Passwords of phones: generated, and turned into the digests that the switch keeps instead."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from softswitch.machine import Entropy

LENGTH: Final = 24  # characters, 5.8 bits each: 140 bits
SHORTEST: Final = 8  # that a person may set
# Letters and digits that nobody confuses on a phone's display or on paper (no 0 O 1 l I), none that a configuration
# file or a shell treats specially.
ALPHABET: Final = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class Digests(NamedTuple):
    """HA1 of RFC 7616 section 3.4.2. Both are as good as the password: keep them as private."""

    ha1_md5: str
    ha1_sha256: str


def digests(user: str, realm: str, password: str) -> Digests:
    secret = f"{user}:{realm}:{password}".encode()
    return Digests(hashlib.md5(secret, usedforsecurity=False).hexdigest(), hashlib.sha256(secret).hexdigest())


def generate_password(entropy: Entropy, length: int = LENGTH) -> str:
    """A password nobody has to remember. `entropy` is the operating system's outside tests."""
    return "".join([ALPHABET[entropy.below(len(ALPHABET))] for _ in range(length)])
