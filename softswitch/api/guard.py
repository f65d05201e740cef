"""The door of the pages: who asks, from which origin, and whether they may (API-01, ADM-02)."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol

from fastapi import Depends, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from starlette.types import Scope

from softswitch.api.auth import EVERYTHING, LOCAL, Gate, Principal, Sight, sight_of
from softswitch.api.source import Source
from softswitch.audit import asked_by
from softswitch.directory.people import ADMINISTRATOR, AGENT, AUDITOR, SUPERVISOR

OPEN_PATHS = frozenset({"/healthz", "/readyz"})  # A load balancer has no token, and learns nothing but yes or no.
PAGES = "/assets/"  # The pages are the same for everybody; what they show is asked for.
LINKS = "/provision/"  # What follows is a secret in itself, and good for one phone and a few minutes.
SHARED = "/shared/"  # what is below is opened by a signature in the link
LOGIN = "/api/session"
DOCUMENT = "/api/openapi.json"
# What whoever is on this machine may look at without saying who they are, where no token is set.
LOCAL_PATHS = frozenset(
    {"/metrics", "/api/status", "/api/calls", "/api/queues", "/api/agents", "/api/registrations", DOCUMENT, LOGIN}
)
COOKIE = "softswitch_session"
CSRF_HEADER = "x-csrf-token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
STRICT = "max-age=2592000"  # 30 days without another word (RFC 6797)
MOST_SIGHTS = 2_000  # of people and programs that are remembered
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")  # a proxy asks for somebody else


class Denied(Exception):
    """Who asks is turned away. `status`: of HTTP."""

    def __init__(self, status: int, error: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.headers = {"WWW-Authenticate": "Bearer"} if status == 401 else headers


class Places(Protocol):
    """Which methods each path has (`document.Methods`)."""

    def refuses(self, path: str, method: str) -> bool: ...
    def of(self, scope: Scope) -> set[str]: ...


class Guard:
    """Lets in who may come in. `hosts`: names of this machine; where they are given nobody there needs to say who they are."""

    def __init__(self, gate: Gate, hosts: frozenset[str]) -> None:
        self._gate = gate
        self._hosts = hosts
        self.methods: Places | None = None  # of the application, once it is built

    async def __call__(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        path = request.url.path
        if path != "/" and path not in OPEN_PATHS and not path.startswith((PAGES, LINKS, SHARED)):
            try:
                request.state.principal = self.identify(request)
                self._against_forgery(request)
                self._place(request)
            except Denied as denied:
                return _hardened(request, JSONResponse({"error": denied.error}, denied.status, denied.headers))
        principal = getattr(request.state, "principal", None)
        source = request.client.host if request.client else ""
        with asked_by(principal.name if principal is not None else "", source):
            return _hardened(request, await call_next(request))

    @property
    def moment(self) -> tuple[object, int]:
        """Changes with whatever may change who somebody is."""
        return self._gate.moment

    def identify(self, request: HTTPConnection) -> Principal | None:
        """Who asks; None only where somebody logs in. Raises Denied."""
        if (
            "transfer-encoding" in request.headers and "content-length" in request.headers
        ):  # RFC 9112 section 6.1: smuggling
            raise Denied(400, "two lengths", {"Connection": "close"})
        if is_foreign(request):
            raise Denied(403, "foreign origin")
        if "authorization" in request.headers:
            scheme, _, token = request.headers["authorization"].partition(" ")
            found = self._gate.by_token(token.strip()) if scheme.lower() == "bearer" else None
            if found is None:
                raise Denied(401, "the token is not known, or has expired")
            return found
        if cookie := request.cookies.get(COOKIE, ""):
            found = self._gate.by_session(cookie)
            if found is not None:
                return found
        if self._hosts and request.url.path in LOCAL_PATHS and not any(one in request.headers for one in FORWARDED):
            if _host(request) not in self._hosts:
                raise Denied(421, "unknown host name")
            return Principal(LOCAL, LOCAL)
        if request.url.path == LOGIN:
            return None
        raise Denied(401, "log in, or show a token")

    def _place(self, request: Request) -> None:
        """A path that is spelt out is itself, and not a name that fits the pattern of another one."""
        if self.methods is not None and self.methods.refuses(request.url.path, request.method):
            allowed = ", ".join(sorted(self.methods.of(request.scope)))
            raise Denied(405, "Method Not Allowed", {"Allow": allowed})

    def _against_forgery(self, request: Request) -> None:
        """Whoever is known by a cookie must show that it is our page that asks."""
        principal: Principal | None = request.state.principal
        if principal is None or not principal.csrf or request.method in SAFE:
            return
        if request.url.path == LOGIN and request.method == "POST":
            return  # Whoever gives a password may begin a session, whatever they began before; other origins are refused.
        if not hmac.compare_digest(request.headers.get(CSRF_HEADER, "").encode(), principal.csrf.encode()):
            raise Denied(403, f"the header {CSRF_HEADER} of a page is missing or old")


def _hardened(request: Request, response: Response) -> Response:
    """What every answer says to browsers and to caches, refusals included."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "no-referrer"
    if request.url.scheme == "https":
        response.headers["Strict-Transport-Security"] = STRICT
    return response


