"""The service as systemd is to run it: what it may, and nothing else (OPS-11)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from softswitch.config import Config

GRACE: Final = 30  # seconds above those that calls are given to end
HOMES: Final = (Path("/home"), Path("/root"), Path("/run/user"))
KERNEL_RELAY: Final = "tcx"  # needs capabilities that the others do not


def unit_file(config: Config, folder: Path, program: Path, user: str) -> str:
    """The text of a unit for the installation in `folder`, started by `program`."""
    return "".join(f"{line}\n" for line in _lines(config, folder, program, user))


def _lines(config: Config, folder: Path, program: Path, user: str) -> Iterator[str]:
    yield from (
        "[Unit]",
        f"Description=softswitch ({folder})",
        "Documentation=man:systemd.exec(5)",
        "Wants=network-online.target",
        "After=network-online.target time-sync.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=all",
        f"User={user}",
        f"ExecStart={_word(program)} serve --config {_word(folder)}",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "Restart=always",
        "RestartSec=1",
        "WatchdogSec=30",
        "# Calls may end first: new ones get 503 meanwhile.",
        f"TimeoutStopSec={int(config.shutdown.drain_seconds) + GRACE}",
        "# The media workers go on while the switch drains, and when it was killed: calls survive that.",
        "KillMode=process",
        "# Every media port is an open socket.",
        "LimitNOFILE=1048576",
        "# Media workers ask for a little real-time priority.",
        "LimitRTPRIO=10",
        "UMask=0077",
        "",
        "# --- what it may not ---",
    )
    yield from _hardening(config, folder, program)
    yield from ("", "[Install]", "WantedBy=multi-user.target")


def _hardening(config: Config, folder: Path, program: Path) -> Iterator[str]:
    low = [one.port for one in config.sip.listen if 0 < one.port < 1024]
    if config.http.listen is not None and 0 < config.http.listen[1] < 1024:
        low.append(config.http.listen[1])
    capabilities = ["CAP_NET_BIND_SERVICE"] if low else []
    if config.media.relay == KERNEL_RELAY:
        capabilities += ["CAP_BPF", "CAP_NET_ADMIN"]
    yield "NoNewPrivileges=yes"
    yield f"CapabilityBoundingSet={' '.join(capabilities)}"
    yield f"AmbientCapabilities={' '.join(capabilities)}"
    yield "ProtectSystem=strict"
    yield f"ReadWritePaths={' '.join(_word(one) for one in written(config, folder))}"
    at_home = any(path.is_relative_to(home) for path in (folder, program) for home in HOMES)
    yield f"ProtectHome={'read-only' if at_home else 'yes'}"
    calls = ["@system-service"] + (["bpf"] if config.media.relay == KERNEL_RELAY else [])
    yield from (
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "DevicePolicy=closed",
        "ProtectKernelTunables=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelLogs=yes",
        "ProtectControlGroups=yes",
        "ProtectClock=yes",
        "ProtectHostname=yes",
        "ProtectProc=invisible",
        "RestrictNamespaces=yes",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
        "SystemCallArchitectures=native",
        f"SystemCallFilter={' '.join(calls)}",
        "SystemCallFilter=~@privileged @resources",
        "# Real-time priority and open files are @resources, of which it needs these.",
        "SystemCallFilter=sched_setscheduler sched_setparam sched_setaffinity setrlimit prlimit64 setpriority",
        "SystemCallErrorNumber=EPERM",
    )


def written(config: Config, folder: Path) -> list[Path]:
    """Folders in which the switch writes, none of them inside another."""
    paths = config.paths
    named = [folder, paths.database.parent, paths.socket.parent, config.recording.folder, config.voicemail.folder]
    if paths.log is not None:
        named.append(paths.log.parent)
    return [
        one for one in dict.fromkeys(named) if not any(one != other and one.is_relative_to(other) for other in named)
    ]


def _word(path: Path) -> str:
    """A path as systemd reads it (systemd.syntax(7)): quoted, with % doubled."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text}"' if any(char in text for char in " \t'\"\\;") else text
