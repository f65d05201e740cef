"""Sessions end for good, and whoever follows events follows as who they are now."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from softswitch.api.app import build
from softswitch.api.auth import Gate
from softswitch.api.feed import Feed
from softswitch.api.guard import COOKIE
from softswitch.daemon import Daemon
from softswitch.operations.session import SessionOperations
from tests.unit.api.test_app import Switchboard
from tests.unit.api.test_auth import KEY, NOW, SITE, Clock, gate
from tests.unit.api.test_feed import Journal
from tests.unit.api.test_roles import log_in, new_board

EVA = SITE.users["eva"]


def test_a_cookie_that_was_copied_is_worth_nothing_after_its_owner_has_logged_out() -> None:
    with TestClient(build(new_board(), Feed(Journal()), key=KEY), base_url="https://pbx.example.com") as client:
        csrf = log_in(client).json()["csrf"]
        copy = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        assert client.get("/api/desk", headers=copy).status_code == 200
        log_in(client)
        other = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
        client.cookies.clear()
        assert client.delete("/api/session", headers=copy | {"X-CSRF-Token": csrf}).status_code == 204
        assert client.get("/api/desk", headers=copy).status_code == 401
        assert client.get("/api/desk", headers=other).status_code == 200, "a session of the same person elsewhere"


def test_a_restart_does_not_make_it_good_again() -> None:
    clock = Clock()
    before = gate(clock)
    cookie = before.open_session(EVA)
    session, until = before.end_session(cookie)
    assert before.by_session(cookie) is None and until > NOW
    assert Gate(lambda: SITE, KEY, clock, ended={session: until}).by_session(cookie) is None
    assert Gate(lambda: SITE, KEY, clock).by_session(cookie) is not None


class Keys:
    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def key(self, name: str, make: Any) -> str:
        await asyncio.sleep(0)
        return self.values.setdefault(name, make())

    async def renew_key(self, name: str, value: str) -> None:
        await asyncio.sleep(0)
        self.values[name] = value


async def test_what_is_over_is_kept_until_it_would_have_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = Daemon.__new__(Daemon)
    daemon.store = Keys()  # type: ignore[assignment]
    monkeypatch.setattr("softswitch.operations.session.time.time", lambda: NOW)
    operations = SessionOperations(daemon)
    await asyncio.gather(*(operations.end(f"s{number}", NOW + number) for number in range(4)))
    assert await SessionOperations(daemon).ended() == {"s1": NOW + 1, "s2": NOW + 2, "s3": NOW + 3}


@pytest.mark.parametrize("until", ["²²²²²²²²²²²", "٣٣٣٣٣٣٣٣٣٣٣", "9" * 5_000, "", "-1", "1.5"])
def test_no_cookie_is_a_mistake_of_ours(until: str) -> None:
    assert gate(Clock()).by_session(f"{b'eva'.hex()}:{until}.x.y") is None


# --- who follows -----------------------------------------------------------------------------------------------------


class Live:
    """A switchboard whose site changes, and an application that tells what happens."""

    def __init__(self) -> None:
        self.board, self.journal = Switchboard(SITE), Journal()
        self.feed = Feed(self.journal)
        self.client = TestClient(build(self.board, self.feed, key=KEY), base_url="http://pbx.example.com")
        self.csrf = log_in(self.client).json()["csrf"]
        self.cookie = {"Cookie": f"{COOKIE}={self.client.cookies[COOKIE]}"}

    def happens(self, **fields: Any) -> None:
        line = {"seq": self.journal.last() + 1, "event": "queue.entered", **fields}
        self.journal.lines.append(line)
        assert self.client.portal is not None
        self.client.portal.call(self.feed.publish, line)


@pytest.fixture
def live() -> Iterator[Live]:
    found = Live()
    with found.client:
        yield found


def test_another_role_holds_at_once_for_whoever_follows(live: Live) -> None:
    with live.client.websocket_connect("/api/events?after=0", headers=live.cookie) as socket:
        assert socket.receive_json()["event"] == "following"
        live.happens(queue="sales")
        assert socket.receive_json()["queue"] == "sales"
        live.board.site = replace(SITE, users=SITE.users | {"eva": replace(EVA, queues=("support",))})
        live.happens(queue="sales")
        live.happens(queue="support")
        assert socket.receive_json()["queue"] == "support"


@pytest.mark.parametrize("end", ["logged out", "removed", "another password"])
def test_whoever_is_gone_is_told_nothing_more(live: Live, end: str) -> None:
    with live.client.websocket_connect("/api/events?after=0", headers=live.cookie) as socket:
        assert socket.receive_json()["event"] == "following"
        if end == "logged out":
            assert live.client.delete("/api/session", headers={"X-CSRF-Token": live.csrf}).status_code == 204
        elif end == "removed":
            live.board.site = replace(SITE, users={})
        else:
            live.board.site = replace(SITE, users={"eva": replace(EVA, digest=f"{EVA.digest}x")})
        live.happens(queue="sales")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 4401


# --- refusals --------------------------------------------------------------------------------------------------------


def test_refusals_are_no_less_hardened_than_answers(live: Live) -> None:
    live.client.cookies.clear()
    answer = live.client.get("/api/site")
    assert answer.status_code == 401 and answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/api/recordings/tags", "GET"), ("/api/customers/import", "POST"), ("/api/recordings/links", "DELETE")],
)
def test_a_path_that_is_spelt_out_is_no_name_of_something(live: Live, path: str, allowed: str) -> None:
    answer = live.client.patch(path, headers={"X-CSRF-Token": live.csrf}, json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed) and "error" in answer.json()
