"""Answers to whoever may not be who the datagram says: never much longer than what was asked (reflection, RFC 5393's lesson).

The source address of a datagram is only written on it. Whoever writes another's there has our answers sent to a victim; so an
answer to a source that has not proved an account is one datagram, of at most one and a half times the length of its request. What
does not fit of it is left out, the least important first: header lines count from the first. A request that is shorter than any
user agent's, and whose bare answer would still be longer than that, gets none.

Of several challenges those are left out which do not fit. Which, goes by turns with CSeq: a user agent that does not know the
algorithm it was offered is offered another when it tries again. Where MD5 stands first there are no turns: everybody knows it,
and who set that order has user agents that know nothing else.
"""

from __future__ import annotations

from typing import Final

from softswitch.sip.message import Message

MAX_AMPLIFICATION: Final = 1.5  # bytes of the answer per byte of the request
SHORTEST_REQUEST: Final = 200  # bytes: with all that RFC 3261 section 8.1.1 demands no request is shorter
CHALLENGES: Final = frozenset({401, 407})
# Statuses that mean nothing without their first header line (22.1, 21.4.6, 21.4.15).
_NEEDS_LINE: Final = frozenset({401, 405, 407, 420, 423, 489, 501, 503})


def shortened(message: Message, status: int, headers: str, size: int) -> str | None:
    """The header lines that an answer of `size` bytes may keep, None if there should be no answer at all."""
    surplus = size - int(MAX_AMPLIFICATION * message.size)
    lines = headers.split("\r\n")[:-1]
    turns = status in CHALLENGES and "algorithm=MD5" not in headers.partition("\r\n")[0]
    if turns and surplus > 0 and message.cseq % 2 == 0:
        lines.reverse()
    least = 1 if status in _NEEDS_LINE else 0
    while surplus > 0 and len(lines) > least:
        surplus -= len(lines.pop()) + 2
    if surplus > 0 and message.size < SHORTEST_REQUEST:
        return None
    return "".join(f"{line}\r\n" for line in lines)
