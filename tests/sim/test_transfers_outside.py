"""The outside column of the matrix: targets that are reached by a trunk (XFR-09); and RFC 5359 sections 2.4 to 2.6."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.floor import Floor
from tests.sim.ladder import ladder
from tests.sim.phone import Line
from tests.sim.provider import Provider, outside, trunk
from tests.sim.test_transfer_matrix import queue_books, talks
from tests.sim.world import World, site

NUMBER = "221234567"

TARGETS: dict[str, tuple[dict[str, Any], str]] = {
    "answers": ({"answer_after": 2.0}, ""),
    "busy": ({"reject": 486, "reject_after": 0.0, "ring_after": None}, "busy"),
    "rejects": ({"reject": 603, "reject_after": 2.0}, "rejected"),
    "no answer": ({"answer_after": None}, "no_answer"),
    "unreachable": ({"silent": True}, ""),
}


def floor(target: str) -> tuple[Floor, Provider]:
    f = Floor(**outside(trunk(answer_within=4.0)))
    return f, Provider(f.world, **TARGETS[target][0])


def by(f: Floor, way: str) -> None:
    if way == "order":
        assert f.order("transfer", f.call, NUMBER) == ""
    elif way == "code":
        f.type(f.agent, "##")
        f.type(f.agent, f"{NUMBER}#")
    else:
        f.phones["bob"].behaviour.leaves = "accepted"
        f.phones["bob"].refer(f.agent, NUMBER)
    f.run(0.05)


@pytest.mark.parametrize("way", ["refer", "order", "code"])
@pytest.mark.parametrize("target", TARGETS)
def test_blind_to_a_trunk(way: str, target: str) -> None:
    f, provider = floor(target)
    by(f, way)
    f.run(6)
    if target == "answers":
        assert f.hears() == "bridge:provider" and f.activity() == "wrapup"
        assert provider.lines[-1].invite is not None and "48221234567" in provider.lines[-1].invite.start
        assert f.names() == ["transfer.started", "call.transferred"]
    else:
        f.run(34)
        talks(f, f.line("bob"))
        assert f.line("bob") is not f.agent and f.activity() == "talking"
        failed = f.world.switch.named("transfer.failed")[0]
        assert failed.cause == TARGETS[target][1] or target == "unreachable"
    queue_books(f)
    f.finish()


@pytest.mark.parametrize("target", TARGETS)
def test_attended_to_a_trunk(target: str) -> None:
    f, provider = floor(target)
    assert f.order("transfer", f.call, NUMBER, attended=True) == ""
    f.run(1)
    if target == "answers":
        f.run(3)
        assert f.world.hears(provider.lines[-1]) == "bridge:bob" and f.hears() == "music:default"
        assert f.order("steer_transfer", f.call, "complete") == ""
        f.run(1)
        assert f.hears() == "bridge:provider" and f.activity() == "wrapup"
        f.phones["anna"].hang_up(f.caller)
        f.run(1)
        assert f.world.switch.named("call.ended")[-1].trunk == "provider"
    else:
        f.run(36)
        talks(f, f.agent)
        assert f.names() == ["transfer.started", "transfer.failed"]
    queue_books(f)
    f.finish()


@pytest.mark.parametrize("who", ["anna", "provider"])
def test_somebody_hangs_up_after_it(who: str) -> None:
    f, provider = floor("answers")
    by(f, "refer")
    f.run(4)
    if who == "anna":
        f.phones["anna"].hang_up(f.caller)
    else:
        provider.hang_up(provider.lines[-1])
    f.run(1)
    assert f.caller.state == provider.lines[-1].state == "ended"
    f.finish()


def test_a_trunk_refers_nobody() -> None:
    """XFR-11: whoever is outside cannot send our callers elsewhere."""
    f, provider = floor("answers")
    by(f, "refer")
    f.run(4)
    line = provider.lines[-1]
    provider.refer(line, "sip:eve@pbx.test")
    f.run(1)
    assert line.referred is not None and line.referred.status == 403
    assert f.hears() == "bridge:provider"
    f.finish()


# --- RFC 5359 ------------------------------------------------------------------------------------------------------


def three() -> tuple[World, dict[str, Any], Line, Line]:
    """Alice has called Bob; Carol is there."""
    w = World(site("alice", "bob", "carol", music={"default": ()}))
    phones = {user: w.phone(user, answer_after=0.5) for user in ("alice", "bob", "carol")}
    w.run(1)
    line = phones["alice"].call("bob")
    w.run(1)
    return w, phones, line, phones["bob"].lines[0]


def over(w: World) -> None:
    for phone in w.phones.values():
        for line in phone.lines:
            phone.hang_up(line)
    w.run(60)
    w.assert_idle()


def test_2_4_transfer_unattended() -> None:
    """Bob refers Alice to Carol: here the switch calls Carol, and Alice's phone notices nothing but the sound."""
    w, phones, line, there = three()
    before = len(ladder(phones["alice"]))
    phones["bob"].refer(there, "carol")
    w.run(3)
    assert ladder(phones["bob"])[2:] == ["202 REFER", "NOTIFY", "NOTIFY", "NOTIFY", "200 BYE"]
    assert [status for status, _ in there.notified] == [100, 180, 200]
    assert ladder(phones["carol"]) == ["INVITE", "ACK"]
    assert len(ladder(phones["alice"])) == before
    assert w.hears(line) == "bridge:carol"
    over(w)


def test_2_5_transfer_attended() -> None:
    """Bob holds Alice, asks Carol, and refers Alice to the dialog with Carol."""
    w, phones, line, there = three()
    bob = phones["bob"]
    bob.reinvite(there, "sendonly")
    w.run(0.5)
    asked = bob.call("carol")
    w.run(1)
    bob.refer(there, "", consulted=asked)
    w.run(2)
    assert there.notified == [(200, "terminated")]
    assert there.state == asked.state == "ended"
    assert w.hears(line) == "bridge:carol" and w.hears(phones["carol"].lines[0]) == "bridge:alice"
    over(w)


def test_2_6_transfer_instant_messaging() -> None:
    """A MESSAGE tells Carol who is coming, before the transfer."""
    w, phones, line, there = three()
    bob, carol = phones["bob"], phones["carol"]
    headers = {
        "From": "<sip:bob@pbx.test>;tag=im", "To": "<sip:carol@pbx.test>", "Call-ID": "im", "CSeq": "1 MESSAGE",
        "Content-Type": "text/plain",
    }  # fmt: skip

    def challenged(raw: Any) -> None:
        from tests.sim.text import md5_challenge

        proof = bob.credentials(md5_challenge(raw), "MESSAGE", "sip:carol@pbx.test")
        bob.request(
            "MESSAGE", "sip:carol@pbx.test", headers | {"CSeq": "2 MESSAGE", "Authorization": proof}, b"Alice is coming"
        )

    bob.request("MESSAGE", "sip:carol@pbx.test", headers, b"Alice is coming", challenged)
    w.run(1)
    assert any(raw.start.startswith("MESSAGE") and raw.body == b"Alice is coming" for raw in carol.received)
    bob.refer(there, "carol")
    w.run(3)
    assert w.hears(line) == "bridge:carol"
    over(w)
