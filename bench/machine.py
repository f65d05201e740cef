"""Facts that belong beside every figure: processor, kernel, Python build, commit; and what a process tree has used."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def facts() -> dict[str, Any]:
    """Processor, cores, kernel, Python (with its prefix: a distribution's build is the faster one) and commit."""
    return {
        "processor": _cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "python_prefix": sys.base_prefix,
        "commit": _commit(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        ["git", "-C", str(root), "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "not a checkout"


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    pids, i = [pid], 0
    while i < len(pids):
        for task in Path(f"/proc/{pids[i]}/task").glob("*/children"):
            pids += [int(child) for child in task.read_text().split()]
        i += 1
    return pids


def cpu_seconds(pid: int) -> float:
    """User and system time of a process tree, in seconds."""
    return sum(process_cpu_seconds(each) for each in tree(pid))


def process_cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process, from the scheduler's nanosecond accounting where it is there."""
    total = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0]) / 1e9
        except (OSError, IndexError, ValueError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def starved_seconds(pid: int) -> float:
    """How long the threads of a process tree were ready to run while the processor was busy with something else."""
    total = 0
    for each in tree(pid):
        for task in Path(f"/proc/{each}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[1])
            except (OSError, IndexError, ValueError):
                return 0.0
    return total / 1e9


def resident_bytes(pid: int) -> int:
    """Resident memory of a process tree, shared pages counted in each process."""
    return sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) * _PAGE for each in tree(pid))


def proportional_bytes(pid: int) -> int:
    """What a process tree takes of the machine: a page that n processes share counts 1/n in each (proc_pid_smaps(5), Pss)."""
    total = 0
    for each in tree(pid):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) << 10
    return total
