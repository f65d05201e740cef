from __future__ import annotations

import pytest

from softswitch.effects import Flow
from softswitch.outside import Trunk
from softswitch.sip.bans import BanLimits, Bans, is_scanner
from softswitch.sip.guesses import Guesses
from softswitch.sip.spared import Spared, trunk_networks

STRANGER = Flow("udp", "192.0.2.66", 5060)
NEIGHBOUR = Flow("udp", "192.0.2.66", 5062)  # behind the same router
LIMITS = BanLimits(strikes=5, forgiven=0.1, first=100.0, factor=4.0, longest=1_000.0)


@pytest.fixture
def proven() -> set[Flow]:
    return set()


@pytest.fixture
def bans(proven: set[Flow]) -> Bans:
    return Bans(proven.__contains__, LIMITS)


def strike_out(bans: Bans, flow: Flow, now: float) -> None:
    for _ in range(LIMITS.strikes):
        ban = bans.strike(flow, now)
    assert ban is not None


def test_who_keeps_guessing_is_banned_with_the_whole_address(bans: Bans) -> None:
    for _ in range(LIMITS.strikes - 1):
        assert bans.strike(STRANGER, 0.0) is None
    assert not bans.drops(STRANGER, 0.0)
    ban = bans.strike(NEIGHBOUR, 0.0)
    assert ban is not None and (ban.name, ban.reason, ban.until) == ("192.0.2.66", "wrong passwords", 100.0)
    assert bans.drops(STRANGER, 1.0) and bans.drops(NEIGHBOUR, 1.0)
    assert bans.dropped == ban.dropped == 2
    assert not bans.drops(Flow("udp", "192.0.2.67", 5060), 1.0)
    assert not bans.drops(STRANGER, 100.0)


def test_who_guesses_slowly_is_forgiven(bans: Bans) -> None:
    for second in range(0, 1_000, 10):
        assert bans.strike(STRANGER, float(second)) is None


def test_each_ban_is_longer_up_to_a_limit(bans: Bans) -> None:
    now, lengths = 0.0, []
    for _ in range(4):
        strike_out(bans, STRANGER, now)
        (ban,) = bans.in_force(now)
        lengths.append(ban.until - now)
        now = ban.until + 1
    assert lengths == [100.0, 400.0, 1_000.0, 1_000.0]
    bans.tidy(now + 1_000)
    strike_out(bans, STRANGER, now + 1_000)
    assert bans.in_force(now + 1_000)[0].count == 1


def test_a_phone_that_has_logged_in_is_never_cut_off(bans: Bans, proven: set[Flow]) -> None:
    proven.add(NEIGHBOUR)
    strike_out(bans, STRANGER, 0.0)
    assert bans.drops(STRANGER, 1.0)
    assert not bans.drops(NEIGHBOUR, 1.0)
    for _ in range(50):
        assert bans.strike(NEIGHBOUR, 0.0) is None  # its password was changed


def test_a_bad_phone_in_an_office_locks_out_nobody_but_itself() -> None:
    """S4: where somebody has proved an account a ban is for one socket."""
    guesses = Guesses()
    bans = Bans(guesses.proven, LIMITS, lives_at=guesses.lives_at)
    colleague, newcomer = STRANGER._replace(port=7000), STRANGER._replace(port=7001)
    guesses.succeeded(colleague, "anna")
    strike_out(bans, STRANGER, 0.0)
    assert bans.in_force(1.0)[0].name == "192.0.2.66:5060"
    assert bans.drops(STRANGER, 1.0) and not bans.drops(colleague, 1.0) and not bans.drops(newcomer, 1.0)
    guesses.forget(colleague)
    strike_out(bans, NEIGHBOUR, 0.0)
    assert bans.in_force(1.0)[-1].name == "192.0.2.66", "nobody there is known any more"


