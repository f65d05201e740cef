"""The front desk of a real switch: what is said by command holds, and still does after a kill."""

from __future__ import annotations

import json
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner

from media import wavfile
from softswitch.cli import main
from softswitch.cli.output import WRONG_CONFIG

from .running import PATIENCE, Phone, Running

SITE = """
[hours.office]
spans = ["Mon-Sun 00:00-24:00"]
[outage.net]
numbers = ["1002"]
then = "hangup"
[list.partners]
numbers = ["+4932*"]
"""
CUSTOMERS = "customer,name,numbers,vip,manager,nip\nK1,Jan Kowalski,601000111|22 123 45 67,yes,{agent},5260001246\nK2,Ola,,no,,\n"


def ask(switch: Running, *arguments: str) -> Any:
    """As `Running.command`, without a process for each: what the command says with --json."""
    found = CliRunner().invoke(main, [*arguments, "--json"], env={"SOFTSWITCH_CONFIG": str(switch.directory / "lab")})
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


def pages(switch: Running) -> str:
    """What the page of metrics says."""
    request = Request(f"http://127.0.0.1:{switch.http}/metrics")
    if token := switch.facts.get("http_token"):
        request.add_header("Authorization", f"Bearer {token}")
    with urlopen(request, timeout=PATIENCE) as answer:
        text: str = answer.read().decode()
    return text


def test_everything_survives_a_kill(own_switch: Running, tmp_path: Path) -> None:
    switch = own_switch
    site, listed = tmp_path / "site.toml", tmp_path / "customers.csv"
    site.write_text(ask(switch, "export")["site"] + SITE)
    ask(switch, "apply", str(site))
    before = ask(switch, "hours")
    assert [(one["hours"], one["open"], one["next_change"]) for one in before] == [("office", True, "")]
    assert ask(switch, "hours", "set", "office", "closed", "--until", "2h")["open"] is False
    assert ask(switch, "outage", "on", "net")["then"] == "hangup"
    assert (
        ask(switch, "callers", "block", "601 000 112", "--days", "2", "--reason", "insults")["number"] == "+48601000112"
    )
    agent = ask(switch, "agent", "list")[0]["agent"]
    listed.write_text(CUSTOMERS.format(agent=agent))
    assert ask(switch, "customers", "import", str(listed))["customers"] == 2
    assert ask(switch, "customers", "set", "K2", "--number", "601 000 113", "--field", "city=Kraków")["vip"] is False

    switch.signal(signal.SIGKILL)
    switch.wait()
    switch.start()

    hours = ask(switch, "hours")[0]
    assert (hours["open"], hours["state"], hours["scheduled"], hours["by"]) == (False, "closed", True, "cli")
    assert 7_000 < hours["until"] - time.time() <= 7_200
    assert [one["on"] for one in ask(switch, "outage", "status")] == [True]
    assert [one["number"] for one in ask(switch, "callers")["blocked"]] == ["+48601000112"]
    card = ask(switch, "customers", "show", "+48221234567")
    assert (card["customer"], card["vip"], card["manager"], card["fields"]) == (
        "K1",
        True,
        agent,
        {"nip": "5260001246"},
    )
    assert ask(switch, "customers", "show", "K2")["fields"] == {"city": "Kraków"}
    known = ask(switch, "callers", "show", "601000113")
    assert known["customer"]["id"] == "K2" and known["lists"] == [] and known["calls_today"] == 0

    metrics = pages(switch)
    assert 'softswitch_hours_open{hours="office"} 0.0' in metrics and 'softswitch_outage{outage="net"} 1.0' in metrics
    assert "softswitch_callers_blocked 1.0" in metrics
    recording = tmp_path / "own.wav"
    recording.write_bytes(wavfile.header(8000, 16_000, 1) + b"\0\x20\0\xe0" * 4_000)
    own = ask(switch, "outage", "on", "Own words", "--number", "1001", "--wav", str(recording), "--until", "1h")
    assert own["clips"] == ["outage-own-words"] and own["numbers"] == ["1001"]
    assert ask(switch, "outage", "off", "Own words") == ["Own words"]

    ask(switch, "hours", "set", "office", "auto")
    assert ask(switch, "outage", "off") == ["net"] and ask(switch, "callers", "unblock", "601000112")
    listed.write_text(CUSTOMERS.format(agent=agent).rsplit("K2", 1)[0])
    assert ask(switch, "customers", "import", str(listed), "--replace")["deleted"] == 1
    with closing(sqlite3.connect(switch.directory / "lab" / "softswitch.sqlite")) as database:
        assert database.execute("SELECT customer, number FROM customer_numbers ORDER BY number").fetchall() == [
            ("K1", "+48221234567"), ("K1", "+48601000111"),
        ]  # fmt: skip
    assert ask(switch, "survey") == []


