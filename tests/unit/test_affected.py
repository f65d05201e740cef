"""What a change of the site would do to whoever is on the phone now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from softswitch.directory import (
    Account,
    Agent,
    Conference,
    Directory,
    Hours,
    Membership,
    Menu,
    Parking,
    PlayStep,
    Queue,
    Span,
)
from softswitch.operations.affected import Effect, Live, affected, opening
from softswitch.outside import Trunk

SITE = Directory(
    "pbx.example.com",
    accounts={one: Account(one, ha1_md5="a" * 32) for one in ("101", "102")},
    agents={"anna": Agent("anna", "101"), "jan": Agent("jan", "102")},
    queues={"infolinia": Queue("infolinia", members=(Membership("anna"), Membership("jan", 1)))},
    menus={"hotline": Menu("hotline", (PlayStep(("welcome",)),))},
    conferences={"monday": Conference("monday")},
    parking={"lot": Parking("lot", 701, 703)},
    trunks={"provider": Trunk("provider", ("sip.example.net",))},
    hours={"Standardowe": Hours("Standardowe", (Span((0,), 480, 1200),))},
)


def agent(device: str, activity: str = "idle", caller: str = "", queue: str = "") -> dict[str, Any]:
    return {"presence": "ready", "activity": activity, "caller": caller, "queue": queue, "device": device}


def call(name: str, **more: Any) -> dict[str, Any]:
    plain = {
        "account": "", "trunk": "", "conference": "", "parked": "", "path": [], "state": "answered", "legs": [],
    }  # fmt: skip
    return {"call": name, **plain, **more}


LIVE = Live(
    {
        "queues": {"infolinia": {"callers": [{"caller": "c1", "waited": 90.0}, {"caller": "c2", "waited": 10.0}]}},
        "agents": {"anna": agent("101", "talking", "c0", "infolinia"), "jan": agent("102", "offered", "c1", "infolinia")},
    },
    [
        call("c0", trunk="provider", legs=[{"device": ""}, {"device": "101"}], state="talking"),
        call("c3", path=["menu:hotline"]),
        call("c4", conference="monday", state="conference"),
        call("c5", parked="702"),
    ],
    [{"aor": "101@pbx.example.com"}, {"aor": "101@pbx.example.com"}, {"aor": "102@pbx.example.com"}],
)  # fmt: skip


def changed(**more: Any) -> list[str]:
    return [str(one) for one in affected(SITE, replace(SITE, **more), LIVE)]


def queue(**more: Any) -> dict[str, Queue]:
    return {"infolinia": replace(SITE.queues["infolinia"], **more)}


WAIT = "! queue infolinia: 2 callers wait: their order and times stay"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"version": 7, "country": "gb"}, []),
        ({"queues": queue(strategy="linear")}, [WAIT]),
        ({"queues": {}}, ["! queue infolinia: 2 callers wait and are served; nobody new is let in"]),
        (
            {"queues": queue(max_wait=60.0, on_timeout="extension:102")},
            [WAIT, "! queue infolinia: 1 caller waits longer than max_wait (60 s) lets them: sent to extension:102"],
        ),
        (
            {"queues": queue(members=(Membership("jan", 0),))},
            [
                WAIT,
                "! queue infolinia: anna gets no more of its calls after this one",
                "! queue infolinia: jan goes from tier 1 to tier 0",
            ],
        ),
        (
            {"agents": {"jan": replace(SITE.agents["jan"], device="103")}},
            [
                "! agent anna: talks on, and is logged out afterwards",
                "! agent jan: moves to 103 when the conversation is over",
            ],
        ),
        ({"agents": {"anna": SITE.agents["anna"]}}, ["! agent jan: rings no more, and is logged out"]),
        (
            {"accounts": {"102": replace(SITE.accounts["102"], ha1_md5="b" * 32)}},
            [
                "! account 101: 2 registrations removed; 1 call goes on until somebody hangs up",
                "! account 102: 1 registered phone must be given the new password",
            ],
        ),
        (
            {"domain": "new.example.com"},
            ["! site: 3 registrations of the domain pbx.example.com: phones need the new one, and new passwords"],
        ),
        ({"menus": {}}, ["! menu hotline: 1 caller in it: for them it goes on as it was"]),
        ({"conferences": {}}, ["! conference monday: 1 member talks on; nobody new gets in"]),
        ({"parking": {"lot": Parking("lot", 703, 709)}}, ["! parking lot: 1 parked call comes back to who parked them"]),
        ({"trunks": {}}, ["! trunk provider: 1 call goes on; no new ones"]),
        (
            {"trunks": {"provider": Trunk("provider", ("sip2.example.net",))}},
            ["! trunk provider: 1 call goes on as before"],
        ),
    ],
)  # fmt: skip
def test_who_is_touched(change: dict[str, Any], said: list[str]) -> None:
    assert changed(**change) == said


def test_nobody_is_touched_when_nobody_is_there() -> None:
    empty = Live({"queues": {"infolinia": {"callers": []}}, "agents": {}})
    assert affected(SITE, Directory("pbx.example.com"), empty) == []


def test_hours_that_open_or_close_by_it() -> None:
    before = {"Standardowe": True, "new": False}
    after = replace(SITE, hours={**SITE.hours, "new": Hours("new", ())})
    assert opening(SITE, after, before.__getitem__, lambda name: False) == [
        Effect("hours", "Standardowe", "closed from now on")
    ]
    assert opening(SITE, SITE, before.__getitem__, lambda name: True) == []
