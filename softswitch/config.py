"""softswitch.toml: what belongs to the host, as frozen dataclasses.

Listeners, media addresses, paths, limits. The site (accounts, queues, menus, ...) is not here: it lives in the store. Every
setting is declared once, with its default, its rule and the comment that `init` writes above it. Environment variables
`SOFTSWITCH_<SECTION>_<KEY>` overrule the file; `SOFTSWITCH_<SECTION>_<KEY>_FILE` names a file that holds the value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from media.control import RELAYS
from softswitch.address import (
    ListenAddress,
    is_address,
    is_domain,
    is_loopback,
    join,
    listen_addresses,
    split_host_port,
)
from softswitch.call.naming import DEFAULT_NAME, checked_name
from softswitch.decode import (
    Expected,
    Problems,
    Rule,
    decode,
    encode_value,
    number_in,
    one_of,
    path,
    secret,
    text,
    whole,
    whole_in,
)
from softswitch.toml import read_toml, toml_value

FILE_NAME: Final = "softswitch.toml"
ENVIRONMENT: Final = "SOFTSWITCH_"
NOT_SETTINGS: Final = frozenset({"SOFTSWITCH_CONFIG", "SOFTSWITCH_SHARED"})  # used by the CLI and by the tests
SOCKET_PATH_MAX: Final = 107  # bytes of sockaddr_un.sun_path without its NUL


# --- rules of single settings --------------------------------------------------------------------------------------


def _read_listen(value: object) -> tuple[ListenAddress, ...]:
    if isinstance(value, str):  # From the environment or the command line.
        value = [one.strip() for one in value.split(",")]
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError
    found = [address for one in value for address in listen_addresses(text(one))]
    if len(set(found)) != len(found):
        raise Expected("each address once")
    return tuple(found)


def _read_hosts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [one.strip() for one in value.split(",")]
    if (
        not isinstance(value, (list, tuple))
        or not value
        or not all(one == "auto" or is_address(text(one)) for one in value)
    ):
        raise ValueError
    return tuple(value)


def _read_ports(value: object) -> tuple[int, int]:
    low, high = (whole(part.strip()) for part in str(value).split("-"))
    if not 1024 <= low < high <= 65535:
        raise ValueError
    if low % 2 or not high % 2:
        raise Expected("an even first port and an odd last one (RTP on the even port, RTCP on the next): 20000-29999")
    return low, high


def _read_advertised(value: object) -> str:
    if isinstance(value, str) and (value == "auto" or is_address(value) or is_domain(value)):
        return value
    raise ValueError


def _read_http(value: object) -> tuple[str, int] | None:
    return None if value == "" else split_host_port(str(value))


def _read_token(value: object) -> str:
    if isinstance(value, str) and (value == "" or (len(value) >= 16 and value.isascii() and value.isprintable())):
        return value
    raise ValueError


def _read_domain(value: object) -> str:
    if isinstance(value, str) and (value == "" or is_address(value) or is_domain(value)):
        return value.lower()
    raise ValueError


def _read_node(value: object) -> str:
    if isinstance(value, str) and len(value) == 1 and value.isascii() and value.isalnum():
        return value
    raise ValueError


def _read_origins(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [one.strip() for one in value.split(",") if one.strip()]
    if not isinstance(value, (list, tuple)):
        raise ValueError
    for one in value:
        if text(one) != "*" and (not one.startswith(("http://", "https://")) or one.count("/") != 2):
            raise Expected(f"scheme and host only, as browsers send it, in place of {one!r}: https://crm.example.com")
    return tuple(one.lower() for one in value)


def _read_optional_path(value: object) -> Path | None:
    return None if value == "" else path(value)


def setting(default: Any, comment: str, rule: Rule | None = None) -> Any:
    """A field of a section: its default, what is written above it, and what it accepts."""
    return field(default=default, metadata={"comment": comment, "rule": rule})


LISTEN = Rule(
    'a list of addresses such as "udp://0.0.0.0:5060" or "tcp://[::]:5060"',
    _read_listen,
    lambda value: [str(one) for one in value],
)
ADVERTISED = Rule('"auto", an IP address or a host name', _read_advertised)
OPTIONAL_PATH = Rule('a path in quotes, or ""', _read_optional_path, lambda value: "" if value is None else str(value))
SECONDS_LONG = number_in(1, 86_400, "seconds")


def _read_digest(value: object) -> tuple[str, ...]:
    names = tuple(str(one).upper() for one in value) if isinstance(value, list) else ()
    if not names or len(set(names)) != len(names) or not set(names) <= {"SHA-256", "MD5"}:
        raise ValueError
    return names


# --- sections ------------------------------------------------------------------------------------------------------


@dataclass(slots=True, frozen=True)
class Sip:
    """[sip]"""

    listen: tuple[ListenAddress, ...] = setting(
        (ListenAddress("udp", "0.0.0.0", 5060), ListenAddress("tcp", "0.0.0.0", 5060)),
        'Where phones reach us. IPv6: add "udp://[::]:5060" and "tcp://[::]:5060". Encrypted: "tls://0.0.0.0:5061". '
        'Browsers: "wss://0.0.0.0:5063", or "ws://..." behind a proxy that does TLS. tls and wss need tls.certificate.',
        LISTEN,
    )
    advertised: str = setting(
        "auto",
        'The address we name in Via and Contact; "auto" = the one of this machine that leads to the peer.',
        ADVERTISED,
    )
    domain: str = setting(
        "",
        "Domain of a new site (part after @, and the realm of its passwords). An existing site keeps its own.",
        Rule("a host name, an IP address, or empty", _read_domain),
    )
    node: str = setting(
        "0", "One character that names this node in branches and tags.", Rule("one letter or digit", _read_node)
    )
    origins: tuple[str, ...] = setting(
        (),
        'Sites whose pages may be phones over WebSocket, such as "https://crm.example.com"; pages of this host always may; '
        '"*" = any.',
        Rule('a list of origins such as "https://crm.example.com"', _read_origins, list),
    )
    server: str = setting("softswitch", "What the Server and User-Agent headers say.")
    no_answer_timeout: float = setting(60.0, "Seconds a called phone may ring.", number_in(5, 600, "seconds"))


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


@dataclass(slots=True, frozen=True)
class Registrar:
    """[registrar]"""

    minimum: int = setting(
        60, "Shortest registration; asking for less is answered 423.", whole_in(10, 86_400, "seconds")
    )
    default: int = setting(3_600, "Granted when a phone asks for nothing.", whole_in(10, 86_400, "seconds"))
    maximum: int = setting(7_200, "Longest registration that is granted.", whole_in(10, 604_800, "seconds"))
    nonce_lifetime: int = setting(60, "How long a digest challenge may be answered.", whole_in(5, 3_600, "seconds"))
    digest: tuple[str, ...] = setting(
        ("SHA-256", "MD5"),
        "Digest algorithms, in the order in which they are offered: a few old clients understand the first one only.",
        Rule('a list of "SHA-256" and "MD5"', _read_digest, list),
    )


@dataclass(slots=True, frozen=True)
class Media:
    """[media]"""

    hosts: tuple[str, ...] = setting(
        ("auto",),
        'Addresses of the RTP ports; "auto" = those of the listeners. Several: IPv4 and IPv6.',
        Rule('a list of IP addresses, or ["auto"]', _read_hosts, list),
    )
    advertised: str = setting("auto", 'The address in SDP; "auto" = the one the peer reached us at.', ADVERTISED)
    ports: tuple[int, int] = setting(
        (20_000, 29_999),
        "RTP and RTCP ports, shared out among the workers. A call takes four.",
        Rule(
            'a range of ports from 1024 up such as "20000-29999"', _read_ports, lambda value: f"{value[0]}-{value[1]}"
        ),
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
        Rule('"address:port" such as "127.0.0.1:8080", or ""', _read_http, lambda value: join(*value) if value else ""),
    )
    token: str = setting(
        "",
        'What "Authorization: Bearer" must carry; needed where others can reach the address. Better from the environment.',
        Rule("16 or more letters, digits and punctuation", _read_token),
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
        Rule('"address:port" such as "192.0.2.9:9060", or ""', _read_http, lambda value: join(*value) if value else ""),
    )
    hep_node: int = setting(2001, "Our id there.", whole_in(1, 4_294_967_295))


def _read_recording_name(value: object) -> str:
    try:
        return checked_name(text(value))
    except (KeyError, IndexError, AttributeError):
        raise ValueError from None


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
        Rule("a name with {call} in it, made of the words in braces", _read_recording_name),
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
        "A kill -9 loses at most this much of what happened (power failure too).",
        whole_in(10, 10_000, "milliseconds"),
    )
    journal_days: int = setting(90, "Events are kept this long; 0 = for ever.", whole_in(0, 36_500, "days"))
    calls_days: int = setting(
        0, "Call, leg and queue records are kept this long; 0 = for ever.", whole_in(0, 36_500, "days")
    )


@dataclass(slots=True, frozen=True)
class Shutdown:
    """[shutdown]"""

    drain_seconds: float = setting(
        300.0, "After SIGTERM calls may go on this long; new ones are answered 503.", number_in(0, 86_400, "seconds")
    )


@dataclass(slots=True, frozen=True)
class Config:
    """The whole of softswitch.toml, with absolute paths. `file` is where it was read ("" = defaults only)."""

    sip: Sip = field(default_factory=Sip)
    tls: Tls = field(default_factory=Tls)
    registrar: Registrar = field(default_factory=Registrar)
    media: Media = field(default_factory=Media)
    paths: Paths = field(default_factory=Paths)
    limits: Limits = field(default_factory=Limits)
    http: Http = field(default_factory=Http)
    log: Log = field(default_factory=Log)
    trace: Trace = field(default_factory=Trace)
    recording: Recording = field(default_factory=Recording)
    records: Records = field(default_factory=Records)
    shutdown: Shutdown = field(default_factory=Shutdown)


SECTIONS: Final[Mapping[str, type]] = {
    "sip": Sip, "tls": Tls, "registrar": Registrar, "media": Media, "paths": Paths, "limits": Limits, "http": Http, "log": Log,
    "trace": Trace,
    "recording": Recording, "records": Records, "shutdown": Shutdown,
}  # fmt: skip


# --- reading -------------------------------------------------------------------------------------------------------


def load_config(
    file: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """The effective configuration: defaults, then the file, the environment, and `overrides` ("sip.listen": ...).

    Raises ConfigError that lists every mistake.
    """
    data: dict[str, Any] = read_toml(file) if file else {}
    name = str(file) if file else "defaults"
    problems = Problems(name)
    for key, value in _from_environment(os.environ if environ is None else environ, problems):
        _put(data, key, value, problems)
    for key, value in (overrides or {}).items():
        _put(data, key, value, problems)
    config = decode(Config, data, problems)
    if config is not None:
        config = _absolute(config, (file.parent if file else Path()).resolve())
        _check(config, problems)
    problems.check()
    assert config is not None  # decode() reports why it gives none
    return config


def find_config(environ: Mapping[str, str] | None = None) -> Path | None:
    """softswitch.toml: $SOFTSWITCH_CONFIG, this folder, the user's configuration folder, /etc/softswitch."""
    environ = os.environ if environ is None else environ
    if named := environ.get("SOFTSWITCH_CONFIG"):
        return Path(named)
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    places = (Path(FILE_NAME), home / "softswitch" / FILE_NAME, Path("/etc/softswitch") / FILE_NAME)
    return next((place for place in places if place.is_file()), None)


