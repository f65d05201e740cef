"""A throwaway switch for load testers and outside test suites: generated accounts, agents and extensions in one directory.

`accounts.json` keeps the passwords from one start to the next; `lab.json` says that calls are accepted, and what there is.
"""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from softswitch.address import split_host_port
from softswitch.check import free_range
from softswitch.config import FILE_NAME, Config, default_toml, load_config
from softswitch.directory import Directory
from softswitch.entropy import SystemEntropy
from softswitch.net.address import is_loopback, join_host_port
from softswitch.net.bind import open_tcp
from softswitch.running import host
from softswitch.setup import (
    CERTIFICATE_FILE,
    KEY_FILE,
    SetupError,
    apply_site,
    in_child,
    make_certificate,
    stored_site,
    write_private,
)
from softswitch.store.demo import LAB_QUEUE, LAB_SUPERVISOR, lab_site, with_trunks
from softswitch.store.passwords import generate_password

REPORT: Final = "lab.json"
SECRETS: Final = "accounts.json"
LOG: Final = "softswitch.log"
# Legs rest for seconds before they are used again: short calls at a high rate need many more than long ones.
# As many as may be had: four for each call between two phones. Several labs may run on one machine.
SIZES: Final = (10_000, 5_000, 2_400, 1_200)
# Above the ports that load generators and their phones like to name; below them at last.
PLACES: Final = (range(33_000, 60_000), range(10_000, 20_000))
ATTEMPTS: Final = 5  # at a range that somebody else takes at the same moment
DRAIN_SECONDS: Final = 5.0


@dataclass(slots=True, frozen=True)
class Options:
    """The command line of `softswitch lab`."""

    listen: str
    http: str
    accounts: int
    agents: int
    tiers: int
    directory: Path
    wrap_up: float | None = None  # None: 0 in a new lab, and what it has in one that goes on
    ring_timeout: float | None = None  # None: 20, likewise
    allow_public: bool = False
    log_level: str = "info"
    media_ports: str = ""
    media_workers: int = 0
    relay: str = "auto"
    trunks: tuple[str, ...] = ()
    trunk_user: str = ""
    trunk_password: str = ""
    trunk_realm: str = ""


@dataclass(slots=True)
class Lab:
    """A prepared lab: its configuration, and what lab.json will say."""

    config: Config
    facts: dict[str, Any]

    def report(self, pid: int, addresses: dict[str, str]) -> None:
        """Write lab.json: calls are accepted from now on."""
        path = self.config.paths.database.parent / REPORT
        write_private(path, json.dumps({"pid": pid, **addresses, **self.facts}, indent=1) + "\n")

    def withdraw(self) -> None:
        """Remove lab.json: calls are no longer accepted."""
        (self.config.paths.database.parent / REPORT).unlink(missing_ok=True)


def prepare(options: Options) -> Lab:
    """Make the lab in its directory, or take it up where it was left. Raises SetupError, ConfigError."""
    sip_host, _ = _address(options.listen, "--listen", options.allow_public)
    if options.http:
        _address(options.http, "--http", options.allow_public)
    directory = options.directory.resolve()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / REPORT).unlink(missing_ok=True)  # Stale until calls are accepted again.
    except OSError as error:
        raise SetupError(f"{directory}: {error.strerror}.", "Choose a directory that you may write to.") from None
    config = _configure(options, directory, sip_host)
    secrets = directory / SECRETS
    if secrets.exists():
        facts = _take_up(options, config, secrets)
    else:
        facts = _make(options, config, secrets, host.primary_address() if sip_host in host.WILDCARDS else sip_host)
    facts |= _outside(config, options)
    facts |= {"certificate": str(directory / CERTIFICATE_FILE)}
    facts |= {"log": str(directory / LOG), "database": str(config.paths.database), "http_token": config.http.token}
    del facts["tiers"]
    return Lab(config, facts)


