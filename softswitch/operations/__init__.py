"""What people and programs may ask of a running switch: the commands of the console, the pages, the metrics."""

from __future__ import annotations

import base64
import inspect
import os
import resource
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import softswitch
from softswitch.address import is_address, split_host_port
from softswitch.api.source import Readiness, Sample
from softswitch.audit import is_order, order_given
from softswitch.call.orders import NO_CALL
from softswitch.capture import pcap as to_pcap
from softswitch.effects import AgentCommand
from softswitch.errors import SoftswitchError
from softswitch.net.address import join_host_port
from softswitch.net.stream import StreamListener
from softswitch.operations.callback import CallbackOperations
from softswitch.operations.campaign import CampaignOperations
from softswitch.operations.control import ControlOperations
from softswitch.operations.customer import CustomerOperations
from softswitch.operations.desk import DeskOperations
from softswitch.operations.disposition import DispositionOperations
from softswitch.operations.explaining import Explaining
from softswitch.operations.facility import facility_operations, facility_samples
from softswitch.operations.hook import HookOperations, hook_samples
from softswitch.operations.library import LibraryOperations
from softswitch.operations.log import LogOperations
from softswitch.operations.menu import menu_operations
from softswitch.operations.pause import PauseOperations, reason_of
from softswitch.operations.phone import PhoneOperations
from softswitch.operations.prompt import PromptOperations
from softswitch.operations.prompt_studio import PromptStudio
from softswitch.operations.provisioning import ProvisioningOperations
from softswitch.operations.queue import QueueOperations
from softswitch.operations.record import RecordOperations
from softswitch.operations.report import report_handlers
from softswitch.operations.script import ScriptOperations
from softswitch.operations.session import SessionOperations
from softswitch.operations.sms import SmsOperations
from softswitch.operations.supervisor import SupervisorOperations
from softswitch.operations.upkeep import UpkeepOperations
from softswitch.running.console import ConsoleError
from softswitch.sip.bans import Ban, Place
from softswitch.sip.guesses import network
from softswitch.trace import masked, summary_of, without_secrets

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.directory import Directory

Values = dict[tuple[str, ...], float]

WITHIN = 2.0  # seconds for the database; a slow one is told by its alarm
LATE = 1.0  # seconds of loop lag from which on we are not healthy
FEW_LEGS = 2  # free media legs that a call needs at least
RECORD_VERBS = ("start", "stop", "pause", "resume")
MODES = ("listen", "whisper", "barge", "takeover")  # of a supervisor
TRANSFER_VERBS = ("complete", "abort", "swap", "merge", "escalate")
MAX_NOTE = 512  # characters
CONFERENCE_VERBS = ("lock", "unlock", "mute", "unmute", "kick")
VERBS = ("login", "logout", "ready", "ready_once", "not_ready", "end_wrap_up", "extend_wrap_up")


