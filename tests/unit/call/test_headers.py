"""Header lines of calls."""

from __future__ import annotations

import pytest

from softswitch.call.headers import (
    Diversion,
    anonymous,
    auto_answer,
    diversion_lines,
    party,
    passed,
    queue_lines,
)
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
    asked = queue_lines("abc", Queue("info", auto_answer=True, alert_info="<http://x/ring>"), 0, "pbx.test")
    assert "Alert-Info" not in asked, "each phone is asked in the words of its maker"


@pytest.mark.parametrize(
    ("agent", "says", "says_not"),
    [
        ("Yealink SIP-T46S 66.85.0.5", "info=alert-autoanswer;delay=0", "Answer-Mode"),
        ("snomD785/10.1.54.13", "answer-after=0", "Answer-Mode"),
        ("Grandstream GXP2170 1.0.11.35", "answer-after=0", "Answer-Mode"),
        ("PolycomVVX-VVX_411-UA/5.9.0", 'info="Auto Answer"', "answer-after"),
        ("Poly/8.0 CCX", 'info="Auto Answer"', "answer-after"),
        ("Aastra 6757i/3.3.1", "Alert-Info: info=alert-autoanswer\r\n", "Call-Info"),
        ("Mitel 6867i", "Alert-Info: info=alert-autoanswer\r\n", "Call-Info"),
        ("Panasonic_KX-HDV130", "Alert-Info: Intercom\r\n", "Call-Info"),
        ("Digium D65 2_9", "Alert-Info: ring-answer\r\n", "Call-Info"),
        ("Fanvil X4U", "answer-after=0", "Answer-Mode"),
        ("Cisco/SPA504G-7.6.2", "info=alert-autoanswer", "Answer-Mode"),
        ("baresip v1.0.0", "Answer-Mode: Auto", "Intercom"),
        ("MicroSIP/3.21.3", "Call-Info: <sip:pbx.test>;answer-after=0", "Intercom"),
        ("", "Answer-Mode: Auto", "Intercom"),
    ],
)
def test_phones_are_asked_to_answer_in_the_words_of_their_makers(agent: str, says: str, says_not: str) -> None:
    lines = auto_answer(agent, "pbx.test")
    assert says in lines and says_not not in lines
    assert lines.endswith("\r\n") and "{" not in lines
    assert all(
        line.partition(":")[0] in ("Call-Info", "Alert-Info", "Answer-Mode") for line in lines.split("\r\n")[:-1]
    )


def test_who_led_a_call_further_is_told_the_latest_first() -> None:
    steps = (Diversion("101", "unconditional"), Diversion("a b", "user-busy"))
    assert diversion_lines(steps, "pbx.test") == (
        "Diversion: <sip:a%20b@pbx.test>;reason=user-busy;counter=1\r\n"
        "Diversion: <sip:101@pbx.test>;reason=unconditional;counter=1\r\n"
    )
