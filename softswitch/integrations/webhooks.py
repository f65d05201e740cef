"""What a webhook is sent, and what its answers mean (API-03)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

from softswitch.directory.hooks import EVERY, Webhook, about
from softswitch.integrations.delivery import Limits, Line, Progress
from softswitch.integrations.signing import signed_headers
from softswitch.integrations.webclient import Reply

INWARD: Final = ("queue.tape",)  # of the switch for itself
ABOUT_HOOKS: Final = ("webhook", "crm")  # nobody is told that somebody was not told: that would never end
NOT_NOW: Final = frozenset((408, 425, 429, 502, 503, 504))  # statuses that say nothing about the event
SHOWN: Final = 200  # characters of an answer in an error

Fetch = Callable[..., Awaitable[Reply]]
Links = Callable[[Line, float, str], Awaitable[dict[str, Any]]]  # of recordings: (event, hours, for whom)


def headers(hook: Webhook, id: str, event: str, timestamp: int, body: bytes) -> list[tuple[str, str]]:
    return [
        ("Content-Type", "application/json"),
        *signed_headers(hook.secret, id, timestamp, body),
        ("Idempotency-Key", id),
        ("Softswitch-Event", event),
    ]


def written(line: Line) -> bytes:
    return json.dumps(line, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def verdict(reply: Reply) -> tuple[str, bool]:
    """What an answer means: "" or what is wrong, and whether that is about the event itself."""
    if reply.result != "ok":
        return reply.detail or reply.result, False
    if 200 <= reply.status < 300:
        return "", False
    said = "".join(one for one in reply.body.decode("utf-8", "replace") if one.isprintable())[:SHOWN]
    return f"status {reply.status}: {said}".rstrip(": "), reply.status not in NOT_NOW


def of_queues(line: Line, queues: tuple[str, ...]) -> bool:
    return EVERY in queues or str(line.get("queue") or "") in queues


class WebhookReceiver:
    """A webhook as `couriers` sees it."""

    kind = "webhook"

    def __init__(self, hook: Webhook, fetch: Fetch, clock: Callable[[], float], links: Links | None = None) -> None:
        self.name = hook.name
        self.settings = hook
        self.enabled = hook.enabled
        self.limits = Limits(hook.attempts, hook.give_up_hours * 3_600.0)
        self._fetch = fetch
        self._clock = clock
        self._links = links

    def wants(self, line: Line) -> bool:
        name = str(line["event"])
        if name in INWARD or name.partition(".")[0] in ABOUT_HOOKS:
            return False
        return about(name, self.settings.events) and of_queues(line, self.settings.queues)

    async def deliver(self, line: Line, progress: Progress) -> tuple[str, bool]:
        """One attempt. "" or why it was not taken, and whether the receiver refused the event."""
        more = await self._links(line, self.settings.link_hours, f"webhook:{self.name}") if self._links else {}
        return verdict(await self.send({**line, **more}, str(line["seq"])))

    async def send(self, line: Line, id: str) -> Reply:
        hook, body = self.settings, written(line)
        lines = headers(hook, id, str(line["event"]), int(self._clock()), body)
        return await self._fetch("POST", hook.url, lines, body, hook.timeout)

    def as_dict(self) -> dict[str, Any]:
        hook = self.settings
        return {"url": hook.url, "title": hook.title, "events": list(hook.events), "queues": list(hook.queues)}
