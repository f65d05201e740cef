"""Which orders stand in the audit, and what of them."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.audit import asked_by, asker, is_order, order_given
from softswitch.events import SupervisionChanged, SupervisionEnded
from softswitch.store.audit import TOLD


def look(queue: str = "") -> None: ...


def change(call: str, by: str = "cli") -> None: ...


@pytest.mark.parametrize(
    ("command", "handler", "arguments", "expected"),
    [
        ("queues", look, {}, False),
        ("something_new", change, {"call": "c1"}, True),
        ("hang_up", look, {"call": "c1"}, True),
        ("audit", change, {"actor": "eva"}, False),
        ("agent", change, {}, False),  # its event tells
        ("edit", look, {"operation": "export", "options": {}}, False),
        ("edit", look, {"operation": "apply", "options": {"dry_run": True}}, False),
        ("edit", look, {"operation": "apply", "options": {}}, True),
        ("voicemail", look, {"verb": "list"}, False),
        ("voicemail", look, {"verb": "pin"}, True),
        ("record", change, {"verb": "pause"}, False),
        ("record", change, {"verb": "stop"}, True),
        ("supervise", change, {"call": "c1", "mode": "whisper"}, False),  # its event tells
        ("agent_message", change, {"agent": "anna", "text": "hello"}, True),
        ("edit", look, {"operation": "queue_settings", "options": {"queue": "q"}}, False),
        ("edit", look, {"operation": "piece_names", "options": {}}, False),  # each page of administration asks for them
        ("edit", look, {"operation": "piece_text", "options": {"kind": "menu", "name": "x", "body": {}}}, False),
        ("edit", look, {"operation": "change", "options": {"put": []}}, True),
        ("queue_adjust", change, {"queue": "q", "dry_run": True}, False),
        ("queue_adjust", change, {"queue": "q", "settings": {}}, True),
    ],
)
def test_what_is_an_order(command: str, handler: Any, arguments: dict[str, Any], expected: bool) -> None:
    assert is_order(command, handler, arguments) is expected


def test_who_gave_it_from_where() -> None:
    assert order_given("hang_up", {"call": "c1"}).actor == "cli"
    with asked_by("eva", "192.0.2.1"):
        told = order_given("transfer", {"call": "c1", "to": "102", "attended": True}, "no such call")
        assert (told.actor, told.source, told.subject, told.error) == ("eva", "192.0.2.1", "c1", "no such call")
        assert told.detail == "to=102 attended=True"
        assert order_given("stop", {"by": "token:crm"}).actor == "token:crm"
    assert asker().name == "cli"
    assert order_given("edit", {"operation": "user_add", "options": {"user": "ola"}}).subject == "ola"


@pytest.mark.parametrize("by, actor", [("eva", "eva"), ("phone", "account:sue"), ("", "account:sue")])
def test_who_has_changed_what_a_supervisor_does(by: str, actor: str) -> None:
    for event in (
        SupervisionChanged("c9", "sue", "bob", "barge", "c1", by),
        SupervisionEnded("c9", "sue", "bob", "barge", "c1", "takeover", 9.0, by),
    ):
        row = TOLD[type(event)](event)
        assert row is not None and row[0] == actor and row[2] == "c1"


def test_no_secret_is_told() -> None:
    secret = "correct horse"
    for arguments in (
        {"verb": "pin", "mailbox": "101", "pin": secret},
        {"operation": "user_passwd", "options": {"user": "eva", "password": secret}},
        {"rows": [{"name": secret}], "note": secret, "text": secret, "data": secret},
    ):
        assert secret not in repr(order_given("edit", arguments))