class Operations:
    """The daemon as its operators see it (api.source.Source, and the handlers of console.Console)."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._handlers = self.handlers()

    def handlers(self) -> dict[str, Callable[..., Awaitable[Any]]]:
        return {name: self._kept(name, handler) for name, handler in self._commands().items()}

    def _kept(self, name: str, handler: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        """The handler, answering when what it changed is on disk: whoever is told that it is done may pull the plug.

        Orders stand in the audit with whoever gave them, those that could not be carried out as well.
        """

        async def ordered(**arguments: Any) -> Any:
            daemon = self._daemon
            before = daemon.publisher.last
            audited = is_order(name, handler, arguments)
            try:
                result = handler(**arguments)
                if inspect.isawaitable(result):
                    result = await result
            except SoftswitchError as error:
                if audited:
                    daemon.publisher.publish(order_given(name, arguments, str(error)))
                raise
            if audited:
                daemon.publisher.publish(order_given(name, arguments))
            if daemon.publisher.last != before:
                await daemon.store.flush(WITHIN)
            return result

        return ordered

    def _commands(self) -> dict[str, Callable[..., Any]]:
        return {
            "status": self.status,
            "queues": self.queues,
            "queue": self.queue,
            "explain": self.explain,
            "agents": self.agents,
            "agent": self.agent,
            "calls": self.calls,
            "hang_up": self.hang_up,
            "record": self.record,
            "voicemail": self.voicemail,
            "spy": self.spy,
            "merge": self.merge,
            "transfer": self.transfer,
            "steer_transfer": self.steer_transfer,
            "conferences": self.conferences,
            "conference": self.conference,
            "registrations": self.registrations,
            "trunks": self.trunks,
            "trace": self.trace,
            "traces": self.traces,
            "bans": self.bans,
            "ban": self.ban,
            "unban": self.unban,
            "edit": self._daemon.edit,
            "reload": self.reload,
            "sounds": self.sounds,
            "stop": self.stop,
            **PhoneOperations(self._daemon).handlers(),
            **Explaining(self._daemon).handlers(),
            **facility_operations(self._daemon),
            **menu_operations(self._daemon),
            **QueueOperations(self._daemon).handlers(),
            **CallbackOperations(self._daemon).handlers(),
            **DeskOperations(self._daemon).handlers(),
            **DispositionOperations(self._daemon).handlers(),
            **LogOperations(self._daemon).handlers(),
            **PauseOperations(self._daemon).handlers(),
            **HookOperations(self._daemon).handlers(),
            **CampaignOperations(self._daemon).handlers(),
            **SmsOperations(self._daemon).handlers(),
            **ProvisioningOperations(self._daemon).handlers(),
            **PromptOperations(self._daemon).handlers(),
            **PromptStudio(self._daemon).handlers(),
            **UpkeepOperations(self._daemon).handlers(),
            **RecordOperations(self._daemon).handlers(),
            **SessionOperations(self._daemon).handlers(),
            **LibraryOperations(self._daemon).handlers(),
            **CustomerOperations(self._daemon).handlers(),
            **ScriptOperations(self._daemon).handlers(),
            **ControlOperations(self._daemon).handlers(),
            **report_handlers(self._daemon),
            **SupervisorOperations(self._daemon).handlers(),
        }

    @property
    def site(self) -> Directory:
        return self._daemon.site

    async def order(self, command: str, **arguments: Any) -> Any:
        """Carry out a command by its name, for the pages."""
        return await self._handlers[command](**arguments)

    # --- looking -----------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        daemon, now = self._daemon, time.monotonic()
        board = daemon.switch.queue_board(now)
        return {
            "version": softswitch.__version__,
            "pid": os.getpid(),
            "domain": daemon.directory.domain,
            "site_version": daemon.directory.version,
            "uptime": now - daemon.since,
            "agents": len(board["agents"]),
            "agents_ready": sum(one["presence"].startswith("ready") for one in board["agents"].values()),
            "waiting": sum(one["waiting"] for one in board["queues"].values()),
            "listeners": self._listeners(),
            "workers": daemon.media.rows(),
            "loop_lag": daemon.network.pulse.lag,
            "faults": daemon.faults.total,
            "events": dict(sorted(daemon.publisher.counts.items())),
            "network": daemon.network.counters.as_dict(),
            "store": asdict(daemon.store.health()),
            "problems": [*self.healthy().reasons, *(f"{what}: {detail}" for what, detail in daemon.alarms.items())],
            **daemon.switch.status(now),
        }

    def _listeners(self) -> list[dict[str, Any]]:
        return [
            {
                "address": f"{one.transport}://{join_host_port(one.host, one.port)}",
                "connections": len(one) if isinstance(one, StreamListener) else None,
            }
            for one in self._daemon.network.listeners
        ]

    def queues(self) -> list[dict[str, Any]]:
        found = self._daemon.switch.queue_list(time.monotonic())
        return [{"name": name, **values} for name, values in found.items()]

    def queue(self, name: str) -> dict[str, Any]:
        """One queue, with the one reason for each member why the first caller is not at their phone."""
        found = _only(self.queues(), "queue", name)
        if found["callers"]:
            first = self._daemon.switch.queues.explain_caller(found["callers"][0]["caller"], time.monotonic())
            found["first"] = first
        return found

    def explain(self, caller: str = "", agent: str = "") -> dict[str, Any]:
        """Why a caller still waits, or why an agent gets no call."""
        queues, now = self._daemon.switch.queues, time.monotonic()
        found = queues.explain_caller(caller, now) if caller else queues.explain_agent(agent, now)
        if found is None and caller:
            raise ConsoleError(f"No caller {caller!r} waits.", "See the ids with: softswitch calls", kind="unknown")
        if found is None:
            raise _unknown("agent", agent, list(self._daemon.directory.agents))
        return found

    def agents(self) -> list[dict[str, Any]]:
        found = self._daemon.switch.agent_list(time.monotonic())
        return [{"agent": name, **values} for name, values in found.items()]

    def calls(self) -> list[dict[str, Any]]:
        return self._daemon.switch.call_list(time.monotonic())

    def conferences(self) -> list[dict[str, Any]]:
        return self._daemon.switch.conference_list(time.monotonic())

    def registrations(self) -> list[dict[str, Any]]:
        return self._daemon.switch.registrations(time.monotonic())

    def trunks(self) -> list[dict[str, Any]]:
        """The lines to outside."""
        return self._daemon.switch.trunk_list(time.monotonic())

    def traces(self) -> list[dict[str, Any]]:
        """The last calls of which messages are kept."""
        return self._daemon.trace.recent()

    def trace(self, what: str, mask: bool = False, pcap: bool = False) -> dict[str, Any]:
        """The messages of a call, and them as a file (base64). Digest answers and media keys are left out."""
        found = self._daemon.trace.find(what)
        if not found:
            raise ConsoleError(
                f"No message of {what!r} is in the trace.",
                "It reaches back as far as trace.memory_mb allows. See: softswitch trace",
                kind="unknown",
            )
        hide = masked if mask else without_secrets
        found = [one._replace(data=hide(one.data)) for one in found]
        answer: dict[str, Any] = {
            "messages": [
                {
                    "at": one.at, "incoming": one.incoming, "transport": one.flow.transport,
                    "peer": join_host_port(one.flow.host, one.flow.port), "summary": summary_of(one.data),
                    "text": one.data.decode("utf-8", "replace"),
                }
                for one in found
            ]
        }  # fmt: skip
        if pcap:
            answer["pcap"] = base64.b64encode(to_pcap(found, self._daemon.local_address)).decode()
        return answer

    def bans(self) -> list[dict[str, Any]]:
        """Who is not listened to now."""
        now = time.monotonic()
        return [_ban_row(ban, now) for ban in self._daemon.switch.bans.in_force(now)]

    # --- steering ----------------------------------------------------------------------------------------------------

    def ban(self, source: str, seconds: float, reason: str = "by hand", by: str = "cli") -> dict[str, Any]:
        place = _place(source)
        ban = self._daemon.input("ban", self._daemon.switch.guard.ban, place, reason, seconds, by)
        return _ban_row(ban, time.monotonic())

    def unban(self, source: str = "", by: str = "cli") -> int:
        """Lift one ban, or all; how many there were."""
        daemon = self._daemon
        places = [_place(source)] if source else [ban.place for ban in daemon.switch.bans.in_force(time.monotonic())]
        lifted: int = daemon.input("unban", daemon.switch.guard.unban, places, by)
        if source and not lifted:
            raise ConsoleError(f"{source} is not banned.", "See: softswitch bans", kind="unknown")
        return lifted

    def agent(
        self, name: str, verb: str, reason: str = "", device: str = "", by: str = "cli"
    ) -> dict[str, Any]:  # fmt: skip
        daemon = self._daemon
        if verb not in VERBS:
            raise ConsoleError(f"There is no {verb!r} for an agent.", f"One of: {', '.join(VERBS)}.")
        if name not in daemon.directory.agents:
            raise _unknown("agent", name, list(daemon.directory.agents))
        if device and device not in daemon.directory.accounts:
            raise ConsoleError(f"There is no account {device!r}.", "See: softswitch account list.", kind="unknown")
        reason = reason_of(daemon.directory, verb, reason)
        command = AgentCommand(name, verb, reason=reason, device=device, actor=by)
        refusal = daemon.input("agent", daemon.switch.agent_command, command)
        if refusal:
            raise ConsoleError(f"{name} cannot {verb.replace('_', ' ')}: {refusal}.", "See: softswitch agent list")
        return _only(self.agents(), "agent", name)

    def hang_up(self, call: str = "", everything: bool = False) -> int:
        daemon = self._daemon
        ids = [one["call"] for one in self.calls()]
        if not everything:
            if call not in ids:
                raise ConsoleError(f"There is no call {call!r}.", "See the ids with: softswitch calls", kind="unknown")
            ids = [call]
        for one in ids:
            daemon.input("hang up", daemon.switch.hang_up, one)
        return len(ids)

    # --- recordings, voicemail --------------------------------------------------------------------------------------------

    async def voicemail(self, verb: str, **options: Any) -> Any:
        """Mailboxes and their messages (`voicemail.Voicemail.command`)."""
        return await self._daemon.voicemail.command(verb, **options)

    def record(self, call: str, verb: str, by: str = "cli") -> dict[str, Any]:
        """Start, stop, pause or resume the recording of a call."""
        daemon = self._daemon
        if verb not in RECORD_VERBS:
            raise ConsoleError(f"There is no {verb!r} for a recording.", f"One of: {', '.join(RECORD_VERBS)}.")
        refusal = daemon.input("record", daemon.switch.record, call, verb, by)
        if refusal:
            kind = "unknown" if refusal == NO_CALL else "failed"
            raise ConsoleError(f"{call}: {refusal}.", "See the calls with: softswitch calls", kind=kind)
        return {"call": call, "verb": verb}

    def spy(
        self, call: str, account: str, mode: str = "listen", by: str = "cli", granted: bool = False, device: str = ""
    ) -> dict[str, Any]:  # fmt: skip
        """Ring an account's phone; whoever answers supervises the call. `granted`: the site need not say that it may."""
        daemon = self._daemon
        if mode not in MODES:
            raise ConsoleError(f"There is no mode {mode!r}.", f"One of: {', '.join(MODES)}.")
        self._known_call(call)
        if account not in daemon.directory.accounts:
            raise _unknown("account", account, list(daemon.directory.accounts))
        refusal = daemon.input("spy", lambda now: daemon.switch.spy(call, account, mode, by, now, granted, device))
        if refusal:
            raise ConsoleError(
                f"{account} cannot supervise {call}: {refusal}.",
                'The site says who may: supervises = ["QUEUE"] of the account.',
            )
        return {"call": call, "account": account, "mode": mode}

    def merge(self, call: str, other: str) -> dict[str, Any]:
        """Make one conversation of two that the same phone is in."""
        for one in (call, other):
            self._known_call(one)
        refusal = self._daemon.input("merge", self._daemon.switch.merge, call, other)
        if refusal:
            raise ConsoleError(f"{call} and {other} cannot be merged: {refusal}.", "See: softswitch calls")
        return {"merged": [call, other]}

    def transfer(
        self, call: str, to: str, attended: bool = False, by: str = "", note: str = "", customer: str = ""
    ) -> dict[str, Any]:  # fmt: skip
        """Lead the other party of a phone elsewhere, at once or after a consultation."""
        self._known_call(call)
        switch = self._daemon.switch
        note, customer = note[:MAX_NOTE], customer[:MAX_NOTE]
        refusal = self._daemon.input(
            "transfer",
            lambda now: switch.transfer(call, to, now, attended=attended, by=by, note=note, customer=customer),
        )
        if refusal:
            raise ConsoleError(f"{call} cannot be transferred: {refusal}.", "See the calls with: softswitch calls")
        return {"call": call, "to": to, "attended": attended}

    def steer_transfer(self, call: str, verb: str) -> dict[str, Any]:
        """Complete, abort, swap or merge what was begun; escalate to a supervisor."""
        if verb not in TRANSFER_VERBS:
            raise ConsoleError(f"There is no {verb!r} for a transfer.", f"One of: {', '.join(TRANSFER_VERBS)}.")
        self._known_call(call)
        refusal = self._daemon.input("transfer", self._daemon.switch.steer_transfer, call, verb)
        if refusal:
            raise ConsoleError(f"{call}: {verb} cannot be done: {refusal}.", "See the calls with: softswitch calls")
        return {"call": call, "verb": verb}

    def conference(self, name: str, verb: str, call: str = "", by: str = "cli") -> dict[str, Any]:
        """Lock or unlock a conference; mute, unmute or remove a member, or all of them."""
        daemon = self._daemon
        if verb not in CONFERENCE_VERBS:
            raise ConsoleError(f"There is no {verb!r} for a conference.", f"One of: {', '.join(CONFERENCE_VERBS)}.")
        if name not in daemon.directory.conferences:
            raise _unknown("conference", name, list(daemon.directory.conferences))
        refusal = daemon.input("conference", daemon.switch.conference, name, verb, call, by)
        if refusal:
            raise ConsoleError(f"{name} cannot be changed: {refusal}.", "See: softswitch conference list")
        return _only(self.conferences(), "conference", name)

    def _known_call(self, call: str) -> None:
        if call not in [one["call"] for one in self.calls()]:
            raise ConsoleError(f"There is no call {call!r}.", "See the ids with: softswitch calls", kind="unknown")

    async def reload(self, dry_run: bool = False) -> dict[str, Any]:
        if dry_run:
            return await self._daemon.reloading.preview()
        return {"version": await self._daemon.reload("cli")}

    def sounds(self, again: Sequence[str] = ()) -> dict[str, Any]:
        """Take prompts and music that were added, replaced (`again`: "pl/welcome", "jazz") or removed."""
        self._daemon.load_sounds(again)
        return {"again": list(again)}

    def stop(self, at_once: bool = False) -> dict[str, Any]:
        self._daemon.stop(at_once=at_once)
        return {"calls": self._daemon.calls_now()}

    # --- health ------------------------------------------------------------------------------------------------------

    def healthy(self) -> Readiness:
        """The loop turns, the listeners listen, the media workers live, the records reach the disk."""
        daemon = self._daemon
        reasons = []
        if not daemon.media.all_ready():
            reasons.append("a media worker is being replaced")
        if daemon.network.pulse.lag > LATE:
            reasons.append(f"the event loop is {daemon.network.pulse.lag:.1f} s late")
        if "listener_lost" in daemon.alarms:
            reasons.append(f"a listener is lost: {daemon.alarms['listener_lost']}")
        if trouble := daemon.store.health().trouble:
            reasons.append(f"records cannot be written: {trouble}")
        return Readiness(not reasons, tuple(reasons))

    def ready(self) -> Readiness:
        """Healthy, and new calls are welcome."""
        daemon = self._daemon
        reasons = list(self.healthy().reasons)
        if not daemon.serving:
            reasons.append("starting")
        if daemon.draining:
            reasons.append("draining")
        if daemon.switch.status(time.monotonic())["media"]["legs_free"] < FEW_LEGS:
            reasons.append("no free RTP ports")
        return Readiness(not reasons, tuple(reasons))

    # --- metrics -----------------------------------------------------------------------------------------------------

    def samples(self) -> Sequence[Sample]:
        return list(self._samples())

    def _samples(self) -> Iterator[Sample]:
        daemon, now = self._daemon, time.monotonic()
        status = daemon.switch.status(now)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        yield _gauge("up_seconds", "Seconds since the start.", now - daemon.since)
        yield _counter("cpu_seconds", "CPU time of the signalling process.", usage.ru_utime + usage.ru_stime)
        yield _gauge("calls", "Calls now.", status["calls"])
        yield _gauge("registrations", "Bindings now.", status["registrations"])
        trunks = self.trunks()
        if trunks:
            up: Values = {(one["trunk"],): float(one["state"] == "up") for one in trunks}
            yield Sample("softswitch_trunk_up", "1 = the trunk works.", "gauge", up, ("trunk",))
            carried: Values = {(one["trunk"],): float(one["calls"]) for one in trunks}
            yield Sample("softswitch_trunk_calls", "Calls on the trunk now.", "gauge", carried, ("trunk",))
        yield _gauge("media_legs_free", "RTP legs that a call could take.", status["media"]["legs_free"])
        yield _gauge("media_legs_used", "RTP legs in use.", status["media"]["legs_in_use"])
        health = daemon.store.health()
        yield _gauge("store_pending", "Events not yet on disk.", health.pending)
        yield _gauge("store_lag_seconds", "Age of the oldest of them.", health.lag)
        yield _counter("store_dropped", "Events lost because memory ran out.", health.dropped)
        refused = _by(daemon.gate.overload.refused)
        yield Sample("softswitch_shed", "Requests refused under overload.", "counter", refused, ("method",))
        yield _gauge("loop_lag_seconds", "How late the event loop was last.", daemon.network.pulse.lag)
        yield _gauge("loop_lag_worst_seconds", "How late it was at worst.", daemon.network.pulse.worst)
        yield _gauge("stream_connections", "TCP connections now.", daemon.network.connections())
        yield _gauge("draining", "1 while no new calls are taken.", int(daemon.draining))
        yield _counter("faults", "Exceptions of ours that were survived.", daemon.faults.total)
        yield Sample("softswitch_events", "Published events.", "counter", _by(daemon.publisher.counts), ("event",))
        network = daemon.network.counters.as_dict()
        yield Sample("softswitch_network", "What the listeners counted.", "counter", _by(network), ("what",))
        kinds: Values = {
            (direction, kind): float(count)
            for direction, tally in (("in", daemon.messages_in), ("out", daemon.messages_out))
            for kind, count in tally.as_dict().items()
        }
        text = "SIP messages by method or status code."
        yield Sample("softswitch_sip_messages", text, "counter", kinds, ("direction", "kind"))
        yield Sample("softswitch_sip", "What the SIP layer counted.", "counter", _by(status["sip"]), ("what",))
        text = "SIP transactions now; the answered ones that linger are counted in."
        sides: Values = _by(daemon.switch.endpoint.transactions())
        yield Sample("softswitch_sip_transactions", text, "gauge", sides, ("side",))
        yield from daemon.meter.samples()
        yield from self._media_samples()
        yield from self._sound_samples()
        yield from self._queue_samples()
        messages, mails = daemon.voicemail.totals()
        text = "Messages in mailboxes."
        yield Sample("softswitch_voicemail_messages", text, "gauge", messages, ("mailbox", "state"))
        text = "Mails of messages that are not sent."
        yield Sample("softswitch_voicemail_mails", text, "gauge", mails, ("state",))
        yield from facility_samples(daemon)
        yield from hook_samples(daemon)

    def _media_samples(self) -> Iterator[Sample]:
        rows = self._daemon.media.rows()
        restarts: Values = {(str(row["worker"]),): float(row["restarts"]) for row in rows}
        yield Sample("softswitch_media_restarts", "Media workers replaced.", "counter", restarts, ("worker",))
        gauges: Values = {}
        for row in rows:
            gauges.update({(str(row["worker"]), str(name)): float(value) for name, value in row["gauges"].items()})
        relays: Values = {(str(row["worker"]), row["relay"].partition(":")[0]): 1.0 for row in rows if row["relay"]}
        text = "1 for the relay that a media worker runs."
        yield Sample("softswitch_media_relay", text, "gauge", relays, ("worker", "relay"))
        yield Sample("softswitch_media", "What the media workers count.", "gauge", gauges, ("worker", "what"))

    def _sound_samples(self) -> Iterator[Sample]:
        media = self._daemon.switch.status(time.monotonic())["media"]
        text = "Media legs by what can be heard on them."
        yield Sample("softswitch_media_legs_audio", text, "gauge", _by(media["audio"]), ("state",))
        text = "Media legs by how they sound (E-model)."
        yield Sample("softswitch_media_legs_quality", text, "gauge", _by(media["quality"]), ("quality",))
        yield _gauge("media_mos", "Mean opinion score over all legs that have one; 0 = none has.", media["mos"])

    def _queue_samples(self) -> Iterator[Sample]:
        queues = self.queues()
        for name, text in QUEUE_GAUGES.items():
            values: Values = {(one["name"],): float(one[name]) for one in queues}
            yield Sample(f"softswitch_queue_{name}", text, "gauge", values, ("queue",))
        agents: Values = {
            (one["name"], condition): float(count) for one in queues for condition, count in one["agents"].items()
        }
        yield Sample("softswitch_queue_agents", "Agents by condition.", "gauge", agents, ("queue", "condition"))
        entered: Values = {(one["name"],): float(one["counts"]["entered"]) for one in queues}
        yield Sample("softswitch_queue_entered", "Callers who entered.", "counter", entered, ("queue",))
        outcomes: Values = {
            (one["name"], outcome): float(count)
            for one in queues
            for outcome, count in one["counts"]["outcomes"].items()
        }
        yield Sample("softswitch_queue_outcomes", "How visits ended.", "counter", outcomes, ("queue", "outcome"))


