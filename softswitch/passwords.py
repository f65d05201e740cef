"""Passwords of people and tokens of programs: what is kept of them, and whether one is right."""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST: Final = 10  # characters that a person may set: pages can be tried from wherever they can be reached
PREFIX: Final = "ssw_"  # of a token, so that it is recognised where it should not stand

# Argon2id as OWASP asks for at least (19 MiB, two passes): 30 ms, and several at once do not fill the memory.
_PASSES, _KIBIBYTES, _LANES = 2, 19_456, 1


def hash_password(password: str) -> str:
    """What is kept of a person's password (argon2id, RFC 9106). Takes 30 ms."""
    return _hasher().hash(password)


def is_password(digest: str, password: str) -> bool:
    """Whether this is the password; for a thread, it takes 30 ms. An empty digest is nobody's, and takes as long."""
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(digest or _nobody(), password) and bool(digest)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # 20 ms, for whoever has pages

    return PasswordHasher(_PASSES, _KIBIBYTES, _LANES)


@cache
def _nobody() -> str:
    return hash_password("")


def new_token() -> str:
    """A token for a program: 256 bits."""
    return PREFIX + secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """What is kept of a program's token: it is random, so one round is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
