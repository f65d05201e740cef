"""Reports by API: each gets those of their own queues and agents, and files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient

from softswitch.api.app import build
from softswitch.api.feed import Feed
from softswitch.reports.asking import answer
from softswitch.reports.build import REPORTS
from softswitch.reports.range import RangeError
from softswitch.store.ledger import Ledger
from tests.unit.api.test_app import Switchboard
from tests.unit.api.test_auth import KEY
from tests.unit.api.test_feed import Journal
from tests.unit.api.test_roles import authorized, new_board
from tests.unit.store.conftest import empty_database

__all__ = ["empty_database"]  # a fixture


@pytest.fixture
def board(empty_database: Any, tmp_path: Any) -> Switchboard:
    board = new_board()
    path = tmp_path / "s.sqlite"
    path.write_bytes(empty_database.read_bytes())
    ledger = Ledger(path)
    real = board.order

    async def order(command: str, **arguments: Any) -> Any:
        await real(command, **arguments)
        return answer(arguments.pop("name"), ledger, board.site, 1_790_000_000.0, **arguments)

    board.order = order  # type: ignore[method-assign]
    return board


@pytest.fixture
def client(board: Switchboard) -> Iterator[TestClient]:
    with TestClient(build(board, Feed(Journal()), key=KEY), base_url="http://pbx.example.com") as client:
        yield client


@pytest.mark.parametrize(
    ("role", "report", "queues", "agents"),
    [
        ("supervisor", "queues", ["sales"], ["anna", "jan"]),
        ("supervisor", "agents", ["sales"], ["anna", "jan"]),
        ("auditor", "queues", None, None),
        ("agent", "agents", None, ["anna"]),
        ("agent", "timeline", None, ["anna"]),
    ],
)
def test_of_whom(client: TestClient, board: Switchboard, role: str, report: str, queues: Any, agents: Any) -> None:
    answer = client.get(f"/api/reports/{report}?range=week", headers=authorized(role))
    assert answer.status_code == 200 and answer.json()["definitions"]
    ((_, asked),) = board.orders
    assert (asked["queues"], asked["agents"]) == (queues, agents)


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("supervisor", "queues?queue=support", 404),
        ("supervisor", "agents?agent=ola", 404),
        ("supervisor", "load", 403),
        ("agent", "queues", 403),
        ("agent", "missed", 403),
        ("agent", "agents?agent=jan", 404),
        ("auditor", "load", 200),
        ("auditor", "nothing", 404),
        ("auditor", "queues?format=doc", 422),
    ],
)
def test_not_of_others(client: TestClient, role: str, path: str, status: int) -> None:
    assert client.get(f"/api/reports/{path}", headers=authorized(role)).status_code == status


def test_each_learns_which_there_are(client: TestClient) -> None:
    def names(role: str) -> list[str]:
        found = client.get("/api/reports", headers=authorized(role)).json()
        return [one["report"] for one in found["reports"]]

    assert names("auditor") == list(REPORTS) and names("agent") == ["agents", "timeline", "transfers"]
    assert set(REPORTS) - set(names("supervisor")) == {"load"}


def test_files(client: TestClient) -> None:
    who = authorized("auditor")
    for more, begin in (("", "kolejka;zaoferowane"), ("&separator=comma", "kolejka,zaoferowane")):
        csv = client.get(f"/api/reports/queues?format=csv&language=pl&range=today{more}", headers=who)
        assert csv.content.decode("utf-8-sig").startswith(begin)
        assert "queues-" in csv.headers["content-disposition"]
    book = client.get("/api/reports/heatmap?format=xlsx", headers=who)
    assert openpyxl.load_workbook(io.BytesIO(book.content)).sheetnames == ["heatmap", "Definitions"]


def test_another_service_level_and_the_time_before(client: TestClient) -> None:
    who = authorized("auditor")
    found = client.get("/api/reports/queues?range=today&service_level=45&compare=true", headers=who).json()
    assert {one["service_level_seconds"] for one in found["limits"].values()} == {45}
    assert found["previous"]["range"]["from"] < found["range"]["from"]
    assert found["previous"]["total"].keys() == found["total"].keys()
    assert client.get("/api/reports/queues?service_level=-1", headers=who).status_code == 422


def test_what_is_no_time_is_said(board: Switchboard) -> None:
    with pytest.raises(RangeError, match="no range"):
        answer("queues", None, board.site, 0.0, range="ever")  # type: ignore[arg-type]
