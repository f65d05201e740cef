"""The DNS, asked by dnspython. What is asked and what is made of the answers is decided in `sip.locate`.

Lookups are tasks of the loop; none is ever in the way of a packet. The library is imported with the first lookup, in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from softswitch.effects import Resolve
from softswitch.sip.locate import Naptr, Resolved, Srv

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver as Library
    from dns.message import ChainingResult
    from dns.rdata import Rdata
    from dns.resolver import Answer


@dataclass(slots=True, frozen=True)
class DnsSettings:
    """`servers`: (address, port), () = those of the system. `timeout`: seconds for one server, `lifetime`: for all tries."""

    servers: tuple[tuple[str, int], ...] = ()
    timeout: float = 2.0
    lifetime: float = 6.0


class Resolver:
    """Carries out `Resolve` effects; `answered` is called once for each, on the loop."""

    def __init__(self, answered: Callable[[Resolved], None], settings: DnsSettings | None = None) -> None:
        self._answered = answered
        self._settings = settings or DnsSettings()
        self._library: Library | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def perform(self, effect: Resolve) -> None:
        task = asyncio.get_running_loop().create_task(self._lookup(effect))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def reload(self) -> None:
        """Read the system's settings again before the next lookup."""
        self._library = None

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _lookup(self, effect: Resolve) -> None:
        try:
            answer = await self._ask(effect.kind, effect.name)
        except Exception as error:  # A library, and a network: whatever it is, whoever waits must hear of it.
            answer = Resolved(effect.kind, effect.name, error=_why(error))
        self._answered(answer)

    async def _ask(self, kind: str, name: str) -> Resolved:
        library = self._library or await self._open()
        from dns.resolver import NXDOMAIN

        try:
            answer = await library.resolve(
                f"{name}.", kind, search=False, raise_on_no_answer=False, lifetime=self._settings.lifetime
            )
        except NXDOMAIN as absent:
            responses: list[Any] = list(absent.responses().values())  # type: ignore[no-untyped-call]
            ttl = _ttl(responses[0].resolve_chaining()) if responses else 0.0
            return Resolved(kind, name, (), ttl)
        return Resolved(kind, name, _records(answer, kind), _ttl(answer.chaining_result))

    async def _open(self) -> Library:
        module: Any = await asyncio.to_thread(importlib.import_module, "dns.asyncresolver")
        settings = self._settings
        library: Library = module.Resolver(configure=not settings.servers)
        if settings.servers:
            from dns.nameserver import Do53Nameserver

            library.nameservers = [Do53Nameserver(host, port) for host, port in settings.servers]
        library.timeout = settings.timeout
        library.cache = None  # `sip.locate` keeps answers, by the clock of the switch.
        self._library = library
        return library


def _ttl(chain: ChainingResult) -> float:
    return float(chain.minimum_ttl)


def _records(answer: Answer, kind: str) -> tuple[Any, ...]:
    read = _READERS[kind]
    return tuple(read(record) for record in answer.rrset or ())


def _name(name: Any) -> str:
    """A domain name as text; "" for the root."""
    return str(name.to_text(omit_final_dot=True)).removesuffix(".").lower()


def _srv(record: Any) -> Srv:
    return Srv(record.priority, record.weight, record.port, _name(record.target))


def _naptr(record: Any) -> Naptr:
    flags, service = record.flags.decode("latin-1"), record.service.decode("latin-1")
    return Naptr(record.order, record.preference, flags, service, _name(record.replacement))


def _address(record: Rdata) -> str:
    return str(record.address)  # type: ignore[attr-defined]


_READERS: Final[dict[str, Callable[[Any], Any]]] = {"A": _address, "AAAA": _address, "SRV": _srv, "NAPTR": _naptr}


def _why(error: Exception) -> str:
    """What went wrong, for people: the library's own words are long."""
    words = {
        "LifetimeTimeout": "no name server answered in time",
        "NoNameservers": "every name server refused or failed",
        "NoResolverConfiguration": "there is no name server in /etc/resolv.conf",
    }
    return words.get(type(error).__name__, f"{type(error).__name__}: {error}"[:200])
