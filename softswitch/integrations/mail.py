"""Messages of mailboxes as e-mail: composed from templates, handed to the operator's SMTP server in a thread, tried again.

The queue is the column `mail` of the table of messages: what is due there and has not been told as sent or failed is due again
after a restart. What cannot be sent stays in the mailbox, and the operator is told.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from softswitch import logs
from softswitch.config.voicemail import MailSettings
from softswitch.integrations.retrying import Retrying

# What makes mails is imported by the thread that sends the first one: 1 MiB, and 40 ms in which calls would wait.
if TYPE_CHECKING:
    from email.message import EmailMessage

LONGEST_PAUSE: Final = 3_600.0  # seconds between two attempts
SHOWN: Final = 200  # characters of a name, and of an error

log = logs.get_logger()


@dataclass(slots=True, frozen=True)
class Letter:
    """One mail. `left_at` is Unix time; `audio`: the file that goes with it."""

    message: int
    mailbox: str
    title: str
    to: tuple[str, ...]
    caller: str
    caller_name: str
    left_at: float
    seconds: float
    language: str
    timezone: str
    queue: str = ""
    audio: Path | None = None


@dataclass(slots=True, frozen=True)
class Note:
    """A mail that a menu sends. `call`: from which; `errand`: whose answer it waits for."""

    message: int
    to: tuple[str, ...]
    subject: str
    text: str
    call: str = ""
    errand: str = ""
    files: tuple[tuple[str, str, str], ...] = ()  # name, media type, content in base64
    audio: None = None
    html: str = ""  # the same as a page, for whoever reads one


# By language: the subject, the lines of the text, what an unknown number is called, and what follows the lines.
TEXTS: Final[dict[str, dict[str, str]]] = {
    "pl": {
        "subject": "Wiadomość głosowa od {caller} ({length})",
        "text": "Skrzynka: {mailbox}\n{queue}Od: {caller}\nOdebrana: {moment}\nDługość: {length}\n",
        "queue": "Kolejka: {name}\n",
        "unknown": "nieznany numer",
        "attached": "\nNagranie jest w załączniku.\n",
        "kept": "\nNagrania można wysłuchać, dzwoniąc do skrzynki.\n",
    },
    "en": {
        "subject": "Voice message from {caller} ({length})",
        "text": "Mailbox: {mailbox}\n{queue}From: {caller}\nReceived: {moment}\nLength: {length}\n",
        "queue": "Queue: {name}\n",
        "unknown": "an unknown number",
        "attached": "\nThe message is attached.\n",
        "kept": "\nCall the mailbox to listen to it.\n",
    },
}


def clean(text: str) -> str:
    """What the network calls a name, on one line and without anything that is not a character (no header can begin in it)."""
    return "".join(one for one in text if one.isprintable())[:SHOWN].strip()


def compose(letter: Letter | Note, sender: str) -> EmailMessage:
    """The mail. Raises OSError if the message cannot be read."""
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime, make_msgid

    if isinstance(letter, Note):
        return _compose_note(letter, sender)
    texts = TEXTS.get(letter.language, TEXTS["en"])
    at = datetime.fromtimestamp(letter.left_at, ZoneInfo(letter.timezone))
    number, name = clean(letter.caller), clean(letter.caller_name)
    caller = f"{name} ({number})" if name and number and name != number else number or name or texts["unknown"]
    seconds = round(letter.seconds)
    values = {
        "caller": caller,
        "mailbox": f"{clean(letter.mailbox)} ({clean(letter.title)})" if letter.title else clean(letter.mailbox),
        "queue": texts["queue"].format(name=clean(letter.queue)) if letter.queue else "",
        "moment": f"{at:%Y-%m-%d %H:%M}",
        "length": f"{seconds // 60}:{seconds % 60:02d}",
    }
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = texts["subject"].format_map(values)
    mail["From"] = sender
    mail["To"] = ", ".join(letter.to)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = make_msgid(str(letter.message), sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence is answered.
    mail.set_content(texts["text"].format_map(values) + texts["attached" if letter.audio else "kept"])
    if letter.audio is not None:
        digits = "".join(one for one in number if one.isalnum())
        named = f"{at:%Y%m%d-%H%M%S}{f'-{digits}' if digits else ''}.wav"
        mail.add_attachment(letter.audio.read_bytes(), maintype="audio", subtype="x-wav", filename=named)
    return mail


def _compose_note(note: Note, sender: str) -> EmailMessage:
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import localtime, make_msgid

    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = clean(note.subject)
    mail["From"] = sender
    mail["To"] = ", ".join(note.to)
    mail["Date"] = localtime()
    mail["Message-ID"] = make_msgid(str(note.message), sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("".join(one for one in note.text if one.isprintable() or one == "\n") + "\n")
    if note.html:
        mail.add_alternative(note.html, subtype="html")
    for name, kind, content in note.files:
        maintype, _, subtype = kind.partition(";")[0].partition("/")
        mail.add_attachment(b64decode(content), maintype=maintype, subtype=subtype, filename=name)
    return mail


class Refused(Exception):
    """The server will never take this mail."""


def deliver(letter: Letter | Note, settings: MailSettings, sender: str) -> None:
    """Hand a mail to the server; for a thread. Raises Refused, OSError (smtplib.SMTPException is one)."""
    import smtplib

    mail = compose(letter, sender)
    context = ssl.create_default_context(cafile=str(settings.ca) if settings.ca else None)
    place = settings.host, settings.usual_port
    server = (
        smtplib.SMTP_SSL(*place, timeout=settings.timeout, context=context)
        if settings.security == "tls"
        else smtplib.SMTP(*place, timeout=settings.timeout)
    )
    with server:
        if settings.security == "starttls":
            server.starttls(context=context)
        if settings.user:
            assert settings.password_file is not None  # The configuration was checked.
            server.login(settings.user, settings.password_file.read_text(encoding="utf-8").strip())
        try:
            refused = server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            if all(code >= 500 for code in codes):
                raise Refused(_reason(error)) from None
            raise
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            if error.smtp_code >= 500:
                raise Refused(_reason(error)) from None
            raise
    for address, (code, said) in refused.items():
        log.warning("mail refused", to=address, message=letter.message, reason=f"{code} {said!r}"[:SHOWN])


def _reason(error: Exception) -> str:
    import smtplib

    if isinstance(error, smtplib.SMTPRecipientsRefused):
        address, (code, said) = next(iter(error.recipients.items()))
        return clean(f"{address}: {code} {_text(said)}")
    if isinstance(error, smtplib.SMTPResponseException):
        return clean(f"{error.smtp_code} {_text(error.smtp_error)}")
    if isinstance(error, OSError) and error.strerror:
        return clean(error.strerror)
    return clean(str(error) or repr(error))


def _text(said: object) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


@dataclass(slots=True)
class _Waiting:
    letter: Letter | Note
    first: float  # when it was tried first
    at: float  # when it is tried next
    attempts: int = 0


class Outbox:
    """Mails on their way. `sender()`: the address in From; `told(letter, attempts, error)`: it was sent, or it is given up."""

    def __init__(
        self,
        settings: MailSettings,
        sender: Callable[[], str],
        told: Callable[[Any, int, str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trouble = ""  # why the last attempt failed, "" = it did not
        self._settings = settings
        self._sender = sender
        self._told = told
        self._clock = clock
        self._waiting: Retrying[_Waiting] = Retrying(self._attempt, clock, LONGEST_PAUSE)
        self.run = self._waiting.run

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, letter: Letter | Note) -> None:
        now = self._clock()
        self._waiting.add(_Waiting(letter, now, now))

    def drop(self, message: int) -> None:
        """The message is gone for good."""
        self._waiting.items[:] = [one for one in self._waiting.items if one.letter.message != message]

    async def _attempt(self, one: _Waiting) -> None:
        error, final = "", False
        try:
            await asyncio.to_thread(deliver, one.letter, self._settings, self._sender())
        except Refused as refusal:
            error, final = str(refusal), True
        except FileNotFoundError as missing:
            error, final = _reason(missing), one.letter.audio is not None and not one.letter.audio.exists()
        except (OSError, ValueError) as failure:
            error = _reason(failure)
        self.trouble = error
        if error and not final and self._waiting.postpone(one, self._settings.give_up_hours * 3_600):
            log.warning("mail not sent yet", message=one.letter.message, attempts=one.attempts, error=error)
            return
        if one in self._waiting.items:
            self._waiting.items.remove(one)
            self._told(one.letter, one.attempts, error)
