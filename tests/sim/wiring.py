"""The machines of a switch wired together for simulations: endpoint, authenticator, registrar, call control, queue engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from softswitch.acd.engine import Engine
from softswitch.acd.invariants import check_invariants
from softswitch.call.board import Policy
from softswitch.call.control import CallControl
from softswitch.directory import Account, Directory
from softswitch.effects import (
    CloseFlow,
    ConnectOffer,
    Flow,
    MediaCommand,
    Publish,
    ReleaseCaller,
    RingAgent,
    Send,
    WithdrawOffer,
)
from softswitch.events import Event
from softswitch.sip.authenticator import Authenticated, Authenticator, Challenge
from softswitch.sip.endpoint import (
    AckMissing,
    AckReceived,
    CancelReceived,
    Endpoint,
    RequestFailed,
    RequestReceived,
    ResponseReceived,
    ServerFailed,
)
from softswitch.sip.listener import Listener
from softswitch.sip.registrar import Registrar

if TYPE_CHECKING:
    from softswitch.machine import Entropy
    from tests.sim.world import World


class Wiring:
    """Bytes in, datagrams and media commands out."""

    def __init__(self, directory: Directory, entropy: Entropy, world: World, policy: dict[str, Any]) -> None:
        from tests.sim.world import SWITCH

        self.directory = directory
        self.world = world
        listeners = (Listener("udp", *SWITCH),)
        self.endpoint = Endpoint(entropy, listeners)
        self.registrar = Registrar(listeners=listeners)
        self.authenticator = Authenticator(directory.domain, b"k" * 16, algorithms=("MD5",))
        self.calls = CallControl(
            directory, self.endpoint, self.registrar.bindings, entropy,
            is_open=lambda name: world.opening.get(name, True), policy=Policy(**policy),
        )  # fmt: skip
        self.queues = Engine(entropy)
        self.queues.configure(directory.queues, directory.agents, 0.0, directory.accounts)
        self.events: list[Event] = []
        self.items: list[object] = []  # between the machines, in order
        calls = self.calls
        self._routes: dict[type, Callable[[Any, float], object]] = {
            RequestReceived: self._request,
            ResponseReceived: calls.on_response,
            AckReceived: calls.on_ack,
            CancelReceived: calls.on_cancel,
            ServerFailed: calls.on_server_failed,
            RequestFailed: calls.on_failed,
            AckMissing: calls.on_ack_missing,
            RingAgent: calls.on_item,
            WithdrawOffer: calls.on_item,
            ConnectOffer: calls.on_item,
            ReleaseCaller: calls.on_item,
        }
        self.settle(0.0)

    def receive(self, data: bytes, source: tuple[str, int], now: float) -> None:
        self.endpoint.receive(data, Flow("udp", *source), now)
        self.settle(now)

    def media(self, worker: int, event: Any, now: float) -> None:
        self.calls.on_media(worker, event, now)
        self.settle(now)

    def next_deadline(self) -> float | None:
        machines = (self.endpoint, self.calls, self.queues, self.registrar)
        return min((at for machine in machines if (at := machine.next_deadline()) is not None), default=None)

    def expire(self, now: float) -> None:
        for machine in (self.endpoint, self.calls, self.queues, self.registrar):
            machine.expire(now)
            self.settle(now)

    def settle(self, now: float) -> None:
        """Drain to empty."""
        busy = True
        while busy:
            busy = False
            for machine in (self.endpoint, self.calls, self.queues, self.registrar):
                for item in machine.drain():
                    busy = True
                    self._route(item, now)
        if self.directory.queues:
            check_invariants(self.queues, now)

    def _route(self, item: Any, now: float) -> None:
        kind = type(item)
        if kind is Send:
            self.world.transmit(item.data, self.world.switch_address, (item.flow.host, item.flow.port))
        elif kind is MediaCommand:
            self.world.worker.perform(item.command)
        elif kind is Publish:
            self.events.append(item.event)
        elif (route := self._routes.get(kind)) is not None:
            self.items.append(item)
            route(item, now)
        elif kind in self.queues.wants:
            self.items.append(item)
            self.queues.handle(item, now)
        else:
            assert kind is CloseFlow, item

    def _request(self, item: RequestReceived, now: float) -> None:
        message = item.message
        if message.to_tag:
            self.calls.on_request(item, None, now)
            return
        verdict = self.authenticator.check(message, self.directory.accounts, now)
        if isinstance(verdict, Challenge):
            self.endpoint.reject(item.transaction, verdict.status, now, headers=verdict.headers)
        elif not isinstance(verdict, Authenticated):
            self.endpoint.reject(item.transaction, verdict.status, now)
        elif message.method == "REGISTER":
            self._register(item, verdict.account, now)
        else:
            self.calls.on_request(item, verdict.account, now)

    def _register(self, item: RequestReceived, account: Account, now: float) -> None:
        status, headers = self.registrar.register(item.message, account, now)
        self.endpoint.respond(item.transaction, status, now, headers=headers)

    def named(self, name: str) -> list[Any]:
        """The events of this name, in order."""
        return [event for event in self.events if event.name == name]

    def assert_idle(self) -> None:
        core = self.endpoint._core
        assert not core.servers, core.servers
        assert not core.clients, core.clients
        assert not self.queues.visits.callers