def test_trunks_and_the_operators_networks_are_never_banned() -> None:
    spared = Spared(["203.0.113.0/24"])
    spared.set_hosts(["192.0.2.66", "2001:db8::/32"])
    bans = Bans(lambda flow: False, LIMITS, spared=spared)
    for host in ("203.0.113.9", "192.0.2.66", "2001:db8::1"):
        flow = Flow("udp", host, 5060)
        assert not any(bans.strike(flow, 0.0) for _ in range(50))
        assert bans.scanner(flow, "smap", 0.0) is None
        bans.ban((host, 0), "by hand", 0.0)
        assert not bans.drops(flow, 1.0)
    strike_out(bans, Flow("udp", "198.51.100.1", 1), 0.0)


def test_the_addresses_of_a_trunk() -> None:
    servers = ("192.0.2.1:5080", "sip:[2001:db8::1]:5060;transport=tcp", "sip.example.com", "!")
    trunk = Trunk("t", servers=servers, accept=("10.0.0.0/8", "x.y"))
    assert trunk_networks([trunk]) == ["192.0.2.1", "2001:db8::1", "10.0.0.0/8"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1"])
def test_on_loopback_a_ban_is_for_one_socket(bans: Bans, host: str) -> None:
    guesser, other = Flow("udp", host, 4000), Flow("udp", host, 4001)
    strike_out(bans, guesser, 0.0)
    assert bans.drops(guesser, 1.0) and not bans.drops(other, 1.0)
    assert bans.in_force(1.0)[0].name == (f"[{host}]:4000" if ":" in host else f"{host}:4000")


def test_a_prefix_of_ipv6_is_one_source(bans: Bans) -> None:
    strike_out(bans, Flow("udp", "2001:db8::1", 5060), 0.0)
    assert bans.drops(Flow("tcp", "2001:db8::ffff", 9, 1, 1), 1.0)
    assert not bans.drops(Flow("udp", "2001:db8:0:1::1", 5060), 1.0)


@pytest.mark.parametrize(
    ("agent", "scans"),
    [
        ("friendly-scanner", True),
        ("SIPVicious v0.3", True),
        ("sundayddr", True),
        ("Yealink SIP-T46S", False),
        ("", False),
    ],
)
def test_scanners_say_their_names(agent: str, scans: bool) -> None:
    assert is_scanner(agent) is scans


def test_a_scanner_costs_only_its_own_socket(bans: Bans, proven: set[Flow]) -> None:
    assert bans.scanner(STRANGER, "friendly-scanner", 0.0) is not None
    assert bans.drops(STRANGER, 1.0) and not bans.drops(NEIGHBOUR, 1.0)
    proven.add(NEIGHBOUR)  # Its source address can be written by anybody.
    assert bans.scanner(NEIGHBOUR, "friendly-scanner", 0.0) is None


def test_bans_by_order(bans: Bans) -> None:
    bans.ban(("192.0.2.66", 0), "by hand", 0.0, seconds=7.0)
    assert bans.drops(STRANGER, 6.9) and not bans.drops(STRANGER, 7.0)
    bans.ban(("192.0.2.66", 0), "by hand", 8.0, seconds=7.0)
    assert bans.lift(("192.0.2.66", 0)) and not bans.lift(("192.0.2.66", 0))
    assert not bans and not bans.drops(STRANGER, 9.0)


def test_strikes_are_forgotten_with_the_ban(bans: Bans) -> None:
    strike_out(bans, STRANGER, 0.0)
    bans.lift(("192.0.2.66", 0))
    assert bans.strike(STRANGER, 0.0) is None


def test_a_restart_keeps_them(bans: Bans, proven: set[Flow]) -> None:
    strike_out(bans, STRANGER, 0.0)
    bans.scanner(Flow("udp", "2001:db8::9", 5060), "smap", 0.0)
    again = Bans(proven.__contains__, LIMITS)
    again.restore(bans.export(40.0), 1_040.0)
    assert [(ban.name, ban.until, ban.count) for ban in again.in_force(1_041.0)] == [
        ("192.0.2.66", 1_100.0, 1),
        ("[2001:db8::9]:5060", 1_100.0, 1),
    ]


def test_memory_is_bounded() -> None:
    bans = Bans(lambda flow: False, BanLimits(places=10))
    for number in range(100):
        bans.scanner(Flow("udp", "192.0.2.1", 1_000 + number), "smap", 0.0)
    assert len(bans.in_force(0.0)) == 10
