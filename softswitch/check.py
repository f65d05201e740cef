"""Everything that serving needs, looked at before serving: settings, site, prompts, ports. Changes nothing."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Container, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from softswitch import plugins, strategies
from softswitch.cli.attach import Attached, running
from softswitch.config import Config, packaged_prompts
from softswitch.directory import Directory
from softswitch.errors import SoftswitchError
from softswitch.net.address import join_host_port
from softswitch.net.bind import ListenError, open_tcp, open_udp, port_owner
from softswitch.running import host

RTP_PROBES = 400  # ports tried, spread over the range: enough to meet a service, quick even for the whole range
MANY = 0.1  # share of taken RTP ports from which on it is a problem


@dataclass(slots=True, frozen=True)
class Finding:
    """One thing that was looked at: what it is like, or what is wrong with it and what to do."""

    what: str
    detail: str
    problem: str = ""
    hint: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def check(config: Config, site: Path | None = None) -> list[Finding]:
    """All findings, good and bad. The settings themselves were read already, or there would be no Config."""
    findings = [Finding("settings", "softswitch.toml is in order")]
    if config.http.tls or any(one.transport in ("tls", "wss") for one in config.sip.listen):
        findings.append(_finding("tls", lambda: _certificates(config)))
    if config.http.listen is not None:
        findings.append(Finding("pages", _pages(config)))
    if config.mail.host:
        findings.append(_finding("mail", lambda: _mail(config)))
    findings.append(_finding("prompts", lambda: _prompts(config)))
    findings.append(_finding("flows", lambda: _flows(config)))
    findings.append(_finding("strategies", lambda: _strategies(config)))
    findings.append(_finding("site", lambda: _site(config, site)))
    if running(config.paths.socket):
        findings.append(Finding("ports", f"in use by the switch that runs here ({config.paths.socket})"))
        return findings
    findings.append(_finding("ports", lambda: try_ports(config)))
    findings.append(_finding("media", lambda: try_media_ports(config)))
    findings.append(_finding("folders", lambda: _folders(config)))
    return findings


def _finding(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, look())
    except SoftswitchError as error:
        return Finding(what, "", str(error), getattr(error, "hint", ""))


def try_ports(config: Config) -> str:
    """Open and close every listener. Raises ListenError."""
    with contextlib.ExitStack() as opened:
        for one in config.sip.listen:
            if one.transport == "udp":
                opened.enter_context(open_udp(one.host, one.port, receive_buffer=65_536))
            else:
                opened.enter_context(open_tcp(one.host, one.port))
        if config.http.listen is not None:
            opened.enter_context(open_tcp(*config.http.listen, key="http.listen"))
    names = [str(one) for one in config.sip.listen]
    if config.http.listen is not None:
        names.append(f"{'https' if config.http.tls else 'http'}://{config.http.listen[0]}:{config.http.listen[1]}")
    return "free: " + ", ".join(names)


def try_media_ports(config: Config) -> str:
    """Try ports of the RTP range. Raises ListenError if many are taken."""
    first, last = config.media.ports
    wanted = min(last - first + 1, RTP_PROBES)
    tried = sorted({first + (last - first) * index // max(1, wanted - 1) for index in range(wanted)})
    for one in host.media_hosts(config):
        taken = [port for port in tried if not _free(one, port)]
        if len(taken) > MANY * len(tried) or len(taken) == len(tried):
            owner = port_owner(taken[0], "udp")
            raise ListenError(
                f"{len(taken)} of {len(tried)} tried RTP ports between {first} and {last} on {one} are taken"
                f"{f', {taken[0]} by {owner}' if owner else ''}.",
                "Choose another range in media.ports, for example "
                f'"{_other_range(one, last - first + 1)}", or stop the program that has them.',
            )
    legs = (last - first + 1) // 2
    return f"{first}-{last}: {legs} RTP legs, {legs // 2} calls at once"


def _free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.bind((address, port))
        except OSError:
            return False
    return True


def free_range(
    address: str, ports: int, starts: Iterable[int], reserved: Container[int] = ()
) -> tuple[int, int] | None:
    """The first range of so many consecutive ports, all free now and not reserved, that begins at one of `starts`."""
    used = used_udp_ports()
    for start in starts:
        wanted = range(start, start + ports)
        if start + ports > 65_536 or any(port in used or port in reserved for port in wanted):
            continue
        if all(_free(address, port) for port in wanted):
            return start, start + ports - 1
    return None


def used_udp_ports() -> set[int]:
    """UDP ports that somebody on this machine has, as far as the kernel tells without our trying each."""
    found: set[int] = set()
    for table in ("udp", "udp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                found.add(int(line.split()[1].rpartition(":")[2], 16))
    return found


def _other_range(address: str, ports: int) -> str:
    found = free_range(address, min(ports, 2_000), range(10_000, 64_000, 2_000))
    return f"{found[0]}-{found[1]}" if found else "40000-41999"


def _certificates(config: Config) -> str:
    from softswitch.net.tls import Certificates, TlsSettings, names_of

    tls = config.tls
    assert tls.certificate is not None  # the settings were checked
    Certificates(TlsSettings(tls.certificate, tls.key, tls.folder, tls.clients, tls.client_ca, tls.authorities))
    return f"{tls.certificate}: for {', '.join(names_of(tls.certificate)) or 'no host name'}"


def _pages(config: Config) -> str:
    assert config.http.listen is not None
    address = config.http.url or f"{'https' if config.http.tls else 'http'}://{join_host_port(*config.http.listen)}"
    in_clear = host.pages_in_clear(config)
    return f"{address}: {in_clear}. {host.PAGES_HINT}" if in_clear else address


def _prompts(config: Config) -> str:
    from softswitch.store.clips import Clips

    root = config.paths.prompts or packaged_prompts()
    found = Clips.scan(root)
    if not found.by_language:
        raise _Wrong(f"{root} holds no prompts.", "paths.prompts must name a folder with pl/, en/ and moh/ in it.")
    counts = ", ".join(f"{len(names)} in {language}" for language, names in sorted(found.by_language.items()))
    return f"{counts}; {len(found.music)} pieces of music"


def _flows(config: Config) -> str:
    found = plugins.find(config.paths.flows)
    if found.faults:
        raise _Wrong(
            "; ".join(f"{where}: {why}" for where, why in found.faults), "Calls of such a flow go on at its fallback."
        )
    return ", ".join(sorted(found.flows)) or "none"


def _strategies(config: Config) -> str:
    found = strategies.find(config.paths.strategies)
    if found.faults:
        raise _Wrong(
            "; ".join(f"{where}: {why}" for where, why in found.faults), "Queues that name it go by the longest idle."
        )
    return ", ".join(sorted(found.rankers)) or "none"


def _site(config: Config, file: Path | None) -> str:
    from softswitch.setup import stored_site
    from softswitch.store.clips import Clips
    from softswitch.store.site import check_site, read_site
    from softswitch.store.validate_menus import named_flows
    from softswitch.uploads import roots

    known = Clips.scan(*roots(config))
    current = _site_of_running(config) if running(config.paths.socket) else stored_site(config)
    if file is not None:
        site = read_site(file, current=current, clips=known)
    elif current is None:
        raise _Wrong(f"The database {config.paths.database} holds no site.", "Give it one: softswitch apply site.toml")
    else:
        check_site(site := current, clips=known)
    if missing := sorted(named_flows(site) - plugins.find(config.paths.flows).flows.keys()):
        raise _Wrong(
            f"The site names flows that are not there: {', '.join(missing)}.",
            "paths.flows names the folder of flows in Python; docs/flows.md says how to write one.",
        )
    if missing := sorted(strategies.named_strategies(site) - strategies.find(config.paths.strategies).rankers.keys()):
        raise _Wrong(
            f"The site names strategies that are not there: {', '.join(missing)}.",
            "paths.strategies names the folder of strategies in Python; docs/strategies.md says how to write one.",
        )
    counts = (("account", site.accounts), ("agent", site.agents), ("queue", site.queues), ("menu", site.menus))
    return f"{site.domain}: " + ", ".join(f"{len(all_)} {one}{'s' * (len(all_) != 1)}" for one, all_ in counts)


def _site_of_running(config: Config) -> Directory:
    """The site in force: the database of a running switch is its own."""
    from softswitch.store.site import parse_site

    with Attached(config.paths.socket) as switch:
        text = switch.call("edit", operation="export", options={})["text"]
    return parse_site(text)


def _mail(config: Config) -> str:
    mail = config.mail
    for file in (mail.password_file, mail.ca):
        if file is not None and not os.access(file, os.R_OK):
            raise _Wrong(f"{file} cannot be read.", "The section [mail] names it: give this user the right to read it.")
    return f"{mail.host}:{mail.usual_port}, {'in clear' if mail.security == 'off' else mail.security}"


def _folders(config: Config) -> str:
    kept = (config.recording.folder / "file", config.voicemail.folder / "file")
    places = (config.paths.database, config.paths.socket, *([config.paths.log] if config.paths.log else []), *kept)
    for path in places:
        folder = path.parent
        while not folder.exists():
            folder = folder.parent
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _Wrong(f"{folder} may not be written.", "Files of the switch go there: give this user the right to.")
    return "can be written"


class _Wrong(SoftswitchError):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint
