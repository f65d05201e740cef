"""The matrix of docs/crm.md without a CRM: what would be asked, and what is left out and why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from softswitch.directory import Directory
from softswitch.directory.hooks import ROWS
from softswitch.errors import ConfigError
from softswitch.integrations.crm import NAMES
from softswitch.integrations.crm_rehearsal import EVENTS, rehearse, sample
from softswitch.integrations.delivery_log import MOST, DeliveryLog
from softswitch.running.console import ConsoleError
from softswitch.store.objects import to_objects
from softswitch.store.site import parse_site

PAGE = Path(__file__).resolve().parents[2] / "docs" / "crm.md"
SITE = 'domain = "pbx.example.com"\n[queue.infolinia]\n[queue.sales]\n'


@pytest.fixture
def site() -> Directory:
    return parse_site(SITE + re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0])


def steps(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (one["action"], "left out" if one["left_out"] else f"{one['method']} {one['url']}") for one in found["requests"]
    ]


BASE = "https://crm.example.com/api"


def test_a_missed_call_of_somebody_whom_the_crm_knows(site: Directory) -> None:
    found = rehearse(site, "main", "missed", "sales", {}, None)
    assert steps(found) == [
        ("find", f"GET {BASE}/contacts?phone=%2B48600100200"), ("lead", "left out"), ("task", f"POST {BASE}/tasks"),
    ]  # fmt: skip
    assert found["requests"][1]["why"] == {"name": "contact", "value": "<contact>"}
    task = found["requests"][2]
    assert task["body"] == {"contact": "<contact>", "title": "Call back +48600100200", "queue": "sales"}
    headers = dict(task["headers"])
    assert headers["Authorization"] == "Bearer ***" and headers["Idempotency-Key"] == "1000042-2"
    assert "the CRM's own" not in str(found)


def test_of_somebody_unknown_and_with_the_rows_of_a_queue(site: Directory) -> None:
    found = rehearse(site, "main", "missed", "infolinia", {"contact": "", "number": "+48221234567"}, None)
    assert [one for one, _ in steps(found)] == ["find", "lead", "urgent"]
    assert found["requests"][1]["body"] == {"name": "Jan Kowalski", "phone": "+48221234567", "status": "lead"}
    assert found["requests"][2]["body"]["priority"] == 1
    assert found["values"]["outcome"] == "abandoned" and found["values"]["talk_seconds"] == 0.0


def test_a_matrix_that_is_not_in_force_yet(site: Directory) -> None:
    body = dict(to_objects(site)["crm", "main"])
    body["rows"] = {"ended": ["activity"]}
    body["queues"] = {}
    found = rehearse(site, "new", "ended", "", {"contact": "7", "talk_seconds": 5}, body)
    assert steps(found) == [("activity", f"POST {BASE}/contacts/7/activities")]
    assert rehearse(site, "new", "missed", "", {}, body)["requests"] == []
    body["rows"] = {"ended": ["nothing"]}
    with pytest.raises(ConfigError) as raised:
        rehearse(site, "new", "ended", "", {}, body)
    assert "crm.new.rows" in str(raised.value)


def test_what_there_is_not_is_said(site: Directory) -> None:
    for name, row in (("other", "missed"), ("main", "lost")):
        with pytest.raises(ConsoleError):
            rehearse(site, name, row, "", {}, None)


@pytest.mark.parametrize("row", ROWS)
def test_a_sample_has_every_name(row: str) -> None:
    made = sample(row, "sales")
    assert set(made) == set(NAMES) and (made["row"], made["queue"], made["event"]) == (row, "sales", EVENTS[row])
    assert bool(made["disposition"]) == (row == "disposition") and bool(made["recording"]) == (row == "recording")


def test_the_log_of_attempts_is_short_and_the_newest_stands_first() -> None:
    log = DeliveryLog()
    for seq in range(MOST + 3):
        log.note({"seq": seq, "event": "call.ended", "call": "c", "queue": None}, 10.0, 10.5, "" if seq else "x", 1)
    rows = log.rows()
    assert len(rows) == MOST and rows[0]["seq"] == MOST + 2 and rows[-1]["seq"] == 3
    assert rows[0] == {
        "seq": MOST + 2, "event": "call.ended", "call": "c", "queue": "", "at": 10.0, "seconds": 0.5, "attempt": 1, "error": "",
    }  # fmt: skip
