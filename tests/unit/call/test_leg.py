"""The life of a leg: the table is walked arrow by arrow, each from a leg that got into its state by legal inputs."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call.board import Board, Policy
from softswitch.call.call import Call
from softswitch.call.description import describe
from softswitch.call.leg import TABLE, Leg
from softswitch.call.reliable import Reliable
from softswitch.call.states import LegInput, LegState
from softswitch.effects import Flow, Send
from softswitch.sip.dialog import Dialog
from softswitch.sip.endpoint import Endpoint, RequestReceived
from softswitch.sip.listener import Listener
from softswitch.sip.message import Message, parse
from tests.sim.world import SWITCH, SeededEntropy, account, site

PHONE = Flow("udp", "198.51.100.7", 5060)
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
)
INVITE = (
    b"INVITE sip:bob@pbx.test SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\nFrom: <sip:anna@pbx.test>;tag=a\r\n"
    b"To: <sip:bob@pbx.test>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nContact: <sip:anna@198.51.100.7>\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s" % (len(SDP), SDP)
)


class Owner:
    """Writes down what a leg tells."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def leg_ringing(self, leg: Leg, message: Message, now: float) -> None:
        self.told.append("ringing")

    def leg_answered(self, leg: Leg, now: float) -> None:
        self.told.append("answered")

    def leg_changed(self, leg: Leg, now: float) -> None:
        self.told.append("changed")

    def leg_gone(self, leg: Leg, now: float) -> None:
        self.told.append("gone")

    def leg_digit(self, leg: Leg, digit: str, duration_ms: int, method: str, now: float) -> None:
        self.told.append(digit)

    def leg_played(self, leg: Leg, play: int, cause: str, now: float) -> None:
        self.told.append(cause)


