"""Who asks, and what they may (ADM-02): people by a session in a cookie, programs by a token. No socket, no framework.

A session is not stored anywhere: the cookie carries the name and the end, under a MAC into which the password's digest goes.
A restart keeps everybody logged in; a new password, or the end of the user, logs them out everywhere. Only those that were
ended before their time are remembered.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Final

from softswitch.directory import Directory
from softswitch.directory.people import ADMINISTRATOR, AUDITOR, EVERY_QUEUE, SUPERVISOR, Token, User
from softswitch.passwords import token_digest

SESSION: Final = 12 * 3_600.0  # seconds: a shift, and a long one
LOCAL: Final = (
    "local"  # the role of whoever asks from this machine without saying who: sees the present, changes nothing
)
OPERATOR: Final = "operator"  # the name of whoever has the token of softswitch.toml


@dataclass(slots=True, frozen=True)
class Principal:
    """Whoever asks. `name` stands in events and in the audit; `csrf`: what a page must send along to change something."""

    name: str
    role: str
    agent: str = ""
    account: str = ""
    queues: tuple[str, ...] = ()
    csrf: str = ""
    language: str = ""
    until: float = 0.0  # Unix time at which the session ends; 0 = it is none

    @property
    def sees_all(self) -> bool:
        return self.role in (ADMINISTRATOR, AUDITOR, LOCAL) or EVERY_QUEUE in self.queues


@dataclass(slots=True, frozen=True)
class Sight:
    """What somebody sees of the site: these queues and agents. None: all of them."""

    queues: Collection[str] | None
    agents: Collection[str] | None

    def queue(self, name: str) -> bool:
        return self.queues is None or name in self.queues

    def agent(self, name: str) -> bool:
        return self.agents is None or name in self.agents


EVERYTHING: Final = Sight(None, None)


def sight_of(principal: Principal, site: Directory) -> Sight:
    """A supervisor sees their queues and whoever serves them; an agent the queues that they serve, and themselves."""
    if principal.sees_all:
        return EVERYTHING
    if principal.role == SUPERVISOR:
        queues = frozenset(principal.queues)
        served = (site.queues[name] for name in queues if name in site.queues)
        return Sight(queues, frozenset(member.agent for queue in served for member in queue.members))
    own = frozenset(
        name for name, queue in site.queues.items() if any(member.agent == principal.agent for member in queue.members)
    )
    return Sight(own, frozenset({principal.agent} if principal.agent else ()))


# --- who -----------------------------------------------------------------------------------------------------------------


class Gate:
    """Tells who asks. `key`: 32 secret bytes that outlive a restart; `clock`: Unix time."""

    def __init__(
        self,
        site: Callable[[], Directory],
        key: bytes,
        clock: Callable[[], float],
        operator_token: str = "",
        ended: Mapping[str, float] | None = None,
    ) -> None:
        """`ended`: sessions that somebody has logged out of, and when (Unix time) they would have ended."""
        self._site = site
        self._key = key
        self._clock = clock
        self._operator = token_digest(operator_token) if operator_token else ""
        self._tokens: tuple[Directory | None, dict[str, Token]] = (None, {})
        self._ended = dict(ended or {})
        self._ends = 0

    def by_token(self, token: str) -> Principal | None:
        """Whoever shows this token; None: nobody, or it has expired."""
        digest = token_digest(token)
        if self._operator and hmac.compare_digest(digest, self._operator):
            return Principal(OPERATOR, ADMINISTRATOR)
        found = self._by_digest().get(digest)
        if found is None or (found.expires and self._today() > found.expires):
            return None
        return Principal(f"token:{found.name}", found.role, found.agent, "", found.queues)

    def _by_digest(self) -> dict[str, Token]:
        site = self._site()
        if self._tokens[0] is not site:
            self._tokens = site, {one.digest: one for one in site.tokens.values() if one.digest}
        return self._tokens[1]

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).date().isoformat()

    def open_session(self, user: User) -> str:
        """The cookie of somebody who has given the right password."""
        return self._sealed(user, f"{int(self._clock() + SESSION)}.{secrets.token_urlsafe(12)}")

    def by_session(self, cookie: str) -> Principal | None:
        """Whose session this is; None: nobody's, or it has ended."""
        name, _, rest = cookie.partition(":")
        until, _, session = rest.rpartition(".")[0].partition(".")
        user = self._site().users.get(_from_cookie(name))
        if user is None or not user.digest or not _is_moment(until) or int(until) <= self._clock():
            return None
        if session in self._ended:
            return None
        if not hmac.compare_digest(self._sealed(user, rest.rpartition(".")[0]).encode(), cookie.encode()):
            return None
        return self.principal(user, cookie)

    def end_session(self, cookie: str) -> tuple[str, float]:
        """A genuine cookie is good for nothing from now on: the number of its session, and when it would have ended."""
        until, _, session = cookie.partition(":")[2].rpartition(".")[0].partition(".")
        now = self._clock()
        self._ended = {one: end for one, end in self._ended.items() if end > now} | {session: float(until)}
        self._ends += 1
        return session, float(until)

    @property
    def moment(self) -> tuple[object, int]:
        """Changes with whatever may change who somebody is: the site, and sessions that are ended."""
        return self._site(), self._ends

    def principal(self, user: User, cookie: str) -> Principal:
        csrf, until = self._mac("csrf", cookie), float(cookie.partition(":")[2].partition(".")[0])
        return Principal(user.name, user.role, user.agent, user.account, user.queues, csrf, user.language, until)

    def _sealed(self, user: User, body: str) -> str:
        plain = f"{_to_cookie(user.name)}:{body}"
        return f"{plain}.{self._mac('session', plain, user.digest)}"

    def _mac(self, *parts: str) -> str:
        return blake2s("\0".join(parts).encode(), key=self._key).hexdigest()


