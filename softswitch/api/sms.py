"""Text messages (OUT-09): whether the provider takes them, and a first one to try it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from softswitch.api.guard import Administrator
from softswitch.api.source import Source
from softswitch.api.steering import Body, Name

Row = dict[str, Any]


class TestText(Body):
    """A text to somebody, to see whether it comes."""

    to: Name
    text: Annotated[str, Field(min_length=1, max_length=480)]


def routes(source: Source) -> APIRouter:
    router = APIRouter(tags=["notices"])

    @router.get("/api/sms")
    async def state(who: Administrator) -> Row:
        """Who the provider is, how many texts wait, why the last attempt failed."""
        found: Row = await source.order("sms")
        return found

    @router.post("/api/sms/test", status_code=202)
    async def test(body: TestText, who: Administrator) -> Row:
        """Send a text; what has become of it is the event `sms.sent`."""
        found: Row = await source.order("sms_test", to=body.to, text=body.text, by=who.name)
        return found

    return router
