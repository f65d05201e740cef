"""Every endpoint times every role, from the OpenAPI document; and what each role gets to see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from softswitch.api.app import build
from softswitch.api.feed import Feed
from softswitch.directory import Token
from softswitch.passwords import token_digest
from tests.unit.api.test_app import ANSWERS, Switchboard
from tests.unit.api.test_auth import KEY, SITE
from tests.unit.api.test_feed import Journal

ROLES = ("agent", "supervisor", "administrator", "auditor", "nobody")
TOKENS = {
    "agent": Token("agent", role="agent", agent="anna"),
    "supervisor": Token("supervisor", role="supervisor", queues=("sales",)),
    "administrator": Token("administrator", role="administrator"),
    "auditor": Token("auditor", role="auditor"),
}
EVERYBODY = ("agent", "supervisor", "administrator", "auditor")
WORKERS = ("agent", "supervisor", "administrator")
SUPERVISORS = ("supervisor", "administrator")
ADMINISTRATORS = ("administrator",)
AUDITORS = ("administrator", "auditor")
# Method and path -> who may, and what is sent to try it.
RIGHTS: dict[tuple[str, str], tuple[tuple[str, ...], Any]] = {
    ("get", "/healthz"): (ROLES, None),
    ("get", "/readyz"): (ROLES, None),
    ("get", "/metrics"): (EVERYBODY, None),
    ("get", "/api/session"): (EVERYBODY, None),
    ("delete", "/api/session"): (ROLES, None),
    ("get", "/api/status"): (EVERYBODY, None),
    ("get", "/api/calls"): (EVERYBODY, None),
    ("get", "/api/calls/{call}"): (EVERYBODY, None),
    ("get", "/api/queues"): (EVERYBODY, None),
    ("get", "/api/queues/{queue}"): (EVERYBODY, None),
    ("get", "/api/agents"): (EVERYBODY, None),
    ("get", "/api/agents/{agent}"): (EVERYBODY, None),
    ("get", "/api/callbacks"): (EVERYBODY, None),
    ("post", "/api/callbacks/{callback}/orders"): (WORKERS, {"order": "done"}),
    ("get", "/api/desk"): (EVERYBODY, None),
    ("get", "/api/colleagues"): (EVERYBODY, None),
    ("get", "/api/pauses"): (EVERYBODY, None),
    ("get", "/api/log"): (AUDITORS, None),
    ("post", "/api/log"): (ADMINISTRATORS, {"kind": "number", "value": "+48600100200"}),
    ("delete", "/api/log"): (ADMINISTRATORS, None),
    ("post", "/api/prompt-recordings/{language}/{name}"): (ADMINISTRATORS, {"account": "101"}),
    ("get", "/api/prompt-versions/{language}/{name}"): (AUDITORS, None),
    ("post", "/api/prompt-versions/{language}/{name}"): (ADMINISTRATORS, {"version": "20261123-010203"}),
    ("get", "/api/former-sounds/{version}/{language}/{name}"): (AUDITORS, None),
    ("get", "/api/hours"): (EVERYBODY, None),
    ("get", "/api/recordings"): (EVERYBODY, None),
    ("get", "/api/recordings/tags"): (EVERYBODY, None),
    ("get", "/api/recordings/{recording}"): (EVERYBODY, None),
    ("patch", "/api/recordings/{recording}"): (WORKERS, {"tags": ["good"]}),
    ("get", "/api/recordings/{recording}/audio"): (EVERYBODY, None),
    ("get", "/api/recordings/{recording}/peaks"): (EVERYBODY, None),
    ("post", "/api/recordings/{recording}/links"): (SUPERVISORS, {"hours": 1}),
    ("delete", "/api/recordings/links"): (ADMINISTRATORS, None),
    ("get", "/api/records"): (EVERYBODY, None),
    ("get", "/api/records/export"): (EVERYBODY, None),
    ("get", "/api/records/{call}"): (EVERYBODY, None),
    ("get", "/api/records/{call}/ladder"): (ADMINISTRATORS, None),
    ("get", "/api/audit"): (AUDITORS, None),
    ("delete", "/api/persons/{number}"): (ADMINISTRATORS, None),
    ("get", "/api/voicemail"): (EVERYBODY, None),
    ("get", "/api/voicemail/messages"): (EVERYBODY, None),
    ("get", "/api/voicemail/messages/{message}/audio"): (WORKERS, None),
    ("post", "/api/voicemail/messages/{message}/orders"): (WORKERS, {"order": "delete"}),
    ("get", "/api/registrations"): (AUDITORS, None),
    ("get", "/api/queues/{queue}/dispositions"): (EVERYBODY, None),
    ("get", "/api/calls/{call}/card"): (EVERYBODY, None),
    ("get", "/api/calls/{call}/script"): (EVERYBODY, None),
    ("put", "/api/calls/{call}/script/{step}"): (WORKERS, {"done": True, "agent": "anna"}),
    ("get", "/api/scripts/report"): (EVERYBODY, None),
    ("get", "/api/customers"): (("supervisor", "administrator", "auditor"), None),
    ("post", "/api/customers"): (SUPERVISORS, {"name": "Jan"}),
    ("post", "/api/customers/import"): (ADMINISTRATORS, {"text": "customer\nK1\n"}),
    ("get", "/api/customers/{customer}"): (EVERYBODY, None),
    ("patch", "/api/customers/{customer}"): (SUPERVISORS, {"name": "Jan"}),
    ("delete", "/api/customers/{customer}"): (ADMINISTRATORS, None),
    ("post", "/api/customers/{customer}/merge"): (SUPERVISORS, {"other": "K2"}),
    ("post", "/api/customers/{customer}/notes"): (WORKERS, {"text": "angry"}),
    ("get", "/api/dispositions"): (EVERYBODY, None),
    ("post", "/api/calls/{call}/disposition"): (WORKERS, {"disposition": "sale", "agent": "anna"}),
    ("get", "/api/trunks"): (AUDITORS, None),
    ("get", "/api/reports"): (EVERYBODY, None),
    ("get", "/api/reports/{report}"): (EVERYBODY, None),
    ("get", "/api/staffing/{queue}"): (("supervisor", "administrator", "auditor"), None),
    ("post", "/api/staffing"): (("supervisor", "administrator", "auditor"), {"text": "start,duration\n"}),
    ("post", "/api/agents/{agent}/orders"): (WORKERS, {"order": "ready"}),
    ("post", "/api/calls"): (WORKERS, {"number": "+48221234567", "account": "101"}),
    ("delete", "/api/calls/{call}"): (WORKERS, None),
    ("post", "/api/calls/{call}/transfer"): (WORKERS, {"to": "103"}),
    ("post", "/api/calls/{call}/transfer/orders"): (WORKERS, {"order": "complete"}),
    ("post", "/api/calls/{call}/recording"): (WORKERS, {"order": "pause"}),
    ("post", "/api/calls/{call}/supervision"): (SUPERVISORS, {"account": "101", "mode": "whisper"}),
    ("delete", "/api/calls/{call}/supervision"): (SUPERVISORS, None),
    ("get", "/api/board"): (EVERYBODY, None),
    ("get", "/api/alerts"): (EVERYBODY, None),
    ("post", "/api/agents/{agent}/messages"): (SUPERVISORS, {"text": "Five minutes more, please."}),
    ("get", "/api/queues/{queue}/settings"): (SUPERVISORS, None),
    ("put", "/api/queues/{queue}/settings"): (SUPERVISORS, {"settings": {"ring_timeout": 10}}),
    ("post", "/api/callers/{call}/orders"): (SUPERVISORS, {"priority": 5}),
    ("put", "/api/queues/{queue}/surge"): (SUPERVISORS, {"order": "on"}),
    ("put", "/api/hours/{hours}"): (ADMINISTRATORS, {"state": "closed"}),
    ("post", "/api/calls/{call}/hold"): (WORKERS, {"order": "hold", "account": "101"}),
    ("post", "/api/calls/{call}/answer"): (WORKERS, {"account": "101"}),
    ("post", "/api/calls/{call}/play"): (SUPERVISORS, {"clips": ["welcome"]}),
    ("post", "/api/calls/{call}/bridge"): (SUPERVISORS, {"other": "c3"}),
    ("get", "/api/orders/{order}"): (EVERYBODY, None),
    ("delete", "/api/customers/{customer}/person"): (ADMINISTRATORS, None),
    ("get", "/api/sms"): (ADMINISTRATORS, None),
    ("post", "/api/sms/test"): (ADMINISTRATORS, {"to": "600100200", "text": "Test"}),
    ("post", "/api/callbacks"): (WORKERS, {"queue": "sales", "number": "600100200", "owner": "anna"}),
    ("get", "/api/campaigns"): (EVERYBODY, None),
    ("get", "/api/campaigns/{campaign}"): (EVERYBODY, None),
    ("get", "/api/campaigns/{campaign}/contacts"): (SUPERVISORS, None),
    ("post", "/api/campaigns/{campaign}/contacts"): (ADMINISTRATORS, {"rows": [{"number": "+48600100200"}]}),
    ("delete", "/api/campaigns/{campaign}/contacts"): (ADMINISTRATORS, None),
    ("get", "/api/campaigns/{campaign}/export"): (SUPERVISORS, None),
    ("post", "/api/campaigns/{campaign}/import"): (SUPERVISORS, {"text": "number\n+48600100200\n"}),
    ("post", "/api/campaigns/{campaign}/orders"): (SUPERVISORS, {"order": "pause"}),
    ("post", "/api/campaigns/{campaign}/contacts/{contact}/again"): (WORKERS, {"agent": "anna", "later": 60}),
    ("get", "/api/calls/{call}/contact"): (EVERYBODY, None),
    ("post", "/api/campaigns/{campaign}/next"): (WORKERS, {"agent": "anna"}),
    ("post", "/api/campaigns/{campaign}/contacts/{contact}/accept"): (WORKERS, {"agent": "anna"}),
    ("post", "/api/campaigns/{campaign}/contacts/{contact}/skip"): (WORKERS, {"agent": "anna", "later": 60}),
    ("get", "/api/receivers/{kind}"): (AUDITORS, None),
    ("get", "/api/receivers/{kind}/{name}"): (AUDITORS, None),
    ("get", "/api/receivers/{kind}/{name}/dead"): (AUDITORS, None),
    ("post", "/api/receivers/{kind}/{name}/retry"): (ADMINISTRATORS, {"everything": True}),
    ("post", "/api/receivers/{kind}/{name}/skip"): (ADMINISTRATORS, None),
    ("get", "/api/receivers/{kind}/{name}/recent"): (AUDITORS, None),
    ("post", "/api/receivers/{kind}/{name}/discard"): (ADMINISTRATORS, {"everything": True}),
    ("post", "/api/crm/dry-run"): (ADMINISTRATORS, {"name": "main", "row": "missed"}),
    ("post", "/api/webhooks/{name}/secret"): (ADMINISTRATORS, None),
    ("post", "/api/webhooks/{name}/test"): (ADMINISTRATORS, None),
    ("get", "/api/site"): (ADMINISTRATORS, None),
    ("put", "/api/site"): (ADMINISTRATORS, {"text": ""}),
    ("patch", "/api/site"): (ADMINISTRATORS, {"put": [{"kind": "queue", "name": "x", "body": {}}]}),
    ("get", "/api/schema"): (AUDITORS, None),
    ("get", "/api/site/{kind}"): (AUDITORS, None),
    ("get", "/api/site/{kind}/{name}"): (AUDITORS, None),
    ("put", "/api/site/{kind}/{name}"): (ADMINISTRATORS, {}),
    ("delete", "/api/site/{kind}/{name}"): (ADMINISTRATORS, None),
    ("post", "/api/accounts/{account}/password"): (ADMINISTRATORS, None),
    ("get", "/api/accounts/{account}/settings"): (ADMINISTRATORS, None),
    ("post", "/api/accounts/{account}/links"): (ADMINISTRATORS, {}),
    ("post", "/api/users/{user}/password"): (ADMINISTRATORS, None),
    ("get", "/api/names"): (AUDITORS, None),
    ("post", "/api/text"): (ADMINISTRATORS, {"kind": "menu", "name": "x", "body": {}}),
    ("post", "/api/text/parse"): (ADMINISTRATORS, {"text": ""}),
    ("get", "/api/versions"): (AUDITORS, None),
    ("get", "/api/versions/{version}"): (AUDITORS, None),
    ("post", "/api/versions/{version}/rollback"): (ADMINISTRATORS, {}),
    ("get", "/api/prompts"): (AUDITORS, None),
    ("get", "/api/prompts/{language}/{name}"): (AUDITORS, None),
    ("put", "/api/prompts/{language}/{name}"): (ADMINISTRATORS, None),
    ("delete", "/api/prompts/{language}/{name}"): (ADMINISTRATORS, None),
    ("get", "/api/sounds/{language}/{name}"): (AUDITORS, None),
    ("get", "/api/bans"): (AUDITORS, None),
    ("post", "/api/bans"): (ADMINISTRATORS, {"source": "192.0.2.9"}),
    ("delete", "/api/bans/{address}"): (ADMINISTRATORS, None),
    ("get", "/api/backup"): (ADMINISTRATORS, None),
    ("get", "/provision/{token}"): (ROLES, None),
}
LOGIN = ("post", "/api/session")  # for whoever has no session yet; tried in test_session
SHARED = (
    "get",
    "/shared/recordings/{recording}",
)  # for whoever has the link; tried in tests/unit/daemon/test_library.py
PHONE = ("post", "/api/session/phone")  # for people only, not for programs; tried in test_desk
PLACES = {
    "callback": "b1",
    "call": "c1",
    "queue": "sales",
    "agent": "anna",
    "hours": "office",
    "kind": "webhook",
    "name": "crm", "account": "101",
    "report": "agents",
    "user": "eva", "version": "1", "language": "pl", "address": "192.0.2.9", "token": "x", "recording": "7",
    "message": "8", "number": "600100200",
    "customer": "K1", "step": "greet", "order": "o1", "campaign": "spring", "contact": "k1",
}  # fmt: skip


def shown(role: str) -> str:
    return f"token of {role}"


def new_board() -> Switchboard:
    tokens = {name: replace(token, digest=token_digest(shown(name))) for name, token in TOKENS.items()}
    return Switchboard(replace(SITE, tokens=tokens))


@pytest.fixture(scope="module")
def shared_app() -> tuple[Switchboard, FastAPI]:
    """To build the application takes a moment; but for guesses it remembers nothing."""
    board = new_board()
    return board, build(board, Feed(Journal()), key=KEY)


@pytest.fixture
def board(shared_app: tuple[Switchboard, FastAPI]) -> Switchboard:
    shared_app[0].orders.clear()
    return shared_app[0]


@pytest.fixture
def client(shared_app: tuple[Switchboard, FastAPI], board: Switchboard) -> Iterator[TestClient]:
    with TestClient(shared_app[1], base_url="http://pbx.example.com") as client:
        yield client


def authorized(role: str) -> dict[str, str]:
    return {} if role == "nobody" else {"Authorization": f"Bearer {shown(role)}"}


def test_every_endpoint_is_in_the_table(shared_app: tuple[Switchboard, FastAPI]) -> None:
    documented = {(method, path) for path, item in shared_app[1].openapi()["paths"].items() for method in item}
    assert documented == {*RIGHTS, LOGIN, SHARED, PHONE}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "path"), list(RIGHTS))
def test_who_may(client: TestClient, method: str, path: str, role: str) -> None:
    allowed, body = RIGHTS[method, path]
    answer = client.request(method.upper(), path.format(**PLACES), headers=authorized(role), json=body)
    if role in allowed:
        assert answer.status_code < 300, answer.text
    else:
        assert answer.status_code == (401 if role == "nobody" else 403)


@pytest.mark.parametrize(
    ("role", "calls", "queues", "agents", "callbacks"),
    [
        ("agent", ["c1"], ["sales"], ["anna"], ["sales"]),
        ("supervisor", ["c1", "c3", "c4"], ["sales"], ["anna", "jan"], ["sales"]),
        ("auditor", ["c1", "c2", "c3", "c4"], ["sales", "support"], ["anna", "jan", "ola"], ["sales", "support"]),
    ],
)
def test_what_each_sees(
    client: TestClient, role: str, calls: list[str], queues: list[str], agents: list[str], callbacks: list[str]
) -> None:
    def rows(path: str, key: str) -> list[str]:
        return [one[key] for one in client.get(path, headers=authorized(role)).json()]

    assert rows("/api/calls", "call") == calls
    assert rows("/api/queues", "name") == queues
    assert rows("/api/agents", "agent") == agents
    assert rows("/api/callbacks", "queue") == callbacks


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/calls/c2", None),
        ("GET", "/api/queues/support", None),
        ("GET", "/api/agents/ola", None),
        ("POST", "/api/agents/ola/orders", {"order": "logout"}),
        ("DELETE", "/api/calls/c2", None),
        ("POST", "/api/calls/c2/transfer", {"to": "101"}),
        ("POST", "/api/calls/c2/recording", {"order": "start"}),
        ("POST", "/api/calls/c2/supervision", {"account": "101"}),
        ("POST", "/api/callers/c1/orders", {"queue": "support"}),
        ("POST", "/api/callers/c1/orders", {"agent": "ola"}),
        ("PUT", "/api/queues/support/surge", {"order": "on"}),
        ("GET", "/api/recordings?queue=support", None),
        ("GET", "/api/queues/support/dispositions", None),
        ("GET", "/api/calls/c2/card", None),
        ("GET", "/api/dispositions?queue=support", None),
        ("POST", "/api/calls/c2/disposition", {"disposition": "sale", "agent": "ola"}),
    ],
)
def test_other_peoples_queues_are_as_if_they_were_not_there(
    client: TestClient, board: Switchboard, method: str, path: str, body: Any
) -> None:
    answer = client.request(method, path, headers=authorized("supervisor"), json=body)
    assert answer.status_code == 404 and board.orders == []
    # In the same words as what does not exist at all.
    absent = client.request("GET", "/api/calls/no-such", headers=authorized("supervisor"))
    if "/calls/" in path:
        assert answer.json()["error"] == absent.json()["error"].replace("no-such", "c2")


def test_an_agent_calls_from_their_own_phone_and_sees_their_own_recordings(
    client: TestClient, board: Switchboard
) -> None:
    mine = authorized("agent")
    assert client.post("/api/calls", headers=mine, json={"number": "112", "account": "103"}).status_code == 403
    assert client.post("/api/calls", headers=mine, json={"number": "112"}).status_code == 201
    assert client.get("/api/recordings?agent=ola", headers=mine).status_code == 200
    assert [arguments for _, arguments in board.orders] == [
        {"account": "101", "number": "112", "auto_answer": False, "by": "token:agent"},
        {"limit": 50, "agent": "anna"},
    ]


def test_agents_see_the_cards_of_those_whom_they_talk_to(client: TestClient, board: Switchboard) -> None:
    mine = authorized("agent")
    assert client.get("/api/customers?number=600100200", headers=mine).json() == [{"customer": "K1"}]
    assert client.get("/api/customers?text=Kowal", headers=mine).status_code == 403
    for method, path in (("GET", "/api/customers/K2"), ("POST", "/api/customers/K2/notes")):
        answer = client.request(method, path, headers=mine, json={"text": "x"} if method == "POST" else None)
        assert answer.status_code == 404 and "customer_note" not in dict(board.orders)


def test_who_ordered_it_is_told(client: TestClient, board: Switchboard) -> None:
    client.post(
        "/api/agents/anna/orders", headers=authorized("supervisor"), json={"order": "not_ready", "reason": "lunch"}
    )
    client.post("/api/callers/c1/orders", headers=authorized("supervisor"), json={"position": 1})
    assert board.orders == [
        ("agent", {"name": "anna", "by": "token:supervisor", "verb": "not_ready", "reason": "lunch", "device": ""}),
        ("place", {"call": "c1", "by": "token:supervisor", "position": 1}),
    ]


@pytest.mark.parametrize(
    ("body", "where"),
    [({"order": "dance"}, "order"), ({}, "order"), ({"order": "ready", "who": "me"}, "who"), ([], ""), (None, "")],
)
def test_what_is_no_order_is_said(client: TestClient, board: Switchboard, body: Any, where: str) -> None:
    answer = client.post("/api/agents/anna/orders", headers=authorized("administrator"), json=body)
    assert answer.status_code == 422 and answer.json()["error"].startswith(where) and board.orders == []


def test_exactly_one_thing_at_a_time(client: TestClient) -> None:
    for body in ({}, {"priority": 1, "position": 1}):
        answer = client.post("/api/callers/c1/orders", headers=authorized("administrator"), json=body)
        assert answer.status_code == 422 and "exactly one of" in answer.json()["error"]


# --- sessions --------------------------------------------------------------------------------------------------------


def log_in(client: TestClient, user: str = "eva", password: str = "correct horse") -> Any:
    return client.post("/api/session", json={"user": user, "password": password})


def test_a_session(client: TestClient, board: Switchboard) -> None:
    answer = log_in(client)
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    csrf = answer.json()["csrf"]
    assert client.get("/api/session").json() == answer.json()
    order: dict[str, Any] = {"json": {"order": "ready"}}
    assert client.post("/api/agents/anna/orders", **order).status_code == 403, "a form of another page has no csrf"
    assert client.post("/api/agents/anna/orders", headers={"X-CSRF-Token": csrf}, **order).status_code == 200
    assert client.delete("/api/session", headers={"X-CSRF-Token": csrf}).status_code == 204
    assert client.get("/api/session").status_code == 401
    assert [(command, told.get("what")) for command, told in board.orders] == [
        ("session", "opened"),
        ("agent", None),
        ("session_end", None),
        ("session", "closed"),
        ("phone_passes_end", None),
    ]


def test_who_cannot_log_in_learns_nothing_by_it(client: TestClient) -> None:
    answers = [log_in(client, *one) for one in (("eva", "wrong"), ("nobody", "wrong"), ("bez", "wrong"))]
    assert {(one.status_code, one.text) for one in answers} == {(401, '{"error":"user or password is wrong"}')}


def test_guessing_is_slowed_down() -> None:
    with TestClient(build(new_board(), Feed(Journal()), key=KEY)) as client:
        for _ in range(6):
            assert log_in(client, "eva", "wrong").status_code == 401
        answer = log_in(client)
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1


def test_the_cookie_of_an_encrypted_page_stays_encrypted(shared_app: tuple[Switchboard, FastAPI]) -> None:
    with TestClient(shared_app[1], base_url="https://pbx.example.com") as client:
        assert "Secure" in log_in(client).headers["set-cookie"]


# --- whoever is on this machine ----------------------------------------------------------------------------------------


def test_whoever_is_here_may_look_and_no_more(board: Switchboard) -> None:
    app = build(board, Feed(Journal()), key=KEY, hosts=frozenset({"localhost"}))
    with TestClient(app, base_url="http://localhost") as client:
        assert client.get("/api/calls").status_code == client.get("/metrics").status_code == 200
        assert client.get("/api/recordings").status_code == client.get("/api/site").status_code == 401
        assert client.post("/api/agents/anna/orders", json={"order": "ready"}).status_code == 401
        assert client.get("/api/calls", headers={"Host": "evil.example"}).status_code == 421
        # A proxy on this machine asks for somebody else.
        assert client.get("/api/calls", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 401
        assert log_in(client).status_code == 201


# --- events ------------------------------------------------------------------------------------------------------------


def test_events_for_each(board: Switchboard) -> None:
    journal = Journal()
    for number, fields in enumerate(({"queue": "sales"}, {"queue": "support"}, {"agent": "anna"}, {"call": "c9"}), 1):
        journal.lines.append({"seq": number, "event": "queue.connected", **fields})
    journal.lines.append({"seq": 5, "event": "queue.tape", "queue": "sales"})
    app = build(board, Feed(journal), key=KEY)
    for role, wanted in (("supervisor", [1, 3]), ("auditor", [1, 2, 3, 4])):
        with (
            TestClient(app, base_url="http://pbx.example.com") as client,
            client.websocket_connect("/api/events?after=0&only=queue.", headers=authorized(role)) as socket,
        ):
            assert socket.receive_json() == {"event": "following", "after": 0}
            assert [socket.receive_json()["seq"] for _ in wanted] == wanted


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/api/events", {}, 4401),
        ("/api/events", {"Authorization": "Bearer wrong"}, 4401),
        ("/api/events", {**authorized("auditor"), "Origin": "https://evil.example"}, 4401),
        ("/api/events?after=-1", authorized("auditor"), 1008),
        ("/api/events?after=x", authorized("auditor"), 1008),
    ],
)
def test_events_are_not_for_everybody(client: TestClient, path: str, headers: dict[str, str], code: int) -> None:
    with client.websocket_connect(path, headers=headers) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert closed.value.code == code


def test_what_may_be_asked_of_a_path_is_told(client: TestClient) -> None:
    answer = client.put("/api/calls", headers=authorized("administrator"))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


# --- records, recordings ----------------------------------------------------------------------------------------------


def test_whose_calls_are_searched(client: TestClient, board: Switchboard) -> None:
    for role, scope in (
        ("agent", {"agent": "anna", "account": ""}),
        ("supervisor", {"queues": ["sales"]}),
        ("auditor", None),
    ):
        board.orders.clear()
        client.get("/api/records?number=600100200&recorded=true", headers=authorized(role))
        client.get("/api/records/export?number=600100200", headers=authorized(role))
        searched = [arguments for command, arguments in board.orders if command == "call_records"]
        assert [one["scope"] for one in searched] == [scope, scope] and searched[0]["recorded"] is True


@pytest.mark.parametrize(
    ("role", "call", "status"),
    [
        ("supervisor", {"queue": "support", "agent": "ola", "account": ""}, 404),
        ("agent", {"queue": "sales", "agent": "jan", "account": "102"}, 404),
        ("agent", {"queue": "support", "agent": "anna", "account": ""}, 200),
        ("auditor", {"queue": "", "agent": "", "account": ""}, 200),
    ],
)
def test_whose_story_is_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, role: str, call: dict[str, str], status: int
) -> None:
    story = {"call": call, "legs": [], "visits": [], "recordings": [{"recording": 7, "path": "a/b.wav"}], "events": []}
    monkeypatch.setitem(ANSWERS, "call_record", story)
    answer = client.get("/api/records/c9", headers=authorized(role))
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["recordings"] == [{"recording": 7}], "where files lie is nobody's business"


@pytest.mark.parametrize(
    ("role", "row", "status"),
    [
        ("supervisor", {"queue": "support", "agent": "anna"}, 404),
        ("supervisor", {"queue": "", "agent": "anna"}, 404),
        ("agent", {"queue": "sales", "agent": "jan"}, 404),
        ("agent", {"queue": "", "agent": ""}, 404),
        ("administrator", {"queue": "", "agent": ""}, 200),
    ],
)
def test_whose_recordings_are_heard(
    client: TestClient, board: Switchboard, monkeypatch: pytest.MonkeyPatch, role: str, row: dict[str, str], status: int
) -> None:
    monkeypatch.setitem(ANSWERS, "recording", {"recording": 7, "path": "a.wav", "file": "/a.wav", **row})
    for path in ("", "/audio", "/peaks"):
        assert client.get(f"/api/recordings/7{path}", headers=authorized(role)).status_code == status
    assert ("play_recording" in [command for command, _ in board.orders]) is (status == 200)


def test_who_searches_for_recordings(client: TestClient, board: Switchboard) -> None:
    client.get("/api/recordings?tag=good", headers=authorized("supervisor"))
    assert client.get("/api/recordings?queue=support", headers=authorized("agent")).status_code == 404
    client.get("/api/recordings", headers=authorized("auditor"))
    assert [arguments for _, arguments in board.orders] == [
        {"limit": 50, "tag": "good", "queues": ["sales"]},
        {"limit": 50},
    ]


def test_only_supervisors_hold_recordings(client: TestClient) -> None:
    for role, status in (("agent", 403), ("supervisor", 200)):
        answer = client.patch("/api/recordings/7", headers=authorized(role), json={"held": True})
        assert answer.status_code == status


def test_a_recording_is_heard_in_pieces(client: TestClient) -> None:
    headers = {**authorized("agent"), "Range": "bytes=2-5"}
    answer = client.get("/api/recordings/7/audio", headers=headers)
    with open(ANSWERS["play_recording"]["file"], "rb") as file:
        whole = file.read()
    assert (answer.status_code, answer.content) == (206, whole[2:6])
    assert (
        answer.headers["content-range"] == f"bytes 2-5/{len(whole)}" and answer.headers["content-type"] == "audio/wav"
    )
    beyond = {**authorized("agent"), "Range": f"bytes={len(whole) + 1}-"}
    assert client.get("/api/recordings/7/audio", headers=beyond).status_code == 416


def test_whose_messages_are_heard(
    client: TestClient, shared_app: tuple[Switchboard, FastAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = authorized("supervisor")
    assert client.get("/api/voicemail/messages?mailbox=other", headers=mine).status_code == 404
    monkeypatch.setattr(Switchboard, "BOX", {"mailbox": "box", "queue": "support"})
    assert client.get("/api/voicemail/messages/8/audio", headers=mine).status_code == 404
    assert client.get("/api/voicemail", headers=mine).json() == []
    monkeypatch.setitem(ANSWERS, "mailboxes_of", ["box"])
    site = shared_app[0].site
    try:
        shared_app[0].site = replace(site, users=site.users | {"eva": replace(site.users["eva"], account="101")})
        log_in(client)
        assert [one["mailbox"] for one in client.get("/api/voicemail").json()] == ["box"], "one's own"
    finally:
        shared_app[0].site = site


def test_an_agent_is_to_call_back(client: TestClient, board: Switchboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANSWERS, "callbacks", [])
    order = {"order": "assign", "to": "jan"}
    path = "/api/voicemail/messages/8/orders"
    assert client.post(path, headers=authorized("supervisor"), json=order | {"to": "ola"}).status_code == 404
    assert client.post(path, headers=authorized("supervisor"), json=order).status_code == 200
    monkeypatch.setitem(ANSWERS, "callbacks", [{"callback": "k1"}])
    assert client.post(path, headers=authorized("supervisor"), json=order).status_code == 200
    told = [(command, arguments.get("owner")) for command, arguments in board.orders if command.startswith("callback_")]
    assert told == [("callback_add", "jan"), ("callback_assign", "jan")]
