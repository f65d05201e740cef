"""Logs: structured, with call ids, without secrets, and bounded in rate.

Text for people, JSON for machines. Each (event, level) may appear `BURST` times in `WINDOW` seconds; what was left out is
said when the window ends.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, TextIO

# structlog's development renderer imports rich where it can: 4 MiB and 0.1 s that a daemon has no use for.
if "rich" in sys.modules:
    import structlog
else:
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog

    del sys.modules["rich"]

WINDOW = 10.0
BURST = 500
SECRETS = frozenset(
    {
        "password",
        "ha1",
        "ha1_md5",
        "ha1_sha256",
        "authorization",
        "proxy-authorization",
        "nonce_key",
        "pin",
        "moderator_pin",
        "token",
    }
)
NUMBERS = frozenset({"caller", "dialled", "number"})
PEOPLE = frozenset({"caller_name"})
NO_NUMBERS = frozenset({"event", "level", "time", "traceback", "call", "sip_call_id"})
_long_number = re.compile(r"(?<![\w.-])\+?[0-9]{6,15}(?![\w.-])").sub
LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

Entry = MutableMapping[str, Any]
get_logger = structlog.get_logger


class Output:
    """Where lines go: standard error, or a file that can be re-opened after it was rotated."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._stream: TextIO = sys.stderr
        self.reopen()

    def reopen(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        old = self._stream
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._stream = os.fdopen(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
        if old is not sys.stderr:
            old.close()

    def msg(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # A full disk or a closed terminal must not stop calls.
            self._stream.write(line + "\n")

    debug = info = warning = error = critical = msg


class RateLimit:
    """A processor that drops what is said too often."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = 0.0
        self._seen: dict[tuple[str, str], int] = {}
        self.dropped = 0

    def full(self, event: str, method: str) -> bool:
        """Whether a line would be left out now; then it is counted as if it had come."""
        count = self._seen.get((event, method), 0)
        if count < BURST or self._clock() - self._since > WINDOW:
            return False
        self._seen[event, method] = count + 1
        self.dropped += 1
        return True

    def __call__(self, logger: Any, method: str, entry: Entry) -> Entry:
        now = self._clock()
        if now - self._since > WINDOW:
            lost = {key[0]: count - BURST for key, count in self._seen.items() if count > BURST}
            self._since = now
            self._seen.clear()
            if lost:
                entry["left_out"] = lost
        key = (str(entry.get("event", "")), method)
        count = self._seen[key] = self._seen.get(key, 0) + 1
        if count > BURST:
            self.dropped += 1
            raise structlog.DropEvent
        return entry


def hide_secrets(logger: Any, method: str, entry: Entry) -> Entry:
    """Never write a credential, whoever passed it."""
    for key in entry.keys() & SECRETS:
        entry[key] = "***"
    return entry


def mask_numbers(logger: Any, method: str, entry: Entry) -> Entry:
    """Keep only the last three digits of telephone numbers (a setting, for places where logs leave the company).

    By the names of fields, and wherever in a text something looks like one; of names of people nothing is left.
    """
    for key in entry.keys() & PEOPLE:
        entry[key] = "***" if entry[key] else entry[key]
    for key, value in entry.items():
        if isinstance(value, str) and key not in NO_NUMBERS:
            entry[key] = _long_number(lambda found: "*" * (len(found[0]) - 3) + found[0][-3:], value)
    for key in entry.keys() & NUMBERS:
        value = str(entry[key])
        if len(value) > 3:
            entry[key] = "*" * (len(value) - 3) + value[-3:]
    return entry


def stamp(logger: Any, method: str, entry: Entry) -> Entry:
    now = time.time()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    entry["time"] = f"{seconds}.{int(now % 1 * 1000):03d}Z"
    entry["level"] = method
    return entry


def render_text(logger: Any, method: str, entry: Entry) -> str:
    """`time LEVEL event key=value ...`; a traceback on its own lines."""
    trace = entry.pop("traceback", "")
    line = f"{entry.pop('time')} {entry.pop('level').upper():7} {entry.pop('event')}"
    for key, value in entry.items():
        text = str(value)
        line += f" {key}={text if text and ' ' not in text else repr(text)}"
    return f"{line}\n{trace}" if trace else line


class _Bridge(logging.Handler):
    """What libraries say through the standard logging module."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= 40 else "warning" if record.levelno >= 30 else "info"
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            fields["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        getattr(structlog.get_logger(), level)(record.getMessage(), **fields)


_limits: list[RateLimit] = []
_details: list[Any] = []


def full(event: str, method: str) -> bool:
    """Whether a line of this event at this level would be left out now: then its fields need not be gathered."""
    return bool(_limits) and _limits[0].full(event, method)


def detail(event: str, **fields: Any) -> None:
    """A line that somebody has asked for, whatever the level is."""
    if _details:
        _details[0].debug(event, **fields)


def configure(*, level: str = "info", form: str = "text", path: Path | None = None, mask: bool = False) -> Output:
    """Set up logging for the process; the returned output can be re-opened (log rotation)."""
    output = Output(path)
    _limits[:] = [RateLimit()]
    processors: list[Any] = [_limits[0], hide_secrets, *([mask_numbers] if mask else []), stamp]
    processors.append(structlog.processors.JSONRenderer() if form == "json" else render_text)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=True,
    )
    _details[:] = [
        structlog.wrap_logger(output, processors=processors[1:], wrapper_class=structlog.make_filtering_bound_logger(0))
    ]
    root = logging.getLogger()
    root.handlers[:] = [_Bridge()]
    root.setLevel(max(LEVELS[level], logging.WARNING))
    return output


class Faults:
    """Our own exceptions: the first of a kind is logged with its traceback, all are counted, none stops the loop."""

    def __init__(self) -> None:
        self.total = 0
        self._seen: dict[tuple[str, ...], int] = {}

    def __call__(self, where: str, error: Exception) -> None:
        self.total += 1
        frames = traceback.extract_tb(error.__traceback__)
        last = frames[-1] if frames else None
        key = (where, type(error).__name__, f"{last.filename}:{last.lineno}" if last else "")
        count = self._seen[key] = self._seen.get(key, 0) + 1 if len(self._seen) < 1024 or key in self._seen else 1
        if count == 1:
            text = "".join(traceback.format_exception(error))
            structlog.get_logger().error("fault", where=where, error=repr(error)[:500], traceback=text)
        elif count & (count - 1) == 0:  # 2, 4, 8 ...: enough to see that it goes on
            structlog.get_logger().error("fault again", where=where, error=repr(error)[:500], times=count)
