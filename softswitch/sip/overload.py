"""Load shedding (RFC 5390's requirements): what is refused, and when, so that calls in progress never suffer.

A refusal is stateless and cheap: one parse and one response of the request's own headers, about a tenth of what serving
costs. `behind` is the number of seconds that a request has waited to be read: a switch that is busy all the time and yet
answers at once is not overloaded. Without shedding a switch at twice its capacity spends its time on retransmissions: every
call waits for seconds and most fail.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from softswitch.effects import Flow, Send
from softswitch.errors import ParseError
from softswitch.machine import Entropy
from softswitch.sip.listener import reply_flow
from softswitch.sip.message import Message, parse, response
from softswitch.sip.uri import uri_user

# Method -> seconds behind from which a request outside a dialog is refused. All are below T1 (0.5 s), after which every
# peer repeats itself. ACK, BYE, CANCEL, PRACK, UPDATE, INFO, NOTIFY and REFER belong to something that already exists.
SHED_AFTER: Final = {"OPTIONS": 0.2, "SUBSCRIBE": 0.2, "MESSAGE": 0.2, "PUBLISH": 0.2, "INVITE": 0.25, "REGISTER": 0.4}
FIRST: Final = min(SHED_AFTER.values())
EMERGENCY: Final = frozenset({"112", "911", "997", "998", "999"})
SHORTEST, LONGEST = 5, 30  # seconds of Retry-After, drawn at random: a common time would bring everybody back at once

_STARTS: Final = tuple(f"{method} ".encode() for method in SHED_AFTER)


class Overload:
    """Answers 503 for the switch. `known`: whether a request repeats one that is already being served."""

    def __init__(
        self,
        entropy: Entropy,
        known: Callable[[Message], bool],
        *,
        priority: frozenset[str] = EMERGENCY,
    ) -> None:
        self._entropy = entropy
        self._known = known
        self._priority = priority
        self.refused = dict.fromkeys(SHED_AFTER, 0)

    def refuse(self, data: bytes, flow: Flow, behind: float) -> Send | None:
        """The refusal of a request, or None: serve it."""
        if behind < FIRST or not data.startswith(_STARTS):
            return None
        try:
            message = parse(data, flow)
        except ParseError:
            return None
        if message.to_tag or behind < SHED_AFTER[message.method]:
            return None
        if uri_user(message.uri) in self._priority or self._known(message):
            return None
        self.refused[message.method] += 1
        wait = SHORTEST + self._entropy.below(LONGEST - SHORTEST + 1)
        headers = f"Retry-After: {wait}\r\n"
        answer = response(message, 503, to_tag=self._entropy.token(), headers=headers)
        return Send(answer, reply_flow(message))
