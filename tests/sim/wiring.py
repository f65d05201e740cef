"""The switch under test, with its effects performed by the simulated world and the traffic inside it recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from softswitch.acd.invariants import check_invariants
from softswitch.call.board import Policy
from softswitch.directory import Directory
from softswitch.effects import (
    CallsChanged,
    CloseFlow,
    ErrandDone,
    Flow,
    HttpRequest,
    MediaCommand,
    Publish,
    Send,
    SendMail,
    SendText,
)
from softswitch.events import Event
from softswitch.sip.guard import Defences
from softswitch.sip.listener import Listener
from softswitch.switch import Settings, Switch

if TYPE_CHECKING:
    from softswitch.machine import Entropy
    from tests.sim.world import World


class Fault(Exception):
    """An error of ours, injected by a test."""


class Wiring:
    """Bytes in, datagrams and media commands out."""

    def __init__(
        self, directory: Directory, entropy: Entropy, world: World, listeners: tuple[Listener, ...], policy: dict[str, Any]
    ) -> None:  # fmt: skip
        self.world = world
        self.switch = Switch(
            directory, listeners, entropy, is_open=lambda name: world.opening.get(name, True), nonce_key=b"k" * 16,
            settings=Settings(defences=Defences(digest_algorithms=("MD5",)), calls=Policy(**policy)),
        )  # fmt: skip
        self.endpoint = self.switch.endpoint
        self.registrar = self.switch.registrar
        self.calls = self.switch.calls
        self.queues = self.switch.queues
        self.events: list[Event] = []
        self.times: list[float] = []  # of the events
        self.errands: list[Any] = []  # that calls send somebody for
        self.items: list[object] = []  # between the machines, in order
        self.aborted = 0  # calls given up after a fault
        self._has_queues = bool(directory.queues)
        routes = self.switch._routes
        for kind, route in list(routes.items()):
            routes[kind] = self._recorded(route)
        self.settle(0.0)

    def _recorded(self, route: Callable[[Any, float], object]) -> Callable[[Any, float], object]:
        def record(item: Any, now: float) -> None:
            self.items.append(item)
            route(item, now)

        return record

    def guarded(self, now: float, what: Callable[..., object], *arguments: Any) -> None:
        """One input, as the daemon gives it: a fault of ours costs the call that it was about."""
        try:
            what(*arguments)
        except Fault:
            self.aborted += 1
            self.switch.abort(now)
        self.settle(now)

    def receive(self, data: bytes, source: tuple[str, int], now: float) -> None:
        self.switch.receive(data, Flow("udp", *source, 1 if ":" in source[0] else 0), now)
        self.settle(now)

    def media(self, worker: int, event: Any, now: float) -> None:
        self.guarded(now, self.switch.media_event, worker, event, now)

    def next_deadline(self) -> float | None:
        return self.switch.next_deadline()

    def expire(self, now: float) -> None:
        self.guarded(now, self.switch.expire, now)

    def settle(self, now: float) -> None:
        """Drain to empty and perform."""
        while True:
            try:
                effects = self.switch.drain()
            except Fault:
                self.aborted += 1
                self.switch.abort(now)
                continue
            break
        for effect in effects:
            self._perform(effect)
        if self.switch.notifier.unkept:
            self.world.storage.arm()
        if self._has_queues:
            check_invariants(self.queues, now)

    def _perform(self, effect: Any) -> None:
        kind = type(effect)
        if kind is Send:
            source = self.world.listening[effect.flow.listener]
            self.world.transmit(effect.data, source, (effect.flow.host, effect.flow.port))
        elif kind is MediaCommand:
            self.world.workers[effect.worker].perform(effect.command)
        elif kind is Publish:
            self.publish(effect.event)
        elif kind is CallsChanged:
            self.world.storage.arm()
        elif kind in (HttpRequest, SendText, SendMail):
            self.errands.append(effect)
        else:
            assert kind is CloseFlow, effect

    def answer(self, done: ErrandDone) -> None:
        """What became of an errand."""
        self.guarded(self.world.now, self.switch.errand_done, done, self.world.now)

    def publish(self, event: Event) -> None:
        self.events.append(event)
        self.times.append(self.world.now)
        self.world.storage.arm()

    def named(self, name: str) -> list[Any]:
        """The events of this name, in order."""
        return [event for event in self.events if event.name == name]

    def assert_idle(self) -> None:
        core = self.endpoint._core
        assert not core.servers, core.servers
        assert not core.clients, core.clients
        assert not self.queues.visits.callers
