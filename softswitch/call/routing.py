"""Routing: what was dialled -> where the call goes, or the status that refuses it. Never to a foreign domain."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from softswitch.directory import NOT_READY_REASONS, Account, Directory
from softswitch.errors import ParseError
from softswitch.sip.uri import Uri

MAX_ALIASES: Final = 10  # extensions that point to extensions, before it counts as a loop


@dataclass(slots=True, frozen=True)
class Destination:
    """Where a call goes. `kind`: the word before the colon of a destination string ("queue", "menu", "play" ...), "account",
    or of feature codes "agent" (`name` is the verb and `detail` the reason), "supervise" (the phone, and how).
    """

    kind: str
    name: str = ""
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else self.kind


@dataclass(slots=True, frozen=True)
class Refusal:
    """The call goes nowhere: the SIP status, and why for the record of the call."""

    status: int
    cause: str


def route_uri(text: str, directory: Directory, local: Collection[str]) -> Destination | Refusal:
    """Route a Request-URI. `local`: further hosts that are us (the addresses of our listeners)."""
    host, dialled, status = _dissect(text)
    if status:
        return Refusal(status, "malformed_uri")
    if host is not None and host != directory.domain.lower() and host not in directory.aliases and host not in local:
        return Refusal(403, "foreign_domain")
    return route(dialled, directory) if dialled else Refusal(404, "not_found")


@lru_cache(maxsize=1024)
def _dissect(text: str) -> tuple[str | None, str, int]:
    """(host, None for a number that belongs to no host; what was dialled; status if it is no URI for us)."""
    try:
        uri = Uri.parse(text)
    except ParseError as error:
        return None, "", error.status_hint
    return (uri.host.strip("[]") if uri.scheme != "tel" else None), uri.number if uri.user else "", 0


def route(dialled: str, directory: Directory) -> Destination | Refusal:
    """Route what a keypad dialled: accounts, extensions and feature codes, in the order of how exactly they match."""
    for _ in range(MAX_ALIASES):
        target = directory.extensions.get(dialled)
        if target is None:
            if dialled in directory.accounts:
                return Destination("account", dialled)
            return _feature(dialled, directory) or Refusal(404, "not_found")
        destination = parse(target)
        if destination.kind != "extension":
            return destination
        if destination.name == dialled:
            # An extension named like its account: the account itself.
            return Destination("account", dialled) if dialled in directory.accounts else Refusal(404, "not_found")
        dialled = destination.name
    return Refusal(482, "extension_loop")


def parse(target: str) -> Destination:
    """A destination string of the site: "queue:infolinia", "echo" ..."""
    kind, _, name = target.partition(":")
    return Destination(kind, name)


def _feature(dialled: str, directory: Directory) -> Destination | None:
    """The longest feature code that begins what was dialled. Behind it stands a reason (not ready) or a phone (supervise)."""
    codes = directory.feature_codes
    for length in range(len(dialled), 0, -1):
        action = codes.get(dialled[:length])
        if action is None:
            continue
        rest = dialled[length:]
        kind, _, verb = action.partition(".")
        if kind == "supervise":
            return Destination("supervise", rest, verb) if rest in directory.accounts else None
        if kind != "agent":
            return Destination(kind) if not rest else None
        if verb != "not_ready":
            return Destination("agent", verb) if not rest else None
        reason = NOT_READY_REASONS.get(rest)
        return Destination("agent", verb, reason) if reason is not None else None
    return None


def agent_of(account: Account, directory: Directory) -> str:
    """The agent who sits at the phone of this account, "" if none."""
    if account.agent in directory.agents:
        return account.agent
    for agent in directory.agents.values():
        if agent.device == account.user:
            return agent.name
    return ""
