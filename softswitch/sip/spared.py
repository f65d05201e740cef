"""Sources that are never cut off (SEC-05): the networks that the operator names, and the addresses of trunks."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from softswitch.errors import ParseError
from softswitch.sip.listener import literal
from softswitch.sip.uri import Uri

if TYPE_CHECKING:
    from softswitch.outside import Trunk

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
MAX_REMEMBERED = 4_096


class Spared:
    """A set of networks. `set_hosts` replaces those that the site names; the operator's stay."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._own = tuple(map(parse_network, networks))
        self._hosts: tuple[Network, ...] = ()
        self._known: dict[str, bool] = {}

    def set_hosts(self, networks: Iterable[str]) -> None:
        """The addresses of the site's trunks, as literals or networks."""
        self._hosts = tuple(map(parse_network, networks))
        self._known.clear()

    def __call__(self, host: str) -> bool:
        """Whether a source address is never cut off."""
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            known = self._known[host] = self._holds(host)
        return known

    def _holds(self, host: str) -> bool:
        if not (self._own or self._hosts):
            return False
        address = ipaddress.ip_address(host.partition("%")[0])
        return any(address in network for network in (*self._own, *self._hosts))


def trunk_networks(trunks: Iterable[Trunk]) -> list[str]:
    """The addresses that the site's trunks are configured with; names among them are left out."""
    found: list[str] = []
    for trunk in trunks:
        for text in trunk.servers:
            try:
                uri = Uri.parse(text if text.startswith(("sip:", "sips:")) else f"sip:{text}")
            except ParseError:
                continue
            if host := literal(uri.host):
                found.append(host)
        found += [text for text in trunk.accept if _is_network(text)]
    return found


def _is_network(text: str) -> bool:
    try:
        parse_network(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=256)
def parse_network(text: str) -> Network:
    """ "10.0.0.0/8", or one address. Raises ValueError."""
    return ipaddress.ip_network(text.strip("[]"), strict=False)
