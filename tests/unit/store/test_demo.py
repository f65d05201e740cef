"""The sites that are generated: valid, with passwords of their own, and quick to make."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from softswitch.config import packaged_prompts
from softswitch.store.clips import Clips
from softswitch.store.demo import LAB_SUPERVISOR, demo_site, lab_site
from softswitch.store.passwords import ALPHABET, digests, generate_password
from softswitch.store.site import check_site, export_site, parse_site
from tests.unit.store.seeded import SeededEntropy


@pytest.fixture(scope="module")
def clips() -> Clips:
    return Clips.scan(packaged_prompts())


def test_the_demo_is_a_working_hotline(clips: Clips) -> None:
    demo = demo_site(SeededEntropy(), "pbx.example.com")
    check_site(demo.directory, clips=clips)
    assert parse_site(export_site(demo.directory), clips=clips) == demo.directory
    assert demo.directory.extensions[demo.extensions["hotline"]] == "menu:hotline"
    assert [one.agent for one in demo.agents()] == ["anna", "piotr"]
    assert len(demo.users()) == 2
    hours = demo.directory.hours["Standardowe"]
    assert (hours.spans[0].days, hours.spans[0].start, hours.spans[0].end) == ((0, 1, 2, 3, 4), 480, 1200)
    assert (hours.timezone, hours.holidays) == ("Europe/Warsaw", "pl")
    queue = demo.directory.queues["infolinia"]
    assert (queue.title, queue.strategy, queue.tier_mode) == ("Infolinia", "longest_idle", "busy")
    assert [(one.agent, one.tier) for one in queue.members] == [("anna", 0), ("piotr", 1)]
    assert [(one.agent, one.tier) for one in demo.agents()] == [("anna", 0), ("piotr", 1)]


def test_the_tree_is_written_as_one_reads_it_and_as_its_page_shows_it() -> None:
    text = export_site(demo_site(SeededEntropy(), "pbx.example.com").directory)
    menu = text[text.index("[menu.hotline]") :]
    assert menu.splitlines()[6:8] == ["[menu.hotline.branches]", "2 = ["]
    page = (Path(__file__).parents[3] / "docs" / "menus.md").read_text(encoding="utf-8")
    assert menu in page


def test_the_demo_speaks_english(clips: Clips) -> None:
    demo = demo_site(SeededEntropy(), "pbx.example.com", "en")
    check_site(demo.directory, clips=clips)
    assert (demo.directory.language, list(demo.directory.hours)) == ("en", ["Standard"])
    assert [queue.title for queue in demo.directory.queues.values()] == ["Helpline"]
    assert [one.name for one in demo.users()] == ["Office", "Service"]


def test_every_password_is_fresh_long_and_not_kept() -> None:
    one, two = (demo_site(SeededEntropy(seed), "pbx.example.com") for seed in (1, 2))
    passwords = [credential.password for credential in (*one.credentials, *two.credentials)]
    assert len(set(passwords)) == len(passwords)
    assert all(len(password) >= 20 and set(password) <= set(ALPHABET) for password in passwords)
    for credential in one.credentials:
        account = one.directory.accounts[credential.user]
        assert (account.ha1_md5, account.ha1_sha256) == digests(credential.user, "pbx.example.com", credential.password)
        assert credential.password not in export_site(one.directory)


def test_passwords_use_the_whole_alphabet() -> None:
    entropy = SeededEntropy()
    assert set("".join(generate_password(entropy) for _ in range(200))) == set(ALPHABET)


@pytest.mark.parametrize(
    ("accounts", "agents", "tiers"), [(1000, 20, 2), (0, 3, 3), (1001, 5, 1), (5, 0, 1), (2500, 500, 7)]
)
def test_the_lab_has_accounts_agents_and_tiers(clips: Clips, accounts: int, agents: int, tiers: int) -> None:
    lab = lab_site(SeededEntropy(), "127.0.0.1", accounts=accounts, agents=agents, tiers=tiers)
    assert [one.user for one in lab.users()] == [str(1000 + index) for index in range(accounts)]
    assert len(lab.agents()) == agents
    assert len(lab.directory.accounts) == accounts + agents + 1
    assert [one.user for one in lab.directory.accounts.values() if one.supervises] == [LAB_SUPERVISOR]
    assert {one.tier for one in lab.agents()} == set(range(min(tiers, agents) if agents else 0))
    assert {one.agent: one.tier for one in lab.directory.queues["queue"].members} == {
        one.agent: one.tier for one in lab.agents()
    }
    assert lab.directory.queues["queue"].wrap_up == 0.0
    assert all(agent.auto_ready for agent in lab.directory.agents.values())
    assert set(lab.extensions) == {"echo", "music", "prompt", "ivr", "queue", "conference"}
    assert set(lab.extensions.values()) <= set(lab.directory.extensions)
    if accounts <= 1001:
        check_site(lab.directory, clips=clips)


def test_a_thousand_accounts_take_less_than_half_a_second() -> None:
    started = time.process_time()
    lab_site(SeededEntropy(), "127.0.0.1", accounts=1000, agents=20, tiers=2)
    assert time.process_time() - started < 0.5
