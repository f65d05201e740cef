"""RFC 3665, "SIP Basic Call Flow Examples", section by section: Alice, Bob, and the switch where the RFC has its proxies.

The switch is a B2BUA, so that each ladder of the RFC is two here. What the RFC's proxies challenge with 407 it challenges with
401, because it is the called user agent; 100 (Trying) is sent only where nothing else is said for 200 ms.
"""

from __future__ import annotations

from typing import Any

from tests.sim.extended import ExtendedPhone, extended
from tests.sim.ladder import first, ladder
from tests.sim.phone import VirtualPhone
from tests.sim.text import Raw, md5_challenge
from tests.sim.world import World, account, site


def world(**more: Any) -> World:
    return World(site("alice", "bob", **more.pop("site", {})), **more)


def pair(w: World, **bob: Any) -> tuple[ExtendedPhone, ExtendedPhone]:
    alice, there = extended(w, "alice"), extended(w, "bob", **{"answer_after": 1.0, **bob})
    w.run(1)
    return alice, there


# --- 2. Registration services --------------------------------------------------------------------------------------------


class Registrant:
    """Section 2: Bob's phone, one REGISTER at a time."""

    def __init__(self) -> None:
        self.w = world()
        self.phone = VirtualPhone(self.w, "bob", "secret-bob", "198.51.100.9", 5060)
        self.cseq = 0
        self.answers: list[Raw] = []

    def register(self, *contacts: str, expires: str = "", password: str = "") -> Raw:
        """One registration: the first answer without credentials, then the last word."""
        uri = f"sip:{self.w.domain}"
        phone = self.phone
        keep, phone.password = phone.password, password or phone.password

        def attempt(credentials: str) -> None:
            self.cseq += 1
            headers = {
                "From": f"<sip:bob@{self.w.domain}>;tag=a73kszlfl", "To": f"<sip:bob@{self.w.domain}>",
                "Call-ID": "1j9FpLxk3uxtm8tn", "CSeq": f"{self.cseq} REGISTER", "User-Agent": "sipp",
            }  # fmt: skip
            headers |= {"Contact": ", ".join(contacts)} if contacts else {}
            headers |= {"Expires": expires} if expires else {}
            headers |= {"Authorization": credentials} if credentials else {}
            phone.request("REGISTER", uri, headers, done=answered)

        def answered(raw: Raw | None) -> None:
            assert raw is not None
            self.answers.append(raw)
            if raw.status == 401 and len(self.answers) == 1:
                attempt(phone.credentials(md5_challenge(raw), "REGISTER", uri))

        self.answers.clear()
        attempt("")
        self.w.run(1)
        phone.password = keep
        return self.answers[-1]

    @property
    def bound(self) -> list[str]:
        """The contacts that a 200 lists, without their parameters."""
        values = ", ".join(self.answers[-1].all("Contact"))
        return sorted(value.partition(">")[0].strip(" <") for value in values.split(",") if value)


def test_2_1_successful_new_registration() -> None:
    bob = Registrant()
    answer = bob.register("<sip:bob@198.51.100.9:5060>", expires="3600")
    assert [raw.status for raw in bob.answers] == [401, 200]
    challenge = bob.answers[0].get("WWW-Authenticate")
    assert challenge.startswith("Digest ") and 'realm="pbx.test"' in challenge and 'qop="auth"' in challenge
    assert bob.bound == ["sip:bob@198.51.100.9:5060"] and "expires=3600" in answer.get("Contact")


def test_2_2_update_of_contact_list() -> None:
    bob = Registrant()
    bob.register("<sip:bob@198.51.100.9:5060>")
    bob.register("<sip:bob@198.51.100.9:5060>", "<sip:bob@198.51.100.10:5060>")
    assert bob.bound == ["sip:bob@198.51.100.10:5060", "sip:bob@198.51.100.9:5060"]


def test_2_3_request_for_current_contact_list() -> None:
    bob = Registrant()
    bob.register("<sip:bob@198.51.100.9:5060>")
    bob.register()
    assert bob.answers[-1].status == 200 and bob.bound == ["sip:bob@198.51.100.9:5060"]


