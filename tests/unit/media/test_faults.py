"""A fault of our own costs one packet or one command, never the process. The worker runs in the test's process here."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator

import pytest

from media.client import WorkerConfig
from media.control import Alarm, Bridge, Command, Echo, Open, Statistics, Tone, WorkerEvent, decode, encode
from media.ports import PortPool
from media.relay import NAMES, RelayError, choose
from media.ring import Channel, Wake, shared_memory
from media.worker import REAL_TIME_PRIORITY, Loader, Urgency, Worker
from tests.unit.media.rig import free_ports


class Inside:
    """A worker whose loop the test turns by hand."""

    def __init__(self) -> None:
        descriptor = shared_memory(Channel.SIZE)
        self.channel, ours = Channel(descriptor), Channel(descriptor)
        os.close(descriptor)
        self.ours, self.wake, self.notify = ours, Wake(), Wake()
        self.life, theirs = socket.socketpair()
        config = WorkerConfig(
            0, ("127.0.0.1",), free_ports(4), 4, "epoll", -1,
            (self.wake.reader, self.wake.writer), (self.notify.reader, self.notify.writer), theirs.detach(),
        )  # fmt: skip
        self.worker = Worker(config, self.channel, PortPool(config.hosts, config.base_port, config.legs))

    def turn(self, *commands: Command) -> list[WorkerEvent]:
        """Post commands, turn the loop once, read what it reports."""
        for command in commands:
            assert self.ours.commands.write(encode(command))
        self.worker._guarded(self.worker._work, time.monotonic())
        self.worker._guarded(self.worker._relay.poll, 0.0)
        self.worker._guarded(self.worker._work, time.monotonic())
        return [decode(record) for record in self.ours.events.read()]  # type: ignore[misc]

    def close(self) -> None:
        self.worker._relay.close()
        for wake in (self.wake, self.notify):
            wake.close()
        self.life.close()
        self.channel.close()
        self.ours.close()


@pytest.fixture
def inside() -> Iterator[Inside]:
    inside = Inside()
    yield inside
    inside.close()


def faults(events: list[WorkerEvent]) -> list[str]:
    return [event.detail for event in events if isinstance(event, Alarm) and event.what == "fault"]


def test_a_command_that_fails_does_not_take_the_next_one_along(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(inside.worker._engine._perform, Echo, lambda command, now: 1 / 0)
    events = inside.turn(Echo(0), Open(0, "127.0.0.1", 4000, "PCMU", 0), Echo(0), Tone(0, "dial"))
    (detail,) = faults(events)
    assert "ZeroDivisionError" in detail
    assert inside.worker._engine.player.playing == 1


def test_a_record_that_is_none_is_told(inside: Inside) -> None:
    assert inside.ours.commands.write(b"\xff\xff")
    (event,) = inside.turn()
    assert isinstance(event, Alarm) and event.what == "bad command"


def test_damaged_memory_is_told(inside: Inside) -> None:
    inside.ours.commands._words[0] = 3
    (event,) = inside.turn()
    assert isinstance(event, Alarm) and event.what == "damaged ring"


def test_a_packet_that_fails_is_one_packet(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    phones = []
    for leg in range(2):
        phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        phone.bind(("127.0.0.1", 0))
        phone.setblocking(False)
        phones.append(phone)
        inside.turn(Open(leg, *phone.getsockname(), "PCMU", 0))
    inside.turn(Bridge(0, 1))
    relay = inside.worker._relay
    receive = relay._receive  # type: ignore[attr-defined]
    monkeypatch.setattr(relay, "_receive", lambda *arguments: 1 / 0)
    packet = b"\x80\x00" + bytes(10) + b"\x55" * 160
    phones[0].sendto(packet, ("127.0.0.1", inside.worker._config.base_port))
    assert faults(inside.turn())
    monkeypatch.setattr(relay, "_receive", receive)
    phones[0].sendto(packet, ("127.0.0.1", inside.worker._config.base_port))
    inside.turn()
    assert phones[1].recv(2000)[12:] == packet[12:]
    for phone in phones:
        phone.close()


def test_alarms_of_one_kind_are_told_once_a_second_with_their_number(inside: Inside) -> None:
    first = inside.turn(Tone(0, "dial"), Tone(1, "dial"), Tone(2, "dial"))
    assert first == [Alarm("unknown leg", "Tone for leg 0, which is not open")]
    inside.worker._alarms["unknown leg"] = (0.0, 2)
    assert inside.turn(Tone(3, "dial")) == [
        Alarm("unknown leg", "Tone for leg 3, which is not open (and 2 more before)")
    ]


def test_many_commands_do_not_hold_up_packets(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Command] = []
    now = time.monotonic()
    monkeypatch.setattr(inside.worker._engine, "perform", lambda command, now: done.append(command))
    monkeypatch.setattr("media.worker.COMMAND_SLICE", -1.0)
    for leg in range(5):
        assert inside.ours.commands.write(encode(Echo(leg)))
    for count in range(1, 6):
        inside.worker._work(now)
        assert len(done) == count
        assert (inside.worker._timeout(now) == 0.0) == (count < 5)
    assert done == [Echo(leg) for leg in range(5)]


def test_a_loader_survives_any_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from media.control import Load

    wake = Wake()
    loader = Loader(wake)
    monkeypatch.setattr("media.worker.prepare", lambda *arguments: 1 / 0)
    for name in ("one", "two"):
        loader.load(Load(name, f"/{name}.wav"))
        while not loader.done:
            assert wake.wait(5.0)
            wake.clear()
        recording = loader.done.popleft()
        assert recording.name == name and recording.codes is None and "ZeroDivisionError" in recording.error
    wake.close()


def test_the_parent_that_goes_ends_the_loop(inside: Inside) -> None:
    inside.life.close()
    inside.worker._relay.poll(1.0)
    assert not inside.worker._running


def test_gauges_are_written(inside: Inside) -> None:
    inside.turn(Open(0, "127.0.0.1", 4000, "PCMU", 0), Tone(0, "dial"))
    inside.worker._measure(time.monotonic())
    gauges = inside.ours.read_gauges()
    assert (gauges["open_legs"], gauges["playing_legs"], gauges["faults"]) == (1, 1, 0)
    assert set(gauges) == set(Channel.GAUGES) and gauges["heartbeat"] > 0


def test_relays_are_chosen_by_name(inside: Inside) -> None:
    pool, legs = inside.worker._relay._pool, inside.worker._engine.legs  # type: ignore[attr-defined]
    for name in set(NAMES) - {"auto", "tcx", "tc"}:  # Those have a test of their own.
        relay, reason = choose(name, pool, legs)
        assert reason.startswith(f"{relay.name}: ") and name in ("auto", relay.name)
        relay._epoll.close()  # type: ignore[attr-defined]
    with pytest.raises(RelayError, match="'teleport' is unknown: choose one of auto, tcx"):
        choose("teleport", pool, legs)


def test_events_that_nobody_reads_are_counted(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.ring.MAX_BACKLOG", 0)
    monkeypatch.setattr(inside.worker._events.ring, "write", lambda record: False)
    inside.turn(Tone(0, "dial"))
    lost = inside.worker._events.lost  # A busy machine adds the alarm of a late tick.
    assert lost >= 1
    inside.worker._survey(time.monotonic())
    assert Alarm("events lost", f"{lost} so far: nobody reads them") in inside.worker._engine.events


def test_statistics_of_all_legs_fit_into_the_ring(inside: Inside) -> None:
    for _ in range(5000):
        assert inside.ours.events.write(encode(Statistics(1)))


def test_urgency_steps_back_under_overload_and_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "setpriority", lambda *arguments: None)
    monkeypatch.setattr("media.worker.Path.write_text", lambda *arguments: None)
    monkeypatch.setattr(
        os, "sched_setscheduler", lambda pid, policy, param: asked.append((policy, param.sched_priority))
    )
    urgency = Urgency()
    urgency.begin()
    for busy in (100, 899, 900, 1000, 800, 699, 100):
        urgency.measured(busy)
    real_time, ordinary = (os.SCHED_RR | os.SCHED_RESET_ON_FORK, REAL_TIME_PRIORITY), (os.SCHED_OTHER, 0)
    assert asked == [real_time, ordinary, real_time]


def test_urgency_that_is_not_permitted_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(pid: int, policy: int, param: os.sched_param) -> None:
        asked.append(policy)
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", lambda *arguments: None)
    monkeypatch.setattr("media.worker.Path.write_text", lambda *arguments: None)
    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    urgency = Urgency()
    urgency.begin()
    for busy in (100, 1000, 100):
        urgency.measured(busy)
    assert len(asked) == 1
