"""Prompts recorded by telephone, and what they were before (MED-12)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse
from pydantic import Field

from softswitch.api.desk import own_accounts
from softswitch.api.guard import Administrator, Auditor
from softswitch.api.source import Source
from softswitch.api.steering import Body, Line

Row = dict[str, Any]


class Ring(Body):
    """Whose phone rings; "" = one's own."""

    account: Line = ""


class Back(Body):
    version: Annotated[str, Field(min_length=1, max_length=32)]


def routes(source: Source) -> APIRouter:
    router = APIRouter(tags=["prompts"])

    @router.post("/api/prompt-recordings/{language}/{name:path}", status_code=202)
    async def record(language: str, name: str, body: Ring, who: Administrator) -> Row:
        """Ring a phone: who answers speaks the prompt after the beep, `#` ends it, 1 keeps it; then it is in force."""
        account = body.account or next(iter(own_accounts(source, who)), "")
        if not account:
            raise HTTPException(409, "no phone is yours: name an account")
        found: Row = await source.order("prompt_record", language=language, name=name, account=account, by=who.name)
        return found

    @router.get("/api/prompt-versions/{language}/{name:path}")
    async def versions(language: str, name: str, who: Auditor) -> list[Row]:
        """The recording of one's own in force (`current`) and those before it, the newest first."""
        found: list[Row] = await source.order("prompt_versions", language=language, name=name)
        return found

    @router.post("/api/prompt-versions/{language}/{name:path}")
    async def restore(language: str, name: str, body: Back, who: Administrator) -> Row:
        """Put a version in force again; what is in force now becomes one."""
        found: Row = await source.order(
            "prompt_restore", language=language, name=name, version=body.version, by=who.name
        )
        return found

    @router.get("/api/former-sounds/{version}/{language}/{name:path}", response_class=FileResponse)
    async def former(version: str, language: str, name: str, who: Auditor) -> FileResponse:
        """A version, to be heard."""
        found = await source.order("prompt_version", language=language, name=name, version=version)
        return FileResponse(found["file"], media_type="audio/wav")

    return router
