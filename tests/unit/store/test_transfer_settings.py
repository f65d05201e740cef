"""What a site says about transfers: kept as it is written, and looked at before it is in force."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.decode import Problems
from softswitch.directory import Account, Agent, Directory, Membership, Queue
from softswitch.store.objects import from_objects, to_objects
from softswitch.store.validate import validate


def small(**more: Any) -> Directory:
    return Directory(
        "pbx.test", accounts={"1": Account("1", ha1_md5="0" * 32)}, agents={"a": Agent("a", "1")},
        queues={"q": Queue("q", members=(Membership("a"),))}, **more,
    )  # fmt: skip


def wrong(site: Directory) -> list[str]:
    problems = Problems("site.toml")
    validate(site, problems)
    return [problem.key for problem in problems.found]


@pytest.mark.parametrize(
    "more",
    [
        {"transfer_timeout": 12.5, "recall_timeout": 9.0, "recall_attempts": 5, "recall_pause": 0.0},
        {"recall_fallback": "queue:q", "transfer_sound": "ringback", "caller_codes": True},
        {"call_codes": {"blind": "#1", "attended": "*7", "swap": ""}},
    ],
)
def test_the_settings_are_kept(more: dict[str, Any]) -> None:
    site, problems = small(**more), Problems("site.toml")
    again = from_objects(to_objects(site), problems)
    assert again == site and wrong(site) == []


def test_queues_and_accounts_have_their_own() -> None:
    site = small()
    queue = replace(site.queues["q"], carry_wait=False, transfer_timeout=5.0, recall_fallback="queue")
    site = replace(site, queues={"q": queue}, accounts={"1": replace(site.accounts["1"], transfer_timeout=7.0)})
    assert from_objects(to_objects(site), Problems("site.toml")) == site and wrong(site) == []


@pytest.mark.parametrize(
    "more, key",
    [
        ({"recall_fallback": "queue:none"}, "recall_fallback"),
        ({"recall_fallback": "somewhere"}, "recall_fallback"),
        ({"call_codes": {"blind": "12"}}, "call_codes.blind"),
        ({"call_codes": {"teleport": "*7"}}, "call_codes.teleport"),
        ({"call_codes": {"blind": "*4", "swap": "*45"}}, "call_codes.blind"),
    ],
)
def test_mistakes_are_found(more: dict[str, Any], key: str) -> None:
    assert wrong(small(**more)) == [key]