def who(request: Request) -> Principal:
    found: Principal | None = request.state.principal
    if found is None:
        raise HTTPException(401, "log in, or show a token")
    return found


Who = Annotated[Principal, Depends(who)]


def only(*roles: str) -> Callable[[Request], Principal]:
    """A dependency: these roles, and administrators, and nobody else."""

    def check(request: Request) -> Principal:
        principal = who(request)
        if principal.role != ADMINISTRATOR and principal.role not in roles:
            raise HTTPException(403, f"not for the role {principal.role}")
        return principal

    check.roles = frozenset({ADMINISTRATOR, *roles})  # type: ignore[attr-defined]
    return check


Anybody = Annotated[Principal, Depends(only(AGENT, SUPERVISOR, AUDITOR, LOCAL))]
Viewer = Annotated[Principal, Depends(only(AGENT, SUPERVISOR, AUDITOR))]
Worker = Annotated[Principal, Depends(only(AGENT, SUPERVISOR))]
Supervisor = Annotated[Principal, Depends(only(SUPERVISOR))]
Auditor = Annotated[Principal, Depends(only(AUDITOR))]
Administrator = Annotated[Principal, Depends(only())]


class Rights:
    """What somebody may see and change, given the site of this moment. Refusals are those of something unknown."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._sights: dict[Principal, Sight] = {}  # in the site of `_seen`
        self._seen: object = None

    def sight(self, principal: Principal) -> Sight:
        """What somebody sees; looked up once for each state of the site: it is asked for every event and row."""
        site = self._source.site
        if site is not self._seen or len(self._sights) > MOST_SIGHTS:
            self._sights, self._seen = {}, site
        found = self._sights.get(principal)
        if found is None:
            found = self._sights[principal] = sight_of(principal, site)
        return found

    def queue(self, principal: Principal, name: str) -> None:
        if not self.sight(principal).queue(name):
            raise HTTPException(404, f"There is no queue {name!r}.")

    def agent(self, principal: Principal, name: str) -> None:
        if not self.sight(principal).agent(name):
            raise HTTPException(404, f"There is no agent {name!r}.")

    def account(self, principal: Principal, name: str) -> None:
        """Raises HTTPException 404 for the phone of somebody whom they do not see. A desk that is nobody's is for all."""
        sight, site = self.sight(principal), self._source.site
        if sight is EVERYTHING or name == principal.account:
            return
        found = site.accounts.get(name)
        agents = {one for one, agent in site.agents.items() if agent.device == name}
        people = [one for one in site.users.values() if one.account == name and one.name != principal.name]
        owners = (
            agents | {one.agent for one in people} | ({found.agent} if found is not None and found.agent else set())
        )
        if not all(one and sight.agent(one) for one in owners):
            raise HTTPException(404, f"There is no account {name!r}.")

    def calls(self, principal: Principal, source: Source | None = None) -> list[dict[str, Any]]:
        """The calls in queues that they see, and those of agents whom they see: taken, offered, and of their phones.

        `source`: whose rows are taken, if not our own's.
        """
        source = source or self._source
        found, sight = source.calls(), self.sight(principal)
        if sight is EVERYTHING:
            return found
        mine = [one for one in source.agents() if sight.agent(one["agent"])]
        ids, devices = {one["caller"] for one in mine}, {one["device"] for one in mine} | {principal.account}
        seen = [
            one
            for one in found
            if (one["queue"] and self._oversees(principal, one["queue"]))
            or (one["agent"] and sight.agent(one["agent"]) and not _led_on(one, principal))
            or one["call"] in ids
            or (one.get("callback") and one["callback"] in ids)
            or (one["account"] and one["account"] in devices)
            or any(leg["device"] and leg["device"] in devices for leg in one["legs"])
        ]
        # Nobody hears that a supervisor listens, and no agent sees it either.
        return [{**one, "supervised_by": []} for one in seen] if principal.role == AGENT else seen

    def _oversees(self, principal: Principal, queue: str) -> bool:
        return principal.role != AGENT and self.sight(principal).queue(queue)

    def call(self, principal: Principal, call: str) -> None:
        """Raises HTTPException 404, whether the call does not exist or is somebody else's."""
        if not any(one["call"] == call for one in self.calls(principal)):
            raise HTTPException(404, f"There is no call {call!r}.")


def _led_on(one: dict[str, Any], principal: Principal) -> bool:
    """Whether an agent has led a call on: then it is somebody else's."""
    return principal.role == AGENT and bool(one["transfers"])


def is_foreign(request: HTTPConnection) -> bool:
    """Whether a page of another origin asks (RFC 6454). A proxy may have taken TLS off, so the scheme does not count."""
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != request.headers.get("host", "").lower()


def _host(request: HTTPConnection) -> str:
    host = request.headers.get("host", "")
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
