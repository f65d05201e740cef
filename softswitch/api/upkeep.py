"""What an administrator looks after: who is not listened to, and a copy of everything."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import Field
from starlette.background import BackgroundTask

from softswitch.api.guard import Administrator, Auditor
from softswitch.api.source import Source
from softswitch.api.steering import Body, Line

Row = dict[str, Any]


class NewBan(Body):
    """An address, with a port or a prefix length if need be, that is not listened to for so many seconds."""

    source: Annotated[str, Field(min_length=2, max_length=64)]
    seconds: Annotated[float, Field(gt=0, le=31_536_000)] = 3_600
    reason: Line = "by hand"


def routes(source: Source) -> APIRouter:
    router = APIRouter(tags=["upkeep"])

    @router.get("/api/bans")
    async def bans(who: Auditor) -> list[Row]:
        """Who is not listened to now, why, and until when."""
        found: list[Row] = await source.order("bans")
        return found

    @router.post("/api/bans", status_code=201)
    async def ban(body: NewBan, who: Administrator) -> Row:
        """Do not listen to an address."""
        found: Row = await source.order("ban", by=who.name, **body.model_dump())
        return found

    @router.delete("/api/bans/{address:path}")
    async def unban(address: str, who: Administrator) -> Row:
        """Listen again."""
        return {"lifted": await source.order("unban", source=address, by=who.name)}

    @router.get("/api/backup", response_class=FileResponse, responses={200: {"content": {"application/gzip": {}}}})
    async def backup(who: Administrator, recordings: bool = False) -> FileResponse:
        """The whole installation as one file, as `softswitch backup` writes it: secrets and all."""
        made: Row = await source.order("backup", recordings=recordings, by=who.name)
        file = Path(made["file"])
        name = f"softswitch-{datetime.now():%Y-%m-%d-%H%M%S}.tar.gz"
        return FileResponse(
            file, media_type="application/gzip", filename=name, background=BackgroundTask(_remove, file)
        )

    return router


def _remove(file: Path) -> None:
    """The copy was sent: it and its folder, which holds nothing else, are of no more use."""
    with contextlib.suppress(OSError):
        file.unlink()
        file.parent.rmdir()
