"""Registering at a provider (RFC 3261 section 10.2): REGISTER, its refreshes, and what is done when it fails.

The next server is tried at once where one does not answer; when all have failed, or the provider refuses, the next try is
put off, each time for longer and never in step with others (RFC 5626 section 4.5). A registration that is still valid counts
while that goes on.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from softswitch.errors import ParseError
from softswitch.events import TrunkRegistered, TrunkRegistrationFailed
from softswitch.sip.grammar import number
from softswitch.sip.headers import contacts
from softswitch.sip.listener import contact
from softswitch.sip.proof import Proof
from softswitch.sip.uri import escape_user, uri_user

if TYPE_CHECKING:
    from softswitch.sip.line import Line, Way
    from softswitch.sip.message import Message

SOON: Final = 1.0  # seconds: the first try comes within so long, that many trunks do not ask at once
PATIENCE: Final = 8.0  # seconds that a server has for its answer, before the next one is asked
FIRST_DELAY, LONGEST_DELAY = 20.0, 600.0  # after all servers have failed
REFUSED_DELAY, LONGEST_REFUSED = 120.0, 3_600.0  # after a refusal: some providers lock those out who try too often
MAX_RETRY_AFTER: Final = 3_600
MAX_EXPIRES: Final = 86_400
ANSWERS: Final = 3  # to challenges and 423s, of one try

WORDS: Final = {
    403: "it refuses us: check user and password, and whether the account is blocked",
    404: "it does not know the user: check user and domain",
    423: "it wants longer registrations: raise expires",
}


class State(StrEnum):
    NEW = "new"
    ASKING = "asking"
    REGISTERED = "registered"
    WAITING = "waiting"  # for the next try
    ENDED = "ended"


class Registration:
    """Of one trunk."""

    def __init__(self, line: Line, proof: Proof) -> None:
        self.line = line
        self.proof = proof
        self.state = State.NEW
        self.until = 0.0  # the end of what was granted
        self.way: Way | None = None  # the server that has granted it, or is asked
        self.status = 0
        self.error = ""
        self.next_at = 0.0
        self._tag = line.endpoint.tag()
        self._call_id = f"{self._tag}{line.entropy.token()}"
        self._cseq = 0
        self._expires = line.config.expires
        self._left: list[Way] = []  # servers of this round that were not asked
        self._answers = 0
        self._failures = 0
        self._current: object = None  # the transaction that we wait for

    def start(self, now: float) -> None:
        """As soon as the servers are known."""
        if self.state is State.NEW:
            self._later(now, self.line.entropy.below(int(SOON * 1000)) / 1000)

    def registered(self, now: float) -> bool:
        return self.until > now

    @property
    def failed(self) -> bool:
        """Whether the provider was asked, and has not granted it."""
        return self.state is State.WAITING and not self.until

    def expire(self, what: str, now: float) -> None:
        """It is time for the next REGISTER ("register"), a server is silent ("silent"), or the registration is over ("over")."""
        if what == "register":
            self._round(now)
        elif what == "over":
            self.until = 0.0
        elif self._current is not None:
            self._silent(408, now)

    def end(self, now: float) -> None:
        """The trunk is gone from the site: tell the provider."""
        registered, self.state = self.until > now, State.ENDED
        for what in ("register", "silent", "over"):
            self.line.forget(what)
        if registered and self.way is not None:
            self._send(self.way, 0, self.proof.once_more("REGISTER", self._uri(self.way)), now)
        self._current = None
        self.until = 0.0

    # --- asking --------------------------------------------------------------------------------------------------------

    def _later(self, now: float, seconds: float) -> None:
        self.next_at = now + seconds
        self.line.remind("register", self.next_at)

    def _round(self, now: float) -> None:
        """Ask the server that has granted the last one, else all in order."""
        ways = list(self.line.servers())
        if self.way in ways:
            ways.remove(self.way)
            ways.insert(0, self.way)
        self._left = ways
        if ways:
            self._ask(self._left.pop(0), now)
        else:
            self._put_off(0, "no server of it is known: check servers", FIRST_DELAY, LONGEST_DELAY, now)

    def _ask(self, way: Way, now: float) -> None:
        self.state, self.way, self._answers = State.ASKING, way, 0
        self._send(way, self._expires, self.proof.once_more("REGISTER", self._uri(way)), now)

    def _uri(self, way: Way) -> str:
        return f"sip:{self.line.config.domain or way.host}"

    def _send(self, way: Way, expires: int, proof: str, now: float) -> None:
        line, config = self.line, self.line.config
        self._cseq += 1
        user = escape_user(config.user)
        aor = f"<sip:{user}@{config.domain or way.host}>"
        listener = line.endpoint.listeners[way.flow.listener]
        headers = f"Contact: {contact(listener, way.flow, user)};expires={expires}\r\nExpires: {expires}\r\n{proof}"
        self.line.remind("silent", now + PATIENCE)
        self._current = line.endpoint.request(
            "REGISTER", self._uri(way), way.flow, now, from_=f"{aor};tag={self._tag}", to=aor, call_id=self._call_id,
            cseq=self._cseq, headers=headers, owner=self,
        )  # fmt: skip

    # --- answers -------------------------------------------------------------------------------------------------------

    def on_response(self, tx: object, message: Message, now: float) -> None:
        status = message.status
        if tx is not self._current or status < 200 or self.way is None:
            return
        self._current = None
        self.line.forget("silent")
        self.status = status
        if status < 300:
            self._granted(message, now)
        elif status in (401, 407):
            self._challenged(message, now)
        elif status == 423 and self._raised(message):
            self._again(self.proof.once_more("REGISTER", self._uri(self.way)), now)
        elif status >= 500 or status == 408:
            self._silent(status, now, _retry_after(message))
        else:
            words = WORDS.get(status, f"it answers {status}")
            self._put_off(status, words, REFUSED_DELAY, LONGEST_REFUSED, now, _retry_after(message))

    def on_failed(self, tx: object, status: int, now: float) -> None:
        if tx is self._current:
            self._silent(status, now)

    def _granted(self, message: Message, now: float) -> None:
        seconds = self._seconds(message)
        if not seconds:
            self._put_off(200, "it grants nothing", FIRST_DELAY, LONGEST_DELAY, now)
            return
        assert self.way is not None
        fresh = not self.registered(now)
        self.state, self.until, self._failures, self.error = State.REGISTERED, now + seconds, 0, ""
        self.line.remind("over", self.until)
        # Between 75 and 85 % of the time: early enough for a second try, and not in step with others.
        self._later(now, max(seconds * (75 + self.line.entropy.below(11)) / 100, min(5.0, seconds / 2)))
        if fresh:
            self.line.publish(TrunkRegistered(self.line.config.name, self.way.host, seconds))

    def _seconds(self, message: Message) -> int:
        """What was granted: of our Contact, else of the whole answer."""
        user = escape_user(self.line.config.user)
        try:
            for found in contacts(message):
                expires = found.parameters.get("expires", "")
                if expires and uri_user(found.uri) == user:
                    return min(number(expires, 2**32 - 1), MAX_EXPIRES)
            given = message.header("expires")
            return min(number(given, 2**32 - 1), MAX_EXPIRES) if given else self._expires
        except ParseError:
            return self._expires

    def _challenged(self, message: Message, now: float) -> None:
        assert self.way is not None
        line = ""
        if self._answers < ANSWERS:
            line = self.proof.answer(
                message, "REGISTER", self._uri(self.way), self.line.hosts, again=self._answers > 0, registrar=True
            )
        if line:
            self._again(line, now)
        else:
            self._put_off(message.status, self.proof.error, REFUSED_DELAY, LONGEST_REFUSED, now)

    def _raised(self, message: Message) -> bool:
        """423: take what the provider wants at least; False if that is no number, or no more than what it had."""
        try:
            wanted = number(message.header("min-expires"), MAX_EXPIRES)
        except ParseError:
            return False
        if self._answers >= ANSWERS or wanted <= self._expires:
            return False
        self._expires = wanted
        return True

    def _again(self, line: str, now: float) -> None:
        assert self.way is not None
        self._answers += 1
        self._send(self.way, self._expires, line, now)

    # --- failures ------------------------------------------------------------------------------------------------------

    def _silent(self, status: int, now: float, wait: int = 0) -> None:
        """This server does not work: the next one, or later."""
        self._current = None
        self.line.forget("silent")
        self.status = status
        if self._left and self.state is not State.ENDED:
            self._ask(self._left.pop(0), now)
        else:
            words = "no server of it answers" if status in (408, 503) and not wait else f"it answers {status}"
            self._put_off(status, words, FIRST_DELAY, LONGEST_DELAY, now, wait)

    def _put_off(self, status: int, error: str, first: float, longest: float, now: float, wait: int = 0) -> None:
        if self.state is State.ENDED:
            return
        self.state, self.error, self.status = State.WAITING, error, status
        self._failures += 1
        delay = min(first * 2 ** min(self._failures - 1, 16), longest)
        delay *= (50 + self.line.entropy.below(51)) / 100
        delay = max(delay, float(wait))
        self._later(now, delay)
        self.line.publish(TrunkRegistrationFailed(self.line.config.name, status, error, delay))


def _retry_after(message: Message) -> int:
    digits = message.header("retry-after").partition(";")[0].partition("(")[0].strip(" \t")
    try:
        return min(number(digits, 2**32 - 1), MAX_RETRY_AFTER) if digits else 0
    except ParseError:
        return 0
