"""The mediator: wires the machines and routes each drained item to the machine that wants it.

Here SIP and queues meet, and nowhere else. No behaviour lives in this file. Calls are `call`, queues are `acd`,
transactions are `sip`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from softswitch.acd.custom import Ranker
from softswitch.acd.engine import Engine
from softswitch.acd.facts import QueueFacts
from softswitch.acd.tape import Drawn, Tape
from softswitch.call.control import CallControl
from softswitch.call.dialplan import plan_of
from softswitch.call.key_states import AgentNow, Known
from softswitch.call.lamps import LAMP_EVENTS, Lamps
from softswitch.call.messages import Delivery, Postman
from softswitch.call.presence import PRESENCE_EVENTS, Presence
from softswitch.call.refer import Referral, Referrals
from softswitch.call.remote import Talk, Talks
from softswitch.call.routing import our_hosts
from softswitch.call.summary import MAILBOX_EVENTS, Announcement, MessageSummary
from softswitch.callbacks import DialCustomer
from softswitch.directory import Directory
from softswitch.effects import (
    AgentCommand,
    CallsChanged,
    CloseFlow,
    ConnectOffer,
    ErrandDone,
    Expect,
    Flow,
    FlowFailed,
    HttpRequest,
    MediaCommand,
    PlaceImproved,
    Publish,
    ReleaseCaller,
    Resolve,
    RingAgent,
    Send,
    SendMail,
    SendText,
    TellCaller,
    WithdrawOffer,
)
from softswitch.events import BindingAdded, CallbackRequested
from softswitch.machine import Entropy
from softswitch.sip import stun
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
from softswitch.sip.guard import Guard
from softswitch.sip.guesses import Guesses
from softswitch.sip.line import Ping
from softswitch.sip.listener import Listener
from softswitch.sip.locate import Located, Locator, Resolved
from softswitch.sip.qualify import Probe, Qualifier
from softswitch.sip.registrar import Registrar
from softswitch.sip.registration import Registration
from softswitch.sip.subscription import Notifier, Subscription
from softswitch.sip.trunks import Trunks
from softswitch.switch.admission import Admission
from softswitch.switch.callbacks import CallbackOrders
from softswitch.switch.orders import Orders
from softswitch.switch.settings import EXTENSIONS, METHODS, Settings
from softswitch.switch.views import Views

if TYPE_CHECKING:
    from media.control import WorkerEvent
    from softswitch.call.plugin import Plugin
    from softswitch.call.revival import Kept, Standing, Taken

Reader = Callable[[Any, float], None]  # of events
Effect = (
    Send | CloseFlow | MediaCommand | Publish | CallsChanged | Resolve | Expect | HttpRequest | SendText | SendMail
)  # fmt: skip

zone_of = lru_cache(maxsize=16)(ZoneInfo)  # The first look at a zone reads a file.


class Switch(Orders, CallbackOrders, Views):
    """The whole switch as one machine: bytes in, effects out."""

    def __init__(
        self,
        directory: Directory,
        listeners: Sequence[Listener],
        entropy: Entropy,
        *,
        is_open: Callable[[str], bool],
        nonce_key: bytes,
        settings: Settings | None = None,
        media_host: Callable[[Flow], str] | None = None,
        epoch: float | None = None,
        now: float = 0.0,
    ) -> None:
        """`is_open`: whether an opening-hours scheme is open now; `media_host`: the address that SDP names for a flow;
        `epoch`: the wall-clock time when the monotonic clock was 0; `now`: since when agents are idle or logged out."""
        settings = settings or Settings()
        self.directory = directory
        supported = (*EXTENSIONS, *settings.calls.extensions)
        guesses = Guesses()
        self.endpoint = Endpoint(
            entropy, listeners, node=settings.node, server=settings.server, methods=METHODS, supported=supported,
            verified=guesses.proven,
        )  # fmt: skip
        self.registrar = Registrar(
            minimum=settings.register_minimum,
            default=settings.register_default,
            maximum=settings.register_maximum,
            listeners=listeners,
            epoch=epoch,
            unreachable=settings.unreachable,
        )
        self.guard = Guard(
            directory, self.endpoint, guesses, entropy, nonce_key, settings.defences, bound=self.registrar.bound
        )
        self.bans = self.guard.bans
        self.qualifier = Qualifier(
            self.endpoint, self.registrar, entropy, listeners, settings.qualify, directory.domain
        )
        self.registrar.watch = self.qualifier.bound
        self.endpoint.way = self.registrar.way
        self.locator = Locator(entropy, listeners)
        self.trunks = Trunks(self.endpoint, entropy, self.locator)
        self.trunks.moved = lambda: self.guard.spare(self.trunks.hosts())
        self.trunks.configure(directory.trunks, now)
        plan_of(directory)
        self.calls = calls = CallControl(
            directory,
            self.endpoint,
            self.registrar.bindings,
            entropy,
            is_open=is_open,
            policy=settings.calls,
            media_host=media_host,
            trunks=self.trunks,
        )
        calls.board.recorder.epoch = epoch or 0.0
        calls.board.desk.set_clock(epoch or 0.0)
        calls.board.moment = lambda: self._now
        self.facts = facts = calls.board.site.facts
        desk = calls.board.desk
        facts.customers, facts.lists, facts.history, facts.outages = desk.cards, desk.callers, desk.callers, desk
        facts.wall = lambda now: desk.switches.epoch + now
        facts.opening = desk.next_opening
        facts.zone = lambda: zone_of(self.directory.timezone)
        self.lamps = Lamps(calls.board, Known(calls.board, self._agent_now, self._waiting), self._lamp_changed)
        self.presence = Presence(calls.board, self.lamps, self._presence_changed, lambda: self._now)
        self.mwi = MessageSummary(directory, calls.board.mailboxes, self.endpoint, self.registrar.bindings, entropy)
        packages = (self.lamps, self.presence, self.mwi)
        self.notifier = self.mwi.notifier = Notifier(self.endpoint, packages, listeners)
        self.postman = Postman(directory, self.endpoint, self.registrar.bindings, entropy, calls.board.publish)
        self.postman.depot.epoch = epoch or 0.0
        self.admission = Admission(
            directory, settings, entropy, endpoint=self.endpoint, guard=self.guard, registrar=self.registrar, calls=calls,
            trunks=self.trunks, notifier=self.notifier, postman=self.postman,
        )  # fmt: skip
        is_open = calls.board.site.is_open  # by hand as well
        drawn = Drawn(entropy)
        self.queues = queues = Engine(drawn, is_open=drawn.is_open(is_open))
        queues.callbacks.is_open = drawn.is_open(is_open)
        self.tape = Tape(queues, drawn)
        calls.board.standings = queues
        calls.board.callback_refusal = queues.callbacks.refusal
        facts.queues = QueueFacts(queues)
        # Whose requests these are; all others belong to calls.
        self._owners: dict[type, CallControl | Notifier | Postman | Qualifier | MessageSummary | Referrals | Talks | Trunks] = {
            Subscription: self.notifier, Delivery: self.postman, Probe: self.qualifier, Announcement: self.mwi,
            Referral: Referrals(), Talk: Talks(), Registration: self.trunks, Ping: self.trunks,
        }  # fmt: skip
        self._machines = (
            self.endpoint, self.calls, self.queues, self.registrar, self.notifier, self.mwi, self.postman.depot, self.trunks,
            self.locator, self.qualifier, self.guard, calls.board.desk,
        )  # fmt: skip
        # What the others put out, who speak through the endpoint otherwise. Most of it is empty most of the time.
        speakers = (self.calls, self.queues, self.registrar, self.trunks, self.locator, self.guard)
        self._outs = tuple(machine.out for machine in speakers)
        self._pending: deque[Any] = deque()
        self._effects: list[Effect] = []
        self._now = 0.0
        self._routes: dict[type, Callable[[Any, float], object]] = {
            RequestReceived: self.admission.request,
            ResponseReceived: self._response,
            AckReceived: calls.on_ack,
            CancelReceived: calls.on_cancel,
            RequestFailed: self._failed,
            Publish: self._publish,
            Located: lambda item, now: item.owner.located(item, now),
            FlowFailed: lambda item, now: self.registrar.failed(item.aor, item.key),
            ServerFailed: calls.on_server_failed,
            AckMissing: calls.on_ack_missing,
            RingAgent: calls.on_item,
            WithdrawOffer: calls.on_item,
            ConnectOffer: calls.on_item,
            ReleaseCaller: calls.on_item,
            PlaceImproved: calls.on_item,
            DialCustomer: calls.on_item,
            TellCaller: calls.on_item,
            **dict.fromkeys(queues.wants, queues.handle),
        }
        self._readers = _by_kind(
            (LAMP_EVENTS, self.lamps.see), (MAILBOX_EVENTS, self.mwi.see), ({CallbackRequested}, queues.callbacks.voicemail),
            ({BindingAdded}, self.postman.depot.see), ({BindingAdded}, self._bound), (PRESENCE_EVENTS, self.presence.see),
        )  # fmt: skip
        self.registrar.domains = our_hosts(directory, calls.board.local)
        queues.configure(directory.queues, directory.agents, now, accounts=directory.accounts)

    # --- inputs ----------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One SIP message: a datagram, or what a connection's framer cut. Or STUN, from a phone that keeps its flow open."""
        self._now = now
        if data[:1] < b"\x04" and stun.is_stun(data):
            if (
                flow.transport == "udp"
                and self.registrar.knows(flow)
                and (reply := stun.answer(data, flow.host, flow.port))
            ):
                self.endpoint.counters.keepalives += 1
                self.endpoint.send(reply, flow)
            return
        self.endpoint.receive(data, flow, now)

    def flow_failed(self, flow: Flow, now: float) -> None:
        """A connection is gone, or could not be made."""
        self._now = now
        self.endpoint.flow_failed(flow, now)
        self.registrar.flow_failed(flow, now)
        self.guard.flow_failed(flow)

    def errand_done(self, done: ErrandDone, now: float) -> None:
        """What became of a request, an SMS or an e-mail that a call sent somebody for."""
        self._now = now
        self.calls.errand_done(done, now)

    def set_flows(self, flows: Mapping[str, Plugin]) -> None:
        """The flows in Python that there are. Calls in progress go on with those that they have begun."""
        self.calls.board.site.flows = flows

    def set_strategies(self, rankers: Mapping[str, Ranker], clock: Callable[[], float], now: float) -> None:
        """The strategies of the site's own that there are. `clock` measures how long they take."""
        self._now = now
        self.queues.plug_in(rankers, now, clock)

    def resolved(self, answer: Resolved, now: float) -> None:
        """What the DNS says to a `Resolve`."""
        self._now = now
        self.locator.resolved(answer, now)

    def set_clips(self, names: Container[str]) -> None:
        """The names of the clips that media workers can play."""
        self.calls.set_clips(names)

    def media_event(self, worker: int, event: WorkerEvent, now: float) -> None:
        """Something that a media worker reports about a leg."""
        self._now = now
        self.calls.on_media(worker, event, now)

    def configure(self, directory: Directory, now: float) -> None:
        """Take a new snapshot of the site. Calls, waiting callers and agents' states are untouched."""
        self._now = now
        for gone in self.directory.accounts.keys() - directory.accounts.keys():
            self.registrar.remove(gone, "admin")
            self.notifier.withdraw(gone, now)
        self.directory = self.admission.directory = directory
        self.guard.configure(directory)
        self.mwi.configure(directory)
        self.registrar.domains = our_hosts(directory, self.calls.board.local)
        self.postman.configure(directory)
        self.calls.configure(directory, now)
        self.trunks.configure(directory.trunks, now)
        self.trunks.moved()
        plan_of(directory)  # Now, and not while a call waits for it.
        self.queues.configure(directory.queues, directory.agents, now, accounts=directory.accounts)

    def agent_command(self, command: AgentCommand, now: float) -> str:
        """Change an agent's presence; "" or the reason why that cannot be."""
        self._now = now
        return self.queues.command(command, now)

    def restore(self, bindings: Iterable[BindingAdded], queues: dict[str, Any] | None, now: float) -> None:
        """Take back at start what the store kept."""
        self._now = now
        if queues:
            self.queues.restore_state(queues, now)
            self.queues.close_visits(now)  # The callers' calls have ended with the process that held them.
        self._restore_bindings(bindings, now)

    def _restore_bindings(self, bindings: Iterable[BindingAdded], now: float) -> None:
        kept = list(bindings)
        self.guard.trust(kept)
        self.registrar.restore(kept, now)

    def take_back(
        self,
        bindings: Iterable[BindingAdded],
        calls: Collection[Kept],
        forgotten: Iterable[str],
        standing: Standing,
        now: float,
    ) -> Taken:
        """Go on with the registrations and the calls of a process that is gone, after the state of the queues was restored.

        What the queue engine hears of the calls it hears first: whoever is rung must not be rung for somebody else as well.
        """
        self._now = now
        bindings = list(bindings)
        self._restore_bindings(bindings, now)
        self.mwi.restored(bindings, now)
        return self.calls.restart.take_back(calls, forgotten, standing, now)

    def restore_subscriptions(self, kept: Iterable[tuple[Sequence[dict[str, Any]], float]], now: float) -> int:
        """Go on telling phones what they have subscribed to, after calls were taken back; how many subscriptions there are."""
        self._now = now
        return self.notifier.restore(kept, self.directory.accounts, now)

    @property
    def has_changes(self) -> bool:
        """Whether `changes` has anything to tell, now or in a moment."""
        return self.calls.restart.has_changes

    def changes(self, now: float) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """What a restart must know of calls that have changed since this was last asked."""
        return self.calls.restart.changes(now)

    def drain_mode(self, on: bool) -> None:
        """Before a shutdown: new calls get 503 with Retry-After, those in progress go on."""
        self.admission.draining = on

    # --- the machine's three verbs -----------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        deadlines = [at for machine in self._machines if (at := machine.next_deadline()) is not None]
        return min(deadlines) if deadlines else None

    def expire(self, now: float) -> None:
        self._now = now
        for machine in self._machines:
            at = machine.next_deadline()
            if at is not None and at <= now:
                machine.expire(now)

    def drain(self) -> list[Effect]:
        """Route until every machine is quiet; what is left is for the daemon.

        Items wait in a queue of ours, so a fault of ours in one of them costs that one only: the next drain goes on behind it.
        """
        pending, routes, now = self._pending, self._routes, self._now
        while True:
            pending.extend(self.endpoint.drain())
            for out in self._outs:
                if out:
                    pending.extend(out)
                    out.clear()
            if not pending:
                break
            while pending:
                item = pending.popleft()
                route = routes.get(type(item))
                if route is None:
                    self._effects.append(item)
                else:
                    route(item, now)
        effects, self._effects = self._effects, []
        return effects

    def abort(self, now: float) -> None:
        """After an exception: give up the call that the failing input was about. No other call is touched."""
        self._now = now
        self.calls.abort(None, now)

    def forget(self, now: float) -> None:
        """After an exception in `abort`: take from that call what it holds, without a word to its phones."""
        self._now = now
        self.calls.forget(None, now)

    # --- answers and events -----------------------------------------------------------------------------------------------

    def _response(self, item: ResponseReceived, now: float) -> None:
        self._owners.get(type(item.transaction.owner), self.calls).on_response(item, now)

    def _failed(self, item: RequestFailed, now: float) -> None:
        self._owners.get(type(item.transaction.owner), self.calls).on_failed(item, now)

    def _publish(self, item: Publish, now: float) -> None:
        self._effects.append(item)
        event = item.event
        for see in self._readers.get(type(event), ()):
            see(event, now)

    def _bound(self, event: BindingAdded, now: float) -> None:
        self.notifier.bound(event.aor, Flow(*event.flow), now)

    def _lamp_changed(self, resource: str) -> None:
        if not self.notifier.dialogs:
            return  # Nobody has a key: most of the time of most calls.
        self.notifier.change(self.lamps.name, resource, self._now)
        if resource.startswith("account:"):
            self._presence_changed(resource)

    def _presence_changed(self, resource: str) -> None:
        self.notifier.change(self.presence.name, resource, self._now)

    def _agent_now(self, name: str) -> AgentNow:
        agent = self.queues.roster.agents.get(name)
        return AgentNow(str(agent.activity), str(agent.presence), agent.paused_in) if agent is not None else AgentNow()

    def _waiting(self, name: str) -> int:
        queue = self.queues.queues.get(name)
        return len(queue.in_order()) if queue is not None else 0

    # --- what outlives us ------------------------------------------------------------------------------------------------

    def export_state(self, now: float) -> dict[str, Any]:
        """What a restart must know of queues, agents, phones and ring groups, and of what was called outside, as JSON values."""
        board = self.calls.board
        return self.queues.export_state(now) | {
            "phones": board.phones.export(), "toll": board.guard.export(now), "turns": dict(board.turns),
        }  # fmt: skip

    def restore_state(self, state: dict[str, Any], at: float) -> None:
        """Take back what `export_state` gave at that time."""
        self.queues.restore_state(state, at)
        board = self.calls.board
        board.guard.restore(state.get("toll", {}), at)
        board.turns.update(state.get("turns", {}))


def _by_kind(*readers: tuple[Collection[type], Reader]) -> dict[type, list[Reader]]:
    """Kind of event -> who wants to see it, in this order."""
    found: dict[type, list[Reader]] = {}
    for kinds, see in readers:
        for kind in kinds:
            found.setdefault(kind, []).append(see)
    return found
