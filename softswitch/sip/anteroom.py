"""Registrations that wait their turn while the switch runs behind.

After a power cut all phones of a site register in the same second. Refused, they would come back over half a minute; served in
the order of arrival, they would stand before the calls. So a REGISTER that comes when the switch is behind is laid aside, unread,
and served when nothing else is to be done. A phone repeats itself until it is answered:
what is the same to the octet is kept once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from softswitch.effects import Flow

MAX_WAITING: Final = 12_000
MAX_OCTETS: Final = 7 << 20  # of all that wait: strangers can fill it (S9)
MAX_LENGTH: Final = 2_048  # octets of one; longer than any phone's
PATIENCE: Final = 24.0  # seconds: at 32 its sender has given up (timer F)

_START: Final = b"REGISTER "
_PROVES: Final = b"\r\nauthorization:"


class Anteroom:
    """First come, first served."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[bytes, Flow], float] = OrderedDict()
        self._octets = 0
        self.admitted = 0  # in all
        self.repeated = 0  # came again while they waited

    def __len__(self) -> int:
        return len(self._waiting)

    def takes(self, data: bytes, flow: Flow, behind: bool, now: float) -> bool:
        """Whether a message is laid aside. `behind`: whether the switch is; if not, those wait who would overtake others.

        Whoever answers our challenge overtakes: half of the work is done, and the nonce does not live for ever.
        """
        if not data.startswith(_START) or not (behind or self._waiting):
            return False
        if not behind and _PROVES in data.lower():
            return False
        key = (data, flow)
        if key in self._waiting:
            self.repeated += 1
            return True
        if len(data) > MAX_LENGTH or len(self._waiting) >= MAX_WAITING or self._octets + len(data) > MAX_OCTETS:
            return False
        self._waiting[key] = now
        self._octets += len(data)
        self.admitted += 1
        return True

    def next(self, now: float) -> tuple[bytes, Flow] | None:
        """Whose turn it is. Those that waited for too long have gone."""
        while self._waiting:
            (data, flow), since = self._waiting.popitem(last=False)
            self._octets -= len(data)
            if now - since < PATIENCE:
                return data, flow
        return None
