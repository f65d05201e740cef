"""Digest authentication of requests (RFC 3261 section 22, RFC 7616; FEATURES SIG-03, RELIABILITY S1 to S3)."""

from __future__ import annotations

import dataclasses

import pytest

from softswitch.directory import Account
from softswitch.effects import Flow
from softswitch.sip import digest
from softswitch.sip.authenticator import Authenticated, Authenticator, Challenge, Refused, belongs
from softswitch.sip.message import Message
from tests.unit.sip.peer import PHONE, parsed, request

REALM = "pbx.test"


def account(user: str = "alice", password: str = "secret") -> Account:
    return Account(user, digest.ha1(user, REALM, password), digest.ha1(user, REALM, password, "SHA-256"))


ACCOUNTS = {name: account(name) for name in ("alice", "zażółć")}


def authenticator(**settings: object) -> Authenticator:
    return Authenticator(REALM, b"k" * 32, **settings)  # type: ignore[arg-type]


def challenges(result: object) -> list[digest.Challenge]:
    assert isinstance(result, Challenge)
    lines = [line.partition(": ")[2] for line in result.headers.split("\r\n") if line]
    found = [digest.parse_challenge(line) for line in lines]
    assert all(found)
    return found  # type: ignore[return-value]


def message(
    method: str = "REGISTER",
    authorization: str = "",
    *,
    flow: Flow = PHONE,
    name: str = "Authorization",
    **fields: object,
) -> Message:
    headers = f"{name}: {authorization}\r\n" if authorization else ""
    fields.setdefault("uri", "sip:pbx.test")
    return parsed(request(method, headers=headers + str(fields.pop("headers", "")), **fields), flow)  # type: ignore[arg-type]


def offer(auth: Authenticator, algorithm: str = "MD5", now: float = 0.0, flow: Flow = PHONE) -> digest.Challenge:
    found = challenges(auth.check(message(flow=flow), ACCOUNTS, now))
    return next(challenge for challenge in found if challenge.algorithm == algorithm)


def answer(
    offered: digest.Challenge,
    user: str = "alice",
    password: str = "secret",
    method: str = "REGISTER",
    uri: str = "sip:pbx.test",
    count: int = 1,
) -> str:
    return digest.authorization(offered, user, password, method, uri, "cn", count)


def test_the_stronger_algorithm_is_offered_first_with_the_same_nonce() -> None:
    result = authenticator().check(message(), ACCOUNTS, 1.0)
    first, second = challenges(result)
    assert isinstance(result, Challenge) and (result.status, result.failed) == (401, False)
    assert (first.algorithm, second.algorithm) == ("SHA-256", "MD5")
    assert first.nonce == second.nonce and len(first.nonce) == 24
    assert first.realm == REALM and first.qop == ("auth",) and not first.stale


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("user", ["alice", "zażółć"])
def test_the_right_password_is_accepted(algorithm: str, user: str) -> None:
    auth = authenticator()
    result = auth.check(message(authorization=answer(offer(auth, algorithm), user)), ACCOUNTS, 1.0)
    assert isinstance(result, Authenticated) and result.account is ACCOUNTS[user]


def test_a_proxy_asks_with_407() -> None:
    auth = authenticator(proxy=True)
    result = auth.check(message(), ACCOUNTS, 0.0)
    assert (
        isinstance(result, Challenge)
        and result.status == 407
        and result.headers.startswith("Proxy-Authenticate: Digest ")
    )
    proof = answer(challenges(result)[0])
    assert isinstance(
        auth.check(message(authorization=proof, name="Proxy-Authorization"), ACCOUNTS, 0.0), Authenticated
    )
    assert isinstance(auth.check(message(authorization=proof), ACCOUNTS, 0.0), Challenge)


@pytest.mark.parametrize(
    "user, password",
    [("alice", "wrong"), ("nobody", "secret"), ("", "secret"), ("alice\xff", "secret")],
)
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(user: str, password: str) -> None:
    auth = authenticator()
    result = auth.check(message(authorization=answer(offer(auth), user, password)), ACCOUNTS, 1.0)
    assert result == dataclasses.replace(auth.challenge(message(), 1.0), failed=True)


