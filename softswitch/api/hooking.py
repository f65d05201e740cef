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

    @router.post("/api/receivers/{kind}/{name}/skip")
    async def skip(kind: Kind, name: str, who: Administrator) -> Row:
        """Pass over everything that has happened so far."""
        found: Row = await source.order("receiver_skip", kind=kind, name=name)
        return found

    @router.post("/api/webhooks/{name}/test")
    async def test(name: str, who: Administrator) -> Row:
        """Send a webhook an event that says nothing; what it answered."""
        found: Row = await source.order("webhook_test", name=name)
        return found

    return router