def _from_environment(environ: Mapping[str, str], problems: Problems) -> Iterator[tuple[str, str]]:
    for name in sorted(environ):
        if not name.startswith(ENVIRONMENT) or name in NOT_SETTINGS:
            continue
        section, _, key = name.removeprefix(ENVIRONMENT).lower().partition("_")
        known = _keys(section)
        if key not in known and key.removesuffix("_file") in known:
            try:
                value = Path(environ[name]).read_text(encoding="utf-8").rstrip("\n")
            except (OSError, UnicodeDecodeError) as error:
                problems.add(name, environ[name], "a readable file", what=f"cannot be read: {error}")
                continue
            yield f"{section}.{key.removesuffix('_file')}", value
        elif key in known:
            yield f"{section}.{key}", environ[name]
        else:
            names = [f"{ENVIRONMENT}{one}_{other}".upper() for one in SECTIONS for other in _keys(one)]
            problems.unknown(name, environ[name], names, noun="environment variable")


def _keys(section: str) -> list[str]:
    return [one.name for one in fields(SECTIONS[section])] if section in SECTIONS else []


def _put(data: dict[str, Any], key: str, value: Any, problems: Problems) -> None:
    section, _, name = key.partition(".")
    table = data.setdefault(section, {})
    if isinstance(table, dict):  # Otherwise decode() complains about the section itself.
        table[name] = value


