"""Sites to begin with: the hotline that `init` writes, and the one of `softswitch lab`.

No password is built in: they come from the injected source of randomness and are returned once, for printing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from softswitch.directory import (
    Account,
    Agent,
    ChoiceStep,
    Conference,
    Directory,
    Hours,
    HoursStep,
    Membership,
    Menu,
    PlayStep,
    Queue,
    Span,
)
from softswitch.machine import Entropy
from softswitch.store.passwords import digests, generate_password

WEEKDAYS: Final = (0, 1, 2, 3, 4)
HOTLINE: Final = "800"
DIRECT: Final = "801"  # the queue at any hour: a newcomer may try it on a Sunday
ECHO: Final = "810"
MUSIC: Final = "811"
LAB_ACCOUNTS: Final = 1000  # the first account's number
LAB_QUEUE: Final = "queue"
LAB_CONFERENCE: Final = "conference"
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


def demo_site(entropy: Entropy, domain: str, language: str = "pl") -> NewSite:
    """A working hotline (ADM-04): open Mon-Fri 08-20, greeting, "press 1" -> queue infolinia, else a closed message."""
    people = (
        ("101", "Anna Nowak", "anna"),
        ("102", "Piotr Kowalski", "piotr"),
        ("103", "Biuro", ""),
        ("104", "Serwis", ""),
    )
    credentials = tuple(Credential(user, generate_password(entropy), name, agent) for user, name, agent in people)
    hours = Hours("Standardowe", (Span(WEEKDAYS, 8 * 60, 20 * 60),), timezone="Europe/Warsaw", holidays="pl")
    queue = Queue(
        "infolinia",
        title="Infolinia",
        members=tuple(Membership(one.agent) for one in credentials if one.agent),
    )
    menu = Menu(
        "hotline",
        (
            HoursStep(hours.name, closed="play:closed"),
            PlayStep(("welcome",)),
            ChoiceStep(
                ("menu-main", "menu-help"),
                {"1": f"queue:{queue.name}"},
                attempts=2,
                on_timeout=("no-choice",),
                otherwise=f"queue:{queue.name}",
            ),
        ),
    )
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
    found = _accounts(people, domain, max_calls=10_000)
    found[LAB_SUPERVISOR] = replace(found[LAB_SUPERVISOR], supervises=("*",))
    directory = Directory(
        domain=domain,
        accounts=found,
        conferences={LAB_CONFERENCE: Conference(LAB_CONFERENCE, max_members=0)},
        extensions=extensions,
        menus={menu.name: menu},
        queues={queue.name: queue},
        agents={one.agent: Agent(one.agent, one.user, one.name, auto_ready=True) for one in people if one.agent},
    )
    return NewSite(directory, tuple(people), {name: name for name in extensions})


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
