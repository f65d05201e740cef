"""Locating SIP servers by name (RFC 3263): which transport, address and port stand behind a name of the configuration.

The law of this module: only names of the configuration are asked for. What the network sends carries address literals, or it is
refused; a name in a Via, a Contact or a Route is never resolved, so nobody can have us wait, or ask in their place.

Contract
    `Locator.locate(target, owner, now)`   any machine's wish; `owner` has a method `located(located, now)`
    -> `Resolve(kind, name)` effects       carried out by the daemon (`net.resolver`); its answer: `Switch.resolved(Resolved)`
    -> `Located(target, owner, servers)`   an item that the switch hands to `owner.located`: always, once, and by a later
                                           `drain()`: at once where the cache knows the answers, else when the DNS has spoken
    -> `Expect(flow, name)`                for each TLS server: whose certificate must be seen when it is dialled (RFC 5922)

The servers come in the order in which they are to be tried (4.2, RFC 2782): by priority, at random by weight - each time anew, so
that load is shared out. `flow_to(server, listeners)` makes the flow to send on. When a server times out, answers 503 or cannot
be dialled (`goes_on(status)`, 4.3), call `failed` and try the next one; those that failed lately come last in later answers.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from softswitch.effects import Expect, Flow, Resolve
from softswitch.errors import ParseError
from softswitch.machine import Deadlines, Entropy, take
from softswitch.sip.listener import Listener, default_port, is_loopback, literal, valid_destination
from softswitch.sip.uri import Uri

LOOKUP_TIMEOUT: Final = 10.0  # seconds: the resolver has its own, shorter patience; this one ends what it forgot
LEAST_TTL: Final = 5.0  # seconds that an answer is kept, even if its owner says 0
MOST_TTL: Final = 86_400.0
NEGATIVE_TTL: Final = 300.0  # at most, for "there is no such record" (RFC 2308)
FAILURE_TTL: Final = 5.0  # a name server that does not answer is not asked again for so long
STALE: Final = 86_400.0  # an old answer is better than none (RFC 8767), up to this age
PENALTY: Final = 60.0  # a server that failed comes last for so long
MAX_CACHED: Final = 4_096
MAX_LOOKUPS: Final = 512  # under way
MAX_RECORDS: Final = 64  # of one answer
MAX_SERVERS: Final = 32

DIALLED: Final = ("udp", "tcp", "tls")  # transports on which we are the client, in the order we like them
# RFC 3263 section 4.1, and the owner names of SRV records (4.2).
_SERVICES: Final = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
_PREFIX: Final = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
_labels = re.compile(r"[A-Za-z0-9_][-A-Za-z0-9_]*+(?:\.[A-Za-z0-9_][-A-Za-z0-9_]*+)*").fullmatch


def _is_name(text: str) -> bool:
    """Whether it may be looked up; "127.1" is neither an address nor a name."""
    return len(text) <= 253 and _labels(text) is not None and not text.rpartition(".")[2].isdigit()


class Target(NamedTuple):
    """A server as a configuration names it. Port 0 and transport "" = as the DNS says."""

    host: str  # a name, or an address literal
    port: int = 0
    transport: str = ""  # "" | "udp" | "tcp" | "tls"

    @classmethod
    def parse(cls, text: str) -> Target:
        """ "sip:trunk.example;transport=tcp", "sips:trunk.example", "trunk.example", "192.0.2.1:5080". Raises ParseError."""
        uri = Uri.parse(text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}")
        host = literal(uri.host) or uri.host.rstrip(".")
        transport = uri.parameters.get("transport", "").lower()
        if uri.scheme == "sips" and transport in ("", "tcp"):
            transport = "tls"
        if not (literal(host) or _is_name(host)) or transport not in ("", *DIALLED):
            raise ParseError("no server that could be located")
        return cls(host, uri.port, transport)


class Server(NamedTuple):
    """One place to send requests to. `name`: the one of the configuration, which a certificate must be for."""

    transport: str
    host: str  # an address literal
    port: int
    name: str


class Srv(NamedTuple):
    """RFC 2782. A target of "" (the root) says that the service is not offered."""

    priority: int
    weight: int
    port: int
    target: str


class Naptr(NamedTuple):
    """RFC 3403, as far as RFC 3263 uses it."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Question(NamedTuple):
    kind: str  # "A" | "AAAA" | "SRV" | "NAPTR"
    name: str


@dataclass(slots=True)
class Resolved:
    """The answer to a `Resolve`. No records and no error: the DNS knows that there are none.

    `records`: address literals for A and AAAA, `Srv`, `Naptr`. `ttl` in seconds; `error` is for people.
    """

    kind: str
    name: str
    records: tuple[Any, ...] = ()
    ttl: float = 0.0
    error: str = ""


class Seeker(Protocol):
    """Who wants a server to be located."""

    def located(self, located: Located, now: float) -> None: ...


