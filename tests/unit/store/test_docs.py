"""docs/site.md and docs/database.md say what the program does."""

from __future__ import annotations

import re
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from softswitch.config import SECTIONS, packaged_prompts
from softswitch.directory import (
    FEATURES,
    Account,
    Agent,
    Alert,
    Announce,
    Conference,
    Disposition,
    Group,
    Hours,
    Mailbox,
    Member,
    Number,
    Parking,
    Pause,
    Queue,
    Script,
)
from softswitch.directory.campaigns import Campaign
from softswitch.directory.entry import Notice, NumberList, Outage, Screening
from softswitch.directory.hooks import Crm, CrmAction, Router, Webhook
from softswitch.directory.reporting import ScheduledReport
from softswitch.outside import Policy, Route, Trunk
from softswitch.store.clips import Clips
from softswitch.store.demo import demo_site
from softswitch.store.menu_objects import STEPS
from softswitch.store.objects import GROUP_STRATEGIES
from softswitch.store.queue_objects import STRATEGIES
from softswitch.store.schema import metadata
from softswitch.store.site import export_site, parse_site
from softswitch.toml import toml_key, toml_value
from tests.unit.store.seeded import SeededEntropy

DOCS = Path(__file__).resolve().parents[3] / "docs"
SITE = (DOCS / "site.md").read_text(encoding="utf-8")
DATABASE = (DOCS / "database.md").read_text(encoding="utf-8")


def test_the_example_is_a_site() -> None:
    example = re.findall(r"```toml\n(.*?)```", SITE, re.DOTALL)[0]
    site = parse_site(example, clips=Clips.scan(packaged_prompts()))
    assert parse_site(export_site(site)) == site


@pytest.mark.parametrize(
    ("heading", "kind"),
    [
        ("account", Account),
        ("agent", Agent),
        ("queue", Queue),
        ("hours", Hours),
        ("conference", Conference),
        ("trunk", Trunk),
        ("route", Route),
        ("policy", Policy),
        ("group", Group),
        ("parking", Parking),
        ("mailbox", Mailbox),
        ("number", Number),
        ("list", NumberList),
        ("screening", Screening),
        ("outage", Outage),
        ("notice", Notice),
        ("report", ScheduledReport),
        ("disposition", Disposition),
        ("pause", Pause),
        ("script", Script),
        ("webhook", Webhook),
        ("router", Router),
        ("crm", Crm),
        ("campaign", Campaign),
        ("crm", CrmAction),
        ("alert", Alert),
    ],
)
def test_every_key_is_documented(heading: str, kind: type) -> None:
    section = SITE.split(f"## [{heading}.")[1].split("\n## ")[0]
    missing = [
        one.name
        for one in fields(kind)
        if one.name not in ("user", "name", "number") and f"`{one.name}`" not in section
    ]
    assert missing == []


def test_the_examples_of_trunks_are_sites() -> None:
    page = (DOCS / "trunks.md").read_text(encoding="utf-8")
    base = (
        'domain = "pbx.example.com"\n[extensions]\n800 = "menu:hotline"\n[menu.hotline]\nsteps = [{ play = "welcome" }]\n'
        '[queue.infolinia]\n[hours.Standardowe]\nspans = ["Mon-Fri 08:00-20:00"]\n'
    )
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        top, _, tables = example.partition("[trunk.")
        accounts = "" if "[account.101]" in tables else "[account.101]\n"
        tables = f"[trunk.{tables}".replace("[account.101]\n", '[account.101]\npassword = "long enough"\n')
        accounts += 'password = "long enough"\n' if accounts else ""
        site = parse_site(top + base + accounts + tables, clips=Clips.scan(packaged_prompts()))
        assert parse_site(export_site(site)) == site
        assert site.trunks and site.routes


def test_the_examples_of_menus_are_sites() -> None:
    page = (DOCS / "menus.md").read_text(encoding="utf-8")
    examples = "".join(re.findall(r"```toml\n(.*?)```", page, re.DOTALL))
    site = parse_site(
        'domain = "pbx.example.com"\n[extensions]\n800 = "menu:hotline"\n801 = "menu:service"\n802 = "menu:balance"\n'
        '[queue.infolinia]\nafter = "menu:survey"\n[hours.Standardowe]\nspans = ["Mon-Fri 08:00-20:00"]\n'
        + examples.replace('prompts = "brand"\n', ""),
        clips=Clips.scan(packaged_prompts()),
    )
    assert parse_site(export_site(site)) == site
    assert set(site.menus) == {"hotline", "service", "balance", "survey"}


