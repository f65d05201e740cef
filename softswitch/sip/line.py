"""One trunk: its servers as the DNS has them, their health by OPTIONS, its registration and its credentials.

A server is down after two failures in a row, and up again after two answers; in between it is asked more often. A trunk
works as long as one of its servers does, and it has not refused to register us.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from softswitch.effects import Flow
from softswitch.events import Event, TrunkDown, TrunkUp
from softswitch.outside import Trunk
from softswitch.sip.listener import is_loopback, literal
from softswitch.sip.locate import Located, Target, flow_to
from softswitch.sip.proof import Proof
from softswitch.sip.registration import Registration
from softswitch.sip.uri import escape_user

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from softswitch.sip.message import Message
    from softswitch.sip.trunks import Trunks

DOWN_AFTER, UP_AFTER = 2, 2  # pings in a row
HURRY: Final = 10.0  # seconds between pings of a server that has failed
PATIENCE: Final = 5.0  # seconds that a ping has for its answer
RELOCATE: Final = 300.0  # seconds after which names are looked up again; the cache knows how long answers last
LOST: Final = 20.0  # ... where there is no answer
DEAD: Final = frozenset({408, 500, 502, 503, 504})  # answers to OPTIONS that say that it does not work


def target_of(text: str) -> Target:
    """A server as the site names it; an IPv6 address needs no brackets. Raises ParseError."""
    return Target(literal(text)) if literal(text) else Target.parse(text)


# Settings that decide about servers, registration and health: others may change while the line goes on.
SEEN: Final = (
    "servers", "register", "user", "auth_user", "password", "realm", "domain", "expires", "accept", "ping",
    "calls_per_second",
)  # fmt: skip


class Way(NamedTuple):
    """One server of a trunk: where requests go, and the host (with port) of their URIs."""

    trunk: str
    flow: Flow
    host: str


@dataclass(slots=True)
class Health:
    """Of one server."""

    down: bool = False
    known: bool = False  # it has been heard of
    misses: int = 0  # in a row
    answers: int = 0  # in a row, since a miss
    error: str = ""
    seconds: float = -1.0  # that the last answer took
    asked_at: float = 0.0
    ping: object = None  # the transaction that is waited for


@dataclass(slots=True, eq=False)
class Ping:
    """Owner of an OPTIONS."""

    line: Line
    way: Way

    def on_response(self, tx: object, message: Message, now: float) -> None:
        if message.status >= 200:
            self.line.pinged(self.way, tx, message.status, now)

    def on_failed(self, tx: object, status: int, now: float) -> None:
        self.line.pinged(self.way, tx, status, now)


class Line:
    """A trunk at work."""

    def __init__(self, config: Trunk, trunks: Trunks) -> None:
        self.config = config
        self.trunks = trunks
        self.endpoint = trunks.endpoint
        self.entropy = trunks.entropy
        self.proof = Proof(config, trunks.entropy)
        self.ways: list[Way] = []
        self.health: dict[Flow, Health] = {}
        self.registration = Registration(self, self.proof) if config.register else None
        self.works = False  # as last told
        self.error = ""
        self._told = False
        self._targets = [target_of(text) for text in config.servers]
        self._located: dict[Target, tuple[Way, ...]] = {}
        self._networks: list[IPv4Network | IPv6Network] = []
        self._places: set[tuple[str, int]] = set()  # host and port, 0 = any
        self._named: list[Target] = []  # of `accept`
        self._addresses: dict[Target, tuple[str, ...]] = {}
        self._tokens = max(1.0, config.calls_per_second)
        self._tokens_at = 0.0
        self._read_accept()

    @property
    def hosts(self) -> frozenset[str]:
        """The names that mean this trunk, in lower case."""
        names = [self.config.domain, *(target.host for target in self._targets)]
        return frozenset(name.lower() for name in names if name)

    def take(self, config: Trunk) -> bool:
        """Go on with other settings, if they are none that servers see; False: the trunk must begin anew."""
        if any(getattr(self.config, name) != getattr(config, name) for name in SEEN):
            return False
        self.config = self.proof.config = config
        return True

    def begin(self, now: float) -> None:
        self.expire("locate", None, now)

    def end(self, now: float) -> None:
        """It is not on the site any more."""
        if self.registration is not None:
            self.registration.end(now)
        for key in [key for key in self.trunks.deadlines.names() if key[0] == self.config.name]:
            self.trunks.deadlines.clear(key)
        for health in self.health.values():
            health.ping = None

    def expire(self, what: str, about: Any, now: float) -> None:
        if what == "locate":
            for target in (*self._targets, *self._named):
                self.trunks.locator.locate(target, self, now)
            self.remind("locate", now + RELOCATE)
        elif what == "ping":
            self._ask(about, now)
        elif what == "late":
            self._miss(about, "it does not answer", now)
        elif self.registration is not None:
            self.registration.expire(what, now)
            self.judge(now)

    # --- where it is -----------------------------------------------------------------------------------------------------

    def _read_accept(self) -> None:
        for text in self.config.accept:
            if "/" in text:
                self._networks.append(ip_network(text, strict=False))
                continue
            target = target_of(text)
            if literal(target.host):
                self._places.add((literal(target.host), target.port))
            else:
                self._named.append(target)

    def located(self, located: Located, now: float) -> None:
        """What the DNS says of one of our names."""
        target = located.target
        if self.trunks.lines.get(self.config.name) is not self:
            return
        if target in self._named:
            self._addresses[target] = tuple(server.host for server in located.servers)
            self.trunks.moved()
        if target not in self._targets:
            return
        if not located.servers:
            self.error = self.error or located.error
            self.remind("locate", now + LOST)
        else:
            self.error = ""
            host = target.host if ":" not in target.host else f"[{target.host}]"
            shown = f"{host}:{target.port}" if target.port else host
            flows = [
                flow for server in located.servers if (flow := flow_to(server, self.endpoint.listeners)) is not None
            ]
            if not flows:
                self.error = f"there is no {located.servers[0].transport} listener that could reach it: see sip.listen"
            self._located[target] = tuple(Way(self.config.name, flow, shown) for flow in flows)
        self._arrange(now)
        self.trunks.moved()

    def addresses(self) -> set[str]:
        """Where it sends from, as far as its names were found."""
        return {way.flow.host for way in self.ways} | {one for found in self._addresses.values() for one in found}

    def _arrange(self, now: float) -> None:
        """The servers have become known, or others."""
        ways = [way for target in self._targets for way in self._located.get(target, ())]
        self.ways = list(dict.fromkeys(ways))
        flows = {way.flow for way in self.ways}
        for flow in [flow for flow in self.health if flow not in flows]:
            del self.health[flow]
            for what in ("ping", "late"):
                self.trunks.deadlines.clear((self.config.name, what, flow))
        for way in self.ways:
            if way.flow not in self.health:
                self.health[way.flow] = Health()
                if self.config.ping:
                    self.remind("ping", now + self.entropy.below(1000) / 1000, way.flow)
        if self.registration is not None and self.ways:
            self.registration.start(now)
        self.judge(now)

    def sends_from(self, flow: Flow) -> bool:
        """Whether a request over this flow is from the trunk. On loopback, which all programs share, the port counts as well."""
        host, port = flow.host, flow.port
        if is_loopback(host):
            return (
                any(way.flow.host == host and way.flow.port == port for way in self.ways)
                or (host, port) in self._places
            )
        if any(way.flow.host == host for way in self.ways) or (host, 0) in self._places or (host, port) in self._places:
            return True
        if any(host in addresses for addresses in self._addresses.values()):
            return True
        return bool(self._networks) and any(ip_address(host) in network for network in self._networks)

    # --- as the desk of the registration -----------------------------------------------------------------------------------

    def publish(self, event: Event) -> None:
        self.trunks.publish(event)

    def remind(self, what: str, at: float, about: Any = None) -> None:
        self.trunks.deadlines.set((self.config.name, what, about), at)

    def forget(self, what: str) -> None:
        self.trunks.deadlines.clear((self.config.name, what, None))

    def servers(self) -> Sequence[Way]:
        return [way for way in self.ways if not self.health[way.flow].down] or self.ways

    # --- health ----------------------------------------------------------------------------------------------------------

    def _ask(self, flow: Flow, now: float) -> None:
        way = next((way for way in self.ways if way.flow == flow), None)
        if way is None:
            return
        health, config = self.health[flow], self.config
        domain = config.domain or way.host
        user = f"{escape_user(config.user)}@" if config.user else ""
        tag = self.endpoint.tag()
        health.asked_at = now
        self.remind("late", now + PATIENCE, flow)
        health.ping = self.endpoint.request(
            "OPTIONS", f"sip:{domain}", flow, now, from_=f"<sip:{user}{domain}>;tag={tag}", to=f"<sip:{domain}>",
            call_id=f"{tag}{self.entropy.token()}", cseq=1, headers="Accept: application/sdp\r\n", owner=Ping(self, way),
        )  # fmt: skip

    def pinged(self, way: Way, tx: object, status: int, now: float) -> None:
        health = self.health.get(way.flow)
        if health is None or tx is not health.ping:
            return
        if status in DEAD:
            self._miss(way.flow, "it does not answer" if status == 408 else f"it answers {status}", now)
            return
        health.seconds = now - health.asked_at
        self._next_ping(way.flow, now)
        self._answered(way.flow, now)

    def _next_ping(self, flow: Flow, now: float) -> None:
        health = self.health[flow]
        health.ping = None
        self.trunks.deadlines.clear((self.config.name, "late", flow))
        if self.config.ping:
            seconds = min(HURRY, self.config.ping) if health.misses or health.down else self.config.ping
            self.remind("ping", now + seconds * (90 + self.entropy.below(21)) / 100, flow)

    def _answered(self, flow: Flow, now: float) -> None:
        health = self.health[flow]
        health.answers += 1
        health.known = True
        if health.misses or health.down:
            if health.down and health.answers < UP_AFTER:
                self.remind("ping", now + HURRY / 4, flow)
                return
            health.down, health.misses, health.error = False, 0, ""
        self.judge(now)

    def _miss(self, flow: Flow, error: str, now: float) -> None:
        health = self.health.get(flow)
        if health is None:
            return
        health.misses += 1
        health.answers, health.error = 0, error
        health.down = health.down or health.misses >= DOWN_AFTER
        self._next_ping(flow, now)
        self.judge(now)

    def heard(self, way: Way) -> None:
        """It has answered a call."""
        health = self.health.get(way.flow)
        if health is not None and not health.down:
            health.misses = 0

    def missed(self, way: Way, error: str, now: float) -> None:
        """It has not answered a call: without pings that says nothing of the next one."""
        if self.config.ping:
            self._miss(way.flow, error, now)

    def judge(self, now: float) -> None:
        """Does it work? Tell, when that has changed."""
        if self.trunks.lines.get(self.config.name) is not self:
            return
        problem = self.problem(now)
        up = not problem and any(health.known for health in self.health.values() if not health.down)
        up = up or (not problem and self.registration is not None and self.registration.registered(now))
        if up and not (self.works and self._told):
            self.works = self._told = True
            self.publish(TrunkUp(self.config.name, self.usable(now)[0].host))
        elif problem and (self.works or not self._told) and problem != "not asked yet":
            self.works, self._told = False, True
            self.publish(TrunkDown(self.config.name, problem))

    def problem(self, now: float) -> str:
        """Why no call goes out by it; "" if calls do."""
        if not self.ways:
            return self.error or "not asked yet"
        if all(self.health[way.flow].down for way in self.ways):
            return next(
                (self.health[way.flow].error for way in self.ways if self.health[way.flow].error), "it is silent"
            )
        registration = self.registration
        if registration is not None and not registration.registered(now) and registration.failed:
            return registration.error
        return ""

    def usable(self, now: float) -> list[Way]:
        """The servers that calls may be sent to; the one that has registered us first."""
        if self.problem(now):
            return []
        ways = [way for way in self.ways if not self.health[way.flow].down]
        if self.registration is not None and self.registration.way in ways:
            ways.sort(key=lambda way: way != self.registration.way)  # type: ignore[union-attr]
        return ways

    def admits(self, now: float) -> bool:
        rate = self.config.calls_per_second
        if not rate:
            return True
        self._tokens = min(max(1.0, rate), self._tokens + (now - self._tokens_at) * rate)
        self._tokens_at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    # --- for people --------------------------------------------------------------------------------------------------------

    def view(self, now: float) -> dict[str, Any]:
        """As plain values."""
        registration = self.registration
        left = max(0.0, registration.until - now) if registration is not None else 0.0
        problem = self.problem(now)
        return {
            "trunk": self.config.name,
            "title": self.config.title,
            "state": "down" if problem else "up" if self.works else "unknown",
            "registration": str(registration.state) if registration is not None else "",
            "registered_for": left,
            "retry_in": max(0.0, registration.next_at - now) if registration is not None and not left else 0.0,
            "max_calls": self.config.max_calls,
            "error": problem
            or (registration.error if registration is not None else "")
            or self.proof.error
            or self.error,
            "servers": [self._server(way) for way in self.ways],
        }

    def _server(self, way: Way) -> dict[str, Any]:
        health = self.health[way.flow]
        state = "down" if health.down else "up" if health.known else "unknown"
        return {
            "server": way.host,
            "address": f"{way.flow.transport}:{way.flow.host}:{way.flow.port}",
            "state": state,
            "milliseconds": round(health.seconds * 1000, 1) if health.seconds >= 0 else None,
            "error": health.error,
        }
