"""Ringing whoever was called: an account with all its phones and its follow-me, or a ring group; and where a call is led that
does not reach them (SIG-31): by the forwarding of the account, by a phone that sends it elsewhere (302), by the group.

Whoever leads a call further answers for it: from then on it has the rights of that account (`Call.authority`). The steps are
counted, and nobody is passed twice, so no circle of forwards goes round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from softswitch.call.dialplan import EMERGENCY
from softswitch.call.flow import Mark
from softswitch.call.fork import Fork, Invitation
from softswitch.call.headers import Diversion, alert_line, party
from softswitch.call.hunt import Hunt, Party, parties_of
from softswitch.call.leaving import give_way
from softswitch.call.leg import LegState
from softswitch.call.only import Only
from softswitch.call.owners import own_mailbox
from softswitch.call.reach import OUTSIDE, dial_out
from softswitch.call.routing import Destination, Refusal, parse, route, route_uri
from softswitch.events import CallDiverted
from softswitch.outside import TRUNK

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.call import Call
    from softswitch.directory import Account, Directory

TRANSFERRING: Final = "transferring"
MAX_DIVERSIONS: Final = 5
RINGING: Final = frozenset({"account", "group", "outside"})  # destinations that ring

# How an attempt failed -> the forwarding that it is a case of, and what that is called in Diversion.
CASES: Final = {"busy": "busy", "rejected": "busy", "no_answer": "no_answer", "unreachable": "unreachable"}
REASONS: Final = {
    "always": "unconditional", "busy": "user-busy", "no_answer": "no-answer", "unreachable": "unavailable",
    "redirect": "deflection",
}  # fmt: skip
# Where a call may be led further. Feature codes are for whoever dials them.
FORWARDABLE: Final = frozenset(
    {"account", "group", "queue", "menu", "flow", "conference", "voicemail", "play", "music", "hangup", "outside"}
)


def put_through(call: Call, destination: Destination, now: float) -> None:
    """Ring whoever a destination means."""
    if destination.kind == "group":
        _ring_group(call, destination.name, now)
    elif destination.kind == OUTSIDE:
        if destination.detail == EMERGENCY:
            call.board.phones.called_for_help(call.caller.device, now)
        dial_out(call, destination, now)
    else:
        ring(call, destination.name, now, destination.detail)


def ring(call: Call, user: str, now: float, instance: str = "") -> None:
    """Ring an account, unless it wants its calls elsewhere, or none. `instance`: only that phone of it (RFC 5627)."""
    board = call.board
    account = board.directory.accounts.get(user)
    if account is None:
        call.not_reached(404, "not_found", now)
        return
    caller = call.caller.device
    if user == caller:
        call.not_reached(482, "loop", now)  # SIG-35: nobody calls oneself
        return
    phones = board.phones
    urgent = caller.startswith(TRUNK) and phones.awaits_help(user, now)
    if not urgent and (target := phones.forward(account, "always")) and divert(call, account, "always", target, now):
        return
    if not urgent and disturbed(board, account, caller):
        _unreached(call, account, 486, "busy", now)
        return
    give_way(board, user, now)
    phones.called(user, "" if call.hidden else call.caller_number)
    target = elsewhere(board, account, "no_answer")
    goes_on = bool(target) and leads(call, resolve(target, board, account))
    timeout = account.forward_after if goes_on else board.policy.no_answer_timeout
    invitation = invitation_for(call, user, account.name or user)
    invitation.auto_answer = call.intercom and account.intercom
    invitation.redirects = account.redirects != "ignore"
    if instance or call.secure:
        invitation.only = Only(instance, call.secure)
    if account.follow_me and not instance:
        own = Party(user, 0.0, 0.0, follow=False)
        call.fork = Hunt(
            board, call, call, invitation, f"account:{user}", [own, *parties_of(account.follow_me)], timeout,
        )  # fmt: skip
    else:
        call.fork = Fork(board, call, call, invitation, None, timeout)
    call.fork.start(now)


def elsewhere(board: Board, account: Account, case: str) -> str:
    """Where a call goes that does not reach an account: its forward of that case, else its mailbox; "" = nowhere."""
    target = board.phones.forward(account, case)
    box = own_mailbox(account, board.directory) if not target and account.to_mailbox else None
    return target if box is None else f"voicemail:{box.name}{':busy' if case == 'busy' else ''}"


def disturbed(board: Board, account: Account, caller: str) -> bool:
    """Whether a further call may not ring there now."""
    phones, user = board.phones, account.user
    if phones.do_not_disturb(account) and caller not in account.disturbed_by:
        return True
    if not phones.call_waiting(account) and board.on_the_phone(user):
        return True
    return bool(board.undisturbed) and any(call.account.user == user for call in board.undisturbed)


def invitation_for(call: Call, user: str, name: str, prefix: str = "", headers: str = "") -> Invitation:
    """What the phones of an account are told of a call."""
    domain = call.board.directory.domain
    return Invitation(
        "callee", user, name, call.identity(prefix), party("", user, domain), call.headers + call.trail + headers,
        call.max_forwards,
        call.caller_speaks(), "internal",
    )  # fmt: skip


def _ring_group(call: Call, name: str, now: float) -> None:
    board = call.board
    group = board.directory.groups.get(name)
    if group is None:
        call.not_reached(404, "not_found", now)
        return
    headers = alert_line(group.alert_info) if group.alert_info else ""
    invitation = invitation_for(call, "", group.title or name, group.caller_name_prefix, headers)
    members = parties_of(group.members, follow=group.follow_forwards, skip_busy=group.skip_busy)
    call.fork = Hunt(
        board, call, call, invitation, f"group:{name}", members, group.timeout, strategy=group.strategy,
        member_timeout=group.member_timeout,
    )  # fmt: skip
    call.fork.start(now)


# --- where else ------------------------------------------------------------------------------------------------------


def failed(call: Call, attempt: Fork | Hunt, status: int, cause: str, now: float) -> bool:
    """An attempt has failed: lead the call further if somebody has said where to. False if it ends here."""
    if call.summoning or (call.lead is not None and call.lead.state != TRANSFERRING):
        return False  # What comes back to its owner is not for others.
    directory = call.board.directory
    kind, _, name = attempt.name.partition(":")
    if kind == "group":
        group = directory.groups.get(name)
        return group is not None and bool(group.otherwise) and _go_on(call, name, group.otherwise, now)
    account = directory.accounts.get(name)
    if account is None:
        return False
    if attempt.redirect and divert(call, account, "redirect", attempt.redirect, now):
        return True
    case = CASES.get(cause)
    target = elsewhere(call.board, account, case) if case else ""
    return bool(target) and divert(call, account, case or "", target, now)


def _unreached(call: Call, account: Account, status: int, cause: str, now: float) -> None:
    target = elsewhere(call.board, account, CASES[cause])
    if not target or not divert(call, account, CASES[cause], target, now):
        call.not_reached(status, cause, now)


def divert(call: Call, account: Account, case: str, target: str, now: float) -> bool:
    """Lead a call of an account further; False if it cannot go there, and nothing has happened."""
    board = call.board
    destination = (redirected if case == "redirect" else resolve)(target, board, account)
    if destination is None or (destination.kind == "account" and destination.name == call.caller.device):
        return False  # Whoever an account forwards to may call it.
    if not leads(call, destination):
        return False
    visited = (*call.visited, f"account:{account.user}")
    if len(call.diversions) >= MAX_DIVERSIONS or str(destination) in visited:
        call.mark(Mark("forward_loop", str(destination)))
        return False
    call.visited = visited
    call.authority = account
    _led_further(call, account.number or account.user, REASONS[case], destination, now)
    return True


def leads(call: Call, destination: Destination | None) -> bool:
    """Whether a call may be led on to a destination.

    Who is transferred is not left in a mailbox or a queue by surprise: the call comes back (XFR-06).
    """
    return destination is not None and (call.lead is None or destination.kind in RINGING)


def _go_on(call: Call, group: str, target: str, now: float) -> bool:
    """Nobody in a group has answered."""
    destination = resolve(target, call.board)
    visited = (*call.visited, f"group:{group}")
    if destination is None or len(call.diversions) >= MAX_DIVERSIONS or str(destination) in visited:
        return False
    if not leads(call, destination):
        return False
    call.visited = visited
    _led_further(call, call.dialled, "no-answer", destination, now)
    return True


def _led_further(call: Call, number: str, reason: str, destination: Destination, now: float) -> None:
    call.diversions += (Diversion(number, reason),)
    call.board.publish(CallDiverted(call.id, number, reason, str(destination)))
    call.mark(Mark("forward", str(destination)))
    caller = call.caller
    if caller.state is LegState.INCOMING and not caller.ringing_at:
        caller.forwarded(now)
    call.outcome = ""
    call.start(destination, now)


def resolve(target: str, board: Board, account: Account | None = None) -> Destination | None:
    """What a destination of the site, or a number, means to a call that is led further; None if it may not go there."""
    directory: Directory = board.directory
    found: Destination | Refusal = parse(target) if ":" in target or target == "hangup" else route(target, directory)
    if isinstance(found, Destination) and found.kind == "extension":
        found = route(found.name, directory)
    if isinstance(found, Refusal) or found.kind not in FORWARDABLE:
        return None
    return found


def redirected(uri: str, board: Board, account: Account) -> Destination | None:
    """Where a phone sends a call: inside the site, or what its account may dial if the site allows that."""
    found = route_uri(uri, board.directory, board.local)
    if isinstance(found, Refusal) or found.kind not in FORWARDABLE:
        return None
    return found if account.redirects == "any" or (account.redirects == "inside" and found.kind != "outside") else None
