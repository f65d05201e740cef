"""Every relay beside rtpengine and beside the direct path, in one run, with the same load.

    python -m bench.load.relays
    python -m bench.load.relays --calls 500 1000 --rounds 3 --only uring rtpengine

All phones send 20 ms of G.711 to a relay that is pinned to the first processor; the generator has the last one. Contestants take
turns, and each figure is the median of its rounds, so that a machine that gets slower does so for all of them.

`relay_us`: CPU of the relay's process per packet moved. What the kernel does in other processes' time is not in it: a relay
inside the kernel works in the time of whoever sends. So `machine_us` takes it all: relay, generator and the kernel's own
threads, less what the generator uses for the same number of packets without any relay (`direct`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import progress
from bench.load import rtpengine
from bench.load.rtp_generator import PHONE_PORT, Phone, address, cpu_seconds, in_process, read_report

CALLS = (100, 500, 1000, 1500)
KERNEL_CALLS = (2000,)  # only for what does not use the relay's core
ROUNDS = 3
SECONDS = 5.0
WARM_UP = 2.0
START = 0.7  # seconds that the generator takes to start
PACKETS_PER_SECOND = 50


Row = dict[str, Any]


def kernel_seconds() -> float:
    """CPU time of the kernel's threads for interrupts and deferred work."""
    total = 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if (process / "comm").read_text().startswith(("ksoftirqd", "kworker", "napi")):
                    total += int((process / "schedstat").read_text().split()[0])
            except OSError:
                continue
    return total / 1e9


def _generate(phones: list[Phone], pid: int | None) -> Row:
    """Load for one round. CPU is read in the midst of it: not while calls are set up or lent to the kernel."""
    process = in_process(phones, SECONDS, WARM_UP, pin_to=(os.cpu_count() or 1) - 1)
    time.sleep(WARM_UP + START)  # What is measured is an interval of time: nothing ends it but the clock.
    kernel, relay, began = kernel_seconds(), cpu_seconds(pid) if pid else 0.0, time.monotonic()
    time.sleep(SECONDS - 2 * START)
    relay = (cpu_seconds(pid) if pid else 0.0) - relay
    kernel, lasted = kernel_seconds() - kernel, time.monotonic() - began
    report = read_report(process)
    packets = max(1.0, len(phones) * PACKETS_PER_SECOND * lasted * report.sent_percent / 100)
    return {
        "sent_percent": report.sent_percent,
        "loss_percent": report.loss_percent,
        "misrouted": report.misrouted,
        "reordered": report.reordered,
        "p50_ms": report.delay_p50_ms,
        "p99_ms": report.delay_p99_ms,
        "relay_core_percent": round(100 * relay / lasted, 1),
        "relay_us": round(1e6 * relay / packets, 2),
        "_total_us": 1e6 * (relay + kernel + report.generator_cpu_percent / 100 * lasted) / packets,
    }


def direct(calls: int) -> Row:
    """No relay: phones send to each other."""
    return _generate([Phone(address(i), PHONE_PORT, address(i ^ 1), PHONE_PORT) for i in range(2 * calls)], None)


def peer(calls: int) -> Row:
    """rtpengine in user space."""
    with rtpengine.Rtpengine() as server:
        hosts = [(address(i), PHONE_PORT) for i in range(2 * calls)]
        ports = server.calls(hosts)
        phones = [Phone(host, PHONE_PORT, rtpengine.HOST, port) for (host, _), port in zip(hosts, ports, strict=True)]
        return _generate(phones, server.pid)


def ours(relay: str, *, recorded: bool = False) -> Callable[[int], Row]:
    """Our worker with one of its relays."""

    def measure(calls: int) -> Row:
        command = [sys.executable, "-m", "bench.load.relays", "--worker", relay, "--calls", str(calls)]
        ended = subprocess.run(
            command + (["--record"] if recorded else []), stdout=subprocess.PIPE, text=True, check=False
        )
        if ended.returncode:
            raise OSError(ended.stdout.strip() or f"the worker did not run with the {relay} relay")
        row: Row = json.loads(ended.stdout)
        return row

    return measure


