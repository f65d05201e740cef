"""Looks after mailboxes on the disk: what the last life left, messages whose time is over, e-mail, and what operators ask for."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from media.salvage import unfinished
from softswitch import logs
from softswitch.call.mailboxes import Mailboxes, Message
from softswitch.call.naming import safe
from softswitch.call.owners import mailbox_of
from softswitch.call.pins import acceptable
from softswitch.directory import Mailbox
from softswitch.events import (
    Event,
    MailboxChanged,
    TextDropped,
    TextForwarded,
    TextStored,
    VoicemailDiscarded,
    VoicemailLeft,
    VoicemailMailed,
)
from softswitch.integrations.mail import Letter, Outbox
from softswitch.running.console import ConsoleError
from softswitch.running.recordings import Found, examine

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.effects import Publish
    from softswitch.store.records import VoicemailRecord

STATE: Final = "mailboxes"  # its name in the store
TEXTS: Final = "texts"  # those that wait for somebody to register
LOOK_SECONDS: Final = 10.0
MEGABYTE: Final = 1_000_000
HOUR, DAY = 3_600.0, 86_400.0
DISK, MAIL, UNSENT = "voicemail", "mail", "mail not sent"  # names of alarms

log = logs.get_logger()


class Voicemail:
    """The mailboxes of one switch, as far as they are files, rows and mails."""

    def __init__(self, daemon: Daemon) -> None:
        self.settings = daemon.config.voicemail
        self._daemon = daemon
        self._looked = 0.0
        self._busy: dict[int, Path] = {}  # messages that a worker of the last life still writes
        self._failed: dict[int, str] = {}  # mails that were given up, and why
        self.outbox = Outbox(daemon.config.mail, self._sender, self._mailed)

    @property
    def _boxes(self) -> Mailboxes:
        return self._daemon.switch.calls.board.mailboxes

    def _sender(self) -> str:
        return self._daemon.config.mail.sender or f"softswitch@{self._daemon.directory.domain}"

    def _file(self, path: str) -> Path:
        return self.settings.folder / path

    # --- what happens ------------------------------------------------------------------------------------------------

    def perform(self, effect: Publish) -> None:
        """Publish an event, and do what follows from it."""
        self._daemon.publisher.perform(effect)
        event = effect.event
        if isinstance(event, VoicemailLeft):
            if event.mail:
                self._mail(event.message)
        elif isinstance(event, TextStored | TextForwarded | TextDropped):
            self._daemon.store.save_state(TEXTS, self._daemon.switch.postman.depot.export())
        elif isinstance(event, VoicemailDiscarded):
            self._remove([event.path])
        elif isinstance(event, MailboxChanged):
            self._daemon.store.save_state(STATE, self._boxes.export())
            self._remove([event.former])

    def _remove(self, paths: Iterable[str]) -> None:
        files = [self._file(path) for path in paths if path]
        if files:
            asyncio.get_running_loop().run_in_executor(None, _unlink, files)

    # --- start -------------------------------------------------------------------------------------------------------

    def load(self, rows: Sequence[VoicemailRecord], kept: Any, texts: Any) -> None:
        """Take back what the last life knew; before anybody can call."""
        self._daemon.switch.postman.depot.load(texts or (), time.monotonic())
        self._boxes.load([_message(one) for one in rows if one.left_at is not None], kept or {})
        self._failed = {one.message: one.mail_error for one in rows if one.mail == "failed" and one.left_at is not None}

    async def take_up(self, rows: Sequence[VoicemailRecord]) -> None:
        """Finish what nobody writes any more, send what was not sent; from then on send what comes."""
        for row in rows:
            if row.left_at is None:
                await self._finish(row)
        await self._strays({row.path for row in rows})
        await self.tidy()
        for message in list(self._boxes.messages.values()):
            if message.mail and not message.deleted_at:
                self._mail(message.id)
        await self.outbox.run()

    async def _finish(self, row: VoicemailRecord) -> None:
        found = await asyncio.to_thread(examine, str(self._file(row.path)))
        if self._boxes.expects(row.message):
            return  # Its call goes on.
        message = _message(row)
        message.seconds, message.octets, message.left_at = found.seconds, found.octets, row.started_at + found.seconds
        self._take_up(message, found)
        if found.busy:
            self._busy[row.message] = self._file(row.path)

    def _take_up(self, message: Message, found: Found) -> None:
        daemon, boxes = self._daemon, self._boxes
        daemon.input("voicemail", lambda now: boxes.take_up(message, busy=found.busy, error=found.error))

    async def _strays(self, known: set[str]) -> None:
        """Messages that were begun a moment before a crash, so that nothing was written of them but themselves."""
        folder = self.settings.folder
        live = {file for worker in range(len(self._daemon.media.rows())) for _, file in self._boxes.files(worker)}
        names = {safe(name): name for name in self._daemon.directory.mailboxes}
        for file in await asyncio.to_thread(lambda: list(unfinished(folder))):
            path = file.relative_to(folder).as_posix()
            box = names.get(file.parent.name, "")
            if path in known or str(file) in live or not box:
                continue
            found = await asyncio.to_thread(examine, str(file))
            if found.seconds and not found.busy:
                number = secrets.randbits(53) or 1
                message = Message(
                    number, box, path, "", left_at=time.time(), seconds=found.seconds, octets=found.octets
                )
                self._take_up(message, found)
                log.warning("message found", mailbox=box, path=path, seconds=round(found.seconds, 1))

    async def salvage(self, worker: int) -> None:
        """A worker died: finish its files."""
        for message, file in self._boxes.files(worker):
            found = await asyncio.to_thread(examine, file)
            if not found.busy:
                self._interrupted(message, found)

    def _interrupted(self, message: int, found: Found) -> None:
        arguments = message, found.seconds, found.octets, found.error
        self._daemon.input("voicemail", self._boxes.interrupted, *arguments)

    # --- now and then ------------------------------------------------------------------------------------------------

    def due(self, now: float) -> bool:
        """Whether it is time to `look`."""
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        return True

    async def look(self) -> None:
        """Is there room on the disk? Are mails stuck? Did a worker of the last life end?"""
        for message, file in list(self._busy.items()):
            found = await asyncio.to_thread(examine, str(file))
            if not found.busy:
                del self._busy[message]
                self._interrupted(message, found)
        free = await asyncio.to_thread(self._free)
        self._boxes.room = free >= self.settings.min_free_mb * MEGABYTE
        self._daemon.stands(
            DISK, "" if self._boxes.room else
            f"no messages are taken: {free // MEGABYTE} MB free, {self.settings.min_free_mb} are wanted "
            f"(make room in {self.settings.folder})",
        )  # fmt: skip
        self._tell_of_mail()

    def _tell_of_mail(self) -> None:
        trouble = self.outbox.trouble
        stuck = f"{len(self.outbox)} wait, the last attempt failed: {trouble} (see [mail] of softswitch.toml)"
        self._daemon.stands(MAIL, stuck if trouble and len(self.outbox) else "")
        last = next(reversed(self._failed.values()), "")
        given_up = (
            f"{len(self._failed)} were given up, the last: {last} (softswitch voicemail mail --retry, or --forget)"
        )
        self._daemon.stands(UNSENT, given_up if self._failed else "")

    def _free(self) -> int:
        folder = self.settings.folder
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    async def tidy(self) -> int:
        """Messages whose time is over go, and those that were deleted long enough ago. How many."""
        now, boxes = time.time(), self._daemon.directory.mailboxes
        old, deleted = [], []
        for message in self._boxes.messages.values():
            days = boxes[message.mailbox].days if message.mailbox in boxes else 0
            if message.deleted_at and message.deleted_at + self.settings.undelete_hours * HOUR <= now:
                deleted.append(message.id)
            elif days and message.left_at + days * DAY <= now:
                old.append(message.id)
        await self._purge(deleted, "deleted")
        await self._purge(old, "retention")
        return len(old) + len(deleted)

    async def _purge(self, messages: Sequence[int], cause: str) -> None:
        if not messages:
            return
        boxes = self._boxes
        for one in messages:
            self.outbox.drop(one)
            self._failed.pop(one, None)
        paths = self._daemon.input("voicemail", lambda now: boxes.purge(messages, cause)) or []
        await asyncio.to_thread(_unlink, [self._file(path) for path in paths])
        log.info("messages deleted", count=len(messages), cause=cause)

    # --- e-mail ------------------------------------------------------------------------------------------------------

    def _mail(self, number: int) -> None:
        message = self._boxes.messages.get(number)
        box = self._daemon.directory.mailboxes.get(message.mailbox) if message is not None else None
        if message is None or box is None or not box.email:
            return
        if not self._daemon.config.mail.host:
            letter = self._letter(message, box)
            self._mailed(letter, 0, "no SMTP server is set: mail.host of softswitch.toml")
            return
        self.outbox.add(self._letter(message, box))

    def _letter(self, message: Message, box: Mailbox) -> Letter:
        return Letter(
            message.id, box.name, box.title, box.email, message.caller, message.caller_name, message.left_at,
            message.seconds, box.language or self._daemon.directory.language, box.timezone, message.queue,
            self._file(message.path) if box.email_audio else None,
        )  # fmt: skip

    def _mailed(self, letter: Letter, attempts: int, error: str) -> None:
        self._publish(VoicemailMailed(letter.message, letter.mailbox, attempts, error))
        message = self._boxes.messages.get(letter.message)
        if message is not None:
            message.mail = False
        if error:
            self._failed[letter.message] = error
            log.error("mail given up", message=letter.message, to=letter.to, error=error)
        else:
            self._failed.pop(letter.message, None)
            box = self._daemon.directory.mailboxes.get(letter.mailbox)
            if message is not None and box is not None and box.delete_after_mail:
                self._daemon.input("voicemail", self._boxes.delete, message, "mail")
        self._tell_of_mail()

    def _publish(self, event: Event) -> None:
        self._daemon.publisher.publish(event)

    def totals(self) -> tuple[dict[tuple[str, ...], float], dict[tuple[str, ...], float]]:
        """For the metrics: messages by mailbox and state, mails by state."""
        messages: dict[tuple[str, ...], float] = {}
        for name in self._daemon.directory.mailboxes:
            new, old = self._boxes.counts(name)
            messages[name, "new"], messages[name, "old"] = float(new), float(old)
        return messages, {("waiting",): float(len(self.outbox)), ("given_up",): float(len(self._failed))}

    # --- operators ---------------------------------------------------------------------------------------------------

    async def command(self, verb: str, **options: Any) -> Any:
        """What `softswitch voicemail VERB` asks for. Raises ConsoleError."""
        verbs: dict[str, Callable[..., Awaitable[Any]]] = {
            "boxes": self._list_boxes, "list": self._list, "show": self._show, "delete": self._delete,
            "restore": self._restore, "erase": self._erase, "pin": self._pin, "mail": self._resend,
        }  # fmt: skip
        if verb not in verbs:
            raise ConsoleError(f"There is no {verb!r} for voicemail.", f"One of: {', '.join(verbs)}.")
        return await verbs[verb](**options)

    async def _list_boxes(self) -> list[dict[str, Any]]:
        found = []
        for name, box in self._daemon.directory.mailboxes.items():
            new, old = self._boxes.counts(name)
            greetings = [kind for kind in ("unavailable", "busy", "name") if self._boxes.greeting(name, kind)]
            found.append(
                {"mailbox": name, "title": box.title, "new": new, "old": old, "full": new + old >= box.max_messages,
                 "pin": self._boxes.pins.has(box), "greetings": greetings, "queue": box.queue, "email": list(box.email)}
            )  # fmt: skip
        return found

    async def _list(self, mailbox: str = "", number: str = "", deleted: bool = False) -> list[dict[str, Any]]:
        if mailbox:
            mailbox = self._box(mailbox).name
        return [
            self._row(one)
            for one in sorted(self._boxes.messages.values(), key=lambda one: -one.left_at)
            if (not mailbox or one.mailbox == mailbox)
            and (not number or one.caller == number)
            and (deleted or not one.deleted_at)
        ]

    def _row(self, message: Message) -> dict[str, Any]:
        row = asdict(message) | {"file": str(self._file(message.path))}
        row["mail"] = self._failed.get(message.id) or ("due" if message.mail else "")
        return row

    async def _show(self, message: int) -> dict[str, Any]:
        return self._row(self._message(message))

    async def _delete(self, message: int, by: str = "cli") -> dict[str, Any]:
        found = self._message(message)
        self._daemon.input("voicemail", self._boxes.delete, found, by)
        return self._row(found)

    async def _restore(self, message: int, by: str = "cli") -> dict[str, Any]:
        found = self._message(message)
        boxes = self._boxes
        self._daemon.input("voicemail", lambda now: boxes.restore(found, by))
        return self._row(found)

    async def _erase(self, number: str) -> int:
        """Everything that one caller left, at once and for good; how many messages that were."""
        gone = [one.id for one in self._boxes.messages.values() if number and one.caller == number]
        await self._purge(gone, "erased")
        return len(gone)

    async def _pin(self, mailbox: str, pin: str = "") -> dict[str, Any]:
        """Set a PIN, or "" goes back to that of the site; a mailbox that is locked is opened again."""
        box = self._box(mailbox)
        if pin and not acceptable(pin):
            raise ConsoleError("That PIN cannot be used.", "4 to 12 digits, not all the same and not 1234.")
        boxes = self._boxes
        self._daemon.input("voicemail", lambda now: boxes.set_pin(box.name, pin, "cli"))
        return {"mailbox": box.name, "pin": boxes.pins.has(box)}

    async def _resend(self, retry: bool = False, forget: bool = False) -> dict[str, Any]:
        """Mails that were given up: try them again, or forget them."""
        failed = dict(self._failed)
        if retry or forget:
            self._failed.clear()
        if retry:
            for number in failed:
                self._mail(number)
        self._tell_of_mail()
        return {"waiting": len(self.outbox), "trouble": self.outbox.trouble, "failed": failed}

    def _message(self, number: int) -> Message:
        found = self._boxes.messages.get(number)
        if found is None:
            raise ConsoleError(f"There is no message {number}.", "See: softswitch voicemail list", kind="unknown")
        return found

    def _box(self, name: str) -> Mailbox:
        box = mailbox_of(name, self._daemon.directory)
        if box is None:
            raise ConsoleError(f"There is no mailbox {name!r}.", "See: softswitch voicemail boxes", kind="unknown")
        return box


def _message(row: VoicemailRecord) -> Message:
    return Message(
        row.message, row.mailbox, row.path, row.caller, row.caller_name, row.call, row.queue, row.left_at or 0.0,
        row.seconds, row.octets, row.heard, row.deleted_at or 0.0, row.mail == "due",
    )  # fmt: skip


def _unlink(files: Iterable[Path]) -> None:
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            log.error("file not deleted", file=str(file), error=os.strerror(error.errno or 0))