def _absolute(config: Config, base: Path) -> Config:
    def full(value: Path | None) -> Path | None:
        return None if value is None else base / value.expanduser()

    paths: dict[str, Any] = {one.name: full(getattr(config.paths, one.name)) for one in fields(Paths)}
    tls: dict[str, Any] = {
        name: full(getattr(config.tls, name)) for name in ("certificate", "key", "folder", "client_ca")
    }
    recording = replace(config.recording, folder=base / config.recording.folder.expanduser())
    return replace(config, paths=Paths(**paths), recording=recording, tls=replace(config.tls, **tls))


def _check(config: Config, problems: Problems) -> None:
    """What single values cannot show."""
    registrar = config.registrar
    if not registrar.minimum <= registrar.default <= registrar.maximum:
        problems.add(
            "registrar.default",
            registrar.default,
            f"minimum <= default <= maximum ({registrar.minimum} <= ... <= {registrar.maximum})",
        )
    if len(os.fsencode(config.paths.socket)) > SOCKET_PATH_MAX:
        problems.add(
            "paths.socket", str(config.paths.socket), f"at most {SOCKET_PATH_MAX} bytes (a limit of Unix sockets)"
        )
    secure = next((one for one in config.sip.listen if one.transport in ("tls", "wss")), None)
    if secure is not None and config.tls.certificate is None:
        problems.add(
            "tls.certificate", "", f"a PEM file, because of {secure} (for a first try: softswitch certificate)"
        )
    if config.tls.clients != "off" and config.tls.client_ca is None:
        problems.add("tls.client_ca", "", f'a PEM file, because tls.clients is "{config.tls.clients}"')
    places = [(one.transport == "udp", one.host, one.port) for one in config.sip.listen if one.port]
    for place in {one for one in places if places.count(one) > 1}:
        problems.add("sip.listen", join(*place[1:]), "one transport on a port (UDP and one of the others)")
    if config.http.listen in [(one.host, one.port) for one in config.sip.listen if one.transport != "udp"]:
        problems.add("http.listen", join(*config.http.listen or ("", 0)), "another port than sip.listen")
    elif config.http.listen and not config.http.token and not is_loopback(config.http.listen[0]):
        problems.add(
            "http.listen",
            join(*config.http.listen),
            "127.0.0.1, or a http.token with it: others can reach that address",
        )


