"""PINs of mailboxes that were set by phone, and the wrong ones that were tried.

Who sits at a phone of the mailbox and who dials in from elsewhere are counted apart: guessing from outside must not lock out
the owner.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from softswitch.directory import Mailbox
    from softswitch.machine import Entropy

PER_CALL: Final = 3  # wrong PINs, then the call ends
BEFORE_LOCK: Final = 9  # wrong PINs in a row, then the mailbox is locked ...
FIRST_LOCK: Final = 300.0  # ... this long, in seconds; twice as long each time ...
LONGEST_LOCK: Final = 86_400.0  # ... up to this
SHORTEST, LONGEST = 4, 12  # digits


@dataclass(slots=True)
class Guesses:
    """Wrong PINs since the last right one."""

    wrong: int = 0
    locks: int = 0
    locked_until: float = 0.0


class Pins:
    """Checks PINs. A PIN is kept as a salted digest: nobody who looks after the database reads it in passing."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._set: dict[str, tuple[str, str]] = {}  # mailbox -> salt and digest
        self._guesses: dict[tuple[str, bool], Guesses] = {}

    def has(self, box: Mailbox) -> bool:
        """Whether a mailbox has a PIN."""
        return box.name in self._set or bool(box.pin)

    def locked(self, box: str, own: bool, now: float) -> bool:
        guesses = self._guesses.get((box, own))
        return guesses is not None and now < guesses.locked_until

    def check(self, box: Mailbox, typed: str, own: bool, now: float) -> str:
        """Returns "" if the PIN is right; "wrong", or "locked" if no more is tried now. `own`: at a phone of the mailbox."""
        if self.locked(box.name, own, now):
            return "locked"
        if self._matches(box, typed):
            self._guesses.pop((box.name, own), None)
            return ""
        guesses = self._guesses.setdefault((box.name, own), Guesses())
        guesses.wrong += 1
        if guesses.wrong < BEFORE_LOCK:
            return "wrong"
        guesses.wrong = 0
        guesses.locked_until = now + min(FIRST_LOCK * 2**guesses.locks, LONGEST_LOCK)
        guesses.locks += 1
        return "locked"

    def _matches(self, box: Mailbox, typed: str) -> bool:
        known = self._set.get(box.name)
        if known is None:
            return bool(box.pin) and compare_digest(typed.encode(), box.pin.encode())
        salt, digest = known
        return compare_digest(_digest(salt, typed), digest)

    def set(self, box: str, pin: str) -> None:
        salt = self._entropy.token()
        self._set[box] = salt, _digest(salt, pin)

    def reset(self, box: str) -> None:
        """Back to the PIN of the site; what was tried is forgotten."""
        self._set.pop(box, None)
        for own in (False, True):
            self._guesses.pop((box, own), None)

    def load(self, kept: dict[str, Any]) -> None:
        self._set = {box: (str(salt), str(digest)) for box, (salt, digest) in kept.items()}

    def export(self) -> dict[str, Any]:
        return {box: list(one) for box, one in self._set.items()}


def acceptable(pin: str) -> bool:
    """Whether a PIN may be set: long enough, not one digit again and again, no 1234."""
    if not (SHORTEST <= len(pin) <= LONGEST and pin.isdigit()):
        return False
    steps = {int(after) - int(before) for before, after in pairwise(pin)}
    return steps not in ({0}, {1}, {-1})


def _digest(salt: str, pin: str) -> str:
    return sha256(f"{salt}:{pin}".encode()).hexdigest()
