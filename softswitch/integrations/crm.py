"""Tells a CRM what happens by a matrix: rows are what can happen to a call, columns what is done there (API-11). Pure but for
the requests themselves.

Each row is one kind of event of the journal; what the event does not say about its call is looked up in the records. The
requests of a row go out in order. One that fails is tried again by the rules of webhooks, and those before it are not repeated.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from string import Formatter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from softswitch.directory.hooks import Crm, CrmAction
from softswitch.integrations.delivery import Limits, Line, Progress
from softswitch.integrations.webhooks import Fetch, Links, verdict

if TYPE_CHECKING:
    from softswitch.store.records import CallRecord

TALKED: Final = "answered"
NOTHING: Final = 404  # a look-up that finds nothing is no failure
MOST: Final = 1_000  # characters of what is saved
# What may stand in braces.
NAMES: Final = (
    "row", "seq", "time", "event", "call", "number", "name", "dialled", "direction", "queue", "agent", "account", "trunk",
    "customer", "outcome", "cause", "talk_seconds", "total_seconds", "recording", "seconds", "disposition", "note",
    "recording_url",
)  # fmt: skip

LookUp = Callable[[Line], Awaitable[Mapping[str, Any]]]


def row_of(line: Line) -> str:
    """The row of the matrix that an event belongs to; "" = none."""
    name = line["event"]
    if name == "queue.connected":
        return "answered"
    if name == "call.ended":
        if line.get("outcome") == TALKED:
            return "ended"
        # A call from outside that reached nobody. Who was served by a menu alone has missed nobody.
        wanted = line.get("queue") or line.get("outcome") != "completed"
        return "missed" if line.get("trunk") and not line.get("account") and wanted else ""
    if name == "recording.finished":
        return "" if line.get("error") else "recording"
    if name in ("callback.done", "callback.expired"):
        return "callback"
    return "disposition" if name == "call.disposition" else ""


def values_of(line: Line, more: Mapping[str, Any]) -> dict[str, Any]:
    """What the names say. `more`: what the records know of the call."""
    found: dict[str, Any] = dict.fromkeys(NAMES, "") | {name: value for name, value in more.items() if name in NAMES}
    for name in NAMES:
        if line.get(name) not in (None, ""):
            found[name] = line[name]
    if line["event"] == "queue.connected":
        found["call"] = line["caller"]
    if line["event"] == "call.ended":
        outward = bool(line.get("account"))
        found["direction"] = "out" if outward else "in"
        found["number"] = line["dialled"] if outward else line["caller"]
        found["name"] = "" if outward else line.get("caller_name", "")
    return found | {"row": row_of(line)}


def of_record(record: CallRecord) -> dict[str, Any]:
    """What the record of a call says, by the names of templates."""
    outward = bool(record.account)
    return {
        "call": record.call, "number": record.dialled if outward else record.caller,
        "name": "" if outward else record.caller_name, "dialled": record.dialled, "direction": "out" if outward else "in",
        "queue": record.queue, "agent": record.agent, "account": record.account, "trunk": record.trunk,
        "customer": record.customer, "outcome": record.outcome, "cause": record.cause,
        "talk_seconds": record.talk_seconds, "total_seconds": record.total_seconds,
    }  # fmt: skip


def named(text: str) -> list[str]:
    """The names in a template. Raises ValueError if it is none."""
    found = []
    for _, name, form, conversion in Formatter().parse(text):
        if name is not None:
            if form or conversion or not name.isidentifier():
                raise ValueError
            found.append(name)
    return found


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """A body with what its names say. A text that is one name alone keeps the kind of the value."""
    if isinstance(value, Mapping):
        return {name: filled(one, values) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [filled(one, values) for one in value]
    if not isinstance(value, str):
        return value
    names = named(value)
    if len(names) == 1 and value == f"{{{names[0]}}}":
        return values.get(names[0], "")
    return value.format_map({name: values.get(name, "") for name in names})


def at(data: Any, path: str) -> str:
    """What stands in JSON at "items.0.id"; "" if nothing does."""
    for word in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(word)
        elif isinstance(data, list) and word.isascii() and word.isdigit() and len(word) < 7:
            data = data[int(word)] if int(word) < len(data) else None
        else:
            return ""
    if data is None or isinstance(data, Mapping | list):
        return ""
    return (str(data) if not isinstance(data, bool) else str(data).lower())[:MOST]


def request_of(
    crm: Crm, action: CrmAction, values: Mapping[str, Any], id: str
) -> tuple[str, str, list[tuple[str, str]], bytes]:
    """The request that an action comes to: method, address, headers, body."""
    quoted = {name: quote(str(value), safe="") for name, value in values.items()}
    path = action.path.format_map({name: quoted.get(name, "") for name in named(action.path)})
    lines = [("Content-Type", "application/json"), ("Accept", "application/json"), ("Idempotency-Key", id)]
    lines += [(name, value.format_map({"token": crm.token})) for name, value in crm.headers.items()]
    body = json.dumps(filled(action.body, values), ensure_ascii=False).encode() if action.body else b""
    return action.method, crm.url.rstrip("/") + path, lines, body


def is_left_out(action: CrmAction, known: Mapping[str, Any]) -> bool:
    """Whether `when` or `unless` say that it is not done."""
    return bool((action.when and not known.get(action.when)) or (action.unless and known.get(action.unless)))


def actions_of(crm: Crm, row: str, queue: str) -> tuple[str, ...]:
    """What is done for a row, in order."""
    own = crm.queues.get(queue, {})
    return own[row] if row in own else crm.rows.get(row, ())


class CrmReceiver:
    """A CRM as `couriers` sees it."""

    kind = "crm"

    def __init__(self, crm: Crm, fetch: Fetch, look_up: LookUp, links: Links | None = None) -> None:
        self.name = crm.name
        self.settings = crm
        self.enabled = crm.enabled
        self.limits = Limits(crm.attempts, crm.give_up_hours * 3_600.0)
        self._fetch = fetch
        self._look_up = look_up
        self._links = links

    def wants(self, line: Line) -> bool:
        row = row_of(line)
        if not row:
            return False
        return bool(self.settings.rows.get(row) or any(rows.get(row) for rows in self.settings.queues.values()))

    async def deliver(self, line: Line, progress: Progress) -> tuple[str, bool]:
        """Everything that the matrix says, from where the last attempt stopped."""
        values = values_of(line, await self._look_up(line))
        if self._links is not None:
            told = await self._links(line, self.settings.link_hours, f"crm:{self.name}")
            values["recording_url"] = told.get("recording_url") or "".join(told.get("recording_urls", ())[-1:])
        names = actions_of(self.settings, values["row"], str(values["queue"]))
        for name in names[progress.done :]:
            action = self.settings.actions[name]
            known = values | progress.known
            if not is_left_out(action, known):
                error, refused = await self._ask(action, known, progress, f"{line['seq']}-{progress.done}")
                if error:
                    return f"{name}: {error}", refused
            progress.done += 1
        return "", False

    async def _ask(
        self, action: CrmAction, values: Mapping[str, Any], progress: Progress, id: str
    ) -> tuple[str, bool]:  # fmt: skip
        method, url, lines, body = request_of(self.settings, action, values, id)
        reply = await self._fetch(method, url, lines, body, self.settings.timeout)
        if action.method == "GET" and reply.result == "ok" and reply.status == NOTHING:
            return "", False
        error, refused = verdict(reply)
        if not error and action.save:
            self._learn(action, reply.body, progress)
        return error, refused

    def _learn(self, action: CrmAction, body: bytes, progress: Progress) -> None:
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return
        for name, path in action.save.items():
            if value := at(data, path):
                progress.known[name] = value

    def as_dict(self) -> dict[str, Any]:
        crm = self.settings
        return {
            "url": crm.url, "title": crm.title, "rows": {row: list(names) for row, names in crm.rows.items()},
            "queues": sorted(crm.queues),
        }  # fmt: skip
