"""Orders of people and programs (API-05, API-06): agents' states, calls, callers who wait. Who gave one stands in its event."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator

from softswitch.api.auth import Principal
from softswitch.api.guard import Administrator, Rights, Supervisor, Worker
from softswitch.api.source import Source
from softswitch.directory.people import AGENT

Row = dict[str, Any]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"\S")]
Line = Annotated[str, Field(max_length=512)]
Version = Annotated[int, Query(ge=0, le=2**53, description="of the site that was looked at; 0 = whatever is in force")]


class Body(BaseModel):
    """What comes in a request: unknown fields are mistakes, and so is a number that stands where a truth is asked for."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, strict=True)

    @field_validator("*", mode="before")
    @classmethod
    def _whole(cls, value: object) -> object:
        """In JSON 5.0 is as whole a number as 5."""
        return int(value) if isinstance(value, float) and value.is_integer() else value


class AgentOrder(Body):
    """A change of an agent's state. `reason`: of not being ready; `device`: the account that rings, at login."""

    order: Literal[
        "login", "logout", "ready", "ready_once", "not_ready", "end_wrap_up", "extend_wrap_up", "disposition"
    ]
    reason: Line = ""
    device: Line = ""
    disposition: Line = ""  # of the last call
    note: Annotated[str, Field(max_length=4_000)] = ""


class NewCall(Body):
    """Ring an account's phone, and call a number for whoever answers."""

    number: Name
    account: Line = ""  # "" = one's own
    auto_answer: bool = False


class Transfer(Body):
    """Lead the caller elsewhere: at once, or after a consultation."""

    to: Name
    attended: bool = False
    note: Line = ""  # for whoever is asked
    customer: Line = ""  # whose card goes along


class TransferOrder(Body):
    order: Literal["complete", "abort", "swap", "merge", "escalate"]


class RecordingOrder(Body):
    order: Literal["start", "stop", "pause", "resume"]


class CallerOrder(Body):
    """What becomes of a caller who waits: exactly one of these."""

    priority: Annotated[int | None, Field(ge=-99_999, le=99_999)] = None
    position: Annotated[int | None, Field(ge=1, le=1_000_000)] = None  # in the same queue, 1 = the head
    agent: Name | None = None  # is rung now
    queue: Name | None = None  # leads there, with the time waited
    destination: Name | None = None  # out of the queue


class SurgeOrder(Body):
    order: Literal["on", "off", "auto"]


class HoursOrder(Body):
    state: Literal["open", "closed", "auto"]
    until: Line = ""  # "2026-12-24 13:00", "13:00", "90m", "2h"; "" = until somebody says otherwise


class NewSite(Body):
    text: Annotated[str, Field(max_length=16 << 20)]


STEPS = {"priority": "prioritise", "position": "place", "agent": "assign", "queue": "move", "destination": "withdraw"}
ARGUMENTS = {"priority": "priority", "position": "position", "agent": "agent", "queue": "queue", "destination": "to"}


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["steer"]), Rights(source)

    def own_account(who: Principal, named: str) -> str:
        """The phone that rings for somebody; another's is for supervisors and administrators. Raises HTTPException."""
        mine = who.account or next((one["device"] for one in source.agents() if one["agent"] == who.agent), "")
        if who.role == AGENT and named not in ("", mine):
            raise HTTPException(403, "agents call from their own phone")
        if not (named or mine):
            raise HTTPException(409, "no phone is yours: name an account, or log in at a phone")
        rights.account(who, named)
        return named or mine

    @router.post("/api/agents/{agent}/orders")
    async def order_agent(agent: str, body: AgentOrder, who: Worker) -> Row:
        """Log in or out, be ready or not, end or extend wrap-up."""
        rights.agent(who, agent)
        if body.order == "disposition":
            said = {"disposition": body.disposition, "note": body.note}
            chosen: Row = await source.order("disposition", agent=agent, by=who.name, **said)
            return chosen
        rights.account(who, body.device)
        arguments = {"verb": body.order, "reason": body.reason, "device": body.device}
        found: Row = await source.order("agent", name=agent, by=who.name, **arguments)
        return found

    @router.post("/api/calls", status_code=201)
    async def new_call(body: NewCall, who: Worker) -> Row:
        """Click to call: first the phone on this side rings (OUT-11)."""
        account = own_account(who, body.account)
        found: Row = await source.order(
            "originate", account=account, number=body.number, auto_answer=body.auto_answer, by=who.name
        )
        return found

    @router.delete("/api/calls/{call}")
    async def hang_up(call: str, who: Worker) -> Row:
        """End a call."""
        rights.call(who, call)
        return {"ended": await source.order("hang_up", call=call)}

    @router.post("/api/calls/{call}/transfer")
    async def transfer(call: str, body: Transfer, who: Worker) -> Row:
        """Begin a transfer; it may be completed or aborted while a consultation goes on."""
        rights.call(who, call)
        found: Row = await source.order("transfer", call=call, **body.model_dump())
        return found

    @router.post("/api/calls/{call}/transfer/orders")
    async def steer_transfer(call: str, body: TransferOrder, who: Worker) -> Row:
        """Complete, abort, swap or merge what was begun; escalate to a supervisor."""
        rights.call(who, call)
        found: Row = await source.order("steer_transfer", call=call, verb=body.order)
        return found

    @router.post("/api/calls/{call}/recording")
    async def record(call: str, body: RecordingOrder, who: Worker) -> Row:
        """Start, stop, pause or resume the recording of a call."""
        rights.call(who, call)
        found: Row = await source.order("record", call=call, verb=body.order, by=who.name)
        return found

    @router.post("/api/callers/{call}/orders")
    async def steer_caller(call: str, body: CallerOrder, who: Supervisor) -> Row:
        """Another priority, place, agent or queue for a caller who waits, with immediate effect (ACD-42)."""
        rights.call(who, call)
        given = body.model_dump(exclude_none=True)
        if len(given) != 1:
            raise HTTPException(422, f"exactly one of {', '.join(STEPS)}")
        ((name, value),) = given.items()
        if name == "queue":
            rights.queue(who, value)
        if name == "agent":
            rights.agent(who, value)
        found: Row = await source.order(STEPS[name], call=call, by=who.name, **{ARGUMENTS[name]: value})
        return found

    @router.put("/api/queues/{queue}/surge")
    async def surge(queue: str, body: SurgeOrder, who: Supervisor) -> Row:
        """Surge mode on or off by hand, or by its thresholds again."""
        rights.queue(who, queue)
        found: Row = await source.order("surge", queue=queue, order=body.order, by=who.name)
        return found

    @router.put("/api/hours/{hours}")
    async def overrule_hours(hours: str, body: HoursOrder, who: Administrator) -> Row:
        """Overrule opening hours, or let them hold again."""
        found: Row = await source.order("hours_set", name=hours, state=body.state, until=body.until, actor=who.name)
        return found

    @router.get("/api/site", tags=["site"])
    async def site(who: Administrator) -> Row:
        """The site in force as site.toml, without secrets, and its version."""
        found = await source.order("edit", operation="export", options={"secrets": False})
        return {"version": source.site.version, "text": found["text"]}

    @router.put("/api/site", tags=["site"])
    async def apply(
        body: NewSite, who: Administrator, version: Version = 0, dry_run: Annotated[bool, Query()] = False
    ) -> Row:
        """Put a whole site in force, all of it or nothing; `dry_run`: only what would change, and whom it touches."""
        options = {"text": body.text, "file": "site", "version": version, "dry_run": dry_run}
        found: Row = await source.order("edit", operation="apply", options=options, by=who.name)
        return found

    return router
