"""Everything that is heard in one of the four ticks of 20 ms: which rows of which matrix belong to whom, worked out beforehand.

Desks are made anew when anything about their legs changes, and used as they are fifty times a second until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from media.codec import Samples
from media.g711 import ENCODE, Law
from media.lines import Listening, Speaking
from media.mixer import Seating
from media.terms import Terms

NARROW, WIDE = 8000, 16000

# By law: the code of each sample from -32768 to 32767, in this order.
_CODES = [np.concatenate((table[32768:], table[:32768])) for table in ENCODE]


class Follower(Protocol):
    """Wants to hear legs decoded, without a gap."""

    def follow(self, legs: NDArray[np.int64], samples: NDArray[np.int16], rate: int, tick: int) -> None:
        """The next 20 ms of these legs, one row each. The rows are the caller's again afterwards."""
        ...


@dataclass(slots=True)
class Place:
    """A leg in a group. `talks`: all hear it; `whispers`: who alone hears it, -1: nobody; `served`: it hears the others."""

    leg: int
    talks: bool = True
    whispers: int = -1
    served: bool = True


@dataclass(slots=True)
class Group:
    """Legs that hear each other: a room, or two of which neither can be sent the other's packets as they are."""

    key: int | tuple[int, int]
    places: dict[int, Place] = field(default_factory=dict)
    phase: int = -1
    wide: bool = False
    farewells: list[Samples] = field(default_factory=list)  # the last words of those who left, at the rate of the group


@dataclass(slots=True)
class Part:
    """One leg of which the studio decodes what it says, or makes what it hears."""

    leg: int
    wide: bool = False
    law: int = -1  # of G.711, which is decoded in the matrix; -1: another codec
    terms: Terms | None = None  # that all this follows from
    phase: int = -1
    group: Group | None = None
    listening: Listening | None = None  # how it is decoded, if not in the matrix
    speaking: Speaking | None = None  # how it is sent, if not from the matrix
    followers: list[Follower] = field(default_factory=list)


@dataclass(slots=True)
class Outgoing:
    """Who is sent what, of one matrix. `coded`: by law, the legs sent G.711 every 20 ms, and their rows (None: all)."""

    coded: list[tuple[int, NDArray[np.int64], NDArray[np.int64] | None]]
    spoken: list[tuple[int, int, Speaking]]  # leg, row, how


def outgoing(parts: Sequence[Part], rows: Sequence[int], of: int) -> Outgoing:
    """For parts that hear these rows of a matrix of as many rows."""
    coded: list[tuple[int, NDArray[np.int64], NDArray[np.int64] | None]] = []
    pairs = list(zip(parts, rows, strict=True))
    for law in Law:
        chosen = [(part.leg, row) for part, row in pairs if part.speaking is None and part.law == law]
        if chosen:
            legs, where = np.array(chosen, np.int64).T
            coded.append((law, legs, None if len(where) == of and (where == np.arange(of)).all() else where))
    return Outgoing(coded, [(part.leg, row, part.speaking) for part, row in pairs if part.speaking is not None])


def encode_rows(heard: NDArray[np.int32], law: int) -> NDArray[np.uint8]:
    """The codes of what is heard; what is too loud is clipped."""
    codes: NDArray[np.uint8] = _CODES[law].take(heard + 32768, mode="clip")
    return codes


@dataclass(slots=True)
class Table:
    """The groups of one rate in one tick: who sits where, and who is sent what."""

    groups: list[Group]
    seating: Seating
    out: Outgoing


@dataclass(slots=True)
class Desk:
    """All legs of one tick. In `narrow`, legs of narrow groups come first, in the order of their seats, then those of wide ones.

    `passing`: it is good for one frame only, in which something fades.
    """

    narrow: NDArray[np.int64]
    wide: NDArray[np.int64]
    decoders: list[Listening]
    narrow_table: Table | None
    raised: slice  # rows of `narrow` that sit in wide groups
    wide_order: NDArray[np.int64]  # for each seat, its row among the raised ones and, behind them, the wide ones
    lowered: NDArray[np.int64]  # the seats in wide groups of narrow legs
    lowered_legs: NDArray[np.int64]
    lowered_out: Outgoing
    wide_table: Table | None
    followers: list[tuple[Follower, int, NDArray[np.int64], NDArray[np.int64]]]  # who, the rate, the rows, their legs

    @property
    def passing(self) -> bool:
        tables = (self.narrow_table, self.wide_table)
        return any(not loud for table in tables if table is not None for _, _, loud in table.seating.whispers)


