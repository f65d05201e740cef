"""Digest authentication: the vectors, the headers, the refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from softswitch.errors import ParseError
from softswitch.sip import digest
from softswitch.sip.digest import Challenge, Credentials


def vectors(shared: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((shared / "corpora" / "digest-vectors" / "digest.json").read_text())
    assert len(found) == 11
    return found


def credentials(v: dict[str, Any]) -> tuple[Credentials, str, str, bytes]:
    """(credentials, HA1, method, body) of a vector."""
    algorithm = v["alg"] + ("-sess" if v.get("sess") else "")
    value = f'Digest username="{v["u"]}", realm="{v["r"]}", nonce="{v["nonce"]}", uri="{v["uri"]}", response="{v["response"]}"'
    value += f", algorithm={algorithm}"
    if v.get("qop"):
        value += f', qop={v["qop"]}, nc={v["nc"]}, cnonce="{v["cn"]}"'
    parsed = digest.parse_authorization(value)
    assert parsed is not None
    return parsed, digest.ha1(v["u"], v["r"], v["p"], v["alg"]), v["m"], v.get("body", "").encode()


def test_responses_are_exact(shared: Path) -> None:
    checked = 0
    for v in vectors(shared):
        if "response" in v:
            parsed, ha1, method, body = credentials(v)
            assert digest.verify(parsed, ha1, method, body), v["name"]
            checked += 1
    assert checked == 9


def test_user_hashes_are_exact(shared: Path) -> None:
    hashes = {v["alg"]: v["userhash"] for v in vectors(shared) if "userhash" in v}
    computed = digest.user_hash("Jäsøn Doe", "api@example.org", "SHA-512-256")
    assert computed == hashes["SHA-512-256"]
    assert computed != hashes["trunc-SHA-512"]


@pytest.mark.parametrize(
    "field", ["response", "nonce", "uri", "nc", "cnonce", "qop", "realm", "username", "method", "body", "ha1"]
)
def test_one_change_is_enough_to_fail(shared: Path, field: str) -> None:
    """Realm and user name count through HA1: whoever looks it up does so by them."""
    changed = 0
    for v in vectors(shared):
        if (
            "response" not in v
            or (field in ("nc", "cnonce", "qop") and not v.get("qop"))
            or (field == "body" and not v.get("body"))
        ):
            continue
        parsed, ha1, method, body = credentials(v)
        if field == "method":
            method += "X"
        elif field == "body":
            body += b"X"
        elif field in ("ha1", "realm", "username"):
            names = {"u": v["u"] + "x" * (field == "username"), "r": v["r"] + "x" * (field == "realm")}
            ha1 = digest.ha1(names["u"], names["r"], v["p"] + "x" * (field == "ha1"), v["alg"])
        elif field == "qop":
            parsed.qop = "auth" if parsed.qop == "auth-int" else "auth-int"
        else:
            text = getattr(parsed, field)
            setattr(parsed, field, ("0" if text[0] != "0" else "1") + text[1:])
        assert not digest.verify(parsed, ha1, method, body), v["name"]
        changed += 1
    assert changed


def test_hex_is_compared_whatever_its_case() -> None:
    ha1 = digest.ha1("bob", "biloxi.com", "zanzibar")
    answer = digest.response_digest(ha1, "INVITE", "sip:bob@biloxi.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093")
    assert answer == "bf57e4e0d0bffc0fbaedce64d59add5e"
    value = 'Digest username="bob", realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="sip:bob@biloxi.com", '
    parsed = digest.parse_authorization(f'{value}response="{answer.upper()}"')
    assert parsed is not None
    assert digest.verify(parsed, ha1, "INVITE")


# --- reading -----------------------------------------------------------------------------------------------------------

PLAIN = 'Digest username="a", realm="r", nonce="n", uri="sip:x", response="00ff"'


@pytest.mark.parametrize(
    "value",
    [
        f'{PLAIN}, algorithm=MD5, qop=auth, nc=00000001, cnonce="c", opaque="o"',
        f'{PLAIN},algorithm="MD5",qop="auth",nc="00000001",cnonce=c,opaque=o',
        f'{PLAIN} , Algorithm = MD5 , QOP = "AUTH" , NC = 00000001 , CNonce="c" , opaque="\\o"'.replace(
            "Digest", "dIgEsT"
        ),
        f'{PLAIN}, x="a,b", algorithm=MD5, qop=auth, nc=00000001, cnonce="c", opaque="o"',
    ],
)
def test_spellings_of_credentials(value: str) -> None:
    assert digest.parse_authorization(value) == Credentials(
        "a", "r", "n", "sip:x", "00ff", "MD5", "auth", "00000001", "c", "o"
    )


def test_rfc_2069_credentials() -> None:
    parsed = digest.parse_authorization(f"{PLAIN}, nc=5, cnonce=x")
    assert parsed is not None
    assert (parsed.qop, parsed.nc, parsed.algorithm, parsed.count, parsed.userhash) == ("", "", "MD5", 0, False)


def test_the_nonce_count_is_a_number() -> None:
    parsed = digest.parse_authorization(f"{PLAIN}, qop=auth, nc=0000001F, cnonce=x, userhash=true")
    assert parsed is not None
    assert (parsed.count, parsed.userhash) == (31, True)


def test_quotes_may_hold_anything() -> None:
    parsed = digest.parse_authorization(
        'Digest username="a, b=\\"c\\"", realm="=,", nonce="n==", uri="sip:x;a=b,c", response="0"'
    )
    assert parsed is not None
    assert (parsed.username, parsed.realm, parsed.nonce, parsed.uri) == ('a, b="c"', "=,", "n==", "sip:x;a=b,c")


@pytest.mark.parametrize(
    "value", ["Basic abc=", "NoOneKnowsThisScheme opaque-data=here", "", "Digestx a=b", "Bearer x"]
)
def test_other_schemes_are_no_credentials(value: str) -> None:
    assert digest.parse_authorization(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "Digest", "Digest ", "Digest x", f"{PLAIN},", f"{PLAIN},,a=b", f'{PLAIN}, realm="r"', f'{PLAIN}, REALM="q"',
        f'{PLAIN}, x="', f'{PLAIN}, x="a"b', f'{PLAIN}, x=a"b', f"{PLAIN}, =x", f"{PLAIN}, a b=x", f"{PLAIN}, qop=auth",
        f"{PLAIN}, qop=auth, nc=1, cnonce=x", f"{PLAIN}, qop=auth, nc=0000000g, cnonce=x", f"{PLAIN}, qop=auth, nc=00000001",
        f"{PLAIN}, qop=auth-x, nc=00000001, cnonce=x", PLAIN.replace("00ff", "zz"), PLAIN.replace("00ff", ""),
        PLAIN.replace("username", "user"), PLAIN.replace(', nonce="n"', ""), PLAIN.replace("00ff", "\xb2"),
        f"{PLAIN}, " + ", ".join(f"x{n}=1" for n in range(30)), f"{PLAIN}, x={'a' * 5000}",
    ],
)  # fmt: skip
def test_malformed_credentials(value: str) -> None:
    with pytest.raises(ParseError):
        digest.parse_authorization(value)


def test_an_unknown_algorithm_is_an_error() -> None:
    with pytest.raises(ParseError):
        digest.response_digest("0", "INVITE", "sip:x", "n", algorithm="SHA-1")
    with pytest.raises(ParseError):
        digest.ha1("a", "b", "c", "")


# --- challenges ----------------------------------------------------------------------------------------------------------


def test_a_challenge() -> None:
    text = digest.challenge("pbx", "abc", "SHA-256", stale=True, opaque="o")
    assert text == 'Digest realm="pbx", nonce="abc", opaque="o", algorithm=SHA-256, qop="auth", stale=TRUE'
    assert digest.parse_challenge(text) == Challenge("pbx", "abc", "SHA-256", ("auth",), "o", True)


def test_challenges_of_others() -> None:
    old = digest.parse_challenge('Digest realm="r", nonce="n"')
    assert old == Challenge("r", "n", "MD5", ())
    assert digest.parse_challenge('Digest qop="auth-int,auth", realm="r,\\"s", nonce=n, domain="sip:x"') == Challenge(
        'r,"s', "n", "MD5", ("auth-int", "auth")
    )
    assert digest.parse_challenge("Basic realm=x") is None
    with pytest.raises(ParseError):
        digest.parse_challenge('Digest realm="r"')


@pytest.mark.parametrize("algorithm", ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256"])
@pytest.mark.parametrize("qop", [(), ("auth",), ("auth-int",), ("auth-int", "auth")])
def test_our_answers_satisfy_our_check(algorithm: str, qop: tuple[str, ...]) -> None:
    offered = digest.parse_challenge(str(Challenge("Łódź".encode().decode("latin-1"), "n", algorithm, qop, "o")))
    assert offered is not None
    value = digest.authorization(offered, "jäger", "hasło", "INVITE", "sip:x", "cn", 3, b"body")
    parsed = digest.parse_authorization(value)
    assert parsed is not None
    assert parsed.count == (3 if qop else 0)
    base = algorithm.removesuffix("-sess")
    assert digest.verify(parsed, digest.ha1("jäger", "Łódź", "hasło", base), "INVITE", b"body")
    assert not digest.verify(parsed, digest.ha1("jäger", "Łódź", "haslo", base), "INVITE", b"body")


def test_an_unknown_qop_cannot_be_answered() -> None:
    with pytest.raises(ParseError):
        digest.authorization(Challenge("r", "n", qop=("auth-conf",)), "a", "b", "INVITE", "sip:x", "c")


def test_seals_depend_on_every_part_and_its_place() -> None:
    seals = {
        digest.seal(key, *parts) for key in (b"k", b"l") for parts in (("a", "b"), ("ab",), ("a", "", "b"), ("b", "a"))
    }
    assert len(seals) == 8
    assert digest.seal(b"k", "a", "b") == digest.seal(b"k", "a", "b")
