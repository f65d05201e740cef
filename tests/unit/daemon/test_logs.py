from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from softswitch import logs


@pytest.fixture(autouse=True)
def structlog_as_it_was() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_json_lines_with_call_ids_and_without_secrets(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logs.configure(form="json", path=path)
    structlog.get_logger().info("call ended", call="c-17", password="hunter2", ha1_md5="abc", number="600100200")
    (entry,) = lines(path)
    assert entry["event"] == "call ended" and entry["call"] == "c-17" and entry["level"] == "info"
    assert str(entry["time"]).endswith("Z")
    assert "hunter2" not in path.read_text() and "abc" not in path.read_text()
    assert entry["number"] == "600100200"


def test_numbers_can_be_masked(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logs.configure(form="json", path=path, mask=True)
    structlog.get_logger().info("call", caller="600100200", dialled="800")
    assert lines(path)[0]["caller"] == "******200" and lines(path)[0]["dialled"] == "800"


def test_text_is_one_line_with_values_quoted_where_needed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logs.configure(path=path)
    structlog.get_logger().warning("odd", reason="two words", n=3, empty="")
    assert path.read_text().rstrip("\n").partition(" ")[2] == "WARNING odd reason='two words' n=3 empty=''"


def test_the_level_holds(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logs.configure(level="warning", path=path)
    structlog.get_logger().info("quiet")
    assert path.read_text() == ""


def test_what_is_said_too_often_is_left_out_and_counted() -> None:
    now = 100.0
    limit = logs.RateLimit(lambda: now)
    for _ in range(logs.BURST):
        limit(None, "info", {"event": "flood"})
    with pytest.raises(structlog.DropEvent):
        limit(None, "info", {"event": "flood"})
    assert limit(None, "info", {"event": "other"}) == {"event": "other"}
    now += logs.WINDOW + 1
    assert limit(None, "info", {"event": "next"}) == {"event": "next", "left_out": {"flood": 1}}


def test_a_line_that_would_be_left_out_is_counted_without_being_made() -> None:
    now = 100.0
    limit = logs.RateLimit(lambda: now)
    limit(None, "info", {"event": "other"})
    assert not limit.full("flood", "info")
    for _ in range(logs.BURST):
        limit(None, "info", {"event": "flood"})
    assert limit.full("flood", "info") and not limit.full("flood", "warning")
    now += logs.WINDOW + 1
    assert not limit.full("flood", "info")
    assert limit(None, "info", {"event": "flood"}) == {"event": "flood", "left_out": {"flood": 1}}


def test_the_file_can_be_opened_again_after_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    output = logs.configure(path=path)
    structlog.get_logger().info("first")
    path.rename(tmp_path / "log.1")
    output.reopen()
    structlog.get_logger().info("second")
    assert "first" in (tmp_path / "log.1").read_text() and "second" in path.read_text()


def test_a_full_disk_does_not_raise() -> None:
    output = logs.Output(Path("/dev/full"))
    output.msg("lost")


def test_a_fault_is_told_with_its_traceback_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    logs.configure(form="json", path=path)
    faults = logs.Faults()
    for _ in range(5):
        try:
            raise ValueError("boom")
        except ValueError as error:
            faults("message", error)
    told = lines(path)
    assert faults.total == 5
    assert [entry["event"] for entry in told] == ["fault", "fault again", "fault again"]
    assert "test_logs.py" in str(told[0]["traceback"]) and "traceback" not in told[1]
    assert told[2]["times"] == 4
