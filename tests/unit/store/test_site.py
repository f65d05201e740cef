"""site.toml: it reads back what it wrote, says what is wrong, and shows what changed without showing secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.acd.agent import Condition
from softswitch.acd.queue import EXCLUDED
from softswitch.acd.strategy import STRATEGIES as engine_strategies
from softswitch.directory import (
    Account,
    Agent,
    ChoiceStep,
    Conference,
    Directory,
    GotoStep,
    Hours,
    HoursStep,
    Mailbox,
    Membership,
    Menu,
    PlayStep,
    Queue,
    Span,
)
from softswitch.errors import ConfigError
from softswitch.store.clips import Clips
from softswitch.store.demo import demo_site
from softswitch.store.passwords import digests
from softswitch.store.queue_objects import EMPTY_WHEN, STRATEGIES
from softswitch.store.site import check_site, diff_sites, export_site, parse_site
from tests.unit.store.seeded import SeededEntropy

SITE = """
domain = "pbx.example.com"

[account.101]
name = "Anna"
password = "correct horse battery"
agent = "anna"

[account.102]
ha1_md5 = "0123456789abcdef0123456789abcdef"

[agent.anna]
device = "101"
wrap_up = 5

[queue.sales]
members = ["anna"]
ring_timeout = 12.5
tier_after = { 1 = 20, 2 = 40.5 }
on_timeout = "extension:102"

[hours.office]
spans = ["Mon-Fri 08:00-20:00", "Sat 22:00-02:00"]
holidays = "pl"
special_days = { "2026-12-24" = ["08:00-13:00"], "2026-12-31" = [] }

[menu.main]
steps = [
    { hours = "office", closed = "play:closed" },
    { play = "welcome", interruptible = false },
    { choice = { "1" = "queue:sales", "*" = "menu:main" }, prompt = "menu-main", timeout = 7 },
]

[extensions]
800 = "menu:main"

