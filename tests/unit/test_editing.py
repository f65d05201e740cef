"""Former versions of the site: looked at, and put in force again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from softswitch.directory import Directory, PlayStep
from softswitch.edit import EditError
from softswitch.editing import operate
from softswitch.errors import StoreError
from softswitch.store.clips import Clips
from softswitch.store.demo import demo_site
from softswitch.store.memory import MemoryStore
from tests.unit.store.seeded import SeededEntropy


async def changed_twice() -> tuple[MemoryStore, list[Directory]]:
    """A store whose site had three versions."""
    store = await MemoryStore.open()
    sites = [demo_site(SeededEntropy(), "pbx.example.com").directory]
    sites.append(replace(sites[0], extensions={**sites[0].extensions, "900": "echo"}))
    sites.append(replace(sites[1], country="gb"))
    return store, [(await store.apply_site(one, actor=f"user{n}")).directory for n, one in enumerate(sites)]


async def test_the_last_change_is_undone_and_done_again() -> None:
    store, (_, before, current) = await changed_twice()
    done = await operate(store, current, None, "rollback", {})
    assert done.result == {"changes": ['~ site: country "gb" -> "pl"'], "dry_run": False, "back_to": 2}
    assert done.site is not None
    back = await store.apply_site(done.site, actor="cli", comment=done.comment, expected=3)
    assert back.directory == replace(before, version=4)
    again = await operate(store, back.directory, None, "rollback", {})
    assert again.site == replace(current, version=4)
    said = (await operate(store, back.directory, None, "history", {"limit": 2})).result["versions"]
    assert [(one["version"], one["actor"], one["comment"]) for one in said] == [
        (4, "cli", "back to version 2"), (3, "user2", ""),
    ]  # fmt: skip


async def test_any_version_can_be_had_and_a_dry_run_shows_it() -> None:
    store, (first, _, current) = await changed_twice()
    done = await operate(store, current, None, "rollback", {"version": 1, "dry_run": True})
    assert (done.site, done.tried) == (None, replace(first, version=3))
    assert done.result["changes"] == ['~ site: country "gb" -> "pl"', "- extension 900"]


async def test_the_version_in_force_is_no_change() -> None:
    store, (*_, current) = await changed_twice()
    done = await operate(store, current, None, "rollback", {"version": 3})
    assert (done.site, done.result["changes"]) == (None, [])


async def test_what_was_in_force_is_not_refused(tmp_path: Path) -> None:
    """A prompt was deleted since: better a menu with a gap, which is told, than none."""
    store, (first, *_, current) = await changed_twice()
    (tmp_path / "pl").mkdir()
    clips = Clips.scan(tmp_path)
    done = await operate(store, current, clips, "rollback", {"version": 1})
    assert done.site == replace(first, version=3)
    parts = [part for menu in first.menus.values() for part in (menu.steps, *menu.branches.values())]
    played = {clip for part in parts for step in part if isinstance(step, PlayStep) for clip in step.clips}
    warnings = [line for line in done.result["changes"] if line.startswith("!")]
    assert played and all(any(clip in line for line in warnings) for clip in played)


async def test_there_is_nothing_before_the_beginning() -> None:
    store = await MemoryStore.open()
    with pytest.raises(EditError, match="no site"):
        await operate(store, None, None, "rollback", {})
    applied = await store.apply_site(demo_site(SeededEntropy(), "pbx.example.com").directory, actor="a")
    with pytest.raises(EditError, match="no version before"):
        await operate(store, applied.directory, None, "rollback", {})
    with pytest.raises(StoreError, match="no version 9"):
        await operate(store, applied.directory, None, "rollback", {"version": 9})
