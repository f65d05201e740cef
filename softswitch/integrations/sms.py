"""Text messages by a provider's web interface (OUT-09): from a template, within limits, tried again, kept over a restart.

A text costs money and may be triggered by whoever calls: limits by number and day are part of the sending, and so are the
countries. What the provider does not take for good is given up at once and told.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from string import Template
from typing import Any, Final
from urllib.parse import quote

from softswitch import logs
from softswitch.config.services import SmsSettings
from softswitch.integrations.retrying import Retrying
from softswitch.integrations.webclient import Reply
from softswitch.numbers import normalise, tariff

DAY: Final = 86_400.0
HOUR: Final = 3_600.0
LONGEST_PAUSE: Final = 1_800.0  # seconds between two attempts
MOST_WAITING: Final = 10_000
TRY_AGAIN: Final = frozenset((408, 425, 429))  # statuses of "not now"; and those from 500 on
SHOWN: Final = 200  # characters of a provider's answer in an event

log = logs.get_logger()

Fetch = Callable[..., Awaitable[Reply]]


@dataclass(slots=True)
class Text:
    """One text message. Times are Unix time. `errand`: whose answer somebody waits for."""

    id: int
    to: str
    text: str
    notice: str = ""
    call: str = ""
    errand: str = ""
    first: float = 0.0
    at: float = 0.0  # when it is tried next
    attempts: int = 0


class Sms:
    """Texts on their way. `told(text, error)`: it was sent, or given up; `changed()`: what `export` gives is another thing."""

    def __init__(
        self, settings: SmsSettings, fetch: Fetch, told: Callable[[Text, str], None], changed: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        self.trouble = ""  # why the last attempt failed, "" = it did not
        self._settings = settings
        self._fetch = fetch
        self._told = told
        self._changed = changed
        self._clock = clock
        self.waiting: Retrying[Text] = Retrying(self._attempt, clock, LONGEST_PAUSE)
        self.run = self.waiting.run
        self._sent: deque[tuple[float, str]] = deque()  # of the last 24 hours: when, to whom

    def __len__(self) -> int:
        return len(self.waiting)

    # --- in ----------------------------------------------------------------------------------------------------------

    def send(self, to: str, text: str, country: str, *, notice: str = "", call: str = "", errand: str = "") -> str:
        """Take a text; "" or why not: "disabled", "number", "country", "limit"."""
        number, refusal = self._admit(to, country)
        now = self._clock()
        one = Text(secrets.randbits(53) or 1, number or to, text, notice, call, errand, now, now)
        if refusal:
            self._told(one, refusal)
            return refusal
        self._sent.append((now, number))
        self.waiting.add(one)
        self._changed()
        return ""

    def _admit(self, to: str, country: str) -> tuple[str, str]:
        settings = self._settings
        if not settings.url:
            return "", "disabled"
        number = normalise(to, country)
        if not number.startswith("+"):
            return "", "number"
        found = tariff(number, country)
        if settings.mobile_only and found.kind != "mobile":
            return number, "number"
        if found.country not in (settings.countries or (country.lower(),)):
            return number, "country"
        self._forget(self._clock())
        to_number = sum(one == number for _, one in self._sent)
        over = (settings.per_number and to_number >= settings.per_number) or (
            settings.per_day and len(self._sent) >= settings.per_day
        )
        return number, "limit" if over or len(self.waiting) >= MOST_WAITING else ""

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] <= now - DAY:
            self._sent.popleft()

    # --- out ---------------------------------------------------------------------------------------------------------

    async def _attempt(self, one: Text) -> None:
        """Hand one to the provider."""
        error, final = await self._hand_over(one)
        self.trouble = error
        if error and not final and self.waiting.postpone(one, self._settings.give_up_hours * HOUR):
            log.warning("text not sent yet", text=one.id, attempts=one.attempts, error=error)
        else:
            self.waiting.items.remove(one)
            self._told(one, error)
        self._changed()

    async def _hand_over(self, one: Text) -> tuple[str, bool]:
        """Why it was not taken, "" = it was; and whether it never will be."""
        settings = self._settings
        try:
            url, body, headers = await asyncio.to_thread(compose, settings, one)
        except OSError as error:
            return f"{settings.authorization_file}: {error.strerror}", False
        reply = await self._fetch(settings.method, url, headers, body, settings.timeout)
        if reply.result != "ok":
            return reply.detail, False
        if 200 <= reply.status < 300:
            return "", False
        said = "".join(one for one in reply.body.decode("utf-8", "replace") if one.isprintable())[:SHOWN]
        return f"status {reply.status}: {said}".rstrip(": "), reply.status < 500 and reply.status not in TRY_AGAIN

    # --- restarts ----------------------------------------------------------------------------------------------------

    def export(self) -> dict[str, Any]:
        """What waits and what limits count, as JSON values."""
        return {"waiting": [asdict(one) for one in self.waiting.items], "sent": list(self._sent)}

    def load(self, data: Mapping[str, Any]) -> None:
        """What `export` gave in another life. A text that was being handed over then is handed over again."""
        known = Text.__dataclass_fields__
        self.waiting.items[:] = [
            Text(**{name: value for name, value in one.items() if name in known}) for one in data.get("waiting", ())
        ]
        self._sent = deque((float(at), str(number)) for at, number in data.get("sent", ()))


def compose(settings: SmsSettings, one: Text) -> tuple[str, bytes, list[tuple[str, str]]]:
    """The address, the body and the headers for one text; for a thread. Raises OSError if the authorization cannot be read."""
    values = {"to": one.to, "text": one.text, "sender": settings.sender, "id": str(one.id)}
    url = Template(settings.url).substitute({name: quote(value, safe="") for name, value in values.items()})
    headers = [("Accept", "*/*")]
    if settings.authorization_file is not None:
        headers.append(("Authorization", settings.authorization_file.read_text(encoding="utf-8").strip()))
    if settings.method == "GET":
        return url, b"", headers
    if settings.form == "json":
        quoted = {name: json.dumps(value)[1:-1] for name, value in values.items()}
        headers.append(("Content-Type", "application/json"))
    else:
        quoted = {name: quote(value, safe="") for name, value in values.items()}
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    return url, Template(settings.body).substitute(quoted).encode(), headers
