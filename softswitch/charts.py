"""Charts of a staffing plan as PNG or SVG, drawn by matplotlib (the extra `charts`). Imported only when one is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from softswitch.acd.workload import DAY_MINUTES, WEEK

if TYPE_CHECKING:
    from softswitch.acd.workload import Staffing

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FORMATS: Final = (".png", ".svg")
APART: Final = 0.05  # agents between the curves of one day and the next


class ChartsMissing(ImportError):
    """matplotlib is not installed."""


def clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def draw(path: Path, plan: Sequence[Staffing], interval: int, title: str) -> None:
    """Calls of the week as a heat map, and agents over the day for every weekday. The suffix of `path` says the format."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ChartsMissing from None
    first = min((one.cell.start for one in plan), default=0)
    last = max((one.cell.start for one in plan), default=DAY_MINUTES - interval)
    starts = range(first, last + interval, interval)
    figure: Any = Figure(figsize=(11.0, 8.0), layout="constrained")
    figure.suptitle(title)
    above, below = figure.subplots(2, 1)
    _heat_map(above, figure, plan, starts)
    _curves(below, plan, starts, interval)
    figure.savefig(path, dpi=150)


def _heat_map(axes: Any, figure: Any, plan: Sequence[Staffing], starts: range) -> None:
    grid = [[0.0] * len(starts) for _ in range(WEEK)]
    for one in plan:
        grid[one.cell.weekday][starts.index(one.cell.start)] = one.cell.calls
    image = axes.imshow(grid, aspect="auto", cmap="YlOrRd")
    figure.colorbar(image, ax=axes, label="calls in the interval")
    axes.set_yticks(range(WEEK), WEEKDAYS)
    _time_axis(axes, starts)
    axes.set_title("Calls by weekday and time")


def _curves(axes: Any, plan: Sequence[Staffing], starts: range, interval: int) -> None:
    for weekday, name in enumerate(WEEKDAYS):
        agents = {one.cell.start: one.agents for one in plan if one.cell.weekday == weekday}
        if agents:
            # A little apart, so that days with the same need do not hide each other.
            values = [agents.get(start, 0) + (weekday - WEEK // 2) * APART for start in starts]
            edges = [index - 0.5 for index in range(len(starts) + 1)]
            axes.stairs(values, edges, baseline=None, label=name, linewidth=1.6)
    axes.set_ylabel("agents")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small")
    axes.set_xlim(-0.5, len(starts) - 0.5)
    _time_axis(axes, starts)
    axes.set_title(f"Agents needed in each interval of {interval} minutes")


def _time_axis(axes: Any, starts: range) -> None:
    step = max(1, len(starts) // 12)
    axes.set_xticks(range(0, len(starts), step), [clock(start) for start in starts[::step]])
