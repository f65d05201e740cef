"""What the site does with calls at its door: lists of numbers, who is let in, announcements of outages, texts to callers.

Values of the site, as in `directory`. What is in force now (an announcement that is switched on, a number that is blocked) is
kept by `call.facilities`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

ANONYMOUS: Final = "anonymous"  # in a list: callers who do not show their number
EVERYWHERE: Final = (
    "*"  # every number of ours that callers from outside can call, and whatever leads to a menu or a queue
)


@dataclass(slots=True, frozen=True)
class NumberList:
    """Telephone numbers under a name (IVR-09). `numbers`: exact ones, beginnings such as "+4870*", "anonymous"."""

    name: str
    title: str = ""
    numbers: tuple[str, ...] = ()


@dataclass(slots=True, frozen=True)
class Screening:
    """Who gets through to some numbers of ours (SEC-09); of several for one number each must let the caller in."""

    name: str
    numbers: tuple[str, ...] = (EVERYWHERE,)  # of ours, as they are dialled
    allow: tuple[str, ...] = ()  # lists; if there are any, nobody else gets through
    deny: tuple[str, ...] = ()  # lists; who is in `allow` as well gets through
    most_calls: int = 0  # that one caller may make within `hours`; 0 = any number
    hours: float = 24.0
    otherwise: str = ""  # a destination for all others; "" = refused without being answered


@dataclass(slots=True, frozen=True)
class Outage:
    """An announcement at the entry of numbers of ours, to be switched on when something is wrong (IVR-10)."""

    name: str
    title: str = ""
    numbers: tuple[str, ...] = (EVERYWHERE,)  # as they are dialled
    clips: tuple[str, ...] = ("outage",)
    then: str = ""  # a destination after it, such as "hangup"; "" = where the number leads anyway
    minutes: float = 0.0  # after which it ends by itself; 0 = when it is switched off


@dataclass(slots=True, frozen=True)
class Notice:
    """A text message to a caller (OUT-09). `text` by language; {name}, {number}, {queue}, {time} stand for what they say."""

    name: str
    on: str = "abandoned"  # "abandoned" (in a queue) | "callback" (booked) | "after_call" (that was answered)
    queues: tuple[str, ...] = ("*",)
    text: Mapping[str, str] = field(default_factory=dict)
    after_wait: float = 0.0  # seconds that who gave up must have waited
    min_talk: float = 0.0  # seconds that the call must have lasted
