"""Passes of browser phones: for one account, until their end, and no longer than whoever they were made for may log in."""

from __future__ import annotations

from dataclasses import replace

from softswitch.sip import digest
from softswitch.sip.authenticator import Authenticated, Authenticator, Challenge
from softswitch.sip.passes import OF_ONE_SESSION, Pass, Passes
from tests.unit.sip.test_authenticator import ACCOUNTS, REALM, answer, authenticator, message, offer

NAME = "~3f9a"
GRANTED = Pass(
    NAME,
    "alice",
    digest.ha1(NAME, REALM, "pass"),
    digest.ha1(NAME, REALM, "pass", "SHA-256"),
    "s1",
    ("eva", "d"),
    100.0,
)


def shown(auth: Authenticator, password: str = "pass", now: float = 0.0, algorithm: str = "MD5") -> object:
    proof = answer(offer(auth, algorithm, now), user=NAME, password=password)
    return auth.check(message(authorization=proof), ACCOUNTS, now)


def test_a_pass_is_as_good_as_the_accounts_password() -> None:
    for algorithm in ("MD5", "SHA-256"):
        auth = authenticator()
        assert isinstance(shown(auth, algorithm=algorithm), Challenge), "nobody knows that name"
        auth.passes.grant(GRANTED, 0.0)
        found = shown(auth, algorithm=algorithm)
        assert isinstance(found, Authenticated) and found.account is ACCOUNTS["alice"]
        assert isinstance(shown(auth, "secret", algorithm=algorithm), Challenge), (
            "the password of the account is another"
        )


def test_a_pass_ends() -> None:
    auth = authenticator()
    auth.passes.grant(GRANTED, 0.0)
    assert isinstance(shown(auth, now=99.0), Authenticated)
    assert isinstance(shown(auth, now=100.0), Challenge)
    auth.passes.grant(replace(GRANTED, until=500.0), 100.0)
    assert auth.passes.end("another") == 0 and isinstance(shown(auth, now=101.0), Authenticated)
    assert auth.passes.end("s1") == 1 and isinstance(shown(auth, now=102.0), Challenge)
    assert len(auth.passes) == 0


def test_an_account_cannot_be_reached_by_a_name_that_only_looks_like_a_pass() -> None:
    passes = Passes()
    passes.grant(replace(GRANTED, name="alice"), 0.0)
    assert passes.get("alice", 0.0) is None


def test_a_session_has_a_few_and_the_table_has_an_end() -> None:
    passes = Passes()
    for number in range(OF_ONE_SESSION + 3):
        passes.grant(replace(GRANTED, name=f"~{number}"), 0.0)
    assert [number for number in range(OF_ONE_SESSION + 3) if passes.get(f"~{number}", 1.0)] == [3, 4, 5, 6]
    passes.grant(replace(GRANTED, name="~x", session="s2", until=900.0), 200.0)
    assert len(passes) == 1, "what has ended takes no room"


def test_what_the_site_does_not_permit_any_more_is_forgotten() -> None:
    passes = Passes()
    passes.grant(GRANTED, 0.0)
    passes.keep(lambda one: one.owner == ("eva", "d"))
    assert passes.get(NAME, 1.0) is GRANTED
    passes.keep(lambda one: one.owner == ("eva", "another password"))
    assert passes.get(NAME, 1.0) is None
