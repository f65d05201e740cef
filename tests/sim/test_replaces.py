"""INVITE with Replaces, and REFER beside other things that happen in a dialog (RFC 3891, RFC 4488, XFR-11, XFR-12)."""

from __future__ import annotations

import pytest

from softswitch.directory import Agent, Membership, Queue
from tests.sim.floor import Floor
from tests.sim.phone import Line
from tests.sim.test_transfer_matrix import talks
from tests.sim.world import World, account, site


def replacing(line: Line, more: str = "") -> dict[str, str]:
    """The header that names a line's dialog, as its own phone sees it."""
    return {"Replaces": f"{line.call_id};to-tag={line.remote_tag};from-tag={line.local_tag}{more}"}


def test_another_phone_of_the_account_takes_the_call_over() -> None:
    f = Floor(direct=True)
    other = f.world.phone("bob", answer_after=None)
    f.run(0.5)
    line = other.call("anything", headers=replacing(f.agent))
    f.run(1)
    assert line.state == "up" and f.agent.state == "ended" and f.caller.state == "up"
    assert f.hears() == "bridge:bob" and f.world.hears(line) == "bridge:anna"
    other.hang_up(line)
    f.run(1)
    assert f.caller.state == "ended"
    f.finish()


@pytest.mark.parametrize(
    "who, more, status",
    [("eve", "", 403), ("bob", ";early-only", 486), ("bob", "x", 481), ("bob", "", 200)],
)
def test_who_may_and_when(who: str, more: str, status: int) -> None:
    f = Floor(direct=True)
    phone = f.phones["eve"] if who == "eve" else f.world.phone("bob", answer_after=None)
    f.run(0.5)
    line = phone.call("anything", headers=replacing(f.agent, more))
    f.run(1)
    assert line.status == status
    if status != 200:
        talks(f, f.agent)
    f.finish()


def test_a_call_that_is_over_is_declined() -> None:
    f = Floor(direct=True)
    header = replacing(f.agent)
    f.phones["bob"].hang_up(f.agent)
    f.run(0.02)
    line = f.world.phone("bob", answer_after=None).call("anything", headers=header)
    f.run(40)
    assert line.status == 481
    f.finish()


@pytest.mark.parametrize("more", ["", ";early-only"])
def test_a_call_that_rings_is_picked_up(more: str) -> None:
    f = Floor(direct=True)
    f.phones["carl"].behaviour.answer_after = None
    line = f.phones["eve"].call("carl")
    f.run(1)
    ringing = f.line("carl")
    second = f.world.phone("carl", answer_after=None)
    f.run(0.5)
    answered = second.call("anything", headers=replacing(ringing, more))
    f.run(1)
    assert answered.state == line.state == "up" and ringing.state == "ended"
    assert "elsewhere" in ringing.reason
    assert f.world.hears(line) == "bridge:carl" and f.world.hears(answered) == "bridge:eve"
    f.finish()


def test_the_callers_own_early_dialog_is_not_taken() -> None:
    f = Floor(direct=True)
    f.phones["carl"].behaviour.answer_after = None
    line = f.phones["eve"].call("carl")
    f.run(1)
    board = f.world.switch.calls.board
    ours = next(leg.id for leg in board.legs.values() if leg.dialog.call_id == line.call_id)
    line.remote_tag = ours
    taker = f.world.phone("eve", answer_after=None)
    f.run(0.5)
    taken = taker.call("anything", headers=replacing(line))
    f.run(1)
    assert taken.status == 481 and line.state == "ringing"
    f.finish()


def test_a_supervisor_takes_a_call_over_by_replaces() -> None:
    accounts = {"sue": account("sue", supervises=("*",)), "bob": account("bob")}
    w = World(
        site("anna", accounts=accounts, agents={"bob": Agent("bob", "bob", auto_ready=True)},
             queues={"sales": Queue("sales", members=(Membership("bob"),))}, extensions={"600": "queue:sales"})
    )  # fmt: skip
    anna, bob, sue = (w.phone(user, answer_after=0.5) for user in ("anna", "bob", "sue"))
    w.run(1)
    line = anna.call("600")
    w.run(3)
    taken = sue.call("x", headers=replacing(bob.lines[-1]))
    w.run(1)
    assert w.hears(line) == "bridge:sue" and w.hears(taken) == "bridge:anna"
    assert str(w.switch.queues.roster.agents["bob"].activity) == "wrapup"
    anna.hang_up(line)
    w.run(60)
    w.assert_idle()


# --- REFER beside other requests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("held", [True, False])
def test_a_refer_right_behind_a_hold_is_not_lost(held: bool) -> None:
    """XFR-12: the re-INVITE has no ACK yet when the REFER comes, or comes after it."""
    f = Floor()
    if held:
        f.phones["bob"].reinvite(f.agent, "sendonly")
    f.phones["bob"].refer(f.agent, "carl")
    if not held:
        f.phones["bob"].reinvite(f.agent, "sendonly")
    f.run(4)
    assert "REFER 202" in f.agent.log
    talks(f, f.line("carl"))
    f.finish()


def test_a_refer_that_meets_an_offer_of_ours_is_not_lost() -> None:
    f = Floor()
    leg = f.world.switch.calls.board.legs[f.agent.remote_tag]
    leg.reoffer(leg.negotiation.speaks, f.world.now)
    f.phones["bob"].refer(f.agent, "carl")
    f.world.switch.settle(f.world.now)
    f.run(4)
    assert "REFER 202" in f.agent.log
    talks(f, f.line("carl"))
    f.finish()


def test_whoever_wants_no_notify_gets_none() -> None:
    f = Floor()
    f.phones["bob"].refer(f.agent, "carl", headers={"Refer-Sub": "false", "Supported": "norefersub"})
    f.run(4)
    assert f.agent.referred is not None and f.agent.referred.get("Refer-Sub") == "false"
    assert f.agent.notified == []
    talks(f, f.line("carl"))
    f.finish()


def test_the_subscription_may_be_given_up() -> None:
    f = Floor()
    f.phones["carl"].behaviour.answer_after = 6.0
    f.phones["bob"].behaviour.leaves = ""
    f.phones["bob"].refer(f.agent, "carl")
    f.run(1)
    f.agent.cseq += 1
    phone = f.agent.phone
    headers = phone.dialog_headers(f.agent, "SUBSCRIBE", f.agent.cseq) | {"Event": "refer", "Expires": "0"}
    phone.request(
        "SUBSCRIBE", f.agent.target, headers, b"", lambda raw: f.agent.note(f"SUBSCRIBE {raw.status if raw else None}")
    )
    f.run(1)
    assert "SUBSCRIBE 200" in f.agent.log and f.agent.notified[-1][1] == "terminated"
    f.run(6)
    talks(f, f.line("carl"))
    f.finish()


def test_nobody_refers_outside_of_a_call() -> None:
    f = Floor()
    found: list[int] = []
    for phone in (f.phones["eve"],):
        headers = {
            "From": "<sip:eve@pbx.test>;tag=x", "To": "<sip:bob@pbx.test>", "Call-ID": "stray", "CSeq": "1 REFER",
            "Contact": f"<{phone.contact}>", "Refer-To": "<sip:carl@pbx.test>",
        }  # fmt: skip
        phone.request("REFER", "sip:bob@pbx.test", headers, b"", lambda raw: found.append(raw.status if raw else 0))
    f.run(1)
    assert found == [401], "a stranger learns nothing"
    talks(f, f.agent)
    f.finish()
