"""The media process: a loop that performs commands, moves packets, plays, and reports. One per core.

While little happens it sleeps in epoll until a packet, a command or the next deadline wakes it. Under load it looks every two
milliseconds instead and handles what has come since in one go: that costs a call one millisecond of delay on average and
saves the machine most of the work. Nothing that a packet or a command does may end the process: a fault is counted,
reported as an Alarm, and printed.
"""

from __future__ import annotations

import contextlib
import gc
import os
import queue
import secrets
import signal
import socket
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import cast

from media import codecs
from media.bank import Bank
from media.client import WorkerConfig
from media.control import (
    Alarm,
    Command,
    Failed,
    Load,
    PlayDone,
    Ready,
    Recorded,
    RecordError,
    WorkerEvent,
    decode,
    encode,
)
from media.dtls import Identity
from media.engine import Engine
from media.forms import Coding, Piece
from media.handle import Card, Guardian
from media.heap import give_back
from media.ledger import Ledger
from media.legs import SENT, Legs
from media.library import Recording, look_at, prepare
from media.ports import PortError, PortPool
from media.relay import Relay, RelayError, choose
from media.ring import Channel, Outbox, RingError, Wake
from media.rtp import CLOCK_RATE
from media.writing import WritingDesk

NEARLY = 0.002  # seconds: who sleeps no longer than that need not be woken for a command
RATE_WINDOW = 0.05  # seconds over which packets are counted
COMMAND_SLICE = 0.004  # seconds of commands in a row
SURVEY = 1.0  # seconds in which all legs are visited
COLLECT = 10.0  # seconds between collections of garbage
LONGEST_SLEEP, IDLE_SLEEP = 0.25, 1.0  # seconds: with legs, and without any
ALARM_INTERVAL = 1.0  # seconds between two Alarms of the same kind
OVERLOAD, RELAXED = 900, 700  # per mille of a core
REAL_TIME_PRIORITY = 1  # of 99: above everything ordinary, below whatever is in more of a hurry
REST = 1.0  # seconds in which the loader has nothing to do until it gives back the memory that it needed
LAST_WORDS = 1.5  # seconds in which recordings are completed at the end; what is not, is repaired later
FAULTS_SHOWN = 20
NICENESS = -10


class Loader:
    """Reads and codes in a thread of its own, so that what takes long does not make the loop late."""

    def __init__(self, wake: Wake) -> None:
        self.done: deque[Recording | Piece] = deque()
        self._wake = wake
        self._wanted: queue.SimpleQueue[Load | Coding] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def load(self, work: Load | Coding) -> None:
        self._wanted.put(work)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="loader", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        used = False
        while True:
            try:
                work = self._wanted.get(timeout=REST if used else None)
            except queue.Empty:
                give_back()  # Minutes of music take ten times their size while they are resampled.
                used = False
                continue
            self._do(work)
            used = True
            del work  # It may hold a whole recording.

    def _do(self, work: Load | Coding) -> None:
        try:
            for result in work.pieces() if isinstance(work, Coding) else (_read(work),):
                self._give(result)
        except Exception as error:
            # A file can be wrong in ways that nobody has thought of; the next one must be read.
            name, path = (work.name, work.path) if isinstance(work, Load) else (work.form.name, str(work.start))
            self._give(Recording(name, False, error=f"{path}: {error!r}"))

    def _give(self, result: Recording | Piece) -> None:
        self.done.append(result)
        self._wake.set()


def _read(command: Load) -> Recording:
    if command.on_demand:
        return look_at(command.name, command.path)
    return prepare(command.name, command.path, command.music, command.more)