def test_2_4_cancellation_of_registration() -> None:
    bob = Registrant()
    bob.register("<sip:bob@198.51.100.9:5060>")
    bob.register("*", expires="0")
    assert bob.answers[-1].status == 200 and bob.bound == []
    assert not bob.w.switch.registrar.bindings("bob", bob.w.now)


def test_2_5_unsuccessful_registration() -> None:
    bob = Registrant()
    answer = bob.register("<sip:bob@198.51.100.9:5060>", password="wrong")
    assert [raw.status for raw in bob.answers] == [401, 401]
    assert answer.get("WWW-Authenticate") and not bob.w.switch.registrar.bindings("bob", bob.w.now)


# --- 3. Session establishment ----------------------------------------------------------------------------------------------


def test_3_1_successful_session_establishment() -> None:
    w = world()
    alice, bob = pair(w)
    line = alice.call("bob")
    w.run(3)
    there = bob.lines[0]
    assert (line.state, there.state) == ("up", "up")
    assert w.hears(line) == "bridge:bob" and w.hears(there) == "bridge:alice"
    bob.hang_up(there)
    w.run(1)
    assert ladder(alice) == ["401 INVITE", "180 INVITE", "200 INVITE", "BYE"]
    assert ladder(bob) == ["INVITE", "ACK", "200 BYE"]
    w.run(40)
    w.assert_idle()


def test_3_2_session_establishment_through_two_proxies() -> None:
    """A proxy on each side: requests inside the dialogs take the way that they have recorded, and the same address."""
    w = world()
    alice, bob = pair(w)
    route = "<sip:ss1.atlanta.example.com;lr>"
    respond = bob.respond

    def recorded(raw: Raw, status: int, **more: Any) -> bytes:
        headers = more.pop("headers", "")
        if raw.method == "INVITE":
            headers += "Record-Route: <sip:ss2.biloxi.example.com;lr>, <sip:ss3.biloxi.example.com;lr>\r\n"
        return respond(raw, status, headers=headers, **more)

    bob.respond = recorded  # type: ignore[method-assign]
    line = alice.call("bob", headers={"Record-Route": route})
    w.run(3)
    assert line.state == "up"
    assert first(alice, "200 INVITE").get("Record-Route") == route, "12.1.1: it is copied into the response"
    assert first(bob, "ACK").all("Route") == ["<sip:ss3.biloxi.example.com;lr>", "<sip:ss2.biloxi.example.com;lr>"]
    alice.hang_up(line)
    w.run(1)
    bye = first(bob, "BYE")
    assert bye.all("Route") == ["<sip:ss3.biloxi.example.com;lr>", "<sip:ss2.biloxi.example.com;lr>"]
    assert bye.start == f"BYE {bob.contact} SIP/2.0"


def test_3_3_session_with_multiple_proxy_authentication() -> None:
    """The caller proves who they are once for every call; what a phone on the other side asks for is never answered."""
    w = world()
    alice, bob = pair(w)
    for _ in range(2):
        line = alice.call("bob")
        w.run(3)
        assert line.state == "up"
        alice.hang_up(line)
        w.run(1)
    assert ladder(alice).count("401 INVITE") == 2
    bob.behaviour.reject, bob.behaviour.reject_after = 407, 0.1
    line = alice.call("bob")
    w.run(3)
    assert line.status == 480 and not any(raw.get("Proxy-Authorization") for raw in bob.received)


def test_3_4_successful_session_with_proxy_failure() -> None:
    """The first way does not answer: the INVITE comes by another one, as a request of its own, and there is one call."""
    w = world()
    alice, bob = pair(w)
    nobody = ("192.0.2.250", 5060)
    send, alice.send = alice.send, lambda data: w.transmit(data, alice.address, nobody)  # type: ignore[method-assign]
    lost = alice.call("bob")
    w.run(64)
    assert (lost.status, lost.ended_by) == (408, "timeout")
    alice.send = send  # type: ignore[method-assign]
    line = alice.call("bob")
    w.run(3)
    assert line.state == "up" and len(bob.lines) == 1