def _seating(
    groups: list[Group], row_of: dict[int, int], gains: dict[int, float], fading: list[tuple[int, int]]
) -> Seating:
    legs: list[int] = []
    room: list[int] = []
    starts: list[int] = []
    for index, group in enumerate(groups):
        starts.append(len(legs))
        legs += group.places
        room += [index] * len(group.places)
    whispers: list[tuple[int, int, float]] = []
    for group in groups:
        for place in group.places.values():
            if place.whispers in group.places and place.whispers != place.leg and gains[place.leg]:
                whispers.append((row_of[place.leg], row_of[place.whispers], 1.0))
    now = {(legs[row], legs[to]) for row, to, _ in whispers}
    whispers += [
        (row_of[one], row_of[to], 0.0) for one, to in fading if (one, to) not in now and one in row_of and to in row_of
    ]
    talks = [gains[leg] if place.talks else 0.0 for group in groups for leg, place in group.places.items()]
    ends = [*starts[1:], len(legs)]
    return Seating(
        np.array(legs, np.int64),
        np.array(room, np.int64),
        np.array(starts, np.int64),
        np.array(ends, np.int64) - 1,
        np.array(talks, np.float32),
        whispers,
    )


def lay(parts: list[Part], sending: dict[int, bool], gains: dict[int, float], fading: list[tuple[int, int]]) -> Desk:
    """The desk of these parts. `sending`: whether a leg may be sent to; `gains`: 0 for legs that are not to be heard now."""
    by_leg = {part.leg: part for part in parts}
    groups = list({id(part.group): part.group for part in parts if part.group is not None}.values())
    seated = [[by_leg[leg] for group in groups if group.wide is wide for leg in group.places] for wide in (False, True)]
    raised = [part for part in seated[1] if not part.wide]
    loose = [part for part in parts if part.group is None]
    narrow = [*seated[0], *raised, *(part for part in loose if not part.wide)]
    wide = [*(part for part in seated[1] if part.wide), *(part for part in loose if part.wide)]

    def table(is_wide: bool) -> Table | None:
        chosen = [group for group in groups if group.wide is is_wide]
        if not chosen:
            return None
        at = seated[is_wide]
        row_of = {part.leg: row for row, part in enumerate(at)}
        served = [
            (part, row)
            for row, part in enumerate(at)
            if part.wide is is_wide and part.group and part.group.places[part.leg].served and sending[part.leg]
        ]
        out = outgoing([part for part, _ in served], [row for _, row in served], len(at))
        return Table(chosen, _seating(chosen, row_of, gains, fading), out)

    raised_row = {part.leg: row for row, part in enumerate([*raised, *wide])}
    lowered = [row for row, part in enumerate(seated[1]) if not part.wide]
    served_low = [
        (part, row)
        for row, part in enumerate(raised)
        if part.group and part.group.places[part.leg].served and sending[part.leg]
    ]
    return Desk(
        np.array([part.leg for part in narrow], np.int64),
        np.array([part.leg for part in wide], np.int64),
        [part.listening for part in parts if part.listening is not None],
        table(False),
        slice(len(seated[0]), len(seated[0]) + len(raised)),
        np.array([raised_row[part.leg] for part in seated[1]], np.int64),
        np.array(lowered, np.int64),
        np.array([part.leg for part in raised], np.int64),
        outgoing([part for part, _ in served_low], [row for _, row in served_low], len(raised)),
        table(True),
        _followers(narrow, NARROW) + _followers(wide, WIDE),
    )


def _followers(parts: list[Part], rate: int) -> list[tuple[Follower, int, NDArray[np.int64], NDArray[np.int64]]]:
    found: list[tuple[Follower, list[int]]] = []
    for row, part in enumerate(parts):
        for follower in part.followers:
            for known, rows in found:
                if known is follower:
                    rows.append(row)
                    break
            else:
                found.append((follower, [row]))
    return [
        (follower, rate, np.array(rows, np.int64), np.array([parts[row].leg for row in rows], np.int64))
        for follower, rows in found
    ]