NAMES = """
[agent.bob]
device = "104"
[account.105]
password = "long enough"
[agent.ewa]
device = "105"
[queue.second]
[mailbox.box]
pin = "2580"
[trunk.t]
servers = ["192.0.2.20"]
dids = { "+48221234567" = "queue:infolinia" }
[route.r]
prefixes = ["+"]
trunks = ["t"]
[hours.night]
spans = ["Mon-Sun 22:00-06:00"]
[hours.peak]
spans = ["Mon-Fri 10:00-12:00"]
[hours.office]
spans = ["Mon-Fri 08:00-20:00"]
"""
WITH_THEIR_OWN_TESTS = ("trunks.md", "menus.md", "site.md 1")


def merged(site: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    for name, value in more.items():
        both = isinstance(value, dict) and isinstance(site.get(name), dict)
        site[name] = merged(site[name], value) if both else value
    return site


def examples() -> Iterator[Any]:
    for page in sorted(DOCS.glob("*.md")):
        for number, example in enumerate(
            re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL), 1
        ):
            name, data = f"{page.name} {number}", tomllib.loads(example)
            of_a_scenario = ("title" in data and "expect" in data) or "strategies" in data
            if name.startswith(WITH_THEIR_OWN_TESTS) or of_a_scenario or page.name == "configuration.md":
                continue
            data = {key: value for key, value in data.items() if key not in SECTIONS}
            if data:
                yield pytest.param(data, id=name)


@pytest.mark.parametrize("example", list(examples()))
def test_examples_apply_to_a_site_that_has_what_they_name(example: dict[str, Any]) -> None:
    """Nothing that an example names is made up: a clip, a music class, a key, a destination."""
    base = tomllib.loads(export_site(demo_site(SeededEntropy(), "pbx.example.com").directory))
    if "strategy_rules" in example:  # keys of a queue
        example = {"queue": {"infolinia": example}}
    site = merged(merged(base, tomllib.loads(NAMES)), example)
    site["queue"].setdefault("sales", {})
    for account in site["account"].values():
        if not account.keys() & {"password", "ha1_md5"}:
            account["password"] = "long enough"
    text = "\n".join(f"{toml_key(name)} = {toml_value(value)}" for name, value in site.items())
    parse_site(text, clips=Clips.scan(packaged_prompts()))


def test_every_step_strategy_and_code_is_documented() -> None:
    section = (DOCS / "menus.md").read_text(encoding="utf-8").split("## Steps")[1].split("## Expressions")[0]
    for cls, names in STEPS.values():
        back = {field: name for name, field in names.items()}
        assert [one.name for one in fields(cls) if back.get(one.name, one.name) not in section] == []
    assert all(name in SITE for name in STRATEGIES)
    assert all(f"`{name}`" in SITE for name in GROUP_STRATEGIES)
    assert all(f"`{one.name}`" in SITE for one in fields(Member))
    codes = (DOCS / "feature-codes.md").read_text(encoding="utf-8")
    assert all(f"`{action}`" in codes for action in FEATURES)


def test_every_table_is_documented_and_the_queries_work(empty_database: Path) -> None:
    assert [name for name in metadata.tables if f"`{name}`" not in DATABASE] == []
    with closing(sqlite3.connect(empty_database)) as connection:
        for query in re.findall(r"```sql\n(.*?)```", DATABASE, re.DOTALL)[0].split(";"):
            connection.execute(query)


def test_every_key_of_announcements_is_documented() -> None:
    page = (DOCS / "announcements.md").read_text(encoding="utf-8")
    assert [one.name for one in fields(Announce) if f"| `{one.name}` |" not in page] == []
    example = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0]
    site = parse_site('domain = "pbx.example.com"\n[queue.infolinia]\n' + example, clips=Clips.scan(packaged_prompts()))
    assert site.queues["infolinia"].announce.comfort == ("thank-you-for-waiting", "still-waiting")
    assert parse_site(export_site(site)) == site
