"""A real switch, an agent and a caller: who calls is told before the phone is answered, what it was about afterwards."""

from __future__ import annotations

import asyncio
import json
import queue
import signal
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from .running import PATIENCE, Phone, Running, value
from .test_api import client, events
from .test_facilities import ask

SITE = """
screen_pop = "https://crm.example.com/?phone={number}&who={name}&id={customer}"
[disposition.sale]
title = { pl = "Sprzedaż", en = "Sale" }
[disposition.complaint]
note = true
[script.talk]
queues = ["QUEUE"]
steps = [{ name = "greet", text = "Good **morning**" }, { name = "ask", fields = [{ name = "people", kind = "number" }] }]
"""
CSV = "Nr,Kto,Tel\nK-17,Jan Łącki,601000111\nK-18,Ola,12a\n"


def answer(phone: Phone) -> str:
    """Wait for an INVITE, and take it; the request."""
    while True:
        status, text = phone.receive()
        if status == 0 and text.startswith("INVITE"):
            break
    host, port = phone.socket.getsockname()
    sdp = phone.offer()["body"]
    copied = "".join(f"{name}: {value(text, name)}\r\n" for name in ("From", "Call-ID", "CSeq"))
    vias = "".join(f"{line}\r\n" for line in text.split("\r\n") if line.lower().startswith(("via:", "record-route:")))
    phone.socket.sendall(
        f"SIP/2.0 200 OK\r\n{vias}{copied}To: {value(text, 'To')};tag=agent\r\n"
        f"Contact: <sip:{phone.user}@{host}:{port}>\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(sdp)}\r\n\r\n{sdp}".encode()
    )
    return text


