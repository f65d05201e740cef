"""Campaigns (OUT-05, OUT-06): what has become of their contacts, lists, and what agents do with whom they are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import Field

from softswitch.api.auth import Principal
from softswitch.api.guard import Administrator, Rights, Supervisor, Viewer, Worker
from softswitch.api.source import Source
from softswitch.api.steering import Body, Line
from softswitch.directory.people import AGENT
from softswitch.exporting import FORMS, csv_lines

Row = dict[str, Any]


class NewContacts(Body):
    """Rows of a list: number, name, timezone, and whatever else agents are to see."""

    rows: Annotated[list[dict[str, Annotated[str, Field(max_length=200)]]], Field(min_length=1, max_length=5_000)]


class Looking(Body):
    """The agent who looks; "" = oneself."""

    agent: Line = ""


class Skip(Body):
    agent: Line = ""
    note: Line = ""
    later: Annotated[float, Field(ge=0, le=31 * 86_400)] = 0.0  # seconds; 0 = never


class Again(Skip):
    """Who was called is to be called again. `later`: not before so many seconds have passed."""


class ListFile(Body):
    """CSV as text. `mapping`: heading -> number, name, timezone or the name of a field; "" = not wanted."""

    text: Annotated[str, Field(max_length=16 << 20)]
    mapping: Annotated[dict[str, str], Field(default_factory=dict)]
    dry_run: bool = True


class CampaignOrder(Body):
    """start: call; pause: call nobody until it is started again; stop: nobody is called until the site says so."""

    order: Literal["start", "pause", "stop"]


COLUMNS = ("number", "name", "status", "attempts", "last", "due", "outcome", "disposition", "agent", "note", "timezone")
PAGE = 5_000


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["campaigns"]), Rights(source)

    def visible(who: Principal, campaign: str) -> None:
        """Raises HTTPException 404 for a campaign of a queue that is not theirs."""
        config = source.site.campaigns.get(campaign)
        if config is None or not rights.sight(who).queue(config.queue):
            raise HTTPException(404, f"There is no campaign {campaign!r}.")

    def agent(who: Principal, named: str) -> str:
        """Whom it is about; agents act for themselves."""
        if who.role == AGENT and named not in ("", who.agent):
            raise HTTPException(403, "agents act for themselves")
        if not (named or who.agent):
            raise HTTPException(409, "you are no agent: name one")
        return named or who.agent

    @router.get("/api/campaigns")
    async def campaigns(who: Viewer) -> list[Row]:
        """Every campaign, with what has become of its contacts."""
        sight = rights.sight(who)
        return [one for one in await source.order("campaigns") if sight.queue(one["queue"])]

    @router.get("/api/campaigns/{campaign}")
    async def one_campaign(campaign: str, who: Viewer) -> Row:
        """One campaign."""
        visible(who, campaign)
        found: Row = await source.order("campaign", campaign=campaign)
        return found

    @router.get("/api/campaigns/{campaign}/contacts")
    async def contacts(
        campaign: str,
        who: Supervisor,
        status: str = "",
        text: Annotated[str, Query(max_length=200)] = "",
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = 500,
    ) -> list[Row]:
        """The contacts, in the order of the list; `text`: of whom number, name, note or a field contains it."""
        visible(who, campaign)
        which = {"status": status, "text": text, "offset": offset, "limit": limit}
        found: list[Row] = await source.order("campaign_contacts", campaign=campaign, **which)
        return found

    @router.get("/api/campaigns/{campaign}/export")
    async def export(campaign: str, who: Supervisor, status: str = "") -> Response:
        """The list with what has become of everybody, as CSV. No cell is a formula; times are UTC."""
        visible(who, campaign)
        rows: list[Row] = []
        while True:
            page = await source.order(
                "campaign_contacts", campaign=campaign, status=status, limit=PAGE, offset=len(rows)
            )
            rows += page
            if len(page) < PAGE:
                break
        fields = list(dict.fromkeys(name for one in rows for name in one["fields"] if name not in COLUMNS))
        text = csv_lines((*COLUMNS, *fields), ({**one["fields"], **one, **_moments(one)} for one in rows))
        await source.order("exported", what="campaign", form="csv", rows=len(rows), complete=True)
        headers = {"Content-Disposition": 'attachment; filename="campaign.csv"'}
        return Response("\ufeff" + text, media_type=FORMS["csv"], headers=headers)

    @router.post("/api/campaigns/{campaign}/import")
    async def import_(campaign: str, body: ListFile, who: Supervisor) -> Row:
        """Put the customers of a CSV file on the list, all or none; `dry_run` (as long as nothing else is said): what each
        column is taken for, what would be done, and every mistake with its line."""
        visible(who, campaign)
        found: Row = await source.order("campaign_read", campaign=campaign, **body.model_dump())
        return found

    @router.post("/api/campaigns/{campaign}/orders")
    async def switch(campaign: str, body: CampaignOrder, who: Supervisor) -> Row:
        """Start, pause or stop a campaign. Calls that go on go on."""
        visible(who, campaign)
        found: Row = await source.order("campaign_switch", campaign=campaign, order=body.order, by=who.name)
        return found

    @router.post("/api/campaigns/{campaign}/contacts")
    async def add(
        campaign: str, body: NewContacts, who: Administrator, dry_run: Annotated[bool, Query()] = False
    ) -> Row:  # fmt: skip
        """Put customers on the list; nothing is changed if a row is wrong, or with `dry_run`."""
        visible(who, campaign)
        found: Row = await source.order("campaign_import", campaign=campaign, rows=body.rows, dry_run=dry_run)
        return found

    @router.delete("/api/campaigns/{campaign}/contacts")
    async def clear(campaign: str, who: Administrator) -> Row:
        """Forget the list; nobody on it is called any more."""
        visible(who, campaign)
        found: Row = await source.order("campaign_clear", campaign=campaign)
        return found

    @router.post("/api/campaigns/{campaign}/next")
    async def following(campaign: str, body: Looking, who: Worker) -> Row:
        """Whom the agent may call next, with the script; the contact is theirs for ten minutes."""
        visible(who, campaign)
        found: Row = await source.order("campaign_next", campaign=campaign, agent=agent(who, body.agent))
        return found

    @router.post("/api/campaigns/{campaign}/contacts/{contact}/accept")
    async def accept(campaign: str, contact: str, body: Looking, who: Worker) -> Row:
        """Call them: the agent's phone rings, then the customer's."""
        visible(who, campaign)
        found: Row = await source.order(
            "campaign_accept", campaign=campaign, contact=contact, agent=agent(who, body.agent)
        )
        return found

    @router.post("/api/campaigns/{campaign}/contacts/{contact}/skip")
    async def skip(campaign: str, contact: str, body: Skip, who: Worker) -> Row:
        """Do not call them, never or not now."""
        visible(who, campaign)
        found: Row = await source.order(
            "campaign_skip",
            campaign=campaign,
            contact=contact,
            agent=agent(who, body.agent),
            note=body.note,
            later=body.later,
        )
        return found

    @router.post("/api/campaigns/{campaign}/contacts/{contact}/again")
    async def again(campaign: str, contact: str, body: Again, who: Worker) -> Row:
        """Call somebody again whom one has called: it was their answering machine, or no good moment."""
        visible(who, campaign)
        order = {"agent": agent(who, body.agent), "note": body.note, "later": body.later}
        found: Row = await source.order("campaign_again", campaign=campaign, contact=contact, **order)
        return found

    @router.get("/api/calls/{call}/contact")
    async def call_contact(call: str, who: Viewer) -> Row:
        """Whom of a campaign a call is to: what the list says of them, and the script. `contact` is null if of none."""
        sight = rights.sight(who)
        if not any(one.get("handled") == call and sight.agent(one["agent"]) for one in source.agents()):
            rights.call(who, call)
        found: Row = await source.order("call_contact", call=call)
        return found

    return router


def _moments(contact: Row) -> Row:
    """Times as a spreadsheet reads them."""
    return {
        name: f"{datetime.fromtimestamp(contact[name], UTC):%Y-%m-%d %H:%M:%S}" if contact[name] else ""
        for name in ("last", "due")
    }
