"""What outsiders try, in virtual time. Each test is named after its row: S1..S9 and R8 of the goals, SEC-xx of the features."""

from __future__ import annotations

import gc
import re
import sys
import time
from collections.abc import Callable

import pytest

from softswitch.effects import Flow
from tests.sim.agent import UserAgent
from tests.sim.phone import Line
from tests.sim.text import Raw, md5_challenge
from tests.sim.world import World, account, site

METHODS = (
    "REGISTER",
    "INVITE",
    "SUBSCRIBE",
    "MESSAGE",
    "OPTIONS",
    "PUBLISH",
    "REFER",
    "INFO",
    "NOTIFY",
    "UPDATE",
    "BYE",
)
TRIES = 150


class Stranger(UserAgent):
    """Somebody at an address of its own, who sends what it likes and keeps what comes back."""

    def __init__(self, world: World, user: str = "anna", password: str = "wrong", host: str = "203.0.113.66") -> None:
        super().__init__(world, user, password, host, 5060)

    def ask(
        self, method: str, to: str, headers: str = "", *, body: bytes = b"", uri: str = "", tags: str = ""
    ) -> Raw | None:
        """Send one request; what came back first, None if nothing did."""
        host, port = self.address
        domain = self.world.domain
        count = len(self.received)
        text = (
            f"{method} {uri or f'sip:{to}@{domain}'} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{self.fresh('s')};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{to}@{domain}>;tag={self.fresh('t')}\r\nTo: <sip:{to}@{domain}>{tags}\r\n"
            f"Call-ID: {self.fresh('c')}\r\nCSeq: 7 {method}\r\nContact: <sip:{to}@{host}:{port}>\r\n{headers}"
            f"Content-Length: {len(body)}\r\n\r\n"
        )  # fmt: skip
        self.send(text.encode("latin-1") + body)
        self.world.run(0.5)
        return self.received[count] if len(self.received) > count else None


def world(**more: object) -> World:
    return World(site("anna", "bob", "carl", extensions={"600": "echo"}), **more)  # type: ignore[arg-type]


def talking(w: World) -> tuple[Line, Line]:
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    line = anna.call("bob")
    w.run(2)
    assert line.state == "up", line.log
    return line, bob.lines[-1]


def masked(raw: Raw | None, user: str) -> str:
    """An answer without what must differ: the user that was asked for, tags, nonces, branches, Call-IDs."""
    assert raw is not None
    text = raw.start + "\n" + "\n".join(f"{name}: {value}" for name, value in raw.lines)
    text = re.sub(r'(tag=|nonce="|branch=|Call-ID: )[^;">\s]+', r"\1X", text)
    return text.replace(user, "USER")


# --- S1 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_s1_known_and_unknown_users_are_answered_alike(method: str) -> None:
    w = world()
    w.phone("anna")
    w.run(1)
    stranger = Stranger(w)
    bare = {user: stranger.ask(method, user) for user in ("anna", "nobd")}
    assert masked(bare["anna"], "anna") == masked(bare["nobd"], "nobd")
    if bare["anna"] is None or bare["anna"].status != 401:
        return
    given = {}
    for user in ("anna", "nobd"):
        stranger.user = user
        challenged = stranger.ask(method, user)
        assert challenged is not None
        proof = stranger.credentials(md5_challenge(challenged), method, f"sip:{user}@{w.domain}")
        given[user] = stranger.ask(method, user, f"Authorization: {proof}\r\n")
    assert masked(given["anna"], "anna") == masked(given["nobd"], "nobd")


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "SUBSCRIBE", "MESSAGE", "OPTIONS", "PUBLISH", "INFO"])
def test_s1_both_take_the_same_time(method: str) -> None:
    """The quickest of many tries, which no busy machine can falsify."""
    w = world()
    switch = w.switch.switch
    best = {"anna": 1.0, "nobd": 1.0}
    for number in range(TRIES):
        for user in best:
            flow = Flow("udp", f"203.0.{number % 200}.{number % 250}", 5060, 0)
            challenge = switch.guard.authenticator._nonce(flow.host, f"{int(w.now * 1000):011x}")
            data = (
                f"{method} sip:{user}@{w.domain} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {flow.host}:5060;branch=z9hG4bK{number}{user};rport\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:{user}@{w.domain}>;tag={number}\r\nTo: <sip:{user}@{w.domain}>\r\n"
                f"Call-ID: {number}{user}\r\nCSeq: 1 {method}\r\nContact: <sip:{user}@{flow.host}>\r\n"
                f'Authorization: Digest username="{user}", realm="{w.domain}", nonce="{challenge}", uri="sip:{user}@{w.domain}", '
                f'response="{number:032x}", algorithm=MD5, cnonce="c", qop=auth, nc=00000001\r\nContent-Length: 0\r\n\r\n'
            ).encode()
            began = time.perf_counter()
            switch.receive(data, flow, w.now)
            switch.drain()
            best[user] = min(best[user], time.perf_counter() - began)
    assert abs(best["anna"] - best["nobd"]) < 1e-4, best