def _is_moment(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def _to_cookie(name: str) -> str:
    return name.encode().hex()


def _from_cookie(text: str) -> str:
    try:
        return bytes.fromhex(text).decode()
    except ValueError:
        return ""


# --- guesses -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Guesses:
    count: int
    until: float  # nobody may try before
    last: float


class Throttle:
    """Slows down who guesses passwords: after `free` failures each further one costs twice the pause of the last.

    Keys are what failures have in common: the source, the source with the name, the name. `clock`: monotonic seconds.
    """

    PAUSE: Final = 2.0  # seconds after the first failure that is one too many
    FORGOTTEN: Final = 3_600.0  # seconds without a failure
    MOST: Final = 10_000  # keys

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: OrderedDict[tuple[str, ...], _Guesses] = OrderedDict()

    def wait(self, source: str, name: str) -> float:
        """Seconds until a next attempt is looked at; 0 = now."""
        now = self._clock()
        pauses = [self._known[key].until - now for key, _, _ in _limits(source, name) if key in self._known]
        return max([0.0, *pauses])

    def failed(self, source: str, name: str) -> None:
        now = self._clock()
        for key, free, longest in _limits(source, name):
            one = self._known.pop(key, None)
            if one is None or now - one.last > self.FORGOTTEN:
                one = _Guesses(0, now, now)
            one.count, one.last = one.count + 1, now
            if one.count > free:
                one.until = now + min(self.PAUSE * 2 ** min(one.count - free - 1, 20), longest)
            self._known[key] = one
            if len(self._known) > self.MOST:
                self._known.popitem(last=False)

    def succeeded(self, source: str, name: str) -> None:
        """Their mistypes are forgotten; what else came from there is not."""
        self._known.pop((source, name), None)


def _limits(source: str, name: str) -> list[tuple[tuple[str, ...], int, float]]:
    """Keys, how many failures cost nothing, and the longest pause in seconds.

    A person mistypes a few times; a source that tries many names, or many sources that try one, are slowed down, too. The
    pause of a name by itself stays short: nobody is to lock out somebody else.
    """
    return [((source, name), 5, 900.0), ((source,), 20, 900.0), (("", name), 50, 30.0)]
