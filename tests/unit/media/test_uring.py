"""What only the relay on io_uring has: rows that run out, requests that end by themselves, sends that fail, ports set free."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import numpy as np
import pytest

from media import ports
from media.ports import PortPool
from media.relay.uring import UringRelay
from tests.unit.media.relays import needs_uring
from tests.unit.media.test_relay_equality import Sender
from tests.unit.media.test_relays_alike import HOME, LEGS, Stage, compare, stages

pytestmark = needs_uring

HOST = "127.0.0.1"


@pytest.fixture
def pair() -> Iterator[tuple[Stage, Stage]]:
    """The relay, and the reference to compare it with. All legs are open; 0 and 1, 2 and 4 are bridged."""
    with stages("uring", "reference") as (one, other):
        for stage in (one, other):
            stage.do(*(("open", leg, 0) for leg in range(LEGS)), ("bridge", 0, 1), ("bridge", 2, 4), ("echo", 3, 0))
            stage.work()
        yield one, other


def ring_of(stage: Stage) -> UringRelay:
    assert isinstance(stage.relay, UringRelay)
    return stage.relay


def test_when_rows_run_out_packets_wait_in_their_sockets(pair: tuple[Stage, Stage]) -> None:
    one, other = pair
    senders = [Sender(leg) for leg in range(LEGS)]
    rows = ring_of(one)._buffers.rows
    packets = [(leg, HOME, senders[leg].packet("next", 1)) for _ in range(80) for leg in range(LEGS)]
    assert len(packets) > rows
    for stage in pair:
        stage.say_all(packets)
        stage.work()
    assert one.relay.received == len(packets)
    assert ring_of(one)._lent.in_order
    compare(one, other)


def test_the_matrix_is_gone_round_many_times(pair: tuple[Stage, Stage]) -> None:
    senders = [Sender(leg) for leg in range(LEGS)]
    for _ in range(30):
        packets = [(leg, HOME, senders[leg].packet("next", 1)) for _ in range(7) for leg in range(LEGS)]
        for stage in pair:
            stage.say_all(packets)
            stage.work()
    assert ring_of(pair[0]).received > 4 * ring_of(pair[0])._buffers.rows
    compare(*pair)


def test_rows_in_another_order_are_lent_again_in_it(pair: tuple[Stage, Stage]) -> None:
    """No kernel that we know does that. Should one do it, not a packet may be mistaken for another."""
    one = pair[0]
    lent = ring_of(one)._lent
    give = lent.give
    lent.give = lambda first, count: lent.give_rows(  # type: ignore[method-assign]
        (first + np.arange(count)[::-1]) % ring_of(one)._buffers.rows
    )
    senders = [Sender(leg) for leg in range(LEGS)]
    for number in range(40):
        if number == 10:
            lent.give = give  # type: ignore[method-assign]
        packets = [(leg, HOME, senders[leg].packet("next", 1)) for _ in range(7) for leg in range(LEGS)]
        for stage in pair:
            stage.say_all(packets)
            stage.work()
    assert not lent.in_order
    compare(*pair)


def test_a_leg_aimed_elsewhere_with_packets_under_way(pair: tuple[Stage, Stage]) -> None:
    """What came for the address before is not heard, what comes from the new one is, and no request stays behind."""
    senders = [Sender(leg) for leg in range(LEGS)]
    for turn in range(20):
        place = ("away", "home")[turn % 2]
        for stage in pair:
            stage.say(0, HOME, senders[0].packet("next", 1))  # Not moved yet when the leg is aimed elsewhere.
        for stage in pair:
            stage.do((place, 0, 0))
        data = senders[0].packet("next", 1)
        for stage in pair:
            stage.say(0, "127.0.0.3" if place == "away" else HOME, data)
            stage.work()
    compare(*pair)
    receives = ring_of(pair[0])._receives
    assert receives.unsettled == 0
    assert receives._standing.sum() == LEGS


def test_a_dead_phone_costs_no_packet_of_anybody_else(pair: tuple[Stage, Stage]) -> None:
    one = pair[0]
    senders = [Sender(leg) for leg in range(LEGS)]
    one.phones[1, HOME].close()
    del one.phones[1, HOME]
    for _ in range(30):
        for leg in (0, 2, 3, 4):
            one.say(leg, HOME, senders[leg].packet("next", 1))
        one.work()
    assert [len(one.heard[leg, HOME]) for leg in (2, 3, 4)] == [30, 30, 30]
    assert one.relay.receive_errors  # ICMP: nobody is there
    # The phone is there again, at the same port.
    revived = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    command = one.engine.sources.states[1].command
    revived.bind((HOME, command.port))
    one.phones[1, HOME] = revived
    for _ in range(10):
        one.say(0, HOME, senders[0].packet("next", 1))
        one.say(1, HOME, senders[1].packet("next", 1))
        one.work()
    assert len(one.heard[1, HOME]) == 10
    assert len(one.heard[0, HOME]) == 10


def test_closing_sets_the_ports_free_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "PATIENCE", 0.0)
    with stages("uring") as (one,):
        one.do(*(("open", leg, 0) for leg in range(LEGS)))
        one.work()
        base = one.base
        one.relay.close()
        again = PortPool((HOST,), base, LEGS)
        assert not again.taken
        again.close()
