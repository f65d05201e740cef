"""Why agents take no calls for a while: the list that panels and programs choose from (AGT-03)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from softswitch.api.guard import Viewer
from softswitch.api.source import Source

Row = dict[str, Any]


def routes(source: Source) -> APIRouter:
    router = APIRouter(tags=["agents"])

    @router.get("/api/pauses")
    async def pauses(who: Viewer) -> list[Row]:
        """The reasons of the site in the order of the menu; `longest`: seconds, 0 = as long as it takes."""
        found: list[Row] = await source.order("pauses")
        return found

    return router
