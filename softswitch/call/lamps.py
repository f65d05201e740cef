"""The lamps of phones' keys (BLF): who talks, who rings, which agent is free, what is parked, which setting is in force.

What happens is learnt from the events that the switch publishes anyway. A key is subscribed to `sip:NAME@domain`, where NAME is
whatever could be dialled: an account's user, the name of an agent, the name or the number of a queue or a ring group, a place for
parked calls, a feature code (the lamp is that of the account that subscribes). RFC 4235: the state is always full, so a phone
that has missed one NOTIFY is right again with the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from softswitch.call import switch_codes
from softswitch.call.key_states import IDLE, Known, Shown, agent, agent_feature, feature, group, queue, slot
from softswitch.call.leg import LegState
from softswitch.call.replaces import may_pick_up
from softswitch.call.routing import Destination, agent_of, route
from softswitch.call.xml import escape, quoteattr
from softswitch.events import (
    AgentActivityChanged,
    AgentPresenceChanged,
    CallBridged,
    CallComeback,
    CallerJoined,
    CallerLeft,
    CallParked,
    CallTakenBack,
    CallUnparked,
    Event,
    GroupLeft,
    GroupRang,
    HoursSwitched,
    LegAnswered,
    LegEnded,
    LegRinging,
    LegStarted,
    OutageSwitched,
    PhoneChanged,
)

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.leg import Leg
    from softswitch.directory import Account

# Kind of destination -> kind of resource, for what may be dialled and watched.
WATCHED: Final = ("account", "queue", "group", "slot")
STATES: Final = {
    "agent": agent, "queue": queue, "group": group, "slot": slot, "feature": feature, "agent_feature": agent_feature,
}  # fmt: skip
TALKING: Final = frozenset({LegState.ANSWERED, LegState.ESTABLISHED})


@dataclass(slots=True)
class Part:
    """One leg at an account's phone, as its key shows it."""

    call: str  # that the leg began in: it may have changed to another since
    leg: str
    account: str
    recipient: bool  # it was called
    state: str = "trying"  # "trying" | "early" | "confirmed"
    other: str = ""  # who is at the other end
    queue: bool = False  # it rings for a caller of a queue


