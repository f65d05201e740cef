"""The present instant, asked of the operating system (shells only)."""

from __future__ import annotations

import contextlib
import time
from functools import cache
from pathlib import Path

from softswitch.store.records import Moment


def present() -> Moment:
    """Now, on both clocks."""
    return Moment(time.time(), time.monotonic(), boot_id())


@cache
def boot_id() -> str:
    """Names the run of the kernel: its monotonic clock counts from there. "" where there is no such name."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""
