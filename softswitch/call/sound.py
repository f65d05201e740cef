"""How the parties of calls sound, as the media workers tell: for events, for the board, for the metrics."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from media.control import Audio, Quality
from media.quality import class_of
from softswitch.events import CallAudio, CallQuality

if TYPE_CHECKING:
    from softswitch.call.board import Board
    from softswitch.call.leg import Leg


def audio(board: Board, worker: int, event: Audio) -> None:
    """A leg can be heard, or cannot any more. Before somebody has answered that is as it should be."""
    media = board.pool.legs.get((worker, event.leg))
    leg: Leg | None = media.owner if media is not None else None  # type: ignore[assignment]
    if media is None or leg is None or not leg.up:
        return
    before, media.audio = media.audio, event.state
    if not leg.answered_at or event.state == before:
        return
    other = leg.call.other(leg)
    one_way = event.state != "heard" and other is not None and other.up and other.media.audio == "heard"
    board.publish(CallAudio(leg.call.id, leg.id, leg.role, event.state, event.seconds, one_way))


def quality(board: Board, worker: int, event: Quality) -> None:
    """How a leg sounds now. Published when it becomes better or worse by a class: the rest is for the board."""
    media = board.pool.legs.get((worker, event.leg))
    leg: Leg | None = media.owner if media is not None else None  # type: ignore[assignment]
    if media is None or leg is None or not leg.up:
        return
    before, media.quality = media.quality, event
    named = class_of(event.mos)
    if named == (class_of(before.mos) if before is not None else "good"):
        return
    board.publish(
        CallQuality(
            leg.call.id, leg.id, leg.role, named, event.mos, event.loss, event.jitter_ms, event.round_trip_ms,
            event.remote_mos,
        )
    )  # fmt: skip


def of_leg(leg: Leg) -> dict[str, Any]:
    """For the list of calls."""
    known = leg.media.quality
    values: dict[str, Any] = {"audio": leg.media.audio, "quality": class_of(known.mos) if known is not None else ""}
    if known is not None:
        values |= {
            "mos": known.mos, "remote_mos": known.remote_mos, "loss": known.loss, "jitter_ms": known.jitter_ms,
            "round_trip_ms": known.round_trip_ms,
        }  # fmt: skip
    return values


def summary(board: Board) -> dict[str, Any]:
    """Over all legs: how many there are of each kind, and the mean score of those that have one."""
    legs = board.pool.legs.values()
    scores = [one.quality.mos for one in legs if one.quality is not None]
    return {
        "audio": dict(Counter(one.audio for one in legs)),
        "quality": dict(Counter(class_of(score) for score in scores)),
        "mos": round(sum(scores) / len(scores), 2) if scores else 0.0,
    }
