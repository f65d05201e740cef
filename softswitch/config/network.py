"""Sections of softswitch.toml about the network around us: the DNS, and NAT. See `config`, which reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from softswitch.address import is_address, join, split_host_port
from softswitch.decode import Rule, number_in, one_of, text, whole_in


def setting(default: Any, comment: str, rule: Rule | None = None) -> Any:
    """A field of a section: its default, what is written above it, and what it accepts."""
    return field(default=default, metadata={"comment": comment, "rule": rule})


def _listed(value: object) -> list[str]:
    """A list as the file has it, or as one text from the environment."""
    if isinstance(value, str):
        return [one.strip() for one in value.split(",") if one.strip()]
    if not isinstance(value, (list, tuple)):
        raise ValueError
    return [text(one) for one in value]


def _read_servers(value: object) -> tuple[tuple[str, int], ...]:
    return tuple((one, 53) if is_address(one) else split_host_port(one) for one in _listed(value))


@dataclass(slots=True, frozen=True)
class Dns:
    """[dns]: names of trunks. Nothing that a message names is ever looked up."""

    servers: tuple[tuple[str, int], ...] = setting(
        (),
        "Name servers; empty = those of this machine (/etc/resolv.conf).",
        Rule(
            'a list of addresses such as "192.0.2.53" or "192.0.2.53:5353"',
            _read_servers,
            lambda value: [join(*one) for one in value],
        ),
    )
    timeout: float = setting(2.0, "Seconds that one of them may take.", number_in(0.1, 30, "seconds"))
    lifetime: float = setting(6.0, "Seconds that a lookup may take, with all of them.", number_in(0.1, 60, "seconds"))


def _read_networks(value: object) -> tuple[str, ...]:
    return tuple(str(ip_network(one)) for one in _listed(value))


@dataclass(slots=True, frozen=True)
class Nat:
    """[nat]: phones behind routers, and a switch behind one."""

    local_networks: tuple[str, ...] = setting(
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10"),
        "Phones in these are on our side of the router: they are told our own address where others are told "
        "sip.advertised and media.advertised.",
        Rule('a list of networks such as "192.168.0.0/16"', _read_networks, list),
    )
    qualify: str = setting(
        "nat",
        "Which phones are sent OPTIONS now and then, to keep their NAT open and to see whether they are there: off, nat (over "
        "UDP from behind a NAT), udp, or all.",
        one_of("off", "nat", "udp", "all"),
    )
    qualify_seconds: float = setting(
        30.0, "How often; the last fifth is left to chance.", number_in(5, 3_600, "seconds")
    )
    qualify_failures: int = setting(
        3, "So many in a row without an answer: the contact is unreachable.", whole_in(1, 100)
    )
    unreachable: str = setting(
        "skip",
        "What becomes of it: skip (not rung until it answers or registers again), remove, or ring (as if nothing were).",
        one_of("skip", "remove", "ring"),
    )
