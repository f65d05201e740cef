"""Customers' cards (API-09): found, changed, merged, noted, imported; and the card of a call for the agent whose call it is."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field

from softswitch.api.auth import Principal
from softswitch.api.guard import Administrator, Rights, Supervisor, Viewer, Worker
from softswitch.api.source import Source
from softswitch.api.steering import Body, Line, Name
from softswitch.directory.people import AGENT

Row = dict[str, Any]
Short = Annotated[str, Field(max_length=512)]


class CardChange(Body):
    """What is given replaces what was there; of `fields` those that are named, an empty one goes."""

    name: Short | None = None
    numbers: Annotated[list[Line] | None, Field(max_length=20)] = None
    company: Short | None = None
    email: Short | None = None
    link: Short | None = None
    language: Short | None = None
    vip: bool | None = None
    do_not_call: bool | None = None
    segment: Short | None = None
    manager: Short | None = None
    tags: Annotated[list[Line] | None, Field(max_length=20)] = None
    fields: Annotated[dict[str, str] | None, Field(max_length=40)] = None


class NewCard(CardChange):
    """`customer`: the customer number; without one it is given."""

    customer: Short = ""


class NewNote(Body):
    text: Annotated[str, Field(min_length=1, max_length=4_000)]
    call: Line = ""


class Merge(Body):
    """`other` becomes a part of the customer in the address, and is no more."""

    other: Name


class Import(Body):
    """CSV as text. `mapping`: heading -> customer, name, numbers, ... or a field; "" = not wanted."""

    text: Annotated[str, Field(max_length=16 << 20)]
    mapping: Annotated[dict[str, str], Field(default_factory=dict)]
    dry_run: bool = True


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["customers"]), Rights(source)

    def mine(who: Principal, call: str) -> None:
        """Raises HTTPException unless it is a call that they see, or one that an agent whom they see has just had."""
        sight = rights.sight(who)
        if not any(one.get("handled") == call and sight.agent(one["agent"]) for one in source.agents()):
            rights.call(who, call)

    async def whose(who: Principal, customer: str) -> None:
        """Raises HTTPException unless an agent talks, or has just talked, to that customer; others see all."""
        if who.role != AGENT:
            return
        for one in source.agents():
            if one["agent"] == who.agent:
                for call in {one["caller"], one.get("handled", "")} - {""}:
                    card = await source.order("call_card", call=call)
                    if (card["customer"] or {}).get("customer") == customer:
                        return
        raise HTTPException(404, f"There is no customer {customer!r}.")

    @router.get("/api/calls/{call}/card")
    async def call_card(call: str, who: Viewer) -> Row:
        """Whose call it is: the card, if there is one, notes, last calls, dispositions, callbacks, answers to surveys."""
        mine(who, call)
        found: Row = await source.order("call_card", call=call)
        return found

    @router.get("/api/customers")
    async def find(
        who: Viewer,
        text: Annotated[str, Query(max_length=200)] = "",
        number: Annotated[str, Query(max_length=64)] = "",
        tag: Annotated[str, Query(max_length=64)] = "",
        manager: Annotated[str, Query(max_length=64)] = "",
        vip: bool | None = None,
        after: Annotated[str, Query(max_length=64)] = "",
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[Row]:
        """Customers by parts of what is on their cards, or by exactly one telephone number. Agents: by number."""
        if number:
            row = await source.order("customer_show", number=number)
            return [row]
        if who.role == AGENT:
            raise HTTPException(403, "agents look for one number: ?number=")
        which = {"tag": tag, "manager": manager, "vip": vip, "after": after, "limit": limit}
        found: list[Row] = await source.order("customer_find", text=text, **which)
        return found

    @router.post("/api/customers", status_code=201)
    async def create(body: NewCard, who: Supervisor) -> Row:
        """A new card."""
        found: Row = await source.order("customer_create", values=body.model_dump(exclude_none=True), by=who.name)
        return found

    @router.post("/api/customers/import")
    async def import_(body: Import, who: Administrator) -> Row:
        """Add and replace cards from CSV, all or none; `dry_run` (as long as nothing else is said): what would be done, and
        every mistake with its line and column."""
        found: Row = await source.order("customer_import", by=who.name, **body.model_dump())
        return found

    @router.get("/api/customers/{customer}")
    async def card(customer: str, who: Viewer) -> Row:
        """A card with notes, last calls, dispositions, callbacks and answers. Agents: of those whom they talk to."""
        await whose(who, customer)
        found: Row = await source.order("customer_card", customer=customer)
        return found

    @router.patch("/api/customers/{customer}")
    async def change(customer: str, body: CardChange, who: Supervisor) -> Row:
        """Change what is given."""
        values = body.model_dump(exclude_none=True)
        found: Row = await source.order("customer_change", customer=customer, values=values, by=who.name)
        return found

    @router.delete("/api/customers/{customer}")
    async def delete(customer: str, who: Administrator) -> Row:
        """Delete a card with its notes, for good. Calls keep the customer number."""
        return {"deleted": await source.order("customer_delete", customer=customer, by=who.name)}

    @router.delete("/api/customers/{customer}/person")
    async def forget(
        customer: str, who: Administrator, also: Annotated[list[Name] | None, Query(max_length=20)] = None
    ) -> Row:  # fmt: skip
        """Make a person unrecognisable, for good: by every number of this card and of further ones that are theirs (`also`);
        recordings and messages go, numbers and names are replaced in all records, the cards are no more."""
        found: Row = await source.order("erase_customer", customer=customer, also=also or [], by=who.name)
        return found

    @router.post("/api/customers/{customer}/merge")
    async def merge(customer: str, body: Merge, who: Supervisor) -> Row:
        """Two cards are of one customer."""
        found: Row = await source.order("customer_merge", customer=customer, other=body.other, by=who.name)
        return found

    @router.post("/api/customers/{customer}/notes", status_code=201)
    async def note(customer: str, body: NewNote, who: Worker) -> Row:
        """Write something down about a customer. Agents: about those whom they talk to."""
        await whose(who, customer)
        order = {"text": body.text, "call": body.call}
        found: Row = await source.order("customer_note", customer=customer, by=who.name, **order)
        return found

    return router
