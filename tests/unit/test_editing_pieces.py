"""Single objects of the site: shown and changed by the rules of the whole, several at once; secrets stay where they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.decode import Problems
from softswitch.directory import Directory, Mailbox
from softswitch.edit import Edit, EditError
from softswitch.editing import operate
from softswitch.errors import ConfigError
from softswitch.passwords import token_digest
from softswitch.store.demo import demo_site
from softswitch.store.memory import MemoryStore
from softswitch.store.objects import KINDS, to_objects
from softswitch.store.passwords import digests
from softswitch.store.site import export_site, parse_site
from tests.unit.store.seeded import SeededEntropy

SITE = replace(
    demo_site(SeededEntropy(), "pbx.example.com").directory,
    version=7,
    mailboxes={"sales": Mailbox("sales", pin="1234")},
)


async def do(operation: str, site: Directory = SITE, **options: Any) -> Edit:
    return await operate(await MemoryStore.open(), site, None, operation, options)


def put(kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"put": [{"kind": kind, "name": name, "body": body}]}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_shown_can_be_put_back_and_changes_nothing(kind: str) -> None:
    shown = (await do("piece_list", kind=kind)).result
    assert shown["version"] == 7
    pieces = [{name: one[name] for name in ("kind", "name", "body")} for one in shown["objects"]]
    done = await do("change", put=pieces, version=7)
    assert (done.site, done.result["changes"], done.result["secrets"]) == (None, [], {})
    for one in shown["objects"]:
        assert (await do("piece_show", kind=kind, name=one["name"])).result == {"version": 7, **one}


async def test_secrets_are_told_to_be_there_and_not_shown() -> None:
    box = (await do("piece_show", kind="mailbox", name="sales")).result
    assert (box["body"], box["secrets"]) == ({}, ["pin"])
    account = (await do("piece_show", kind="account", name="101")).result
    assert account["secrets"] == ["ha1_md5", "ha1_sha256"] and not any("ha1" in one for one in account["body"])
    done = await do("change", **put("mailbox", "sales", {"pin": "", "email": ["a@example.com"]}))
    assert done.site is not None and done.site.mailboxes["sales"].pin == ""


async def test_a_new_account_tells_its_password_once_and_an_old_one_keeps_it() -> None:
    done = await do("change", **put("account", "150", {"name": "Jan"}))
    password = done.result["secrets"]["account/150"]
    assert done.site is not None and done.site.accounts["150"].ha1_md5 == digests("150", SITE.domain, password)[0]
    renamed = await do("change", done.site, **put("account", "150", {"name": "Ola"}))
    assert renamed.site is not None and renamed.result["secrets"] == {}
    assert renamed.site.accounts["150"] == replace(done.site.accounts["150"], name="Ola")
    given = await do("change", done.site, **put("account", "150", {"password": "another password"}))
    assert given.site is not None and given.result["secrets"] == {}
    assert given.site.accounts["150"].ha1_md5 == digests("150", SITE.domain, "another password")[0]
    tried = await do("change", **put("account", "150", {}), dry_run=True)
    assert tried.site is None and tried.tried is not None and tried.result["secrets"] == {}


async def test_users_and_tokens() -> None:
    done = await do("change", put=[
        {"kind": "user", "name": "eva", "body": {"role": "administrator"}},
        {"kind": "token", "name": "crm", "body": {"role": "auditor"}},
    ])  # fmt: skip
    assert done.site is not None and set(done.result["secrets"]) == {"user/eva", "token/crm"}
    assert done.site.tokens["crm"].digest == token_digest(done.result["secrets"]["token/crm"])
    assert done.site.users["eva"].digest.startswith("$argon2")


HOTLINE = [
    {"kind": "queue", "name": "biuro", "body": {"members": [{"agent": "ola"}]}},
    {"kind": "agent", "name": "ola", "body": {"device": "160"}},
    {"kind": "account", "name": "160", "body": {"name": "Ola"}},
    {"kind": "menu", "name": "biuro", "body": {"steps": [
        {"choice": {"1": "queue:biuro"}, "prompt": ["welcome"], "otherwise": "queue:biuro"},
    ]}},
    {"kind": "extension", "name": "890", "body": {"destination": "menu:biuro"}},
]  # fmt: skip


async def test_what_only_makes_sense_together_is_put_together() -> None:
    done = await do("change", put=HOTLINE, version=7)
    assert done.site is not None and done.site.extensions["890"] == "menu:biuro"
    assert parse_site(export_site(done.site)) == replace(done.site, version=0)
    assert list(to_objects(done.site)) == list(to_objects(parse_site(export_site(done.site))))
    with pytest.raises(ConfigError, match=r"menu\.biuro: is unreachable"):
        await do("change", put=HOTLINE[:-1])
    with pytest.raises(ConfigError, match="an agent that exists") as wrong:
        await do("change", **put("queue", "biuro", {"members": ["nobody"], "ring_timeout": 10}))
    assert wrong.value.key == "queue.biuro.members[0].agent"
    back = await do(
        "change", done.site, remove=[{"kind": one["kind"], "name": one["name"]} for one in HOTLINE], version=7
    )
    assert back.site == SITE


async def test_mistakes_are_those_of_site_toml() -> None:
    with pytest.raises(ConfigError) as wrong:
        await do("change", **put("queue", "infolinia", {"strategi": "linear", "ring_timeout": 1}))
    text = 'format = 1\ndomain = "pbx.example.com"\n[queue.infolinia]\nstrategi = "linear"\nring_timeout = 1\n'
    with pytest.raises(ConfigError) as whole:
        parse_site(text, file="site")
    assert [str(one) for one in wrong.value.problems] == [str(one) for one in whole.value.problems]


async def test_a_change_of_something_else_meanwhile_is_noticed() -> None:
    with pytest.raises(EditError, match="version 6 was looked at, 7 is in force"):
        await do("change", **put("extension", "890", {"destination": "echo"}), version=6)
    with pytest.raises(EditError, match=r"extension '800' already"):
        await do("change", **put("extension", "800", {"destination": "echo"}), create=True)


@pytest.mark.parametrize(
    ("kind", "name", "hint"),
    [
        ("quue", "x", 'Did you mean "queue"'),
        ("queue", "infolinja", 'Did you mean "infolinia"'),
        ("trunk", "x", "none yet"),
    ],
)
async def test_what_does_not_exist(kind: str, name: str, hint: str) -> None:
    for operation, options in (
        ("piece_show", {"kind": kind, "name": name}),
        ("change", {"remove": [{"kind": kind, "name": name}]}),
    ):
        with pytest.raises(EditError) as unknown:
            await do(operation, **options)
        assert unknown.value.kind == "unknown" and hint in unknown.value.hint


async def test_feature_codes_are_ours_until_one_is_changed() -> None:
    done = await do("change", **put("feature_code", "*88", {"action": "echo"}))
    assert done.site is not None
    assert done.site.feature_codes == {**SITE.feature_codes, "*88": "echo"}


async def test_a_new_domain_needs_the_passwords() -> None:
    settings = (await do("piece_show", kind="site", name="settings")).result["body"]
    assert settings["domain"] == "pbx.example.com"
    with pytest.raises(ConfigError, match="was made for"):
        await do("change", **put("site", "settings", settings | {"domain": "other.example.com"}))
    done = await do("change", **put("site", "settings", settings | {"country": "gb"}))
    assert done.site is not None and done.site.country == "gb"
    with pytest.raises(EditError):
        await do("change", remove=[{"kind": "site", "name": "settings"}])


async def test_versions_are_compared() -> None:
    store = await MemoryStore.open()
    first = (await store.apply_site(SITE, actor="a")).directory
    second = (await store.apply_site(replace(first, country="gb"), actor="b", expected=first.version)).directory
    done = await operate(store, second, None, "version_show", {"version": first.version})
    assert done.result["changes"] == ['~ site: country "pl" -> "gb"'] and done.site is None
    assert done.result["text"] == export_site(first, secrets=False)
    assert not Problems("x").found


async def test_an_object_as_text_and_back() -> None:
    shown = (await do("piece_show", kind="menu", name="hotline")).result
    text = (await do("piece_text", kind="menu", name="hotline", body=shown["body"])).result["text"]
    assert text in export_site(SITE)
    parsed = (await do("piece_parse", text=text)).result["objects"]
    assert parsed == [{"kind": "menu", "name": "hotline", "body": shown["body"]}]
    for wrong in ("[menu", "menu = 3", "[nothing.x]"):
        with pytest.raises(EditError):
            await do("piece_parse", text=wrong)


async def test_what_there_is() -> None:
    names = (await do("piece_names")).result["names"]
    assert set(names) == set(KINDS)
    assert {"name": "800", "title": SITE.extensions["800"]} in names["extension"]


async def test_whoever_looks_sees_the_site_in_force_and_leaves_no_trace() -> None:
    before = [(await do("piece_list", kind=kind)).result for kind in KINDS]
    changed = (await do("change", **put("queue", "infolinia", {"members": []}))).site
    assert changed is not None
    assert (await do("piece_show", changed, kind="queue", name="infolinia")).result["body"] == {}
    assert [(await do("piece_list", kind=kind)).result for kind in KINDS] == before


async def test_a_new_webhook_tells_its_secret_once_and_may_have_another() -> None:
    done = await do("change", **put("webhook", "crm", {"url": "https://crm.example.com/hooks"}))
    secret = done.result["secrets"]["webhook/crm"]
    assert done.site is not None and secret.startswith("whsec_") and done.site.webhooks["crm"].secret == secret
    kept = await do("change", done.site, **put("webhook", "crm", {"url": "https://crm.example.com/other"}))
    assert kept.site is not None and kept.site.webhooks["crm"].secret == secret and kept.result["secrets"] == {}
    renewed = await do("webhook_secret", kept.site, webhook="crm")
    assert renewed.site is not None and renewed.site.webhooks["crm"].secret == renewed.result["secret"] != secret
    with pytest.raises(EditError):
        await do("webhook_secret", webhook="other")