def _address(text: str, option: str, allow_public: bool) -> tuple[str, int]:
    try:
        found = split_host_port(text)
    except ValueError:
        raise SetupError(f"{option} {text}: not an address.", "Give IP:port, for example 127.0.0.1:5060.") from None
    if not allow_public and not is_loopback(found[0]):
        raise SetupError(
            f"{option} {text}: others could reach this throwaway switch there.",
            "Use a loopback address such as 127.0.0.1, or say --allow-public.",
        )
    return found


def _configure(options: Options, directory: Path, sip_host: str) -> Config:
    """Settings of this start. The media ports stay those of before: calls may outlive a restart."""
    file = directory / FILE_NAME
    before = load_config(file, environ={}) if file.exists() else None
    if options.media_ports:
        ports = options.media_ports
    elif before is not None:
        ports = f"{before.media.ports[0]}-{before.media.ports[1]}"
    else:
        ports = choose_ports(sip_host, _ours(options))
    public = options.http and not is_loopback(split_host_port(options.http)[0])
    extra, tls = _encrypted(options, before, directory, sip_host)
    values = {
        **tls,
        "http.token": _token(before) if public else "",
        "sip.listen": [*(f"{one}://{options.listen}" for one in ("udp", "tcp")), *extra],
        "sip.origins": ["*"],
        "http.listen": options.http,
        "media.ports": ports,
        "media.workers": options.media_workers,
        "media.keys_in_clear": True,
        "media.relay": options.relay,
        "paths.log": LOG,
        "paths.socket": "softswitch.sock",
        "log.level": options.log_level,
        "registrar.minimum": 10,
        "registrar.algorithms": ["MD5", "SHA-256"],  # SIPp takes the first challenge only, and knows MD5 only.
        "limits.calls": 100_000,
        "limits.calls_per_second": 100_000,
        "limits.connections": 50_000,
        "limits.connections_per_host": 50_000,
        "security.account_rate": 1_000,  # A load generator may be a single account.
        "shutdown.drain_seconds": DRAIN_SECONDS,
    }
    write_private(file, default_toml(values))
    return load_config(file)


def _encrypted(
    options: Options, before: Config | None, directory: Path, sip_host: str
) -> tuple[list[str], dict[str, str]]:
    """Listeners for TLS and WebSockets, on the ports that they had before, and the settings of their certificate."""
    known = {one.transport: one.port for one in before.sip.listen} if before is not None else {}
    given = _ours(options)
    listeners = []
    for transport in ("tls", "ws", "wss"):
        port = known.get(transport) or _free_port(sip_host, given)
        given.add(port)
        listeners.append(f"{transport}://{join_host_port(sip_host, port)}")
    if not (directory / CERTIFICATE_FILE).exists():
        in_child(lambda: make_certificate(directory, (sip_host, "localhost")))  # Its libraries are not needed again.
    return listeners, {"tls.certificate": CERTIFICATE_FILE, "tls.key": KEY_FILE}


def _free_port(address: str, taken: Container[int]) -> int:
    for _ in range(ATTEMPTS * 10):
        with open_tcp(address, 0) as probe:
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port
    raise SetupError(f"No TCP port is free on {address}.", "Stop other programs: ss -ltnp shows them.")


def _token(before: Config | None) -> str:
    return before.http.token if before is not None and before.http.token else generate_password(SystemEntropy())


def choose_ports(address: str, ours: Container[int] = ()) -> str:
    """A range of free media ports, as large as may be, without the ports in `ours`."""
    for size in SIZES:
        starts = [start for place in PLACES for start in range(place.start, place.stop - size + 1, 1_000)]
        found = free_range(address, size, starts, ours)
        if found is not None:
            return f"{found[0]}-{found[1]}"
    raise SetupError(
        f"No {SIZES[-1]} consecutive UDP ports are free on {address} for RTP.",
        "Stop the program that has them (ss -lunp), or name a range: --media-ports 40000-41999.",
    )


def _ours(options: Options) -> set[int]:
    return {split_host_port(one)[1] for one in (options.listen, options.http) if one}


