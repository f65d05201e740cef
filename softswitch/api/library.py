"""Recordings and messages: found, marked, heard, handed on (MED-16..18, VM-02). Whoever listens stands in the audit."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import FileResponse
from pydantic import Field

from softswitch.api.auth import EVERYTHING, Principal
from softswitch.api.guard import Administrator, Rights, Supervisor, Viewer, Worker
from softswitch.api.records import FOREVER, MOST, Before, Seconds, Text
from softswitch.api.source import Source
from softswitch.api.steering import Body
from softswitch.directory.people import AGENT

Row = dict[str, Any]
Number = Annotated[int, Path(ge=1, lt=1 << 53)]
TYPES = {"wav": "audio/wav", "opus": "audio/ogg"}


class Marks(Body):
    """What is added to a recording; what is left out stays as it is. `held`: it is not deleted, whatever the days say."""

    tags: Annotated[list[Annotated[str, Field(max_length=40)]] | None, Field(max_length=20)] = None
    note: Annotated[str | None, Field(max_length=2_000)] = None
    held: bool | None = None


class NewLink(Body):
    hours: Annotated[float, Field(gt=0, le=366 * 24)] = 72.0


class MessageOrder(Body):
    """`to`: the agent who is to call back, for `assign`."""

    order: Literal["delete", "restore", "assign"]
    to: Annotated[str, Field(max_length=64)] = ""


def _file(found: Row, name: str, *, copied: bool = False) -> FileResponse:
    """A file to be heard, in pieces as the player asks for them (RFC 9110 section 14)."""
    return FileResponse(
        found["file"], media_type=TYPES.get(found["form"], "application/octet-stream"),
        filename=f"{name}.{'ogg' if found['form'] == 'opus' else found['form']}",
        content_disposition_type="attachment" if copied else "inline",
    )  # fmt: skip


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["recordings"]), Rights(source)

    def may_hear(who: Principal, row: Row) -> bool:
        sight = rights.sight(who)
        if sight is EVERYTHING:
            return True
        if who.role == AGENT:
            return bool(row["agent"]) and row["agent"] in (who.agent, who.account)
        return bool(row["queue"]) and sight.queue(row["queue"])

    async def recording_of(who: Principal, recording: int) -> Row:
        """Raises HTTPException 404, whether there is none or it is somebody else's."""
        row: Row = await source.order("recording", recording=recording)
        if not may_hear(who, row):
            raise HTTPException(404, f"There is no recording {recording}.")
        return _shown(row)

    def _shown(row: Row) -> Row:
        return {name: value for name, value in row.items() if name not in ("file", "path")}

    @router.get("/api/recordings")
    async def recordings(
        who: Viewer,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
        queue: Text = "",
        agent: Text = "",
        caller: Text = "",
        call: Text = "",
        tag: Text = "",
        text: Text = "",
        since: Seconds = 0.0,
        until: Seconds = FOREVER,
        before: Before = 0,
    ) -> list[Row]:
        """The newest recordings. `text` is looked for in the notes; `before`: the last recording of the page before."""
        sight = rights.sight(who)
        named = {
            "queue": queue, "agent": who.agent if who.role == AGENT else agent, "caller": caller, "call": call, "tag": tag,
            "text": text, "since": since, "before": before,
        }  # fmt: skip
        which: Row = {name: value for name, value in named.items() if value}
        if until < FOREVER:
            which["until"] = until
        if queue:
            rights.queue(who, queue)
        elif who.role == AGENT and not who.agent:
            return []
        elif sight.queues is not None and who.role != AGENT:
            if not sight.queues:
                return []
            which["queues"] = sorted(sight.queues)
        found: list[Row] = await source.order("recordings", limit=limit, **which)
        return [_shown(row) for row in found]

    @router.get("/api/recordings/tags")
    async def tags(who: Viewer) -> dict[str, int]:
        """The tags in use, and of how many recordings."""
        found: dict[str, int] = await source.order("recording_tags")
        return found

    @router.get("/api/recordings/{recording}")
    async def recording(recording: Number, who: Viewer) -> Row:
        """One recording."""
        return await recording_of(who, recording)

    @router.patch("/api/recordings/{recording}")
    async def mark(recording: Number, body: Marks, who: Worker) -> Row:
        """Tags, a note; to hold a recording against its deletion is for supervisors."""
        await recording_of(who, recording)
        if body.held is not None and who.role == AGENT:
            raise HTTPException(403, "agents do not hold recordings")
        found: Row = await source.order("mark_recording", recording=recording, by=who.name, **body.model_dump())
        return _shown(found)

    @router.get("/api/recordings/{recording}/audio", response_class=FileResponse, responses=PIECES)
    async def audio(recording: Number, who: Viewer, download: bool = False) -> FileResponse:
        """The recording itself, or a piece of it (`Range`). That somebody listened stands in the audit."""
        await recording_of(who, recording)
        found: Row = await source.order("play_recording", recording=recording, copied=download, by=who.name)
        return _file(found, f"recording-{recording}", copied=download)

    @router.get("/api/recordings/{recording}/peaks")
    async def peaks(recording: Number, who: Viewer, slices: Annotated[int, Query(ge=1, le=4_000)] = 1_000) -> Row:
        """What it looks like: the loudest value (0 to 1) of each side in each slice; first who was called, then the caller."""
        await recording_of(who, recording)
        found: Row = await source.order("recording_peaks", recording=recording, slices=slices)
        return found

    @router.post("/api/recordings/{recording}/links", status_code=201)
    async def share(recording: Number, body: NewLink, who: Supervisor) -> Row:
        """A link that is good without a login until it expires, or until all links are revoked."""
        await recording_of(who, recording)
        found: Row = await source.order("share_recording", recording=recording, hours=body.hours, by=who.name)
        return found

    @router.delete("/api/recordings/links", status_code=204)
    async def revoke(who: Administrator) -> None:
        """No link that was made so far is good any more."""
        await source.order("revoke_links", by=who.name)

    @router.get("/shared/recordings/{recording}", response_class=FileResponse, responses=PIECES)
    async def shared(
        recording: Number,
        until: Annotated[int, Query(ge=0, lt=1 << 53)],
        by: Annotated[str, Query(max_length=128)],
        signature: Annotated[str, Query(max_length=128)],
    ) -> FileResponse:
        """What a link leads to."""
        found: Row = await source.order("play_shared", recording=recording, until=until, by=by, signature=signature)
        return _file(found, f"recording-{recording}")

    # --- voicemail ---------------------------------------------------------------------------------------------------

    async def boxes_of(who: Principal) -> dict[str, Row]:
        """The mailboxes that somebody may open: their own, and those of their queues."""
        boxes: dict[str, Row] = {one["mailbox"]: one for one in await source.order("voicemail", verb="boxes")}
        sight = rights.sight(who)
        if sight is EVERYTHING:
            return boxes
        own = await source.order("mailboxes_of", account=who.account) if who.account else ()
        return {name: one for name, one in boxes.items() if name in own or (one["queue"] and sight.queue(one["queue"]))}

    async def message_of(who: Principal, message: int) -> tuple[Row, Row]:
        found: Row = await source.order("voicemail", verb="show", message=message)
        box = (await boxes_of(who)).get(found["mailbox"])
        if box is None:
            raise HTTPException(404, f"There is no message {message}.")
        return found, box

    @router.get("/api/voicemail", tags=["voicemail"])
    async def boxes(who: Viewer) -> list[Row]:
        """Mailboxes, with how many messages are new."""
        return list((await boxes_of(who)).values())

    @router.get("/api/voicemail/messages", tags=["voicemail"])
    async def messages(who: Viewer, mailbox: Text = "", number: Text = "", deleted: bool = False) -> list[Row]:
        """Messages, the newest first."""
        known = await boxes_of(who)
        if mailbox and mailbox not in known:
            raise HTTPException(404, f"There is no mailbox {mailbox!r}.")
        found = await source.order("voicemail", verb="list", mailbox=mailbox, number=number, deleted=deleted)
        return [_shown(one) for one in found if one["mailbox"] in known][:MOST]

    @router.get(
        "/api/voicemail/messages/{message}/audio", tags=["voicemail"], response_class=FileResponse, responses=PIECES
    )
    async def voice(message: Number, who: Worker) -> FileResponse:
        """A message, which counts as heard then."""
        await message_of(who, message)
        found: Row = await source.order("play_voicemail", message=message, by=who.name)
        return _file(found, f"message-{message}")

    @router.post("/api/voicemail/messages/{message}/orders", tags=["voicemail"])
    async def order(message: Number, body: MessageOrder, who: Worker) -> Row:
        """Delete or restore a message, or have an agent call back whoever left it in the mailbox of a queue."""
        found, box = await message_of(who, message)
        if body.order != "assign":
            done: Row = await source.order("voicemail", verb=body.order, message=message, by=who.name)
            return _shown(done)
        rights.agent(who, body.to)
        if not box["queue"] or not found["caller"]:
            raise HTTPException(409, "Only who left a message at a queue, with a number, is called back by an agent.")
        waiting = await source.order("callbacks", queue=box["queue"], number=found["caller"])
        if waiting:
            id = waiting[0]["callback"]
            assigned: Row = await source.order("callback_assign", callback=id, owner=body.to, by=who.name)
            return assigned
        added: Row = await source.order(
            "callback_add",
            queue=box["queue"],
            number=found["caller"],
            owner=body.to,
            name=found["caller_name"],
            by=who.name,
        )
        return added

    return router


PIECES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"audio/wav": {}, "audio/ogg": {}}, "description": "The whole."},
    206: {"description": "The piece that was asked for."},
    416: {"description": "There is no such piece."},
}