def test_from_the_ring_to_the_report(own_switch: Running, tmp_path: Path) -> None:
    switch = own_switch
    site = tmp_path / "site.toml"
    text = ask(switch, "export")["site"]
    queue = next(line for line in text.splitlines() if line.startswith("[queue."))[7:-1]
    head, mark, rest = text.partition(f"[queue.{queue}]\n")
    more = 'dispositions = ["sale", "complaint"]\ndisposition = "required"\n'
    pop, _, objects = SITE.partition("[")
    site.write_text(f"{pop.strip()}\n{head}{mark}{more}{rest}\n[{objects}".replace("QUEUE", queue))
    ask(switch, "apply", str(site))
    number = next(line.split(" = ")[0] for line in text.splitlines() if line.endswith(f'"queue:{queue}"'))
    account = switch.facts["agents"][0]["user"]
    agent = next(one["agent"] for one in ask(switch, "agent", "list") if one["device"] == account)
    token = ask(switch, "token", "add", "board", "--role", "administrator")["shown"]
    mine = ask(switch, "token", "add", "panel", "--role", "agent", "--agent", agent)["shown"]

    switch.facts["accounts"].insert(0, switch.facts["agents"][0])
    desk, caller = Phone(switch, 0), Phone(switch, 1)
    assert desk.register() == 200 and caller.register() == 200
    ask(switch, "agent", "login", agent)
    caller.send_authenticated("INVITE", number, **caller.offer())
    answer(desk)
    found = asyncio.run(events(switch, token, 2, 0, "screen.pop"))
    assert [(one["at"], one["agent"], one["queue"], one["number"]) for one in found] == [
        ("offer", agent, queue, caller.user), ("answer", agent, queue, caller.user),
    ]  # fmt: skip
    assert found[0]["url"].startswith(f"https://crm.example.com/?phone={caller.user}&who=")
    call = found[0]["call"]

    with client(switch, mine) as panel:
        card = panel.get(f"/api/calls/{call}/card").json()
        assert (card["call"], card["number"], card["queue"], card["customer"]) == (call, caller.user, queue, None)
        offered = panel.get(f"/api/queues/{queue}/dispositions").json()
        assert offered["required"] and [one["disposition"] for one in offered["dispositions"]] == ["sale", "complaint"]
        shown = panel.get(f"/api/calls/{call}/script").json()
        assert [one["step"] for one in shown["script"]["steps"]] == ["greet", "ask"] and shown["steps"] == []
        step = f"/api/calls/{call}/script/ask"
        assert "is no number" in panel.put(step, json={"fields": {"people": "many"}}).json()["error"]
        assert panel.put(f"/api/calls/{call}/script/other", json={}).status_code == 404
        ask(switch, "calls", "hangup", "--all")
        assert panel.put(step, json={"done": True, "fields": {"people": "12"}}).status_code == 200
        ((ticked,),) = (panel.get(f"/api/calls/{call}/script").json()["steps"],)
        assert (ticked["step"], ticked["done"], ticked["fields"]) == ("ask", True, {"people": "12"})
        state = panel.get(f"/api/agents/{agent}").json()
        assert (state["activity"], state["owes"], state["handled"]) == ("wrapup", True, call)
        refused = panel.post(f"/api/agents/{agent}/orders", json={"order": "end_wrap_up"})
        assert refused.status_code == 409 and "disposition" in refused.json()["error"]
        path = f"/api/calls/{call}/disposition"
        assert "needs a note" in panel.post(path, json={"disposition": "complaint"}).json()["error"]
        assert panel.post(path, json={"disposition": "rubbish"}).status_code == 409
        assert panel.post("/api/calls/none/disposition", json={"disposition": "sale"}).status_code == 404
        chosen = panel.post(path, json={"disposition": "complaint", "note": "dwa razy"})
        assert (chosen.status_code, chosen.json()["by"]) == (200, "token:panel")
        order = {"order": "disposition", "disposition": "sale"}
        assert panel.post(f"/api/agents/{agent}/orders", json=order).json()["call"] == call
        assert not panel.get(f"/api/agents/{agent}").json()["owes"]
        history = panel.get(f"/api/calls/{call}/card").json()
        assert [one["disposition"] for one in history["dispositions"]] == ["sale"]
        assert [one["call"] for one in history["calls"]] == [call]
        (row,) = panel.get("/api/dispositions").json()
        assert (row["disposition"], row["count"], row["share"], row["agent"]) == ("sale", 1, 1.0, agent)
        (kept,) = panel.get("/api/scripts/report").json()
        assert (kept["script"], kept["agent"], kept["calls"], kept["ticked"], kept["share"]) == (
            "talk",
            agent,
            1,
            1,
            0.5,
        )
    assert [one["disposition"] for one in ask(switch, "report", "dispositions")] == ["sale"]
    (listed,) = ask(switch, "disposition", "list", "--agent", agent)
    assert listed["actor"] == "token:panel"


