"""Orders of the queue engine, carried out: whose phone rings for whom, who is connected, who is let go."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from softswitch.call import callback
from softswitch.callbacks import DialCustomer
from softswitch.effects import (
    ConnectOffer,
    ConversationEnded,
    OfferFailed,
    OfferResult,
    PlaceImproved,
    ReleaseCaller,
    RingAgent,
    TellCaller,
    WithdrawOffer,
)

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call


QueueOrder: TypeAlias = (
    RingAgent | WithdrawOffer | ConnectOffer | ReleaseCaller | PlaceImproved | TellCaller | DialCustomer
)


class QueueOrders:
    """`about(call)` is told which call an order is about before anything happens to it."""

    def __init__(self, board: Board, about: Callable[[Call], None]) -> None:
        self.board = board
        self._about = about
        self._orders: dict[type, Callable[[Any, float], None]] = {
            RingAgent: self._ring_agent,
            WithdrawOffer: self._withdraw_offer,
            ConnectOffer: self._connect_offer,
            ReleaseCaller: self._release_caller,
            PlaceImproved: self._place_improved,
            DialCustomer: self._dial_customer,
            TellCaller: self._tell_caller,
        }

    def carry_out(self, order: QueueOrder, now: float) -> None:
        self._orders[type(order)](order, now)

    def _call_of(self, caller: str) -> Call | None:
        """The call of a caller of the engine: the same by its id, or the one by which a customer is called back."""
        attempt = self.board.callbacks.get(caller)
        return attempt.call if attempt is not None else self.board.calls.get(caller)

    def _dial_customer(self, order: DialCustomer, now: float) -> None:
        if (call := callback.dial(self.board, order, now)) is not None:
            self._about(call)

    def _ring_agent(self, order: RingAgent, now: float) -> None:
        if order.callback is not None:
            if (call := callback.ring(self.board, order, now)) is not None:
                self._about(call)
            else:
                self.board.out.append(OfferFailed(order.offer, OfferResult.UNREACHABLE))
            return
        call = self._call_of(order.caller)
        if call is None or call.visit is None or not call.visit.waiting:
            self.board.out.append(OfferFailed(order.offer, OfferResult.CANCELLED_CALLER_GONE))
            return
        self._about(call)
        call.visit.ring(order, now)

    def _withdraw_offer(self, order: WithdrawOffer, now: float) -> None:
        offer = self.board.offers.get(order.offer)
        if offer is not None:
            self._about(offer.call)
            offer.withdraw(order.result, now)

    def _connect_offer(self, order: ConnectOffer, now: float) -> None:
        offer = self.board.offers.get(order.offer)
        if offer is None:
            self.board.out.append(ConversationEnded(order.offer))  # One of the two is gone already.
            return
        self._about(offer.call)
        offer.connect(now)

    def _place_improved(self, order: PlaceImproved, now: float) -> None:
        call = self._call_of(order.caller)
        if call is not None and call.visit is not None and call.visit.waiting:
            self._about(call)
            call.visit.announcer.improved(now)

    def _release_caller(self, order: ReleaseCaller, now: float) -> None:
        call = self._call_of(order.caller)
        if call is not None and call.visit is not None and (call.visit.waiting or call.visit.attempt is not None):
            self._about(call)
            call.visit.release(order, now)

    def _tell_caller(self, order: TellCaller, now: float) -> None:
        call = self._call_of(order.caller)
        if call is not None and call.visit is not None and call.visit.waiting:
            call.visit.tell(order.clips)
