"""The mediator: wires the machines and routes each drained item to the machine that wants it.

Here SIP and queues meet, and nowhere else. No behaviour lives in this file beyond admission: who must authenticate, and
what is still answered while draining. Calls are `call`, queues are `acd`, transactions are `sip`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.engine import Engine
from softswitch.call import view
from softswitch.call.board import Policy
from softswitch.call.control import CallControl
from softswitch.call.lamps import Lamps
from softswitch.call.messages import Delivery, Postman
from softswitch.call.recording import Recording
from softswitch.directory import Account, Directory
from softswitch.effects import (
    AgentCommand,
    CallsChanged,
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
from softswitch.events import BindingAdded, SourceBanned, SourceReleased
from softswitch.machine import Entropy
from softswitch.sip.authenticator import Authenticated, Authenticator, Challenge
from softswitch.sip.bans import Ban, Bans, Place, is_scanner
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
from softswitch.sip.subscription import Notifier, Subscription
from softswitch.sip.uri import unescape, uri_user

if TYPE_CHECKING:
    from media.control import WorkerEvent
    from softswitch.call.revival import Kept, Standing, Taken

METHODS: Final = ("INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "REGISTER", "SUBSCRIBE", "MESSAGE")
ALLOW: Final = f"Allow: {', '.join(METHODS)}\r\n"
CAPABILITIES: Final = (
    f"{ALLOW}Accept: application/sdp\r\nAccept-Encoding: identity\r\nAccept-Language: pl, en\r\nSupported: path\r\n"
    "Allow-Events: dialog\r\n"
)
CROWDED_RETRY: Final = 5  # seconds at least; up to four times as long, so that clients do not come back in step
DRAIN_RETRY: Final = "Retry-After: 30\r\n"

Effect = Send | CloseFlow | MediaCommand | Publish | CallsChanged


@dataclass(slots=True, frozen=True)
class Settings:
    """What the host's configuration decides about the machines. Times in seconds."""

    register_minimum: int = 60
    register_default: int = 3_600
    register_maximum: int = 7_200
    nonce_lifetime: float = 60.0
    digest_algorithms: tuple[str, ...] = ("SHA-256", "MD5")  # in the order in which they are offered
    calls: Policy = field(default_factory=Policy)
    calls_at_once: int = 5_000
    calls_per_second: int = 2_000
    node: str = "0"  # one character in every branch, tag and Call-ID: which node of a cluster made it
    server: str = "softswitch"


