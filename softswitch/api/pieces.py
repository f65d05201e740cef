"""Single objects of the site, its versions, and what its objects are made of (ADM-06): what administration pages are built on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from softswitch.api.guard import Administrator, Auditor
from softswitch.api.source import Source
from softswitch.api.steering import Body, Version

Row = dict[str, Any]
Kind = Annotated[str, Field(pattern="^[a-z_]{1,32}$", description="as in site.toml; GET /api/schema names them all")]
Name = Annotated[str, Field(min_length=1, max_length=128)]
DryRun = Annotated[bool, Query(description="only what would change, and whom it touches")]


class Named(Body):
    """One object of the site."""

    kind: Kind
    name: Name


class Put(Named):
    """One object with its fields, in the notation of site.toml. A password or PIN that is not named stays."""

    body: Row


class Change(Body):
    """Objects that are put and removed together, all or nothing."""

    put: Annotated[list[Put], Field(default_factory=list, max_length=10_000)]
    remove: Annotated[list[Named], Field(default_factory=list, max_length=10_000)]
    version: Annotated[int, Field(ge=0, le=2**53)] = 0
    create: bool = False  # what is put must be new


class Text(Body):
    text: Annotated[str, Field(max_length=1 << 20)]


class Rollback(Body):
    dry_run: bool = False


def routes(source: Source) -> APIRouter:
    router = APIRouter(tags=["site"])

    async def edit(operation: str, by: str = "", **options: Any) -> Row:
        who = {"by": by} if by else {}
        found: Row = await source.order("edit", operation=operation, options=options, **who)
        return found

    @router.get("/api/schema")
    async def schema(who: Auditor) -> Row:
        """Every kind of object with its fields: type, default, limits, what it names, help. Forms are made of it."""
        found: Row = await source.order("site_schema")
        return found

    @router.get("/api/names")
    async def names(who: Auditor) -> Row:
        """What there is of every kind, with the titles that people know things by; and the clips that could be played."""
        return await edit("piece_names")

    @router.post("/api/text/parse")
    async def parse(body: Text, who: Administrator) -> Row:
        """Objects out of a piece of site.toml; whether they make sense is seen by a dry run."""
        return await edit("piece_parse", text=body.text)

    @router.post("/api/text")
    async def text(body: Put, who: Administrator) -> Row:
        """An object as a piece of site.toml."""
        return await edit("piece_text", **body.model_dump())

    @router.patch("/api/site")
    async def change(body: Change, who: Administrator, dry_run: DryRun = False) -> Row:
        """Put and remove objects together, all or nothing; what was made for new ones (passwords) is in `secrets`, this once."""
        put = [one.model_dump() for one in body.put]
        remove = [one.model_dump() for one in body.remove]
        return await edit(
            "change", who.name, put=put, remove=remove, version=body.version, create=body.create, dry_run=dry_run
        )

    @router.get("/api/site/{kind}")
    async def pieces(kind: Kind, who: Auditor) -> Row:
        """Every object of a kind, without secrets, and the version of the site."""
        return await edit("piece_list", kind=kind)

    @router.get("/api/site/{kind}/{name:path}")
    async def piece(kind: Kind, name: str, who: Auditor) -> Row:
        """One object. The settings of the site are the object `settings` of the kind `site`."""
        return await edit("piece_show", kind=kind, name=name)

    @router.put("/api/site/{kind}/{name:path}")
    async def put(
        kind: Kind, name: str, body: Row, who: Administrator, version: Version = 0, dry_run: DryRun = False
    ) -> Row:
        """Add or replace one object. The password of a new account or user, and a new token, are in `secrets`, this once."""
        pieces = [{"kind": kind, "name": name, "body": body}]
        return await edit("change", who.name, put=pieces, version=version, dry_run=dry_run)

    @router.delete("/api/site/{kind}/{name:path}")
    async def remove(kind: Kind, name: str, who: Administrator, version: Version = 0, dry_run: DryRun = False) -> Row:
        """Remove one object that no other one names."""
        pieces = [{"kind": kind, "name": name}]
        return await edit("change", who.name, remove=pieces, version=version, dry_run=dry_run)

    @router.post("/api/accounts/{account}/password")
    async def new_password(account: str, who: Administrator) -> Row:
        """A new password for an account; it is told this once, and its phone must be given it."""
        return await edit("account_passwd", who.name, user=account)

    @router.post("/api/users/{user}/password")
    async def new_user_password(user: str, who: Administrator) -> Row:
        """A new password for a person; it is told this once. They are logged out everywhere."""
        return await edit("user_passwd", who.name, user=user)

    @router.get("/api/versions")
    async def versions(who: Auditor, limit: Annotated[int, Query(ge=1, le=1_000)] = 50) -> list[Row]:
        """The versions of the site, the newest first: who, when, what."""
        found = await edit("history", limit=limit)
        rows: list[Row] = found["versions"]
        return rows

    @router.get("/api/versions/{version}")
    async def version(
        version: Annotated[int, Field(ge=1, le=2**53)], who: Auditor, to: Annotated[int, Query(ge=0, le=2**53)] = 0
    ) -> Row:
        """A version as site.toml, without secrets, and what has changed from it to another one; 0 = to the one in force."""
        return await edit("version_show", version=version, to=to)

    @router.post("/api/versions/{version}/rollback")
    async def rollback(version: Annotated[int, Field(ge=1, le=2**53)], body: Rollback, who: Administrator) -> Row:
        """Put a former version in force again, as a new version."""
        return await edit("rollback", who.name, version=version, dry_run=body.dry_run)

    return router
