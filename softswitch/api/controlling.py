"""Orders about the phones in a call (API-05, API-07): hold for a phone, answer at it, play something, connect two calls."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import Field

from softswitch.api.auth import Principal
from softswitch.api.guard import Rights, Supervisor, Viewer, Worker
from softswitch.api.source import Source
from softswitch.api.steering import Body, Line, Name
from softswitch.directory.people import AGENT

Row = dict[str, Any]


class HoldOrder(Body):
    """The phone whose other party waits, "" = one's own, or that of whoever was called."""

    order: Literal["hold", "resume"]
    account: Line = ""


class AnswerOrder(Body):
    """The phone that answers what rings there; "" = one's own."""

    account: Line = ""


class PlayOrder(Body):
    clips: Annotated[list[Name], Field(min_length=1, max_length=20)]
    to: Literal["caller", "called", "both"] = "both"


class BridgeOrder(Body):
    """The other call, whose customer is connected with that of the first."""

    other: Name


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["steer"]), Rights(source)

    def phone(who: Principal, named: str) -> str:
        """The phone that is meant; an agent's is their own. Raises HTTPException."""
        mine = who.account or next((one["device"] for one in source.agents() if one["agent"] == who.agent), "")
        if who.role == AGENT and named not in ("", mine):
            raise HTTPException(403, "agents steer their own phone")
        return named or mine

    @router.post("/api/calls/{call}/hold")
    async def hold(call: str, body: HoldOrder, who: Worker) -> Row:
        """Hold the other party for a phone, which need not know of it; or let the two talk again."""
        rights.call(who, call)
        found: Row = await source.order("call_hold", call=call, verb=body.order, account=phone(who, body.account))
        return found

    @router.post("/api/calls/{call}/answer", status_code=202)
    async def answer(call: str, body: AnswerOrder, who: Worker) -> Row:
        """Have a phone answer what rings there; the answer names an order, whose end is told by `call.order`."""
        rights.call(who, call)
        account = phone(who, body.account)
        if not account:
            raise HTTPException(409, "no phone is yours: name an account")
        found: Row = await source.order("call_answer", call=call, account=account, by=who.name)
        return found

    @router.post("/api/calls/{call}/play", status_code=202)
    async def play(call: str, body: PlayOrder, who: Supervisor) -> Row:
        """Play clips into a conversation; the answer names an order, whose end is told by `call.order`."""
        rights.call(who, call)
        found: Row = await source.order("call_play", call=call, clips=body.clips, to=body.to, by=who.name)
        return found

    @router.post("/api/calls/{call}/bridge")
    async def bridge(call: str, body: BridgeOrder, who: Supervisor) -> Row:
        """Connect the customers of two calls; whoever served them is let go."""
        rights.call(who, call)
        rights.call(who, body.other)
        found: Row = await source.order("call_bridge", call=call, other=body.other)
        return found

    @router.get("/api/orders/{order}")
    async def order(order: str, who: Viewer) -> Row:
        """What has become of an order that takes time: pending, done or failed."""
        found: Row = await source.order("call_order", order=order)
        if who.role == AGENT and found.get("by", who.name) != who.name:
            raise HTTPException(404, f"There is no order {order!r}.")
        return found

    return router
