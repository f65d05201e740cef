"""Campaigns of a real switch: a list by command, an agent who looks and skips, and everything again after a kill."""

from __future__ import annotations

import json
import signal
import tomllib
from pathlib import Path

from click.testing import CliRunner

from softswitch.cli import main

from .running import Running
from .test_api import client
from .test_facilities import ask

LIST = "number;name;product\n+48600100201;Jan;A\n+48600100202;Ola;B\n600 100 203;Ewa;C\n+48600100201;again;A\n+48600100204;No;D\n"
CAMPAIGN = """
[campaign.spring]
queue = "queue"
enabled = true
deny = ["optouts"]
hours = ["Mon-Sun 00:00-24:00"]
script = "# {name}: {product}"
[list.optouts]
numbers = ["+48600100204"]
"""


def test_a_list_and_its_agents_over_a_kill(own_switch: Running, tmp_path: Path) -> None:
    switch = own_switch
    site, listed = tmp_path / "site.toml", tmp_path / "list.csv"
    name = tomllib.loads(ask(switch, "export")["site"])["queue"].copy().popitem()[0]
    site.write_text(ask(switch, "export")["site"] + CAMPAIGN.replace('"queue"', json.dumps(name)))
    ask(switch, "apply", str(site))
    listed.write_text(LIST)
    tried = ask(switch, "campaign", "import", "spring", str(listed), "--dry-run")
    assert (tried["new"], tried["known"], tried["denied"], tried["changed"]) == (4, 1, 1, False)
    assert ask(switch, "campaign", "contacts", "spring") == []
    ask(switch, "campaign", "import", "spring", str(listed))
    assert ask(switch, "campaign", "import", "spring", str(listed))["new"] == 0
    (tmp_path / "wrong.csv").write_text("number,name\n+48600100299,x\nnobody,y\n")
    environment = {"SOFTSWITCH_CONFIG": str(switch.directory / "lab")}
    found = CliRunner().invoke(main, ["campaign", "import", "spring", str(tmp_path / "wrong.csv")], env=environment)
    assert found.exit_code == 1 and "line 3: 'nobody' is no telephone number" in found.output
    assert len(ask(switch, "campaign", "contacts", "spring")) == 4, "nothing of a wrong list is taken"

    agent = ask(switch, "agent", "list")[0]["agent"]
    token = ask(switch, "token", "add", "anna", "--role", "agent", "--agent", agent)["shown"]
    with client(switch, token) as page:
        shown = page.post("/api/campaigns/spring/next", json={}).json()["contact"]
        assert (shown["number"], shown["script"]) == ("+48600100201", "# Jan: A")
        assert page.post("/api/campaigns/spring/next", json={}).json()["contact"]["id"] == shown["id"]
        path = f"/api/campaigns/spring/contacts/{shown['id']}"
        assert page.post(f"{path}/skip", json={"note": "moved"}).json()["status"] == "skipped"
        assert page.post(f"{path}/accept", json={}).status_code == 409
        assert page.get("/api/campaigns").json()[0]["statuses"]["skipped"] == 1
        assert page.post("/api/campaigns/none/next", json={}).status_code == 404
    ask_until(switch, "skipped")
    switch.signal(signal.SIGKILL)
    switch.wait()
    switch.start()
    report = ask_until(switch, "skipped")
    assert (report["contacts"], report["statuses"]["waiting"]) == (4, 3)
    (skipped,) = ask(switch, "campaign", "contacts", "spring", "--status", "skipped")
    assert (skipped["note"], skipped["fields"], skipped["number"]) == ("moved", {"product": "A"}, "+48600100201")
    ask(switch, "erase", "+48600100202", "--yes")
    left = ask(switch, "campaign", "contacts", "spring")
    assert "+48600100202" not in json.dumps(left) and "Ola" not in json.dumps(left) and len(left) == 4
    assert CliRunner().invoke(main, ["campaign", "clear", "spring", "--yes"], env=environment).exit_code == 0
    assert ask(switch, "campaign", "report", "spring")["contacts"] == 0


def ask_until(switch: Running, status: str) -> dict[str, object]:
    """What the report says as soon as somebody has this status: lists are read while calls are taken already."""
    import time

    until = time.monotonic() + 30.0
    while True:
        found = ask(switch, "campaign", "list")
        if found and found[0]["statuses"][status]:
            return dict(found[0])
        assert time.monotonic() < until
        time.sleep(0.05)
