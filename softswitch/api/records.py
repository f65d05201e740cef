"""Calls that are over, and who did what (ADM-07, API-12, SEC-14): each sees what their role and their queues allow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse

from softswitch.api.auth import EVERYTHING, Principal
from softswitch.api.guard import Administrator, Auditor, Rights, Viewer
from softswitch.api.source import Source
from softswitch.directory.people import ADMINISTRATOR, AGENT, SUPERVISOR
from softswitch.exporting import FORMS, csv_lines, json_lines
from softswitch.links import LONGEST

MOST = 1_000  # rows of one answer
FOREVER = 1e15
Row = dict[str, Any]
Text = Annotated[str, Query(max_length=128)]
Seconds = Annotated[float, Query(ge=0, le=FOREVER)]
Before = Annotated[int, Query(ge=0, le=1 << 53)]  # the number of an event, or of a recording
CALL_COLUMNS = (
    "call", "seq", "started_at", "ended_at", "caller", "caller_name", "dialled", "account", "trunk", "queue", "agent",
    "outcome", "status", "cause", "setup_seconds", "talk_seconds", "total_seconds", "path", "customer", "recorded",
)  # fmt: skip
LEG_COLUMNS = (
    "call", "leg", "role", "party", "ended_at", "status", "cause", "ended_by", "ring_seconds", "talk_seconds", "codec",
    "sip_call_id",
)  # fmt: skip

FILES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {media.partition(";")[0]: {} for media in FORMS.values()}}
}


def scope_of(rights: Rights, who: Principal) -> Row | None:
    """Whose calls somebody sees; None: everybody's."""
    sight = rights.sight(who)
    if sight is EVERYTHING:
        return None
    if who.role == AGENT:
        return {"agent": who.agent, "account": who.account}
    return {"queues": sorted(sight.queues or ())}


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["records"]), Rights(source)

    def may_see(who: Principal, story: Row) -> bool:
        sight, call = rights.sight(who), story["call"]
        if sight is EVERYTHING:
            return True
        if who.role == AGENT:
            mine = bool(who.account) and call["account"] == who.account
            return mine or (
                bool(who.agent) and who.agent in (call["agent"], *(one["agent"] for one in story["visits"]))
            )
        return any(sight.queue(one) for one in (call["queue"], *(visit["queue"] for visit in story["visits"])) if one)

    def wanted(
        number: str, queue: str, agent: str, trunk: str, outcome: str, recorded: bool | None, since: float, until: float
    ) -> Row:
        given = {
            "number": number, "queue": queue, "agent": agent, "trunk": trunk, "outcome": outcome, "since": since,
        }  # fmt: skip
        found = {name: value for name, value in given.items() if value}
        if recorded is not None:
            found["recorded"] = recorded
        return found | ({"until": until} if until < FOREVER else {})

    @router.get("/api/records")
    async def records(
        who: Viewer,
        number: Text = "",
        queue: Text = "",
        agent: Text = "",
        trunk: Text = "",
        outcome: Text = "",
        recorded: bool | None = None,
        since: Seconds = 0.0,
        until: Seconds = FOREVER,
        before: Before = 0,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    ) -> Row:
        """Calls, the newest first; `next` is what `before` of the following page is. Times are seconds since 1970."""
        which = wanted(number, queue, agent, trunk, outcome, recorded, since, until)
        found: Row = await source.order(
            "call_records", limit=limit, before=before, scope=scope_of(rights, who), **which
        )
        return found

    @router.get("/api/records/export", response_class=StreamingResponse, responses=FILES)
    async def export(
        who: Viewer,
        form: Literal["csv", "jsonl"] = "csv",
        what: Literal["calls", "legs"] = "calls",
        number: Text = "",
        queue: Text = "",
        agent: Text = "",
        trunk: Text = "",
        outcome: Text = "",
        recorded: bool | None = None,
        since: Seconds = 0.0,
        until: Seconds = FOREVER,
        links: Annotated[float, Query(ge=0, le=LONGEST)] = 0.0,
    ) -> StreamingResponse:
        """All calls that `GET /api/records` finds, or their legs, as a file. No cell is a formula.

        `links`: calls with links to their recordings, which are good without a login for so many hours.
        """
        which = wanted(number, queue, agent, trunk, outcome, recorded, since, until)
        scope = scope_of(rights, who)
        if links and who.role not in (SUPERVISOR, ADMINISTRATOR):
            raise HTTPException(403, f"links are not for the role {who.role}")

        async def lines() -> AsyncIterator[str]:
            linked = bool(links) and what == "calls"
            columns = LEG_COLUMNS if what == "legs" else (*CALL_COLUMNS, *(("recording_urls",) if linked else ()))
            before: int | None = 0
            rows, complete = 0, False
            try:
                if form == "csv":
                    yield csv_lines(columns, ())
                while before is not None:
                    page: Row = await source.order("call_records", limit=MOST, before=before, scope=scope, **which)
                    before, found = page["next"], page["calls"]
                    if what == "legs":
                        found = await source.order("leg_records", calls=[one["call"] for one in found])
                    if linked:
                        found = await with_links(source, found, links, who.name, scope, form)
                    rows += len(found)
                    yield csv_lines(columns, found, head=False) if form == "csv" else json_lines(found)
                complete = True
            finally:
                await source.order("exported", what=what, form=form, rows=rows, complete=complete, links=links)

        name = f'attachment; filename="{what}.{form}"'
        return StreamingResponse(lines(), media_type=FORMS[form], headers={"Content-Disposition": name})

    @router.get("/api/records/{call}")
    async def record(call: str, who: Viewer) -> Row:
        """One call: its legs, queue visits, recordings, and every event in order."""
        story: Row = await source.order("call_record", call=call)
        if not may_see(who, story):
            raise HTTPException(404, f"There is no call {call!r}.")
        story["recordings"] = [
            {name: value for name, value in one.items() if name != "path"} for one in story["recordings"]
        ]
        return story

    @router.get("/api/records/{call}/ladder")
    async def ladder(call: str, who: Administrator) -> Row:
        """The SIP messages of a call, as far as they are in memory; without passwords and media keys."""
        found: Row = await source.order("trace", what=call)
        return found

    @router.get("/api/audit")
    async def audit(
        who: Auditor,
        actor: Text = "",
        action: Text = "",
        subject: Text = "",
        since: Seconds = 0.0,
        until: Seconds = FOREVER,
        before: Before = 0,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> Row:
        """Who did what, the newest first. `action`: how it begins; `next` is what `before` of the following page is."""
        found: Row = await source.order(
            "audit", actor=actor, action=action, subject=subject, since=since, until=until, before=before, limit=limit
        )
        return found

    @router.delete("/api/persons/{number}")
    async def erase(number: str, who: Administrator) -> Row:
        """Make a person unrecognisable in all records, for good: recordings and messages go, numbers and names are replaced."""
        found: Row = await source.order("erase", number=number, by=who.name)
        return found

    return router


async def with_links(source: Source, rows: list[Row], hours: float, by: str, scope: Row | None, form: str) -> list[Row]:
    """Calls with the addresses of their recordings; in CSV several stand in one cell, with a space between."""
    calls = [one["call"] for one in rows if one["recorded"]]
    found = await source.order("share_calls", calls=calls, hours=hours, by=by, scope=scope) if calls else {}
    urls = {call: " ".join(known) if form == "csv" else known for call, known in found.items()}
    return [{**one, "recording_urls": urls.get(one["call"], "" if form == "csv" else [])} for one in rows]
