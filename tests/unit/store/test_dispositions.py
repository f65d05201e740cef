"""Dispositions: in site.toml, in the database and its twin in memory, and how often each was given."""

from __future__ import annotations

import pytest

from softswitch.errors import ConfigError
from softswitch.events import CallEnded, CallStarted, DispositionChosen, ScriptTicked
from softswitch.store.dispositions import DispositionFilter, shares
from softswitch.store.site import export_site, parse_site
from tests.unit.store.conftest import Lives

SITE = """
domain = "pbx.example.com"
[disposition.sale]
title = { pl = "Sprzedaż", en = "Sale" }
colour = "#2E7D32"
key = "1"
[disposition.refund]
title = "Refund"
note = true
[queue.sales]
dispositions = ["sale", "refund"]
disposition = "required"
"""


def test_they_are_objects_of_the_site() -> None:
    site = parse_site(SITE)
    assert parse_site(export_site(site)) == site
    assert site.dispositions["sale"].title == {"pl": "Sprzedaż", "en": "Sale"}
    assert site.dispositions["sale"].colour == "#2e7d32" and site.dispositions["refund"].title == {"": "Refund"}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('["sale", "refund"]', '["sale", "refun"]', 'did you mean "refund"?'),
        ('["sale", "refund"]', '["sale", "sale"]', "each disposition once"),
        ('["sale", "refund"]', "[]", "at least one of dispositions"),
        ("note = true", 'note = true\nkey = "2"', "leads to a note"),
        ("note = true", 'key = "1"', "is that of sale as well"),
        ('key = "1"', 'key = "12345"', "one to four digits"),
        ('"#2E7D32"', '"green"', "a colour such as"),
        ("[disposition.sale]", "[disposition.none]", "where nobody has chosen one"),
        ('"Refund"', '""', "1 to 80 characters"),
        ('"required"', '"perhaps"', "queue.sales.disposition"),
    ],
)
def test_what_makes_no_sense_is_said(before: str, after: str, said: str) -> None:
    assert before in SITE
    with pytest.raises(ConfigError) as raised:
        parse_site(SITE.replace(before, after))
    assert said in "\n".join(str(one) for one in raised.value.problems)  # type: ignore[attr-defined]


def call(name: str, talk: float) -> list[CallStarted | CallEnded]:
    return [
        CallStarted(name, "+48600100200", "", "800"),
        CallEnded(name, "+48600100200", "", "800", "", "answered", 200, "normal", 1.0, talk, talk + 1.0, "sales", "anna"),
    ]  # fmt: skip


async def test_the_last_word_counts_and_figures_add_up(lives: Lives) -> None:
    await lives.start()
    await lives.write(*call("c1", 60.0), *call("c2", 120.0), *call("c3", 0.0))
    said = [("c1", "sale"), ("c2", "sale"), ("c1", "refund"), ("c3", "none")]
    for name, disposition in said:
        lives.later(1.0)
        await lives.write(
            DispositionChosen(name, "sales", "anna", disposition, "anna", f"note on {name}", "+48600100200")
        )
    await lives.write(DispositionChosen("c1", "help", "jan", "sale", "cli"))
    reports = await lives.store.reports()
    mine = await reports.dispositions(DispositionFilter(agent="anna"))
    assert [(one.call, one.disposition, one.note) for one in mine] == [
        ("c3", "none", "note on c3"), ("c1", "refund", "note on c1"), ("c2", "sale", "note on c2"),
    ]  # fmt: skip
    assert [one.agent for one in await reports.dispositions(DispositionFilter(call="c1"), 1)] == ["jan"]
    assert await reports.dispositions(DispositionFilter(since=lives.now.wall + 1.0)) == []
    figures = await reports.disposition_figures(DispositionFilter(queue="sales"))
    assert [(one.disposition, one.count, one.base, one.share, one.talk_seconds) for one in figures] == [
        ("refund", 1, 3, 0.5, 60.0), ("sale", 1, 3, 0.5, 120.0), ("none", 1, 3, None, 0.0),
    ]  # fmt: skip
    by_agent = await reports.disposition_figures(DispositionFilter(), by_agent=True)
    assert [(one.queue, one.agent, one.disposition) for one in by_agent] == [
        ("help", "jan", "sale"), ("sales", "anna", "refund"), ("sales", "anna", "sale"), ("sales", "anna", "none"),
    ]  # fmt: skip
    lives.later(86_401.0)
    assert await lives.store.prune(calls_days=1, now=lives.now) > 0
    assert await reports.dispositions(DispositionFilter()) == []


def test_nothing_gives_nothing() -> None:
    assert shares([]) == []


SCRIPT = """
[script.sales]
title = "Sprzedaż"
queues = ["sales"]
steps = [
    { name = "greet", text = "Dzień dobry, **Acme**" },
    { name = "needs", text = { pl = "Ile osób?\\n- a", en = "How many?" }, fields = [
        { name = "plan", kind = "choice", choices = ["a", "b"] },
    ] },
]
"""


OTHER = '[script.other]\nqueues = ["sales"]\nsteps = [{ name = "x" }]\n'


def test_scripts_are_objects_of_the_site() -> None:
    site = parse_site(SITE + SCRIPT)
    assert parse_site(export_site(site)) == site
    needs = site.scripts["sales"].steps[1]
    assert needs.text == {"pl": "Ile osób?\n- a", "en": "How many?"} and needs.fields[0].choices == ("a", "b")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('queues = ["sales"]', 'queues = ["sale"]', 'did you mean "sales"?'),
        ('name = "needs"', 'name = "greet"', "each name once"),
        ('choices = ["a", "b"]', "choices = []", "of a choice"),
        ('kind = "choice"', 'kind = "colour"', "script.sales.steps[1].fields[0].kind"),
        ("[script.sales]", f"{OTHER}[script.sales]", "one script for a queue"),
        ('"Dzień dobry', '"\\u0007Dzień dobry', "script.sales.steps[0].text"),
    ],
)
def test_what_makes_no_script_is_said(before: str, after: str, said: str) -> None:
    assert before in SCRIPT
    with pytest.raises(ConfigError) as raised:
        parse_site(SITE + SCRIPT.replace(before, after))
    assert said in "\n".join(str(one) for one in raised.value.problems)  # type: ignore[attr-defined]


async def test_ticks_stay_with_the_call(lives: Lives) -> None:
    await lives.start()
    await lives.write(*call("c1", 60.0), *call("c2", 30.0), *call("c3", 0.0))
    for step, done, fields in (("greet", True, {}), ("needs", True, {"plan": "a"}), ("needs", False, {"plan": "b"})):
        lives.later(1.0)
        await lives.write(ScriptTicked("c1", "sales", step, "anna", "anna", done, fields))
    reports = await lives.store.reports()
    assert [(one["step"], one["done"], one["fields"]) for one in await reports.script_steps("c1")] == [
        ("greet", True, {}), ("needs", False, {"plan": "b"}),
    ]  # fmt: skip
    assert await reports.script_steps("c2") == []
    if lives.kind == "sqlite":
        (row,) = await reports.adherence("sales", ["sales"], 2, 0.0)
        assert (row.agent, row.calls, row.steps, row.ticked, row.share) == ("anna", 2, 4, 1, 0.25), "c3 was not talked"
        assert await reports.adherence("sales", ["help"], 2, 0.0) == []
