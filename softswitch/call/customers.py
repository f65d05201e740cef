"""Customers' cards in memory: looked up by the number they call from, or by something they type (API-09, IVR-08, IVR-11).

Each card is a line of JSON octets and a few keys that lead to it. They are filled in portions
while the switch serves: a customer who calls before theirs is there is not known yet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from softswitch.call.callers import canonical
from softswitch.call.facts import Card

FIELDS: Final = (
    "name",
    "vip",
    "language",
    "manager",
    "segment",
    "company",
    "email",
    "link",
    "do_not_call",
)  # of every card, in this order
MOST_DIGITS: Final = 32  # of a value that can be typed


@dataclass(slots=True, frozen=True)
class Customer:
    """Somebody who calls. `numbers` in their one spelling; `manager`: the agent who looks after them; `link`: where the CRM
    has them; `tags`: lists that they are on; `fields`: whatever else."""

    id: str
    name: str = ""
    numbers: tuple[str, ...] = ()
    language: str = ""
    vip: bool = False
    segment: str = ""
    manager: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    company: str = ""
    email: str = ""
    link: str = ""
    tags: tuple[str, ...] = ()
    do_not_call: bool = False  # no campaign does


class Cards:
    """The customers of a site (`facts.Customers`)."""

    def __init__(self, country: str) -> None:
        self.country = country
        self._cards: dict[str, bytes] = {}
        self._numbers: dict[str, str] = {}
        self._values: dict[int, str | set[str]] = {}  # hash of (field, typed value) -> whose it is

    def __len__(self) -> int:
        return len(self._cards)

    # --- questions ---------------------------------------------------------------------------------------------------

    def by_number(self, number: str) -> Card | None:
        customer = self._numbers.get(canonical(number, self.country)) if number and self._numbers else None
        return self.card(customer) if customer is not None else None

    def by_value(self, name: str, value: str) -> Card | None:
        """The one customer whose field has a value; None if none or several have. Fields of `fields` by their digits."""
        if name == "id":
            return self.card(value)
        if name == "number":
            return self.by_number(value)
        found = self._values.get(hash((name, value)))
        if not isinstance(found, str):
            return None
        card = self.card(found)
        # What is looked for is a hash: the card itself says whether it was meant.
        return card if card is not None and digits_of(str(card.get(name, ""))) == value else None

    def card(self, customer: str) -> Card | None:
        """The card of a customer by their customer number."""
        line = self._cards.get(customer)
        if line is None:
            return None
        *fixed, further, _, tags = json.loads(line)
        return {**further, "id": customer, **dict(zip(FIELDS, fixed, strict=True)), "tags": ", ".join(tags)}

    def customer(self, customer: str) -> Customer | None:
        """The same as a value, with the numbers."""
        line = self._cards.get(customer)
        if line is None:
            return None
        name, vip, language, manager, segment, company, email, link, deaf, fields, numbers, tags = json.loads(line)
        return Customer(
            customer,
            name,
            tuple(numbers),
            language,
            vip,
            segment,
            manager,
            fields,
            company,
            email,
            link,
            tuple(tags),
            deaf,
        )

    def ids(self) -> list[str]:
        """Every customer number."""
        return list(self._cards)

    def owner(self, number: str) -> str:
        """Whose number it is, "" = nobody's."""
        return self._numbers.get(number, "")

    # --- changes -----------------------------------------------------------------------------------------------------

    def put(self, one: Customer) -> None:
        """Add or replace a card. A number of somebody else's is theirs from now on."""
        self.remove(one.id)
        for number in one.numbers:
            self._numbers[number] = one.id
        for key in _keys(one.fields):
            known = self._values.setdefault(key, one.id)
            if known != one.id:
                self._values[key] = {known, one.id} if isinstance(known, str) else known | {one.id}
        line = (
            one.name, one.vip, one.language, one.manager, one.segment, one.company, one.email, one.link, one.do_not_call,
            dict(one.fields), one.numbers, one.tags,
        )  # fmt: skip
        self._cards[one.id] = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()

    def remove(self, customer: str) -> bool:
        """Take a card away; whether there was one."""
        line = self._cards.pop(customer, None)
        if line is None:
            return False
        *_, fields, numbers, _ = json.loads(line)
        for number in numbers:
            if self._numbers.get(number) == customer:
                del self._numbers[number]
        for key in _keys(fields):
            known = self._values.get(key)
            if known == customer:
                del self._values[key]
            elif isinstance(known, set):
                left = known - {customer}
                self._values[key] = left if len(left) > 1 else left.pop()
        return True


def _keys(fields: Mapping[str, str]) -> list[int]:
    """Keys of what can be typed to find a card."""
    return [hash((name, typed)) for name, value in fields.items() if (typed := digits_of(value))]


def digits_of(value: str) -> str:
    """A value as it would be typed: its digits, "" if it has other characters or is too long."""
    plain = value.replace(" ", "").replace("-", "")
    return plain if plain.isascii() and plain.isdigit() and len(plain) <= MOST_DIGITS else ""
