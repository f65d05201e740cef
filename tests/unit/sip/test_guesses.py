"""How many wrong passwords may come from where (FEATURES SEC-05, RELIABILITY S4)."""

from __future__ import annotations

from softswitch.effects import Flow
from softswitch.sip.guesses import Buckets, Guesses, GuessLimits, network

BURST = GuessLimits().flow_burst


def flow(port: int = 5060, host: str = "192.0.2.1") -> Flow:
    return Flow("udp", host, port)


def guess(guesses: Guesses, times: int, now: float, *, source: Flow | None = None, spread: bool = False) -> int:
    """How many of the wrong guesses were judged."""
    judged = 0
    for number in range(times):
        origin = flow(1024 + number) if spread else source or flow()
        if guesses.admits(origin, "alice", now):
            judged += 1
            guesses.wrong(origin, "alice", now)
    return judged


def test_a_flow_is_not_judged_after_its_burst() -> None:
    guesses = Guesses()
    assert guess(guesses, 108, 0.0) == BURST
    assert not guesses.admits(flow(), "bob", 1.0)
    assert (guesses.failed, guesses.refused) == (BURST, 108 - BURST + 1)


def test_forgiveness_is_slow_and_complete() -> None:
    guesses = Guesses()
    guess(guesses, BURST, 0.0)
    assert not guesses.admits(flow(), "alice", 9.0)
    assert guess(guesses, 10, 10.5) == 1
    assert guess(guesses, 100, 10_000.0) == BURST


def test_other_hosts_and_other_flows_of_the_host_are_not_touched() -> None:
    guesses = Guesses()
    guess(guesses, 50, 0.0)
    assert guesses.admits(flow(5070), "alice", 0.0)
    assert guesses.admits(flow(host="192.0.2.2"), "alice", 0.0)


def test_many_ports_of_one_host_are_slowed_down() -> None:
    guesses, limits = Guesses(), GuessLimits()
    assert guess(guesses, 1_000, 0.0, spread=True) == limits.host_burst
    judged = sum(guess(guesses, 100, tick / 10, spread=True) for tick in range(1, 101))
    assert judged <= 10 * limits.host_rate + 1 < 20 * 10


def test_who_has_proved_an_account_is_judged_for_it_whatever_the_neighbours_do() -> None:
    guesses = Guesses()
    owner = flow(5080)
    guesses.succeeded(owner, "alice")
    guess(guesses, 1_000, 0.0, spread=True)
    assert guesses.admits(owner, "alice", 0.0)
    assert not guesses.admits(owner, "bob", 0.0), "one account proved is no licence to try others"


def test_a_phone_whose_password_was_changed_bans_nobody() -> None:
    guesses = Guesses()
    guesses.succeeded(flow(), "alice")
    assert guess(guesses, 1_000, 0.0) == 1_000
    assert guesses.admits(flow(5070), "bob", 0.0)


def test_the_addresses_of_an_ipv6_network_count_as_one() -> None:
    assert network("2001:db8::1") == network("2001:db8::ffff:1") != network("2001:db8:0:1::1")
    assert network("192.0.2.1") == "192.0.2.1"


def test_memory_is_bounded() -> None:
    buckets: Buckets[int] = Buckets(2, 1.0, 100)
    for name in range(10_000):
        buckets.add(name, 0.0)
    assert len(buckets) == 100
    for name in range(1_000):
        buckets.add(name, 60.0 + name)
    assert len(buckets) <= 3, "what has run dry is forgotten"
    guesses = Guesses(GuessLimits(proven=10))
    for port in range(1, 1_000):
        guesses.succeeded(flow(port), "alice")
    guess(guesses, 1_000, 0.0, spread=True)
    assert guesses.admits(flow(999), "alice", 0.0)
    assert not guesses.admits(flow(1), "alice", 0.0)
