"""The board of a real switch: what it counts outlives a kill, alerts are raised and told once, a supervisor changes a queue."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from .running import Phone, Running
from .test_api import client, events
from .test_facilities import ask


def test_counters_and_alerts_over_a_kill(own_switch: Running) -> None:
    switch = own_switch
    (queue,) = ask(switch, "queue", "show")
    operator = ask(switch, "token", "add", "operator", "--role", "administrator")["shown"]
    token = ask(switch, "token", "add", "board", "--role", "supervisor", "--queue", queue["name"])["shown"]
    rule = f'[alert.many]\ncondition = "waiting"\nqueues = ["{queue["name"]}"]\nhold = 0\nmail = ["eva@example.com"]\n'
    with client(switch, operator) as admin:
        site = admin.get("/api/site").json()["text"]
        assert admin.put("/api/site", json={"text": f"{site}\n{rule}"}).status_code == 200

    def board(after: int = 0) -> Any:
        with client(switch, token) as pages:
            found = pages.get(f"/api/board?after={after}").json()
        return found | found["queues"][0]

    phone = Phone(switch)
    assert phone.register() == 200
    before = board()
    assert (before["today"]["sl"]["value"], before["recent"]["sl"]["value"], before["alerts"]) == (None, None, [])
    phone.call("queue")
    (raised,) = asyncio.run(events(switch, token, 1, 0, "alert."))
    found = board(raised["seq"])
    assert (found["waiting"], [one["alert"] for one in found["alerts"]]) == (1, ["many"])
    assert found["callers"][0]["number"] == phone.user and found["today"]["entered"] == 1
    assert [(one["alert"], one["queue"], one["value"]) for one in ask(switch, "alerts")] == [("many", queue["name"], 1)]
    with client(switch, token) as pages:
        assert pages.delete(f"/api/calls/{found['callers'][0]['call']}").status_code == 200
        # A supervisor sees first what a change would do, and then does it.
        path, change = f"/api/queues/{queue['name']}/settings", {"settings": {"ring_timeout": 7}}
        tried = pages.put(f"{path}?dry_run=true", json=change).json()
        assert "ring_timeout" in tried["changes"][0] and "site" not in tried
        assert tried["replay"] == [] and tried["replayed_offers"] == 0, "nobody was rung in the last hour"
        assert pages.get(path).json()["settings"]["ring_timeout"] != 7
        assert pages.put(path, json=change).json()["changes"] == tried["changes"]
        assert pages.get(path).json()["settings"]["ring_timeout"] == 7
        agent = ask(switch, "agent", "list")[0]["agent"]
        assert pages.post(f"/api/agents/{agent}/messages", json={"text": "Hello"}).json()["sender"] == "token:board"
    *_, cleared = asyncio.run(events(switch, token, 2, 0, "alert."))
    found = board(cleared["seq"])
    assert (cleared["event"], found["waiting"], found["alerts"]) == ("alert.cleared", 0, [])
    counted = found["today"]

    switch.signal(signal.SIGKILL)
    switch.wait()
    switch.start()
    again = board()
    assert again["today"] == counted and again["today"]["entered"] == 1 and again["recent"]["minutes"] == 30
    seen = asyncio.run(events(switch, token, 3, 0, "alert.,agent.message"))
    assert sorted(one["event"] for one in seen) == ["agent.message", "alert.cleared", "alert.raised"]
    mails = asyncio.run(events(switch, operator, 2, 0, "mail."))
    assert [(one["to"], one["error"]) for one in mails] == [(["eva@example.com"], "disabled")] * 2
    phone.close()