# --- S2, S3 ----------------------------------------------------------------------------------------------------------


def test_s2_a_proof_that_was_overheard_is_worth_nothing() -> None:
    w = world()
    owner = Stranger(w, "anna", "secret-anna", host="203.0.113.1")
    challenged = owner.ask("REGISTER", "anna")
    assert challenged is not None
    uri = f"sip:anna@{w.domain}"
    header = f"Authorization: {owner.credentials(md5_challenge(challenged), 'REGISTER', uri)}\r\n"
    first = owner.ask("REGISTER", "anna", header)
    assert first is not None and first.status == 200
    again = owner.ask("REGISTER", "anna", header)
    assert again is not None and again.status == 401, "the same proof in another request"
    thief = Stranger(w, host="203.0.113.2")
    stolen = thief.ask("REGISTER", "anna", header)
    assert stolen is not None and stolen.status == 401, "from another address"
    neighbour = Stranger(w, host="203.0.113.1")
    neighbour.address = ("203.0.113.1", 5999)
    w.attach(neighbour)
    sent = next(data for data in reversed(list(_sent_by(owner))) if b"Authorization" in data)
    neighbour.send(sent.replace(b":5060;", b":5999;"))
    w.run(1)
    assert [raw.status for raw in neighbour.received] == [401], "a copy from another port of the same address"
    assert len(w.switch.registrar.bindings("anna", w.now)) == 1


def _sent_by(agent: UserAgent) -> list[bytes]:
    return agent.__dict__.setdefault("sent", [])


@pytest.fixture(autouse=True)
def _remember_what_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Stranger.send

    def send(self: Stranger, data: bytes) -> None:
        _sent_by(self).append(data)
        original(self, data)

    monkeypatch.setattr(Stranger, "send", send)


def test_s2_a_nonce_lives_for_a_minute() -> None:
    w = world()
    owner = Stranger(w, "anna", "secret-anna")
    challenged = owner.ask("REGISTER", "anna")
    assert challenged is not None
    w.run(61)
    header = f"Authorization: {owner.credentials(md5_challenge(challenged), 'REGISTER', f'sip:anna@{w.domain}')}\r\n"
    late = owner.ask("REGISTER", "anna", header)
    assert late is not None and late.status == 401 and "stale=TRUE" in late.get("WWW-Authenticate")


def test_s3_an_account_without_an_md5_secret_cannot_be_had_by_md5() -> None:
    strong = site(accounts={"anna": account("anna").__class__("anna", ha1_sha256="0" * 64)})
    w = World(strong)
    owner = Stranger(w, "anna", "secret-anna")
    challenged = owner.ask("REGISTER", "anna")
    assert challenged is not None
    header = f"Authorization: {owner.credentials(md5_challenge(challenged), 'REGISTER', f'sip:anna@{w.domain}')}\r\n"
    answer = owner.ask("REGISTER", "anna", header)
    assert answer is not None and answer.status == 401


# --- SEC-02, SEC-03 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [one for one in METHODS if one != "OPTIONS"])
def test_sec02_nothing_is_done_for_who_has_not_proved_an_account(method: str) -> None:
    w = world()
    bob = w.phone("bob")
    w.run(1)
    before = len(bob.received)
    answer = Stranger(w).ask(method, "bob", "Event: dialog\r\nRefer-To: <sip:900@pbx.test>\r\n", body=b"hello")
    assert answer is not None and answer.status in (401, 405)
    assert len(bob.received) == before and not w.switch.calls.calls and not len(w.switch.switch.notifier)


