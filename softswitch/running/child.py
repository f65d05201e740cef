"""Processes of our own for what would hold up calls: a plan, a backup, a waveform, a replay."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


async def spawn(module: str, *arguments: str, stdin: int = DEVNULL) -> Process:
    """Run a module of ours by our Python, from where we were loaded ourselves; its output and errors are pipes.

    The folder that we stand in is the operator's: what lies there is never taken for a module (`-P`).
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", module, *arguments, stdin=stdin, stdout=PIPE, stderr=PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
