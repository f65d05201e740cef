"""Runs a Switch: performs its effects; reload, drain, shutdown (the composition root)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from media.control import Alarm, Failed, Ready, Stopped, WorkerEvent
from softswitch import host, logs, sounds, takeover
from softswitch.call.board import Policy
from softswitch.call.revival import Taken
from softswitch.config import Config, packaged_prompts
from softswitch.console import Console
from softswitch.directory import Directory
from softswitch.driver import Driver
from softswitch.editing import OPERATIONS
from softswitch.effects import CallsChanged, CloseFlow, Flow, MediaCommand, Publish, Send
from softswitch.entropy import SystemEntropy
from softswitch.errors import SoftswitchError
from softswitch.events import ConfigChanged, SourceBanned, SourceReleased
from softswitch.mediaplane import MediaPlane, share_ports
from softswitch.net.address import is_loopback
from softswitch.net.limits import Limits
from softswitch.net.network import Network
from softswitch.net.tally import Tally
from softswitch.net.tls import CertificateError, Certificates, TlsSettings
from softswitch.operations import Operations
from softswitch.publisher import Publisher
from softswitch.recordings import Recordings
from softswitch.sip.overload import FIRST, Overload
from softswitch.store import Store
from softswitch.store.clips import Clips
from softswitch.store.opening import Opening
from softswitch.switch import Settings, Switch
from softswitch.systemd import Notifier
from softswitch.trace import Trace

if TYPE_CHECKING:
    from softswitch.api.server import HttpServer
    from softswitch.store.records import Snapshot

ENGINE_STATE = "engine"
DRAIN_POLL = 0.1  # seconds
BYE_GRACE = 2.0  # seconds for the BYEs of a switch that goes down with calls
WATCH_SECONDS = 1.0
PRUNE_SECONDS = 3_600.0
BANS_STATE = "bans"


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
        self._bans_kept = 0  # changes of bans that are in the store
        self.alarms: dict[str, str] = {}  # what an operator should know now
        self.since = time.monotonic()
        self.output: logs.Output | None = None
        self._started = started
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._notifier = Notifier()
        self._http: HttpServer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()

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
            self._notifier.ready(f"serving {self.directory.domain}")
            await self._stop.wait()
            await self._drain()
        log.info("stopped")

    async def _start(self, stack: contextlib.AsyncExitStack) -> None:
        config = self.config
        host.raise_file_limit()
        asyncio.get_running_loop().set_exception_handler(self._loop_fault)
        self.console = Console(config.paths.socket, Operations(self).handlers(), self.faults)
        limits = Limits(connections=config.limits.connections, connections_per_host=config.limits.connections_per_host)
        self.certificates = _certificates(config)
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
        self.switch.expect_recordings(row.call for row in snapshot.recordings)
        await self._restore(snapshot)
        await self.console.start()
        stack.push_async_callback(self.console.close)
        self._listen_to_signals()
        await self.network.start()
        if self._http is not None:
            self._http.start()
        self._spawn(self.recordings.take_up(snapshot.recordings))
        self._spawn(self._watch())
        stack.callback(self._cancel_tasks)

    def _open_trace(self, stack: contextlib.AsyncExitStack) -> None:
        settings = self.config.trace
        self._primary = {v6: host.primary_address(v6) for v6 in (False, True)}
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
        return (loopback if is_loopback(flow.host) else self._primary[v6]), listener.port

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
        self.directory = self._completed(self.site)
        self._opening = Opening(self.directory, snapshot.calendars, time.time)
        self.publisher = Publisher(self.store.publish, self.console, snapshot.next_seq, self.trace.leg)
        self.switch = Switch(
            self.directory,
            host.listeners(config, self.network.listeners),
            entropy,
            settings=settings(config),
            is_open=lambda name: self._opening.is_open(name),
            nonce_key=os.urandom(32),  # A new one each time: the counters that detect a replay are in memory, too.
            media_host=host.media_host(config),
            epoch=time.time() - time.monotonic(),
        )
        self._load_sounds()
        self.recordings = Recordings(config.recording, self)
        self.overload = Overload(entropy, self.switch.endpoint.knows)
        self.driver = Driver(
            self.switch,
            {
                Send: self._send,
                CloseFlow: self.network.close_flow,
                MediaCommand: self.media.post,
                Publish: self.publisher.perform,
                CallsChanged: lambda _: self.store.calls_changed(),
            },
            self.fault,
        )
        if config.media.survive > 0:
            self.store.keep_calls(self.switch)

    def _load_sounds(self) -> None:
        own = self.config.paths.prompts
        found = sounds.clips(self.site, own)
        self.media.load([*found, *sounds.music(self.site, own)])
        self.switch.set_clips(frozenset(one.name for one in found))

    async def _restore(self, snapshot: Snapshot) -> None:
        """Take up what the last life left: registrations, agents, counters, calls; close the books of what was cut off."""
        now, stored = time.monotonic(), snapshot.states.get(ENGINE_STATE)
        state = stored.value if stored else self.switch.export_state(now)
        at = stored.saved_at if stored else now
        events = await self.store.since(state["seq"]) if "seq" in state else []
        state = takeover.queue_state(state, at, events, snapshot)
        self.switch.queues.restore_state(state, at)
        await self.media.wait()
        taken = self._take_back(snapshot)
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

    def _completed(self, directory: Directory) -> Directory:
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
        self._http = HttpServer(sock, Operations(self), self.faults, token=self.config.http.token)
        stack.push_async_callback(self._http.close)

    # --- what the listeners tell (net.udp.Upcall) ------------------------------------------------------------------

    def received(self, data: bytes, flow: Flow, behind: float) -> None:
        self.messages_in.count(data)
        if self._tracing:
            self.trace.note(True, data, flow)
        if behind >= FIRST and (refusal := self.overload.refuse(data, flow, behind)) is not None:
            self.network.counters.shed += 1
            self._send(refusal)
            return
        now = time.monotonic()
        if self.switch.bans and self.switch.bans.drops(flow, now):
            if flow.transport != "udp":
                self.network.close_flow(CloseFlow(flow, "banned"))
            return
        try:
            self.switch.receive(data, flow, now)
        except Exception as error:
            self.fault("message", error)
        self.driver.carry_out()

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
            self._spawn(self.recordings.salvage(worker))

    # --- reload ----------------------------------------------------------------------------------------------------

    async def reload(self, actor: str = "cli") -> int:
        """Put the stored site in force; calls and waiting callers are not touched. Returns the site's version."""
        async with self._reloading:
            if self.output is not None:
                self.output.reopen()
            self._renew_certificates()
            stored = (await self.store.load()).directory
            if stored is not None:
                await self._take(stored, actor)
            return self.site.version

    def _renew_certificates(self) -> None:
        """Take certificates that have changed on disk; a broken one leaves the old one in use."""
        if self.certificates is None:
            return
        try:
            if self.certificates.reload():
                log.info("certificates in use", certificate=str(self.config.tls.certificate))
        except CertificateError as error:
            log.error("certificates not renewed", error=str(error), hint=error.hint)

    async def edit(self, operation: str, options: dict[str, Any]) -> dict[str, Any]:
        """Carry out an operation of `editing` and put its result in force at once. Raises SoftswitchError."""
        async with self._reloading:
            clips = Clips.scan(self.config.paths.prompts or packaged_prompts())
            done = OPERATIONS[operation](self.site, clips, **options)
            result = dict(done.result)
            if done.site is not None:
                applied = await self.store.apply_site(done.site, actor="cli", expected=self.site.version)
                await self._take(applied.directory, "cli")
                result["version"] = applied.version
            return result

    async def _take(self, site: Directory, actor: str) -> None:
        """Put a site in force: calls, waiting callers and agents' states are not touched."""
        calendars = await self.store.calendars(site)
        before, self.site = self.site.version, site
        self.directory = self._completed(site)
        self._opening = Opening(self.directory, calendars, time.time)
        self.input("configure", self.switch.configure, self.directory)
        self._load_sounds()
        if before != site.version:
            self.publisher.publish(ConfigChanged(actor, f"site version {before} -> {site.version}"))
        log.info("site in force", version=site.version, actor=actor)

    async def _reload_on_signal(self) -> None:
        self._notifier.send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            await self.reload("SIGHUP")
        except SoftswitchError as error:  # The old site stays in force.
            log.error("reload failed", error=str(error))
        self._notifier.ready(f"serving {self.directory.domain}")

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
        self._notifier.stopping(f"waiting for {left} calls to end")
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
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._reload_on_signal()))

    # --- housekeeping ----------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Once a second: the state of queues and agents is kept, the service manager hears from us, old records go."""
        said = pruned = time.monotonic()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = time.monotonic()
            self.store.alive()
            if self.publisher.state_changed:
                self._keep_state(now)
            if self.recordings.due(now):
                self._spawn(self.recordings.look())
            self._keep_bans(now)
            if now - pruned >= PRUNE_SECONDS:
                pruned = now
                self._spawn(self._prune())
                self._renew_certificates()
            period = self._notifier.watchdog_seconds
            if period and now - said >= period - WATCH_SECONDS:
                self._notifier.alive()
                said = now

    def _keep_bans(self, now: float) -> None:
        """Bans outlive a restart; few there are, and they change seldom."""
        self.switch.bans.tidy(now)
        counts = self.publisher.counts
        changes = counts.get(SourceBanned.name, 0) + counts.get(SourceReleased.name, 0)
        if changes != self._bans_kept:
            self._bans_kept = changes
            self.store.save_state(BANS_STATE, self.switch.bans.export(now))

    def _keep_state(self, now: float) -> None:
        self.publisher.state_changed = False
        try:
            self.store.save_state(ENGINE_STATE, self.switch.export_state(now) | {"seq": self.publisher.last})
        except Exception as error:
            self.faults("state", error)

    async def _prune(self) -> None:
        records = self.config.records
        await self.store.prune(journal_days=records.journal_days, calls_days=records.calls_days)
        await self.recordings.delete_due()
        calendars = await self.store.calendars(self.site)  # A new year has holidays, too.
        self._opening = Opening(self.directory, calendars, time.time)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.faults("task", error if isinstance(error, Exception) else RuntimeError(repr(error)))

    def _cancel_tasks(self) -> None:
        for task in list(self._tasks):
            task.cancel()


