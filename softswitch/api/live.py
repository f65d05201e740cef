"""Events over a WebSocket: `/api/events?after=SEQ&only=queue.,agent.` (API-02). One JSON object a message."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Hashable

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from softswitch.api.audience import wanted
from softswitch.api.feed import Feed, Follower, Sink, text_of
from softswitch.api.guard import Guard, Rights
from softswitch.api.source import Source
from softswitch.api.standing import Standing
from softswitch.errors import StoreError

SILENCE = 20.0  # seconds: then a proxy, and the page, are shown that we are there
REFUSED, LATER = 4401, 1013  # close codes: not who may follow; try again
MOST_ONLY = 20  # beginnings of names
SINK = "softswitch.sink"  # an extension of our server: the connection as a `feed.Sink`


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

        def view() -> Hashable:
            """All that `wanted` goes by: who has the same gets the same."""
            sight, who = standing.sight(), standing.who
            if who is None or who.sees_all:
                return who is None, only
            return who.role, who.account, sight, only

        sink: Sink | None = socket.scope.get("extensions", {}).get(SINK)
        listening = asyncio.ensure_future(_until_closed(socket))
        try:
            await socket.send_text(json.dumps({"event": "following", "after": follower.position}))
            while not listening.done():
                flows = sink is not None and follower.live
                doing = follower.stream(sink, view) if sink is not None and flows else _send(socket, follower)
                sending, ended = asyncio.ensure_future(doing), False
                while not ended:
                    done, _ = await asyncio.wait(
                        (sending, listening, standing.gone), timeout=SILENCE, return_when=asyncio.FIRST_COMPLETED
                    )
                    standing.sight()  # a session may have ended while nothing happened
                    ended = bool(done) or standing.gone.done()
                    if not ended:
                        await socket.send_text(json.dumps({"event": "nothing", "after": follower.position}))
                if sending.done() and not standing.gone.done():
                    sending.result()
                    continue
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sending
                if standing.gone.done():
                    await socket.close(REFUSED, "log in, or show a token")
                    break
        except StoreError:
            with contextlib.suppress(RuntimeError):
                await socket.close(LATER, "the journal cannot be read now")
        except WebSocketDisconnect:
            pass
        finally:
            feed.leave(follower)
            listening.cancel()

    return router


async def _send(socket: WebSocket, follower: Follower) -> None:
    """What is next for a follower."""
    for line in await follower.next():
        await socket.send_text(text_of(line))


async def _until_closed(socket: WebSocket) -> None:
    """What a follower sends means nothing; that they leave does."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()