@pytest.mark.parametrize("status", [401, 407])
def test_sec03_a_challenge_of_a_phone_is_never_answered(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2021-41158: whoever is called asks for the credentials of the caller, in the INVITE or later in the dialog."""
    w = world()
    sent: list[bytes] = []
    original = w.transmit
    monkeypatch.setattr(w, "transmit", lambda data, *more: (sent.append(data), original(data, *more)))
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    challenge = f'{name}: Digest realm="{w.domain}", nonce="n", algorithm=MD5, qop="auth"\r\n'
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("bob")
    w.run(0.5)
    invite = next(raw for raw in bob.received if raw.start.startswith("INVITE"))
    bob.respond(invite, status, tag="x", headers=challenge)
    w.run(5)
    assert line.state == "ended" and line.status not in (401, 407), "nor is it handed to the caller"
    second = anna.call("bob")
    bob.behaviour.answer_after = 0.1
    w.run(2)
    assert second.state == "up"
    there = bob.lines[-1]
    bob.reinvite(there, "sendonly")
    w.run(1)
    for request in [raw for raw in bob.received if raw.start.startswith(("INVITE", "INFO", "OPTIONS"))]:
        bob.respond(request, status, headers=challenge)
    w.run(5)
    from_switch = [data for data in sent if b"User-Agent: softswitch" in data and not data.startswith(b"SIP/2.0")]
    assert from_switch and not any(b"Authorization:" in data for data in from_switch)


# --- S5 --------------------------------------------------------------------------------------------------------------

VICTIM = ("198.18.0.99", 5060)
RELAYS: tuple[dict[str, str], ...] = tuple(
    {"uri": uri, "headers": headers, "tags": tags}
    for uri in ("sip:a@198.18.0.99", "sip:a@198.18.0.99:5060;transport=udp", "sip:anna@pbx.test;maddr=198.18.0.99",
                "tel:+4812345")
    for headers in (
        "", "Route: <sip:198.18.0.99;lr>\r\n", "Route: <sip:pbx.test;lr>, <sip:198.18.0.99;lr>\r\n",
        "Record-Route: <sip:198.18.0.99>\r\n",
        "Path: <sip:198.18.0.99;lr>\r\n",
    )
    for tags in ("", ";tag=made-up")
)  # fmt: skip


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "SUBSCRIBE", "OPTIONS", "REGISTER", "BYE", "ACK"])
@pytest.mark.parametrize("known", [False, True])
def test_s5_nothing_is_relayed_to_strangers(method: str, known: bool) -> None:
    w = world()
    victim = UserAgent(w, "victim", "", *VICTIM)
    owner = Stranger(w, "anna", "secret-anna" if known else "wrong", host="203.0.113.7")
    for probe in RELAYS:
        answer = owner.ask(method, "anna", probe["headers"], uri=probe["uri"], tags=probe["tags"])
        if answer is not None and answer.status == 401 and known:
            proof = owner.credentials(md5_challenge(answer), method, probe["uri"])
            headers = f"Authorization: {proof}\r\n{probe['headers']}"
            owner.ask(method, "anna", headers, uri=probe["uri"], tags=probe["tags"])
    w.run(40)
    assert victim.received == []


# --- S6, SEC-17 ------------------------------------------------------------------------------------------------------

CLAIMS = (
    "P-Asserted-Identity: <sip:boss@pbx.test>", "P-Preferred-Identity: <sip:boss@pbx.test>",
    "Remote-Party-ID: <sip:boss@pbx.test>;party=calling",
    "Diversion: <sip:boss@pbx.test>;reason=unconditional", "History-Info: <sip:boss@pbx.test>;index=1", "Identity: boss",
    "P-Asserted-Identity : <sip:boss@pbx.test>", "P-Asserted-Identity\t: <sip:boss@pbx.test>",
    "p-asserted-IDENTITY:\r\n <sip:boss@pbx.test>",
    "X-Boss: 1", "X-Boss : 1", "X-Queue: boss", "P-Charge-Info: boss", "Alert-Info: <http://boss/>;info=alert-autoanswer",
    "Call-Info: <sip:boss>;answer-after=0", "P-Auto-Answer: boss", "Answer-Mode: Auto;boss", "Referred-By: <sip:boss@pbx.test>",
    "Authorization: Digest username=\"boss\"", "Proxy-Authorization: Digest username=\"boss\"", "Route: <sip:boss@9.9.9.9;lr>",
)  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS)
def test_s6_no_claim_of_a_phone_reaches_the_other_side(claim: str) -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=0.2)
    w.run(1)
    name, _, value = claim.partition(":")
    if name != "Authorization":  # That one the phone writes itself.
        anna.call("bob", headers={name: value.lstrip(" ")})
    else:
        anna.call("bob", headers={"Proxy-Authorization": value.lstrip(" ")})
    w.run(3)
    heard = [raw for raw in bob.received if not raw.status]
    assert heard
    for raw in heard:
        assert "boss" not in "\n".join(f"{key}: {text}" for key, text in raw.lines).lower(), raw.lines
        assert "anna@" in raw.get("From")


# --- S7 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method", ["BYE", "INVITE", "UPDATE", "INFO", "REFER", "NOTIFY", "MESSAGE", "PRACK", "OPTIONS", "CANCEL"]
)
@pytest.mark.parametrize("side", [0, 1])
def test_s7_the_right_tags_from_a_foreign_address_are_refused(method: str, side: int) -> None:
    w = world()
    line = talking(w)[side]
    thief = Stranger(w)
    headers = line.phone.dialog_headers(line, method, line.cseq + 1)
    headers["Contact"] = f"<sip:thief@{thief.address[0]}>"
    body = b"v=0\r\no=- 7 9 IN IP4 203.0.113.66\r\ns=-\r\nc=IN IP4 203.0.113.66\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
    thief.request(method, line.target, headers, body if method in ("INVITE", "UPDATE") else b"", retransmit=False)
    w.run(3)
    # 401: an account may go on from another address when it proves itself.
    assert [raw.status for raw in thief.received] in ([481], [405], [401])
    assert line.state == "up" and w.hears(line).startswith("bridge:")
    assert "203.0.113.66" not in {port.opened.host for port in w.worker.ports.values()}


def test_s7_a_foreign_cancel_and_a_foreign_answer_change_nothing() -> None:
    w = world()
    anna, bob = w.phone("anna"), w.phone("bob", answer_after=None)
    w.run(1)
    line = anna.call("bob")
    w.run(0.5)
    assert line.state == "ringing"
    thief = Stranger(w)
    headers = anna.dialog_headers(line, "CANCEL", line.cseq)
    headers["To"] = line.remote
    thief.request("CANCEL", line.target, headers, branch=line.invite_branch, retransmit=False)
    invite = next(raw for raw in bob.received if raw.start.startswith("INVITE"))
    for status in (200, 486, 603):
        thief.respond(invite, status, tag="thief", headers="Contact: <sip:thief@203.0.113.66>\r\n")
    w.run(2)
    assert line.state == "ringing" and [raw.status for raw in thief.received] == [481]


# --- S8 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "OPTIONS", "MESSAGE", "BYE", "CANCEL"])
@pytest.mark.parametrize(
    "via", ["198.18.0.99:5060;rport", "198.18.0.99:5060", "198.18.0.99;maddr=198.18.0.99", "victim.example"]
)
def test_s8_no_header_aims_an_answer_at_a_third_party(method: str, via: str) -> None:
    w = world()
    victim, source = UserAgent(w, "victim", "", *VICTIM), Stranger(w)
    source.send(
        (
            f"{method} sip:anna@{w.domain} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bKx;received=198.18.0.99\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:a@198.18.0.99>;tag=1\r\nTo: <sip:anna@{w.domain}>\r\n"
            f"Call-ID: c\r\nCSeq: 1 {method}\r\nContact: <sip:a@198.18.0.99>\r\n"
            "Route: <sip:198.18.0.99;lr>\r\nRecord-Route: <sip:198.18.0.99;lr>\r\n"
            "Reply-To: <sip:198.18.0.99>\r\nContent-Length: 0\r\n\r\n"
        ).encode()
    )  # fmt: skip
    w.run(40)
    assert victim.received == [] and len(source.received) == 1, "one datagram, never repeated"


def test_s8_stray_responses_go_nowhere() -> None:
    w = world()
    victim, source = UserAgent(w, "victim", "", *VICTIM), Stranger(w)
    for number in range(200):
        source.send(
            f"SIP/2.0 {200 + number} X\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0{number}\r\n"
            "Via: SIP/2.0/UDP 198.18.0.99:5060;branch=z9hG4bKv\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
            f"Call-ID: {number}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n".encode()
        )
    w.run(10)
    assert victim.received == source.received == []
    assert w.switch.endpoint.counters.stray_responses == 200


# --- S9, SEC-06 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
def test_s9_twenty_thousand_transactions_of_strangers_cost_no_memory(method: str) -> None:
    w = world()
    switch, gate = w.switch.switch, w.switch.switch.guard.gate

    def flood(first: int, count: int) -> None:
        for number in range(first, first + count):
            flow = Flow(
                "udp", f"203.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", 1024 + number % 60_000, 0
            )
            data = (
                f"{method} sip:{number}@{w.domain} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {flow.host}:{flow.port};branch=z9hG4bK{number};rport\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:{number}@{w.domain}>;tag={number}\r\nTo: <sip:{number}@{w.domain}>\r\n"
                f"Call-ID: {number}@{flow.host}\r\nCSeq: 1 {method}\r\nContact: <sip:{number}@{flow.host}>\r\n"
                f"User-Agent: u{number}\r\nContent-Length: 0\r\n\r\n"
            ).encode()
            assert gate.stops(data, flow, 0.0, w.now) is None
            switch.receive(data, flow, w.now)
            switch.drain()
            w.switch.items.clear()  # The world's own records.
            w.now += 1e-4
            switch.expire(w.now)

    flood(0, 6_000)  # Caches of a fixed size are full now.
    gc.collect()
    before = sys.getallocatedblocks()
    flood(6_000, 20_000)
    w.now += 1.0
    switch.expire(w.now)
    gc.collect()
    assert sys.getallocatedblocks() - before < 2_000, "each block is a hundred octets or so"
    core = w.switch.endpoint._core
    assert not (core.servers or core.clients or core.pending or core.merged or core.timers)


# --- R8 --------------------------------------------------------------------------------------------------------------

VITALS = (
    "Via: SIP/2.0/UDP 203.0.113.66:5060;branch=z9hG4bK{};rport\r\nMax-Forwards: 70\r\nFrom: <sip:anna@pbx.test>;tag=1\r\n"
    "To: <sip:anna@pbx.test>\r\nCall-ID: {}\r\nCSeq: 1 INVITE\r\nContact: <sip:anna@203.0.113.66>\r\n"
)  # fmt: skip
LONG = 64_000
SLOW: dict[str, Callable[[], str]] = {
    "empty headers": lambda: "X:\r\n" * (LONG // 4),
    "200 headers of 300": lambda: "".join(f"X-{n}: {'a' * 290}\r\n" for n in range(190)),
    "commas in a header": lambda: "".join("Contact: " + "," * 8_000 + "\r\n" for _ in range(7)),
    "quotes": lambda: "".join('Accept: "' + '\\"' * 3_900 + "\r\n" for _ in range(7)),
    "folded lines": lambda: "Subject: a\r\n" + " b\r\n" * 180,
    "routes": lambda: "".join("Route: " + "<sip:a@b;lr>," * 600 + "<sip:a@b>\r\n" for _ in range(7)),
    "via list": lambda: "".join(
        "Via: " + "SIP/2.0/UDP a;branch=z9hG4bKa," * 250 + "SIP/2.0/UDP a\r\n" for _ in range(7)
    ),
    "digest parameters": lambda: "".join("Authorization: Digest " + 'a="b",' * 1_300 + "\r\n" for _ in range(7)),
    "digest without end": lambda: "".join(
        'Authorization: Digest username="' + "\\a" * 3_900 + "\r\n" for _ in range(7)
    ),
    "require": lambda: "".join("Require: " + "a," * 3_900 + "a\r\n" for _ in range(7)),
    "semicolons": lambda: "".join("Event: x" + ";" * 8_000 + "\r\n" for _ in range(7)),
    "angle brackets": lambda: "".join("Contact: " + "<" * 8_000 + "\r\n" for _ in range(7)),
    "percent": lambda: "".join("Contact: <sip:" + "%41" * 2_600 + "@b>\r\n" for _ in range(7)),
    "blanks": lambda: "".join("Accept:" + " \t" * 3_900 + "x\r\n" for _ in range(7)),
    "comments": lambda: "".join("User-Agent: " + "(" * 8_000 + "\r\n" for _ in range(7)),
}


@pytest.mark.parametrize("what", SLOW)
def test_r8_no_message_stalls_the_loop(what: str) -> None:
    """RELIABILITY R8, S: 10 ms for one message, its answer included, of a stranger who may write what it likes."""
    w = world()
    switch, flow = w.switch.switch, Flow("udp", "203.0.113.66", 5060, 0)
    head, best = SLOW[what](), 1.0
    for number in range(5):
        text = (
            "INVITE sip:bob@pbx.test SIP/2.0\r\n" + VITALS.format(number, number) + head + "Content-Length: 0\r\n\r\n"
        )
        data = text.encode()[:65_535]
        began = time.process_time()
        switch.receive(data, flow, w.now)
        switch.drain()
        best = min(best, time.process_time() - began)
    assert best < 0.010, f"{best * 1e3:.1f} ms"
