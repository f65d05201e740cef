"""The wallboard of a running switch: today's figures, who does what now, and the alerts that follow from it (SUP-01, SUP-04)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from softswitch import logs
from softswitch.acd.measure import QueueCounts
from softswitch.board.alerts import Alerts, Seen
from softswitch.board.today import Today
from softswitch.board.told import letter
from softswitch.effects import SendMail, SendText
from softswitch.events import AgentMessaged, AlertCleared, AlertRaised, Event

if TYPE_CHECKING:
    from softswitch.daemon import Daemon
    from softswitch.store.records import Snapshot

STATE: Final = "board"  # its name in the store
KEEP: Final = 30.0  # seconds between two times that it is kept; what came since is in the journal
FRESH: Final = 0.25  # seconds that a view is shown again although something has happened
STALE: Final = 1.0  # ... although nothing has
ENOUGH: Final = 2.0  # ... to who needs to see nothing newer

log = logs.get_logger()


class Wallboard:
    """Made when the site was read."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.today = Today(daemon.site.timezone)
        self.alerts = Alerts()
        self._site = daemon.site
        self._counted = self._kept = 0  # events that were counted, and how many of them are in the store
        self._kept_at = time.monotonic()
        self._view: dict[str, Any] = {}
        self._viewed_at, self._viewed_seq = -STALE, -1
        self._configure(time.monotonic())
        daemon.publisher.watchers.append(self.note)

    async def load(self, snapshot: Snapshot) -> None:
        """Take up what the last life has counted, with what it published after it kept that. Raises StoreError."""
        kept = snapshot.states.get(STATE)
        if kept is None:
            return
        offset = time.time() - time.monotonic()
        events = await self._daemon.store.since(kept.value["seq"])
        self.today.restore(kept.value["today"], [(at + offset, event) for at, event in events])
        self.alerts.restore(kept.value["alerts"], kept.saved_at)

    def note(self, wall: float, event: Event) -> None:
        """An event was published."""
        self.today.note(wall, event)
        self._counted += 1

    def look(self, now: float) -> None:
        """Once a second: is there anything to be told?"""
        daemon = self._daemon
        try:
            if self._site is not daemon.site:
                self._configure(now)
            if not self.alerts.idle:
                self.alerts.observe(self._seen(now), now)
            told = self.alerts.drain()
            for event in told:
                daemon.publisher.publish(event)
                self._tell(event)
            if told or (self._counted != self._kept and now - self._kept_at >= KEEP):  # Nobody is told twice.
                self._kept, self._kept_at = self._counted, now
                state = {
                    "seq": daemon.publisher.last,
                    "today": self.today.as_dict(),
                    "alerts": self.alerts.export(now),
                }
                daemon.store.save_state(STATE, state)
        except Exception as error:
            daemon.faults("board", error)

    def _configure(self, now: float) -> None:
        self._site = self._daemon.site
        self.today.configure(self._site)
        self.alerts.configure(self._site, now)

    def _seen(self, now: float) -> Seen:
        daemon, wall = self._daemon, time.time()

        def recent(queue: str, minutes: int) -> QueueCounts:
            return self.today.recent(queue, wall, minutes)

        shown = daemon.switch.wallboard(now)
        trunks = {one["trunk"]: one["state"] for one in daemon.switch.trunk_list(now)} if self._site.trunks else {}
        opened = daemon.facilities.desk.switches.is_open
        return Seen(shown["queues"], shown["agents"], trunks, recent, opened)

    def _tell(self, event: AlertRaised | AlertCleared) -> None:
        """By mail and text message, as the rule says. What is gone with its rule nobody is told."""
        daemon = self._daemon
        rule = daemon.site.alerts.get(event.alert)
        log.warning(event.name, alert=event.alert, about=event.queue or event.agent or event.trunk)
        if rule is None:
            return
        subject, text = letter(event, rule, daemon.site, time.time())
        if rule.mail:
            daemon.errands.mail(SendMail("", "", rule.mail, subject, text))
        for number in rule.sms:
            daemon.errands.text(SendText("", "", number, subject))

    # --- for people --------------------------------------------------------------------------------------------------

    async def view(self, after: int = 0) -> dict[str, Any]:
        """Everything that a board shows, with what the event `after` has changed; 0: what is now.

        Not to be changed: whoever asks at the same time gets the same object. So many who look cost as much as one.
        """
        if after > self._viewed_seq and (wait := self._viewed_at + FRESH - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        daemon, now = self._daemon, time.monotonic()
        age, seq = now - self._viewed_at, daemon.publisher.last
        if age < FRESH or (age < STALE and seq == self._viewed_seq) or (age < ENOUGH and 0 < after <= self._viewed_seq):
            return self._view
        wall = time.time()
        shown = daemon.switch.wallboard(now)
        for name, queue in shown["queues"].items():
            queue |= self.today.figures(name, wall, queue.pop("too_long"))
        for name, agent in shown["agents"].items():
            agent["today"] = self.today.agent(name)
        self.today.roll(wall)
        self._view = {
            "seq": seq,
            "time": wall,
            "day": self.today.day,
            "queues": list(shown["queues"].values()),
            "agents": list(shown["agents"].values()),
            "alerts": self.alerts.active(now),
        }
        self._viewed_at, self._viewed_seq = now, seq
        return self._view

    def active(self) -> list[dict[str, Any]]:
        """Alerts that are raised now."""
        return self.alerts.active(time.monotonic())

    def message(self, agent: str, text: str, by: str, sender: str) -> dict[str, Any]:
        """A short text for an agent."""
        event = AgentMessaged(agent, text, by, sender)
        self._daemon.publisher.publish(event)
        return event.as_dict()
