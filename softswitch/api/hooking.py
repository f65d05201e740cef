"""Webhooks and CRMs (API-03, API-11): how far each one is, what was laid aside, and trying again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from softswitch.api.guard import Administrator, Auditor
from softswitch.api.source import Source
from softswitch.api.steering import Body

Row = dict[str, Any]
Kind = Literal["webhook", "crm"]


class Again(Body):
    """What is tried again: what waits, and of what was laid aside one event, or all."""

    seq: Annotated[int, Field(ge=0, le=1 << 53)] = 0
    everything: bool = False


class Rehearsal(Body):
    """An event that did not happen. `values`: of names in braces; `body`: a matrix to be tried in place of the one in force."""

    name: Annotated[str, Field(max_length=64)]
    row: Annotated[str, Field(max_length=32)]
    queue: Annotated[str, Field(max_length=64)] = ""
    values: Annotated[dict[str, str | int | float], Field(default_factory=dict, max_length=64)]
    body: Row | None = None


def routes(source: Source) -> APIRouter:
    router = APIRouter(tags=["receivers"])

    @router.get("/api/receivers/{kind}")
    async def receivers(kind: Kind, who: Auditor) -> list[Row]:
        """Every webhook, or CRM: how far it is, what is wrong, how many events were laid aside."""
        found: list[Row] = await source.order("receivers", kind=kind)
        return found

    @router.get("/api/receivers/{kind}/{name}")
    async def receiver(kind: Kind, name: str, who: Auditor) -> Row:
        """One of them."""
        found: Row = await source.order("receiver", kind=kind, name=name)
        return found

    @router.get("/api/receivers/{kind}/{name}/dead")
    async def dead(kind: Kind, name: str, who: Auditor) -> list[Row]:
        """The events that were laid aside, the oldest first."""
        found: list[Row] = await source.order("receiver_dead", kind=kind, name=name)
        return found

    @router.post("/api/receivers/{kind}/{name}/retry")
    async def retry(kind: Kind, name: str, body: Again, who: Administrator) -> Row:
        """Try what waits at once, and what was laid aside once more."""
        found: Row = await source.order(
            "receiver_retry", kind=kind, name=name, seq=body.seq, everything=body.everything
        )
        return found

    @router.get("/api/receivers/{kind}/{name}/recent")
    async def recent(kind: Kind, name: str, who: Auditor) -> list[Row]:
        """The last attempts to tell it something since the start of the switch, the newest first; `error` "": it was taken."""
        found: list[Row] = await source.order("receiver_recent", kind=kind, name=name)
        return found

    @router.post("/api/receivers/{kind}/{name}/discard")
    async def discard(kind: Kind, name: str, body: Again, who: Administrator) -> Row:
        """Forget one event that was laid aside, or all of them."""
        found: Row = await source.order(
            "receiver_discard", kind=kind, name=name, seq=body.seq, everything=body.everything, by=who.name
        )
        return found

    @router.post("/api/crm/dry-run")
    async def dry_run(body: Rehearsal, who: Administrator) -> Row:
        """The requests that a CRM would be sent for an event of a row, in order; nothing is sent, the token is not shown."""
        found: Row = await source.order("crm_dry_run", **body.model_dump())
        return found

    @router.post("/api/receivers/{kind}/{name}/skip")
    async def skip(kind: Kind, name: str, who: Administrator) -> Row:
        """Pass over everything that has happened so far."""
        found: Row = await source.order("receiver_skip", kind=kind, name=name)
        return found

    @router.post("/api/webhooks/{name}/secret")
    async def secret(name: str, who: Administrator) -> Row:
        """A new secret for a webhook, told this once; what is sent from now on is signed with it."""
        found: Row = await source.order("edit", operation="webhook_secret", options={"webhook": name}, by=who.name)
        return found

    @router.post("/api/webhooks/{name}/test")
    async def test(name: str, who: Administrator) -> Row:
        """Send a webhook an event that says nothing; what it answered."""
        found: Row = await source.order("webhook_test", name=name)
        return found

    return router
