"""Menus that make no sense are refused, each mistake with its place and what was expected (IVR-05)."""

from __future__ import annotations

import pytest

from softswitch.directory import Directory
from softswitch.errors import ConfigError
from softswitch.store.clips import Clips
from softswitch.store.site import export_site, parse_site
from softswitch.store.validate_menus import named_flows

BASE = """
domain = "pbx.example.com"
[extensions]
800 = "menu:main"
[account.101]
password = "long enough"
[agent.anna]
device = "101"
[queue.sales]
members = ["anna"]
[hours.office]
spans = ["Mon-Fri 08:00-20:00"]
[menu.main]
steps = [STEPS]
"""
CLIPS = Clips({"pl": frozenset({"welcome", "closed", "not-understood", "brand/welcome"})}, frozenset())
END = '{ play = "welcome" }'


def site(steps: str, more: str = "") -> Directory:
    return parse_site(BASE.replace("STEPS", steps) + more, clips=CLIPS)


def mistakes(steps: str, more: str = "") -> list[ConfigError]:
    with pytest.raises(ConfigError) as caught:
        site(steps, more)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("steps", "key", "said"),
    [
        ('{ goto = "branch:gone" }', "menu.main.steps[0].goto", "a branch of the menu main"),
        ('{ goto = "menu:main:gone" }', "menu.main.steps[0].goto", "a branch of the menu main"),
        ('{ play = "wellcome" }', "menu.main.steps[0]", 'did you mean "welcome"?'),
        ('{ queue = "sale" }', "menu.main.steps[0].queue", 'did you mean "sales"?'),
        ('{ callback = "sale" }', "menu.main.steps[0].callback", 'did you mean "sales"?'),
        ('{ if = "queue.sale.free > 0", then = "hangup" }', "menu.main.steps[0].if", "queue.NAME of sales"),
        ('{ if = "queue.sales.fre > 0", then = "hangup" }', "menu.main.steps[0].if", "one of free, ready"),
        ('{ if = "agent.ana.free", then = "hangup" }', "menu.main.steps[0].if", "agent.NAME of anna"),
        ('{ if = "hours.ofice", then = "hangup" }', "menu.main.steps[0].if", "hours.NAME of office"),
        ('{ if = "list.gone", then = "hangup" }', "menu.main.steps[0].if", "list.NAME of blocked"),
        ('{ if = "caller.nummer", then = "hangup" }', "menu.main.steps[0].if", "at column 1 is not known"),
        ('{ if = "1 < 2 and never", then = "hangup" }', "menu.main.steps[0].if", "never at column 11 is not known"),
        ('{ if = "time.now", then = "hangup" }', "menu.main.steps[0].if", "nothing behind time"),
        ('{ if = "1 +", then = "hangup" }', "menu.main.steps[0].if", "a value is missing before the end (column 4)"),
        ('{ if = "true" }, { play = "welcome" }', "menu.main.steps[0]", "then or else"),
        ('{ set = { "2x" = "1" } }, ' + END, "menu.main.steps[0].set.2x", "a word of letters"),
        ('{ set = { caller = "1" } }, ' + END, "menu.main.steps[0].set.caller", "means something else"),
        ('{ set = { x = "1 $" } }, ' + END, "menu.main.steps[0].set.x", "column 3"),
        ('{ sms = "Hello {customer.name" }, ' + END, "menu.main.steps[0].sms", "'}' is missing"),
        ('{ sms = "Hello {nobody}" }, ' + END, "menu.main.steps[0].sms", "nobody at column 1 is not known"),
        ('{ collect = "x", min = 5, max = 3 }, ' + END, "menu.main.steps[0].min", "at most max (3)"),
        ('{ collect = "time" }, ' + END, "menu.main.steps[0].collect", "another name"),
        ('{ identify = "id", attempts = 4 }, ' + END, "menu.main.steps[0].attempts", "from 1 to 3"),
        ('{ survey = "s", lowest = 5 }, ' + END, "menu.main.steps[0].lowest", "less than highest"),
        ('{ say = "numbr", value = "1" }', "menu.main.steps[0].say", '"number"'),
        ('{ http = "ftp://x" }, ' + END, "menu.main.steps[0].http", "a URL such as"),
        ('{ http = "{caller.number}" }, ' + END, "menu.main.steps[0].http", "a URL such as"),
        ('{ http = "https://x", results = { "999" = "hangup" } }, ' + END, "menu.main.steps[0].results.999", "a status such as"),
        ('{ http = "https://x", timeout = 99 }, ' + END, "menu.main.steps[0].timeout", "from 0.5 to 30"),
        ('{ http = "https://x", save = { x = "a" }, failed = "branch:b" }, ' + END, "menu.main.steps[0].failed", "a branch of"),
        ('{ dial = "queue:sales" }', "menu.main.steps[0].dial", "extension:USER"),
        ('{ call = "queue:sales" }, ' + END, "menu.main.steps[0].call", "branch:NAME"),
        ('{ caller = { nme = "x" } }, ' + END, "menu.main.steps[0].caller.nme", '"name"'),
        ('{ language = "pl", prompts = "gone" }, ' + END, "menu.main.steps[0].prompts", "a folder of clips"),
        ('{ hangup = "No Way" }', "menu.main.steps[0].hangup", "small letters"),
        ('{ record = "maybe" }, ' + END, "menu.main.steps[0].record", '"on"'),
        ('{ queue = "sales" }, { play = "welcome" }', "menu.main.steps[1]", "never reached"),
        ('{ if = "true", then = "hangup", else = "queue:sales" }, { play = "welcome" }', "menu.main.steps[1]", "never reached"),
        ('{ set = { x = "1" } }', "menu.main.steps[0]", "is a dead end"),
        ('{ goto = "repeat" }', "menu.main", "leads back to itself without pause"),
        ('{ if = "true", then = "branch:b" }, { play = "welcome" }\n]\n[menu.main.branches]\nb = [{ goto = "menu:main" }',
         "menu.main", "leads back to itself without pause"),
        ('{ play = "welcome" }\n]\n[menu.main.branches]\nlost = [{ play = "closed" }',
         "menu.main.branches.lost", "is unreachable"),
        ('{ goto = "branch:b" }\n]\n[menu.main.branches]\nb = [', "menu.main.branches.b", "at least one step"),
        ('{ goto = "branch:b" }\n]\n[menu.main.branches]\nb = [{ play = "closd" }', "menu.main.branches.b[0]",
         'did you mean "closed"'),
        ('{ play = "welcome" }\n]\n[menu.main.branches]\n"a:b" = [{ play = "closed" }',
         "menu.main.branches.a:b", "is not a name"),
        ('{ choice = { "a" = "hangup" } }', "menu.main.steps[0].choice", "keys 0-9"),
    ],
)  # fmt: skip
def test_mistakes(steps: str, key: str, said: str) -> None:
    found = mistakes(steps)
    assert [one for one in found if one.key == key and said in str(one)], [str(one) for one in found]