class Lamps:
    """The `dialog` event package. `changed(resource)` is told what looks different from now on."""

    name = "dialog"
    content_type = "application/dialog-info+xml"

    def __init__(self, board: Board, known: Known, changed: Callable[[str], None]) -> None:
        self._board = board
        self._known = known
        self._changed = changed
        self._legs: dict[str, Part] = {}
        self._parts: dict[str, dict[str, Part]] = {}  # account -> its legs
        self._calls: dict[str, dict[str, Part]] = {}  # call -> the legs that began in it
        self._callers: dict[str, str] = {}  # call -> who called
        self._keys: dict[str, set[str]] = {}  # "phone:USER" or "agent:NAME" -> resources of theirs that were asked for

    # --- resources ---------------------------------------------------------------------------------------------------

    def find(self, user: str, account: Account) -> str | None:
        directory = self._board.directory
        for kind, table in (
            ("account", directory.accounts), ("agent", directory.agents), ("queue", directory.queues),
            ("group", directory.groups),
        ):  # fmt: skip
            if user in table:
                return f"{kind}:{user}"
        found = route(user, directory)
        if not isinstance(found, Destination):
            return None
        if found.kind in WATCHED:
            return f"{found.kind}:{found.name}"
        if found.kind == "feature":
            kind, _, name = switch_codes.parts(found.name)
            whose = f"{kind}:{name}" if kind in switch_codes.KINDS else f"phone:{account.user}"
            return self._key(whose, f"feature:{account.user}:{found.name}")
        if found.kind == "agent" and (name := agent_of(account, directory)):
            return self._key(f"agent:{name}", f"agent_feature:{name}:{found.name}:{found.queue}")
        return None

    def _key(self, whose: str, resource: str) -> str:
        self._keys.setdefault(whose, set()).add(resource)
        return resource

    def parts(self, user: str) -> list[Part]:
        """What goes on at the phones of an account."""
        return list(self._parts.get(user, {}).values())

    def body(self, resource: str, version: int, account: Account) -> bytes:
        kind, _, name = resource.partition(":")
        if kind == "account":
            pickup = may_pick_up(account, name, self._board.directory)
            # Some phones turn a lamp off only when they are told of a dialog that is over.
            elements = [self._dialog(part, name, pickup) for part in self.parts(name)] or [
                _element(name, "recipient", "terminated", "", self._party(name))
            ]
            entity = name
        else:
            shown: Shown = STATES[kind](self._known, name)
            entity = shown.entity
            remote = self._party(*shown.remote) if shown.remote is not None and shown.state != IDLE else ""
            elements = [_element(f"{kind}-{entity}", "recipient", shown.state, remote, self._party(entity))]
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\r\n<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" '
            f'version="{version}" state="full" entity={quoteattr(self._uri(entity))}>\r\n{"".join(elements)}</dialog-info>\r\n'
        ).encode()

    def _dialog(self, part: Part, name: str, pickup: bool) -> str:
        direction = "recipient" if part.recipient else "initiator"
        leg = self._board.legs.get(part.leg)
        tags = ""
        if pickup and leg is not None and part.recipient and part.state == "early" and not part.queue:
            # As the phone sees its dialog with us: what an INVITE with Replaces names to pick the call up (RFC 3891).
            remote = f" local-tag={quoteattr(leg.dialog.remote_tag)}" if leg.dialog.remote_tag else ""
            tags = f" call-id={quoteattr(leg.dialog.call_id)}{remote} remote-tag={quoteattr(leg.dialog.local_tag)}"
        return _element(
            f"{part.call}-{part.leg}", direction, part.state, self._party(part.other), self._party(name), tags
        )

    def _party(self, user: str, display: str = "") -> str:
        if not user:
            return ""
        known = self._board.directory.accounts.get(user)
        title = display or (known.name if known is not None else "")
        uri = self._uri(user)
        shown = f" display={quoteattr(title)}" if title else ""
        return f"<identity{shown}>{escape(uri)}</identity><target uri={quoteattr(uri)}/>"

    def _uri(self, user: str) -> str:
        return f"sip:{user.replace('#', '%23')}@{self._board.directory.domain}"

    # --- what happens ------------------------------------------------------------------------------------------------

    def see(self, event: Event, now: float) -> None:
        """An event of the switch that is one of `LAMP_EVENTS`."""
        _HANDLERS[type(event)](self, event)

    def _started(self, event: LegStarted) -> None:
        if event.role == "caller":
            self._callers[event.call] = event.device or event.party
        self._add(event.call, event.leg, event.role, event.device, event.device or event.party)

    def _add(self, call: str, leg: str, role: str, device: str, who: str) -> None:
        if device not in self._board.directory.accounts:
            return
        recipient = role != "caller"
        part = Part(call, leg, device, recipient, queue=role == "agent" and not self._shared(call))
        if recipient:
            part.state, part.other = "early", self._callers.get(call, "")
            self._meet(call, who)
        self._legs[leg] = part
        self._parts.setdefault(device, {})[leg] = part
        self._calls.setdefault(call, {})[leg] = part
        self._changed(f"account:{device}")

    def _shared(self, call: str) -> bool:
        """Whether the queue of a call lets others pick it up."""
        found = self._board.calls.get(call)
        return found is not None and found.visit is not None and found.visit.config.pickup

    def _meet(self, call: str, who: str) -> None:
        """The caller's own key says who is being called."""
        for part in self._calls.get(call, {}).values():
            if not part.recipient and not part.other:
                part.other = who
                self._changed(f"account:{part.account}")

    def _rings(self, event: LegRinging) -> None:
        self._move(event.leg, "early")

    def _answered(self, event: LegAnswered) -> None:
        self._move(event.leg, "confirmed")

    def _move(self, leg: str, state: str) -> None:
        if (part := self._legs.get(leg)) is not None:
            part.state = state
            self._changed(f"account:{part.account}")

    def _bridged(self, event: CallBridged) -> None:
        """Two talk, who perhaps had called others."""
        for one, other in ((event.leg, event.peer), (event.peer, event.leg)):
            part, leg = self._legs.get(one), self._board.legs.get(other)
            if part is not None and leg is not None and part.other != (leg.device or leg.party):
                part.other = leg.device or leg.party
                self._changed(f"account:{part.account}")

    def _ended(self, event: LegEnded) -> None:
        if event.role == "caller":
            self._callers.pop(event.call, None)
        part = self._legs.pop(event.leg, None)
        if part is None:
            return
        legs = self._calls[part.call]
        del legs[event.leg]
        if not legs:
            del self._calls[part.call]
            self._callers.pop(part.call, None)
        parts = self._parts[part.account]
        del parts[event.leg]
        if not parts:
            del self._parts[part.account]
        self._changed(f"account:{part.account}")

    def _taken_back(self, event: CallTakenBack) -> None:
        """After a restart: the legs of a call are there without having begun."""
        call = self._board.calls.get(event.call)
        if call is None:
            return
        legs: list[Leg] = sorted(call.legs, key=lambda leg: leg.role != "caller")
        for leg in [leg for leg in legs if not leg.gone]:
            if leg.role == "caller":
                self._callers[call.id] = leg.device or leg.party
            self._add(call.id, leg.id, leg.role, leg.device, leg.device or leg.party)
            if leg.state in TALKING:
                self._move(leg.id, "confirmed")
        if call.fork is not None and call.fork.name.startswith("group:"):
            self._changed(call.fork.name)

    def _agent(self, event: AgentActivityChanged | AgentPresenceChanged) -> None:
        for resource in (f"agent:{event.agent}", *self._keys.get(f"agent:{event.agent}", ())):
            self._changed(resource)

    def _queue(self, event: CallerJoined | CallerLeft) -> None:
        self._changed(f"queue:{event.queue}")

    def _slot(self, event: CallParked | CallUnparked | CallComeback) -> None:
        self._changed(f"slot:{event.slot}")

    def _group(self, event: GroupRang | GroupLeft) -> None:
        self._changed(f"group:{event.group}")

    def _phone(self, event: PhoneChanged) -> None:
        for resource in self._keys.get(f"phone:{event.account}", ()):
            self._changed(resource)

    def _switched(self, event: HoursSwitched | OutageSwitched) -> None:
        whose = f"hours:{event.hours}" if isinstance(event, HoursSwitched) else f"outage:{event.outage}"
        for resource in self._keys.get(whose, ()):
            self._changed(resource)


_HANDLERS: Final[dict[type, Callable[..., None]]] = {
    LegStarted: Lamps._started,
    LegRinging: Lamps._rings,
    LegAnswered: Lamps._answered,
    LegEnded: Lamps._ended,
    CallBridged: Lamps._bridged,
    AgentActivityChanged: Lamps._agent,
    AgentPresenceChanged: Lamps._agent,
    CallerJoined: Lamps._queue,
    CallerLeft: Lamps._queue,
    CallParked: Lamps._slot,
    CallUnparked: Lamps._slot,
    CallComeback: Lamps._slot,
    GroupRang: Lamps._group,
    GroupLeft: Lamps._group,
    PhoneChanged: Lamps._phone,
    HoursSwitched: Lamps._switched,
    OutageSwitched: Lamps._switched,
    CallTakenBack: Lamps._taken_back,
}
LAMP_EVENTS: Final = frozenset(_HANDLERS)


def _element(id_: str, direction: str, state: str, remote: str, local: str, tags: str = "") -> str:
    sides = f"<local>{local}</local>" if local else ""
    if remote:
        sides += f"<remote>{remote}</remote>"
    return f'<dialog id={quoteattr(id_)}{tags} direction="{direction}"><state>{state}</state>{sides}</dialog>\r\n'
