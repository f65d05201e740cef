"""Where a dialled string leads."""

from __future__ import annotations

import pytest

from softswitch.call.routing import Destination, Refusal, agent_of, route, route_uri
from softswitch.directory import Account, Agent, Directory

SITE = Directory(
    "pbx.test",
    accounts={"anna": Account("anna"), "1000": Account("1000"), "desk": Account("desk", agent="eve"), "12": Account("12")},
    extensions={
        "200": "queue:info", "201": "menu:main", "202": "echo", "203": "music:jazz", "204": "play:welcome",
        "205": "extension:anna", "206": "extension:200",
        "207": "extension:207", "12": "extension:12", "301": "extension:302", "302": "extension:301",
    },
    agents={"eve": Agent("eve", "other"), "bob": Agent("bob", "1000")},
    aliases=("pbx2.test", "192.0.2.1"),
)  # fmt: skip


@pytest.mark.parametrize(
    "dialled, expected",
    [
        ("anna", Destination("account", "anna")),
        ("200", Destination("queue", "info")),
        ("201", Destination("menu", "main")),
        ("202", Destination("echo")),
        ("203", Destination("music", "jazz")),
        ("204", Destination("play", "welcome")),
        ("205", Destination("account", "anna")),
        ("206", Destination("queue", "info")),
        ("12", Destination("account", "12")),
        ("207", Refusal(404, "not_found")),
        ("301", Refusal(482, "extension_loop")),
        ("nobody", Refusal(404, "not_found")),
        ("*30", Destination("agent", "login")),
        ("*31", Destination("agent", "logout")),
        ("*32", Destination("agent", "not_ready", "break")),
        ("*322", Destination("agent", "not_ready", "lunch")),
        ("*329", Destination("agent", "not_ready", "other")),
        ("*328", Destination("agent", "not_ready", "?")),
        ("*3200", Refusal(404, "not_found")),
        ("*301", Refusal(404, "not_found")),
        ("*43", Destination("echo")),
        ("*44", Destination("music")),
        ("*4", Refusal(404, "not_found")),
        ("", Refusal(404, "not_found")),
    ],
)
def test_dialled(dialled: str, expected: object) -> None:
    assert route(dialled, SITE) == expected


@pytest.mark.parametrize(
    "uri, expected",
    [
        ("sip:anna@pbx.test", Destination("account", "anna")),
        ("sip:anna@PBX.test:5060;transport=udp", Destination("account", "anna")),
        ("sip:anna@pbx2.test", Destination("account", "anna")),
        ("sip:anna@192.0.2.1", Destination("account", "anna")),
        ("sip:anna@10.9.9.9", Destination("account", "anna")),
        ("sips:anna@pbx.test", Destination("account", "anna")),
        ("sip:1-00-0@pbx.test;user=phone", Destination("account", "1000")),
        ("tel:1000", Destination("account", "1000")),
        ("sip:%61nna@pbx.test", Destination("account", "anna")),
        ("sip:*30@pbx.test", Destination("agent", "login")),
        ("sip:%2a30@pbx.test", Destination("agent", "login")),
        ("sip:anna@elsewhere.example", Refusal(403, "foreign_domain")),
        ("sip:anna@pbx.test.evil.example", Refusal(403, "foreign_domain")),
        ("sip:anna%40pbx.test@elsewhere.example", Refusal(403, "foreign_domain")),
        ("sip:pbx.test", Refusal(404, "not_found")),
        ("http://pbx.test/", Refusal(416, "malformed_uri")),
        ("sip:@", Refusal(400, "malformed_uri")),
    ],
)
def test_request_uris(uri: str, expected: object) -> None:
    assert route_uri(uri, SITE, {"10.9.9.9"}) == expected


def test_destinations_read_like_the_sites_strings() -> None:
    assert str(Destination("queue", "info")) == "queue:info"
    assert str(Destination("echo")) == "echo"


def test_the_agent_at_a_phone() -> None:
    assert agent_of(SITE.accounts["desk"], SITE) == "eve", "the account says so"
    assert agent_of(SITE.accounts["1000"], SITE) == "bob", "the agent's device"
    assert agent_of(SITE.accounts["anna"], SITE) == ""
