"""The matrix of docs/crm.md against a tiny CRM with a REST interface: what appears there, and that nothing appears twice."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import AsyncIterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from softswitch.config.services import WebSettings
from softswitch.directory.hooks import Crm, CrmAction
from softswitch.errors import ConfigError
from softswitch.integrations.couriers import Courier
from softswitch.integrations.crm import CrmReceiver, actions_of, at, filled, named, of_record, row_of, values_of
from softswitch.integrations.delivery import Delivery, Line, Progress
from softswitch.integrations.webclient import WebClient
from softswitch.store.records import CallRecord
from softswitch.store.site import export_site, parse_site
from tests.unit.test_webclient import LOOPBACK
from tests.unit.test_webhooks import World, running, until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "crm.md"
SITE = 'domain = "pbx.example.com"\n[queue.infolinia]\n[queue.sales]\n'


class TinyCrm:
    """Contacts, activities, files and tasks in memory. `fails`: the next requests to a path are answered by that status."""

    def __init__(self) -> None:
        self.contacts: dict[str, dict[str, Any]] = {}
        self.tasks: list[dict[str, Any]] = []
        self.added: list[tuple[str, str, dict[str, Any]]] = []  # contact, "activities" or "files", what
        self.fails: dict[str, list[int]] = {}
        self.keys: list[str] = []
        self.tokens: set[str] = set()

    def get(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, Any]:
        found = [one for one in self.contacts.values() if one["phone"] == query["phone"][0]]
        return (200, {"items": found}) if found else (404, {"error": "nobody"})

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        words = path.strip("/").split("/")[1:]
        if words == ["contacts"]:
            made = {"id": f"C{len(self.contacts) + 1}", **body}
            self.contacts[made["id"]] = made
            return 201, made
        if words == ["tasks"]:
            self.tasks.append(body)
            return 201, {}
        self.added.append((words[1], words[2], body))
        return 201, {}


@pytest.fixture
async def web() -> AsyncIterator[WebClient]:
    client = WebClient(WebSettings(private=LOOPBACK, failures=1_000_000))
    yield client
    await client.close()


@pytest.fixture
def tiny() -> Any:
    crm = TinyCrm()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = urlsplit(self.path)
            crm.keys.append(self.headers["Idempotency-Key"])
            crm.tokens.add(self.headers["Authorization"])
            failing = crm.fails.get(parts.path, [])
            if failing:
                status, found = failing.pop(0), {}
            elif self.command == "GET":
                status, found = crm.get(parts.path, parse_qs(parts.query))
            else:
                status, found = crm.post(parts.path, json.loads(body))
            said = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = serve

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    crm.url = f"http://127.0.0.1:{server.server_port}/api"  # type: ignore[attr-defined]
    yield crm
    server.shutdown()
    server.server_close()


def matrix(url: str) -> Crm:
    """That of the page."""
    example = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    site = parse_site(SITE + example.replace("https://crm.example.com/api", url))
    assert parse_site(export_site(site)) == site
    assert "the CRM's own" not in export_site(site, secrets=False)
    return site.crms["main"]


RECORDS = {
    "c3": CallRecord(
        "c3", 3, 0.0, "+48600100200", "Jan", "800", "", trunk="t", queue="infolinia", agent="anna", outcome="answered"
    )
}


async def look_up(line: Line) -> dict[str, Any]:
    record = RECORDS.get(str(line.get("call")))
    return of_record(record) if record is not None else {}


async def link(line: Line, hours: float, whom: str) -> dict[str, Any]:
    if line["event"] != "recording.finished" or not hours:
        return {}
    return {"recording_url": f"https://pbx.example.com/shared/recordings/{line['recording']}?by={whom}"}


def ended(**more: Any) -> dict[str, Any]:
    plain = {
        "call": "c1", "caller": "+48600100200", "caller_name": "Jan", "dialled": "800", "account": "", "trunk": "t",
        "outcome": "answered", "queue": "sales", "agent": "anna", "talk_seconds": 61.5, "total_seconds": 70.0,
        "customer": "", "cause": "normal",
    }  # fmt: skip
    return plain | more


def courier(world: World, crm: Crm, clock: Any = None) -> Courier:
    receiver = CrmReceiver(crm, world.web.fetch, look_up, link)
    import time

    clock = clock or time.time
    delivery = Delivery(world.journal.last(), receiver.limits, clock())
    return Courier(receiver, delivery, world.feed, lambda _, dead: world.given_up.append(dead), clock)


async def test_the_matrix_of_the_page(tiny: TinyCrm, web: WebClient) -> None:
    world = World(web)
    async with running(courier(world, matrix(tiny.url))) as told:  # type: ignore[attr-defined]
        world.happen("call.ended", **ended())
        world.happen("call.ended", **ended(outcome="completed", agent="", queue="infolinia"))
        world.happen("call.ended", **ended(outcome="completed", agent="", queue="sales", caller="+48111222333"))
        world.happen("call.ended", **ended(outcome="completed", agent="", queue="", caller="+48999999999"))  # a menu
        world.happen("recording.finished", recording=17, call="c3", seconds=60.0, error="")
        world.happen("recording.finished", recording=18, call="c3", seconds=0.0, error="disk full")
        world.happen(
            "call.disposition", call="c3", queue="infolinia", agent="anna", disposition="invoice", note="2/2027"
        )
        await until(lambda: told.delivery.delivered == 5)
    assert [(one["id"], one["phone"], one["status"]) for one in tiny.contacts.values()] == [
        ("C1", "+48600100200", "lead"), ("C2", "+48111222333", "lead"),
    ]  # fmt: skip
    assert tiny.tasks == [
        {"contact": "C1", "title": "Call back +48600100200", "queue": "infolinia", "priority": 1},
        {"contact": "C2", "title": "Call back +48111222333", "queue": "sales"},
    ]
    assert tiny.added == [
        ("C1", "activities", {"type": "call", "text": "anna, sales", "seconds": 61.5}),
        ("C1", "files", {"link": "https://pbx.example.com/shared/recordings/17?by=crm:main"}),
        ("C1", "activities", {"type": "topic", "text": "invoice", "note": "2/2027"}),
    ]
    assert tiny.tokens == {"Bearer the CRM's own"}


async def test_what_was_taken_is_not_repeated_when_a_later_request_fails(tiny: TinyCrm, web: WebClient) -> None:
    world, offset = World(web), 0.0
    import time

    tiny.fails["/api/tasks"] = [503, 500]
    async with running(courier(world, matrix(tiny.url), lambda: time.time() + offset)) as told:  # type: ignore[attr-defined]
        world.happen("call.ended", **ended(outcome="completed", agent=""))
        await until(lambda: told.delivery.failures == 1)
        assert told.delivery.trouble == "task: status 503: {}"
        kept = json.loads(json.dumps(told.delivery.export()))  # A restart in between.
        assert kept["progress"] == {"done": 2, "known": {"contact": "C1"}}
        told.wake()
        await until(lambda: told.delivery.failures == 2)
        told.wake()
        await until(lambda: told.delivery.delivered == 1)
    assert len(tiny.contacts) == len(tiny.tasks) == 1
    assert tiny.keys == ["1-0", "1-1", "1-2", "1-2", "1-2"]


async def test_a_crm_that_is_away_is_asked_nothing_about_rows_that_are_empty(web: WebClient) -> None:
    async def fetch(*arguments: Any) -> Any:
        raise AssertionError("nobody is asked")

    crm = matrix("http://127.0.0.1:9/api")
    receiver = CrmReceiver(crm, fetch, look_up)
    assert not receiver.wants({"seq": 1, "event": "queue.connected", "queue": "sales"})
    assert not receiver.wants({"seq": 1, "event": "call.created"})
    assert actions_of(crm, "missed", "infolinia")[-1] == "urgent" and actions_of(crm, "answered", "infolinia") == ()
    assert await receiver.deliver({"seq": 1, "event": "queue.connected", "caller": "c9"}, Progress()) == ("", False)


@pytest.mark.parametrize(
    ("fields", "row"),
    [
        ({}, "ended"), ({"outcome": "completed"}, "missed"), ({"outcome": "completed", "queue": ""}, ""),
        ({"outcome": "no_answer", "queue": ""}, "missed"), ({"outcome": "busy", "account": "101", "trunk": ""}, ""),
        ({"account": "101"}, "ended"), ({"outcome": "busy", "queue": "", "trunk": ""}, ""),
    ],
)  # fmt: skip
def test_rows(fields: dict[str, Any], row: str) -> None:
    assert row_of({"event": "call.ended", **ended(**fields)}) == row


async def test_a_link_to_the_recording(tiny: TinyCrm, web: WebClient) -> None:
    asked: list[tuple[Any, ...]] = []

    async def links(line: Line, hours: float, whom: str) -> dict[str, Any]:
        asked.append((line["event"], hours, whom))
        return {"recording_urls": ["https://pbx.example.com/shared/1", "https://pbx.example.com/shared/2"]}

    actions = {"task": CrmAction("/tasks", body={"link": "{recording_url}"})}
    crm = Crm("main", tiny.url, "t", actions=actions, rows={"ended": ("task",)}, link_hours=24.0)  # type: ignore[attr-defined]
    line = {"seq": 7, "event": "call.ended", **ended()}
    assert await CrmReceiver(crm, web.fetch, look_up, links).deliver(line, Progress()) == ("", False)
    assert asked == [("call.ended", 24.0, "crm:main")]
    assert tiny.tasks == [{"link": "https://pbx.example.com/shared/2"}]


def test_what_templates_say() -> None:
    values = values_of({"seq": 5, "time": "t", "event": "call.ended", **ended(account="101", dialled="+48221")}, {})
    assert (values["direction"], values["number"], values["name"], values["row"]) == ("out", "+48221", "", "ended")
    assert filled({"a": "{talk_seconds}", "b": ["{seq}!", 7], "c": {"d": "{{}}"}}, values) == {
        "a": 61.5, "b": ["5!", 7], "c": {"d": "{}"},
    }  # fmt: skip
    for text in ("{0}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "{", "{a"):
        with pytest.raises(ValueError):
            named(text)
    assert at({"items": [{"id": 7}]}, "items.0.id") == "7"
    assert at({"items": []}, "items.0.id") == at([], "x") == at({"a": {}}, "a") == at(None, "a") == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('["find", "lead", "task"]', '["find", "led"]'), "lead"), (("{agent}, {queue}", "{agnt}"), "agent"),
        (("missed = [\"find\", \"lead\", \"task\"]", "missd = []"), "rows missed"),
        (("{number}\", save", "{number!r}\", save"), "path"),
        (("[crm.main.queues.infolinia]", "[crm.main.queues.nobody]"), "a queue"),
        (('unless = "contact"', 'unless = "kontakt"'), "contact"),
        (('url = "https://crm.example.com/api"', 'url = "crm"'), "crm.main.url"), (('method = "GET"', 'method = "LOOK"'), "GET"),
    ],
)  # fmt: skip
def test_a_matrix_that_makes_no_sense(change: tuple[str, str], said: str) -> None:
    example = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
    assert change[0] in example
    with pytest.raises(ConfigError, match=said):
        parse_site(SITE + example.replace(*change))
