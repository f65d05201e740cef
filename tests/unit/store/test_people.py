"""People and tokens in site.toml: passwords in, digests out, and what makes no sense is said."""

from __future__ import annotations

import pytest

from softswitch.errors import ConfigError
from softswitch.passwords import is_password
from softswitch.store.site import diff_sites, export_site, parse_site

SITE = """
domain = "pbx.example.com"
[account.101]
password = "a-phone-password"
[agent.anna]
device = "101"
[queue.sales]
members = [{ agent = "anna" }]
"""
EVA = '[user.eva]\nrole = "supervisor"\nqueues = ["sales"]\n'


def test_a_password_goes_in_and_a_digest_comes_out() -> None:
    site = parse_site(SITE + EVA + 'password = "correct horse"\n')
    assert is_password(site.users["eva"].digest, "correct horse")
    text = export_site(site)
    assert "correct horse" not in text
    assert parse_site(text) == site
    assert "digest" not in export_site(site, secrets=False)
    # Without secrets it applies over what is there.
    assert parse_site(export_site(site, secrets=False), current=site) == site


def test_a_change_of_a_password_is_told_without_it() -> None:
    before = parse_site(SITE + EVA + 'password = "correct horse"\n')
    after = parse_site(SITE + EVA + 'password = "another horse"\n', current=before)
    assert [str(one) for one in diff_sites(before, after)] == ["~ user eva: password changed"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[user.eva]\nrole = "boss"', "user.eva.role"),
        ('[user.eva]\nrole = "supervisor"', "user.eva.queues: is missing"),
        ('[user.eva]\nrole = "supervisor"\nqueues = ["sale"]', 'did you mean "sales"?'),
        ('[user.eva]\nrole = "auditor"\nqueues = ["sales"]', "user.eva.queues"),
        ("[user.jan]", "user.jan.agent: is missing"),
        ('[user.jan]\nagent = "ann"', 'did you mean "anna"?'),
        ('[user.jan]\nagent = "anna"\naccount = "999"', "user.jan.account"),
        ('[user.a]\nagent = "anna"\n[user.b]\nagent = "anna"', "already"),
        ('[user.jan]\nagent = "anna"\npassword = "short"', "at least 10 characters"),
        ('[user.jan]\nagent = "anna"\ndigest = "md5"', "user.jan.digest"),
        ('[user.jan]\nagent = "anna"\nlanguage = "polski"', "user.jan.language"),
        ("[token.crm]", "softswitch token add crm"),
        ('[token.crm]\npassword = "something long"', "made by us"),
        (f'[token.crm]\ndigest = "{"0" * 64}"\nexpires = "31.12.2027"', "token.crm.expires"),
    ],
)
def test_what_makes_no_sense_is_said(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_site(SITE + text + "\n")
    assert said in str(raised.value)
    assert "short" not in str(raised.value) and "something long" not in str(raised.value)
