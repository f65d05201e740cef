"""Who asks, and what they may: sessions, tokens, guesses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from softswitch.api.auth import SESSION, Gate, Principal, Throttle, sight_of
from softswitch.directory import Directory, Membership, Queue, Token, User
from softswitch.directory.campaigns import Campaign
from softswitch.passwords import hash_password, is_password, new_token, token_digest

KEY = bytes(range(32))
DIGEST = hash_password("correct horse")
SHOWN = new_token()
EVA = User("eva", "Ewa", "supervisor", DIGEST, queues=("sales",))
SITE = Directory(
    "pbx.example.com",
    users={"eva": EVA, "bez": User("bez", role="auditor")},
    tokens={"crm": Token("crm", role="administrator", digest=token_digest(SHOWN), expires="2027-12-31")},
    queues={
        "sales": Queue("sales", members=(Membership("anna"), Membership("jan"))),
        "support": Queue("support", members=(Membership("jan"), Membership("ola"))),
    },
    campaigns={"spring": Campaign("spring", "sales")},
)
NOW = 1_800_000_000.0  # 2027-01-15


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def gate(clock: Clock, site: Directory = SITE, key: bytes = KEY) -> Gate:
    return Gate(lambda: site, key, clock, "operator-token-of-the-file")


# --- sessions --------------------------------------------------------------------------------------------------------


def test_a_session_lasts_twelve_hours_and_survives_a_restart(clock: Clock) -> None:
    cookie = gate(clock).open_session(EVA)
    found = gate(clock).by_session(cookie)
    assert found is not None
    assert (found.name, found.role, found.queues) == ("eva", "supervisor", ("sales",)) and found.csrf
    clock.now += SESSION - 2
    assert gate(clock).by_session(cookie) == found
    clock.now += 3
    assert gate(clock).by_session(cookie) is None


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_a_session_cannot_be_changed(clock: Clock, place: int) -> None:
    cookie = gate(clock).open_session(EVA)
    at = place * len(cookie) // 100
    other = "0" if cookie[at] != "0" else "1"
    assert gate(clock).by_session(cookie[:at] + other + cookie[at + 1 :]) is None


@pytest.mark.parametrize(
    "cookie", ["", ":", "657661", "657661:1.2.3", "zz:1.2.3", "657661:99999999999.x.", "\u0661:1.2.3"]
)
def test_what_is_no_session(clock: Clock, cookie: str) -> None:
    assert gate(clock).by_session(cookie) is None


def test_a_new_password_ends_all_sessions_and_so_does_another_key(clock: Clock) -> None:
    cookie = gate(clock).open_session(EVA)
    changed = replace(SITE, users={"eva": replace(EVA, digest=hash_password("another one"))})
    assert gate(clock, changed).by_session(cookie) is None
    assert gate(clock, replace(SITE, users={})).by_session(cookie) is None
    assert gate(clock, key=bytes(32)).by_session(cookie) is None


def test_a_role_that_is_taken_away_is_gone_at_once(clock: Clock) -> None:
    cookie = gate(clock).open_session(EVA)
    demoted = replace(SITE, users={"eva": replace(EVA, role="auditor", queues=())})
    found = gate(clock, demoted).by_session(cookie)
    assert found is not None and found.role == "auditor"


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_tokens(clock: Clock) -> None:
    assert gate(clock).by_token(SHOWN) == Principal("token:crm", "administrator")
    assert gate(clock).by_token("operator-token-of-the-file") == Principal("operator", "administrator")
    for wrong in ("", "crm", token_digest(SHOWN), SHOWN + "x", "operator-token-of-the-fil\u00e9"):
        assert gate(clock).by_token(wrong) is None
    assert Gate(lambda: SITE, KEY, clock).by_token("") is None


def test_a_token_is_taken_through_its_last_day(clock: Clock) -> None:
    clock.now = 1_830_297_599.0  # 2027-12-31 23:59:59 UTC
    assert gate(clock).by_token(SHOWN) is not None
    clock.now += 1
    assert gate(clock).by_token(SHOWN) is None


def test_a_token_that_is_taken_back_is_refused(clock: Clock) -> None:
    sites = [SITE]
    door = Gate(lambda: sites[-1], KEY, clock)
    assert door.by_token(SHOWN) is not None
    sites.append(replace(SITE, tokens={}))
    assert door.by_token(SHOWN) is None


# --- what they see ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "queues", "agents"),
    [
        (Principal("a", "administrator"), ["sales", "support"], ["anna", "jan", "ola"]),
        (Principal("a", "auditor"), ["sales", "support"], ["anna", "jan", "ola"]),
        (Principal("s", "supervisor", queues=("*",)), ["sales", "support"], ["anna", "jan", "ola"]),
        (Principal("s", "supervisor", queues=("sales",)), ["sales"], ["anna", "jan"]),
        (Principal("s", "supervisor", queues=("gone",)), [], []),
        (Principal("a", "agent", "jan"), ["sales", "support"], ["jan"]),
        (Principal("a", "agent", "anna"), ["sales"], ["anna"]),
        (Principal("a", "agent", ""), [], []),
    ],
)
def test_who_sees_what(who: Principal, queues: list[str], agents: list[str]) -> None:
    sight = sight_of(who, SITE)
    assert [one for one in SITE.queues if sight.queue(one)] == queues
    assert [one for one in ("anna", "jan", "ola") if sight.agent(one)] == agents


# --- guesses ---------------------------------------------------------------------------------------------------------


def test_mistyping_costs_nothing_guessing_does() -> None:
    clock = Clock(0.0)
    throttle = Throttle(clock)
    for _ in range(5):
        throttle.failed("192.0.2.1", "eva")
        assert throttle.wait("192.0.2.1", "eva") == 0.0
    pauses = []
    for _ in range(12):
        throttle.failed("192.0.2.1", "eva")
        pauses.append(throttle.wait("192.0.2.1", "eva"))
        clock.now += pauses[-1]
    assert pauses[:4] == [2.0, 4.0, 8.0, 16.0] and max(pauses) == 900.0
    assert throttle.wait("192.0.2.2", "eva") == 0.0, "somebody else is not locked out by that"


def test_many_names_from_one_source_and_one_name_from_many_sources() -> None:
    clock = Clock(0.0)
    throttle = Throttle(clock)
    for number in range(21):
        throttle.failed("192.0.2.1", f"user{number}")
    assert throttle.wait("192.0.2.1", "fresh") == 2.0
    for number in range(60):
        throttle.failed(f"198.51.100.{number}", "eva")
    assert 0.0 < throttle.wait("203.0.113.1", "eva") <= 30.0


def test_success_forgives_only_who_it_was() -> None:
    throttle = Throttle(Clock(0.0))
    for number in range(20):
        throttle.failed("192.0.2.1", f"user{number}")
    throttle.succeeded("192.0.2.1", "mine")
    throttle.failed("192.0.2.1", "user20")
    assert throttle.wait("192.0.2.1", "mine") > 0.0


def test_the_memory_of_guesses_is_bounded() -> None:
    throttle = Throttle(Clock(0.0))
    for number in range(Throttle.MOST):
        throttle.failed(f"192.0.2.{number}", f"u{number}")
    assert len(throttle._known) == Throttle.MOST


def test_passwords() -> None:
    assert is_password(DIGEST, "correct horse")
    assert not is_password(DIGEST, "correct horse ") and not is_password("", "") and not is_password("x", "x")
