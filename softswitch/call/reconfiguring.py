"""A changed site meets callers who wait (ACD-40): what their queue says now holds for them, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media.control import Music
from softswitch.call.announcing import NEVER

if TYPE_CHECKING:
    from softswitch.call.announcing import Announcer
    from softswitch.call.board import Board
    from softswitch.call.queueing import QueueVisit
    from softswitch.directory import Announce, Queue


def reconfigure(board: Board, now: float) -> None:
    """Give every caller of a queue its new policy. What is being said is said to its end; other music begins at once."""
    for call in board.calls.values():
        visit = call.visit
        config = board.directory.queues.get(visit.config.name) if visit is not None else None
        if visit is not None and config is not None and config is not visit.config:
            _take(visit, config, now)


def _take(visit: QueueVisit, config: Queue, now: float) -> None:
    before, visit.config = visit.config, config
    if visit.waiting and config.music != before.music and isinstance(visit.call.caller.media.source, Music):
        visit.call.music(config.music)
    if visit.waiting and config.announce != before.announce:
        _announce(visit.announcer, before.announce, config.announce, now)


def _announce(announcer: Announcer, before: Announce, policy: Announce, now: float) -> None:
    """Announcements begin that there were not, and come no later than the new policy says."""
    cadence = announcer.cadence
    if cadence.entered and policy.news:
        soon = now if policy.on_entry and not before.news else now + policy.every if policy.every else NEVER
        cadence.news_at = min(cadence.news_at, soon)
    if cadence.entered and policy.comfort:
        pause = policy.comfort_every if before.comfort else policy.comfort_after
        cadence.comfort_at = min(cadence.comfort_at, now + pause)
    announcer.resume(now)
