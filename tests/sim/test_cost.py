"""What a plain call costs while every feature is there and none is used (a figure that no other program disturbs)."""

from __future__ import annotations

from bench.micro import call

MOST = 890  # 845 when this was written, on Python 3.11: a feature at rest costs a look, not a tour


def test_features_at_rest_cost_a_plain_call_little() -> None:
    assert call.functions() <= MOST
