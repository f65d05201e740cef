"""Telephones of accounts: settings to paste, and links by which a phone fetches its account (ADM-09)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from softswitch.api.guard import Administrator
from softswitch.api.source import Source
from softswitch.api.steering import Body

Row = dict[str, Any]
Transport = Literal["", "udp", "tcp", "tls"]


class NewLink(Body):
    """How long the link lives, and how the phone will connect; "" = as its account asks for."""

    transport: Transport = ""
    minutes: Annotated[int, Field(ge=1, le=1_440)] = 15


def routes(source: Source) -> APIRouter:
    router = APIRouter(tags=["phones"])

    @router.get("/api/accounts/{account}/settings")
    async def settings(account: str, who: Administrator, transport: Transport = "") -> Row:
        """What to set where, for each family of phones; the word in `password` stands where that belongs."""
        found: Row = await source.order("account_settings", account=account, transport=transport)
        return found

    @router.post("/api/accounts/{account}/links", status_code=201)
    async def link(account: str, body: NewLink, request: Request, who: Administrator) -> Row:
        """A link that one phone may fetch the account by, once, and its QR code: Linphone reads both."""
        base = str(request.base_url).rstrip("/")
        found: Row = await source.order(
            "provisioning_link", account=account, base=base, by=who.name, **body.model_dump()
        )
        return found

    @router.get("/provision/{token}", response_class=Response, responses={200: {"content": {"application/xml": {}}}})
    async def fetch(token: str, request: Request) -> Response:
        """What a phone fetches by its link: Linphone's configuration as XML. It is answered once."""
        peer = request.client.host if request.client is not None else ""
        text = await source.order("provisioning_fetch", token=token, peer=peer)
        return Response(text, media_type="application/xml")

    return router
