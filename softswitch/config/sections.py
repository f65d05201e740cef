"""Sections of softswitch.toml: each setting with its default, what it accepts, and the comment written above it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from media.names import RELAYS
from softswitch.address import ListenAddress, join
from softswitch.call.naming import DEFAULT_NAME
from softswitch.config.network import setting
from softswitch.config.rules import (
    ADVERTISED,
    LISTEN,
    OPTIONAL_PATH,
    SECONDS_LONG,
    read_digest,
    read_domain,
    read_hosts,
    read_http,
    read_node,
    read_origins,
    read_ports,
    read_recording_name,
    read_session,
    read_token,
    read_url,
)
from softswitch.decode import Rule, number_in, one_of, whole_in


@dataclass(slots=True, frozen=True)
class Sip:
    """[sip]"""

    listen: tuple[ListenAddress, ...] = setting(
        (ListenAddress("udp", "0.0.0.0", 5060), ListenAddress("tcp", "0.0.0.0", 5060)),
        'Where phones reach us. IPv6: add "udp://[::]:5060" and "tcp://[::]:5060". Encrypted: "tls://0.0.0.0:5061". '
        'Browsers: "wss://0.0.0.0:5063", or "ws://..." behind a proxy that does TLS. tls and wss need tls.certificate. '
        'Behind a router that forwards a port: "udp://0.0.0.0:5060 as 203.0.113.7:5080".',
        LISTEN,
    )
    advertised: str = setting(
        "auto",
        'The address we name in Via and Contact; "auto" = the one of this machine that leads to the peer. Phones in '
        "nat.local_networks are always told our own.",
        ADVERTISED,
    )
    domain: str = setting(
        "",
        "Domain of a new site (part after @, and the realm of its passwords). An existing site keeps its own.",
        Rule("a host name, an IP address, or empty", read_domain),
    )
    node: str = setting(
        "0", "One character that names this node in branches and tags.", Rule("one letter or digit", read_node)
    )
    origins: tuple[str, ...] = setting(
        (),
        'Sites whose pages may be phones over WebSocket, such as "https://crm.example.com"; pages of this host always may; '
        '"*" = any.',
        Rule('a list of origins such as "https://crm.example.com"', read_origins, list),
    )
    server: str = setting("softswitch", "What the Server and User-Agent headers say.")
    no_answer_timeout: float = setting(60.0, "Seconds a called phone may ring.", number_in(5, 600, "seconds"))
    session_expires: int = setting(
        1_800,
        "Seconds after which a call ends whose phone has not confirmed it (RFC 4028), where the phone can; 0 = off.",
        Rule("0, or a number of seconds from 90 to 86400", read_session),
    )
    session_minimum: int = setting(90, "The shortest that a phone may ask for.", whole_in(90, 3_600))
    reliable_provisional: str = setting(
        "media",
        "What is sent reliably (PRACK, RFC 3262) to phones that can, before the answer: early media, or all; off = nothing.",
        one_of("off", "media", "all"),
    )


@dataclass(slots=True, frozen=True)
class Tls:
    """[tls]; relative paths start at the folder of softswitch.toml."""

    certificate: Path | None = setting(
        None, "Certificate with its chain, PEM. Read again on SIGHUP and when it changes.", OPTIONAL_PATH
    )
    key: Path | None = setting(None, "Its key, PEM, if not in the same file.", OPTIONAL_PATH)
    folder: Path | None = setting(
        None, "Folder of further certificates, *.pem with chain and key, chosen by the name asked for.", OPTIONAL_PATH
    )
    clients: str = setting(
        "off",
        "Whether clients must show a certificate: off, optional or required.",
        one_of("off", "optional", "required"),
    )
    client_ca: Path | None = setting(None, "Who must have signed it, PEM.", OPTIONAL_PATH)
    authorities: Path | None = setting(
        None,
        "Who signs the certificates of servers that we connect to, PEM; without it, those whom this machine trusts.",
        OPTIONAL_PATH,
    )


@dataclass(slots=True, frozen=True)
class Registrar:
    """[registrar]"""

    minimum: int = setting(
        60, "Shortest registration; asking for less is answered 423.", whole_in(10, 86_400, "seconds")
    )
    default: int = setting(3_600, "Granted when a phone asks for nothing.", whole_in(10, 86_400, "seconds"))
    maximum: int = setting(7_200, "Longest registration that is granted.", whole_in(10, 604_800, "seconds"))
    nonce_lifetime: int = setting(60, "How long a digest challenge may be answered.", whole_in(5, 3_600, "seconds"))
    algorithms: tuple[str, ...] = setting(
        ("SHA-256", "MD5"),
        "Digest algorithms, in the order in which they are offered: a few old clients understand the first one only.",
        Rule('a list of "SHA-256" and "MD5"', read_digest, list),
    )


@dataclass(slots=True, frozen=True)
class Media:
    """[media]"""

    hosts: tuple[str, ...] = setting(
        ("auto",),
        'Addresses of the RTP ports; "auto" = those of the listeners. Several: IPv4 and IPv6.',
        Rule('a list of IP addresses, or ["auto"]', read_hosts, list),
    )
    advertised: str = setting("auto", 'The address in SDP; "auto" = the one the peer reached us at.', ADVERTISED)
    ports: tuple[int, int] = setting(
        (20_000, 29_999),
        "RTP and RTCP ports, shared out among the workers. A call takes four.",
        Rule('a range of ports from 1024 up such as "20000-29999"', read_ports, lambda value: f"{value[0]}-{value[1]}"),
    )
    workers: int = setting(0, "Media processes; 0 = one for each core but one.", whole_in(0, 64))
    relay: str = setting(
        "auto", 'How packets are moved; "auto" = the fastest way that this machine permits.', one_of(*RELAYS)
    )
    survive: float = setting(
        60.0,
        "If the switch dies, media goes on this long, for the next one to take the calls back; 0 = calls end with it.",
        number_in(0, 3_600, "seconds"),
    )
    rtp_timeout: float = setting(60.0, "A leg that sends nothing this long is hung up.", SECONDS_LONG)
    rtp_timeout_hold: float = setting(300.0, "The same while it is on hold.", SECONDS_LONG)
    keys_in_clear: bool = setting(
        False,
        "Let SRTP keys (SDES) travel over UDP, TCP and WS: who reads the signalling can then decrypt the audio.",
    )


@dataclass(slots=True, frozen=True)
class Paths:
    """[paths]; relative ones start at the folder of softswitch.toml."""

    database: Path = setting(
        Path("softswitch.sqlite"), "The site, the registrations, the call records. Keep it private: mode 0600."
    )
    log: Path | None = setting(None, "Log file; without it the log goes to standard error.", OPTIONAL_PATH)
    socket: Path = setting(
        Path("run/softswitch.sock"), "Where `softswitch status`, `queue show`, ... reach the running switch."
    )
    prompts: Path | None = setting(
        None, "Folder of prompts by language (pl/ en/ moh/); without it, the ones we ship.", OPTIONAL_PATH
    )
    flows: Path | None = setting(
        None, "Folder of flows in Python, which run with the rights of the switch (docs/flows.md).", OPTIONAL_PATH
    )
    strategies: Path | None = setting(
        None, "Folder of strategies in Python: which agent of a queue is rung (docs/strategies.md).", OPTIONAL_PATH
    )


@dataclass(slots=True, frozen=True)
class Limits:
    """[limits]"""

    calls: int = setting(5_000, "Calls at once; more are answered 503.", whole_in(1, 1_000_000))
    calls_per_second: int = setting(
        2_000, "New calls a second; more are answered 503 with Retry-After.", whole_in(1, 1_000_000)
    )
    connections: int = setting(10_000, "TCP connections in all.", whole_in(1, 1_000_000))
    connections_per_host: int = setting(1_024, "TCP connections from one address.", whole_in(1, 1_000_000))
    pending_events: int = setting(
        100_000, "Events kept in memory while the database cannot be written.", whole_in(1_000, 10_000_000)
    )


@dataclass(slots=True, frozen=True)
class Http:
    """[http]"""

    listen: tuple[str, int] | None = setting(
        ("127.0.0.1", 8080),
        'Metrics, health and API; "" = off.',
        Rule('"address:port" such as "127.0.0.1:8080", or ""', read_http, lambda value: join(*value) if value else ""),
    )
    token: str = setting(
        "",
        'What "Authorization: Bearer" must carry; needed where others can reach the address. Better from the environment.',
        Rule("16 or more letters, digits and punctuation", read_token),
    )
    tls: bool = setting(
        False,
        "Serve the pages over TLS, with the certificates of [tls]; who comes in clear is sent to https. Browsers give the "
        "microphone to encrypted pages only, but for those of their own machine.",
    )
    url: str = setting(
        "",
        'Where people and phones reach the pages, such as "https://pbx.example.com", if not at http.listen: behind a proxy or '
        "a router.",
        Rule('"https://" or "http://" with a host, or ""', read_url),
    )


@dataclass(slots=True, frozen=True)
class Log:
    """[log]"""

    level: str = setting("info", "debug, info, warning or error.", one_of("debug", "info", "warning", "error"))
    format: str = setting("text", "text for people, json for machines.", one_of("text", "json"))
    mask_numbers: bool = setting(False, "Write only the last three digits of callers' numbers.")


@dataclass(slots=True, frozen=True)
class Trace:
    """[trace]"""

    memory_mb: int = setting(
        32, "SIP messages of the last calls are kept in this much memory, for `softswitch trace`; 0 = none.",
        whole_in(0, 65_536, "MiB"),
    )  # fmt: skip
    hep: tuple[str, int] | None = setting(
        None,
        'A capture server (HOMER, HEP version 3 over UDP) that is sent every SIP message; "" = none.',
        Rule('"address:port" such as "192.0.2.9:9060", or ""', read_http, lambda value: join(*value) if value else ""),
    )
    hep_node: int = setting(2001, "Our id there.", whole_in(1, 4_294_967_295))


@dataclass(slots=True, frozen=True)
class Recording:
    """[recording]"""

    folder: Path = setting(
        Path("recordings"),
        "Where recordings go; which calls are recorded is said by the queues and accounts of the site.",
    )
    name: str = setting(
        DEFAULT_NAME,
        "Path and name of a recording below the folder, without .wav or .opus: {year} {month} {day} {time} {queue} {agent}"
        " {number} {dialled} {call}. The time is UTC.",
        Rule("a name with {call} in it, made of the words in braces", read_recording_name),
    )
    min_free_mb: int = setting(
        1_024,
        "Less free space on that disk raises an alarm; calls and recordings go on.",
        whole_in(0, 1_000_000_000, "MB"),
    )


@dataclass(slots=True, frozen=True)
class Records:
    """[records]"""

    flush_ms: int = setting(
        100,
        "A kill -9 loses at most this much of what happened (power failure too); what a command has answered is on disk.",
        whole_in(10, 10_000, "milliseconds"),
    )
    journal_days: int = setting(90, "Events are kept this long; 0 = for ever.", whole_in(0, 36_500, "days"))
    calls_days: int = setting(
        0, "Call, leg and queue records are kept this long; 0 = for ever.", whole_in(0, 36_500, "days")
    )
    audit_days: int = setting(0, "The audit is kept this long; 0 = for ever.", whole_in(0, 36_500, "days"))


@dataclass(slots=True, frozen=True)
class Shutdown:
    """[shutdown]"""

    drain_seconds: float = setting(
        300.0, "After SIGTERM calls may go on this long; new ones are answered 503.", number_in(0, 86_400, "seconds")
    )