class Urgency:
    """Audio cannot wait; everything else can. As far as we are permitted: in real time, or at least preferred.

    A real-time process that needs the whole core would leave nothing to signalling on a machine with one, so it steps back
    when it is overloaded, and returns when that is over.
    """

    def __init__(self) -> None:
        self._permitted = self._real_time = False

    def begin(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
        with contextlib.suppress(OSError):
            # Where the kernel schedules sessions, it is the session that must be preferred; ours is our own.
            Path("/proc/self/autogroup").write_text(str(NICENESS))
        self._set(True)
        self._permitted = self._real_time

    def measured(self, busy_per_mille: int) -> None:
        """How much of a core was used lately."""
        if self._real_time and busy_per_mille >= OVERLOAD:
            self._set(False)
        elif self._permitted and not self._real_time and busy_per_mille < RELAXED:
            self._set(True)

    def _set(self, real_time: bool) -> None:
        policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK if real_time else os.SCHED_OTHER
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, policy, os.sched_param(REAL_TIME_PRIORITY if real_time else 0))
            self._real_time = real_time


class Worker:
    """One media process."""

    def __init__(self, config: WorkerConfig, channel: Channel, pool: PortPool) -> None:
        self._config = config
        self._taken = pool.taken
        self._commands = channel.commands
        self._gauges = channel.gauges
        self._wake = Wake(config.wake)
        self._events = Outbox(channel.events, Wake(config.notify), polled=False)
        self._loader = Loader(self._wake)
        legs = Legs(config.legs)
        self._relay: Relay
        self._relay, self._choice = choose(config.relay, pool, legs)
        epoch = time.time() - time.monotonic()
        self._desk = WritingDesk(self._wake.set)
        identity = self._identity = Identity(secrets.token_bytes(32))
        self._engine = Engine(
            legs, Bank(), self._relay, secrets.randbits, self._loader.load, epoch, identity, self._desk
        )
        self._relay.attach(self._engine)
        self._guardian = _guardian(config)
        self._ledger = Ledger()
        self._relay.watch(self._wake.reader, self._wake.clear)
        self._relay.watch(self._guardian.fileno(), self._on_commander)
        self.urgency = Urgency()
        self._running = True
        self._pending: deque[bytes] = deque()
        self._faults = 0
        self._late_ticks = 0
        self._alarms: dict[str, tuple[float, int]] = {}
        self._alarmed_loss = 0
        self._survey_at = self._busy_at = 0.0
        self._busy_before = 0.0
        self._collect_at = 0.0

    def stop(self, *_: object) -> None:
        """End the loop; for signal handlers."""
        self._running = False
        self._wake.set()

    def run(self) -> None:
        """Report Ready, then work until told to stop or the parent is gone."""
        self._report(self._ready())
        self._events.flush()
        relay = self._relay
        pace, window_end, window_count, next_look = 0.0, 0.0, 0, 0.0
        while self._running:
            now = time.monotonic()
            self._guarded(self._work, now)
            timeout = self._timeout(now)
            if pace:
                if now >= next_look:
                    next_look = max(next_look + pace, now)
                window_count += self._guarded(relay.gather, min(next_look, now + timeout))
            else:
                if timeout > NEARLY:
                    self._commands.sleep(True)
                    if not self._commands.empty:
                        timeout = 0.0
                window_count += self._guarded(relay.poll, timeout)
                self._commands.sleep(False)
            if now >= window_end:
                pace = relay.pace(window_count / (now - window_end + RATE_WINDOW))
                window_end, window_count = now + RATE_WINDOW, 0
        self._relay.close()
        self._finish_recordings()
        self._guardian.close()

    def _finish_recordings(self) -> None:
        """Let no file be left behind that is not complete."""
        engine = self._engine
        engine.recorders.finish_all(time.monotonic())
        self._desk.close(LAST_WORDS)
        engine.recorders.run(time.monotonic())
        for event in engine.events:
            self._report(event)
        self._events.flush()

    def _ready(self) -> Ready:
        config, taken = self._config, tuple(map(str, sorted(self._taken)))
        ready = Ready(config.worker, config.base_port, config.legs, self._choice, os.getpid(), taken)
        ready.codecs, ready.fingerprint = codecs.available(), self._identity.fingerprint
        return ready

    def _timeout(self, now: float) -> float:
        """How long nothing is due."""
        engine = self._engine
        timeout = LONGEST_SLEEP if engine.open_legs else IDLE_SLEEP
        deadline = engine.next_deadline()
        if deadline is not None:
            timeout = min(timeout, deadline - now)
        if engine.open_legs:
            timeout = min(timeout, self._survey_at - now)
        if self._pending:
            return 0.0
        if self._events.waiting:
            timeout = min(timeout, NEARLY)
        return max(timeout, 0.0)

    def _work(self, now: float) -> int:
        """Everything but packets."""
        engine = self._engine
        late = engine.run(now)
        if late:
            self._late_ticks += late
            engine.alarm("late", f"{late} ticks of 5 ms were left out")
        if self._pending or not self._commands.empty:
            self._perform(now)
        while self._loader.done:
            result = self._loader.done.popleft()
            if isinstance(result, Piece):
                engine.coded(result)
            else:
                engine.loaded(result, now)
        if now >= self._survey_at:
            self._survey(now)
        if engine.events:
            events = engine.events[:]
            engine.events.clear()
            for event in events:
                self._report(event)
        if self._guardian.newcomer and not self._pending:
            self._tell_all()
        self._events.flush()
        if self._guardian.over(engine.open_legs > 0, now):
            self._running = False
        return 0

    def _tell_all(self) -> None:
        """Tell a new commander what there is: what was ordered before it came has been performed, and reported."""
        self._guardian.newcomer = False
        for command in self._ledger.standing(self._engine.is_open):
            self._events.post(encode(command))
        self._report(self._ready())

    def _perform(self, now: float) -> None:
        """Perform what call control wants, for a while; packets wait for nobody."""
        try:
            self._pending += self._commands.read()
        except RingError as error:
            self._engine.alarm("damaged ring", str(error))
        while self._pending:
            try:
                command = cast(Command, decode(self._pending.popleft()))
                self._engine.perform(command, now)
                self._ledger.note(command)
            except RecordError as error:
                self._engine.alarm("bad command", str(error))
            except Exception:
                self._fault()
            if time.monotonic() - now > COMMAND_SLICE:
                break
        if self._commands.take_blocked():
            self._report(Alarm("full ring", "commands came faster than they were performed"))

    def _report(self, event: WorkerEvent) -> None:
        if isinstance(event, Alarm):
            now = time.monotonic()
            last, more = self._alarms.get(event.what, (-ALARM_INTERVAL, 0))
            if now - last < ALARM_INTERVAL:
                self._alarms[event.what] = last, more + 1
                return
            self._alarms[event.what] = now, 0
            if more:
                event = Alarm(event.what, f"{event.detail} (and {more} more before)")
        elif isinstance(event, PlayDone | Recorded):
            self._ledger.report(event)
        self._events.post(encode(event))

    # --- now and then ------------------------------------------------------------------------------------------------

    def _survey(self, now: float) -> None:
        self._survey_at = now + SURVEY / self._engine.visits
        self._engine.watchman.epoch = time.time() - now
        self._engine.survey(now)
        if now >= self._busy_at + 1.0:
            self._measure(now)
        if now >= self._collect_at:
            # The collector is off: it would stop the loop at moments of its own choosing. Little is made that needs it.
            gc.collect(1 if self._engine.open_legs else 2)
            self._collect_at = now + COLLECT
        if self._events.lost > self._alarmed_loss:
            self._alarmed_loss = self._events.lost
            self._engine.alarm("events lost", f"{self._events.lost} so far: nobody reads them")

    def _measure(self, now: float) -> None:
        """Write the gauges, and say so when the core is nearly used up."""
        used = time.process_time()
        busy = int(1000 * (used - self._busy_before) / max(now - self._busy_at, 0.001)) if self._busy_at else 0
        self._busy_at, self._busy_before = now, used
        relay, engine, legs = self._relay, self._engine, self._engine.legs
        values = {
            "heartbeat": int(now * 1000),
            "open_legs": engine.open_legs,
            "playing_legs": engine.player.playing,
            "packets_received": relay.received,
            "packets_sent": int(legs.outbound[:, SENT].sum()),
            "send_errors": relay.send_errors,
            "receive_errors": relay.receive_errors,
            "slow_packets": relay.slow_packets,
            "batches": relay.batches,
            "busy_per_mille": busy,
            "late_ticks": self._late_ticks,
            "faults": self._faults,
            "event_high_water": self._events.ring.high_water,
            "command_high_water": self._commands.high_water,
            "recordings": engine.recorders.running,
            "recording_lost_ms": engine.recorders.lost * 1000 // CLOCK_RATE,
            "kernel_legs": legs.lending,
            "kernel_packets": relay.kernel_packets,
        }
        for index, name in enumerate(Channel.GAUGES):
            self._gauges[index] = values[name]
        self.urgency.measured(busy)
        if busy >= OVERLOAD:
            engine.alarm("overload", f"{busy / 10:.0f} % of a core in use by {engine.open_legs} legs")

    def _on_commander(self) -> None:
        """Whoever commands us is gone, or somebody new is there."""
        now = time.monotonic()
        self._guardian.look(now)
        if self._guardian.over(self._engine.open_legs > 0, now):
            self._running = False

    # --- faults ------------------------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[float], int], argument: float) -> int:
        try:
            return work(argument)
        except Exception:
            self._fault()
            return 0

    def _fault(self) -> None:
        """Something of ours is wrong. It has cost one packet or one command; calls go on."""
        self._faults += 1
        error = traceback.format_exc(limit=-4)
        self._engine.alarm("fault", error[-600:])
        if self._faults > FAULTS_SHOWN:
            time.sleep(0.001)  # Whatever it is, it must not take the whole core.
        else:
            with contextlib.suppress(OSError):  # Whoever read this may be gone.
                print(f"media worker {self._config.worker}: {error}", file=sys.stderr, flush=True)