def test_the_book_of_customers(own_switch: Running) -> None:
    switch = own_switch
    token = ask(switch, "token", "add", "board", "--role", "administrator")["shown"]
    with client(switch, token) as board:

        def post(path: str, status: int = 200, **body: Any) -> Any:
            found = board.post(path, json=body)
            assert found.status_code == status, found.text
            return found.json()

        mapping = {"Nr": "customer", "Kto": "name", "Tel": "numbers"}
        tried = post("/api/customers/import", text=CSV, mapping=mapping)
        assert (tried["done"], tried["customers"], tried["mistakes"]) == (False, 2, 1)
        assert tried["problems"][0].startswith("line 3, column numbers: '12a'")
        assert not post("/api/customers/import", text=CSV, mapping=mapping, dry_run=False)["done"]
        assert board.get("/api/customers").json() == []
        good = CSV.replace("12a", "601000112")
        assert post("/api/customers/import", text=good, mapping=mapping, dry_run=False)["new"] == 2
        made = post(
            "/api/customers", 201, name="Jan Lacki", numbers=["22 123 45 67"], email="jan@example.com", tags=["x"]
        )
        assert made["customer"].startswith("c-") and made["numbers"] == ["+48221234567"]
        assert post("/api/customers", 409, numbers=["601000112"])["error"].endswith("it is that of K-18")
        assert post("/api/customers", 409, customer="K-17")["error"].startswith("There is a customer K-17")
        assert [one["customer"] for one in board.get("/api/customers?text=lacki").json()] == ["K-17", made["customer"]]
        assert [one["name"] for one in board.get("/api/customers?number=221234567").json()] == ["Jan Lacki"]

        post(f"/api/customers/{made['customer']}/notes", 201, text="prosi o fakturę")
        one = post("/api/customers/K-17/merge", other=made["customer"])
        assert (one["numbers"], one["email"], one["name"]) == (
            ["+48601000111", "+48221234567"], "jan@example.com", "Jan Łącki",
        )  # fmt: skip
        assert board.get(f"/api/customers/{made['customer']}").status_code == 404
        changed = board.patch("/api/customers/K-17", json={"vip": True, "fields": {"nip": "1", "city": ""}}).json()
        assert (changed["vip"], changed["fields"], sorted(changed["numbers"])) == (
            True,
            {"nip": "1"},
            sorted(one["numbers"]),
        )
        assert board.patch("/api/customers/K-17", json={"link": "javascript:alert(1)"}).status_code == 409
        card = board.get("/api/customers/K-17").json()
        assert [(note["text"], note["author"]) for note in card["notes"]] == [("prosi o fakturę", "token:board")]
        assert board.delete("/api/customers/K-17").json() == {"deleted": 1}
        assert board.get("/api/customers/K-17").status_code == 404
    told = asyncio.run(events(switch, token, 5, 0, "customer."))
    assert [(one["event"], one.get("verb"), one["customer"]) for one in told] == [
        ("customer.changed", "imported", ""), ("customer.changed", "created", made["customer"]),
        ("customer.noted", None, made["customer"]), ("customer.changed", "merged", "K-17"),
        ("customer.changed", "changed", "K-17"),
    ]  # fmt: skip
    assert ask(switch, "customers", "set", "K-18", "--company", "Acme", "--tag", "2026")["company"] == "Acme"
    assert ask(switch, "customers", "note", "K-18", "hello")["author"] == "cli"
    assert [one["text"] for one in ask(switch, "customers", "history", "K-18")["notes"]] == ["hello"]
    assert [one["customer"] for one in ask(switch, "customers", "find", "acme", "--tag", "2026")] == ["K-18"]


