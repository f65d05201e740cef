"""What was on the wire: every SIP message of the last while, in a ring of memory with a fixed size, found by call.

Noting a message costs a tuple; everything else is done when somebody asks.
"""

from __future__ import annotations

import heapq
import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from softswitch.effects import Flow

OVERHEAD: Final = 200  # octets that a kept message takes beside its own
STRANGERS: Final = 1 << 20  # octets at most for what comes from, or goes to, who has proved no account
CALLS: Final = 50_000  # whose legs are remembered
RECENT: Final = 20  # dialogs that are listed when nobody says which

_call_id = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*[^\r\n \t])", re.IGNORECASE).search
_cseq = re.compile(rb"\r\ncseq[ \t]*:[ \t]*([0-9]{1,10})[ \t]+([^\s]{1,40})", re.IGNORECASE).search
_parties = re.compile(rb"\r\n(from|f|to|t)[ \t]*:([^\r\n]*)", re.IGNORECASE).findall
_user = re.compile(r"sips?:([^@;>\s]{1,128})@").search


class Noted(NamedTuple):
    """One message. `at`: Unix time; `incoming`: towards us."""

    at: float
    incoming: bool
    flow: Flow
    data: bytes


@dataclass(slots=True, frozen=True)
class Party:
    """A user as From and To name it."""

    source: str
    target: str


def call_id_of(data: bytes) -> str:
    """The Call-ID of a message, "" if it has none."""
    found = _call_id(data)
    return found[1].decode("utf-8", "replace") if found else ""


def summary_of(data: bytes) -> str:
    """`INVITE`, `200 OK (INVITE)`: what a message is, in a few words."""
    line = data[: data.find(b"\r\n")].decode("utf-8", "replace")
    if not line.startswith("SIP/2.0 "):
        return line.partition(" ")[0][:40]
    cseq = _cseq(data)
    method = f" ({cseq[2].decode('utf-8', 'replace')})" if cseq else ""
    return f"{line[8:60]}{method}"


def parties_of(data: bytes) -> Party:
    """Who calls whom, by From and To."""
    found = {"f": "", "t": ""}
    for name, value in _parties(data):
        user = _user(value.decode("utf-8", "replace"))
        found[name[:1].lower().decode()] = user[1] if user else ""
    return Party(found["f"], found["t"])


class _Ring:
    """The latest messages, in so many octets."""

    __slots__ = ("_octets", "held", "kept")

    def __init__(self, octets: int) -> None:
        self.held = 0
        self.kept: deque[Noted] = deque()
        self._octets = octets

    def add(self, noted: Noted) -> None:
        self.kept.append(noted)
        self.held += len(noted.data) + OVERHEAD
        while self.held > self._octets:
            self.held -= len(self.kept.popleft().data) + OVERHEAD

    def leave_out(self, is_theirs: Callable[[Noted], bool]) -> None:
        self.kept = deque(one for one in self.kept if not is_theirs(one))
        self.held = sum(len(one.data) + OVERHEAD for one in self.kept)


