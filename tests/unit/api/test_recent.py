"""Snapshots that several pages share for a moment."""

from __future__ import annotations

import json
from typing import Any

from softswitch.api.recent import AGE, Recent


def test_what_is_asked_for_at_the_same_moment_is_taken_once() -> None:
    now, taken = [0.0], []

    def take() -> list[dict[str, Any]]:
        taken.append(now[0])
        return [{"name": "sales", "waiting": len(taken)}, {"name": 'quo"te', "waiting": None}]

    recent = Recent(take, lambda: now[0])
    mine = recent.response(lambda one: one["name"] == "sales")
    assert json.loads(mine.body) == [{"name": "sales", "waiting": 1}] and mine.media_type == "application/json"
    now[0] = AGE
    assert json.loads(recent.response(lambda one: True).body)[1] == {"name": 'quo"te', "waiting": None}
    assert json.loads(recent.response(lambda one: False).body) == []
    assert taken == [0.0]
    now[0] = 2 * AGE
    assert json.loads(recent.response(lambda one: one["name"] == "sales").body) == [{"name": "sales", "waiting": 2}]