# --- writing -------------------------------------------------------------------------------------------------------


def default_toml(values: Mapping[str, Any] | None = None) -> str:
    """The commented template that `init` writes: `values` ("sip.domain": ...) are set, every other setting is shown
    commented out with its default, so that defaults of later versions apply."""
    return _render(Config(), values or {}, all_set=False)


def config_toml(config: Config) -> str:
    """The effective configuration as TOML, every setting written out."""
    return _render(config, {}, all_set=True)


def _render(config: Config, values: Mapping[str, Any], *, all_set: bool) -> str:
    lines = [
        "# softswitch: settings of this host. The site (accounts, queues, menus) is in the database:",
        "# `softswitch export` shows it, `softswitch apply site.toml` changes it.",
        "# SOFTSWITCH_<SECTION>_<KEY> in the environment overrules a line, ..._<KEY>_FILE takes the value from a file.",
    ]
    for section, cls in SECTIONS.items():
        lines += ["", f"[{section}]"]
        for one in fields(cls):
            key = f"{section}.{one.name}"
            value = values.get(key, getattr(getattr(config, section), one.name))
            mark = "" if all_set or key in values else "# "
            lines.append(f"# {one.metadata['comment']}")
            if secret(one.name) and value and key not in values:
                lines.append(f"# {one.name} is set")
                continue
            rule = one.metadata["rule"]
            plain = rule.write(value) if rule and key not in values else encode_value(value)
            lines.append(f"{mark}{one.name} = {toml_value(plain)}")
    return "\n".join(lines) + "\n"


def packaged_prompts() -> Path:
    """The prompts we ship: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "prompts"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "prompts"
