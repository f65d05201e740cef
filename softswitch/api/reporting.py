"""Reports for people and programs: each of the queues and agents that they see; as JSON, CSV or XLSX."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from pydantic import Field

from softswitch.api.auth import Principal, Sight
from softswitch.api.guard import Rights, Viewer, only
from softswitch.api.source import Source
from softswitch.api.steering import Body, Name
from softswitch.directory.people import AGENT, AUDITOR, SUPERVISOR
from softswitch.reports.build import REPORTS
from softswitch.reports.export import FORMATS, file_name, written
from softswitch.reports.range import INTERVALS, RANGES
from softswitch.reports.rows import VIEWS

Row = dict[str, Any]
Planner = Annotated[Principal, Depends(only(SUPERVISOR, AUDITOR))]
OWN = ("agents", "timeline", "transfers")  # what an agent may know: their own figures
WHOLE = ("load",)  # of the switch, not of a queue
SWITCH_ONLY = "of the whole switch: for auditors and administrators"
SEPARATOR = (
    "Of CSV; semicolon: with decimal commas, as spreadsheets in Poland read them. By the language where none is named"
)
FILES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The report.", "content": {media: {} for media in FORMATS.values()}}
}


class Bill(Body):
    """CSV as text: a line for each call. `columns`: start, duration, waited, number -> heading, where it is not found out;
    `numbers`: only calls to these; `wrap_up`: seconds after each conversation."""

    text: Annotated[str, Field(min_length=1, max_length=16 << 20)]
    columns: Annotated[
        dict[Literal["start", "date", "time", "duration", "waited", "number"], Name], Field(default_factory=dict)
    ]
    numbers: Annotated[list[Name], Field(default_factory=list, max_length=50)]
    target: Annotated[str, Field(pattern=r"^[1-9]\d?/\d{1,4}$")] = "80/20"
    occupancy: Annotated[int, Field(ge=1, le=100)] = 90
    shrinkage: Annotated[int, Field(ge=0, le=95)] = 30
    interval: Literal["15", "30", "60"] = "30"
    wrap_up: Annotated[float, Field(ge=0, le=3_600)] = 0.0


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["reports"]), Rights(source)

    @router.get("/api/reports")
    async def reports(who: Viewer) -> Row:
        """The reports that there are for whoever asks, and what may be asked of them."""
        return {
            "reports": [
                {"report": name, "titles": dict(zip(("en", "pl"), titles, strict=True))}
                for name, (titles, _) in REPORTS.items()
                if _may(who, name, rights.sight(who))
            ],
            "ranges": list(RANGES),
            "intervals": list(INTERVALS),
            "views": list(VIEWS),
            "timezone": source.site.timezone,
        }

    @router.get("/api/reports/{report}", responses=FILES)
    async def report(
        report: str,
        who: Viewer,
        range: Annotated[str, Query(description=f"One of {', '.join(RANGES)}")] = "",
        since: Annotated[str, Query(description="A day, or a moment; with until, in place of range")] = "",
        until: Annotated[str, Query(description="A day, which is included, or a moment")] = "",
        interval: Annotated[str, Query(description=f"One of {', '.join(INTERVALS)}")] = "60",
        view: Annotated[str, Query(description=f"One of {', '.join(VIEWS)}: where a call counts")] = "cohort",
        timezone: Annotated[str, Query(description="Such as Europe/Warsaw; the site's by default")] = "",
        queue: Annotated[list[str], Query(description="May be repeated")] = [],  # noqa: B006 - as FastAPI wants it
        agent: Annotated[list[str], Query(description="May be repeated")] = [],  # noqa: B006
        service_level: Annotated[
            int | None, Query(ge=0, le=3_600, description="Seconds, in place of each queue's own")
        ] = None,
        compare: Annotated[bool, Query(description="With the totals of the time before")] = False,
        format: Literal["json", "csv", "xlsx"] = "json",
        language: str = "en",
        separator: Annotated[Literal["", "comma", "semicolon"], Query(description=SEPARATOR)] = "",
    ) -> Any:
        """A report, with the definition of each of its numbers."""
        sight = rights.sight(who)
        if report not in REPORTS:
            raise HTTPException(404, f"There is no report {report!r}.")
        if not _may(who, report, sight):
            raise HTTPException(403, "not for the role agent" if who.role == AGENT else SWITCH_ONLY)
        for one in queue:
            rights.queue(who, one)
        for one in agent:
            rights.agent(who, one)
        queues = None if who.role == AGENT and report in OWN else queue or sight.queues
        found: Row = await source.order(
            "report", name=report, range=range, since=since, until=until, interval=interval, view=view, timezone=timezone,
            queues=None if queues is None else sorted(queues),
            agents=sorted(agent) if agent else None if sight.agents is None else sorted(sight.agents),
            level=service_level, compare=compare,
        )  # fmt: skip
        if format == "json":
            return found
        body = await asyncio.to_thread(written, found, format, language, separator)
        headers = {"Content-Disposition": f'attachment; filename="{file_name(found, format)}"'}
        return Response(body, media_type=FORMATS[format], headers=headers)

    @router.get("/api/staffing/{queue}")
    async def staffing(
        queue: str,
        who: Planner,
        target: Annotated[str, Query(pattern=r"^[1-9]\d?/\d{1,4}$", description="PERCENT/SECONDS")] = "80/20",
        occupancy: Annotated[int, Query(ge=1, le=100)] = 90,
        shrinkage: Annotated[int, Query(ge=0, le=95)] = 30,
        interval: Literal["15", "30", "60"] = "30",
        days: Annotated[int, Query(ge=1, le=3660)] = 90,
    ) -> Row:
        """How many agents a queue needs in every interval of the week, from its own records: `softswitch plan`."""
        rights.queue(who, queue)
        found: Row = await source.order(
            "plan", queue=queue, target=target, occupancy=occupancy, shrinkage=shrinkage, interval=interval, days=days
        )
        return found

    @router.post("/api/staffing")
    async def bill(body: Bill, who: Planner) -> Row:
        """The same from an operator's bill, before there are records of one's own. The bill is not kept."""
        found: Row = await source.order("bill", **body.model_dump())
        return found

    return router


def _may(who: Principal, report: str, sight: Sight) -> bool:
    if who.role == AGENT:
        return report in OWN
    return report not in WHOLE or sight.queues is None
