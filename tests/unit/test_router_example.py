"""The program that docs/router.md shows, asked as the switch asks."""

from __future__ import annotations

import re
import threading
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest

from softswitch.call.facts import Facts
from softswitch.call.menu import Site
from softswitch.call.router import ask
from softswitch.call.visitor import Somebody, Visitor
from softswitch.config.services import WebSettings
from softswitch.directory import Directory, Queue
from softswitch.directory.hooks import Router
from softswitch.integrations.webclient import WebClient
from tests.unit.test_webclient import LOOPBACK

PAGE = Path(__file__).resolve().parents[2] / "docs" / "router.md"


class Card(dict[str, Any]):
    @property
    def id(self) -> str:
        return str(self["id"])


class Cards:
    def by_value(self, name: str, value: str) -> Card | None:
        return Card(id=value) if name == "id" else None

    def by_number(self, number: str) -> Card | None:
        return None


@pytest.mark.parametrize(("customer", "queue"), [("K7", "queue:vip"), ("K2", "queue:infolinia")])
async def test_the_example_routes(customer: str, queue: str) -> None:
    names: dict[str, Any] = {"__name__": "example"}
    exec(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0], names)
    names["Route"].log_message = lambda *arguments: None
    server = HTTPServer(("127.0.0.1", 0), names["Route"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    web = WebClient(WebSettings(private=LOOPBACK))
    try:
        router = Router("crm", f"http://127.0.0.1:{server.server_port}/route", otherwise="hangup")
        queues = {"vip": Queue("vip"), "infolinia": Queue("infolinia")}
        site = Site(Directory("pbx.test", queues=queues, routers={"crm": router}), lambda name: True)
        site.facts = Facts(customers=Cards())  # type: ignore[arg-type]
        flow = ask("crm", site, Visitor(Somebody(id="c1", context={"customer": customer})))
        step: Any = next(flow)
        reply = await web.fetch(step.method, step.url, step.headers, step.body, step.timeout)
        step.status, step.answer = reply.status, reply.body
        mark: Any = flow.send(reply.result)
        with pytest.raises(StopIteration) as ended:
            flow.send("")
    finally:
        await web.close()
        server.shutdown()
        server.server_close()
    assert mark.detail == f"crm {queue}" and str(ended.value.value.destination) == queue
