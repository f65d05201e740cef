"""Phones that move in the middle of a call: their NAT gives them another port, or they are in another network altogether.

The right tags are no proof of who sends a request. Inside a dialog they are enough from the address of the dialog, and from
where the account has registered. From anywhere else the sender must show credentials of the account; then the dialog
continues there, and the media are awaited from there (RELIABILITY section 3: a latch is armed again by proof only).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.outside import TRUNK

if TYPE_CHECKING:
    from softswitch.call.leg import Leg
    from softswitch.directory import Account
    from softswitch.sip.message import Message

# From another port of the same address only what could draw the call away needs a proof.
_MOVING: Final = frozenset({"INVITE", "UPDATE"})


def must_prove(leg: Leg, message: Message, now: float) -> bool:
    """Whether the sender of a request in this leg's dialog must be asked for credentials."""
    source, flow = message.flow, leg.dialog.flow
    if source == flow or leg.device not in leg.board.directory.accounts or not leg.dialog.matches(message):
        return False
    if source.host == flow.host and (flow.transport != "udp" or message.method not in _MOVING):
        return False
    return not _registered(leg, message, now)


def receive(leg: Leg, message: Message, account: Account | None, now: float) -> int:
    """Judge a request in this leg's dialog: 0, or the status to answer with. `account`: who has proven to have sent it."""
    dialog, source = leg.dialog, message.flow
    if source == dialog.flow:
        return dialog.receive(message)
    if account is not None and account.user != leg.device:
        return 403
    trusted = account is not None or (leg.device != "" and _registered(leg, message, now))
    status = dialog.receive(message, trusted=trusted)
    if not status and trusted:
        negotiation = leg.negotiation
        negotiation.arming += 1
        if negotiation.agreed and not leg.gone and leg.media.opened is not None:
            leg.connect(now)
    return status


def by_trunk(leg: Leg, message: Message) -> bool:
    """Whether a request comes from another address of the trunk that the leg is on: providers have several servers."""
    source = message.flow
    if not leg.device.startswith(TRUNK) or source.host == leg.dialog.flow.host:
        return False
    return leg.board.trunks.sends(leg.device.removeprefix(TRUNK), source)


def _registered(leg: Leg, message: Message, now: float) -> bool:
    """Whether the account of the leg has registered over the very flow that a request came by, or it is the leg's trunk's."""
    if leg.device.startswith(TRUNK):
        return by_trunk(leg, message)
    return any(binding.flow == message.flow for binding in leg.board.bindings(leg.device, now))
