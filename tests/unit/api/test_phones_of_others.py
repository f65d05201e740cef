"""Whose phone may be made to ring, or be logged in at: one's own, those of one's agents, and desks that are nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from softswitch.api.app import build
from softswitch.api.feed import Feed
from softswitch.directory import Account, Agent, User
from tests.unit.api.test_app import Switchboard
from tests.unit.api.test_auth import KEY
from tests.unit.api.test_feed import Journal
from tests.unit.api.test_roles import authorized, new_board


@pytest.fixture
def board() -> Switchboard:
    board = new_board()
    accounts = {name: Account(name) for name in ("101", "102", "201", "301", "400")} | {
        "202": Account("202", agent="ola")
    }
    agents = {"anna": Agent("anna", "101"), "jan": Agent("jan", "102"), "ola": Agent("ola", "201")}
    users = {"boss": User("boss", role="supervisor", account="301", queues=("*",))}
    board.site = replace(board.site, accounts=accounts, agents=agents, users=board.site.users | users)
    return board


@pytest.fixture
def client(board: Switchboard) -> Iterator[TestClient]:
    with TestClient(build(board, Feed(Journal()), key=KEY), base_url="http://pbx.example.com") as client:
        yield client


@pytest.mark.parametrize(
    ("role", "path", "body", "phones", "others"),
    [
        ("supervisor", "/api/calls", {"number": "112"}, {"101", "102", "400"}, {"201", "202", "301"}),
        ("supervisor", "/api/calls/c1/supervision", {}, {"101", "400"}, {"201", "202", "301"}),
        ("administrator", "/api/calls", {"number": "112"}, {"201", "202", "301", "400"}, set()),
    ],
)
def test_whose_phone_is_made_to_ring(
    client: TestClient, board: Switchboard, role: str, path: str, body: Any, phones: set[str], others: set[str]
) -> None:
    for account in sorted(phones):
        answer = client.post(path, headers=authorized(role), json=body | {"account": account})
        assert answer.status_code < 300, (account, answer.text)
    board.orders.clear()
    for account in sorted(others):
        assert client.post(path, headers=authorized(role), json=body | {"account": account}).status_code == 404
    assert board.orders == []


@pytest.mark.parametrize(("role", "agent"), [("agent", "anna"), ("supervisor", "jan")])
def test_nobody_logs_in_at_the_phone_of_somebody_else(
    client: TestClient, board: Switchboard, role: str, agent: str
) -> None:
    for device, status in (("", 200), ("400", 200), ("201", 404), ("202", 404), ("301", 404)):
        order = {"order": "login", "device": device}
        answer = client.post(f"/api/agents/{agent}/orders", headers=authorized(role), json=order)
        assert answer.status_code == status, (device, answer.text)
    assert len(board.orders) == 2
