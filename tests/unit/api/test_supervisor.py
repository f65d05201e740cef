"""What supervisors see and order by the API: only what is of their queues, and nobody else learns who listens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from softswitch.api.app import build
from softswitch.api.feed import Feed
from softswitch.directory import User
from tests.unit.api.test_app import Switchboard
from tests.unit.api.test_auth import KEY
from tests.unit.api.test_feed import Journal
from tests.unit.api.test_roles import authorized, new_board

SUPERVISOR, AGENT, AUDITOR = authorized("supervisor"), authorized("agent"), authorized("auditor")


@pytest.fixture(scope="module")
def shared() -> tuple[Switchboard, TestClient]:
    board = new_board()
    board.site = replace(board.site, users={**board.site.users, "token:supervisor": User("s", title="Sue")})
    return board, TestClient(build(board, Feed(Journal()), key=KEY), base_url="http://pbx.example.com")


@pytest.fixture
def board(shared: tuple[Switchboard, TestClient]) -> Switchboard:
    shared[0].orders.clear()
    return shared[0]


@pytest.fixture
def client(shared: tuple[Switchboard, TestClient], board: Switchboard) -> Iterator[TestClient]:
    yield shared[1]


@pytest.mark.parametrize(
    ("headers", "queues", "agents", "alerts"),
    [
        (AUDITOR, ["sales", "support"], ["anna", "jan", "ola"], ["a", "b", "c"]),
        (SUPERVISOR, ["sales"], ["anna", "jan"], ["a"]),
        (AGENT, ["sales"], ["anna"], ["a"]),
    ],
)
def test_the_board_of_each(
    client: TestClient, headers: dict[str, str], queues: list[str], agents: list[str], alerts: list[str]
) -> None:
    found = client.get("/api/board", headers=headers).json()
    assert found["seq"] == 7
    assert [one["queue"] for one in found["queues"]] == queues
    assert [one["agent"] for one in found["agents"]] == agents
    assert [one["alert"] for one in found["alerts"]] == alerts
    assert [one["alert"] for one in client.get("/api/alerts", headers=headers).json()] == alerts[:2]


def test_no_agent_learns_who_listens(client: TestClient) -> None:
    for headers, heard in ((AGENT, False), (SUPERVISOR, True)):
        (anna, *_) = client.get("/api/board", headers=headers).json()["agents"]
        assert bool(anna["call"]["supervised_by"]) is heard
        (call, *_) = client.get("/api/calls", headers=headers).json()
        assert bool(call["supervised_by"]) is heard
        assert bool(client.get("/api/calls/c1", headers=headers).json()["supervised_by"]) is heard


def test_a_text_for_an_agent(client: TestClient, board: Switchboard) -> None:
    answer = client.post("/api/agents/anna/messages", headers=SUPERVISOR, json={"text": "Hello"})
    assert answer.status_code == 201
    assert board.orders == [
        ("agent_message", {"agent": "anna", "text": "Hello", "by": "token:supervisor", "sender": "Sue"})
    ]
    assert client.post("/api/agents/ola/messages", headers=SUPERVISOR, json={"text": "Hello"}).status_code == 404
    assert client.post("/api/agents/anna/messages", headers=SUPERVISOR, json={"text": ""}).status_code == 422


@pytest.mark.parametrize(
    ("body", "order"),
    [
        # Rung, as their role says that they may: the agent is of their queue.
        ({"account": "101", "mode": "whisper"},
         ("spy", {"mode": "whisper", "account": "101", "granted": True, "device": "101"})),
        ({"account": "101", "mode": "takeover", "agent": "anna"},
         ("spy", {"mode": "takeover", "account": "101", "granted": True, "device": "101"})),
        # A phone that hears the call already is not rung again.
        ({"account": "109", "mode": "barge"}, ("supervise", {"mode": "barge", "account": "109"})),
    ],
)  # fmt: skip
def test_supervision(client: TestClient, board: Switchboard, body: Any, order: tuple[str, dict[str, Any]]) -> None:
    answer = client.post("/api/calls/c1/supervision", headers=SUPERVISOR, json=body)
    assert answer.status_code == 200 and answer.json()["rings"] is (order[0] == "spy")
    assert board.orders == [(order[0], {"call": "c1", "by": "token:supervisor"} | order[1])]


def test_supervision_of_others(client: TestClient, board: Switchboard) -> None:
    def asked(call: str, body: Any) -> int:
        return client.post(f"/api/calls/{call}/supervision", headers=SUPERVISOR, json=body).status_code

    assert asked("c2", {"account": "101"}) == 404
    assert asked("c1", {"account": "101", "agent": "ola"}) == 404
    assert asked("c1", {}) == 409, "it is not known which phone is theirs"
    assert board.orders == []
    # Nobody of their queues has taken this call: what the site says of the account decides.
    assert asked("c3", {"account": "101"}) == 200
    assert board.orders[-1][1]["granted"] is False


def test_the_end_of_a_supervision(client: TestClient, board: Switchboard) -> None:
    assert client.delete("/api/calls/c1/supervision?account=109", headers=SUPERVISOR).status_code == 200
    assert board.orders == [("supervise", {"call": "c1", "account": "109", "mode": "end", "by": "token:supervisor"})]


def test_settings_of_a_queue(client: TestClient, board: Switchboard) -> None:
    found = client.get("/api/queues/sales/settings", headers=SUPERVISOR).json()
    assert found["adjustable"] == ["members", "ring_timeout"]
    assert client.get("/api/queues/sales/settings", headers=authorized("administrator")).json()["adjustable"] == [
        "members", "ring_timeout",
    ]  # fmt: skip
    assert client.get("/api/queues/support/settings", headers=SUPERVISOR).status_code == 404
    board.orders.clear()
    wanted = {"settings": {"ring_timeout": 10, "strategy": None}}
    assert client.put("/api/queues/sales/settings?dry_run=true", headers=SUPERVISOR, json=wanted).status_code == 200
    order = {"queue": "sales", "settings": {"ring_timeout": 10, "strategy": None}, "dry_run": True}
    assert board.orders == [("queue_adjust", order | {"by": "token:supervisor"})]


@pytest.mark.parametrize("setting", ["on_timeout", "record", "exit_keys"])
def test_what_is_an_administrators(client: TestClient, board: Switchboard, setting: str) -> None:
    answer = client.put("/api/queues/sales/settings", headers=SUPERVISOR, json={"settings": {setting: None}})
    assert answer.status_code == 403 and setting in answer.json()["error"]
    assert board.orders == []


def test_who_serves_a_queue_is_moved_among_those_whom_its_supervisor_sees(
    client: TestClient, board: Switchboard
) -> None:
    def asked(members: Any) -> int:
        board.orders.clear()
        return client.put(
            "/api/queues/sales/settings", headers=SUPERVISOR, json={"settings": {"members": members}}
        ).status_code

    assert asked([{"agent": "anna", "tier": 1}, {"agent": "jan"}]) == 200
    assert [one for one, _ in board.orders] == ["queue_adjust"]
    assert asked([{"agent": "anna"}, {"agent": "ola"}]) == 403 and board.orders == []
    assert asked(None) == asked(["anna"]) == 422 and board.orders == []
