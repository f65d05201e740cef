"""The library of recordings, links to them, what they look like, and forgetting a person. A part of `operations`."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from softswitch.audit import asker
from softswitch.call.customers import Customer
from softswitch.call.owners import is_own
from softswitch.erasing import LEAST, Person, person
from softswitch.events import (
    RecordingLinksRevoked,
    RecordingMarked,
    RecordingPlayed,
    RecordingShared,
    RecordsErased,
    VoicemailPlayed,
)
from softswitch.links import LONGEST, Link
from softswitch.provisioning import pages_address
from softswitch.running.console import ConsoleError
from softswitch.store.reports import FOREVER
from softswitch.store.searching import Mark, RecordingQuery, Searching

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.store.records import RecordingRecord

AGAIN: Final = 600.0  # seconds in which listening on is no new listening
MOST: Final = 10_000  # recordings of one answer
MOST_TAGS, LONGEST_TAG, LONGEST_NOTE = 20, 40, 2_000
SLICES: Final = (200, 1_000, 4_000)  # of a picture: few sizes, so that few are kept


class LibraryOperations:
    """Handlers of the console."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._heard: dict[tuple[str, str, int], float] = {}  # who listens to what, and when that was told last

    def handlers(self) -> dict[str, Callable[..., Any]]:
        return {
            "recordings": self.recordings,
            "recording": self.recording,
            "recording_tags": self.tags,
            "mark_recording": self.mark,
            "play_recording": self.play,
            "recording_peaks": self.peaks,
            "share_recording": self.share,
            "play_shared": self.play_shared,
            "revoke_links": self.revoke_links,
            "share_calls": self.share_calls,
            "play_voicemail": self.play_voicemail,
            "mailboxes_of": self.mailboxes_of,
            "erase": self.erase,
            "erase_customer": self.erase_customer,
        }

    # --- the library -------------------------------------------------------------------------------------------------

    async def _search(self) -> Searching:
        return Searching(await self._daemon.store.reports())

    def _spellings(self, number: str) -> tuple[str, ...]:
        who = person(number, self._daemon.directory.country) if number else None
        return who.spellings if who is not None else (number,) if number else ()

    async def recordings(
        self,
        limit: int = 50,
        queue: str = "",
        agent: str = "",
        caller: str = "",
        call: str = "",
        tag: str = "",
        text: str = "",
        recording: int = 0,
        since: float = 0.0,
        until: float = FOREVER,
        before: int = 0,
        queues: Sequence[str] = (),
        stored: bool = False,
    ) -> list[dict[str, Any]]:
        """The newest recordings, those that go on included."""
        search = await self._search()
        which = RecordingQuery(
            self._spellings(caller), (queue,) if queue else tuple(queues), agent, call, tag, text, recording, since, until,
            before, stored,
        )  # fmt: skip
        found = await search.recordings(which, max(1, min(limit, MOST)))
        marks = await search.marks([one.recording for one in found])
        return [self._row(one, marks.get(one.recording)) for one in found]

    def _row(self, record: RecordingRecord, mark: Mark | None) -> dict[str, Any]:
        mark = mark or Mark(record.recording)
        file = str(self._daemon.config.recording.folder / record.path)
        return asdict(record) | {"tags": list(mark.tags), "note": mark.note, "held": mark.held, "file": file}

    async def recording(self, recording: int) -> dict[str, Any]:
        found = await self.recordings(1, recording=recording) if recording > 0 else []
        if not found:
            raise _no_recording(recording)
        return found[0]

    async def _record(self, recording: int) -> RecordingRecord:
        found = await (await self._search()).recordings(RecordingQuery(recording=recording), 1) if recording > 0 else []
        if not found:
            raise _no_recording(recording)
        return found[0]

    async def tags(self) -> dict[str, int]:
        """The tags in use, and of how many recordings."""
        return await (await self._search()).tags()

    async def mark(
        self, recording: int, tags: Sequence[str] | None = None, note: str | None = None, held: bool | None = None,
        by: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        """Tags, note, legal hold; None: as it was."""
        record, search = await self._record(recording), await self._search()
        old = (await search.marks([recording])).get(recording) or Mark(recording)
        new = old.tags if tags is None else tuple(dict.fromkeys(one.strip() for one in tags if one.strip()))
        if len(new) > MOST_TAGS or any(len(one) > LONGEST_TAG or "|" in one or not one.isprintable() for one in new):
            raise ConsoleError(
                "These tags cannot be used.", f"At most {MOST_TAGS}, of {LONGEST_TAG} characters, without a bar."
            )
        text = (old.note if note is None else note)[:LONGEST_NOTE]
        hold = old.held if held is None else held
        self._publish(RecordingMarked(recording, record.call, new, text, hold, by or asker().name))
        await self._daemon.store.flush(2.0)
        return await self.recording(recording)

    # --- listening ---------------------------------------------------------------------------------------------------

    def _publish(self, event: Any) -> None:
        self._daemon.publisher.publish(event)

    def _is_news(self, who: str, what: str, number: int) -> bool:
        """Whether somebody begins to listen: a player asks for a file in many pieces."""
        now, key = time.monotonic(), (who, what, number)
        heard = self._heard.get(key)
        if heard is not None and now - heard < AGAIN:
            return False
        if len(self._heard) > 10_000:
            self._heard = {one: at for one, at in self._heard.items() if now - at < AGAIN}
        self._heard[key] = now
        return True

    async def play(self, recording: int, copied: bool = False, by: str = "") -> dict[str, str]:
        """The file of a recording, for somebody to hear; that stands in the audit."""
        record = await self._record(recording)
        file = self._daemon.recordings.file(record)
        who = by or asker().name
        if copied or self._is_news(who, "recording", recording):
            self._publish(RecordingPlayed(recording, record.call, who, copied, asker().source))
        return {"file": str(file), "form": record.form}

    async def peaks(self, recording: int, slices: int = 1_000) -> dict[str, Any]:
        """What it looks like: the first side is who was called, the second the caller."""
        wanted = min((one for one in SLICES if one >= slices), default=SLICES[-1])
        return await self._daemon.recordings.peaks(await self._record(recording), wanted)

    async def share(self, recording: int, hours: float = 72.0, by: str = "") -> dict[str, Any]:
        """A link that is good without a login."""
        if not 0.0 < hours <= LONGEST:
            raise ConsoleError("That is no time for a link.", f"More than 0 and at most {LONGEST:.0f} hours.")
        record = await self._record(recording)
        self._daemon.recordings.file(record)
        link = Link(recording, int(time.time() + hours * 3_600.0), by or asker().name)
        self._publish(RecordingShared(recording, record.call, link.by, float(link.until)))
        path = link.path(await self._daemon.shares.key())
        return {"path": path, "url": f"{pages_address(self._daemon.config)}{path}", "until": link.until}

    async def play_shared(self, recording: int, until: int, by: str, signature: str) -> dict[str, str]:
        """The file that a link leads to. Raises ConsoleError, in the same words whatever is wrong."""
        link = Link(recording, until, by)
        if not link.is_good(signature, await self._daemon.shares.key(), time.time()):
            raise ConsoleError("This link is not good, or not any more.", "Ask whoever sent it.", kind="unknown")
        return await self.play(recording, by=f"link:{by}")

    async def revoke_links(self, by: str = "") -> None:
        """No link that was made so far is good any more."""
        await self._daemon.shares.renew()
        self._publish(RecordingLinksRevoked(by or asker().name))

    async def share_calls(
        self, calls: Sequence[str], hours: float, by: str = "", scope: Mapping[str, Any] | None = None
    ) -> dict[str, list[str]]:
        """Links to the recordings of calls, for an export: call -> addresses. `scope`: those of these queues or this agent."""
        if not 0.0 < hours <= LONGEST:
            raise ConsoleError("That is no time for a link.", f"More than 0 and at most {LONGEST:.0f} hours.")
        queues = None if scope is None else tuple(scope.get("queues", ()))
        found: dict[str, list[int]] = {}
        search = await self._search()
        for call in calls:
            for one in await search.recordings(RecordingQuery(call=call, stored=True), 100):
                if queues is None or one.queue in queues:
                    found.setdefault(call, []).insert(0, one.recording)
        who = by or asker().name
        links = await self._daemon.shares.made([one for known in found.values() for one in known], hours, who)
        return {call: [links[one] for one in known] for call, known in found.items()}

    # --- voicemail ---------------------------------------------------------------------------------------------------

    async def play_voicemail(self, message: int, by: str = "") -> dict[str, str]:
        """The file of a message, which counts as heard from now on."""
        boxes = self._daemon.switch.calls.board.mailboxes
        found = boxes.find(message)
        if found is None:
            raise ConsoleError(f"There is no message {message}.", "See: softswitch voicemail list", kind="unknown")
        who = by or asker().name
        if self._is_news(who, "voicemail", message):
            self._publish(VoicemailPlayed(message, found.mailbox, who, asker().source))
        self._daemon.input("voicemail", lambda now: boxes.hear(found, who))
        return {"file": boxes.file(found.path), "form": "wav"}

    def mailboxes_of(self, account: str) -> list[str]:
        """The mailboxes that the phones of an account may open."""
        directory = self._daemon.directory
        known = directory.accounts.get(account)
        return [name for name in directory.mailboxes if known is not None and is_own(name, known, directory)]

    # --- forgetting a person -----------------------------------------------------------------------------------------

    async def erase(self, number: str, by: str = "") -> dict[str, Any]:
        """Make a person unrecognisable: recordings, messages, numbers and names in all records. Raises ConsoleError."""
        daemon = self._daemon
        who = person(number, daemon.directory.country)
        if who is None:
            raise ConsoleError("That is no number of a person.", f"A telephone number of at least {LEAST} digits.")
        self._check(who)
        for spelling in who.spellings:
            for one in daemon.switch.queues.callbacks.rows(time.monotonic()):
                if one["number"] == spelling:
                    daemon.input("callback", daemon.switch.cancel_callback, one["callback"], by or asker().name)
        messages = 0
        for spelling in who.spellings:
            messages += await daemon.voicemail.command("erase", number=spelling)
        await daemon.store.flush()
        known = await daemon.store.erasure.involved(who)
        recordings, held = await self._erase_recordings(who, known.calls)
        pseudonym = f"erased-{secrets.token_hex(6)}"
        cards = await self._disguise(known.customers, pseudonym)
        self._forget(who, pseudonym)
        await daemon.campaigns.forget(who.is_in, pseudonym)
        await daemon.store.flush()
        done = await daemon.store.erasure.rewrite(who, pseudonym, known, frozenset(held))
        await daemon.reports.forget(who.spellings)
        event = RecordsErased(
            by or asker().name, pseudonym, len(known.calls), recordings, messages, done.rows.get("callbacks", 0), cards,
            done.events, len(held), asker().source,
        )  # fmt: skip
        self._publish(event)
        return event.as_dict() | {"rows": done.rows}

    async def erase_customer(self, customer: str, also: Sequence[str] = (), by: str = "") -> dict[str, Any]:
        """Make a person unrecognisable by their card, and by further cards that are theirs: every number of each, and the
        cards. Nothing is begun if one of the numbers cannot be forgotten. Raises ConsoleError."""
        daemon = self._daemon
        numbers: list[str] = []
        cards = list(dict.fromkeys((customer, *also)))
        for one in cards:
            card = daemon.facilities.desk.cards.customer(one)
            if card is None:
                raise ConsoleError(f"There is no customer {one!r}.", "See: softswitch customers find", kind="unknown")
            numbers += card.numbers
        people = [found for number in numbers if (found := person(number, daemon.directory.country)) is not None]
        for who in people:
            self._check(who)
        done = [await self.erase(who.number, by) for who in people]
        left = [one for one in cards if daemon.facilities.desk.cards.customer(one) is not None]
        if left:  # Those without a number that leads anywhere.
            await daemon.facilities.customers("delete", customers=left)
        names = ("calls", "recordings", "messages", "callbacks", "held")
        return {"cards": len(cards), "numbers": len(people), **{name: sum(one[name] for one in done) for name in names}}

    def _check(self, who: Person) -> None:
        """Raises ConsoleError where the number is ours, talks now, or is kept away."""
        daemon = self._daemon
        site = daemon.directory
        dids = [did for trunk in site.trunks.values() for did in trunk.dids]
        if any(who.pattern.fullmatch(one) for one in (*dids, *site.numbers, *site.extensions, *site.accounts)):
            raise ConsoleError("That is a number of this switch.", "What is of the site is changed there.")
        if any(who.pattern.fullmatch(str(one[key])) for one in daemon.switch.call_list(time.monotonic())
               for key in ("caller", "dialled")):  # fmt: skip
            raise ConsoleError("A call with that number goes on.", "Ask again when it has ended.")
        if any(who.pattern.fullmatch(one) for one in daemon.facilities.desk.callers.blocks):
            raise ConsoleError(
                "That number is blocked, and would have to be forgotten there, too.",
                "First: softswitch callers unblock NUMBER",
            )

    async def _erase_recordings(self, who: Person, calls: set[str]) -> tuple[int, list[int]]:
        """Delete files; how many went, and which were kept because they are held."""
        search = await self._search()
        found = {
            one.recording: one for one in await search.recordings(RecordingQuery(who.spellings, stored=True), 1 << 30)
        }
        for call in calls:
            for one in await search.recordings(RecordingQuery(call=call, stored=True), 100):
                found[one.recording] = one
        numbers = list(found)
        held = []
        for start in range(0, len(numbers), 500):
            marks = await search.marks(numbers[start : start + 500])
            held += [number for number, mark in marks.items() if mark.held]
        gone = await self._daemon.recordings.erase([one for number, one in found.items() if number not in held])
        return gone, held

    async def _disguise(self, customers: set[str], pseudonym: str) -> int:
        """In the place of a card stands one without name and numbers, so that segments keep their counts."""
        daemon = self._daemon
        table, cards = daemon.store.customers, daemon.facilities.desk.cards
        count = 0
        for customer in sorted(customers):
            old = await table.find(customer, "")
            await table.remove([customer])
            cards.remove(customer)
            if old is not None:
                name = pseudonym if not count else f"{pseudonym}-{count + 1}"
                new = Customer(name, language=old.language, vip=old.vip, segment=old.segment)
                await table.put([new])
                cards.put(new)
                count += 1
        return count

    def _forget(self, who: Person, pseudonym: str) -> None:
        """What is remembered of the number, and is written to the disk again and again."""
        daemon = self._daemon
        engine, board = daemon.switch.queues, daemon.switch.calls.board
        engine.acquaintances.forget(who.is_in)
        engine.visits.returns.forget_numbers(who.is_in)
        board.phones.forget(who.is_in)
        board.desk.callers.forget(who.is_in)
        daemon.trace.forget(who.needle.encode())
        for _, event in daemon.publisher.chronicle.entries:
            for name, value in event.as_dict().items():
                if who.is_in(value):
                    setattr(event, name, who.hide(value, pseudonym))
        daemon.housekeeping.keep_now()


def _no_recording(recording: int) -> ConsoleError:
    return ConsoleError(f"There is no recording {recording}.", "See: softswitch recording list", kind="unknown")
