"""The trunks of the site as peers (SIG-20): where they are, whether they work, and what they are told to prove who we are.

What a call needs of them: `ways` in the order they are to be tried, `source` of a request that comes in, `answer` to a challenge,
`heard` and `silent` of what became of it. What the transactions say comes by `on_response` and `on_failed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from softswitch.effects import Flow, Publish
from softswitch.errors import ParseError
from softswitch.events import Event
from softswitch.machine import Deadlines, Entropy, take
from softswitch.outside import Trunk
from softswitch.sip.endpoint import Endpoint, RequestFailed, ResponseReceived
from softswitch.sip.grammar import from_wire
from softswitch.sip.line import Line, Ping, Way
from softswitch.sip.locate import Locator
from softswitch.sip.message import Message
from softswitch.sip.registration import Registration
from softswitch.sip.uri import unescape, uri_user

__all__ = ["Trunks", "Way"]

MAX_WAYS: Final = 16  # servers of one attempt


class Trunks:
    """All trunks of the site, as one machine."""

    def __init__(self, endpoint: Endpoint, entropy: Entropy, locator: Locator | None = None) -> None:
        self.endpoint = endpoint
        self.entropy = entropy
        self.locator = locator or Locator(entropy, endpoint.listeners)
        self.lines: dict[str, Line] = {}
        self.moved: Callable[[], object] = lambda: None  # is told when the addresses of trunks change
        self.deadlines: Deadlines[tuple[str, str, Any]] = Deadlines()
        self.out: list[object] = []

    # --- the machine's three verbs ---

    def next_deadline(self) -> float | None:
        return self.deadlines.next()

    def expire(self, now: float) -> None:
        for name, what, about in self.deadlines.due(now):
            line = self.lines.get(name)
            if line is not None:
                line.expire(what, about, now)

    def drain(self) -> list[object]:
        return take(self.out)

    # --- inputs ---

    def configure(self, trunks: Mapping[str, Trunk], now: float) -> None:
        """Take the trunks of a new snapshot of the site. Those that are the same go on."""
        for name, line in list(self.lines.items()):
            trunk = trunks.get(name)
            if trunk is None or (trunk != line.config and not line.take(trunk)):
                del self.lines[name]
                line.end(now)
        for name, trunk in trunks.items():
            if name not in self.lines:
                self.lines[name] = Line(trunk, self)
                self.lines[name].begin(now)

    def on_response(self, item: ResponseReceived, now: float) -> None:
        owner: Ping | Registration = item.transaction.owner
        owner.on_response(item.transaction, item.message, now)
        owner.line.judge(now)

    def on_failed(self, item: RequestFailed, now: float) -> None:
        owner: Ping | Registration = item.transaction.owner
        owner.on_failed(item.transaction, item.status, now)
        owner.line.judge(now)

    def publish(self, event: Event) -> None:
        self.out.append(Publish(event))

    # --- for calls ---

    def ways(self, names: Iterable[str], now: float, *, emergency: bool = False) -> list[Way]:
        """The servers of trunks in the order they are to be tried. For an emergency also those that seem to be down."""
        lines = [line for name in names if (line := self.lines.get(name)) is not None]
        found = [way for line in lines for way in line.usable(now)]
        if emergency:
            found = list(dict.fromkeys([*found, *(way for line in lines for way in line.ways)]))
        return found[:MAX_WAYS]

    def dialled(self, name: str, flow: Flow) -> Flow:
        """The flow on which a trunk can be reached whose connection is gone."""
        line = self.lines.get(name)
        ways = line.ways if line is not None else ()
        return next(
            (way.flow for way in ways if (way.flow.transport, way.flow.host) == (flow.transport, flow.host)), flow
        )

    def admits(self, name: str, now: float) -> bool:
        """Whether a trunk takes one call more in this second; it is counted."""
        line = self.lines.get(name)
        return line is not None and line.admits(now)

    def heard(self, way: Way) -> None:
        """A server has said something to an INVITE."""
        if (line := self.lines.get(way.trunk)) is not None:
            line.heard(way)

    def silent(self, way: Way, now: float) -> None:
        """A server has said nothing to an INVITE, or that it cannot work."""
        if (line := self.lines.get(way.trunk)) is not None:
            line.missed(way, "it did not answer a call", now)

    def answer(self, name: str, response: Message, method: str, uri: str, *, again: bool = False) -> str:
        """The header line that answers a challenge of a trunk; "" if it is not to be answered."""
        line = self.lines.get(name)
        return line.proof.answer(response, method, uri, line.hosts, again=again) if line is not None else ""

    def knows(self, flow: Flow) -> bool:
        """Whether a trunk sends from there: such a source is never banned."""
        return any(line.sends_from(flow) for line in self.lines.values())

    def sends(self, name: str, flow: Flow) -> bool:
        """Whether this trunk sends from there."""
        line = self.lines.get(name)
        return line is not None and line.sends_from(flow)

    def hosts(self) -> list[str]:
        """The addresses of all trunks, as the DNS has them."""
        return sorted({host for line in self.lines.values() for host in line.addresses()})

    def source(self, message: Message) -> str:
        """The trunk that a request comes from, "" if from none.

        Several may share a provider's address: the one that is called by its own name, or has the number, is meant.
        """
        if "authorization" in message.headers:
            return ""
        found = [line for line in self.lines.values() if line.sends_from(message.flow)]
        if len(found) > 1:
            called = self._called(message)
            for line in found:
                if called == line.config.user or called in line.config.dids:
                    return line.config.name
        return found[0].config.name if found else ""

    @staticmethod
    def _called(message: Message) -> str:
        try:
            return from_wire(unescape(uri_user(message.uri)))
        except ParseError:
            return ""

    def view(self, now: float) -> list[dict[str, Any]]:
        """Every trunk as plain values."""
        return [line.view(now) for line in self.lines.values()]