def _make(options: Options, config: Config, secrets: Path, domain: str) -> dict[str, Any]:
    site = lab_site(
        SystemEntropy(), domain, accounts=options.accounts, agents=options.agents, tiers=options.tiers,
        wrap_up=options.wrap_up or 0.0,
    )  # fmt: skip
    facts = {
        "domain": domain,
        "accounts": [{"user": one.user, "password": one.password} for one in site.users()],
        "agents": [{"user": one.user, "password": one.password, "tier": one.tier} for one in site.agents()],
        "supervisor": next(
            {"user": one.user, "password": one.password} for one in site.credentials if one.user == LAB_SUPERVISOR
        ),
        "extensions": dict(site.extensions),
        "tiers": options.tiers,
    }
    apply_site(config, _tuned(site.directory, options), "lab")
    write_private(secrets, json.dumps(facts) + "\n")  # Last: it says that the database is complete.
    return facts


def _take_up(options: Options, config: Config, secrets: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(secrets.read_text())
    was = (len(facts["accounts"]), len(facts["agents"]), facts["tiers"])
    if was != (options.accounts, options.agents, options.tiers):
        raise SetupError(
            f"{secrets.parent} holds a lab of {was[0]} accounts and {was[1]} agents in {was[2]} tiers.",
            f"Start it with --accounts {was[0]} --agents {was[1]} --tiers {was[2]}, or name another --dir.",
        )
    site = stored_site(config)
    if site is None:
        raise SetupError(f"{config.paths.database} holds no site.", f"Remove {secrets.parent} and start again.")
    tuned = _tuned(site, options)
    if tuned != site:
        apply_site(config, tuned, "lab")
    return facts


def _tuned(site: Directory, options: Options) -> Directory:
    """What was said this time holds; what somebody has changed of the site meanwhile stays."""
    site = with_trunks(site, options.trunks, options.trunk_user, options.trunk_password, options.trunk_realm)
    queue = site.queues.get(LAB_QUEUE)
    if queue is None:
        return site
    if options.wrap_up is not None:
        queue = replace(queue, wrap_up=options.wrap_up)
    if options.ring_timeout is not None:
        queue = replace(queue, ring_timeout=options.ring_timeout)
    return replace(site, queues={**site.queues, LAB_QUEUE: queue})


def _outside(config: Config, options: Options) -> dict[str, Any]:
    """What lab.json says of the world outside."""
    site = stored_site(config)
    if site is None or not options.trunks:
        return {}
    numbers = {number: destination for trunk in site.trunks.values() for number, destination in trunk.dids.items()}
    trunks = [
        {"trunk": one.name, "server": one.servers[0], "user": one.user, "password": one.password}
        for one in site.trunks.values()
    ]
    return {"trunks": trunks, "numbers": numbers, "emergency": list(site.emergency_numbers)}


def run(options: Options) -> None:
    """Prepare and serve in the foreground. Raises SoftswitchError if it cannot start."""
    import os

    from softswitch.daemon import Daemon, serve
    from softswitch.mediaplane import MediaError

    lab = prepare(options)

    def started(daemon: Daemon) -> None:
        lab.report(os.getpid(), _addresses(daemon))

    try:
        for attempt in range(ATTEMPTS):
            try:
                serve(lab.config, started=started)
                return
            except MediaError:
                if options.media_ports or attempt == ATTEMPTS - 1:
                    raise
            # Somebody took a port of the range since it was chosen.
            ports = choose_ports(split_host_port(options.listen)[0], _ours(options))
            lab = prepare(replace(options, media_ports=ports))
    finally:
        lab.withdraw()


def _addresses(daemon: Any) -> dict[str, str]:
    """Where the switch can be reached: "sip" is UDP and TCP."""
    listeners = {one.transport: join_host_port(one.host, one.port) for one in daemon.network.listeners}
    http = daemon.config.http.listen
    found = {"sip": listeners["udp"], "http": join_host_port(*http) if http else ""}
    return found | {name: listeners[name] for name in ("tls", "ws", "wss")}
