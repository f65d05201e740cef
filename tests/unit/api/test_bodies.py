"""What is too long, nested too deeply, or has two lengths is refused before it costs anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from softswitch.api.app import build
from softswitch.api.bodies import OF_ADMINISTRATORS, OF_PEOPLE, OF_STRANGERS
from softswitch.api.feed import Feed
from tests.unit.api.test_app import Switchboard
from tests.unit.api.test_auth import KEY
from tests.unit.api.test_feed import Journal
from tests.unit.api.test_roles import authorized, new_board

BASE = "http://pbx.example.com"


class Deep(Switchboard):
    async def order(self, command: str, **arguments: object) -> object:
        if command == "edit":
            raise RecursionError("maximum recursion depth exceeded")
        return await super().order(command, **arguments)


@pytest.fixture
def app() -> FastAPI:
    return build(new_board(), Feed(Journal()), key=KEY)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=BASE) as client:
        yield client


@pytest.mark.parametrize(
    ("role", "method", "path", "most"),
    [
        ("nobody", "POST", "/api/session", OF_STRANGERS),
        ("administrator", "POST", "/api/session", OF_STRANGERS),
        ("agent", "POST", "/api/customers/K1/notes", OF_PEOPLE),
        ("administrator", "PATCH", "/api/site", OF_ADMINISTRATORS),
    ],
)
def test_how_much_somebody_may_send(client: TestClient, role: str, method: str, path: str, most: int) -> None:
    answer = client.request(method, path, headers=authorized(role), content=b" " * (most + 1))
    assert answer.status_code == 413 and answer.json()["error"].startswith("too long")
    assert client.request(method, path, headers=authorized(role), content=b" " * most).status_code == 422


async def test_what_does_not_say_how_long_it_is_is_counted(app: FastAPI) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * OF_STRANGERS:
            sent += 4_096
            yield b" " * 4_096

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
        answer = await client.post("/api/session", content=endless())
    assert answer.status_code == 413 and sent <= OF_STRANGERS + 8_192


def test_two_lengths_are_no_request(client: TestClient) -> None:
    headers = {"Transfer-Encoding": "chunked", "Content-Length": "5"}
    assert client.post("/api/session", headers=headers, content=b"0\r\n\r\n").status_code == 400


def test_what_is_nested_too_deeply_is_said() -> None:
    tokens = new_board().site
    with TestClient(build(Deep(tokens), Feed(Journal()), key=KEY), base_url=BASE) as client:
        answer = client.put("/api/site/menu/x", headers=authorized("administrator"), json={})
    assert (answer.status_code, answer.json()) == (422, {"error": "nested too deeply"})
