"""The API of a real switch: people and tokens by command, orders, and events that nobody misses over a restart."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import httpx
import websockets

from .running import PATIENCE, Running
from .test_facilities import ask


def client(switch: Running, token: str = "") -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=f"http://127.0.0.1:{switch.http}", headers=headers, timeout=PATIENCE)


async def events(switch: Running, token: str, count: int, after: int, only: str) -> list[dict[str, Any]]:
    url = f"ws://127.0.0.1:{switch.http}/api/events?after={after}&only={only}"
    async with (
        asyncio.timeout(PATIENCE),
        websockets.connect(url, additional_headers={"Authorization": f"Bearer {token}"}) as socket,
    ):
        assert json.loads(await socket.recv())["event"] == "following"
        found: list[dict[str, Any]] = []
        while len(found) < count:
            line = json.loads(await socket.recv())
            if line["event"] != "nothing":
                found.append(line)
        return found


def test_orders_and_their_events_over_a_kill(own_switch: Running, tmp_path: Path) -> None:
    switch = own_switch
    agent = switch.facts["agents"][0]["user"]
    name = next(one["agent"] for one in ask(switch, "agent", "list") if one["device"] == agent)
    token = ask(switch, "token", "add", "board", "--role", "supervisor", "--queue", "*")["shown"]
    person = ask(switch, "user", "add", "anna", "--agent", name)
    assert [one["token"] for one in ask(switch, "token", "list")] == ["board"]
    assert person["password"] not in json.dumps(ask(switch, "user", "list")) + ask(switch, "export")["site"]

    with client(switch, token) as board:
        assert board.post(f"/api/agents/{name}/orders", json={"order": "login"}).json()["presence"] == "ready"
        found = board.post(f"/api/agents/{name}/orders", json={"order": "not_ready", "reason": "lunch"})
        assert (found.json()["presence"], found.json()["reason"]) == ("not_ready", "lunch")
        assert board.post(f"/api/agents/{name}/orders", json={"order": "end_wrap_up"}).status_code == 409
        assert board.put("/api/site", json={"text": ""}).status_code == 403
    seen = asyncio.run(events(switch, token, 2, 0, "agent.presence"))
    assert [(one["agent"], one["actor"]) for one in seen] == [(name, "token:board")] * 2

    with client(switch) as page:
        answer = page.post("/api/session", json={"user": "anna", "password": person["password"]})
        csrf = {"X-CSRF-Token": answer.json()["csrf"]}
        switch.signal(signal.SIGKILL)
        switch.wait()
        switch.start()
        # The session goes on, and so does the count of events.
        assert [one["agent"] for one in page.get("/api/agents").json()] == [name]
        assert page.post(f"/api/agents/{name}/orders", json={"order": "ready"}, headers=csrf).status_code == 200
        (later,) = asyncio.run(events(switch, token, 1, seen[-1]["seq"], "agent.presence"))
        assert (later["presence"], later["actor"]) == ("ready", "anna") and later["seq"] > seen[-1]["seq"]

        ask(switch, "user", "passwd", "anna")
        assert page.get("/api/session").status_code != 200 or page.get("/api/session").json()["name"] == "local"
        assert page.get("/api/hours").status_code == 401
    ask(switch, "token", "remove", "board")
    with client(switch, token) as board:
        assert board.get("/api/agents").status_code == 401