def test_3_5_session_through_a_sip_alg() -> None:
    """Media go through the switch: neither side sees the address of the other."""
    w = world()
    alice, bob = pair(w)
    line = alice.call("bob")
    w.run(3)
    assert line.sdp is not None and bob.lines[0].sdp is not None
    assert line.sdp.host == bob.lines[0].sdp.host == "192.0.2.1"
    for phone, other in ((alice, bob), (bob, alice)):
        assert not any(other.address[0].encode() in raw.body for raw in phone.received)
        assert not any(other.address[0] in value for raw in phone.received for _, value in raw.lines)


def test_3_6_session_via_redirect_and_proxy_servers_with_sdp_in_ack() -> None:
    """The offer is in the 200, the answer in the ACK. A redirection is not followed to the outside (toll fraud)."""
    w = world()
    alice, bob = pair(w)
    line = alice.call("bob", sdp=False)
    w.run(3)
    assert b"m=audio" in first(alice, "200 INVITE").body
    assert line.state == "up" and w.hears(line) == "bridge:bob" and w.hears(bob.lines[0]) == "bridge:alice"
    alice.hang_up(line)
    w.run(1)
    bob.behaviour.reject, bob.behaviour.redirect = 302, "sip:bob@chicago.example.com"
    line = alice.call("bob")
    w.run(3)
    assert line.status == 480


def test_3_7_session_with_re_invite() -> None:
    """Alice's address changes in the middle of the call: the media follow, Bob is not bothered."""
    w = world()
    alice, bob = pair(w)
    line = alice.call("bob")
    w.run(3)
    line.rtp = w.rtp_port()
    alice.reinvite(line)
    w.run(1)
    assert line.log[-1] == "re-INVITE 200"
    assert w.hears(line) == "bridge:bob" and w.hears(bob.lines[0]) == "bridge:alice"
    assert ladder(bob) == ["INVITE", "ACK"]
    bob.hang_up(bob.lines[0])
    w.run(1)
    assert line.state == "ended"


def test_3_8_unsuccessful_no_answer() -> None:
    w = world()
    alice, bob = pair(w, answer_after=None)
    line = alice.call("bob")
    w.run(5)
    alice.cancel(line)
    w.run(1)
    assert ladder(alice) == ["401 INVITE", "180 INVITE", "200 CANCEL", "487 INVITE"]
    assert ladder(bob) == ["INVITE", "CANCEL", "ACK"]
    assert w.switch.named("call.ended")[0].outcome == "cancelled"
    w.run(40)
    w.assert_idle()


def test_3_9_unsuccessful_busy() -> None:
    w = world()
    alice, bob = pair(w, ring_after=None, reject=486, reject_after=0.1)
    line = alice.call("bob")
    w.run(2)
    assert ladder(alice) == ["401 INVITE", "486 INVITE"] and ladder(bob) == ["INVITE", "ACK"]
    assert line.status == 486 and w.switch.named("call.ended")[0].outcome == "busy"
    w.run(40)
    w.assert_idle()


def test_3_10_unsuccessful_no_response_from_user_agent() -> None:
    w = world()
    alice, bob = pair(w, silent=True)
    line = alice.call("bob")
    w.run(3)
    alice.cancel(line)
    w.run(40)
    assert ladder(alice) == ["401 INVITE", "100 INVITE", "200 CANCEL", "487 INVITE"]
    assert ladder(bob) == ["INVITE"], "no CANCEL before a provisional response (9.1)"
    w.run(40)
    w.assert_idle()


def test_3_11_unsuccessful_temporarily_unavailable() -> None:
    w = world()
    alice, _ = pair(w, reject=480, reject_after=1.0)
    line = alice.call("bob")
    w.run(3)
    assert ladder(alice) == ["401 INVITE", "180 INVITE", "480 INVITE"]
    assert line.status == 480
    # And where nobody is registered at all.
    away = World(site("alice", accounts={"bob": account("bob")}))
    caller = extended(away, "alice")
    away.run(1)
    line = caller.call("bob")
    away.run(1)
    assert line.status == 480
