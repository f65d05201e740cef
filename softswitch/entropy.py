"""Unpredictable values from the operating system, fetched in blocks because a call needs about twenty of them."""

from __future__ import annotations

import os
import secrets

BLOCK = 4096


class SystemEntropy:
    """`machine.Entropy` for the daemon."""

    def __init__(self) -> None:
        self._block = b""
        self._at = BLOCK

    def token(self) -> str:
        """16 lower-case hex digits (64 bits)."""
        at = self._at
        if at >= BLOCK:
            self._block = os.urandom(BLOCK)
            at = 0
        self._at = at + 8
        return self._block[at : at + 8].hex()

    def below(self, n: int) -> int:
        """A uniform integer in [0, n)."""
        return secrets.randbelow(n)