@pytest.mark.parametrize("change", [
    ("nonce", "x"), ("uri", "sip:elsewhere.example"), ("response", "0" * 32), ("nc", "00000002"), ("cnonce", "other"),
    ("realm", "other.example"), ("username", "bob"), ("algorithm", "SHA-256"), ("algorithm", "AKAv1-MD5"), ("qop", "auth-int"),
    ("response", "é"), ("response", ""), ("nc", "1"), ("nc", "zzzzzzzz"), ("nonce", ""),
])  # fmt: skip
def test_any_changed_parameter_is_refused(change: tuple[str, str]) -> None:
    auth = authenticator()
    proof = answer(offer(auth))
    parts = dict(part.split("=", 1) for part in proof.removeprefix("Digest ").split(", "))
    quoted = parts[change[0]].startswith('"')
    parts[change[0]] = f'"{change[1]}"' if quoted else change[1]
    changed = "Digest " + ", ".join(f"{name}={value}" for name, value in parts.items())
    assert isinstance(auth.check(message(authorization=changed), ACCOUNTS, 1.0), Challenge)
    assert isinstance(auth.check(message(authorization=proof), ACCOUNTS, 1.0), Authenticated)


def test_a_proof_of_another_method_is_refused() -> None:
    auth = authenticator()
    proof = answer(offer(auth), method="INVITE")
    assert isinstance(auth.check(message(authorization=proof), ACCOUNTS, 0.0), Challenge)


def test_the_form_of_rfc_2069_is_for_md5_only() -> None:
    auth = authenticator()
    for algorithm, accepted in (("MD5", True), ("SHA-256", False)):
        old = dataclasses.replace(offer(auth, algorithm), qop=())
        result = auth.check(message(authorization=answer(old)), ACCOUNTS, 0.0)
        assert isinstance(result, Authenticated) is accepted


def test_an_algorithm_that_was_not_offered_or_has_no_secret_is_refused() -> None:
    strict = authenticator(algorithms=("SHA-256",))
    (only,) = challenges(strict.check(message(), ACCOUNTS, 0.0))
    assert isinstance(
        strict.check(message(authorization=answer(dataclasses.replace(only, algorithm="MD5"))), ACCOUNTS, 0.0),
        Challenge,
    )
    auth = authenticator()
    modern = {"alice": dataclasses.replace(ACCOUNTS["alice"], ha1_md5="")}
    result = auth.check(message(authorization=answer(offer(auth, "MD5"))), modern, 0.0)
    assert isinstance(result, Challenge) and result.failed
    assert isinstance(auth.check(message(authorization=answer(offer(auth, "SHA-256"))), modern, 0.0), Authenticated)
    assert isinstance(
        auth.check(message(authorization=answer(offer(auth, "MD5"), password="")), {"alice": Account("alice")}, 0.0),
        Challenge,
    )


def test_a_nonce_grows_stale() -> None:
    auth = authenticator(lifetime=60.0)
    offered = offer(auth, now=100.0)
    assert isinstance(auth.check(message(authorization=answer(offered)), ACCOUNTS, 160.0), Authenticated)
    late = auth.check(message(authorization=answer(offered, count=2)), ACCOUNTS, 161.0)
    assert isinstance(late, Challenge) and not late.failed and all(c.stale for c in challenges(late))
    wrong = auth.check(message(authorization=answer(offered, password="wrong")), ACCOUNTS, 161.0)
    assert not any(c.stale for c in challenges(wrong))


