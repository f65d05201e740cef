"""Legs, their addresses and their time: latches, timeouts, reports, stalls; in virtual time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from media import rtcp
from media.control import (
    Alarm,
    Bridge,
    Close,
    Echo,
    Latched,
    Modify,
    Music,
    Open,
    Play,
    RtpTimeout,
    SendDigits,
    Statistics,
    Stop,
    Tone,
)
from media.g711 import encode_both
from media.library import Recording
from media.rtcp import SenderInfo
from media.rtp import Packet
from tests.unit.media.stage import HOLD, RAMP, codes, frequency, stage
from tests.unit.media.twins import World, audio


@pytest.fixture
def world() -> World:
    return stage()


# --- addresses --------------------------------------------------------------------------------------------------------


def admit(world: World, leg: int, source: tuple[str, int], packet: Packet) -> bool:
    data = bytes(packet)
    return world.engine.admit(leg, source, memoryview(bytearray(data)), len(data))


def test_an_address_from_the_sdp_is_aimed_at(world: World) -> None:
    assert world.network.aimed[0] == (("192.0.2.1", 4000), ("192.0.2.1", 4001))
    world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, rtcp_port=4444))
    assert world.network.aimed[0] == (("192.0.2.1", 4000), ("192.0.2.1", 4444))


def test_a_latch_settles_the_address_and_music_begins(world: World) -> None:
    world.do(Open(2, "10.0.0.5", 4000, "PCMU", 0, latch_host="203.0.113.9"), Music(2, "moh"))
    assert world.network.listening[2] == ("203.0.113.9", None)
    world.pass_time(0.1)
    assert world.network.packets(2) == []
    source = ("203.0.113.9", 61_000)
    assert not admit(world, 2, ("203.0.113.66", 61_000), audio(1))
    assert not admit(world, 2, source, audio(1))
    assert admit(world, 2, source, audio(2))
    assert world.network.aimed[2] == (source, ("203.0.113.9", 61_001))
    assert world.events() == [Latched(2, *source)]
    world.pass_time(0.1)
    assert world.network.packets(2)
    assert admit(world, 2, source, audio(3))
    assert not admit(world, 2, ("203.0.113.9", 61_002), audio(4))
    leg = world.engine.session.open[2]
    assert leg is not None and leg.foreign == 2


def test_only_a_new_address_arms_the_latch_again(world: World) -> None:
    terms = ("10.0.0.5", 4000, "PCMU", 0)
    world.do(Open(2, *terms, latch_host="203.0.113.9"))
    for number in range(2):
        admit(world, 2, ("203.0.113.9", 61_000), audio(number))
    world.do(Modify(2, *terms, latch_host="203.0.113.9", send=False))
    assert 2 not in world.network.listening
    world.do(Modify(2, "10.0.0.5", 4002, "PCMU", 0, latch_host="203.0.113.9"))
    assert 2 in world.network.listening


def test_a_proof_of_having_moved_arms_the_latch_again(world: World) -> None:
    """Its NAT has given the phone another port: its description is the same."""
    terms = ("10.0.0.5", 4000, "PCMU", 0)
    world.do(Open(2, *terms, latch_host="203.0.113.9"))
    for number in range(2):
        admit(world, 2, ("203.0.113.9", 61_000), audio(number))
    world.do(Modify(2, *terms, latch_host="203.0.113.9", arming=1))
    assert 2 in world.network.listening
    for number in range(2, 4):
        admit(world, 2, ("203.0.113.9", 62_000), audio(number))
    assert world.network.aimed[2][0] == ("203.0.113.9", 62_000)


@pytest.mark.parametrize(("host", "port"), [("", 0), ("0.0.0.0", 4000), ("192.0.2.1", 0), ("name.example", 4000)])
def test_an_address_that_is_none_is_not_sent_to(world: World, host: str, port: int) -> None:
    world.do(Open(2, host, port, "PCMU", 0), Tone(2, "dial"))
    world.pass_time(0.1)
    assert 2 not in world.network.aimed and world.network.packets(2) == []


def test_an_address_that_cannot_be_reached_is_told(world: World) -> None:
    world.network.refused.add("198.51.100.1")
    world.do(Open(2, "198.51.100.1", 4000, "PCMU", 0))
    assert world.events() == [
        Alarm("unreachable address", "leg 2: 198.51.100.1 port 4000: [Errno 101] Network is unreachable")
    ]
    world.do(Open(3, "", 0, "PCMU", 0, latch_host="198.51.100.1"))
    for number in range(3):
        assert not admit(world, 3, ("198.51.100.1", 5000), audio(number))
    assert [event.what for event in world.events() if isinstance(event, Alarm)] == ["unreachable address"]


def test_opening_an_open_leg_closes_it_first(world: World) -> None:
    world.arrive(0, audio(1))
    world.open(0)
    events = world.events()
    assert isinstance(events[0], Statistics) and events[0].packets_received == 1
    leg = world.engine.session.open[0]
    assert leg is not None and world.engine.session.statistics(leg).packets_received == 0


def test_every_leg_has_chance_values_of_its_own(world: World) -> None:
    legs = world.engine.legs
    assert legs.ssrc[0] != legs.ssrc[1] and legs.out_seq[0] != legs.out_seq[1] and legs.out_ts[0] != legs.out_ts[1]
    names = {leg.reporter.cname for leg in world.engine.session.open if leg}
    assert len(names) == 2 and all(len(name) == 24 for name in names)


def test_commands_that_make_no_sense(world: World) -> None:
    commands = [Tone(7, "dial"), Bridge(0, 7), Open(8, "", 0, "PCMU", 0), Open(-1, "", 0, "PCMU", 0)]
    commands += [Open(2, "", 0, "", 96), Open(2, "", 0, "PCMU", 128), Modify(0, "", 0, "L16", 96, clock=44_100)]
    commands += [Open(2, "", 0, "L16", 96, clock=clock) for clock in (0, -8000, 12_000, 192_000)]
    world.do(*commands, Close(6))
    events = world.events()
    assert [type(event) for event in events] == [Alarm] * 11
    assert world.engine.open_legs == 2


# --- time -------------------------------------------------------------------------------------------------------------


def test_rtp_timeout_is_told_once_until_rtp_comes_again(world: World) -> None:
    world.open(2, timeout=5.0)
    world.pass_time(4.9)
    world.arrive(2, audio(1))
    world.pass_time(4.9)
    assert world.events() == []
    world.pass_time(3.0)
    (event,) = world.events()
    assert isinstance(event, RtpTimeout) and event.leg == 2 and 5.0 <= event.seconds <= 6.5
    world.pass_time(20.0)
    assert world.events() == []
    world.arrive(2, audio(2))
    world.pass_time(8.0)
    assert [type(event) for event in world.events()] == [RtpTimeout]


def test_hold_stops_the_clock_of_the_timeout(world: World) -> None:
    terms = ("192.0.2.3", 4000, "PCMU", 0)
    world.do(Open(2, *terms, timeout=5.0))
    world.pass_time(3.0)
    world.do(Modify(2, *terms, receive=False, timeout=5.0))
    world.pass_time(30.0)
    world.do(Modify(2, *terms, timeout=5.0))
    world.pass_time(4.0)
    assert world.events() == []
    world.pass_time(3.0)
    assert [type(event) for event in world.events()] == [RtpTimeout]


def test_who_loses_the_peer_hears_the_hold_tone(world: World) -> None:
    world.do(Bridge(0, 1))
    world.arrive(1, audio(1))
    world.do(Close(1))
    world.events()
    world.pass_time(0.9)
    assert len(world.network.packets(0)) == 1
    world.pass_time(2.0)
    assert world.events() == [Alarm("dead air", "leg 0 has lost its source")]
    assert frequency(codes(world.network.packets(0)[-150:])) == pytest.approx(HOLD, abs=5)


def test_who_is_given_a_source_in_time_does_not(world: World) -> None:
    world.open(2)
    world.do(Bridge(0, 1), Bridge(1, 2), Music(0, "moh"))
    world.pass_time(5.0)
    assert world.events() == []


def test_who_was_stopped_or_never_given_a_source_stays_quiet(world: World) -> None:
    world.do(Bridge(0, 1), Stop(0), Close(1))
    world.open(2)
    world.events()
    world.pass_time(5.0)
    assert world.events() == [] and world.network.packets(0) == [] and world.network.packets(2) == []


def test_an_echo_that_closes_leaves_nobody_behind(world: World) -> None:
    world.do(Echo(0))
    world.arrive(0, audio(1))
    world.do(Close(0))
    world.pass_time(3.0)
    assert [type(event) for event in world.events()] == [Statistics]


def test_rtcp_is_sent_now_and_then_and_at_the_end(world: World) -> None:
    world.do(Tone(0, "dial"))
    for number in range(1500):
        world.arrive(1, audio(number))
        world.pass_time(0.02)
    reports = [rtcp.parse(data) for leg, data in world.network.rtcp if leg == 0]
    assert 4 <= len(reports) <= 13
    for report in reports:
        assert report is not None and report.ssrc == world.engine.legs.ssrc[0] and report.sender is not None
    listening = [rtcp.parse(data) for leg, data in world.network.rtcp if leg == 1]
    assert listening[-1] is not None and listening[-1].sender is None
    assert listening[-1].blocks[0].ssrc == 77 and listening[-1].blocks[0].lost == 0
    world.do(Close(0))
    last = rtcp.parse(world.network.rtcp[-1][1])
    assert last is not None and last.goodbye == (last.ssrc,)


def test_sender_reports_relate_wall_clock_and_timestamps(world: World) -> None:
    world.do(Tone(0, "dial"))
    world.pass_time(20.0)
    reports = [rtcp.parse(data) for leg, data in world.network.rtcp if leg == 0]
    senders = [report.sender for report in reports if report is not None and report.sender is not None]
    first, last = senders[0], senders[-1]
    seconds = (last.ntp - first.ntp) / (1 << 32)
    assert (last.timestamp - first.timestamp) / 8000 == pytest.approx(seconds, abs=0.03)
    assert last.packets - first.packets == pytest.approx(seconds * 50, abs=2)
    assert last.octets == last.packets * 160


def test_who_never_spoke_does_not_say_goodbye(world: World) -> None:
    world.do(Close(0))
    assert world.network.rtcp == []


def test_the_round_trip_reaches_the_statistics(world: World) -> None:
    world.do(Tone(0, "dial"))
    world.pass_time(8.0)
    sent = [(leg, data) for leg, data in world.network.rtcp if leg == 0][-1][1]
    ours = rtcp.parse(sent)
    assert ours is not None and isinstance(ours.sender, SenderInfo)
    answered = rtcp.ntp_middle(ours.sender.ntp)
    wall = 1.7e9 + world.now
    elapsed = (rtcp.ntp_middle(rtcp.ntp_time(wall)) - answered) & 0xFFFFFFFF
    block = rtcp.ReportBlock(ours.ssrc, 0, 9, 0, 160, answered, elapsed - 6554)
    world.engine.receive_rtcp(0, rtcp.build(rtcp.Report(5, None, [block])), world.now)
    world.engine.receive_rtcp(0, b"\x80\xc9garbage", world.now)
    world.do(Close(0))
    statistics = world.events()[-1]
    assert isinstance(statistics, Statistics)
    assert statistics.round_trip_ms == pytest.approx(100, abs=1)
    assert (statistics.remote_lost, statistics.remote_jitter_ms, statistics.dropped_invalid) == (9, 20.0, 1)


def test_a_stall_is_not_made_up_for_by_a_burst(world: World) -> None:
    world.do(Music(0, "moh"))
    world.pass_time(0.2)
    before = world.network.packets(0)
    world.now += 2.0
    late = world.engine.run(world.now)
    burst = world.network.packets(0)[len(before) :]
    assert late == pytest.approx(378, abs=2) and len(burst) in (5, 6)
    world.pass_time(0.2)
    packets = world.network.packets(0)
    assert packets[-1].timestamp - packets[0].timestamp == pytest.approx(2.4 * 8000 - 160, abs=200)
    assert {b.sequence - a.sequence for a, b in pairwise(packets)} == {1}


def test_a_leg_that_cannot_hear_is_not_late(world: World) -> None:
    world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, send=False), Music(0, "moh"))
    world.now += 60.0
    assert world.engine.run(world.now) == 0
    assert world.network.packets(0) == []


def test_a_short_stall_is_made_up_for(world: World) -> None:
    world.do(Music(0, "moh"))
    world.pass_time(0.2)
    count = len(world.network.packets(0))
    world.now += 0.08
    assert world.engine.run(world.now) == 0
    assert len(world.network.packets(0)) == count + 4


def test_deadlines(world: World) -> None:
    assert world.engine.next_deadline() is None
    world.do(Tone(0, "dial"))
    first = world.engine.next_deadline()
    assert first is not None and world.now < first <= world.now + 0.025
    world.pass_time(first - world.now + 0.001)
    assert len(world.network.packets(0)) == 1
    second = world.engine.next_deadline()
    assert second is not None and second - first == pytest.approx(0.02)
    world.do(Modify(0, "192.0.2.1", 4000, "PCMU", 0, send=False))
    assert world.engine.next_deadline() is None
    world.do(SendDigits(1, "1"))
    soon = world.engine.next_deadline()
    assert soon is not None and soon <= world.now + 0.01


def bursts(world: World, ticks: int = 8) -> list[int]:
    """How many packets are sent in each tick."""
    counts = []
    for _ in range(ticks):
        before = len(world.network.sent)
        world.pass_time(0.005)
        counts.append(len(world.network.sent) - before)
    return counts


def test_few_listeners_share_a_tick_and_many_are_spread() -> None:
    world = World(400)
    world.open(*range(400))
    world.do(*(Tone(leg, "dial") for leg in range(20)))
    world.pass_time(0.02)
    assert sorted(bursts(world)) == [0] * 6 + [20] * 2
    world.do(*(Tone(leg, "dial") for leg in range(20, 400)))
    world.pass_time(0.02)
    assert sorted(bursts(world)) == [100] * 8
    world.do(*(Stop(leg) for leg in range(390)))
    world.pass_time(0.02)
    assert sum(bursts(world)) == 20
    world.do(*(Close(leg) for leg in range(400)))
    assert world.engine.player._in_phase == [0, 0, 0, 0] and world.engine.player.playing == 0


def test_one_by_one_is_the_same_as_together() -> None:
    sent = []
    for few in (0, 100):
        world = World(12)
        world.engine.player.few = few
        for leg in range(12):
            world.open(leg, codec="PCMA" if leg % 3 == 0 else "PCMU", ptime=(10, 20, 30, 60)[leg % 4])
        for name, start, end in (("one", 0, 333), ("two", 333, 1000), ("tiny", 5, 10), ("empty", 0, 0)):
            world.engine.loaded(Recording(name, False, encode_both(RAMP[start:end])), world.now)
        world.engine.loaded(Recording("moh", True, encode_both(RAMP[:1700])), world.now)
        for leg in range(4):
            world.do(Play(leg, leg, ("one", "tiny", "tiny", "empty", "two", "one"), repeat=2))
            world.do(Music(leg + 4, "moh", from_start=leg % 2 == 0), Tone(leg + 8, "beep" if leg % 2 else "busy"))
            world.pass_time(0.013)
        for step in range(10):
            world.pass_time(0.1)
            leg = step % 12
            world.do(Bridge(leg, (leg + 5) % 12), SendDigits((leg + 3) % 12, "7", 50))
            world.arrive(leg, audio(step, kind=8 if leg % 3 == 0 else 0))
            world.do(Modify((leg + 4) % 12, "192.0.2.1", 4000, "PCMU", 0, 101, send=step % 2 == 0))
            world.do(Music(leg, "moh"), Play((leg + 5) % 12, 50 + step, ("two", "one")))
        world.now += 1.7
        world.engine.run(world.now)
        world.pass_time(0.5)
        sent.append((world.network.sent, world.events(), world.engine.legs.outbound.tolist()))
    (one, events, table), (other, other_events, other_table) = sent
    assert sorted(one) == sorted(other) and sorted(map(repr, events)) == sorted(map(repr, other_events))
    assert table == other_table
    for leg in range(12):
        assert [data for number, data in one if number == leg] == [data for number, data in other if number == leg]
