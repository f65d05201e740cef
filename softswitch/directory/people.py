"""Who may look at the switch and steer it by pages and programs: people who log in, and tokens of programs (ADM-02)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

EVERY_QUEUE: Final = "*"

# What a role may do. Each may do with its own things what is said here, and nothing else.
AGENT: Final = "agent"  # their own state, calls and figures, and the queues that they serve
SUPERVISOR: Final = "supervisor"  # the queues named for them, whoever serves these, and their calls
ADMINISTRATOR: Final = "administrator"  # everything
AUDITOR: Final = "auditor"  # sees everything, changes nothing
ROLES: Final = (AGENT, SUPERVISOR, ADMINISTRATOR, AUDITOR)


@dataclass(slots=True, frozen=True)
class User:
    """A person who logs in with a password. `digest`: of the password, as argon2 writes it; "" = they cannot log in."""

    name: str
    title: str = ""  # the person's name
    role: str = AGENT
    digest: str = ""
    agent: str = ""  # as whom they take calls
    account: str = ""  # whose phone rings for them; "" = the one that the agent is logged in at
    queues: tuple[str, ...] = ()  # of a supervisor; "*" = all
    language: str = ""  # of the pages; "" = the browser's


@dataclass(slots=True, frozen=True)
class Token:
    """What a program shows in place of a password. `digest`: SHA-256 of the token, in hex."""

    name: str
    title: str = ""
    role: str = AUDITOR
    digest: str = ""
    agent: str = ""
    queues: tuple[str, ...] = ()
    expires: str = ""  # the last day on which it is taken, such as "2027-12-31" (UTC); "" = it does not expire
