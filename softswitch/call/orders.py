"""What operators, pages and programs may order about conversations: begin one, supervise one, make one of two, steer a
conference.

Each gives "" when it is done, or the reason why it cannot be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.call.call import Call
from softswitch.call.dialplan import EMERGENCY
from softswitch.call.features import set_forward
from softswitch.call.flow import Mark
from softswitch.call.menu import flow_for, supervise
from softswitch.call.merge import merge
from softswitch.call.phones import SWITCHES
from softswitch.call.reach import OUTSIDE
from softswitch.call.routing import Refusal, route
from softswitch.call.supervise import may_supervise
from softswitch.call.toll import policy_of
from softswitch.events import CallStarted

if TYPE_CHECKING:
    from softswitch.call.board import Board


# What somebody may be put through to who has not dialled themselves: no code of a phone.
NO_CALL: Final = "there is no such call"
CALLED: Final = frozenset({
    "account", "extension", "group", OUTSIDE, "queue", "menu", "flow", "conference", "voicemail", "echo", "music", "play",
    "router",
})  # fmt: skip


def spy(
    board: Board, call: str, account: str, mode: str, by: str, now: float, granted: bool = False, device: str = ""
) -> str:  # fmt: skip
    """Ring the phone of `account` and let it supervise the agent, or the called phone, of a call.

    `granted`: whoever orders it may, so that it does not matter whom the account supervises; `device`: the phone that is meant.
    """
    found, supervisor = board.calls.get(call), board.directory.accounts.get(account)
    if found is None or found.peer is None:
        return "the call is no conversation"
    device = device or found.peer.device or found.caller.device
    if not any(leg.device == device for leg in found.members):
        return f"{device} is not in this call"
    if supervisor is None or not (granted or may_supervise(supervisor, device, board.directory)):
        return f"{account} may not supervise {device}"
    if account == device:
        return "nobody supervises themselves"
    own = Call(board, supervisor, device, found.worker, now)
    board.publish(CallStarted(own.id, own.caller_number, own.caller_name, device, account))
    own.summon(supervise(device, mode, by, granted), f"{mode}: {found.peer.party}", now)
    return ""


def originate(board: Board, account: str, number: str, by: str, by_itself: bool, now: float) -> tuple[str, str]:
    """Ring the phone of `account`, and call a number for whoever answers, as if they had dialled it (OUT-11).

    (The call's id, ""), or ("", why not). `by_itself`: the phone is asked to answer without anybody touching it.
    """
    found = board.directory.accounts.get(account)
    if found is None:
        return "", "there is no such account"
    destination = route(number, board.directory)
    if isinstance(destination, Refusal):
        return "", f"{number} leads nowhere ({destination.cause})"
    if destination.kind not in CALLED:
        return "", f"{number} is no number to be called"
    if destination.kind in ("account", "extension") and destination.name == account:
        return "", "nobody calls themselves"
    asked = destination.kind == OUTSIDE and destination.detail != EMERGENCY
    if asked and (refusal := board.guard.refuses(destination.name, policy_of(found, board.directory))):
        return "", f"{account} may not call {number} ({refusal})"
    if board.by_account.get(account, 0) >= found.max_calls:
        return "", f"{account} is in {found.max_calls} calls already"
    media = board.allocate(now, spare=1)  # Where there is room for both.
    if media is None:
        return "", "no media port is free"
    worker = media.worker
    media.close(now)
    call = Call(board, found, number, worker, now)
    board.publish(CallStarted(call.id, call.caller_number, call.caller_name, number, account))
    call.mark(Mark("originated", by))
    call.summon(
        flow_for(destination, board.site, call.visitor), number, now, role="originator", by_itself=by_itself,
        recipe=("to", str(destination)),
    )  # fmt: skip
    return call.id, ""


def merge_calls(board: Board, call: str, other: str, now: float) -> str:
    """Make one conversation of two that the same phone is in."""
    one, two = board.calls.get(call), board.calls.get(other)
    if one is None or two is None:
        return NO_CALL
    return merge(one, two, now)


def phone(board: Board, account: str, setting: str, value: str, by: str) -> str:
    """Put a setting of an account's phone in force: "on" or "off" of a switch, or where to forward to ("" = nowhere)."""
    found = board.directory.accounts.get(account)
    if found is None:
        return "there is no such account"
    if setting not in SWITCHES:
        refusal = set_forward(board, found, setting.removeprefix("forward_"), value, by)
        return "calls cannot be led there" if refusal else ""
    if value not in ("on", "off"):
        return "it is on or off"
    board.phones.set(account, setting, value, by)
    return ""


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
