"""Sites to begin with: the hotline that `init` writes, and the one of `softswitch lab`.

No password is built in: they come from the injected source of randomness and are returned once, for printing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from softswitch.directory import (
    Account,
    Agent,
    Announce,
    ChoiceStep,
    Conference,
    Directory,
    GotoStep,
    HangupStep,
    Hours,
    HoursStep,
    Membership,
    Menu,
    PlayStep,
    Queue,
    Span,
)
from softswitch.machine import Entropy
from softswitch.outside import Policy, Route, Trunk
from softswitch.store.passwords import digests, generate_password

WEEKDAYS: Final = (0, 1, 2, 3, 4)
HOTLINE: Final = "800"
DIRECT: Final = "801"  # the queue at any hour: a newcomer may try it on a Sunday
ECHO: Final = "810"
MUSIC: Final = "811"
LAB_ACCOUNTS: Final = 1000  # the first account's number
LAB_QUEUE: Final = "queue"
LAB_CONFERENCE: Final = "conference"
LAB_POLICY: Final = "lab"  # of all accounts but the supervisor's: calls anywhere outside, without limits
LAB_NUMBERS: Final = "+4822555"  # of the numbers of its trunks, followed by four digits
LAB_SUPERVISOR: Final = "supervisor"  # an account that may supervise everybody


@dataclass(slots=True, frozen=True)
class Credential:
    """An account and the password that exists nowhere else. `agent` and `tier` if an agent's."""

    user: str
    password: str
    name: str = ""
    agent: str = ""
    tier: int = 0


@dataclass(slots=True, frozen=True)
class NewSite:
    """A generated site with the passwords of its accounts."""

    directory: Directory
    credentials: tuple[Credential, ...]
    extensions: Mapping[str, str]  # what a number is for -> the number

    def users(self) -> list[Credential]:
        return [one for one in self.credentials if not one.agent and one.user != LAB_SUPERVISOR]

    def agents(self) -> list[Credential]:
        return [one for one in self.credentials if one.agent]


# --- the hotline of a new installation -----------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class _Words:
    """What the demo calls its things in a language."""

    hours: str
    queue: str
    title: str
    office: str
    service: str


_WORDS: Final[Mapping[str, _Words]] = {
    "pl": _Words("Standardowe", "infolinia", "Infolinia", "Biuro", "Serwis"),
    "en": _Words("Standard", "helpline", "Helpline", "Office", "Service"),
}
FIRST_LINE, SECOND_LINE = 0, 1  # tiers: the second is rung while everybody in the first is busy


def demo_site(entropy: Entropy, domain: str, language: str = "pl") -> NewSite:
    """A working hotline (ADM-04): the tree that most call centres begin with, and a queue served by two lines of agents.

    Open Mon-Fri 08-20: branch 2, a welcome, the key 1, what to do when unsure, then the queue. Else branch 3: a message.
    """
    words = _WORDS[language]
    people = (
        ("101", "Anna Nowak", "anna", FIRST_LINE),
        ("102", "Piotr Kowalski", "piotr", SECOND_LINE),
        ("103", words.office, "", 0),
        ("104", words.service, "", 0),
    )
    credentials = tuple(
        Credential(user, generate_password(entropy), name, agent, tier) for user, name, agent, tier in people
    )
    hours = Hours(words.hours, (Span(WEEKDAYS, 8 * 60, 20 * 60),), timezone="Europe/Warsaw", holidays="pl")
    queue = Queue(
        words.queue,
        title=words.title,
        members=tuple(Membership(one.agent, one.tier) for one in credentials if one.agent),
        strategy="longest_idle",
        announce=Announce(position="own"),
    )
    menu = _hotline(hours.name, f"queue:{queue.name}")
    directory = Directory(
        domain=domain,
        accounts=_accounts(credentials, domain),
        extensions={HOTLINE: f"menu:{menu.name}", DIRECT: f"queue:{queue.name}", ECHO: "echo", MUSIC: "music:default"},
        hours={hours.name: hours},
        menus={menu.name: menu},
        queues={queue.name: queue},
        agents={one.agent: Agent(one.agent, one.user, one.name) for one in credentials if one.agent},
        language=language,
        country="pl",
    )
    return NewSite(directory, credentials, {"hotline": HOTLINE, "queue": DIRECT, "echo": ECHO, "music": MUSIC})


def empty_site(domain: str, language: str = "pl") -> NewSite:
    """A site to be built by whoever has it: nothing but what a first telephone is tried out with."""
    extensions = {ECHO: "echo", MUSIC: "music:default"}
    directory = Directory(domain=domain, extensions=extensions, language=language, country="pl")
    return NewSite(directory, (), {"echo": ECHO, "music": MUSIC})


