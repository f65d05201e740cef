"""`softswitch plan`: how many agents a queue needs when, from its own records or from an operator's bill."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import rich_click as click

from softswitch.acd.planning import with_shrinkage
from softswitch.acd.workload import Contact, Goal, Staffing, Workload, agent_hours, lunch, missed, overall, staffing
from softswitch.billing import BillingError, column_option
from softswitch.billing import contacts as billed
from softswitch.charts import FORMATS, WEEKDAYS, ChartsMissing, clock, draw
from softswitch.cli.context import configuration
from softswitch.cli.output import USAGE, Failure, config_option, emit, json_option, many, seconds, table

DAYS: Final = 90  # of records that are looked at
LUNCH_SLOTS: Final = 2  # intervals a day that are advised


def _target(context: click.Context, parameter: click.Parameter, value: str) -> Goal:
    level, _, within = value.partition("/")
    try:
        goal = Goal(float(level) / 100.0, float(within or "20"))
    except ValueError:
        goal = Goal(0.0)
    if not (0.0 < goal.level < 1.0 and goal.seconds >= 0.0):
        raise click.BadParameter(f"{value!r}: expected PERCENT/SECONDS, such as 80/20: 80 % answered within 20 s")
    return goal


def _zone(context: click.Context, parameter: click.Parameter, value: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(value) if value else None
    except (ZoneInfoNotFoundError, ValueError):
        raise click.BadParameter(f"{value!r}: expected a time zone such as Europe/Warsaw") from None


@click.command()
@click.option("--queue", default="", help="The queue whose records are the basis.")
@click.option(
    "--billing",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An operator's CSV instead of records.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="USE=NAME",
    help="Which column of the CSV is what: start, duration, waited, number.",
)
@click.option("--number", "numbers", multiple=True, help="Only calls of the CSV to this number. May be repeated.")
@click.option(
    "--target", default="80/20", show_default=True, callback=_target, help="Percent answered within so many seconds."
)
@click.option(
    "--occupancy",
    default=90.0,
    show_default=True,
    type=click.FloatRange(1, 100),
    help="Agents are busy for at most so many percent.",
)
@click.option(
    "--shrinkage",
    default=30.0,
    show_default=True,
    type=click.FloatRange(0, 95),
    help="Percent of paid time that is breaks, training, illness.",
)
@click.option("--patience", type=click.FloatRange(min=1), help="Mean seconds that callers wait.  [default: measured]")
@click.option(
    "--wrap-up",
    type=click.FloatRange(min=0),
    help="Seconds after each conversation.  [default: of the queue; 0 for a CSV]",
)
@click.option("--interval", default="30", show_default=True, type=click.Choice(["15", "30", "60"]), help="Minutes.")
@click.option(
    "--days", default=DAYS, show_default=True, type=click.IntRange(1, 3660), help="How far back the records are read."
)
@click.option("--timezone", callback=_zone, help="Of days and hours.  [default: of this machine]")
@click.option(
    "--chart",
    "charts",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw it: a .png or .svg file.",
)
@config_option
@json_option
def plan(
    queue: str, billing: Path | None, columns: Sequence[str], numbers: Sequence[str], target: Goal, occupancy: float,
    shrinkage: float, patience: float | None, wrap_up: float | None, interval: str, days: int, timezone: ZoneInfo | None,
    charts: Sequence[Path], config: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Say how many agents a queue needs in every interval of the week.

    From the queue's own records, or from an operator's bill (--billing). The model is Erlang A where it is known how long callers
    wait before they give up, else Erlang C, which takes them to wait for ever.
    """
    import asyncio

    if bool(queue) is (billing is not None):
        raise Failure(
            "Name a queue or a bill.", "softswitch plan --queue NAME, or softswitch plan --billing FILE.csv", USAGE
        )
    for chart in charts:
        if chart.suffix not in FORMATS:
            raise Failure(f"{chart} cannot be drawn.", f"Give it the ending {' or '.join(FORMATS)}.", USAGE)
    if billing is not None:
        try:
            contacts = billed(billing, columns=dict(column_option(columns)), numbers=numbers, wrap_up=wrap_up or 0.0)
        except BillingError as error:
            raise Failure(str(error), "See docs/planning.md for what a bill may look like.") from None
        source = billing.name
    else:
        contacts = asyncio.run(_recorded(config, queue, days, timezone, wrap_up))
        source = f"queue {queue}"
    if not contacts:
        raise Failure(
            f"There are no calls in {source}.",
            "Look further back with --days, or plan from an operator's bill with --billing FILE.csv.",
        )
    workload = Workload.of(contacts, int(interval))
    if not workload.answered:
        raise Failure(
            f"No call in {source} was answered, so nothing is known of how long one takes.", "Plan from a longer time."
        )
    goal = Goal(target.level, target.seconds, occupancy / 100.0)
    found = staffing(workload, goal, patience=patience)
    for chart in charts:
        _draw(chart, found, workload, source, goal)
    emit(_described(workload, found, goal, patience, shrinkage / 100.0, source), as_json, _show)
    for chart in charts:
        click.echo(f"Drawn: {chart}", err=as_json)


