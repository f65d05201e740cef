"""Tells receivers outside what happens, each at its own pace: follows the journal, and keeps how far each one is (API-03)."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from softswitch import logs
from softswitch.api.feed import Feed
from softswitch.config.services import WebSettings
from softswitch.errors import StoreError
from softswitch.events import DeliveryGivenUp
from softswitch.integrations.crm import CrmReceiver, of_record
from softswitch.integrations.delivery import Dead, Delivery, Limits, Line, Progress, happened
from softswitch.integrations.delivery_log import DeliveryLog
from softswitch.integrations.webclient import WebClient
from softswitch.integrations.webhooks import WebhookReceiver, verdict
from softswitch.store.reports import RecordingFilter

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.store.records import Snapshot

STATE: Final = "courier:"  # and the kind and name of a receiver: names in the store
PATIENCE: Final = 5.0  # seconds for the records to be written
FAILURES: Final = 3  # in a row, then operators are told
AT_ONCE: Final = 500  # connections to receivers

log = logs.get_logger()


class Receiver(Protocol):
    """Somebody outside who is told."""

    kind: str
    name: str
    enabled: bool
    limits: Limits

    @property
    def settings(self) -> Any:
        """What the site says; another value means that it has changed."""
        ...

    def wants(self, line: Line) -> bool: ...
    async def deliver(self, line: Line, progress: Progress) -> tuple[str, bool]:
        """One attempt. "" or why it was not taken, and whether the receiver refused the event itself."""
        ...

    def as_dict(self) -> dict[str, Any]: ...


class Courier:
    """One receiver and what it waits for. `given_up(receiver, dead)`: an event was laid aside."""

    def __init__(
        self, receiver: Receiver, delivery: Delivery, feed: Feed, given_up: Callable[[Receiver, Dead], None],
        clock: Callable[[], float] = time.time, log: DeliveryLog | None = None,
    ) -> None:  # fmt: skip
        self.receiver = receiver
        self.delivery = delivery
        self.log = DeliveryLog() if log is None else log
        self.changed = False
        self._feed = feed
        self._given_up = given_up
        self._clock = clock
        self._follower = feed.follow(receiver.wants, delivery.cursor)
        self._wake = asyncio.Event()
        self._seen = self.position

    @property
    def position(self) -> int:
        """Up to here everything is settled."""
        self.delivery.passed(self._follower.position)
        return self.delivery.cursor

    def leave(self) -> None:
        self._feed.leave(self._follower)

    def wake(self) -> None:
        """Try at once."""
        self.delivery.hurry()
        self._wake.set()

    def moved(self) -> bool:
        """Whether there is something new to keep since the last look."""
        position = self.position
        moved, self.changed, self._seen = self.changed or position != self._seen, False, position
        return moved

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            if not self.delivery.waiting:
                await self._fetch_more()
            elif (line := self.delivery.due(self._clock())) is not None:
                await self._attempt(line)
            else:
                await self._pause(self.delivery.at - self._clock())

    async def _fetch_more(self) -> None:
        try:
            self.delivery.take(await self._follower.next())
        except StoreError:  # The daemon tells of it; the journal goes on as soon as it can be written.
            await self._pause(1.0)

    async def _pause(self, seconds: float) -> None:
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), max(0.0, seconds))

    async def _attempt(self, line: Line) -> None:
        delivery, begun = self.delivery, self._clock()
        try:
            error, refused = await self.receiver.deliver(line, delivery.progress)
        except StoreError as store:
            error, refused = str(store), False
        finally:
            self.changed = True
        if delivery.waiting and delivery.waiting[0] is not line:
            return  # It was passed over meanwhile.
        self.log.note(line, begun, self._clock(), error, delivery.attempts + 1)
        if not error:
            delivery.succeeded(self._clock())
            return
        log.warning(f"{self.receiver.kind} not told", name=self.receiver.name, seq=line["seq"], error=error)
        if dead := delivery.failed(self._clock(), error, refused):
            self._given_up(self.receiver, dead)


class Couriers:
    """Those of one running switch."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        web = daemon.config.web
        # A client of its own: who does not answer must not take connections, or trust, from menus. Pauses are ours.
        settings: WebSettings = replace(web, timeout=60.0, at_once=AT_ONCE, failures=1_000_000)
        self.web = WebClient(settings)
        self.couriers: dict[tuple[str, str], Courier] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._logs: dict[tuple[str, str], DeliveryLog] = {}
        self._kept: dict[str, Any] = {}  # of receivers that the last life knew

    # --- life --------------------------------------------------------------------------------------------------------

    def load(self, snapshot: Snapshot) -> None:
        """Take back how far each receiver was."""
        states = snapshot.states.items()
        self._kept = {name: one.value for name, one in states if name.startswith(STATE) and one.value}

    def configure(self) -> None:
        """Begin and end as the site in force says."""
        wanted = {(one.kind, one.name): one for one in self._receivers() if one.enabled}
        for key in [one for one in self.couriers if one not in wanted]:
            self._end(key)
        for key in [one for one in self._logs if one not in wanted]:
            del self._logs[key]
        for key, receiver in wanted.items():
            courier = self.couriers.get(key)
            if courier is not None and courier.receiver.settings == receiver.settings:
                continue
            if courier is not None:
                self._end(key)
            self._begin(key, receiver)
        for name in [one for one in self._kept if one not in self._names()]:
            del self._kept[name]
            self._daemon.store.save_state(name, None)

    def _receivers(self) -> list[Receiver]:
        site, fetch = self._daemon.site, self.web.fetch
        hooks: list[Receiver] = [WebhookReceiver(hook, fetch, time.time, self._link) for hook in site.webhooks.values()]
        return hooks + [CrmReceiver(crm, fetch, self._look_up, self._link) for crm in site.crms.values()]

    async def _link(self, line: Line, hours: float, whom: str) -> dict[str, Any]:
        """Links to the recordings that an event is about. Raises StoreError."""
        if hours and not await self._daemon.store.flush(PATIENCE):
            raise StoreError("the records cannot be written now")
        return await self._daemon.shares.told(line, hours, whom)

    async def _look_up(self, line: Line) -> dict[str, Any]:
        """What the records know of the call that an event is about. Raises StoreError."""
        if not await self._daemon.store.flush(PATIENCE):
            raise StoreError("the records cannot be written now")
        reports = await self._daemon.store.reports()
        found: dict[str, Any] = {}
        call = str(line.get("caller") if line["event"] == "queue.connected" else line.get("call") or "")
        if line["event"] == "recording.finished":
            for recording in await reports.recordings(1, RecordingFilter(recording=int(line["recording"]))):
                found |= {"queue": recording.queue, "agent": recording.agent, "number": recording.caller}
        if call and (details := await reports.call(call)) is not None:
            found = of_record(details.call) | {name: value for name, value in found.items() if value}
        return found

    def _names(self) -> set[str]:
        return {f"{STATE}{one.kind}:{one.name}" for one in self._receivers()}

    def _begin(self, key: tuple[str, str], receiver: Receiver) -> None:
        daemon = self._daemon
        delivery = Delivery(daemon.publisher.last, receiver.limits, time.time())
        if kept := self._kept.get(_state(key)):
            delivery.load(kept)
            delivery.hurry()
        courier = Courier(
            receiver, delivery, daemon.feed, self._given_up, log=self._logs.setdefault(key, DeliveryLog())
        )
        courier.changed = True
        self.couriers[key] = courier
        self._keep(key, courier)  # on disk with the order that made it: what happens from now on will be told
        self._tasks[key] = asyncio.get_running_loop().create_task(self._guarded(courier))

    async def _guarded(self, courier: Courier) -> None:
        while True:
            try:
                await courier.run()
            except Exception as error:  # A fault of ours with one event must not end what others wait for.
                self._daemon.faults("courier", error)
                if courier.delivery.waiting:
                    dead = courier.delivery.failed(time.time(), repr(error), refused=True)
                    if dead is not None:
                        self._given_up(courier.receiver, dead)

    def _end(self, key: tuple[str, str]) -> None:
        courier = self.couriers.pop(key)
        self._tasks.pop(key).cancel()
        courier.leave()
        self._keep(key, courier)
        self._daemon.stands(_alarm(key), "")

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for key in list(self.couriers):
            self._end(key)
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.web.close()

    def _given_up(self, receiver: Receiver, dead: Dead) -> None:
        event = DeliveryGivenUp(receiver.kind, receiver.name, dead.seq, dead.event, dead.attempts, dead.error)
        self._daemon.publisher.publish(event)

    # --- keeping -----------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Once a second: what has changed is kept, and who cannot be reached is an alarm."""
        for key, courier in self.couriers.items():
            if courier.moved():
                self._keep(key, courier)
                delivery = courier.delivery
                failing = delivery.failures >= FAILURES
                self._daemon.stands(_alarm(key), f"not reached: {delivery.trouble}" if failing else "")

    def _keep(self, key: tuple[str, str], courier: Courier) -> None:
        courier.delivery.passed(courier.position)
        self._kept[_state(key)] = kept = courier.delivery.export()
        self._daemon.store.save_state(_state(key), kept)

    # --- orders ------------------------------------------------------------------------------------------------------

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Every receiver of a kind, as operators see it."""
        return [self.row(one) for one in self._receivers() if one.kind == kind]

    def row(self, receiver: Receiver) -> dict[str, Any]:
        key = receiver.kind, receiver.name
        courier, kept = self.couriers.get(key), self._kept.get(_state(key)) or {}
        found: dict[str, Any] = {"name": receiver.name, "enabled": receiver.enabled, **receiver.as_dict()}
        last = self._daemon.publisher.last
        if courier is None:
            cursor = int(kept.get("cursor", last))
            return found | {
                "state": "off", "cursor": cursor, "behind": last - cursor, "waiting": 0, "oldest": 0.0, "attempts": 0,
                "next": 0.0, "error": str(kept.get("trouble", "")), "delivered": int(kept.get("delivered", 0)),
                "last": float(kept.get("last", 0.0)), "dead": len(kept.get("dead", ())),
            }  # fmt: skip
        delivery = courier.delivery
        first = delivery.waiting[0] if delivery.waiting else None
        return found | {
            "state": "failing" if delivery.trouble else "ok", "cursor": courier.position, "behind": last - courier.position,
            "waiting": len(delivery.waiting), "oldest": time.time() - happened(first) if first else 0.0,
            "attempts": delivery.attempts, "next": delivery.at, "error": delivery.trouble,
            "delivered": delivery.delivered, "last": delivery.last, "dead": len(delivery.dead),
        }  # fmt: skip

    def receiver(self, kind: str, name: str) -> Receiver | None:
        return next((one for one in self._receivers() if (one.kind, one.name) == (kind, name)), None)

    def dead(self, kind: str, name: str) -> list[dict[str, Any]]:
        """What was laid aside, the oldest first."""
        courier = self.couriers.get((kind, name))
        if courier is not None:
            return [asdict(one) for one in courier.delivery.dead.values()]
        return list((self._kept.get(_state((kind, name))) or {}).get("dead", ()))

    def recent(self, kind: str, name: str) -> list[dict[str, Any]]:
        """The last attempts of this life, the newest first."""
        found = self._logs.get((kind, name))
        return found.rows() if found else []

    def discard(self, kind: str, name: str, seqs: list[int]) -> dict[str, Any]:
        """Forget events that were laid aside."""
        courier = self.couriers[kind, name]
        for seq in seqs:
            courier.delivery.revived(seq)
        courier.changed = True
        return {"discarded": len(seqs), "left": len(courier.delivery.dead)}

    async def retry(self, kind: str, name: str, seqs: list[int]) -> dict[str, Any]:
        """Try what waits at once, and these that were laid aside once more; at the first that fails the rest is left."""
        courier = self.couriers[kind, name]
        courier.wake()
        courier.changed = True
        done, gone, error = 0, 0, ""
        for seq in seqs:
            line = await self._line(seq)
            if line is None:
                courier.delivery.revived(seq)
                gone += 1
                continue
            begun = time.time()
            error, _ = await courier.receiver.deliver(line, Progress())
            courier.log.note(line, begun, time.time(), error, 1)
            if error:
                break
            courier.delivery.revived(seq)
            done += 1
        return {"delivered": done, "gone": gone, "left": len(courier.delivery.dead), "error": error}

    async def _line(self, seq: int) -> Line | None:
        """An event of the journal; None: it is not kept any more."""
        found = await self._daemon.feed.past.read(seq - 1, 1)
        return found[0] if found and found[0]["seq"] == seq else None

    def skip(self, kind: str, name: str) -> dict[str, Any]:
        """Pass over what has happened up to now."""
        courier = self.couriers[kind, name]
        before = courier.position
        skipped = courier.delivery.skip(self._daemon.publisher.last)
        self._end((kind, name))
        self._begin((kind, name), courier.receiver)
        return {"from": before, "to": self.couriers[kind, name].position, "waited": skipped}

    async def test(self, name: str) -> dict[str, Any]:
        """Send a webhook an event that says nothing, now."""
        receiver = self.receiver("webhook", name)
        assert isinstance(receiver, WebhookReceiver)
        wall, begun = time.time(), time.monotonic()
        line = {"seq": 0, "time": _stamp(wall), "event": "webhook.test", "webhook": name}
        reply = await receiver.send(line, f"test-{wall:.3f}")
        error, _ = verdict(reply)
        return {"status": reply.status, "seconds": round(time.monotonic() - begun, 3), "error": error}


def _state(key: tuple[str, str]) -> str:
    return f"{STATE}{key[0]}:{key[1]}"


def _alarm(key: tuple[str, str]) -> str:
    return f"{key[0]} {key[1]}"


def _stamp(wall: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds")