def worker(relay: str, calls: int, recorded: bool) -> Row:
    """One round with a worker of our own, in this process."""
    import tempfile

    from bench.load.rtp_generator import WORKER_HOST, free_range, pin, until_open
    from media.client import start_worker
    from media.control import Bridge, Command, Open, Ready, Record

    base = free_range(4 * calls)
    phones = [Phone(address(leg), PHONE_PORT, WORKER_HOST, base + 2 * leg) for leg in range(2 * calls)]
    with (
        start_worker(hosts=(WORKER_HOST,), base_port=base, legs=2 * calls, relay=relay) as client,
        tempfile.TemporaryDirectory(prefix="softswitch-bench-", dir="/dev/shm") as folder,
    ):
        answers = client.wait_for(Ready)
        ready = next((answer for answer in answers if isinstance(answer, Ready)), None)
        if ready is None:
            raise SystemExit(f"the worker did not start: {answers}")
        pin(ready.pid, 0)
        commands: list[Command] = [Open(leg, phone.host, phone.port, "PCMU", 0) for leg, phone in enumerate(phones)]
        commands += [Bridge(leg, leg + 1) for leg in range(0, 2 * calls, 2)]
        if recorded:
            commands += [Record(leg, f"{folder}/{leg}.wav", leg, leg + 1) for leg in range(0, 2 * calls, 2)]
        client.post_all(commands)
        until_open(client, 2 * calls)
        row = _generate(phones, ready.pid)
        row["relay"] = ready.relay
        return row


CONTESTANTS: dict[str, Callable[[int], Row]] = {
    "direct": direct,
    "rtpengine": peer,
    "epoll": ours("epoll"),
    "uring": ours("uring"),
    "tcx": ours("tcx"),
    "tcx, recorded": ours("tcx", recorded=True),
}


def _median(rows: list[Row], alone: float | None) -> Row:
    merged: Row = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        merged[name] = statistics.median(values) if isinstance(values[0], int | float) else values[0]
    total = merged.pop("_total_us")
    if alone is not None:
        merged["machine_us"] = round(total - alone, 2)
    return merged


def compare(calls: int, names: list[str], rounds: int) -> Row:
    """All contestants at one number of calls."""
    rows: dict[str, list[Row]] = {name: [] for name in names}
    failed: dict[str, str] = {}
    for number in range(rounds):
        for name in names:
            if name in failed:
                continue
            progress.note(f"{calls:,} calls, round {number + 1}: {name}")
            try:
                rows[name].append(CONTESTANTS[name](calls))
            except OSError as error:
                failed[name] = str(error)
    alone = statistics.median(row["_total_us"] for row in rows["direct"]) if rows.get("direct") else None
    figures: Row = {name: _median(found, None if name == "direct" else alone) for name, found in rows.items() if found}
    base = figures.get("rtpengine")
    for name, row in figures.items():
        if base and name not in ("direct", "rtpengine"):
            row["relay_us_to_rtpengine"] = round(row["relay_us"] / base["relay_us"], 2)
            if base.get("machine_us", 0) > 0 and "machine_us" in row:
                row["machine_us_to_rtpengine"] = round(row["machine_us"] / base["machine_us"], 2)
    return figures | {name: {"error": text} for name, text in failed.items()}


def run(
    *, calls: tuple[int, ...] = CALLS + KERNEL_CALLS, rounds: int = ROUNDS, only: tuple[str, ...] = ()
) -> dict[str, Any]:
    """All figures of this module."""
    if not rtpengine.installed():
        raise SystemExit("rtpengine is not installed: apt-get install rtpengine-daemon (its service need not run)")
    figures: dict[str, Any] = {}
    for count in calls:
        names = [name for name in CONTESTANTS if not only or name in only]
        if count in KERNEL_CALLS:
            names = [name for name in names if name in ("direct", "tcx")]
        figures[str(count)] = compare(count, names, rounds)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=list(CALLS + KERNEL_CALLS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", nargs="+", default=[], choices=list(CONTESTANTS))
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    parser.add_argument("--record", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(worker(options.worker, options.calls[0], options.record)))
        return
    figures = run(calls=tuple(options.calls), rounds=options.rounds, only=tuple(options.only))
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
