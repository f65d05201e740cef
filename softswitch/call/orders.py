"""What operators, pages and programs may order about conversations: supervise one, make one of two, steer a conference.

Each gives "" when it is done, or the reason why it cannot be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.call.call import Call
from softswitch.call.menu import supervise
from softswitch.call.merge import merge
from softswitch.call.supervise import may_supervise
from softswitch.events import CallStarted

if TYPE_CHECKING:
    from softswitch.call.board import Board


def spy(board: Board, call: str, account: str, mode: str, by: str, now: float) -> str:
    """Ring the phone of `account` and let it supervise the agent, or the called phone, of a call."""
    found, supervisor = board.calls.get(call), board.directory.accounts.get(account)
    if found is None or found.peer is None:
        return "the call is no conversation"
    device = found.peer.device or found.caller.device
    if supervisor is None or not may_supervise(supervisor, device, board.directory):
        return f"{account} may not supervise {device}"
    own = Call(board, supervisor, device, found.worker, now)
    board.publish(CallStarted(own.id, own.caller_number, own.caller_name, device, account))
    own.summon(supervise(device, mode, by), f"{mode}: {found.peer.party}", now)
    return ""


def merge_calls(board: Board, call: str, other: str, now: float) -> str:
    """Make one conversation of two that the same phone is in."""
    one, two = board.calls.get(call), board.calls.get(other)
    if one is None or two is None:
        return "there is no such call"
    return merge(one, two, now)


def conference(board: Board, name: str, verb: str, call: str, by: str, now: float) -> str:
    """Carry out an order for a conference: "lock", "unlock", "mute", "unmute", "kick".

    `call`: one of its members, "" = all of them.
    """
    meeting = board.meetings.get(name)
    if meeting is None:
        return "nobody is in it"
    if call and call not in meeting.members:
        return f"{call} is not in it"
    if verb in ("lock", "unlock"):
        meeting.lock(verb == "lock", by)
    elif verb in ("mute", "unmute"):
        meeting.mute(call, verb == "mute", by)
    else:
        meeting.kick(call, by, now)
    return ""
