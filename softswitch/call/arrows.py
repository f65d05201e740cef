"""The life of a leg as a table: what each input does in each state, and where it leads. The states are explained in `states`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from softswitch.call import early, reliable, timer
from softswitch.call.headers import SDP
from softswitch.call.states import LegInput, LegState
from softswitch.events import LegAnswered, LegRinging

if TYPE_CHECKING:
    from softswitch.call.leg import Leg
    from softswitch.sip.message import Message


Action: TypeAlias = "Callable[[Leg, float, Any], None]"


# --- actions: what an arrow does -------------------------------------------------------------------------------------


def _nothing(leg: Leg, now: float, _: Any) -> None:
    """An arrow without an action."""


def _accept(leg: Leg, now: float, body: bytes) -> None:
    leg.answered_at = now
    leg.status = 200
    tx = leg.tx
    leg.unacked[tx.message.cseq] = tx
    if leg.reliable is not None:
        reliable.finished(leg)
    headers = leg.contact + timer.agree(leg, tx.message, now)
    leg.respond(tx, 200, now, headers + SDP if body else headers, body)
    leg.board.publish(LegAnswered(leg.call.id, leg.id))


def _accept_withheld(leg: Leg, now: float, _: Any) -> None:
    assert leg.reliable is not None
    _accept(leg, now, leg.description(leg.reliable.prefer, now))


def _refuse(leg: Leg, now: float, final: tuple[int, str]) -> None:
    status, headers = final
    leg.respond(leg.tx, status, now, headers)
    leg._end(now)


def _cancelled(leg: Leg, now: float, cause: str | None) -> None:
    leg.respond(leg.tx, 487, now)
    leg._gone(now, 487, cause or "cancelled", "remote")
    leg._end(now)
    leg.owner.leg_gone(leg, now)


def _confirmed(leg: Leg, now: float, _: Any) -> None:
    leg.owner.leg_changed(leg, now)


def _ack_missing(leg: Leg, now: float, _: Any) -> None:
    # 13.3.1.4: without ACK there is no session; the peer may think otherwise, so BYE.
    leg._gone(now, 408, "ack_missing", "timeout")
    _bye_now(leg, now, None)
    leg.owner.leg_gone(leg, now)


def _rings(leg: Leg, now: float, message: Message) -> None:
    if not leg.ringing_at:
        leg.ringing_at = now
        leg.board.publish(LegRinging(leg.call.id, leg.id))
    leg.owner.leg_ringing(leg, message, now)


def _answered(leg: Leg, now: float, message: Message) -> None:
    leg.answered_at = now
    leg.status = message.status
    leg.allow = message.header("allow").upper()
    body = early.confirmed(leg, message)
    leg.dialog.ack(leg.board.endpoint, leg.tx, message, now)
    # 13.2.1: where a 183 brought the answer already, the 2xx may leave it out, or must repeat it: the newer one counts.
    if (body or not leg.negotiation.agreed) and not leg.take_answer(body, now):
        leg.status = 488
        leg.drop(now, 488, "no_common_codec")
        return
    timer.answered(leg, message, now)
    leg.board.publish(LegAnswered(leg.call.id, leg.id))
    leg.owner.leg_answered(leg, now)


def _failed(leg: Leg, now: float, status: int) -> None:
    leg.status = status
    leg._gone(now, status, "refused", "remote")
    leg._end(now)
    leg.owner.leg_gone(leg, now)


def _cancel(leg: Leg, now: float, final: tuple[int, str]) -> None:
    leg.board.endpoint.cancel(leg.tx, now, headers=final[1])


def _answered_late(leg: Leg, now: float, message: Message) -> None:
    """The 2xx crossed our CANCEL: there is a session that nobody wants."""
    early.confirmed(leg, message)
    leg.dialog.ack(leg.board.endpoint, leg.tx, message, now)
    _bye_now(leg, now, None)


def _finished(leg: Leg, now: float, _: Any) -> None:
    leg._end(now)


def _bye(leg: Leg, now: float, final: tuple[int, str]) -> None:
    leg.reach(now)
    leg.dialog.request(leg.board.endpoint, "BYE", now, headers=final[1], owner=leg)


def _bye_now(leg: Leg, now: float, _: Any) -> None:
    _bye(leg, now, (0, ""))


def _left(leg: Leg, now: float, _: Any) -> None:
    leg._gone(now, leg.status, "normal", "remote")
    leg._end(now)
    leg.owner.leg_gone(leg, now)


def _left_early(leg: Leg, now: float, _: Any) -> None:
    """BYE in the early dialog (15.1.2): the INVITE still needs its final response."""
    leg.respond(leg.tx, 487, now)
    _left(leg, now, None)


def _left_ringing(leg: Leg, now: float, _: Any) -> None:
    """A phone that rings must not send BYE, but some do: take it as a refusal."""
    leg._gone(now, 480, "refused", "remote")
    _cancel(leg, now, (480, ""))
    leg.owner.leg_gone(leg, now)


TABLE: Final[dict[LegState, dict[LegInput, tuple[Action, LegState]]]] = {
    LegState.INCOMING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.ANSWER:      (_accept,        LegState.ANSWERED),
        LegInput.ANSWER_LATER: (_nothing,      LegState.WITHHELD),
        LegInput.HANG_UP:     (_refuse,        LegState.ENDED),
        LegInput.CANCEL:      (_cancelled,     LegState.ENDED),
        LegInput.BYE:         (_left_early,    LegState.ENDED),
    },
    LegState.WITHHELD: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.PRACK:       (_accept_withheld, LegState.ANSWERED),
        LegInput.HANG_UP:     (_refuse,        LegState.ENDED),
        LegInput.CANCEL:      (_cancelled,     LegState.ENDED),
        LegInput.BYE:         (_left_early,    LegState.ENDED),
    },
    LegState.ANSWERED: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.ACK:         (_confirmed,     LegState.ESTABLISHED),
        LegInput.ACK_MISSING: (_ack_missing,   LegState.LEAVING),
        LegInput.HANG_UP:     (_nothing,       LegState.DEPARTING),
        LegInput.BYE:         (_left,          LegState.ENDED),
    },
    LegState.DEPARTING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.ACK:         (_bye_now,       LegState.LEAVING),
        LegInput.ACK_MISSING: (_bye_now,       LegState.LEAVING),
        LegInput.BYE:         (_finished,      LegState.ENDED),
    },
    LegState.CALLING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.PROVISIONAL: (_rings,         LegState.RINGING),
        LegInput.SUCCESS:     (_answered,      LegState.ESTABLISHED),
        LegInput.FAILURE:     (_failed,        LegState.ENDED),
        LegInput.HANG_UP:     (_cancel,        LegState.CANCELLING),
    },
    LegState.RINGING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.PROVISIONAL: (_rings,         LegState.RINGING),
        LegInput.SUCCESS:     (_answered,      LegState.ESTABLISHED),
        LegInput.FAILURE:     (_failed,        LegState.ENDED),
        LegInput.HANG_UP:     (_cancel,        LegState.CANCELLING),
        LegInput.BYE:         (_left_ringing,  LegState.CANCELLING),
    },
    LegState.CANCELLING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.SUCCESS:     (_answered_late, LegState.LEAVING),
        LegInput.FAILURE:     (_finished,      LegState.ENDED),
    },
    LegState.ESTABLISHED: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.HANG_UP:     (_bye,           LegState.LEAVING),
        LegInput.ACK_MISSING: (_ack_missing,   LegState.LEAVING),     # of a re-INVITE
        LegInput.BYE:         (_left,          LegState.ENDED),
    },
    LegState.LEAVING: {
        LegInput.LOST:        (_finished,      LegState.ENDED),
        LegInput.BYE_DONE:    (_finished,      LegState.ENDED),
        LegInput.BYE:         (_nothing,       LegState.LEAVING),     # crossing: both get their 200
    },
    LegState.ENDED: {},
}  # fmt: skip