[music]
calm = ["morning.wav"]
"""
CLIPS = Clips({"pl": frozenset({"welcome", "closed", "menu-main", "not-understood"})}, frozenset({"morning.wav"}))


def parse(text: str, current: Directory | None = None) -> Directory:
    return parse_site(text, current=current, clips=CLIPS)


def errors(text: str, current: Directory | None = None) -> list[ConfigError]:
    with pytest.raises(ConfigError) as caught:
        parse(text, current)
    assert all(one.file == "site.toml" and one.key and one.expected for one in caught.value.problems)
    return list(caught.value.problems)


def test_a_site_is_read_into_the_directory() -> None:
    site = parse(SITE)
    assert site.accounts["101"] == Account(
        "101", *digests("101", "pbx.example.com", "correct horse battery"), name="Anna", agent="anna"
    )
    assert site.agents["anna"] == Agent("anna", "101", wrap_up=5.0)
    assert site.queues["sales"].members == (Membership("anna"),)
    assert site.queues["sales"].tier_after == {1: 20.0, 2: 40.5}
    assert site.hours["office"].spans[1] == Span((5,), 1320, 120)
    assert site.menus["main"].steps[2] == ChoiceStep(
        ("menu-main",), {"1": "queue:sales", "*": "menu:main"}, timeout=7.0
    )
    assert site.extensions == {"800": "menu:main"}
    assert site.music == {"calm": ("morning.wav",)}


def test_digests_are_those_of_rfc_7616() -> None:
    # Section 3.9.1 gives user, realm and password; the digests are MD5 and SHA-256 of user:realm:password.
    found = digests("Mufasa", "http-auth@example.org", "Circle of Life")
    assert found.ha1_md5 == "3d78807defe7de2157e2b0b6573a855f"
    assert found.ha1_sha256 == "7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232"


def test_export_is_stable_and_reads_back() -> None:
    site = parse(SITE)
    text = export_site(site)
    assert parse(text) == site
    assert export_site(parse(text)) == text
    assert "correct horse" not in text


def test_without_secrets_the_text_applies_over_the_accounts_that_exist() -> None:
    site = parse(SITE)
    text = export_site(site, secrets=False)
    assert "ha1" not in text
    assert parse(text, site) == site
    assert {one.key for one in errors(text)} == {"account.101.password", "account.102.password"}


def test_digests_do_not_survive_a_change_of_domain() -> None:
    site = parse(SITE)
    found = errors(export_site(site).replace("pbx.example.com", "other.example.com"), site)
    assert {one.key for one in found} == {"account.101.password", "account.102.password"}
    assert "pbx.example.com" in str(found[0])


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        ('members = ["anna"]', 'members = ["ana"]', "queue.sales.members[0].agent", 'did you mean "anna"?'),
        ('members = ["anna"]', 'members = ["anna", "anna"]', "queue.sales.members[1].agent", "once"),
        ('members = ["anna"]', "members = [{ agent = 'anna', teir = 1 }]", "queue.sales.members[0].teir", '"tier"'),
        ('members = ["anna"]', "members = 'anna'", "queue.sales.members", "a list of agents"),
        ('"1" = "queue:sales"', '"1" = "queue:sale"', "menu.main.steps[2].choice.1", 'did you mean "sales"?'),
        ('"1" = "queue:sales"', '"a1" = "queue:sales"', "menu.main.steps[2].choice", "keys 0-9"),
        ('"1" = "queue:sales"', '"1" = "sales"', "menu.main.steps[2].choice.1", "queue:NAME"),
        ('800 = "menu:main"', '800 = "hangup"', "menu.main", "an extension, a trunk or another menu"),
        ('800 = "menu:main"', '800 = "menu:main"\n102 = "echo"', "extensions.102", "another number"),
        ('800 = "menu:main"', '800 = "menu:main"\n"*301" = "echo"', "extensions.*301", "another number"),
        ('800 = "menu:main"', '800 = "menu:main"\n801 = "music:jazz"', "extensions.801", "a music class"),
        ('800 = "menu:main"', '800 = "menu:main"\n801 = "extension:801"', "extensions.801", "other than itself"),
        ('800 = "menu:main"', '800 = "menu:main"\n"80 1" = "echo"', "extensions.80 1", "letters, digits"),
        ("closed = ", "close = ", "menu.main.steps[0].close", '"closed"'),
        ('play = "welcome"', 'play = "wellcome"', "menu.main.steps[1]", 'did you mean "welcome"?'),
        ('play = "welcome"', 'pla = "welcome"', "menu.main.steps[1]", "one of the keys"),
        ("timeout = 7 }", "timeout = 0 }", "menu.main.steps[2].timeout", "a number of seconds"),
        ("timeout = 7 },", 'timeout = 7 }, { goto = "hangup" }', "menu.main.steps[3]", "nothing after"),
        ('hours = "office"', 'hours = "ofice"', "menu.main.steps[0].hours", 'did you mean "office"?'),
        ("Mon-Fri 08:00-20:00", "Mon-Fri 8-20", "hours.office.spans", '"08:00"'),
        ('holidays = "pl"', 'holidays = "polska"', "hours.office.holidays", "a country code"),
        ('holidays = "pl"', 'timezone = "Europe/Warszawa"', "hours.office.timezone", "IANA"),
        ('device = "101"', 'device = "110"', "agent.anna.device", "an account that exists"),
        ('device = "101"', 'device = "101"\npin = "12"', "agent.anna.pin", "4 to 12 digits"),
        ('password = "correct horse battery"', 'password = "short"', "account.101.password", "at least 8"),
        ('name = "Anna"', "name = 5", "account.101.name", "text in quotes"),
        ('name = "Anna"', 'name = "An\\r\\nna"', "account.101.name", "text in quotes"),
        ('name = "Anna"', 'nmae = "Anna"', "account.101.nmae", '"name"'),
        ("[account.101]", '[account."1@1"]', "account.1@1", "letters, digits"),
        ("ring_timeout = 12.5", "ring_timeout = 1", "queue.sales.ring_timeout", "from 3 to 600"),
        ("ring_timeout = 12.5", 'on_full = "queue:sales"', "queue.sales", "play or choice"),
        ("ring_timeout = 12.5", 'on_full = "queue:sales:5"', "queue.sales", "play or choice"),
        ("ring_timeout = 12.5", 'empty_when = ["tired"]', "queue.sales.empty_when", "logged_out"),
        ("ring_timeout = 12.5", "wrap_up = 400", "queue.sales.wrap_up", "wrap_up_max"),
        ("ring_timeout = 12.5", 'agent_greeting = ["nothing"]', "queue.sales.agent_greeting", "a clip"),
        ("ring_timeout = 12.5", 'music = "jazz"', "queue.sales.music", "a music class"),
        ("0123456789abcdef0123456789abcdef", "0123", "account.102.ha1_md5", "32 hex digits"),
        ('calm = ["morning.wav"]', 'calm = ["moning.wav"]', "music.calm", 'did you mean "morning.wav"?'),
        ('calm = ["morning.wav"]', "calm = 5", "music.calm", "a list"),
        ('domain = "pbx.example.com"', 'domain = "a b"', "domain", "a host name"),
        ('domain = "pbx.example.com"', "", "domain", "a value"),
        ('domain = "pbx.example.com"', 'domain = "pbx.example.com"\nformat = 2', "format", "1"),
        ('domain = "pbx.example.com"', 'domain = "pbx.example.com"\nqeue = 2', "qeue", '"queue"'),
        ("[music]", "[feature_codes]\n'*30' = 'agent.logn'\n[music]", "feature_codes.*30", '"agent.login"'),
        ("[music]", "[feature_codes]\n'30' = 'echo'\n[music]", "feature_codes.30", "a code"),
        ('name = "Anna"', 'codecs = ["opus", "opus"]', "account.101.codecs", "a list of codecs"),
        ('name = "Anna"', 'codecs = ["G729"]', "account.101.codecs", "at least one of opus"),
        ('name = "Anna"', 'codecs = ["PCMA", "a b"]', "account.101.codecs", "a list of codecs"),
        ('name = "Anna"', 'srtp = "yes"', "account.101.srtp", '"required"'),
        ('name = "Anna"', 'dtmf = "tones"', "account.101.dtmf", '"inband"'),
        ('name = "Anna"', 'supervises = ["sale"]', "account.101.supervises", 'did you mean "sales"?'),
        ('800 = "menu:main"', '800 = "menu:main"\n700 = "conference:x"', "extensions.700", "a conference"),
        ("[music]", '[conference.team]\npin = "12"\n[music]', "conference.team.pin", "4 to 12 digits"),
        ("[music]", '[conference.team]\nmusic = "jazz"\n[music]', "conference.team.music", "a music class"),
        ("[music]", '[conference.team]\npin = "1234"\nmoderator_pin = "1234"\n[music]', "conference.team.moderator_pin",
         "another PIN"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_what_was_expected(old: str, new: str, key: str, expected: str) -> None:
    assert old in SITE
    found = [one for one in errors(SITE.replace(old, new)) if one.key == key]
    assert found, errors(SITE.replace(old, new))
    assert expected in found[0].expected, found[0].expected


def test_codecs_are_written_as_we_spell_them() -> None:
    site = parse(SITE.replace('name = "Anna"', 'codecs = ["OPUS", "pcma", "G729", "*"]'))
    assert site.accounts["101"].codecs == ("opus", "PCMA", "G729", "*")
    assert site.codecs == Directory("x").codecs, "the site's own list is the default"


def test_pins_leave_only_with_the_secrets() -> None:
    site = parse(SITE + '\n[conference.team]\npin = "1234"\nmoderator_pin = "98765"\n')
    assert "98765" in export_site(site) and "98765" not in export_site(site, secrets=False)
    other = parse(SITE + '\n[conference.team]\npin = "4321"\n')
    assert "1234" not in str(diff_sites(site, other)) and "98765" not in str(diff_sites(site, other))


def test_menus_that_go_round_without_pause_are_found() -> None:
    text = (
        SITE
        + '\n[menu.a]\nsteps = [{ goto = "menu:b" }]\n[menu.b]\nsteps = [{ hours = "office", closed = "menu:a" }]\n'
    )
    found = errors(text.replace('800 = "menu:main"', '800 = "menu:main"\n801 = "menu:a"'))
    assert {one.key for one in found} == {"menu.a", "menu.b"}


@pytest.mark.parametrize("value", ["[" * 50_000 + "]" * 50_000, "{a=" * 20_000 + "1" + "}" * 20_000, "9" * 5_000])
def test_what_has_no_end_is_a_mistake_like_any_other(value: str) -> None:
    with pytest.raises(ConfigError, match=r"site\.toml: not valid TOML"):
        parse_site(f"a = {value}")


def test_a_syntax_error_names_the_line() -> None:
    with pytest.raises(ConfigError, match=r"site\.toml: not valid TOML.*line 2"):
        parse("\n[menu\n[x]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[queue.x]\n[queue.x]\n",
            r"\[queue\.x\] stands there twice \(at line 2.*\): put its keys below the first one",
        ),
        ('[queue."a b"]\n[queue."a b"]\n', r'\[queue\."a b"\] stands there twice'),
        ('[queue.x]\ntitle = "abc\n', r"a text is not closed on its line: a quote is missing \(at line 2"),
    ],
)
def test_mistakes_of_the_notation_are_told_in_words(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(text)


def test_wrong_values_are_shown_as_they_were_written() -> None:
    found = errors('domain = "d"\n[hours.x]\nspans = ["Mo-Fr 8-20"]\n')
    assert 'is ["Mo-Fr 8-20"]' in str(found[0])
    found = errors('domain = "d"\n[queue.q]\ncallbacks = { hours = "nope" }\n')
    assert "expected opening hours that exist" in str(found[0]) and "exists" not in str(found[0])


def test_a_password_never_appears_in_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(SITE.replace('"correct horse battery"', '"hunter2"'))
    assert "hunter2" not in str(caught.value)
    assert all(one.value != "hunter2" for one in caught.value.problems)


def test_the_diff_says_what_changes_and_hides_digests() -> None:
    old = parse(SITE)
    new = parse(
        SITE.replace("ring_timeout = 12.5", "ring_timeout = 20")
        .replace("correct horse battery", "another password")
        .replace('800 = "menu:main"', '800 = "menu:main"\n801 = "echo"')
        .replace('[music]\ncalm = ["morning.wav"]', ""),
        old,
    )
    changes = [str(one) for one in diff_sites(old, new)]
    assert changes == [
        "~ account 101: password changed",
        "~ queue sales: ring_timeout back to the default (was 12.5)",
        '+ extension 801: destination "echo"',
        "- music calm",
    ]
    assert diff_sites(old, old) == []


def test_a_site_built_by_a_program_is_checked_too() -> None:
    site = demo_site(SeededEntropy(), "pbx.example.com").directory
    check_site(site)
    with pytest.raises(ConfigError, match=r"queue\.infolinia\.ring_timeout"):
        check_site(replace(site, queues={"infolinia": replace(site.queues["infolinia"], ring_timeout=0.0)}))


def test_the_words_of_a_queue_are_those_of_the_engine() -> None:
    assert set(STRATEGIES) == set(engine_strategies)
    assert set(EMPTY_WHEN) == {str(one) for one in Condition} - {"idle"} | {EXCLUDED}


# --- round trip of everything ----------------------------------------------------------------------------------------

names = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":"), min_size=1, max_size=12)
words = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
users = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,8}", fullmatch=True)
seconds = st.floats(3, 600) | st.integers(3, 600).map(float)


@st.composite
def sites(draw: st.DrawFn) -> Directory:
    accounts = {
        user: Account(
            user, draw(st.sampled_from(["a" * 32, ""])), "b" * 64, name=draw(words), max_calls=draw(st.integers(1, 9))
        )
        for user in draw(st.sets(users, min_size=2, max_size=4))
    }
    agents = {
        name: Agent(name, device, wrap_up=draw(st.none() | seconds), auto_ready=draw(st.booleans()))
        for name, device in zip(sorted(draw(st.sets(names, max_size=2))), accounts, strict=False)
    }
    hours = Hours(
        draw(names),
        (Span((0, 2, 3), 60, draw(st.integers(61, 1440))),),
        special_days={"2026-05-01": (), "2026-05-02": ((0, 1440),)},
        override=draw(st.sampled_from(["", "open", "closed"])),
    )
    queue = Queue(
        draw(names),
        title=draw(words),
        members=tuple(Membership(name, draw(st.integers(0, 3)), draw(st.integers(0, 9))) for name in agents),
        tier_mode=draw(st.sampled_from(["busy", "timed", "both"])),
        tier_after=draw(st.dictionaries(st.integers(0, 5), seconds, max_size=2)),
        ring_timeout=draw(seconds),
        tier_widen=draw(st.booleans()),
        on_timeout=draw(st.sampled_from(["", "hangup", "echo"])),
    )
    target = st.sampled_from(["hangup", "echo", f"queue:{queue.name}", f"extension:{next(iter(accounts))}", "play:bye"])
    keys = st.dictionaries(st.sampled_from("0123456789*#"), target, max_size=3)
    last = st.builds(GotoStep, target) | st.builds(
        ChoiceStep, st.lists(names, max_size=2).map(tuple), keys, timeout=seconds, otherwise=target
    )
    menu = Menu(
        draw(names),
        (HoursStep(hours.name, draw(target)), PlayStep((draw(names),), draw(st.booleans())), draw(last)),
        language=draw(st.sampled_from(["", "en"])),
    )
    return Directory(
        domain="pbx.example.com",
        accounts=accounts,
        agents=agents,
        hours={hours.name: hours},
        queues={queue.name: queue},
        menus={menu.name: menu},
        extensions={"#99": f"menu:{menu.name}"},
        music={"calm": ("a.wav", draw(words))},
        language=draw(st.sampled_from(["pl", "en-GB"])),
        aliases=("10.0.0.1",),
        codecs=draw(st.sampled_from([("opus", "G722", "PCMA", "PCMU", "*"), ("PCMU",)])),
        conferences={"team": Conference("team", title=draw(words), pin=draw(st.sampled_from(["", "1234"])))},
        mailboxes={
            "7": Mailbox("7", title=draw(words), pin="1357", email=("a@b.example",), days=draw(st.integers(0, 9)))
        },
    )


@settings(max_examples=60, deadline=None)
@given(sites())
def test_any_site_round_trips(site: Directory) -> None:
    text = export_site(site)
    again = parse_site(text)
    assert again == site
    assert export_site(again) == text
    assert diff_sites(site, again) == []
