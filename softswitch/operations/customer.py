"""What people and programs may do with customers' cards. A part of `operations`.

Cards as such are kept by `facilities`; here is what makes a book of them: finding, changing, notes, merging, import, history.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from softswitch.call.customers import Customer
from softswitch.customers_file import MOST_NUMBERS, ProblemList, headings, read, row_of
from softswitch.effects import Publish
from softswitch.events import CustomerChanged, CustomerNoted, Event
from softswitch.running.console import ConsoleError

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

MOST_FOUND: Final = 200
MOST_ROWS: Final = 50_000  # of one import
MOST_NOTE: Final = 4_000  # characters
PORTION: Final = 200  # cards that are written at once
LAST_CALLS: Final = 20
SAMPLE: Final = 5
PLAIN: Final = ("name", "language", "segment", "manager", "company", "email", "link")


class CustomerOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "customer_find": self.find,
            "customer_show": self.show,
            "customer_create": self.create,
            "customer_change": self.change,
            "customer_delete": self.delete,
            "customer_merge": self.merge,
            "customer_note": self.note,
            "customer_card": self.card,
            "customer_import": self.import_,
            "call_card": self.call_card,
        }

    # --- finding -----------------------------------------------------------------------------------------------------

    async def find(
        self,
        text: str = "",
        tag: str = "",
        manager: str = "",
        vip: bool | None = None,
        after: str = "",
        limit: int = 50,
    ) -> list[dict[str, Any]]:
        """Customers by parts of customer number, name, company, e-mail or telephone number; by customer number."""
        reports = await self._daemon.store.reports()
        found = await reports.search(
            text, tag=tag, manager=manager, vip=vip, after=after, limit=max(1, min(limit, MOST_FOUND))
        )
        cards = self._daemon.facilities.desk.cards
        for one in found:
            known = cards.customer(one["customer"])
            one["numbers"] = list(known.numbers) if known is not None else []
        return found

    async def show(self, customer: str = "", number: str = "") -> dict[str, Any]:
        """The card of a customer number, or of exactly one telephone number."""
        return row_of(await self._known(customer) if customer else await self._by_number(number))

    async def _known(self, customer: str) -> Customer:
        found = await self._daemon.store.customers.find(customer, "")
        found = found or self._daemon.facilities.desk.cards.customer(customer)  # As another program knows them.
        if found is None or found.id != customer:
            raise ConsoleError(f"There is no customer {customer!r}.", "See: softswitch customers find", kind="unknown")
        return found

    async def _by_number(self, number: str) -> Customer:
        desk = self._daemon.facilities.desk
        card = desk.cards.by_number(desk.callers.spelt(number)) if number else None
        if card is None:
            raise ConsoleError(f"Nobody has the number {number!r}.", "See: softswitch customers find", kind="unknown")
        return await self._known(str(card["id"]))

    # --- changing ----------------------------------------------------------------------------------------------------

    async def create(self, values: Mapping[str, Any], by: str = "cli") -> dict[str, Any]:
        """A new card. Without `customer` it is given a number."""
        row = {"fields": {}, **values}
        row["customer"] = str(row.get("customer") or "").strip() or f"c-{secrets.token_hex(4)}"
        cards = self._daemon.facilities.desk.cards
        if cards.customer(row["customer"]) is not None:
            raise ConsoleError(
                f"There is a customer {row['customer']} already.", "Change that card, or give another number."
            )
        return await self._write(row, "created", by)

    async def change(self, customer: str, values: Mapping[str, Any], by: str = "cli") -> dict[str, Any]:
        """Change what is given of a card. `fields`: those named; an empty one is taken away."""
        known = row_of(await self._known(customer))
        fields = {**known["fields"], **(values.get("fields") or {})}
        row = (
            known | dict(values) | {"customer": customer, "fields": {name: one for name, one in fields.items() if one}}
        )
        return await self._write(row, "changed", by)

    async def _write(self, row: dict[str, Any], verb: str, by: str) -> dict[str, Any]:
        facilities = self._daemon.facilities
        problems = ProblemList()
        card = facilities.customer_from(row, problems)
        for number in card.numbers:
            owner = facilities.desk.cards.owner(number)
            if owner not in ("", card.id):
                problems.add("", "numbers", number, f"a number of nobody else: it is that of {owner}")
        if problems.found:
            raise ConsoleError("; ".join(problems.found[:5]), "Nothing was changed.")
        await facilities.customers("put", rows=[row_of(card)])
        self._tell(CustomerChanged(card.id, verb, by))
        return row_of(card)

    async def delete(self, customer: str, by: str = "cli") -> int:
        """Delete a card with its notes, for good."""
        count: int = await self._daemon.facilities.customers("delete", customers=[customer])
        self._tell(CustomerChanged(customer, "deleted", by))
        return count

    async def merge(self, customer: str, other: str, by: str = "cli") -> dict[str, Any]:
        """Two cards are of one customer: numbers, lists, notes and calls of `other` go to `customer`, what is empty there is
        filled, and `other` is no more."""
        if customer == other:
            raise ConsoleError(f"{customer} is one customer already.", "Name two.")
        mine, theirs = await self._known(customer), await self._known(other)
        numbers = tuple(dict.fromkeys((*mine.numbers, *theirs.numbers)))
        if len(numbers) > MOST_NUMBERS:
            raise ConsoleError(f"Together they have {len(numbers)} numbers.", f"At most {MOST_NUMBERS} are kept.")
        filled = {name: getattr(mine, name) or getattr(theirs, name) for name in PLAIN}
        card = replace(
            mine, numbers=numbers, vip=mine.vip or theirs.vip,
            do_not_call=mine.do_not_call or theirs.do_not_call, tags=tuple(dict.fromkeys((*mine.tags, *theirs.tags))),
            fields={**theirs.fields, **mine.fields}, **filled,
        )  # fmt: skip
        await self._daemon.facilities.merged(card, other)
        self._tell(CustomerChanged(customer, "merged", by, other))
        return row_of(card)

    async def note(self, customer: str, text: str, call: str = "", by: str = "cli") -> dict[str, Any]:
        """Write something down about a customer."""
        text = text.strip()
        if not text or len(text) > MOST_NOTE:
            raise ConsoleError(f"A note has 1 to {MOST_NOTE} characters.")
        await self._known(customer)
        at = time.time()
        number = await self._daemon.store.customers.note(customer, at, by, call, text)
        self._tell(CustomerNoted(customer, number, by, call))
        return {"note": number, "customer": customer, "at": at, "author": by, "call": call, "text": text}

    def _tell(self, event: Event) -> None:
        self._daemon.facilities.perform(Publish(event))

    # --- the card with its history -----------------------------------------------------------------------------------

    async def card(self, customer: str) -> dict[str, Any]:
        """A card with its notes, the last calls, what was said about them, callbacks and answers."""
        found = await self._known(customer)
        return {**row_of(found), **await self._history(found.id, found.numbers)}

    async def _history(self, customer: str, numbers: tuple[str, ...]) -> dict[str, Any]:
        await self._daemon.store.flush(1.0)
        reports = await self._daemon.store.reports()
        notes = await self._daemon.store.customers.notes(customer) if customer else []
        return {"notes": notes, **await reports.history(customer, numbers, LAST_CALLS)}

    async def call_card(self, call: str) -> dict[str, Any]:
        """Whose call it is, with the history, for the agent who talks to them: at once from memory, then from the records."""
        daemon = self._daemon
        live = daemon.switch.calls.board.calls.get(call)
        agents = [one for one in daemon.switch.queues.roster.agents.values() if one.handled is not None]
        handled = next((one.handled for one in agents if one.handled is not None and one.handled.call == call), None)
        customer = number = queue = ""
        if live is not None:
            card = daemon.wrapping.card_of(call)
            customer, number = str(card["id"]) if card is not None else "", live.caller_number
            queue = live.visit.config.name if live.visit is not None else ""
        else:
            await daemon.store.flush(1.0)
            details = await (await daemon.store.reports()).call(call)
            if details is None:
                raise ConsoleError(f"There is no call {call!r}.", "See: softswitch calls", kind="unknown")
            customer, number, queue = details.call.customer, details.call.caller, details.call.queue
        queue = queue or (handled.queue if handled is not None else "")
        found = daemon.facilities.desk.cards.customer(customer) if customer else None
        numbers = found.numbers if found is not None else ((number,) if number else ())
        return {
            "call": call, "number": number, "queue": queue,
            "customer": row_of(found) if found is not None else None,
            **await self._history(customer, numbers),
        }  # fmt: skip

    # --- import ------------------------------------------------------------------------------------------------------

    async def import_(
        self, text: str, mapping: Mapping[str, str] | None = None, dry_run: bool = False, by: str = "cli"
    ) -> dict[str, Any]:
        """Add and replace cards from CSV; nothing is changed if anything in it is wrong.

        A row without a customer number is the customer's who has one of its telephone numbers: of them only what the file says
        is replaced. `mapping`: heading -> column, "" = not wanted. `dry_run`: only what would be done, and every mistake.
        """
        daemon = self._daemon
        site, cards = daemon.directory, daemon.facilities.desk.cards
        problems = ProblemList()
        agents = frozenset(site.agents)
        rows = await asyncio.to_thread(
            read, text, site.country, problems, agents=agents, mapping=mapping, owner=cards.owner, known=cards.customer
        )  # fmt: skip
        if len(rows) > MOST_ROWS:
            problems.add("", "file", len(rows), f"at most {MOST_ROWS} customers at once")
        new = sum(cards.customer(one["customer"]) is None for one in rows)
        result = {
            "customers": len(rows), "new": new, "changed": len(rows) - new, "problems": problems.found,
            "mistakes": problems.count, "headings": headings(text), "sample": rows[:SAMPLE], "done": False,
        }  # fmt: skip
        if dry_run or problems.count or not rows:
            return result
        for start in range(0, len(rows), PORTION):
            await daemon.facilities.customers("put", rows=rows[start : start + PORTION])
        self._tell(CustomerChanged("", "imported", by, count=len(rows)))
        return result | {"done": True}
