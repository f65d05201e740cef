"""Distributions for Prometheus: counted by events, cumulated as it wants them."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from softswitch.api.app import Collector
from softswitch.events import CallerLeft, LegEnded
from softswitch.running.metering import Histogram, Meter


def left(queue: str, outcome: str, waited: float) -> CallerLeft:
    return CallerLeft(queue, "caller", 1, outcome, waited, 1, 0)


def ended(talk: float, media: dict[str, Any] | None) -> LegEnded:
    return LegEnded("call", "leg", "caller", "101", "id", 200, "normal", "remote", 1.0, talk, "PCMA", media)


class Source:
    def __init__(self, meter: Meter) -> None:
        self.samples = lambda: list(meter.samples())


def shown(meter: Meter) -> str:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(Source(meter)))  # type: ignore[arg-type]
    return generate_latest(registry).decode()


def test_a_value_counts_at_its_bound_and_above() -> None:
    histogram = Histogram((1, 5))
    for value in (0.5, 1.0, 1.1, 5.0, 6.0):
        histogram.note(value)
    assert histogram.buckets() == [("1", 2.0), ("5", 4.0), ("+Inf", 5.0)] and histogram.total == 13.6


def test_waits_by_queue_and_outcome_and_how_legs_sounded() -> None:
    meter = Meter()
    for event in (
        left("sales", "answered", 7.0), left("sales", "answered", 12.0), left("sales", "abandoned", 100.0),
        ended(42.0, {"packets_received": 90, "lost": 10, "jitter_ms": 3.0}), ended(0.0, None),
        ended(9.0, {"packets_received": 0}),
    ):  # fmt: skip
        meter.see(0.0, event)
    text = shown(meter)
    assert 'softswitch_queue_wait_seconds_bucket{le="10",outcome="answered",queue="sales"} 1.0' in text
    assert 'softswitch_queue_wait_seconds_count{outcome="answered",queue="sales"} 2.0' in text
    assert 'softswitch_queue_wait_seconds_sum{outcome="abandoned",queue="sales"} 100.0' in text
    assert "softswitch_leg_talk_seconds_count 2.0" in text
    assert 'softswitch_rtp_loss_ratio_bucket{le="0.05"} 0.0' in text
    assert 'softswitch_rtp_loss_ratio_bucket{le="0.1"} 1.0' in text and "softswitch_rtp_loss_ratio_count 1.0" in text
