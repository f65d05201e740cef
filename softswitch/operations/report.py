"""Reports of a running switch: rows that follow the journal, answers to pages and programs, mails at their times.

Everything that takes time is done in threads, and counting gives way after each block of the journal: the loop is never held.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import sys
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from softswitch import logs
from softswitch.config import FILE_NAME
from softswitch.errors import SoftswitchError, StoreError
from softswitch.integrations.mail import Note
from softswitch.numbers import normalise
from softswitch.reports.asking import answer, limits_of, zone_of
from softswitch.reports.export import FORMATS, file_name, written
from softswitch.reports.letter import letter, page
from softswitch.reports.range import RangeError, days
from softswitch.reports.schedule import Scheduler, When
from softswitch.running.child import spawn
from softswitch.running.console import ConsoleError
from softswitch.store.ledger import Ledger

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.directory.reporting import ScheduledReport
    from softswitch.store.records import StoredState

EVERY: Final = 10.0  # seconds between two looks at the journal
BREATH: Final = 0.004  # seconds after each block of the journal, in which the loop has the interpreter
GIVE_WAY: Final = 0.0003  # seconds after which the counting thread hands the interpreter over, in place of 5 ms
PATIENCE: Final = 1.0  # seconds that a question waits for what is not yet counted
SCHEDULE_STATE: Final = "report schedule"
PLANNING: Final = 60.0  # seconds that a staffing plan may take
MAIL_ALARM: Final = "report mail"

log = logs.get_logger()


class _LeftError(Exception):
    """The switch ends."""


class ReportOperations:
    """Handlers of the console; and a task that looks after the rows and the mails."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._ledger: Ledger | None = None
        self._counting: asyncio.Task[None] | None = None
        self._sent: dict[str, float] = {}
        self._planning = asyncio.Lock()  # one at a time
        self._leaving = threading.Event()

    def load(self, kept: StoredState | None) -> None:
        """Take back which mails have been sent."""
        self._sent = dict(kept.value) if kept is not None else {}

    @property
    def ledger(self) -> Ledger:
        if self._ledger is None:
            daemon = self._daemon
            self._ledger = Ledger(
                daemon.config.paths.database,
                limits=lambda queue: limits_of(daemon.site, queue),
                same=lambda number: normalise(number, daemon.site.country),
            )
        return self._ledger

    async def report(self, name: str, **wanted: Any) -> dict[str, Any]:
        """A report (`reports.asking.answer`)."""
        await self._daemon.store.flush(PATIENCE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._count()), PATIENCE)
        try:
            return await asyncio.to_thread(answer, name, self.ledger, self._daemon.site, time.time(), **wanted)
        except RangeError as error:
            raise ConsoleError(f"{error}.", "See: softswitch report --help") from None

    def _count(self) -> asyncio.Task[None]:
        """The counting that goes on, or a new one."""
        if self._counting is None or self._counting.done():
            self._counting = asyncio.get_running_loop().create_task(self._catch_up())
        return self._counting

    async def _catch_up(self) -> None:
        usual = sys.getswitchinterval()
        sys.setswitchinterval(GIVE_WAY)
        try:
            await asyncio.to_thread(self.ledger.catch_up, self._breathe)
        except _LeftError:
            log.info("reports", left="in the middle of the counting, which goes on after the next start")
        except StoreError as error:  # The next time.
            log.error("reports", error=str(error), hint=error.hint)
        except Exception as error:
            self._daemon.faults("reports", error)
        finally:
            sys.setswitchinterval(usual)

    def _breathe(self) -> None:
        """In the counting thread. Raises _LeftError: a journal that takes minutes does not hold up the end of the process."""
        if self._leaving.wait(BREATH):
            raise _LeftError

    async def plan(
        self, queue: str, target: str = "80/20", occupancy: float = 90.0, shrinkage: float = 30.0, interval: str = "30",
        days: int = 90,
    ) -> dict[str, Any]:  # fmt: skip
        """How many agents a queue needs when (`softswitch plan`), computed by a process of its own: it takes seconds."""
        site = self._daemon.site
        if queue not in site.queues:
            raise ConsoleError(f"There is no queue {queue!r}.", "See: softswitch queue list", kind="unknown")
        words = {
            "queue": queue, "target": target, "occupancy": occupancy, "shrinkage": shrinkage, "interval": interval,
            "days": days, "timezone": site.timezone,
        }  # fmt: skip
        return await self._planned(words)

    async def bill(
        self, text: str, columns: Mapping[str, str], target: str = "80/20", occupancy: float = 90.0, shrinkage: float = 30.0,
        interval: str = "30", wrap_up: float = 0.0, numbers: Sequence[str] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """The same from an operator's bill (RPT-13), which is not kept. `columns`: use -> the name of the column."""
        with tempfile.TemporaryDirectory(prefix="softswitch-bill-") as folder:
            path = Path(folder) / "bill.csv"
            await asyncio.to_thread(path.write_text, text, "utf-8")
            words = {
                "billing": path, "target": target, "occupancy": occupancy, "shrinkage": shrinkage, "interval": interval,
                "wrap-up": wrap_up,
            }  # fmt: skip
            more = [f"--column={use}={name}" for use, name in columns.items()] + [f"--number={one}" for one in numbers]
            try:
                return await self._planned(words, more)
            except ConsoleError as error:
                message = str(error).replace(str(path), path.name).replace(folder, "")
                raise ConsoleError(message, error.hint) from None

    async def _planned(self, words: Mapping[str, object], more: Sequence[str] = ()) -> dict[str, Any]:
        base = self._daemon.config.paths.database.parent
        if not (base / FILE_NAME).is_file():
            raise ConsoleError(f"{base} holds no {FILE_NAME}.", "Plan by command: softswitch plan --config PATH")
        options = [*(f"--{name}={value}" for name, value in words.items()), *more, f"--config={base}"]
        async with self._planning:
            process = await spawn("softswitch", "plan", *options, "--json")
            try:
                told, refused = await asyncio.wait_for(process.communicate(), PLANNING)
            except TimeoutError:
                raise ConsoleError("The plan takes too long.", "Plan from fewer days.") from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode:
            lines = [line.strip(" ->") for line in refused.decode("utf-8", "replace").splitlines() if line.strip()]
            raise ConsoleError(
                *(line.removeprefix("Error: ") for line in (lines or ["The plan could not be made."])[:2])
            )
        found: dict[str, Any] = json.loads(told)
        return found

    def prune(self, days: int) -> None:
        """Delete what is told of single calls and people; for a thread."""
        self.ledger.prune(days, time.time())

    async def forget(self, numbers: Sequence[str]) -> None:
        """Take a person out of what is told of single callers; the counts stay."""
        for number in numbers:
            await asyncio.to_thread(self.ledger.forget, number)

    # --- life --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the journal, and send what is due, until cancelled."""
        scheduler = Scheduler(self._sent)
        try:
            while True:
                await self._count()
                try:
                    await self._mail(scheduler, time.time())
                except Exception as error:
                    self._daemon.faults("report mail", error)
                await asyncio.sleep(EVERY)
        finally:
            self._leaving.set()
            self.ledger.close()  # waits for the block that is being counted

    async def _mail(self, scheduler: Scheduler, now: float) -> None:
        before = dict(scheduler.sent)
        scheduler.plan(self._plans(), now)
        due = scheduler.take(now)
        if scheduler.sent != before:
            self._daemon.store.save_state(SCHEDULE_STATE, scheduler.sent)
        for name, at in due:
            await self._send(name, at)

    def _plans(self) -> dict[str, Any]:
        site = self._daemon.site
        return {name: (When.parse(one.when), zone_of(one.timezone, site)) for name, one in site.reports.items()}

    async def send_now(self, name: str) -> dict[str, Any]:
        """Send a report of the site now."""
        if name not in self._daemon.site.reports:
            known = ", ".join(sorted(self._daemon.site.reports)) or "none"
            raise ConsoleError(f"There is no report {name!r} in the site.", f"There are: {known}.", kind="unknown")
        if not self._daemon.config.mail.host:
            raise ConsoleError("No SMTP server is set.", "Set mail.host in softswitch.toml.")
        await self._count()
        await self._send(name, time.time())
        return {"report": name, "to": list(self._daemon.site.reports[name].to)}

    async def _send(self, name: str, at: float) -> None:
        one = self._daemon.site.reports.get(name)
        if one is None:
            return
        try:
            subject, text, html, files = await asyncio.to_thread(self._compose, one, at)
        except (SoftswitchError, RangeError) as error:
            self._daemon.stands(MAIL_ALARM, f"the report {name} could not be made: {error}")
            return
        self._daemon.stands(MAIL_ALARM, "")
        self._daemon.errands.send(Note(secrets.randbits(53) or 1, one.to, subject, text, files=files, html=html))

    def _compose(self, one: ScheduledReport, at: float) -> tuple[str, str, str, tuple[tuple[str, str, str], ...]]:
        site = self._daemon.site
        language = one.language or site.language
        reports = [
            answer(
                what, self.ledger, site, at, range=one.range, interval=one.interval, timezone=one.timezone,
                queues=one.queues or None,
            )
            for what in one.reports
        ]  # fmt: skip
        files = [
            (file_name(report, form), FORMATS[form], b64encode(written(report, form, language)).decode())
            for report in reports
            for form in one.attachments
        ]
        span = reports[0]["range"]
        subject = f"{one.title or one.name}: {days(span, ' - ')}"
        return subject, letter(reports, language), page(reports, language), tuple(files)


def report_handlers(daemon: Daemon) -> dict[str, Callable[..., Any]]:
    """Handlers of the console."""

    async def report(name: str, **wanted: Any) -> Any:
        """A report, with its definitions (`reports.asking.answer`)."""
        return await daemon.reports.report(name, **wanted)

    async def report_send(name: str) -> Any:
        """Send a report of the site now."""
        return await daemon.reports.send_now(name)

    async def plan(queue: str, **wanted: Any) -> Any:
        """How many agents a queue needs when."""
        return await daemon.reports.plan(queue, **wanted)

    async def bill(text: str, columns: dict[str, str], **wanted: Any) -> Any:
        """How many agents would be needed for the calls of an operator's bill."""
        return await daemon.reports.bill(text, columns, **wanted)

    return {"report": report, "report_send": report_send, "plan": plan, "bill": bill}
