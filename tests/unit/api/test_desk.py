"""The agent's page: a browser as the phone, colleagues, callbacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from softswitch.api.app import build
from softswitch.api.desk import own_accounts
from softswitch.api.feed import Feed
from softswitch.directory import Account, Agent, User
from tests.unit.api.test_app import Switchboard
from tests.unit.api.test_auth import DIGEST, KEY, SITE
from tests.unit.api.test_feed import Journal
from tests.unit.api.test_roles import authorized, log_in, new_board

LISTENERS = [{"address": f"{one}"} for one in ("udp://0.0.0.0:5060", "ws://0.0.0.0:5066", "wss://0.0.0.0:5063")]


class Desk(Switchboard):
    """A switch that browsers can be phones of."""

    listeners: list[dict[str, str]] = LISTENERS

    def status(self) -> dict[str, Any]:
        return {"listeners": self.listeners}


@pytest.fixture
def board() -> Desk:
    accounts = {user: Account(user, name=f"Phone {user}") for user in ("101", "102", "103")}
    agents = {"anna": Agent("anna", "101", "Anna"), "jan": Agent("jan", "102")}
    users = {
        "ania": User("ania", role="agent", digest=DIGEST, agent="anna"),
        "gosia": User("gosia", role="supervisor", digest=DIGEST, account="103", queues=("sales",)),
        "kto": User("kto", role="agent", digest=DIGEST, agent="ola"),
    }
    site = replace(new_board().site, accounts=accounts, agents=agents, users={**SITE.users, **users},
                   extensions={"801": "queue:sales"})  # fmt: skip
    return Desk(site)


@pytest.fixture
def client(board: Desk) -> TestClient:
    return TestClient(build(board, Feed(Journal()), key=KEY), base_url="http://pbx.example.com:8080")


def session_of(client: TestClient, user: str) -> dict[str, str]:
    client.cookies.clear()
    return {"X-CSRF-Token": log_in(client, user).json()["csrf"]}


@pytest.mark.parametrize(("user", "account"), [("ania", "101"), ("gosia", "103")])
def test_a_browser_becomes_ones_own_phone(client: TestClient, board: Desk, user: str, account: str) -> None:
    headers = session_of(client, user)
    answer = client.post("/api/session/phone", headers=headers)
    assert answer.status_code == 201
    # By the name that the page was asked for; the encrypted one first.
    assert answer.json()["urls"] == ["wss://pbx.example.com:5063", "ws://pbx.example.com:5066"]
    command, asked = board.orders[-1]
    assert (command, asked["account"], asked["user"]) == ("phone_pass", account, user)
    assert asked["session"] == headers["X-CSRF-Token"] and asked["until"] > 0
    client.delete("/api/session", headers=headers)
    assert board.orders[-1] == ("phone_passes_end", {"session": headers["X-CSRF-Token"]})


def test_nobody_gets_the_phone_of_a_desk_that_they_sit_at(board: Desk) -> None:
    """Where an agent is logged in is their own choice; whose phone a browser may be is the site's."""
    board.agents = lambda: [{"agent": "anna", "device": "103", "caller": ""}]  # type: ignore[method-assign]
    from softswitch.api.auth import Principal

    assert own_accounts(board, Principal("ania", "agent", "anna")) == ["101"]
    assert own_accounts(board, Principal("x", "agent", "nobody")) == []


def test_who_gets_no_phone_is_told_why(client: TestClient, board: Desk) -> None:
    assert client.post("/api/session/phone", headers=authorized("agent")).status_code == 403, "programs have no browser"
    assert client.post("/api/session/phone", headers=authorized("auditor")).status_code == 403
    assert client.post("/api/session/phone").status_code == 401
    assert client.post("/api/session/phone", headers=session_of(client, "kto")).status_code == 409
    board.listeners = LISTENERS[:1]
    answer = client.post("/api/session/phone", headers=session_of(client, "ania"))
    assert answer.status_code == 409 and "sip.listen" in answer.json()["error"]


def test_the_policy_lets_the_phone_connect_and_nothing_else(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "connect-src 'self' wss://pbx.example.com:5063 ws://pbx.example.com:5066;" in policy


def test_colleagues(client: TestClient) -> None:
    rows = {one["number"]: one for one in client.get("/api/colleagues", headers=authorized("agent")).json()}
    assert {number: (one["kind"], one["state"]) for number, one in rows.items()} == {
        "101": ("person", "off"), "102": ("person", "busy"), "103": ("person", "off"), "801": ("queue", "busy"),
    }  # fmt: skip
    assert rows["103"]["name"] == "Phone 103" and rows["801"]["waiting"] == 2


@pytest.mark.parametrize(
    ("body", "order"),
    [
        ({"order": "take"}, ("callback_assign", {"callback": "b1", "owner": "anna", "by": "token:agent"})),
        ({"order": "release"}, ("callback_assign", {"callback": "b1", "owner": "", "by": "token:agent"})),
        ({"order": "done"}, ("callback_done", {"callback": "b1", "by": "token:agent"})),
        ({"order": "cancel"}, ("callback_cancel", {"callback": "b1", "by": "token:agent"})),
    ],
)
def test_callbacks_are_worked_off(
    client: TestClient, board: Desk, body: dict[str, str], order: tuple[str, dict[str, str]]
) -> None:
    assert client.post("/api/callbacks/b1/orders", headers=authorized("agent"), json=body).status_code == 200
    assert board.orders[-1] == order


def test_callbacks_of_others_are_as_if_they_were_not_there(client: TestClient, board: Desk) -> None:
    mine = authorized("agent")
    assert client.post("/api/callbacks/b2/orders", headers=mine, json={"order": "done"}).status_code == 404
    assert (
        client.post("/api/callbacks/b1/orders", headers=mine, json={"order": "take", "agent": "jan"}).status_code == 404
    )
    supervisor = authorized("supervisor")
    assert client.post("/api/callbacks/b1/orders", headers=supervisor, json={"order": "take"}).status_code in (404, 422)
    assert {command for command, _ in board.orders} <= {"callbacks"}
