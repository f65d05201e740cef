"""Where in a queue a caller begins: the priority they come with, and the time that counts as waited (ACD-23, ACD-24)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.facts import Card
    from softswitch.call.flow import EnterQueue
    from softswitch.directory import Queue


def standing(call: Call, step: EnterQueue, queue: Queue, now: float, card: Card | None = None) -> tuple[int, float]:
    """(priority, seconds that count). Of several priorities the first that says something: how the call was led here, the
    queue that it comes from, the customer's card.

    Who comes from another queue without having talked to anybody keeps the time that they have waited there.
    """
    past = call.visit
    moved = past is not None and past.left_waiting
    priority = step.priority
    if not priority and past is not None and moved:
        priority = past.priority
    credit = step.wait_credit
    if past is not None and moved and queue.carry_wait:
        credit = max(credit, now - past.entered + past.credit)
    if queue.base == "call":
        talking = now - call.bridged_at if call.bridged_at else 0.0
        credit = max(credit, now - call.started - call.talked - talking)
    return priority or of_card(card, queue), credit


def of_card(card: Card | None, queue: Queue) -> int:
    """The priority that a customer's card gives: its own field, or that of the queue for its best customers."""
    if card is None:
        return 0
    own = card.get("priority")
    if isinstance(own, int | float | str):
        try:
            return int(own)
        except (ValueError, OverflowError):
            return 0
    return queue.vip_priority if card.get("vip") else 0