def _guardian(config: WorkerConfig) -> Guardian:
    card = Card(config.worker, config.hosts, config.base_port, config.legs, config.relay)
    files = (config.memory, *config.wake, *config.notify)
    life = socket.socket(fileno=config.parent)
    try:
        return Guardian(life, config.handle, config.grace, card, files)
    except OSError as error:
        with contextlib.suppress(OSError):
            print(
                f"media worker {config.worker} ends with the switch: {config.handle}: {error}",
                file=sys.stderr,
                flush=True,
            )
        return Guardian(life, "", 0.0, card, files)


def _fail(config: WorkerConfig, channel: Channel, reason: str) -> int:
    outbox = Outbox(channel.events, Wake(config.notify), polled=False)
    outbox.post(encode(Failed(config.worker, reason)))
    outbox.flush()
    return 1


def work(config: WorkerConfig) -> int:
    """Be the worker that is described, until it is to end; returns the exit status."""
    channel = Channel(config.memory)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us.
    try:
        pool = PortPool(config.hosts, config.base_port, config.legs)
        worker = Worker(config, channel, pool)
    except (PortError, RelayError) as error:
        return _fail(config, channel, str(error))
    except Exception as error:
        traceback.print_exc()
        return _fail(config, channel, f"it did not start: {error!r}")

    def on_signal(number: int, frame: FrameType | None) -> None:
        worker.stop()

    signal.signal(signal.SIGTERM, on_signal)
    worker.urgency.begin()
    gc.collect()
    give_back()
    gc.freeze()
    gc.disable()
    worker.run()
    return 0


def main() -> int:
    """Run the worker that the first argument describes."""
    return work(WorkerConfig.from_json(sys.argv[1]))


if __name__ == "__main__":
    sys.exit(main())