@pytest.mark.parametrize(
    "steps",
    [
        '{ if = "x > 1", then = "hangup" }, { collect = "x" }', '{ if = "var.anything", then = "hangup" }, { play = "welcome" }',
        '{ if = "customer.colour == \'red\'", then = "hangup" }, { play = "welcome" }',
        '{ set = { x = 5 } }, { say = "number", value = "x" }',
        '{ choice = { "1" = "next" }, otherwise = "hangup" }, { play = "welcome" }', '{ queue = "sales", priority = 5 }',
        '{ call = "branch:b" }, { play = "welcome" }\n]\n[menu.main.branches]\nb = [{ set = { x = "1" } }',
        '{ http = "https://x/{caller.number}", save = { x = "a" } }, { if = "x", then = "hangup" }, { play = "welcome" }',
        '{ language = "pl", prompts = "brand" }, { play = "welcome" }',
        '{ email = "a@x.test", subject = "s", text = "a\\nb" }, { play = "welcome" }',
        '{ play = "welcome" }, { goto = "repeat" }',
    ],
)  # fmt: skip
def test_menus_that_make_sense_are_written_as_they_were_read(steps: str) -> None:
    found = site(steps)
    assert parse_site(export_site(found), clips=CLIPS, current=found) == found


def test_numbers() -> None:
    assert site(END, '[number."800"]\nlanguage = "en"\nprompts = "brand"').numbers["800"].language == "en"
    assert [one.key for one in mistakes(END, '[number."800"]\nprompts = "gone"')] == ["number.800.prompts"]


def test_a_queue_s_callers_go_on_after_the_conversation() -> None:
    more = '[menu.survey]\nsteps = [{ survey = "csat" }, { play = "welcome" }]\n'
    steps = '{ queue = "sales" }\n]\n[queue.other]\nafter = "menu:survey"\n[menu.second]\nsteps = [{ queue = "other" }'
    found = site(
        steps.replace('{ queue = "sales" }', '{ choice = { "1" = "menu:second" }, otherwise = "queue:sales" }'), more
    )
    assert found.queues["other"].after == "menu:survey"


def test_menus_that_only_a_flow_in_python_leads_to() -> None:
    more = "[menu.hidden]\nsteps = [" + END + "]"
    assert mistakes(END, more)[0].key == "menu.hidden"
    found = site('{ goto = "flow:mine" }', more)
    assert named_flows(found) == {"mine"}