class Switch:
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
    ) -> None:
        """`is_open`: whether an opening-hours scheme is open now; `media_host`: the address that SDP names for a flow;
        `epoch`: the wall-clock time when the monotonic clock was 0."""
        settings = settings or Settings()
        self.directory = directory
        self.draining = False
        self._entropy = entropy
        self._settings = settings
        self._tokens = float(settings.calls_per_second)
        self._tokens_at = 0.0
        self.endpoint = Endpoint(
            entropy, listeners, node=settings.node, server=settings.server, methods=METHODS, supported=("path",)
        )
        self.registrar = Registrar(
            minimum=settings.register_minimum,
            default=settings.register_default,
            maximum=settings.register_maximum,
            listeners=listeners,
            epoch=epoch,
        )
        self.authenticator = Authenticator(
            directory.domain, nonce_key, lifetime=settings.nonce_lifetime, algorithms=settings.digest_algorithms
        )
        self.bans = Bans(self.authenticator.guesses.proven)
        self.calls = calls = CallControl(
            directory,
            self.endpoint,
            self.registrar.bindings,
            entropy,
            is_open=is_open,
            policy=settings.calls,
            media_host=media_host,
        )
        calls.board.recorder.epoch = epoch or 0.0
        self.lamps = Lamps(directory, self._lamp_changed)
        self.notifier = Notifier(self.endpoint, (self.lamps,), listeners)
        self.postman = Postman(directory, self.endpoint, self.registrar.bindings, entropy)
        self.queues = queues = Engine(entropy)
        # Whose requests these are; all others belong to calls.
        self._owners: dict[type, CallControl | Notifier | Postman] = {
            Subscription: self.notifier, Delivery: self.postman,
        }  # fmt: skip
        self._machines = (self.endpoint, self.calls, self.queues, self.registrar, self.notifier)
        self._pending: deque[Any] = deque()
        self._effects: list[Effect] = []
        self._now = 0.0
        self._routes: dict[type, Callable[[Any, float], object]] = {
            RequestReceived: self._request,
            ResponseReceived: self._response,
            AckReceived: calls.on_ack,
            CancelReceived: calls.on_cancel,
            RequestFailed: self._failed,
            Publish: self._publish,
            ServerFailed: calls.on_server_failed,
            AckMissing: calls.on_ack_missing,
            RingAgent: calls.on_item,
            WithdrawOffer: calls.on_item,
            ConnectOffer: calls.on_item,
            ReleaseCaller: calls.on_item,
            **dict.fromkeys(queues.wants, queues.handle),
        }
        self._methods: dict[str, Callable[[RequestReceived, float], None]] = {
            "INVITE": self._invite,
            "REGISTER": self._register,
            "OPTIONS": self._options,
            "SUBSCRIBE": self._subscribe,
            "MESSAGE": self._message,
        }
        queues.configure(directory.queues, directory.agents, 0.0, accounts=directory.accounts)

    # --- inputs ----------------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One SIP message: a datagram, or what a connection's framer cut."""
        self._now = now
        self.endpoint.receive(data, flow, now)

    def flow_failed(self, flow: Flow, now: float) -> None:
        """A connection is gone, or could not be made."""
        self._now = now
        self.endpoint.flow_failed(flow, now)
        self.registrar.flow_failed(flow, now)

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
        self.directory = directory
        self.lamps.configure(directory)
        self.postman.configure(directory)
        self.calls.configure(directory)
        self.queues.configure(directory.queues, directory.agents, now, accounts=directory.accounts)

    def agent_command(self, command: AgentCommand, now: float) -> str:
        """Change an agent's presence; "" or the reason why that cannot be."""
        self._now = now
        return self.queues.command(command, now)

    def hang_up(self, call: str, now: float) -> bool:
        """End a call by an operator's order; False if there is no such call."""
        self._now = now
        return self.calls.hang_up(call, now)

    def record(self, call: str, verb: str, by: str, now: float) -> str:
        """Start, stop, pause or resume the recording of a call by an operator's order; "" or why that cannot be."""
        self._now = now
        return self.calls.record(call, verb, by, now)

    def expect_recordings(self, calls: Iterable[str]) -> None:
        """Calls that were being recorded when the switch went; before they are taken back."""
        self.calls.board.recorder.expect(calls)

    def adopt_recordings(self, recordings: Iterable[Recording], now: float) -> None:
        """Recordings that media workers went on with while there was no switch; after the calls were taken back."""
        self._now = now
        self.calls.board.recorder.adopt(recordings, now)

    def recording_interrupted(self, recording: int, seconds: float, octets: int, error: str, now: float) -> bool:
        """The file of a recording whose writer died was looked after; False if we know of no such recording."""
        self._now = now
        return self.calls.board.recorder.interrupted(recording, seconds, octets, error, now)

    def recordings_of(self, worker: int) -> list[tuple[int, str]]:
        """What a worker is writing, or was: (recording, file)."""
        return self.calls.board.recorder.files(worker)

    def spy(self, call: str, account: str, mode: str, by: str, now: float) -> str:
        """Ring an account's phone and let it supervise a call; "" or why not."""
        self._now = now
        return self.calls.spy(call, account, mode, by, now)

    def merge(self, call: str, other: str, now: float) -> str:
        """Make one conversation of two that the same phone is in; "" or why not."""
        self._now = now
        return self.calls.merge(call, other, now)

    def conference(self, name: str, verb: str, call: str, by: str, now: float) -> str:
        """Carry out an order for a conference; "" or why not."""
        self._now = now
        return self.calls.conference(name, verb, call, by, now)

    def restore(self, bindings: Iterable[BindingAdded], queues: dict[str, Any] | None, now: float) -> None:
        """Take back at start what the store kept."""
        self._now = now
        if queues:
            self.queues.restore_state(queues, now)
            self.queues.close_visits(now)  # The callers' calls have ended with the process that held them.
        self.registrar.restore(bindings, now)

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
        self.registrar.restore(bindings, now)
        return self.calls.restart.take_back(calls, forgotten, standing, now)

    @property
    def has_changes(self) -> bool:
        """Whether `changes` has anything to tell, now or in a moment."""
        return self.calls.restart.has_changes

    def changes(self, now: float) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """What a restart must know of calls that have changed since this was last asked."""
        return self.calls.restart.changes(now)

    def drain_mode(self, on: bool) -> None:
        """Before a shutdown: new calls get 503 with Retry-After, those in progress go on."""
        self.draining = on

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
            for machine in self._machines:
                pending.extend(machine.drain())
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

    # --- admission ---------------------------------------------------------------------------------------------------------

    def _request(self, item: RequestReceived, now: float) -> None:
        message = item.message
        if message.to_tag:
            if message.method == "SUBSCRIBE" and self.notifier.knows(message):
                self.notifier.request(item, now)
            else:
                self.calls.on_request(item, None, now)
            return
        self._methods.get(message.method, self._not_served)(item, now)

    def _account(self, item: RequestReceived, now: float) -> Account | None:
        """Whose request this is; None when it has been answered with a challenge or a refusal."""
        verdict = self.authenticator.check(item.message, self.directory.accounts, now)
        if isinstance(verdict, Authenticated):
            return verdict.account
        flow = item.message.flow
        if verdict.failed:
            self._banned(self.bans.strike(flow, now), now)
        elif self._is_scanner(item, now):
            return None
        headers = verdict.headers if isinstance(verdict, Challenge) else ""
        self.endpoint.reject(item.transaction, verdict.status, now, headers=headers)
        return None

    def _invite(self, item: RequestReceived, now: float) -> None:
        if self.draining:
            self.endpoint.reject(item.transaction, 503, now, headers=DRAIN_RETRY)
        elif (account := self._account(item, now)) is not None:
            if self._crowded(now):
                delay = CROWDED_RETRY + self._entropy.below(3 * CROWDED_RETRY + 1)
                self.endpoint.reject(item.transaction, 503, now, headers=f"Retry-After: {delay}\r\n")
            else:
                self.calls.on_request(item, account, now)

    def _crowded(self, now: float) -> bool:
        """Whether one call more would be too many, at once or in this second; else it is counted (a token bucket)."""
        rate = self._settings.calls_per_second
        self._tokens = min(rate, self._tokens + (now - self._tokens_at) * rate)
        self._tokens_at = now
        if self._tokens < 1.0 or len(self.calls.calls) >= self._settings.calls_at_once:
            return True
        self._tokens -= 1.0
        return False

    def _register(self, item: RequestReceived, now: float) -> None:
        if (account := self._account(item, now)) is not None:
            status, headers = self.registrar.register(item.message, account, now)
            self.endpoint.respond(item.transaction, status, now, headers=headers)

    def _is_scanner(self, item: RequestReceived, now: float) -> bool:
        """Whether a stranger's request is a scanner's; then it has been dealt with: it gets no answer."""
        agent = item.message.headers.get("user-agent")
        if agent is None or not is_scanner(agent[0]):
            return False
        ban = self.bans.scanner(item.message.flow, agent[0], now)
        if ban is None:
            return False
        self._banned(ban, now)
        self.endpoint.ignore(item.transaction, now)
        return True

    def _banned(self, ban: Ban | None, now: float, actor: str = "switch") -> None:
        if ban is not None:
            self._effects.append(Publish(SourceBanned(ban.name, ban.reason, ban.until - now, ban.count, actor)))

    def ban(self, place: Place, reason: str, seconds: float, actor: str, now: float) -> Ban:
        """Ban a source by order."""
        ban = self.bans.ban(place, reason, now, seconds)
        self._banned(ban, now, actor)
        return ban

    def unban(self, places: Iterable[Place], actor: str, now: float) -> int:
        """Lift bans; how many there were."""
        lifted = [ban for ban in self.bans.in_force(now) if ban.place in set(places)]
        for ban in lifted:
            self.bans.lift(ban.place)
            self._effects.append(Publish(SourceReleased(ban.name, actor)))
        return len(lifted)

    def _options(self, item: RequestReceived, now: float) -> None:
        if self._is_scanner(item, now):
            return
        # 11.2: the answer is that of an INVITE now. Nobody must authenticate to learn whether we are alive.
        self.endpoint.reject(item.transaction, 503 if self.draining else 200, now, headers=CAPABILITIES)

    def _subscribe(self, item: RequestReceived, now: float) -> None:
        if (account := self._account(item, now)) is not None:
            self.notifier.subscribe(item, unescape(uri_user(item.message.uri)), account, now)

    def _message(self, item: RequestReceived, now: float) -> None:
        if (account := self._account(item, now)) is not None:
            self.postman.send(item, account, self.calls.board.local, now)

    def _response(self, item: ResponseReceived, now: float) -> None:
        self._owners.get(type(item.transaction.owner), self.calls).on_response(item, now)

    def _failed(self, item: RequestFailed, now: float) -> None:
        self._owners.get(type(item.transaction.owner), self.calls).on_failed(item, now)

    def _publish(self, item: Publish, now: float) -> None:
        self._effects.append(item)
        self.lamps.see(item.event)

    def _lamp_changed(self, resource: str) -> None:
        self.notifier.change(self.lamps.name, resource, self._now)

    def _not_served(self, item: RequestReceived, now: float) -> None:
        """A method that has a meaning inside dialogs only. Strangers are challenged first: they learn nothing (SEC-02)."""
        if self._account(item, now) is not None:
            self.endpoint.respond(item.transaction, 481, now)

    # --- what others want to see ---------------------------------------------------------------------------------------------

    def status(self, now: float) -> dict[str, Any]:
        """Totals for `softswitch status` and the health pages."""
        return {
            "draining": self.draining,
            "registrations": len(self.registrar),
            "calls": len(self.calls.calls),
            "media": view.media(self.calls.board, now),
            "sip": asdict(self.endpoint.counters),
            "credentials": {
                "wrong": self.authenticator.guesses.failed,
                "not_judged": self.authenticator.guesses.refused,
            },
            "subscriptions": len(self.notifier),
            "bans": {"in_force": len(self.bans.in_force(now)), "dropped": self.bans.dropped},
        }

    def call_list(self, now: float) -> list[dict[str, Any]]:
        return view.calls(self.calls.board, now)

    def conference_list(self, now: float) -> list[dict[str, Any]]:
        return view.conferences(self.calls.board, now)

    def queue_board(self, now: float) -> dict[str, Any]:
        """Queues and agents as plain values."""
        return self.queues.snapshot(now)

    def registrations(self, now: float) -> list[dict[str, Any]]:
        """Every binding as plain values."""
        return [
            {
                "aor": binding.aor,
                "contact": binding.contact,
                "transport": binding.flow.transport,
                "source": f"{binding.flow.host}:{binding.flow.port}",
                "expires_in": round(binding.expires_at - now),
                "user_agent": binding.user_agent,
            }
            for aor in self.registrar.aors()
            for binding in self.registrar.bindings(aor, now)
        ]

    def export_state(self, now: float) -> dict[str, Any]:
        """What a restart must know of queues and agents, as JSON values."""
        return self.queues.export_state(now)
