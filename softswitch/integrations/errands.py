"""Carries out what calls ask of the world outside: web services, text messages, mails; and the site's notices to callers."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from softswitch.config.services import WebSettings
from softswitch.directory.entry import Notice
from softswitch.effects import ErrandDone, HttpRequest, SendMail, SendText
from softswitch.events import (
    CallbackCreated,
    CallEnded,
    CallerJoined,
    CallerLeft,
    Event,
    HttpAnswered,
    MailSent,
    SmsSent,
)
from softswitch.integrations.mail import Note, Outbox
from softswitch.integrations.sms import Sms, Text
from softswitch.integrations.webclient import WebClient

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.integrations.mail import Letter
    from softswitch.store.records import Snapshot

SMS_STATE: Final = "sms"  # their names in the store
MAIL_STATE: Final = "mails"
MOST_REQUESTS: Final = 1_000  # on their way
MOST_NUMBERS: Final = 20_000  # of callers in queues that are remembered
ABANDONED: Final = ("abandoned_short", "abandoned", "abandoned_ringing", "abandoned_connecting")
BOOKED: Final = ("requested", "scheduled")
SMS_ALARM, MAIL_ALARM = "sms", "errand mail"


class Errands:
    """The errands of one running switch."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        config = daemon.config
        self.web = WebClient(config.web)
        # The provider is the operator's own choice, in the file of the host: it may be anywhere.
        host = (urlsplit(config.sms.url).hostname or "").lower()
        self._provider = WebClient(WebSettings(hosts=(host,), private=(host,), timeout=60.0, ca=config.web.ca))
        self.sms = Sms(config.sms, self._provider.fetch, self._text_told, self._keep_texts)
        self._mails: dict[int, Note] = {}
        self.outbox = Outbox(config.mail, self._sender, self._mail_told)
        self._requests = 0
        self._numbers: OrderedDict[str, str] = OrderedDict()  # call in a queue -> who calls

    # --- life --------------------------------------------------------------------------------------------------------

    def load(self, snapshot: Snapshot) -> None:
        """Take back what the last life did not get rid of."""
        if kept := snapshot.states.get(SMS_STATE):
            self.sms.load(kept.value)
        if kept := snapshot.states.get(MAIL_STATE):
            for one in kept.value:
                to, call = tuple(one["to"]), one.get("call", "")
                self._post(Note(one["message"], to, one["subject"], one["text"], call, files=_files(one)))

    def start(self) -> None:
        self._daemon.spawn(self.sms.run())
        self._daemon.spawn(self.outbox.run())

    async def close(self) -> None:
        await self.web.close()
        await self._provider.close()

    def _done(self, errand: str, result: str, status: int = 0, body: bytes = b"", detail: str = "") -> None:
        if errand:
            done = ErrandDone(errand, result, status, body, detail)
            self._daemon.input("errand", self._daemon.switch.errand_done, done)

    # --- web services ------------------------------------------------------------------------------------------------

    def fetch(self, effect: HttpRequest) -> None:
        """Ask a web service; the call is told."""
        self._daemon.spawn(self._fetch(effect))

    async def _fetch(self, effect: HttpRequest) -> None:
        if self._requests >= MOST_REQUESTS:
            self._done(effect.errand, "refused", detail="too many requests at once")
            return
        self._requests += 1
        begun = time.monotonic()
        try:
            reply = await self.web.fetch(effect.method, effect.url, effect.headers, effect.body, effect.timeout)
        finally:
            self._requests -= 1
        host = _host(effect.url)
        seconds = round(time.monotonic() - begun, 3)
        self._daemon.publisher.publish(HttpAnswered(effect.call, host, reply.status, seconds, reply.detail))
        self._done(effect.errand, reply.result, reply.status, reply.body, reply.detail)

    # --- texts -------------------------------------------------------------------------------------------------------

    def text(self, effect: SendText) -> None:
        """Send a text message for a step of a menu."""
        self.sms.send(effect.to, effect.text, self._daemon.directory.country, call=effect.call, errand=effect.errand)

    def _text_told(self, one: Text, error: str) -> None:
        self._daemon.publisher.publish(SmsSent(one.id, one.to, one.notice, one.call, one.attempts, error))
        self._done(one.errand, ("disabled" if error == "disabled" else "failed") if error else "ok", detail=error)

    def _keep_texts(self) -> None:
        self._daemon.store.save_state(SMS_STATE, self.sms.export())
        stuck = f"{len(self.sms)} wait, the last attempt failed: {self.sms.trouble} (see [sms] of softswitch.toml)"
        self._daemon.stands(SMS_ALARM, stuck if self.sms.trouble and len(self.sms) else "")

    # --- mails -------------------------------------------------------------------------------------------------------

    def mail(self, effect: SendMail) -> None:
        """Send a mail for a step of a menu."""
        if not self._daemon.config.mail.host:
            self._daemon.publisher.publish(MailSent(0, effect.to, effect.call, 0, "disabled"))
            self._done(effect.errand, "disabled", detail="no SMTP server is set: mail.host of softswitch.toml")
            return
        number = secrets.randbits(53) or 1
        self._post(Note(number, effect.to, effect.subject, effect.text, effect.call, effect.errand))
        self._keep_mails()

    def send(self, note: Note) -> None:
        """A mail with what belongs to it; what becomes of it `mail.sent` tells."""
        if not self._daemon.config.mail.host:
            self._daemon.publisher.publish(MailSent(note.message, note.to, note.call, 0, "disabled"))
            return
        self._post(note)
        self._keep_mails()

    def _post(self, note: Note) -> None:
        self._mails[note.message] = note
        self.outbox.add(note)

    def _sender(self) -> str:
        return self._daemon.config.mail.sender or f"softswitch@{self._daemon.directory.domain}"

    def _mail_told(self, letter: Letter | Note, attempts: int, error: str) -> None:
        assert isinstance(letter, Note)
        self._mails.pop(letter.message, None)
        self._keep_mails()
        self._daemon.publisher.publish(MailSent(letter.message, letter.to, letter.call, attempts, error))
        self._done(letter.errand, "failed" if error else "ok", detail=error)

    def _keep_mails(self) -> None:
        self._daemon.store.save_state(MAIL_STATE, [asdict(one) for one in self._mails.values()])

    # --- notices -----------------------------------------------------------------------------------------------------

    def see(self, event: Event) -> None:
        """Something happened: perhaps a caller is to be told by a text."""
        kind = type(event)
        if kind is CallerJoined:
            self._joined(event)  # type: ignore[arg-type]
        elif kind is CallerLeft:
            self._left(event)  # type: ignore[arg-type]
        elif kind is CallEnded:
            self._ended(event)  # type: ignore[arg-type]
        elif kind is CallbackCreated:
            self._booked(event)  # type: ignore[arg-type]

    def _joined(self, event: CallerJoined) -> None:
        if not self._daemon.directory.notices or not event.number:
            return
        self._numbers[event.caller] = event.number
        if len(self._numbers) > MOST_NUMBERS:
            self._numbers.popitem(last=False)

    def _left(self, event: CallerLeft) -> None:
        number = self._numbers.pop(event.caller, "")
        if event.outcome in ABANDONED and number:
            for notice in self._notices("abandoned", event.queue):
                if event.waited >= notice.after_wait:
                    self._notify(notice, number, event.queue, event.caller)

    def _ended(self, event: CallEnded) -> None:
        if event.outcome == "answered" and event.queue and event.trunk and not event.account:
            for notice in self._notices("after_call", event.queue):
                if event.talk_seconds >= notice.min_talk:
                    self._notify(notice, event.caller, event.queue, event.call)

    def _booked(self, event: CallbackCreated) -> None:
        if event.kind in BOOKED:
            for notice in self._notices("callback", event.queue):
                self._notify(notice, event.number, event.queue, event.call, event.language)

    def _notices(self, on: str, queue: str) -> list[Notice]:
        notices = self._daemon.directory.notices
        return [one for one in notices.values() if one.on == on and ("*" in one.queues or queue in one.queues)]

    def _notify(self, notice: Notice, number: str, queue: str, call: str, language: str = "") -> None:
        directory, desk = self._daemon.directory, self._daemon.facilities.desk
        if not number.startswith("+") or desk.callers.blocked(number):
            return  # Nobody outside, or nobody to be nice to.
        card: Any = desk.cards.by_number(number) or {}
        language = language or str(card.get("language") or "") or directory.language
        text = notice.text.get(language) or notice.text.get("") or next(iter(notice.text.values()))
        config = directory.queues.get(queue)
        here = datetime.fromtimestamp(time.time(), ZoneInfo(directory.timezone))
        said = text.format_map(
            {"name": str(card.get("name") or ""), "number": number, "queue": (config.title if config else "") or queue,
             "time": f"{here:%H:%M}"}
        )  # fmt: skip
        self.sms.send(number, said, directory.country, notice=notice.name, call=call)


def _files(kept: dict[str, Any]) -> tuple[tuple[str, str, str], ...]:
    return tuple((one[0], one[1], one[2]) for one in kept.get("files", ()))


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
