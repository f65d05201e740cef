"""Header lines of calls."""

from __future__ import annotations

from softswitch.call.headers import anonymous, party, passed, queue_lines
from softswitch.directory import Queue
from tests.unit.call.test_body import message


def test_only_named_headers_pass() -> None:
    found = passed(
        message(
            b"", "Subject: Lunch", "P-Asserted-Identity: <sip:boss@x>", "Remote-Party-ID: <sip:boss@x>", "X-Evil: 1"
        )
    )
    assert found == "Subject: Lunch\r\n"
    assert passed(message(b"", "P-Asserted-Identity : <sip:boss@x>", "s: compact")) == "Subject: compact\r\n"
    assert passed(message(b"", "Subject: " + "x" * 2000)) == ""


def test_privacy() -> None:
    assert anonymous(message(b"", "Privacy: id"))
    assert anonymous(message(b"", "Privacy: header; User"))
    assert not anonymous(message(b"", "Privacy: none"))
    assert not anonymous(message(b""))


def test_parties_are_quoted_and_escaped() -> None:
    assert party('Ann "A" \\ B', "a b", "pbx.test") == '"Ann \\"A\\" \\\\ B" <sip:a%20b@pbx.test>'
    assert party("", "anna", "pbx.test") == "<sip:anna@pbx.test>"
    assert party("x\r\nEvil: 1", "anna", "pbx.test").count("\r\n") == 0


def test_what_an_agents_phone_is_told() -> None:
    lines = queue_lines("abc", Queue("info", alert_info="<http://x/ring>"), 12.6, "pbx.test")
    assert lines == "X-Queue: info\r\nX-Wait: 13\r\nX-Call-Id: abc\r\nAlert-Info: <http://x/ring>\r\n"
    lines = queue_lines("abc", Queue("my\r\nEvil: queue"), 0, "pbx.test")
    assert lines.startswith("X-Queue: my Evil: queue\r\nX-Wait: 0\r\n")
    assert "answer-after=0" in queue_lines("abc", Queue("info", auto_answer=True), 0, "pbx.test")
