"""The program in the kernel must do to any trace of packets what the session does, to the octet and to the counter.

These tests run it, so they need CAP_BPF and CAP_NET_ADMIN; without, they are left out, and the end of the run says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media.control import Bridge, Close, Echo, Modify, Open, Play, SendDigits, Stop
from media.relay.program import LARGE, SMALL, TC_ACT_REDIRECT, TCX_NEXT
from tests.unit.media.kernel import (
    BASE_PORT,
    INTERFACE,
    LOOPBACK,
    Frame,
    Heard,
    KernelWorld,
    checksum,
    dissect,
    fresh_ttl,
    open_of,
)
from tests.unit.media.relays import needs_bpf
from tests.unit.media.test_relay_equality import LEGS, Sender, arrivals, command_of, commands
from tests.unit.media.twins import World, audio

pytestmark = needs_bpf

VERSIONS = (4, 6)


@pytest.fixture
def worlds() -> Iterator[list[KernelWorld]]:
    made: list[KernelWorld] = []
    yield made
    for world in made:
        world.close()


@pytest.fixture(params=VERSIONS)
def bridge(request: pytest.FixtureRequest) -> Iterator[KernelWorld]:
    """Two legs that are bridged and lent in both directions, after a second of speech."""
    world = bridged(request.param)
    yield world
    world.close()


def bridged(version: int) -> KernelWorld:
    world = KernelWorld(4)
    world.do(open_of(0, version), open_of(1, version), Bridge(0, 1))
    for number in range(50):
        for leg in (0, 1):
            world.arrive(leg, audio(number, ssrc=leg))
        world.pass_time(0.02)
    assert world.engine.legs.lending == 2 and world.offload.moved == 98
    return world


def passed(world: KernelWorld, frame: Frame | bytes, interface: int = INTERFACE) -> bool:
    """The program left the frame alone."""
    result, after = world.run(frame, interface)
    return result == TCX_NEXT and after == bytes(frame)


# --- equality ---------------------------------------------------------------------------------------------------------

ears = st.tuples(st.just("listen"), st.integers(0, LEGS - 1), st.booleans())
speech = st.tuples(st.just("speech"), st.integers(0, LEGS - 1), st.integers(2, 12))
steps = st.lists(
    st.one_of(speech, speech, speech, arrivals, arrivals, commands, ears, st.integers(1, 400)), max_size=80
)


def opening(leg: int) -> Open:
    """Even legs are reached by IPv4, odd ones by IPv6. Two are Opus, the others have a codec each."""
    one = command_of("open", leg, 0)
    assert isinstance(one, Open)
    if leg % 2:
        one.host = f"2001:db8::{leg + 1:x}"
    return one


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_any_trace(trace: list[tuple[int | str, str | int, int | bool] | int]) -> None:
    one, other = World(LEGS), KernelWorld(LEGS)
    try:
        one.engine.session.ears = told = Heard()
        senders = [Sender(leg) for leg in range(LEGS)]
        start = [*map(opening, range(LEGS)), Bridge(2, 4), *map(Echo, (0, 1, 3, 5))]
        for world in (one, other):
            world.do(*start)
        for step in trace:
            if isinstance(step, int):
                for world in (one, other):
                    world.pass_time(step / 1000)
            elif step[0] == "speech":
                for _ in range(int(step[2])):
                    data = senders[int(step[1])].packet("next", 0)
                    assert one.arrive(int(step[1]), data) == other.arrive(int(step[1]), data)
            elif step[0] == "listen":
                other.read_tap()
                for world in (one, other):
                    world.engine.legs.listen(int(step[1]), bool(step[2]))
            elif isinstance(step[0], str):
                command = command_of(step[0], int(step[1]), int(step[2]))
                if isinstance(command, Open):
                    command = opening(command.leg)
                for world in (one, other):
                    world.do(command)
            else:
                data = senders[step[0]].packet(str(step[1]), int(step[2]))
                assert one.arrive(step[0], data) == other.arrive(step[0], data)
        other.read_tap()
        compare(one, other)
        for leg in range(LEGS):
            assert [each for each in told.packets if each[0] == leg] == [
                each for each in other.ears.packets if each[0] == leg
            ]
    finally:
        other.close()


def compare(one: World, other: World) -> None:
    for leg in range(one.engine.legs.count):
        assert [data for number, data in one.network.sent if number == leg] == [
            data for number, data in other.network.sent if number == leg
        ]
        assert one.engine.session.open[leg] == other.engine.session.open[leg]
    assert list(map(repr, one.events())) == list(map(repr, other.events()))
    for name in ("mapping", "inbound", "outbound", "playout", "flags"):
        np.testing.assert_array_equal(getattr(one.engine.legs, name), getattr(other.engine.legs, name), name)


# --- one stream whoever relays it -------------------------------------------------------------------------------------


def test_nearly_all_of_a_call_is_relayed_by_the_kernel(bridge: KernelWorld) -> None:
    for leg in (0, 1):
        packets = bridge.network.packets(leg)
        assert len(packets) == 50 and packets[0].marker
        assert {(b.sequence - a.sequence & 0xFFFF, b.timestamp - a.timestamp & 0xFFFFFFFF)
                for a, b in pairwise(packets)} == {(1, 160)}  # fmt: skip
        assert bridge.engine.legs.received[leg] == bridge.engine.legs.sent[leg] == 50
        assert bridge.engine.legs.octets[leg] == bridge.engine.legs.out_octets[leg] == 8000


def test_a_digit_goes_through_user_space_and_everything_behind_it_until_it_is_lent_again(bridge: KernelWorld) -> None:
    moved = bridge.offload.moved
    bridge.engine.legs.take_back = count_calls(bridge, taken := [])
    out = [bridge.arrive(0, audio(50, ssrc=0))]
    out += [bridge.arrive(0, audio(51 + i, 8160, ssrc=0, kind=101, payload=bytes((5, 10, 0, 160 * i)))) for i in (0, 1)]
    out += [bridge.arrive(0, audio(53 + i, ssrc=0)) for i in range(3)]
    assert len(taken) == 2  # Lent again at once, as the tests do, it comes back with the second packet of the digit.
    assert bridge.offload.moved == moved + 4
    sequences = [int.from_bytes(data[2:4], "big") for data in out]
    assert [b - a & 0xFFFF for a, b in pairwise(sequences)] == [1] * 5
    assert [event.digit for event in bridge.events() if hasattr(event, "digit")] == ["5"]


def count_calls(world: KernelWorld, calls: list[int]):  # type: ignore[no-untyped-def]
    take_back = world.engine.legs.take_back

    def counting(leg: int) -> None:
        calls.append(leg)
        take_back(leg)

    return counting


def test_the_program_stops_by_itself_at_what_it_does_not_understand(bridge: KernelWorld) -> None:
    digit = audio(50, ssrc=0, kind=101, payload=bytes((5, 10, 0, 160)))
    assert passed(bridge, bridge.frame(0, bytes(digit)))
    # User space has not seen it yet: what comes behind it must not overtake it.
    assert passed(bridge, bridge.frame(0, bytes(audio(51, ssrc=0))))
    assert bridge.run(bridge.frame(1, bytes(audio(50, ssrc=1))))[0] == TC_ACT_REDIRECT  # The other way goes on.


@pytest.mark.parametrize("other", [bytes((0x80, 200)) + bytes(26), b"\0\1\0\x08" + bytes(24)], ids=["RTCP", "STUN"])
def test_what_is_no_rtp_is_for_user_space_and_does_not_interrupt_the_stream(bridge: KernelWorld, other: bytes) -> None:
    assert passed(bridge, bridge.frame(0, other))
    assert bridge.run(bridge.frame(0, bytes(audio(50, ssrc=0))))[0] == TC_ACT_REDIRECT


def test_the_program_begins_with_the_very_next_packet_only(bridge: KernelWorld) -> None:
    legs = bridge.engine.legs
    legs.take_back(0)
    bridge.lend()
    assert legs.lent[0]
    # Packet 50 still waits in the socket, say; it must be sent before this one is.
    assert passed(bridge, bridge.frame(0, bytes(audio(51, ssrc=0))))
    assert bridge.arrive(0, audio(50, ssrc=0)) and bridge.arrive(0, audio(51, ssrc=0))
    numbers = [packet.sequence for packet in bridge.network.packets(1)][-3:]
    assert [b - a & 0xFFFF for a, b in pairwise(numbers)] == [1, 1]


@pytest.mark.parametrize(
    "command",
    [Close(1), Close(0), Stop(1), Play(1, 7, ()), SendDigits(1, "5"), Echo(1), Bridge(1, 2),
     Modify(1, "192.0.2.99", 4000, "PCMU", 0), Modify(0, "192.0.2.99", 4000, "PCMU", 0),
     Modify(1, "192.0.2.2", 4001, "PCMU", 0, send=False), Modify(1, "192.0.2.2", 4001, "PCMA", 8)],
    ids=lambda command: f"{type(command).__name__} {command.leg}",
)  # fmt: skip
def test_a_command_that_changes_what_is_heard_takes_effect_at_once(command: object) -> None:
    world = bridged(4)
    frame = world.frame(0, bytes(audio(50, ssrc=0)))
    world.do(open_of(2, 4))
    world.do(command)  # type: ignore[arg-type]
    try:
        assert passed(world, frame)
    finally:
        world.close()


def test_an_address_of_another_family_is_left_to_user_space(worlds: list[KernelWorld]) -> None:
    worlds.append(world := KernelWorld(2))
    world.do(open_of(0, 4), open_of(1, 6), Bridge(0, 1))
    for number in range(20):
        assert world.arrive(0, audio(number, ssrc=0))
    assert world.engine.legs.lending == 0


@pytest.mark.parametrize("leg", [0, 1])
def test_srtp_is_left_to_user_space(bridge: KernelWorld, leg: int) -> None:
    bridge.offload.guard(leg, True)
    assert bridge.engine.legs.lending == 0 and bridge.lend() == 0
    bridge.offload.guard(leg, False)
    assert bridge.lend() == 2


def test_a_leg_that_the_program_cannot_help_is_tried_ever_more_rarely(bridge: KernelWorld) -> None:
    patience: list[float] = []
    for _ in range(8):
        bridge.engine.legs.take_back(0)
        patience.append(round(float(bridge.offload._ready_at[0]) - bridge.offload.now, 3))
        bridge.lend()
    assert patience == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 6.4, 6.4]  # The first time it had moved a whole second.
    for number in range(50, 200):
        bridge.arrive(0, audio(number, ssrc=0))
    bridge.engine.legs.take_back(0)
    assert round(float(bridge.offload._ready_at[0]) - bridge.offload.now, 3) == 0.2


def test_what_takes_an_unknown_way_is_left_to_user_space(bridge: KernelWorld) -> None:
    bridge.offload.check(0, lambda source, target: 2)
    assert not bridge.engine.legs.lent[0] and bridge.engine.legs.lent[1]
    bridge.offload.lend(bridge.now + 100, lambda source, target: 0, lambda leg: 0)
    assert not bridge.engine.legs.lent[0]
    bridge.offload.use_only({2, 3})
    assert bridge.engine.legs.lending == 0


# --- frames -----------------------------------------------------------------------------------------------------------


def test_the_frame_that_leaves_is_one_of_ours(bridge: KernelWorld) -> None:
    before = bridge.frame(0, bytes(audio(50, ssrc=0, payload=bytes(range(160)))), tos=0x20)
    result, after = bridge.run(before)
    frame = dissect(after)
    there = bridge.network.aimed[1][0]
    assert result == TC_ACT_REDIRECT and frame.checksums_good
    assert (frame.source, frame.target) == (bridge.network.ours(1, there[0]), there)
    assert (frame.ttl, frame.tos, frame.payload[12:]) == (fresh_ttl(), 0xB8, bytes(range(160)))
    assert frame.fragment == (0x4000 if frame.version == 4 else 0)


@pytest.mark.parametrize("step", range(40))
def test_checksums_survive_every_change(bridge: KernelWorld, step: int) -> None:
    # Payloads chosen so that sums come out at and around the two zeros of one's complement.
    packet = audio(50, ssrc=0, payload=(0xFFD8 + step).to_bytes(4, "big") + b"\xff" * 156)
    result, after = bridge.run(bridge.frame(0, bytes(packet)))
    assert result == TC_ACT_REDIRECT and dissect(after).checksums_good
    assert dissect(after).udp_checksum != 0


def test_a_packet_without_checksum_stays_without_one_in_ipv4_and_is_refused_in_ipv6(bridge: KernelWorld) -> None:
    frame = bridge.frame(0, bytes(audio(50, ssrc=0)), udp_checksum=0)
    if frame.version == 6:
        assert passed(bridge, frame)
    else:
        result, after = bridge.run(frame)
        assert result == TC_ACT_REDIRECT and dissect(after).udp_checksum == 0


def test_a_wrong_checksum_stays_wrong(bridge: KernelWorld) -> None:
    right = bytes(bridge.frame(0, bytes(audio(50, ssrc=0))))
    result, after = bridge.run(right[:-1] + bytes((right[-1] ^ 1,)))
    assert result == TC_ACT_REDIRECT and not dissect(after).checksums_good


@pytest.mark.parametrize(
    "strange",
    [{"source": ("192.0.2.9", 4000)}, {"source": ("192.0.2.1", 4001)}, {"target": ("198.51.100.2", BASE_PORT)},
     {"target": ("198.51.100.1", BASE_PORT + 1)}, {"target": ("198.51.100.1", BASE_PORT - 2)},
     {"target": ("198.51.100.1", BASE_PORT + 8)}, {"target": ("198.51.100.1", BASE_PORT + 4)},
     {"fragment": 0x2000}, {"fragment": 0x0001}, {"options": b"\1\1\1\1"}, {"protocol": 6}, {"ttl": 1}, {"trailer": b"\0" * 9},
     {"source": ("2001:db8::1", 4000), "target": ("2001:db8:1::1", BASE_PORT)}],
    ids=str,
)  # fmt: skip
def test_what_is_not_ours_passes_and_disturbs_nothing(strange: dict[str, object]) -> None:
    world = bridged(4)
    try:
        ordinary = world.frame(0, bytes(audio(50, ssrc=0)))
        assert passed(world, Frame(**{**vars(ordinary), **strange}))  # type: ignore[arg-type]
        assert world.run(ordinary)[0] == TC_ACT_REDIRECT
    finally:
        world.close()


@pytest.mark.parametrize("word", range(8))
def test_every_word_of_an_ipv6_address_counts(word: int) -> None:
    world = bridged(6)
    try:
        ordinary = bytes(world.frame(0, bytes(audio(50, ssrc=0))))
        at = 14 + 8 + 4 * word
        assert passed(world, ordinary[:at] + bytes((ordinary[at] ^ 1,)) + ordinary[at + 1 :])
        assert world.run(ordinary)[0] == TC_ACT_REDIRECT
    finally:
        world.close()


def test_packets_that_go_round_in_this_host_come_to_an_end(bridge: KernelWorld) -> None:
    result, after = bridge.run(bridge.frame(0, bytes(audio(50, ssrc=0)), ttl=9, link_address=bytes(6)), LOOPBACK)
    assert result == TC_ACT_REDIRECT and dissect(after).ttl == 8
    assert passed(bridge, bridge.frame(0, bytes(audio(51, ssrc=0)), ttl=1, link_address=bytes(6)), LOOPBACK)


@pytest.mark.parametrize("kind, rest", [(0x0000, 46), (0x0806, 50), (0x0800, 24), (0x0800, 60), (0x86DD, 70)])
def test_other_traffic_passes(bridge: KernelWorld, kind: int, rest: int) -> None:
    assert passed(bridge, bytes(12) + kind.to_bytes(2, "big") + bytes(rest), LOOPBACK)


def test_what_is_for_another_machine_passes(bridge: KernelWorld) -> None:
    frame = bridge.frame(0, bytes(audio(50, ssrc=0)), link_address=b"\x02\0\0\0\0\x77")
    assert passed(bridge, frame)


def test_lengths_that_do_not_agree_pass(bridge: KernelWorld) -> None:
    octets = bytearray(bytes(bridge.frame(0, bytes(audio(50, ssrc=0)))))
    udp = 34 if octets[12:14] == b"\x08\x00" else 54
    octets[udp + 5] += 1
    assert passed(bridge, bytes(octets))


# --- ears -------------------------------------------------------------------------------------------------------------


def test_ears_hear_every_packet_once_whoever_relays_it(bridge: KernelWorld) -> None:
    bridge.engine.legs.listen(0, True)
    for number in range(50, 150):
        if number % 30 == 0:
            bridge.engine.legs.take_back(0)
        if number == 70:
            bridge.arrive(0, audio(number, ssrc=0, kind=101, payload=bytes((5, 10, 0, 160))))
        else:
            bridge.arrive(0, audio(number, ssrc=0, payload=bytes((number,)) * (60 + number)))
        bridge.arrive(1, audio(number, ssrc=1))
        if number % 7 == 0:
            bridge.read_tap()
    bridge.read_tap()
    heard = [number for number in range(50, 150) if number != 70]
    assert bridge.ears.packets == [(0, number, number * 160, bytes((number,)) * (60 + number)) for number in heard]


@pytest.mark.parametrize("size", [13, SMALL - 1, SMALL, SMALL + 1, LARGE])
def test_packets_of_all_sizes_are_heard_whole(bridge: KernelWorld, size: int) -> None:
    bridge.engine.legs.listen(0, True)
    payload = bytes(number * 7 & 0xFF for number in range(size - 12))
    moved = bridge.offload.moved
    assert bridge.arrive(0, audio(50, ssrc=0, payload=payload))[12:] == payload
    assert bridge.offload.moved == moved + 1
    bridge.read_tap()
    assert bridge.ears.packets == [(0, 50, 8000, payload)]


def test_a_tap_that_nobody_reads_loses_packets_and_counts_them(bridge: KernelWorld) -> None:
    bridge.engine.legs.listen(0, True)
    count = (1 << 17) // 288 + 20
    for number in range(50, 50 + count):
        bridge.arrive(0, audio(number, ssrc=0))
    assert 0 < bridge.offload.untold <= 40
    bridge.read_tap()
    assert len(bridge.ears.packets) == count - bridge.offload.untold
    assert len(bridge.network.packets(1)) == 50 + count, "the call does not suffer"


def test_checksum_of_the_tests_is_that_of_the_rfc() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D  # RFC 1071 section 3
