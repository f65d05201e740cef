"""The OpenAPI document: who is told it, what it says of all endpoints, and that making it holds nobody up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from softswitch.api.app import build
from softswitch.api.feed import Feed
from tests.unit.api.test_auth import KEY
from tests.unit.api.test_feed import Journal
from tests.unit.api.test_roles import authorized, new_board

PATH = "/api/openapi.json"


@pytest.fixture
def app() -> FastAPI:
    return build(new_board(), Feed(Journal()), key=KEY, hosts=frozenset({"localhost"}))


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url="http://pbx.example.com") as client:
        yield client


def test_who_is_told_the_document(client: TestClient) -> None:
    assert client.get(PATH, headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 401
    assert client.get(PATH, headers={"Host": "localhost"}).status_code == 200, "whoever is on this machine"
    assert client.get(PATH, headers=authorized("agent")).status_code == 200
    assert client.post(PATH, headers=authorized("administrator")).headers["allow"] == "GET"


def test_each_endpoint_says_how_one_shows_who_one_is(client: TestClient) -> None:
    told = client.get(PATH, headers=authorized("auditor")).json()
    assert set(told["components"]["securitySchemes"]) == {"token", "session", "page"}
    paths = told["paths"]
    assert paths["/healthz"]["get"]["security"] == paths["/api/session"]["post"]["security"] == []
    assert paths["/api/calls"]["get"]["security"] == [{"token": []}, {"session": []}, {}]
    assert paths["/api/calls"]["post"]["security"] == [{"token": []}, {"session": [], "page": []}]
    assert all({"401", "409", "422"} <= set(one["responses"]) for item in paths.values() for one in item.values())


def test_it_is_made_once_and_not_by_the_loop(app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def openapi() -> dict[str, Any]:
        made.append(threading.get_ident())
        return {"paths": {}}

    monkeypatch.setattr(app, "openapi", openapi)
    assert client.portal is not None
    loop = client.portal.call(threading.get_ident)
    for _ in range(2):
        assert client.get(PATH, headers=authorized("auditor")).json() == {"paths": {}}
    assert len(made) == 1 and made[0] != loop
