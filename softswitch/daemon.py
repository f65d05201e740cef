"""Runs a Switch: performs its effects; reload, drain, shutdown (the composition root)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from media.control import Alarm, Failed, Ready, Stopped, WorkerEvent
from softswitch import logs, plugins, strategies, uploads
from softswitch.api.feed import Feed
from softswitch.call.revival import Taken
from softswitch.config import Config
from softswitch.directory import Directory
from softswitch.effects import (
    CallsChanged,
    CloseFlow,
    Expect,
    Flow,
    HttpRequest,
    MediaCommand,
    Publish,
    Resolve,
    Send,
    SendMail,
    SendText,
)
from softswitch.entropy import SystemEntropy
from softswitch.errors import SoftswitchError, StoreError
from softswitch.integrations.couriers import Couriers
from softswitch.integrations.errands import Errands
from softswitch.mediaplane import MediaPlane, share_ports
from softswitch.net.address import is_loopback
from softswitch.net.limits import Limits
from softswitch.net.network import Network
from softswitch.net.resolver import DnsSettings, Resolver
from softswitch.net.tally import Tally
from softswitch.operations import Operations
from softswitch.operations.report import SCHEDULE_STATE, ReportOperations
from softswitch.running import host, sounds, takeover
from softswitch.running.campaigns import Campaigns
from softswitch.running.console import Console
from softswitch.running.driver import Driver
from softswitch.running.facilities import Facilities
from softswitch.running.following import Audience, JournalPast
from softswitch.running.housekeeping import (
    BANS_STATE,
    ENGINE_STATE,
    LAST_CALLS_STATE,
    SUBSCRIPTIONS_STATE,
    Housekeeping,
)
from softswitch.running.metering import Meter
from softswitch.running.publisher import Publisher
from softswitch.running.reception import Reception
from softswitch.running.recording_links import RecordingLinks
from softswitch.running.recordings import Recordings
from softswitch.running.reloading import Reloading
from softswitch.running.systemd import Notifier
from softswitch.running.voicemail import STATE as MAILBOXES
from softswitch.running.voicemail import TEXTS, Voicemail
from softswitch.running.wallboard import Wallboard
from softswitch.running.wrapping import Wrapping
from softswitch.store import Store
from softswitch.store.opening import Opening
from softswitch.store.validate_menus import named_flows
from softswitch.switch import Switch
from softswitch.trace import Trace

if TYPE_CHECKING:
    from softswitch.api.server import HttpServer
    from softswitch.operations.provisioning import Link
    from softswitch.store.records import Snapshot

DRAIN_POLL = 0.1  # seconds
BYE_GRACE = 2.0  # seconds for the BYEs of a switch that goes down with calls


log = logs.get_logger()


class Daemon:
    """One running switch. `started` is called once, when calls are accepted."""

    def __init__(self, config: Config, *, started: Callable[[Daemon], None] | None = None) -> None:
        self.config = config
        self.faults = logs.Faults()
        self.messages_in = Tally()
        self.messages_out = Tally()
        self.draining = False
        self.serving = False
        self.alarms: dict[str, str] = {}  # what an operator should know now
        self.since = time.monotonic()
        self.output: logs.Output | None = None
        self._started = started
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self.notifier = Notifier()
        self.links: dict[str, Link] = {}  # by which phones fetch their accounts: a digest of the token -> what for
        self._http: HttpServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.reloading = Reloading(self)
        self.housekeeping = Housekeeping(self)
        self.reports = ReportOperations(self)
        self.reload = self.reloading.reload
        self.edit = self.reloading.edit

    # --- life ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Start, serve until told to stop, stop. Raises SoftswitchError if it cannot start."""
        async with contextlib.AsyncExitStack() as stack:
            await self._start(stack)
            host.tune_gc()
            self.serving = True
            seconds = round(time.monotonic() - self.since, 3)
            log.info("serving", domain=self.directory.domain, pid=os.getpid(), start_seconds=seconds)
            if self._started is not None:
                self._started(self)
            self.notifier.ready(f"serving {self.directory.domain}")
            await self._stop.wait()
            await self._drain()
            self.housekeeping.keep_tape(time.monotonic())
            self.housekeeping.keep_subscriptions(time.monotonic())
        log.info("stopped")

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        config = self.config
        host.raise_file_limit()
        asyncio.get_running_loop().set_exception_handler(self._loop_fault)
        self.feed = Feed(JournalPast(self))
        self.console = Console(config.paths.socket, Operations(self).handlers(), self.faults)
        limits = Limits(connections=config.limits.connections, connections_per_host=config.limits.connections_per_host)
        self.certificates = host.certificates(config)
        self.page_certificates = host.page_certificates(config)
        self.network = Network(
            config.sip.listen, self, limits, certificates=self.certificates, origins=config.sip.origins
        )
        self._open_trace(stack)
        self.network.open()  # First: a busy port is the commonest reason not to start.
        stack.callback(self.network.close)
        self._open_http(stack)
        self.media = self._make_media()
        stack.callback(self.media.close)
        self.media.start()  # The processes come up while the database is read.
        self.store = await Store.open(
            config.paths.database,
            flush_interval=config.records.flush_ms / 1000,
            pending_limit=config.limits.pending_events,
            alarm=self._store_alarm,
        )
        stack.push_async_callback(self.store.close)
        snapshot = await self.store.load()
        self._build(snapshot)
        stack.callback(self.driver.stop)
        stack.callback(self.resolver.close)
        self.switch.expect_recordings(row.call for row in snapshot.recordings)
        await self._restore(snapshot)
        await self.console.start()
        stack.push_async_callback(self.console.close)
        self._listen_to_signals()
        await self.network.start()
        if self._http is not None:
            self._http.start()
        self.spawn(self.recordings.take_up(snapshot.recordings))
        self.spawn(self.voicemail.take_up(snapshot.voicemail))
        self.errands.start()
        stack.push_async_callback(self.errands.close)
        self.wrapping.start()
        stack.push_async_callback(self.wrapping.close)
        stack.push_async_callback(self.couriers.close)
        self.couriers.configure()
        self.spawn(self.facilities.take_up())
        self.spawn(self.campaigns.take_up())
        self.spawn(self.housekeeping.watch())
        self.spawn(self.reports.run())
        stack.callback(self._cancel_tasks)

    def _open_trace(self, stack: contextlib.AsyncExitStack) -> None:
        settings = self.config.trace
        mirror = None
        if settings.hep is not None:
            from softswitch.capture import CaptureClient

            mirror = CaptureClient(settings.hep, settings.hep_node, self.local_address)
            stack.callback(mirror.close)
        self.trace = Trace(settings.memory_mb << 20, mirror)
        self._tracing = settings.memory_mb > 0 or mirror is not None

    def local_address(self, flow: Flow) -> tuple[str, int]:
        """Where we are on a flow, as well as that can be said of a listener on all addresses."""
        listener = self.network.listeners[flow.listener]
        if listener.host not in host.WILDCARDS:
            return listener.host, listener.port
        v6 = ":" in flow.host
        loopback = "::1" if v6 else "127.0.0.1"
        return (loopback if is_loopback(flow.host) else host.address_to(flow.host)), listener.port

    def _make_media(self) -> MediaPlane:
        config = self.config
        workers = config.media.workers or max(1, (os.cpu_count() or 2) - 1)
        plans = share_ports(config.media.ports, workers, host.media_hosts(config), config.media.relay)
        handles = config.paths.database.with_name(f"{config.paths.database.name}.media-")
        return MediaPlane(plans, self._media_event, handles=handles, grace=config.media.survive)

    def _build(self, snapshot: Snapshot) -> None:
        if snapshot.directory is None:
            raise NoSite(f"The database {self.config.paths.database} holds no site.")
        config, entropy = self.config, SystemEntropy()
        self.site = snapshot.directory
        self.directory = self.completed(self.site)
        self.opening = Opening(self.directory, snapshot.calendars, time.time)
        self.publisher = Publisher(
            self.store.publish, Audience(self.console, self.feed), snapshot.next_seq, self.trace.leg
        )
        self.meter = Meter()
        self.publisher.watchers.append(self.meter.see)
        self.switch = Switch(
            self.directory,
            host.listeners(config, self.network.listeners),
            entropy,
            settings=host.settings(config),
            is_open=lambda name: self.opening.is_open(name),
            nonce_key=os.urandom(32),  # A new one each time: the counters that detect a replay are in memory, too.
            media_host=host.media_host(config),
            epoch=time.time() - time.monotonic(),
            now=time.monotonic(),
        )
        self.load_sounds()
        self.load_flows()
        self.recordings = Recordings(config.recording, self)
        self.gate = self.switch.guard.gate
        self.trace.known = self.switch.guard.knows
        self.voicemail = Voicemail(self)
        kept, texts = (snapshot.states.get(name) for name in (MAILBOXES, TEXTS))
        self.voicemail.load(snapshot.voicemail, kept and kept.value, texts and texts.value)
        self.facilities = Facilities(self)
        self.wrapping = Wrapping(self)
        self.errands = Errands(self)
        self.errands.load(snapshot)
        self.campaigns = Campaigns(self)
        self.campaigns.load(snapshot)
        self.shares = RecordingLinks(self)
        self.couriers = Couriers(self)
        self.couriers.load(snapshot)
        self.reports.load(snapshot.states.get(SCHEDULE_STATE))
        self.wallboard = Wallboard(self)
        dns = DnsSettings(config.dns.servers, config.dns.timeout, config.dns.lifetime)
        self.resolver = Resolver(lambda answer: self.input("dns", self.switch.resolved, answer), dns)
        self.driver = Driver(
            self.switch,
            {
                Send: self._send,
                CloseFlow: self.network.close_flow,
                Resolve: self.resolver.perform,
                Expect: self.network.expect,
                MediaCommand: self.media.post,
                Publish: self.facilities.perform,
                CallsChanged: lambda _: self.store.calls_changed(),
                HttpRequest: self.errands.fetch,
                SendText: self.errands.text,
                SendMail: self.errands.mail,
            },
            self.fault,
        )
        self.load_strategies()
        self.reception = Reception(self.switch, self.driver, self.fault)
        if config.media.survive > 0:
            self.store.keep_calls(self.switch)

    def load_sounds(self, again: Collection[str] = ()) -> None:
        """Let the workers have what the site may play; `again`: names whose files have changed."""
        own = uploads.roots(self.config)[1:]
        found = sounds.clips(self.site, *own)
        self.media.load([*found, *sounds.music(self.site, *own)], again)
        self.switch.set_clips(frozenset(one.name for one in found))

    def load_flows(self) -> None:
        """Take the flows in Python as they are now; what is wrong with them is logged, and costs nothing else."""
        found = plugins.find(self.config.paths.flows, self.switch.calls.board.site.flows)
        self.switch.set_flows(found.flows)
        for where, why in found.faults:
            log.error("flow not loaded", source=where, error=why)
        for name in sorted(named_flows(self.site) - found.flows.keys()):
            log.warning("there is no such flow", flow=name)

    def load_strategies(self) -> None:
        """Take the strategies in Python as they are now; a queue whose strategy is not there goes by the longest idle."""
        found = strategies.find(self.config.paths.strategies)
        self.input("strategies", self.switch.set_strategies, found.rankers, time.perf_counter)
        for where, why in found.faults:
            log.error("strategy not loaded", source=where, error=why)
        for name in sorted(strategies.named_strategies(self.site) - found.rankers.keys()):
            log.warning("there is no such strategy", strategy=name)

    async def _restore(self, snapshot: Snapshot) -> None:
        """Take up what the last life left: registrations, agents, counters, calls; close the books of what was cut off."""
        now, stored = time.monotonic(), snapshot.states.get(ENGINE_STATE)
        state = stored.value if stored else self.switch.export_state(now)
        at = stored.saved_at if stored else now
        events = await self.store.since(state["seq"]) if "seq" in state else []
        state = takeover.queue_state(state, at, events, snapshot)
        self.switch.restore_state(state, at)
        self.switch.calls.board.phones.restore(state["phones"])
        if kept := snapshot.states.get(LAST_CALLS_STATE):
            self.switch.calls.board.phones.restore_last(kept.value)
        self.facilities.load(snapshot)
        await self.wallboard.load(snapshot)
        await self.media.wait()
        taken = self._take_back(snapshot)
        subscribed = [
            (one.value, one.saved_at) for name, one in snapshot.states.items() if name.startswith(SUBSCRIPTIONS_STATE)
        ]
        self.input("subscriptions", self.switch.restore_subscriptions, subscribed)
        self.input(
            "callbacks", self.switch.restore_callbacks, takeover.callbacks(snapshot, time.time() - time.monotonic())
        )
        resumed = {(one["visit"], one["caller"]) for one in state["visits"]}
        recovery = await self.store.recover(resumed=resumed, calls=taken.calls, legs=taken.legs)
        for event in recovery.events:
            self.publisher.publish(event, at=recovery.at)
        if recovery.events:
            log.warning("recovered", calls=recovery.calls, legs=recovery.legs, visits=recovery.visits)
        if kept := snapshot.states.get(BANS_STATE):
            self.switch.bans.restore(kept.value, kept.saved_at)
        self.input("close visits", self.switch.queues.close_visits)
        self.media.begin()

    def _take_back(self, snapshot: Snapshot) -> Taken:
        """Go on with the calls that the last life did not end."""
        standing = self.media.standing()
        calls, forgotten = takeover.choose(snapshot, standing, self.config.media.survive)
        taken = self.input("take back", self.switch.take_back, snapshot.bindings, calls, forgotten, standing) or Taken()
        if taken.calls:
            outage = round(snapshot.outage, 1)
            log.warning("calls taken back", calls=len(taken.calls), legs=len(taken.legs), outage=outage)
        if taken.broken:
            log.error("calls could not be taken back", calls=taken.broken[:10], count=len(taken.broken))
        return taken

    def completed(self, directory: Directory) -> Directory:
        """The site with the addresses of this machine as further names of its domain."""
        names = (*directory.aliases, *host.our_names(self.config, self.network.listeners))
        return replace(directory, aliases=tuple(dict.fromkeys(names)))

    def _open_http(self, stack: contextlib.AsyncExitStack) -> None:
        listen = self.config.http.listen
        if listen is None:
            return
        from softswitch.api.server import HttpServer
        from softswitch.net.bind import open_tcp

        sock = open_tcp(*listen, key="http.listen")
        operations = Operations(self)
        if in_clear := host.pages_in_clear(self.config):
            log.warning("pages without TLS", what=in_clear, hint=host.PAGES_HINT)
        certificates = self.page_certificates
        self._http = HttpServer(
            sock, operations, self.feed, self._session_key, self.faults,
            token=self.config.http.token, context=None if certificates is None else lambda: certificates.context,
        )  # fmt: skip
        stack.push_async_callback(self._http.close)

    async def _session_key(self) -> bytes:
        return bytes.fromhex(await self.store.key("sessions", lambda: secrets.token_hex(32)))

    # --- what the listeners tell (net.udp.Upcall) ------------------------------------------------------------------

    def received(self, data: bytes, flow: Flow, behind: float) -> None:
        self.messages_in.count(data)
        if self._tracing and data[:1] > b"\x03":  # not STUN
            self.trace.note(True, data, flow)
        self.reception.take(data, flow, behind)

    def fault(self, where: str, error: Exception) -> None:
        """An exception of ours: told once, counted, and paid by the one call that it happened to."""
        self.faults(where, error)
        for last_resort, release in enumerate((self.switch.abort, self.switch.forget)):
            try:
                release(time.monotonic())
                return
            except Exception as another:
                self.faults("forget" if last_resort else "abort", another)

    def settled(self) -> None:
        self.driver.settle()

    def flow_failed(self, flow: Flow) -> None:
        self.input("flow", self.switch.flow_failed, flow)

    def alarm(self, what: str, detail: str) -> None:
        if what.endswith("_back"):
            self.alarms.pop(what.removesuffix("_back") + "_lost", None)
            log.info(what, detail=detail)
        else:
            self.alarms[what] = detail
            log.error(what, detail=detail)

    def stands(self, what: str, detail: str) -> None:
        """Something that is wrong for as long as there is a detail to tell; it is logged once."""
        if not detail:
            self.alarms.pop(what, None)
        elif what not in self.alarms:
            self.alarm(what, detail)
        else:
            self.alarms[what] = detail

    def _loop_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What escaped from a callback or a task, and what the loop itself complains about."""
        error = context.get("exception")
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.faults("loop", error)
        else:
            log.warning("event loop", what=context.get("message", ""), error=repr(error) if error else "")

    def input(self, where: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Give the switch an input with the time, and carry out what follows; an exception of ours stays in here."""
        try:
            return function(*arguments, time.monotonic())
        except SoftswitchError:
            raise
        except Exception as error:
            self.fault(where, error)
            return None
        finally:
            self.driver.settle()

    # --- effects ---------------------------------------------------------------------------------------------------

    def _send(self, effect: Send) -> None:
        self.messages_out.count(effect.data)
        if self._tracing:
            self.trace.note(False, effect.data, effect.flow)
        self.network.send(effect)

    def _store_alarm(self, trouble: str, hint: str) -> None:
        if trouble:
            self.alarm("store", f"{trouble} ({hint})" if hint else trouble)
        elif self.alarms.pop("store", None):
            log.info("store works again")

    def _media_event(self, worker: int, event: WorkerEvent) -> None:
        if isinstance(event, Alarm | Stopped | Failed) and not self.serving:
            log.debug("media worker not up yet", worker=worker, what=repr(event))
            return  # The start waits for it, and says why it failed.
        if isinstance(event, Alarm):
            log.warning("media alarm", worker=worker, what=event.what, detail=event.detail)
        elif isinstance(event, Ready):
            self.alarms.pop(f"media worker {worker}", None)
            usable = event.legs - len(event.taken)
            log.info("media worker ready", worker=worker, relay=event.relay, ports=event.base_port, legs=usable)
            if event.taken:
                ports = [event.base_port + 2 * int(leg) for leg in event.taken[:10]]
                log.warning(
                    "media ports left out: another program has them", worker=worker, legs=len(event.taken), first=ports
                )
        elif isinstance(event, Stopped | Failed):
            self.alarm(f"media worker {worker}", event.reason)
        self.input("media", self.switch.media_event, worker, event)
        if isinstance(event, Stopped):
            self.spawn(self.recordings.salvage(worker))
            self.spawn(self.voicemail.salvage(worker))

    # --- the end ---------------------------------------------------------------------------------------------------

    def stop(self, *, at_once: bool = False) -> None:
        """Begin to stop: calls may end first, unless `at_once` or asked twice."""
        if at_once or self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _drain(self) -> None:
        """New calls are answered 503; wait until the others are over, end those that are left."""
        self.draining = True
        self.switch.drain_mode(True)
        seconds = self.config.shutdown.drain_seconds
        left = self.calls_now()
        self.notifier.stopping(f"waiting for {left} calls to end")
        log.info("draining", calls=left, seconds=seconds)
        await self._wait_for_calls(seconds, self._hurry)
        remaining = self.switch.call_list(time.monotonic())
        for call in remaining:
            self.input("hang up", self.switch.hang_up, call["call"])
        await self._wait_for_calls(BYE_GRACE, asyncio.Event())
        log.info("drained", ended=len(remaining))

    async def _wait_for_calls(self, seconds: float, hurry: asyncio.Event) -> None:
        deadline = time.monotonic() + seconds
        while self.calls_now() and time.monotonic() < deadline and not hurry.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hurry.wait(), DRAIN_POLL)

    def calls_now(self) -> int:
        return int(self.switch.status(time.monotonic())["calls"])

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGINT, lambda: self.stop(at_once=True))
        loop.add_signal_handler(signal.SIGHUP, lambda: self.spawn(self.reloading.on_signal()))

    # --- tasks ----------------------------------------------------------------------------------------------------

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, StoreError):  # What it was to do it does the next time.
            log.error("database", error=str(error), hint=error.hint)
        else:
            self.faults("task", error if isinstance(error, Exception) else RuntimeError(repr(error)))

    def _cancel_tasks(self) -> None:
        for task in list(self._tasks):
            task.cancel()


class NoSite(SoftswitchError):
    """There is nothing to serve yet."""

    hint = "Give it one: softswitch apply site.toml. Or begin with: softswitch init"


def serve(config: Config, *, started: Callable[[Daemon], None] | None = None) -> None:
    """Run a switch in the foreground until it is told to stop. Raises SoftswitchError if it cannot start."""
    output = logs.configure(
        level=config.log.level, form=config.log.format, path=config.paths.log, mask=config.log.mask_numbers
    )

    async def main() -> None:
        daemon = Daemon(config, started=started)
        daemon.output = output
        await daemon.run()

    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
