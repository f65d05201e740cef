"""Counts SIP messages by method and by status code, from their first bytes alone."""

from __future__ import annotations

from typing import Final

METHODS: Final = (
    b"INVITE", b"ACK", b"BYE", b"CANCEL", b"OPTIONS", b"REGISTER", b"INFO", b"UPDATE", b"PRACK", b"REFER", b"NOTIFY",
    b"SUBSCRIBE", b"MESSAGE", b"PUBLISH",
)  # fmt: skip
OTHER: Final = b"other"


class Tally:
    """How many messages of each kind. The kinds are fixed, so that no peer can make it grow."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = dict.fromkeys((*METHODS, *(str(code).encode() for code in range(100, 700)), OTHER), 0)

    def count(self, data: bytes) -> None:
        kind = data[8:11] if data[:8] == b"SIP/2.0 " else data[: data.find(b" ", 0, 12)]
        try:
            self._counts[kind] += 1
        except KeyError:
            self._counts[OTHER] += 1

    def as_dict(self) -> dict[str, int]:
        """The kinds that there were."""
        return {kind.decode(): count for kind, count in self._counts.items() if count}