def test_a_nonce_is_bound_to_its_source_its_realm_and_its_key() -> None:
    auth = authenticator()
    proof = answer(offer(auth))
    elsewhere = auth.check(message(authorization=proof, flow=Flow("udp", "203.0.113.9", 5060)), ACCOUNTS, 0.0)
    assert challenges(elsewhere)[0].stale
    assert isinstance(
        auth.check(message(authorization=proof, flow=PHONE._replace(port=40000)), ACCOUNTS, 0.0), Authenticated
    )
    restarted = Authenticator(REALM, b"other key", lifetime=60.0)
    assert challenges(restarted.check(message(authorization=proof), ACCOUNTS, 0.0))[0].stale
    forged = dataclasses.replace(offer(auth), nonce="0" * 24)
    assert challenges(auth.check(message(authorization=answer(forged)), ACCOUNTS, 0.0))[0].stale
    future = dataclasses.replace(offer(auth, now=1000.0))
    assert challenges(auth.check(message(authorization=answer(future)), ACCOUNTS, 0.0))[0].stale


def test_a_proof_is_accepted_once_but_for_copies_of_the_same_request() -> None:
    auth = authenticator()
    offered = offer(auth)
    first = message(authorization=answer(offered), cseq=2)
    assert isinstance(auth.check(first, ACCOUNTS, 0.0), Authenticated)
    assert isinstance(auth.check(first, ACCOUNTS, 0.5), Authenticated)
    replayed = message(authorization=answer(offered), cseq=3, branch="z9hG4bKother")
    assert challenges(auth.check(replayed, ACCOUNTS, 1.0))[0].stale
    assert challenges(auth.check(replayed, ACCOUNTS, 59.0))[0].stale
    assert isinstance(auth.check(message(authorization=answer(offered, count=2), cseq=3), ACCOUNTS, 1.0), Authenticated)


def test_what_is_remembered_is_bounded_and_never_lets_a_replay_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softswitch.sip.authenticator.MAX_SEEN", 10)
    auth = authenticator()
    proofs = []
    for number in range(100):
        now = 1.0 + number / 100
        offered = offer(auth, now=now)
        proofs.append(answer(offered))
        assert isinstance(auth.check(message(authorization=proofs[-1], cseq=number + 1), ACCOUNTS, now), Authenticated)
        assert len(auth._seen) + len(auth._seen_before) <= 20
    for proof in proofs:
        assert isinstance(auth.check(message(authorization=proof, cseq=1000), ACCOUNTS, 2.0), Challenge)


@pytest.mark.parametrize(
    "uri, target, fits",
    [
        ("sip:1000@pbx.test", "sip:1000@pbx.test", True),
        ("sip:pbx.test;transport=UDP", "sip:1000@pbx.test", True),  # pyVoIP
        ("sip:1000@pbx.test:5060", "sip:1000@PBX.test", True),
        ("sip:pbx.test", "sip:1000@192.0.2.1:5060", True),
        ("sip:192.0.2.1", "sip:1000@192.0.2.1:5060", True),
        ("sip:2000@pbx.test", "sip:1000@pbx.test", False),
        ("sip:1000@other.example", "sip:1000@pbx.test", False),
        ("", "sip:1000@pbx.test", False),
        ("1000", "sip:1000@pbx.test", False),
    ],
)
def test_the_digest_uri_must_mean_the_request(uri: str, target: str, fits: bool) -> None:
    auth = authenticator()
    proof = answer(offer(auth), method="INVITE", uri=uri)
    result = auth.check(message("INVITE", proof, uri=target), ACCOUNTS, 0.0)
    assert isinstance(result, Authenticated) is fits


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic YWxpY2U6c2VjcmV0",
        "Digest",
        "Digest x",
        "NoOneKnowsThisScheme a=b",
        "Digest " + "a=b," * 40,
        'Digest username="a',
    ],
)
def test_strange_credentials_are_none(value: str) -> None:
    result = authenticator().check(message(authorization=value), ACCOUNTS, 0.0)
    assert isinstance(result, Challenge) and not result.failed


def test_the_credentials_for_our_realm_are_found_among_others() -> None:
    auth = authenticator()
    others = 'Digest username="x", realm="other", nonce="n", uri="sip:x", response="00"'
    headers = f"Authorization: {others}\r\nAuthorization: {answer(offer(auth))}\r\n"
    assert isinstance(auth.check(message(headers=headers), ACCOUNTS, 0.0), Authenticated)