@dataclass(slots=True)
class Located:
    """Where to send requests for `target`: in order, or () and why."""

    target: Target
    owner: Seeker
    servers: tuple[Server, ...]
    error: str = ""


def goes_on(status: int) -> bool:
    """Whether another server should be tried after this failure (4.3): 503, our own 408, and no other."""
    return status in (408, 503)


def flow_to(server: Server, listeners: Sequence[Listener]) -> Flow | None:
    """The flow on which a server is reached: from the first listener that can. None if there is none."""
    here = is_loopback(server.host)
    found = [
        index
        for index, listener in enumerate(listeners)
        if listener.transport == server.transport
        and (":" in listener.host) == (":" in server.host)
        and (here or not is_loopback(listener.host))
    ]
    if not found or not valid_destination(server.host, server.port):
        return None
    return Flow(server.transport, server.host, server.port, found[0])


# --- the procedure of RFC 3263 section 4, as it reads ----------------------------------------------------------------------

Answers: TypeAlias = Mapping[Question, tuple[Any, ...]]
Search: TypeAlias = Generator[tuple[Question, ...], Answers, list[Server]]


def search(target: Target, transports: Sequence[str], kinds: Sequence[str], entropy: Entropy) -> Search:
    """Ask what is to be asked; returns the servers. `transports` are ours, `kinds` the addresses we can send to, as preferred."""
    host = target.host
    default = target.transport or (transports[0] if transports else "udp")
    if literal(host):  # 4.1: a numeric address leaves nothing to ask.
        return [Server(default, literal(host), target.port or default_port(default), host)]
    places: list[tuple[str, str, int]] = []
    refused = False
    if not target.port:  # 4.2: an explicit port forbids SRV, and with it NAPTR.
        services = yield from _services(target, transports)
        answers = yield tuple(Question("SRV", name) for _, name in services)
        for transport, name in services:
            found = answers[Question("SRV", name)]
            refused = refused or any(not record.target for record in found)
            places += [(transport, one.target, one.port) for one in by_weight(found, entropy)]
    if not places:
        if refused:
            return []
        places = [(default, host, target.port or default_port(default))]
    names = dict.fromkeys(name for _, name, _ in places)
    addresses = yield tuple(Question(kind, name) for name in names for kind in kinds)
    return [
        Server(transport, address, port, host)
        for transport, name, port in places
        for kind in kinds
        for address in addresses[Question(kind, name)]
        if valid_destination(address, port)
    ][:MAX_SERVERS]


def _services(
    target: Target, transports: Sequence[str]
) -> Generator[tuple[Question, ...], Answers, list[tuple[str, str]]]:
    """(transport, owner of its SRV records), the preferred first."""
    host = target.host
    if target.transport:
        return [(target.transport, _PREFIX[target.transport] + host)]
    question = Question("NAPTR", host)
    records = (yield (question,))[question]
    chosen = [
        (transport, record.replacement)
        for record in sorted(records, key=lambda record: (record.order, record.preference))
        if record.flags.lower() == "s"
        and (transport := _SERVICES.get(record.service.upper(), "")) in transports
        and _is_name(record.replacement)
    ]
    # 4.1: without NAPTR records SRV is asked for each transport that we have.
    return chosen or [(transport, _PREFIX[transport] + host) for transport in transports]


def by_weight(records: Iterable[Srv], entropy: Entropy) -> list[Srv]:
    """SRV records in the order of one attempt: by priority, and at random by weight in each (RFC 2782)."""
    left = sorted((one for one in records if _is_name(one.target) and 0 < one.port < 65_536), key=_rank)
    ordered: list[Srv] = []
    while left:
        same = [one for one in left if one.priority == left[0].priority]
        drawn = entropy.below(sum(one.weight for one in same) + 1)
        for one in same:
            drawn -= one.weight
            if drawn <= 0:
                ordered.append(one)
                left.remove(one)
                break
    return ordered


def _rank(record: Srv) -> tuple[int, bool]:
    # RFC 2782: those with weight 0 stand first, which gives them a very small chance.
    return record.priority, record.weight > 0


# --- the machine ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Counters:
    """What the DNS was asked."""

    lookups: int = 0
    cached: int = 0  # answers that needed no lookup
    failed: int = 0
    stale: int = 0  # failures that an old answer stood in for


@dataclass(slots=True)
class _Known:
    records: tuple[Any, ...]
    fresh_until: float
    stale_until: float
    error: str = ""


@dataclass(slots=True, eq=False)
class _Job:
    """One search under way."""

    target: Target
    owner: Seeker
    steps: Search
    answers: dict[Question, tuple[Any, ...]] = field(default_factory=dict)
    missing: set[Question] = field(default_factory=set)
    error: str = ""


