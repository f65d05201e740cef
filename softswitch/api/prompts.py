"""Prompts and music: listed, heard, replaced and taken away (MED-12)."""

from __future__ import annotations

import base64
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse

from softswitch.api.guard import Administrator, Auditor
from softswitch.api.source import Source

Row = dict[str, Any]
LARGEST = 128 << 20  # octets of a recording that is sent
BINARY = {"schema": {"type": "string", "format": "binary"}}
WAV: dict[str, Any] = {
    "requestBody": {"required": True, "content": dict.fromkeys(("audio/wav", "application/octet-stream"), BINARY)}
}


def routes(source: Source) -> APIRouter:
    router = APIRouter(tags=["prompts"])

    def shown(row: Row) -> Row:
        return {name: value for name, value in row.items() if name != "file"}

    @router.get("/api/prompts")
    async def prompts(
        who: Auditor,
        part: Annotated[str, Query(max_length=64)] = "",
        language: Annotated[str, Query(max_length=16)] = "",
        added: bool = False,
    ) -> list[Row]:
        """Every recording that would be played, or those whose name or text holds `part`; the language of music is `moh`."""
        return [shown(one) for one in await source.order("prompts", part=part, language=language, added=added)]

    @router.get("/api/prompts/{language}/{name:path}")
    async def prompt(language: str, name: str, who: Auditor) -> Row:
        """One recording: what it says, length and level, and who in the site names it.."""
        return shown(await source.order("prompt", language=language, name=name))

    @router.get(
        "/api/sounds/{language}/{name:path}",
        response_class=FileResponse,
        responses={200: {"content": {"audio/wav": {}}}},
    )
    async def sound(language: str, name: str, who: Auditor) -> FileResponse:
        """The recording itself."""
        found = await source.order("prompt", language=language, name=name)
        return FileResponse(found["file"], media_type="audio/wav")

    @router.put("/api/prompts/{language}/{name:path}", openapi_extra=WAV)
    async def put(
        language: str, name: str, request: Request, who: Administrator, queue: str = "", as_it_is: bool = False
    ) -> Row:
        """Let a recording (WAV, any rate) be heard for a prompt, or as music: in force at once, levelled unless `as_it_is`."""
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > LARGEST:
                raise HTTPException(413, f"a recording has at most {LARGEST >> 20} MiB")
        made = await source.order(
            "prompt_add", language=language, name=name, data=base64.b64encode(data).decode(), queue=queue,
            as_it_is=as_it_is, by=who.name,
        )  # fmt: skip
        return shown(made)

    @router.delete("/api/prompts/{language}/{name:path}")
    async def remove(language: str, name: str, who: Administrator) -> Row:
        """Take a recording of one's own away: the one that it stood before is heard again."""
        return shown(await source.order("prompt_remove", language=language, name=name, by=who.name))

    return router
