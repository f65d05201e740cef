"""Several early dialogs of one INVITE of ours (RFC 3261 section 12.1): a proxy behind a contact rings more than one phone."""

from __future__ import annotations

import pytest

from tests.sim.extended import ExtendedPhone, extended
from tests.sim.phone import Line
from tests.sim.world import World, site

PCMA = "v=0\r\no=- 7 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\na=sendrecv\r\n"


class Proxy:
    """What forks behind Bob's contact: phones A, B ... answer Bob's INVITE under tags of their own."""

    def __init__(self, w: World) -> None:
        self.w = w
        self.anna: ExtendedPhone = extended(w, "anna")
        self.bob: ExtendedPhone = extended(w, "bob", ring_after=None, answer_after=None)
        w.run(1)
        self.line: Line = self.anna.call("bob")
        w.run(0.2)
        self.there = self.bob.lines[0]
        self.rseq = {"A": 100, "B": 500}

    def says(self, tag: str, status: int, *, port: int = 0, reliable: bool = False, session: str = "") -> None:
        headers = f"Contact: <{self.bob.contact};fork={tag}>\r\n"
        if reliable:
            self.rseq[tag] += 1
            headers += f"Require: 100rel\r\nRSeq: {self.rseq[tag]}\r\n"
        if session:
            headers += f"Session-Expires: {session}\r\n"
        body = PCMA.format(host=self.bob.address[0], port=port).encode() if port else b""
        assert self.there.invite is not None
        if status < 300:
            self.there.state, self.there.local_tag = ("up" if status >= 200 else "ringing"), tag
        self.bob.respond(self.there.invite, status, tag=tag, headers=headers, body=body)
        self.w.run(0.1)

    def sends(self, tag: str, method: str, cseq: int, port: int = 0) -> None:
        """A request of the phone with this tag."""
        self.there.local_tag = tag
        headers = self.bob.dialog_headers(self.there, method, cseq)
        body = PCMA.format(host=self.bob.address[0], port=port).encode() if port else b""
        self.bob.request(
            method, self.there.target, headers, body, lambda raw: self.there.note(f"{method} {raw.status}")
        )  # type: ignore[union-attr]
        self.w.run(0.1)

    @property
    def heard_at(self) -> int:
        """The port of the phone whose voice the caller hears."""
        (port,) = [one.opened.port for one in self.w.worker.ports.values() if one.opened.host == self.bob.address[0]]
        return port


def test_the_first_voice_is_heard_and_the_first_answer_counts() -> None:
    w = World(site("anna", "bob"))
    p = Proxy(w)
    p.says("A", 180)
    p.says("B", 183, port=4_002)
    p.says("A", 183, port=4_000)
    assert p.heard_at == 4_002 and w.hears(p.line) == "bridge:?"
    p.says("A", 200, port=4_000)
    assert p.line.state == "up" and p.heard_at == 4_000
    (ack,) = p.bob.heard("ACK")
    assert "tag=A" in ack.get("To") and ack.start.split(" ")[1].endswith("fork=A")
    p.anna.hang_up(p.line)
    w.run(1)
    (bye,) = p.bob.heard("BYE")
    assert "tag=A" in bye.get("To") and bye.start.split(" ")[1].endswith("fork=A")
    w.run(40)
    w.assert_idle()


def test_each_early_dialog_counts_its_reliable_responses() -> None:
    w = World(site("anna", "bob"))
    p = Proxy(w)
    p.says("A", 180, reliable=True)
    p.says("B", 183, reliable=True, port=4_002)
    p.says("B", 180, reliable=True)
    p.says("A", 183, reliable=True, port=4_000)
    pracks = [(raw.get("To")[-1], int(raw.get("RAck").split(" ")[0]), raw.cseq) for raw in p.bob.heard("PRACK")]
    invite = p.there.invite.cseq  # type: ignore[union-attr]
    assert pracks == [
        ("A", 101, invite + 1), ("B", 501, invite + 2), ("B", 502, invite + 3), ("A", 102, invite + 2)
    ]  # fmt: skip
    assert p.heard_at == 4_002
    # The 2xx of A need not repeat the description that A gave reliably.
    p.says("A", 200)
    assert p.line.state == "up" and p.heard_at == 4_000


def test_both_answer_at_once() -> None:
    w = World(site("anna", "bob"))
    p = Proxy(w)
    p.says("A", 183, port=4_000)
    p.says("B", 180)
    p.says("B", 200, port=4_002)
    p.says("A", 200, port=4_000)
    acks = {raw.get("To")[-1] for raw in p.bob.heard("ACK")}
    byes = [raw.get("To")[-1] for raw in p.bob.heard("BYE")]
    assert acks == {"A", "B"} and byes == ["A"]
    assert p.line.state == "up" and p.heard_at == 4_002


def test_updates_in_early_dialogs_are_kept_apart() -> None:
    w = World(site("anna", "bob"))
    p = Proxy(w)
    p.says("A", 183, port=4_000)
    p.says("B", 180)
    p.sends("B", "UPDATE", 1, port=4_002)
    assert p.there.log[-1] == "UPDATE 491", "B has not answered our offer"
    p.says("B", 183, port=4_002)
    p.sends("B", "UPDATE", 2, port=4_004)
    p.sends("A", "UPDATE", 1, port=4_006)
    p.sends("B", "UPDATE", 3)
    assert [one for one in p.there.log if one.startswith("UPDATE")] == ["UPDATE 491", *["UPDATE 200"] * 3]
    assert p.heard_at == 4_006, "what B does is of no consequence yet"
    p.says("B", 200)
    assert p.line.state == "up" and p.heard_at == 4_004


@pytest.mark.parametrize("tag, state", [("B", "ringing"), ("A", "ended")])
def test_bye_in_an_early_dialog_ends_that_one(tag: str, state: str) -> None:
    w = World(site("anna", "bob"))
    p = Proxy(w)
    p.says("A", 183, port=4_000)
    p.says("B", 180)
    p.sends(tag, "BYE", 1)
    w.run(0.5)
    assert "BYE 200" in p.there.log and p.line.state == state


def test_more_dialogs_than_anybody_needs() -> None:
    w = World(site("anna", "bob"))
    p = Proxy(w)
    for number in range(60):
        p.says(f"x{number}", 180)
    (leg,) = [leg for leg in w.switch.calls.board.legs.values() if leg.role == "callee"]
    assert leg.early is not None and len(leg.early) == 32
    p.says("x59", 200, port=4_000)
    assert p.line.state == "up" and p.heard_at == 4_000


def test_early_dialogs_survive_a_restart() -> None:
    w = World(site("anna", "bob"))
    p = Proxy(w)
    p.says("A", 183, port=4_000, reliable=True)
    p.says("B", 183, port=4_002, reliable=True)
    w.run(1)
    w.kill()
    w.run(0.5)
    w.restart()
    w.run(0.5)
    p.says("B", 180, reliable=True)
    assert p.bob.heard("PRACK")[-1].get("RAck").startswith("502 ")
    p.says("B", 200)
    assert p.line.state == "up" and p.heard_at == 4_002
    assert "tag=B" in p.bob.heard("ACK")[0].get("To")


def test_a_forked_answer_settles_its_session_timer() -> None:
    w = World(site("anna", "bob"))
    p = Proxy(w)
    p.says("A", 180)
    p.says("B", 180)
    p.says("B", 200, port=4_002, session="90;refresher=uas")
    w.run(70)
    assert p.line.state == "ended" and w.switch.named("call.ended")[0].cause == "session_expired"
