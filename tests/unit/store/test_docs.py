"""docs/site.md and docs/database.md say what the program does."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest

from softswitch.config import packaged_prompts
from softswitch.directory import (
    FEATURES,
    Account,
    Agent,
    Announce,
    Conference,
    Group,
    Hours,
    Mailbox,
    Member,
    Number,
    Parking,
    Queue,
)
from softswitch.directory.entry import Notice, NumberList, Outage, Screening
from softswitch.outside import Policy, Route, Trunk
from softswitch.store.clips import Clips
from softswitch.store.menu_objects import STEPS
from softswitch.store.objects import GROUP_STRATEGIES
from softswitch.store.queue_objects import STRATEGIES
from softswitch.store.schema import metadata
from softswitch.store.site import export_site, parse_site

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
