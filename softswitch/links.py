"""Links to recordings that are good without a login until they expire: for an e-mail, or a CRM (MED-16).

A link names the recording, its end, and who made it, and carries a MAC of that. Nothing is stored: who renews the key makes
every link that was made so far worthless.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import blake2s
from typing import Final
from urllib.parse import quote, urlencode

PATH: Final = "/shared/recordings/"
LONGEST: Final = 366 * 24.0  # hours


@dataclass(slots=True, frozen=True)
class Link:
    """`until`: seconds since 1970; `by`: who made it."""

    recording: int
    until: int
    by: str

    def signature(self, key: bytes) -> str:
        text = f"recording\0{self.recording}\0{self.until}\0{self.by}"
        return blake2s(text.encode("utf-8", "replace"), key=key, digest_size=20).hexdigest()

    def path(self, key: bytes) -> str:
        """The path of the link on our pages, with what makes it good."""
        query = urlencode({"until": self.until, "by": self.by, "signature": self.signature(key)}, quote_via=quote)
        return f"{PATH}{self.recording}?{query}"

    def is_good(self, signature: str, key: bytes, now: float) -> bool:
        """Whether it is ours and has not expired; in the same time, whatever is wrong with it."""
        ours = hmac.compare_digest(self.signature(key).encode(), signature.encode("utf-8", "replace"))
        return ours and now < self.until