async def _recorded(
    config: Path | None, queue: str, days: int, timezone: ZoneInfo | None, wrap_up: float | None
) -> list[Contact]:
    from softswitch.store.reports import ABANDONED, Reports

    # Whole days: of a weekday that is cut in two, half of the intervals would seem to have had no calls.
    today = datetime.datetime.now(timezone).date()
    since, until = (
        datetime.datetime.combine(day, datetime.time(), timezone).timestamp()
        for day in (today - datetime.timedelta(days=days), today)
    )
    reports = await Reports.open(configuration(config).paths.database)
    try:
        rows = await reports.contacts(queue, since=since, until=until)
        after = wrap_up if wrap_up is not None else await reports.wrap_up(queue)
    finally:
        await reports.close()
    found = []
    for entered, waited, outcome, talk in rows:
        at = datetime.datetime.fromtimestamp(entered, datetime.UTC).astimezone(timezone)
        handled = talk + after if outcome == "answered" else None
        found.append(Contact(at.date().toordinal(), at.hour * 60 + at.minute, waited, handled, outcome in ABANDONED))
    return found


def _draw(chart: Path, found: Sequence[Staffing], workload: Workload, source: str, goal: Goal) -> None:
    title = f"{source}: {goal.level:.0%} within {goal.seconds:g} s"
    try:
        draw(chart, found, workload.interval, title)
    except ChartsMissing:
        raise Failure(
            "Charts are drawn by matplotlib, which is not installed.", "pip install 'softswitch[charts]'"
        ) from None
    except OSError as error:
        raise Failure(f"{chart} cannot be written: {error.strerror}", "Name another place.") from None


def _described(
    workload: Workload, found: Sequence[Staffing], goal: Goal, patience: float | None, shrinkage: float, source: str
) -> dict[str, Any]:
    hours = agent_hours(found, workload.interval)
    known = patience or workload.patience
    return {
        "source": source,
        "calls": workload.total,
        "days": workload.days,
        "answered": workload.answered,
        "handle_time": workload.handle_time,
        "patience": known,
        "model": "Erlang A" if known else "Erlang C",
        "target": {"level": goal.level, "seconds": goal.seconds, "occupancy": goal.occupancy},
        "interval_minutes": workload.interval,
        "service_level": overall(found, lambda one: one.forecast),
        "service_level_one_fewer": overall(found, lambda one: one.fewer),
        "service_level_one_more": overall(found, lambda one: one.more),
        "most_agents": max(one.agents for one in found),
        "people_to_employ_at_the_peak": with_shrinkage(max(one.agents for one in found), shrinkage),
        "agent_hours_a_week": hours,
        "paid_hours_a_week": hours / (1.0 - shrinkage),
        "back_test_error": workload.back_test(),
        "lunch": _lunches(found),
        "intervals": [
            {
                "weekday": WEEKDAYS[one.cell.weekday], "from": clock(one.cell.start), "calls": one.cell.calls,
                "handle_time": one.cell.handle_time, **asdict(one.forecast),
            }
            for one in found
        ],
    }  # fmt: skip


def _lunches(found: Sequence[Staffing]) -> dict[str, list[dict[str, Any]]]:
    """For every day with more than one agent around noon: the intervals in which to send them, the best first."""
    best = {name: lunch(found, day)[:LUNCH_SLOTS] for day, name in enumerate(WEEKDAYS)}
    return {
        name: [{"from": clock(one.cell.start), "missed_calls": missed(one)} for one in slots]
        for name, slots in best.items()
        if slots
    }


def _show(plan: dict[str, Any]) -> None:
    cells = {(one["weekday"], one["from"]): one["agents"] for one in plan["intervals"]}
    used = [day for day in WEEKDAYS if any(weekday == day for weekday, _ in cells)]
    starts = sorted({start for _, start in cells})
    table(
        "Agents",
        ["from", *(f">{day}" for day in used)],
        [[start, *(cells.get((day, start), "") for day in used)] for start in starts],
    )
    goal = plan["target"]
    counted = f"{many(plan['calls'], 'call')} in {many(plan['days'], 'day')}, {plan['answered']} answered"
    click.echo(f"{counted}; with what follows it a call takes {seconds(plan['handle_time'])}.")
    patience = (
        f"callers wait {seconds(plan['patience'])} before they give up"
        if plan["patience"]
        else "callers are taken to wait for ever"
    )
    click.echo(f"Model: {plan['model']}, {patience}. Target: {100 * goal['level']:.0f} % within {goal['seconds']:g} s.")
    fewer = plan["service_level_one_fewer"]
    click.echo(
        f"Expected: {plan['service_level']:.1%}. With one agent fewer in every interval {fewer:.1%}, with one more "
        f"{plan['service_level_one_more']:.1%}."
    )
    click.echo(
        f"{plan['agent_hours_a_week']:.0f} hours of presence a week, {plan['paid_hours_a_week']:.0f} paid; at the peak "
        f"{many(plan['most_agents'], 'agent')}, {many(plan['people_to_employ_at_the_peak'], 'person', 'people')}."
    )
    for day, slots in plan["lunch"].items():
        best = ", ".join(f"{slot['from']} ({slot['missed_calls']:.1f} calls more late)" for slot in slots)
        click.echo(f"Lunch on {day}: {best}")
    error = plan["back_test_error"]
    click.echo(
        f"The profile was off by {error:.0%} of the calls when each week was forecast from the others."
        if error is not None
        else "Less than two whole weeks are known, so the profile could not be tested against a week it has not seen."
    )
