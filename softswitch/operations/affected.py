"""Whom a change of the site touches: the calls, callers and agents of this moment, and what becomes of them.

For `--dry-run`: pure, from the two sites and from what the switch shows of itself. Nothing here refuses anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from softswitch.directory import Directory, Queue

Values = Mapping[str, Any]


@dataclass(slots=True, frozen=True)
class Live:
    """What goes on: `Switch.queue_board`, `call_list` and `registrations`."""

    board: Values
    calls: Sequence[Values] = ()
    registrations: Sequence[Values] = ()


@dataclass(slots=True, frozen=True)
class Effect:
    """What a change does to something that lives. `kind`, `name`: of the object that changes."""

    kind: str
    name: str
    effect: str
    calls: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"! {' '.join(filter(None, (self.kind, self.name)))}: {self.effect}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def affected(before: Directory, after: Directory, live: Live) -> list[Effect]:
    """Everything alive that the change touches, in the order of site.toml. Empty = nobody notices."""
    found: list[Effect] = []
    for part in (_site, _accounts, _agents, _queues, _menus, _rooms, _trunks):
        found += part(before, after, live)
    return found


def opening(
    before: Directory, after: Directory, was_open: Callable[[str], bool], is_open: Callable[[str], bool]
) -> list[Effect]:
    """Schemes of opening hours that are closed from now on, or open."""
    found = []
    for name in after.hours:
        was, now = was_open(name) if name in before.hours else None, is_open(name)
        if was is not None and was != now:
            found.append(Effect("hours", name, "open from now on" if now else "closed from now on"))
    return found


def _site(before: Directory, after: Directory, live: Live) -> Iterator[Effect]:
    if before.domain != after.domain and live.registrations:
        many = _count(len(live.registrations), "registration")
        yield Effect("site", "", f"{many} of the domain {before.domain}: phones need the new one, and new passwords")


def _accounts(before: Directory, after: Directory, live: Live) -> Iterator[Effect]:
    for user, old in before.accounts.items():
        new = after.accounts.get(user)
        bound = sum(str(one["aor"]).partition("@")[0] == user for one in live.registrations)
        calls = tuple(call["call"] for call in live.calls if _takes_part(call, user))
        if new is None and (bound or calls):
            parts = [f"{_count(bound, 'registration')} removed"] if bound else []
            parts += [f"{_count(len(calls), 'call', 'goes', 'go')} on until somebody hangs up"] if calls else []
            yield Effect("account", user, "; ".join(parts), calls)
        elif new is not None and bound and (old.ha1_md5, old.ha1_sha256) != (new.ha1_md5, new.ha1_sha256):
            yield Effect("account", user, f"{_count(bound, 'registered phone')} must be given the new password")


def _agents(before: Directory, after: Directory, live: Live) -> Iterator[Effect]:
    for name, old in before.agents.items():
        state, new = live.board["agents"].get(name), after.agents.get(name)
        if state is None or state["presence"] == "offline":
            continue
        activity, caller = state["activity"], tuple(filter(None, (state["caller"],)))
        if new is None:
            effect = {
                "talking": "talks on, and is logged out afterwards",
                "holding": "talks on, and is logged out afterwards",
                "reserved": "rings no more, and is logged out",
                "offered": "rings no more, and is logged out",
            }.get(activity, "is logged out")
            yield Effect("agent", name, effect, caller, (name,))
        elif old.device != new.device and state["device"] == old.device:
            when = "when the conversation is over" if caller else "at once"
            yield Effect("agent", name, f"moves to {new.device} {when}", caller, (name,))


def _queues(before: Directory, after: Directory, live: Live) -> Iterator[Effect]:
    for name, old in before.queues.items():
        state, new = live.board["queues"].get(name), after.queues.get(name)
        if state is None or old == new:
            continue
        callers = tuple(one["caller"] for one in state["callers"])
        if new is None:
            if callers:
                yield Effect("queue", name, f"{_wait(callers)} and are served; nobody new is let in", callers)
            continue
        if callers:
            yield Effect("queue", name, f"{_wait(callers)}: their order and times stay", callers)
        yield from _sent_away(old, new, state)
        yield from _members(old, new, live)


def _sent_away(old: Queue, new: Queue, state: Values) -> Iterator[Effect]:
    """Callers who have waited longer than the new policy lets them."""
    if not new.max_wait or new.max_wait == old.max_wait:
        return
    late = tuple(one["caller"] for one in state["callers"] if one["waited"] >= new.max_wait)
    if late:
        then = f"sent to {new.on_timeout}" if new.on_timeout else "told so, and hung up"
        yield Effect(
            "queue", new.name, f"{_wait(late)} longer than max_wait ({new.max_wait:g} s) lets them: {then}", late
        )


def _members(old: Queue, new: Queue, live: Live) -> Iterator[Effect]:
    was = {one.agent: one for one in old.members}
    now = {one.agent: one for one in new.members}
    for agent in dict.fromkeys((*was, *now)):
        state = live.board["agents"].get(agent)
        if state is None or state["presence"] == "offline" or was.get(agent) == now.get(agent):
            continue
        if agent not in now:
            ends = " after this one" if state["queue"] == new.name else ""
            yield Effect("queue", new.name, f"{agent} gets no more of its calls{ends}", (), (agent,))
        elif agent not in was:
            yield Effect("queue", new.name, f"{agent} gets its calls (tier {now[agent].tier})", (), (agent,))
        elif was[agent].tier != now[agent].tier:
            effect = f"{agent} goes from tier {was[agent].tier} to tier {now[agent].tier}"
            yield Effect("queue", new.name, effect, (), (agent,))


def _menus(before: Directory, after: Directory, live: Live) -> Iterator[Effect]:
    for name, old in before.menus.items():
        calls = tuple(call["call"] for call in live.calls if _last_menu(call) == name and call["state"] == "answered")
        if calls and after.menus.get(name) != old:
            yield Effect("menu", name, f"{_count(len(calls), 'caller')} in it: for them it goes on as it was", calls)


def _rooms(before: Directory, after: Directory, live: Live) -> Iterator[Effect]:
    for name in before.conferences.keys() - after.conferences.keys():
        calls = tuple(call["call"] for call in live.calls if call["conference"] == name)
        if calls:
            yield Effect(
                "conference", name, f"{_count(len(calls), 'member', 'talks', 'talk')} on; nobody new gets in", calls
            )
    for name, old in before.parking.items():
        kept = {str(slot) for one in after.parking.values() for slot in one.slots}
        gone = {str(slot) for slot in old.slots} - kept
        calls = tuple(call["call"] for call in live.calls if call["parked"] in gone)
        if calls:
            yield Effect(
                "parking", name, f"{_count(len(calls), 'parked call', 'comes', 'come')} back to who parked them", calls
            )


def _trunks(before: Directory, after: Directory, live: Live) -> Iterator[Effect]:
    for name, old in before.trunks.items():
        calls = tuple(call["call"] for call in live.calls if call["trunk"] == name)
        new = after.trunks.get(name)
        if calls and new is None:
            yield Effect("trunk", name, f"{_count(len(calls), 'call', 'goes', 'go')} on; no new ones", calls)
        elif calls and new != old:
            yield Effect("trunk", name, f"{_count(len(calls), 'call', 'goes', 'go')} on as before", calls)


def _takes_part(call: Values, user: str) -> bool:
    return call["account"] == user or any(leg["device"] == user for leg in call["legs"])


def _last_menu(call: Values) -> str:
    """The menu that a caller is in, from the path of their call."""
    seen = [str(one) for one in call["path"] if str(one).startswith("menu:")]
    return seen[-1].removeprefix("menu:") if seen else ""


def _wait(callers: Sequence[str]) -> str:
    return _count(len(callers), "caller", "waits", "wait")


def _count(many: int, noun: str, one: str = "", more: str = "") -> str:
    """How many of something, and what they do."""
    said = f"{many} {noun} {one}" if many == 1 else f"{many} {noun}s {more}"
    return said.rstrip()
