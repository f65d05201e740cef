"""What the lamp of a key shows that is no phone: agents, queues, ring groups, parking places, feature codes."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from softswitch.call import switch_codes
from softswitch.call.phones import FORWARDS

if TYPE_CHECKING:
    from softswitch.call.board import Board

IDLE, BLINKING, LIT = "terminated", "early", "confirmed"

# What an agent's key shows: steady while they cannot take a call, blinking while they ring.
AGENT_STATES: Final = {
    "idle": IDLE, "reserved": BLINKING, "offered": BLINKING, "talking": LIT, "holding": LIT, "wrapup": LIT, "backoff": LIT,
    "unreachable": LIT,
}  # fmt: skip


class AgentNow(NamedTuple):
    """An agent as the queue engine sees them."""

    activity: str = "idle"
    presence: str = "offline"
    paused_in: Container[str] = ()


class Shown(NamedTuple):
    """A lamp. `remote`: who is at the other end, and what is written beside it."""

    entity: str
    state: str
    remote: tuple[str, str] | None = None


@dataclass(slots=True)
class Known:
    """Where the states come from: call control, and the queue engine behind two questions."""

    board: Board
    agent: Callable[[str], AgentNow]
    waiting: Callable[[str], int]  # callers in a queue


def agent(known: Known, name: str) -> Shown:
    now = known.agent(name)
    state = AGENT_STATES.get(now.activity, LIT)
    if state == IDLE and not now.presence.startswith("ready"):
        state = LIT
    return Shown(name, state)


def queue(known: Known, name: str) -> Shown:
    waiting = known.waiting(name)
    return Shown(name, LIT if waiting else IDLE, (name, f"{waiting} waiting"))


def group(known: Known, name: str) -> Shown:
    call = next(
        (one for one in known.board.calls.values() if one.fork is not None and one.fork.name == f"group:{name}"), None
    )
    if call is None or call.summoning:
        return Shown(name, IDLE)
    return Shown(name, BLINKING, (call.caller.device or call.caller_number, call.caller_name))


def slot(known: Known, name: str) -> Shown:
    parked = known.board.parked.get(name)
    if parked is None:
        return Shown(name, IDLE)
    leg = parked.call.caller
    return Shown(name, LIT if parked.call.fork is None else BLINKING, (leg.device or leg.party, leg.party))


def feature(known: Known, name: str) -> Shown:
    """`name`: the account and the action of the code, "101:forward.always"."""
    user, _, action = name.partition(":")
    phones, account = known.board.phones, known.board.directory.accounts.get(user)
    kind, _, verb = action.partition(".")
    if account is None:
        return Shown(user, IDLE)
    if kind in switch_codes.KINDS:
        return Shown(user, LIT if switch_codes.lit(known.board, action) else IDLE, (verb.partition(":")[2], ""))
    if kind == "dnd":
        return Shown(user, LIT if phones.do_not_disturb(account) else IDLE)
    if kind == "call_waiting":
        return Shown(user, IDLE if phones.call_waiting(account) else LIT)
    if kind in ("forward", "forward_off"):
        kinds = FORWARDS if verb == "all" else (verb,)
        target = next((target for one in kinds if (target := phones.forward(account, one))), "")
        return Shown(user, LIT if target else IDLE, (target.partition(":")[2] or target, ""))
    return Shown(user, IDLE)


def agent_feature(known: Known, name: str) -> Shown:
    """`name`: the agent, the verb of the code and perhaps a queue, "anna:not_ready:sales"."""
    who, verb, where = name.split(":", 2)
    now = known.agent(who)
    present = now.presence != "offline"
    if where:
        serves = present and where not in now.paused_in
        lit = serves if verb in ("login", "ready") else present and not serves
    elif verb == "end_wrap_up":
        lit = now.activity == "wrapup"
    else:
        wanted = {"login": present, "logout": not present, "ready": now.presence.startswith("ready")}
        lit = wanted.get(verb, now.presence == "not_ready")
    return Shown(who, LIT if lit else IDLE)
