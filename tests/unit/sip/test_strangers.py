"""Floods from one source, and accounts that run wild."""

from __future__ import annotations

from softswitch.effects import Flow
from softswitch.sip.guesses import Guesses
from softswitch.sip.rates import BURST_SECONDS as ACCOUNT_SECONDS
from softswitch.sip.rates import Rates
from softswitch.sip.strangers import BURST_SECONDS, PLACES, Strangers

FLOODER = Flow("udp", "192.0.2.66", 5060)


def strangers(rate: float = 100.0, guesses: Guesses | None = None) -> Strangers:
    return Strangers(rate, (guesses or Guesses()).proven, {"203.0.113.1"}.__contains__)


def read(gate: Strangers, flow: Flow, count: int, now: float) -> int:
    return sum(not gate.drops(flow, now) for _ in range(count))


def test_a_flood_is_read_at_its_rate_only() -> None:
    gate = strangers()
    assert read(gate, FLOODER, 10_000, 0.0) == 100 * BURST_SECONDS
    assert abs(sum(read(gate, FLOODER, 50, tick / 10) for tick in range(1, 101)) - 1_000) <= 1
    assert abs(gate.dropped - (10_000 - 100 * BURST_SECONDS + 4_000)) <= 1


def test_other_sources_are_not_touched() -> None:
    gate = strangers()
    read(gate, FLOODER, 10_000, 0.0)
    assert read(gate, FLOODER._replace(host="192.0.2.67"), 10, 0.0) == 10


def test_who_has_proved_an_account_does_not_count() -> None:
    guesses = Guesses()
    gate, phone = strangers(guesses=guesses), FLOODER._replace(port=7000)
    guesses.succeeded(phone, "anna")
    read(gate, FLOODER, 10_000, 0.0)
    assert read(gate, phone, 10_000, 0.0) == 10_000


def test_an_office_that_starts_its_phones_at_once() -> None:
    """Each sends two messages as a stranger, and is forgiven both: the bucket never fills."""
    guesses = Guesses()
    gate = strangers(guesses=guesses)
    for number in range(2_000):
        phone = FLOODER._replace(port=10_000 + number)
        assert read(gate, phone, 2, 0.0) == 2
        guesses.succeeded(phone, f"u{number}")
        gate.proved(phone, 0.0)


def test_this_machine_and_spared_networks_are_read_whatever_they_send() -> None:
    gate = strangers()
    for host in ("127.0.0.1", "::1", "203.0.113.1"):
        assert read(gate, FLOODER._replace(host=host), 5_000, 0.0) == 5_000


def test_no_rate_is_no_limit() -> None:
    assert read(strangers(0.0), FLOODER, 5_000, 0.0) == 5_000


def test_memory_is_bounded() -> None:
    gate = strangers()
    for number in range(PLACES + 5_000):
        gate.drops(FLOODER._replace(host=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"), 0.0)
    assert len(gate._buckets) <= PLACES


def test_an_account_has_a_rate_for_each_method() -> None:
    rates = Rates(10.0)
    burst = int(10 * ACCOUNT_SECONDS)
    assert sum(rates.admits("anna", "REGISTER", 0.0) for _ in range(1_000)) == burst
    assert rates.admits("anna", "INVITE", 0.0) and rates.admits("bob", "REGISTER", 0.0)
    assert sum(rates.admits("anna", "REGISTER", 10.0) for _ in range(1_000)) == burst
    assert rates.refused == 2 * (1_000 - burst)
    assert all(Rates(0.0).admits("anna", "REGISTER", 0.0) for _ in range(1_000))
