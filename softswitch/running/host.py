"""What this machine gives a switch: open files, addresses, a garbage collector that keeps out of the way."""

from __future__ import annotations

import contextlib
import gc
import resource
from collections.abc import Callable, Sequence
from functools import lru_cache

from softswitch.address import ListenAddress
from softswitch.call.board import Policy
from softswitch.config import Config
from softswitch.effects import Flow
from softswitch.net.address import is_loopback
from softswitch.net.bind import own_address_to, own_addresses
from softswitch.net.stream import StreamListener
from softswitch.net.tls import Certificates, TlsSettings
from softswitch.net.udp import UdpListener
from softswitch.sip.listener import Listener, is_local
from softswitch.sip.qualify import Qualify
from softswitch.switch import Settings

WILDCARDS = frozenset({"0.0.0.0", "::"})
FILES_WANTED = 1 << 20
PAGES_HINT = "Set http.tls = true, or let a proxy do TLS and name its address in http.url."


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
    addresses = tuple(own_addresses())
    return [
        Listener(
            one.transport,
            one.host,
            one.port,
            *_advertised(config, asked),
            config.nat.local_networks,
            address_to,
            addresses,
        )
        for one, asked in zip(opened, config.sip.listen, strict=True)
    ]


def _advertised(config: Config, asked: ListenAddress) -> tuple[str, int]:
    """What peers elsewhere use in place of a listener's own address; "" = that one."""
    if asked.advertised_host:
        return asked.advertised_host, asked.advertised_port
    return ("", 0) if config.sip.advertised == "auto" else (config.sip.advertised, 0)


@lru_cache(maxsize=16_384)
def address_to(peer: str) -> str:
    """Our address that leads to a peer, as the routes stand when it is first asked for."""
    return own_address_to(peer) or primary_address(":" in peer)


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
    advertised, hosts, local = config.media.advertised, media_hosts(config), config.nat.local_networks
    if advertised == "auto" and config.media.hosts == ("auto",):
        return None

    def choose(flow: Flow) -> str:
        if is_loopback(flow.host) and any(one in WILDCARDS for one in hosts):
            return "::1" if ":" in flow.host else "127.0.0.1"
        if advertised != "auto" and not is_local(flow.host, local):
            return advertised
        same = [one for one in hosts if (":" in one) == (":" in flow.host)]
        chosen = same[0] if same else hosts[0]
        return address_to(flow.host) if chosen in WILDCARDS else chosen

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
    names.update(dict.fromkeys(one.advertised_host for one in config.sip.listen if one.advertised_host))
    return tuple(names)


def certificates(config: Config) -> Certificates | None:
    """The certificates for TLS listeners, None without any. Raises CertificateError."""
    tls = config.tls
    if tls.certificate is None or not any(one.transport in ("tls", "wss") for one in config.sip.listen):
        return None
    return Certificates(TlsSettings(tls.certificate, tls.key, tls.folder, tls.clients, tls.client_ca, tls.authorities))


def page_certificates(config: Config) -> Certificates | None:
    """The same for the pages, which ask nobody for one; None where they are served in clear. Raises CertificateError."""
    tls = config.tls
    if tls.certificate is None or config.http.listen is None or not config.http.tls:
        return None
    return Certificates(TlsSettings(tls.certificate, tls.key, tls.folder))


def pages_in_clear(config: Config) -> str:
    """What is to be said of pages that others can reach without TLS; "" = nothing."""
    listen = config.http.listen
    if listen is None or config.http.tls or is_loopback(listen[0]) or config.http.url.startswith("https:"):
        return ""
    return (
        f"others can reach the pages at {listen[0]}:{listen[1]}, and passwords and tokens travel in clear; browsers give such "
        "pages no microphone"
    )


def settings(config: Config) -> Settings:
    """What the machines need of softswitch.toml."""
    return Settings(
        register_minimum=config.registrar.minimum,
        register_default=config.registrar.default,
        register_maximum=config.registrar.maximum,
        defences=config.security.defences(config.registrar.nonce_lifetime, config.registrar.algorithms),
        calls_at_once=config.limits.calls,
        calls_per_second=config.limits.calls_per_second,
        calls=Policy(
            no_answer_timeout=config.sip.no_answer_timeout,
            rtp_timeout=config.media.rtp_timeout,
            rtp_timeout_hold=config.media.rtp_timeout_hold,
            recordings=str(config.recording.folder),
            voicemail=str(config.voicemail.folder),
            recording_name=config.recording.name,
            keys_in_clear=config.media.keys_in_clear,
            session_expires=config.sip.session_expires,
            session_minimum=config.sip.session_minimum,
            reliable_provisional=config.sip.reliable_provisional,
            media_addresses=media_addresses(config),
        ),
        node=config.sip.node,
        server=config.sip.server,
        qualify=Qualify(config.nat.qualify, config.nat.qualify_seconds, config.nat.qualify_failures),
        unreachable=config.nat.unreachable,
    )
