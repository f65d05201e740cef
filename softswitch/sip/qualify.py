"""Asking registered phones whether they are there: OPTIONS, at an interval, spread over time (SIG-14).

It keeps the port open that a NAT holds for the phone, it measures the round trip, and it finds phones that have gone without a
word: a contact that leaves `failures` questions in a row unanswered is unreachable, until it answers one or registers again. Any
answer will do; of one that came through proxies, those that a proxy gives for a phone that is not there do not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.machine import Deadlines, Entropy
from softswitch.sip.listener import Listener, contact

if TYPE_CHECKING:
    from softswitch.sip.binding import Binding
    from softswitch.sip.endpoint import Endpoint, RequestFailed, ResponseReceived
    from softswitch.sip.location import Location

_ABSENT: Final = frozenset({408, 430, 480, 503, 504})  # what a proxy says for a phone that it does not reach


@dataclass(slots=True, frozen=True)
class Qualify:
    """Which bindings are asked: "off", "nat" (over UDP from behind a NAT), "udp", "all". `interval` in seconds."""

    which: str = "nat"
    interval: float = 30.0
    failures: int = 3


@dataclass(slots=True, eq=False)
class Probe:
    """One question to one binding."""

    aor: str
    key: str
    sent_at: float


class Qualifier:
    """Asks the bindings of a location service."""

    def __init__(
        self,
        endpoint: Endpoint,
        location: Location,
        entropy: Entropy,
        listeners: Sequence[Listener],
        policy: Qualify,
        domain: str,
    ) -> None:
        self.asked = self.unanswered = 0
        self.domain = domain
        self._endpoint = endpoint
        self._location = location
        self._entropy = entropy
        self._listeners = listeners
        self._policy = policy
        self._deadlines: Deadlines[tuple[str, str]] = Deadlines()
        self._open: dict[tuple[str, str], Probe] = {}  # questions that nobody has answered yet
        self._missed: dict[tuple[str, str], int] = {}

    # --- the machine's three verbs ---

    def next_deadline(self) -> float | None:
        return self._deadlines.next()

    def expire(self, now: float) -> None:
        for name in self._deadlines.due(now):
            binding = self._location.binding(*name)
            if binding is None or not self._wanted(binding):
                self._open.pop(name, None)
                self._missed.pop(name, None)
            else:
                self._ask(binding, name, now)

    def drain(self) -> Sequence[object]:
        return ()

    # --- inputs ---

    def bound(self, binding: Binding, now: float) -> None:
        """A contact was bound, or bound again: then it has just shown that it is there."""
        name = (binding.aor, binding.key)
        self._missed.pop(name, None)
        self._open.pop(name, None)
        if self._deadlines.at(name) is None and self._wanted(binding):
            # Anywhere in the interval: all phones of a site may have come at once, after a power cut or a restart of ours.
            self._deadlines.set(name, now + self._share(self._policy.interval))

    def on_response(self, item: ResponseReceived, now: float) -> None:
        probe: Probe = item.transaction.owner
        if item.message.status < 200:
            return
        name = (probe.aor, probe.key)
        binding = self._location.binding(*name)
        if binding is None or (binding.path and item.message.status in _ABSENT):
            return
        if self._open.get(name) is probe:
            del self._open[name]
        self._missed.pop(name, None)
        self._location.answered(probe.aor, probe.key, now - probe.sent_at)

    def on_failed(self, item: RequestFailed, now: float) -> None:
        """No answer in 32 s, or no way to ask; what that means was decided when the next question was due."""

    # --- inside ---

    def _wanted(self, binding: Binding) -> bool:
        which = self._policy.which
        if which == "all":
            return True
        return binding.flow.transport == "udp" and (which == "udp" or (which == "nat" and binding.behind_nat))

    def _ask(self, binding: Binding, name: tuple[str, str], now: float) -> None:
        if name in self._open:
            self.unanswered += 1
            missed = self._missed[name] = self._missed.get(name, 0) + 1
            if missed >= self._policy.failures:
                self._location.silent(*name, missed)
                if self._location.binding(*name) is None:
                    del self._open[name], self._missed[name]
                    return
        probe = self._open[name] = Probe(*name, now)
        interval = self._policy.interval
        # RFC 5626 section 4.4.1: between 80 and 100 per cent of it, so that what fell together drifts apart.
        self._deadlines.set(name, now + 0.8 * interval + self._share(0.2 * interval))
        self.asked += 1
        tag = self._endpoint.tag()
        routes = "".join(f"Route: {route}\r\n" for route in binding.path)
        ours = contact(self._listeners[binding.flow.listener], binding.flow)
        self._endpoint.request(
            "OPTIONS", binding.contact, binding.flow, now, from_=f"<sip:{self.domain}>;tag={tag}", to=f"<{binding.contact}>",
            call_id=f"{tag}{self._entropy.token()}", cseq=1, owner=probe,
            headers=f"{routes}Contact: {ours}\r\nAccept: application/sdp\r\n",
        )  # fmt: skip

    def _share(self, seconds: float) -> float:
        return seconds * self._entropy.below(1_000) / 1_000
