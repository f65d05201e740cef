"""Whom the switch tells outside, by clicks: a webhook with its secret, a test and what was refused; a CRM with its matrix."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any
from uuid import uuid4

from ..lab import Lab
from .conftest import LogIn
from .surfer import NARROW, Surfer

LAB = {"accounts": 2, "agents": 1, "tiers": 1, "environment": {"SOFTSWITCH_WEB_PRIVATE": "127.0.0.1"}}


class Program:
    """Takes requests. `status`: what it answers."""

    def __init__(self) -> None:
        self.got: Queue[dict[str, Any]] = Queue()
        self.status = 200

    @contextmanager
    def listening(self) -> Iterator[int]:
        program = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                program.got.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(program.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield int(server.server_port)
        finally:
            server.shutdown()
            server.server_close()


def readable(surfer: Surfer) -> None:
    for theme in ("light", "dark"):
        surfer.theme(theme)
        surfer.settle()
        assert surfer.faint() == []
    surfer.theme("light")
    surfer.resize(*NARROW)
    surfer.settle()
    assert surfer.fits()
    surfer.resize(1440, 900)


def test_a_webhook_is_made_tried_and_what_it_refused_is_sent_again(lab: Lab, page: LogIn) -> None:
    program = Program()
    with program.listening() as port:
        surfer = page("administrator", "/admin/webhook/+")
        surfer.type("field", "Name or number", "board")
        surfer.type("field", "Address (URL)", f"http://127.0.0.1:{port}/hooks")
        surfer.click("button", "Save")
        secret = surfer.read(r"whsec_[A-Za-z0-9+/=]+").group()
        surfer.click("button", "I have it")
        surfer.see("heading", "Recent attempts")
        surfer.click("button", "Send a test event")
        surfer.read("Taken: status 200")
        assert secret in lab.command("export")["site"] and secret not in surfer.text()
        program.status = 400
        site = lab.command("export")["site"].replace("[webhook.board]", "[webhook.board]\nattempts = 1")
        (lab.directory / "changed.toml").write_text(site)
        lab.command("apply", str(lab.directory / "changed.toml"))
        lab.command("agent", "login", "agent-2000")
        surfer.read("status 400")
        surfer.see("heading", "Events laid aside")
        readable(surfer)
        surfer.shots("webhook")
        program.status = 200
        surfer.click("button", "Send all again")
        surfer.gone("heading", "Events laid aside")
        surfer.see(".badge", "taken")
    surfer.open("/admin/webhook")
    surfer.read("board")
    surfer.shots("webhooks")


def test_the_matrix_of_a_crm_and_what_it_would_send(lab: Lab, page: LogIn) -> None:
    surfer = page("administrator", "/admin/crm/+")
    surfer.type("field", "Name or number", "main")
    surfer.type("field", "Address (URL)", "https://crm.example.com/api")
    surfer.type("field", "Token of the CRM", "not to be shown")
    for name, way in (("find", "/contacts?phone={number}"), ("task", "/tasks")):
        surfer.type("field", "Name of a new request", name)
        surfer.click(".admin-pair button", "Add")
        surfer.read(name, "details[open] summary")
        surfer.type("field", "Path", way)
    surfer.type("field", "Body (JSON)", '{"title": "Call back {number}"}')
    surfer.click("[role=checkbox]", "Missed call: find")
    surfer.click("[role=checkbox]", "Missed call: task")
    surfer.choose("For", "queue")
    surfer.click("[role=checkbox]", "Missed call: find")
    surfer.choose("When", "missed")
    surfer.click("button", "Show the requests")
    surfer.read(r"(?s)https://crm\.example\.com/api/contacts\?phone=%2B48600100200.*Call back \+48600100200")
    surfer.read(r"Bearer \*\*\*")
    readable(surfer)
    surfer.shots("crm")
    surfer.click("button", "Save")
    surfer.see("heading", "main")
    site = lab.command("export")["site"]
    assert 'missed = ["find", "task"]' in site and 'missed = ["task"]' in site and "Call back {number}" in site
    assert "not to be shown" in site and "not to be shown" not in surfer.text()


def test_a_prompt_is_recorded_with_the_microphone_and_the_former_one_comes_back(lab: Lab, page: LogIn) -> None:
    surfer = page("administrator", "/admin/prompts")
    surfer.type("field", "Search", "closed-holiday")
    surfer.click("button", "Record: closed-holiday")
    surfer.see("dialog")
    for takes in (1, 2):
        surfer.click("dialog button", "Record")
        surfer.see("button", "Stop")
        surfer.read(r"0:0[2-9]", "dialog .clock")
        surfer.click("button", "Stop")
        surfer.click("button", "Use this recording")
        surfer.until(f"document.querySelectorAll('dialog tbody tr').length === {takes}")
    surfer.shots("studio")
    surfer.click("button", "Bring back")
    surfer.read("Brought back")
    found = lab.command("prompt", "versions", "closed-holiday", "--language", "en")
    assert [one["current"] for one in found] == [True, False]


def test_reasons_of_pauses_are_those_of_the_site(lab: Lab, page: LogIn) -> None:
    name = f"seminar-{uuid4().hex[:6]}"  # the lab may have the one of an attempt before
    admin = page("administrator", "/admin/pause")
    admin.read("lunch")
    admin.open("/admin/pause/+")
    admin.type("field", "Name or number", name)
    admin.type("field", "Polski", name.title())
    admin.type("field", "English", name.title())
    admin.click("button", "Save")
    admin.see("heading", name)
    admin.shots("pause")
    lab.command("agent", "login", "agent-2000")
    agent = page("agent", "/panel", agent="agent-2000")
    agent.click(".panel-state")
    agent.shots("pauses")
    agent.click("[role=menuitemradio]", name.title())
    agent.read(name.title(), ".panel-state")
    assert lab.command("agent", "list")[0]["reason"] == name


def test_a_supervisor_moves_agents_between_tiers_and_sees_first_what_that_does(lab: Lab, page: LogIn) -> None:
    surfer = page("supervisor", "/queue-settings/queue", queue="queue")
    surfer.read("(?s)Tier 1.*Tier 2")
    surfer.until(
        "(() => { const one = document.querySelector('.admin-member'); one?.focus(); return Boolean(one); })()"
    )
    surfer.key("ArrowRight")
    surfer.click("button", "Preview")
    surfer.read(r"tier.*1", ".supervisor-preview")
    surfer.shots("tiers")
    surfer.click("button", "Apply")
    surfer.read("In force")
    assert "tier = 1" in lab.command("export")["site"]
