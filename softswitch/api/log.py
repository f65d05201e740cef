"""More in the log about one call, one number or one account (OPS-06)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field

from softswitch.api.guard import Administrator, Auditor
from softswitch.api.source import Source
from softswitch.api.steering import Body

Row = dict[str, Any]


class About(Body):
    """About what everything is written, and for how long."""

    kind: Literal["call", "number", "account"]
    value: Annotated[str, Field(min_length=1, max_length=128)]
    minutes: Annotated[float, Field(gt=0, le=1_440)] = 60.0


def routes(source: Source) -> APIRouter:
    router = APIRouter(tags=["upkeep"])

    @router.get("/api/log")
    async def shown(who: Auditor) -> list[Row]:
        """About what everything is written to the log now."""
        found: list[Row] = await source.order("log_focus")
        return found

    @router.post("/api/log", status_code=201)
    async def debug(body: About, who: Administrator) -> Row:
        """Write every event and SIP message about a call, a number or an account to the log, for a while."""
        found: Row = await source.order("log_debug", **body.model_dump(), by=who.name)
        return found

    @router.delete("/api/log")
    async def quiet(who: Administrator) -> Row:
        """Nothing in particular any more."""
        return {"ended": await source.order("log_quiet", by=who.name)}

    return router