class Trace:
    """The rings. `mirror` is given each message as well (a capture server); it must not raise.

    Strangers have a small one of their own: a flood of theirs neither fills the memory nor drives out what phones said. `known`
    tells who is none, once there is somebody to ask.
    """

    def __init__(self, octets: int, mirror: Callable[[Noted], None] | None = None) -> None:
        self.known: Callable[[Flow], bool] = lambda flow: True
        self.watch: Callable[[Noted], None] | None = None  # whoever looks for some of them; it must not raise
        self._mirror = mirror
        self._phones = _Ring(octets)
        self._strangers = _Ring(min(octets // 4, STRANGERS))
        self._legs: OrderedDict[str, list[str]] = OrderedDict()  # call -> Call-IDs of its legs

    def __len__(self) -> int:
        return len(self._phones.kept) + len(self._strangers.kept)

    @property
    def held(self) -> int:
        """Octets in use."""
        return self._phones.held + self._strangers.held

    def note(self, incoming: bool, data: bytes, flow: Flow) -> None:
        """Keep a message; the oldest ones make room."""
        noted = Noted(time.time(), incoming, flow, data)
        if self._mirror is not None:
            self._mirror(noted)
        if self.watch is not None:
            self.watch(noted)
        (self._phones if self.known(flow) else self._strangers).add(noted)

    @property
    def _ring(self) -> list[Noted]:
        """All that is kept, in order of time."""
        return list(heapq.merge(self._phones.kept, self._strangers.kept, key=lambda noted: noted.at))

    def leg(self, call: str, call_id: str) -> None:
        """A call of ours has a leg with this Call-ID."""
        legs = self._legs.setdefault(call, [])
        legs.append(call_id)
        if len(self._legs) > CALLS:
            self._legs.popitem(last=False)

    def forget(self, digits: bytes) -> None:
        """Let go of every message of dialogs in which these digits stand."""
        theirs = {call_id_of(one.data) for one in self._ring if digits in one.data}
        for ring in (self._phones, self._strangers):
            ring.leave_out(lambda one: call_id_of(one.data) in theirs)

    # --- looking -------------------------------------------------------------------------------------------------

    def find(self, what: str) -> list[Noted]:
        """The messages of a call: by our id of it, by the Call-ID of a leg (or how it begins), or by a user's name, of whom it

        is the last call. In order of time; empty if there is none.
        """
        if (legs := self._legs.get(what)) is not None:
            return self._of(frozenset(legs))
        ring = self._ring
        known = [call_id_of(one.data) for one in ring]
        exact = [one for one, call_id in zip(ring, known, strict=True) if call_id == what]
        if exact:
            return self._with_other_legs(what)
        if len(what) >= 6 and (longer := next((each for each in known if each.startswith(what)), "")):
            return self._with_other_legs(longer)
        for one, call_id in zip(reversed(ring), reversed(known), strict=True):
            if one.data.startswith(b"INVITE ") and what in (parties_of(one.data).source, parties_of(one.data).target):
                return self._with_other_legs(call_id)
        return []

    def _with_other_legs(self, call_id: str) -> list[Noted]:
        for legs in reversed(self._legs.values()):
            if call_id in legs:
                return self._of(frozenset(legs))
        return self._of(frozenset((call_id,)))

    def _of(self, call_ids: frozenset[str]) -> list[Noted]:
        return [one for one in self._ring if call_id_of(one.data) in call_ids]

    def recent(self, count: int = RECENT) -> list[dict[str, Any]]:
        """The last calls, newest first: id, who, when, how many messages, the last final answer to the INVITE."""
        owner = {call_id: call for call, legs in self._legs.items() for call_id in legs}
        found: OrderedDict[str, dict[str, Any]] = OrderedDict()
        for one in self._ring:
            call_id = call_id_of(one.data)
            key = owner.get(call_id, call_id)
            entry = found.get(key)
            if entry is None:
                if not one.data.startswith(b"INVITE "):
                    continue  # A call of which only the end is left, or no call.
                who = parties_of(one.data)
                entry = found[key] = {
                    "call": key, "from": who.source, "to": who.target, "at": one.at, "messages": 0, "status": "",
                }  # fmt: skip
            entry["messages"] += 1
            if not one.incoming and one.data.startswith(b"SIP/2.0 ") and one.data[8:9] >= b"2":
                cseq = _cseq(one.data)
                if cseq and cseq[2] == b"INVITE" and one.data[8:11] != b"401":
                    entry["status"] = one.data[8 : one.data.find(b"\r\n")].decode("utf-8", "replace")
        return list(reversed(found.values()))[:count]


# --- showing -------------------------------------------------------------------------------------------------------

_digits = re.compile(rb"(sips?:\+?)([0-9]{4,20})(?=[@;>])|(tel:\+?)([0-9]{4,20})")
_display = re.compile(
    rb'(\r\n(?:from|f|to|t|p-asserted-identity|remote-party-id)[ \t]*:[ \t]*)"[^"\r\n]*"', re.IGNORECASE
)
_response = re.compile(rb'((?:response|nonce|cnonce|username)=)"[^"\r\n]*"', re.IGNORECASE)
_keys = re.compile(rb"(a=crypto:[^\r\n]*inline:)[^\r\n|]*")


def masked(data: bytes) -> bytes:
    """A message without what is private: numbers but for their last three digits, names, digest answers, SRTP keys."""

    def number(found: re.Match[bytes]) -> bytes:
        prefix, digits = (found[1], found[2]) if found[1] is not None else (found[3], found[4])
        return prefix + b"*" * (len(digits) - 3) + digits[-3:]

    data = _digits.sub(number, data)
    data = _display.sub(rb'\1"***"', data)
    return without_secrets(data)


def without_secrets(data: bytes) -> bytes:
    """A message without digest answers and SRTP keys: whoever reads a trace need not be able to listen, too."""
    return _keys.sub(rb"\1***", _response.sub(rb'\1"***"', data))


def ladder(messages: Sequence[dict[str, Any]], width: int = 26) -> Iterable[str]:
    """Arrows between the peers, a line for each message. `messages` as `Operations.trace` gives them."""
    peers: list[str] = list(dict.fromkeys(one["peer"] for one in messages))
    # We stand between the first peer and the others.
    left, right = peers[:1], peers[1:]
    lanes = [*left, "softswitch", *right]
    place = {lane: index for index, lane in enumerate(lanes)}
    ours = place["softswitch"]
    yield " " * 14 + "".join(lane.center(width) for lane in lanes).rstrip()
    began = messages[0]["at"] if messages else 0.0
    empty = "|".center(width) * len(lanes)
    for one in messages:
        other = place[one["peer"]]
        low, high = min(ours, other), max(ours, other)
        span = (high - low) * width - 1  # columns between the two bars
        label = f" {one['summary']} "
        if len(label) > span - 2:  # Of an answer that is too long for the arrow the method is left out.
            label = f" {one['summary'].partition(' (')[0]} "[: span - 2]
        arrow = (
            label.center(span - 1, "-") + ">"
            if one["incoming"] == (other < ours)
            else "<" + label.center(span - 1, "-")
        )
        start = low * width + empty.index("|") + 1
        yield f"{one['at'] - began:10.3f} s  " + (empty[:start] + arrow + empty[start + span :]).rstrip()
