"""Campaigns (OUT-05, OUT-06): what has become of their contacts, lists, and what agents do with whom they are shown."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field

from softswitch.api.auth import Principal
from softswitch.api.guard import Administrator, Rights, Supervisor, Viewer, Worker
from softswitch.api.source import Source
from softswitch.api.steering import Body, Line
from softswitch.directory.people import AGENT

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
        campaign: str, who: Supervisor, status: str = "", limit: Annotated[int, Query(ge=1, le=5_000)] = 500
    ) -> list[Row]:
        """The contacts, in the order of the list."""
        visible(who, campaign)
        found: list[Row] = await source.order("campaign_contacts", campaign=campaign, status=status, limit=limit)
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

    return router
