"""Events over a WebSocket: `/api/events?after=SEQ&only=queue.,agent.` (API-02). One JSON object a message."""

from __future__ import annotations

import asyncio
import contextlib
import json

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from softswitch.api.audience import wanted
from softswitch.api.feed import Feed
from softswitch.api.guard import Guard, Rights
from softswitch.api.source import Source
from softswitch.api.standing import Standing
from softswitch.errors import StoreError

SILENCE = 20.0  # seconds: then a proxy, and the page, are shown that we are there
REFUSED, LATER = 4401, 1013  # close codes: not who may follow; try again
MOST_ONLY = 20  # beginnings of names


def routes(source: Source, guard: Guard, feed: Feed) -> APIRouter:
    router, rights = APIRouter(tags=["events"]), Rights(source)

    @router.websocket("/api/events")
    async def events(socket: WebSocket) -> None:
        """What happens, in order; with `after` from there on, so that nobody misses what came while they were away."""
        standing = Standing(guard, rights, socket)
        await socket.accept()
        if standing.gone.done():
            await socket.close(REFUSED, "log in, or show a token")
            return
        after = socket.query_params.get("after", "")
        if after and not (after.isascii() and after.isdigit() and len(after) < 18):
            await socket.close(1008, "after: the number of the last event that is known")
            return
        only = (
            tuple(socket.query_params.get("only", "").split(",")[:MOST_ONLY]) if "only" in socket.query_params else ()
        )
        follower = feed.follow(wanted(lambda: standing.who, standing.sight, only), int(after) if after else None)
        listening = asyncio.ensure_future(_until_closed(socket))
        try:
            await socket.send_text(json.dumps({"event": "following", "after": follower.position}))
            while not listening.done():
                sending = asyncio.ensure_future(follower.next())
                done, _ = await asyncio.wait(
                    (sending, listening, standing.gone), timeout=SILENCE, return_when=asyncio.FIRST_COMPLETED
                )
                standing.sight()  # a session may have ended while nothing happened
                if sending in done and not standing.gone.done():
                    for line in sending.result():
                        await socket.send_text(json.dumps(line, separators=(",", ":"), default=str))
                    continue
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sending
                if standing.gone.done():
                    await socket.close(REFUSED, "log in, or show a token")
                    break
                if not done:
                    await socket.send_text(json.dumps({"event": "nothing", "after": follower.position}))
        except StoreError:
            with contextlib.suppress(RuntimeError):
                await socket.close(LATER, "the journal cannot be read now")
        except WebSocketDisconnect:
            pass
        finally:
            feed.leave(follower)
            listening.cancel()

    return router


async def _until_closed(socket: WebSocket) -> None:
    """What a follower sends means nothing; that they leave does."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()
