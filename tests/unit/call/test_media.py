"""The allocator of media legs."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from media.control import Bridge, Close, Modify, Music, Open, Play
from softswitch.call.media import QUARANTINE, MediaLeg, MediaPool
from softswitch.effects import MediaCommand
from tests.sim.world import SeededEntropy


def opened(leg: MediaLeg, port: int = 4000) -> Open:
    return Open(leg.index, "192.0.2.9", port, "PCMA", 8)


def commands(out: list[object]) -> list[object]:
    found = [item.command for item in out if isinstance(item, MediaCommand)]
    out.clear()
    return found


def test_ports_follow_from_the_leg_and_the_worker(entropy: SeededEntropy) -> None:
    pool = MediaPool(entropy, [])
    pool.add_range(3, 20_000, 4)
    legs = [pool.allocate(0.0) for _ in range(4)]
    assert {leg.port for leg in legs if leg} == {20_000, 20_002, 20_004, 20_006}
    assert {leg.worker for leg in legs if leg} == {3}
    assert pool.allocate(0.0) is None


def test_a_port_rests_before_it_is_used_again(entropy: SeededEntropy) -> None:
    pool = MediaPool(entropy, [])
    pool.add_range(0, 20_000, 50)
    leg = pool.allocate(0.0)
    assert leg is not None
    leg.close(1.0)
    others = [pool.allocate(1.0 + QUARANTINE - 0.01) for _ in range(49)]
    assert leg.index not in {other.index for other in others if other}
    again = pool.allocate(1.0 + QUARANTINE)
    assert again is not None and again.index == leg.index


def test_under_pressure_the_port_that_rested_longest_comes_first(entropy: SeededEntropy) -> None:
    pool = MediaPool(entropy, [])
    pool.add_range(0, 20_000, 2)
    first, second = pool.allocate(0.0), pool.allocate(0.0)
    assert first is not None and second is not None
    second.close(1.0)
    first.close(2.0)
    again = pool.allocate(3.0)
    assert again is not None and again.index == second.index
    assert pool.reused_early == 1


def test_both_legs_of_a_call_live_in_one_worker(entropy: SeededEntropy) -> None:
    pool = MediaPool(entropy, [])
    pool.add_range(0, 20_000, 2)
    pool.add_range(1, 30_000, 3)
    leg = pool.allocate(0.0, spare=1)
    assert leg is not None and leg.worker == 1, "the emptiest"
    other = pool.allocate(0.0, leg.worker)
    assert other is not None and other.worker == leg.worker
    assert pool.allocate(0.0, 1, spare=1) is None, "room for one is not room for a call"
    assert pool.allocate(0.0, 7) is None


def test_without_workers_there_is_nothing(entropy: SeededEntropy) -> None:
    assert MediaPool(entropy, []).allocate(0.0) is None


def test_giving_back_twice_gives_back_once(entropy: SeededEntropy) -> None:
    pool = MediaPool(entropy, [])
    pool.add_range(0, 20_000, 2)
    leg = pool.allocate(0.0)
    assert leg is not None
    leg.close(0.0)
    leg.close(0.0)
    assert pool.free(0.0) == 2


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=200), st.integers(0, 2**32))
def test_no_leg_is_lost_or_given_out_twice(steps: list[tuple[bool, float]], seed: int) -> None:
    import random

    pool = MediaPool(SeededEntropy(random.Random(seed)), [])
    pool.add_range(0, 20_000, 5)
    held: list[MediaLeg] = []
    now = 0.0
    for take, seconds in steps:
        now += seconds
        if take:
            leg = pool.allocate(now)
            if leg is not None:
                held.append(leg)
        elif held:
            held.pop(0).close(now)
        assert max(Counter(leg.index for leg in held).values(), default=0) <= 1
        assert len(held) + pool.free(now) == 5


def test_commands_are_not_repeated(entropy: SeededEntropy) -> None:
    out: list[object] = []
    pool = MediaPool(entropy, out)
    pool.add_range(0, 20_000, 2)
    one, two = pool.allocate(0.0), pool.allocate(0.0)
    assert one is not None and two is not None
    one.connect(opened(one))
    one.connect(opened(one))
    two.connect(opened(two))
    assert [type(command) for command in commands(out)] == [Open, Open]
    one.connect(opened(one, 5000))
    (change,) = commands(out)
    assert isinstance(change, Modify) and change.port == 5000
    one.music("jazz")
    one.music("jazz")
    one.bridge(two)
    two.bridge(one)
    assert [type(command) for command in commands(out)] == [Music, Bridge, Bridge]
    one.bridge(two)
    one.bridge(two)
    assert len(commands(out)) == 1
    first, second = one.play_clips(("a",)), one.play_clips(("a",))
    assert second == first + 1
    one.close(0.0)
    assert [type(command) for command in commands(out)] == [Play, Play, Close]


def test_a_leg_that_was_never_opened_is_closed_without_a_word(entropy: SeededEntropy) -> None:
    out: list[object] = []
    pool = MediaPool(entropy, out)
    pool.add_range(0, 20_000, 2)
    leg = pool.allocate(0.0)
    assert leg is not None
    leg.close(0.0)
    assert not out


def test_a_restarted_worker_learns_what_it_was_doing(entropy: SeededEntropy) -> None:
    out: list[object] = []
    pool = MediaPool(entropy, out)
    assert pool.add_range(0, 20_000, 4)
    one, two, three = pool.allocate(0.0), pool.allocate(0.0), pool.allocate(0.0)
    assert one is not None and two is not None and three is not None
    one.connect(opened(one))
    two.connect(opened(two, 5000))
    one.bridge(two)
    out.clear()
    assert not pool.add_range(0, 20_000, 4), "known: it has lost its legs"
    pool.restore(0)
    found = commands(out)
    assert [type(command) for command in found].count(Open) == 2
    assert found[-1] == Bridge(one.index, two.index) or Bridge(one.index, two.index) in found
    opens = [index for index, command in enumerate(found) if isinstance(command, Open)]
    bridges = [index for index, command in enumerate(found) if isinstance(command, Bridge)]
    assert max(opens) < min(bridges), "both ends exist before they are joined"


def test_the_pool_knows_its_ports(entropy: SeededEntropy) -> None:
    pool = MediaPool(entropy, [])
    pool.add_range(0, 20_000, 50)
    pool.add_range(1, 30_000, 1)
    leg, other = pool.allocate(0.0, 0), pool.allocate(0.0, 1)
    assert leg is not None and other is not None
    ports = {port for port in range(19_900, 30_100) if pool.owns(port)}
    assert ports == {leg.port, leg.port + 1, 30_000, 30_001}
    leg.close(1.0)
    assert not pool.owns(leg.port)


def test_legs_whose_ports_another_program_has_are_left_alone(entropy: SeededEntropy) -> None:
    pool = MediaPool(entropy, [])
    pool.add_range(0, 20_000, 6, taken=[1, 4])
    first = pool.allocate(0.0)
    assert first is not None
    # The worker is replaced, and now it is another port that it cannot have.
    assert not pool.add_range(0, 20_000, 6, taken=[(first.index + 1) % 6])
    rest = {leg.index for leg in iter(lambda: pool.allocate(0.0), None)}
    assert rest == set(range(6)) - {first.index, (first.index + 1) % 6}
