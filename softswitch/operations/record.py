"""What people and programs may ask about calls that are over, and about who did what. A part of `operations`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from softswitch.audit import asker
from softswitch.erasing import person
from softswitch.events import RecordsExported, SessionChanged
from softswitch.running.console import ConsoleError
from softswitch.store.reports import FOREVER
from softswitch.store.searching import CallQuery, Scope, Searching

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

MOST: Final = 1_000  # rows of one page
LEG_FIELDS: Final = (
    "call", "leg", "role", "party", "ended_at", "status", "cause", "ended_by", "ring_seconds", "talk_seconds", "codec",
    "sip_call_id",
)  # fmt: skip


class RecordOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "call_records": self.call_records,
            "call_record": self.call_record,
            "leg_records": self.leg_records,
            "audit": self.audit,
            "exported": self.exported,
            "session": self.session,
        }

    async def search(self) -> Searching:
        return Searching(await self._daemon.store.reports())

    async def call_records(
        self,
        limit: int = 50,
        number: str = "",
        queue: str = "",
        agent: str = "",
        trunk: str = "",
        outcome: str = "",
        recorded: bool | None = None,
        since: float = 0.0,
        until: float = FOREVER,
        before: int = 0,
        scope: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Calls, the newest first, and behind which one the next page begins (`next`, None = there is none).

        `scope`: whose calls, see `store.searching.Scope`.
        """
        limit, search = max(1, min(limit, MOST)), await self.search()
        whose = Scope(
            tuple((scope or {}).get("queues", ())), *((scope or {}).get(one, "") for one in ("agent", "account"))
        )
        if scope is not None and not whose.narrow:
            return {"calls": [], "next": None}  # Whoever has no queue and no phone sees nothing, not everything.
        which = CallQuery(self.spellings(number), queue, agent, trunk, outcome, recorded, since, until, before, whose)
        found = await search.calls(which, limit + 1)
        more, found = len(found) > limit, found[:limit]
        recorded_calls = await search.recorded([one.call for one in found])
        rows = [asdict(one) | {"recorded": one.call in recorded_calls} for one in found]
        return {"calls": rows, "next": found[-1].seq if more else None}

    def spellings(self, number: str) -> tuple[str, ...]:
        """How a number may stand in a record; () = any number."""
        if not number:
            return ()
        who = person(number, self._daemon.directory.country)
        return who.spellings if who is not None else (number.strip(),)

    async def call_record(self, call: str) -> dict[str, Any]:
        """One call with its legs, queue visits, recordings and events. Raises ConsoleError."""
        await self._daemon.store.flush(0.5)
        found = await (await self.search()).story(call)
        if found is None:
            raise ConsoleError(f"There is no call {call!r}.", "See: softswitch calls", kind="unknown")
        return {
            "call": asdict(found.call),
            "legs": [asdict(one) for one in found.legs],
            "visits": [asdict(one) for one in found.visits],
            "recordings": [asdict(one) for one in found.recordings],
            "events": [
                {"seq": one.seq, "at": one.wall, "event": one.name, **one.payload} for one in found.events
            ],
        }  # fmt: skip

    async def leg_records(self, calls: list[str]) -> list[dict[str, Any]]:
        """The legs of some calls, for an export."""
        found = await (await self.search()).legs(calls[:MOST]) if calls else []
        return [{name: getattr(one, name) for name in LEG_FIELDS} for one in found]

    async def audit(
        self,
        limit: int = 100,
        actor: str = "",
        action: str = "",
        subject: str = "",
        since: float = 0.0,
        until: float = FOREVER,
        before: int = 0,
    ) -> dict[str, Any]:
        """Who did what, the newest first, and behind which line the next page begins."""
        await self._daemon.store.flush(0.5)
        limit = max(1, min(limit, MOST))
        found = await (await self.search()).audit(
            actor=actor, action=action, subject=subject, since=since, until=until, before=before, limit=limit + 1
        )
        more, found = len(found) > limit, found[:limit]
        return {"audit": [asdict(one) for one in found], "next": found[-1].seq if more else None}

    def exported(self, what: str, form: str, rows: int, complete: bool = True, links: float = 0.0) -> None:
        """Records have left the switch as a file. `links`: with links to recordings, good for so many hours."""
        who, what = asker(), f"{what} with links for {links:g} hours" if links else what
        self._daemon.publisher.publish(RecordsExported(who.name, what, form, rows, complete, who.source))

    def session(self, what: str, user: str, source: str = "") -> None:
        """Somebody logged in or out, or was refused; a name that nobody has may be a password, and is not written down."""
        known = user if user in self._daemon.site.users else ""
        self._daemon.publisher.publish(SessionChanged(known, what, source))