class Bench:
    """One leg on real parts: endpoint, media pool, board."""

    def __init__(self, entropy: SeededEntropy, caller: bool) -> None:
        directory = site("anna", "bob")
        self.endpoint = Endpoint(entropy, (Listener("udp", *SWITCH),))
        self.board = Board(
            directory, self.endpoint, lambda aor, now: [], entropy, is_open=lambda name: True, policy=Policy()
        )
        self.board.pool.add_range(0, 20_000, 10)
        self.call = Call(self.board, account("anna"), "bob", 0, 0.0)
        self.owner = Owner()
        media = self.board.allocate(0.0)
        assert media is not None
        if caller:
            self.endpoint.receive(INVITE, PHONE, 0.0)
            (item,) = [item for item in self.endpoint.drain() if isinstance(item, RequestReceived)]
            dialog = Dialog.uas(item.message, self.endpoint.tag(), PHONE)
            self.leg = Leg(self.board, self.call, self.owner, "caller", "anna", "anna", dialog, media, 0.0)
            self.leg.tx, item.transaction.owner = item.transaction, self.leg
            self.leg.offer = describe(item.message.body, self.leg.negotiation.terms)
            self.leg.reliable = Reliable(False, 1)
        else:
            dialog = Dialog.uac(
                "<sip:anna@pbx.test>", "<sip:bob@pbx.test>", "c2", "ours", 0, PHONE, target="sip:bob@198.51.100.7"
            )
            self.leg = Leg(self.board, self.call, self.owner, "callee", "bob", "bob", dialog, media, 0.0)
            self.leg.invite("sip:bob@198.51.100.7", PHONE, 0.0, "", (), 69)
        self.call.caller = self.leg
        self.invite = next((data for data in self.sent() if data.startswith(b"INVITE")), b"")

    def sent(self) -> list[bytes]:
        return [item.data for item in self.endpoint.drain() if isinstance(item, Send)]

    def methods(self) -> list[str]:
        """What goes out: methods and statuses."""
        return [data.split(b" ")[1 if data.startswith(b"SIP") else 0].decode() for data in self.sent()]

    def response(self, status: int, body: bytes = SDP) -> Message:
        request = parse(self.invite, PHONE)
        text = (
            f"SIP/2.0 {status} X\r\nVia: {request.header('via')}\r\nFrom: {request.header('from')}\r\n"
            f"To: {request.header('to')};tag=theirs\r\nCall-ID: c2\r\nCSeq: 1 INVITE\r\nContact: <sip:bob@198.51.100.7>\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return parse(text.encode() + body, PHONE)

    def payload(self, what: LegInput) -> Any:
        if not self.invite and what in (LegInput.PROVISIONAL, LegInput.SUCCESS):
            return None  # No INVITE of ours, so no response to it.
        return {
            LegInput.PROVISIONAL: lambda: self.response(180, b""),
            LegInput.SUCCESS: lambda: self.response(200),
            LegInput.FAILURE: lambda: 486,
            LegInput.ANSWER: lambda: self.leg.description((), 1.0),
            LegInput.HANG_UP: lambda: (480, ""),
        }.get(what, lambda: None)()

    def put(self, what: LegInput, now: float = 1.0) -> None:
        self.leg.handle(what, now, self.payload(what))


# How a leg gets into each state: (caller, inputs).
WAYS: dict[LegState, tuple[bool, tuple[LegInput, ...]]] = {
    LegState.INCOMING: (True, ()),
    LegState.WITHHELD: (True, (LegInput.ANSWER_LATER,)),
    LegState.ANSWERED: (True, (LegInput.ANSWER,)),
    LegState.DEPARTING: (True, (LegInput.ANSWER, LegInput.HANG_UP)),
    LegState.CALLING: (False, ()),
    LegState.RINGING: (False, (LegInput.PROVISIONAL,)),
    LegState.CANCELLING: (False, (LegInput.PROVISIONAL, LegInput.HANG_UP)),
    LegState.ESTABLISHED: (False, (LegInput.SUCCESS,)),
    LegState.LEAVING: (False, (LegInput.SUCCESS, LegInput.HANG_UP)),
    LegState.ENDED: (True, (LegInput.CANCEL,)),
}


def bench_in(state: LegState, entropy: SeededEntropy) -> Bench:
    caller, inputs = WAYS[state]
    bench = Bench(entropy, caller)
    for what in inputs:
        if what is LegInput.HANG_UP:
            bench.leg.hang_up(1.0)
        else:
            bench.put(what)
    assert bench.leg.state is state
    bench.sent()
    bench.owner.told.clear()
    return bench


ROWS = [(state, what, arrow[1]) for state, arrows in TABLE.items() for what, arrow in arrows.items()]
GAPS = [(state, what) for state in LegState for what in LegInput if what not in TABLE[state]]

# What goes out and what the owner hears, for every arrow.
EFFECTS: dict[tuple[LegState, LegInput], tuple[list[str], list[str]]] = {
    (LegState.INCOMING, LegInput.ANSWER): (["200"], []),
    (LegState.INCOMING, LegInput.HANG_UP): (["480"], []),
    (LegState.INCOMING, LegInput.CANCEL): (["487"], ["gone"]),
    (LegState.INCOMING, LegInput.BYE): (["487"], ["gone"]),
    (LegState.INCOMING, LegInput.ANSWER_LATER): ([], []),
    (LegState.WITHHELD, LegInput.PRACK): (["200"], []),
    (LegState.WITHHELD, LegInput.HANG_UP): (["480"], []),
    (LegState.WITHHELD, LegInput.CANCEL): (["487"], ["gone"]),
    (LegState.WITHHELD, LegInput.BYE): (["487"], ["gone"]),
    (LegState.ANSWERED, LegInput.ACK): ([], ["changed"]),
    (LegState.ANSWERED, LegInput.ACK_MISSING): (["BYE"], ["gone"]),
    (LegState.ANSWERED, LegInput.HANG_UP): ([], []),
    (LegState.ANSWERED, LegInput.BYE): ([], ["gone"]),
    (LegState.DEPARTING, LegInput.ACK): (["BYE"], []),
    (LegState.DEPARTING, LegInput.ACK_MISSING): (["BYE"], []),
    (LegState.DEPARTING, LegInput.BYE): ([], []),
    (LegState.CALLING, LegInput.PROVISIONAL): ([], ["ringing"]),
    (LegState.CALLING, LegInput.SUCCESS): (["ACK"], ["answered"]),
    (LegState.CALLING, LegInput.FAILURE): ([], ["gone"]),
    (LegState.CALLING, LegInput.HANG_UP): ([], []),  # CANCEL waits for a provisional response
    (LegState.RINGING, LegInput.PROVISIONAL): ([], ["ringing"]),
    (LegState.RINGING, LegInput.SUCCESS): (["ACK"], ["answered"]),
    (LegState.RINGING, LegInput.FAILURE): ([], ["gone"]),
    (LegState.RINGING, LegInput.HANG_UP): ([], []),
    (LegState.RINGING, LegInput.BYE): ([], ["gone"]),
    (LegState.CANCELLING, LegInput.SUCCESS): (["ACK", "BYE"], []),
    (LegState.CANCELLING, LegInput.FAILURE): ([], []),
    (LegState.ESTABLISHED, LegInput.HANG_UP): (["BYE"], []),
    (LegState.ESTABLISHED, LegInput.ACK_MISSING): (["BYE"], ["gone"]),
    (LegState.ESTABLISHED, LegInput.BYE): ([], ["gone"]),
    (LegState.LEAVING, LegInput.BYE_DONE): ([], []),
    (LegState.LEAVING, LegInput.BYE): ([], []),
    **{(state, LegInput.LOST): ([], []) for state in LegState if state is not LegState.ENDED},
}


@pytest.mark.parametrize("state, what, after", ROWS)
def test_every_arrow(state: LegState, what: LegInput, after: LegState, entropy: SeededEntropy) -> None:
    bench = bench_in(state, entropy)
    bench.put(what, 2.0)
    assert bench.leg.state is after
    assert (bench.methods(), bench.owner.told) == EFFECTS[state, what]
    assert (bench.leg.id in bench.board.legs) is (after is not LegState.ENDED)


@pytest.mark.parametrize("state, what", GAPS)
def test_inputs_without_an_arrow_change_nothing(state: LegState, what: LegInput, entropy: SeededEntropy) -> None:
    bench = bench_in(state, entropy)
    bench.put(what, 2.0)
    assert bench.leg.state is state
    assert (bench.methods(), bench.owner.told) == ([], [])


def test_every_state_can_be_reached_and_left() -> None:
    assert set(WAYS) == set(LegState)
    reached = {LegState.ENDED}
    while True:
        more = {state for state, arrows in TABLE.items() if any(after in reached for _, after in arrows.values())}
        if more <= reached:
            break
        reached |= more
    assert reached == set(LegState)
    for state, arrows in TABLE.items():
        if state is not LegState.ENDED:
            assert LegInput.LOST in arrows


@pytest.mark.parametrize("state", [state for state in LegState if state is not LegState.ENDED])
def test_hanging_up_frees_the_port_at_once_and_for_good(state: LegState, entropy: SeededEntropy) -> None:
    bench = bench_in(state, entropy)
    bench.leg.hang_up(2.0)
    bench.leg.hang_up(3.0)
    assert bench.leg.gone and not bench.board.pool.legs
    bench.leg.abandon(4.0)
    assert bench.board.pool.free(4.0) == 10


def test_gone_is_told_once(entropy: SeededEntropy) -> None:
    bench = bench_in(LegState.ESTABLISHED, entropy)
    bench.leg.drop(2.0, 408, "rtp_timeout", "timeout")
    bench.leg.drop(2.0, 408, "rtp_timeout", "timeout")
    bench.put(LegInput.BYE, 2.1)
    assert bench.owner.told == ["gone"]
    assert bench.leg.by == "timeout" and bench.leg.status == 200


def test_a_glare_is_retried_and_not_for_ever(entropy: SeededEntropy) -> None:
    bench = bench_in(LegState.ESTABLISHED, entropy)
    leg, deadlines = bench.leg, bench.board.deadlines
    now = 10.0
    waits = []
    for _ in range(10):
        leg.reoffer((), now) if leg.reinvite is None else None
        tx = leg.reinvite
        if tx is None:
            break
        invite = next(data for data in bench.sent() if data.startswith(b"INVITE"))
        request = parse(invite, PHONE)
        text = (
            f"SIP/2.0 491 X\r\nVia: {request.header('via')}\r\nFrom: {request.header('from')}\r\nTo: {request.header('to')}\r\n"
            f"Call-ID: {request.call_id}\r\nCSeq: {request.header('cseq')}\r\nContent-Length: 0\r\n\r\n"
        )
        leg.reoffer_answered(tx, parse(text.encode(), PHONE), now)
        at = deadlines.at((leg, "reoffer"))
        if at is None:
            break
        waits.append(at - now)
        now = at
        deadlines.clear((leg, "reoffer"))
        leg.reoffer_due(now)
    assert len(waits) == 5
    assert all(2.1 <= wait <= 4.0 for wait in waits), "we own the Call-ID of this dialog"
    assert not leg.negotiation.offered and not leg.gone