def test_mistakes_are_told_and_change_nothing(own_switch: Running, tmp_path: Path) -> None:
    switch = own_switch
    listed = tmp_path / "customers.csv"
    listed.write_text("customer,numbers,manager\nK1,601000111,nobody\nK2,12a,\n")
    for arguments, said in (
        (("customers", "import", str(listed)), "line 2, column manager: 'nobody'"),
        (("customers", "import", str(listed)), "line 3, column numbers: '12a'"),
        (("hours", "set", "nowhere", "open"), "There are no opening hours 'nowhere'"),
        (("outage", "on", "--number", "999999"), "999999"),
        (("outage", "on", "--play", "no-such-clip"), "There is no clip 'no-such-clip'"),
        (("outage", "on", "--until", "2001-01-01 10:00"), "in the past"),
        (("outage", "on", "internet"), "There is no announcement 'internet'"),
        (("registrations", "nobody"), "There is no account 'nobody'"),
        (("recording", "start", "nothing"), "nothing: there is no such call"),
        (("events", "--only", "quueue"), "No event has a name that starts with 'quueue'"),
        (("outage", "on", "--until", "soon"), "'soon' is no time"),
        (("outage", "off", "net"), "is not on"),
        (("callers", "block", "what"), "cannot be blocked"),
        (("callers", "unblock", "601000111"), "is not blocked"),
        (("customers", "show", "K1"), "There is no customer 'K1'"),
        (("customers", "delete", "K1"), "There is no such customer"),
    ):
        try:
            ask(switch, *arguments)
        except AssertionError as error:
            assert said in str(error)
        else:
            raise AssertionError(arguments)
    assert ask(switch, "customers", "list") == [] and ask(switch, "outage", "status") == []
    wrong = tmp_path / "site.toml"
    wrong.write_text(ask(switch, "export")["site"] + "[queue.second]\nmax_wiat = 5\n")
    environment = {"SOFTSWITCH_CONFIG": str(switch.directory / "lab")}
    found = CliRunner().invoke(main, ["apply", str(wrong)], env=environment)
    assert "queue.second.max_wiat: unknown key" in found.output and "Nothing was changed." in found.output
    assert found.exit_code == WRONG_CONFIG, "as without a switch that runs"


class Provider(BaseHTTPRequestHandler):
    """A web service of a customer database, and one that takes text messages."""

    asked: ClassVar[list[tuple[str, str, dict[str, str], bytes]]] = []

    def answer(self, body: bytes) -> None:
        self.asked.append((self.command, self.path, dict(self.headers), body))
        said = b'{"customer": {"name": "Jan"}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *arguments: object) -> None:
        """Be quiet."""


@pytest.fixture
def provider() -> Iterator[int]:
    """Its port."""
    Provider.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


MENU = """
[menu.help]
steps = [
    {{ http = "http://127.0.0.1:{port}/who?n={{caller.number}}", save = {{ name = "customer.name" }}, failed = "hangup" }},
    {{ sms = "Hello {{name}}", to = "601000111" }},
    {{ sms = "Nobody gets this", to = "221234567" }},
    {{ hangup = "helped" }},
]
"""


def test_a_menu_asks_a_web_service_and_sends_a_text(tmp_path: Path, provider: int) -> None:
    token = tmp_path / "token"
    token.write_text("Bearer secret\n")
    switch = Running(tmp_path, {
        "SOFTSWITCH_WEB_PRIVATE": "127.0.0.1", "SOFTSWITCH_SMS_URL": f"http://127.0.0.1:{provider}/sms",
        "SOFTSWITCH_SMS_AUTHORIZATION_FILE": str(token),
    })  # fmt: skip
    try:
        switch.start()
        site = tmp_path / "site.toml"
        text = ask(switch, "export")["site"].replace("[extensions]\n", '[extensions]\n8800 = "menu:help"\n')
        site.write_text(text + MENU.format(port=provider))
        ask(switch, "apply", str(site))
        with closing(Phone(switch)) as phone:
            phone.call("8800")
            status, said = phone.receive()
            assert status == 0 and said.startswith("BYE")
        deadline = time.monotonic() + PATIENCE
        while len(Provider.asked) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (method, path, _, _), (_, other, headers, body) = Provider.asked
        assert (method, path) == ("GET", f"/who?n={phone.user}") and other == "/sms"
        assert json.loads(body) == {"to": "+48601000111", "text": "Hello Jan", "sender": ""}
        assert headers["Authorization"] == "Bearer secret"
        counts = ask(switch, "status")["events"]
        assert counts["http.answered"] == 1 and counts["sms.sent"] == 2
        assert "Bearer" not in switch.log() and "/who?n" not in switch.log()
    finally:
        switch.close()
    assert "Traceback" not in switch.log()
