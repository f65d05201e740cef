"""Reasons of pauses: a list of the site, with one of ours until there is one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from softswitch.directory.pauses import DEFAULT_PAUSES, UNKNOWN, by_digit, in_order
from softswitch.edit import Edit
from softswitch.editing import operate
from softswitch.errors import ConfigError
from softswitch.operations.pause import PauseOperations, reason_of
from softswitch.running.console import ConsoleError
from softswitch.store.memory import MemoryStore
from softswitch.store.site import diff_sites, export_site, parse_site

BASE = 'domain = "pbx.example.com"\n'
OWN = """
[pause.mail]
title = { pl = "Poczta", en = "Mail" }
key = "2"
longest = 600
[pause.lunch]
title = "Lunch"
key = "1"
[pause.sent_home]
offered = false
"""


def test_a_site_without_a_list_has_ours_and_does_not_export_it() -> None:
    site = parse_site(BASE)
    assert site.pauses == DEFAULT_PAUSES and "pause" not in export_site(site)
    assert [one.name for one in in_order(site.pauses)][:3] == ["break", "lunch", "training"]
    assert by_digit(site.pauses, "") == "break" and by_digit(site.pauses, "2") == "lunch"
    assert by_digit(site.pauses, "8") == UNKNOWN


def test_a_list_of_its_own_takes_its_place_and_goes_around() -> None:
    site = parse_site(BASE + OWN)
    assert [one.name for one in in_order(site.pauses)] == ["lunch", "mail", "sent_home"]
    assert parse_site(export_site(site)) == site
    assert "+ pause mail" in [str(one)[:12] for one in diff_sites(parse_site(BASE), site)]
    assert site.pauses["mail"].called("pl") == "Poczta" and site.pauses["lunch"].called("pl") == "Lunch"
    assert site.pauses["sent_home"].called("en") == "sent_home"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[pause.a]\nkey = "1"\n[pause.b]\nkey = "1"', "is that of a as well"),
        ('[pause.a]\nkey = "0"', "one digit"),
        ("[pause.no_answer]", "the switch itself gives"),
        ('[pause."a b"]', "letters, digits"),
        ("[pause.a]\noffered = false", "agents may choose"),
        ('[pause.a]\n[pause.b]\nkey = "1"\noffered = false', "offered = true"),
        ("[pause.a]\nlongest = -1", "pause.a.longest"),
        ('[pause.lunch]\n[alert.x]\ncondition = "pause"\nreasons = ["lunhc"]', 'did you mean "lunch"?'),
    ],
)
def test_what_makes_no_sense_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_site(f"{BASE}{text}\n")
    assert said in str(raised.value)


def test_a_rule_of_a_site_without_a_list_may_name_anything() -> None:
    assert parse_site(BASE + '[alert.x]\ncondition = "pause"\nreasons = ["seminar"]\n').alerts


def test_a_reason_that_there_is_not_is_refused_with_what_there_is() -> None:
    site = parse_site(BASE + OWN)
    assert reason_of(site, "not_ready", "mail") == "mail" and reason_of(site, "not_ready", "") == "lunch"
    assert reason_of(site, "ready", "") == reason_of(site, "login", "") == ""
    with pytest.raises(ConsoleError) as raised:
        reason_of(site, "not_ready", "lunhc")
    assert 'Did you mean "lunch"? There are: lunch, mail, sent_home.' in str(raised.value.hint)
    with pytest.raises(ConsoleError):
        reason_of(site, "login", "break")


def test_what_programs_are_told() -> None:
    daemon: Any = SimpleNamespace(directory=parse_site(BASE + OWN))
    rows = PauseOperations(daemon).pauses()
    assert [(one["pause"], one["longest"], one["offered"]) for one in rows] == [
        ("lunch", 0.0, True), ("mail", 600.0, True), ("sent_home", 0.0, False),
    ]  # fmt: skip
    assert rows[1]["title"] == {"pl": "Poczta", "en": "Mail"} and rows[2]["title"] == {"": "sent_home"}


async def do(operation: str, site: Any, **options: Any) -> Edit:
    return await operate(await MemoryStore.open(), site, None, operation, options)


async def test_ours_can_be_seen_and_begin_a_list() -> None:
    site = parse_site(BASE)
    shown = (await do("piece_list", site, kind="pause")).result["objects"]
    assert {one["name"] for one in shown} == set(DEFAULT_PAUSES)
    changed = await do("change", site, put=[{"kind": "pause", "name": "lunch", "body": {"longest": 1800}}])
    assert changed.site is not None
    assert set(changed.site.pauses) == set(DEFAULT_PAUSES) and changed.site.pauses["lunch"].longest == 1800
    names = (await do("piece_names", site)).result["names"]["pause"]
    assert {"name": "lunch", "title": "Obiad"} in names
