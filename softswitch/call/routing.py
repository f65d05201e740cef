"""Routing: what was dialled -> where the call goes, or the status that refuses it. Never to a foreign domain."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from softswitch.call.dialplan import EMERGENCY, SITE, plan_of
from softswitch.call.owners import mailbox_of
from softswitch.directory import Account, Directory, Parking, feature_of
from softswitch.directory.pauses import by_digit
from softswitch.errors import ParseError
from softswitch.numbers import digits_of, normalise
from softswitch.sip.grammar import from_wire
from softswitch.sip.uri import Uri, addr_uri, unescape

if TYPE_CHECKING:
    from softswitch.outside import Trunk
    from softswitch.sip.message import Message

MAX_CALLED: Final = 64  # characters of a number that a provider calls
MAX_ALIASES: Final = 10  # extensions that point to extensions, before it counts as a loop
MAX_SLOT_DIGITS: Final = 8
PRIORITY: Final = re.compile(r"-?[0-9]{1,5}", re.ASCII)


@dataclass(slots=True, frozen=True)
class Destination:
    """Where a call goes. `kind`: the word before the colon of a destination string ("queue", "menu", "play" ...), "account"
    (`detail`: the one phone of it that a GRUU means, as `gruu.instance_of` spells it; "" = all), "outside" (`name` is the
    number; `detail` "emergency", or "site" for a number that the site itself names), of a queue (`detail`: the priority, "" =
    none), or of feature codes "agent" (`name` is
    the verb, `detail` the reason, `queue` the only one that it is about), "supervise" (the phone, and how), and "feature" (the
    action, and the number that it is about). A place for parked calls is a "slot".
    """

    kind: str
    name: str = ""
    detail: str = ""
    queue: str = ""

    def __str__(self) -> str:
        detail = f":{self.detail}" if self.kind == "queue" and self.detail else ""
        return f"{self.kind}:{self.name}{detail}" if self.name else self.kind

    @property
    def priority(self) -> int:
        """With which a caller comes to a queue, as "queue:NAME:5" says it."""
        return int(self.detail) if self.kind == "queue" and PRIORITY.fullmatch(self.detail) else 0


@dataclass(slots=True, frozen=True)
class Refusal:
    """The call goes nowhere: the SIP status, and why for the record of the call."""

    status: int
    cause: str


def route_uri(text: str, directory: Directory, local: Collection[str]) -> Destination | Refusal:
    """Route a Request-URI. `local`: further hosts that are us (the addresses of our listeners)."""
    host, dialled, instance, status = _dissect(text)
    if status:
        return Refusal(status, "malformed_uri")
    if host is not None and host != directory.domain.lower() and host not in directory.aliases and host not in local:
        return Refusal(403, "foreign_domain")
    if instance:  # RFC 5627: one phone of an account, and nothing that the account's number may mean besides.
        return Destination("account", dialled, instance) if dialled in directory.accounts else Refusal(404, "not_found")
    return route(dialled, directory) if dialled else Refusal(404, "not_found")


def our_hosts(directory: Directory, local: Collection[str]) -> frozenset[str]:
    """Hosts of URIs that mean this site."""
    return frozenset((directory.domain.lower(), *directory.aliases, *local))


@lru_cache(maxsize=1024)
def _dissect(text: str) -> tuple[str | None, str, str, int]:
    """(host, None for a number that belongs to no host; what was dialled; instance of a GRUU; status if it is no URI for us)."""
    try:
        uri = Uri.parse(text)
    except ParseError as error:
        return None, "", "", error.status_hint
    if uri.scheme == "tel":
        return None, uri.number if uri.user else "", "", 0
    return uri.host.strip("[]"), uri.number if uri.user else "", unescape(uri.parameters.get("gr", "")), 0


def route(dialled: str, directory: Directory) -> Destination | Refusal:
    """Route what a keypad dialled: accounts, extensions, feature codes, numbers outside, in the order of how exactly they match.

    An emergency number comes before all (SIG-40).
    """
    if directory.trunks and plan_of(directory).is_emergency(dialled):
        return Destination("outside", _help(dialled, directory), EMERGENCY)
    for _ in range(MAX_ALIASES):
        target = directory.extensions.get(dialled)
        if target is None:
            if dialled in directory.accounts:
                return Destination("account", dialled)
            found = feature(dialled, directory) or _slot(dialled, directory)
            return found or _outside(dialled, directory) or Refusal(404, "not_found")
        destination = parse(target)
        if destination.kind != "extension":
            return destination
        if destination.name == dialled:
            # An extension named like its account: the account itself.
            return Destination("account", dialled) if dialled in directory.accounts else Refusal(404, "not_found")
        dialled = destination.name
    return Refusal(482, "extension_loop")


def parse(target: str) -> Destination:
    """A destination string of the site: "queue:infolinia", "queue:infolinia:5" (with that priority), "echo" ..."""
    kind, _, name = target.partition(":")
    if kind == "queue":
        name, _, priority = name.partition(":")
        return Destination(kind, name, priority)
    return Destination(kind, name, SITE if kind == "outside" else "")


def calls_for_help(uri: str, directory: Directory) -> bool:
    """Whether a Request-URI is that of an emergency call."""
    if not directory.trunks:
        return False
    _, dialled, _, _ = _dissect(uri)
    return bool(dialled) and plan_of(directory).is_emergency(dialled)


def did_of(message: Message, trunk: Trunk, directory: Directory) -> tuple[str, Destination | None]:
    """Which number of ours a call from a trunk is for, and where that leads: None if nowhere.

    Nothing but the numbers that the site gives a trunk can be reached by it: neither an account by its name nor the outside.
    """
    country = trunk.country or directory.country
    ours = plan_of(directory).dids.get(trunk.name, {})
    asked = _asked(message, trunk)
    called = [normalise(one, country) or one for one in asked]
    found = next((one for one in called if one in ours), "")
    target = ours.get(found, "") or trunk.default
    dialled = found or next(iter(called), "")
    if not target:
        return dialled, None
    destination = parse(target)
    if destination.kind != "extension":
        return dialled, destination
    inside = route(destination.name, directory)
    return dialled, inside if isinstance(inside, Destination) and inside.kind != "agent" else None


def _asked(message: Message, trunk: Trunk) -> list[str]:
    """The numbers that a call from a trunk may be for, the likeliest first."""
    places = {
        "request_uri": message.uri, "to": message.header("to"), "p_called_party_id": message.header("p-called-party-id"),
    }  # fmt: skip
    order = ("p_called_party_id", "request_uri", "to") if trunk.did_from == "auto" else (trunk.did_from,)
    found = []
    for place in order:
        value = places[place]
        if not value:
            continue
        try:
            number = Uri.parse(addr_uri(value) if place != "request_uri" else value).number
        except ParseError:
            continue
        number = from_wire(number)[:MAX_CALLED]
        if number and number != trunk.user:  # That is where we registered: whom the call is for stands elsewhere.
            found.append(number)
    return found


def _help(dialled: str, directory: Directory) -> str:
    plain = digits_of(dialled)
    return plain if plain in plan_of(directory).emergency else plain.removeprefix(directory.outside_prefix)


def _outside(dialled: str, directory: Directory) -> Destination | Refusal | None:
    """A number outside to which there is a route; a number of ours leads where it would from outside."""
    if not directory.trunks:
        return None
    plan = plan_of(directory)
    number = plan.number(dialled)
    if not number:
        return None
    if number in plan.ours:
        ours = parse(plan.ours[number])
        # An extension is no number that a trunk could have given us, so this ends here.
        return route(ours.name, directory) if ours.kind == "extension" and ours.name != dialled else ours
    return Destination("outside", number) if plan.route(number) is not None else None


def feature(dialled: str, directory: Directory) -> Destination | None:
    """The longest feature code that begins what was dialled, with what stands behind it."""
    codes = directory.feature_codes
    for length in range(len(dialled), 0, -1):
        action = codes.get(dialled[:length])
        if action is not None and (known := feature_of(action)) is not None:
            found = _argument(known.argument, dialled[length:])
            return _destination(action, found, directory) if found is not None else None
    return None


def _argument(pattern: str, rest: str) -> dict[str, str] | None:
    """The parts of what was dialled behind a code; None if it cannot stand there."""
    match = re.compile(pattern, re.ASCII).fullmatch(rest)  # Compiled patterns are kept by `re`.
    return {name: value or "" for name, value in match.groupdict().items()} if match is not None else None


def _destination(action: str, found: dict[str, str], directory: Directory) -> Destination | None:
    kind, _, verb = action.partition(".")
    number = found.get("number", "")
    if kind == "supervise":
        return Destination("supervise", number, verb) if number in directory.accounts else None
    if kind in ("echo", "music"):
        return Destination(kind)
    if kind == "voicemail":
        return _voicemail(verb, number, directory)
    if kind != "agent":
        return Destination("feature", action, number)
    if verb == "disposition":
        chosen = next((one.name for one in directory.dispositions.values() if one.key and one.key == found["code"]), "")
        return Destination("agent", verb, chosen) if chosen else None
    queue = queue_of(number, directory)
    if number and not queue:
        return None
    reason = by_digit(directory.pauses, found["reason"]) if "reason" in found else ""
    return Destination("agent", verb, reason, queue)


def queue_of(number: str, directory: Directory) -> str:
    """The queue that a name or a number means, "" if none."""
    if number in directory.queues:
        return number
    destination = parse(directory.extensions.get(number, ""))
    return destination.name if destination.kind == "queue" else ""


DEFAULT_PARKING: Final = {"parking": Parking("parking")}


def parking_of(directory: Directory) -> Mapping[str, Parking]:
    """The parking of the site; one of our own where it has none."""
    return directory.parking or DEFAULT_PARKING


def _slot(dialled: str, directory: Directory) -> Destination | None:
    """A place for parked calls."""
    if not (dialled.isascii() and dialled.isdigit() and len(dialled) <= MAX_SLOT_DIGITS):
        return None
    for name, lot in parking_of(directory).items():
        if int(dialled) in lot.slots and str(int(dialled)) == dialled:
            return Destination("slot", dialled, name)
    return None


def _voicemail(verb: str, number: str, directory: Directory) -> Destination | None:
    """The mailbox of one's own; any one, if no number follows the one that is asked for; or a message for a number."""
    if verb == "own":
        return Destination("mailbox") if not number else None
    if verb == "any":
        return Destination("mailbox", number or "*")
    box = mailbox_of(number, directory)
    return Destination("voicemail", box.name) if box is not None else None


def agent_of(account: Account, directory: Directory) -> str:
    """The agent who sits at the phone of this account, "" if none."""
    if account.agent in directory.agents:
        return account.agent
    for agent in directory.agents.values():
        if agent.device == account.user:
            return agent.name
    return ""