class Locator:
    """Searches under way, and what the DNS has said."""

    def __init__(self, entropy: Entropy, listeners: Sequence[Listener]) -> None:
        self.counters = Counters()
        self._entropy = entropy
        self._listeners = listeners
        ours = {one.transport for one in listeners}
        self._transports = tuple(one for one in DIALLED if one in ours)
        kinds = dict.fromkeys("AAAA" if ":" in one.host else "A" for one in listeners if one.transport in DIALLED)
        self._kinds = tuple(sorted(kinds))  # IPv4 first, where there are both
        self._cache: dict[Question, _Known] = {}
        self._waiting: dict[Question, list[_Job]] = {}
        self._penalties: dict[Server, float] = {}
        self._deadlines: Deadlines[Question] = Deadlines()
        self.out: list[object] = []

    # --- the machine's three verbs ---

    def next_deadline(self) -> float | None:
        return self._deadlines.next()

    def expire(self, now: float) -> None:
        for question in self._deadlines.due(now):
            self.resolved(Resolved(*question, error="no answer"), now)

    def drain(self) -> list[object]:
        return take(self.out)

    # --- inputs ---

    def locate(self, target: Target, owner: Seeker, now: float) -> None:
        """Find the servers of a target; `owner.located` is told, in a moment or when the DNS has answered."""
        job = _Job(target, owner, search(target, self._transports, self._kinds, self._entropy))
        self._advance(job, None, now)

    def resolved(self, answer: Resolved, now: float) -> None:
        """What the DNS says. Answers to questions that are not open are dropped."""
        question = Question(answer.kind, answer.name)
        jobs = self._waiting.pop(question, None)
        if jobs is None:
            return
        self._deadlines.clear(question)
        known = self._learn(question, answer, now)
        for job in jobs:
            self._take(job, question, known)
            if not job.missing:
                self._advance(job, job.answers, now)

    def failed(self, server: Server, now: float, seconds: float = PENALTY) -> None:
        """A server did not answer, or said 503 (`seconds`: its Retry-After): it comes last for a while."""
        if len(self._penalties) >= MAX_CACHED:
            self._penalties = {one: until for one, until in self._penalties.items() if until > now}
        self._penalties[server] = now + seconds

    def works(self, server: Server) -> None:
        """A server has answered."""
        self._penalties.pop(server, None)

    def forget(self) -> None:
        """Ask everything anew: an operator has changed something."""
        self._cache.clear()
        self._penalties.clear()

    # --- inside ---

    def _advance(self, job: _Job, answers: Answers | None, now: float) -> None:
        """Take one step after the other, as long as the answers are known."""
        try:
            while True:
                wanted = job.steps.send(answers)  # type: ignore[arg-type]  # None starts it
                job.answers = {}
                for question in wanted:
                    self._want(job, question, now)
                if job.missing:
                    return
                answers = job.answers
        except StopIteration as done:
            self._finish(job, done.value, now)

    def _want(self, job: _Job, question: Question, now: float) -> None:
        known = self._cache.get(question)
        if known is not None and known.fresh_until > now:
            self.counters.cached += 1
            self._take(job, question, known)
        elif question in self._waiting:
            job.missing.add(question)
            self._waiting[question].append(job)
        elif len(self._waiting) >= MAX_LOOKUPS:
            self._take(job, question, _Known((), now, now, "too many lookups"))
        else:
            job.missing.add(question)
            self._waiting[question] = [job]
            self._deadlines.set(question, now + LOOKUP_TIMEOUT)
            self.counters.lookups += 1
            self.out.append(Resolve(*question))

    def _learn(self, question: Question, answer: Resolved, now: float) -> _Known:
        before = self._cache.pop(question, None)
        if answer.error:
            self.counters.failed += 1
            if before is not None and before.records and before.stale_until > now:
                self.counters.stale += 1
                before.fresh_until = now + FAILURE_TTL
                known = before
            else:
                known = _Known((), now + FAILURE_TTL, now, answer.error)
        else:
            longest = MOST_TTL if answer.records else NEGATIVE_TTL
            seconds = max(LEAST_TTL, min(answer.ttl, longest))
            known = _Known(answer.records[:MAX_RECORDS], now + seconds, now + seconds + STALE)
        if len(self._cache) >= MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        self._cache[question] = known
        return known

    def _take(self, job: _Job, question: Question, known: _Known) -> None:
        job.missing.discard(question)
        job.answers[question] = known.records
        job.error = known.error or job.error

    def _finish(self, job: _Job, found: list[Server], now: float) -> None:
        servers = tuple(dict.fromkeys(found))
        if self._penalties:
            servers = tuple(sorted(servers, key=lambda server: self._penalties.get(server, 0.0) > now))
        for server in servers:
            flow = flow_to(server, self._listeners) if server.transport == "tls" else None
            if flow is not None:
                self.out.append(Expect(flow, server.name))
        error = "" if servers else job.error or f"{job.target.host} has no address for SIP"
        self.out.append(Located(job.target, job.owner, servers, error))
