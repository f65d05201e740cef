"""Webhooks of a real switch: added by command, told what happens, over a kill and while the receiver is away."""

from __future__ import annotations

import json
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from softswitch.cli import main
from tests.unit.test_webhooks import example

from .running import PATIENCE, Running
from .test_facilities import ask, pages


class Program:
    """A receiver on this machine. What it is told is in `got`; `status`: what it answers."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()
        self.status = 200

    def told(self) -> dict[str, Any]:
        headers, body = self.got.get(timeout=PATIENCE)
        found: dict[str, Any] = json.loads(body)
        return found | {"headers": headers, "body": body}


@contextmanager
def listening(program: Program, port: int = 0) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            program.got.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(program.status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")  # or it would go on to be told when nobody listens any more
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()


def switched(switch: Running, name: str, verb: str) -> None:
    ask(switch, "agent", verb, name)


def test_told_over_a_kill_and_an_outage(tmp_path: Path) -> None:
    settings = {"SOFTSWITCH_WEB_PRIVATE": "127.0.0.1", "SOFTSWITCH_RECORDS_FLUSH_MS": "10000"}
    switch, program = Running(tmp_path, settings), Program()
    try:
        switch.start()
        tell_over_a_kill_and_an_outage(switch, program)
    finally:
        switch.close()
    assert "Traceback" not in switch.log()


def tell_over_a_kill_and_an_outage(switch: Running, program: Program) -> None:
    agent = ask(switch, "agent", "list")[0]["agent"]
    with listening(program) as port:
        url = f"http://127.0.0.1:{port}/hooks"
        made = ask(switch, "webhook", "add", "board", url, "--event", "agent.presence")
        test = ask(switch, "webhook", "test", "board")
        assert (test["status"], test["error"]) == (200, "")
        assert program.told()["event"] == "webhook.test"
        switched(switch, agent, "login")
        first = program.told()
        assert (first["event"], first["agent"]) == ("agent.presence", agent)
        assert example()(made["secret"], first["headers"], first["body"])
    # Nobody listens now, and the switch is killed on top of it.
    switched(switch, agent, "pause")
    switched(switch, agent, "ready")
    switch.signal(signal.SIGKILL)
    switch.wait()
    with listening(program, port):
        switch.start()
        found: list[dict[str, Any]] = []
        # The first may come again: nobody knows whether its answer arrived.
        while not found or found[-1]["seq"] == first["seq"] or found[-1]["presence"] != "ready":
            found.append(program.told())
        while ask(switch, "webhook", "show", "board")["waiting"]:  # the program has it; the switch must have the answer
            pass
    numbers = [one["seq"] for one in found]
    assert numbers == sorted(set(numbers)) and numbers[0] >= first["seq"]
    told = [(one["agent"], one["presence"]) for one in found if one["seq"] > first["seq"]]
    assert told[:2] == [(agent, "not_ready"), (agent, "ready")]
    assert made["secret"] not in json.dumps([ask(switch, "webhook", "list"), ask(switch, "history")])
    refuse_and_try_again(switch, program, agent, port)


def refuse_and_try_again(switch: Running, program: Program, agent: str, port: int) -> None:
    site = ask(switch, "export")["site"].replace("[webhook.board]", "[webhook.board]\nattempts = 1")
    (switch.directory / "site.toml").write_text(site)
    ask(switch, "apply", str(switch.directory / "site.toml"))
    program.status = 400
    with listening(program, port):
        switched(switch, agent, "pause")
        refused = program.told()
        follow(switch, "webhook.gave_up")
        (dead,) = ask(switch, "webhook", "dead", "board")
        assert (dead["seq"], dead["error"]) == (refused["seq"], "status 400")
        assert 'softswitch_receiver_dead{kind="webhook",name="board"} 1.0' in pages(switch)
        program.status = 204
        again = ask(switch, "webhook", "retry", "board", "--seq", str(dead["seq"]))
        assert (again["delivered"], again["left"]) == (1, 0)
        assert program.told()["headers"]["webhook-id"] == refused["headers"]["webhook-id"]
        last = ask(switch, "webhook", "recent", "board")[:2]
        assert [(one["seq"], one["error"]) for one in last] == [(dead["seq"], ""), (dead["seq"], "status 400")]
        program.status = 400
        switched(switch, agent, "ready")
        program.told()
        while not ask(switch, "webhook", "dead", "board"):  # it is laid aside when the answer is there
            pass
        assert ask(switch, "webhook", "discard", "board", "--all") == {"discarded": 1, "left": 0}
        assert ask(switch, "webhook", "dead", "board") == []
    ask(switch, "webhook", "remove", "board")
    assert ask(switch, "webhook", "list") == []
    environment = {"SOFTSWITCH_CONFIG": str(switch.directory / "lab")}
    assert CliRunner().invoke(main, ["webhook", "show", "board"], env=environment).exit_code == 4


def follow(switch: Running, name: str) -> None:
    """Wait until an event of this name is told; it may have happened already."""
    import asyncio

    from .test_api import events

    token = ask(switch, "token", "add", f"t{name}", "--role", "auditor")["shown"]
    asyncio.run(events(switch, token, 1, 0, name))
