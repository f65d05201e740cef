"""Trunks, routes and policies of site.toml: every mistake is named, passwords stay, exports are stable."""

from __future__ import annotations

import pytest

from softswitch.errors import ConfigError
from softswitch.store.site import diff_sites, export_site, parse_site

SITE = """
domain = "pbx.example.com"
[account.101]
password = "long enough"
policy = "office"
numbers = ["+48221234501"]
[trunk.one]
servers = ["sip.example.com"]
register = true
user = "acct"
password = "secret-of-trunk"
accept = ["192.0.2.0/24"]
dids = { "+48221234500" = "extension:101" }
rewrite = [{ match = "x(.*)", to = "y" }]
[route.all]
prefixes = ["+"]
trunks = ["one"]
[policy.office]
countries = ["pl"]
"""


@pytest.mark.parametrize(("old", "new", "key", "expected"), [
    ('servers = ["sip.example.com"]', "servers = []", "trunk.one.servers", "at least a server"),
    ('servers = ["sip.example.com"]', 'servers = ["a b"]', "trunk.one.servers[0]", "a server such as"),
    ('servers = ["sip.example.com"]', 'servers = ["sip:x;transport=ws"]', "trunk.one.servers[0]", "a server such as"),
    ('accept = ["192.0.2.0/24"]', 'accept = ["192.0.2.0/99"]', "trunk.one.accept[0]", "an address"),
    ('user = "acct"', "", "trunk.one.user", "the user to register as"),
    ('"+48221234500" = "extension:101"', '"+48221234500" = "extension:102"', "trunk.one.dids.+48221234500", "an account"),
    ('match = "x(.*)"', 'match = "x(.*"', "trunk.one.rewrite[0].match", "a regular expression"),
    ('prefixes = ["+"]', 'prefixes = ["abc"]', "route.all.prefixes", "the beginning of a number"),
    ('trunks = ["one"]', 'trunks = ["on"]', "route.all.trunks", 'did you mean "one"?'),
    ('trunks = ["one"]', "trunks = []", "route.all.trunks", "at least one trunk"),
    ('countries = ["pl"]', 'countries = ["Poland"]', "policy.office.countries", "country codes"),
    ('countries = ["pl"]', 'hours = "night"', "policy.office.hours", "opening hours"),
    ('policy = "office"', 'policy = "ofice"', "account.101.policy", 'did you mean "office"?'),
    ('numbers = ["+48221234501"]', 'numbers = ["x"]', "account.101.numbers", "a telephone number"),
    ("[account.101]", '[extensions]\n112 = "echo"\n[account.101]', "extensions.112", "another number"),
    ("[account.101]", '[extensions]\n700 = "outside:x"\n[account.101]', "extensions.700", "a number to which a route leads"),
    ("[account.101]", '[agent.jan]\ndevice = "nobody"\n[account.101]', "agent.jan.device", "an account"),
    ('domain = "pbx', 'emergency = ["help"]\ndomain = "pbx', "emergency", "short numbers"),
    ('domain = "pbx', 'outside_prefix = "x"\ndomain = "pbx', "outside_prefix", "one to three digits"),
    ("register = true", 'srtp = "yes"', "trunk.one.srtp", '"required"'),
    ("register = true", "expires = 1", "trunk.one.expires", "from 60"),
    ("[route.all]", '[trunk.two]\nservers = ["x"]\ndids = { "22 1234500" = "echo" }\n[route.all]', "trunk.two.dids.22 1234500",
     "each number on one trunk"),
])  # fmt: skip
def test_a_mistake_is_named_with_its_place(old: str, new: str, key: str, expected: str) -> None:
    assert old in SITE
    with pytest.raises(ConfigError) as caught:
        parse_site(SITE.replace(old, new, 1))
    found = [one for one in caught.value.problems if one.key == key]
    assert found, caught.value
    assert expected in found[0].expected


def test_it_comes_back_as_it_was_written() -> None:
    site = parse_site(SITE)
    assert parse_site(export_site(site)) == site
    assert site.trunks["one"].rewrite[0].to == "y"


def test_a_password_is_kept_by_a_trunk_that_does_not_name_it_and_never_shown() -> None:
    site = parse_site(SITE)
    bare = export_site(site, secrets=False)
    assert "secret-of-trunk" not in bare
    assert parse_site(bare, current=site).trunks["one"].password == "secret-of-trunk"
    changed = parse_site(SITE.replace("secret-of-trunk", "another-secret"), current=site)
    shown = " ".join(str(one) for one in diff_sites(site, changed))
    assert "password changed" in shown and "secret" not in shown


def test_an_agent_may_have_a_number_outside() -> None:
    site = parse_site(SITE.replace("[account.101]", '[agent.jan]\ndevice = "+48601234567"\n[account.101]'))
    assert site.agents["jan"].device == "+48601234567"


def test_a_menu_may_be_reached_by_a_trunk_only() -> None:
    menu = '[menu.hotline]\nsteps = [{ play = "welcome" }]\n'
    parse_site(SITE.replace('"extension:101" }', '"menu:hotline" }') + menu)
    with pytest.raises(ConfigError):
        parse_site(SITE + menu)
