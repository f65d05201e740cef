"""Orders of programs that take time: what has become of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

MOST: Final = 1_000  # orders that are remembered


@dataclass(slots=True)
class Ordered:
    """An order that takes time. `state`: "pending" | "done" | "failed"."""

    order: str
    call: str
    verb: str
    by: str
    state: str = "pending"
    detail: str = ""


@dataclass(slots=True)
class Ledger:
    """The orders of late, by their ids."""

    orders: OrderedDict[str, Ordered] = field(default_factory=OrderedDict)

    def begin(self, order: str, call: str, verb: str, by: str) -> Ordered:
        made = Ordered(order, call, verb, by)
        self.orders[made.order] = made
        if len(self.orders) > MOST:
            self.orders.popitem(last=False)
        return made
