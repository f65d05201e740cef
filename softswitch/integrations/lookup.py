"""Asks another program who has a number (API-09), while the call goes on: no call and no offer ever waits for the answer.

What it says is kept for a while, so that who calls again is known before anything rings; a breaker keeps a program that does
not answer from being asked at each call.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from string import Template
from typing import Any, Final
from urllib.parse import quote

from softswitch.call.customers import Cards, Customer
from softswitch.config.lookup import LookupSettings
from softswitch.customers_file import FALSE, LONGEST, TRUE, ProblemList, customer_of
from softswitch.integrations.webclient import Reply

MOST: Final = 20_000  # answers that are kept
NOT_FOUND: Final = (204, 404)
TEXTS: Final = ("name", "company", "email", "link", "language", "segment", "manager")

# Method, address, headers, seconds -> what became of it.
Ask = Callable[[str, tuple[tuple[str, str], ...]], Awaitable[Reply]]


class Lookup:
    """What another program knows of callers. `ask(url, headers)` is the guarded client."""

    def __init__(self, settings: LookupSettings, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._ask = ask
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, str]] = OrderedDict()  # number -> good until, customer or ""
        self._theirs: dict[str, int] = {}  # customers who are in memory because of an answer: of how many numbers
        self._asking: set[str] = set()

    def __len__(self) -> int:
        return len(self._known)

    def wanted(self, number: str) -> bool:
        """Whether there is somebody to ask, and no answer that is still good."""
        if not self.settings.url or not number.startswith("+") or number in self._asking:
            return False
        known = self._known.get(number)
        return known is None or known[0] <= self._clock()

    async def find(self, number: str, cards: Cards, agents: Collection[str]) -> str:
        """Ask, and put the card into memory; the customer number, "" if nobody has the number or there is no answer."""
        self._asking.add(number)
        try:
            url = Template(self.settings.url).substitute(number=quote(number, safe=""))
            reply = await self._ask(url, self._headers())
        except OSError as error:
            reply = Reply("failed", detail=f"{self.settings.authorization_file}: {error.strerror}")
        finally:
            self._asking.discard(number)
        if reply.result != "ok" or (reply.status not in NOT_FOUND and not 200 <= reply.status < 300):
            return ""  # Nothing is known; the next call asks again, if the breaker lets it.
        found = None if reply.status in NOT_FOUND else card_of(reply.body, self.settings, number, cards.country, agents)
        self._keep(number, found, cards)
        return found.id if found is not None else ""

    def _headers(self) -> tuple[tuple[str, str], ...]:
        headers = [("Accept", "application/json")]
        if self.settings.authorization_file is not None:
            headers.append(("Authorization", self.settings.authorization_file.read_text(encoding="utf-8").strip()))
        return tuple(headers)

    def _keep(self, number: str, found: Customer | None, cards: Cards) -> None:
        now = self._clock()
        self._forget(number, cards)
        self.tidy(cards)
        seconds = self.settings.cache_nobody if found is None else self.settings.cache
        self._known[number] = (now + seconds, found.id if found is not None else "")
        if found is None:
            return
        before = cards.customer(found.id)
        if before is not None and found.id not in self._theirs:
            return  # Our own card of that customer says more, or something else.
        numbers = tuple(dict.fromkeys((*(before.numbers if before is not None else ()), *found.numbers)))
        cards.put(replace(found, numbers=numbers))
        self._theirs[found.id] = self._theirs.get(found.id, 0) + 1

    def tidy(self, cards: Cards) -> None:
        """Forget what is not good any more, and the oldest of too many."""
        now = self._clock()
        for number in [number for number, (until, _) in self._known.items() if until <= now]:
            self._forget(number, cards)
        while len(self._known) >= MOST:
            self._forget(next(iter(self._known)), cards)

    def _forget(self, number: str, cards: Cards) -> None:
        _, customer = self._known.pop(number, (0.0, ""))
        if customer not in self._theirs:
            return
        self._theirs[customer] -= 1
        if self._theirs[customer] == 0:
            del self._theirs[customer]
            cards.remove(customer)

    def disown(self, customer: str) -> None:
        """A card of our own has taken the place of theirs."""
        self._theirs.pop(customer, None)


def card_of(
    body: bytes, settings: LookupSettings, number: str, country: str, agents: Collection[str]
) -> Customer | None:
    """The card in an answer; None if it has none. Whatever on it cannot be used is left out."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    customer = _text(_at(answer, settings.customer), LONGEST["customer"])
    if not customer:
        return None
    row: dict[str, Any] = {"customer": customer, "numbers": [number]}
    for name in TEXTS:
        row[name] = _text(_at(answer, getattr(settings, name)), LONGEST[name])
    vip = _text(_at(answer, settings.vip), 8).lower()
    row["vip"] = vip if vip in TRUE or vip in FALSE else ""
    for name in TEXTS:
        problems = ProblemList()
        customer_of({"customer": customer, name: row[name]}, country, problems, agents=agents)
        if problems.count:
            row[name] = ""
    return customer_of(row, country, ProblemList(), agents=agents)


def _at(answer: Any, path: str) -> Any:
    """What stands at a place such as "data.0.name"; None if there is no such place."""
    if not path:
        return None
    for part in path.split("."):
        if isinstance(answer, Mapping):
            answer = answer.get(part)
        elif isinstance(answer, list) and part.isdigit() and int(part) < len(answer):
            answer = answer[int(part)]
        else:
            return None
    return answer


def _text(value: Any, longest: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (str, int, float)):
        return ""
    plain = "".join(one if one.isprintable() else " " for one in str(value)).strip()
    return plain if len(plain) <= longest else ""
