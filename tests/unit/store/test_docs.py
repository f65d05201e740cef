"""docs/site.md and docs/database.md say what the program does."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest

from softswitch.config import packaged_prompts
from softswitch.directory import DEFAULT_FEATURE_CODES, Account, Agent, Conference, Hours, Queue
from softswitch.store.clips import Clips
from softswitch.store.objects import STEPS, STRATEGIES
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
    [("account", Account), ("agent", Agent), ("queue", Queue), ("hours", Hours), ("conference", Conference)],
)
def test_every_key_is_documented(heading: str, kind: type) -> None:
    section = SITE.split(f"## [{heading}.")[1].split("\n## ")[0]
    missing = [one.name for one in fields(kind) if one.name not in ("user", "name") and f"`{one.name}`" not in section]
    assert missing == []


def test_every_step_strategy_and_code_is_documented() -> None:
    section = SITE.split("## [menu.")[1]
    for cls, names in STEPS.values():
        back = {field: name for name, field in names.items()}
        assert [one.name for one in fields(cls) if back.get(one.name, one.name) not in section] == []
    assert all(name in SITE for name in STRATEGIES)
    assert all(f"`{code}`" in SITE and action in SITE for code, action in DEFAULT_FEATURE_CODES.items())


def test_every_table_is_documented_and_the_queries_work(empty_database: Path) -> None:
    assert [name for name in metadata.tables if f"`{name}`" not in DATABASE] == []
    with closing(sqlite3.connect(empty_database)) as connection:
        for query in re.findall(r"```sql\n(.*?)```", DATABASE, re.DOTALL)[0].split(";"):
            connection.execute(query)