def _hotline(hours: str, queue: str) -> Menu:
    """The tree. What is played in branch 2 may be cut by a key; who presses none is put through as promised."""
    return Menu(
        "hotline",
        (HoursStep(hours, closed="branch:3"), GotoStep("branch:2")),
        branches={
            "2": (
                PlayStep(("welcome",)),
                PlayStep(("menu-main",)),
                PlayStep(("menu-help",)),
                ChoiceStep(
                    (),
                    {"1": queue, "#": "repeat"},
                    attempts=2,
                    on_invalid=("not-understood", "menu-main"),
                    on_timeout=("no-choice", "menu-main"),
                    otherwise=queue,
                ),
            ),
            "3": (PlayStep(("closed",), interruptible=False), HangupStep("closed")),
        },
    )


# --- the lab -------------------------------------------------------------------------------------------------------


def lab_site(
    entropy: Entropy, domain: str, *, accounts: int, agents: int = 0, tiers: int = 1, wrap_up: float = 0.0
) -> NewSite:
    """A site for load testers: accounts 1000..., agents behind them (ready once registered), one queue, always open."""
    assert accounts >= 0 and agents >= 0 and tiers >= 1
    first_agent = max(2000, -(-(LAB_ACCOUNTS + accounts) // 1000) * 1000)  # the next thousand after the accounts
    people = [Credential(str(LAB_ACCOUNTS + index), generate_password(entropy)) for index in range(accounts)]
    people += [
        Credential(user, generate_password(entropy), f"Agent {user}", f"agent-{user}", index * tiers // agents)
        for index in range(agents)
        for user in (str(first_agent + index),)
    ]
    people.append(Credential(LAB_SUPERVISOR, generate_password(entropy), "Supervisor"))
    queue = Queue(
        LAB_QUEUE,
        members=tuple(Membership(one.agent, one.tier) for one in people if one.agent),
        wrap_up=wrap_up,
        wrap_up_max=max(Queue(LAB_QUEUE).wrap_up_max, wrap_up),
    )
    to_queue = f"queue:{queue.name}"
    menu = Menu("ivr", (PlayStep(("welcome",)), ChoiceStep(("menu-main",), {"1": to_queue}, otherwise="hangup")))
    extensions = {
        "echo": "echo",
        "music": "music:default",
        "prompt": "play:welcome",
        "ivr": f"menu:{menu.name}",
        "queue": to_queue,
        "conference": f"conference:{LAB_CONFERENCE}",
    }
    found = {user: replace(one, policy=LAB_POLICY) for user, one in _accounts(people, domain, max_calls=10_000).items()}
    found[LAB_SUPERVISOR] = replace(found[LAB_SUPERVISOR], supervises=("*",), policy="")
    directory = Directory(
        domain=domain,
        accounts=found,
        conferences={LAB_CONFERENCE: Conference(LAB_CONFERENCE, max_members=0)},
        policies={LAB_POLICY: Policy(LAB_POLICY, ("*",), ("",), (), 10_000, 0, 0, 0)},
        extensions=extensions,
        menus={menu.name: menu},
        queues={queue.name: queue},
        agents={one.agent: Agent(one.agent, one.user, one.name, auto_ready=True) for one in people if one.agent},
    )
    return NewSite(directory, tuple(people), {name: name for name in extensions})


def with_trunks(
    site: Directory, servers: Sequence[str], user: str = "", password: str = "", realm: str = ""
) -> Directory:
    """A lab's site with these trunks, in the order they are tried; all accounts and extensions have a number outside.

    With a `user` it registers at them.
    """
    special = {f"{LAB_NUMBERS}{index:04d}": f"extension:{name}" for index, name in enumerate(sorted(site.extensions))}
    direct = {
        f"{LAB_NUMBERS}{one}": f"extension:{one}" for one in site.accounts if one.isdigit() and len(one) == 4
    }  # fmt: skip
    trunks = {
        name: Trunk(
            name, (server,), register=bool(user), user=user, password=password, realm=realm, ping=5.0, answer_within=3.0,
            dids={**special, **direct} if not index else {}, caller_number=f"{LAB_NUMBERS}0000", clip_no_screening=True,
            expires=60,
        )
        for index, server in enumerate(servers)
        for name in (f"trunk{index + 1}",)
    }  # fmt: skip
    routes = {"all": Route("all", ("+",), tuple(trunks))} if trunks else {}
    return replace(site, trunks=trunks, routes=routes)


def _accounts(people: Iterable[Credential], domain: str, max_calls: int = 4) -> dict[str, Account]:
    return {
        one.user: Account(
            one.user,
            *digests(one.user, domain, one.password),
            name=one.name,
            agent=one.agent,
            max_calls=max_calls,
        )
        for one in people
    }
