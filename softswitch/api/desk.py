"""What an agent's page needs beside calls and queues: a browser as the phone, colleagues, callbacks, the day so far."""

from __future__ import annotations

import time
from typing import Any, Final, Literal

from fastapi import APIRouter, HTTPException, Request

from softswitch.api.auth import Principal
from softswitch.api.guard import Rights, Viewer, Worker
from softswitch.api.pages import phone_urls
from softswitch.api.records import Seconds
from softswitch.api.source import Source
from softswitch.api.steering import Body, Line
from softswitch.directory.people import AGENT

Row = dict[str, Any]
DAY: Final = 86_400.0


class CallbackOrder(Body):
    """What becomes of a callback. `take`: it is the agent's own from now on; `release`: the queue's again."""

    order: Literal["take", "release", "done", "cancel"]
    agent: Line = ""  # for "take": whose, where it is not oneself


def own_accounts(source: Source, who: Principal) -> list[str]:
    """The accounts that are somebody's by the site: wherever they are logged in just now, no other can be their browser's."""
    accounts, agent = source.site.accounts, source.site.agents.get(who.agent)
    found = [who.account, agent.device if agent else ""]
    found += [user for user, account in accounts.items() if who.agent and account.agent == who.agent]
    return list(dict.fromkeys(one for one in found if one in accounts))


def routes(source: Source) -> APIRouter:
    router, rights = APIRouter(tags=["desk"]), Rights(source)

    @router.post("/api/session/phone", status_code=201)
    async def phone(request: Request, who: Worker) -> Row:
        """Make this browser the phone of one's account: name and password for SIP over WebSocket, until the session ends."""
        if not who.csrf:
            raise HTTPException(403, "a browser phone belongs to somebody who has logged in")
        accounts = own_accounts(source, who)
        if not accounts:
            raise HTTPException(409, "no account is yours: `account` of the user, or `device` of the agent")
        urls = phone_urls(request, source)
        if not urls:
            raise HTTPException(409, 'browsers cannot be phones here: add "wss://..." to sip.listen')
        found: Row = await source.order(
            "phone_pass", account=accounts[0], user=who.name, session=who.csrf, until=who.until
        )
        return found | {"urls": urls}

    @router.get("/api/desk")
    async def desk(who: Viewer, since: Seconds = 0.0) -> Row:
        """One's own calls since a moment (Unix time; a day ago at most), what they come to, and the phones that are one's own."""
        accounts = own_accounts(source, who)
        begin = max(since, time.time() - DAY)
        found: Row = await source.order("desk", agent=who.agent, account=accounts[0] if accounts else "", since=begin)
        return found | {"accounts": accounts, "browser": any(one.startswith("ws") for one in _schemes(source))}

    @router.get("/api/colleagues")
    async def colleagues(who: Viewer) -> list[Row]:
        """Whom one may call or lead a caller to: people with what they are doing, and queues with who waits."""
        site, busy = source.site, {one["account"] for one in source.calls()}
        agents = {one["device"]: one for one in source.agents() if one.get("device")}
        registered = {one["aor"].removeprefix("sip:").partition("@")[0] for one in source.registrations()}
        numbers = {target: dialled for dialled, target in site.extensions.items()}
        rows: list[Row] = []
        for user, account in site.accounts.items():
            agent = agents.get(user)
            state = _state(agent, user in registered, user in busy)
            name = (agent or {}).get("title") or account.name or user
            rows.append(
                {
                    "kind": "person",
                    "name": name,
                    "number": user,
                    "state": state,
                    "agent": (agent or {}).get("agent", ""),
                }
            )
        for queue in source.queues():
            number = numbers.get(f"queue:{queue['name']}")
            if number:
                free = queue.get("agents", {}).get("idle", 0)
                title = queue.get("title") or queue["name"]
                row = {
                    "kind": "queue",
                    "name": title,
                    "number": number,
                    "state": "free" if free else "busy",
                    "agent": "",
                }
                rows.append(row | {"waiting": queue["waiting"], "free": free})
        return rows

    @router.post("/api/callbacks/{callback}/orders")
    async def callback_order(callback: str, body: CallbackOrder, who: Worker) -> Row:
        """Take a callback as one's own, give it back, or say that it is done or not wanted any more."""
        sight = rights.sight(who)
        found = [one for one in await source.order("callbacks") if one["callback"] == callback]
        if not found or not sight.queue(found[0]["queue"]):
            raise HTTPException(404, f"There is no callback {callback!r}.")
        agent = body.agent or who.agent
        if who.role == AGENT and agent != who.agent:
            raise HTTPException(404, f"There is no agent {agent!r}.")
        if body.order == "take":
            rights.agent(who, agent)
            if not agent:
                raise HTTPException(422, "agent: whose it is to be")
        if body.order in ("take", "release"):
            owner = agent if body.order == "take" else ""
            await source.order("callback_assign", callback=callback, owner=owner, by=who.name)
        else:
            await source.order(f"callback_{body.order}", callback=callback, by=who.name)
        return {"callback": callback, "order": body.order}

    return router


def _schemes(source: Source) -> list[str]:
    return [one["address"].partition("://")[0] for one in source.status().get("listeners", ())]


def _state(agent: Row | None, registered: bool, busy: bool) -> str:
    """ "free" | "busy" | "away" | "off": off = no phone answers there."""
    if agent is not None and agent.get("presence") not in (None, "offline"):
        if agent.get("activity") in ("talking", "holding", "offered", "reserved"):
            return "busy"
        if agent["presence"] == "not_ready" or agent.get("activity") == "wrapup":
            return "away"
        return "free" if agent.get("activity") == "idle" else "off"
    if busy:
        return "busy"
    return "free" if registered else "off"