QUEUE_GAUGES = {
    "waiting": "Callers waiting.",
    "longest_wait": "Seconds the first caller has waited.",
    "surging": "1 while the queue surges.",
}


def _gauge(name: str, text: str, value: float) -> Sample:
    return Sample(f"softswitch_{name}", text, "gauge", {(): value})


def _counter(name: str, text: str, value: float) -> Sample:
    return Sample(f"softswitch_{name}", text, "counter", {(): value})


def _by(values: Mapping[str, float]) -> Values:
    return {(name,): value for name, value in values.items()}


def _ban_row(ban: Ban, now: float) -> dict[str, Any]:
    return {
        "source": ban.name, "reason": ban.reason, "left": ban.until - now, "count": ban.count, "dropped": ban.dropped,
    }  # fmt: skip


def _place(source: str) -> Place:
    """An address, or address:port, as a ban knows it. Raises ConsoleError."""
    if is_address(source):
        return network(source), 0
    try:
        return split_host_port(source)
    except ValueError:
        raise ConsoleError(
            f"{source!r} is no address.", "Give 192.0.2.9, 192.0.2.9:5060 or [2001:db8::9]:5060."
        ) from None


def _only(rows: Sequence[dict[str, Any]], what: str, name: str) -> dict[str, Any]:
    key = "name" if what == "queue" else what
    for row in rows:
        if row[key] == name:
            return row
    raise _unknown(what, name, [row[key] for row in rows])


def _unknown(what: str, name: str, known: Sequence[str]) -> ConsoleError:
    hint = f"There are: {', '.join(sorted(known)[:20])}." if known else f"The site has no {what} yet."
    return ConsoleError(f"There is no {what} {name!r}.", hint, kind="unknown")
