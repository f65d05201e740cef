"""What this machine gives a switch: open files, addresses, a garbage collector that keeps out of the way."""

from __future__ import annotations

import contextlib
import gc
import resource
from collections.abc import Callable, Sequence

from softswitch.config import Config
from softswitch.effects import Flow
from softswitch.net.address import is_loopback
from softswitch.net.bind import own_addresses
from softswitch.net.stream import StreamListener
from softswitch.net.udp import UdpListener
from softswitch.sip.listener import Listener

WILDCARDS = frozenset({"0.0.0.0", "::"})
FILES_WANTED = 1 << 20


def raise_file_limit(wanted: int = FILES_WANTED) -> int:
    """Ask for as many open files as we may have (a leg takes two, a connection one); returns how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < target:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
            return target
    return soft


def tune_gc() -> None:
    """Freeze what lives as long as the process, and collect rarely: a full collection takes three packet times.

    Measured with 10,500 calls up: 69 ms for a full collection; the thresholds cut the cost per call by a fifth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def primary_address(v6: bool = False) -> str:
    """The address of this machine that leads to the world; loopback if there is none."""
    found = [one for one in own_addresses() if (":" in one) == v6]
    return found[0] if found else ("::1" if v6 else "127.0.0.1")


def listeners(config: Config, opened: Sequence[UdpListener | StreamListener]) -> list[Listener]:
    """The SIP layer's view of the listeners: what each calls itself towards peers elsewhere."""
    return [Listener(one.transport, one.host, one.port, _advertised(config.sip.advertised, one.host)) for one in opened]


def _advertised(setting: str, host: str) -> str:
    if setting != "auto":
        return setting
    return primary_address(":" in host) if host in WILDCARDS else ""


def media_hosts(config: Config) -> tuple[str, ...]:
    """The addresses whose ports the media workers bind: one for each family."""
    if config.media.hosts != ("auto",):
        return config.media.hosts
    chosen: dict[bool, set[str]] = {}
    for one in config.sip.listen:
        chosen.setdefault(":" in one.host, set()).add(one.host)
    # Several addresses of one family: their ports are taken on all.
    return tuple(
        next(iter(hosts)) if len(hosts) == 1 else ("::" if v6 else "0.0.0.0") for v6, hosts in sorted(chosen.items())
    )


def media_host(config: Config) -> Callable[[Flow], str] | None:
    """The address that SDP names for a flow, where the settings say so; None: the one the peer reached us at."""
    advertised, hosts = config.media.advertised, media_hosts(config)
    if advertised == "auto" and config.media.hosts == ("auto",):
        return None

    def choose(flow: Flow) -> str:
        if is_loopback(flow.host) and any(one in WILDCARDS for one in hosts):
            return "::1" if ":" in flow.host else "127.0.0.1"
        if advertised != "auto":
            return advertised
        same = [one for one in hosts if (":" in one) == (":" in flow.host)]
        chosen = same[0] if same else hosts[0]
        return primary_address(":" in chosen) if chosen in WILDCARDS else chosen

    return choose


def media_addresses(config: Config) -> tuple[str, ...]:
    """Addresses behind the one that SDP names, where that is a router's: peers inside need them."""
    if config.media.advertised == "auto":
        return ()
    found = [primary_address(":" in one) if one in WILDCARDS else one for one in media_hosts(config)]
    return tuple(one for one in found if not is_loopback(one))


def our_names(config: Config, opened: Sequence[UdpListener | StreamListener]) -> tuple[str, ...]:
    """Host parts of URIs that mean this switch beside the site's domain: every address at which it can be reached."""
    names: dict[str, None] = dict.fromkeys(own_addresses())
    names["localhost"] = None
    names.update(dict.fromkeys(one.host for one in opened if one.host not in WILDCARDS))
    if config.sip.advertised != "auto":
        names[config.sip.advertised] = None
    return tuple(names)
