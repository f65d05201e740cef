"""The lamps of phones' keys (BLF): who talks, who rings, which agent is free, how many wait; as RFC 4235 says it.

Everything is learnt from the events that the switch publishes anyway. A resource is an account, an agent or a queue: a key is
subscribed to `sip:NAME@domain`, where NAME is an account's user, the name of an agent, or the name or the number of a queue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from softswitch.events import (
    AgentActivityChanged,
    AgentPresenceChanged,
    CallerJoined,
    CallerLeft,
    Event,
    LegAnswered,
    LegEnded,
    LegRinging,
    LegStarted,
)

if TYPE_CHECKING:
    from softswitch.directory import Account, Directory

# What an agent's key shows: steady while they cannot take a call, blinking while they ring.
AGENT_STATES: Final = {
    "idle": "terminated", "reserved": "early", "offered": "early", "talking": "confirmed", "holding": "confirmed",
    "wrapup": "confirmed", "backoff": "confirmed", "unreachable": "confirmed",
}  # fmt: skip


@dataclass(slots=True)
class Part:
    """One leg at an account's phone, as its key shows it."""

    call: str
    leg: str
    recipient: bool  # it was called
    state: str = "trying"  # "trying" | "early" | "confirmed"
    other: str = ""  # who is at the other end


class Lamps:
    """The `dialog` event package. `changed(resource)` is told what looks different from now on."""

    name = "dialog"
    content_type = "application/dialog-info+xml"

    def __init__(self, directory: Directory, changed: Callable[[str], None]) -> None:
        self._directory = directory
        self._changed = changed
        self._parts: dict[str, dict[tuple[str, str], Part]] = {}  # account -> its legs
        self._devices: dict[str, dict[str, str]] = {}  # call -> leg -> account
        self._callers: dict[str, str] = {}  # call -> who called
        self._agents: dict[str, tuple[str, str]] = {}  # agent -> activity, presence
        self._waiting: dict[str, set[str]] = {}  # queue -> callers

    def configure(self, directory: Directory) -> None:
        self._directory = directory

    # --- resources ---------------------------------------------------------------------------------------------------

    def find(self, user: str, account: Account) -> str | None:
        directory = self._directory
        if user in directory.accounts:
            return f"account:{user}"
        if user in directory.agents:
            return f"agent:{user}"
        if user in directory.queues:
            return f"queue:{user}"
        kind, _, target = directory.extensions.get(user, "").partition(":")
        return f"queue:{target}" if kind == "queue" and target in directory.queues else None

    def body(self, resource: str, version: int, account: Account) -> bytes:
        kind, _, name = resource.partition(":")
        domain = self._directory.domain
        if kind == "account":
            # Some phones turn a lamp off only when they are told of a dialog that is over.
            parts = [self._dialog(part, name) for part in self._parts.get(name, {}).values()] or [
                _element(name, "recipient", "terminated", "", self._party(name))
            ]
        elif kind == "agent":
            parts = [self._agent(name)]
        else:
            parts = [self._queue(name)]
        entity = quoteattr(f"sip:{name}@{domain}")
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\r\n<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" '
            f'version="{version}" state="full" entity={entity}>\r\n{"".join(parts)}</dialog-info>\r\n'
        ).encode()

    def _dialog(self, part: Part, name: str) -> str:
        direction = "recipient" if part.recipient else "initiator"
        return _element(f"{part.call}-{part.leg}", direction, part.state, self._party(part.other), self._party(name))

    def _agent(self, name: str) -> str:
        activity, presence = self._agents.get(name, ("idle", "offline"))
        state = AGENT_STATES.get(activity, "confirmed")
        if state == "terminated" and not presence.startswith("ready"):
            state = "confirmed"
        return _element(f"agent-{name}", "recipient", state, "", self._party(name))

    def _queue(self, name: str) -> str:
        waiting = len(self._waiting.get(name, ()))
        return _element(
            f"queue-{name}", "recipient", "confirmed" if waiting else "terminated",
            self._party(name, f"{waiting} waiting") if waiting else "", self._party(name),
        )  # fmt: skip

    def _party(self, user: str, display: str = "") -> str:
        if not user:
            return ""
        known = self._directory.accounts.get(user)
        title = display or (known.name if known is not None else "")
        uri = escape(f"sip:{user}@{self._directory.domain}")
        shown = f" display={quoteattr(title)}" if title else ""
        return f"<identity{shown}>{uri}</identity><target uri={quoteattr(uri)}/>"

    # --- what happens ------------------------------------------------------------------------------------------------

    def see(self, event: Event) -> None:
        """An event of the switch."""
        handle = _HANDLERS.get(type(event))
        if handle is not None:
            handle(self, event)

    def _started(self, event: LegStarted) -> None:
        device, who = event.device, event.device or event.party
        if event.role == "caller":
            self._callers[event.call] = who
        if device not in self._directory.accounts:
            return
        recipient = event.role != "caller"
        part = Part(event.call, event.leg, recipient, "early" if recipient else "trying")
        part.other = self._callers.get(event.call, "") if recipient else ""
        if recipient:
            self._meet(event.call, who)
        self._parts.setdefault(device, {})[event.call, event.leg] = part
        self._devices.setdefault(event.call, {})[event.leg] = device
        self._changed(f"account:{device}")

    def _meet(self, call: str, who: str) -> None:
        """The caller's own key says who is being called."""
        for leg, device in self._devices.get(call, {}).items():
            part = self._parts[device][call, leg]
            if not part.recipient and not part.other:
                part.other = who
                self._changed(f"account:{device}")

    def _moved(self, event: LegRinging | LegAnswered) -> None:
        device = self._devices.get(event.call, {}).get(event.leg)
        if device is not None:
            part = self._parts[device][event.call, event.leg]
            part.state = "confirmed" if isinstance(event, LegAnswered) else "early"
            self._changed(f"account:{device}")

    def _ended(self, event: LegEnded) -> None:
        if event.role == "caller":
            self._callers.pop(event.call, None)
        legs = self._devices.get(event.call, {})
        device = legs.pop(event.leg, None)
        if device is None:
            return
        if not legs:
            del self._devices[event.call]
        parts = self._parts[device]
        del parts[event.call, event.leg]
        if not parts:
            del self._parts[device]
        self._changed(f"account:{device}")

    def _activity(self, event: AgentActivityChanged) -> None:
        self._agents[event.agent] = event.activity, self._agents.get(event.agent, ("", "offline"))[1]
        self._changed(f"agent:{event.agent}")

    def _presence(self, event: AgentPresenceChanged) -> None:
        if not event.queue:
            self._agents[event.agent] = self._agents.get(event.agent, ("idle", ""))[0], event.presence
            self._changed(f"agent:{event.agent}")

    def _joined(self, event: CallerJoined) -> None:
        self._waiting.setdefault(event.queue, set()).add(event.caller)
        self._changed(f"queue:{event.queue}")

    def _left(self, event: CallerLeft) -> None:
        waiting = self._waiting.get(event.queue, set())
        waiting.discard(event.caller)
        if not waiting:
            self._waiting.pop(event.queue, None)
        self._changed(f"queue:{event.queue}")


_HANDLERS: Final[dict[type, Callable[..., None]]] = {
    LegStarted: Lamps._started,
    LegRinging: Lamps._moved,
    LegAnswered: Lamps._moved,
    LegEnded: Lamps._ended,
    AgentActivityChanged: Lamps._activity,
    AgentPresenceChanged: Lamps._presence,
    CallerJoined: Lamps._joined,
    CallerLeft: Lamps._left,
}


def _element(id_: str, direction: str, state: str, remote: str, local: str) -> str:
    sides = f"<local>{local}</local>" if local else ""
    if remote:
        sides += f"<remote>{remote}</remote>"
    return f'<dialog id={quoteattr(id_)} direction="{direction}"><state>{state}</state>{sides}</dialog>\r\n'