def _certificates(config: Config) -> Certificates | None:
    """The certificates for TLS listeners, None without any. Raises CertificateError."""
    tls = config.tls
    if tls.certificate is None or not any(one.transport in ("tls", "wss") for one in config.sip.listen):
        return None
    return Certificates(TlsSettings(tls.certificate, tls.key, tls.folder, tls.clients, tls.client_ca))


class NoSite(SoftswitchError):
    """There is nothing to serve yet."""

    hint = "Give it one: softswitch apply site.toml. Or begin with: softswitch init"


def settings(config: Config) -> Settings:
    """What the machines need of softswitch.toml."""
    return Settings(
        register_minimum=config.registrar.minimum,
        register_default=config.registrar.default,
        register_maximum=config.registrar.maximum,
        nonce_lifetime=config.registrar.nonce_lifetime,
        digest_algorithms=config.registrar.digest,
        calls_at_once=config.limits.calls,
        calls_per_second=config.limits.calls_per_second,
        calls=Policy(
            no_answer_timeout=config.sip.no_answer_timeout,
            rtp_timeout=config.media.rtp_timeout,
            rtp_timeout_hold=config.media.rtp_timeout_hold,
            recordings=str(config.recording.folder),
            recording_name=config.recording.name,
            keys_in_clear=config.media.keys_in_clear,
            media_addresses=host.media_addresses(config),
        ),
        node=config.sip.node,
        server=config.sip.server,
    )


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
