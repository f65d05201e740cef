"""What a site says about phones: feature codes, forwarding, ring groups, parking."""

from __future__ import annotations

import pytest

from softswitch.directory import DEFAULT_FEATURE_CODES, FEATURES
from softswitch.errors import ConfigError
from softswitch.store.site import export_site, parse_site

BASE = """
format = 1
domain = "pbx.example.com"
[account.101]
password = "secret-secret"
follow_me = ["102", { to = "+48601000000", delay = 10 }]
forward_busy = "102"
forward_no_answer = "group:office"
disturbed_by = ["102"]
pickup_groups = ["front"]
[account.102]
password = "secret-secret"
[extensions]
600 = "group:office"
[group.office]
members = ["101", { to = "102", delay = 5, timeout = 10 }]
strategy = "rotating"
otherwise = "extension:101"
[parking.main]
first = 700
last = 709
otherwise = "group:office"
"""


def test_it_is_read_and_written_again() -> None:
    site = parse_site(BASE)
    assert [member.to for member in site.accounts["101"].follow_me] == ["102", "+48601000000"]
    assert site.groups["office"].members[1].delay == 5 and len(site.parking["main"].slots) == 10
    assert parse_site(export_site(site)) == site


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('forward_busy = "102"', 'forward_busy = "queue:none"', "account.101.forward_busy"),
        ('forward_busy = "102"', 'forward_busy = "*21"', "a number, or a destination"),
        ('disturbed_by = ["102"]', 'disturbed_by = ["999"]', "account.101.disturbed_by"),
        ('"102", { to = "+48601000000", delay = 10 }', '"102", "102"', "is twice in the list"),
        ('"102", { to = "+48601000000", delay = 10 }', '{ to = "group:office" }', "the number of a phone"),
        ('["101", { to = "102", delay = 5, timeout = 10 }]', "[]", "at least one phone"),
        ('strategy = "rotating"', 'strategy = "all"', "group.office.strategy"),
        ('otherwise = "extension:101"', 'otherwise = "menu:none"', "group.office.otherwise"),
        ("last = 709", "last = 699", "parking.main.last"),
        ("last = 709", "last = 5000", "1000 places at most"),
        ("first = 700\nlast = 709", "first = 595\nlast = 605", "600 is a number of its own (extension)"),
        ("first = 700\nlast = 709", "first = 100\nlast = 105", "101 is a number of its own (account)"),
        ("[parking.main]", "[parking.other]\nfirst = 705\nlast = 706\n[parking.main]", "is a number of its own"),
    ],
)
def test_mistakes_are_named(old: str, new: str, says: str) -> None:
    assert old in BASE
    with pytest.raises(ConfigError) as caught:
        parse_site(BASE.replace(old, new))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("codes", "says"),
    [
        ({"*2": "forward.always", "*21": "dnd.on"}, "cannot be told from *2 (forward.always)"),
        ({"**": "pickup.directed", "**7": "dnd.on"}, "cannot be told from **"),
        ({"*32": "agent.not_ready", "*321": "dnd.on"}, "cannot be told from *32"),
        ({"#21": "forward_off.always", "#21#": "dnd.on"}, "cannot be told from #21"),
        ({"*30": "agent.lgoin"}, 'did you mean "agent.login"'),
        ({"30": "agent.login"}, "is not a feature code"),
        ({"*8": "pickup.group", "*80": "intercom"}, ""),
        ({"*31": "agent.logout", "*31#": "caller_id.hide"}, ""),
        (dict(DEFAULT_FEATURE_CODES), ""),
    ],
)
def test_codes_that_could_be_taken_for_one_another(codes: dict[str, str], says: str) -> None:
    table = "\n[feature_codes]\n" + "".join(f'"{code}" = "{action}"\n' for code, action in codes.items())
    if not says:
        assert parse_site(BASE + table).feature_codes == codes
        return
    with pytest.raises(ConfigError) as caught:
        parse_site(BASE + table)
    assert says in str(caught.value)


def test_every_action_has_a_code_and_says_what_it_does() -> None:
    assert set(DEFAULT_FEATURE_CODES.values()) == set(FEATURES)
    assert all(feature.meaning for feature in FEATURES.values())
