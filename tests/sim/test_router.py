"""Programs that say where a call goes: what they are asked, what is taken of their answers, and what happens without one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from softswitch.call.customers import Customer
from softswitch.decode import Problems
from softswitch.directory import Directory, Menu, Queue
from softswitch.directory.hooks import Router
from softswitch.effects import ErrandDone
from softswitch.errors import ConfigError
from softswitch.integrations.signing import signature
from softswitch.store.menu_objects import read_steps
from softswitch.store.site import export_site, parse_site
from tests.sim.test_menus import dial, done
from tests.sim.world import World, site

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
STEPS = [{"play": "welcome"}, {"goto": "router:crm"}]


def directory(**more: Any) -> Directory:
    steps = read_steps(STEPS, Problems("test"), "m")
    router = Router("crm", "https://crm.test/route", SECRET, timeout=2.0, otherwise="extension:bob", **more)
    return site(
        "anna", "bob", "carol", routers={"crm": router}, queues={"info": Queue("info")},
        extensions={"800": "router:crm", "801": "menu:m", "802": "extension:carol", "803": "router:crm"},
        menus={"m": Menu("m", steps)},
    )  # fmt: skip


def hall(**more: Any) -> World:
    w = World(directory(**more))
    for name in ("bob", "carol"):
        w.phone(name, answer_after=1.0)
    return w


def answer(w: World, data: Any = None, result: str = "ok", status: int = 200) -> None:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    w.switch.answer(ErrandDone(w.switch.errands[-1].errand, result, status, body))


def talks(w: World) -> list[str]:
    """Whose phones are up, the caller's apart."""
    return sorted(
        phone.user for phone in w.phones.values() for line in phone.lines if line.state == "up" and phone.user != "anna"
    )  # type: ignore[attr-defined]


def test_a_call_rings_whoever_the_program_names_and_is_not_answered_before() -> None:
    w = hall()
    w.switch.switch.calls.board.desk.cards.put(Customer("K7", {"name": "Anna Nowak"}, ("anna",)))
    line = dial(w, "800")
    (request,) = w.switch.errands
    assert (request.method, request.url, request.timeout) == ("POST", "https://crm.test/route", 2.0)
    said = json.loads(request.body)
    assert (said["router"], said["caller"], said["number"], said["trunk"]) == ("crm", "anna", "800", "")
    headers = dict(request.headers)
    signed = signature(SECRET, headers["webhook-id"], int(headers["webhook-timestamp"]), request.body)
    assert headers["webhook-signature"] == signed
    w.run(1.0)
    assert line.state == "calling", "nobody has answered, and nothing rings"
    answer(w, {"destination": "extension:802"})
    w.run(3)
    assert (line.state, talks(w)) == ("up", ["carol"])
    line.phone.hang_up(line)
    done(w)
    assert "router:crm account:carol" in w.switch.named("call.ended")[0].path


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"destination": "queue:none"}, "not a destination"), ({"destination": "router:crm"}, "not a destination"),
        ({"destination": "extension:803"}, "not a destination"), ({"destination": "outside:+48601000001"}, "not a destination"),
        ({"destination": 7}, "not a destination"), ({}, "no destination"), ([], "no JSON"), (b"\xff{", "no JSON"),
        ({"reject": 200}, "not a destination"), ({"destination": "queue:" + "x" * 500}, "not a destination"),
        ({"destination": "menu:m:nowhere"}, "not a destination"), ({"destination": "extension:nobody"}, "not a destination"),
    ],
)  # fmt: skip
def test_an_answer_that_makes_no_sense_counts_as_none(data: Any, why: str) -> None:
    w = hall()
    line = dial(w, "800")
    answer(w, data)
    w.run(3)
    assert (line.state, talks(w)) == ("up", ["bob"])
    line.phone.hang_up(line)
    done(w)
    assert f"router:crm {why}" in w.switch.named("call.ended")[0].path


@pytest.mark.parametrize("result", ["timeout", "failed", "refused", "silence", "500"])
def test_without_an_answer_the_call_goes_where_the_site_says(result: str) -> None:
    w = hall()
    line = dial(w, "800")
    if result == "silence":
        w.run(3.2)
    elif result == "500":
        answer(w, {"destination": "extension:carol"}, status=500)
    else:
        answer(w, result=result)
    w.run(3)
    assert talks(w) == ["bob"]
    answer(w, {"destination": "extension:carol"})  # Too late: nobody listens.
    w.run(1)
    assert talks(w) == ["bob"]
    line.phone.hang_up(line)
    done(w)


def test_a_program_may_refuse_a_call() -> None:
    w = hall()
    line = dial(w, "800")
    answer(w, {"reject": 603})
    w.run(1)
    assert (line.state, line.status) == ("ended", 603)
    done(w)
    (record,) = w.switch.named("call.ended")
    assert (record.status, record.cause) == (603, "router")


def test_who_hangs_up_while_a_program_is_asked() -> None:
    w = hall()
    line = dial(w, "800")
    line.phone.cancel(line)
    w.run(1)
    answer(w, {"destination": "extension:carol"})
    w.run(1)
    assert line.state == "ended" and talks(w) == []
    done(w)


def test_a_caller_in_a_menu_hears_music_meanwhile() -> None:
    w = hall()
    line = dial(w, "801")
    w.run(1.2)
    assert line.state == "up" and w.hears(line) == "music:default"
    answer(w, {"destination": "queue:info:5"})
    w.run(1)
    (joined,) = w.switch.named("queue.entered")
    assert (joined.queue, joined.priority) == ("info", 5)
    line.phone.hang_up(line)
    done(w)


def test_a_restart_asks_again_and_loses_nobody() -> None:
    w = hall()
    line = dial(w, "800")
    w.run(0.3)
    w.kill()
    w.run(0.3)
    w.restart()
    w.run(0.5)
    answer(w, {"destination": "extension:carol"})
    w.run(3)
    assert (line.state, talks(w)) == ("up", ["carol"])
    line.phone.hang_up(line)
    done(w)


SITE = """
domain = "pbx.example.com"
[account.101]
password = "long enough"
[extensions]
800 = "router:crm"
[router.crm]
url = "https://crm.example.com/route"
timeout = 1.5
otherwise = "extension:101"
"""


def test_a_router_in_the_site() -> None:
    found = parse_site(SITE)
    assert found.routers["crm"].timeout == 1.5
    assert parse_site(export_site(found)) == found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('otherwise = "extension:101"', 'otherwise = "router:crm"'), "leads back to itself"),
        (('otherwise = "extension:101"', 'otherwise = "queue:none"'), "router.crm.otherwise"),
        (('"router:crm"', '"router:none"'), 'did you mean|a router'),
        (('url = "https://crm.example.com/route"', 'url = "ftp://crm.example.com"'), "router.crm.url"),
        (('url = "https://crm.example.com/route"', 'title = "x"'), "router.crm.url"),
    ],
)  # fmt: skip
def test_a_router_that_makes_no_sense(change: tuple[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_site(SITE.replace(*change))
