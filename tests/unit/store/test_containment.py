"""How many calls a menu serves by itself, from the paths of records."""

from __future__ import annotations

import pytest

from softswitch.store.containment import contained, containment
from softswitch.store.records import CallRecord
from tests.unit.store.conftest import Lives
from tests.unit.store.samples import ended, started


def call(*path: str, seconds: tuple[float, ...] = (), total: float = 60.0) -> CallRecord:
    return CallRecord(
        1, "c", 0.0, "1", "", "800", "", ended_at=60.0, path=path, path_seconds=seconds, total_seconds=total
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ((), None), (("queue:info",), None), (("menu:a", "destination:hangup"), True), (("menu:a",), True),
        (("menu:a", "choice:1", "destination:queue:info", "queue:info"), False), (("menu:a", "ring:x", "dial:bob"), False),
        (("flow:it", "voicemail:office"), False), (("menu:a", "callback:info"), False),
        (("queue:info", "after:info", "menu:survey"), True),
    ],
)  # fmt: skip
def test_what_counts_as_served(path: tuple[str, ...], expected: bool | None) -> None:
    assert contained(path) is expected


def test_figures_by_menu() -> None:
    found = containment(
        [
            call("menu:a", "menu:a:closed", "destination:hangup", seconds=(1.0, 1.0, 20.0), total=21.0),
            call("outage:x", "menu:a", "menu:b", seconds=(0.0, 5.0, 9.0), total=30.0),
            call("menu:a", "queue:info", seconds=(1.0, 11.0), total=300.0),
            call("flow:py", "destination:hangup"),
            call("queue:info"),
        ]
    )
    assert [(one.menu, one.calls, one.contained, one.gave_up, one.seconds) for one in found] == [
        ("a", 3, 2, 1, 20.0 + 25.0 + 10.0), ("flow:py", 1, 1, 0, 0.0),
    ]  # fmt: skip
    assert found[0].rate == pytest.approx(2 / 3)
    assert found[0].last == {"a:closed": 1, "b": 1}


async def test_the_nodes_of_a_path_are_kept_with_their_times(lives: Lives) -> None:
    await lives.start()
    await lives.write(started("c1"), ended("c1", path=("menu:a", "choice:1"), path_seconds=(0.5, 3.25)))
    (record,) = await (await lives.store.reports()).recent_calls()
    assert (record.path, record.path_seconds) == (("menu:a", "choice:1"), (0.5, 3.25))