@pytest.mark.parametrize(
    "agent, offered",
    [
        ("baresip v1.0.0 (x86_64/linux)", ["MD5"]),
        ("pyVoIP 1.6.8", ["MD5"]),
        ("baresip v4.1.0", ["SHA-256", "MD5"]),
        ("", ["SHA-256", "MD5"]),
    ],
)
def test_phones_that_choke_on_sha_256_are_spared(agent: str, offered: list[str]) -> None:
    result = authenticator().check(message(headers=f"User-Agent: {agent}\r\n"), ACCOUNTS, 0.0)
    assert [challenge.algorithm for challenge in challenges(result)] == offered


def test_a_site_without_md5_spares_nobody() -> None:
    result = authenticator(algorithms=("SHA-256",)).check(
        message(headers="User-Agent: baresip v1.0.0\r\n"), ACCOUNTS, 0.0
    )
    assert [challenge.algorithm for challenge in challenges(result)] == ["SHA-256"]


@pytest.mark.parametrize(
    "method, from_, to, fits",
    [
        ("REGISTER", "sip:boss@pbx.test", "sip:alice@pbx.test", True),
        ("REGISTER", "sip:alice@pbx.test", "sip:bob@pbx.test", False),
        ("INVITE", "sip:alice@PBX.test:5060", "sip:bob@pbx.test", True),
        ("INVITE", "sip:%61lice@pbx.test", "sip:bob@pbx.test", True),
        ("INVITE", "sip:bob@pbx.test", "sip:bob@pbx.test", False),
        ("INVITE", "sip:alice@elsewhere.example", "sip:bob@pbx.test", False),
        ("MESSAGE", "tel:+48221234567", "sip:bob@pbx.test", False),
    ],
)
def test_an_identity_belongs_to_its_account(method: str, from_: str, to: str, fits: bool) -> None:
    data = request(method).replace(b"sip:alice@pbx.test>;tag", f"{from_}>;tag".encode())
    m = parsed(data.replace(b"To: <sip:1000@pbx.test>", f"To: <{to}>".encode()))
    assert belongs(m, ACCOUNTS["alice"], {"pbx.test", "192.0.2.1"}) is fits


def test_after_too_many_wrong_passwords_not_even_the_right_one_is_looked_at() -> None:
    auth = authenticator()
    statuses = []
    for number in range(30):
        result = auth.check(message(authorization=answer(offer(auth), "alice", f"guess {number}")), ACCOUNTS, 0.0)
        assert not isinstance(result, Authenticated)
        statuses.append(result.status)
    assert statuses == [401] * 18 + [403] * 12
    assert isinstance(auth.check(message(authorization=answer(offer(auth))), ACCOUNTS, 0.0), Refused)
    elsewhere = Flow("udp", "203.0.113.9", 5060)
    proof = answer(offer(auth, flow=elsewhere))
    assert isinstance(auth.check(message(authorization=proof, flow=elsewhere), ACCOUNTS, 0.0), Authenticated)


def test_known_and_unknown_users_are_refused_alike() -> None:
    for user in ("alice", "nobody"):
        auth = authenticator()
        results = [auth.check(message(authorization=answer(offer(auth), user, "x")), ACCOUNTS, 0.0) for _ in range(20)]
        assert [isinstance(result, Refused) for result in results] == [False] * 18 + [True] * 2


@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_with_a_nonce_that_is_not_ours_no_password_is_judged(password: str) -> None:
    auth = authenticator()
    forged = dataclasses.replace(offer(auth), nonce="0" * 24)
    for _ in range(100):
        result = auth.check(message(authorization=answer(forged, "alice", password)), ACCOUNTS, 0.0)
        assert result == auth.challenge(message(), 0.0, stale=True)
    assert auth.guesses.failed == 0, "and nobody can lock out the address that is written as the source"