class Crm(BaseHTTPRequestHandler):
    """Another program that knows who calls."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        said = json.dumps({"data": [{"id": 17, "name": "Jan Lacki", "link": "https://crm.example.com/17"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def crm() -> Iterator[int]:
    Crm.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Crm)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_another_program_says_who_calls(tmp_path: Path, crm: int) -> None:
    settings = {
        "URL": f"http://127.0.0.1:{crm}/?n=$number",
        "CUSTOMER": "data.0.id",
        "NAME": "data.0.name",
        "TIMEOUT": "10",
    }
    switch = Running(tmp_path, {f"SOFTSWITCH_LOOKUP_{name}": one for name, one in settings.items()})
    try:
        switch.start()
        line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        line.bind(("127.0.0.2", 0))
        line.connect(("127.0.0.1", switch.port))
        line.settimeout(PATIENCE)
        site = tmp_path / "site.toml"
        text = ask(switch, "export")["site"]
        queue = next(one for one in text.splitlines() if one.startswith("[queue."))[7:-1]
        site.write_text(
            f'{text}\n[trunk.t]\nservers = ["127.0.0.2:{line.getsockname()[1]}"]\ndids = {{ "+48221234567" = "queue:{queue}" }}\n'
            '[route.r]\nprefixes = ["+"]\ntrunks = ["t"]\n'
        )
        ask(switch, "apply", str(site))
        token = ask(switch, "token", "add", "board", "--role", "administrator")["shown"]
        switch.facts["accounts"].insert(0, switch.facts["agents"][0])
        desk, caller = Phone(switch, 0), Phone(switch, 1)
        caller.close()
        caller.user = "+48601000111"
        caller.socket = line
        caller.send("INVITE", "+48221234567", **caller.offer())
        (known,) = asyncio.run(events(switch, token, 1, 0, "customer.identified"))
        assert (known["customer"], known["by"]) == ("17", "lookup") and Crm.asked == ["/?n=%2B48601000111"]
        assert desk.register() == 200  # whose agent is ready by that
        assert "Jan Lacki" in value(answer(desk), "From"), "the phone shows what the other program has said"
        found = asyncio.run(events(switch, token, 2, 0, "screen.pop"))
        assert [(one["at"], one["customer"], one["caller_name"]) for one in found] == [
            ("offer", "17", "Jan Lacki"), ("answer", "17", "Jan Lacki"),
        ]  # fmt: skip
        with client(switch, token) as board:
            card = board.get(f"/api/calls/{found[0]['call']}/card").json()
            assert (card["customer"]["customer"], card["customer"]["numbers"]) == ("17", ["+48601000111"])
            assert board.get("/api/customers").json() == [], "what others know is theirs to keep"
        ask(switch, "calls", "hangup", "--all")
    finally:
        switch.close()


def test_a_person_with_several_cards_is_forgotten_by_all_their_numbers(own_switch: Running) -> None:
    for customer, name, numbers in (
        ("K-1", "Jan Łącki", ("601000111", "221234567")), ("K-2", "Jan Lacki", ("602000222",)), ("K-3", "Jan bez numeru", ()),
        ("K-9", "Ola", ("603000333",)),
    ):  # fmt: skip
        more = [word for number in numbers for word in ("--number", number)]
        ask(own_switch, "customers", "set", customer, "--name", name, *more)
    token = ask(own_switch, "token", "add", "chief", "--role", "administrator")["shown"]
    with client(own_switch, token) as page:
        gone = page.delete("/api/customers/K-1/person", params={"also": ["K-2", "K-8"]})
        assert gone.status_code == 404, "one of them is not there: nothing is begun"
        assert page.get("/api/customers/K-1").status_code == 200
        done = page.delete("/api/customers/K-1/person", params={"also": ["K-2", "K-3"]}).json()
        assert (done["cards"], done["numbers"]) == (3, 3)
        for customer in ("K-1", "K-2", "K-3"):
            assert page.get(f"/api/customers/{customer}").status_code == 404
        for text in ("Jan", "601000111", "221234567", "602000222"):
            assert page.get("/api/customers", params={"text": text}).json() == [], text
        assert page.get("/api/customers/K-9").json()["name"] == "Ola"


def test_a_first_text_message_by_the_page(own_switch: Running) -> None:
    """Without a provider it says so; with one, the text arrives there, and the event tells."""
    got: queue.Queue[dict[str, Any]] = queue.Queue()

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    token = ask(own_switch, "token", "add", "chief", "--role", "administrator")["shown"]
    with client(own_switch, token) as page:
        assert page.get("/api/sms").json()["enabled"] is False
        refused = page.post("/api/sms/test", json={"to": "601000111", "text": "x"})
        assert refused.status_code == 409 and "no provider" in refused.json()["error"]
    with ThreadingHTTPServer(("127.0.0.1", 0), Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        own_switch.settings["SOFTSWITCH_SMS_URL"] = f"http://127.0.0.1:{server.server_port}/send"
        own_switch.settings["SOFTSWITCH_SMS_BODY"] = '{"to": "$to", "message": "$text"}'
        own_switch.signal(signal.SIGKILL)
        own_switch.wait()
        own_switch.start()
        with client(own_switch, token) as page:
            assert page.get("/api/sms").json()["provider"] == "127.0.0.1"
            assert page.post("/api/sms/test", json={"to": "221234567", "text": "x"}).status_code == 409, (
                "no mobile number"
            )
            assert page.post("/api/sms/test", json={"to": "601 000 111", "text": "Zażółć"}).status_code == 202
        assert got.get(timeout=PATIENCE) == {"to": "+48601000111", "message": "Zażółć"}
        (told,) = asyncio.run(events(own_switch, token, 1, 0, "sms.sent"))[-1:]
        server.shutdown()
    assert told["notice"] == "test" and got.empty()
