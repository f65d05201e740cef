"""The site with its versions, and housekeeping: the same in SQLite and in its twin in memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from softswitch.directory import Directory
from softswitch.errors import StoreError
from softswitch.store.demo import demo_site
from tests.unit.store.conftest import START, Lives
from tests.unit.store.samples import ended, joined, left, leg_ended, started
from tests.unit.store.seeded import SeededEntropy

# --- the site ----------------------------------------------------------------------------------------------------------


def site() -> Directory:
    return demo_site(SeededEntropy(), "pbx.example.com").directory


async def test_the_site_is_versioned_with_who_when_and_what(lives: Lives) -> None:
    assert (await lives.start()).directory is None
    first = await lives.store.apply_site(site(), actor="init", comment="new", now=lives.now)
    assert first.directory == replace(site(), version=1)
    lives.later(60.0)
    changed = replace(site(), extensions={"900": "menu:hotline"})
    second = await lives.store.apply_site(changed, actor="cli:anna", now=lives.now)
    assert [str(one) for one in second.changes] == [
        "- extension 800", "- extension 801", "- extension 810", "- extension 811", '+ extension 900: destination "menu:hotline"',
    ]  # fmt: skip
    again = await lives.store.apply_site(changed, actor="cli:anna", now=lives.now)
    assert (again.version, again.changes) == (2, [])
    versions = await lives.store.site_versions()
    assert [(one.version, one.actor, one.at, len(one.changes)) for one in versions] == [
        (2, "cli:anna", START.wall + 60.0, len(second.changes)),
        (1, "init", START.wall, len(first.changes)),
    ]
    assert await lives.store.site_at(1) == first.directory
    await lives.kill()
    assert (await lives.start()).directory == second.directory
    back = await lives.store.apply_site(await lives.store.site_at(1), actor="cli", comment="rollback")
    assert back.directory == replace(first.directory, version=3)


async def test_two_editors_do_not_overwrite_each_other(lives: Lives) -> None:
    await lives.start()
    await lives.store.apply_site(site(), actor="a", expected=0)
    with pytest.raises(StoreError, match="version 1, not 0"):
        await lives.store.apply_site(replace(site(), country="de"), actor="b", expected=0)
    assert (await lives.store.site_versions())[0].actor == "a"


@pytest.mark.parametrize("version", [0, 2, -1])
async def test_there_is_no_site_of_a_version_that_never_was(lives: Lives, version: int) -> None:
    await lives.start()
    await lives.store.apply_site(site(), actor="a")
    with pytest.raises(StoreError, match="no version"):
        await lives.store.site_at(version)


async def test_the_snapshot_has_the_holidays_of_the_site(lives: Lives) -> None:
    await lives.start()
    assert "2023-12-25" in (await lives.store.calendars(site(), lives.now))["pl"]
    await lives.store.apply_site(site(), actor="init")
    await lives.kill()
    snapshot = await lives.start()
    assert {"2023-12-25", "2024-04-01"} <= set(snapshot.calendars["pl"])


# --- housekeeping ------------------------------------------------------------------------------------------------------


async def test_old_rows_go_and_open_ones_stay(lives: Lives) -> None:
    await lives.start()
    await lives.write(
        started("old"), leg_ended("old", "a"), ended("old"), started("open"), joined(1, "old"), left(1, "old", "full")
    )
    lives.later(10 * 86_400.0)
    await lives.write(started("new"), leg_ended("new", "a"), ended("new"), joined(2, "open"))
    reports = await lives.store.reports()
    assert await lives.store.prune(now=lives.now) == 0
    assert await lives.store.prune(journal_days=5, now=lives.now) == 1
    assert {one.call for one in await reports.events()} == {"new", "open"}
    assert await lives.store.prune(calls_days=5, now=lives.now) == 3
    assert {one.call for one in await reports.recent_calls()} == {"new", "open"}
    assert [one.visit for one in await reports.visits()] == [2]


async def test_a_key_is_made_once(lives: Lives) -> None:
    await lives.start()
    assert await lives.store.key("api", lambda: "first") == "first"
    await lives.kill()
    await lives.start()
    assert await lives.store.key("api", lambda: "second") == "first"


async def test_health_tells_how_far_the_writing_is(lives: Lives) -> None:
    await lives.start()
    before = lives.seq
    lives.publish(started("c1"), started("c2"))
    assert lives.store.health().pending == 2
    assert await lives.store.flush(5.0)
    health = lives.store.health()
    assert (health.pending, health.lag, health.durable_seq, health.dropped, health.trouble) == (
        0,
        0.0,
        before + 1,
        0,
        "",
    )


async def test_writing_happens_by_itself_within_the_interval(lives: Lives) -> None:

    await lives.start()
    for index in range(3):
        lives.publish(started(f"c{index}"))
        async with asyncio.timeout(5.0):
            while lives.store.health().pending:  # noqa: ASYNC110 - nothing here may wake the writer
                await asyncio.sleep(0.001)
    assert len(await (await lives.store.reports()).recent_calls()) == 3
