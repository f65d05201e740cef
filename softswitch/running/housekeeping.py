"""What a running switch does once a second, and once an hour: it keeps its state, tells that it lives, and tidies up."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from softswitch.events import SourceBanned, SourceReleased
from softswitch.store.opening import Opening

if TYPE_CHECKING:
    from softswitch.daemon import Daemon

WATCH_SECONDS: Final = 1.0
PRUNE_SECONDS: Final = 3_600.0
ENGINE_STATE: Final = "engine"
BANS_STATE: Final = "bans"
LAST_CALLS_STATE: Final = "last_calls"
LAST_CALLS_SECONDS: Final = 30.0
SUBSCRIPTIONS_STATE: Final = "subscriptions:"  # and the number of a portion


class Housekeeping:
    """Looks after one running switch."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._last_calls_kept = 0, 0.0  # changes that are in the store, and since when
        self._bans_kept = 0  # changes of bans that are in the store

    async def watch(self) -> None:
        """Once a second: the state of queues and agents is kept, the service manager hears from us, old records go."""
        daemon = self._daemon
        said = pruned = time.monotonic()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = time.monotonic()
            daemon.store.alive()
            self.keep_tape(now)
            if daemon.publisher.state_changed:
                self._keep_state(now)
            if daemon.recordings.due(now):
                daemon.spawn(daemon.recordings.look())
            if daemon.voicemail.due(now):
                daemon.spawn(daemon.voicemail.look())
            daemon.facilities.look(now)
            daemon.couriers.look()
            daemon.wallboard.look(now)
            daemon.campaigns.look()
            self._keep_bans(now)
            self._keep_last_calls(now)
            self.keep_subscriptions(now)
            if now - pruned >= PRUNE_SECONDS:
                pruned = now
                daemon.spawn(self._prune())
                daemon.reloading.renew_certificates()
            period = daemon.notifier.watchdog_seconds
            if period and now - said >= period - WATCH_SECONDS:
                daemon.notifier.alive()
                said = now

    def keep_tape(self, now: float) -> None:
        """What the queue engine was told goes to the journal, so that it can be played again (`softswitch sim --replay`)."""
        daemon = self._daemon
        try:
            for block in daemon.switch.tape.take(now):
                daemon.publisher.publish(block)
        except Exception as error:
            daemon.faults("tape", error)

    def keep_subscriptions(self, now: float) -> None:
        """What phones have subscribed to outlives a restart, so that their lamps go on."""
        daemon = self._daemon
        try:
            for portion, kept in daemon.switch.notifier.changes(now):
                daemon.store.save_state(f"{SUBSCRIPTIONS_STATE}{portion}", kept)
        except Exception as error:
            daemon.faults("subscriptions", error)

    def keep_now(self) -> None:
        """Write down at once what otherwise waits: somebody is to be forgotten, in the memory and on the disk."""
        now = time.monotonic()
        self.keep_tape(now)
        self.keep_subscriptions(now)
        self._keep_state(now)
        self._last_calls_kept = 0, 0.0
        self._keep_last_calls(now)

    def _keep_bans(self, now: float) -> None:
        """Bans outlive a restart; few there are, and they change seldom."""
        daemon = self._daemon
        daemon.switch.bans.tidy(now)
        counts = daemon.publisher.counts
        changes = counts.get(SourceBanned.name, 0) + counts.get(SourceReleased.name, 0)
        if changes != self._bans_kept:
            self._bans_kept = changes
            daemon.store.save_state(BANS_STATE, daemon.switch.bans.export(now))

    def _keep_last_calls(self, now: float) -> None:
        """Whom phones call back and call again: kept now and then, for they change with every call."""
        daemon = self._daemon
        phones = daemon.switch.calls.board.phones
        if phones.calls_noted != self._last_calls_kept[0] and now - self._last_calls_kept[1] >= LAST_CALLS_SECONDS:
            self._last_calls_kept = phones.calls_noted, now
            daemon.store.save_state(LAST_CALLS_STATE, phones.export_last())

    def _keep_state(self, now: float) -> None:
        daemon = self._daemon
        daemon.publisher.state_changed = False
        try:
            daemon.store.save_state(ENGINE_STATE, daemon.switch.export_state(now) | {"seq": daemon.publisher.last})
        except Exception as error:
            daemon.faults("state", error)

    async def _prune(self) -> None:
        daemon = self._daemon
        records = daemon.config.records
        await daemon.store.prune(
            journal_days=records.journal_days, calls_days=records.calls_days, audit_days=records.audit_days
        )
        await asyncio.to_thread(daemon.reports.prune, records.calls_days)
        await daemon.recordings.delete_due()
        await daemon.voicemail.tidy()
        calendars = await daemon.store.calendars(daemon.site)  # A new year has holidays, too.
        daemon.opening = Opening(daemon.directory, calendars, time.time)
