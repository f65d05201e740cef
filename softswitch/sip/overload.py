"""Load shedding (RFC 5390's requirements): what is refused, and when, so that calls in progress never suffer.

A refusal is stateless and cheap: a look at the lines that it repeats, a few hundredths of what serving costs. `behind` is the
number of seconds that a request has waited to be read: for a datagram the kernel's time of its arrival tells, for a stream how
late the loop is. A switch that is busy all the time and yet answers at once is not overloaded. Without shedding a switch at twice
its capacity spends its time on retransmissions: every call waits for seconds and most fail.

The order is: questions and texts; phones that register and are not known here yet; new calls, those that have answered our
challenge last; phones that refresh a registration. What belongs to something that exists, and calls for help, are always served.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Final

from softswitch.effects import Flow, Send
from softswitch.errors import ParseError
from softswitch.machine import Entropy
from softswitch.sip.listener import reply_flow
from softswitch.sip.message import Message, parse, response
from softswitch.sip.skim import skim
from softswitch.sip.uri import addr_uri, unescape, uri_user

# Method -> seconds behind from which a request outside a dialog is refused. Twice as much - the INVITE waits, and the callee's
# answer to ours - is still less than T1 (0.5 s), after which every peer repeats itself and the load feeds on itself.
# ACK, BYE, CANCEL, PRACK, UPDATE, INFO, NOTIFY and REFER belong to something that already exists.
SHED_AFTER: Final = {
    "OPTIONS": 0.15, "SUBSCRIBE": 0.15, "MESSAGE": 0.15, "PUBLISH": 0.15, "REGISTER": 0.165, "INVITE": 0.18,
}  # fmt: skip
# An INVITE with credentials: half of the work has been done, and would be done again.
CHALLENGED_AFTER: Final = 0.32
# A REGISTER of who is registered: phones that nobody can reach are the last thing a switch wants.
REFRESH_AFTER: Final = 0.4
FIRST: Final = min(SHED_AFTER.values())
SHORTEST, LONGEST = 5, 30  # seconds of Retry-After, drawn at random: a common time would bring everybody back at once

_RETRY: Final = {seconds: f"Retry-After: {seconds}\r\n" for seconds in range(SHORTEST, LONGEST + 1)}
# Ends the To tag of a refusal, so that the ACK it causes - there are as many as refusals - is known without being parsed.
MARK: Final = ".503"
_ACKED: Final = f"{MARK}\r\n".encode()
_STARTS: Final = tuple(f"{method} ".encode() for method in SHED_AFTER)


def _threshold(message: Message) -> float:
    if message.method == "INVITE" and "authorization" in message.headers:
        return CHALLENGED_AFTER
    return SHED_AFTER[message.method]


def _parsed(data: bytes, flow: Flow) -> Message | None:
    try:
        return parse(data, flow)
    except ParseError:
        return None


class Overload:
    """Answers 503 for the switch.

    `known`: whether a request repeats one that is already being served; `bound`: whether a user has a registration now;
    `priority`: numbers that are always served.
    """

    def __init__(
        self,
        entropy: Entropy,
        known: Callable[[Message], bool],
        bound: Callable[[str, float], bool],
        *,
        priority: Container[str] = (),
    ) -> None:
        self.priority = priority
        self._entropy = entropy
        self._known = known
        self._bound = bound
        self.refused = dict.fromkeys(SHED_AFTER, 0)

    def refuse(self, data: bytes, flow: Flow, behind: float, now: float) -> Send | None:
        """The refusal of a request, or None: serve it."""
        if behind < FIRST or not data.startswith(_STARTS):
            return None
        message = skim(data, flow) or _parsed(data, flow)
        if message is None or message.to_tag or behind < _threshold(message):
            return None
        if unescape(uri_user(message.uri)) in self.priority or self._known(message):
            return None
        if message.method == "REGISTER" and behind < REFRESH_AFTER and self._refreshes(message, now):
            return None
        self.refused[message.method] += 1
        tag = self._entropy.token()
        wait = SHORTEST + int(tag[-4:], 16) % (LONGEST - SHORTEST + 1)
        return Send(response(message, 503, to_tag=tag + MARK, headers=_RETRY[wait]), reply_flow(message))

    @staticmethod
    def settles(data: bytes) -> bool:
        """Whether this is the ACK of a refusal, which nobody waits for."""
        return data.startswith(b"ACK ") and _ACKED in data

    def _refreshes(self, message: Message, now: float) -> bool:
        try:
            return self._bound(unescape(uri_user(addr_uri(message.header("to")))), now)
        except ParseError:
            return False
